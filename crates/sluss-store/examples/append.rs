//! How many events a second the log takes from 64 writers, and how fast it is verified:
//! `cargo run --release -p sluss-store --example append -- 100000`.
#![expect(clippy::print_stdout, reason = "it is run to print its figures")]

use std::sync::Arc;
use std::time::Duration;

use sluss_ledger::{Actor, ActorKind, Hash};
use sluss_store::verify::{self, Scope};
use sluss_store::{Clock, Draft, Log, LogOptions, SqliteLog, SystemClock, SystemEntropy};

const WRITERS: u64 = 64;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let events: u64 = std::env::args().nth(1).map_or(Ok(50_000), |count| count.parse())?;
    let data = tempfile::tempdir_in(".")?;
    let clock = Arc::new(SystemClock::new());
    let log = SqliteLog::open(LogOptions {
        data: data.path().to_owned(),
        origin: "sluss.example/bench".to_owned(),
        clock: clock.clone(),
        entropy: Arc::new(SystemEntropy),
    })
    .await?;
    let log = Arc::new(log);
    let started = clock.monotonic_ms();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| tokio::spawn(write(Arc::clone(&log), writer, events / WRITERS)))
        .collect();
    let mut waits = Vec::new();
    for writer in writers {
        waits.extend(writer.await??);
    }
    let size = log.size().await?;
    let taken = Duration::from_millis((clock.monotonic_ms() - started).try_into()?);
    waits.sort_unstable();
    let at = |share: usize| waits.get(waits.len() * share / 100).copied().unwrap_or(0);
    let rate = size as f64 / taken.as_secs_f64();
    println!("appended {size} events in {taken:?} with {WRITERS} writers: {rate:.0}/s");
    println!("acknowledged after {} ms (median), {} ms (99 %)", at(50), at(99));
    let started = clock.monotonic_ms();
    log.published(size).await;
    println!("checkpoint {} ms after the last event", clock.monotonic_ms() - started);
    let started = clock.monotonic_ms();
    let report = verify::verify(data.path(), Scope::Full).await?;
    let taken = clock.monotonic_ms() - started;
    let rate = size as f64 / (taken as f64 / 60_000.0);
    println!("verified in {taken} ms: {rate:.0} events a minute, ok: {}", report.ok);
    log.close().await;
    Ok(())
}

/// Appends one event after the other and returns how long each took, in milliseconds.
async fn write(
    log: Arc<SqliteLog>,
    writer: u64,
    events: u64,
) -> Result<Vec<i64>, Box<dyn std::error::Error + Send + Sync>> {
    let clock = SystemClock::new();
    let actor =
        Actor { kind: ActorKind::System, reference: Hash::ZERO, acts_for: None, login: None };
    let mut waits = Vec::new();
    for number in 0..events {
        let body = serde_json::json!({ "number": number, "text": "x".repeat(150) });
        let stream = format!("run/run-{writer}");
        let draft = Draft::new(stream, "step.started", actor.clone(), &body)?;
        let started = clock.monotonic_ms();
        drop(log.append(&[], vec![draft], None).await?);
        waits.push(clock.monotonic_ms() - started);
    }
    Ok(waits)
}
