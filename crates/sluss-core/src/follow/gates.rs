//! What each gate sees of a deployment that waits at it.

use std::collections::BTreeSet;

use super::ask::{ask_about, lacks_evidence, moved};
use super::{budget, dependencies, evidence, performance};
use crate::approval::{Asked, Decision, Request, Subject, VoidWhy};
use crate::config::{FourEyes, Organisation};
use crate::deployment::Deployment;
use crate::event::Event;
use crate::exception::{Exception, ExceptionKind, Model};
use crate::gate::{ClearedWhy, GateOutcome, RefusedWhy, WaitingOn};
use crate::ids::{DeploymentId, Digest, ExceptionId, GroupName, PersonRef};
use crate::invariant::CORE;
use crate::pipeline::GateKind;
use crate::policies::Mode;
use crate::risk::{self, Size};
use crate::rules::{CalendarSays, PolicyAnswer, PolicyRecord, PolicySays, Rules};
use crate::slots::{self, Rule};
use crate::state::State;
use crate::units::Millis;

/// Decides one gate, and says what policies were asked with if they were; an error holds the events
/// that must come before it can be decided.
pub(super) fn decide_gate(
    state: &State,
    id: DeploymentId,
    deployment: &Deployment,
    gate: GateKind,
    (now, rules): (Millis, &dyn Rules),
) -> Result<(GateOutcome, Option<PolicyRecord>), Vec<Event>> {
    let outcome = match gate {
        GateKind::Tests => Ok(evidence::tests(state, id, deployment)),
        GateKind::Provenance => Ok(evidence::provenance(state, deployment)),
        GateKind::Sbom => Ok(evidence::sbom(state, deployment)),
        GateKind::Findings => Ok(evidence::findings(state, id, deployment, now)),
        GateKind::Performance => performance::performance(state, id, deployment, (now, rules)),
        GateKind::ErrorBudget => budget::error_budget(state, id, deployment, (now, rules)),
        GateKind::Dependencies => Ok(dependencies::dependencies(state, id, deployment, now)),
        GateKind::Policy => return Ok(policy(state, id, deployment, (now, rules))),
        GateKind::FourEyes => four_eyes(state, id, deployment, (now, rules)),
        GateKind::Freeze if !deployment.stage.gates.contains(&gate) => {
            let runs = GateOutcome::Cleared { why: ClearedWhy::LineRuns };
            Ok(stopped(state, deployment).unwrap_or(runs))
        }
        GateKind::Freeze => Ok(freeze(state, id, deployment, (now, rules))),
    };
    outcome.map(|outcome| (outcome, None))
}

/// Returns that the line is stopped for `deployment`, if it is. No exception goes past that.
fn stopped(state: &State, deployment: &Deployment) -> Option<GateOutcome> {
    let (stop, found) = state.stop_over(deployment)?;
    Some(GateOutcome::Waiting { on: WaitingOn::Stopped { stop, scope: found.scope.clone() } })
}

fn freeze(
    state: &State,
    id: DeploymentId,
    deployment: &Deployment,
    (now, rules): (Millis, &dyn Rules),
) -> GateOutcome {
    if state.gap {
        return GateOutcome::Waiting { on: WaitingOn::Clock };
    }
    if state.distrusted.is_some() {
        return GateOutcome::Waiting { on: WaitingOn::Log };
    }
    if let Some(stopped) = stopped(state, deployment) {
        return stopped;
    }
    let set = state.freeze_over(&deployment.service, &deployment.environment, now);
    let calendar = state.organisation.as_ref().and_then(|known| known.calendar.as_ref());
    let says = calendar.map_or(CalendarSays::Open, |text| rules.calendar(text, state, id, now));
    let on = match (set, says) {
        (Some((freeze, set)), _) => WaitingOn::Freeze { freeze, until: set.until },
        (None, CalendarSays::Shut { until, windows }) => WaitingOn::Calendar { until, windows },
        (None, CalendarSays::Unreadable) => WaitingOn::CalendarText,
        (None, CalendarSays::Open) => {
            return GateOutcome::Cleared { why: ClearedWhy::NoFreeze };
        }
    };
    let override_of = |what: &ExceptionKind| *what == ExceptionKind::Freeze { deployment: id };
    match state.exception(id, now, override_of) {
        Some(exception) => GateOutcome::Cleared { why: ClearedWhy::Exception { exception } },
        None => GateOutcome::Waiting { on },
    }
}

