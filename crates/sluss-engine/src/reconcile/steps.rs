//! Runs the steps that the state wants to run: claims an attempt by an event, starts it, and
//! reports how it ended.
//!
//! # Invariants
//!
//! - An attempt is started only by the process whose claim of it was appended; after a restart a
//!   claimed attempt is waited for, or has errored, and never starts a second time.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sluss_core::decide::Command;
use sluss_core::ids::{CommitId, Digest, ServiceName};
use sluss_core::pipeline::Step;
use sluss_core::steps::{Isolation, StepOutcome, StepOwner};
use sluss_core::wanted::AttemptKey;
use sluss_store::Blobs;

use super::beside::Beside;
use super::reports;
use super::routes::Ports;
use super::signal;
use crate::artifact;
use crate::engine::Engine;
use crate::executor::{
    self, Assignment, AttemptOwner, Cache, Executor, Outcome, Progress, prepare_work_tree,
};
use crate::failure::Failure;
use crate::forge::RepositoryName;

const PERIOD: Duration = Duration::from_secs(1);
/// How long an acceptance step waits for the address of what it tests.
const ADDRESS_PATIENCE: Duration = Duration::from_secs(30);

/// Runs the steps that the state wants to run.
pub struct StepRunner {
    engine: Engine,
    executor: Arc<dyn Executor>,
    ports: Ports,
    /// How many attempts run at once.
    slots: usize,
    /// Attempts that a task of this process attends to.
    attended: Mutex<BTreeSet<AttemptKey>>,
}

/// What an attempt needs that the state knows.
struct Order {
    step: Step,
    service: ServiceName,
    commit: CommitId,
    branch: String,
    trunk: bool,
    artifact: Option<Digest>,
    /// What it measures beside, if it measures.
    beside: Option<Beside>,
    key: Option<sluss_core::target::RouteKey>,
}

/// Returns how the executor names an attempt.
pub fn executor_key(key: &AttemptKey) -> executor::AttemptKey {
    let owner = match key.owner {
        StepOwner::Run(run) => AttemptOwner::Run(run),
        StepOwner::Deployment(deployment) => AttemptOwner::Deployment(deployment),
    };
    executor::AttemptKey { owner, step: key.step.clone(), attempt: u32::from(key.attempt) }
}

impl StepRunner {
    /// Returns a runner of at most `slots` attempts at once.
    pub fn new(
        engine: Engine,
        executor: Arc<dyn Executor>,
        ports: Ports,
        slots: usize,
    ) -> Arc<Self> {
        let attended = Mutex::default();
        Arc::new(Self { engine, executor, ports, slots, attended })
    }

    /// Reconciles until Sluss stops.
    pub async fn run(self: Arc<Self>) {
        let mut changed = self.engine.changed();
        let left_over = self.engine.state().claimed();
        for key in left_over {
            self.attend(key, Begin::AsItStands);
        }
        loop {
            self.reconcile().await;
            if !signal(&mut changed, PERIOD).await {
                return;
            }
        }
    }

    async fn reconcile(self: &Arc<Self>) {
        let (claimed, claimable) = {
            let state = self.engine.state();
            (state.claimed(), state.claimable())
        };
        for key in self.no_longer_wanted(&claimed) {
            if let Err(error) = self.executor.cancel(&executor_key(&key)).await {
                tracing::warn!(%error, "an attempt could not be asked to end");
            }
        }
        let attended = self.attended.lock().unwrap_or_else(PoisonError::into_inner).len();
        let free = self.slots.saturating_sub(attended);
        for key in claimable.into_iter().take(free) {
            match self.engine.report(Command::Claim(key.clone())).await {
                Ok(done) if !done.events.is_empty() => self.attend(key, Begin::Anew),
                Ok(_no_longer) => {}
                Err(failure) => tracing::warn!(%failure, "a step could not be claimed"),
            }
        }
    }

    /// Returns attempts that are attended to but whose run is over.
    fn no_longer_wanted(&self, claimed: &[AttemptKey]) -> Vec<AttemptKey> {
        let attended = self.attended.lock().unwrap_or_else(PoisonError::into_inner);
        attended.iter().filter(|key| !claimed.contains(key)).cloned().collect()
    }

