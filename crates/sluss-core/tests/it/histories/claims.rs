//! What always holds, after each event of each history.

use std::collections::BTreeSet;

use sluss_core::approval::{Decision, Subject};
use sluss_core::budget::BudgetStands;
use sluss_core::config::FourEyes;
use sluss_core::deployment::{Deployment, Phase};
use sluss_core::event::Event;
use sluss_core::exception::{Exception, ExceptionKind};
use sluss_core::findings::{FindingKey, Found, Severity};
use sluss_core::gate::{ClearedWhy, GateOutcome};
use sluss_core::ids::{ChangeId, DeploymentId, GroupName, PersonRef, ReleaseId};
use sluss_core::materials::Materials;
use sluss_core::performance::{Measured, Metric, Pace};
use sluss_core::pipeline::{EnvironmentKind, GateKind, Replacement};
use sluss_core::rules::PolicyAnswer;
use sluss_core::state::State;
use sluss_core::steps::Steps;
use sluss_core::units::{Millis, Share};
use sluss_core::wanted::WantedRoute;

use crate::world::Texts;

/// Nothing starts without all its gates clear, nor goes live without having started; and each of
/// the gates is clear for a reason that holds now.
pub(super) fn gates_were_cleared(state: &State, event: &Event, now: Millis) {
    match event {
        Event::DeploymentStarted { deployment: id } => {
            let deployment = &state.deployments[id];
            assert_eq!(deployment.phase, Phase::Cleared);
            assert_eq!(state.releases[&deployment.release].barred, None);
            for gate in &deployment.stage.gates {
                let Some(GateOutcome::Cleared { why }) = deployment.gates.get(gate) else {
                    panic!("{id} starts with {gate:?} shut")
                };
                assert!(holds(state, *id, deployment, why, *gate, now), "{id} {gate:?} {why:?}");
            }
        }
        Event::DeploymentLive { deployment } => {
            assert!(matches!(state.deployments[deployment].phase, Phase::RollingOut(_)));
        }
        _ => {}
    }
}

