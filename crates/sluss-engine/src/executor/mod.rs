//! Runs steps: one attempt of one step at a time, in a process of its own that outlives whoever
//! asked for it.
//!
//! [`Executor`] is the seam; [`LocalExecutor`] runs attempts on this machine under the launcher
//! ([`sandbox_main`]). [`plan`] decides, purely, what may start. [`run_local`] runs a whole
//! pipeline on a working tree without a server.
//!
//! # Invariants
//!
//! - An attempt runs at most once, whatever is killed: its folder is claimed before it begins.
//! - An outcome is read from `result.json` only, which is there whole or not at all.
//!
//! What a step's outcome means for a run, and what is recorded, is decided elsewhere.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sluss_core::ids::{DeploymentId, RunId, ServiceName, StepName};
use sluss_core::pipeline::Step;
use sluss_core::target::Limits;
use sluss_core::units::Millis;

mod bubblewrap;
mod cgroup;
mod checkout;
mod clock;
mod direct;
pub(crate) mod files;
pub mod glob;
mod inside;
mod journal;
pub mod junit;
mod launcher;
mod local;
mod local_run;
mod log;
mod mask;
pub mod measure;
pub mod plan;
mod prepare;
mod processes;
mod restrict;
mod spec;
mod supervise;
mod users;
mod visible;

#[cfg(test)]
mod tests;

pub use checkout::{CheckoutError, prepare_work_tree};
pub use launcher::sandbox_main;
pub use local::LocalExecutor;
pub use local_run::{LocalEvent, LocalRun, LocalRunError, LocalRunReport, run_local};
pub use spec::{AttemptResult, Cache, Ending, Isolation, LauncherProgram, Layer, Outcome};

/// What an attempt belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptOwner {
    /// A step of a run.
    Run(RunId),
    /// An acceptance step of a deployment.
    Deployment(DeploymentId),
}

/// Identifies one attempt of one step.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AttemptKey {
    /// What it belongs to.
    pub owner: AttemptOwner,
    /// Which step.
    pub step: StepName,
    /// Which attempt, from 1.
    pub attempt: u32,
}

impl fmt::Display for AttemptKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.owner {
            AttemptOwner::Run(run) => write!(f, "{run}/{}/{}", self.step, self.attempt),
            AttemptOwner::Deployment(id) => write!(f, "{id}/{}/{}", self.step, self.attempt),
        }
    }
}

/// What an executor is asked to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// Which attempt.
    pub key: AttemptKey,
    /// Whose step; steps of one service share a user.
    pub service: ServiceName,
    /// The step.
    pub step: Step,
    /// The work tree that it runs in.
    pub work_tree: PathBuf,
    /// Where it finds and leaves what later runs use again.
    pub cache: Cache,
    /// Environment variables besides the step's own.
    pub environment: BTreeMap<String, String>,
    /// The values of the secrets that the step names.
    pub secrets: BTreeMap<String, String>,
    /// What it may use; zero means the executor's default.
    pub limits: Limits,
}

/// An attempt has been started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// Where its log, and in the end its result, are.
    pub folder: PathBuf,
}

/// Where an attempt is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// It runs, or will in a moment.
    Running {
        /// Since when, once that is known.
        since: Option<Millis>,
    },
    /// It has ended.
    Finished(Box<AttemptResult>),
    /// It was interrupted, or never began, and will never end: it has errored.
    Lost,
}

/// Why an executor could not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ExecutorError {
    /// This attempt was started before.
    #[error("{0} was started before")]
    StartedBefore(AttemptKey),
    /// Its folder could not be written or read.
    #[error("{what}: {path}")]
    Folder {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: Arc<io::Error>,
    },
}

impl ExecutorError {
    pub(crate) fn folder(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Folder { what, path, source: Arc::new(source) }
    }
}

/// Runs attempts of steps, somewhere.
#[async_trait]
pub trait Executor: Send + Sync + fmt::Debug {
    /// Starts an attempt and returns at once. The same attempt cannot be started twice.
    async fn start(&self, assignment: &Assignment) -> Result<Started, ExecutorError>;

    /// Returns where an attempt is. An attempt that this executor has never seen, or that it
    /// finds interrupted, is lost, and can then never begin.
    async fn poll(&self, key: &AttemptKey) -> Result<Progress, ExecutorError>;

    /// Waits until an attempt has ended or is lost.
    async fn wait(&self, key: &AttemptKey) -> Result<Progress, ExecutorError>;

    /// Asks an attempt to end; it ends as cancelled, unless it has ended before.
    async fn cancel(&self, key: &AttemptKey) -> Result<(), ExecutorError>;

    /// Returns the file that its log is in, while it runs and after.
    fn log_path(&self, key: &AttemptKey) -> PathBuf;

    /// Returns what its log says from byte `from` on, at most `most` bytes of it.
    async fn read_log(
        &self,
        key: &AttemptKey,
        from: u64,
        most: u64,
    ) -> Result<Vec<u8>, ExecutorError>;
}
