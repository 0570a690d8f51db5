//! The past decided again: by another policy, to see what it would change, or by the same one, to
//! see that the record is true.

use serde::{Deserialize, Serialize};

use crate::bundle::Bundle;
use crate::decision::{ClosedBecause, Decision, Denial};
use crate::evaluate::{Limits, evaluate, sha256};
use crate::obligation::Obligation;

/// What a recorded decision was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its id, such as the position of its event.
    pub id: String,
    /// The data's bytes.
    pub data: Vec<u8>,
    /// The input's bytes.
    pub input: Vec<u8>,
}

/// What another policy would have changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DiffReport {
    /// The policy that decided.
    pub old_sha256: String,
    /// The policy that would have.
    pub new_sha256: String,
    /// How many recorded decisions were decided again by both.
    pub checked: usize,
    /// Decisions that come out otherwise, in the order in which they were recorded.
    pub flips: Vec<Flip>,
    /// How many of the recorded decisions let pass what the policies then would have refused, since
    /// they only warned; whoever read the record counts them.
    pub only_warned: usize,
    /// Decisions of which nothing is known, with the reason.
    pub not_checked: Vec<(String, String)>,
}

/// One decision that comes out otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Flip {
    /// The recorded decision's id.
    pub id: String,
    /// Which way it goes.
    pub change: Change,
    /// What the old policy says.
    pub before: Side,
    /// What the new policy says.
    pub after: Side,
}

/// Which way a decision goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// What was refused would pass, or would pass with fewer obligations: needs an approval of
    /// its own.
    Weakening,
    /// What passed would be refused, or would pass with more obligations.
    Tightening,
}

/// What one policy says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Side {
    /// Whether it opens.
    pub open: bool,
    /// Its reasons against it.
    pub deny: Vec<Denial>,
    /// Its obligations.
    pub require: Vec<Obligation>,
    /// Why it is closed.
    pub closed_because: Option<ClosedBecause>,
}

/// What a comparison came to, as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DiffResult {
    /// Nothing was recorded, or not all of it could be decided again: never a yes.
    NotChecked,
    /// Nothing flips.
    Same,
    /// Something flips, and nothing in the direction of letting more pass.
    Tightened,
    /// Something that was refused would pass.
    Weakened,
}

impl DiffReport {
    /// What it came to, the gravest first.
    #[must_use]
    pub fn result(&self) -> DiffResult {
        if self.weakenings().next().is_some() {
            DiffResult::Weakened
        } else if self.checked == 0 || !self.not_checked.is_empty() {
            DiffResult::NotChecked
        } else if self.flips.is_empty() {
            DiffResult::Same
        } else {
            DiffResult::Tightened
        }
    }

    /// The flips that let more pass.
    pub fn weakenings(&self) -> impl Iterator<Item = &Flip> {
        self.flips.iter().filter(|flip| flip.change == Change::Weakening)
    }

    /// SHA-256 of the report as JSON; what an approval of the new policy names.
    ///
    /// # Panics
    ///
    /// Never: a report is texts, numbers and lists.
    #[must_use]
    pub fn sha256(&self) -> String {
        sha256(&self.to_bytes())
    }

    /// Returns the report as JSON, as it is kept.
    ///
    /// # Panics
    ///
    /// Never, as of [`Self::sha256`].
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts, numbers and lists always serialise")
    }
}

impl From<Decision> for Side {
    fn from(decision: Decision) -> Self {
        let open = decision.is_open();
        let Decision { deny, require, closed_because, .. } = decision;
        Self { open, deny, require, closed_because }
    }
}

/// Decides everything that was recorded by both policies, and says what comes out otherwise.
pub fn diff(
    old: &Bundle,
    new: &Bundle,
    recorded: impl IntoIterator<Item = Recorded>,
    limits: Limits,
) -> DiffReport {
    let mut report = DiffReport {
        old_sha256: old.sha256().to_owned(),
        new_sha256: new.sha256().to_owned(),
        checked: 0,
        flips: Vec::new(),
        only_warned: 0,
        not_checked: Vec::new(),
    };
    for Recorded { id, data, input } in recorded {
        let [before, after] =
            [old, new].map(|bundle| Side::from(evaluate(bundle, &data, &input, limits)));
        let passing = [&before, &after]
            .into_iter()
            .find_map(|side| side.closed_because.as_ref().filter(|because| because.is_passing()));
        if let Some(because) = passing {
            report.not_checked.push((id, because.to_string()));
            continue;
        }
        report.checked += 1;
        if let Some(change) = change(&before, &after) {
            report.flips.push(Flip { id, change, before, after });
        }
    }
    report
}

