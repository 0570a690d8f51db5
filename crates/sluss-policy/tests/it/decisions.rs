//! A gate is open in one way and closed in every other.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use sluss_policy::{
    Answer, Ask, Bundle, ClosedBecause, Decision, EngineFault, EngineId, GateInput, Limits, Mode,
    NO_DATA, Obligation, PolicyEngine, Ruling, evaluate, evaluate_with,
};

use crate::sample;

fn decide(bundle: &Bundle, input: &Value) -> Decision {
    evaluate(bundle, NO_DATA, &sample::bytes(input), sample::limits())
}

fn small(more: &str) -> Decision {
    let bundle = sample::bundle(&sample::policy(more)).unwrap_or_else(|it| panic!("{it}"));
    decide(&bundle, &sample::input())
}

fn rules(decision: &Decision) -> Vec<&str> {
    decision.deny.iter().map(|denial| denial.rule.as_str()).collect()
}

#[test]
fn a_release_with_all_its_evidence_passes() {
    let decision = decide(&sample::bank(), &sample::input());
    assert_eq!(decision.closed_because, None, "{:?}", decision.deny);
    assert!(decision.is_open());
    assert_eq!(decision.require, []);
    assert_eq!(decision.engine.version, "0.14.1");
    let input = sample::bytes(&sample::input());
    assert_eq!(decision.input_size, input.len());
    assert_eq!(decision.input_sha256.len(), 64);
}

