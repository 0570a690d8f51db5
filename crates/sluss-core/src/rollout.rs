//! A rollout moves traffic from the incumbent release to the candidate, one judged share at a time.
//!
//! Pure: it is told the time and what was observed. **This is where a rollback by evidence is
//! decided**: [`Rollout::judge`].
//!
//! # Invariants
//!
//! - The candidate's share never grows without a verdict in its favour.
//! - A verdict against it takes its share to zero in the same append.
//! - What is wanted depends on the state alone, so it is the same after a crash.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::deployment::{Cause, HoldReason};
use crate::figures::Figures;
use crate::ids::DeploymentId;
use crate::pipeline::Replacement;
use crate::probe::Probed;
use crate::target::InstanceRow;
use crate::units::{Millis, Quarter, Share};

/// What one arm did in some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Requests that ended.
    pub requests: u64,
    /// Of these, how many failed.
    pub errors: u64,
}

impl Counts {
    /// Returns both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { requests: self.requests + other.requests, errors: self.errors + other.errors }
    }
}

/// What one arm did in some time beyond its counts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Detail {
    /// Durations as (bin, count); bin k holds up to `2^((k+1)/4)` ms.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub latency: Vec<(u8, u64)>,
    /// Later attempts of units that were counted before.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub retries: u64,
    /// The requests by instance, where it has several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub instances: Vec<InstanceRow>,
    /// What came back of probes, which are no customers' requests.
    #[serde(default, skip_serializing_if = "Probed::is_empty")]
    pub probes: Probed,
    /// What its answers said of transactions.
    #[serde(default, skip_serializing_if = "Figures::is_empty")]
    pub figures: Figures,
}

fn is_first(quarter: &u8) -> bool {
    *quarter == 0
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Detail {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// How often requests fail.
    Errors,
    /// How long answers take.
    Latency,
    /// How many exceptions its answers tell of.
    Exceptions,
    /// How many requests come to their commercial end.
    Conversion,
}

/// One row of evidence: a second, or a quarter of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observation {
    /// The second, since 1970-01-01 UTC.
    pub second: i64,
    /// Which quarter of it, from 0, where rows are as short (see [`RolloutPlan::quarters`]).
    #[serde(default, skip_serializing_if = "is_first")]
    pub quarter: u8,
    /// The share that the candidate was configured to get.
    pub share: Share,
    /// What the incumbent did.
    pub incumbent: Counts,
    /// What the candidate did.
    pub candidate: Counts,
    /// What else the incumbent did.
    #[serde(default, skip_serializing_if = "Detail::is_empty")]
    pub incumbent_detail: Detail,
    /// What else the candidate did.
    #[serde(default, skip_serializing_if = "Detail::is_empty")]
    pub candidate_detail: Detail,
}

impl Observation {
    /// Returns a second of which only the counts are known.
    pub fn new(second: i64, share: Share, incumbent: Counts, candidate: Counts) -> Self {
        let (incumbent_detail, candidate_detail) = Default::default();
        let quarter = 0;
        Self { second, quarter, share, incumbent, candidate, incumbent_detail, candidate_detail }
    }

    /// Returns the quarter of a second in which the row begins.
    pub fn begins(&self) -> Quarter {
        Quarter::of(self.second, self.quarter)
    }
}

/// What the evidence says of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case", deny_unknown_fields)]
pub enum Verdict {
    /// Proven to be not worse than the tolerance.
    Favourable,
    /// Worse than the incumbent.
    Unfavourable,
    /// Neither, so far.
    Undecided {
        /// About how many more requests a proof in its favour needs.
        needs_requests: Option<u64>,
    },
    /// Nothing came back from it.
    NoData {
        /// For how many seconds.
        seconds: u32,
    },
}

