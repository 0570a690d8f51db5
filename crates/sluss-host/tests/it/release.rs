//! Traffic: shares, counters, and that no request fails because of a release.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use sluss_core::target::JournalEntry;
use sluss_core::units::Share;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::client::Customer;
use crate::world::{World, answer, arm, told};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shares_and_counters_are_right_through_real_sockets() {
    let world = World::start().await;
    world.want(1, vec![arm(1, 95), arm(2, 5)]).await;
    let port = world.ready(&[1, 2]).await;
    let mut customers = JoinSet::new();
    for _ in 0..4 {
        customers.spawn(async move {
            let mut customer = Customer::new(port);
            let mut candidate = 0;
            for _ in 0..500 {
                let (status, release) = customer.get("/").await.unwrap();
                assert_eq!(status, 200);
                candidate += u64::from(release == "rel-2");
            }
            candidate
        });
    }
    let candidate: u64 = customers.join_all().await.into_iter().sum();
    // Five standard deviations of 2,000 draws at 5 %.
    assert!((51..=149).contains(&candidate), "{candidate} of 2000");
    let counted = world.counted(2_000).await;
    assert_eq!(counted[&1], (2_000 - candidate, 0));
    assert_eq!(counted[&2], (candidate, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_is_counted_and_what_does_not_is_not() {
    let world = World::start_with(|options| {
        options.request_timeout = Duration::from_millis(300);
    })
    .await;
    world.want(1, vec![arm(1, 100)]).await;
    let port = world.ready(&[1]).await;
    for (path, status) in [
        ("/", 200),
        ("/status?404", 404),
        ("/status?500", 500),
        ("/status?503", 503),
        ("/declined", 200),
        ("/slow?5000", 504),
    ] {
        assert_eq!(answer(port, path).await.0, status, "{path}");
    }
    assert_eq!(world.counted(6).await[&1], (6, 4));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_while_releases_start_shift_drain_and_stop() {
    let world = World::start().await;
    let two = |release, percent| {
        let mut arm = arm(release, percent);
        arm.instances = 2;
        arm
    };
    world.want(1, vec![two(1, 100)]).await;
    let load = Load::start(world.ready(&[1]).await);

    world.want(2, vec![two(1, 100), two(2, 0)]).await;
    world.ready(&[2]).await;
    for (generation, percent) in [(3, 10), (4, 50), (5, 100)] {
        world.want(generation, vec![two(1, 100 - percent), two(2, percent)]).await;
        load.goes_on().await;
    }
    world.want(6, vec![two(2, 100)]).await;
    world.gone(1).await;
    load.goes_on().await;

    // At once, without waiting until the new one is ready: the host waits.
    world.want(7, vec![two(3, 100)]).await;
    world.gone(2).await;
    load.goes_on().await;
    assert_eq!(load.end().await, Vec::<String>::new());
    assert!(!world.journal().await.iter().any(|(_, what)| {
        matches!(what, JournalEntry::Killed { .. } | JournalEntry::Exited { .. })
    }));
}

/// Customers of several kinds at once.
struct Load {
    customers: JoinSet<Vec<String>>,
    ends: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
}

impl Load {
    fn start(port: u16) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let done = Arc::new(AtomicU64::new(0));
        let mut customers = JoinSet::new();
        for number in 0..9 {
            let (ends, done) = (Arc::clone(&ends), Arc::clone(&done));
            customers.spawn(async move {
                let mut customer = Customer::new(port);
                let mut failures = Vec::new();
                while !ends.load(Ordering::Relaxed) {
                    let answered = match number % 4 {
                        0 => customer.get("/slow?300").await,
                        1 => customer.upload(16).await,
                        2 => customer.post("/").await,
                        _ => customer.get("/").await,
                    };
                    match answered {
                        Ok((200, _)) => {}
                        Ok((status, body)) => failures.push(format!("{number}: {status} {body}")),
                        Err(error) => failures.push(format!("{number}: {error}")),
                    }
                    done.fetch_add(1, Ordering::Relaxed);
                }
                failures
            });
        }
        Self { customers, ends, done }
    }

    /// Waits until a few hundred more requests are done.
    async fn goes_on(&self) {
        let until = self.done.load(Ordering::Relaxed) + 300;
        while self.done.load(Ordering::Relaxed) < until {
            tokio::task::yield_now().await;
        }
    }

    async fn end(self) -> Vec<String> {
        self.ends.store(true, Ordering::Relaxed);
        self.customers.join_all().await.concat()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drained_instance_is_killed_only_when_it_will_not_end() {
    let world = World::start().await;
    let mut impatient = arm(1, 100);
    impatient.drain_seconds = 1;
    world.want(1, vec![impatient]).await;
    let port = world.ready(&[1]).await;
    let slow = tokio::spawn(async move { Customer::new(port).get("/slow?20000").await });
    let pid = world.pids(1).await[0];
    // Stopped, it cannot end when it is asked to.
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(pid as i32).unwrap(),
        rustix::process::Signal::STOP,
    )
    .unwrap();
    world.want(2, vec![]).await;
    world.gone(1).await;
    world.noted(1, |what| matches!(what, JournalEntry::Killed { .. })).await;
    // What took longer than it was given.
    assert!(!matches!(slow.await.unwrap(), Ok((200, _))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_that_never_gets_ready_gets_no_traffic() {
    let world = World::start().await;
    let mut never = told(arm(2, 50), "NEVER_READY");
    never.readiness.within_seconds = 1;
    world.want(1, vec![arm(1, 50), never]).await;
    let port = world.ready(&[1]).await;
    for _ in 0..50 {
        assert_eq!(answer(port, "/").await, (200, "rel-1".to_owned()));
    }
    world.noted(2, |what| matches!(what, JournalEntry::NotReadyInTime { .. })).await;
    let arms = world.route().await.unwrap().arms;
    assert_eq!((arms[0].effective, arms[1].effective), (Share::ALL, Share::NONE));
    assert!(arms[1].failed_starts >= 1);
    assert_eq!(arms[1].recent_exits, 0, "its end was asked for");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn websocket_and_http2_and_long_uploads_pass() {
    let world = World::start().await;
    world.want(1, vec![arm(1, 100)]).await;
    let port = world.ready(&[1]).await;

    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream
        .write_all(
            b"GET /websocket HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\n\
              Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
              Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        )
        .await
        .unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
    for message in [&b"hello"[..], b"again"] {
        stream.write_all(message).await.unwrap();
        let mut back = [0; 5];
        stream.read_exact(&mut back).await.unwrap();
        assert_eq!(back, message);
    }
    drop(stream);

    let (status, body) = Customer::new(port).upload(200).await.unwrap();
    assert_eq!((status, body), (200, format!("rel-1 {}", 200 * (16 << 10))));

    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let executor = hyper_util::rt::TokioExecutor::new();
    let io = hyper_util::rt::TokioIo::new(stream);
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(executor, io).await.unwrap();
    tokio::spawn(connection);
    let request =
        hyper::Request::get("http://test/").body(http_body_util::Empty::<bytes::Bytes>::new());
    assert_eq!(sender.send_request(request.unwrap()).await.unwrap().status(), 200);
}
