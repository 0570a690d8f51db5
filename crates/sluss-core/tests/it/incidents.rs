//! Incidents that people and alerts report, and releases that cannot be put back.

use expect_test::expect;

use crate::script::check;
use crate::world::production;

const SECOND_LIVE: &str = "~0 policy never by anna
        ~1 push main anna by anna
        ~2 go
        ~5 push main anna by anna
        ~6 go
        ~10 favourable
        ~11 favourable";

#[test]
fn what_went_live_lately_is_suspected_of_what_a_person_reports() {
    check(
        vec![production()],
        &format!(
            "{SECOND_LIVE}
        600 report by anna
        601 rollback production by anna
        602 applied production
        9000 report by anna"
        ),
        expect![[r#"
            600 report by anna
                incident.reported by={kind:person} production inc-1 pay 8fcfccf675b1f0bfd39d dep-2
            601 rollback production by anna
                deployment.rolled_back by_hand dep-2 dep-1
                release.barred rel-2
            602 applied production
                incident.mitigated inc-1
            9000 report by anna
                incident.reported by={kind:person} production inc-2 pay 8fcfccf675b1f0bfd39d
            pay/production: rel-1 100 %
        "#]],
    );
}

#[test]
fn an_alert_opens_one_incident_however_often_it_fires_and_ends_it() {
    check(
        vec![production()],
        &format!(
            "{SECOND_LIVE}
        9000 alert latency fires by anna agent
        9060 alert latency fires by anna agent
        9061 alert latency fires by mallory agent
        9070 link inc-1 dep-2 by bob
        9071 link inc-1 dep-9 by bob
        9120 alert latency ends by anna agent
        9130 alert latency ends by anna agent"
        ),
        expect![[r#"
            9000 alert latency fires by anna agent
                incident.reported by={fingerprint:3fdb7e873db12844fd1c1064932fe36f39148927c31fdac71a09695c7bb157be,kind:alert} production inc-1 pay 8fcfccf675b1f0bfd39d
            9060 alert latency fires by anna agent
            9061 alert latency fires by mallory agent
                Denied: To report takes the role of a developer, and you don't have it.
                + access.refused report missing_role
            9070 link inc-1 dep-2 by bob
                incident.linked dep-2 inc-1
            9071 link inc-1 dep-9 by bob
                Conflict: dep-9 never came to `production`, so it did not cause inc-1.
            9120 alert latency ends by anna agent
                incident.mitigated inc-1
                incident.closed inc-1
            9130 alert latency ends by anna agent
            pay/production: rel-2 100 % rel-1 0 %
        "#]],
    );
}

#[test]
fn a_forward_only_release_stops_where_it_is_and_calls_a_person() {
    check(
        vec![production()],
        &format!(
            "{SECOND_LIVE}
        ~600 forward-only
        ~601 push main anna by anna
        ~602 go
        ~603 undecided
        604 unfavourable
        605 unfavourable
        606 resume by anna
        607 unfavourable
        608 applied production
        ~700 push main anna by anna
        701 go"
        ),
        expect![[r#"
            604 unfavourable
                rollout.observed dep-3 second 604 unfavourable
                rollout.held dep-3 forward_only
                incident.opened verdict dep-3 inc-1
            605 unfavourable
                rollout.observed dep-3 second 605 unfavourable
            606 resume by anna
                rollout.resumed anna dep-3
            607 unfavourable
                rollout.observed dep-3 second 607 unfavourable
                rollout.held dep-3 forward_only
            608 applied production
            701 go
                step.started attempt=1 run-4 build
                step.finished attempt=1 isolated outcome={outcome:succeeded} run-4 build tests={failed:0,passed:12,skipped:0}
                step.started attempt=1 run-4 test
                step.finished attempt=1 isolated outcome={outcome:succeeded} run-4 test tests={failed:0,passed:12,skipped:0}
                run.succeeded run-4
                release.created rel-4 run-4
                deployment.requested dep-4 production rel-4 stage=0
                gate.decided dep-4 tests outcome={outcome:cleared,why:{tests_passed:{failed:0,passed:24,skipped:0}}}
                gate.decided dep-4 four_eyes outcome={outcome:cleared,why:nobody_asked}
                gate.decided dep-4 freeze outcome={outcome:cleared,why:no_freeze}
                gate.decided core.evidence_signed dep-4 provenance outcome={on:provenance,outcome:waiting}
                gate.decided dep-4 policy outcome={outcome:cleared,why:no_policy}
                gate.decided dep-4 provenance outcome={outcome:cleared,why:attested}
                deployment.cleared dep-4
                deployment.superseded dep-4 dep-3
                deployment.started dep-4
                rollout.shifted dep-4 leg=0 10 %
            pay/production: rel-2 90 % rel-4 10 %
        "#]],
    );
}

#[test]
fn a_person_may_put_back_what_nothing_puts_back_by_itself() {
    check(
        vec![production()],
        &format!(
            "{SECOND_LIVE}
        ~600 forward-only
        ~601 push main anna by anna
        ~602 go
        ~603 favourable
        ~604 favourable
        1000 alarm dep-3
        1001 rollback production by anna"
        ),
        expect![[r#"
            1000 alarm dep-3
                incident.opened failing dep-3 inc-1
            1001 rollback production by anna
                deployment.rolled_back by_hand dep-3 dep-2
                release.barred rel-3
            pay/production: rel-2 100 %
        "#]],
    );
}
