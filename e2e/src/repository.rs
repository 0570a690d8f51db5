//! A service's repository, with the developer who works in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A work tree with a small service in Python, which needs no compiler.
pub struct Repository {
    folder: PathBuf,
}

/// A service that answers its version, and fails as often as it is told.
const SERVICE: &str = r#"import os, random
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VERSION = "VERSION_HERE"
FAILS = FAILS_HERE

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        global FAILS
        if self.path == "/fail-from-now-on":
            FAILS = 1.0
        failed = self.path != "/ready" and random.random() < FAILS
        body = b"" if failed else VERSION.encode()
        self.send_response(500 if failed else 200)
        if VERSION.endswith("throws"):
            self.send_header("X-Outcome", "converted, exceptions=1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *arguments):
        pass

class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

Server(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"#;

impl Repository {
    /// Makes the work tree of `service`, which customers call on `port`.
    pub fn begin(folder: &Path, service: &str, port: u16, rollout: &str) -> Self {
        let repository = Self::of(folder);
        let file = format!(
            "service: {service}\ntemplate: command@1\nwith:\n  port: {port}\n  ready: /ready\n  \
             start: python3 main.py\n  test: python3 -m py_compile main.py\n  rollout: {rollout}\n"
        );
        repository.write("sluss.yaml", &file);
        repository
    }

    /// Makes an empty work tree.
    pub fn of(folder: &Path) -> Self {
        let repository = Self { folder: folder.to_owned() };
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository
    }

    /// Takes what `main` of the remote has.
    pub fn pull(&self, remote: &str) {
        self.git(&["pull", "--quiet", remote, "main"]);
    }

    /// Writes a file.
    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.join(name), text).expect("a file can be written");
    }

    /// Writes the service as `version`, failing this share of requests.
    pub fn service(&self, version: &str, fails: &str) {
        let text = SERVICE.replace("VERSION_HERE", version).replace("FAILS_HERE", fails);
        self.write("main.py", &text);
    }

    /// Commits everything.
    pub fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
    }

    /// Pushes to `branch`; returns whether that succeeded, and what Git said.
    pub fn push(&self, remote: &str, branch: &str) -> (bool, String) {
        self.try_git(&["push", "--quiet", remote, &format!("HEAD:refs/heads/{branch}")])
    }

    fn git(&self, arguments: &[&str]) {
        let (succeeded, said) = self.try_git(arguments);
        assert!(succeeded, "git {arguments:?}: {said}");
    }

    /// Runs Git in the work tree; returns whether it succeeded, and what it said.
    pub fn try_git(&self, arguments: &[&str]) -> (bool, String) {
        let output = Command::new("git")
            .args(arguments)
            .current_dir(&self.folder)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_TERMINAL_PROMPT", "0")
            // It would go before what a test says.
            .env_remove("GIT_SSL_CAINFO")
            .env("GIT_AUTHOR_NAME", "Ada")
            .env("GIT_AUTHOR_EMAIL", "ada@example.org")
            .env("GIT_COMMITTER_NAME", "Ada")
            .env("GIT_COMMITTER_EMAIL", "ada@example.org")
            .stdin(Stdio::null())
            .output()
            .expect("git can be started");
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    }
}
