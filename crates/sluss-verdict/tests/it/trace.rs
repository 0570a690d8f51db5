//! Traces that are unfit, and promotions within a trace.

use sluss_verdict::{Analyzer, Decision, Header, Mode, Options, Row, Step, TraceError};

const HEADER: &str = r#"{"type":"header","trace":"t","alpha":0.01,"metrics":["error"],
    "weight_schedule":[[0,0.1]],"horizon_s":60,"history_s":0}"#;

fn analyzer(header: &str) -> Result<Analyzer, TraceError> {
    let header: Header = serde_json::from_str(header).unwrap();
    Analyzer::new(header, Options::usual(Mode::Robust))
}

fn push(analyzer: &mut Analyzer, row: &str) -> Result<Option<Step>, TraceError> {
    let row: Row = serde_json::from_str(row).unwrap();
    analyzer.push(row)
}

fn refusal(header: &str) -> String {
    analyzer(header).unwrap_err().to_string()
}

#[test]
fn a_header_that_asks_for_what_cannot_be_is_refused() {
    let with = |from: &str, to: &str| refusal(&HEADER.replace(from, to));
    assert_eq!(with("0.01", "1.5"), "the header needs an `alpha` between 0 and 1");
    assert_eq!(with(r#"["error"]"#, "[]"), "the header names no metric");
    assert_eq!(with("[[0,0.1]]", "[]"), "the header has no `weight_schedule`");
    assert_eq!(with("[0,0.1]", "[0,10]"), "the header has a share outside 0 to 1");
    assert_eq!(
        with(r#"["error"]"#, r#"["latency"]"#),
        "the header judges latency without `latency_edges_ms`",
    );
    assert_eq!(
        with(r#""horizon_s""#, r#""tolerance":{"error":0.01},"horizon_s""#),
        "the header needs an `alpha_p` between 0 and 1 with its `tolerance`",
    );
}

#[test]
fn a_row_without_the_metric_is_an_error_and_not_a_zero() {
    let mut analyzer = analyzer(HEADER).unwrap();
    push(&mut analyzer, r#"{"t":0,"arm":"baseline","requests":9}"#).unwrap();
    let error = push(&mut analyzer, r#"{"t":0,"arm":"canary","requests":1,"errors":0}"#);
    let message = error.unwrap_err().to_string();
    assert_eq!(message, "the row of Baseline at 0 s lacks the field of the metric Error");
}

#[test]
fn a_row_that_comes_twice_is_refused() {
    let mut analyzer = analyzer(HEADER).unwrap();
    push(&mut analyzer, r#"{"t":5,"arm":"baseline","requests":9,"errors":0}"#).unwrap();
    push(&mut analyzer, r#"{"t":5,"arm":"canary","requests":1,"errors":0}"#).unwrap();
    let again = push(&mut analyzer, r#"{"t":5,"arm":"canary","requests":1,"errors":1}"#);
    assert!(matches!(again, Err(TraceError::OutOfOrder { t: 5, .. })));
}

#[test]
fn a_second_that_one_release_did_not_report_is_no_evidence() {
    let mut analyzer = analyzer(HEADER).unwrap();
    let canary = |t: i64| format!(r#"{{"t":{t},"arm":"canary","requests":90,"errors":90}}"#);
    let baseline = |t: i64| format!(r#"{{"t":{t},"arm":"baseline","requests":90,"errors":0}}"#);
    assert_eq!(push(&mut analyzer, &canary(0)), Ok(None));
    assert_eq!(push(&mut analyzer, &baseline(1)), Ok(None));
    assert_eq!(push(&mut analyzer, &canary(2)), Ok(None));
    assert_eq!(push(&mut analyzer, &baseline(3)), Ok(None));
    let step = push(&mut analyzer, &canary(3)).unwrap().unwrap();
    assert!(step.log_e > 0.0);
}

#[test]
fn a_clean_trace_with_a_tolerance_is_promoted() {
    let header = HEADER
        .replace(r#""horizon_s""#, r#""tolerance":{"error":0.01},"alpha_p":0.05,"horizon_s""#);
    let mut analyzer = analyzer(&header).unwrap();
    for t in -60..60 {
        let baseline = format!(r#"{{"t":{t},"arm":"baseline","requests":180,"errors":0}}"#);
        let canary = format!(r#"{{"t":{t},"arm":"canary","requests":20,"errors":0}}"#);
        push(&mut analyzer, &baseline).unwrap();
        push(&mut analyzer, &canary).unwrap();
    }
    let outcome = analyzer.outcome();
    assert_eq!((outcome.decision, outcome.time_s), (Decision::Promote, Some(16)));
    let line = serde_json::to_value(outcome).unwrap();
    assert_eq!(line["decision"], "promote");
    assert_eq!(line["metric"], "error");
}
