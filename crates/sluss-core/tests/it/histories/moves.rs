//! Moves of the random histories that other services, live traffic and retention have a part in.

use std::collections::{BTreeMap, BTreeSet};

use sluss_core::budget::ErrorBudget;
use sluss_core::config::{FourEyes, Organisation};
use sluss_core::contracts::Contracts;
use sluss_core::decide::{Command, Retain};
use sluss_core::deployment::Phase;
use sluss_core::hold::HoldScope;
use sluss_core::ids::{DeploymentId, Digest, DisposalId, ErasureId, HoldId};
use sluss_core::pipeline::{GateKind, Replacement};
use sluss_core::rollout::Counts;

use super::What;
use crate::world::{PEOPLE, World, organisation, person, production, staging};

/// More years than anything is kept for where nothing is said.
pub(super) const YEARS_MS: i64 = 11 * 366 * 24 * 60 * 60 * 1000;

/// A bank with payments and a ledger.
pub(super) fn bank(four_eyes: FourEyes, approvers: &[&str]) -> Organisation {
    let product = || "bank".parse().unwrap();
    let services = ["ledger", "pay"].map(|name| (name.parse().unwrap(), product()));
    Organisation { services: BTreeMap::from(services), ..organisation(four_eyes, approvers) }
}

fn contracts(provides: (&str, &[u32]), needs: &[(&str, u32)]) -> Contracts {
    let (name, versions) = provides;
    let versions: BTreeSet<u32> = versions.iter().copied().collect();
    let provides = Some((name.parse().unwrap(), versions)).filter(|(_, all)| !all.is_empty());
    let needs = needs.iter().map(|(name, version)| (name.parse().unwrap(), *version));
    Contracts { provides: provides.into_iter().collect(), needs: needs.collect() }
}

/// A push of payments, which now and then need the ledger, and of which others may need something.
pub(super) fn pay(world: &World, branch: &str, with: &[&str], b: u8) -> Command {
    let contracts = match b % 8 {
        0 => contracts(("pay-api", &[]), &[("ledger-api", 1)]),
        1 => contracts(("pay-api", &[1]), &[("ledger-api", 2)]),
        2 | 3 => contracts(("pay-api", &[1]), &[]),
        _ => Contracts::default(),
    };
    let mut command = world.push_of("pay", branch, with);
    if let Command::Push { push, .. } = &mut command {
        let pipeline = push.pipeline.clone().with_contracts(contracts);
        let easier = |budget: ErrorBudget| ErrorBudget { objective_ppm: 500_000, ..budget };
        let budget = pipeline.error_budget;
        let budget = budget.map(|one| if b % 8 > 5 { easier(one) } else { one });
        push.pipeline = pipeline.with_error_budget(budget);
    }
    command
}

/// A push of the ledger, which goes to its customers at once.
pub(super) fn ledger(world: &World, with: &[&str], b: u8) -> Command {
    let contracts = match b % 8 {
        0 | 1 => contracts(("ledger-api", &[1]), &[]),
        2 | 3 => contracts(("ledger-api", &[1, 2]), &[]),
        4 => contracts(("ledger-api", &[2]), &[("pay-api", 1)]),
        5 => contracts(("ledger-api", &[]), &[("pay-api", 1)]),
        _ => Contracts::default(),
    };
    let mut command = world.push_of("ledger", "main", with);
    if let Command::Push { push, .. } = &mut command {
        let mut stage = production();
        stage.gates = vec![GateKind::Tests];
        stage.replacement = Replacement::AtOnce;
        push.pipeline.deliver = vec![staging(), stage];
        push.pipeline = push.pipeline.clone().with_error_budget(None).with_contracts(contracts);
    }
    command
}

/// What the data plane sees of something that is live.
pub(super) fn of_what_is_live(world: &World, what: What, a: u8) -> Option<Command> {
    let is_live = |id: &DeploymentId| {
        matches!(world.state.deployments[id].phase, Phase::Live { .. }) || a.is_multiple_of(8)
    };
    let live: Vec<DeploymentId> = world.state.deployments.keys().copied().filter(is_live).collect();
    let deployment = *live.get(live.len().checked_sub(1 + usize::from(a % 3))?)?;
    let counts = Counts { requests: 100, errors: a.into() };
    match what {
        What::Alarm => Some(Command::Alarm { deployment, counts, limit_ppm: 10_000 }),
        What::Probes if a.is_multiple_of(2) => Some(Command::ProbesFail { deployment }),
        What::Probes => Some(Command::ProbesAnswer { deployment }),
        _of_others => None,
    }
}

/// What people do about what is kept, and about who people are.
pub(super) fn of_keeping(world: &World, what: What, a: u8, b: u8) -> Option<Command> {
    let state = &world.state;
    let near = |newest: u64| newest.saturating_sub(u64::from(a % 3)).max(1);
    let reason = Digest::of(&[b"kept", &[b][..]].concat());
    let open =
        state.disposals.iter().find(|(_, one)| one.decided.is_none() && !a.is_multiple_of(8));
    let open = open.map(|(id, _)| *id);
    let disposal = open.unwrap_or(DisposalId(near(state.next_disposal().0 - 1)));
    let erasure = ErasureId(near(state.next_erasure().0 - 1));
    Some(Command::Retain(match what {
        What::PlaceHold => {
            let release = format!("release:rel-{}", near(state.next_release().0 - 1));
            let scopes = ["all", "product:bank", "service:pay", "service:ledger", &release];
            let scope: HoldScope = scopes[usize::from(b) % scopes.len()].parse().unwrap();
            Retain::PlaceHold { scope, reason }
        }
        What::LiftHold => {
            let standing =
                state.active_holds().next().map(|(id, _)| id).filter(|_| !a.is_multiple_of(8));
            let hold = standing.unwrap_or(HoldId(near(state.next_hold().0 - 1)));
            Retain::LiftHold { hold, reason }
        }
        What::Dispose => {
            let early = a.is_multiple_of(2).then_some(reason);
            let may = |digest: &&Digest| {
                a % 8 > 5 || state.can_dispose(digest, early.is_some(), world.now).is_ok()
            };
            let all: Vec<&Digest> = state.contents.keys().filter(may).collect();
            let some = all.iter().cycle().skip(b.into()).take(all.len().min(3));
            let contents = some.map(|digest| (*digest).clone()).collect();
            Retain::ProposeDisposal { contents, early }
        }
        What::AgreeDisposal => Retain::AgreeDisposal { disposal },
        What::RefuseDisposal => Retain::RefuseDisposal { disposal },
        What::Erase => {
            let name = if a.is_multiple_of(3) { PEOPLE[usize::from(b) % 6] } else { "mallory" };
            Retain::ProposeErasure { person: person(name), reason }
        }
        What::AgreeErasure => Retain::AgreeErasure { erasure },
        What::RefuseErasure => Retain::RefuseErasure { erasure },
        _of_others => return None,
    }))
}