/// Returns that an emergency goes past a gate, if one was declared for `id` and holds.
pub(super) fn emergency(state: &State, id: DeploymentId, now: Millis) -> Option<GateOutcome> {
    let exception = state.exception(id, now, |what| what.is_emergency_of(id))?;
    Some(GateOutcome::Cleared { why: ClearedWhy::Exception { exception } })
}

fn policy(
    state: &State,
    id: DeploymentId,
    deployment: &Deployment,
    (now, rules): (Millis, &dyn Rules),
) -> (GateOutcome, Option<PolicyRecord>) {
    let known = state.organisation.as_ref();
    let Some((policies, of)) = known.and_then(|of| Some((of.policies.as_ref()?, &of.policy)))
    else {
        return (GateOutcome::Cleared { why: ClearedWhy::NoPolicy }, None);
    };
    let past = |outcome: GateOutcome| match outcome.is_cleared() {
        true => outcome,
        false => emergency(state, id, now).unwrap_or(outcome),
    };
    let (record, answer) = match rules.policy(policies, state, id, now) {
        PolicySays::Asked { record, answer } => (record.by_version(state), answer),
        PolicySays::NotAsked { why } => return (past(no_answer(of.mode, None, why)), None),
    };
    let input = record.input_sha256.clone();
    let outcome = match (answer, of.mode) {
        (PolicyAnswer::Allows { warnings }, _) => {
            GateOutcome::Cleared { why: ClearedWhy::PolicyAllows { input, warnings } }
        }
        (PolicyAnswer::Denies { rules }, Mode::Warn) => would_refuse(Some(input), rules, None),
        (PolicyAnswer::Denies { rules }, Mode::Block) => {
            denied(state, (id, deployment), (input, rules), &of.warn, now)
        }
        (PolicyAnswer::Fails { why }, mode) => no_answer(mode, Some(input), why),
    };
    (past(outcome), Some(record))
}

/// Returns what follows where policies came to no answer.
fn no_answer(mode: Mode, input: Option<Digest>, why: String) -> GateOutcome {
    match mode {
        Mode::Block => GateOutcome::Waiting { on: WaitingOn::PolicyAnswer { why } },
        Mode::Warn => would_refuse(input, Vec::new(), Some(why)),
    }
}

fn would_refuse(input: Option<Digest>, rules: Vec<String>, why: Option<String>) -> GateOutcome {
    GateOutcome::Cleared { why: ClearedWhy::WouldRefuse { input, rules, why } }
}

/// Returns what follows where `rules` deny a release: those that only warn keep nothing, those that
/// are waived for its service neither.
fn denied(
    state: &State,
    (id, deployment): (DeploymentId, &Deployment),
    (input, rules): (Digest, Vec<String>),
    warn: &BTreeSet<String>,
    now: Millis,
) -> GateOutcome {
    // What is no rule of a policy is waived by nobody and never only warns, whatever the log holds.
    let own = |rule: &String| !rule.starts_with(CORE);
    let waiver = |rule: &String| {
        let service = deployment.service.clone();
        let waiver = ExceptionKind::Waiver { service, rule: rule.clone() };
        own(rule).then(|| state.exception(id, now, |what| *what == waiver)).flatten()
    };
    let (warned, rules): (Vec<String>, Vec<String>) =
        rules.into_iter().partition(|rule| own(rule) && warn.contains(rule));
    let by: BTreeSet<ExceptionId> = rules.iter().filter_map(waiver).collect();
    let (waived, left): (Vec<String>, Vec<String>) =
        rules.into_iter().partition(|rule| waiver(rule).is_some());
    if !left.is_empty() {
        return GateOutcome::Waiting {
            on: WaitingOn::Policy { input, rules: left, waived, warned },
        };
    }
    if waived.is_empty() {
        return would_refuse(Some(input), warned, None);
    }
    let by = by.into_iter().collect();
    GateOutcome::Cleared { why: ClearedWhy::Waived { input, rules: waived, by, warned } }
}

