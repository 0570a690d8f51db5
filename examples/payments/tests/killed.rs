//! The service is killed in the midst of its work: what it acknowledged is in the books.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use books::Books;
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// A service of this test's own; killed and forgotten when dropped.
struct Service {
    process: Child,
    address: SocketAddr,
}

impl Service {
    fn start(state: &Path, commits: &str) -> Self {
        let free = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_payments"))
            .env("PORT", free.port().to_string())
            .env("STATE_DIR", state)
            .env("GROUP_COMMIT", commits)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let service = Self { process, address: free };
        let began = Instant::now();
        while Customer::come(free).and_then(|mut c| c.get("/ready")) != Some(200) {
            assert!(began.elapsed() < Duration::from_secs(30), "the service is never ready");
            thread::sleep(Duration::from_millis(10));
        }
        service
    }

    /// Ends it as nobody should: `SIGKILL`, whatever it does.
    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _already_ended = self.process.kill();
        let _already_reaped = self.process.wait();
    }
}

/// A connection that is kept.
struct Customer(BufReader<TcpStream>);

impl Customer {
    fn come(address: SocketAddr) -> Option<Self> {
        let stream = TcpStream::connect(address).ok()?;
        stream.set_nodelay(true).ok()?;
        Some(Self(BufReader::new(stream)))
    }

    fn get(&mut self, path: &str) -> Option<u16> {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: payments\r\n\r\n"))
    }

    fn post(&mut self, path: &str, key: &str, body: &str) -> Option<u16> {
        let length = body.len();
        self.send(&format!(
            "POST {path} HTTP/1.1\r\nhost: payments\r\nidempotency-key: {key}\r\n\
             content-length: {length}\r\n\r\n{body}"
        ))
    }

    /// Sends a request, and returns the status once the whole answer has come.
    fn send(&mut self, request: &str) -> Option<u16> {
        self.0.get_mut().write_all(request.as_bytes()).ok()?;
        let mut line = String::new();
        self.0.read_line(&mut line).ok()?;
        let status = line.get(9..12)?.parse().ok()?;
        let mut length = 0;
        loop {
            line.clear();
            if self.0.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let header = line.trim_end().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
        }
        self.0.read_exact(&mut vec![0; length]).ok()?;
        Some(status)
    }
}

fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _none_before = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Pays until the service is gone; returns the keys that were answered as applied.
fn pay(address: SocketAddr, name: &str, acknowledged: &AtomicUsize) -> Vec<String> {
    let mut keys = Vec::new();
    let Some(mut customer) = Customer::come(address) else { return keys };
    for number in 0.. {
        let key = format!("pay-{name}-{number:06}");
        let (from, to) = if number % 2 == 0 { ("anna", "bo") } else { ("bo", "anna") };
        let body = format!(r#"{{"from":"{from}","to":"{to}","amount_cents":1}}"#);
        match customer.post("/transfers", &key, &body) {
            Some(201) => {
                acknowledged.fetch_add(1, Ordering::Relaxed);
                keys.push(key);
            }
            // Refused and not acknowledged: the customer pays something else.
            Some(500..=599) => {}
            Some(_) | None => return keys,
        }
    }
    keys
}

fn every_acknowledged_payment_survives(commits: &str, lives: usize, payments: usize) {
    let state = folder(&format!("killed-{commits}"));
    let mut expected = BTreeSet::new();
    for life in 0..lives {
        let mut service = Service::start(&state, commits);
        let address = service.address;
        let mut customer = Customer::come(address).unwrap();
        for id in ["anna", "bo"] {
            let body = format!(r#"{{"id":"{id}","opening_cents":1000000}}"#);
            let opened = customer.post("/accounts", &format!("open-{id}"), &body);
            assert!(matches!(opened, Some(200 | 201)), "{opened:?}");
        }
        let acknowledged = Arc::new(AtomicUsize::new(0));
        let customers: Vec<_> = (0..16)
            .map(|number| {
                let (name, count) = (format!("{life}-{number}"), Arc::clone(&acknowledged));
                thread::spawn(move || pay(address, &name, &count))
            })
            .collect();
        // Another number each time, so that the kill falls elsewhere in a batch.
        let began = Instant::now();
        while acknowledged.load(Ordering::Relaxed) < payments + 37 * life {
            assert!(began.elapsed() < Duration::from_secs(60), "payments do not come through");
            thread::sleep(Duration::from_micros(200));
        }
        service.kill();
        for customer in customers {
            expected.extend(customer.join().unwrap());
        }
        let mut books = Books::open(&state.join("payments.db")).unwrap();
        let found = books.applied_keys("pay-", u32::MAX).unwrap();
        let found: BTreeSet<String> = found.into_iter().map(|applied| applied.key).collect();
        let lost: Vec<_> = expected.difference(&found).collect();
        assert!(lost.is_empty(), "acknowledged and lost in life {life}: {lost:?}");
        let summary = books.summary().unwrap();
        assert!(summary.is_balanced(), "{summary:?}");
    }
    assert!(expected.len() >= lives * payments);
}

#[test]
fn every_payment_that_was_acknowledged_is_in_the_books_after_a_kill() {
    every_acknowledged_payment_survives("on", 5, 400);
}

#[test]
fn so_it_is_with_one_commit_a_payment() {
    every_acknowledged_payment_survives("off", 2, 100);
}
