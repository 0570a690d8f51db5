//! Ways round a gate that are shut: by an address that nobody knows, by asking for it oneself, by
//! rules that one agreed to, by lifting what keeps one's own release, by letting it go unproven.

use expect_test::expect;

use sluss_core::decide::Command;
use sluss_core::ids::Digest;
use sluss_core::pipeline::{GateKind, Replacement};
use sluss_core::slots::Rule;
use sluss_core::weakening::Weakening;

use crate::script::{check, play};
use crate::world::{World, actor, production, staging};

#[test]
fn whoever_commits_by_an_address_that_nobody_knows_does_not_get_round_the_four_eyes_gate() {
    check(
        vec![production()],
        "~0 policy always anna bob carl by dora
        ~1 push main mallory by bob
        2 go
        3 identify mallory by erik
        4 identify mallory as mallory by anna
        5 identify bob as anna by carl
        6 identify mallory by anna agent
        7 identify mallory as bob by anna
        8 approve dep-1 by anna
        9 approve dep-1 by carl",
        expect![[r#"
            2 go
                step.started attempt=1 run-1 build
                step.finished attempt=1 isolated outcome={outcome:succeeded} run-1 build tests={failed:0,passed:12,skipped:0}
                step.started attempt=1 run-1 test
                step.finished attempt=1 isolated outcome={outcome:succeeded} run-1 test tests={failed:0,passed:12,skipped:0}
                run.succeeded run-1
                release.created rel-1 run-1
                deployment.requested dep-1 production rel-1 stage=0
                gate.decided dep-1 tests outcome={outcome:cleared,why:{tests_passed:{failed:0,passed:24,skipped:0}}}
                gate.decided core.identity.mapped dep-1 four_eyes outcome={on:{unknown:{people:[1d2bba113dd32caf7b3503eb56c9c2e552457be4e71fdb626a77701bec5f715c]}},outcome:waiting}
                gate.decided dep-1 freeze outcome={outcome:cleared,why:no_freeze}
                gate.decided core.evidence_signed dep-1 provenance outcome={on:provenance,outcome:waiting}
                gate.decided dep-1 policy outcome={outcome:cleared,why:no_policy}
                gate.decided dep-1 provenance outcome={outcome:cleared,why:attested}
            3 identify mallory by erik
                Denied: To identify takes the role of an approver, and you don't have it.
                + access.refused identify missing_role
            4 identify mallory as mallory by anna
                NotFound: No organisation that was in force names this person.
            5 identify bob as anna by carl
                Conflict: It is known who that is: `organisation.yaml` names them.
            6 identify mallory by anna agent
                Denied: Only a person decides; tokens and programs do not.
                + access.refused identify core.identity.human not_a_person
            7 identify mallory as bob by anna
                access.identified anna bob mallory
                approval.requested dep-1 each_release
                gate.decided dep-1 four_eyes outcome={on:second_person,outcome:waiting}
            8 approve dep-1 by anna
                Denied: You contributed to this change, so someone else must decide.
                + access.refused approve core.sod.contributor dep-1 contributor
            9 approve dep-1 by carl
                approval.granted carl dep-1
                gate.decided dep-1 four_eyes outcome={outcome:cleared,why:approved}
                deployment.cleared dep-1
                deployment.started dep-1
            pay/production: rel-1 0 %
        "#]],
    );
}

#[test]
fn whoever_says_that_it_was_nobody_here_contributed_as_well() {
    check(
        vec![production()],
        "~0 policy always anna carl by dora
        ~1 push main mallory by bob
        ~2 go
        3 identify mallory by anna
        4 approve dep-1 by anna
        5 approve dep-1 by carl",
        expect![[r#"
            3 identify mallory by anna
                access.identified anna mallory
                approval.requested dep-1 each_release
                gate.decided dep-1 four_eyes outcome={on:second_person,outcome:waiting}
            4 approve dep-1 by anna
                Denied: You contributed to this change, so someone else must decide.
                + access.refused approve core.sod.contributor dep-1 contributor
            5 approve dep-1 by carl
                approval.granted carl dep-1
                gate.decided dep-1 four_eyes outcome={outcome:cleared,why:approved}
                deployment.cleared dep-1
                deployment.started dep-1
            pay/production: rel-1 0 %
        "#]],
    );
}

#[test]
fn only_what_is_between_what_is_live_and_the_release_must_be_known() {
    check(
        vec![production()],
        "~0 policy always carl erik by anna
        ~1 push main mallory by bob
        ~2 go
        ~3 identify mallory by carl
        4 approve dep-1 by carl
        ~4 approve dep-1 by erik
        ~5 go
        ~6 push main anna by anna
        ~7 go
        8 approve dep-2 by carl",
        expect![[r#"
            4 approve dep-1 by carl
                Denied: You contributed to this change, so someone else must decide.
                + access.refused approve core.sod.contributor dep-1 contributor
            8 approve dep-2 by carl
                approval.granted carl dep-2
                gate.decided dep-2 four_eyes outcome={outcome:cleared,why:approved}
                deployment.cleared dep-2
                deployment.started dep-2
            pay/production: rel-1 100 % rel-2 0 %
        "#]],
    );
}

#[test]
fn a_platform_change_by_somebody_whom_nobody_knows_is_refused() {
    check(
        vec![production()],
        "~0 policy always carl by anna
        1 policy-with mallory carl bob by anna
        ~2 identify mallory by carl
        3 policy-with mallory carl bob by anna
        4 approve cfg-2 by carl
        5 policy-with anna carl bob by anna
        6 approve cfg-3 by carl",
        expect![[r#"
            1 policy-with mallory carl bob by anna
                Denied: No `organisation.yaml` that was in force names everyone who wrote this.
                + access.refused push core.identity.mapped unidentified
            3 policy-with mallory carl bob by anna
                config.proposed mallory+anna number=2
                approval.requested cfg-2 platform_change
            4 approve cfg-2 by carl
                Denied: You contributed to this change, so someone else must decide.
                + access.refused approve core.sod.contributor cfg-2 contributor
            5 policy-with anna carl bob by anna
                config.proposed anna number=3
                approval.requested cfg-3 platform_change
            6 approve cfg-3 by carl
                approval.granted carl cfg-3
                config.activated number=3
                access.role_changed gained=["ae6abb3f97d8fd8d3a9df7747e22b7c77641ee218b3c290559ffe6f10a681079"] lost=[] number=3 approver
        "#]],
    );
}

#[test]
fn whoever_asks_for_a_deployment_does_not_decide_over_it() {
    let mut by_hand = production();
    by_hand.by_hand = true;
    check(
        vec![by_hand],
        "~0 policy always bob carl by anna
        ~1 push main anna by anna
        ~2 go
        3 promote rel-1 by bob
        4 approve dep-1 by bob
        5 approve dep-1 by carl",
        expect![[r#"
            3 promote rel-1 by bob
                deployment.requested bob dep-1 production rel-1 stage=0
                gate.decided dep-1 tests outcome={outcome:cleared,why:{tests_passed:{failed:0,passed:24,skipped:0}}}
                approval.requested dep-1 each_release
                gate.decided dep-1 four_eyes outcome={on:second_person,outcome:waiting}
                gate.decided dep-1 freeze outcome={outcome:cleared,why:no_freeze}
                gate.decided dep-1 provenance outcome={outcome:cleared,why:attested}
                gate.decided dep-1 policy outcome={outcome:cleared,why:no_policy}
            4 approve dep-1 by bob
                Denied: You contributed to this change, so someone else must decide.
                + access.refused approve core.sod.contributor dep-1 contributor
            5 approve dep-1 by carl
                approval.granted carl dep-1
                gate.decided dep-1 four_eyes outcome={outcome:cleared,why:approved}
                deployment.cleared dep-1
                deployment.started dep-1
            pay/production: rel-1 0 %
        "#]],
    );
}

#[test]
fn whoever_lets_a_barred_release_go_again_does_not_decide_over_it() {
    check(
        vec![production()],
        "~0 policy always bob carl by anna
        ~1 push main anna by anna
        ~2 go
        ~3 approve dep-1 by bob
        ~4 go
        ~5 push main anna by anna
        ~6 go
        ~7 approve dep-2 by bob
        ~8 go
        ~9 rollback production by anna
        10 unbar rel-2 by bob
        11 promote rel-2 by anna
        12 approve dep-3 by bob
        13 approve dep-3 by carl",
        expect![[r#"
            10 unbar rel-2 by bob
                release.unbarred bob rel-2
            11 promote rel-2 by anna
                deployment.requested anna dep-3 production rel-2 stage=0
                gate.decided dep-3 tests outcome={outcome:cleared,why:{tests_passed:{failed:0,passed:24,skipped:0}}}
                approval.requested dep-3 each_release
                gate.decided dep-3 four_eyes outcome={on:second_person,outcome:waiting}
                gate.decided dep-3 freeze outcome={outcome:cleared,why:no_freeze}
                gate.decided dep-3 provenance outcome={outcome:cleared,why:attested}
                gate.decided dep-3 policy outcome={outcome:cleared,why:no_policy}
            12 approve dep-3 by bob
                Denied: You contributed to this change, so someone else must decide.
                + access.refused approve core.sod.contributor dep-3 contributor
            13 approve dep-3 by carl
                approval.granted carl dep-3
                gate.decided dep-3 four_eyes outcome={outcome:cleared,why:approved}
                deployment.cleared dep-3
                deployment.started dep-3
            pay/production: rel-1 100 % rel-2 0 %
        "#]],
    );
}

#[test]
fn whoever_agreed_to_rules_that_ask_less_has_a_second_person_asked_for_their_own_release() {
    check(
        vec![production()],
        "~0 policy always bob carl dora by anna
        ~1 policy never bob carl dora by anna
        ~2 approve cfg-2 by bob
        ~3 approve cfg-2 by carl
        ~4 push main bob by bob
        5 go
        6 approve dep-1 by bob
        7 approve dep-1 by dora
        ~8 go
        ~9 push main dora by dora
        10 go",
        expect![[r#"
            5 go
                step.started attempt=1 run-1 build
                step.finished attempt=1 isolated outcome={outcome:succeeded} run-1 build tests={failed:0,passed:12,skipped:0}
                step.started attempt=1 run-1 test
                step.finished attempt=1 isolated outcome={outcome:succeeded} run-1 test tests={failed:0,passed:12,skipped:0}
                run.succeeded run-1
                release.created rel-1 run-1
                deployment.requested dep-1 production rel-1 stage=0
                gate.decided dep-1 tests outcome={outcome:cleared,why:{tests_passed:{failed:0,passed:24,skipped:0}}}
                approval.requested dep-1 own_rules
                gate.decided core.sod.policy_appr dep-1 four_eyes outcome={on:second_person,outcome:waiting}
                gate.decided dep-1 freeze outcome={outcome:cleared,why:no_freeze}
                gate.decided core.evidence_signed dep-1 provenance outcome={on:provenance,outcome:waiting}
                gate.decided dep-1 policy outcome={outcome:cleared,why:no_policy}
                gate.decided dep-1 provenance outcome={outcome:cleared,why:attested}
            6 approve dep-1 by bob
                Denied: You contributed to this change, so someone else must decide.
                + access.refused approve core.sod.contributor dep-1 contributor
            7 approve dep-1 by dora
                approval.granted dora dep-1
                gate.decided dep-1 four_eyes outcome={outcome:cleared,why:approved}
                deployment.cleared dep-1
                deployment.started dep-1
            10 go
                step.started attempt=1 run-2 build
                step.finished attempt=1 isolated outcome={outcome:succeeded} run-2 build tests={failed:0,passed:12,skipped:0}
                step.started attempt=1 run-2 test
                step.finished attempt=1 isolated outcome={outcome:succeeded} run-2 test tests={failed:0,passed:12,skipped:0}
                run.succeeded run-2
                release.created rel-2 run-2
                deployment.requested dep-2 production rel-2 stage=0
                gate.decided dep-2 tests outcome={outcome:cleared,why:{tests_passed:{failed:0,passed:24,skipped:0}}}
                gate.decided dep-2 four_eyes outcome={outcome:cleared,why:nobody_asked}
                gate.decided dep-2 freeze outcome={outcome:cleared,why:no_freeze}
                gate.decided core.evidence_signed dep-2 provenance outcome={on:provenance,outcome:waiting}
                gate.decided dep-2 policy outcome={outcome:cleared,why:no_policy}
                gate.decided dep-2 provenance outcome={outcome:cleared,why:attested}
                deployment.cleared dep-2
                deployment.started dep-2
                rollout.shifted dep-2 leg=0 10 %
            pay/production: rel-1 90 % rel-2 10 %
        "#]],
    );
}

#[test]
fn a_freeze_is_lifted_by_another_approver_who_contributed_to_nothing_that_it_keeps() {
    check(
        vec![production()],
        "~0 policy always anna bob erik by dora
        ~1 freeze production 0 1000 by erik
        ~2 push main bob by bob
        ~3 go
        4 lift frz-1 by dora
        5 lift frz-1 by bob
        6 lift frz-1 by erik
        7 lift frz-1 by anna agent
        8 lift frz-1 by anna stale
        9 lift frz-1 by anna",
        expect![[r#"
            4 lift frz-1 by dora
                Denied: To lift takes the role of an approver, and you don't have it.
                + access.refused lift missing_role
            5 lift frz-1 by bob
                Denied: You had a hand in it, so someone else must lift.
                + access.refused lift core.sod.contributor contributor
            6 lift frz-1 by erik
                Denied: You had a hand in it, so someone else must lift.
                + access.refused lift core.sod.contributor contributor
            7 lift frz-1 by anna agent
                Denied: Only a person decides; tokens and programs do not.
                + access.refused lift core.identity.human not_a_person
            8 lift frz-1 by anna stale
                Denied: A decision asks for your password again.
                + access.refused lift core.identity.human not_reauthenticated
            9 lift frz-1 by anna
                freeze.lifted anna frz-1 8fcfccf675b1f0bfd39d
                gate.decided dep-1 freeze outcome={outcome:cleared,why:no_freeze}
        "#]],
    );
}

#[test]
fn where_nobody_is_asked_a_developer_lifts_their_own_freeze_in_person() {
    check(
        vec![production()],
        "~0 policy never by anna
        ~1 freeze production 0 1000 by anna
        2 lift frz-1 by anna stale
        3 lift frz-1 by anna",
        expect![[r#"
            2 lift frz-1 by anna stale
                Denied: A decision asks for your password again.
                + access.refused lift core.identity.human not_reauthenticated
            3 lift frz-1 by anna
                freeze.lifted anna frz-1 8fcfccf675b1f0bfd39d
        "#]],
    );
}

#[test]
fn a_jump_of_the_clock_is_confirmed_by_an_approver_in_person() {
    check(
        vec![production()],
        "~0 policy always carl by anna
        ~1 jump
        2 confirm clock by anna
        3 confirm clock by carl agent
        4 confirm clock by carl stale
        5 confirm clock by carl",
        expect![[r#"
            2 confirm clock by anna
                Denied: To confirm-clock takes the role of an approver, and you don't have it.
                + access.refused confirm-clock missing_role
            3 confirm clock by carl agent
                Denied: Only a person decides; tokens and programs do not.
                + access.refused confirm-clock core.identity.human not_a_person
            4 confirm clock by carl stale
                Denied: A decision asks for your password again.
                + access.refused confirm-clock core.identity.human not_reauthenticated
            5 confirm clock by carl
                log.gap_ended carl confirmed=true
        "#]],
    );
}

#[test]
fn a_first_release_without_proof_is_let_go_by_an_approver_who_did_not_contribute() {
    check(
        vec![production()],
        "~0 policy always bob carl by anna
        ~1 push main bob by bob
        ~2 claim build
        ~2 finish run-1 build 1 untested
        ~2 claim test
        ~2 finish run-1 test 1 passed
        ~2 pack
        ~3 approve dep-1 by carl
        ~3 ready
        ~904 silent 900
        1001 resume by anna
        1002 resume by bob
        1003 resume by carl agent
        1004 resume by carl",
        expect![[r#"
            1001 resume by anna
                Denied: To resume takes the role of an approver, and you don't have it.
                + access.refused resume missing_role
            1002 resume by bob
                Denied: You had a hand in it, so someone else must resume.
                + access.refused resume core.sod.contributor contributor
            1003 resume by carl agent
                Denied: Only a person decides; tokens and programs do not.
                + access.refused resume core.identity.human not_a_person
            1004 resume by carl
                rollout.resumed carl dep-1
                deployment.live dep-1
                change.delivered chg-1 dep-1
            pay/production: rel-1 100 %
        "#]],
    );
}

#[test]
fn an_approval_that_was_not_used_in_time_is_void_and_asked_anew() {
    // Frozen for forty days; approved on the first, which counts for thirty.
    check(
        vec![production()],
        "~0 policy always bob carl by anna
        ~1 freeze production 0 3456000 by anna
        ~2 push main anna by anna
        ~3 go
        ~4 approve dep-1 by bob
        2592002 tick
        2592003 tick
        2592004 approve dep-1 by carl
        3456000 tick",
        expect![[r#"
            2592002 tick
            2592003 tick
                approval.invalidated dep-1 expired
                approval.requested dep-1 each_release
                gate.decided dep-1 four_eyes outcome={on:second_person,outcome:waiting}
            2592004 approve dep-1 by carl
                approval.granted carl dep-1
                gate.decided dep-1 four_eyes outcome={outcome:cleared,why:approved}
            3456000 tick
                gate.decided dep-1 freeze outcome={outcome:cleared,why:no_freeze}
                deployment.cleared dep-1
                deployment.started dep-1
            pay/production: rel-1 0 %
        "#]],
    );
}

#[test]
fn whoever_agreed_takes_that_back_before_the_start_and_another_approver_refuses_it() {
    check(
        vec![production()],
        "~0 policy always bob carl dora by anna
        ~1 freeze production 0 100 by anna
        ~2 push main anna by anna
        ~3 go
        4 approve dep-1 by bob
        5 revoke dep-1 by carl
        6 revoke dep-1 by bob agent
        7 revoke dep-1 by bob stale
        8 revoke dep-1 by bob
        9 revoke dep-1 by bob
        10 approve dep-1 by carl
        11 refuse dep-1 by anna
        12 refuse dep-1 by dora
        100 tick",
        expect![[r#"
            4 approve dep-1 by bob
                approval.granted bob dep-1
                gate.decided dep-1 four_eyes outcome={outcome:cleared,why:approved}
            5 revoke dep-1 by carl
                Conflict: Nothing stands that you agreed to of dep-1.
            6 revoke dep-1 by bob agent
                Denied: Only a person decides; tokens and programs do not.
                + access.refused revoke core.identity.human dep-1 not_a_person
            7 revoke dep-1 by bob stale
                Denied: A decision asks for your password again.
                + access.refused revoke core.identity.human dep-1 not_reauthenticated
            8 revoke dep-1 by bob
                approval.revoked bob 8fcfccf675b1f0bfd39d dep-1
                approval.requested dep-1 each_release
                gate.decided dep-1 four_eyes outcome={on:second_person,outcome:waiting}
            9 revoke dep-1 by bob
                Conflict: Nothing stands that you agreed to of dep-1.
            10 approve dep-1 by carl
                approval.granted carl dep-1
                gate.decided dep-1 four_eyes outcome={outcome:cleared,why:approved}
            11 refuse dep-1 by anna
                Denied: You contributed to this change, so someone else must decide.
                + access.refused refuse core.sod.contributor dep-1 contributor
            12 refuse dep-1 by dora
                approval.refused dora 8fcfccf675b1f0bfd39d dep-1
                gate.decided dep-1 four_eyes outcome={outcome:refused,why:not_approved}
                deployment.refused dep-1 approval
            100 tick
        "#]],
    );
}

#[test]
fn what_has_begun_is_taken_back_and_its_approval_is_not() {
    check(
        vec![production()],
        "~0 policy always bob by anna
        ~1 push main anna by anna
        ~2 go
        ~3 approve dep-1 by bob
        4 revoke dep-1 by bob",
        expect![[r#"
            4 revoke dep-1 by bob
                Conflict: dep-1 has begun, so its approval is used.
            pay/production: rel-1 0 %
        "#]],
    );
}

#[test]
fn whatever_asks_less_of_people_or_templates_takes_two_who_agree() {
    let weakens = |what: &str| {
        let mut world = World::new(vec![production()]);
        play(&mut world, &format!("0 policy-strict by anna\n1 policy-but {what} by anna"));
        world.state.weakenings(2)
    };
    assert_eq!(weakens("sign-in"), [Weakening::Keys]);
    assert_eq!(weakens("hours"), [Weakening::Terms]);
    assert_eq!(weakens("days"), [Weakening::Terms]);
    assert_eq!(weakens("member"), [Weakening::Members]);
    assert_eq!(weakens("approver"), [Weakening::Members]);
    assert_eq!(weakens("training"), [Weakening::Training]);
    assert_eq!(weakens("product"), [Weakening::ProductRequirements]);
    assert_eq!(weakens("template"), [Weakening::Templates]);
    assert_eq!(weakens("new-template"), [Weakening::Templates]);
    assert_eq!(weakens("empty-template"), [Weakening::Templates]);
    assert_eq!(weakens("same-template"), []);
    assert_eq!(weakens("registration"), [Weakening::Registration]);
    assert_eq!(weakens("owner"), [Weakening::Owners]);
    assert_eq!(weakens("customers"), [Weakening::Customers]);
    assert_eq!(weakens("stricter"), []);
}

#[test]
fn two_people_who_are_all_there_are_take_in_a_third() {
    check(
        vec![production()],
        "~0 policy always anna bob by anna
        1 policy always anna bob carl by anna
        2 approve cfg-2 by bob",
        expect![[r#"
            1 policy always anna bob carl by anna
                config.proposed anna number=2
                approval.requested cfg-2 platform_change
            2 approve cfg-2 by bob
                approval.granted bob cfg-2
                config.activated number=2
                access.role_changed gained=["2c03fb52b0cadebc269d9f45b14e2ab2b759f3c47f479c78c83aec3182221ecd"] lost=[] number=2 approver
        "#]],
    );
}

#[test]
fn each_lasting_environment_is_held_to_what_all_are_unless_it_is_said_to_have_no_customers() {
    let mut region = staging();
    region.environment = "region-a".parse().unwrap();
    let mut world = World::new(vec![region, staging(), production()]);
    play(
        &mut world,
        "0 policy never require by anna
        1 push main anna by anna
        2 go
        3 go
        4 go",
    );
    let stage = |name: &str| {
        let mut all = world.state.deployments.values();
        all.find(|of| of.environment.as_str() == name).unwrap().stage.clone()
    };
    for gate in [GateKind::Policy, GateKind::FourEyes, GateKind::Freeze, GateKind::Provenance] {
        assert!(stage("region-a").gates.contains(&gate), "{gate:?}");
        assert!(!stage("staging").gates.contains(&gate), "{gate:?}");
    }
    assert_ne!(stage("region-a").replacement, Replacement::AtOnce);
    assert_eq!(stage("staging").replacement, Replacement::AtOnce);
}

#[test]
fn an_environment_that_a_rule_names_has_customers_whatever_else_is_said_of_it() {
    let mut world = World::new(vec![staging(), production()]);
    play(&mut world, "0 policy never require by anna\n1 push main anna by anna\n2 go\n3 go");
    let release = *world.state.releases.keys().next().unwrap();
    let known = world.state.organisation.as_mut().unwrap();
    assert!(known.without_customers.contains(&"staging".parse().unwrap()));
    assert!(!world.state.has_customers(release, 0));
    let mut rule = Rule::one_of("approvers".parse().unwrap());
    rule.environments.insert("staging".parse().unwrap());
    rule.services.insert("other".parse().unwrap());
    let rules = &mut world.state.organisation.as_mut().unwrap().approvals;
    rules.push(rule);
    assert!(!world.state.has_customers(release, 0), "it is of another service");
    world.state.organisation.as_mut().unwrap().approvals[0].services.clear();
    assert!(world.state.has_customers(release, 0));
}

#[test]
fn what_nothing_is_called_is_not_frozen() {
    let mut world = World::new(vec![production()]);
    play(&mut world, "0 policy never by anna\n1 push main anna by anna\n2 go");
    let mut freeze = |service: Option<&str>, environment: Option<&str>| {
        let service = service.map(|name| name.parse().unwrap());
        let environment = environment.map(|name| name.parse().unwrap());
        let (from, reason) = (world.now, Digest::of(b"reason"));
        let until = from.plus(1_000);
        let command = Command::Freeze { service, environment, from, until, reason };
        world.tell(command, &actor("anna")).map_err(|refusal| refusal.what)
    };
    let wrong = freeze(Some("nosuch"), None).unwrap_err();
    assert_eq!(wrong, "There is nothing called `service:nosuch`, so nothing was frozen.");
    let wrong = freeze(Some("pay"), Some("prodction")).unwrap_err();
    assert!(wrong.contains("`environment:prodction`"), "{wrong}");
    freeze(Some("pay"), Some("production")).unwrap();
    freeze(None, None).unwrap();
}
