//! Probes: sent by the host itself to both arms, and counted apart from customers' requests.

use sluss_core::ids::ReleaseId;
use sluss_core::target::{Applied, Desired, Lease, Probe, ProbeMethod, Probed, Traffic};

use crate::target::Target as _;
use crate::world::{World, answer, arm, desired, key, told};

fn probed(per_second: u16, path: &str) -> Desired {
    let probe = Probe {
        method: ProbeMethod::Get,
        path: path.to_owned(),
        expect: 200,
        per_second,
        timeout_ms: 1_000,
    };
    let arms = vec![arm(1, 50), told(arm(2, 50), "FAILS")];
    Desired {
        traffic: Traffic { probe: Some(probe), ..Traffic::default() },
        lease: Some(Lease { candidate: ReleaseId(2), lasts_ms: 60_000 }),
        ..desired(1, arms)
    }
}

/// What came back of probes to a release, and how many requests customers made of it.
async fn seen(world: &World, release: u64) -> (Probed, u64) {
    let rows = world.target.counters(&key(), 0).await.unwrap();
    let mut all = (Probed::default(), 0);
    for row in rows.iter().filter(|row| row.release.0 == release) {
        all.0.add(&row.probes);
        all.1 += row.requests;
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_arms_are_probed_by_the_coin_and_no_probe_is_a_customer() {
    let mut world = World::start().await;
    assert_eq!(world.put(&probed(100, "/pay")).await, Applied::Accepted);
    let port = world.ready(&[1, 2]).await;
    world
        .until("both were probed", async |world| {
            let (good, bad) = (seen(world, 1).await.0, seen(world, 2).await.0);
            (good.requests > 150 && bad.requests > 150).then_some(())
        })
        .await;
    answer(port, "/").await;
    world
        .until("the customer was counted", async |world| {
            let requests = seen(world, 1).await.1 + seen(world, 2).await.1;
            (requests == 1).then_some(())
        })
        .await;
    let (good, bad) = (seen(&world, 1).await.0, seen(&world, 2).await.0);
    assert!(bad.errors * 2 > bad.requests, "{bad:?}");
    assert!(good.errors * 4 < good.requests, "{good:?}");
    let measured: u64 = good.latency.iter().map(|(_, count)| count).sum();
    assert_eq!(measured, good.requests);
    // What was counted is still there after a restart.
    world.restart().await;
    let after = seen(&world, 1).await.0;
    assert!(after.requests >= good.requests, "{after:?}");
}