fn four_eyes(
    state: &State,
    id: DeploymentId,
    deployment: &Deployment,
    (now, rules): (Millis, &dyn Rules),
) -> Result<GateOutcome, Vec<Event>> {
    if let Some(cleared) = emergency(state, id, now) {
        return Ok(cleared);
    }
    if let Some(exception) = state.overdue_review(&deployment.service, now) {
        return Ok(GateOutcome::Waiting { on: WaitingOn::Review { exception } });
    }
    let Some(why) = asked(state, id, deployment) else {
        return Ok(GateOutcome::Cleared { why: ClearedWhy::NobodyAsked });
    };
    if let Some(unknown) = unknown(state, id) {
        return Ok(unknown);
    }
    if let Some(standard) = standard(state, id, why, (now, rules)) {
        return Ok(standard);
    }
    person(state, id, why, (now, rules))
}

/// Decides by what people say to the one request over a deployment; where nobody was asked, the
/// request comes first.
pub(super) fn person(
    state: &State,
    id: DeploymentId,
    why: Asked,
    (now, rules): (Millis, &dyn Rules),
) -> Result<GateOutcome, Vec<Event>> {
    if let Some(unknown) = unknown(state, id) {
        return Ok(unknown);
    }
    let subject = Subject::Deployment(id);
    let waiting = GateOutcome::Waiting { on: waits_for(state, subject, now) };
    let anew = || match lacks_evidence(state, id) {
        true => Ok(GateOutcome::Waiting { on: WaitingOn::Sbom }),
        false => ask_about(state, id, why, (now, rules)).map_or(Ok(waiting.clone()), Err),
    };
    let Some(request) = state.requests.get(&subject) else { return anew() };
    match &request.decision {
        Decision::Open | Decision::Granted { .. } => {
            if let Some(events) = moved(state, subject, request) {
                return Err(events);
            }
        }
        Decision::Refused { .. } | Decision::Invalidated { .. } | Decision::Expired { .. } => {}
    }
    match &request.decision {
        Decision::Open => match expired(state, subject, request, now) {
            Some(events) => Err(events),
            None => Ok(waiting),
        },
        Decision::Granted { .. } => match void(state, subject, request, now) {
            Some(events) => Err(events),
            None => Ok(GateOutcome::Cleared { why: ClearedWhy::Approved }),
        },
        Decision::Refused { .. } => Ok(GateOutcome::Refused { why: RefusedWhy::NotApproved }),
        Decision::Expired { .. } => Ok(GateOutcome::Refused { why: RefusedWhy::NotInTime }),
        Decision::Invalidated { .. } => anew(),
    }
}

/// Returns that nobody decides while it is not known who contributed, if that is so.
fn unknown(state: &State, id: DeploymentId) -> Option<GateOutcome> {
    let people = state.unknown_among(&state.contributors(id));
    (!people.is_empty()).then_some(GateOutcome::Waiting { on: WaitingOn::Unknown { people } })
}

/// Returns that a standard change stands for the approval of `id`, if one does: where nothing is
/// live beside it, or how it was built is not isolated, where what it changes is not known, and
/// once a person was asked, a person decides.
fn standard(
    state: &State,
    id: DeploymentId,
    why: Asked,
    (now, rules): (Millis, &dyn Rules),
) -> Option<GateOutcome> {
    let subject = Subject::Deployment(id);
    let deployment = state.deployments.get(&id)?;
    let place = state.place(&deployment.service, &deployment.environment)?;
    let may = match why {
        Asked::EachRelease | Asked::Rule => place.live.is_some(),
        Asked::FirstRelease | Asked::PlatformChange | Asked::Unisolated => false,
        Asked::NoTraffic | Asked::Pace | Asked::OwnRules => false,
    };
    let of_service = |model: &Model| model.service == deployment.service;
    let of_any = |what: &ExceptionKind| matches!(what, ExceptionKind::Standard { .. });
    let any = state.exceptions.values().any(|one| one.holds(now) && of_any(&one.what));
    if !may || !any || state.requests.contains_key(&subject) || unisolated(state, deployment) {
        return None;
    }
    let changed = rules.changed(state, id)?;
    let groups = state.groups_for(subject, now);
    let agreed = |one: &Exception| {
        let people = one.granted_by.iter().cloned().collect();
        let admits = |rule: &Rule, group: &GroupName, who: &PersonRef| {
            (!rule.by_key || one.signed.contains(who))
                && state.fills(subject, (rule, group), who, now)
        };
        slots::unfilled_where(&state.rules_of(subject), &groups, &people, &admits).is_empty()
    };
    let points = risk::risk(state, id, Some(Size::of(&changed)), now).map(|risk| risk.points);
    let bounded = |model: &Model| {
        model.max_risk.is_none_or(|most| points.is_some_and(|points| points <= most))
            && model.required_evidence.iter().all(|gate| deployment.stage.gates.contains(gate))
    };
    let makers = state.contributors(id);
    let exception = state.exception_where(id, now, |one| match &one.what {
        ExceptionKind::Standard { model } => {
            of_service(model)
                && model.fits(&changed)
                && bounded(model)
                && agreed(one)
                && state.function_agreed((model, one), &makers, now)
        }
        ExceptionKind::Freeze { .. }
        | ExceptionKind::Emergency { .. }
        | ExceptionKind::LogTrust { .. }
        | ExceptionKind::Findings { .. }
        | ExceptionKind::ProdData { .. }
        | ExceptionKind::Waiver { .. } => false,
    })?;
    let (files, lines) = (changed.paths.len() as u64, changed.lines?);
    Some(GateOutcome::Cleared { why: ClearedWhy::Standard { exception, files, lines } })
}

