//! Units: customers who try again do not look like more failures, and callers may stay.

use std::collections::BTreeMap;

use sluss_core::ids::ReleaseId;
use sluss_core::target::{Applied, CounterRow, Desired, Lease, Sticky, Traffic};
use tokio::task::JoinSet;

use crate::client::Customer;
use crate::target::Target as _;
use crate::world::{World, arm, desired, key, told};

const KEY: &str = "Idempotency-Key";

/// An incumbent, and a candidate that fails every payment.
fn split(percent: u16) -> Desired {
    let arms = vec![arm(1, 100 - percent), told(arm(2, percent), "FAILS")];
    Desired {
        traffic: Traffic { unit: Some(KEY.parse().unwrap()), ..Traffic::default() },
        lease: Some(Lease { candidate: ReleaseId(2), lasts_ms: 60_000 }),
        ..desired(1, arms)
    }
}

/// What was counted of one release.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counted {
    requests: u64,
    errors: u64,
    retries: u64,
    failed_retries: u64,
}

/// Waits until this many attempts were counted.
async fn counted(world: &World, attempts: u64) -> BTreeMap<u64, Counted> {
    world
        .until(&format!("{attempts} attempts are counted"), async |world| {
            let rows = world.target.counters(&key(), 0).await.unwrap();
            let sum: u64 = rows.iter().map(|row| row.requests + row.retries).sum();
            (sum == attempts).then(|| summed(&rows))
        })
        .await
}