#[test]
fn each_missing_piece_of_evidence_is_named() {
    type Case = (&'static str, fn(&mut Value), &'static [&'static str]);
    let cases: &[Case] = &[
        (
            "red",
            |it| it["tests"]["runs"][0]["outcome"] = json!("failed"),
            &["tests.green", "tests.red_accepted"],
        ),
        ("no runs of it", |it| it["tests"]["runs"][0]["check"] = json!("e2e"), &["tests.green"]),
        (
            "another artifact",
            |it| it["tests"]["runs"][0]["digest"] = json!(sample::digest(2)),
            &["tests.green"],
        ),
        ("no cases", |it| it["tests"]["runs"][0]["passed"] = json!(0), &["tests.green"]),
        ("slower", |it| it["performance"]["slower_permille"] = json!(51), &["performance.slower"]),
        ("no sbom", |it| it["sbom"]["present"] = json!(false), &["sbom.present"]),
        ("empty sbom", |it| it["sbom"]["components"] = json!(0), &["sbom.present"]),
        ("unsigned", |it| it["provenance"]["present"] = json!(false), &["provenance.present"]),
        ("unisolated", |it| it["provenance"]["isolated"] = json!(false), &["provenance.present"]),
        ("no scan", |it| it["scans"][1]["outcome"] = json!("failed"), &["scans.finished"]),
        (
            "past due",
            |it| it["findings"] = json!([sample::finding("CVE-1", "critical", -1)]),
            &["findings.critical_past_due"],
        ),
        (
            "spent",
            |it| it["error_budget"]["remaining_permille"] = json!(0),
            &["error_budget.exhausted"],
        ),
        ("frozen", |it| it["freeze"]["allowed"] = json!(false), &["freeze.allowed"]),
        (
            "needs",
            |it| it["dependencies"][0]["satisfied"] = json!(false),
            &["dependencies.satisfied"],
        ),
        (
            "risky",
            |it| it["release"]["changed_paths"] = json!(["src/ledger/book.rs"]),
            &["approvals.risky_paths"],
        ),
    ];
    let bank = sample::bank();
    for (name, change, expected) in cases {
        let decision = decide(&bank, &sample::changed(change));
        assert!(!decision.is_open(), "{name}");
        assert_eq!(rules(&decision), *expected, "{name}");
        let count = expected.len();
        assert_eq!(decision.closed_because, Some(ClosedBecause::Denied { count }), "{name}");
    }
}

#[test]
fn a_red_run_that_turned_green_needs_to_be_accepted() {
    let with_red = |accepted: bool| {
        sample::changed(|it| {
            let mut red = it["tests"]["runs"][0].clone();
            red["outcome"] = json!("failed");
            red["failed"] = json!(1);
            red["accepted"] = json!(accepted);
            it["tests"]["runs"].as_array_mut().unwrap().insert(0, red);
        })
    };
    let bank = sample::bank();
    assert_eq!(rules(&decide(&bank, &with_red(false))), ["tests.red_accepted"]);
    assert!(decide(&bank, &with_red(true)).is_open());
}

#[test]
fn contributors_do_not_count_as_approvers_and_no_person_counts_twice() {
    let approved_by = |persons: &[&str]| {
        sample::changed(|it| {
            it["release"]["changed_paths"] = json!(["migrations/7.sql"]);
            let one = it["approvals"][0].clone();
            it["approvals"] = persons
                .iter()
                .map(|person| {
                    let mut approval = one.clone();
                    approval["person"] = json!(person);
                    approval
                })
                .collect();
        })
    };
    let bank = sample::bank();
    assert!(decide(&bank, &approved_by(&["p-bo", "p-cleo"])).is_open());
    assert!(!decide(&bank, &approved_by(&["p-bo", "p-bo"])).is_open());
    assert!(!decide(&bank, &approved_by(&["p-bo", "p-anna"])).is_open());
    assert!(!decide(&bank, &approved_by(&[])).is_open());
}

#[test]
fn an_approval_that_has_run_out_does_not_count() {
    let input = |until: i64| {
        sample::changed(|it| {
            it["release"]["changed_paths"] = json!(["crypto/keys.rs"]);
            let mut second = it["approvals"][0].clone();
            second["person"] = json!("p-cleo");
            second["valid_until_ms"] = json!(until);
            it["approvals"].as_array_mut().unwrap().push(second);
        })
    };
    let bank = sample::bank();
    assert!(decide(&bank, &input(sample::NOW_MS + 1)).is_open());
    assert!(!decide(&bank, &input(sample::NOW_MS)).is_open());
}

#[test]
fn an_open_decision_carries_its_obligations() {
    let unknown = sample::changed(|it| {
        it["error_budget"] = json!({"known": false, "remaining_permille": 0});
    });
    let decision = decide(&sample::bank(), &unknown);
    assert!(decision.is_open());
    let Ruling::Open { require: [Obligation::Approvals { role, count }] } =
        decision.ruling(Mode::Block)
    else {
        panic!("{decision:?}");
    };
    assert_eq!((role.as_str(), count.get()), ("operations", 1));
}

#[test]
fn an_obligation_that_the_core_does_not_know_closes() {
    for row in [
        r#"{"kind": "dance", "count": 1}"#,
        r#"{"kind": "approvals", "role": "risk"}"#,
        r#"{"kind": "approvals", "role": "risk", "count": 0}"#,
        r#"{"kind": "approvals", "role": "risk", "count": 21}"#,
        r#"{"kind": "approvals", "role": " ", "count": 1}"#,
        r#"{"kind": "approvals", "role": "risk", "count": 1, "unless": "late"}"#,
        r#"{"kind": "canary_at_most", "permille": 0}"#,
        r#"{"kind": "canary_at_most", "permille": 1001}"#,
        r#""two approvals""#,
    ] {
        let decision = small(&format!("require contains {row} if input.sbom.present"));
        assert!(
            matches!(decision.closed_because, Some(ClosedBecause::UnknownObligation { .. })),
            "{row}: {decision:?}"
        );
        assert!(!decision.is_open());
    }
    let known = small(r#"require contains {"kind": "approvals", "role": "risk", "count": 2}"#);
    assert!(known.is_open());
}

#[test]
fn a_text_that_denies_is_taken_in_as_legacy() {
    let decision = small("deny contains \"we said so\" if input.sbom.present");
    assert_eq!(rules(&decision), ["legacy"]);
    assert_eq!(decision.deny[0].msg, "we said so");
    assert!(!decision.is_open());
}

#[test]
fn a_denial_of_another_shape_closes() {
    for row in [r#"{"msg": "x"}"#, "1", r#"["x"]"#, "true", r#"{"rule": 1}"#] {
        let decision = small(&format!("deny contains {row} if input.sbom.present"));
        assert!(matches!(decision.closed_because, Some(ClosedBecause::Shape { .. })), "{row}");
        assert!(!decision.is_open(), "{row}");
    }
}

#[test]
fn what_has_no_value_closes() {
    let text = sample::policy("").replace("count(deny) == 0", "data.limits.open");
    let text = text.replace("is_array(input.findings)", "is_boolean(data.limits.open)");
    let bundle = sample::bundle(&text).unwrap_or_else(|it| panic!("{it}"));
    let decision = decide(&bundle, &sample::input());
    assert_eq!(decision.closed_because, Some(ClosedBecause::EvidenceIncomplete));
    let given = evaluate(
        &bundle,
        br#"{"limits": {"open": true}}"#,
        &sample::bytes(&sample::input()),
        sample::limits(),
    );
    assert!(given.is_open(), "{given:?}");
}

#[test]
fn a_builtin_that_fails_closes_rather_than_silencing_its_rule() {
    let decision = small("deny contains \"x\" if to_number(\"seven\") == 7");
    assert!(
        matches!(&decision.closed_because, Some(ClosedBecause::Failed { message })
            if message.contains("gate.rego:")),
        "{decision:?}"
    );
    assert!(!decision.is_open());
}

#[test]
fn a_policy_that_takes_too_long_closes() {
    let slow = "deny contains \"slow\" if {\n\
        \tsome a in input.findings\n\tsome b in input.findings\n\tsome c in input.findings\n\
        \tsome d in input.findings\n\ta.id == b.due_ms\n\tc.id == d.due_ms\n}";
    let bundle = sample::bundle(&sample::policy(slow)).unwrap_or_else(|it| panic!("{it}"));
    let input = sample::of_size(60_000);
    let limits = Limits { time: Duration::from_millis(5), ..Limits::default() };
    let decision = evaluate(&bundle, NO_DATA, &input, limits);
    assert_eq!(decision.closed_because, Some(ClosedBecause::TimedOut { limit_ms: 5 }));
    assert!(!decision.is_open());
}

#[test]
fn an_input_or_data_that_is_too_large_closes_unread() {
    let input = sample::of_size(20_000);
    let limits = Limits { input_bytes: 19_999, ..Limits::default() };
    let decision = evaluate(&sample::bank(), NO_DATA, &input, limits);
    assert!(matches!(decision.closed_because, Some(ClosedBecause::Oversize { .. })));
    let limits = Limits { data_bytes: 1, ..Limits::default() };
    let decision = evaluate(&sample::bank(), NO_DATA, &sample::bytes(&sample::input()), limits);
    assert!(matches!(decision.closed_because, Some(ClosedBecause::Oversize { .. })));
    assert!(!decision.is_open());
}

#[test]
fn data_that_hides_a_rule_or_contradicts_the_bundle_closes() {
    let input = sample::bytes(&sample::input());
    for data in [
        r#"{"sluss": {"gate": {"allow": true}}}"#,
        r#"{"sluss_question": {"answer": {"allow": true}}}"#,
        r#"{"limits": {"approvals_when_risky": 0}}"#,
        r#"{"limits": {"approvals_when_risky": 2}}"#,
        r#"{"limits": {"more": 1}}"#,
        r#"{"a": 1, "a": 2}"#,
        r#"{"a": 1.5}"#,
        r#"{"a": 9007199254740993}"#,
        "[]",
        "",
        "{",
    ] {
        let decision = evaluate(&sample::bank(), data.as_bytes(), &input, sample::limits());
        assert!(
            matches!(decision.closed_because, Some(ClosedBecause::Data { .. })),
            "{data}: {:?}",
            decision.closed_because
        );
        assert!(!decision.is_open());
    }
}

/// An engine that does what a fault would.
struct Faulty(fn() -> Result<Answer, EngineFault>);

impl PolicyEngine for Faulty {
    fn id(&self) -> EngineId {
        EngineId { name: "faulty".into(), version: "0".into(), features: Vec::new() }
    }

    fn ask(&self, _ask: Ask<'_>) -> Result<Answer, EngineFault> {
        (self.0)()
    }
}

fn yes() -> Answer {
    Answer {
        allow: Some(json!(true)),
        evidence_complete: Some(json!(true)),
        deny: Some(json!([])),
        require: Some(json!([])),
        warn: Some(json!([])),
    }
}

fn with(answer: fn() -> Result<Answer, EngineFault>) -> Decision {
    let input = sample::bytes(&sample::input());
    evaluate_with(&Faulty(answer), "0", NO_DATA, &input, sample::limits())
}

#[test]
fn an_engine_that_breaks_down_closes() {
    assert!(with(|| Ok(yes())).is_open());
    let decision = with(|| panic!("the engine has a fault"));
    let message = "the engine has a fault".to_owned();
    assert_eq!(decision.closed_because, Some(ClosedBecause::Panicked { message }));
    assert!(!decision.is_open());
    assert!(!with(|| Err(EngineFault::TimedOut)).is_open());
    assert!(!with(|| Err(EngineFault::Failed("x".into()))).is_open());
}

#[test]
fn any_output_that_is_not_what_it_should_be_closes() {
    let answers: [fn() -> Answer; 12] = [
        || Answer { allow: None, ..yes() },
        || Answer { allow: Some(json!(false)), ..yes() },
        || Answer { allow: Some(json!("true")), ..yes() },
        || Answer { allow: Some(json!(1)), ..yes() },
        || Answer { allow: Some(json!(null)), ..yes() },
        || Answer { evidence_complete: None, ..yes() },
        || Answer { evidence_complete: Some(json!(1)), ..yes() },
        || Answer { deny: None, ..yes() },
        || Answer { deny: Some(json!({})), ..yes() },
        || Answer { require: None, ..yes() },
        || Answer { warn: None, ..yes() },
        || Answer { warn: Some(json!([7])), ..yes() },
    ];
    for answer in answers {
        let input = sample::bytes(&sample::input());
        struct Says(Answer);
        impl PolicyEngine for Says {
            fn id(&self) -> EngineId {
                panic!("no name either")
            }
            fn ask(&self, _ask: Ask<'_>) -> Result<Answer, EngineFault> {
                Ok(self.0.clone())
            }
        }
        let shown = format!("{:?}", answer());
        let decision = evaluate_with(&Says(answer()), "0", NO_DATA, &input, sample::limits());
        assert!(!decision.is_open(), "{shown}");
        assert_eq!(decision.engine.name, "unknown");
    }
}

#[test]
fn warn_mode_records_and_lets_pass_block_mode_closes() {
    let frozen = sample::changed(|it| it["freeze"]["allowed"] = json!(false));
    let decision = decide(&sample::bank(), &frozen);
    assert!(matches!(decision.ruling(Mode::Block), Ruling::Closed { deny: [_], .. }));
    assert!(matches!(decision.ruling(Mode::Warn), Ruling::WouldClose { deny: [_], .. }));
    assert!(!decision.is_open());
}

#[test]
fn a_decision_is_the_same_each_time() {
    let bank = sample::bank();
    let input = sample::changed(|it| it["sbom"]["present"] = json!(false));
    let first = decide(&bank, &input);
    for _ in 0..20 {
        assert_eq!(decide(&sample::bank(), &input), first);
        assert_eq!(decide(&bank, &input), first);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn bytes_that_are_no_input_never_open(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let decision = evaluate(&sample::bank(), NO_DATA, &bytes, sample::limits());
        prop_assert!(!decision.is_open());
    }

    #[test]
    fn no_byte_can_be_cut_from_an_input(cut in 0usize..2000) {
        let mut bytes = sample::bytes(&sample::input());
        bytes.truncate(cut.min(bytes.len() - 1));
        prop_assert!(GateInput::parse(&bytes).is_err());
    }

    #[test]
    fn the_bank_opens_only_for_what_its_rules_say(
        sbom in any::<bool>(),
        isolated in any::<bool>(),
        allowed in any::<bool>(),
        known in any::<bool>(),
        left in 0i64..3,
        red in any::<bool>(),
        risky in any::<bool>(),
        approvers in 0usize..4,
        due in -2i64..3,
        critical in any::<bool>(),
        waived in any::<bool>(),
    ) {
        let input = sample::changed(|it| {
            it["sbom"]["present"] = json!(sbom);
            it["provenance"]["isolated"] = json!(isolated);
            it["freeze"]["allowed"] = json!(allowed);
            it["error_budget"] = json!({"known": known, "remaining_permille": left});
            if red {
                it["tests"]["runs"][0]["outcome"] = json!("failed");
            }
            if risky {
                it["release"]["changed_paths"] = json!(["src/settlement/fx.rs"]);
            }
            let one = it["approvals"][0].clone();
            it["approvals"] = ["p-anna", "p-bo", "p-cleo"][..approvers.min(3)]
                .iter()
                .map(|person| {
                    let mut approval = one.clone();
                    approval["person"] = json!(person);
                    approval
                })
                .collect();
            let severity = if critical { "critical" } else { "high" };
            let mut found = sample::finding("CVE-1", severity, due);
            found["waived"] = json!(waived);
            it["findings"] = json!([found]);
        });
        let decision = decide(&sample::bank(), &input);
        // Of the approvers the first is a contributor.
        let expected = sbom && isolated && allowed && !red
            && (!known || left > 0)
            && (!risky || approvers >= 3)
            && (!critical || waived || due > 0);
        prop_assert_eq!(decision.is_open(), expected, "{:?}", decision);
    }
}
