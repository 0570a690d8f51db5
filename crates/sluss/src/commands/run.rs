//! `sluss run`: the steps of the pipeline on the working tree, without a server.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal as _;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use sluss_core::ids::StepName;
use sluss_core::pipeline::Step;
use sluss_engine::executor::plan::{RunOutcome, SkipReason, StepState};
use sluss_engine::executor::{
    Ending, Isolation, LocalEvent, LocalRun, LocalRunReport, Outcome, run_local,
};
use sluss_engine::failure::{Blame, Failure};
use sluss_engine::pipeline::Resolved;

use super::Output;
use super::check::{self, FILE, Templates};
use super::print::{print, print_json, say};
use super::shape::table;

/// Lines of a failed step's log that are shown.
const TAIL: usize = 20;

/// Run the steps of the pipeline here, without a server
///
/// The same graph that a push runs, on the working tree as it is. Values of secrets are taken from
/// the environment. Exit code 1 when a step failed. Logs are kept in `.sluss/runs`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Only this step and what it needs; can be given several times
    #[arg(long, value_name = "STEP")]
    step: Vec<StepName>,
    /// List the steps instead of running them
    #[arg(long)]
    list: bool,
    /// The branch that conditions are held against; the current one unless given
    #[arg(long)]
    branch: Option<String>,
    /// Steps that run at once; as many as there are processors unless given
    #[arg(long)]
    parallel: Option<NonZeroUsize>,
    #[command(flatten)]
    templates: Templates,
}

/// Runs the command.
pub(super) async fn run(arguments: Arguments, output: Output) -> Result<(), Failure> {
    let file = PathBuf::from(FILE);
    if !file.is_file() {
        return Err(check::none_here());
    }
    let catalogue = arguments.templates.catalogue()?;
    let resolved = check::resolve(&file, &catalogue)?.map_err(|p| check::wrong(&p, &file))?;
    let steps = chosen(resolved.pipeline.steps(), &arguments.step)?;
    if arguments.list {
        list(&steps, output);
        return Ok(());
    }
    let cancelled = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&cancelled);
    let listening = tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            say("Cancelling; steps that run are ended.");
            asked.store(true, Ordering::SeqCst);
        }
    });
    let running = tokio::task::spawn_blocking(move || {
        let branch = arguments.branch.or_else(|| git(&["branch", "--show-current"]));
        go(&steps, &resolved, &branch.unwrap_or_default(), arguments.parallel, &cancelled, output)
    });
    let ended = running.await.map_err(|error| Failure::upstream("The run broke off", &error))?;
    listening.abort();
    ended
}

/// Returns the steps that were asked for with all that they need, in order.
fn chosen(steps: &[Step], asked: &[StepName]) -> Result<Vec<Step>, Failure> {
    if let Some(unknown) = asked.iter().find(|name| !steps.iter().any(|s| s.name == **name)) {
        let what = format!("There is no step `{unknown}`.");
        return Err(Failure::new(Blame::Caller, what, "See which there are: `sluss run --list`"));
    }
    if asked.is_empty() {
        return Ok(steps.to_vec());
    }
    let mut wanted: BTreeSet<&StepName> = asked.iter().collect();
    // Each step comes after what it needs, so once backwards is enough.
    for step in steps.iter().rev() {
        if wanted.contains(&step.name) {
            wanted.extend(&step.needs);
        }
    }
    Ok(steps.iter().filter(|step| wanted.contains(&step.name)).cloned().collect())
}

fn list(steps: &[Step], output: Output) {
    match output {
        Output::Json => print_json(&steps),
        Output::Text => {
            let names = |names: &[StepName]| {
                names.iter().map(StepName::as_str).collect::<Vec<_>>().join(", ")
            };
            let row = |step: &Step| {
                let after = match step.needs.is_empty() {
                    true => String::new(),
                    false => format!("after {}", names(&step.needs)),
                };
                vec![step.name.to_string(), after]
            };
            print(&table(0, &steps.iter().map(row).collect::<Vec<_>>()));
        }
    }
}

fn go(
    steps: &[Step],
    resolved: &Resolved,
    branch: &str,
    parallel: Option<NonZeroUsize>,
    cancelled: &AtomicBool,
    output: Output,
) -> Result<(), Failure> {
    let here = std::env::current_dir()
        .map_err(|error| Failure::upstream("The current folder is gone", &error))?;
    let processors = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let sluss = std::env::current_exe()
        .map_err(|error| Failure::upstream("This program can't find itself", &error))?;
    let local = LocalRun {
        steps,
        sluss: &sluss,
        work_tree: &here,
        branch,
        touched: None,
        environment: environment(branch),
        secrets: secrets(resolved, steps),
        parallel: parallel.unwrap_or(processors),
        cancelled,
    };
    let mut told = Vec::new();
    let mut failed: Option<(String, PathBuf)> = None;
    let report = run_local(&local, &mut |event| {
        if let LocalEvent::Ended { step, outcome, log, .. } = event
            && matches!(outcome, Outcome::Failed(_) | Outcome::TimedOut | Outcome::Errored { .. })
        {
            failed = Some((step.to_string(), log.clone()));
        }
        match output {
            Output::Text => tell(event, &here),
            Output::Json => told.extend(as_json(event)),
        }
    })
    .map_err(|error| Failure::upstream("The steps can't be run", &error))?;
    let logs = short(&report.logs, &here);
    if matches!(output, Output::Json) {
        print_json(&json!({
            "outcome": word(report.outcome), "isolation": report.isolation,
            "logs": report.logs, "steps": told,
        }));
    }
    finish(&report, &logs, failed, &here)
}

