//! More comes than can be served: the host refuses early, blames nobody, and stays bounded.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use sluss_core::ids::ReleaseId;
use sluss_core::target::{Applied, Desired, Lease};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::client::{Customer, WebSocket};
use crate::world::{World, answer, arm, desired};

/// A candidate with all traffic beside an incumbent, and a bound on what is in flight.
fn bounded(most: u32) -> Desired {
    Desired {
        most_in_flight: NonZeroU32::new(most),
        lease: Some(Lease { candidate: ReleaseId(2), lasts_ms: 600_000 }),
        ..desired(1, vec![arm(1, 0), arm(2, 100)])
    }
}

/// A connection that is kept and looked at byte by byte.
struct Kept(TcpStream);

impl Kept {
    async fn open(port: u16) -> Self {
        Self(TcpStream::connect(("127.0.0.1", port)).await.unwrap())
    }

    /// Asks on the connection, and returns the answer's head and body as they came.
    async fn ask(&mut self, path: &str) -> String {
        let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n");
        self.0.write_all(request.as_bytes()).await.unwrap();
        let mut came = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&came).into_owned();
            let length = text.split("ontent-").find_map(|part| {
                let part = part.to_ascii_lowercase();
                let value = part.strip_prefix("length: ")?.split("\r\n").next()?.to_owned();
                value.parse::<usize>().ok()
            });
            if let (Some((_, body)), Some(length)) = (text.split_once("\r\n\r\n"), length)
                && body.len() >= length
            {
                return text;
            }
            let read = self.0.read_buf(&mut came).await.unwrap();
            assert!(read > 0, "the connection closed in the midst of: {text}");
        }
    }

    /// Asks, and returns when the answer has begun.
    async fn begin(&mut self, path: &str) {
        let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n");
        self.0.write_all(request.as_bytes()).await.unwrap();
        let mut status = [0; 12];
        self.0.read_exact(&mut status).await.unwrap();
        assert_eq!(&status, b"HTTP/1.1 200");
    }

    /// Reads until an answer in chunks has come to its end; returns its length.
    async fn finish(&mut self) -> usize {
        let mut came = Vec::new();
        while !came.ends_with(b"\r\n0\r\n\r\n") {
            assert!(self.0.read_buf(&mut came).await.unwrap() > 0, "cut off");
        }
        came.len()
    }

    /// Returns whether the host has closed it.
    async fn is_closed(&mut self) -> bool {
        let mut byte = [0];
        timeout(Duration::from_millis(1), self.0.read(&mut byte)).await.is_ok()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_its_limit_requests_are_refused_at_once_and_no_release_is_blamed() {
    let world = World::start().await;
    assert_eq!(world.put(&bounded(4)).await, Applied::Accepted);
    let port = world.ready(&[1, 2]).await;
    let mut long = Vec::new();
    for _ in 0..4 {
        let mut kept = Kept::open(port).await;
        kept.begin("/stream?300").await;
        long.push(kept);
    }
    let began = Instant::now();
    let mut kept = Kept::open(port).await;
    for _ in 0..20 {
        let refused = kept.ask("/").await;
        assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
        assert!(refused.to_ascii_lowercase().contains("retry-after: 1\r\n"), "{refused}");
        assert!(refused.contains("too many requests are in flight"), "{refused}");
    }
    assert!(began.elapsed() < Duration::from_millis(2_500), "refused, not queued");
    for kept in &mut long {
        assert!(kept.finish().await >= 300 << 10, "what was let in is served whole");
    }
    assert!(kept.ask("/").await.starts_with("HTTP/1.1 200 "), "on the same connection");
    let route = world.route().await.unwrap();
    assert_eq!((route.shed, route.unserved), (20, 0));
    let counted = world.counted(5).await;
    assert_eq!(counted, BTreeMap::from([(2, (5, 0))]), "no refusal is counted for a release");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_are_closed_first_and_never_one_that_waits_for_its_answer() {
    let world = World::start().await;
    assert_eq!(world.put(&bounded(16)).await, Applied::Accepted);
    let port = world.ready(&[1, 2]).await;
    let mut oldest = Kept::open(port).await;
    assert!(oldest.ask("/").await.starts_with("HTTP/1.1 200 "));
    let waiting = tokio::spawn(async move { oldest.ask("/slow?2000").await });
    let mut tunnel = WebSocket::open(port).await.unwrap();
    tunnel.echo(b"hello").await.unwrap();
    let mut all = Vec::new();
    for number in 0..200 {
        let mut kept = Kept::open(port).await;
        let answered = kept.ask("/").await;
        assert!(answered.starts_with("HTTP/1.1 200 "), "newcomer {number}: {answered}");
        all.push(kept);
    }
    let open = world
        .until("idle connections are closed", async |_| {
            let mut open = 0;
            for kept in &mut all {
                open += usize::from(!kept.is_closed().await);
            }
            (open <= 32).then_some(open)
        })
        .await;
    assert!(open >= 16, "{open}: no more than needed");
    assert!(!all.last_mut().unwrap().is_closed().await, "the newest stays");
    assert!(waiting.await.unwrap().starts_with("HTTP/1.1 200 "));
    tunnel.echo(b"still there").await.unwrap();
    assert_eq!(world.route().await.unwrap().shed, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_connections_leaves_the_open_files_of_the_host_bounded() {
    let _alone = crate::world::HEAVY.lock().await;
    let mut world = World::start_process().await;
    assert_eq!(world.put(&bounded(8)).await, Applied::Accepted);
    let port = world.ready(&[1, 2]).await;
    let files = world.open_files();
    let mut flood = JoinSet::new();
    for _ in 0..400 {
        flood.spawn(async move {
            let answered = Customer::new(port).get("/slow?200").await;
            matches!(answered, Ok((200 | 503, _)))
        });
    }
    let mut most = 0;
    let mut answered = 0;
    while let Some(done) = flood.join_next().await {
        answered += usize::from(done.unwrap());
        most = most.max(world.open_files());
    }
    // Sixteen connections, twice that when all are busy, one to an instance for each request, and
    // 64 that wait to be refused.
    // Where the processors are busy, more that were refused are still being closed.
    assert!(most <= files + 256, "{most} open files, {files} before");
    // How many more depends on how quickly the flood comes.
    assert!(answered >= 8, "as many as may be in flight: {answered} of 400 had an answer");
    assert!(world.route().await.unwrap().shed > 0);
    assert_eq!(answer(port, "/").await.0, 200, "and it serves on");
    world.kill_host();
}
