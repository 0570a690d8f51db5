//! Makes the target serve what the state wants, and reports what the target says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sluss_core::decide::Command;
use sluss_core::deployment::{Cause, Phase};
use sluss_core::ids::{DeploymentId, Digest, ReleaseId};
use sluss_core::observed;
use sluss_core::pipeline::{EnvironmentKind, Start};
use sluss_core::rollout;
use sluss_core::state::State;
use sluss_core::target::{
    Applied, Arm, Desired, InstanceState, JournalEntry, JournalRow, Lease, RouteKey, RouteStatus,
    Traffic,
};
use sluss_core::wanted::{WantedArm, WantedRoute};

use super::signal;
use crate::artifact;
use crate::engine::Engine;
use crate::failure::Failure;
use crate::target::{Target, TargetError};

const PERIOD: Duration = Duration::from_millis(250);
/// How long a lease lasts; it is renewed five times as often.
const LEASE_MS: u32 = 15_000;
/// Exits within a minute that take a candidate back.
const EXITS_MOST: u16 = 3;

/// How the target's routes stand, as last seen.
#[derive(Debug, Clone, Default)]
pub struct Ports {
    seen: Arc<Mutex<BTreeMap<RouteKey, RouteStatus>>>,
}

impl Ports {
    /// Returns the port of a route, if it is open.
    pub fn of(&self, key: &RouteKey) -> Option<u16> {
        self.status(key)?.port
    }

