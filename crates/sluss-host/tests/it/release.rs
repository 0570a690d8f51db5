//! Traffic: shares, counters, and that no request fails because of a release.

use std::time::Duration;

use sluss_core::target::{InstanceState, JournalEntry};
use sluss_core::units::Share;
use tokio::task::JoinSet;

use crate::client::{CHUNK, Customer, Customer2, WebSocket};
use crate::load::Load;
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
    assert_eq!(load.end().await.failures, Vec::<String>::new());
    assert!(!world.journal().await.iter().any(|(_, what)| {
        matches!(what, JournalEntry::Killed { .. } | JournalEntry::Exited { .. })
    }));
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

    let mut socket = WebSocket::open(port).await.unwrap();
    for message in [&b"hello"[..], b"again"] {
        socket.echo(message).await.unwrap();
    }
    drop(socket);

    let (status, body) = Customer::new(port).upload(200).await.unwrap();
    assert_eq!((status, body), (200, format!("rel-1 {}", 200 * (16 << 10))));

    assert_eq!(Customer2::new(port).get("/").await.unwrap().0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drained_instance_ends_when_its_last_customer_has_gone() {
    let world = World::start().await;
    let mut patient = arm(1, 100);
    patient.drain_seconds = 30;
    world.want(1, vec![patient]).await;
    let port = world.ready(&[1]).await;
    let mut socket = WebSocket::open(port).await.unwrap();
    let stream = tokio::spawn(async move { Customer::new(port).get("/stream?40").await });
    let stream2 = tokio::spawn(async move { Customer2::new(port).get("/stream?40").await });
    socket.echo(b"hello").await.unwrap();
    world.want(2, vec![arm(2, 100)]).await;
    world.ready(&[2]).await;
    world
        .until("the first release drains", async |world| {
            let instance = world.arm(1).await?.instances.into_iter().next()?;
            (instance.state == InstanceState::Draining).then_some(())
        })
        .await;
    for download in [stream, stream2] {
        let (status, body) = download.await.unwrap().unwrap();
        assert_eq!((status, body.len()), (200, 40 * CHUNK));
    }
    for _ in 0..20 {
        socket.echo(b"still there").await.unwrap();
    }
    assert!(world.arm(1).await.is_some(), "it waits for its last customer");
    assert_eq!(answer(port, "/").await.1, "rel-2");
    drop(socket);
    world.gone(1).await;
    world.noted(1, |what| matches!(what, JournalEntry::Stopped { .. })).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_websocket_breaks_right_after_it_was_opened() {
    let world = World::start().await;
    world.want(1, vec![arm(1, 100)]).await;
    let port = world.ready(&[1]).await;
    // Side by side, so that an answer may come before its request's end was looked at.
    let mut customers = JoinSet::new();
    for _ in 0..8 {
        customers.spawn(async move {
            for _ in 0..100 {
                let mut socket = WebSocket::open(port).await?;
                socket.echo(b"hello").await?;
            }
            Ok::<(), String>(())
        });
    }
    assert!(customers.join_all().await.iter().all(Result::is_ok));
}
