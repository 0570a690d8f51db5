//! Leases: who does not renew loses the candidate's share.

use sluss_core::ids::ReleaseId;
use sluss_core::target::{Applied, Desired, JournalEntry, Lease};
use sluss_core::units::Share;

use crate::target::{Target as _, TargetError};
use crate::world::{World, answer, arm, desired, key, told};

fn leased(generation: u64, lasts_ms: u32) -> Desired {
    let mut desired = desired(generation, vec![arm(1, 50), arm(2, 50)]);
    desired.lease = Some(Lease { candidate: ReleaseId(2), lasts_ms });
    desired
}

async fn candidate_share(world: &World) -> Share {
    world.arm(2).await.unwrap().share
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_nobody_renews_lapses_until_a_newer_generation() {
    let mut world = World::start().await;
    world.put(&leased(1, 60_000)).await;
    world.ready(&[1, 2]).await;
    assert_eq!(candidate_share(&world).await, Share::from_basis_points(5_000).unwrap());

    let short = leased(2, 300);
    world.put(&short).await;
    world.noted(2, |what| *what == JournalEntry::Lapsed).await;
    assert_eq!(candidate_share(&world).await, Share::NONE);
    let refused = world.target.renew(&key(), 2).await;
    assert!(matches!(refused, Err(TargetError::Refused { .. })), "{refused:?}");

    assert_eq!(world.put(&short).await, Applied::Accepted);
    assert_eq!(candidate_share(&world).await, Share::NONE);
    world.restart().await;
    assert_eq!(candidate_share(&world).await, Share::NONE, "it is remembered");

    world.put(&leased(3, 60_000)).await;
    assert_eq!(candidate_share(&world).await, Share::from_basis_points(5_000).unwrap());
    let lapses = world.journal().await.into_iter().filter(|(_, w)| *w == JournalEntry::Lapsed);
    assert_eq!(lapses.count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_is_renewed_does_not_lapse() {
    let world = World::start().await;
    world.put(&leased(1, 60_000)).await;
    world.ready(&[1, 2]).await;
    world.put(&leased(2, 1_000)).await;
    let began = tokio::time::Instant::now();
    let mut renewals = 0;
    while began.elapsed().as_millis() < 2_500 {
        assert_eq!(world.target.renew(&key(), 2).await.unwrap(), Applied::Accepted);
        renewals += 1;
        tokio::task::yield_now().await;
    }
    assert!(renewals > 0);
    assert!(candidate_share(&world).await > Share::NONE);
    assert_eq!(world.target.renew(&key(), 1).await.unwrap(), Applied::Stale { has: 2 });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_candidate_keeps_its_share_while_the_incumbent_could_not_take_it() {
    let world = World::start().await;
    let mut alone = leased(1, 1);
    alone.arms[0] = told(arm(1, 50), "NEVER_READY");
    world.put(&alone).await;
    let port = world.ready(&[2]).await;
    for _ in 0..100 {
        assert_eq!(answer(port, "/slow?10").await, (200, "rel-2".to_owned()));
    }
    assert!(!world.journal().await.iter().any(|(_, what)| *what == JournalEntry::Lapsed));
    let mut mended = alone.clone();
    mended.generation = 2;
    mended.arms[0] = arm(3, 50);
    world.put(&mended).await;
    world.noted(2, |what| *what == JournalEntry::Lapsed).await;
}
