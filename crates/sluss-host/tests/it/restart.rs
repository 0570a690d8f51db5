//! The host ends, is killed and comes back; services go on.

use std::net::TcpListener;
use std::time::Duration;

use sluss_core::target::{InstanceState, JournalEntry};

use crate::world::{World, answer, arm, kill, runs};

/// Ends the host and all services, as a power failure would.
async fn stop_all(world: &mut World) {
    let pids = world.pids(1).await;
    world.kill_host();
    for pid in pids {
        kill(pid);
        world.until("it is gone", async |_| (!runs(pid)).then_some(())).await;
    }
}

async fn ports(world: &World) -> Vec<u16> {
    let instances = world.arm(1).await.unwrap().instances;
    instances.iter().map(|instance| instance.port).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_stop_and_start_changes_no_port() {
    let mut world = World::start_process().await;
    let mut three = arm(1, 100);
    three.instances = 3;
    world.want(1, vec![three]).await;
    let port = world.ready(&[1]).await;
    let before = ports(&world).await;
    for _ in 0..2 {
        stop_all(&mut world).await;
        world.serve_process().await;
        assert_eq!(world.ready(&[1]).await, port);
        assert_eq!(answer(port, "/").await.0, 200);
        assert_eq!(ports(&world).await, before);
        let instances = world.arm(1).await.unwrap().instances;
        assert!(instances.iter().all(|instance| instance.moved.is_none()));
        assert_eq!(world.route().await.unwrap().problem, None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_has_to_change_says_why() {
    let mut world = World::start_process().await;
    world.want(1, vec![arm(1, 100)]).await;
    let port = world.ready(&[1]).await;
    let before = ports(&world).await[0];
    stop_all(&mut world).await;
    // Customers' connections may still wait for their end there.
    let stranger = async |port| {
        world
            .until("a stranger has it", async |_| TcpListener::bind(("127.0.0.1", port)).ok())
            .await
    };
    let strangers = (stranger(port).await, stranger(before).await);
    world.serve(|options| options.port_patience = Duration::from_millis(300)).await;
    let (moved, why) = world
        .until("another port is open", async |world| {
            let route = world.route().await?;
            Some((route.port?, route.problem?))
        })
        .await;
    assert_ne!(moved, port);
    assert!(why.contains(&port.to_string()) && why.contains(&moved.to_string()), "{why}");
    assert_eq!(world.ready(&[1]).await, moved);
    assert_eq!(answer(moved, "/").await.0, 200);
    let instance = world.arm(1).await.unwrap().instances.remove(0);
    assert_ne!(instance.port, before);
    let why = instance.moved.unwrap();
    assert!(why.contains(&before.to_string()), "{why}");
    drop(strangers);
    // It stays where it is now.
    world.restart().await;
    assert_eq!(world.ready(&[1]).await, moved);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_survive_a_killed_host_and_the_next_one_takes_them_over() {
    let mut world = World::start_process().await;
    world.want(1, vec![arm(1, 90), arm(2, 10)]).await;
    let port = world.ready(&[1, 2]).await;
    assert_eq!(answer(port, "/").await.0, 200);
    let before = (world.pids(1).await, world.pids(2).await);

    world.kill_host();
    assert!(runs(before.0[0]) && runs(before.1[0]));
    world.serve_process().await;
    assert_eq!(world.route().await.unwrap().port, Some(port));
    for _ in 0..20 {
        assert_eq!(answer(port, "/").await.0, 200, "from the first request on");
    }
    assert_eq!((world.pids(1).await, world.pids(2).await), before);
    let pid = before.0[0];
    world.noted(1, |what| *what == JournalEntry::Adopted { instance: 0, pid }).await;

    // It is looked after as if it were our own child.
    kill(pid);
    world.noted(1, |what| matches!(what, JournalEntry::Exited { .. })).await;
    world.ready(&[1]).await;
    assert_ne!(world.pids(1).await[0], pid);

    // What is no longer wanted is stopped, whoever started it.
    world.want(2, vec![arm(1, 100)]).await;
    world.gone(2).await;
    assert!(!runs(before.1[0]));
    world.noted(2, |what| matches!(what, JournalEntry::Stopped { .. })).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_died_while_no_host_was_there_is_noticed_and_replaced() {
    let mut world = World::start_process().await;
    world.want(1, vec![arm(1, 100)]).await;
    world.ready(&[1]).await;
    let pid = world.pids(1).await[0];
    world.kill_host();
    kill(pid);
    world.until("it is gone", async |_| (!runs(pid)).then_some(())).await;
    world.serve_process().await;
    world.noted(1, |what| matches!(what, JournalEntry::Exited { .. })).await;
    world
        .until("it is replaced", async |world| {
            let instance = world.arm(1).await?.instances.into_iter().next()?;
            (instance.state == InstanceState::Ready && instance.pid != pid).then_some(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_was_never_written_down_is_ended() {
    let mut world = World::start_process().await;
    world.want(1, vec![arm(1, 100)]).await;
    world.ready(&[1]).await;
    let pid = world.pids(1).await[0];
    world.kill_host();
    for record in std::fs::read_dir(world.target.data().join("instances")).unwrap() {
        std::fs::remove_file(record.unwrap().path()).unwrap();
    }
    world.serve_process().await;
    world.until("it is ended", async |_| (!runs(pid)).then_some(())).await;
    world.ready(&[1]).await;
    assert_ne!(world.pids(1).await[0], pid);
}
