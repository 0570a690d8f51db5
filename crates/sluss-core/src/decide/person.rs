//! What people, and programs that act for them, ask for.

use std::collections::BTreeSet;

use super::change::push_change;
use super::promotion::{promote, rollback};
use super::{Actor, Blame, Command, Refusal, developer, missing, not_now, rolling};
use super::{answer, exception, incident, key, stop};
use crate::approval::{Approval, Decision, NotGranted, Subject};
use crate::config::FourEyes;
use crate::deployment::HoldReason;
use crate::event::{Event, RefusedWhy};
use crate::follow::carry_out;
use crate::ids::{DeploymentId, Digest, PersonRef, ReleaseId, RunId};
use crate::rollout;
use crate::state::State;
use crate::units::Millis;

pub(super) fn decide(
    state: &State,
    command: Command,
    actor: &Actor,
    now: Millis,
) -> Result<Vec<Event>, Refusal> {
    use Command as C;
    if let Some(act) = act_of_a_developer(state, &command) {
        developer(state, actor, act)?;
    }
    match command {
        C::Approve { subject, statement } => approve(state, subject, &statement, (actor, now)),
        C::Refuse { subject, statement, reason } => {
            let approval = second_person(state, subject, &statement, (actor, now), "refuse")?;
            let (statement, by) = approval.into_parts();
            let signed = key::of(actor);
            Ok(vec![Event::ApprovalRefused { subject, statement, by, reason, signed }])
        }
        C::Revoke { subject, reason } => revoke(state, subject, reason, (actor, now)),
        C::Promote { release, environment, nonce } => {
            promote(state, release, environment, &nonce, actor.who().cloned())
        }
        C::Rollback { service, environment } => rollback(state, &service, &environment),
        C::Hold { deployment } => hold(state, deployment),
        C::Resume { deployment } => resume(state, deployment, actor),
        C::Freeze { service, environment, from, until, reason } => {
            stop::freezable(state, (service.as_ref(), environment.as_ref()), (from, until, now))?;
            let (freeze, by) = (state.next_freeze(), actor.who().cloned());
            Ok(vec![Event::FreezeSet { freeze, service, environment, from, until, reason, by }])
        }
        C::Lift { freeze, reason } => answer::lift(state, freeze, reason, (actor, now)),
        C::StopLine { scope, reason } => stop::stop(state, scope, reason, actor),
        C::LiftStop { stop: id, reason } => stop::lift(state, id, reason, actor),
        C::Cancel { run } => cancel(state, run),
        C::Unbar { release } => unbar(state, release, actor.who().cloned()),
        C::Close { incident } => incident::close(state, incident),
        C::Report { service, environment, by, summary } => {
            incident::report(state, service, environment, by, summary, now)
        }
        C::AskException { what, reason, until, terms } => {
            exception::ask(state, what, (reason, terms), until, (actor, now))
        }
        C::GrantException { exception } => exception::grant(state, exception, actor, now),
        C::EndException { exception } => exception::end(state, exception, actor, now),
        C::ReviewException { exception, findings } => {
            exception::review(state, exception, findings, actor)
        }
        C::Delegate { to, until } => exception::delegate(state, to, until, actor, now),
        C::RegisterKey { credential } => key::register(state, credential, actor),
        C::VouchForKey { authenticator } => key::vouch(state, authenticator, actor),
        C::RemoveKey { authenticator } => key::remove(state, authenticator, actor),
        C::Resolved { fingerprint } => Ok(incident::resolved(state, &fingerprint)),
        C::Link { incident, deployment } => incident::link(state, incident, deployment),
        C::Push { service, product, mut push } => {
            push.contributors.extend(actor.who().cloned());
            push.hands.pusher = actor.who().cloned();
            push.hands.trigger = actor.who().cloned();
            push_change(state, service, product, push)
        }
        C::Propose { commit, organisation, mut contributors, nonce } => {
            contributors.extend(actor.who().cloned());
            known(state, &contributors)?;
            let number = state.next_proposal();
            Ok(vec![Event::ConfigProposed { number, commit, organisation, contributors, nonce }])
        }
        C::Identify { unknown, person } => answer::identify(state, unknown, person, actor),
        C::ClockReturned { confirmed } => answer::clock(state, confirmed, actor),
        _of_a_machine => unreachable!("BUG: not a command of a person"),
    }
}

/// Checks that it is known who wrote a proposed configuration, where a second person is asked.
fn known(state: &State, contributors: &BTreeSet<PersonRef>) -> Result<(), Refusal> {
    let asks = state.organisation.as_ref().is_some_and(|of| of.four_eyes != FourEyes::Never);
    if !asks || state.unknown_among(contributors).is_empty() {
        return Ok(());
    }
    let what = "No `organisation.yaml` that was in force names everyone who wrote this.";
    let hint = "Commit with an address of your account, or say whose it is: \
                `sluss account identify ADDRESS --as LOGIN`";
    Err(Refusal::new(Blame::Denied, what, hint).recorded(None, "push", RefusedWhy::Unidentified))
}

