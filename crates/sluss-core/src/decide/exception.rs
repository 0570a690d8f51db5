//! Asking for exceptions, granting, ending and reviewing them; deciding for somebody else.

use std::collections::BTreeSet;

use super::key::{self, in_person};
use super::{Actor, Blame, Refusal, incident, missing, not_now, stop};
use crate::approval::Subject;
use crate::config::{Delegation, Organisation};
use crate::event::{Event, RefusedWhy};
use crate::exception::{Exception, ExceptionKind, Model, Terms};
use crate::findings::FindingKey;
use crate::ids::{DeploymentId, Digest, ExceptionId, IncidentId, PersonRef, ServiceName};
use crate::incident::Reporter;
use crate::invariant::{CORE, Invariant};
use crate::state::State;
use crate::units::Millis;

/// How asking for one is called where a refusal of it is recorded.
const ASK: &str = "ask-exception";
/// The longest time for which somebody may decide for somebody else: ninety days.
const DELEGATED_MOST_MS: i64 = 90 * 24 * 60 * 60 * 1000;

pub(super) fn ask(
    state: &State,
    what: ExceptionKind,
    (reason, terms): (Digest, Terms),
    until: Millis,
    (actor, now): (&Actor, Millis),
) -> Result<Vec<Event>, Refusal> {
    let by = person(actor, "Exceptions are asked for by people.")?;
    if until <= now || until.since(now) > what.longest_ms() {
        let hours = what.longest_ms() / 3_600_000;
        return Err(Refusal::new(
            Blame::Caller,
            format!(
                "An exception of this kind ends after now, and within {hours} h: {}.",
                what.word()
            ),
            "Give its length: `--for 1h`",
        )
        .recorded(None, ASK, RefusedWhy::OutOfScope));
    }
    registered(state, &what)?;
    waiver(state, &what, &terms)?;
    if let Some(id) = what.deployment()
        && !state.still_waits(Subject::Deployment(id))
    {
        return Err(not_now(format!("{id} does not wait at a gate.")));
    }
    if let ExceptionKind::Waiver { rule, .. } = &what
        && rule.starts_with(CORE)
    {
        return Err(Refusal::new(
            Blame::Denied,
            format!("`{rule}` is no rule of a policy, and cannot be waived."),
            "Mend what it found",
        )
        .recorded(None, ASK, RefusedWhy::OutOfScope));
    }
    if let ExceptionKind::Findings { service, findings } = &what {
        known(state, service, findings)?;
    }
    if let ExceptionKind::LogTrust { found } = &what {
        distrusted(state, *found)?;
        may_trust(state, &by)?;
    }
    if let ExceptionKind::Freeze { deployment } = &what
        && state.contributors(*deployment).contains(&by)
    {
        let said = "You contributed to this release, so someone else asks to go past a freeze.";
        let hint = "Ask someone who had no hand in it";
        return Err(Refusal::new(Blame::Denied, said, hint).recorded(
            Some(Subject::Deployment(*deployment)),
            ASK,
            RefusedWhy::Contributor,
        ));
    }
    let (opened, what) = match what {
        ExceptionKind::Standard { model } => (None, standard(state, model, &by)?),
        ExceptionKind::Emergency { deployment, incident } => {
            emergency(state, deployment, incident, &reason)?
        }
        other => (None, other),
    };
    let exception = state.next_exception();
    let asked = Event::ExceptionRequested { exception, what, by, reason, until, terms };
    Ok(opened.into_iter().chain([asked]).collect())
}

/// Checks that the service whose releases it is for is there, or listed, if it is for one's.
fn registered(state: &State, what: &ExceptionKind) -> Result<(), Refusal> {
    let listed = |service| {
        let known = state.organisation.as_ref();
        known.is_some_and(|known| known.services.contains_key(service))
    };
    match what.service() {
        Some(service) if !state.services.contains_key(service) && !listed(service) => {
            Err(missing(format!("There is no service {service}."), "sluss status"))
        }
        Some(_) | None => Ok(()),
    }
}

