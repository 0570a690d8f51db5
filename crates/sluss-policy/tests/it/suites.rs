//! A policy's own tests, run by us.

use std::collections::BTreeMap;

use sluss_policy::{Bundle, TestOutcome, test_bundle};

use crate::sample;

fn with_tests(tests: &str) -> Bundle {
    let tests = format!("package sluss.gate\n\nimport rego.v1\n\n{tests}\n");
    Bundle::load(BTreeMap::from([
        ("gate.rego".to_owned(), sample::policy("")),
        ("gate_test.rego".to_owned(), tests),
    ]))
    .unwrap_or_else(|refused| panic!("{refused}"))
}

#[test]
fn the_banks_tests_pass_and_reach_its_rules() {
    let report = test_bundle(&sample::bank());
    let failures: Vec<_> = report.failures().collect();
    assert!(failures.is_empty(), "{failures:#?}");
    assert!(report.cases.len() >= 20, "{}", report.cases.len());
    assert!(report.passes(950), "{}: {:?}", report.coverage_permille(), report.files);
    assert_eq!(report.files.len(), 1, "tests are not counted as covered");
}

#[test]
fn a_test_that_fails_is_named_with_its_place() {
    let report = test_bundle(&with_tests(
        "test_right if not allow with input as {}\n\n\
         test_wrong if allow with input as {}\n\n\
         test_false := false\n\n\
         test_broken if to_number(\"x\") == 1",
    ));
    let outcome = |name: &str| {
        let case = report.cases.iter().find(|it| it.rule.ends_with(name)).unwrap();
        (case.line, case.outcome.clone())
    };
    assert_eq!(outcome("test_right"), (5, TestOutcome::Passed));
    assert!(matches!(outcome("test_wrong"), (7, TestOutcome::Failed { .. })));
    assert!(matches!(outcome("test_false"), (9, TestOutcome::Failed { .. })));
    let (line, TestOutcome::Errored { at, why }) = outcome("test_broken") else {
        panic!("{report:?}")
    };
    assert_eq!(line, 11);
    assert!(at.starts_with("gate_test.rego:11:"), "{at}: {why}");
    assert!(!report.passes(0));
    assert_eq!(report.failures().count(), 3);
}

#[test]
fn lines_that_no_test_reaches_are_listed() {
    let report = test_bundle(&with_tests("test_nothing if true"));
    let file = &report.files[0];
    assert!(!file.uncovered.is_empty());
    assert!(report.coverage_permille() < 500);
    assert!(report.passes(0) && !report.passes(900));
}

#[test]
fn a_bundle_without_tests_is_not_tested() {
    let bundle = sample::bundle(&sample::policy("")).unwrap();
    let report = test_bundle(&bundle);
    assert!(report.cases.is_empty());
    assert!(!report.passes(0));
}

#[test]
fn a_test_that_never_ends_is_stopped() {
    let rows = (0..60).map(|it| it.to_string()).collect::<Vec<_>>().join(", ");
    let report = test_bundle(&with_tests(&format!(
        "rows := [{rows}]\n\n\
         test_slow if {{\n\tsome a in rows\n\tsome b in rows\n\tsome c in rows\n\tsome d in rows\n\
         \tsome e in rows\n\ta + b + c + d + e == 0 - 1\n}}"
    )));
    assert!(matches!(report.cases[0].outcome, TestOutcome::Errored { .. }), "{report:?}");
}
