//! Runs attempts on this machine, each under a launcher of its own.
//!
//! # Invariants
//!
//! - What is known of an attempt is in its folder; nothing is remembered here but which launchers
//!   this process started and has to reap.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use sluss_core::target::Limits;

use super::files::{Claim, claim_json, write_json};
use super::spec::{
    CANCEL, CLAIM, Holder, LOG, LauncherProgram, Layer, ORDER, Order, Spec, read_holder,
    read_result,
};
use super::users::Users;
use super::{
    Assignment, AttemptKey, AttemptOwner, Executor, ExecutorError, Progress, Started, processes,
};

/// How often it looks whether an attempt has ended.
const TICK: Duration = Duration::from_millis(20);
/// The first user number that is given to a service.
const FIRST_USER: u32 = 61_000;
/// Processes that a step may have, where nothing else is said.
const PROCESSES: u64 = 1024;

/// Runs attempts on this machine.
#[derive(Debug)]
pub struct LocalExecutor {
    /// Where the attempts' folders are.
    root: PathBuf,
    launcher: LauncherProgram,
    hidden: Vec<PathBuf>,
    without: BTreeSet<Layer>,
    users: Users,
    /// Launchers that this process started and has not reaped; owned by whoever holds the lock.
    started: Mutex<BTreeMap<AttemptKey, Child>>,
}

impl LocalExecutor {
    /// Keeps attempts under `root`, which is made if it is not there; steps do not see `hidden`.
    pub fn open(
        root: impl Into<PathBuf>,
        launcher: LauncherProgram,
        hidden: Vec<PathBuf>,
    ) -> io::Result<Self> {
        let root = std::path::absolute(root.into())?;
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&root)?;
        let users = Users::open(&root.join("users.json"), FIRST_USER)?;
        let (started, without) = (Mutex::default(), BTreeSet::new());
        Ok(Self { root, launcher, hidden, without, users, started })
    }

    /// Leaves layers out, to try what a machine that lacks them does.
    #[must_use]
    pub fn without(mut self, layers: impl IntoIterator<Item = Layer>) -> Self {
        self.without.extend(layers);
        self
    }

    /// Returns the folder of an attempt.
    pub fn folder(&self, key: &AttemptKey) -> PathBuf {
        let owner = match key.owner {
            AttemptOwner::Run(run) => run.to_string(),
            AttemptOwner::Deployment(deployment) => deployment.to_string(),
        };
        self.root.join(owner).join(key.step.as_str()).join(key.attempt.to_string())
    }

    fn launchers(&self) -> MutexGuard<'_, BTreeMap<AttemptKey, Child>> {
        self.started.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn order(&self, assignment: &Assignment, folder: &Path) -> io::Result<Order> {
        let step = &assignment.step;
        let mut environment = assignment.environment.clone();
        environment.extend(step.environment.clone());
        let named = assignment.secrets.iter().filter(|(name, _)| step.secrets.contains(*name));
        let limits = assignment.limits;
        let processes = if limits.processes == 0 { PROCESSES } else { limits.processes };
        Ok(Order {
            launcher: self.launcher.clone(),
            folder: folder.to_owned(),
            work_tree: std::path::absolute(&assignment.work_tree)?,
            cache: assignment.cache.clone(),
            command: step.command.clone(),
            kind: step.kind,
            environment,
            secrets: named.map(|(name, value)| (name.clone(), value.clone())).collect(),
            timeout_ms: u64::from(step.timeout_seconds) * 1000,
            user: self.users.of(&assignment.service)?,
            hidden: self.hidden.clone(),
            limits: Limits { processes, ..limits },
            without: self.without.clone(),
        })
    }

    /// Starts the launcher, detached, with nothing of ours open.
    pub(super) fn launch(&self, order: &Path) -> io::Result<Child> {
        let mut command = Command::new(&self.launcher.program);
        command.args(&self.launcher.arguments).arg(order).current_dir("/");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
    }

    /// Says whether a launcher that this process started for `key` still runs.
    fn still_starting(&self, key: &AttemptKey) -> bool {
        let mut launchers = self.launchers();
        let Some(child) = launchers.get_mut(key) else { return false };
        let running = matches!(child.try_wait(), Ok(None));
        if !running {
            launchers.remove(key);
        }
        running
    }

    fn progress(&self, key: &AttemptKey) -> Result<Progress, ExecutorError> {
        let folder = self.folder(key);
        let running = self.still_starting(key);
        if let Some(result) = read_result(&folder) {
            return Ok(Progress::Finished(Box::new(result)));
        }
        match read_holder(&folder) {
            Some(Holder::Launcher { pid, start_ticks, boot, started }) => {
                let same = processes::start_ticks(pid) == Some(start_ticks);
                if same && boot == processes::boot() {
                    return Ok(Progress::Running { since: Some(started) });
                }
                // It may have written its result after we looked and before it ended.
                Ok(read_result(&folder)
                    .map_or(Progress::Lost, |result| Progress::Finished(Box::new(result))))
            }
            Some(Holder::GivenUp) => Ok(Progress::Lost),
            None if running => Ok(Progress::Running { since: None }),
            None => self.give_up(key, &folder),
        }
    }

    /// Claims an attempt that nobody runs, so that no late launcher begins it.
    fn give_up(&self, key: &AttemptKey, folder: &Path) -> Result<Progress, ExecutorError> {
        let claim = fs::create_dir_all(folder)
            .and_then(|()| claim_json(&folder.join(CLAIM), &Holder::GivenUp));
        match claim.map_err(ExecutorError::folder("an attempt cannot be given up", folder))? {
            Claim::Ours => Ok(Progress::Lost),
            Claim::Taken => self.progress(key),
        }
    }
}

