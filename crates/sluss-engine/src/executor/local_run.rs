//! Runs the steps of a pipeline on a working tree, without a server: `sluss run`.
//!
//! # Invariants
//!
//! - A step counts as ended only once its result is on disk, in `.sluss/journal.jsonl`.
//! - Which step may start is decided by [`plan`](super::plan), as on the server.
//!
//! Steps are restricted by Landlock only: what a local run says is for its author.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sluss_core::ids::StepName;
use sluss_core::pipeline::Step;

use super::clock::{Stopwatch, now};
use super::direct::{self, Direct};
use super::journal::{Journal, Record};
use super::plan::{Attempt, Attempts, Circumstances, RunOutcome, SkipReason, StepState, schedule};
use super::restrict::{Restricted, restrict};
use super::spec::{Isolation, Outcome, Reach};
use super::visible::{self, Places};

/// What is run locally.
#[derive(Debug)]
pub struct LocalRun<'a> {
    /// The steps, each after those that it needs.
    pub steps: &'a [Step],
    /// The working tree.
    pub work_tree: &'a Path,
    /// The branch that conditions are held against.
    pub branch: &'a str,
    /// The paths touched, if known.
    pub touched: Option<&'a [String]>,
    /// Environment variables besides the steps' own.
    pub environment: BTreeMap<String, String>,
    /// The values of secrets; a step is given those that it names.
    pub secrets: BTreeMap<String, String>,
    /// The `sluss` that steps may call, as `$SLUSS`.
    pub sluss: &'a Path,
    /// How many steps run at once.
    pub parallel: NonZeroUsize,
    /// Set by whoever wants the run to end.
    pub cancelled: &'a AtomicBool,
}

/// What happens during a local run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocalEvent {
    /// An attempt of a step is about to start.
    Started {
        /// The step.
        step: StepName,
        /// The attempt, from 1.
        attempt: u32,
    },
    /// An attempt has ended, and that is on disk.
    Ended {
        /// The step.
        step: StepName,
        /// The attempt, from 1.
        attempt: u32,
        /// What came of it.
        outcome: Outcome,
        /// How long it took, in milliseconds.
        duration_ms: u64,
        /// What it printed.
        log: PathBuf,
    },
    /// A step does not run.
    Skipped {
        /// The step.
        step: StepName,
        /// Why.
        reason: SkipReason,
    },
}

/// How a local run went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalRunReport {
    /// What came of it.
    pub outcome: RunOutcome,
    /// Where each step ended, in the order of the steps.
    pub steps: Vec<(StepName, StepState)>,
    /// The folder of the logs.
    pub logs: PathBuf,
    /// How far steps were kept from the rest of the machine.
    pub isolation: Isolation,
}

