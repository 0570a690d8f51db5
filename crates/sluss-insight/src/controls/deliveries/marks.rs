//! What a deployment has when it is begun, by its change, its release and its gates.

use sluss_core::gate::{ClearedWhy, GateOutcome};
use sluss_core::pipeline::GateKind;

use super::super::ledger::Item;
use super::super::mark::Mark;
use super::{Change, Deployment, Release};

pub(super) fn of_change(item: &mut Item, change: &Change, leaf: u64) {
    if let Some(received) = change.received {
        item.mark(Mark::Recorded, received);
    }
    if let Some(named) = change.work_item {
        item.mark(Mark::Reasoned, named);
    }
    if !change.forward_only {
        item.mark(Mark::WayBack, change.received.unwrap_or(leaf));
    }
}

pub(super) fn of_release(item: &mut Item, release: &Release) {
    for (mark, leaf) in &release.has {
        item.mark(*mark, *leaf);
    }
    let tests = release.steps.values().filter_map(|step| Some((step.leaf, step.tests?)));
    let all: Vec<(u64, bool)> = tests.collect();
    if let Some(last) = all.iter().map(|(leaf, _)| *leaf).max()
        && all.iter().all(|(_, passed)| *passed)
    {
        item.mark(Mark::Tested, last);
        item.mark(Mark::Answered, last);
    }
    if let Some(last) = release.steps.values().map(|step| step.leaf).max()
        && release.steps.values().all(|step| step.isolated)
    {
        item.mark(Mark::Isolated, last);
    }
}

pub(super) fn of_gates(item: &mut Item, known: &Deployment) {
    for (gate, (leaf, outcome)) in &known.gates {
        let GateOutcome::Cleared { why } = outcome else { continue };
        match why {
            ClearedWhy::Exception { exception } => item.through.push(*exception),
            ClearedWhy::Waived { by, .. } => item.through.extend(by),
            ClearedWhy::FindingsInTerm { waived, .. } => item.through.extend(waived.keys()),
            _by_itself => {}
        }
        let mark = match (gate, why) {
            (GateKind::Tests, ClearedWhy::TestsPassed(_)) => Mark::TestsRequired,
            (GateKind::Tests, ClearedWhy::TestsAccepted { .. }) => Mark::Answered,
            (GateKind::Findings, ClearedWhy::FindingsInTerm { waived, .. })
                if waived.is_empty() =>
            {
                Mark::InTerms
            }
            (GateKind::Policy, ClearedWhy::PolicyAllows { .. }) => Mark::PolicyAsked,
            (GateKind::Freeze, ClearedWhy::NoFreeze) => Mark::NoFreeze,
            (GateKind::Dependencies, ClearedWhy::DependenciesMet { .. }) => Mark::Dependencies,
            _says_nothing_else => continue,
        };
        item.mark(mark, *leaf);
    }
    let last = known.gates.values().map(|(leaf, _)| *leaf).max();
    if let Some(last) = last.filter(|_| known.gates.values().all(|(_, said)| said.is_cleared())) {
        item.mark(Mark::Gated, last);
    }
}