/// Checks what bounds a waiver, and that nothing else has its bounds.
fn waiver(state: &State, what: &ExceptionKind, terms: &Terms) -> Result<(), Refusal> {
    let wrong = |what: &str, hint: &str| Err(Refusal::new(Blame::Caller, what, hint));
    if !what.is_waiver() {
        return match terms.environment {
            None => Ok(()),
            Some(_) => wrong("Only waivers are for one environment.", "Leave `--environment` out"),
        };
    }
    if terms.compensating.is_none() {
        let hint = "Say it: `--instead TEXT`";
        return wrong("A waiver says what guards meanwhile instead.", hint);
    }
    if let Some(name) = &terms.environment
        && !stop::is_environment(state, name)
    {
        return Err(missing(format!("No service has an environment {name}."), "sluss status"));
    }
    let ExceptionKind::ProdData { service } = what else { return Ok(()) };
    match &terms.environment {
        None => wrong(
            "A waiver for real data names the environment that has them.",
            "Name it: `--environment NAME`",
        ),
        Some(name) if state.lasting_environments(service).last() == Some(name) => wrong(
            "Real data belong where releases go last: nothing is waived there.",
            "Name the environment in which tests use them",
        ),
        Some(_) => Ok(()),
    }
}

/// Refuses who asks to trust the log again and may not decide.
fn may_trust(state: &State, by: &PersonRef) -> Result<(), Refusal> {
    if state.organisation.as_ref().is_some_and(|known| known.deciders().contains(by)) {
        return Ok(());
    }
    let hint = "Ask an approver to ask for it; another one agrees";
    let what = "Trusting the log again takes two who may decide, and you may not.";
    let refusal = Refusal::new(Blame::Denied, what, hint);
    Err(refusal.recorded(None, ASK, RefusedWhy::MissingRole))
}

/// Returns an emergency with the incident that it is about, which it opens where none is named.
fn emergency(
    state: &State,
    deployment: DeploymentId,
    named: Option<IncidentId>,
    reason: &Digest,
) -> Result<(Option<Event>, ExceptionKind), Refusal> {
    let found = state.deployments.get(&deployment);
    let found = found.ok_or_else(|| not_now(format!("{deployment} does not wait at a gate.")))?;
    let of = |incident| ExceptionKind::Emergency { deployment, incident: Some(incident) };
    let Some(incident) = named else {
        let (service, environment) = (found.service.clone(), found.environment.clone());
        let suspect = incident::suspect_unless(state, &service, &environment, deployment);
        let (incident, by, summary) = (state.next_incident(), Reporter::Person, reason.clone());
        let opened =
            Event::IncidentReported { incident, service, environment, by, summary, suspect };
        return Ok((Some(opened), of(incident)));
    };
    let Some(about) = state.incidents.get(&incident) else {
        return Err(missing(format!("There is no incident {incident}."), "sluss incident list"));
    };
    let product = |service| state.product_of(service);
    if about.closed.is_some() {
        return Err(not_now(format!("{incident} is closed, so nothing of it is to be mended.")));
    }
    if about.service != found.service && product(&about.service) != product(&found.service) {
        let (other, own) = (&about.service, &found.service);
        return Err(not_now(format!(
            "{incident} is about {other}, which is of another product than {own}."
        ))
        .recorded(Some(Subject::Deployment(deployment)), ASK, RefusedWhy::OutOfScope));
    }
    Ok((None, of(incident)))
}

/// Returns a standard change whose owner is named, if it is a kind of changes.
fn standard(state: &State, mut model: Model, by: &PersonRef) -> Result<ExceptionKind, Refusal> {
    bounded(&model)?;
    let known = state.organisation.as_ref();
    if let Some(function) = &model.function {
        let there = function.as_str() == Organisation::APPROVERS
            || known.is_some_and(|known| known.groups.contains_key(function));
        if !there {
            let hint = "Name one of `groups` in organisation.yaml";
            let what = format!("There is no group `{function}`.");
            return Err(Refusal::new(Blame::Caller, what, hint));
        }
    }
    model.owner.get_or_insert_with(|| by.clone());
    Ok(ExceptionKind::Standard { model })
}

/// Findings that one waiver covers at most.
const WAIVED_MOST: usize = 100;

/// Checks that a waiver is of findings that scanners reported of the service, and not of all.
fn known(
    state: &State,
    service: &ServiceName,
    findings: &BTreeSet<FindingKey>,
) -> Result<(), Refusal> {
    if findings.is_empty() || findings.len() > WAIVED_MOST {
        return Err(Refusal::new(
            Blame::Caller,
            format!("A waiver of findings names from 1 to {WAIVED_MOST} of them."),
            "Name each: `--finding KEY`; see which there are: `sluss findings`",
        ));
    }
    let seen = state.services.get(service).map(|known| &known.findings);
    let is_seen = |key: &&FindingKey| seen.is_some_and(|seen| seen.contains_key(*key));
    match findings.iter().find(|key| !is_seen(key)) {
        Some(key) => Err(missing(
            format!("No scanner reported a finding {} of {service}.", key.short()),
            "sluss findings",
        )),
        None => Ok(()),
    }
}