    /// Returns how a route stands, if the target has it.
    pub fn status(&self, key: &RouteKey) -> Option<RouteStatus> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// Waits for the port of a route.
    pub async fn wait(&self, key: &RouteKey, patience: Duration) -> Option<u16> {
        let found = async {
            loop {
                if let Some(port) = self.of(key) {
                    return port;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(patience, found).await.ok()
    }

    fn set(&self, routes: &[RouteStatus]) {
        let seen = routes.iter().map(|route| (route.key.clone(), route.clone())).collect();
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = seen;
    }
}

/// Makes the target serve what the state wants.
pub struct Router {
    engine: Engine,
    target: Arc<dyn Target>,
    ports: Ports,
    /// The last generation that the target confirmed, by this process's own asking.
    confirmed: BTreeMap<RouteKey, u64>,
    unpacking: Arc<Mutex<BTreeSet<Digest>>>,
    /// What keeps customers from a route, as last said.
    problems: BTreeMap<RouteKey, String>,
    journal: u64,
}

impl Router {
    /// Returns a router that also keeps `ports` true.
    pub fn new(engine: Engine, target: Arc<dyn Target>, ports: Ports) -> Self {
        let journal = {
            let state = engine.state();
            let facts = state.deployments.values().flat_map(|d| &d.facts);
            facts.map(|fact| fact.number).max().unwrap_or(0)
        };
        let (confirmed, unpacking, problems) = (BTreeMap::new(), Arc::default(), BTreeMap::new());
        Self { engine, target, ports, confirmed, unpacking, problems, journal }
    }

    /// Reconciles until Sluss stops.
    pub async fn run(mut self) {
        let mut changed = self.engine.changed();
        let mut reachable = true;
        loop {
            let now = match self.reconcile().await {
                Ok(()) => true,
                Err(error) => {
                    if reachable {
                        tracing::warn!(error = &error as &dyn std::error::Error, "no data plane");
                    }
                    false
                }
            };
            reachable = now;
            if !signal(&mut changed, PERIOD).await {
                return;
            }
        }
    }

    async fn reconcile(&mut self) -> Result<(), TargetError> {
        let (wanted, recorded) = self.engine.routes();
        for route in &wanted {
            self.apply(route, recorded).await?;
        }
        let status = self.target.status().await?;
        self.ports.set(&status);
        self.say_problems(&status);
        self.take_down(&wanted, &status).await?;
        self.listen(&status).await?;
        Ok(())
    }

    /// Asks for `route`. What the log does not say yet is asked for again until it does.
    async fn apply(&mut self, route: &WantedRoute, recorded: bool) -> Result<(), TargetError> {
        if self.confirmed.get(&route.key) == Some(&route.generation) {
            return Ok(());
        }
        let desired = match self.desired(route).await {
            Ok(Some(desired)) => desired,
            Ok(None) => return Ok(()),
            Err(failure) => {
                tracing::warn!(%failure, route = %route.key, "a route can't be made");
                return Ok(());
            }
        };
        match self.target.apply(&desired).await {
            Ok(Applied::Accepted) if !recorded => Ok(()),
            Ok(Applied::Accepted) => {
                self.confirmed.insert(route.key.clone(), route.generation);
                let (key, generation) = (route.key.clone(), route.generation);
                self.report(Command::Applied { key, generation }).await;
                Ok(())
            }
            Ok(Applied::Stale { has }) => {
                tracing::warn!(route = %route.key, has, "the target knows a later generation");
                Ok(())
            }
            Err(TargetError::Refused { what, hint }) => {
                tracing::warn!(route = %route.key, what, hint, "the target refused a route");
                Ok(())
            }
            Err(unreachable) => Err(unreachable),
        }
    }

    async fn report(&self, command: Command) {
        if let Err(failure) = self.engine.report(command).await {
            tracing::warn!(%failure, "what the target says could not be recorded");
        }
    }

    /// Returns the request for `route`; nothing while an artifact is still being unpacked.
    async fn desired(&self, route: &WantedRoute) -> Result<Option<Desired>, Failure> {
        let mut arms = Vec::new();
        let mut port = None;
        let mut traffic = Traffic::default();
        let mut most_in_flight = None;
        for wanted in &route.arms {
            let Some((start, digest, lasting)) = plan(&self.engine.state(), wanted) else {
                continue;
            };
            if !self.unpacked(&digest) {
                return Ok(None);
            }
            port = lasting.then_some(start.port);
            // The newest word: the candidate's during a rollout, the live release's otherwise.
            let is_newest = match route.watched {
                Some(candidate) => candidate == wanted.release,
                None => arms.is_empty(),
            };
            if is_newest {
                traffic = start.traffic.clone();
                most_in_flight = start.most_in_flight;
            }
            arms.push(self.arm(route, wanted, start, digest).await?);
        }
        let lease = |candidate| Lease { candidate, lasts_ms: LEASE_MS };
        Ok(Some(Desired {
            key: route.key.clone(),
            generation: route.generation,
            port,
            arms,
            lease: route.watched.map(lease),
            traffic,
            most_in_flight,
        }))
    }

    async fn arm(
        &self,
        route: &WantedRoute,
        wanted: &WantedArm,
        start: Start,
        digest: Digest,
    ) -> Result<Arm, Failure> {
        let known = self
            .engine
            .parts()
            .accounts
            .secrets(&route.key.service)
            .await
            .map_err(|error| Failure::upstream("The secrets could not be read", &error))?;
        let secrets = known.into_iter().filter(|(name, _)| start.secrets.contains(name)).collect();
        Ok(Arm {
            release: wanted.release,
            folder: self.folder(&digest),
            digest,
            command: start.command,
            environment: start.environment,
            secrets,
            instances: start.instances,
            share: wanted.share,
            readiness: start.readiness,
            drain_seconds: start.drain_seconds,
            limits: start.limits,
        })
    }

    fn folder(&self, digest: &Digest) -> std::path::PathBuf {
        self.engine.parts().data.join("unpacked").join(digest.as_str())
    }

    /// Returns whether the artifact is on the disk; starts unpacking it otherwise.
    fn unpacked(&self, digest: &Digest) -> bool {
        let folder = self.folder(digest);
        if folder.exists() {
            return true;
        }
        let mut unpacking = self.unpacking.lock().unwrap_or_else(PoisonError::into_inner);
        if unpacking.insert(digest.clone()) {
            let (engine, digest) = (self.engine.clone(), digest.clone());
            let unpacking = Arc::clone(&self.unpacking);
            tokio::task::spawn_blocking(move || {
                if let Err(error) = artifact::unpack(&digest, &engine.parts().blobs, &folder) {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, %digest, "an artifact could not be unpacked");
                }
                unpacking.lock().unwrap_or_else(PoisonError::into_inner).remove(&digest);
            });
        }
        false
    }

    /// Says once what keeps customers from a route, such as a port that is taken.
    fn say_problems(&mut self, status: &[RouteStatus]) {
        let problem = |route: &RouteStatus| Some((route.key.clone(), route.problem.clone()?));
        let problems: BTreeMap<_, _> = status.iter().filter_map(problem).collect();
        for (route, problem) in &problems {
            if self.problems.get(route) != Some(problem) {
                tracing::warn!(%route, "{problem}");
            }
        }
        self.problems = problems;
    }

    /// Takes down what nobody wants any more.
    async fn take_down(
        &mut self,
        wanted: &[WantedRoute],
        status: &[RouteStatus],
    ) -> Result<(), TargetError> {
        let gone = status.iter().filter(|route| wanted.iter().all(|w| w.key != route.key));
        for route in gone.filter(|route| route.arms.iter().any(|arm| !arm.instances.is_empty())) {
            let generation = self.engine.state().size.max(route.generation + 1);
            let key = route.key.clone();
            if self.confirmed.contains_key(&key) || route.port.is_some() {
                self.confirmed.remove(&key);
                self.target.apply(&Desired::nothing(key, generation)).await?;
            }
        }
        Ok(())
    }

    /// Reports what the target says of candidates and of what its processes did.
    async fn listen(&mut self, status: &[RouteStatus]) -> Result<(), TargetError> {
        let commands: Vec<Command> = {
            let state = self.engine.state();
            let of = |route: &RouteStatus| candidate(&state, route);
            status.iter().filter_map(of).collect()
        };
        let seen = found(&self.engine.state(), status);
        for command in commands.into_iter().chain(seen) {
            self.report(command).await;
        }
        for row in self.target.journal(self.journal).await? {
            self.journal = self.journal.max(row.number);
            let deployment = deployment_of(&self.engine.state(), &row);
            if let Some(deployment) = deployment {
                let lapsed = row.what == JournalEntry::Lapsed;
                self.report(Command::Instance { deployment, row }).await;
                if lapsed {
                    let cause = Cause::LeaseLapsed;
                    self.report(Command::Fail { deployment, cause }).await;
                }
            }
        }
        Ok(())
    }
}

/// Returns how the release of `wanted` is started, its artifact, and whether its place stays.
fn plan(state: &State, wanted: &WantedArm) -> Option<(Start, Digest, bool)> {
    let deployment = state.deployments.get(&wanted.deployment)?;
    let start = state.pipeline_of(wanted.release)?.start.clone()?;
    let artifacts = &state.releases.get(&wanted.release)?.artifacts;
    let digest = artifacts.iter().find(|a| a.name == start.artifact)?.digest.clone();
    let lasting = match deployment.stage.kind {
        EnvironmentKind::Lasting => true,
        EnvironmentKind::Ephemeral => false,
    };
    Some((start, digest, lasting))
}

/// Returns what follows from how the candidate of a route stands.
fn candidate(state: &State, route: &RouteStatus) -> Option<Command> {
    let place = state.place(&route.key.service, &route.key.environment)?;
    let deployment = place.rolling?;
    let release = state.deployments.get(&deployment)?.release;
    let Phase::RollingOut(rollout) = &state.deployments.get(&deployment)?.phase else {
        return None;
    };
    if route.generation < place.generation {
        return None;
    }
    let arm = route.arms.iter().find(|arm| arm.release == release)?;
    if arm.recent_exits >= EXITS_MOST {
        return Some(Command::Fail { deployment, cause: Cause::Crashes });
    }
    if arm.failed_starts > 0 {
        return Some(Command::Fail { deployment, cause: Cause::NotReady });
    }
    let ready = !arm.instances.is_empty()
        && arm.instances.iter().all(|instance| instance.state == InstanceState::Ready);
    let baking = matches!(rollout.phase, rollout::Phase::Baking { .. });
    // Ready, but where no customer gets: its port is taken.
    let reached = route.problem.is_none();
    (baking && ready && reached).then_some(Command::Ready { deployment })
}

/// Returns what runs by the target's own answer, where that is another than the log says; also
/// that nothing runs any more where something did.
pub(crate) fn found(state: &State, status: &[RouteStatus]) -> Vec<Command> {
    let mut commands = Vec::new();
    for route in status {
        // A target that does not say what runs is no evidence of anything.
        let Some(running) = observed::running(route) else { continue };
        let known = state.observed_in(&route.key).map(|seen| &seen.running);
        if known.map_or(!running.is_empty(), |known| *known != running) {
            commands.push(Command::Found { key: route.key.clone(), running });
        }
    }
    for (service, places) in &state.observed {
        for (environment, seen) in places {
            let key = RouteKey { service: service.clone(), environment: environment.clone() };
            let gone = status.iter().all(|route| route.key != key);
            if gone && !seen.running.is_empty() {
                commands.push(Command::Found { key, running: BTreeSet::new() });
            }
        }
    }
    commands
}

/// Returns the deployment that a row of the journal is about: the last one of that release there.
fn deployment_of(state: &State, row: &JournalRow) -> Option<DeploymentId> {
    let release: &ReleaseId = &row.release;
    state
        .releases
        .get(release)?
        .deployments
        .iter()
        .rev()
        .copied()
        .find(|id| state.deployments.get(id).is_some_and(|d| d.environment == row.key.environment))
}
