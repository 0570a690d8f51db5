//! Opens a data folder: folds the log, mends what a crash left open, and starts everything.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sluss_core::decide::Command;
use sluss_core::ids::CommitId;
use sluss_core::state::{ChangePhase, State};
use sluss_store::{
    Accounts, Clock, Entropy, FileBlobs, Log, LogOptions, Prose, Snapshots, SqliteLog,
    attestation_key,
};
use tokio::task::JoinHandle;

use crate::engine::{Engine, Parts, fold};
use crate::executor::{Executor, LauncherProgram, LocalExecutor};
use crate::failure::{Blame, Failure};
use crate::forge::{
    self, Author, Expected, Found, HookServer, MAIN, NewCommit, NewFile, RefName, Repositories,
    RepositoryName,
};
use crate::keys;
use crate::organisation;
use crate::pipeline::Catalogue;
use crate::pushes::{PushJudge, Templates};
use crate::reconcile::routes::{Ports, Router};
use crate::reconcile::steps::StepRunner;
use crate::reconcile::traffic::Counter;
use crate::reconcile::watch::Watcher;
use crate::reconcile::{attest, inventory, pack, upkeep};
use crate::retention;
use crate::target::Target;

/// Events that are read from the log at once.
const PAGE: usize = 2_000;
/// Events after which the fold is saved again.
const SNAPSHOT_EVERY: u64 = 5_000;
/// The name of the saved fold; it ends with the version of its form.
const SNAPSHOT: &str = "state-5";

/// What Sluss is started with.
#[expect(missing_docs, reason = "fields are named by what they hold")]
pub struct Options {
    pub data: PathBuf,
    /// A folder with space for when the log can't be written, best on another disk; one in the
    /// data folder unless given.
    pub spare: Option<PathBuf>,
    /// Where the pages are, such as `http://127.0.0.1:8440`.
    pub address: String,
    /// The log's identity: a URL prefix without scheme.
    pub origin: String,
    pub demo: bool,
    pub program: PathBuf,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    /// Where releases are made live.
    pub target: Arc<dyn Target>,
    /// Attempts of steps that run at once.
    pub slots: usize,
}

/// Sluss, running.
pub struct Running {
    /// The handle that everyone asks.
    pub engine: Engine,
    /// Answers Git's hooks.
    pub hooks: Arc<HookServer>,
    /// Runs steps.
    pub executor: Arc<dyn Executor>,
    /// The ports that the target opened.
    pub ports: Ports,
    tasks: Vec<JoinHandle<()>>,
}

impl Running {
    /// Ends everything but what runs in processes of its own, and saves the fold.
    pub async fn stop(self) {
        save(&self.engine).await;
        for task in &self.tasks {
            task.abort();
        }
        self.engine.parts().log.close().await;
    }
}

/// Opens the data folder and starts everything.
///
/// # Errors
///
/// [`Failure`]: nothing was started, and nothing of the data folder was changed beyond its log.
pub async fn open(options: Options) -> Result<Running, Failure> {
    let Options { data, spare, address, origin, demo, program, clock, entropy, target, slots } =
        options;
    if let Some(is_demo) = known_kind(&data).filter(|is_demo| *is_demo != demo) {
        return Err(other_kind(&data, is_demo));
    }
    let log_options = LogOptions {
        data: data.clone(),
        origin: origin.clone(),
        clock: Arc::clone(&clock),
        entropy: Arc::clone(&entropy),
    };
    let wrong = |what: &'static str| move |e: &dyn std::error::Error| Failure::upstream(what, e);
    let log =
        SqliteLog::open(log_options).await.map_err(|e| wrong("The log can't be opened")(&e))?;
    let state = load(&data, &log).await?;
    if state.size > 0 && state.demo != demo {
        return Err(other_kind(&data, state.demo));
    }
    let attestor = attestation_key(&data, entropy.as_ref());
    let attestor = attestor.map_err(|e| wrong("The key of attestations can't be had")(&e))?;
    let hook = [program.display().to_string(), "hook".to_owned()];
    let repositories = Repositories::open(&data.join("repositories"), &hook)
        .map_err(|e| wrong("The repositories can't be opened")(&e))?;
    let accounts = Accounts::open(&data, Arc::clone(&clock), Arc::clone(&entropy))
        .await
        .map_err(|e| wrong("The accounts can't be opened")(&e))?;
    let parts = Parts {
        log: Arc::new(log),
        blobs: FileBlobs::open(&data).map_err(|e| wrong("The blobs can't be opened")(&e))?,
        prose: Prose::open(&data, Arc::clone(&entropy))
            .map_err(|e| wrong("The texts can't be opened")(&e))?,
        accounts,
        repositories: repositories.clone(),
        catalogue: Catalogue::built_in(),
        attestor: Arc::new(attestor),
        clock,
        entropy,
        program: program.clone(),
        address,
        spare: spare.unwrap_or_else(|| data.join("spare")),
        data: data.clone(),
    };
    let engine = Engine::start(parts, state);
    engine.report(Command::Open { origin, demo }).await?;
    keys::agree(&engine)?;
    let templates = Templates::new(active_catalogue(&engine).await?);
    mend_pushes(&engine).await?;
    let judge = Arc::new(PushJudge::new(engine.clone(), templates.clone()));
    let hooks = HookServer::start(&data.join("hooks.sock"), repositories, judge)
        .map_err(|e| wrong("The socket for Git's hooks can't be opened")(&e))?;
    let launcher = LauncherProgram::of_sluss(program);
    let executor = LocalExecutor::open(data.join("attempts"), launcher, vec![data.clone()]);
    let executor: Arc<dyn Executor> =
        Arc::new(executor.map_err(|e| wrong("Steps can't be run")(&e))?);
    let ports = Ports::default();
    let runner =
        StepRunner::new(engine.clone(), Arc::clone(&executor), ports.clone(), slots.max(1));
    let router = Router::new(engine.clone(), Arc::clone(&target), ports.clone());
    let mut tasks = vec![tokio::spawn(runner.run()), tokio::spawn(router.run())];
    tasks.extend(keepers(&engine, target, templates));
    Ok(Running { engine, hooks: Arc::new(hooks), executor, ports, tasks })
}

