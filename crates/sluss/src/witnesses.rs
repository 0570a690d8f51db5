//! Witnesses: programs of others that cosign the log's checkpoints, and find out when it was rolled
//! back or shows two histories (C2SP `tlog-witness`).
//!
//! What a witness cosigned is kept in the data folder, so that whoever verifies a checkpoint finds
//! the cosignatures beside it.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sluss_core::decide::Command;
use sluss_core::trust::WITNESS_LAG_MS;
use sluss_core::units::Millis;
use sluss_engine::engine::Engine;
use sluss_engine::evidence::dossier::WITNESSED;
use sluss_engine::failure::{Blame, Failure};
use sluss_ledger::{AddCheckpoint, Note, WitnessAnswer, WitnessSaid, WitnessVerifier, WitnessView};
use tokio::sync::watch;

/// How often a new checkpoint is sent.
const EVERY: Duration = Duration::from_secs(2);
/// How long a witness may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a cosignature is recorded in the log itself.
const RECORDED_EVERY: Duration = Duration::from_secs(3_600);
/// Bytes of an answer that are read.
const ANSWER_MOST: u64 = 64 * 1024;

/// A witness and where it is, written `URL VKEY`.
#[derive(Debug, Clone)]
pub struct WitnessAt {
    url: String,
    key: WitnessVerifier,
    text: String,
}

impl FromStr for WitnessAt {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = "a witness is its address and its vkey, as `sluss-witness init` prints it: \
                     `http://127.0.0.1:8480 name+1234abcd+…`";
        let (url, key) = text.trim().split_once(' ').ok_or(wrong)?;
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(wrong.to_owned());
        }
        let key = key.trim().parse().map_err(|error| format!("{wrong}: {error}"))?;
        Ok(Self { url: url.trim_end_matches('/').to_owned(), key, text: text.trim().to_owned() })
    }
}

impl std::fmt::Display for WitnessAt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// Returns where the cosigned checkpoints of a data folder are, a file for each witness.
pub fn folder(data: &Path) -> PathBuf {
    data.join(WITNESSED)
}

/// Returns the public key of a witness.
pub fn key(witness: &WitnessAt) -> WitnessVerifier {
    witness.key.clone()
}

/// The checkpoint that is to be cosigned now, the same one for all witnesses: a new one each round.
pub fn rounds(engine: &Engine) -> watch::Receiver<Option<String>> {
    let (rounds, round) = watch::channel(None);
    let engine = engine.clone();
    tokio::spawn(async move {
        while !rounds.is_closed() {
            let newest = engine.parts().log.checkpoint();
            rounds.send_if_modified(|round| {
                let is_new = *round != newest;
                *round = newest;
                is_new
            });
            tokio::time::sleep(EVERY).await;
        }
    });
    round
}

/// Has the checkpoint of each round cosigned by one witness, until Sluss ends.
pub async fn feed(engine: Engine, witness: WitnessAt, mut round: watch::Receiver<Option<String>>) {
    let file = folder(&engine.parts().data).join(format!("{}", witness.key.id()));
    let mut view = WitnessView::new(witness.key.clone(), last_size(&file));
    let mut sent = String::new();
    let mut recorded: Option<tokio::time::Instant> = None;
    let mut troubled = false;
    let mut lag = Lag::default();
    loop {
        // At once where there is a new round; else what failed is tried again.
        let next = tokio::time::timeout(EVERY, round.changed()).await;
        if next.is_ok_and(|next| next.is_err()) {
            return;
        }
        let checkpoint = round.borrow_and_update().clone();
        let Some(checkpoint) = checkpoint.filter(|found| *found != sent) else { continue };
        lag.behind(&engine, &witness).await;
        match once(&engine, &witness, &mut view, &checkpoint).await {
            Ok(Some(line)) => {
                if let Err(error) = keep(&file, &format!("{checkpoint}{line}\n")) {
                    tracing::warn!(%error, "a cosigned checkpoint could not be kept");
                }
                (sent, troubled) = (checkpoint, false);
                lag.over(&engine, &witness).await;
                if recorded.is_none_or(|at| at.elapsed() >= RECORDED_EVERY) {
                    let witness = witness.key.name().to_string();
                    let command = Command::Witnessed { witness, size: view.size() };
                    if engine.report(command).await.is_ok() {
                        recorded = Some(tokio::time::Instant::now());
                    }
                }
            }
            Ok(None) => {}
            // Once for each trouble, not every two seconds.
            Err(what) if !troubled => {
                troubled = true;
                tracing::warn!(witness = %witness.key.name(), "{what}");
            }
            Err(_known) => {}
        }
    }
}

/// Since when a witness has something to cosign and has not.
#[derive(Debug, Default)]
struct Lag {
    since: Option<(tokio::time::Instant, Millis)>,
}

impl Lag {
    /// There is something to cosign: after too long that is raised, once.
    async fn behind(&mut self, engine: &Engine, witness: &WitnessAt) {
        let now = (tokio::time::Instant::now(), engine.now());
        let (began, since) = *self.since.get_or_insert(now);
        let name = witness.key.name().to_string();
        let late = began.elapsed().as_millis() >= u128::from(WITNESS_LAG_MS.unsigned_abs());
        if late && !engine.state().lagging.contains_key(&name) {
            report(engine, Command::WitnessLags { witness: name, since }).await;
        }
    }

