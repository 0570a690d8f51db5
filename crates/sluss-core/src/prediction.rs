//! Prediction: how long a rollout will take, so that none is begun which a window would interrupt.
//!
//! # How it is computed
//!
//! The upper median of the last five rollouts of the service into that environment that went live,
//! from their start to all traffic, and no less than a block of evidence for each share that is
//! judged. Where none did, the plan's own bound: the deadline of each such share.

use crate::deployment::Deployment;
use crate::ids::DeploymentId;
use crate::pipeline::Replacement;
use crate::state::State;

/// How many rollouts of the past are looked at.
pub const LOOKED_BACK: usize = 5;

impl State {
    /// Returns how many milliseconds the rollout of `id` is taken to last; nothing where `id` is
    /// not known.
    pub fn predicted_ms(&self, id: DeploymentId) -> Option<i64> {
        let deployment = self.deployments.get(&id)?;
        let place = self.place(&deployment.service, &deployment.environment);
        let beside = place.is_some_and(|place| place.live.is_some());
        let (least, most) = match &deployment.stage.replacement {
            Replacement::AtOnce => (0, 0),
            Replacement::Progressive(plan) => {
                let legs = if beside { plan.shares.len().saturating_sub(1) } else { 1 };
                let legs = i64::try_from(legs).unwrap_or(i64::MAX);
                let of = |seconds: u32| legs.saturating_mul(i64::from(seconds) * 1000);
                (of(plan.block_seconds), of(plan.deadline_seconds))
            }
        };
        let took = |of: &Deployment| Some(of.live?.since(of.started?)).filter(|took| *took >= 0);
        let there = |of: &&Deployment| {
            of.service == deployment.service && of.environment == deployment.environment
        };
        let earlier = self.deployments.range(..id).rev().map(|(_, of)| of).filter(there);
        let mut last: Vec<i64> = earlier.filter_map(took).take(LOOKED_BACK).collect();
        last.sort_unstable();
        Some(last.get(last.len() / 2).map_or(most, |median| (*median).max(least)))
    }
}