fn finish(
    report: &LocalRunReport,
    logs: &str,
    failed: Option<(String, PathBuf)>,
    here: &Path,
) -> Result<(), Failure> {
    if report.isolation == Isolation::Unisolated {
        say("warning: this machine has no Landlock, so nothing kept the steps from its files");
    }
    let count = |wanted: StepState| report.steps.iter().filter(|(_, s)| *s == wanted).count();
    say(&format!(
        "{} of {} steps succeeded; logs: {logs}",
        count(StepState::Succeeded),
        report.steps.len()
    ));
    match (report.outcome, failed) {
        (RunOutcome::Succeeded, _) => Ok(()),
        (RunOutcome::Cancelled, _) => {
            let what = "The run was cancelled.";
            Err(Failure::new(Blame::Upstream, what, "Run it again: `sluss run`"))
        }
        (RunOutcome::Failed | RunOutcome::Errored, Some((step, log))) => {
            show_tail(&log);
            let what = format!("The step `{step}` did not succeed.");
            Err(Failure::new(Blame::Upstream, what, format!("Read on in {}", short(&log, here))))
        }
        (RunOutcome::Failed | RunOutcome::Errored, None) => {
            let what = "The run did not succeed.";
            Err(Failure::new(Blame::Upstream, what, format!("Read its logs in {logs}")))
        }
    }
}

/// Says what happens: what has ended is a result, the rest is progress.
fn tell(event: &LocalEvent, here: &Path) {
    match event {
        LocalEvent::Started { step, attempt } => {
            if std::io::stderr().is_terminal() {
                let again =
                    if *attempt > 1 { format!(" (attempt {attempt})") } else { String::new() };
                say(&format!("{step} started{again}"));
            }
        }
        LocalEvent::Ended { step, outcome, duration_ms, log, .. } => {
            let seconds = format!("{}.{} s", duration_ms / 1000, duration_ms % 1000 / 100);
            let said = match outcome {
                Outcome::Succeeded => "succeeded".to_owned(),
                Outcome::Failed(Ending::ExitCode(code)) => format!("failed with exit code {code}"),
                Outcome::Failed(Ending::Signal(signal)) => format!("was ended by signal {signal}"),
                Outcome::TimedOut => "failed: its time was up".to_owned(),
                Outcome::Cancelled => "was cancelled".to_owned(),
                Outcome::Errored { why } => format!("could not be run: {why}"),
            };
            let log = match outcome {
                Outcome::Succeeded => String::new(),
                _other => format!("  {}", short(log, here)),
            };
            print(&format!("{step} {said}  {seconds}{log}"));
        }
        LocalEvent::Skipped { step, reason } => print(&format!("{step} skipped: {}", why(*reason))),
    }
}

fn why(reason: SkipReason) -> &'static str {
    match reason {
        SkipReason::Condition => "its condition does not hold",
        SkipReason::NeedFailed => "a step that it needs did not succeed",
        SkipReason::RunCancelled => "the run was cancelled",
    }
}

fn as_json(event: &LocalEvent) -> Option<Value> {
    match event {
        LocalEvent::Started { .. } => None,
        LocalEvent::Ended { step, attempt, outcome, duration_ms, log } => Some(json!({
            "step": step, "attempt": attempt, "outcome": outcome, "duration_ms": duration_ms,
            "log": log,
        })),
        LocalEvent::Skipped { step, reason } => {
            Some(json!({ "step": step, "skipped": why(*reason) }))
        }
    }
}

fn word(outcome: RunOutcome) -> &'static str {
    match outcome {
        RunOutcome::Succeeded => "succeeded",
        RunOutcome::Failed => "failed",
        RunOutcome::Errored => "errored",
        RunOutcome::Cancelled => "cancelled",
    }
}

/// Shows the end of a log, whose lines are milliseconds, kind and text.
fn show_tail(log: &Path) {
    let Ok(bytes) = std::fs::read(log) else { return };
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    for line in &lines[lines.len().saturating_sub(TAIL)..] {
        let said = line.splitn(3, '\t').nth(2).unwrap_or(line);
        say(&format!("  | {}", super::shape::plain(said)));
    }
}

fn short(path: &Path, here: &Path) -> String {
    path.strip_prefix(here).unwrap_or(path).display().to_string()
}

fn environment(branch: &str) -> BTreeMap<String, String> {
    let mut all = BTreeMap::from([
        ("SLUSS_BRANCH".to_owned(), branch.to_owned()),
        ("SLUSS_RUN".to_owned(), "local".to_owned()),
    ]);
    if let Some(commit) = git(&["rev-parse", "--verify", "--quiet", "HEAD"]) {
        all.insert("SLUSS_COMMIT".to_owned(), commit);
    }
    all
}

/// Takes the values of secrets from the environment, and says which are missing.
fn secrets(resolved: &Resolved, steps: &[Step]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for name in &resolved.file.secrets {
        if !steps.iter().any(|step| step.secrets.contains(name)) {
            continue;
        }
        match std::env::var(name) {
            Ok(value) => drop(found.insert(name.clone(), value)),
            Err(_) => say(&format!("warning: the secret {name} is not in the environment")),
        }
    }
    found
}

/// Returns what `git` says in one line, if it has something to say.
pub(super) fn git(arguments: &[&str]) -> Option<String> {
    let output = std::process::Command::new("git").args(arguments).output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !said.is_empty()).then_some(said)
}