fn holds(
    state: &State,
    id: DeploymentId,
    deployment: &Deployment,
    why: &ClearedWhy,
    gate: GateKind,
    now: Millis,
) -> bool {
    let policy = state.organisation.as_ref().unwrap();
    let run = &state.runs[&state.releases[&deployment.release].run];
    match why {
        ClearedWhy::TestsPassed(tests) => {
            gate == GateKind::Tests && tests.failed == 0 && run.steps.tests() == Some(*tests)
        }
        ClearedWhy::TestsAccepted { .. } => {
            let accepted = &state.assurance.accepted[&deployment.release].what;
            let flawed = run.steps.tests().is_none_or(|of| of.failed > 0 || of.passed == 0);
            gate == GateKind::Tests
                && flawed
                && accepted.run == state.releases[&deployment.release].run
                && !everyone_in(state, deployment).contains(&accepted.by)
        }
        ClearedWhy::NobodyAsked => {
            let place = state.place(&deployment.service, &deployment.environment);
            let later = place.is_some_and(|place| place.live.is_some());
            (policy.four_eyes == FourEyes::Never
                || policy.four_eyes == FourEyes::FirstRelease && later && !run.steps.unisolated())
                && !agreed_to_less(state, deployment)
        }
        ClearedWhy::Approved => {
            let subject = Subject::Deployment(id);
            let request = &state.requests[&subject];
            let Decision::Granted { .. } = &request.decision else { return false };
            let contributors = everyone_in(state, deployment);
            // Whoever acts for somebody else counts where that one might have agreed.
            let may = |who: &PersonRef| {
                policy.deciders().contains(who)
                    || state.delegations.iter().any(|one| {
                        one.to == *who && one.holds(now) && !contributors.contains(&one.from)
                    })
            };
            let known = |who: &PersonRef| {
                let of = state.proposals.values().filter(|one| one.activated.is_some());
                of.map(|one| &one.organisation)
                    .any(|of| of.developers.contains(who) || of.deciders().contains(who))
                    || state.identified.contains_key(who)
            };
            !request.agreed.is_empty()
                && request.valid_until.is_some_and(|end| now < end)
                && contributors.iter().all(|who| known(who))
                && deployment
                    .requested_by
                    .iter()
                    .all(|by| request.agreed.iter().all(|a| a.0 != *by))
                && request.agreed.iter().any(|(who, _)| may(who))
                && request.agreed.iter().all(|(who, _)| !contributors.contains(who))
                && state.statement(subject).as_ref() == Some(&request.statement)
        }
        ClearedWhy::NoPolicy => policy.policies.is_none(),
        ClearedWhy::PolicyAllows { .. } => {
            matches!(policy_says(state, now), PolicyAnswer::Allows { .. })
        }
        ClearedWhy::Waived { rules, by, .. } => {
            let PolicyAnswer::Denies { rules: denied } = policy_says(state, now) else {
                return false;
            };
            let waives = |rule: &String| {
                by.iter().any(|id| {
                    let waiver = &state.exceptions[id];
                    let what = ExceptionKind::Waiver {
                        service: deployment.service.clone(),
                        rule: rule.clone(),
                    };
                    waiver.what == what && stands(state, deployment, waiver, now)
                })
            };
            *rules == denied && rules.iter().all(|rule| !rule.starts_with("core.") && waives(rule))
        }
        ClearedWhy::Exception { exception } => {
            let one = &state.exceptions[exception];
            let fits = match (&one.what, gate) {
                (ExceptionKind::Freeze { deployment: of }, GateKind::Freeze) => {
                    *of == id && !everyone_in(state, deployment).contains(&one.asked_by)
                }
                (
                    ExceptionKind::Emergency { deployment: of, .. },
                    GateKind::FourEyes
                    | GateKind::ErrorBudget
                    | GateKind::Performance
                    | GateKind::Policy,
                ) => *of == id,
                _ => false,
            };
            fits && stands(state, deployment, one, now)
        }
        ClearedWhy::Standard { exception, files, lines } => {
            let one = &state.exceptions[exception];
            let ExceptionKind::Standard { model } = &one.what else { return false };
            let place = state.place(&deployment.service, &deployment.environment);
            place.is_some_and(|place| place.live.is_some())
                && gate == GateKind::FourEyes
                && *files <= u64::from(model.files)
                && *lines <= u64::from(model.lines)
                && !run.steps.unisolated()
                && state.failures_of(*exception) < model.failures
                && by_function(state, deployment, one, model.function.as_ref(), now)
                && stands(state, deployment, one, now)
        }
        ClearedWhy::Listed { components } => {
            let release = &state.releases[&deployment.release];
            let listed = matches!(&release.materials, Some(Materials::Listed { components: of, .. })
                if of == components);
            gate == GateKind::Sbom && release.sbom.is_some() && listed
        }
        ClearedWhy::NoCriticalFindings { .. } => false,
        ClearedWhy::FindingsInTerm { reports, findings: _, waived } => {
            // Nobody says otherwise here: critical at once, high within thirty days.
            let seen = &state.services[&deployment.service].findings;
            let scans = state.scans_of(deployment.release, deployment.stage_index);
            let mut named = scans.iter().filter(|scan| scan.last && scan.finished);
            let waives = |key: &FindingKey| {
                waived.keys().any(|id| match &state.exceptions[id].what {
                    ExceptionKind::Findings { service, findings } => {
                        *service == deployment.service
                            && findings.contains(key)
                            && stands(state, deployment, &state.exceptions[id], now)
                    }
                    _ => false,
                })
            };
            let within = |found: &Found| {
                let young = now.since(seen[&found.key].first) < 30 * 86_400_000;
                match found.severity {
                    Severity::Critical => waives(&found.key),
                    Severity::High => young || waives(&found.key),
                    Severity::Medium | Severity::Low => true,
                }
            };
            gate == GateKind::Findings
                && *reports > 0
                && named.all(|scan| scan.scanned.named.as_ref().unwrap().all().all(|f| within(&f)))
        }
        ClearedWhy::Pace { .. } | ClearedWhy::FirstPace => {
            let first = *why == ClearedWhy::FirstPace;
            let place = state.place(&deployment.service, &deployment.environment);
            let measured = measured_last(state, deployment);
            let fine = |metric: &Metric| match metric.beside {
                Some(beside) => beside.pace == Pace::Within,
                None => first,
            };
            gate == GateKind::Performance
                && !measured.is_empty()
                && measured.iter().flat_map(|one| &one.metrics).all(fine)
                && (!first || place.is_none_or(|place| place.live.is_none()))
        }
        ClearedWhy::BudgetLeft { reading } => {
            gate == GateKind::ErrorBudget && reading.stands() == BudgetStands::Left
        }
        ClearedWhy::DependenciesMet { .. } => {
            let touched = state.touched_by(deployment.release, &deployment.environment);
            gate == GateKind::Dependencies && touched.missing.is_empty() && touched.drops.is_empty()
        }
        ClearedWhy::NothingPromised => {
            gate == GateKind::ErrorBudget && !deployment.stage.gates.contains(&gate)
        }
        ClearedWhy::JudgedByObjectives => {
            let place = state.place(&deployment.service, &deployment.environment);
            gate == GateKind::ErrorBudget
                && place.is_none_or(|place| place.live.is_none())
                && matches!(deployment.stage.replacement, Replacement::Progressive(_))
        }
        ClearedWhy::Attested => state.releases[&deployment.release].provenance.is_some(),
        ClearedWhy::LineRuns => !deployment.stage.gates.contains(&gate),
        ClearedWhy::NoFreeze => {
            let covers = state.freeze_over(&deployment.service, &deployment.environment, now);
            !state.gap && covers.is_none() && state.stop_over(deployment).is_none()
        }
    }
}

