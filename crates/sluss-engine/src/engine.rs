//! The engine: one loop that decides, appends and folds; everyone else reads or asks.
//!
//! # Invariants
//!
//! - Only the loop appends and folds. What it appended is durable before it is folded, and folded
//!   before anything is done about it.
//! - After each command everything that follows by itself is appended too.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use sluss_core::approval::Automated;
use sluss_core::aside::PutAside;
use sluss_core::decide::{Actor, Command, decide};
use sluss_core::event::{Event, Stream};
use sluss_core::follow::follow_up;
use sluss_core::ids::Digest;
use sluss_core::state::State;
use sluss_core::units::Millis;
use sluss_ledger::attest::AttestationKey;
use sluss_ledger::{Actor as LedgerActor, ActorKind, Hash};
use sluss_store::{
    Accounts, Appended, Attestation, Blobs as _, Clock, Draft, Entropy, FileBlobs, Log, Prose,
    Sealed, SqliteLog,
};
use tokio::sync::{mpsc, oneshot, watch};

use crate::aside::{self, Aside, Back};
use crate::evidence::outside::Outside;
use crate::failure::{Blame, Failure};
use crate::forge::Repositories;
use crate::pipeline::Catalogue;
use crate::rests_on::{rests_on, subject};
use crate::texts::Texts;

/// Commands that may wait before those who ask have to.
const QUEUE: usize = 1024;
/// Follow-ups of one command; more would be an endless circle.
const FOLLOW_UPS_MOST: usize = 10_000;

/// What became of a command.
#[derive(Debug, Clone, Default)]
pub struct Done {
    /// What happened by it, without what followed by itself.
    pub events: Vec<Event>,
    /// The log's size after it.
    pub size: u64,
    /// What was put aside instead, since the log can't be written.
    pub put_aside: Option<PutAside>,
}

struct Input {
    command: Option<Command>,
    actor: Actor,
    key: Option<String>,
    attestation: Option<Attestation>,
    reply: Option<oneshot::Sender<Result<Done, Failure>>>,
}

/// What the parts of the running system stand on.
#[expect(missing_docs, reason = "fields are named by what they hold")]
pub struct Parts {
    pub data: PathBuf,
    /// The folder with space for when the log can't be written.
    pub spare: PathBuf,
    pub log: Arc<SqliteLog>,
    pub blobs: FileBlobs,
    pub prose: Prose,
    pub accounts: Accounts,
    pub repositories: Repositories,
    pub catalogue: Catalogue,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    /// The key that signed attestations and dossiers at the start.
    pub attestor: Arc<AttestationKey>,
    /// The program that steps and hooks are started by: this one.
    pub program: PathBuf,
    /// Where the pages are, for messages.
    pub address: String,
}

struct Shared {
    parts: Parts,
    /// Owned by the loop; everyone else reads.
    state: RwLock<State>,
    texts: Texts,
    /// What is put aside while the log can't be written.
    aside: Aside,
    /// What signs attestations now.
    attestor: RwLock<Arc<AttestationKey>>,
    /// Who outside vouches for the log.
    outside: RwLock<Outside>,
    inputs: mpsc::Sender<Input>,
    changed: watch::Receiver<u64>,
}

/// The running system, as everyone but its loop knows it. Cloning is cheap.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

impl Engine {
    /// Starts the loop over `state`, which is the fold of the whole log of `parts`.
    pub fn start(parts: Parts, state: State) -> Self {
        let (inputs, queue) = mpsc::channel(QUEUE);
        let (grown, changed) = watch::channel(state.size);
        let (state, texts) = (RwLock::new(state), Texts::default());
        let attestor = RwLock::new(Arc::clone(&parts.attestor));
        let outside = RwLock::default();
        let aside = Aside::open(&parts.spare.join(aside::FILE));
        let shared = Shared { parts, state, texts, aside, attestor, outside, inputs, changed };
        let shared = Arc::new(shared);
        let engine = Self { shared };
        tokio::spawn(run(engine.clone(), queue, grown));
        engine
    }

    /// Returns what is true now. Hold it briefly: the loop waits for it.
    pub fn state(&self) -> RwLockReadGuard<'_, State> {
        self.shared.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what the running system stands on.
    pub fn parts(&self) -> &Parts {
        &self.shared.parts
    }

