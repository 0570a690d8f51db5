//! Instances that crash, or that nobody can reach.

use sluss_core::target::JournalEntry;

use crate::client::Customer;
use crate::world::{World, answer, arm, kill, runs, told};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_costs_no_later_request_and_the_instance_comes_back() {
    let world = World::start().await;
    let mut two = arm(1, 100);
    two.instances = 2;
    world.want(1, vec![two]).await;
    let port = world.ready(&[1]).await;
    let mut customer = Customer::new(port);
    for _ in 0..20 {
        assert_eq!(customer.get("/").await.unwrap().0, 200);
    }
    let before = world.pids(1).await;
    kill(before[0]);
    for _ in 0..100 {
        assert_eq!(customer.get("/").await.unwrap().0, 200);
    }
    world.until("it has ended", async |_| (!runs(before[0])).then_some(())).await;
    for _ in 0..100 {
        assert_eq!(customer.post("/").await.unwrap().0, 200, "nothing was sent to whom is gone");
    }
    world.noted(1, |what| matches!(what, JournalEntry::Exited { code: 137, .. })).await;
    world
        .until("it is started again", async |world| {
            let now = world.pids(1).await;
            (now[0] != before[0] && now[0] != 0 && now[1] == before[1]).then_some(())
        })
        .await;
    world.ready(&[1]).await;
    assert_eq!(world.arm(1).await.unwrap().recent_exits, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_refuses_connections_is_out_at_once_and_blamed() {
    let world = World::start().await;
    let mut rarely_checked = arm(2, 100);
    rarely_checked.readiness.interval_ms = 600_000;
    rarely_checked.readiness.after = 1;
    world.want(1, vec![arm(1, 0), rarely_checked]).await;
    let port = world.ready(&[1, 2]).await;
    assert_eq!(answer(port, "/").await.1, "rel-2");
    assert_eq!(answer(port, "/deafen").await.0, 200);
    // A body was begun by the customer, but nothing of it was sent to whom nobody reached.
    let mut customer = Customer::new(port);
    assert_eq!(customer.upload(4).await.unwrap(), (200, format!("rel-1 {}", 4 * (16 << 10))));
    for _ in 0..20 {
        assert_eq!(customer.get("/").await.unwrap(), (200, "rel-1".to_owned()));
    }
    let counted = world.counted(24).await;
    assert_eq!((counted[&1], counted[&2]), ((21, 0), (3, 1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_kills_its_instance_is_not_tried_again_with_a_body() {
    let world = World::start().await;
    world.want(1, vec![arm(1, 0), arm(2, 100)]).await;
    let port = world.ready(&[1, 2]).await;
    assert_eq!(Customer::new(port).post("/crash").await.unwrap().0, 502);
    let counted = world.counted(1).await;
    assert_eq!(counted.get(&2), Some(&(1, 1)));
    assert_eq!(counted.get(&1), None);
    world.noted(2, |what| matches!(what, JournalEntry::Exited { code: 3, .. })).await;
    assert!(
        !world.journal().await.iter().any(|(release, what)| {
            release.0 == 1 && matches!(what, JournalEntry::Exited { .. })
        })
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_that_exits_again_and_again_is_counted() {
    let world = World::start().await;
    world.want(1, vec![arm(1, 100), told(arm(2, 0), "REFUSES_TO_START")]).await;
    world.ready(&[1]).await;
    world
        .until("three exits are counted", async |world| {
            (world.arm(2).await?.recent_exits >= 3).then_some(())
        })
        .await;
    let mut missing = arm(3, 0);
    missing.command = vec!["no-such-program".to_owned()];
    world.want(2, vec![arm(1, 100), missing]).await;
    world.noted(3, |what| matches!(what, JournalEntry::Exited { code: 127, .. })).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_any_instance_the_answer_says_so_and_blames_nobody() {
    let world = World::start().await;
    world.want(1, vec![told(arm(1, 100), "NEVER_READY")]).await;
    let port = world.route().await.unwrap().port.unwrap();
    let (status, body) = answer(port, "/").await;
    assert_eq!(status, 503);
    assert!(body.contains("payments/test: no instance is ready"), "{body}");
    assert!(body.contains("hint"), "{body}");
    assert_eq!(world.counted(0).await.len(), 0);
}
