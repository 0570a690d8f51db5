//! Stopping the line, and letting it run again.

use std::collections::BTreeSet;

use super::key::in_person;
use super::{Actor, Blame, Refusal, missing, not_now};
use crate::config::Organisation;
use crate::event::{Event, RefusedWhy};
use crate::ids::{Digest, EnvironmentName, ServiceName, StopId};
use crate::state::State;
use crate::stop::{Stop, StopScope};
use crate::units::Millis;

/// Whoever delivers or decides may stop, by a program too: that only shuts gates.
pub(super) fn stop(
    state: &State,
    scope: StopScope,
    reason: Digest,
    actor: &Actor,
) -> Result<Vec<Event>, Refusal> {
    let organisation = state.organisation.as_ref();
    let may = |who: &&crate::ids::PersonRef| {
        organisation
            .is_some_and(|known| known.developers.contains(*who) || known.deciders().contains(*who))
    };
    let Some(by) = actor.who().filter(may).cloned() else {
        return Err(Refusal::new(
            Blame::Denied,
            "To stop the line takes the role of a developer or an approver.",
            "Ask someone who has it, at once",
        )
        .recorded(None, "stop-line", RefusedWhy::MissingRole));
    };
    if !is_known(state, &scope) {
        let what = format!("There is nothing called `{scope}`, so nothing was stopped.");
        return Err(missing(what, "sluss status"));
    }
    if let Some((id, _)) = state.active_stops().find(|(_, stop)| stop.scope == scope) {
        return Err(not_now(format!("{id} has stopped {} already.", scope.words())));
    }
    let stop = state.next_stop();
    Ok(vec![Event::LineStopped { stop, scope, by, reason }])
}

/// Checks that a freeze keeps something: one of a name that nothing has does not, nor does one that
/// is over.
pub(super) fn freezable(
    state: &State,
    (service, environment): (Option<&ServiceName>, Option<&EnvironmentName>),
    (from, until, now): (Millis, Millis, Millis),
) -> Result<(), Refusal> {
    freeze_end(from, until, now)?;
    let service = service.map(|name| StopScope::Service(name.clone()));
    // Before the first push nothing says what environments there are.
    let pushed = state.services.values().any(|service| !service.trunk.is_empty());
    let environment =
        environment.filter(|_| pushed).map(|name| StopScope::Environment(name.clone()));
    match service.into_iter().chain(environment).find(|scope| !is_known(state, scope)) {
        None => Ok(()),
        Some(scope) => {
            let what = format!("There is nothing called `{scope}`, so nothing was frozen.");
            Err(missing(what, "sluss status"))
        }
    }
}

/// Returns whether some service is, was or goes where this is.
pub(super) fn is_environment(state: &State, name: &EnvironmentName) -> bool {
    let stages = state.services.values().filter_map(|service| service.trunk.last());
    let stages = stages.filter_map(|id| state.changes.get(id));
    let mut stages = stages.flat_map(|change| &change.push.pipeline.deliver);
    stages.any(|stage| stage.environment == *name)
        || state.services.values().any(|service| service.places.contains_key(name))
}

fn is_known(state: &State, scope: &StopScope) -> bool {
    let organisation = state.organisation.as_ref();
    match scope {
        StopScope::All => true,
        StopScope::Product(name) => {
            organisation.is_some_and(|known| known.products.contains_key(name))
                || state.products().contains(name)
        }
        StopScope::Service(name) => {
            organisation.is_some_and(|known| known.services.contains_key(name))
                || state.services.contains_key(name)
        }
        StopScope::Environment(name) => is_environment(state, name),
    }
}

fn freeze_end(from: Millis, until: Millis, now: Millis) -> Result<(), Refusal> {
    if from < until && now < until {
        return Ok(());
    }
    Err(Refusal::new(
        Blame::Caller,
        "A freeze must end after it begins, and after now.",
        "Give a later end: `sluss freeze set --for 2h --reason …`",
    ))
}

impl State {
    /// Returns what a configuration's rules of who must agree name that nothing is called yet, each
    /// as a sentence: such a rule keeps nothing.
    pub fn names_of_nothing(&self, proposed: &Organisation) -> Vec<String> {
        let services = proposed.approvals.iter().flat_map(|rule| &rule.services);
        let services = services.filter(|name| !proposed.services.contains_key(*name));
        let services = services.map(|name| StopScope::Service(name.clone()));
        let environments = proposed.approvals.iter().flat_map(|rule| &rule.environments);
        let environments = environments.map(|name| StopScope::Environment(name.clone()));
        let unknown = services.chain(environments).filter(|scope| !is_known(self, scope));
        let unknown: BTreeSet<String> = unknown.map(|scope| scope.to_string()).collect();
        let said = |name| format!("nothing is called `{name}` yet, so a rule for it keeps nothing");
        unknown.into_iter().map(said).collect()
    }
}

pub(super) fn lift(
    state: &State,
    id: StopId,
    reason: Digest,
    actor: &Actor,
) -> Result<Vec<Event>, Refusal> {
    let unknown = || missing(format!("There is no stop {id}."), "sluss status");
    let found = state.stops.get(&id).ok_or_else(unknown)?;
    if found.lifted.is_some() {
        return Err(not_now(format!("{id} is lifted already.")));
    }
    let by = in_person(actor).map_err(|refusal| {
        let why = match actor {
            Actor::Person { .. } | Actor::Signer { .. } => RefusedWhy::NotReauthenticated,
            Actor::System | Actor::Agent { .. } => RefusedWhy::NotAPerson,
        };
        refusal.recorded(None, "lift-line", why)
    })?;
    let denied = |what: &str, why| {
        let hint = "Two others who may decide lift it: the page of the calendar says who";
        Refusal::new(Blame::Denied, what, hint).recorded(None, "lift-line", why)
    };
    if by == found.by {
        return Err(denied("You stopped the line, so others lift that.", RefusedWhy::SamePerson));
    }
    if found.agreed.iter().any(|agreed| agreed.by == by) {
        return Err(not_now(format!("You agreed to lift {id} already; it takes one more person."))
            .recorded(None, "lift-line", RefusedWhy::SamePerson));
    }
    if !state.may_lift(found).contains(&by) {
        let what = "Lifting a stop takes the role of an approver, and you don't have it.";
        return Err(denied(what, RefusedWhy::MissingRole));
    }
    let enough = found.agreed.len() + 1 >= Stop::PEOPLE;
    let agreed = Event::LineLiftAgreed { stop: id, by, reason };
    Ok([agreed].into_iter().chain(enough.then_some(Event::LineLifted { stop: id })).collect())
}