    /// All there is was cosigned.
    async fn over(&mut self, engine: &Engine, witness: &WitnessAt) {
        self.since = None;
        let witness = witness.key.name().to_string();
        if engine.state().lagging.contains_key(&witness) {
            report(engine, Command::WitnessLagEnded { witness, cosigned: true }).await;
        }
    }
}

async fn report(engine: &Engine, command: Command) {
    if let Err(failure) = engine.report(command).await {
        tracing::warn!(%failure, "what a witness did not cosign could not be recorded");
    }
}

/// Ends the lag of those who are no witnesses any more.
pub async fn forget(engine: &Engine, witnesses: &[WitnessAt]) {
    let lagging: Vec<String> = engine.state().lagging.keys().cloned().collect();
    let known = |name: &String| witnesses.iter().any(|one| one.key.name().as_str() == name);
    for witness in lagging.into_iter().filter(|name| !known(name)) {
        report(engine, Command::WitnessLagEnded { witness, cosigned: false }).await;
    }
}

/// Sends one checkpoint. Returns the line of its cosignature; nothing where it is to be sent again.
async fn once(
    engine: &Engine,
    witness: &WitnessAt,
    view: &mut WitnessView,
    checkpoint: &str,
) -> Result<Option<String>, String> {
    let log = &engine.parts().log;
    let note = Note::parse(checkpoint.as_bytes());
    let note = note.map_err(|error| format!("the checkpoint: {error}"))?;
    let asked = log.with_tree(|tree| view.ask(&note, tree)).ok_or("there is no checkpoint yet")?;
    let asked = asked.map_err(|error| error.to_string())?;
    let url = format!("{}/add-checkpoint", witness.url);
    let answer = send(url, asked.request()).await?;
    let size = engine.state().size;
    match view.hear(&asked, &answer, size) {
        WitnessSaid::Cosigned(cosignature) => Ok(Some(cosignature.line().to_string())),
        WitnessSaid::Again => Ok(None),
        WitnessSaid::Later(trouble) => Err(trouble.to_string()),
        WitnessSaid::WitnessAlarm(alarm) => {
            tracing::error!(witness = %witness.key.name(), "{alarm}");
            if alarm.stops_appends() {
                let witness = witness.key.name().to_string();
                let report = Command::Distrust { witness, seen: view.size(), size };
                if let Err(failure) = engine.report(report).await {
                    tracing::error!(%failure, "the alarm could not be recorded");
                }
            }
            Err(alarm.to_string())
        }
    }
}

async fn send(url: String, request: &AddCheckpoint) -> Result<WitnessAnswer, String> {
    let body = request.to_string();
    let asked = tokio::task::spawn_blocking(move || {
        let agent = crate::http::client(PATIENCE).http_status_as_error(false).build().new_agent();
        let mut answer = agent.post(&url).send(body).map_err(|error| error.to_string())?;
        let kind = answer.headers().get("content-type").and_then(|kind| kind.to_str().ok());
        let (status, kind) = (answer.status().as_u16(), kind.unwrap_or("").to_owned());
        let body = answer.body_mut().with_config().limit(ANSWER_MOST).read_to_vec();
        Ok::<_, String>((status, kind, body.map_err(|error| error.to_string())?))
    });
    let (status, kind, body) = asked.await.map_err(|error| error.to_string())??;
    WitnessAnswer::parse(status, &kind, &body).map_err(|error| error.to_string())
}

/// Returns the size that was cosigned last, as far as the folder knows.
fn last_size(file: &Path) -> u64 {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().nth(1).and_then(|size| size.parse().ok()).unwrap_or(0)
}

fn keep(file: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let new = file.with_extension("new");
    std::fs::write(&new, text)?;
    std::fs::rename(new, file)
}

/// Returns the witnesses that are given, and those in the file `witnesses` of the data folder, a
/// line each.
///
/// # Errors
///
/// What is wrong, with its line; or which is there twice: two of one key would be one.
pub fn all(data: &Path, given: Vec<WitnessAt>) -> Result<Vec<WitnessAt>, Failure> {
    let file = data.join("witnesses");
    let refuse = |what: String| {
        let hint = "Give each witness once: `--witness 'URL VKEY'`, or a line of that file";
        Failure::new(Blame::Caller, what, hint)
    };
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(refuse(format!("{} can't be read: {error}", file.display()))),
    };
    let mut witnesses = given;
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let read = line.parse();
        witnesses.push(read.map_err(|error: String| {
            refuse(format!("{}, line {}: {error}", file.display(), number + 1))
        })?);
    }
    let mut seen = std::collections::BTreeSet::new();
    match witnesses.iter().find(|one| !seen.insert(one.key.id().to_string())) {
        Some(twice) => Err(refuse(format!("The witness {} is given twice.", twice.key.name()))),
        None => Ok(witnesses),
    }
}
