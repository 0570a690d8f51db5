//! The host is replaced under load: nobody notices. It is killed: who comes meanwhile is counted.

use std::time::Duration;

use tokio::time::Instant;

use crate::client::{Customer, WebSocket};
use crate::load::Load;
use crate::target::Target as _;
use crate::world::{World, answer, arm, key, runs};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_upgrades_of_the_host_under_load_fail_no_request() {
    let _alone = crate::world::HEAVY.lock().await;
    let mut world = World::start_process().await;
    world.want(1, vec![arm(1, 90), arm(2, 10)]).await;
    let port = world.ready(&[1, 2]).await;
    let services = (world.pids(1).await, world.pids(2).await);
    let load = Load::start(port);
    load.goes_on().await;
    for _ in 0..5 {
        world.upgrade().await;
        load.goes_on().await;
    }
    assert_eq!((world.pids(1).await, world.pids(2).await), services, "services never stopped");
    // The last host is one that deploys, too.
    world.want(2, vec![arm(2, 100)]).await;
    world.gone(1).await;
    load.goes_on().await;
    let seen = load.end().await;
    assert_eq!(seen.failures, Vec::<String>::new(), "of {} requests", seen.requests);
    world.alone().await;
    // Every one of them was counted, by whichever host it ended in.
    let counted = world.counted(seen.requests).await;
    assert_eq!(counted.values().map(|(requests, _)| requests).sum::<u64>(), seen.requests);
    assert!(counted.values().all(|(_, errors)| *errors == 0), "{counted:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_host_stops_no_instance_that_the_one_before_still_needs() {
    let mut world = World::start_process().await;
    world.want(1, vec![arm(1, 100)]).await;
    let port = world.ready(&[1]).await;
    let pid = world.pids(1).await[0];
    let mut socket = WebSocket::open(port).await.unwrap();
    socket.echo(b"hello").await.unwrap();
    let slow = tokio::spawn(async move { Customer::new(port).get("/slow?3000").await });
    // The second customer is in when the first of two requests in a row is answered.
    assert_eq!(answer(port, "/").await.0, 200);
    world.upgrade().await;
    world.want(2, vec![arm(2, 100)]).await;
    world.ready(&[2]).await;
    assert_eq!(answer(port, "/").await.1, "rel-2");
    for _ in 0..20 {
        socket.echo(b"still there").await.unwrap();
    }
    assert!(runs(pid));
    assert_eq!(slow.await.unwrap().unwrap().0, 200);
    drop(socket);
    world.gone(1).await;
    world.alone().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_host_is_back_quickly_and_what_failed_meanwhile_is_counted() {
    let mut world = World::start_process().await;
    world.want(1, vec![arm(1, 100)]).await;
    let port = world.ready(&[1]).await;
    let load = Load::start(port);
    load.goes_on().await;
    assert_eq!(load.failed(), 0);
    let killed = Instant::now();
    world.kill_host();
    world.serve_process().await;
    let back = killed.elapsed();
    assert_eq!(answer(port, "/").await.0, 200);
    // What was cut off is told to its customers by now; from here on nothing fails.
    let cut_off = load.failed();
    load.goes_on().await;
    let after = load.failed();
    load.goes_on().await;
    let seen = load.end().await;
    let refused = seen.failures.iter().filter(|how| how.contains("efused")).count();
    println!(
        "killed: back after {} ms; {} of {} requests failed, {refused} of them refused",
        back.as_millis(),
        seen.failures.len(),
        seen.requests,
    );
    assert!(back < Duration::from_secs(10), "{back:?}");
    assert!(after - cut_off <= 9, "at most one a customer was still on its way");
    assert_eq!(seen.failures.len() as u64, after, "{:?}", &seen.failures[after as usize..]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_counted_is_known_after_the_host_was_killed() {
    let mut world = World::start_process().await;
    let mut two = arm(1, 100);
    two.instances = 2;
    world.want(1, vec![two]).await;
    let port = world.ready(&[1]).await;
    for _ in 0..20 {
        assert_eq!(answer(port, "/status?500").await.0, 500);
    }
    world.counted(20).await;
    let before = world.target.counters(&key(), 0).await.unwrap();
    // A second is on disk soon after it is over; a later one shows that.
    world
        .until("it is on disk", async |world| {
            let path = world.target.data().join("counters/payments@test.jsonl");
            let text = std::fs::read_to_string(path).ok()?;
            (text.lines().count() == before.len()).then_some(())
        })
        .await;
    world.kill_host();
    world.serve_process().await;
    assert_eq!(world.target.counters(&key(), 0).await.unwrap(), before);
    assert_eq!(before.iter().map(|row| row.errors).sum::<u64>(), 20);
    assert!(before.iter().all(|row| row.instances.len() <= 2));
}
