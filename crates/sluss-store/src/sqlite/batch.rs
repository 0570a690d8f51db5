//! What a batch of waiting appends becomes: which of them stand, and the rows that they add.
//!
//! Pure: it is given the heads of the streams concerned, the time and a source of ids.
//!
//! # Invariants
//!
//! - Appends are judged in the order in which they came, each on top of those before it.
//! - An append that is refused leaves no trace in the rows nor in the heads.

use std::collections::HashMap;
use std::ops::Range;

use sluss_ledger::{AttestationRef, Envelope, Hash, LeafKind, lint_leaf};
use tokio::sync::oneshot;

use super::rows;
use super::timekeeper::Stamp;
use crate::log::{
    ATTESTATIONS, AppendError, Appended, Attestation, Draft, Refusal, Sealed, is_kind, is_stream,
};

/// Most drafts of one append.
pub(super) const MOST_DRAFTS: usize = 4096;

/// An append that waits for its answer.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) preconditions: Vec<(String, u64)>,
    pub(super) drafts: Vec<Draft>,
    /// The digest of the command key.
    pub(super) command_key: Option<String>,
    pub(super) reply: oneshot::Sender<Result<Appended, AppendError>>,
}

/// Where a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// The number of its next event.
    pub(super) next: u64,
    /// Leaf hash of its last event; zero where there is none.
    pub(super) hash: Hash,
}

impl Head {
    pub(super) const EMPTY: Self = Self { next: 0, hash: Hash::ZERO };
}

/// What is known of the log before the batch. Streams that `heads` lacks are empty.
#[derive(Debug, Clone, Copy)]
pub(super) struct Before<'a> {
    pub(super) size: u64,
    pub(super) heads: &'a HashMap<String, Head>,
    /// The events of those of the batch's commands that were appended before.
    pub(super) commands: &'a HashMap<String, Vec<Sealed>>,
}

/// What one append of the batch is answered.
#[derive(Debug)]
pub(super) enum Answer {
    /// Whatever becomes of the batch.
    Now(Result<Appended, AppendError>),
    /// These rows, once they are durable.
    New(Range<usize>),
    /// These rows, once they are durable: an append before it in the batch is the same command.
    Repeated(Range<usize>),
}

/// A batch, judged.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// The rows to add, in order.
    pub(super) rows: Vec<Sealed>,
    /// One answer for each append.
    pub(super) answers: Vec<Answer>,
    /// The heads of the streams that grow, as they are then.
    pub(super) heads: HashMap<String, Head>,
}

/// Judges the batch. `ids` gives a fresh identifier for each call.
pub(super) fn plan(
    requests: &mut [Request],
    before: Before<'_>,
    stamp: Stamp,
    ids: impl FnMut() -> String,
) -> Plan {
    let mut planner =
        Planner { before, stamp, ids, plan: Plan::default(), commands: HashMap::new() };
    for request in requests {
        let answer = match planner.judge(request) {
            Ok(answer) => answer,
            Err(error) => Answer::Now(Err(error)),
        };
        planner.plan.answers.push(answer);
    }
    planner.plan
}

struct Planner<'a, I> {
    before: Before<'a>,
    stamp: Stamp,
    ids: I,
    plan: Plan,
    /// The rows of the commands of this batch.
    commands: HashMap<String, Range<usize>>,
}