fn change(before: &Side, after: &Side) -> Option<Change> {
    match (before.open, after.open) {
        (false, true) => Some(Change::Weakening),
        (true, false) => Some(Change::Tightening),
        (false, false) => None,
        (true, true) if before.require == after.require => None,
        (true, true) => {
            let met = |old: &Obligation| after.require.iter().any(|new| new.covers(old));
            let kept = before.require.iter().all(met);
            Some(if kept { Change::Tightening } else { Change::Weakening })
        }
    }
}

/// A decision as it was recorded: the part of its JSON that can be decided again.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RecordedDecision {
    /// What `allow` said.
    pub allow: bool,
    /// The reasons against it.
    pub deny: Vec<Denial>,
    /// The obligations.
    pub require: Vec<Obligation>,
    /// Why it was closed.
    pub closed_because: Option<ClosedBecause>,
    /// The bundle's digest.
    pub bundle_sha256: String,
    /// The data's digest.
    pub data_sha256: String,
    /// The input's digest.
    pub input_sha256: String,
    /// The input's size in bytes.
    pub input_size: usize,
}

/// What a recorded decision came to when it was decided again.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Reevaluation {
    /// The same.
    Same,
    /// Not the same, and in what.
    Differs(Vec<Difference>),
    /// It could not be decided again: neither the same nor another.
    NotChecked {
        /// Why.
        why: String,
    },
}

/// One part of a decision that is not as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The part.
    pub field: &'static str,
    /// As it was recorded.
    pub recorded: String,
    /// As it is now.
    pub now: String,
}

/// Decides a recorded decision again, from the bundle, the data and the input that it names.
pub fn reevaluate(
    bundle: &Bundle,
    data: &[u8],
    input: &[u8],
    recorded: &RecordedDecision,
    limits: Limits,
) -> Reevaluation {
    let now = evaluate(bundle, data, input, limits);
    let of_bytes = differences([
        ("bundle_sha256", recorded.bundle_sha256.clone(), now.bundle_sha256),
        ("data_sha256", recorded.data_sha256.clone(), now.data_sha256),
        ("input_sha256", recorded.input_sha256.clone(), now.input_sha256),
        ("input_size", recorded.input_size.to_string(), now.input_size.to_string()),
    ]);
    if !of_bytes.is_empty() {
        return Reevaluation::Differs(of_bytes);
    }
    let both = [&recorded.closed_because, &now.closed_because];
    if let Some(because) = both.into_iter().flatten().find(|because| because.is_passing()) {
        return Reevaluation::NotChecked { why: because.to_string() };
    }
    // Engines word their failures differently; that one closed it is what counts.
    let kind = |of: &Option<ClosedBecause>| of.as_ref().map(std::mem::discriminant);
    let same_kind = kind(&recorded.closed_because) == kind(&now.closed_because);
    let closed = |of: &Option<ClosedBecause>| match of {
        Some(because) if !same_kind => because.to_string(),
        Some(_) | None => of.is_some().to_string(),
    };
    let found = differences([
        ("allow", recorded.allow.to_string(), now.allow.to_string()),
        ("deny", format!("{:?}", recorded.deny), format!("{:?}", now.deny)),
        ("require", format!("{:?}", recorded.require), format!("{:?}", now.require)),
        ("closed_because", closed(&recorded.closed_because), closed(&now.closed_because)),
    ]);
    if found.is_empty() { Reevaluation::Same } else { Reevaluation::Differs(found) }
}

fn differences<const N: usize>(parts: [(&'static str, String, String); N]) -> Vec<Difference> {
    let unlike = parts.into_iter().filter(|(_, recorded, now)| recorded != now);
    unlike.map(|(field, recorded, now)| Difference { field, recorded, now }).collect()
}
