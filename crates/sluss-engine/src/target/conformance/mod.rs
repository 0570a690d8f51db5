//! What every target must do: named checks, for whatever can be stood on.
//!
//! The tests of the host run them against real processes; here they run against a target in memory,
//! whose faults show that each check can fail.

mod memory;

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use sluss_core::ids::ReleaseId;
use sluss_core::target::{
    Applied, Arm, ArmStatus, CounterRow, Desired, JournalEntry, Lease, RouteKey, RouteStatus,
    Traffic,
};
use sluss_core::units::Share;
use tokio::time::{Instant, sleep};

use super::Target;

/// What a check stands on: a target of its own, with releases to run and customers to ask.
#[async_trait]
pub(crate) trait Ground: Send + Sync {
    /// Returns the target.
    fn target(&self) -> &dyn Target;

    /// Returns the route that the check may use.
    fn key(&self) -> RouteKey;

    /// Returns a release that behaves like this.
    fn arm(&self, release: u64, percent: u16, manner: Manner) -> Arm;

    /// Asks as a customer.
    async fn ask(&self, ask: Ask) -> Answer;

    /// Returns how long to wait for what must come.
    fn patience(&self) -> Duration;
}

/// How a release behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    Good,
    /// Answers every payment 500.
    Fails,
    NeverReady,
    EndsAtOnce,
}

/// What a customer asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Which release it is.
    Name,
    /// A payment, perhaps with the value of the header [`UNIT`].
    Pay(Option<String>),
    /// Which release it is, after a time in milliseconds.
    Slow(u64),
}

/// What a customer is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Zero if nothing came.
    pub(crate) status: u16,
    /// What a release said of itself, such as `rel-1`.
    pub(crate) text: String,
}

/// The header that names a unit.
pub(crate) const UNIT: &str = "idempotency-key";

/// One thing that every target must do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Check {
    AnOlderGenerationChangesNothing,
    OnlyReadyInstancesAreAsked,
    SharesAreKept,
    SharesHoldAtOnce,
    EveryRequestIsCounted,
    RetriesAreCountedApart,
    WhatIsInFlightIsFinished,
    ALeaseLapses,
    ARenewedLeaseLasts,
    ExitsAreTold,
    TheJournalIsNumbered,
    ARouteIsTakenDown,
}

impl Check {
    pub(crate) const ALL: [Self; 12] = [
        Self::AnOlderGenerationChangesNothing,
        Self::OnlyReadyInstancesAreAsked,
        Self::SharesAreKept,
        Self::SharesHoldAtOnce,
        Self::EveryRequestIsCounted,
        Self::RetriesAreCountedApart,
        Self::WhatIsInFlightIsFinished,
        Self::ALeaseLapses,
        Self::ARenewedLeaseLasts,
        Self::ExitsAreTold,
        Self::TheJournalIsNumbered,
        Self::ARouteIsTakenDown,
    ];

    /// Runs the check on a ground that nothing was asked of yet; says what is wrong.
    pub(crate) async fn run(self, ground: &dyn Ground) -> Result<(), String> {
        let suite = Suite { ground };
        match self {
            Self::AnOlderGenerationChangesNothing => suite.generations().await,
            Self::OnlyReadyInstancesAreAsked => suite.readiness().await,
            Self::SharesAreKept => suite.shares().await,
            Self::SharesHoldAtOnce => suite.at_once().await,
            Self::EveryRequestIsCounted => suite.counts().await,
            Self::RetriesAreCountedApart => suite.retries().await,
            Self::WhatIsInFlightIsFinished => suite.drains().await,
            Self::ALeaseLapses => suite.lapses().await,
            Self::ARenewedLeaseLasts => suite.lasts().await,
            Self::ExitsAreTold => suite.exits().await,
            Self::TheJournalIsNumbered => suite.journal().await,
            Self::ARouteIsTakenDown => suite.taken_down().await,
        }
    }
}

struct Suite<'g> {
    ground: &'g dyn Ground,
}

