//! What a service promises of its live traffic, what was counted, and the gate that keeps to it.

use expect_test::expect;
use sluss_core::budget::{BudgetReading, BudgetStands, ErrorBudget};
use sluss_core::deployment::Phase;
use sluss_core::gate::{GateOutcome, WaitingOn};
use sluss_core::ids::DeploymentId;
use sluss_core::pipeline::GateKind;
use sluss_core::rollout::Counts;
use sluss_core::units::Millis;

use crate::script::{check, play};
use crate::world::{World, production, staging};

#[test]
fn a_spent_budget_shuts_the_gate_until_its_failures_have_left_the_window() {
    check(
        vec![production()],
        "~0 policy never by anna
        ~1 promises 990000 2
        ~1 push main anna by anna
        ~2 go
        ~400 counts 1000 100
        ~7200 counts 1000 2
        ~7300 push main anna by anna
        ~7300 claim build
        ~7300 finish run-2 build 1 passed
        ~7300 claim test
        ~7300 finish run-2 test 1 passed
        7301 pack
        ~7800 counts 1000 2
        ~10700 counts 0 0
        10799 tick
        10800 tick",
        expect![[r#"
            7301 pack
                release.created rel-2 run-2
                deployment.requested dep-2 production rel-2 stage=0
                gate.decided dep-2 tests outcome={outcome:cleared,why:{tests_passed:{failed:0,passed:24,skipped:0}}}
                gate.decided dep-2 four_eyes outcome={outcome:cleared,why:nobody_asked}
                gate.decided dep-2 freeze outcome={outcome:cleared,why:no_freeze}
                gate.decided dep-2 error_budget outcome={on:{budget:{reading:{budget:{objective_ppm:990000,window_seconds:7200},counts:{errors:102,requests:2000}},until:10800000}},outcome:waiting}
                gate.decided core.evidence_signed dep-2 provenance outcome={on:provenance,outcome:waiting}
                gate.decided dep-2 policy outcome={outcome:cleared,why:no_policy}
                gate.decided dep-2 provenance outcome={outcome:cleared,why:attested}
            10799 tick
            10800 tick
                gate.decided dep-2 error_budget outcome={outcome:cleared,why:{budget_left:{reading:{budget:{objective_ppm:990000,window_seconds:7200},counts:{errors:4,requests:2000}}}}}
                deployment.cleared dep-2
                deployment.started dep-2
            pay/production: rel-1 100 % rel-2 0 %
        "#]],
    );
}

#[test]
fn a_budget_of_which_something_is_left_lets_releases_through() {
    check(
        vec![production()],
        "~0 policy never by anna
        ~1 promises 990000 720
        ~1 push main anna by anna
        ~2 go
        ~400 counts 1000 2
        ~500 push main anna by anna
        ~500 claim build
        ~500 finish run-2 build 1 passed
        ~500 claim test
        ~500 finish run-2 test 1 passed
        501 pack",
        expect![[r#"
            501 pack
                release.created rel-2 run-2
                deployment.requested dep-2 production rel-2 stage=0
                gate.decided dep-2 tests outcome={outcome:cleared,why:{tests_passed:{failed:0,passed:24,skipped:0}}}
                gate.decided dep-2 four_eyes outcome={outcome:cleared,why:nobody_asked}
                gate.decided dep-2 freeze outcome={outcome:cleared,why:no_freeze}
                gate.decided dep-2 error_budget outcome={outcome:cleared,why:{budget_left:{reading:{budget:{objective_ppm:990000,window_seconds:2592000},counts:{errors:2,requests:1000}}}}}
                gate.decided core.evidence_signed dep-2 provenance outcome={on:provenance,outcome:waiting}
                gate.decided dep-2 policy outcome={outcome:cleared,why:no_policy}
                gate.decided dep-2 provenance outcome={outcome:cleared,why:attested}
                deployment.cleared dep-2
                deployment.started dep-2
            pay/production: rel-1 100 % rel-2 0 %
        "#]],
    );
}

#[test]
fn no_release_loosens_or_drops_the_promise_that_shuts_its_own_gate() {
    for promise in ["promises 500000 720", "promises nothing"] {
        let mut world = World::new(vec![production()]);
        play(
            &mut world,
            &format!(
                "0 policy never by anna
                1 promises 990000 720
                1 push main anna by anna
                2 go
                400 counts 1000 100
                500 {promise}
                500 push main anna by anna
                500 go"
            ),
        );
        let waits = &world.state.deployments[&DeploymentId(2)];
        let gate = waits.gates.get(&GateKind::ErrorBudget);
        assert!(
            matches!(gate, Some(GateOutcome::Waiting { on: WaitingOn::Budget { reading, .. } })
                if reading.budget.objective_ppm == 990_000),
            "{promise}: {gate:?}"
        );
        assert_eq!(waits.phase, Phase::Requested, "{promise}");
    }
}

#[test]
fn without_a_request_a_second_person_is_asked() {
    check(
        vec![production()],
        "~0 policy never bob by anna
        ~1 promises 990000 720
        ~1 push main anna by anna
        ~2 go
        ~3 push main anna by anna
        ~3 claim build
        ~3 finish run-2 build 1 passed
        ~3 claim test
        ~3 finish run-2 test 1 passed
        4 pack
        5 approve dep-2 by anna
        6 approve dep-2 by bob",
        expect![[r#"
            4 pack
                release.created rel-2 run-2
                deployment.requested dep-2 production rel-2 stage=0
                gate.decided dep-2 tests outcome={outcome:cleared,why:{tests_passed:{failed:0,passed:24,skipped:0}}}
                gate.decided dep-2 four_eyes outcome={outcome:cleared,why:nobody_asked}
                gate.decided dep-2 freeze outcome={outcome:cleared,why:no_freeze}
                approval.requested dep-2 no_traffic
                gate.decided dep-2 error_budget outcome={on:no_traffic,outcome:waiting}
                gate.decided core.evidence_signed dep-2 provenance outcome={on:provenance,outcome:waiting}
                gate.decided dep-2 policy outcome={outcome:cleared,why:no_policy}
                gate.decided dep-2 provenance outcome={outcome:cleared,why:attested}
            5 approve dep-2 by anna
                Denied: You contributed to this change, so someone else must decide.
                + access.refused approve core.sod.contributor dep-2 contributor
            6 approve dep-2 by bob
                approval.granted bob dep-2
                gate.decided dep-2 error_budget outcome={outcome:cleared,why:approved}
                deployment.cleared dep-2
                deployment.started dep-2
            pay/production: rel-1 100 % rel-2 0 %
        "#]],
    );
}

#[test]
fn a_release_that_mends_what_spent_the_budget_goes_by_an_emergency() {
    check(
        vec![production()],
        "~0 policy never bob carl by anna
        ~1 promises 990000 720
        ~1 push main anna by anna
        ~2 go
        ~400 counts 1000 200
        ~500 push main anna by anna
        ~500 go
        501 except emergency dep-2 3000 by anna
        502 grant exc-1 by bob",
        expect![[r#"
            501 except emergency dep-2 3000 by anna
                incident.reported by={kind:person} production inc-1 pay 8fcfccf675b1f0bfd39d dep-1
                exception.requested anna exc-1 8fcfccf675b1f0bfd39d until=3000000 what={deployment:dep-2,incident:inc-1,kind:emergency}
            502 grant exc-1 by bob
                exception.granted bob exc-1
                gate.decided dep-2 four_eyes outcome={outcome:cleared,why:{exception:{exception:exc-1}}}
                gate.decided dep-2 error_budget outcome={outcome:cleared,why:{exception:{exception:exc-1}}}
                deployment.cleared dep-2
                deployment.started dep-2
            pay/production: rel-1 100 % rel-2 0 %
        "#]],
    );
}

#[test]
fn a_rollback_passes_no_budget() {
    check(
        vec![production()],
        "~0 policy never by anna
        ~1 promises 990000 720
        ~1 push main anna by anna
        ~2 go
        ~400 counts 1000 2
        ~401 push main anna by anna
        ~402 go
        ~410 favourable
        ~411 favourable
        ~700 counts 1000 900
        701 rollback production by anna",
        expect![[r#"
            701 rollback production by anna
                deployment.rolled_back by_hand dep-2 dep-1
                release.barred rel-2
                incident.opened by_hand dep-2 inc-1
            pay/production: rel-1 100 %
        "#]],
    );
}

#[test]
fn a_first_release_that_no_objective_judges_asks_a_person() {
    check(
        vec![staging()],
        "~0 policy never bob by anna
        ~1 promises 990000 720
        ~1 push main anna by anna
        ~2 claim build
        ~2 finish run-1 build 1 passed
        ~2 claim test
        ~2 finish run-1 test 1 passed
        3 pack
        4 approve dep-1 by bob",
        expect![[r#"
            3 pack
                release.created rel-1 run-1
                deployment.requested dep-1 staging rel-1 stage=0
                gate.decided dep-1 tests outcome={outcome:cleared,why:{tests_passed:{failed:0,passed:24,skipped:0}}}
                approval.requested dep-1 no_traffic
                gate.decided dep-1 error_budget outcome={on:no_traffic,outcome:waiting}
                gate.decided core.evidence_signed dep-1 provenance outcome={on:provenance,outcome:waiting}
                gate.decided dep-1 policy outcome={outcome:cleared,why:no_policy}
                gate.decided dep-1 four_eyes outcome={outcome:cleared,why:nobody_asked}
                gate.decided dep-1 freeze outcome={outcome:cleared,why:no_freeze}
                gate.decided dep-1 provenance outcome={outcome:cleared,why:attested}
            4 approve dep-1 by bob
                approval.granted bob dep-1
                gate.decided dep-1 error_budget outcome={outcome:cleared,why:approved}
                deployment.cleared dep-1
                deployment.started dep-1
            pay/staging: rel-1 0 %
        "#]],
    );
}

#[test]
fn nothing_is_counted_twice_and_what_the_target_refused_has_failed() {
    check(
        vec![production()],
        "~0 policy never by anna
        ~1 promises 990000 720
        ~1 push main anna by anna
        ~2 go
        400 counts 1000 0
        400 counts 1000 0
        405 counts 9 0
        410 counts 9 0
        415 counts 90 0 500
        900 counts 0 0
        900 counts 3 4",
        expect![[r#"
            400 counts 1000 0
                traffic.counted after=0 production errors=0 refused=0 refused_so_far=0 requests=1000 pay until=399
            400 counts 1000 0
            405 counts 9 0
            410 counts 9 0
            415 counts 90 0 500
                traffic.counted after=399 production errors=0 refused=500 refused_so_far=500 requests=90 pay until=414
            900 counts 0 0
            900 counts 3 4
            pay/production: rel-1 100 %
        "#]],
    );
}

fn reading(requests: u64, errors: u64, objective_ppm: u32) -> BudgetReading {
    let budget = ErrorBudget { objective_ppm, window_seconds: ErrorBudget::USUAL_WINDOW };
    BudgetReading { budget, counts: Counts { requests, errors }, uncounted_seconds: 0 }
}

/// How the gate stands before the second deployment, where the first is live and promises 99 % of
/// two hours, after these lines.
fn gate_after(lines: &str) -> (GateOutcome, Phase) {
    let mut world = World::new(vec![production()]);
    let begin = "0 policy never bob by anna\n1 promises 990000 2\n1 push main anna by anna\n2 go\n";
    play(&mut world, &format!("{begin}{lines}"));
    let second = &world.state.deployments[&DeploymentId(2)];
    (second.gates[&GateKind::ErrorBudget].clone(), second.phase.clone())
}

#[test]
fn a_short_gap_is_told_and_shuts_nothing() {
    let (gate, _) = gate_after(
        "400 counts 1000 2
        1300 counts 1000 2 after 999
        1400 push main anna by anna
        1400 go",
    );
    let said = "80 % of its error budget is left: 4 of 2000 requests failed in 2 h: 0.2 %, and 1 % \
                may; 10 min not counted.";
    assert_eq!(gate.sentence(), said);
}

#[test]
fn where_more_than_a_tenth_was_not_counted_a_second_person_is_asked() {
    let late = "400 counts 1000 2
        2300 counts 1000 2 after 1999
        2400 push main anna by anna
        2400 go";
    let (gate, phase) = gate_after(late);
    assert_eq!(
        gate.sentence(),
        "Too little was counted to say what is left of its error budget (4 of 2000 requests failed \
         in 2 h: 0.2 %, and 1 % may; 26 min not counted): it waits for the decision of a second \
         person."
    );
    assert_eq!(phase, Phase::Requested);
    let (gate, _) = gate_after(&format!("{late}\n2500 approve dep-2 by bob"));
    assert_eq!(gate.sentence(), "Everyone agreed who must.");
    // It has left the window by then, and nobody needs to be asked.
    let later = "400 counts 1000 2
        2300 counts 1000 2 after 1999
        10000 counts 1000 2
        18000 counts 1000 2
        18001 push main anna by anna
        18001 go";
    let (gate, _) = gate_after(later);
    assert!(gate.is_cleared() && !gate.sentence().contains("not counted"), "{}", gate.sentence());
}

#[test]
fn what_was_not_recorded_for_longer_than_targets_remember_is_no_time_without_failures() {
    // Nothing was recorded since: the control plane was away, and a release waits as it is back.
    let (gate, _) = gate_after("400 counts 1000 2\n3900 push main anna by anna\n3900 go");
    assert!(gate.sentence().contains("58 min not counted): it waits"), "{}", gate.sentence());
    let (gate, _) = gate_after("400 counts 1000 2\n1200 push main anna by anna\n1200 go");
    assert!(gate.is_cleared(), "what is to be recorded yet is not missed: {}", gate.sentence());
}

#[test]
fn a_period_without_a_request_is_recorded_where_something_is_promised() {
    let counted = |promise: &str| {
        let mut world = World::new(vec![production()]);
        play(
            &mut world,
            &format!(
                "0 policy never by anna
                1 {promise}
                1 push main anna by anna
                2 go
                301 counts 9 0
                600 counts 0 0
                901 counts 0 0"
            ),
        );
        let key = world.state.places_counted().remove(0);
        world.state.counted_in(&key).unwrap().until
    };
    assert_eq!((counted("promises 990000 2"), counted("promises nothing")), (900, 300));
}

#[test]
fn a_wait_for_a_promise_that_is_gone_is_over() {
    let mut world = World::new(vec![production()]);
    let waits = |world: &World| {
        world.state.deployments[&DeploymentId(3)].gates.get(&GateKind::ErrorBudget).cloned()
    };
    play(
        &mut world,
        "0 policy never by anna
        1 push main anna by anna
        2 go
        400 counts 1000 0
        410 promises 990000 720
        410 push main anna by anna
        411 go
        412 favourable
        413 favourable
        800 counts 1000 100
        900 promises nothing
        900 push main anna by anna
        900 go",
    );
    let before = waits(&world).unwrap().sentence();
    assert!(before.starts_with("The error budget is spent"), "{before}");
    play(&mut world, "1000 rollback production by anna");
    let said = waits(&world).unwrap().sentence();
    assert_eq!(said, "Nothing live here promises anything any more.");
    assert_ne!(world.state.deployments[&DeploymentId(3)].phase, Phase::Requested);
}

#[test]
fn what_is_left_of_a_budget_is_what_may_fail_less_what_failed() {
    // 99.9 % of a million leave a thousand, of which 400 are gone.
    assert_eq!(reading(1_000_000, 400, 999_000).left_permille(), Some(600));
    assert_eq!(reading(1_000_000, 0, 999_000).left_permille(), Some(1_000));
    assert_eq!(reading(1_000_000, 1_000, 999_000).stands(), BudgetStands::Spent);
    assert_eq!(reading(1_000_000, 999, 999_000).stands(), BudgetStands::Left);
    assert_eq!(reading(1_000_000, 999, 999_000).left_permille(), Some(1));
    assert_eq!(reading(u64::MAX, u64::MAX, 500_000).left_permille(), Some(0));
    assert_eq!(reading(0, 0, 999_000).stands(), BudgetStands::NoData);
    assert_eq!(reading(0, 0, 999_000).left_permille(), None);
    // One failure of fewer than a thousand says nothing; two do.
    assert_eq!(reading(999, 1, 999_000).stands(), BudgetStands::NoData);
    assert_eq!(reading(999, 2, 999_000).stands(), BudgetStands::Spent);
    assert_eq!(reading(999, 0, 999_000).stands(), BudgetStands::Left);
    assert_eq!(reading(1_001, 1, 999_000).stands(), BudgetStands::Left);
    let words = reading(999, 1, 999_000).words();
    assert_eq!(words, "1 of 999 requests failed in 30 d: too few to tell, as 0.1 % may");
    let words = reading(1_000_000, 1_400, 999_000).words();
    assert_eq!(words, "1400 of 1000000 requests failed in 30 d: 0.14 %, and 0.1 % may");
}

#[test]
fn instants_are_told_in_utc() {
    for (at, text) in [
        (0, "1970-01-01 00:00 UTC"),
        (1_795_330_800_000, "2026-11-22 07:00 UTC"),
        (951_827_940_000, "2000-02-29 12:39 UTC"),
        (-1, "1969-12-31 23:59 UTC"),
        (4_107_542_399_999, "2100-02-28 23:59 UTC"),
        (4_107_542_400_000, "2100-03-01 00:00 UTC"),
    ] {
        assert_eq!(Millis(at).utc_minute(), text);
    }
}
