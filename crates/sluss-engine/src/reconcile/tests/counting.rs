//! Customers' requests are counted into the log, each once, whatever is killed meanwhile.

use sluss_core::budget::TrafficCounted;
use sluss_core::deployment::Phase;
use sluss_core::event::Event;
use sluss_core::rollout::Counts;

use super::super::traffic::Counter;
use super::*;
use crate::engine::read_event;

/// A target in memory that counts as a test tells it to, and forgets after a quarter of an hour.
struct Busy {
    clock: Arc<ManualClock>,
    rows: Mutex<Vec<CounterRow>>,
    refused: Mutex<u64>,
}

impl Busy {
    fn key() -> RouteKey {
        RouteKey { service: "pay".parse().unwrap(), environment: "production".parse().unwrap() }
    }

    /// A second in which so many requests ended, and a tenth of them failed.
    fn serves(&self, second: i64, requests: u64) {
        let row = CounterRow {
            second,
            quarter: 2,
            release: ReleaseId(1),
            requests,
            errors: requests / 10,
            latency: Vec::new(),
            retries: 7,
            failed_retries: 7,
            probes: Default::default(),
            figures: Default::default(),
            instances: Vec::new(),
        };
        self.rows.lock().unwrap().push(row);
    }
}

#[async_trait]
impl Target for Busy {
    async fn apply(&self, _: &Desired) -> Result<Applied, TargetError> {
        Ok(Applied::Accepted)
    }

    async fn status(&self) -> Result<Vec<RouteStatus>, TargetError> {
        Ok(vec![RouteStatus {
            key: Self::key(),
            generation: 1,
            port: Some(1),
            arms: Vec::new(),
            problem: None,
            unserved: *self.refused.lock().unwrap(),
            shed: 1,
            sticky: false,
        }])
    }

    async fn counters(&self, _: &RouteKey, after: i64) -> Result<Vec<CounterRow>, TargetError> {
        let oldest = self.clock.now().second() - 15 * 60;
        let rows = self.rows.lock().unwrap();
        let kept = rows.iter().filter(|row| row.second > after && row.second > oldest);
        Ok(kept.cloned().collect())
    }

    async fn renew(&self, _: &RouteKey, _: u64) -> Result<Applied, TargetError> {
        Ok(Applied::Accepted)
    }

    async fn journal(&self, _: u64) -> Result<Vec<JournalRow>, TargetError> {
        Ok(Vec::new())
    }
}

impl Bank {
    /// A bank whose first release is live.
    async fn live() -> (Self, Arc<Busy>) {
        let bank = Self::open().await;
        let deployment = bank.release(0).await;
        bank.engine.report(Command::Ready { deployment }).await.unwrap();
        assert!(matches!(bank.engine.state().deployments[&deployment].phase, Phase::Live { .. }));
        let (clock, refused) = (Arc::clone(&bank.clock), Mutex::new(0));
        (bank, Arc::new(Busy { clock, rows: Mutex::default(), refused }))
    }

    async fn counted(&self) -> Vec<TrafficCounted> {
        let all = self.engine.parts().log.read(0, 10_000).await.unwrap();
        let read = all.iter().map(|sealed| read_event(sealed).unwrap().1);
        let counted = read.filter_map(|event| match event {
            Event::TrafficCounted(counted) => Some(counted),
            _other => None,
        });
        counted.collect()
    }
}

#[tokio::test]
async fn every_request_is_counted_once_also_when_who_counts_is_killed_at_any_time() {
    let (bank, target) = Bank::live().await;
    let mut counter = Counter::new(bank.engine.clone(), target.clone());
    let begin = bank.engine.now().second();
    let (mut served, mut failed) = (0, 0);
    for second in 0..1_500 {
        let requests = 10 * (second as u64 % 7);
        target.serves(begin + second, requests);
        (served, failed) = (served + requests, failed + requests / 10);
        bank.clock.advance(1_000);
        if second % 97 == 0 {
            // What was read and not recorded is gone with it.
            counter = Counter::new(bank.engine.clone(), target.clone());
        }
        if second % 5 == 0 {
            counter.once().await.unwrap();
        }
    }
    bank.clock.advance(300_000);
    counter.once().await.unwrap();
    let counted = bank.counted().await;
    let sum = counted.iter().fold(Counts::default(), |all, one| {
        all.and(Counts { requests: one.requests, errors: one.errors })
    });
    assert_eq!(sum, Counts { requests: served, errors: failed });
    for pair in counted.windows(2) {
        assert_eq!(pair[1].after, pair[0].until, "nothing lies between two periods");
        assert!(pair[1].until - pair[0].until >= 300, "{pair:?}");
    }
    assert!(counted.len() <= 6, "a row every five minutes: {}", counted.len());
    let known = bank.engine.state().counted_in(&Busy::key()).unwrap().clone();
    let hours = known.hours.values().fold(Counts::default(), |all, one| all.and(*one));
    assert_eq!(hours, sum, "the fold says the same");
}

#[tokio::test]
async fn what_the_host_refused_has_failed_also_across_its_restart() {
    let (bank, target) = Bank::live().await;
    let mut counter = Counter::new(bank.engine.clone(), target.clone());
    // Before anything was counted, customers met a service that was not there yet.
    *target.refused.lock().unwrap() = 50;
    let mut refused = Vec::new();
    for so_far in [50, 90, 5] {
        *target.refused.lock().unwrap() = so_far;
        target.serves(bank.engine.now().second(), 1);
        bank.clock.advance(310_000);
        counter.once().await.unwrap();
        refused.push(bank.counted().await.last().unwrap().refused);
    }
    assert_eq!(refused, [0, 40, 6], "a host that was started again counts from nothing");
    // Nothing but refusals is an outage, and no silence.
    *target.refused.lock().unwrap() = 105;
    bank.clock.advance(310_000);
    counter.once().await.unwrap();
    let last = bank.counted().await.pop().unwrap();
    assert_eq!((last.requests, last.refused), (0, 100));
}

#[tokio::test]
async fn a_quiet_service_says_nothing_into_the_log() {
    let (bank, target) = Bank::live().await;
    let mut counter = Counter::new(bank.engine.clone(), target.clone());
    for _ in 0..4 {
        bank.clock.advance(310_000);
        counter.once().await.unwrap();
    }
    assert_eq!(bank.counted().await, []);
}