/// Checks that a standard change is a kind of changes, and not all of them.
fn bounded(model: &Model) -> Result<(), Refusal> {
    let hint = "Name folders (`docs/`), endings (`*.md`) or files, and give all three bounds";
    let wrong = |what: &str| Err(Refusal::new(Blame::Caller, what, hint));
    let broad = |pattern: &&String| {
        let ending = pattern.strip_prefix('*');
        let bare = ending.unwrap_or(pattern).trim_matches(['.', '/', '*', ' ']);
        bare.is_empty() || ending.unwrap_or(pattern).contains('*')
    };
    if model.paths.is_empty() {
        wrong("A standard change names the files that may differ.")
    } else if let Some(pattern) = model.paths.iter().find(broad) {
        wrong(&format!("`{pattern}` names no kind of files."))
    } else if model.files == 0 || model.lines == 0 || model.failures == 0 {
        wrong("A standard change is bounded: files, lines and failures, each at least one.")
    } else {
        Ok(())
    }
}

pub(super) fn grant(
    state: &State,
    id: ExceptionId,
    actor: &Actor,
    now: Millis,
) -> Result<Vec<Event>, Refusal> {
    let found = open(state, id, now)?;
    if let ExceptionKind::LogTrust { found } = &found.what {
        distrusted(state, *found)?;
    }
    let by = key::decider(state, (actor, now), None, "grant-exception")?;
    let denied = |what: &str, why| {
        let hint = "Someone else who may decide can grant it: `sluss exception list`";
        Refusal::new(Blame::Denied, what, hint).recorded(None, "grant-exception", why)
    };
    if by == found.asked_by {
        return Err(denied("You asked for it, so someone else grants it.", RefusedWhy::SamePerson));
    }
    if let ExceptionKind::Standard { model } = &found.what
        && model.owner.as_ref() == Some(&by)
    {
        let what = "You answer for this standard change, so someone else agrees to it.";
        return Err(denied(what, RefusedWhy::SamePerson));
    }
    let of = found.what.deployment().map(Subject::Deployment);
    let mut barred = of.map(|of| state.contributors_to(of)).unwrap_or_default();
    if barred.contains(&by) {
        let what = "You contributed to this release, so someone else grants it.";
        return Err(denied(what, RefusedWhy::Contributor));
    }
    barred.insert(found.asked_by.clone());
    if found.what.is_emergency() && !state.is_on_call(&by, &barred, now) {
        let what = "An emergency is granted by someone who is on call, and you are not.";
        return Err(denied(what, RefusedWhy::MissingRole).by(Invariant::BreakglassScope));
    }
    if !state.organisation.as_ref().is_some_and(|known| known.deciders().contains(&by)) {
        let what = "Granting takes the role of an approver, and you don't have it.";
        return Err(denied(what, RefusedWhy::MissingRole));
    }
    if found.granted_by.contains(&by) {
        return Err(not_now(format!("You granted {id} already; it takes one more person."))
            .recorded(None, "grant-exception", RefusedWhy::SamePerson));
    }
    let signed = key::of(actor);
    if signed.is_none() && state.asks_key_for(&found.what) {
        return Err(key::not_signed(None, "grant-exception"));
    }
    Ok(vec![Event::ExceptionGranted { exception: id, by, signed }])
}

/// Anybody who may decide, or asked for it, may end it: that only shuts gates.
pub(super) fn end(
    state: &State,
    id: ExceptionId,
    actor: &Actor,
    now: Millis,
) -> Result<Vec<Event>, Refusal> {
    let found = state.exceptions.get(&id).ok_or_else(|| unknown(id))?;
    let by = person(actor, "Exceptions are ended by people.")?;
    if found.ended.is_some() || now >= found.until {
        return Err(not_now(format!("{id} is over.")));
    }
    if let Some(deployment) = state.overtook(found) {
        return Err(overtaken(id, deployment));
    }
    let decides = state.organisation.as_ref().is_some_and(|known| known.deciders().contains(&by));
    if !decides && by != found.asked_by {
        let hint = "Ask an approver, or whoever asked for it";
        return Err(Refusal::new(Blame::Denied, "It is not yours to end.", hint).recorded(
            None,
            "end-exception",
            RefusedWhy::MissingRole,
        ));
    }
    Ok(vec![Event::ExceptionEnded { exception: id, by }])
}