/// Says for whom it waits: for a second person, or for a group of which nobody may decide.
fn waits_for(state: &State, subject: Subject, now: Millis) -> WaitingOn {
    let contributors = state.contributors_to(subject);
    let groups = state.groups_for(subject, now);
    let eligible = groups.values().flatten().filter(|who| !contributors.contains(*who));
    let eligible = eligible.cloned().collect();
    let rules = state.rules_of(subject);
    let admits =
        |rule: &Rule, group: &GroupName, who: &PersonRef| state.admits(rule, group, who, now);
    let unfilled = slots::unfilled_where(&rules, &groups, &eligible, &admits);
    match unfilled.into_iter().next() {
        Some(group) => WaitingOn::Nobody { group },
        None => WaitingOn::SecondPerson,
    }
}

/// Returns the end of a request for which too few agreed in time: a refusal.
pub(super) fn expired(
    state: &State,
    subject: Subject,
    request: &Request,
    now: Millis,
) -> Option<Vec<Event>> {
    let hours = state
        .organisation
        .as_ref()
        .map_or(Organisation::APPROVAL_HOURS, |known| known.approval_hours);
    let statement = request.statement.clone();
    let late = now.since(request.since) >= i64::from(hours) * 3_600_000;
    late.then(|| vec![Event::ApprovalExpired { subject, statement }])
}

/// Returns the end of an approval whose term is over, or whose people may no longer fill its slots:
/// someone's delegation ended before it was used.
fn void(state: &State, subject: Subject, request: &Request, now: Millis) -> Option<Vec<Event>> {
    let statement = request.statement.clone();
    let over = state.approval_ends(request).is_some_and(|end| now >= end);
    let lost = !state.still_asked(subject, now).is_empty();
    let why = match (over, lost) {
        (false, false) => return None,
        (true, _) => VoidWhy::Expired,
        (false, true) => VoidWhy::RightLost,
    };
    Some(vec![Event::ApprovalInvalidated { subject, statement, why: Some(why) }])
}

/// Returns whether its steps ran without isolation that holds, as far as that is known.
fn unisolated(state: &State, deployment: &Deployment) -> bool {
    let release = state.releases.get(&deployment.release);
    let run = release.and_then(|release| state.runs.get(&release.run));
    run.is_none_or(|run| run.steps.unisolated())
}

/// Returns why the policy asks for a second person, if it does. Without an activated policy it
/// does.
fn asked(state: &State, id: DeploymentId, deployment: &Deployment) -> Option<Asked> {
    let place = state.place(&deployment.service, &deployment.environment);
    let first = place.is_none_or(|place| place.live.is_none());
    let unisolated = unisolated(state, deployment);
    let own_rules = || state.goes_by_own_rules(id).then_some(Asked::OwnRules);
    let organisation = state.organisation.as_ref();
    if organisation.is_some_and(|o| o.rules_for(&deployment.service, &deployment.environment).1) {
        return Some(Asked::Rule);
    }
    match organisation.map(|organisation| organisation.four_eyes) {
        Some(FourEyes::Never) => own_rules(),
        None | Some(FourEyes::Always) => Some(Asked::EachRelease),
        Some(FourEyes::FirstRelease) if first => Some(Asked::FirstRelease),
        Some(FourEyes::FirstRelease) => unisolated.then_some(Asked::Unisolated).or_else(own_rules),
    }
}
