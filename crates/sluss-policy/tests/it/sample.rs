//! A release that may pass the sample bank's gate, and the bank's bundle.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::{Value, json};
use sluss_policy::{Bundle, Limits};

pub const NOW_MS: i64 = 1_795_255_200_000;
const DAY_MS: i64 = 86_400_000;

/// A SHA-256 as text, told apart by its number.
pub fn digest(number: usize) -> String {
    format!("{number:064x}")
}

/// An input that the bank's policy opens for. Every list has a row, every field a value.
pub fn input() -> Value {
    let ago = |days: i64| NOW_MS - days * DAY_MS;
    let mut input = json!({
        "contract": "sluss.gate.input.v1",
        "gate": "policy",
        "now_ms": NOW_MS,
        "state_size": 40_112,
        "environment": {"name": "production", "class": "production", "customers": true},
        "release": {
            "id": "rel-2041",
            "service": "payments",
            "product": "instant-payments",
            "commit": "4f1c3a5e7b9d0f2a4c6e8b0d1f3a5c7e9b1d3f50",
            "artifacts": [digest(1)],
            "created_ms": ago(1),
            "first": false,
            "changed_paths": ["src/api.rs"],
            "size": {"files": 1, "added": 20, "removed": 4},
        },
        "contributors": [
            {"person": "p-anna", "kind": "person", "part": "author"},
        ],
        "approvals": [{
            "person": "p-bo",
            "roles": ["risk"],
            "slot": "risk",
            "at_ms": NOW_MS - 60_000,
            "valid_until_ms": NOW_MS + DAY_MS,
            "kind": "person",
        }],
        "tests": {
            "required": ["unit"],
            "runs": [{
                "check": "unit",
                "outcome": "passed",
                "passed": 118,
                "failed": 0,
                "digest": digest(1),
                "at_ms": NOW_MS - 600_000,
                "accepted": false,
            }],
        },
        "performance": {"known": true, "slower_permille": -12, "limit_permille": 50},
        "coverage": {"known": true, "lines_permille": 871, "minimum_permille": 800},
        "scans": [
            scan("dependencies", digest(1)),
            scan("secrets", digest(1)),
        ],
        "findings": [finding("CVE-2026-1111", "low", 30)],
        "sbom": {"present": true, "components": 212},
        "provenance": {"present": true, "builder": "sluss/sandbox", "isolated": true},
        "freeze": {"allowed": true, "until_ms": NOW_MS + DAY_MS},
        "dependencies": [{"service": "ledger", "satisfied": true}],
        "error_budget": {"known": true, "remaining_permille": 640},
        "waivers": [{
            "id": "wai-3",
            "covers": "CVE-2025-9",
            "requested_by": "p-anna",
            "granted_by": "p-eva",
            "granted_ms": ago(3),
            "ends_ms": NOW_MS + DAY_MS,
        }],
        "emergency": {"active": false, "incident": "none", "opened_ms": 0},
        "history": [{
            "deployment": "dep-88",
            "release": "rel-2040",
            "outcome": "live",
            "at_ms": ago(2),
        }],
    });
    count(&mut input);
    input
}

pub fn scan(scanner: &str, digest: String) -> Value {
    json!({
        "scanner": scanner,
        "outcome": "finished",
        "digest": digest,
        "at_ms": NOW_MS - 500_000,
    })
}

pub fn finding(id: &str, severity: &str, due_in_days: i64) -> Value {
    json!({
        "id": id,
        "severity": severity,
        "scanner": "dependencies",
        "status": "open",
        "first_seen_ms": NOW_MS - 20 * DAY_MS,
        "due_ms": NOW_MS + due_in_days * DAY_MS,
        "waived": false,
    })
}

/// Sets `counts` to what the lists have, as whoever builds an input does.
pub fn count(input: &mut Value) {
    let rows = |at: &str| input.pointer(at).and_then(Value::as_array).map_or(0, Vec::len);
    let counts = json!({
        "artifacts": rows("/release/artifacts"),
        "changed_paths": rows("/release/changed_paths"),
        "contributors": rows("/contributors"),
        "approvals": rows("/approvals"),
        "required": rows("/tests/required"),
        "runs": rows("/tests/runs"),
        "scans": rows("/scans"),
        "findings": rows("/findings"),
        "dependencies": rows("/dependencies"),
        "waivers": rows("/waivers"),
        "history": rows("/history"),
    });
    input["counts"] = counts;
}

/// The same input with something changed, counted again.
pub fn changed(change: impl FnOnce(&mut Value)) -> Value {
    let mut input = input();
    change(&mut input);
    count(&mut input);
    input
}

pub fn bytes(input: &Value) -> Vec<u8> {
    serde_json::to_vec(input).unwrap()
}

/// An input of at least so many bytes: half of it runs, half findings.
pub fn of_size(least: usize) -> Vec<u8> {
    let mut input = input();
    for number in 0.. {
        let all = bytes(&changed_to(&mut input));
        if all.len() >= least {
            return all;
        }
        let mut run = input["tests"]["runs"][0].clone();
        run["check"] = json!(format!("suite-{number}"));
        let found = finding(&format!("CVE-2026-{number:04}"), "high", 10);
        input["tests"]["runs"].as_array_mut().unwrap().push(run);
        input["findings"].as_array_mut().unwrap().push(found);
    }
    unreachable!("the loop ends when the input is large enough")
}

fn changed_to(input: &mut Value) -> Value {
    count(input);
    input.clone()
}

/// The texts of the bank's policies.
pub fn bank_files() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/controls/policies");
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        files.insert(name, std::fs::read_to_string(&path).unwrap());
    }
    files
}

pub fn bank() -> Bundle {
    static BANK: OnceLock<Bundle> = OnceLock::new();
    let load = || Bundle::load(bank_files()).unwrap_or_else(|refused| panic!("{refused}"));
    BANK.get_or_init(load).clone()
}

/// Limits that a busy machine does not reach; what is too slow is tested with limits of its own.
pub fn limits() -> Limits {
    Limits { time: Duration::from_secs(60), ..Limits::default() }
}

/// A bundle of one file.
pub fn bundle(text: &str) -> Result<Bundle, sluss_policy::BundleRefused> {
    Bundle::load(BTreeMap::from([("gate.rego".to_owned(), text.to_owned())]))
}

/// The smallest policy there is, and what is added to it.
pub fn policy(more: &str) -> String {
    format!(
        "package sluss.gate\n\nimport rego.v1\n\ndefault allow := false\n\n\
         allow if {{\n\tevidence_complete\n\tcount(deny) == 0\n}}\n\n\
         evidence_complete if {{\n\tinput.now_ms > 0\n\tis_boolean(input.sbom.present)\n\
         \tis_array(input.findings)\n\tis_array(input.approvals)\n}}\n\n\
         deny contains \"no bill of materials\" if not input.sbom.present\n\n{more}\n"
    )
}
