//! What answers say beyond their status is counted, and kept from customers where that was asked.

use sluss_core::target::{Applied, Desired, Figures, Judged, Outcomes, Traffic};

use crate::client::Customer;
use crate::target::Target as _;
use crate::world::{World, arm, desired, key};

fn outcomes(generation: u64, hidden: bool) -> Desired {
    let judged = Judged { exceptions: true, conversion: true };
    let outcome = Outcomes { header: "X-Outcome".parse().unwrap(), hidden, judged };
    Desired {
        traffic: Traffic { outcome: Some(outcome), ..Traffic::default() },
        ..desired(generation, vec![arm(1, 100)])
    }
}

/// Waits until this many requests were counted; returns errors and figures.
async fn counted(world: &World, requests: u64) -> (u64, Figures) {
    world
        .until("they are counted", async |world| {
            let rows = world.target.counters(&key(), 0).await.unwrap();
            let sum: u64 = rows.iter().map(|row| row.requests).sum();
            let mut figures = Figures::default();
            rows.iter().for_each(|row| figures.add(&row.figures));
            let errors = rows.iter().map(|row| row.errors).sum();
            (sum == requests).then_some((errors, figures))
        })
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_heard_and_customers_see_the_header_unless_it_is_hidden() {
    let mut world = World::start().await;
    assert_eq!(world.put(&outcomes(1, false)).await, Applied::Accepted);
    let mut customer = Customer::new(world.ready(&[1]).await);
    for _ in 0..3 {
        let answer = customer.header("/sell", "x-outcome").await;
        assert_eq!(answer.as_deref(), Some("converted"));
    }
    assert_eq!(world.put(&outcomes(2, true)).await, Applied::Accepted);
    for _ in 0..2 {
        assert_eq!(customer.header("/sell?1", "x-outcome").await, None);
    }
    let told = (2, Figures { exceptions: 4, conversions: 3 });
    assert_eq!(counted(&world, 5).await, told);
    world.restart().await;
    assert_eq!(counted(&world, 5).await, told);
}