/// What the statistics read from all observations so far, in micro-nats (10⁻⁶ of a natural
/// logarithm), so that folding gives the same bytes everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    /// Log evidence that it is worse.
    pub against_micronats: i64,
    /// Where that takes it back.
    pub against_at_micronats: i64,
    /// Log evidence that it is not worse than the tolerance, on this leg.
    pub favour_micronats: i64,
    /// Where that lets it go on.
    pub favour_at_micronats: i64,
    /// What follows.
    pub verdict: Verdict,
    /// Log evidence by errors alone that it is worse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errors_micronats: Option<i64>,
    /// Log evidence by latency alone that it is worse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_micronats: Option<i64>,
    /// In what it is worse, once it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worse_in: Option<Metric>,
    /// About how many seconds a proof in its favour needs at the traffic of this leg.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs_seconds: Option<u64>,
    /// The one instance of the candidate that alone is the reason for the evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lone_instance: Option<u16>,
    /// Whether probes were judged beside customers' requests, of which there were too few.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_probes: bool,
    /// Log evidence by exceptions alone that it is worse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exceptions_micronats: Option<i64>,
    /// Log evidence by conversion alone that it is worse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversion_micronats: Option<i64>,
}

impl Reading {
    /// Returns a reading of a verdict and its evidence in micro-nats, with where they decide.
    pub fn new(
        (against, against_at): (i64, i64),
        (favour, favour_at): (i64, i64),
        verdict: Verdict,
    ) -> Self {
        Self {
            against_micronats: against,
            against_at_micronats: against_at,
            favour_micronats: favour,
            favour_at_micronats: favour_at,
            verdict,
            errors_micronats: None,
            latency_micronats: None,
            worse_in: None,
            needs_seconds: None,
            lone_instance: None,
            by_probes: false,
            exceptions_micronats: None,
            conversion_micronats: None,
        }
    }
}

/// Where a rollout stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Phase {
    /// The candidate starts and gets no traffic.
    Baking {
        /// Since when.
        since: Millis,
    },
    /// The candidate has a share, and is judged.
    Judging {
        /// Which of the plan's shares, from 0.
        leg: usize,
        /// Since when it has that share.
        since: Millis,
    },
    /// The candidate keeps its share until a person decides.
    Held {
        /// Which of the plan's shares, from 0.
        leg: usize,
        /// Since when it is held.
        since: Millis,
        /// Why.
        why: HoldReason,
    },
}

/// A rollout under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollout {
    /// How the candidate takes over.
    pub plan: Replacement,
    /// What customers had before; nothing on the first deployment into an environment.
    pub incumbent: Option<DeploymentId>,
    /// Where it stands. (A deployment's phase, which holds this, is tagged `phase` itself.)
    #[serde(rename = "stands")]
    pub phase: Phase,
    /// When the candidate got its first share.
    pub first_share: Option<Millis>,
    /// When each share began that was judged.
    #[serde(default)]
    pub legs_begun: Vec<Millis>,
    /// All evidence so far.
    pub observations: Vec<Observation>,
    /// What was read from it last.
    pub reading: Option<Reading>,
    /// The windows of the calendar that keep it at its share.
    #[serde(default)]
    pub kept: Option<Kept>,
    /// When windows last kept it no more.
    #[serde(default)]
    pub let_go: Option<Millis>,
}

/// What keeps a rollout at its share that was under way when it began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "fields are the words of the domain")]
pub struct Kept {
    pub since: Millis,
    pub windows: Vec<String>,
    pub until: Option<Millis>,
}

/// What a rollout does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Nothing.
    Stay,
    /// The candidate gets the share of this leg.
    Shift {
        /// Which of the plan's shares, from 0.
        leg: usize,
        /// The share.
        share: Share,
    },
    /// The candidate gets all traffic, and the rollout is over.
    Live,
    /// The candidate gets no traffic, and the rollout is over.
    TakeBack(Cause),
    /// The candidate keeps its share and a person is called.
    Hold(HoldReason),
}

impl Rollout {
    /// Returns a rollout at its beginning.
    pub fn new(plan: Replacement, incumbent: Option<DeploymentId>, since: Millis) -> Self {
        let phase = Phase::Baking { since };
        Self {
            plan,
            incumbent,
            phase,
            first_share: None,
            legs_begun: Vec::new(),
            observations: Vec::new(),
            reading: None,
            kept: None,
            let_go: None,
        }
    }

    /// Returns the share that the candidate should have now.
    pub fn share(&self) -> Share {
        match &self.phase {
            Phase::Baking { .. } => Share::NONE,
            Phase::Judging { leg, .. } | Phase::Held { leg, .. } => self.leg_share(*leg),
        }
    }

