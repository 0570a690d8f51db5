//! What is written between the engine and a launcher: the order, the claim and the result.
//!
//! # Invariants
//!
//! - Secrets are in the order only, which its owner alone can read and the launcher deletes.
//! - `launcher.json` is written once: by the launcher that runs the attempt, or by an engine that
//!   gave the attempt up. Whoever comes second does nothing.
//! - `result.json` is there whole or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sluss_core::pipeline::StepKind;
use sluss_core::target::Limits;
use sluss_core::units::Millis;

/// The file in an attempt's folder that orders it.
pub(crate) const ORDER: &str = "order.json";
/// The file in an attempt's folder that says who runs it.
pub(crate) const CLAIM: &str = "launcher.json";
/// The file in an attempt's folder that says how it ended.
pub(crate) const RESULT: &str = "result.json";
/// The file in an attempt's folder whose existence ends the attempt.
pub(crate) const CANCEL: &str = "cancel";
/// The file in an attempt's folder that what the step printed goes to.
pub(crate) const LOG: &str = "log";

/// How the launcher is started: a program and the arguments that come before the order's path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LauncherProgram {
    /// The program.
    pub program: PathBuf,
    /// What comes before the path.
    pub arguments: Vec<String>,
}

impl LauncherProgram {
    /// Returns `sluss sandbox --spec`, for the `sluss` at `program`.
    pub fn of_sluss(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), arguments: vec!["sandbox".into(), "--spec".into()] }
    }
}

/// One way in which an attempt is kept from the rest of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// Mount and process namespaces of its own.
    Namespaces,
    /// No network but its own loopback.
    Network,
    /// Landlock.
    Landlock,
    /// A user of its own.
    User,
    /// A control group.
    Cgroup,
}

/// How far an attempt was kept from the rest of the machine, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// Mount and process namespaces, and no network where its kind has none.
    Namespaces,
    /// Landlock, without namespaces.
    Landlock,
    /// Less than that.
    Unisolated,
}

/// Where an attempt keeps what later runs may use again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Cache {
    /// Reads and writes the shared folder: runs of merged branches only.
    Shared(PathBuf),
    /// Starts from a copy of the shared folder and never writes to that.
    Overlay {
        /// The folder that is copied.
        shared: PathBuf,
        /// The copy, which the steps of one run have in common.
        own: PathBuf,
    },
}

/// What one attempt of one step is to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Order {
    pub(crate) launcher: LauncherProgram,
    pub(crate) folder: PathBuf,
    pub(crate) work_tree: PathBuf,
    pub(crate) cache: Cache,
    pub(crate) command: Vec<String>,
    pub(crate) kind: StepKind,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) secrets: BTreeMap<String, String>,
    pub(crate) timeout_ms: u64,
    /// The user it runs as, where the launcher may choose.
    pub(crate) user: u32,
    /// Folders that it must not see.
    pub(crate) hidden: Vec<PathBuf>,
    pub(crate) limits: Limits,
    /// Layers that are left out on purpose, to try what a machine without them does.
    pub(crate) without: BTreeSet<Layer>,
}

/// What the launcher tells itself inside the namespaces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Inside {
    /// What the first line on standard error must say before anything of the step runs.
    pub(crate) token: String,
    pub(crate) user: Option<u32>,
    pub(crate) own_network: bool,
    pub(crate) landlock: Option<Reach>,
    pub(crate) limits: Limits,
    pub(crate) folder: PathBuf,
    pub(crate) command: Vec<String>,
}

/// What a restricted process may read and write.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reach {
    pub(crate) readable: Vec<PathBuf>,
    pub(crate) writable: Vec<PathBuf>,
}

/// A file given to `sluss sandbox --spec`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Spec {
    /// Runs an attempt.
    Attempt(Box<Order>),
    /// Becomes the step, inside.
    Inside(Inside),
}

/// Who runs an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Holder {
    /// A launcher, known again by its process id and when that process started.
    Launcher { pid: u32, start_ticks: u64, boot: String, started: Millis },
    /// An engine gave it up before a launcher took it.
    GivenUp,
}

/// How a program ended that did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It returned this code.
    ExitCode(i32),
    /// This signal ended it.
    Signal(i32),
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The program returned 0.
    Succeeded,
    /// The program ended otherwise.
    Failed(Ending),
    /// It was ended because its time was up.
    TimedOut,
    /// It was ended because somebody asked.
    Cancelled,
    /// It could not be run, which says nothing about the change.
    Errored {
        /// Why.
        why: String,
    },
}

/// How an attempt went: the content of `result.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptResult {
    /// What came of it.
    pub outcome: Outcome,
    /// When its program was started.
    pub started_ms: Millis,
    /// When all of its processes had ended.
    pub finished_ms: Millis,
    /// Bytes in its log.
    pub log_bytes: u64,
    /// Whether the log lacks a part of what was printed.
    pub log_truncated: bool,
    /// How far it was kept from the rest of the machine.
    pub isolation: Isolation,
    /// By what.
    pub layers: BTreeSet<Layer>,
    /// The user that it ran as.
    pub user: u32,
}

/// Reads the result in an attempt's folder, if there is one.
pub(crate) fn read_result(folder: &Path) -> Option<AttemptResult> {
    let bytes = super::files::read_bounded(&folder.join(RESULT), 1 << 20).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Reads who runs the attempt in `folder`, if anybody claimed it.
pub(crate) fn read_holder(folder: &Path) -> Option<Holder> {
    let bytes = super::files::read_bounded(&folder.join(CLAIM), 1 << 16).ok()?;
    serde_json::from_slice(&bytes).ok()
}