fn summed(rows: &[CounterRow]) -> BTreeMap<u64, Counted> {
    let mut all: BTreeMap<u64, Counted> = BTreeMap::new();
    for row in rows {
        let of = all.entry(row.release.0).or_default();
        of.requests += row.requests;
        of.errors += row.errors;
        of.retries += row.retries;
        of.failed_retries += row.failed_retries;
        let parts = |of: fn(&sluss_core::target::InstanceRow) -> u64| -> u64 {
            row.instances.iter().map(of).sum()
        };
        assert_eq!(parts(|part| part.requests), row.requests, "{row:?}");
        assert_eq!(parts(|part| part.errors), row.errors, "{row:?}");
        assert_eq!(parts(|part| part.latency.iter().map(|(_, n)| n).sum()), row.requests);
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_careless_customer_who_tries_five_times_is_one_request() {
    let world = World::start().await;
    assert_eq!(world.put(&split(50)).await, Applied::Accepted);
    let port = world.ready(&[1, 2]).await;
    let mut customer = Customer::new(port);
    let (mut failed_first, mut failed_later) = (0, 0);
    for payment in 0..200 {
        let mut before = 200;
        for attempt in 0..5 {
            let name = format!("payment-{payment}");
            let (status, _) = customer.post_with("/pay", KEY, &name).await.unwrap();
            assert!(before == 200 || status == 200, "after a failure the incumbent answers");
            match attempt {
                0 => failed_first += u64::from(status == 500),
                _ => failed_later += u64::from(status == 500),
            }
            before = status;
        }
    }
    let counted = counted(&world, 1_000).await;
    let (incumbent, candidate) = (&counted[&1], &counted[&2]);
    assert_eq!(incumbent.requests + candidate.requests, 200);
    assert_eq!((candidate.requests, candidate.errors), (failed_first, failed_first));
    assert_eq!(incumbent.errors, 0);
    assert_eq!(incumbent.retries + candidate.retries, 800);
    assert_eq!(candidate.failed_retries, failed_later);
    // Five standard deviations of 200 coins.
    assert!((65..=135).contains(&failed_first), "{failed_first} of 200");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_careful_customer_pays_at_the_second_try() {
    let world = World::start().await;
    assert_eq!(world.put(&split(50)).await, Applied::Accepted);
    let port = world.ready(&[1, 2]).await;
    let mut customer = Customer::new(port);
    let mut again = 0;
    for payment in 0..200 {
        let name = format!("payment-{payment}");
        if customer.post_with("/pay", KEY, &name).await.unwrap().0 == 500 {
            again += 1;
            let retried = customer.post_with("/pay", KEY, &name).await.unwrap();
            assert_eq!(retried, (200, "rel-1".to_owned()));
        }
    }
    let counted = counted(&world, 200 + again).await;
    let (requests, retries) = (200 - again, again);
    assert_eq!(counted[&1], Counted { requests, retries, ..Counted::default() });
    let candidate = Counted { requests: again, errors: again, ..Counted::default() };
    assert_eq!(counted[&2], candidate);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_nothing_is_known_of_an_attempt_the_next_goes_to_the_incumbent() {
    let world = World::start().await;
    assert_eq!(world.put(&split(100)).await, Applied::Accepted);
    let port = world.ready(&[1, 2]).await;
    let mut slow = JoinSet::new();
    let mut number = 0;
    world
        .until("a second attempt comes while the first is in flight", async |_| {
            number += 1;
            let (name, of) = (format!("payment-{number}"), format!("payment-{number}"));
            slow.spawn(async move { Customer::new(port).post_with("/slow?60000", KEY, &of).await });
            tokio::task::yield_now().await;
            let answered = Customer::new(port).post_with("/slow?0", KEY, &name).await.unwrap();
            // Otherwise this one was the first.
            (answered.1 == "rel-1").then_some(())
        })
        .await;
    let mut customer = Customer::new(port);
    let name = format!("payment-{number}");
    assert_eq!(customer.post_with("/", KEY, &name).await.unwrap().1, "rel-2", "another unit");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_after_the_host_was_killed_is_still_a_retry() {
    let mut world = World::start_process().await;
    assert_eq!(world.put(&split(100)).await, Applied::Accepted);
    let port = world.ready(&[1, 2]).await;
    let mut customer = Customer::new(port);
    assert_eq!(customer.post_with("/pay", KEY, "payment-1").await.unwrap().0, 500);
    let _second = counted(&world, 1).await;
    let units = world.target.data().join("counters/payments@test.units");
    world
        .until("the unit and its end are on disk", async |_| {
            let text = std::fs::read_to_string(&units).ok()?;
            (text.contains(" b") && text.contains(" f")).then_some(())
        })
        .await;
    world
        .until("what was counted is on disk", async |world| {
            let path = world.target.data().join("counters/payments@test.jsonl");
            std::fs::read_to_string(path).ok().filter(|text| text.ends_with('\n'))
        })
        .await;
    world.kill_host();
    // A line that was being written is no harm.
    let mut text = std::fs::read_to_string(&units).unwrap();
    text.push_str("0123456789abcdef b00000");
    std::fs::write(&units, text).unwrap();
    world.serve_process().await;

    let mut customer = Customer::new(port);
    let retried = customer.post_with("/pay", KEY, "payment-1").await.unwrap();
    assert_eq!(retried, (200, "rel-1".to_owned()), "to the incumbent, since the first one failed");
    let retried = customer.post_with("/pay", KEY, "payment-2").await.unwrap();
    assert_eq!(retried.0, 500, "another unit");
    let counted = counted(&world, 3).await;
    let incumbent = Counted { retries: 1, ..Counted::default() };
    assert_eq!(counted[&1], incumbent);
    assert_eq!(counted[&2], Counted { requests: 2, errors: 2, ..Counted::default() });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_after_an_upgrade_of_the_host_is_still_a_retry() {
    let mut world = World::start_process().await;
    assert_eq!(world.put(&split(100)).await, Applied::Accepted);
    let port = world.ready(&[1, 2]).await;
    for number in 0..5 {
        let name = format!("payment-{number}");
        let first = Customer::new(port).post_with("/pay", KEY, &name).await.unwrap();
        assert_eq!(first.0, 500);
        world.upgrade().await;
        let second = Customer::new(port).post_with("/pay", KEY, &name).await.unwrap();
        assert_eq!(second, (200, "rel-1".to_owned()));
    }
    world.alone().await;
    let counted = counted(&world, 10).await;
    assert_eq!(counted[&1], Counted { retries: 5, ..Counted::default() });
    assert_eq!(counted[&2], Counted { requests: 5, errors: 5, ..Counted::default() });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_brings_no_key_is_counted_by_request() {
    let world = World::start().await;
    assert_eq!(world.put(&split(100)).await, Applied::Accepted);
    let port = world.ready(&[1, 2]).await;
    let mut customer = Customer::new(port);
    for _ in 0..10 {
        assert_eq!(customer.post("/pay").await.unwrap().0, 500);
        assert_eq!(customer.post_with("/pay", KEY, "").await.unwrap().0, 500);
    }
    let all = Counted { requests: 20, errors: 20, ..Counted::default() };
    assert_eq!(counted(&world, 20).await, BTreeMap::from([(2, all)]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_host_refuses_itself_is_counted_for_the_route_and_is_no_first_attempt() {
    let world = World::start().await;
    let mut never = split(0);
    never.arms = vec![told(arm(1, 100), "NEVER_READY")];
    never.lease = None;
    world.put(&never).await;
    let port = world.route().await.unwrap().port.unwrap();
    let mut customer = Customer::new(port);
    for _ in 0..3 {
        assert_eq!(customer.post_with("/pay", KEY, "a").await.unwrap().0, 503);
    }
    world
        .until("three are said", async |world| (world.route().await?.unserved == 3).then_some(()))
        .await;
    never.generation = 2;
    never.arms = vec![arm(2, 100)];
    world.put(&never).await;
    world.ready(&[2]).await;
    assert_eq!(customer.post_with("/pay", KEY, "a").await.unwrap().0, 200);
    assert_eq!(counted(&world, 1).await[&2].requests, 1);
    assert_eq!(world.route().await.unwrap().unserved, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sticky_caller_stays_and_only_moves_towards_the_candidate() {
    let world = World::start().await;
    let sticky = |generation: u64, percent: u16| Desired {
        generation,
        traffic: Traffic {
            sticky: Some(Sticky::Header("X-Account".parse().unwrap())),
            ..Traffic::default()
        },
        arms: vec![arm(1, 100 - percent), arm(2, percent)],
        ..split(0)
    };
    world.put(&sticky(1, 0)).await;
    let port = world.ready(&[1, 2]).await;
    assert!(world.route().await.unwrap().sticky);
    let mut customer = Customer::new(port);
    let mut had = Vec::new();
    for (generation, percent) in [(2, 10), (3, 50), (4, 100)] {
        assert_eq!(world.put(&sticky(generation, percent)).await, Applied::Accepted);
        let mut has = Vec::new();
        for account in 0..100 {
            let name = format!("account-{account}");
            let first = customer.post_with("/", "x-account", &name).await.unwrap().1;
            let second = customer.post_with("/", "x-account", &name).await.unwrap().1;
            assert_eq!(first, second, "a caller stays");
            if first == "rel-2" {
                has.push(account);
            }
        }
        assert!(had.iter().all(|account| has.contains(account)), "{had:?} {has:?}");
        had = has;
    }
    assert_eq!(had.len(), 100);
}