/// Why a local run could not be made.
#[derive(Debug, thiserror::Error)]
pub enum LocalRunError {
    /// What it keeps could not be written.
    #[error("{path} cannot be written")]
    State {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The steps are not in an order in which they could run.
    #[error("the steps are in no order in which they could run")]
    Stuck,
}

/// Runs the steps; tells `on_event` what happens, in order.
pub fn run_local(
    run: &LocalRun<'_>,
    on_event: &mut dyn FnMut(&LocalEvent),
) -> Result<LocalRunReport, LocalRunError> {
    let state = State::open(run.work_tree)?;
    let (jobs, waiting) = channel::<Job>();
    let (done, results) = channel::<Done>();
    let (waiting, isolation) = (Mutex::new(waiting), Mutex::new(Isolation::Landlock));
    std::thread::scope(|scope| {
        let workers = run.parallel.get().min(run.steps.len().max(1));
        for _ in 0..workers {
            let done = done.clone();
            scope.spawn(|| work(run, &state, &waiting, done, &isolation));
        }
        drop(done);
        let ended = coordinate(run, &state, jobs, &results, on_event);
        let (outcome, steps) = ended?;
        let isolation = *isolation.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(LocalRunReport { outcome, steps, logs: state.logs.clone(), isolation })
    })
}

/// An attempt to run; steps are known by their place.
struct Job {
    step: usize,
    attempt: u32,
}

struct Done {
    job: Job,
    outcome: Outcome,
    duration_ms: u64,
}

/// What is kept in the working tree.
#[derive(Debug)]
struct State {
    id: String,
    journal: PathBuf,
    logs: PathBuf,
    cache: PathBuf,
    temporary: PathBuf,
}

impl State {
    fn open(work_tree: &Path) -> Result<Self, LocalRunError> {
        let root = work_tree.join(".sluss");
        let id = format!("{}-{:04x}", now().0, fastrand::u16(..));
        let state = Self {
            journal: root.join("journal.jsonl"),
            logs: root.join("runs").join(&id),
            cache: root.join("cache"),
            temporary: root.join("tmp"),
            id,
        };
        let failed = |source| LocalRunError::State { path: root.clone(), source };
        for folder in [&state.logs, &state.cache.join("home"), &state.temporary] {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let ignore = root.join(".gitignore");
        if !ignore.exists() {
            fs::write(ignore, "*\n").map_err(failed)?;
        }
        Ok(state)
    }

    fn log(&self, step: &StepName, attempt: u32) -> PathBuf {
        self.logs.join(format!("{step}.{attempt}.log"))
    }
}

/// Starts what may start, records what has ended, until the run has an outcome.
fn coordinate(
    run: &LocalRun<'_>,
    state: &State,
    jobs: Sender<Job>,
    results: &Receiver<Done>,
    on_event: &mut dyn FnMut(&LocalEvent),
) -> Result<(RunOutcome, Vec<(StepName, StepState)>), LocalRunError> {
    let failed = |source| LocalRunError::State { path: state.journal.clone(), source };
    let mut journal = Journal::open(&state.journal).map_err(failed)?;
    let circumstances = Circumstances { branch: run.branch, touched: run.touched };
    let mut attempts = Attempts::new();
    let mut skipped = vec![false; run.steps.len()];
    loop {
        let plan = schedule(run.steps, &attempts, circumstances);
        let mut started = false;
        for (index, (step, place)) in run.steps.iter().zip(&plan.states).enumerate() {
            let name = &step.name;
            match place {
                StepState::MayStart { attempt } => {
                    started = true;
                    attempts.entry(name.clone()).or_default().push(Attempt::Running);
                    on_event(&LocalEvent::Started { step: name.clone(), attempt: *attempt });
                    // Without workers nothing comes back either, which is seen below.
                    let _gone = jobs.send(Job { step: index, attempt: *attempt });
                }
                StepState::Skipped(reason) if !skipped[index] => {
                    skipped[index] = true;
                    on_event(&LocalEvent::Skipped { step: name.clone(), reason: *reason });
                }
                StepState::Skipped(_)
                | StepState::Waiting
                | StepState::Running
                | StepState::Succeeded
                | StepState::Failed
                | StepState::Errored
                | StepState::Cancelled => {}
            }
        }
        if let Some(outcome) = plan.outcome {
            let names = run.steps.iter().map(|step| step.name.clone());
            return Ok((outcome, names.zip(plan.states).collect()));
        }
        if !plan.states.contains(&StepState::Running) && !started {
            return Err(LocalRunError::Stuck);
        }
        let mut batch = vec![results.recv().map_err(|_| LocalRunError::Stuck)?];
        batch.extend(results.try_iter());
        let records: Vec<_> = batch.iter().map(|done| record(run, state, done)).collect();
        journal.append(&records).map_err(failed)?;
        for (done, record) in batch.into_iter().zip(records) {
            if let Some(last) = attempts.get_mut(&record.step).and_then(|had| had.last_mut()) {
                *last = attempt_of(&record.outcome);
            }
            let log = state.log(&record.step, done.job.attempt);
            let Record { step, attempt, outcome, duration_ms, .. } = record;
            on_event(&LocalEvent::Ended { step, attempt, outcome, duration_ms, log });
        }
    }
}

fn record(run: &LocalRun<'_>, state: &State, done: &Done) -> Record {
    Record {
        run: state.id.clone(),
        step: run.steps[done.job.step].name.clone(),
        attempt: done.job.attempt,
        outcome: done.outcome.clone(),
        finished_ms: now(),
        duration_ms: done.duration_ms,
    }
}

fn attempt_of(outcome: &Outcome) -> Attempt {
    match outcome {
        Outcome::Succeeded => Attempt::Succeeded,
        Outcome::Failed(_) | Outcome::TimedOut => Attempt::Failed,
        Outcome::Errored { .. } => Attempt::Errored,
        Outcome::Cancelled => Attempt::Cancelled,
    }
}

/// Runs jobs on a thread of their own, restricted first.
fn work(
    run: &LocalRun<'_>,
    state: &State,
    waiting: &Mutex<Receiver<Job>>,
    done: Sender<Done>,
    isolation: &Mutex<Isolation>,
) {
    let places = Places {
        work_tree: run.work_tree,
        cache: &state.cache,
        temporary: &state.temporary,
        sluss: run.sluss,
    };
    let mut readable = visible::readable();
    readable.push(run.sluss.to_owned());
    let mut writable: Vec<PathBuf> = vec![run.work_tree.to_owned(), state.logs.clone()];
    writable.extend(["/dev/null", "/dev/zero", "/dev/tty"].map(PathBuf::from));
    if !matches!(restrict(&Reach { readable, writable }), Ok(Restricted::Yes)) {
        *isolation.lock().unwrap_or_else(PoisonError::into_inner) = Isolation::Unisolated;
    }
    loop {
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        let since = Stopwatch::start();
        let outcome = run_step(run, state, places, &job);
        let duration_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
        if done.send(Done { job, outcome, duration_ms }).is_err() {
            return;
        }
    }
}

fn run_step(run: &LocalRun<'_>, state: &State, places: Places<'_>, job: &Job) -> Outcome {
    let step = &run.steps[job.step];
    let mut own = run.environment.clone();
    own.extend(step.environment.clone());
    let environment: BTreeMap<OsString, OsString> = visible::environment(step.kind, places, &own);
    let named = run.secrets.iter().filter(|(name, _)| step.secrets.contains(*name));
    let secrets = named.map(|(name, value)| (name.clone(), value.clone())).collect();
    direct::run(&Direct {
        command: &step.command,
        folder: run.work_tree,
        environment: &environment,
        secrets: &secrets,
        timeout: Duration::from_secs(u64::from(step.timeout_seconds)),
        log: &state.log(&step.name, job.attempt),
        cancelled: run.cancelled,
    })
}
