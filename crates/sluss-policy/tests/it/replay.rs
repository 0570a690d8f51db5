//! The past decided again: by another policy, and by the same one.

use serde_json::{Value, json};
use sluss_policy::{
    Bundle, Change, DiffResult, Limits, NO_DATA, Recorded, RecordedDecision, Reevaluation, diff,
    evaluate, reevaluate,
};

use crate::sample;

fn small(more: &str) -> Bundle {
    sample::bundle(&sample::policy(more)).unwrap_or_else(|refused| panic!("{refused}"))
}

fn recorded(inputs: &[Value]) -> Vec<Recorded> {
    let each = |(number, input): (usize, &Value)| Recorded {
        id: format!("leaf-{number}"),
        data: NO_DATA.to_vec(),
        input: sample::bytes(input),
    };
    inputs.iter().enumerate().map(each).collect()
}

fn with_finding(severity: &str) -> Value {
    sample::changed(|it| it["findings"] = json!([sample::finding("CVE-1", severity, 5)]))
}

const STRICT: &str = "deny contains f.id if {\n\tsome f in input.findings\n\
    \tf.severity in {\"high\", \"critical\"}\n}";
const LAX: &str = "deny contains f.id if {\n\tsome f in input.findings\n\
    \tf.severity == \"critical\"\n}";

#[test]
fn what_was_refused_and_would_pass_is_a_weakening() {
    let past = recorded(&[with_finding("low"), with_finding("high"), with_finding("critical")]);
    let report = diff(&small(STRICT), &small(LAX), past.clone(), sample::limits());
    assert_eq!(report.checked, 3);
    assert_eq!(report.result(), DiffResult::Weakened);
    let [flip] = &report.flips[..] else { panic!("{report:?}") };
    assert_eq!((flip.id.as_str(), flip.change), ("leaf-1", Change::Weakening));
    assert!(!flip.before.open && flip.after.open);
    assert_eq!(flip.before.deny[0].msg, "CVE-1");
    let back = diff(&small(LAX), &small(STRICT), past, sample::limits());
    assert_eq!(back.result(), DiffResult::Tightened);
    assert_ne!(back.sha256(), report.sha256());
}

#[test]
fn nothing_recorded_is_not_checked() {
    let report = diff(&small(STRICT), &small(STRICT), Vec::new(), sample::limits());
    assert_eq!(report.result(), DiffResult::NotChecked);
    let one = diff(&small(LAX), &small(LAX), recorded(&[sample::input()]), sample::limits());
    assert_eq!(one.result(), DiffResult::Same);
}

#[test]
fn an_obligation_that_falls_away_is_a_weakening() {
    let of = |text: &str| small(&format!("require contains {text} if input.sbom.present"));
    let risk = |count: u8| format!(r#"{{"kind": "approvals", "role": "risk", "count": {count}}}"#);
    let canary = |share: u16| format!(r#"{{"kind": "canary_at_most", "permille": {share}}}"#);
    let past = recorded(&[sample::input()]);
    let compare =
        |old: &Bundle, new: &Bundle| diff(old, new, past.clone(), sample::limits()).result();
    assert_eq!(compare(&of(&risk(2)), &small("")), DiffResult::Weakened);
    assert_eq!(compare(&of(&risk(2)), &of(&risk(1))), DiffResult::Weakened);
    assert_eq!(compare(&of(&risk(1)), &of(&risk(2))), DiffResult::Tightened);
    assert_eq!(compare(&of(&canary(50)), &of(&canary(60))), DiffResult::Weakened);
    assert_eq!(compare(&of(&canary(50)), &of(&canary(10))), DiffResult::Tightened);
    assert_eq!(compare(&of(&canary(50)), &of(&risk(1))), DiffResult::Weakened);
    assert_eq!(compare(&small(""), &of(&risk(1))), DiffResult::Tightened);
}

#[test]
fn what_could_not_be_decided_again_is_not_checked() {
    let limits = Limits { time: std::time::Duration::ZERO, ..Limits::default() };
    let report = diff(&small(STRICT), &small(LAX), recorded(&[sample::input()]), limits);
    assert_eq!(report.checked, 0);
    assert_eq!(report.not_checked.len(), 1);
    assert_eq!(report.result(), DiffResult::NotChecked);
}

#[test]
fn a_limit_that_moved_in_the_bundles_data_is_seen() {
    let with = |approvals: u8| {
        let mut files = sample::bank_files();
        let data = files.get_mut("data.json").unwrap();
        let moved = format!("\"approvals_when_risky\": {approvals}");
        *data = data.replace("\"approvals_when_risky\": 2", &moved);
        Bundle::load(files).unwrap()
    };
    let risky = sample::changed(|it| it["release"]["changed_paths"] = json!(["migrations/1.sql"]));
    let report = diff(&with(2), &with(1), recorded(&[risky]), sample::limits());
    assert_eq!(report.result(), DiffResult::Weakened);
}

#[test]
fn a_record_that_is_true_is_the_same_and_an_edited_one_differs() {
    let bank = sample::bank();
    for change in [None, Some("sbom"), Some("freeze")] {
        let input = sample::changed(|it| match change {
            Some("sbom") => it["sbom"]["present"] = json!(false),
            Some(_) => it["freeze"]["allowed"] = json!(false),
            None => {}
        });
        let bytes = sample::bytes(&input);
        let decision = evaluate(&bank, NO_DATA, &bytes, sample::limits());
        let written = serde_json::to_value(&decision).unwrap();
        let read =
            |value: &Value| serde_json::from_value::<RecordedDecision>(value.clone()).unwrap();
        let again = |record: &Value, input: &[u8]| {
            reevaluate(&bank, NO_DATA, input, &read(record), sample::limits())
        };
        assert_eq!(again(&written, &bytes), Reevaluation::Same);
        let edits: [(&str, Value); 6] = [
            ("allow", json!(!decision.allow)),
            ("deny", json!([{"rule": "x", "controls": [], "msg": "x", "evidence": []}])),
            ("require", json!([{"kind": "canary_at_most", "permille": 7}])),
            ("closed_because", json!({"kind": "undefined", "output": "allow"})),
            ("input_size", json!(1)),
            ("bundle_sha256", json!(sample::digest(7))),
        ];
        for (field, value) in edits {
            let mut edited = written.clone();
            edited[field] = value;
            let Reevaluation::Differs(parts) = again(&edited, &bytes) else {
                panic!("an edited {field} went unseen")
            };
            assert!(parts.iter().any(|part| part.field == field), "{field}: {parts:?}");
        }
        let mut other = bytes.clone();
        other.push(b' ');
        assert!(matches!(again(&written, &other), Reevaluation::Differs(_)));
    }
}

#[test]
fn a_record_of_a_time_out_can_not_be_held_to_anything() {
    let bank = sample::bank();
    let bytes = sample::bytes(&sample::input());
    let limits = Limits { time: std::time::Duration::ZERO, ..Limits::default() };
    let decision = evaluate(&bank, NO_DATA, &bytes, limits);
    let written = serde_json::to_value(&decision).unwrap();
    let record: RecordedDecision = serde_json::from_value(written).unwrap();
    let again = reevaluate(&bank, NO_DATA, &bytes, &record, sample::limits());
    assert!(matches!(again, Reevaluation::NotChecked { .. }), "{again:?}");
}
