//! Classifying incidents, and saying what the authority was told. Only people do either.

use std::collections::BTreeSet;

use super::{Actor, Blame, Refusal, missing, not_now};
use crate::event::{Event, RefusedWhy};
use crate::ids::{CauseName, Digest, IncidentId, PersonRef};
use crate::incident::clocks::{Recorded, Report};
use crate::incident::criteria::{Assessment, Criteria, Holds};
use crate::incident::recurring::{Member, recurring};
use crate::incident::{Classified, Incident, LookedBack, Notified};
use crate::state::State;
use crate::units::Millis;

/// What somebody wants recorded of an incident's classification and reports.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "fields are the words of the domain")]
pub enum Reporting {
    /// Somebody says what an incident did.
    Classify { incident: IncidentId, stated: Stated, reason: Option<Digest> },
    /// Somebody says that the authority was told: now, unless they say when.
    Notify { incident: IncidentId, report: Report, sent: Option<Millis>, reference: Digest },
    /// Somebody looked back at an incident that is over.
    Review { incident: IncidentId, findings: Digest },
}

/// What a person says of an incident. What is left out is as it was said before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stated {
    /// When it was classified; now unless given.
    pub at: Option<Millis>,
    /// When it occurred.
    pub occurred: Option<Millis>,
    /// When whoever answers for it became aware of it.
    pub aware: Option<Millis>,
    /// Its effects.
    pub criteria: Criteria,
    /// Whether nothing was affected beside what is said, now or before.
    pub nothing_else: bool,
    /// Its apparent cause.
    pub cause: Option<CauseName>,
    /// Whether it is looked at as one with the others that have this cause.
    pub recurring: bool,
}

pub(super) fn decide(
    state: &State,
    wanted: Reporting,
    actor: &Actor,
    now: Millis,
) -> Result<Vec<Event>, Refusal> {
    match wanted {
        Reporting::Classify { incident, stated, reason } => {
            let by = person(state, actor, "classify")?;
            classify(state, incident, stated, (by, reason), now)
        }
        Reporting::Notify { incident, report, sent, reference } => {
            let by = person(state, actor, "notify")?;
            let sent = sent.unwrap_or(now);
            let told = Notified { incident, report, sent, reference, by };
            let found = found(state, incident)?;
            may_notify(found, &told, now)?;
            Ok(vec![Event::IncidentNotified(told)])
        }
        Reporting::Review { incident, findings } => {
            let by = person(state, actor, "review")?;
            if found(state, incident)?.closed.is_none() {
                let what =
                    format!("{incident} is not closed, so there is nothing to look back at.");
                let hint = format!("Close it first: `sluss incident close {incident}`");
                return Err(Refusal::new(Blame::Conflict, what, hint));
            }
            Ok(vec![Event::IncidentReviewed(LookedBack { incident, by, findings })])
        }
    }
}

/// Returns who asks, if that is a person who delivers or decides.
fn person(state: &State, actor: &Actor, act: &str) -> Result<PersonRef, Refusal> {
    let Some(who) = actor.who().filter(|who| state.may_classify(who)) else {
        let what = format!("To {act} an incident takes the role of a developer or an approver.");
        let refusal = Refusal::new(Blame::Denied, what, "Ask someone who has it, at once");
        return Err(refusal.recorded(None, act, RefusedWhy::MissingRole));
    };
    match actor {
        Actor::Person { .. } | Actor::Signer { .. } => Ok(who.clone()),
        Actor::System | Actor::Agent { .. } => Err(Refusal::new(
            Blame::Denied,
            "Only a person says what an incident did; tokens and programs do not.",
            "Sign in as a person, or give your password: `sluss incident classify --help`",
        )
        .recorded(None, act, RefusedWhy::NotAPerson)),
    }
}

fn found(state: &State, id: IncidentId) -> Result<&Incident, Refusal> {
    let unknown = || missing(format!("There is no incident {id}."), "sluss incident list");
    state.incidents.get(&id).ok_or_else(unknown)
}

fn wrong(what: impl Into<String>, hint: impl Into<String>) -> Refusal {
    Refusal::new(Blame::Caller, what, hint)
}

fn classify(
    state: &State,
    id: IncidentId,
    stated: Stated,
    (by, reason): (PersonRef, Option<Digest>),
    now: Millis,
) -> Result<Vec<Event>, Refusal> {
    let incident = found(state, id)?;
    let before = incident.classification();
    let at = stated.at.unwrap_or(now);
    let aware = stated.aware.unwrap_or_else(|| incident.aware());
    let traced = state.occurred(id).unwrap_or(incident.opened);
    // What was known before it was opened had occurred by then.
    let occurred = stated.occurred.unwrap_or_else(|| traced.min(aware));
    in_order(incident, (occurred, aware, at), now)?;
    let told = before.map(|of| of.criteria.clone()).unwrap_or_default();
    let criteria = stated.criteria.or(&told);
    let criteria = if stated.nothing_else { criteria.and_nothing_else() } else { criteria };
    let cause = stated.cause.or_else(|| before.and_then(|of| of.cause.clone()));
    let duration_ms = incident.closed.unwrap_or(now).since(occurred);
    let mut assessment = criteria.assess(duration_ms);
    let mut with = BTreeSet::new();
    if stated.recurring {
        let member = Member {
            incident: id,
            cause: cause.clone().ok_or_else(no_cause)?,
            occurred,
            duration_ms,
            criteria: criteria.clone(),
        };
        (with, assessment) = as_one(state, member, assessment, now)?;
    }
    if assessment.major() == Holds::Unknown {
        return Err(too_little(id, &criteria.missing(&criteria.assess(duration_ms))));
    }
    let major = assessment.major() == Holds::Yes;
    let later = before.is_some_and(|of| aware > of.aware || of.major && !major);
    if later && reason.is_none() {
        let what = "What ends a limit, or moves it later, takes a reason.";
        let hint = format!("Say why: `sluss incident classify {id} … --reason …`");
        return Err(wrong(what, hint));
    }
    let passed = assessment.passed();
    let incident = id;
    Ok(vec![Event::IncidentClassified(Classified {
        incident,
        at,
        occurred,
        aware,
        criteria,
        cause,
        with,
        passed,
        major,
        by,
        reason,
    })])
}

