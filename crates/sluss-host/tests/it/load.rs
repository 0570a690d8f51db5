//! Customers of every kind at once, who never pause.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::client::{CHUNK, Customer, Customer2, WebSocket};

/// The customers.
pub(crate) struct Load {
    customers: JoinSet<Vec<String>>,
    ends: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    failed: Arc<AtomicU64>,
}

/// What they have seen.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) requests: u64,
    pub(crate) failures: Vec<String>,
}

impl Load {
    pub(crate) fn start(port: u16) -> Self {
        let (ends, done, failed) = <(Arc<AtomicBool>, Arc<AtomicU64>, Arc<AtomicU64>)>::default();
        let mut customers = JoinSet::new();
        for kind in 0..KINDS {
            let (ends, done, failed) = (ends.clone(), done.clone(), failed.clone());
            customers.spawn(async move {
                let (mut one, mut two) = (Customer::new(port), Customer2::new(port));
                let mut failures = Vec::new();
                while !ends.load(Ordering::Relaxed) {
                    if let Err(how) = ask(kind, port, &mut one, &mut two).await {
                        failures.push(how);
                        failed.fetch_add(1, Ordering::Relaxed);
                        // Nobody is helped by a customer who spins.
                        sleep(Duration::from_millis(5)).await;
                    }
                    done.fetch_add(1, Ordering::Relaxed);
                }
                failures
            });
        }
        Self { customers, ends, done, failed }
    }

    /// Waits until a few hundred more requests are done.
    pub(crate) async fn goes_on(&self) {
        let until = self.done.load(Ordering::Relaxed) + 300;
        while self.done.load(Ordering::Relaxed) < until {
            sleep(Duration::from_millis(2)).await;
        }
    }

    /// Returns how many requests have failed so far.
    pub(crate) fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    pub(crate) async fn end(self) -> Seen {
        self.ends.store(true, Ordering::Relaxed);
        let failures = self.customers.join_all().await.concat();
        Seen { requests: self.done.load(Ordering::Relaxed), failures }
    }
}

const KINDS: usize = 9;

async fn ask(
    kind: usize,
    port: u16,
    one: &mut Customer,
    two: &mut Customer2,
) -> Result<(), String> {
    let (what, answered) = match kind {
        0 => ("slow", one.get("/slow?300").await),
        1 => ("upload", one.upload(16).await),
        2 | 3 => ("post", one.post("/").await),
        4 => ("download", one.get("/stream?20").await),
        5 => ("http2", two.get("/").await),
        6 => ("http2 download", two.get("/stream?20").await),
        7 => ("websocket", talk(port).await.map(|()| (200, String::new()))),
        _ => ("get", one.get("/").await),
    };
    match answered {
        Ok((200, body)) if !what.ends_with("download") || body.len() == 20 * CHUNK => Ok(()),
        Ok((status, body)) => Err(format!("{what}: {status} {}", &body[..body.len().min(80)])),
        Err(error) => Err(format!("{what}: {error}")),
    }
}

async fn talk(port: u16) -> Result<(), String> {
    let mut socket = WebSocket::open(port).await?;
    for _ in 0..10 {
        socket.echo(b"a word").await?;
        sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}
