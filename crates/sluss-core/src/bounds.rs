//! The bounds of a rollout: how much traffic it may have while it is judged, and for how long.
//!
//! # Invariants
//!
//! - No rollout lasts longer than its legs' deadlines and one hold, unless a person lets it go on,
//!   the line is stopped, or a window of the calendar keeps it; each of these is an event.
//! - A pipeline whose rollout has no such bounds is refused when it is pushed.
//! - What is held and nobody decides over is taken back; where that is not possible, a person is
//!   asked again.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::approval::{Decision, Subject};
use crate::deployment::{Cause, HoldReason};
use crate::ids::{DeploymentId, PersonRef};
use crate::pipeline::Replacement;
use crate::rollout::{Next, Phase, Rollout};
use crate::state::State;
use crate::units::{Millis, Share};

/// For how long a rollout may be held before it ends without a decision: a day, in milliseconds.
pub const HELD_MOST_MS: i64 = 24 * 60 * 60 * 1000;

/// Why customers test a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case", deny_unknown_fields)]
pub enum TestedWhy {
    /// It is compared with what is live.
    Compared {
        /// Which deployment that is.
        with: DeploymentId,
    },
    /// Nothing is live there that it could be compared with: it is held to objectives.
    FirstRelease,
}

/// A rollout at its first share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RolloutStarted {
    /// Of which deployment.
    pub deployment: DeploymentId,
    /// Why customers test it.
    pub why: TestedWhy,
    /// The largest share that it has before it is proven.
    pub max_share: Share,
    /// How long that lasts at most, in milliseconds, without what a person decides, stops and
    /// windows.
    pub max_duration_ms: i64,
    /// Who agreed to it, where people were asked.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub approved_by: BTreeSet<PersonRef>,
}

/// The longest time for which a share may be judged: seven days, in seconds.
pub const JUDGED_MOST_SECONDS: u32 = 7 * 24 * 60 * 60;

impl Replacement {
    /// Returns whether what customers test of it is bounded: each share has its end, and the next
    /// one is larger.
    pub fn is_bounded(&self) -> bool {
        match self {
            Self::AtOnce => true,
            Self::Progressive(plan) => {
                let grows = plan.shares.windows(2).all(|two| two[0] < two[1]);
                let ends = (1..=JUDGED_MOST_SECONDS).contains(&plan.deadline_seconds);
                ends && grows && !plan.shares.is_empty()
            }
        }
    }
}

impl Rollout {
    /// Returns for how long it may be judged and held, in milliseconds, where people let it go on
    /// `resumed` times.
    pub fn most_ms(&self, resumed: u32) -> i64 {
        let deadline = match &self.plan {
            Replacement::Progressive(plan) => i64::from(plan.deadline_seconds) * 1000,
            Replacement::AtOnce => 0,
        };
        let legs = i64::try_from(self.legs().len()).unwrap_or(i64::MAX);
        let resumed = i64::from(resumed);
        let judged = deadline.saturating_mul(legs.saturating_add(resumed));
        judged.saturating_add(HELD_MOST_MS.saturating_mul(1 + resumed))
    }

    /// Says what follows from being held for too long; stops of the line and windows, which kept it
    /// until `kept`, do not count. `goes_back` says whether it can be taken back.
    pub fn hold_ends(&self, now: Millis, kept: Option<Millis>, goes_back: bool) -> Next {
        let Phase::Held { since, why, .. } = &self.phase else { return Next::Stay };
        let since = kept.map_or(*since, |kept| kept.max(*since));
        match (now.since(since) >= HELD_MOST_MS, why, self.incumbent) {
            (false, _, _) => Next::Stay,
            (true, HoldReason::NoProofInTime | HoldReason::ByHand, Some(_)) if goes_back => {
                Next::TakeBack(Cause::HeldTooLong)
            }
            (true, why, _) => Next::Hold(*why),
        }
    }
}

/// Returns what is said when the rollout of `id` gets its first share.
pub(crate) fn started(state: &State, id: DeploymentId, rollout: &Rollout) -> RolloutStarted {
    let why = match rollout.incumbent {
        Some(with) => TestedWhy::Compared { with },
        None => TestedWhy::FirstRelease,
    };
    let request = state.requests.get(&Subject::Deployment(id));
    let granted = request.filter(|of| matches!(of.decision, Decision::Granted { .. }));
    let agreed = granted.into_iter().flat_map(|of| of.agreed.iter());
    RolloutStarted {
        deployment: id,
        why,
        max_share: rollout.legs().iter().copied().max().unwrap_or(Share::ALL),
        max_duration_ms: rollout.most_ms(0),
        approved_by: agreed.map(|(who, _)| who.clone()).collect(),
    }
}