/// Starts what looks after the rest: rollouts, traffic, evidence, and what is kept.
fn keepers(engine: &Engine, target: Arc<dyn Target>, templates: Templates) -> [JoinHandle<()>; 8] {
    [
        tokio::spawn(Watcher::new(engine.clone(), Arc::clone(&target)).run()),
        tokio::spawn(Counter::new(engine.clone(), target).run()),
        tokio::spawn(pack::run(engine.clone())),
        tokio::spawn(inventory::run(engine.clone())),
        tokio::spawn(attest::run(engine.clone())),
        tokio::spawn(upkeep::run(engine.clone())),
        tokio::spawn(retention::run(engine.clone())),
        tokio::spawn(keep(engine.clone(), templates)),
    ]
}

/// The origin of every demo's log.
pub const DEMO_ORIGIN: &str = "sluss.demo/ledger";

/// Returns whether the log that is in `data` already is a demo's, by the name of its key.
fn known_kind(data: &std::path::Path) -> Option<bool> {
    let key = std::fs::read_to_string(data.join("keys").join("log.vkey")).ok()?;
    Some(key.split('+').next() == Some(DEMO_ORIGIN))
}

fn other_kind(data: &std::path::Path, is_demo: bool) -> Failure {
    let (is, hint) = match is_demo {
        true => ("a demo's", "Choose another one: `sluss up --data FOLDER`"),
        false => ("not a demo's", "Leave it to `sluss up`; a demo makes one of its own"),
    };
    let what = format!("The data folder {} is {is}, as its log says for ever.", data.display());
    Failure::new(Blame::Caller, what, hint)
}

/// Folds the log from the last saved fold on.
async fn load(data: &std::path::Path, log: &SqliteLog) -> Result<State, Failure> {
    let saved = match Snapshots::open(data).load(SNAPSHOT).await {
        Ok(saved) => saved.and_then(|saved| serde_json::from_slice::<State>(&saved.bytes).ok()),
        Err(error) => {
            tracing::warn!(%error, "the saved fold can't be read; folding from the start");
            None
        }
    };
    let size = log.size().await?;
    let mut state = saved.filter(|state| state.size <= size).unwrap_or_default();
    loop {
        let page = log.read(state.size, PAGE).await?;
        if page.is_empty() {
            return Ok(state);
        }
        for sealed in &page {
            fold(&mut state, sealed)?;
        }
    }
}

/// Folds the whole log from its first entry, whatever was saved.
///
/// # Errors
///
/// When an entry can't be read.
pub async fn fold_all(log: &dyn Log) -> Result<State, Failure> {
    let mut state = State::default();
    loop {
        let page = log.read(state.size, PAGE).await?;
        if page.is_empty() {
            return Ok(state);
        }
        for sealed in &page {
            fold(&mut state, sealed)?;
        }
    }
}

async fn save(engine: &Engine) {
    let (size, bytes) = {
        let state = engine.state();
        (state.size, serde_json::to_vec(&*state))
    };
    let Ok(bytes) = bytes else { return };
    let saved = Snapshots::open(&engine.parts().data).save(SNAPSHOT, size, bytes).await;
    if let Err(error) = saved {
        tracing::warn!(%error, "the fold could not be saved; the next start takes longer");
    }
}