    /// Returns the shares at which the candidate is judged, one after the other. Beside an
    /// incumbent these are the plan's, but for the last, which is all of the traffic. A first
    /// release has all of it from the beginning, and is judged by the plan's objectives.
    pub fn legs(&self) -> &[Share] {
        match (&self.plan, self.incumbent) {
            (Replacement::Progressive(plan), Some(_)) => {
                plan.shares.split_last().map_or(&[], |(_all, judged)| judged)
            }
            (Replacement::Progressive(_), None) => WHOLE,
            (Replacement::AtOnce, _) => &[],
        }
    }

    /// Returns how many seconds were observed, in whole or in part.
    pub fn seconds(&self) -> usize {
        let seconds: BTreeSet<i64> = self.observations.iter().map(|row| row.second).collect();
        seconds.len()
    }

    fn leg_share(&self, leg: usize) -> Share {
        self.legs().get(leg).copied().unwrap_or(Share::ALL)
    }

    /// Returns what comes after `leg`, or at the start: live is what has passed all legs.
    fn after(&self, leg: Option<usize>) -> Next {
        let next = leg.map_or(0, |leg| leg + 1);
        let shift = |share: &Share| Next::Shift { leg: next, share: *share };
        self.legs().get(next).map_or(Next::Live, shift)
    }

    /// Says what follows from the candidate being ready.
    pub fn ready(&self) -> Next {
        match &self.phase {
            Phase::Baking { .. } => self.after(None),
            Phase::Judging { .. } | Phase::Held { .. } => Next::Stay,
        }
    }

    /// Says what follows from a person letting a held rollout go on. Where it has all traffic and
    /// no proof came in time, whether it is live without one is what the person was asked.
    pub fn resume(&self) -> Next {
        match self.phase {
            Phase::Held { why: HoldReason::NoProofInTime, .. } if self.share() == Share::ALL => {
                Next::Live
            }
            Phase::Baking { .. } | Phase::Judging { .. } | Phase::Held { .. } => Next::Stay,
        }
    }

    /// Says what follows from the candidate not being ready for too long, whatever keeps it but a
    /// stop of the line or a window, which held it until `held`.
    pub fn bake(&self, now: Millis, held: Option<Millis>) -> Next {
        match &self.phase {
            Phase::Baking { since }
                if now.since(held.map_or(*since, |held| held.max(*since))) >= BAKING_MOST_MS =>
            {
                Next::TakeBack(Cause::NotReady)
            }
            Phase::Baking { .. } | Phase::Judging { .. } | Phase::Held { .. } => Next::Stay,
        }
    }

    /// Says what follows from a verdict.
    pub fn judge(&self, verdict: Verdict, now: Millis) -> Next {
        let Replacement::Progressive(plan) = &self.plan else { return Next::Stay };
        match (&self.phase, verdict) {
            (Phase::Baking { .. }, _) => Next::Stay,
            (Phase::Judging { .. } | Phase::Held { .. }, Verdict::Unfavourable) => {
                let compared = self.incumbent.is_some();
                Next::TakeBack(if compared { Cause::Verdict } else { Cause::Objectives })
            }
            // That nobody calls a service yet is no fault of its first release: a person is asked.
            (Phase::Judging { .. } | Phase::Held { .. }, Verdict::NoData { seconds })
                if seconds >= plan.silence_seconds && self.incumbent.is_some() =>
            {
                Next::TakeBack(Cause::Silence)
            }
            (Phase::Judging { leg, .. }, Verdict::Favourable) => self.after(Some(*leg)),
            (Phase::Judging { since, .. }, Verdict::Undecided { .. } | Verdict::NoData { .. })
                if now.since(*since) >= i64::from(plan.deadline_seconds) * 1000 =>
            {
                Next::Hold(HoldReason::NoProofInTime)
            }
            (Phase::Judging { .. }, Verdict::Undecided { .. } | Verdict::NoData { .. })
            | (
                Phase::Held { .. },
                Verdict::Favourable | Verdict::Undecided { .. } | Verdict::NoData { .. },
            ) => Next::Stay,
        }
    }
}

/// How long a candidate may take to be ready where customers reach it.
const BAKING_MOST_MS: i64 = 5 * 60 * 1000;
/// The one leg of a first release.
const WHOLE: &[Share] = &[Share::ALL];
