//! A running Sluss of a test's own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// Returns the program, as it was built for the running test.
pub fn program() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let folder = test.parent().and_then(Path::parent).expect("tests are built into `deps`");
    let program = folder.join("sluss");
    assert!(program.exists(), "{} is missing: cargo build -p sluss", program.display());
    program
}

/// Returns a port that is free now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    listener.local_addr().expect("a listener has an address").port()
}

/// Waits until `found` gives something; panics with `what` when that takes too long.
pub fn wait_for<T>(what: &str, patience: Duration, mut found: impl FnMut() -> Option<T>) -> T {
    let deadline = now() + patience;
    loop {
        if let Some(value) = found() {
            return value;
        }
        assert!(now() < deadline, "waited {patience:?} in vain: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[expect(clippy::disallowed_methods, reason = "a test waits by the wall")]
fn now() -> Instant {
    Instant::now()
}

/// Returns what a service answers on `port`, if that is 200.
pub fn answer(port: u16, path: &str) -> Option<String> {
    let agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(5)))
        .build()
        .new_agent();
    let mut response = agent.get(format!("http://127.0.0.1:{port}{path}")).call().ok()?;
    let text = response.body_mut().read_to_string().ok()?;
    (response.status() == 200).then_some(text)
}

/// A running Sluss of a test's own, with one account.
pub struct Sluss {
    folder: tempfile::TempDir,
    supervisor: Child,
    port: u16,
    /// What it is told besides, by names of the environment.
    settings: Vec<(&'static str, String)>,
    /// The login of its first account.
    pub login: String,
    /// The password of its first account.
    pub password: String,
    agent: ureq::Agent,
}

impl Sluss {
    /// Starts `sluss up` in a folder of its own and waits until it is ready.
    pub fn up() -> Self {
        Self::up_in(tempfile::tempdir().expect("a folder can be made"))
    }

    /// Starts `sluss up` with its data in `data` of this folder, and waits until it is ready.
    pub fn up_in(folder: tempfile::TempDir) -> Self {
        Self::up_with(folder, free_port(), Vec::new())
    }

    /// The same, listening on `port` and told `settings` by its environment.
    pub fn up_with(
        folder: tempfile::TempDir,
        port: u16,
        settings: Vec<(&'static str, String)>,
    ) -> Self {
        let mut supervisor = supervise(folder.path(), port, &settings, Stdio::piped());
        let stderr = supervisor.stderr.take().expect("stderr is a pipe");
        let (password, said) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if let Some(found) = line.trim().strip_prefix("password ") {
                    password.send(found.trim().to_owned()).ok();
                }
                if std::env::var_os("SLUSS_SHOW").is_some() {
                    eprintln!("{line}");
                }
            }
        });
        let password =
            said.recv_timeout(Duration::from_secs(30)).expect("the first start says a password");
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(20)))
            .http_status_as_error(false)
            .build()
            .new_agent();
        let login = "ada".to_owned();
        let sluss = Self { folder, supervisor, port, settings, login, password, agent };
        sluss.until_ready();
        sluss
    }

    /// Ends it, lets `between` work on the data folder, and starts it again.
    pub fn restart(&mut self, between: impl FnOnce(&Path)) {
        terminate(&mut self.supervisor);
        between(&self.data());
        self.supervisor = supervise(self.folder.path(), self.port, &self.settings, Stdio::null());
        self.until_ready();
    }

    /// Waits until the control plane answers.
    pub fn until_ready(&self) {
        wait_for("the control plane is ready", Duration::from_secs(60), || {
            self.get("/api/v1/status").is_some().then_some(())
        });
    }

    /// Returns where pages, API and Git are.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Returns the address that the first account pushes `service` to.
    pub fn remote(&self, service: &str) -> String {
        let Self { login, password, port, .. } = self;
        format!("http://{login}:{password}@127.0.0.1:{port}/git/{service}.git")
    }

    /// Returns the data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Returns a folder for the test's own files.
    pub fn scratch(&self, name: &str) -> PathBuf {
        let folder = self.folder.path().join(name);
        std::fs::create_dir_all(&folder).expect("a folder can be made");
        folder
    }

    /// Reads something of the API as the first account; nothing while it does not answer 200.
    pub fn get(&self, path: &str) -> Option<Value> {
        self.get_as(path, (&self.login, &self.password))
    }

    /// Reads something of the API as `login`; nothing while it does not answer 200.
    pub fn get_as(&self, path: &str, (login, password): (&str, &str)) -> Option<Value> {
        let url = format!("{}{path}", self.url());
        let authorization = Self::basic(login, password);
        let mut response =
            self.agent.get(&url).header("Authorization", &authorization).call().ok()?;
        if response.status() != 200 {
            return None;
        }
        let text = response.body_mut().with_config().limit(1 << 26).read_to_string().ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Returns how many bytes the API answers there, as the first account.
    pub fn length(&self, path: &str) -> usize {
        let authorization = Self::basic(&self.login, &self.password);
        let request = self.agent.get(format!("{}{path}", self.url()));
        let mut response =
            request.header("Authorization", &authorization).call().expect("the API answers");
        let body = response.body_mut().with_config().limit(1 << 26).read_to_vec();
        body.expect("it is read to its end").len()
    }

    /// Asks the API for something as `login`; returns status and answer.
    pub fn post(&self, path: &str, (login, password): (&str, &str), body: &Value) -> (u16, Value) {
        let url = format!("{}{path}", self.url());
        let mut response = self
            .agent
            .post(&url)
            .header("Authorization", Self::basic(login, password))
            .header("Content-Type", "application/json")
            .send(body.to_string())
            .expect("the API answers");
        let text = response.body_mut().read_to_string().unwrap_or_default();
        (response.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// Returns all events of the log, oldest first.
    pub fn events(&self) -> Vec<Value> {
        let mut events: Vec<Value> = Vec::new();
        loop {
            let path = format!("/api/v1/log?from={}&limit=500", events.len());
            let Some(page) = self.get(&path) else { continue };
            let page = page["events"].as_array().cloned().unwrap_or_default();
            if page.is_empty() {
                return events;
            }
            events.extend(page);
        }
    }

    /// Runs the command line against this Sluss and returns whether it succeeded, with its output.
    pub fn run(&self, arguments: &[&str]) -> (bool, String) {
        let output = Command::new(program())
            .args(arguments)
            .env("HOME", self.folder.path())
            .env("XDG_CONFIG_HOME", self.folder.path().join("config"))
            .env("SLUSS_DATA", self.data())
            .stdin(Stdio::null())
            .output()
            .expect("sluss can be started");
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    }

    /// Runs a program in `folder` as whoever started this Sluss; returns whether it succeeded,
    /// with its output.
    pub fn run_in(&self, folder: &Path, program: &Path, arguments: &[&str]) -> (bool, String) {
        let output = Command::new(program)
            .args(arguments)
            .current_dir(folder)
            .env("HOME", self.folder.path())
            .env("XDG_CONFIG_HOME", self.folder.path().join("config"))
            .env("XDG_CACHE_HOME", self.folder.path().join("cache"))
            .env("SLUSS_DATA", self.data())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_AUTHOR_NAME", "Ada")
            .env("GIT_AUTHOR_EMAIL", "ada@example.org")
            .env("GIT_COMMITTER_NAME", "Ada")
            .env("GIT_COMMITTER_EMAIL", "ada@example.org")
            .stdin(Stdio::null())
            .output()
            .expect("the program can be started");
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    }

    /// Sends `body` to the API with these headers; returns status and answer.
    pub fn send(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> (u16, Value) {
        let mut request = self.agent.post(format!("{}{path}", self.url()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = request.send(body).expect("the API answers");
        let text = response.body_mut().read_to_string().unwrap_or_default();
        (response.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// Returns the header by which a login and its password are sent.
    pub fn basic(login: &str, password: &str) -> String {
        let text = format!("{login}:{password}");
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(text))
    }

    /// Returns the newest change of `service` whose title is this.
    pub fn change(&self, service: &str, title: &str) -> Option<Value> {
        let found = self.get(&format!("/api/v1/changes?service={service}"))?;
        let mut changes = found["changes"].as_array()?.iter();
        changes.find(|change| change["title"] == title).cloned()
    }

    /// Makes an account.
    pub fn account(&self, login: &str, password: &str) {
        let mut child = Command::new(program())
            .args(["account", "add", login, "--password-stdin"])
            .env("HOME", self.folder.path())
            .env("SLUSS_DATA", self.data())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("sluss can be started");
        let mut stdin = child.stdin.take().expect("stdin is a pipe");
        stdin.write_all(password.as_bytes()).expect("the password is read");
        drop(stdin);
        assert!(child.wait().expect("it ends").success(), "the account `{login}` is made");
    }

    /// Returns the process id of a part: `control` or `host`.
    pub fn pid(&self, part: &str) -> Option<Pid> {
        let text = std::fs::read_to_string(self.data().join(format!("{part}.pid"))).ok()?;
        text.trim().parse().ok().map(Pid::from_raw)
    }

    /// Has both parts replaced by the program as it is now, as after an upgrade.
    pub fn upgrade(&self) {
        let pid = i32::try_from(self.supervisor.id()).expect("a pid fits");
        kill(Pid::from_raw(pid), Signal::SIGUSR2).expect("the supervisor runs");
    }

    /// Kills a part with `SIGKILL`; its supervisor starts it again.
    pub fn kill(&self, part: &str) {
        if let Some(pid) = self.pid(part) {
            kill(pid, Signal::SIGKILL).ok();
        }
    }
}

/// Starts `sluss up` with all that it keeps in `folder`.
fn supervise(
    folder: &Path,
    port: u16,
    settings: &[(&'static str, String)],
    stderr: Stdio,
) -> Child {
    // The address of the commits that tests make: the first account has it.
    let git = folder.join(".gitconfig");
    std::fs::write(&git, "[user]\n\temail = ada@example.org\n").expect("a file can be written");
    Command::new(program())
        .arg("up")
        .args(["--listen", &format!("127.0.0.1:{port}")])
        .arg("--data")
        .arg(folder.join("data"))
        .env("HOME", folder)
        .env("GIT_CONFIG_GLOBAL", &git)
        .env("XDG_CONFIG_HOME", folder.join("config"))
        .env("USER", "ada")
        .env("CARGO_HOME", home_of("CARGO_HOME", ".cargo"))
        .env("RUSTUP_HOME", home_of("RUSTUP_HOME", ".rustup"))
        .envs(settings.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stderr(stderr)
        .spawn()
        .expect("sluss can be started")
}

/// Ends `sluss up` as a service manager does.
fn terminate(supervisor: &mut Child) {
    if let Ok(pid) = i32::try_from(supervisor.id()) {
        kill(Pid::from_raw(pid), Signal::SIGTERM).ok();
    }
    supervisor.wait().ok();
}

fn home_of(name: &str, folder: &str) -> PathBuf {
    std::env::var_os(name).map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(folder),
        PathBuf::from,
    )
}

impl Drop for Sluss {
    /// Ends Sluss, and the services that its host keeps running beyond its own end.
    fn drop(&mut self) {
        let services = services_under(&self.data());
        terminate(&mut self.supervisor);
        for pid in services {
            kill(pid, Signal::SIGKILL).ok();
        }
    }
}

/// Returns the processes whose working directory lies under `data`.
fn services_under(data: &Path) -> Vec<Pid> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let ours = |entry: std::fs::DirEntry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let folder = std::fs::read_link(entry.path().join("cwd")).ok()?;
        folder.starts_with(data).then_some(Pid::from_raw(pid))
    };
    entries.filter_map(Result::ok).filter_map(ours).collect()
}