/// Saves the fold now and then, keeps the templates those of the active configuration, and tells
/// the loop when the clock jumps.
async fn keep(engine: Engine, templates: Templates) {
    let mut saved = engine.state().size;
    let mut active = engine.state().active_commit();
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let (size, commit, gap) = {
            let state = engine.state();
            (state.size, state.active_commit(), state.gap)
        };
        if commit != active {
            match active_catalogue(&engine).await {
                Ok(catalogue) => {
                    templates.set(catalogue);
                    active = commit;
                }
                Err(failure) => tracing::error!(%failure, "the active templates can't be read"),
            }
        }
        let jumped = engine.parts().log.clock_jumped();
        let command = match (jumped, gap) {
            (true, false) => Some(Command::ClockJumped { milliseconds: 60_000 }),
            (false, true) => Some(Command::ClockReturned { confirmed: false }),
            (true, true) | (false, false) => None,
        };
        if let Some(command) = command
            && let Err(failure) = engine.report(command).await
        {
            tracing::error!(%failure, "a jump of the clock could not be recorded");
        }
        if size >= saved + SNAPSHOT_EVERY {
            save(&engine).await;
            saved = size;
        }
    }
}

/// Returns the templates of the active configuration.
async fn active_catalogue(engine: &Engine) -> Result<Catalogue, Failure> {
    let Some(commit) = engine.state().active_commit() else { return Ok(Catalogue::built_in()) };
    let parts = engine.parts();
    let Some(objects) = parts.repositories.objects(&RepositoryName::platform()) else {
        let what = "The platform repository is gone.";
        return Err(Failure::new(Blame::Upstream, what, "Put it back from a backup"));
    };
    organisation::templates(&objects, &commit).await.map_err(|lines| {
        let what = format!("The active configuration can't be read: {}", lines.join(" "));
        Failure::new(Blame::Upstream, what, "Look at what is wrong: `sluss doctor`")
    })
}

/// Finds out what became of pushes that were recorded and not confirmed.
async fn mend_pushes(engine: &Engine) -> Result<(), Failure> {
    let open: Vec<_> = {
        let state = engine.state();
        let announced = |id: &sluss_core::ids::ChangeId| {
            let change = state.changes.get(id)?;
            let name = RefName::of_branch(&change.push.branch).ok()?;
            let repository = RepositoryName::from(change.service.clone());
            let commit = change.push.commit.clone();
            let waits = change.phase == ChangePhase::Announced;
            waits.then_some((*id, Expected { repository, name, commit }))
        };
        state.open.changes.iter().filter_map(announced).collect()
    };
    let (ids, expected): (Vec<_>, Vec<_>) = open.into_iter().unzip();
    let found = forge::compare(&engine.parts().repositories, expected)
        .await
        .map_err(|error| Failure::upstream("The repositories can't be compared", &error))?;
    for (change, difference) in ids.into_iter().zip(found) {
        let command = match difference.found {
            Found::Moved => Command::Received { change },
            Found::Lost => Command::Lost { change },
        };
        engine.report(command).await?;
    }
    Ok(())
}

/// Makes the platform repository with `text` as its organisation, and activates it, unless a
/// configuration is active already.
///
/// # Errors
///
/// When the file is wrong or can't be written.
pub async fn bootstrap(engine: &Engine, text: &str) -> Result<(), Failure> {
    if engine.state().organisation.is_some() {
        return Ok(());
    }
    let wrong =
        |error: forge::GitError| Failure::upstream("The platform repository can't be made", &error);
    let parts = engine.parts();
    let objects = parts.repositories.ensure(&RepositoryName::platform()).await.map_err(wrong)?;
    let head = objects.head(MAIN).await.map_err(wrong)?;
    let commit: CommitId = match head {
        Some(head) => head,
        None => {
            let file = NewFile::Plain(text.as_bytes().to_vec());
            let author = Author {
                name: "Sluss".to_owned(),
                email: "sluss@localhost".to_owned(),
                time_ms: engine.now().0,
            };
            let commit = NewCommit {
                files: [(organisation::FILE.to_owned(), file)].into(),
                message: "Begin".to_owned(),
                author,
            };
            objects.write_commit(MAIN, &commit).await.map_err(wrong)?
        }
    };
    let platform =
        organisation::read(&objects, &commit, &parts.accounts, None).await.map_err(|lines| {
            Failure::new(
                Blame::Caller,
                lines.join("\n"),
                "Mend `organisation.yaml` and push it again",
            )
        })?;
    let kept = platform.texts.keep(&parts.blobs).await;
    kept.map_err(|error| Failure::upstream("Calendar and policies can't be kept", &error))?;
    let command = Command::Propose {
        commit,
        organisation: platform.organisation,
        contributors: Default::default(),
        nonce: engine.nonce(),
    };
    engine.report(command).await.map(|_done| ())
}