pub(super) fn review(
    state: &State,
    id: ExceptionId,
    findings: Digest,
    actor: &Actor,
) -> Result<Vec<Event>, Refusal> {
    let found = state.exceptions.get(&id).ok_or_else(|| unknown(id))?;
    let by = in_person(actor)?;
    let ExceptionKind::Emergency { deployment, .. } = found.what else {
        return Err(not_now(format!("{id} is no emergency, so there is nothing to review.")));
    };
    if found.granted.is_none() || found.reviewed.is_some() {
        return Err(not_now(format!("{id} waits for no review.")));
    }
    let took_part = by == found.asked_by
        || found.granted_by.contains(&by)
        || state.contributors_to(Subject::Deployment(deployment)).contains(&by);
    if took_part {
        let hint = "Someone who had no part in it reviews it";
        return Err(Refusal::new(Blame::Denied, "You had a part in this emergency.", hint)
            .recorded(None, "review-exception", RefusedWhy::Contributor));
    }
    if !state.organisation.as_ref().is_some_and(|known| known.deciders().contains(&by)) {
        let hint = "Ask an approver who had no part in it";
        return Err(Refusal::new(Blame::Denied, "Reviewing takes the role of an approver.", hint)
            .recorded(None, "review-exception", RefusedWhy::MissingRole));
    }
    Ok(vec![Event::ExceptionReviewed { exception: id, by, findings }])
}

pub(super) fn delegate(
    state: &State,
    to: PersonRef,
    until: Millis,
    actor: &Actor,
    now: Millis,
) -> Result<Vec<Event>, Refusal> {
    let from = in_person(actor)?;
    if until <= now {
        return take_back(state, from, to, now);
    }
    let known = state.organisation.as_ref();
    let decides = |who: &PersonRef| known.is_some_and(|known| known.deciders().contains(who));
    if !decides(&from) || !decides(&to) || from == to {
        return Err(Refusal::new(
            Blame::Denied,
            "Who may decide lets another person decide who may, too, and nobody else.",
            "See who may: `sluss status`",
        )
        .recorded(None, "delegate", RefusedWhy::MissingRole));
    }
    if until.since(now) > DELEGATED_MOST_MS {
        let hint = "Give its length: `--for 14d`";
        return Err(Refusal::new(Blame::Caller, "It ends within 90 days.", hint));
    }
    let delegation = Delegation { from, to, since: now, until };
    Ok(vec![Event::AccessDelegated { delegation }])
}

/// Takes back what somebody delegated, also when they may decide no more themselves.
fn take_back(
    state: &State,
    from: PersonRef,
    to: PersonRef,
    now: Millis,
) -> Result<Vec<Event>, Refusal> {
    let holding = |one: &Delegation| one.holds(now) && (&one.from, &one.to) == (&from, &to);
    if !state.delegations.iter().any(holding) {
        let hint = "See who decides for whom: `sluss access`, or give a length: `--for 14d`";
        return Err(Refusal::new(Blame::Caller, "They decide nothing for you.", hint));
    }
    let delegation = Delegation { from, to, since: now, until: now };
    Ok(vec![Event::AccessDelegated { delegation }])
}

fn person(actor: &Actor, what: &str) -> Result<PersonRef, Refusal> {
    match actor {
        Actor::Person { who, .. } | Actor::Signer { who, .. } => Ok(who.clone()),
        Actor::System | Actor::Agent { .. } => Err(Refusal::new(
            Blame::Denied,
            what,
            "Sign in as a person, and ask there",
        )
        .recorded(None, ASK, RefusedWhy::NotAPerson)),
    }
}

/// Checks that what the event at `found` says is what the log is distrusted for now.
fn distrusted(state: &State, found: u64) -> Result<(), Refusal> {
    match &state.distrusted {
        Some(now) if now.position == found => Ok(()),
        Some(_) => Err(not_now("The log is distrusted for something else by now.")),
        None => Err(not_now("Nobody distrusts the log.")),
    }
}

fn unknown(id: ExceptionId) -> Refusal {
    missing(format!("There is no exception {id}."), "sluss exception list")
}

fn overtaken(id: ExceptionId, deployment: DeploymentId) -> Refusal {
    let what = format!("{id} is over: {deployment} does not wait at a gate any more.");
    let hint = "See what waits now: `sluss status`, and ask for that: `sluss exception ask`";
    Refusal::new(Blame::Conflict, what, hint)
}

fn open(state: &State, id: ExceptionId, now: Millis) -> Result<&Exception, Refusal> {
    let found = state.exceptions.get(&id).ok_or_else(|| unknown(id))?;
    // Rules may ask for more people than one: each may still agree to a standard change.
    let open = found.granted.is_none() || matches!(found.what, ExceptionKind::Standard { .. });
    if !open || found.ended.is_some() || now >= found.until {
        return Err(not_now(format!("{id} waits for nobody any more.")));
    }
    match state.overtook(found) {
        Some(deployment) => Err(overtaken(id, deployment)),
        None => Ok(found),
    }
}
