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
        with(r#""horizon_s""#, r#""tolerance":{"error":0.01},"alpha_p":2,"horizon_s""#),
        "the header needs an `alpha_p` between 0 and 1",
    );
    assert_eq!(with(r#"["error"]"#, r#"["error","error"]"#), "the header names a metric twice");
    assert_eq!(
        with("[[0,0.1]]", "[[9,0.1],[3,0.2]]"),
        "the header has a `weight_schedule` whose seconds do not rise",
    );
}

/// Gives rows, the last of which is refused; returns why.
fn refused(rows: &[&str]) -> String {
    let mut analyzer = analyzer(HEADER).unwrap();
    let (last, rows) = rows.split_last().unwrap();
    for row in rows {
        push(&mut analyzer, row).unwrap();
    }
    push(&mut analyzer, last).unwrap_err().to_string()
}

const BASELINE: &str = r#"{"t":5,"arm":"baseline","requests":9,"errors":0}"#;
const CANARY: &str = r#"{"t":5,"arm":"canary","requests":1,"errors":0}"#;

#[test]
fn a_row_without_the_metric_is_an_error_and_not_a_zero() {
    assert_eq!(
        refused(&[BASELINE, r#"{"t":5,"arm":"canary","requests":1}"#]),
        "the row of the canary at 5 s has no errors, which its metric needs",
    );
}

#[test]
fn rows_out_of_order_are_refused() {
    let wrong = |rows: &[&str]| refused(rows).split(": ").nth(1).unwrap().to_owned();
    let at = |row: &str, t: i64| row.replace("5", &t.to_string());
    let history = "before 0 s there is history of the baseline only";
    assert_eq!(wrong(&[&at(CANARY, -5)]), history);
    assert_eq!(wrong(&[&at(BASELINE, -5), &at(BASELINE, -5)]), "seconds rise");
    assert_eq!(wrong(&[BASELINE, CANARY, BASELINE]), "seconds rise");
    assert_eq!(wrong(&[BASELINE, CANARY, &at(BASELINE, -1)]), "seconds rise");
    let first = "the baseline's row of the same second comes first";
    assert_eq!(wrong(&[CANARY]), first);
    assert_eq!(wrong(&[BASELINE, CANARY, CANARY]), first);
    let alone = "the second before it has no row of the canary";
    assert_eq!(wrong(&[BASELINE, &at(BASELINE, 6)]), alone);
    let other = "the baseline's row before it is of another second";
    assert_eq!(wrong(&[BASELINE, &at(CANARY, 6)]), other);
}

#[test]
fn a_row_that_counts_what_cannot_be_is_refused() {
    assert_eq!(
        refused(&[BASELINE, r#"{"t":5,"arm":"canary","requests":1,"errors":2}"#]),
        "the row of the canary at 5 s contradicts itself: more errors than requests",
    );
    let header = HEADER
        .replace(r#"["error"]"#, r#"["latency"]"#)
        .replace(r#""horizon_s""#, r#""latency_edges_ms":[1,2,4],"horizon_s""#);
    for (latency, reason) in [
        ("[[2,1]]", "a latency bin that the header does not have"),
        ("[[1,1],[1,1]]", "a latency bin twice"),
        ("[[1,2],[0,8]]", "more latencies than requests"),
    ] {
        let mut analyzer = analyzer(&header).unwrap();
        let row = format!(r#"{{"t":0,"arm":"baseline","requests":9,"latency":{latency}}}"#);
        let refusal = push(&mut analyzer, &row).unwrap_err().to_string();
        assert!(refusal.ends_with(reason), "{refusal}");
    }
}

#[test]
fn a_trace_that_ends_too_early_has_no_outcome() {
    let mut analyzer = analyzer(HEADER).unwrap();
    let nothing = "the trace ends too early: it has no second with both releases";
    assert_eq!(analyzer.end().unwrap_err().to_string(), nothing);
    push(&mut analyzer, r#"{"t":-5,"arm":"baseline","requests":9,"errors":0}"#).unwrap();
    assert_eq!(analyzer.end().unwrap_err().to_string(), nothing);
    push(&mut analyzer, BASELINE).unwrap();
    let half = "the trace ends too early: its last second has no row of the canary";
    assert_eq!(analyzer.end().unwrap_err().to_string(), half);
    push(&mut analyzer, CANARY).unwrap();
    assert_eq!(analyzer.end().unwrap().decision, Decision::None);
}

#[test]
fn a_tolerance_without_alpha_p_promotes_nothing() {
    let header = HEADER.replace(r#""horizon_s""#, r#""tolerance":{"error":0.01},"horizon_s""#);
    let mut analyzer = analyzer(&header).unwrap();
    for t in 0..200 {
        let baseline = format!(r#"{{"t":{t},"arm":"baseline","requests":180,"errors":0}}"#);
        let canary = format!(r#"{{"t":{t},"arm":"canary","requests":20,"errors":0}}"#);
        push(&mut analyzer, &baseline).unwrap();
        push(&mut analyzer, &canary).unwrap();
    }
    assert_eq!(analyzer.end().unwrap().decision, Decision::None);
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
        if t >= 0 {
            push(&mut analyzer, &canary).unwrap();
        }
    }
    let outcome = analyzer.outcome();
    assert_eq!((outcome.decision, outcome.time_s), (Decision::Promote, Some(16)));
    let line = serde_json::to_value(outcome).unwrap();
    assert_eq!(line["decision"], "promote");
    assert_eq!(line["metric"], "error");
}