impl<I: FnMut() -> String> Planner<'_, I> {
    fn judge(&mut self, request: &mut Request) -> Result<Answer, AppendError> {
        if let Some(key) = &request.command_key {
            if let Some(events) = self.before.commands.get(key) {
                return Ok(Answer::Now(Ok(Appended::Repeated(events.clone()))));
            }
            if let Some(rows) = self.commands.get(key) {
                return Ok(Answer::Repeated(rows.clone()));
            }
        }
        for (stream, expected) in &request.preconditions {
            let (expected, found) = (*expected, self.head(stream).next);
            if expected != found {
                return Err(AppendError::Moved { stream: stream.clone(), expected, found });
            }
        }
        let start = self.plan.rows.len();
        for (index, draft) in std::mem::take(&mut request.drafts).into_iter().enumerate() {
            let (stream, kind) = (draft.stream.clone(), draft.kind.clone());
            if let Err(why) = self.seal(draft, request.command_key.clone()) {
                self.undo(start);
                return Err(AppendError::Refused { index, stream, kind, why });
            }
        }
        let rows = start..self.plan.rows.len();
        if let Some(key) = request.command_key.clone().filter(|_| !rows.is_empty()) {
            self.commands.insert(key, rows.clone());
        }
        Ok(Answer::New(rows))
    }

    fn seal(&mut self, draft: Draft, command_key: Option<String>) -> Result<(), Refusal> {
        if !is_stream(&draft.stream) || draft.stream == ATTESTATIONS {
            return Err(Refusal::Stream);
        }
        if !is_kind(&draft.kind) {
            return Err(Refusal::Kind);
        }
        if let Some(cause) = draft.cause.filter(|cause| *cause >= self.position()) {
            return Err(Refusal::Cause { cause });
        }
        let atts: Vec<AttestationRef> = match draft.attestation {
            Some(attestation) => vec![self.seal_attestation(attestation)?],
            None => Vec::new(),
        };
        let position = self.position();
        let head = self.head(&draft.stream);
        let envelope = Envelope {
            stream: draft.stream,
            seq: head.next,
            prev: head.hash,
            kind: draft.kind,
            time_ms: self.stamp.time.0,
            id: (self.ids)(),
            occurred_ms: draft.occurred.unwrap_or(self.stamp.time).0,
            source: draft.source,
            cause: draft.cause,
            command_key,
            actor: draft.actor,
            subject: draft.subject,
            refs: draft.refs,
            atts,
            skew: self.stamp.skew,
            data: draft.body,
        };
        if !envelope.data.get().starts_with('{') {
            return Err(Refusal::Unsealable("its body is not a JSON object".to_owned()));
        }
        let bytes = envelope.seal().map_err(|error| Refusal::Unsealable(chain(&error)))?;
        let hash = Hash::leaf(&bytes);
        let next = Head { next: head.next + 1, hash };
        self.plan.heads.insert(envelope.stream.clone(), next);
        self.plan.rows.push(rows::sealed(position, envelope, bytes.into(), hash));
        Ok(())
    }

    /// Puts an attestation's leaf before the event that names it.
    fn seal_attestation(&mut self, of: Attestation) -> Result<AttestationRef, Refusal> {
        match lint_leaf(&of.leaf) {
            Ok(LeafKind::Attestation) => {}
            Ok(LeafKind::Event) => {
                return Err(Refusal::Unsealable("its attestation is an event".to_owned()));
            }
            Err(error) => return Err(Refusal::Unsealable(chain(&error))),
        }
        let (position, head) = (self.position(), self.head(ATTESTATIONS));
        let hash = Hash::leaf(&of.leaf);
        let next = Head { next: head.next + 1, hash };
        self.plan.heads.insert(ATTESTATIONS.to_owned(), next);
        let time = self.stamp.time;
        self.plan.rows.push(rows::attestation(position, head.next, time, of.leaf.into(), hash));
        Ok(AttestationRef { leaf: position, pae: of.pae, predicate: of.predicate })
    }

    /// Returns the position of the next row.
    fn position(&self) -> u64 {
        self.before.size + self.plan.rows.len() as u64
    }

    fn head(&self, stream: &str) -> Head {
        let known = self.plan.heads.get(stream).or_else(|| self.before.heads.get(stream));
        known.copied().unwrap_or(Head::EMPTY)
    }

    /// Takes back the rows from `start` on.
    fn undo(&mut self, start: usize) {
        for row in self.plan.rows.split_off(start) {
            self.plan.heads.remove(&row.stream);
        }
        for row in &self.plan.rows {
            let head = Head { next: row.seq + 1, hash: row.hash };
            self.plan.heads.insert(row.stream.clone(), head);
        }
    }
}

/// Accepts an append before it waits: what can be said of it without the log.
pub(super) fn check_shape(drafts: &[Draft], key: Option<&str>) -> Result<(), AppendError> {
    let refuse = |why| {
        let (stream, kind) = drafts
            .first()
            .map(|draft| (draft.stream.clone(), draft.kind.clone()))
            .unwrap_or_default();
        Err(AppendError::Refused { index: 0, stream, kind, why })
    };
    if drafts.len() > MOST_DRAFTS {
        return refuse(Refusal::TooMany { found: drafts.len(), limit: MOST_DRAFTS });
    }
    match key.map(str::len) {
        Some(found) if found == 0 || found > 512 => refuse(Refusal::CommandKey { found }),
        Some(_) | None => Ok(()),
    }
}

/// An error with its causes, in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let said = next.to_string();
        if !text.ends_with(&said) {
            text = format!("{text}: {said}");
        }
        cause = next.source();
    }
    text
}

#[cfg(test)]
mod tests;
