//! Customers who call a service without a break, and count what fails.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// What customers have seen so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests that were answered 200.
    pub answered: u64,
    /// Requests that failed, however.
    pub failed: u64,
    /// How the first few failed.
    pub failures: Vec<String>,
}

/// Customers who call a service without a break.
pub struct Customers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    port: u16,
    pause: Duration,
    stop: AtomicBool,
    answered: AtomicU64,
    failed: AtomicU64,
    failures: Mutex<Vec<String>>,
}

impl Customers {
    /// Starts `count` customers on keep-alive connections, each pausing between two requests.
    pub fn begin(port: u16, count: usize, pause: Duration) -> Self {
        let shared = Arc::new(Shared {
            port,
            pause,
            stop: AtomicBool::new(false),
            answered: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            failures: Mutex::default(),
        });
        let customer = |_| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || shared.pay())
        };
        let threads = (0..count).map(customer).collect();
        Self { shared, threads }
    }

    /// Returns what they have seen so far.
    pub fn tally(&self) -> Tally {
        Tally {
            answered: self.shared.answered.load(Ordering::Relaxed),
            failed: self.shared.failed.load(Ordering::Relaxed),
            failures: self.shared.failures.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// Ends them, and returns what they have seen.
    pub fn end(mut self) -> Tally {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().ok();
        }
        self.tally()
    }
}

impl Drop for Customers {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }
}

impl Shared {
    fn pay(&self) {
        let mut connection: Option<TcpStream> = None;
        while !self.stop.load(Ordering::Relaxed) {
            match self.ask(&mut connection) {
                Ok(()) => {
                    self.answered.fetch_add(1, Ordering::Relaxed);
                }
                Err(how) => {
                    connection = None;
                    self.failed.fetch_add(1, Ordering::Relaxed);
                    let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
                    if failures.len() < 5 {
                        failures.push(how);
                    }
                }
            }
            std::thread::sleep(self.pause);
        }
    }

    fn ask(&self, connection: &mut Option<TcpStream>) -> Result<(), String> {
        let stream = match connection {
            Some(stream) => stream,
            None => {
                let opened = TcpStream::connect(("127.0.0.1", self.port));
                let stream = opened.map_err(|error| format!("connect: {error}"))?;
                stream.set_read_timeout(Some(Duration::from_secs(10))).ok();
                stream.set_nodelay(true).ok();
                connection.insert(stream)
            }
        };
        let request = b"GET / HTTP/1.1\r\nHost: bank.example\r\n\r\n";
        stream.write_all(request).map_err(|error| format!("write: {error}"))?;
        let mut answer = Vec::new();
        let mut buffer = [0; 1024];
        while !is_whole(&answer) {
            let count = stream.read(&mut buffer).map_err(|error| format!("read: {error}"))?;
            if count == 0 {
                return Err(format!("cut off after {} bytes", answer.len()));
            }
            answer.extend_from_slice(&buffer[..count]);
        }
        let text = String::from_utf8_lossy(&answer);
        if text.to_ascii_lowercase().contains("connection: close") {
            *connection = None;
        }
        match text.starts_with("HTTP/1.1 200") {
            true => Ok(()),
            false => Err(text.lines().next().unwrap_or("").to_owned()),
        }
    }
}

/// Returns whether an answer with a stated length is complete.
fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.and_then(|length| length.trim().parse().ok()).unwrap_or(0);
    body.len() >= length
}
