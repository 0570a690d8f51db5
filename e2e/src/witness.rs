//! A witness that is a program of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A running `sluss-witness`; it ends with the test.
pub struct Witness {
    process: Child,
    folder: PathBuf,
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn witness() -> PathBuf {
    crate::program().with_file_name("sluss-witness")
}

fn said(command: &mut Command) -> String {
    let output = command.output().expect("the witness runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

impl Witness {
    /// Makes a witness' folder and returns its vkey.
    pub fn init(folder: &Path, name: &str) -> String {
        let mut init = Command::new(witness());
        init.args(["init", "--name", name, "--dir"]).arg(folder);
        let text = said(&mut init);
        let key = text.split_whitespace().find(|word| word.starts_with(&format!("{name}+")));
        key.expect("it prints its vkey").to_owned()
    }

    /// Starts it for the log of this vkey.
    pub fn serve(folder: &Path, port: u16, log: &str) -> Self {
        let mut serve = Command::new(witness());
        serve.arg("serve").arg("--dir").arg(folder);
        serve.arg("--listen").arg(format!("127.0.0.1:{port}")).arg("--log").arg(log);
        let process = serve.stdout(Stdio::null()).spawn().expect("the witness starts");
        Self { process, folder: folder.to_owned() }
    }

    /// Returns the size of the log that it cosigned last.
    pub fn size(&self) -> u64 {
        let mut status = Command::new(witness());
        let text = said(status.args(["status", "--json", "--dir"]).arg(&self.folder));
        let json: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
        json["logs"][0]["size"].as_u64().unwrap_or(0)
    }
}