fn approve(
    state: &State,
    subject: Subject,
    statement: &Digest,
    (actor, now): (&Actor, Millis),
) -> Result<Vec<Event>, Refusal> {
    let approval = second_person(state, subject, statement, (actor, now), "approve")?;
    let (statement, by) = approval.into_parts();
    let signed = key::of(actor);
    if signed.is_none() && state.asks_key(subject, &by, now) {
        return Err(key::not_signed(Some(subject), "approve"));
    }
    Ok(vec![Event::ApprovalGranted { subject, statement, by, signed }])
}

/// Who agreed takes that back, as long as what it is about has not begun.
fn revoke(
    state: &State,
    subject: Subject,
    reason: Digest,
    (actor, now): (&Actor, Millis),
) -> Result<Vec<Event>, Refusal> {
    let by = key::decider(state, (actor, now), Some(subject), "revoke")?;
    let Some(request) = state.requests.get(&subject) else {
        return Err(missing(format!("Nobody was asked about {subject}."), "sluss status"));
    };
    if !state.has_agreed(subject, &by) {
        let what = format!("Nothing stands that you agreed to of {subject}.");
        let hint = format!("Another approver refuses it: `sluss refuse {subject} --reason …`");
        return Err(Refusal::new(Blame::Conflict, what, hint));
    }
    if !state.still_waits(subject) {
        let what = format!("{subject} has begun, so its approval is used.");
        let hint = "Take it back: `sluss rollback SERVICE ENVIRONMENT`, or hold it: `sluss hold`";
        return Err(Refusal::new(Blame::Conflict, what, hint));
    }
    let statement = request.statement.clone();
    Ok(vec![Event::ApprovalRevoked { subject, statement, by, reason }])
}

/// Returns how `command` is called, if it takes the role of a developer.
fn act_of_a_developer(state: &State, command: &Command) -> Option<&'static str> {
    use Command as C;
    match command {
        C::Promote { .. } => Some("promote"),
        C::Rollback { .. } => Some("rollback"),
        C::Hold { .. } => Some("hold"),
        C::Freeze { .. } => Some("freeze"),
        C::Cancel { .. } => Some("cancel"),
        C::Unbar { .. } => Some("unbar"),
        C::Close { .. } => Some("close"),
        C::Report { .. } | C::Resolved { .. } => Some("report"),
        C::Link { .. } => Some("link"),
        C::Push { .. } => Some("push"),
        // The first content says who has which role.
        C::Propose { .. } => state.organisation.is_some().then_some("push"),
        C::AskException { .. } => Some("ask for an exception"),
        C::Approve { .. }
        | C::Refuse { .. }
        | C::Revoke { .. }
        | C::StopLine { .. }
        | C::LiftStop { .. }
        | C::Lift { .. }
        | C::Resume { .. }
        | C::ClockReturned { .. }
        | C::Identify { .. }
        | C::GrantException { .. }
        | C::EndException { .. }
        | C::ReviewException { .. }
        | C::Delegate { .. }
        | C::RegisterKey { .. }
        | C::VouchForKey { .. }
        | C::RemoveKey { .. } => None,
        _of_a_machine => unreachable!("BUG: not a command of a person"),
    }
}

fn hold(state: &State, deployment: DeploymentId) -> Result<Vec<Event>, Refusal> {
    match rolling(state, deployment)?.phase {
        rollout::Phase::Judging { .. } => {
            Ok(vec![Event::RolloutHeld { deployment, why: HoldReason::ByHand }])
        }
        rollout::Phase::Baking { .. } | rollout::Phase::Held { .. } => {
            Err(not_now(format!("The rollout of {deployment} is not being judged now.")))
        }
    }
}

fn resume(state: &State, deployment: DeploymentId, actor: &Actor) -> Result<Vec<Event>, Refusal> {
    let organisation = state.organisation.as_ref();
    let decides = |who: &PersonRef| organisation.is_some_and(|of| of.deciders().contains(who));
    if !actor.who().is_some_and(decides) {
        developer(state, actor, "resume")?;
    }
    let rollout = rolling(state, deployment)?;
    match rollout.phase {
        rollout::Phase::Held { .. } => {
            // Nothing is beside a first release that it is judged with: this word stands for proof.
            let by = match rollout.incumbent {
                None => Some(answer::unproven(state, deployment, actor)?),
                Some(_) => {
                    developer(state, actor, "resume")?;
                    actor.who().cloned()
                }
            };
            let mut events = vec![Event::RolloutResumed { deployment, by }];
            events.extend(carry_out(state, deployment, rollout, rollout.resume()));
            Ok(events)
        }
        rollout::Phase::Baking { .. } | rollout::Phase::Judging { .. } => {
            Err(not_now(format!("The rollout of {deployment} is not held.")))
        }
    }
}