/// Checks that what is said of times can be so: it occurred, somebody became aware of it, it was
/// classified; and nobody became aware only after it was opened here.
fn in_order(
    incident: &Incident,
    (occurred, aware, at): (Millis, Millis, Millis),
    now: Millis,
) -> Result<(), Refusal> {
    let last = incident.classification().map(|of| of.at);
    let hint = "Give times like `2026-01-31T12:00:00Z`: --occurred, --aware, --at";
    let said = if at > now {
        "It cannot have been classified in the future.".to_owned()
    } else if aware > incident.opened {
        let opened = incident.opened.utc_minute();
        format!("It was opened here at {opened}, so somebody was aware of it by then.")
    } else if occurred > aware {
        "Nobody is aware of what has not occurred: say an earlier time of its occurrence.".into()
    } else if at < aware {
        "It cannot have been classified before anybody was aware of it.".to_owned()
    } else if last.is_some_and(|last| at < last) {
        "It was classified later than that already.".to_owned()
    } else {
        return Ok(());
    };
    Err(wrong(said, hint))
}

fn no_cause() -> Refusal {
    let what = "Incidents recur with the same cause, and none is named.";
    wrong(what, "Name it: `--cause expired-certificate`")
}

/// Returns what the incident and the others with its cause come to together.
fn as_one(
    state: &State,
    member: Member,
    alone: Assessment,
    now: Millis,
) -> Result<(BTreeSet<IncidentId>, Assessment), Refusal> {
    let (id, cause) = (member.incident, member.cause.clone());
    if alone.major() == Holds::Yes {
        return Ok((BTreeSet::new(), alone));
    }
    let mut members = state.not_major_each(now);
    members.retain(|other| other.incident != id);
    members.push(member);
    let group = recurring(&members).into_iter().find(|group| group.incidents.contains(&id));
    let Some(mut group) = group else {
        let what = format!("{id} is the only one with the cause `{cause}` within six months.");
        return Err(not_now(what));
    };
    group.incidents.remove(&id);
    Ok((group.incidents, group.assessment))
}

fn too_little(id: IncidentId, missing: &[&str]) -> Refusal {
    let what = match missing {
        [] => format!("Too little is known of those that recur to say whether {id} is major."),
        some => {
            format!("Whether {id} is major is not known yet: {} are missing.", some.join(", "))
        }
    };
    let hint = "An estimate counts; `--nothing-else` says that nothing else was affected";
    Refusal::new(Blame::Conflict, what, hint)
}

/// Checks that a report can have been sent so: each after the one before, none twice but the
/// intermediate one, and only of what was classified as major.
fn may_notify(incident: &Incident, told: &Notified, now: Millis) -> Result<(), Refusal> {
    let (id, report) = (told.incident, told.report);
    let Recorded { aware, classified, sent } = incident.recorded();
    if !classified.iter().any(|(_, major)| *major) {
        let what = format!("{id} is not classified as major, so there is nothing to report.");
        let hint = format!("Classify it first: `sluss incident classify {id} …`");
        return Err(Refusal::new(Blame::Conflict, what, hint));
    }
    let last = |of: Report| sent.iter().filter(|sent| sent.report == of).map(|sent| sent.at).max();
    let (initial, done) = (last(Report::Initial), last(Report::Final));
    let intermediate = last(Report::Intermediate);
    let twice = |at: Option<Millis>| {
        at.map(|at| not_now(format!("{} of {id} was sent {}.", start(report), at.utc_minute())))
    };
    let before = match report {
        Report::Initial => twice(initial).map_or(Ok(aware), Err)?,
        Report::Intermediate => {
            done.map_or(Ok(()), |_| Err(not_now(format!("The final report of {id} was sent."))))?;
            let first = || not_now(format!("The initial notification of {id} comes first."));
            intermediate.or(initial).ok_or_else(first)?
        }
        Report::Final => {
            twice(done).map_or(Ok(()), Err)?;
            let first = || not_now(format!("An intermediate report of {id} comes first."));
            intermediate.ok_or_else(first)?
        }
    };
    let hint = "Say when it was sent: `--at 2026-01-31T12:00:00Z`";
    if told.sent > now {
        return Err(wrong("It cannot have been sent in the future.", hint));
    }
    if told.sent < before {
        let what = format!("It cannot have been sent before {}.", before.utc_minute());
        return Err(wrong(what, hint));
    }
    Ok(())
}

fn start(report: Report) -> &'static str {
    match report {
        Report::Initial => "The initial notification",
        Report::Intermediate => "The intermediate report",
        Report::Final => "The final report",
    }
}
