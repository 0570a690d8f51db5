//! Decides again what policies decided, with the same engine, and compares.
//!
//! What an obligation asks of people or of the rollout is not in the input: whether it was met is
//! not decided again here. The rules of the policy itself are, each of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use sluss_ledger::dossier::{PolicyRecord, PolicyReplay, SignedEvent};
use sluss_policy::{Bundle, ClosedBecause, Decision, Denial, Limits, Obligation, evaluate};

/// How long a policy may take here: nobody waits for it, and the machine may be a slow one.
const TIME: Duration = Duration::from_secs(10);

/// Decides again.
pub(crate) struct Policies;

impl PolicyReplay for Policies {
    fn replay(&self, _decision: &SignedEvent, record: &PolicyRecord) -> Result<(), String> {
        let unreadable = |error: serde_json::Error| format!("the record can't be read: {error}");
        let files: BTreeMap<String, String> =
            serde_json::from_slice(&record.bundle).map_err(unreadable)?;
        let recorded: Value = serde_json::from_slice(&record.result).map_err(unreadable)?;
        let bundle = Bundle::load(files).map_err(|refused| {
            let first = refused.problems.first().map(ToString::to_string);
            format!("the policies are refused: {}", first.unwrap_or_default())
        })?;
        let limits = Limits { time: TIME, ..Limits::default() };
        compare(&evaluate(&bundle, &record.data, &record.input, limits), &recorded)
    }
}

fn compare(again: &Decision, recorded: &Value) -> Result<(), String> {
    let (closed, asked) = rules(again)?;
    let may: BTreeSet<String> = closed.union(&asked).cloned().collect();
    let words = |rules: &BTreeSet<String>| rules.iter().cloned().collect::<Vec<_>>().join(", ");
    let (why, on) = (&recorded["why"], &recorded["on"]);
    if let Some(allowed) = why.get("policy_allows") {
        let warnings: BTreeSet<String> = names(&again.warnings);
        return match (closed.is_empty(), listed(&allowed["warnings"]) == Some(warnings)) {
            (true, true) => Ok(()),
            (false, _) => Err(format!("it was allowed, and is denied now: {}", words(&closed))),
            (true, false) => Err("it warns of something else now".to_owned()),
        };
    }
    let waived = why.get("waived").and_then(|waived| listed(&waived["rules"]));
    if let Some(waived) = waived {
        let left: BTreeSet<String> = closed.difference(&waived).cloned().collect();
        return match left.is_empty() && waived.is_subset(&may) && !waived.is_empty() {
            true => Ok(()),
            false => Err(format!("what was waived is not what denies it now: {}", words(&closed))),
        };
    }
    match on.get("policy").and_then(|denied| listed(&denied["rules"])) {
        Some(denied) if !denied.is_empty() && denied.is_subset(&may) => Ok(()),
        Some(_) => Err(format!("it was denied by other rules than now: {}", words(&closed))),
        None => Err("the recorded result is of a form that is not known".to_owned()),
    }
}

/// The rules that deny it, and what it asks besides, by the names that gates record.
fn rules(again: &Decision) -> Result<(BTreeSet<String>, BTreeSet<String>), String> {
    let mut closed = match &again.closed_because {
        None => BTreeSet::new(),
        Some(ClosedBecause::Denied { .. }) => names(&again.deny),
        Some(ClosedBecause::NotAllowed) => ["core.allow".to_owned()].into(),
        Some(ClosedBecause::EvidenceIncomplete) => ["core.evidence".to_owned()].into(),
        Some(because) => return Err(format!("it comes to no answer now: {because}")),
    };
    if !again.evidence_complete {
        closed.insert("core.evidence".to_owned());
    }
    let name = |asked: &Obligation| match asked {
        Obligation::Approvals { role, count } => {
            format!("require:approvals:{}:{}", role.as_str(), count.get())
        }
        Obligation::CanaryAtMost { permille } => {
            format!("require:canary_at_most:{}", permille.get())
        }
    };
    Ok((closed, again.require.iter().map(name).collect()))
}

fn names(denials: &[Denial]) -> BTreeSet<String> {
    denials.iter().map(|denial| denial.rule.clone()).collect()
}

fn listed(rules: &Value) -> Option<BTreeSet<String>> {
    rules.as_array()?.iter().map(|rule| rule.as_str().map(str::to_owned)).collect()
}
