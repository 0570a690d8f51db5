//! Compiled-in invariants: each has a script in which it denies, and that denial names its id.

use std::collections::BTreeSet;

use sluss_core::gate::{GateOutcome, WaitingOn};
use sluss_core::invariant::{CORE, Invariant};
use sluss_core::pipeline::{GateKind, Replacement, RolloutPlan, Stage};

use crate::script::names_at_last;
use crate::world::production;

/// A first release of anna's waits for bob or carl.
const WAITS: &str = "0 policy always anna bob carl by dora
    1 push main anna by anna
    2 go";
/// The second release has its first share.
const ROLLS: &str = "0 policy first bob by anna
    1 push main anna by anna
    2 go
    3 approve dep-1 by bob
    4 go
    5 push main anna by anna
    5 go";

fn unbounded() -> Stage {
    let plan = RolloutPlan { deadline_seconds: 0, ..RolloutPlan::default() };
    Stage { replacement: Replacement::Progressive(plan), ..production() }
}

/// The scripts, each with the invariant that its last line meets.
fn scripts() -> Vec<(Invariant, Vec<Stage>, String)> {
    use Invariant as I;
    let rows = [
        (I::SodContributor, production(), format!("{WAITS}\n3 approve dep-1 by anna")),
        (
            I::SodContributor,
            production(),
            "0 policy rules by anna\n1 push main anna bob carl by anna\n2 go".to_owned(),
        ),
        (
            I::SodDistinct,
            production(),
            "0 policy rules by anna
            1 push main anna by anna
            2 go
            3 approve dep-1 by bob
            4 approve dep-1 by bob"
                .to_owned(),
        ),
        (
            I::SodPolicyApprover,
            production(),
            "0 policy always bob carl dora by anna
            1 policy never bob carl dora by anna
            2 approve cfg-2 by bob
            3 approve cfg-2 by carl
            4 push main bob by bob
            5 go"
                .to_owned(),
        ),
        (
            I::IdentityMapped,
            production(),
            "0 policy always anna bob by dora\n1 push main mallory by bob\n2 go".to_owned(),
        ),
        (I::IdentityHuman, production(), format!("{WAITS}\n3 approve dep-1 by carl agent")),
        (I::IdentityHuman, production(), format!("{WAITS}\n3 approve dep-1 by carl stale")),
        (
            I::DigestBinding,
            production(),
            format!(
                "{WAITS}\n3 policy first bob carl by dora\n4 approve dep-1 seeing cfg-2 by carl"
            ),
        ),
        (I::StatementCurrent, production(), format!("{WAITS}\n3 approve dep-1 otherwise by carl")),
        (
            I::EvidenceSigned,
            Stage { gates: vec![GateKind::Provenance], ..production() },
            "0 policy never bob by anna\n1 push main anna by anna\n2 go".to_owned(),
        ),
        (
            I::Freeze,
            production(),
            "0 policy never bob by anna
            1 freeze production 0 1000 by bob
            2 push main anna by anna
            3 go"
                .to_owned(),
        ),
        (
            I::BreakglassScope,
            production(),
            format!("{WAITS}\n3 except waiver core.evidence 80000 by anna"),
        ),
        (
            I::BreakglassScope,
            production(),
            format!("{WAITS}\n3 except emergency dep-1 900000 by anna"),
        ),
        (
            I::CanaryBounded,
            unbounded(),
            "0 policy never bob by anna\n1 push main anna by anna".to_owned(),
        ),
        (I::CanaryBounded, production(), format!("{ROLLS}\n6 hold by anna\n86407 tick")),
        (
            I::IntentLogged,
            production(),
            "0 policy never bob by anna
            1 witness knows 9000
            2 push main anna by anna
            3 go"
                .to_owned(),
        ),
        (I::IntentLogged, production(), "0 policy never bob by anna\n1 jump by anna".to_owned()),
    ];
    rows.into_iter().map(|(id, stage, story)| (id, vec![stage], story)).collect()
}

#[test]
fn every_invariant_denies_and_its_denial_names_its_id() {
    let mut seen = BTreeSet::new();
    for (id, stages, story) in scripts() {
        let named = names_at_last(stages, &story);
        // A gate that waits for a signature says so on the way of every release.
        assert!(named.contains(&id), "{id} is not named by: {story}\nbut {named:?}");
        seen.insert(id);
    }
    assert_eq!(seen, Invariant::ALL.into(), "each has its script");
}

#[test]
fn where_nothing_compiled_in_denies_nothing_is_named() {
    let story = "0 policy never bob by anna\n1 push main anna by anna\n2 go until build";
    assert_eq!(names_at_last(vec![production()], story), BTreeSet::new());
    let story = format!("{WAITS}\n3 approve dep-1 by carl");
    assert_eq!(names_at_last(vec![production()], &story), BTreeSet::new());
}

#[test]
fn what_a_policy_denies_is_none_of_them() {
    let state = sluss_core::state::State::default();
    let on = WaitingOn::PolicyAnswer { why: "undefined".to_owned() };
    let outcome = GateOutcome::Waiting { on };
    assert_eq!(state.shut_by(sluss_core::ids::DeploymentId(1), GateKind::Policy, &outcome), None);
    assert!(Invariant::ALL.iter().all(|one| one.as_str().starts_with(CORE)));
}
