//! Who must agree, in what time, and what goes round that: seen, by two people, for a reason.

use std::collections::BTreeSet;

use expect_test::expect;
use sluss_core::approval::Subject;
use sluss_core::config::FourEyes;
use sluss_core::decide::Command;
use sluss_core::ids::DeploymentId;
use sluss_core::slots::Rule;
use sluss_core::units::Millis;

use crate::script::{check, play};
use crate::world::{World, actor, organisation, person, production, propose};

#[test]
fn one_of_each_group_agrees_and_none_of_them_contributed() {
    check(
        vec![production()],
        "~0 policy rules by anna
        ~1 push main anna by anna
        2 go
        3 approve dep-1 by bob
        4 approve dep-1 by bob
        5 approve dep-1 by carl",
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
                approval.requested dep-1 rule
                gate.decided dep-1 four_eyes outcome={on:second_person,outcome:waiting}
                gate.decided dep-1 freeze outcome={outcome:cleared,why:no_freeze}
                gate.decided core.evidence_signed dep-1 provenance outcome={on:provenance,outcome:waiting}
                gate.decided dep-1 policy outcome={outcome:cleared,why:no_policy}
                gate.decided dep-1 provenance outcome={outcome:cleared,why:attested}
            3 approve dep-1 by bob
                approval.granted bob dep-1
            4 approve dep-1 by bob
                Conflict: You agreed to dep-1 already; it waits for someone else.
                + access.refused approve core.sod.distinct dep-1 same_person
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
fn a_group_of_which_all_contributed_is_named_at_once() {
    check(
        vec![production()],
        "~0 policy rules by anna
        ~1 push main anna bob carl by anna
        2 go
        3 approve dep-1 by erik",
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
                approval.requested dep-1 rule
                gate.decided core.sod.contributor dep-1 four_eyes outcome={on:{nobody:{group:security}},outcome:waiting}
                gate.decided dep-1 freeze outcome={outcome:cleared,why:no_freeze}
                gate.decided core.evidence_signed dep-1 provenance outcome={on:provenance,outcome:waiting}
                gate.decided dep-1 policy outcome={outcome:cleared,why:no_policy}
                gate.decided dep-1 provenance outcome={outcome:cleared,why:attested}
            3 approve dep-1 by erik
                approval.granted erik dep-1
        "#]],
    );
}

#[test]
fn one_refusal_closes_the_request_and_too_long_a_wait_is_one() {
    check(
        vec![production()],
        "~0 policy rules by anna
        ~1 push main anna by anna
        ~2 go
        ~3 approve dep-1 by bob
        4 refuse dep-1 by carl
        ~5 push main anna by anna
        ~6 go
        ~7 approve dep-2 by bob
        259300 tick
        259301 approve dep-2 by carl",
        expect![[r#"
            4 refuse dep-1 by carl
                approval.refused carl 8fcfccf675b1f0bfd39d dep-1
                gate.decided dep-1 four_eyes outcome={outcome:refused,why:not_approved}
                deployment.refused dep-1 approval
            259300 tick
                approval.expired dep-2
                gate.decided dep-2 four_eyes outcome={outcome:refused,why:not_in_time}
                deployment.refused dep-2 approval
            259301 approve dep-2 by carl
                Conflict: dep-2 is decided already.
        "#]],
    );
}

#[test]
fn who_changed_the_policy_meanwhile_does_not_approve_under_it() {
    check(
        vec![production()],
        "~0 policy never by anna
        ~1 push main anna by anna
        ~2 go
        ~3 push main anna by anna
        ~4 policy rules by erik
        ~5 go
        6 approve dep-2 by erik
        7 approve dep-2 by bob
        8 approve dep-2 by carl",
        expect![[r#"
            6 approve dep-2 by erik
                Denied: You contributed to this change, so someone else must decide.
                + access.refused approve core.sod.contributor dep-2 contributor
            7 approve dep-2 by bob
                approval.granted bob dep-2
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
fn a_delegate_decides_until_the_end_and_not_for_a_contributor() {
    check(
        vec![production()],
        "~0 policy rules by anna
        1 delegate carl 500 by erik
        2 delegate mallory 500 by erik
        ~3 push main anna by anna
        ~4 go
        5 approve dep-1 by carl
        6 approve dep-1 by bob
        ~10 push main anna erik by anna
        ~11 go
        12 approve dep-2 by carl
        13 approve dep-2 by bob",
        expect![[r#"
            1 delegate carl 500 by erik
                access.delegated delegation={from:ae7e68fe11fb021f51adfc68289d96e14f670b5f60dbfb321c07c4d3b2850938,since:1000,to:2c03fb52b0cadebc269d9f45b14e2ab2b759f3c47f479c78c83aec3182221ecd,until:500000}
            2 delegate mallory 500 by erik
                Denied: Who may decide lets another person decide who may, too, and nobody else.
                + access.refused delegate missing_role
            5 approve dep-1 by carl
                approval.granted carl dep-1
            6 approve dep-1 by bob
                approval.granted bob dep-1
                gate.decided dep-1 four_eyes outcome={outcome:cleared,why:approved}
                deployment.cleared dep-1
                deployment.started dep-1
            12 approve dep-2 by carl
                approval.granted carl dep-2
            13 approve dep-2 by bob
                approval.granted bob dep-2
                gate.decided dep-2 four_eyes outcome={outcome:cleared,why:approved}
                deployment.cleared dep-2
                deployment.started dep-2
            pay/production: rel-1 100 % rel-2 0 %
        "#]],
    );
}

#[test]
fn what_was_delegated_is_taken_back_and_then_opens_nothing() {
    let mut world = World::new(vec![production()]);
    let operations = |world: &World| {
        let known = world.state.organisation.as_ref().unwrap();
        let groups = known.groups_at(&world.state.delegations, &BTreeSet::new(), world.now);
        groups[&"operations".parse().unwrap()].contains(&person("carl"))
    };
    play(&mut world, "0 policy rules by anna\n1 delegate carl 500 by erik\n2 tick");
    assert!(operations(&world));
    // The newest word counts, also where it is a shorter one.
    play(&mut world, "3 delegate carl 10 by erik\n4 tick");
    assert!(operations(&world));
    play(&mut world, "11 tick");
    assert!(!operations(&world));
    play(&mut world, "12 delegate carl 500 by erik\n13 delegate carl 0 by erik\n14 tick");
    assert!(!operations(&world));
    let said = |at: i64| world.state.delegations.iter().any(|one| one.holds(Millis(at * 1_000)));
    assert!(said(5) && said(12) && !said(13), "what was said then stays said");
    let command = Command::Delegate { to: person("carl"), until: Millis(0) };
    let again = world.tell(command, &actor("erik")).unwrap_err();
    assert_eq!(again.what, "They decide nothing for you.");
}

#[test]
fn an_emergency_takes_a_second_person_and_shuts_the_gate_until_it_is_reviewed() {
    check(
        vec![production()],
        "~0 policy rules by anna
        ~1 push main anna by anna
        ~2 go
        3 except emergency dep-1 90000 by anna
        4 except emergency dep-1 3000 by anna
        5 grant exc-1 by anna
        6 grant exc-1 by mallory
        7 grant exc-1 by bob
        ~8 go
        ~345698 push main anna by anna
        ~345699 go
        345700 tick
        345701 approve dep-2 by bob
        345702 approve dep-2 by carl
        345703 review exc-1 by bob
        345704 review exc-1 by carl",
        expect![[r#"
            3 except emergency dep-1 90000 by anna
                Caller: An exception of this kind ends after now, and within 1 h: emergency.
                + access.refused ask-exception core.breakglass.scop out_of_scope
            4 except emergency dep-1 3000 by anna
                incident.reported by={kind:person} production inc-1 pay 8fcfccf675b1f0bfd39d
                exception.requested anna exc-1 8fcfccf675b1f0bfd39d until=3000000 what={deployment:dep-1,incident:inc-1,kind:emergency}
            5 grant exc-1 by anna
                Denied: You asked for it, so someone else grants it.
                + access.refused grant-exception core.sod.distinct same_person
            6 grant exc-1 by mallory
                Denied: Granting takes the role of an approver, and you don't have it.
                + access.refused grant-exception missing_role
            7 grant exc-1 by bob
                exception.granted bob exc-1
                gate.decided dep-1 four_eyes outcome={outcome:cleared,why:{exception:{exception:exc-1}}}
                deployment.cleared dep-1
                deployment.started dep-1
            345700 tick
            345701 approve dep-2 by bob
                NotFound: Nobody was asked about dep-2.
            345702 approve dep-2 by carl
                NotFound: Nobody was asked about dep-2.
            345703 review exc-1 by bob
                Denied: You had a part in this emergency.
                + access.refused review-exception core.sod.contributor contributor
            345704 review exc-1 by carl
                exception.reviewed carl exc-1 8fcfccf675b1f0bfd39d
                approval.requested dep-2 rule
                gate.decided dep-2 four_eyes outcome={on:second_person,outcome:waiting}
            pay/production: rel-1 100 %
        "#]],
    );
}

#[test]
fn a_freeze_is_overridden_by_two_for_one_release() {
    check(
        vec![production()],
        "~0 policy never bob by anna
        ~1 freeze production 0 5000 by anna
        ~2 push main anna by anna
        ~3 go
        4 except freeze dep-1 4000 by dora
        5 grant exc-1 by bob
        6 go
        ~7 push main anna by anna
        8 go",
        expect![[r#"
            4 except freeze dep-1 4000 by dora
                exception.requested dora exc-1 8fcfccf675b1f0bfd39d until=4000000 what={deployment:dep-1,kind:freeze}
            5 grant exc-1 by bob
                exception.granted bob exc-1
                gate.decided dep-1 freeze outcome={outcome:cleared,why:{exception:{exception:exc-1}}}
                deployment.cleared dep-1
                deployment.started dep-1
            6 go
                rollout.shifted dep-1 leg=0 100 %
                rollout.observed dep-1 second 6 favourable
                deployment.live dep-1
                change.delivered chg-1 dep-1
            8 go
                step.started attempt=1 run-2 build
                step.finished attempt=1 isolated outcome={outcome:succeeded} run-2 build tests={failed:0,passed:12,skipped:0}
                step.started attempt=1 run-2 test
                step.finished attempt=1 isolated outcome={outcome:succeeded} run-2 test tests={failed:0,passed:12,skipped:0}
                run.succeeded run-2
                release.created rel-2 run-2
                deployment.requested dep-2 production rel-2 stage=0
                gate.decided dep-2 tests outcome={outcome:cleared,why:{tests_passed:{failed:0,passed:24,skipped:0}}}
                gate.decided dep-2 four_eyes outcome={outcome:cleared,why:nobody_asked}
                gate.decided core.freeze dep-2 freeze outcome={on:{freeze:{freeze:frz-1,until:5000000}},outcome:waiting}
                gate.decided core.evidence_signed dep-2 provenance outcome={on:provenance,outcome:waiting}
                gate.decided dep-2 policy outcome={outcome:cleared,why:no_policy}
                gate.decided dep-2 provenance outcome={outcome:cleared,why:attested}
            pay/production: rel-1 100 %
        "#]],
    );
}

#[test]
fn a_waiver_takes_two_others_and_nobody_waives_what_is_no_rule_of_a_policy() {
    check(
        vec![production()],
        "~0 policy rules by anna
        ~0 push main anna by anna
        1 except waiver core.allow 9000 by anna
        2 except waiver sbom.present 9000 by anna agent
        3 except waiver sbom.present 9000 by anna
        4 grant exc-1 by bob
        5 grant exc-1 by bob
        6 grant exc-1 by carl
        7 end exc-1 by mallory
        8 end exc-1 by anna
        9 grant exc-1 by erik",
        expect![[r#"
            1 except waiver core.allow 9000 by anna
                Denied: `core.allow` is no rule of a policy, and cannot be waived.
                + access.refused ask-exception core.breakglass.scop out_of_scope
            2 except waiver sbom.present 9000 by anna agent
                Denied: Exceptions are asked for by people.
                + access.refused ask-exception core.identity.human not_a_person
            3 except waiver sbom.present 9000 by anna
                exception.requested anna exc-1 8fcfccf675b1f0bfd39d terms={compensating:99262a0284ae7670f20fbfe4f87e8d7befdb5bc3431c5ea08dbd84d7206cf395} until=9000000 what={kind:waiver,rule:sbom.present,service:pay}
            4 grant exc-1 by bob
                exception.granted bob exc-1
            5 grant exc-1 by bob
                Conflict: You granted exc-1 already; it takes one more person.
                + access.refused grant-exception core.sod.distinct same_person
            6 grant exc-1 by carl
                exception.granted carl exc-1
            7 end exc-1 by mallory
                Denied: It is not yours to end.
                + access.refused end-exception missing_role
            8 end exc-1 by anna
                exception.ended anna exc-1
            9 grant exc-1 by erik
                Conflict: exc-1 waits for nobody any more.
        "#]],
    );
}

#[test]
fn who_may_decide_and_is_of_no_group_that_is_asked_is_told_which_are() {
    let told = |groups: &[&str]| {
        let mut asking = organisation(FourEyes::Never, &["bob", "carl"]);
        let named = |name: &&str| (name.parse().unwrap(), [person("erik")].into());
        asking.groups = groups.iter().map(named).collect();
        let rule = Rule::one_of("security".parse().unwrap());
        let slots = groups.iter().map(|name| (name.parse().unwrap(), 1)).collect();
        asking.approvals = vec![Rule { slots, ..rule }];
        let mut world = World::new(vec![production()]);
        world.tell(propose(1, asking), &actor("anna")).unwrap();
        play(&mut world, "1 push main anna by anna\n2 go");
        let subject = Subject::Deployment(DeploymentId(1));
        let statement = world.state.requests[&subject].statement.clone();
        let approve = || Command::Approve { subject, statement: statement.clone() };
        let nobody = world.tell(approve(), &actor("mallory")).unwrap_err();
        assert!(nobody.what.contains("role of an approver, and you don't have it"), "{nobody}");
        world.tell(approve(), &actor("bob")).unwrap_err()
    };
    let one = told(&["security"]);
    let what = "dep-1 asks for someone of `security`, and you are not in that group.";
    assert_eq!(one.what, what);
    assert!(one.hint.contains("sluss status"), "{one}");
    let two = told(&["operations", "security"]);
    let what = "dep-1 asks for someone of `operations` and `security`, and you are in none of these \
                groups.";
    assert_eq!(two.what, what);
}
