//! A folder and a home of their own, and what the program says in them.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A folder to work in and a home, without anything of whoever runs the tests.
pub struct Session {
    root: tempfile::TempDir,
}

impl Session {
    pub fn new() -> Self {
        let session = Self { root: tempfile::tempdir().unwrap() };
        std::fs::create_dir_all(session.work()).unwrap();
        std::fs::create_dir_all(session.home()).unwrap();
        session
    }

    pub fn work(&self) -> PathBuf {
        self.root.path().join("shop")
    }

    pub fn home(&self) -> PathBuf {
        self.root.path().join("home")
    }

    /// Writes a file of the folder.
    pub fn file(&self, path: &str, text: &str) -> &Self {
        let path = self.work().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.work().join(path)).unwrap()
    }

    /// Signs in to a Sluss that need not run.
    pub fn signed_in(&self, url: &str) -> &Self {
        let folder = self.home().join(".config/sluss");
        std::fs::create_dir_all(&folder).unwrap();
        let connection = serde_json::json!({ "url": url, "token": "sluss_t", "login": "anna" });
        std::fs::write(folder.join("connection.json"), connection.to_string()).unwrap();
        self
    }

    /// Runs `git` in the folder and returns what it prints.
    pub fn git(&self, line: &str) -> String {
        let mut command = self.command("git");
        let output = command.args(words(line)).output().unwrap();
        assert!(output.status.success(), "git {line}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs `sluss` with the words of `line` and returns the session.
    pub fn sluss(&self, line: &str) -> String {
        self.sluss_with(line, "")
    }

    /// Runs `sluss` with something on its standard input.
    pub fn sluss_with(&self, line: &str, input: &str) -> String {
        self.run(self.work(), line, input)
    }

    /// Runs `sluss` in a folder below.
    pub fn sluss_in(&self, folder: &str, line: &str) -> String {
        self.run(self.work().join(folder), line, "")
    }

    fn run(&self, folder: PathBuf, line: &str, input: &str) -> String {
        let mut command = self.command(env!("CARGO_BIN_EXE_sluss"));
        command.current_dir(folder).args(words(line)).stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // It may have ended without reading.
        let _unread = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let mut text = format!("$ sluss {line}\n");
        text.push_str(&String::from_utf8(output.stdout).unwrap());
        for said in String::from_utf8(output.stderr).unwrap().lines() {
            text.push_str(format!("[err] {said}").trim_end());
            text.push('\n');
        }
        if output.status.code() != Some(0) {
            text.push_str(&format!("[exit {}]\n", output.status.code().unwrap_or(-1)));
        }
        self.tidy(&text)
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.work()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap());
        command.env("HOME", self.home()).env("GIT_CONFIG_NOSYSTEM", "1");
        command
    }

    /// Puts fixed words in the place of what differs between two runs.
    fn tidy(&self, text: &str) -> String {
        let root = self.root.path().canonicalize().unwrap();
        let text = text.replace(&path(&root), "ROOT").replace(&path(self.root.path()), "ROOT");
        let lines = text.lines().map(|line| {
            let words = line.split(' ').collect::<Vec<_>>();
            let tidy = words.iter().enumerate().map(|(index, word)| {
                let timed = words.get(index + 1).is_some_and(|next| *next == "s");
                match word.split_once(".sluss/runs/") {
                    Some((before, after)) => {
                        let of_id = |c: char| c.is_ascii_hexdigit() || c == '-';
                        format!("{before}.sluss/runs/ID{}", after.trim_start_matches(of_id))
                    }
                    None if timed && word.contains('.') => "T".to_owned(),
                    None => (*word).to_owned(),
                }
            });
            tidy.collect::<Vec<_>>().join(" ")
        });
        lines.map(|line| line + "\n").collect()
    }
}

fn path(path: &Path) -> String {
    path.display().to_string()
}

/// Splits a line at blanks; `'…'` keeps them.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            other => words.last_mut().unwrap().push(other),
        }
    }
    words
}