    fn attend(self: &Arc<Self>, key: AttemptKey, begin: Begin) {
        let mut attended = self.attended.lock().unwrap_or_else(PoisonError::into_inner);
        if !attended.insert(key.clone()) {
            return;
        }
        drop(attended);
        let runner = Arc::clone(self);
        tokio::spawn(async move {
            let finish = match runner.carry_out(&key, begin).await {
                Ok(finish) => finish,
                Err(failure) => runner.errored(&key, &failure.what).await,
            };
            while let Err(failure) = runner.engine.report(finish.clone()).await {
                tracing::warn!(%failure, "the end of a step could not be recorded; trying again");
                tokio::time::sleep(PERIOD).await;
            }
            runner.attended.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
            runner.engine.look().await;
        });
    }

    async fn errored(&self, key: &AttemptKey, why: &str) -> Command {
        let why = self.engine.parts().prose.put_prose(why).await.ok();
        Command::Finish {
            attempt: key.clone(),
            outcome: StepOutcome::Errored { why },
            isolation: Isolation::Namespaces,
            log: None,
            tests: None,
            scans: vec![],
            measured: vec![],
        }
    }

    fn order(&self, key: &AttemptKey) -> Option<Order> {
        let state = self.engine.state();
        let step = state.step(key.owner, &key.step)?.clone();
        let beside = match key.owner {
            StepOwner::Run(_) => None,
            StepOwner::Deployment(id) => Beside::of(&state, id, &step),
        };
        let (change, artifact, route) = match key.owner {
            StepOwner::Run(run) => (state.changes.get(&state.runs.get(&run)?.change)?, None, None),
            StepOwner::Deployment(id) => {
                let deployment = state.deployments.get(&id)?;
                let release = state.releases.get(&deployment.release)?;
                let start = state.pipeline_of(deployment.release)?.start.as_ref()?;
                let artifact = release.artifacts.iter().find(|a| a.name == start.artifact)?;
                let route = sluss_core::target::RouteKey {
                    service: deployment.service.clone(),
                    environment: deployment.environment.clone(),
                };
                let change = state.change_of(deployment.release)?;
                (change, Some(artifact.digest.clone()), Some(route))
            }
        };
        Some(Order {
            step,
            service: change.service.clone(),
            commit: change.push.commit.clone(),
            branch: change.push.branch.clone(),
            trunk: change.push.trunk,
            artifact,
            beside,
            key: route,
        })
    }

    async fn carry_out(&self, key: &AttemptKey, begin: Begin) -> Result<Command, Failure> {
        let gone = || Failure::new(crate::failure::Blame::Bug, "The step is gone.", "Report this");
        let order = self.order(key).ok_or_else(gone)?;
        let name = executor_key(key);
        let wrong =
            |error: executor::ExecutorError| Failure::upstream("The step could not be run", &error);
        match begin {
            Begin::Anew => {
                let assignment = self.assignment(key, &order).await?;
                self.executor.start(&assignment).await.map_err(wrong)?;
            }
            Begin::AsItStands => {}
        }
        match self.executor.wait(&name).await.map_err(wrong)? {
            Progress::Finished(result) => Ok(self.finished(key, &order, &result).await),
            Progress::Running { .. } | Progress::Lost => {
                Ok(self.errored(key, "Nobody knows how it ended: it was interrupted.").await)
            }
        }
    }

