//! What a release is made of, what scanners found in it, and the gates that ask for both.

use expect_test::expect;

use crate::script::check;
use crate::world::production;

#[test]
fn what_is_listed_and_scanned_goes_to_customers() {
    check(
        vec![production()],
        "~0 policy never evidence by anna
        ~1 push main anna by anna
        ~2 claim build
        2 scan build 0 3
        ~2 claim test
        ~2 finish run-1 test 1 passed
        3 pack
        4 lists rel-1 12",
        expect![[r#"
            2 scan build 0 3
                step.finished attempt=1 isolated outcome={outcome:succeeded} run-1 build tests={failed:0,passed:12,skipped:0}
                findings.recorded attempt=1 findings={critical:0,high:0,low:3,medium:0,suppressed:0} named={open:{low:[1fefef84df9d3b7a0d89c8d813ff20587bdf74254c889825660da1969133825d,6016dad5a86147757a84eba3dac7697cb93291dfcc760230c535287b2f2e875f,fdc90dd84a854839216ff687bab6450b559e0617ba9556d98323579584db5f15]}} run-1 845e91831319e89c4d65 build
            3 pack
                release.created rel-1 run-1
                deployment.requested dep-1 production rel-1 stage=0
                gate.decided dep-1 tests outcome={outcome:cleared,why:{tests_passed:{failed:0,passed:24,skipped:0}}}
                gate.decided dep-1 four_eyes outcome={outcome:cleared,why:nobody_asked}
                gate.decided dep-1 freeze outcome={outcome:cleared,why:no_freeze}
                gate.decided core.evidence_signed dep-1 sbom outcome={on:sbom,outcome:waiting}
                gate.decided dep-1 findings outcome={outcome:cleared,why:{findings_in_term:{findings:{critical:0,high:0,low:3,medium:0,suppressed:0},reports:1}}}
                gate.decided core.evidence_signed dep-1 provenance outcome={on:provenance,outcome:waiting}
                gate.decided dep-1 policy outcome={outcome:cleared,why:no_policy}
                gate.decided dep-1 provenance outcome={outcome:cleared,why:attested}
            4 lists rel-1 12
                sbom.recorded materials={listed:{components:12,from:[Cargo.lock],sbom:98f3ae1ef67113d8140d4f6cb8d2830070e21ea48f091be519659846c771a374}} rel-1
                gate.decided dep-1 sbom outcome={outcome:cleared,why:{listed:{components:12}}}
                deployment.cleared dep-1
                deployment.started dep-1
            pay/production: rel-1 0 %
        "#]],
    );
}

#[test]
fn without_a_bill_of_materials_nothing_goes() {
    check(
        vec![production()],
        "~0 policy never evidence by anna
        ~1 push main anna by anna
        ~2 claim build
        ~2 scan build 0 0
        ~2 claim test
        ~2 finish run-1 test 1 passed
        3 pack
        4 lists rel-1 none
        5 lists rel-1 7",
        expect![[r#"
            3 pack
                release.created rel-1 run-1
                deployment.requested dep-1 production rel-1 stage=0
                gate.decided dep-1 tests outcome={outcome:cleared,why:{tests_passed:{failed:0,passed:24,skipped:0}}}
                gate.decided dep-1 four_eyes outcome={outcome:cleared,why:nobody_asked}
                gate.decided dep-1 freeze outcome={outcome:cleared,why:no_freeze}
                gate.decided core.evidence_signed dep-1 sbom outcome={on:sbom,outcome:waiting}
                gate.decided dep-1 findings outcome={outcome:cleared,why:{findings_in_term:{findings:{critical:0,high:0,low:0,medium:0,suppressed:0},reports:1}}}
                gate.decided core.evidence_signed dep-1 provenance outcome={on:provenance,outcome:waiting}
                gate.decided dep-1 policy outcome={outcome:cleared,why:no_policy}
                gate.decided dep-1 provenance outcome={outcome:cleared,why:attested}
            4 lists rel-1 none
                sbom.recorded materials={absent:{why:{unlocked:{file:Cargo.toml}}}} rel-1
                gate.decided core.evidence_signed dep-1 sbom outcome={outcome:refused,why:{no_sbom:{why:{unlocked:{file:Cargo.toml}}}}}
                deployment.refused dep-1 sbom
            5 lists rel-1 7
        "#]],
    );
}

#[test]
fn what_nobody_scanned_does_not_pass_for_clean() {
    check(
        vec![production()],
        "~0 policy never evidence by anna
        ~1 push main anna by anna
        ~2 claim build
        ~2 finish run-1 build 1 passed
        ~2 claim test
        ~2 finish run-1 test 1 passed
        3 pack",
        expect![[r#"
            3 pack
                release.created rel-1 run-1
                deployment.requested dep-1 production rel-1 stage=0
                gate.decided dep-1 tests outcome={outcome:cleared,why:{tests_passed:{failed:0,passed:24,skipped:0}}}
                gate.decided dep-1 four_eyes outcome={outcome:cleared,why:nobody_asked}
                gate.decided dep-1 freeze outcome={outcome:cleared,why:no_freeze}
                gate.decided core.evidence_signed dep-1 sbom outcome={on:sbom,outcome:waiting}
                gate.decided dep-1 findings outcome={outcome:refused,why:no_scan}
                deployment.refused dep-1 findings
        "#]],
    );
}

#[test]
fn an_open_critical_finding_keeps_a_release_out() {
    check(
        vec![production()],
        "~0 policy never evidence by anna
        ~1 push main anna by anna
        ~2 claim build
        ~2 scan build 1 3
        ~2 claim test
        ~2 finish run-1 test 1 passed
        3 pack",
        expect![[r#"
            3 pack
                release.created rel-1 run-1
                deployment.requested dep-1 production rel-1 stage=0
                gate.decided dep-1 tests outcome={outcome:cleared,why:{tests_passed:{failed:0,passed:24,skipped:0}}}
                gate.decided dep-1 four_eyes outcome={outcome:cleared,why:nobody_asked}
                gate.decided dep-1 freeze outcome={outcome:cleared,why:no_freeze}
                gate.decided core.evidence_signed dep-1 sbom outcome={on:sbom,outcome:waiting}
                gate.decided dep-1 findings outcome={outcome:refused,why:{findings_overdue:{findings:{critical:1,high:0,low:3,medium:0,suppressed:0},late:{overdue:[{count:1,due:2000,key:fb4c0b47cf5ccdff9283fe426f9614c319171edd58cb8278ca1b2e60aae21510,severity:critical,since:2000,term:0d}]}}}}
                deployment.refused dep-1 findings
        "#]],
    );
}
