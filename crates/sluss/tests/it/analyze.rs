//! `sluss analyze`.

use std::fmt::Write as _;

use expect_test::expect;

use crate::session::Session;

const HEADER: &str = r#"{"type":"header","trace":"t","alpha":0.01,"metrics":["error"],"weight_schedule":[[0,0.1]],"horizon_s":60,"history_s":0}"#;

/// A trace in which each release has `errors` in every second.
fn trace(seconds: i64, incumbent_errors: u64, candidate_errors: u64) -> String {
    let mut text = format!("{HEADER}\n");
    for t in -10..seconds {
        let arms = [("baseline", 180, incumbent_errors), ("canary", 20, candidate_errors)];
        for (arm, requests, errors) in arms.into_iter().take(if t < 0 { 1 } else { 2 }) {
            let row =
                format!(r#"{{"t":{t},"arm":"{arm}","requests":{requests},"errors":{errors}}}"#);
            writeln!(text, "{row}").unwrap();
        }
    }
    text
}

#[test]
fn a_bad_candidate_is_rolled_back_and_the_rows_after_that_change_nothing() {
    let session = Session::new();
    session.file("bad.jsonl", &trace(60, 1, 2));
    let answer = session.sluss("analyze bad.jsonl");
    expect![[r#"
        $ sluss analyze bad.jsonl
        {"decision":"rollback","time_s":4,"log_e":5.495939808647713,"metric":"error","alpha":0.01,"mode":"robust","seconds":60}
    "#]]
    .assert_eq(&answer);
    let short = session.sluss_with("analyze -", &trace(4, 1, 2));
    assert_eq!(
        short.lines().nth(1).unwrap().replace("\"seconds\":4", "\"seconds\":60"),
        answer.lines().nth(1).unwrap(),
    );
    let none = session.sluss_with("analyze -", &trace(3, 1, 2));
    assert!(none.contains(r#"{"decision":"none","time_s":null,"#), "{none}");
}

#[test]
fn a_clean_candidate_is_promoted_only_where_a_tolerance_is_stated() {
    let session = Session::new();
    let clean = trace(60, 0, 0);
    assert!(session.sluss_with("analyze -", &clean).contains(r#""decision":"none""#));
    let stated =
        clean.replace(r#""horizon_s""#, r#""tolerance":{"error":0.01},"alpha_p":0.05,"horizon_s""#);
    let promoted = session.sluss_with("analyze -", &stated);
    assert!(promoted.contains(r#"{"decision":"promote","time_s":16,"#), "{promoted}");
}

#[test]
fn the_evidence_is_explained_and_drawn() {
    let session = Session::new();
    session.file("bad.jsonl", &trace(20, 1, 1));
    expect![[r#"
        $ sluss analyze bad.jsonl --explain --svg bad.svg
        t by error, robust: rolls back at 1:100

          second   share      against   in favour
               1    10 %        1:1.9           -  1 of 2 errors fell on the candidate, which carried 10 % of the traffic; evidence against it is 1:1.9
               2    10 %        1:5.2           -  2 of 4 errors fell on the candidate, which carried 10 % of the traffic; evidence against it is 1:5.2
               3    10 %         1:19           -  3 of 6 errors fell on the candidate, which carried 10 % of the traffic; evidence against it is 1:19
               4    10 %         1:80           -  4 of 8 errors fell on the candidate, which carried 10 % of the traffic; evidence against it is 1:80
               5    10 %        1:359           -  5 of 10 errors fell on the candidate, which carried 10 % of the traffic; evidence against it is 1:359

        Rolled back by error after 5 s, at 1:359.
        {"decision":"rollback","time_s":5,"log_e":5.883052546775197,"metric":"error","alpha":0.01,"mode":"robust","seconds":20}
    "#]]
    .assert_eq(&session.sluss("analyze bad.jsonl --explain --svg bad.svg"));
    let svg = session.read("bad.svg");
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    for part in ["rolls back at 1:100", "against the candidate", "prefers-color-scheme: dark"] {
        assert!(svg.contains(part), "{part}");
    }
}

#[test]
fn an_unfit_trace_is_an_error_with_its_line_and_never_a_decision() {
    let session = Session::new();
    let whole = trace(3, 0, 0);
    let lines: Vec<&str> = whole.lines().collect();
    let (header, history, rows) = (lines[0], &lines[1..11], &lines[11..]);
    let of = |rows: &[&str]| format!("{header}\n{}\n", rows.join("\n"));
    let unknown = whole.replace(r#"["error"]"#, r#"["mood"]"#);
    let cases = [
        ("empty", String::new()),
        ("header alone", format!("{header}\n")),
        ("history alone", of(history)),
        ("no header", rows.join("\n")),
        ("half a line", whole[..whole.len() - 20].to_owned()),
        ("half a second", of(&rows[..3])),
        ("one release left out", of(&[rows[0], rows[2], rows[3]])),
        ("backwards", of(&[rows[2], rows[3], rows[0], rows[1]])),
        ("twice", of(&[rows[0], rows[1], rows[0], rows[1]])),
        ("a blank line", of(&[rows[0], rows[1], "", rows[2], rows[3]])),
        ("unknown metric", unknown),
        ("no field", of(&[rows[0], r#"{"t":0,"arm":"canary","requests":20}"#])),
        ("negative", whole.replace(r#""requests":20"#, r#""requests":-20"#)),
        (
            "too many errors",
            whole.replace(r#""requests":20,"errors":0"#, r#""requests":20,"errors":21"#),
        ),
        ("not finite", whole.replace(r#""alpha":0.01"#, r#""alpha":1e999"#)),
        ("not a number", whole.replace(r#""errors":0"#, r#""errors":NaN"#)),
    ];
    let mut said = String::new();
    for (case, text) in cases {
        let session = session.sluss_with("analyze -", &text);
        assert!(
            !session.contains("decision") && session.ends_with("[exit 2]\n"),
            "{case}: {session}"
        );
        let error =
            session.lines().nth(1).unwrap().trim_start_matches("[err] error: standard input: ");
        writeln!(said, "{case}: {error}").unwrap();
    }
    expect![[r#"
        empty: line 1: the trace is empty.
        header alone: line 1: the trace ends too early: it has no second with both releases.
        history alone: line 11: the trace ends too early: it has no second with both releases.
        no header: line 1, column 50: missing field `type`.
        half a line: line 17 ends in the middle: the trace is cut short.
        half a second: line 4: the trace ends too early: its last second has no row of the canary.
        one release left out: line 3: the row of the baseline at 1 s is out of order: the second before it has no row of the canary.
        backwards: line 4: the row of the baseline at 0 s is out of order: seconds rise.
        twice: line 4: the row of the baseline at 0 s is out of order: seconds rise.
        a blank line: line 4 is blank.
        unknown metric: line 1, column 59: unknown variant `mood`, expected one of `error`, `exceptions`, `conversion`, `latency`.
        no field: line 3: the row of the canary at 0 s has no errors, which its metric needs.
        negative: line 13, column 36: invalid value: integer `-20`, expected u64.
        too many errors: line 13: the row of the canary at 0 s contradicts itself: more errors than requests.
        not finite: line 1, column 42: number out of range.
        not a number: line 2, column 51: expected value.
    "#]]
    .assert_eq(&said);
}

#[test]
fn a_trace_that_is_not_there_or_an_alpha_that_cannot_be_is_refused() {
    let session = Session::new();
    expect![[r#"
        $ sluss analyze nowhere.jsonl
        [err] error: nowhere.jsonl can't be read: No such file or directory (os error 2)
        [err]   next: Name a trace, or `-` for standard input
        [exit 2]
    "#]]
    .assert_eq(&session.sluss("analyze nowhere.jsonl"));
    let refused = session.sluss_with("analyze - --alpha 1.5", &trace(3, 0, 0));
    assert!(refused.contains("--alpha is 1.5, and must lie between 0 and 1"), "{refused}");
    let refused = session.sluss_with("analyze - --alpha nan", &trace(3, 0, 0));
    assert!(refused.ends_with("[exit 2]\n"), "{refused}");
}