    async fn assignment(&self, key: &AttemptKey, order: &Order) -> Result<Assignment, Failure> {
        let parts = self.engine.parts();
        let repository = parts.repositories.path(&RepositoryName::from(order.service.clone()));
        let tree = work_tree(&self.engine, key.owner);
        let (commit, destination) = (order.commit.clone(), tree.clone());
        tokio::task::spawn_blocking(move || prepare_work_tree(&repository, &commit, &destination))
            .await
            .map_err(|error| Failure::upstream("The work tree could not be made", &error))?
            .map_err(|error| Failure::upstream("The work tree could not be made", &error))?;
        let mut environment: BTreeMap<String, String> = BTreeMap::new();
        let mut set = |name: &str, value: String| environment.insert(name.to_owned(), value);
        set("SLUSS", parts.program.display().to_string());
        set("SLUSS_COMMIT", order.commit.to_string());
        set("SLUSS_BRANCH", order.branch.clone());
        set("SLUSS_RUN", key.owner.to_string());
        if let Some(route) = &order.key {
            let port = self.ports.wait(route, ADDRESS_PATIENCE).await.ok_or_else(|| {
                let what = format!("{route} has no address yet.");
                Failure::new(crate::failure::Blame::Upstream, what, "Look: `sluss doctor`")
            })?;
            set("SLUSS_URL", format!("http://127.0.0.1:{port}"));
        }
        if let Some(digest) = &order.artifact {
            let blobs = parts.blobs.clone();
            let (digest, folder) = (digest.clone(), tree.join(ARTIFACT));
            tokio::task::spawn_blocking(move || match folder.exists() {
                true => Ok(()),
                false => artifact::unpack(&digest, &blobs, &folder),
            })
            .await
            .map_err(|error| Failure::upstream("The artifact could not be unpacked", &error))?
            .map_err(|error| Failure::upstream("The artifact could not be unpacked", &error))?;
            set("SLUSS_ARTIFACT", ARTIFACT.to_owned());
        }
        if let Some((beside, own)) = order.beside.clone().zip(order.artifact.clone()) {
            let of = (own, parts.blobs.clone());
            beside.lay_out(key, of, &tree, &mut environment).await?;
        }
        let secrets = parts
            .accounts
            .secrets(&order.service)
            .await
            .map_err(|error| Failure::upstream("The secrets could not be read", &error))?;
        let shared = parts.data.join("cache").join(order.service.as_str());
        let own = tree.with_file_name("cache");
        let cache = match order.trunk {
            true => Cache::Shared(shared),
            false => Cache::Overlay { shared, own },
        };
        Ok(Assignment {
            key: executor_key(key),
            service: order.service.clone(),
            step: order.step.clone(),
            work_tree: tree,
            cache,
            environment,
            secrets: secrets.into_iter().collect(),
            limits: sluss_core::target::Limits::default(),
        })
    }

    async fn finished(
        &self,
        key: &AttemptKey,
        order: &Order,
        result: &executor::AttemptResult,
    ) -> Command {
        let parts = self.engine.parts();
        let outcome = match &result.outcome {
            Outcome::Succeeded => StepOutcome::Succeeded,
            Outcome::Failed(executor::Ending::ExitCode(code)) => {
                StepOutcome::Failed { code: *code }
            }
            Outcome::Failed(executor::Ending::Signal(signal)) => {
                StepOutcome::Failed { code: 128 + signal }
            }
            Outcome::TimedOut => StepOutcome::TimedOut,
            Outcome::Cancelled => StepOutcome::Cancelled,
            Outcome::Errored { why } => {
                StepOutcome::Errored { why: parts.prose.put_prose(why).await.ok() }
            }
        };
        let isolation = match result.isolation {
            executor::Isolation::Namespaces => Isolation::Namespaces,
            executor::Isolation::Landlock => Isolation::Landlock,
            executor::Isolation::Unisolated => Isolation::Unisolated,
        };
        let log = match std::fs::File::open(self.executor.log_path(&executor_key(key))) {
            Ok(file) => parts
                .blobs
                .put_reader(Box::new(file), u64::MAX)
                .await
                .ok()
                .map(|(digest, _)| digest),
            Err(_nothing_was_printed) => None,
        };
        let tree = work_tree(&self.engine, key.owner);
        let beside = Beside::noted(key, &tree);
        let read = reports::read(&parts.blobs, tree, &order.step, beside).await;
        let outcome = match (outcome, read.unreadable) {
            // A report that was promised and can't be read is no success.
            (StepOutcome::Succeeded, Some(why)) => {
                StepOutcome::Errored { why: parts.prose.put_prose(why).await.ok() }
            }
            (outcome, _) => outcome,
        };
        let (attempt, tests) = (key.clone(), read.tests);
        let (scans, measured) = (read.scans, read.measured);
        Command::Finish { attempt, outcome, isolation, log, tests, scans, measured }
    }
}

/// Whether an attempt is started, or taken as an earlier process left it.
#[derive(Debug, Clone, Copy)]
enum Begin {
    Anew,
    AsItStands,
}

/// Where acceptance steps find the artifact, relative to their work tree.
pub(super) const ARTIFACT: &str = ".sluss-artifact";

/// Returns where the steps of `owner` work.
pub fn work_tree(engine: &Engine, owner: StepOwner) -> PathBuf {
    engine.parts().data.join("work").join(owner.to_string()).join("tree")
}
