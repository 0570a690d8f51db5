//! Reports of scanners say what was found, or are refused.

use proptest::prelude::*;
use serde_json::{Value, json};
use sluss_ledger::sarif::{Finding, Risk, SarifError, Severity, sarif};

fn report(results: Value) -> Value {
    let rules = json!([
        {"id": "R1", "defaultConfiguration": {"level": "error"}, "shortDescription": {"text": "bad"},
         "messageStrings": {"default": {"text": "found {0}"}}},
        {"id": "R2"},
    ]);
    let driver = json!({"name": "scanner", "semanticVersion": "1.2.3", "rules": rules});
    json!({"version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results}]})
}

fn read(report: &Value) -> Result<Vec<Finding>, SarifError> {
    let mut scans = sarif(report.to_string().as_bytes())?;
    assert_eq!(scans[0].version.as_deref(), Some("1.2.3"));
    Ok(scans.remove(0).findings)
}

fn one(result: Value) -> Finding {
    read(&report(json!([result]))).unwrap().remove(0)
}

#[test]
fn a_finding_has_rule_severity_place_and_message() {
    let place = json!({"physicalLocation": {"artifactLocation": {"uri": "src/main.rs"}, "region": {"startLine": 7}}});
    let found = one(
        json!({"ruleId": "R1", "message": {"text": "an\u{1b}[31m injection"}, "locations": [place]}),
    );
    assert_eq!((found.rule.as_str(), found.severity), ("R1", Severity::Error));
    assert_eq!(found.message, "an [31m injection");
    let place = found.location.unwrap();
    assert_eq!((place.uri.as_str(), place.line), ("src/main.rs", Some(7)));
    assert!(!found.suppressed);
}

#[test]
fn severity_is_the_results_then_the_rules_then_a_warning() {
    let severity = |result: Value| one(result).severity;
    let message = json!({"text": "x"});
    assert_eq!(
        severity(json!({"ruleId": "R1", "level": "note", "message": message})),
        Severity::Note
    );
    assert_eq!(severity(json!({"ruleIndex": 0, "message": message})), Severity::Error);
    assert_eq!(severity(json!({"ruleId": "R2", "message": message})), Severity::Warning);
    assert_eq!(severity(json!({"rule": {"index": 0}, "message": message})), Severity::Error);
    let passed = json!({"ruleId": "R1", "kind": "pass", "message": message});
    assert_eq!(severity(passed), Severity::None);
    assert!(read(&report(json!([{"level": "mild", "message": message}]))).is_err());
}

#[test]
fn risk_is_the_rules_score_and_without_one_the_worst_level_is_critical() {
    let with_score = |score: Value| {
        let mut report = report(json!([{"ruleId": "R1", "level": "note", "message": {}}]));
        report["runs"][0]["tool"]["driver"]["rules"][0]["properties"] =
            json!({"security-severity": score});
        read(&report).map(|found| found[0].risk())
    };
    for (score, risk) in [
        (json!("9.0"), Risk::Critical),
        (json!("8.9"), Risk::High),
        (json!(7), Risk::High),
        (json!(6.9), Risk::Medium),
        (json!("3.99"), Risk::Low),
        (json!("10"), Risk::Critical),
    ] {
        assert_eq!(with_score(score).unwrap(), Some(risk));
    }
    for none in ["11", "-1", "high", "", "9.", "1e1", "255"] {
        assert!(matches!(with_score(json!(none)), Err(SarifError::Score(_))), "{none}");
    }
    let by_level = |level: &str| one(json!({"level": level, "message": {}})).risk();
    assert_eq!(by_level("error"), Some(Risk::Critical));
    assert_eq!(by_level("warning"), Some(Risk::Medium));
    assert_eq!(by_level("note"), Some(Risk::Low));
    assert_eq!(by_level("none"), None);
}

#[test]
fn a_message_is_found_by_its_id_and_else_the_rule_is_described() {
    assert_eq!(one(json!({"ruleId": "R1", "message": {"id": "default"}})).message, "found {0}");
    assert_eq!(one(json!({"ruleId": "R1", "message": {}})).message, "bad");
}

#[test]
fn only_what_was_accepted_is_suppressed() {
    let suppressed = |suppressions: Value| {
        one(json!({"message": {"text": "x"}, "suppressions": suppressions})).suppressed
    };
    assert!(suppressed(json!([{"kind": "inSource"}])));
    assert!(suppressed(json!([{"kind": "external", "status": "accepted"}])));
    assert!(!suppressed(json!([])));
    assert!(!suppressed(json!([{"kind": "external", "status": "underReview"}])));
    assert!(!suppressed(json!([{"kind": "inSource"}, {"status": "rejected"}])));
}

#[test]
fn a_report_that_does_not_say_what_was_found_is_no_clean_scan() {
    assert_eq!(read(&report(json!([]))).unwrap(), []);
    assert!(matches!(read(&report(Value::Null)), Err(SarifError::NoResults { .. })));
    let mut failed = report(json!([]));
    failed["runs"][0]["invocations"] = json!([{"executionSuccessful": false}]);
    assert!(matches!(read(&failed), Err(SarifError::Failed { .. })));
    let mut old = report(json!([]));
    old["version"] = json!("2.0.0");
    assert!(matches!(read(&old), Err(SarifError::Version(_))));
    let none = json!({"version": "2.1.0", "runs": []});
    assert!(matches!(sarif(none.to_string().as_bytes()), Err(SarifError::NoRuns)));
}

#[test]
fn hostile_reports_are_refused_or_bounded() {
    let deep = "[".repeat(100_000);
    assert!(sarif(deep.as_bytes()).is_err());
    let long = one(json!({"message": {"text": "x".repeat(1_000_000)}}));
    assert_eq!(long.message.len(), 4_000);
    assert!(one(json!({"ruleIndex": -1, "message": {"text": "x"}})).rule.is_empty());
    assert!(one(json!({"ruleIndex": i64::MAX, "message": {"text": "x"}})).rule.is_empty());
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(at in 0_usize..400, byte in any::<u8>()) {
        let mut bytes = report(json!([{"ruleId": "R1", "message": {"text": "x"}}])).to_string().into_bytes();
        let length = bytes.len();
        bytes[at % length] = byte;
        drop(sarif(&bytes));
    }
}

/// The key of a result of R1 in `src/main.rs` that says `found 7 of them`, with these changes.
fn key_of(changes: Value) -> String {
    let mut result = json!({
        "ruleId": "R1",
        "message": {"text": "found 7 of them"},
        "locations": [{"physicalLocation": {
            "artifactLocation": {"uri": "src/main.rs"}, "region": {"startLine": 7},
        }}],
    });
    for (name, value) in changes.as_object().unwrap() {
        result[name] = value.clone();
    }
    one(result).key.to_string()
}

fn at(uri: &str, line: u64) -> Value {
    let place = json!({"artifactLocation": {"uri": uri}, "region": {"startLine": line}});
    json!({"locations": [{"physicalLocation": place}]})
}

#[test]
fn a_finding_that_moved_within_its_file_is_the_same_one() {
    let known = key_of(json!({}));
    assert_eq!(key_of(at("src/main.rs", 99)), known);
    assert_eq!(key_of(at("./src/main.rs", 99)), known);
    assert_eq!(key_of(at("file:///workspace/src/main.rs", 1)), known);
    assert_eq!(key_of(at("/data/bank/work/run-12/tree/src/main.rs", 1)), known);
    assert_eq!(key_of(json!({"message": {"text": "found 123 of them"}})), known);
    assert_ne!(key_of(at("src/other.rs", 7)), known);
    assert_ne!(key_of(json!({"ruleId": "R2"})), known);
    assert_ne!(key_of(json!({"message": {"text": "found none of them"}})), known);
}

#[test]
fn fingerprints_of_the_scanner_count_before_the_place() {
    let prints = json!({"stable/v1": "abc"});
    let known = key_of(json!({"fingerprints": prints}));
    let mut moved = at("src/other.rs", 1);
    moved["fingerprints"] = prints.clone();
    moved["message"] = json!({"text": "otherwise"});
    assert_eq!(key_of(moved), known);
    assert_ne!(key_of(json!({"fingerprints": {"stable/v1": "abd"}})), known);
    assert_ne!(key_of(json!({"partialFingerprints": prints})), known);
    let partial = key_of(json!({"partialFingerprints": prints}));
    let mut moved = at("src/other.rs", 1);
    moved["partialFingerprints"] = prints;
    assert_ne!(key_of(moved), partial, "a part of a fingerprint goes with its path");
}

#[test]
fn an_advisory_of_a_package_is_the_same_whatever_its_version_and_whoever_says_so() {
    let of = |purl: Value, uri: &str, name: &str| {
        let mut result = at(uri, 1);
        result["ruleId"] = json!("CVE-2026-1");
        result["message"] = json!({"text": format!("{name} says so")});
        result["properties"] = purl;
        let mut report = report(json!([result]));
        report["runs"][0]["tool"]["driver"]["name"] = json!(name);
        read(&report).unwrap().remove(0).key
    };
    let known = of(json!({"purl": "pkg:npm/%40bank/pay@1.0.0"}), "a/package-lock.json", "one");
    let same = of(json!({"purls": ["pkg:npm/%40bank/pay@1.0.1?x=y"]}), "package-lock.json", "two");
    assert_eq!(known, same);
    assert_ne!(of(json!({"purl": "pkg:npm/%40bank/lend@1.0.0"}), "x", "one"), known);
    let scoped = of(json!({"purl": "pkg:npm/@bank/pay"}), "x", "one");
    assert_ne!(scoped, of(json!({"purl": "pkg:npm/@bank/lend"}), "x", "one"));
    let several = json!({"purls": ["pkg:npm/a", "pkg:npm/b"]});
    assert_ne!(of(several, "x", "one"), known, "which one it is of is not said");
}

/// The digest as any other program computes it from what [`sluss_ledger::sarif::KEY_DOMAIN`] says.
#[test]
fn keys_are_made_as_documented() {
    let mut text = b"sluss.finding.v1".to_vec();
    for part in ["place", "scanner", "R1", "src/main.rs", "found 0 of them"] {
        text.extend((part.len() as u64).to_be_bytes());
        text.extend(part.as_bytes());
    }
    assert_eq!(key_of(json!({})), sluss_ledger::Hash::sha256(&text).to_string());
}
