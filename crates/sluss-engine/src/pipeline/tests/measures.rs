//! What is measured, and the gate that follows from it.

use expect_test::expect;
use sluss_core::pipeline::{GateKind, Pipeline, ReportKind};

use super::*;

const SERVICE: &str = "service: shop\ntemplate: python-service@1\nwith:\n  start: python3 app.py\n";

#[test]
fn what_a_service_measures_is_asked_before_its_customers() {
    let plain = resolve(SERVICE).unwrap().pipeline;
    let asks = |pipeline: &Pipeline| {
        pipeline.last_lasting().unwrap().gates.contains(&GateKind::Performance)
    };
    assert!(!asks(&plain) && plain.slowdown_ppm().is_none());
    let measured = format!("{SERVICE}  measure: python3 bench.py\n  slower: 12.5%\n");
    let pipeline = resolve(&measured).unwrap().pipeline;
    assert!(asks(&pipeline));
    assert_eq!(pipeline.slowdown_ppm(), Some(125_000));
    let usual = format!("{SERVICE}  measure: python3 bench.py\n");
    assert_eq!(resolve(&usual).unwrap().pipeline.slowdown_ppm(), Some(100_000));
    let steps = &pipeline.deliver[0].acceptance;
    let kind = ReportKind::Performance { tolerance_ppm: 125_000 };
    assert!(steps.iter().any(|step| step.reports.iter().any(|report| report.kind == kind)));
}

#[test]
fn what_cannot_be_measured_or_held_to_is_refused_at_its_place() {
    refused(
        &format!("{SERVICE}  measure: x\n  slower: 0.5%\n"),
        expect![[r#"
            error: no release can be held to this
               --> templates/python-service@1/template.yaml:148:75
                |
            148 |         reports: { performance: { path: reports/performance.json, slower: "${slower}" } }
                |                                                                           ^^^^^^^^^^^^ expected from `1%` to `100%`, such as `10%`
        "#]],
    );
    refused(
        &format!("{SERVICE}steps:\n  a: {{ run: x, reports: {{ performance: a.json }} }}\n"),
        expect![[r#"
            error: nothing that can be measured is packaged yet
             --> sluss.yaml:6:40
              |
            6 |   a: { run: x, reports: { performance: a.json } }
              |                                        ^^^^^^ expected `performance` in a step of an environment's `acceptance`
              = help: the templates' input `measure` makes such a step
        "#]],
    );
}

#[test]
fn a_gate_before_which_nothing_measures_is_a_problem() {
    let text = varied("gates: [tests, four-eyes", "gates: [tests, performance, four-eyes");
    let mut catalogue = Catalogue::built_in();
    catalogue.add(source("small.yaml", text.as_bytes()).unwrap()).unwrap();
    let service = "service: shop\ntemplate: small@1\nwith: { binary: shop }\n";
    let source = source("sluss.yaml", service.as_bytes()).unwrap();
    let problems = catalogue.resolve(&source, &Defaults::default()).unwrap_err();
    expect![[r#"
        error: the template asks for the gate `performance`, and nothing before it measures
         --> sluss.yaml:2:11
          |
        2 | template: small@1
          |           ^^^^^^^ expected an acceptance step with such a report
          = help: add `reports: { performance: reports/performance.json }`
    "#]]
    .assert_eq(&problems.to_string());
}