/// Whether somebody whose change it brings agreed to the rules in force, which ask less.
fn agreed_to_less(state: &State, deployment: &Deployment) -> bool {
    let makers = everyone_in(state, deployment);
    let in_force = state.proposals.iter().filter(|(_, one)| one.activated.is_some());
    let (number, proposal) = in_force.max_by_key(|(id, one)| (one.activated, **id)).unwrap();
    let request = state.requests.get(&Subject::Configuration(*number));
    let agreed = request.into_iter().flat_map(|request| &request.agreed);
    proposal.asked_less && agreed.into_iter().any(|(who, _)| makers.contains(who))
}

/// What the last attempts of all acceptance steps of this release's tests measured.
fn measured_last<'a>(state: &'a State, deployment: &Deployment) -> Vec<&'a Measured> {
    let of_release = state.deployments.values().filter(|of| {
        of.release == deployment.release && of.stage.kind == EnvironmentKind::Ephemeral
    });
    let last = |steps: &'a Steps| {
        let newest = steps.measured().iter().map(|one| one.attempt).max();
        steps.measured().iter().filter(move |one| Some(one.attempt) == newest)
    };
    of_release.flat_map(|of| last(&of.acceptance)).map(|one| &one.measured).collect()
}

/// What the policies in force say now.
fn policy_says(state: &State, now: Millis) -> PolicyAnswer {
    let policies = state.organisation.as_ref().unwrap().policies.as_ref();
    policies.map_or(PolicyAnswer::Fails { why: String::new() }, |name| Texts::says(name, now))
}

/// Whether enough people made an exception who still may, and had no hand in what it lets through.
pub(super) fn stands(state: &State, deployment: &Deployment, one: &Exception, now: Millis) -> bool {
    let contributors = everyone_in(state, deployment);
    let policy = state.organisation.as_ref().unwrap();
    let deciders = policy.deciders();
    let free = |who: &&PersonRef| {
        **who != one.asked_by && deciders.contains(*who) && !contributors.contains(*who)
    };
    let people: BTreeSet<&PersonRef> = one.granted_by.iter().filter(free).collect();
    let on_call = policy.alarm.on_call.as_ref().filter(|_| one.what.is_emergency());
    people.len() >= one.what.people()
        && by_function(state, deployment, one, on_call, now)
        && one.granted.is_some()
        && one.ended.is_none()
        && one.suspended.is_none()
        && now < one.until
}

