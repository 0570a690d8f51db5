//! Tests that run real processes under the real launcher: this test program itself, which
//! [`launcher_process`] turns into one.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sluss_core::ids::RunId;
use sluss_core::pipeline::{Condition, Step, StepKind};
use sluss_core::target::Limits;

use super::clock::Stopwatch;
use super::*;

mod adoption;
mod isolation;
mod local_run;
mod output;
mod plan;

/// Becomes the launcher when it is started by one of the tests below.
#[test]
fn launcher_process() {
    let spec = std::env::args_os().next_back().map(PathBuf::from);
    let Some(spec) = spec.filter(|path| path.extension().is_some_and(|kind| kind == "json")) else {
        return;
    };
    let code = sandbox_main(&spec);
    let code = (0..=255).find(|n| format!("{code:?}") == format!("{:?}", exit_code(*n)));
    std::process::exit(i32::from(code.unwrap_or(255)));
}

fn exit_code(code: u8) -> std::process::ExitCode {
    std::process::ExitCode::from(code)
}

fn launcher() -> LauncherProgram {
    let path = module_path!().split_once("::").map(|(_, path)| path).unwrap();
    let arguments = [&format!("{path}::launcher_process"), "--exact", "--nocapture", "--quiet"];
    LauncherProgram {
        program: std::env::current_exe().unwrap(),
        arguments: arguments.map(str::to_owned).to_vec(),
    }
}

/// An executor with folders of its own.
struct Bench {
    folder: tempfile::TempDir,
    executor: LocalExecutor,
}

impl Bench {
    fn new() -> Self {
        Self::without([])
    }

    fn without(layers: impl IntoIterator<Item = Layer>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("tree")).unwrap();
        let root = folder.path().join("attempts");
        let executor = LocalExecutor::open(root, launcher(), vec![]).unwrap().without(layers);
        Self { folder, executor }
    }

    fn tree(&self) -> PathBuf {
        self.folder.path().join("tree")
    }

    fn assignment(&self, name: &str, line: &str) -> Assignment {
        let step = shell(name, line);
        Assignment {
            key: key(name),
            service: "payments".parse().unwrap(),
            step,
            work_tree: self.tree(),
            cache: Cache::Shared(self.folder.path().join("cache")),
            environment: BTreeMap::new(),
            secrets: BTreeMap::new(),
            limits: Limits::default(),
        }
    }

    /// Runs an assignment to its end; returns its result and its log.
    fn run(&self, assignment: &Assignment) -> (AttemptResult, String) {
        block_on(async {
            self.executor.start(assignment).await.unwrap();
            match self.executor.wait(&assignment.key).await.unwrap() {
                Progress::Finished(result) => (*result, self.log(&assignment.key)),
                other => panic!("{other:?}: {}", self.log(&assignment.key)),
            }
        })
    }

    fn log(&self, key: &AttemptKey) -> String {
        std::fs::read_to_string(self.executor.log_path(key)).unwrap_or_default()
    }

    /// Waits until the log has `text`.
    fn until_logged(&self, key: &AttemptKey, text: &str) {
        until(|| self.log(key).contains(text));
    }
}

fn shell(name: &str, line: &str) -> Step {
    Step {
        name: name.parse().unwrap(),
        kind: StepKind::Run,
        command: ["sh", "-euc", line].map(str::to_owned).to_vec(),
        needs: vec![],
        timeout_seconds: 60,
        retries: 0,
        when: Condition::default(),
        environment: BTreeMap::new(),
        secrets: BTreeSet::new(),
        reports: vec![],
        outputs: vec![],
    }
}

fn key(name: &str) -> AttemptKey {
    AttemptKey { owner: AttemptOwner::Run(RunId(1)), step: name.parse().unwrap(), attempt: 1 }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(future)
}

/// Waits until `holds`, at most two minutes.
fn until(holds: impl Fn() -> bool) {
    let since = Stopwatch::start();
    while !holds() {
        assert!(since.elapsed() < Duration::from_secs(120), "waited in vain");
        std::thread::yield_now();
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// Returns how many processes have `mark` in their command line.
fn running_with(mark: &str) -> usize {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.filter(|line| String::from_utf8_lossy(line).contains(mark)).count()
}

fn has_namespaces(result: &AttemptResult) -> bool {
    result.layers.contains(&Layer::Namespaces)
}

/// Ends the launcher of an attempt the hard way.
fn kill_launcher(folder: &Path) {
    match spec::read_holder(folder).unwrap() {
        spec::Holder::Launcher { pid, .. } => {
            processes::send(pid, nix::sys::signal::Signal::SIGKILL);
        }
        spec::Holder::GivenUp => panic!("given up"),
    }
}
