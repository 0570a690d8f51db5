//! Decides again what policies decided, with the same engine, and compares all that comes out.
//!
//! Whether what a policy required besides was met is not in its input: it is returned, and looked
//! for in the events.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use sluss_ledger::dossier::{PolicyRecord, PolicyReplay, Replayed, SignedEvent};
use sluss_policy::{Bundle, ClosedBecause, Decision, Denial, Limits, Obligation, evaluate};

/// How long a policy may take here: nobody waits for it, and the machine may be a slow one.
const TIME: Duration = Duration::from_secs(10);

/// What came out, as far as the same bytes lead to the same again. Which engine it was is not.
const SAME: [&str; 9] = [
    "allow",
    "evidence_complete",
    "deny",
    "require",
    "warnings",
    "bundle_sha256",
    "data_sha256",
    "input_sha256",
    "input_size",
];

/// Decides again.
pub(crate) struct Policies;

impl PolicyReplay for Policies {
    fn replay(&self, decision: &SignedEvent, record: &PolicyRecord) -> Result<Replayed, String> {
        let unreadable = |error: serde_json::Error| format!("the record can't be read: {error}");
        let data: Value = serde_json::from_str(decision.event.data.get()).map_err(unreadable)?;
        let files: BTreeMap<String, String> =
            serde_json::from_slice(&record.bundle).map_err(unreadable)?;
        let bundle = Bundle::load(files).map_err(|refused| {
            let first = refused.problems.first().map(ToString::to_string);
            format!("the policies are refused: {}", first.unwrap_or_default())
        })?;
        let limits = Limits { time: TIME, ..Limits::default() };
        let again = evaluate(&bundle, &record.data, &record.input, limits);
        // Before all that came out was recorded, the event itself was what is known of it.
        if data["policy"].is_object() {
            let recorded: Value = serde_json::from_slice(&record.result).map_err(unreadable)?;
            if let Some(why) = passing(&recorded) {
                shut_for(why, &data["outcome"])?;
                let not_repeated = Some(why.to_owned());
                return Ok(Replayed { require: Vec::new(), not_repeated });
            }
            same(&again, &recorded)?;
        }
        compare(&again, &data["outcome"])?;
        let written = |asked: &Obligation| {
            let value = serde_json::to_value(asked).map_err(unreadable)?;
            Ok::<_, String>((asked.rule(), value))
        };
        let require = again.require.iter().map(written).collect::<Result<_, _>>()?;
        Ok(Replayed { require, not_repeated: None })
    }
}

/// Why the recorded decision was shut, where the same bytes may come to another end.
fn passing(recorded: &Value) -> Option<&'static str> {
    let kind = recorded["closed_because"]["kind"].as_str()?;
    [("timed_out", "timeout"), ("panicked", "panicked")]
        .into_iter()
        .find_map(|(passing, word)| (kind == passing).then_some(word))
}

/// Whoever was shut for `why` let nothing through by a policy.
fn shut_for(why: &str, outcome: &Value) -> Result<(), String> {
    let says = [&outcome["on"]["policy_answer"], &outcome["why"]["would_refuse"]];
    match says.into_iter().any(|said| said["why"] == why) || is_exception(outcome) {
        true => Ok(()),
        false => Err(format!("the policies came to no answer ({why}), and the gate to another")),
    }
}

fn is_exception(outcome: &Value) -> bool {
    outcome["why"]["exception"].is_object()
}

/// Compares what comes out with what was recorded.
fn same(again: &Decision, recorded: &Value) -> Result<(), String> {
    let again = serde_json::to_value(again).map_err(|error| error.to_string())?;
    if let Some(field) = SAME.into_iter().find(|field| again[*field] != recorded[*field]) {
        let (was, is) = (brief(&recorded[field]), brief(&again[field]));
        return Err(format!("`{field}` was recorded as {was}, and is {is} now"));
    }
    let because = |of: &Value| of["closed_because"]["kind"].as_str().map(str::to_owned);
    match because(&again) == because(recorded) {
        true => Ok(()),
        false => Err("it is shut for another reason now than was recorded".to_owned()),
    }
}

