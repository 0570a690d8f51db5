//! Sends the probes that a route asks for, and counts how they ended.
//!
//! # What is counted
//!
//! - A probe draws its arm by the same coin as a customer's request, and counts for the release
//!   that it came to, apart from customers' requests.
//! - It fails by another status than the right one, by a broken connection, and by being late.
//! - If no instance is ready, it fails for the release that its coin fell on.
//! - It is in flight like any other: an instance that drains waits for it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sluss_core::probe::Probe;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::counters::Outcome;
use crate::route::Route;

/// Returns how many probes are to be sent in a tick of `tick_ms` milliseconds, so that over time
/// it is `per_second`.
pub(crate) fn due(tick: u64, tick_ms: u64, per_second: u16) -> u64 {
    let sent = |ticks: u64| ticks.saturating_mul(u64::from(per_second) * tick_ms) / 1_000;
    sent(tick + 1) - sent(tick)
}

/// Sends one probe and counts how it ended.
pub(crate) async fn send(route: Arc<Route>, probe: Probe) {
    let began = Instant::now();
    let mut drawn = None;
    let Some(flight) = route.board(&mut drawn, &[]) else {
        if let Some(release) = drawn {
            route.meter(release, 0).count_probe(Outcome::Failed, began.elapsed());
        }
        return;
    };
    let patience = Duration::from_millis(u64::from(probe.timeout_ms));
    let status = timeout(patience, ask(flight.instance.address, &probe)).await;
    let is_right = matches!(status, Ok(Ok(Some(status))) if status == probe.expect);
    let outcome = if is_right { Outcome::Fine } else { Outcome::Failed };
    flight.instance.meter.count_probe(outcome, began.elapsed());
}

/// Returns the status that came back; none if it was no answer.
async fn ask(address: SocketAddr, probe: &Probe) -> io::Result<Option<u16>> {
    let mut stream = TcpStream::connect(address).await?;
    if stream.local_addr()? == address {
        // Nobody listens, and the kernel gave us that very port, so we called ourselves.
        return Ok(None);
    }
    let (method, path) = (probe.method.as_str(), &probe.path);
    let body = if probe.method.is_safe() { "" } else { "Content-Length: 0\r\n" };
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: sluss-probe\r\n\
         Sluss-Probe: 1\r\nAccept: */*\r\n{body}Connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(LONGEST_ANSWER).read_to_end(&mut answer).await?;
    let is_http = answer.starts_with(b"HTTP/1.");
    let status = answer.get(9..12).filter(|_| is_http).and_then(|s| std::str::from_utf8(s).ok());
    Ok(status.and_then(|status| status.parse().ok()))
}

const LONGEST_ANSWER: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_a_second_as_many_are_sent_as_were_asked_for() {
        for per_second in [1, 3, 10, 100] {
            let sent: u64 = (0..10).map(|tick| due(tick, 100, per_second)).sum();
            assert_eq!(sent, u64::from(per_second));
        }
    }
}