/// Whether one who granted it is of this function, and had no hand in what it lets through: of
/// right, or for somebody else who had none.
fn by_function(
    state: &State,
    deployment: &Deployment,
    one: &Exception,
    function: Option<&GroupName>,
    now: Millis,
) -> bool {
    let Some(function) = function else { return true };
    let policy = state.organisation.as_ref().unwrap();
    let contributors = everyone_in(state, deployment);
    let owner = match &one.what {
        ExceptionKind::Standard { model } => model.owner.as_ref(),
        _others => None,
    };
    let free =
        |who: &PersonRef| *who != one.asked_by && owner != Some(who) && !contributors.contains(who);
    let by_right = |who: &PersonRef| match function.as_str() {
        "approvers" => policy.approvers.contains(who),
        _named => policy.groups.get(function).is_some_and(|all| all.contains(who)),
    };
    let acts = |who: &PersonRef| {
        let mut all = state.delegations.iter();
        all.any(|of| of.to == *who && of.holds(now) && free(&of.from) && by_right(&of.from))
    };
    one.granted_by.iter().any(|who| free(who) && (by_right(who) || acts(who)))
}

/// Who contributed to what `deployment` brings, found another way than the domain does: to each
/// change up to its own that is no part of what is live, and to what was merged into these.
fn everyone_in<'a>(
    state: &'a State,
    deployment: &Deployment,
) -> BTreeSet<&'a sluss_core::ids::PersonRef> {
    let change_of = |release: &ReleaseId| state.releases[release].change;
    let place = state.place(&deployment.service, &deployment.environment);
    let live = place.and_then(|place| place.live).map(|id| state.deployments[&id].release);
    let live = live.map_or(ChangeId(0), |release| change_of(&release));
    let own = change_of(&deployment.release);
    let trunk = &state.services[&deployment.service].trunk;
    let brings = |id: &ChangeId| *id == own || (trunk.contains(id) && *id > live && *id <= own);
    let merged = |id: &ChangeId| state.merged_into(*id).is_some_and(|into| brings(&into));
    let changes = state.changes.iter().filter(|(id, _)| brings(id) || merged(id));
    let people = changes.flat_map(|(_, change)| &change.push.contributors);
    let people: BTreeSet<&PersonRef> = people.collect();
    let said = people.iter().filter_map(|who| state.identified.get(*who)).flatten();
    people.iter().copied().chain(said).collect()
}

trait MergedInto {
    fn merged_into(&self, change: ChangeId) -> Option<ChangeId>;
}

impl MergedInto for State {
    fn merged_into(&self, change: ChangeId) -> Option<ChangeId> {
        match self.changes.get(&change)?.phase {
            sluss_core::state::ChangePhase::MergedInto { into } => Some(into),
            _ => None,
        }
    }
}

/// What was asked for, as far as a share may grow by it.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Asked {
    Ready,
    Resume,
    Other,
}

pub(super) fn share_grows_with_reason(
    state: &State,
    event: &Event,
    favourable: bool,
    asked: Asked,
) {
    let (id, first) = match event {
        Event::RolloutShifted { deployment, leg, .. } => (deployment, *leg == 0),
        Event::DeploymentLive { deployment } => (deployment, false),
        _ => return,
    };
    let deployment = &state.deployments[id];
    let Phase::RollingOut(rollout) = &deployment.phase else { panic!("{id} is not rolling out") };
    let at_once = matches!(rollout.plan, Replacement::AtOnce);
    let ready = asked == Asked::Ready && (first || at_once);
    // Without a proof in time a person may let a first release live, which has all traffic.
    let word = asked == Asked::Resume && rollout.incumbent.is_none();
    assert!(favourable || ready || word, "{id} grows without a verdict");
}