fn brief(value: &Value) -> String {
    const LONGEST: usize = 120;
    value.to_string().chars().take(LONGEST).collect()
}

/// Compares what comes out with what the gate made of it.
fn compare(again: &Decision, outcome: &Value) -> Result<(), String> {
    let asked: BTreeSet<String> = again.require.iter().map(Obligation::rule).collect();
    let words = |rules: &BTreeSet<String>| rules.iter().cloned().collect::<Vec<_>>().join(", ");
    let (why, on) = (&outcome["why"], &outcome["on"]);
    let closed = match closed(again) {
        Ok(closed) => closed,
        Err(word)
            if on["policy_answer"]["why"] == word
                || why["would_refuse"]["why"] == word
                || is_exception(outcome) =>
        {
            return Ok(());
        }
        Err(word) => return Err(format!("it comes to no answer now ({word})")),
    };
    let may: BTreeSet<String> = closed.union(&asked).cloned().collect();
    if let Some(allowed) = why.get("policy_allows") {
        let warnings = names(&again.warnings);
        return match (closed.is_empty(), listed(&allowed["warnings"]) == Some(warnings)) {
            (true, true) => Ok(()),
            (false, _) => Err(format!("it was allowed, and is denied now: {}", words(&closed))),
            (true, false) => Err("it warns of something else now".to_owned()),
        };
    }
    if let Some(would) = why.get("would_refuse") {
        // Whether it was to only warn is looked for in the events.
        let rules = listed(&would["rules"]).unwrap_or_default();
        let same = !rules.is_empty() && closed.is_subset(&rules) && rules.is_subset(&may);
        return match same {
            true => Ok(()),
            false => Err(format!("it would be refused by other rules: {}", words(&closed))),
        };
    }
    if is_exception(outcome) {
        // It went past whatever the policies said.
        return Ok(());
    }
    let (denied, waived) = (&on["policy"]["rules"], &on["policy"]["waived"]);
    let (rules, how) = match why.get("waived").and_then(|waived| listed(&waived["rules"])) {
        Some(waived) => (Some(waived), "waived"),
        None => (listed(denied).filter(|rules| !rules.is_empty()), "recorded"),
    };
    let mut also = listed(waived).unwrap_or_default();
    for warned in [&why["waived"]["warned"], &on["policy"]["warned"]] {
        also.extend(listed(warned).unwrap_or_default());
    }
    match rules.map(|rules| rules.union(&also).cloned().collect::<BTreeSet<_>>()) {
        Some(rules) if !rules.is_empty() && closed.is_subset(&rules) && rules.is_subset(&may) => {
            Ok(())
        }
        Some(_) => Err(format!("what was {how} is not what denies it now: {}", words(&closed))),
        None => Err("the recorded result is of a form that is not known".to_owned()),
    }
}

/// The rules that deny it, by the names that gates record; or why it came to no answer.
fn closed(again: &Decision) -> Result<BTreeSet<String>, &'static str> {
    let mut closed = match &again.closed_because {
        None => BTreeSet::new(),
        Some(ClosedBecause::Denied { .. }) => names(&again.deny),
        Some(ClosedBecause::NotAllowed) => ["core.allow".to_owned()].into(),
        Some(ClosedBecause::EvidenceIncomplete) => ["core.evidence".to_owned()].into(),
        Some(because) => return Err(because.word()),
    };
    if !again.evidence_complete {
        closed.insert("core.evidence".to_owned());
    }
    Ok(closed)
}

fn names(denials: &[Denial]) -> BTreeSet<String> {
    denials.iter().map(|denial| denial.rule.clone()).collect()
}

fn listed(rules: &Value) -> Option<BTreeSet<String>> {
    rules.as_array()?.iter().map(|rule| rule.as_str().map(str::to_owned)).collect()
}