impl Suite<'_> {
    fn good(&self, release: u64, percent: u16) -> Arm {
        self.ground.arm(release, percent, Manner::Good)
    }

    fn desired(&self, generation: u64, arms: Vec<Arm>) -> Desired {
        Desired { arms, ..Desired::nothing(self.ground.key(), generation) }
    }

    async fn put(&self, desired: &Desired) -> Result<Applied, String> {
        self.ground.target().apply(desired).await.map_err(|error| format!("{error:?}"))
    }

    async fn want(&self, generation: u64, arms: Vec<Arm>) -> Result<(), String> {
        let applied = self.put(&self.desired(generation, arms)).await?;
        same("a newer generation", &applied, &Applied::Accepted)
    }

    async fn route(&self) -> Result<Option<RouteStatus>, String> {
        let status = self.ground.target().status().await.map_err(|error| format!("{error:?}"))?;
        Ok(status.into_iter().find(|route| route.key == self.ground.key()))
    }

    async fn arm(&self, release: u64) -> Result<Option<ArmStatus>, String> {
        let arms = self.route().await?.map(|route| route.arms).unwrap_or_default();
        Ok(arms.into_iter().find(|arm| arm.release == ReleaseId(release)))
    }

    async fn rows(&self) -> Result<Vec<CounterRow>, String> {
        let rows = self.ground.target().counters(&self.ground.key(), 0).await;
        rows.map_err(|error| format!("{error:?}"))
    }

    async fn until(
        &self,
        what: &str,
        mut met: impl AsyncFnMut() -> Result<bool, String>,
    ) -> Result<(), String> {
        let began = Instant::now();
        while !met().await? {
            if began.elapsed() > self.ground.patience() {
                return Err(format!("never: {what}"));
            }
            sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    async fn ready(&self, release: u64) -> Result<(), String> {
        self.until(&format!("rel-{release} is ready and the port open"), async || {
            use sluss_core::target::InstanceState::Ready;
            let arm = self.arm(release).await?;
            let ready = arm.is_some_and(|a| a.instances.iter().any(|i| i.state == Ready));
            Ok(ready && self.route().await?.is_some_and(|route| route.port.is_some()))
        })
        .await
    }

    async fn names(&self, count: u32) -> Result<BTreeMap<String, u32>, String> {
        let mut names = BTreeMap::new();
        for _ in 0..count {
            let answer = self.ground.ask(Ask::Name).await;
            same("the status", &answer.status, &200)?;
            *names.entry(answer.text).or_default() += 1;
        }
        Ok(names)
    }

    async fn generations(&self) -> Result<(), String> {
        let newer = self.desired(5, vec![self.good(1, 100)]);
        same("the first", &self.put(&newer).await?, &Applied::Accepted)?;
        let stale = Applied::Stale { has: 5 };
        same("an older one", &self.put(&self.desired(4, Vec::new())).await?, &stale)?;
        same("the same", &self.put(&newer).await?, &Applied::Accepted)?;
        let other = self.desired(5, vec![self.good(2, 100)]);
        same("the same with other content", &self.put(&other).await?, &stale)?;
        let route = self.route().await?.ok_or("the route is gone")?;
        same("the generation", &route.generation, &5)
    }

    async fn readiness(&self) -> Result<(), String> {
        let never = self.ground.arm(2, 50, Manner::NeverReady);
        self.want(1, vec![self.good(1, 50), never]).await?;
        self.ready(1).await?;
        same("who answers", &self.names(60).await?, &BTreeMap::from([("rel-1".to_owned(), 60)]))?;
        let effective = self.arm(2).await?.map(|arm| arm.effective);
        same("the effective share", &effective, &Some(Share::NONE))
    }

    async fn shares(&self) -> Result<(), String> {
        self.want(1, vec![self.good(1, 80), self.good(2, 20)]).await?;
        self.ready(1).await?;
        self.ready(2).await?;
        let names = self.names(400).await?;
        // Five standard deviations of 400 draws at 20 %.
        let candidate = names.get("rel-2").copied().unwrap_or(0);
        within("requests of the candidate", candidate, 40..=120)
    }

    async fn at_once(&self) -> Result<(), String> {
        self.want(1, vec![self.good(1, 100), self.good(2, 0)]).await?;
        self.ready(1).await?;
        self.ready(2).await?;
        for generation in 2..6 {
            let (share, name) = if generation % 2 == 0 { (100, "rel-2") } else { (0, "rel-1") };
            self.want(generation, vec![self.good(1, 100 - share), self.good(2, share)]).await?;
            let names = self.names(5).await?;
            same("who answers", &names, &BTreeMap::from([(name.to_owned(), 5)]))?;
        }
        Ok(())
    }

    async fn counts(&self) -> Result<(), String> {
        self.want(1, vec![self.ground.arm(1, 100, Manner::Fails)]).await?;
        self.ready(1).await?;
        for _ in 0..10 {
            same("a failing payment", &self.ground.ask(Ask::Pay(None)).await.status, &500)?;
        }
        self.names(20).await?;
        let sum =
            |rows: &[CounterRow], of: fn(&CounterRow) -> u64| rows.iter().map(of).sum::<u64>();
        self.until("all are counted", async || {
            Ok(sum(&self.rows().await?, |row| row.requests) >= 30)
        })
        .await?;
        let rows = self.rows().await?;
        same("requests", &sum(&rows, |row| row.requests), &30)?;
        same("errors", &sum(&rows, |row| row.errors), &10)?;
        let binned = |row: &CounterRow| row.latency.iter().map(|(_, count)| count).sum::<u64>();
        same("durations", &sum(&rows, binned), &30)?;
        let parts = |row: &CounterRow| row.instances.iter().map(|part| part.requests).sum::<u64>();
        same("requests by instance", &sum(&rows, parts), &30)?;
        same("what is read again", &self.rows().await?, &rows)?;
        let last = rows.last().map_or(0, |row| row.second);
        let later = self.ground.target().counters(&self.ground.key(), last).await;
        same("what is after the last", &later.map_err(|e| e.to_string())?, &Vec::new())
    }

    async fn retries(&self) -> Result<(), String> {
        let mut desired = self.desired(1, vec![self.good(1, 100)]);
        desired.traffic = Traffic { unit: UNIT.parse().ok(), ..Traffic::default() };
        same("the wish", &self.put(&desired).await?, &Applied::Accepted)?;
        self.ready(1).await?;
        for unit in 0..10 {
            for _ in 0..3 {
                let paid = self.ground.ask(Ask::Pay(Some(format!("unit-{unit}")))).await;
                same("a payment", &paid.status, &200)?;
            }
        }
        let sums = async || {
            let rows = self.rows().await?;
            let sum = |of: fn(&CounterRow) -> u64| rows.iter().map(of).sum::<u64>();
            Ok::<_, String>((sum(|row| row.requests), sum(|row| row.retries)))
        };
        self.until("all are counted", async || {
            sums().await.map(|(requests, retries)| requests + retries >= 30)
        })
        .await?;
        same("requests and retries", &sums().await?, &(10, 20))
    }

    async fn drains(&self) -> Result<(), String> {
        self.want(1, vec![self.good(1, 100)]).await?;
        self.ready(1).await?;
        let shift = async {
            // If this is too early, the next release answers, which is right too.
            sleep(Duration::from_millis(50)).await;
            self.want(2, vec![self.good(2, 100)]).await
        };
        let (slow, shifted) = tokio::join!(self.ground.ask(Ask::Slow(500)), shift);
        shifted?;
        same("the slow request", &slow.status, &200)?;
        self.until("the first release is gone", async || Ok(self.arm(1).await?.is_none())).await?;
        same("who answers", &self.names(5).await?, &BTreeMap::from([("rel-2".to_owned(), 5)]))
    }

    async fn leased(&self, lasts_ms: u32) -> Result<(), String> {
        let mut desired = self.desired(1, vec![self.good(1, 50), self.good(2, 50)]);
        desired.lease = Some(Lease { candidate: ReleaseId(2), lasts_ms: 60_000 });
        same("the wish", &self.put(&desired).await?, &Applied::Accepted)?;
        self.ready(1).await?;
        self.ready(2).await?;
        desired.generation = 2;
        desired.lease = Some(Lease { candidate: ReleaseId(2), lasts_ms });
        same("the wish", &self.put(&desired).await?, &Applied::Accepted)
    }

    async fn lapsed(&self) -> Result<bool, String> {
        Ok(self.arm(2).await?.is_some_and(|arm| arm.share == Share::NONE))
    }

    async fn lapses(&self) -> Result<(), String> {
        self.leased(100).await?;
        self.until("the candidate has no share", async || self.lapsed().await).await?;
        same("who answers", &self.names(20).await?, &BTreeMap::from([("rel-1".to_owned(), 20)]))?;
        self.until("the journal says so", async || {
            let rows = self.ground.target().journal(0).await.map_err(|e| e.to_string())?;
            Ok(rows.iter().any(|row| row.what == JournalEntry::Lapsed && row.release.0 == 2))
        })
        .await?;
        let renewed = self.ground.target().renew(&self.ground.key(), 2).await;
        if renewed.is_ok() { Err("a lapsed lease was renewed".to_owned()) } else { Ok(()) }
    }

    async fn lasts(&self) -> Result<(), String> {
        self.leased(2_000).await?;
        let target = self.ground.target();
        for _ in 0..25 {
            let renewed = target.renew(&self.ground.key(), 2).await.map_err(|e| e.to_string())?;
            same("a renewal", &renewed, &Applied::Accepted)?;
            sleep(Duration::from_millis(100)).await;
        }
        same("whether it lapsed", &self.lapsed().await?, &false)?;
        let older = target.renew(&self.ground.key(), 1).await.map_err(|e| e.to_string())?;
        same("an older renewal", &older, &Applied::Stale { has: 2 })
    }

    async fn exits(&self) -> Result<(), String> {
        let ends = self.ground.arm(2, 0, Manner::EndsAtOnce);
        self.want(1, vec![self.good(1, 100), ends]).await?;
        self.until("an exit is counted", async || {
            Ok(self.arm(2).await?.is_some_and(|arm| arm.recent_exits > 0))
        })
        .await?;
        self.until("the journal says so", async || {
            let rows = self.ground.target().journal(0).await.map_err(|e| e.to_string())?;
            let exited = |what: &JournalEntry| matches!(what, JournalEntry::Exited { .. });
            Ok(rows.iter().any(|row| row.release.0 == 2 && exited(&row.what)))
        })
        .await
    }

    async fn journal(&self) -> Result<(), String> {
        self.want(1, vec![self.good(1, 100)]).await?;
        self.ready(1).await?;
        let target = self.ground.target();
        self.until("it was started and ready", async || {
            Ok(target.journal(0).await.map_err(|error| error.to_string())?.len() >= 2)
        })
        .await?;
        let rows = target.journal(0).await.map_err(|error| error.to_string())?;
        let numbers: Vec<u64> = rows.iter().map(|row| row.number).collect();
        let expected: Vec<u64> = (1..).take(numbers.len()).collect();
        same("the numbers", &numbers, &expected)?;
        let after = target.journal(1).await.map_err(|error| error.to_string())?;
        same("what is after the first", &after.first(), &rows.get(1))
    }

    async fn taken_down(&self) -> Result<(), String> {
        self.want(1, vec![self.good(1, 100)]).await?;
        self.ready(1).await?;
        self.want(2, Vec::new()).await?;
        self.until("the route is gone", async || Ok(self.route().await?.is_none())).await?;
        let answer = self.ground.ask(Ask::Name).await;
        if answer.status == 200 { Err("someone still answers".to_owned()) } else { Ok(()) }
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, expected: &T) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    Err(format!("{what}: {found:?} instead of {expected:?}"))
}

fn within(what: &str, found: u32, expected: std::ops::RangeInclusive<u32>) -> Result<(), String> {
    if expected.contains(&found) {
        return Ok(());
    }
    Err(format!("{what}: {found} is not within {expected:?}"))
}