/// No share grows and nothing starts where the line is stopped; lifting that took two others.
pub(super) fn nothing_grows_while_the_line_is_stopped(state: &State, event: &Event) {
    match event {
        Event::DeploymentStarted { deployment }
        | Event::RolloutShifted { deployment, .. }
        | Event::DeploymentLive { deployment } => {
            let asked = state.deployments[deployment].stage.gates.contains(&GateKind::Freeze)
                || !matches!(event, Event::DeploymentStarted { .. });
            assert!(!asked || state.distrusted.is_none(), "{deployment} goes on in no known log");
            let stop = state.stop_over(&state.deployments[deployment]);
            assert!(stop.is_none(), "{deployment} goes on past {stop:?}");
        }
        Event::LineLifted { stop } => {
            let stop = &state.stops[stop];
            let people: BTreeSet<&PersonRef> = stop.agreed.iter().map(|one| &one.by).collect();
            assert!(people.len() >= 2 && !people.contains(&stop.by), "{stop:?}");
        }
        _ => {}
    }
}

/// Shares sum to all as soon as customers have anything; until then, nothing gets any.
pub(super) fn shares_are_whole(state: &State) {
    for route in state.routes() {
        let sum: u16 = route.arms.iter().map(|arm| arm.share.basis_points()).sum();
        let place = state.place(&route.key.service, &route.key.environment).unwrap();
        // A first release has all of it while it is judged, and nobody shares it.
        let is_served = place.live.is_some() || route.watched.is_some();
        assert_eq!(sum, if is_served { 10_000 } else { 0 }, "{route:?}");
        assert!(route.arms.len() <= 2, "{route:?}");
        let releases: BTreeSet<_> = route.arms.iter().map(|arm| arm.release).collect();
        assert_eq!(releases.len(), route.arms.len(), "{route:?}");
    }
    let mut rolling = BTreeSet::new();
    for deployment in state.deployments.values() {
        if let Phase::RollingOut(_) = deployment.phase {
            let place = (&deployment.service, &deployment.environment);
            assert!(rolling.insert(place), "two roll out in {}", deployment.environment);
        }
    }
}

/// A barred release keeps what it had elsewhere, but gets no more anywhere.
pub(super) fn what_is_barred_gains_nothing(before: &[WantedRoute], state: &State) {
    for route in state.routes() {
        for arm in &route.arms {
            if state.releases[&arm.release].barred.is_none() || arm.share == Share::NONE {
                continue;
            }
            let old = before.iter().find(|old| old.key == route.key);
            let old = old.and_then(|old| old.arms.iter().find(|o| o.release == arm.release));
            let had = old.map_or(Share::NONE, |old| old.share);
            let place = state.place(&route.key.service, &route.key.environment).unwrap();
            // What was live before gets back what a candidate loses, even if it is barred itself:
            // there is nothing else.
            let falls_back = place.live == Some(arm.deployment) && place.rolling.is_none();
            assert!(arm.share <= had || falls_back && had > Share::NONE, "{route:?}");
        }
    }
}

/// Once all that follows is folded, no release that is barred waits or rolls out to customers.
pub(super) fn nothing_barred_is_on_its_way(state: &State) {
    for (id, deployment) in &state.deployments {
        let waits = match deployment.phase {
            Phase::Requested | Phase::Cleared | Phase::RollingOut(_) => true,
            Phase::Live { .. }
            | Phase::RolledBack { .. }
            | Phase::Superseded { .. }
            | Phase::Refused { .. }
            | Phase::Removed { .. } => false,
        };
        if waits && deployment.stage.kind == EnvironmentKind::Lasting {
            assert_eq!(state.releases[&deployment.release].barred, None, "{id}");
        }
    }
}

/// A signature counts only by a key of who decides, for which another person vouched.
pub(super) fn who_signed_had_a_key_that_counts(earlier: &State, event: &Event) {
    let (Event::ApprovalGranted { by, signed: Some(signed), .. }
    | Event::ApprovalRefused { by, signed: Some(signed), .. }
    | Event::ExceptionGranted { by, signed: Some(signed), .. }) = event
    else {
        return;
    };
    let key = &earlier.authenticators[&signed.authenticator];
    assert_eq!(key.person, *by);
    assert!(key.removed.is_none());
    assert!(key.vouched.as_ref().is_some_and(|voucher| voucher != by), "{key:?}");
    assert!(signed.counter == 0 && key.counter == 0 || signed.counter > key.counter);
}
