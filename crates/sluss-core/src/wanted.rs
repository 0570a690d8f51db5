//! What should be happening now, as a function of the state alone.
//!
//! The engine compares this with what is happening, starts what is missing and stops what is no
//! longer wanted. After a crash the same state wants the same things.

use crate::deployment::{Deployment, Phase};
use crate::ids::{DeploymentId, ReleaseId, RunId, StepName};
use crate::state::{Place, RunEnd, State};
use crate::steps::StepOwner;
use crate::target::RouteKey;
use crate::units::Share;

/// One attempt of one step.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptKey {
    /// Whose step.
    pub owner: StepOwner,
    /// Which step.
    pub step: StepName,
    /// Which attempt, from 1.
    pub attempt: u16,
}

/// One release as part of what a place should serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedArm {
    /// By which deployment.
    pub deployment: DeploymentId,
    /// Which release.
    pub release: ReleaseId,
    /// Its share.
    pub share: Share,
}

/// What a place should serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedRoute {
    /// Which place.
    pub key: RouteKey,
    /// The position of the event that made it so.
    pub generation: u64,
    /// The releases.
    pub arms: Vec<WantedArm>,
    /// The candidate of a rollout that is being judged, which loses its share when nobody watches.
    pub watched: Option<ReleaseId>,
}

impl State {
    /// Returns the attempts that may be claimed now, oldest run first.
    pub fn claimable(&self) -> Vec<AttemptKey> {
        let claims = |owner: StepOwner| {
            let startable = self.steps(owner).map(|steps| steps.startable(self.definitions(owner)));
            startable.into_iter().flatten().map(move |(step, attempt)| AttemptKey {
                owner,
                step,
                attempt,
            })
        };
        let runs = self.open.runs.iter().map(|run| StepOwner::Run(*run));
        self.accepting().into_iter().chain(runs).flat_map(claims).collect()
    }

    /// Returns the attempts that were claimed and have no outcome.
    pub fn claimed(&self) -> Vec<AttemptKey> {
        let running = |owner: StepOwner| {
            let running = self.steps(owner).map(crate::steps::Steps::running);
            running.into_iter().flatten().map(move |(step, attempt)| AttemptKey {
                owner,
                step,
                attempt,
            })
        };
        let runs = self.open.runs.iter().map(|run| StepOwner::Run(*run));
        self.accepting().into_iter().chain(runs).flat_map(running).collect()
    }

    /// Returns the deployments whose acceptance steps may run.
    fn accepting(&self) -> Vec<StepOwner> {
        let live = |id: &&DeploymentId| {
            self.deployments.get(id).is_some_and(|d| matches!(d.phase, Phase::Live { .. }))
        };
        self.open.deployments.iter().filter(live).map(|id| StepOwner::Deployment(*id)).collect()
    }

    /// Returns the runs whose outputs should be packed into a release.
    pub fn to_pack(&self) -> Vec<RunId> {
        let wants = |(_, run): &(&RunId, &crate::state::Run)| {
            run.ended.is_some_and(|(_, end)| end == RunEnd::Succeeded)
                && run.release.is_none()
                && run.not_packed.is_none()
                && self.changes.get(&run.change).is_some_and(|change| {
                    change.push.trunk && !change.push.pipeline.deliver.is_empty()
                })
        };
        // A run is packed right after its end, so the newest are enough to look at.
        self.runs.iter().rev().take(200).filter(wants).map(|(id, _)| *id).collect()
    }

    /// Returns what every place should serve.
    pub fn routes(&self) -> Vec<WantedRoute> {
        let mut routes = Vec::new();
        for (service, of) in &self.services {
            for (environment, place) in &of.places {
                let (service, environment) = (service.clone(), environment.clone());
                let key = RouteKey { service, environment };
                routes.push(self.route(key, place));
            }
        }
        routes
    }

    fn route(&self, key: RouteKey, place: &Place) -> WantedRoute {
        let arm = |id: DeploymentId, share: Share| {
            let release = self.deployments.get(&id)?.release;
            Some(WantedArm { deployment: id, release, share })
        };
        let rolling = place.rolling.and_then(|id| {
            let deployment: &Deployment = self.deployments.get(&id)?;
            match &deployment.phase {
                Phase::RollingOut(rollout) => Some((id, rollout.share(), deployment.release)),
                _over => None,
            }
        });
        let share = rolling.map_or(Share::NONE, |(_, share, _)| share);
        let watched = rolling.filter(|(_, share, _)| *share > Share::NONE).map(|(.., id)| id);
        let arms = [
            place.live.and_then(|id| arm(id, share.rest())),
            rolling.and_then(|(id, share, _)| arm(id, share)),
            place.standby.and_then(|id| arm(id, Share::NONE)),
        ];
        let arms = arms.into_iter().flatten().collect();
        WantedRoute { key, generation: place.generation, arms, watched }
    }
}
