//! The customers of one service: `payments-load`, for the whole of a proof.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::clock::{now, wall_ms};

/// How long customers may take to compare their ledger with the books.
const RECKONING: Duration = Duration::from_secs(180);

/// What customers had seen when a second ended.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Seen {
    /// When.
    pub at_ms: i64,
    /// Payments sent so far.
    pub sent: u64,
    /// Payments answered so far, declined ones with them.
    pub answered: u64,
    /// Requests so far.
    pub attempts: u64,
    /// Of these, how many failed.
    pub failed_attempts: u64,
    /// Payments so far that failed after all retries.
    pub failed: u64,
    /// How often all connections were cut so far.
    pub cuts: u64,
    /// The 99th percentile of this second, in milliseconds.
    pub p99_ms: f64,
}

/// What customers tell: a line a second, and their findings at the end.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// Each second.
    pub seconds: Vec<Seen>,
    /// Their comparison of their ledger with the books.
    pub findings: Option<Value>,
}

/// The customers of one service.
pub struct Load {
    child: Child,
    told: Arc<Mutex<Told>>,
    reader: Option<JoinHandle<()>>,
}

impl Load {
    /// Sends customers to `port`, `rate` payments a second.
    ///
    /// # Errors
    ///
    /// When they can't be started.
    pub fn begin(
        program: &Path,
        port: u16,
        rate: f64,
        cut_every: Option<f64>,
        ledger: &Path,
    ) -> Result<Self, String> {
        let mut command = Command::new(program);
        command.args(["--url", &format!("http://127.0.0.1:{port}"), "--rate", &rate.to_string()]);
        command.args(["--accounts", "100", "--json", "--ledger"]).arg(ledger);
        if let Some(every) = cut_every {
            command.args(["--cut-every", &every.to_string()]);
        }
        // In a group of its own: a Ctrl-C is for the proof, which ends its customers in turn.
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child =
            command.spawn().map_err(|error| format!("customers can't be started: {error}"))?;
        let told: Arc<Mutex<Told>> = Arc::default();
        let reader = child.stdout.take().map(|stdout| {
            let told = Arc::clone(&told);
            std::thread::spawn(move || listen(stdout, &told))
        });
        Ok(Self { child, told, reader })
    }

    /// Returns what they told so far.
    pub fn told(&self) -> Told {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns what they had seen when the last second ended.
    pub fn last(&self) -> Seen {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.seconds.last().copied().unwrap_or_default()
    }

    /// Asks them to stop paying, and to compare their ledger with the books.
    pub fn stop(&self) {
        self.signal(Signal::SIGTERM);
    }

    /// Waits for their findings.
    pub fn end(mut self) -> Told {
        let deadline = now() + RECKONING;
        while self.child.try_wait().is_ok_and(|ended| ended.is_none()) && now() < deadline {
            std::thread::sleep(Duration::from_millis(50));
        }
        self.child.kill().ok();
        if let Some(reader) = self.reader.take() {
            reader.join().ok();
        }
        self.told()
    }

    fn signal(&self, signal: Signal) {
        if let Ok(pid) = i32::try_from(self.child.id()) {
            kill(Pid::from_raw(pid), signal).ok();
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn listen(stdout: ChildStdout, told: &Mutex<Told>) {
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        let Ok(value) = serde_json::from_str::<Value>(&line) else { continue };
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        match value["final"].as_bool() {
            Some(true) => told.findings = Some(value),
            _second => told.seconds.push(seen(&value)),
        }
    }
}

fn seen(line: &Value) -> Seen {
    let count = |name: &str| line[name].as_u64().unwrap_or(0);
    Seen {
        at_ms: wall_ms(),
        sent: count("sent"),
        answered: count("succeeded") + count("declined"),
        attempts: count("attempts"),
        failed_attempts: count("failed_attempts"),
        failed: count("failed_final"),
        cuts: count("cuts"),
        p99_ms: line["p99_ms"].as_f64().unwrap_or(0.0),
    }
}