fn cancel(state: &State, run: RunId) -> Result<Vec<Event>, Refusal> {
    match state.open.runs.contains(&run) {
        true => Ok(vec![Event::RunCancelled { run }]),
        false => Err(not_now(format!("The run {run} is not running."))),
    }
}

fn unbar(state: &State, release: ReleaseId, by: Option<PersonRef>) -> Result<Vec<Event>, Refusal> {
    match state.releases.get(&release) {
        Some(found) if found.barred.is_some() => Ok(vec![Event::ReleaseUnbarred { release, by }]),
        Some(_) => Err(not_now(format!("The release {release} is not barred."))),
        None => Err(missing(format!("There is no release {release}."), "sluss status")),
    }
}

/// Returns whether `seen` is what is asked about something else: other digests, another place.
fn is_of_another(state: &State, subject: Subject, seen: &Digest) -> bool {
    state.requests.iter().any(|(other, of)| *other != subject && of.statement == *seen)
}

/// Checks that `actor` may decide over `subject` as it stands now.
fn second_person(
    state: &State,
    subject: Subject,
    seen: &Digest,
    (actor, now): (&Actor, Millis),
    act: &str,
) -> Result<Approval, Refusal> {
    let denied = |what: &str, hint: &str, why| {
        Refusal::new(Blame::Denied, what, hint).recorded(Some(subject), act, why)
    };
    let who = key::decider(state, (actor, now), Some(subject), act)?;
    let Some(request) = state.requests.get(&subject) else {
        return Err(missing(format!("Nobody was asked about {subject}."), "sluss status"));
    };
    // What is granted and has not begun can still be refused.
    let open = match &request.decision {
        Decision::Open => true,
        Decision::Granted { .. } => act == "refuse",
        Decision::Refused { .. } | Decision::Invalidated { .. } | Decision::Expired { .. } => false,
    };
    if !open && !request.is_overtaken() {
        return Err(not_now(format!("{subject} is decided already.")));
    }
    if !state.still_waits(subject) {
        return Err(not_now(format!("{subject} no longer waits for a decision.")));
    }
    let rules = state.rules_of(subject);
    let groups = state.groups_for(subject, now);
    let named = rules.iter().flat_map(|rule| rule.slots.keys());
    let approvers: BTreeSet<PersonRef> =
        named.filter_map(|group| groups.get(group)).flatten().cloned().collect();
    if let Some((profile, false)) = state.kept_out(subject, &who, now) {
        let hint = "Someone else must decide: `sluss status` shows for whom it waits";
        return Err(denied(profile.sentence(), hint, RefusedWhy::NotAdmitted));
    }
    if let Some(change) = state.review_owed(subject, &who, now).filter(|_| act != "refuse") {
        let hint = format!("Review it first: `sluss review {change}`");
        let what = format!(
            "Who agrees as a reviewer has approved the code of {change} before, and you have not."
        );
        return Err(denied(&what, &hint, RefusedWhy::NotAdmitted));
    }
    let others = state.asks_others(subject, &who, now);
    let of_another = is_of_another(state, subject, seen);
    let refused = |error| not_granted(subject, act, error, (others, of_another));
    Approval::grant(request, seen, &approvers, who).map_err(refused)
}

/// Says why somebody may not decide, and who may where `others` are asked.
fn not_granted(
    subject: Subject,
    act: &str,
    error: NotGranted,
    (others, of_another): (Option<String>, bool),
) -> Refusal {
    let denied = |what: &str, hint: &str, why| {
        Refusal::new(Blame::Denied, what, hint).recorded(Some(subject), act, why)
    };
    match (error, others) {
        (NotGranted::Contributor, _) => denied(
            "You contributed to this change, so someone else must decide.",
            "An approver who did not contribute can: `sluss status` shows for whom it waits",
            RefusedWhy::Contributor,
        ),
        (NotGranted::NotAnApprover, Some(others)) => denied(
            &others,
            "Ask one of them to decide: `sluss status` shows for whom it waits",
            RefusedWhy::MissingRole,
        ),
        (NotGranted::NotAnApprover, None) => denied(
            "Deciding takes the role of an approver, and you don't have it.",
            "Ask someone who has it: `sluss status` shows for whom it waits",
            RefusedWhy::MissingRole,
        ),
        (NotGranted::Twice, _) => {
            not_now(format!("You agreed to {subject} already; it waits for someone else."))
                .recorded(Some(subject), act, RefusedWhy::SamePerson)
        }
        (NotGranted::Moved, _) if of_another => denied(
            "What you looked at is something else than what you decide over.",
            "Look at this one, and decide over that",
            RefusedWhy::OtherStatement,
        ),
        (NotGranted::Moved, _) => denied(
            "What you looked at is not what stands there now.",
            "Look again and decide over that",
            RefusedWhy::StatementMoved,
        ),
    }
}
