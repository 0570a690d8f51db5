//! The customers: `payments-load`, which comes in the sample's own first release.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use sluss_engine::failure::{Blame, Failure};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

/// Customers who pay without a break, until they are asked to end.
pub struct Customers {
    child: Child,
    lines: watch::Receiver<Value>,
}

impl Customers {
    /// Sends the customers to `address`, `rate` payments a second.
    pub fn begin(
        program: &Path,
        address: SocketAddr,
        rate: u32,
        ledger: &Path,
    ) -> Result<Self, Failure> {
        let mut child = Command::new(program)
            .args(["--url", &format!("http://{address}"), "--rate", &rate.to_string()])
            .args(["--accounts", "100", "--json", "--ledger"])
            .arg(ledger)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| Failure::upstream("The customers can't be started", &error))?;
        let (seen, lines) = watch::channel(Value::Null);
        if let Some(stdout) = child.stdout.take() {
            tokio::spawn(async move {
                let mut read = BufReader::new(stdout).lines();
                while let Ok(Some(line)) = read.next_line().await {
                    if let Ok(value) = serde_json::from_str(&line) {
                        seen.send_replace(value);
                    }
                }
            });
        }
        Ok(Self { child, lines })
    }

    /// Returns what the customers last said of themselves.
    pub fn now(&self) -> Value {
        self.lines.borrow().clone()
    }

    /// Waits until at least `count` payments were answered.
    pub async fn paid(&self, count: u64) -> Result<(), Failure> {
        let enough = |value: &Value| value["succeeded"].as_u64().unwrap_or(0) >= count;
        let waited = std::time::Duration::from_secs(60);
        let mut lines = self.lines.clone();
        let reached = tokio::time::timeout(waited, lines.wait_for(enough)).await;
        match reached.is_ok_and(|found| found.is_ok()) {
            true => Ok(()),
            false => Err(Failure::new(
                Blame::Upstream,
                format!("The customers do not get through: {}", self.now()),
                "Look at the service's output in the demo's folder",
            )),
        }
    }

    /// Asks the customers to end, and returns their comparison with the service's books.
    pub async fn end(mut self) -> Result<Value, Failure> {
        if let Some(pid) = self.child.id().and_then(|pid| i32::try_from(pid).ok()) {
            let pid = nix::unistd::Pid::from_raw(pid);
            nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).ok();
        }
        let last = |value: &Value| value["final"].as_bool() == Some(true);
        let waited = std::time::Duration::from_secs(90);
        let found = tokio::time::timeout(waited, self.lines.wait_for(last)).await;
        let result = match found {
            Ok(Ok(value)) => Ok(value.clone()),
            Ok(Err(_)) | Err(_) => Err(Failure::new(
                Blame::Upstream,
                "The customers did not compare their books with the service's.",
                "Look at the service's output in the demo's folder",
            )),
        };
        self.child.wait().await.ok();
        result
    }
}
