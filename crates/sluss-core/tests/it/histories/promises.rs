//! What always holds of what services promise each other and their customers, told from the log and
//! the live releases in another way than the domain does.

use sluss_core::contracts::Contracts;
use sluss_core::deployment::Deployment;
use sluss_core::event::Event;
use sluss_core::exception::ExceptionKind;
use sluss_core::gate::{ClearedWhy, GateOutcome};
use sluss_core::ids::{DeploymentId, EnvironmentName, ReleaseId, ServiceName};
use sluss_core::pipeline::{EnvironmentKind, GateKind};
use sluss_core::state::State;
use sluss_core::units::Millis;

use super::claims::stands;

/// Nothing starts whose needs nothing live meets, nor what takes from something live, or taking
/// over, what nothing else gives it; but for an emergency that stands.
pub(super) fn no_promise_of_others_is_broken(state: &State, event: &Event, now: Millis) {
    let Event::DeploymentStarted { deployment: id } = event else { return };
    let deployment = &state.deployments[id];
    if deployment.stage.kind == EnvironmentKind::Ephemeral
        || past_in_an_emergency(state, *id, GateKind::Dependencies, now)
    {
        return;
    }
    let own = contracts(state, deployment.release);
    let all = there(state, &deployment.environment);
    let others: Vec<&There> = all.iter().filter(|one| one.service != deployment.service).collect();
    let given = |name, version: &u32| {
        let gives = |of: &Contracts| of.provides.get(name).is_some_and(|all| all.contains(version));
        let by = |one: &&&There| one.rolling.as_ref().is_none_or(gives) && gives(&one.live);
        others.iter().any(|one| by(&one)) || gives(&own)
    };
    for (name, version) in &own.needs {
        assert!(given(name, version), "{id} starts without {name} {version}");
    }
    let former = all.iter().find(|one| one.service == deployment.service);
    for other in &others {
        for (name, version) in [Some(&other.live), other.rolling.as_ref()]
            .into_iter()
            .flatten()
            .flat_map(|of| of.needs.iter().filter(|(name, _)| !of.provides.contains_key(*name)))
        {
            let gave = former.is_some_and(|of| {
                of.live.provides.get(name).is_some_and(|all| all.contains(version))
            });
            assert!(!gave || given(name, version), "{id} takes {name} {version} away");
        }
    }
}

/// What is live of a service in an environment, and what takes over there.
struct There {
    service: ServiceName,
    live: Contracts,
    rolling: Option<Contracts>,
}

fn there(state: &State, environment: &EnvironmentName) -> Vec<There> {
    let mut there = Vec::new();
    for (service, known) in &state.services {
        let Some(place) = known.places.get(environment) else { continue };
        let of = |id: DeploymentId| contracts(state, state.deployments[&id].release);
        let live = place.live.map(of).unwrap_or_default();
        there.push(There { service: service.clone(), live, rolling: place.rolling.map(of) });
    }
    there
}

fn contracts(state: &State, release: ReleaseId) -> Contracts {
    let change = &state.changes[&state.releases[&release].change];
    change.push.pipeline.contracts.clone()
}

/// Where a promise to customers is spent, by what was counted, nothing takes the place of what is
/// live but in an emergency that stands; and where nothing was counted, not without a person.
pub(super) fn a_spent_budget_lets_nothing_through(
    state: &State,
    log: &[(Millis, Event)],
    event: &Event,
    now: Millis,
) {
    let Event::DeploymentStarted { deployment: id } = event else { return };
    let deployment = &state.deployments[id];
    let place = state.place(&deployment.service, &deployment.environment);
    let Some(live) = place.and_then(|place| place.live) else { return };
    let promises = |of: &Deployment| {
        let change = &state.changes[&state.releases[&of.release].change];
        let asked = of.stage.gates.contains(&GateKind::ErrorBudget);
        change.push.pipeline.error_budget.filter(|_| asked)
    };
    let live = &state.deployments[&live];
    let budgets = [promises(live), promises(deployment)].into_iter().flatten();
    for budget in budgets {
        let (mut requests, mut errors) = (0, 0);
        for (_, event) in log {
            let Event::TrafficCounted(counted) = event else { continue };
            let ends = (counted.until.div_euclid(3_600) + 1) * 3_600_000;
            if counted.service == deployment.service
                && counted.environment == deployment.environment
                && ends + i64::from(budget.window_seconds) * 1_000 > now.0
            {
                requests += counted.requests + counted.refused;
                errors += counted.errors + counted.refused;
            }
        }
        let fails = errors * 1_000_000 >= requests * u64::from(1_000_000 - budget.objective_ppm);
        let spent = requests > 0 && errors > 1 && fails;
        let gaps = uncounted(log, deployment, now, budget.window_seconds.into());
        let few = fails || gaps * 10 > i64::from(budget.window_seconds);
        let why = deployment.gates.get(&GateKind::ErrorBudget);
        let person = matches!(why, Some(GateOutcome::Cleared { why: ClearedWhy::Approved }));
        let emergency = past_in_an_emergency(state, *id, GateKind::ErrorBudget, now);
        assert!(
            emergency || !spent && (person || !few),
            "{id} starts where {errors} of {requests} requests failed, {gaps} s uncounted: {why:?}"
        );
    }
}

/// Returns how many seconds of the window lie between periods that were counted, or after the last
/// for longer than targets remember; none where nothing was live for a while, which is no gap.
fn uncounted(log: &[(Millis, Event)], of: &Deployment, now: Millis, window: i64) -> i64 {
    let (mut gaps, mut last) = (0, None);
    let begins = now.second() - window;
    let mut between = |from: i64, until: i64| gaps += (until - from.max(begins)).max(0);
    for (_, event) in log {
        match event {
            Event::TrafficCounted(counted)
                if counted.service == of.service && counted.environment == of.environment =>
            {
                last.into_iter().for_each(|last| between(last, counted.after));
                last = Some(counted.until);
            }
            Event::DeploymentRolledBack { to: None, .. } => return 0,
            _ => {}
        }
    }
    let late = last.filter(|last| now.second() - last > 900);
    late.into_iter().for_each(|last| between(last, now.second()));
    gaps
}

/// Returns whether a gate was passed in an emergency that enough people made, and still make.
fn past_in_an_emergency(state: &State, id: DeploymentId, gate: GateKind, now: Millis) -> bool {
    let deployment = &state.deployments[&id];
    let Some(GateOutcome::Cleared { why: ClearedWhy::Exception { exception } }) =
        deployment.gates.get(&gate)
    else {
        return false;
    };
    let one = &state.exceptions[exception];
    one.what == ExceptionKind::Emergency { deployment: id } && stands(state, deployment, one, now)
}