#[async_trait]
impl Executor for LocalExecutor {
    async fn start(&self, assignment: &Assignment) -> Result<Started, ExecutorError> {
        let key = &assignment.key;
        let folder = self.folder(key);
        let failed = |what| ExecutorError::folder(what, &folder);
        let parent = folder.parent().unwrap_or(&self.root);
        let mut builder = fs::DirBuilder::new();
        builder.mode(0o700);
        builder.recursive(true).create(parent).map_err(failed("a folder cannot be made"))?;
        match builder.recursive(false).create(&folder) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(ExecutorError::StartedBefore(key.clone()));
            }
            Err(error) => return Err(failed("a folder cannot be made")(error)),
        }
        let order = self.order(assignment, &folder).map_err(failed("no user can be given"))?;
        let path = folder.join(ORDER);
        write_json(&path, &Spec::Attempt(Box::new(order)))
            .map_err(failed("an order cannot be written"))?;
        let child = self.launch(&path).map_err(|error| {
            // It holds secrets, and nobody will read it.
            let _unread = fs::remove_file(&path);
            failed("the launcher cannot be started")(error)
        })?;
        self.launchers().insert(key.clone(), child);
        Ok(Started { folder })
    }

    async fn poll(&self, key: &AttemptKey) -> Result<Progress, ExecutorError> {
        self.progress(key)
    }

    async fn wait(&self, key: &AttemptKey) -> Result<Progress, ExecutorError> {
        loop {
            match self.progress(key)? {
                Progress::Running { .. } => tokio::time::sleep(TICK).await,
                ended @ (Progress::Finished(_) | Progress::Lost) => return Ok(ended),
            }
        }
    }

    async fn cancel(&self, key: &AttemptKey) -> Result<(), ExecutorError> {
        let path = self.folder(key).join(CANCEL);
        File::create(&path)
            .map(|_| ())
            .map_err(ExecutorError::folder("an attempt cannot be cancelled", &path))
    }

    fn log_path(&self, key: &AttemptKey) -> PathBuf {
        self.folder(key).join(LOG)
    }

    async fn read_log(
        &self,
        key: &AttemptKey,
        from: u64,
        most: u64,
    ) -> Result<Vec<u8>, ExecutorError> {
        let path = self.log_path(key);
        let mut bytes = Vec::new();
        let read = File::open(&path).and_then(|mut file| {
            file.seek(SeekFrom::Start(from))?;
            file.take(most).read_to_end(&mut bytes)
        });
        match read {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(ExecutorError::folder("a log cannot be read", &path)(error))
            }
            Ok(_) | Err(_) => Ok(bytes),
        }
    }
}