    /// Returns the key that signs attestations and dossiers now.
    pub fn attestor(&self) -> Arc<AttestationKey> {
        Arc::clone(&self.shared.attestor.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set_attestor(&self, key: AttestationKey) {
        *self.shared.attestor.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
    }

    /// Returns who outside vouches for the log.
    pub fn outside(&self) -> Outside {
        self.shared.outside.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says who outside vouches for the log; nobody before.
    pub fn set_outside(&self, outside: Outside) {
        *self.shared.outside.write().unwrap_or_else(PoisonError::into_inner) = outside;
    }

    /// Returns the calendar and the policies as far as they were read.
    pub fn texts(&self) -> &Texts {
        &self.shared.texts
    }

    pub(crate) fn aside(&self) -> &Aside {
        &self.shared.aside
    }

    /// Returns the time by the wall.
    pub fn now(&self) -> Millis {
        self.shared.parts.clock.now()
    }

    /// Returns a watch on the log's size, as far as it is folded.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.shared.changed.clone()
    }

    /// Asks for something, and waits until it is decided, durable and folded. With a `key`, asking
    /// again means the same as asking once.
    ///
    /// # Errors
    ///
    /// [`Failure`]: nothing was done.
    pub async fn command(
        &self,
        command: Command,
        actor: Actor,
        key: Option<String>,
    ) -> Result<Done, Failure> {
        self.ask(Some(command), actor, key, None).await
    }

    /// Records that something was signed, with the attestation itself as the leaf before.
    ///
    /// # Errors
    ///
    /// [`Failure`]: nothing was done.
    pub async fn attest(
        &self,
        command: Command,
        attestation: Attestation,
    ) -> Result<Done, Failure> {
        self.ask(Some(command), Actor::System, None, Some(attestation)).await
    }

    async fn ask(
        &self,
        command: Option<Command>,
        actor: Actor,
        key: Option<String>,
        attestation: Option<Attestation>,
    ) -> Result<Done, Failure> {
        let (reply, answer) = oneshot::channel();
        let input = Input { command, actor, key, attestation, reply: Some(reply) };
        let stopped = || Failure::new(Blame::Upstream, "Sluss is stopping.", "Try again later");
        self.shared.inputs.send(input).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    /// Asks for something on behalf of Sluss itself.
    ///
    /// # Errors
    ///
    /// [`Failure`]: nothing was done.
    pub async fn report(&self, command: Command) -> Result<Done, Failure> {
        self.command(command, Actor::System, None).await
    }

    /// Lets the loop look whether time alone has made something follow.
    pub async fn look(&self) {
        let (actor, none) = (Actor::System, None);
        let input = Input { command: None, actor, key: None, attestation: None, reply: none };
        self.shared.inputs.send(input).await.ok();
    }

    /// Returns random bytes in hexadecimal, to make something unlike any other.
    pub fn nonce(&self) -> String {
        let mut bytes = [0; 16];
        match self.shared.parts.entropy.fill(&mut bytes) {
            Ok(()) => hex::encode(bytes),
            // The time is not secret, but a statement needs only to be unlike others.
            Err(_) => format!("{:032x}", self.now().0),
        }
    }
}

/// Returns how `actor` stands in a leaf.
fn ledger_actor(actor: &Actor) -> LedgerActor {
    let reference = |who: &sluss_core::ids::PersonRef| {
        who.as_str().parse().expect("BUG: a person reference is 64 hexadecimal digits")
    };
    let (kind, reference, acts_for) = match actor {
        Actor::System => (ActorKind::System, Hash::sha256(b"sluss"), None),
        Actor::Person { who, .. } | Actor::Signer { who, .. } => {
            (ActorKind::Person, reference(who), None)
        }
        Actor::Agent { who } => {
            (ActorKind::Agent, Hash::sha256(who.as_str().as_bytes()), Some(reference(who)))
        }
    };
    LedgerActor { kind, reference, acts_for, login: None }
}

async fn run(engine: Engine, mut queue: mpsc::Receiver<Input>, grown: watch::Sender<u64>) {
    while let Some(input) = queue.recv().await {
        let Input { command, actor, key, attestation, reply } = input;
        let key = key.as_deref();
        let result = match command {
            Some(command) => engine.carry_out(command, &actor, key, attestation).await,
            None => Ok(Done::default()),
        };
        if let Err(failure) = engine.settle().await {
            tracing::error!(%failure, "what follows could not be recorded; it is tried again");
        }
        let size = engine.state().size;
        grown.send_if_modified(|known| std::mem::replace(known, size) != size);
        if let Some(reply) = reply {
            // Whoever asked may be gone.
            reply.send(result).ok();
        }
    }
}

impl Engine {
    async fn carry_out(
        &self,
        command: Command,
        actor: &Actor,
        key: Option<&str>,
        attestation: Option<Attestation>,
    ) -> Result<Done, Failure> {
        // A repeated command is answered as the first time, whatever is true by now.
        if let Some(key) = key {
            if let Some(done) = self.asked_before(key) {
                return Ok(done);
            }
            let before = self.shared.parts.log.command(key).await?;
            if !before.is_empty() {
                let events = before.iter().map(read_event).collect::<Result<Vec<_>, _>>()?;
                let events = events.into_iter().map(|(_stream, event)| event).collect();
                return Ok(Done { events, size: self.state().size, put_aside: None });
            }
        }
        let back = Back::of(&command);
        if let Err(failure) = self.take_in().await {
            return match back {
                Some(back) => self.put_back_aside(back, actor, key, failure).await,
                None => Err(failure),
            };
        }
        let decided = decide(&self.state(), command, actor, self.now());
        match decided {
            Ok(events) => {
                let appended = self.append(&events, actor, key, attestation).await;
                match (appended, back) {
                    (Ok(()), _) => Ok(Done { events, size: self.state().size, put_aside: None }),
                    (Err(failure), Some(back)) => {
                        self.put_back_aside(back, actor, key, failure).await
                    }
                    (Err(failure), None) => Err(failure),
                }
            }
            Err(refusal) => {
                if let Some(record) = &refusal.record {
                    self.append(std::slice::from_ref(record), actor, None, None).await?;
                }
                Err(refusal.into())
            }
        }
    }

    /// Appends everything that follows by itself.
    async fn settle(&self) -> Result<(), Failure> {
        // What was put aside comes first.
        if self.aside().waits() {
            return Ok(());
        }
        for _ in 0..FOLLOW_UPS_MOST {
            let (parts, texts, now) = (self.parts(), self.texts(), self.now());
            let needs = texts.needs(&self.state(), now);
            texts.fetch_all(parts, needs, now).await;
            let events = follow_up(&self.state(), now, &self.nonce(), texts);
            if events.is_empty() {
                return Ok(());
            }
            texts.keep(&parts.blobs, &events).await?;
            self.append(&events, &Actor::System, None, None).await?;
        }
        let what = "BUG: what follows from the state has no end";
        Err(Failure::new(Blame::Bug, what, "Please report this"))
    }

    /// Appends `events`, provided that no stream of theirs moved since they were decided, and
    /// folds them.
    pub(crate) async fn append(
        &self,
        events: &[Event],
        actor: &Actor,
        key: Option<&str>,
        attestation: Option<Attestation>,
    ) -> Result<(), Failure> {
        if events.is_empty() {
            return Ok(());
        }
        self.keep_statements(events).await?;
        let (preconditions, cause) = {
            let state = self.state();
            let mut streams: Vec<String> =
                events.iter().map(|event| event.stream().to_string()).collect();
            streams.sort();
            streams.dedup();
            let expect = |stream: String| {
                let head = state.head(&stream);
                (stream, head)
            };
            let system = matches!(actor, Actor::System);
            let cause = state.size.checked_sub(1).filter(|_| system);
            (streams.into_iter().map(expect).collect::<Vec<_>>(), cause)
        };
        let mut drafts: Vec<Draft> =
            events.iter().map(|event| draft(event, actor, cause)).collect();
        if let Some(Event::LogRecordTakenIn(of)) = events.first() {
            drafts.iter_mut().for_each(|draft| draft.occurred = Some(of.written));
        }
        for (draft, event) in drafts.iter_mut().zip(events) {
            draft.refs = rests_on(self, event).await?;
            let state = self.state();
            draft.actor.login = sign_in(&state, event, actor);
            draft.subject = subject(&state, event);
        }
        if let ([Event::AttestationRecorded { of, .. }], [draft]) = (events, &mut drafts[..]) {
            (draft.attestation, draft.cause) = (attestation, Some(*of));
        }
        match self.shared.parts.log.append(&preconditions, drafts, key).await {
            Ok(appended) => {
                self.aside().wrote();
                match appended {
                    Appended::New(sealed) => self.fold_all(&sealed),
                    Appended::Repeated(_) => Ok(()),
                }
            }
            Err(error) => {
                self.aside().could_not(&error, self.now());
                Err(error.into())
            }
        }
    }

    /// Keeps the exact bytes of what people are asked to approve, or of what a standard change
    /// stands for, so that others can read what was approved.
    async fn keep_statements(&self, events: &[Event]) -> Result<(), Failure> {
        for event in events {
            let (subject, statement, terms) = match event {
                Event::ApprovalRequested { subject, statement, valid_until, basis, .. }
                | Event::ApprovalAutomated(Automated {
                    subject,
                    statement,
                    valid_until,
                    basis,
                    ..
                }) => (subject, statement, valid_until.zip(basis.as_ref())),
                _other => continue,
            };
            let text = self.state().statement_text(*subject, terms);
            let Some(text) = text.filter(|text| Digest::of(text) == *statement) else { continue };
            let kept = self.shared.parts.blobs.put(text).await;
            kept.map_err(|error| Failure::upstream("A statement can't be kept", &error))?;
        }
        Ok(())
    }

    pub(crate) fn fold_all(&self, sealed: &[Sealed]) -> Result<(), Failure> {
        let mut state = self.shared.state.write().unwrap_or_else(PoisonError::into_inner);
        for sealed in sealed {
            fold(&mut state, sealed)?;
        }
        Ok(())
    }
}

/// The leaf of the last sign-in of the person on whose account something happens.
fn sign_in(state: &State, event: &Event, actor: &Actor) -> Option<u64> {
    match (event, actor) {
        (Event::AccessLogin { .. }, _) | (_, Actor::System | Actor::Agent { .. }) => None,
        (_, Actor::Person { who, .. } | Actor::Signer { who, .. }) => {
            state.sign_ins.get(who).copied()
        }
    }
}

fn draft(event: &Event, actor: &Actor, cause: Option<u64>) -> Draft {
    let (kind, body) = event.to_parts();
    let occurred = match event {
        Event::InstanceObserved { at, .. } => Some(*at),
        _own_time => None,
    };
    Draft {
        stream: event.stream().to_string(),
        kind,
        occurred,
        source: "sluss".to_owned(),
        actor: ledger_actor(actor),
        cause,
        subject: Vec::new(),
        refs: Vec::new(),
        attestation: None,
        body,
    }
}

/// Folds one stored event.
///
/// # Errors
///
/// When this program does not know the event, or it is not the next one.
pub fn fold(state: &mut State, sealed: &Sealed) -> Result<(), Failure> {
    let wrong = |what: String| {
        Failure::new(Blame::Upstream, what, "Look for the entry that is wrong: `sluss log verify`")
    };
    if sealed.position != state.size {
        let (found, expected) = (sealed.position, state.size);
        return Err(wrong(format!("Entry {found} came where entry {expected} was to come.")));
    }
    let event = Event::from_parts(&sealed.kind, &sealed.body)
        .map_err(|error| wrong(format!("Entry {}: {error}", sealed.position)))?;
    state.apply(sealed.time, &event);
    Ok(())
}

/// Reads an event of the log as one of ours, with its stream.
///
/// # Errors
///
/// When this program does not know the event.
pub fn read_event(sealed: &Sealed) -> Result<(Stream, Event), Failure> {
    let event = Event::from_parts(&sealed.kind, &sealed.body).map_err(|error| {
        Failure::new(Blame::Upstream, error.to_string(), "Use the version that wrote it, or newer")
    })?;
    Ok((event.stream(), event))
}
