//! Decisions that another engine decides again: bundles, data and inputs.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sluss_policy::{Bundle, Decision, evaluate};

use crate::sample;

/// One decision's material.
pub struct Case {
    pub name: &'static str,
    pub files: BTreeMap<String, String>,
    pub data: Vec<u8>,
    pub input: Vec<u8>,
}

impl Case {
    pub fn decide(&self) -> Decision {
        let bundle = Bundle::load(self.files.clone());
        let bundle = bundle.unwrap_or_else(|refused| panic!("{}: {refused}", self.name));
        evaluate(&bundle, &self.data, &self.input, sample::limits())
    }
}

/// All of them.
pub fn all() -> Vec<Case> {
    let mut cases: Vec<Case> = of_the_bank()
        .into_iter()
        .map(|(name, input)| Case {
            name,
            files: sample::bank_files(),
            data: b"{}".to_vec(),
            input: sample::bytes(&input),
        })
        .collect();
    cases.push(Case {
        name: "large",
        files: sample::bank_files(),
        data: b"{}".to_vec(),
        input: sample::of_size(20_000),
    });
    let mut other = |name, text: String, data: &str| {
        cases.push(Case {
            name,
            files: BTreeMap::from([("gate.rego".to_owned(), text)]),
            data: data.as_bytes().to_vec(),
            input: sample::bytes(&sample::input()),
        });
    };
    other("smallest", sample::policy(""), "{}");
    other("legacy", sample::policy("deny contains \"said so\" if input.sbom.present"), "{}");
    other("builtins", sample::policy(&builtins()), "{}");
    let limits = sample::policy("deny contains \"over\" if data.limits.findings < 1")
        .replace("input.now_ms > 0", "is_number(data.limits.findings)\n\tinput.now_ms > 0");
    other("outside-data-closes", limits.clone(), r#"{"limits": {"findings": 0}}"#);
    other("outside-data-opens", limits.clone(), r#"{"limits": {"findings": 9}}"#);
    other("outside-data-missing", limits, "{}");
    cases
}

fn of_the_bank() -> Vec<(&'static str, Value)> {
    fn with(change: impl FnOnce(&mut Value)) -> Value {
        sample::changed(change)
    }
    let paths = |it: &mut Value, path: &str| it["release"]["changed_paths"] = json!([path]);
    let second = |it: &mut Value, person: &str| {
        let mut approval = it["approvals"][0].clone();
        approval["person"] = json!(person);
        it["approvals"].as_array_mut().unwrap().push(approval);
    };
    let past = |it: &mut Value, rows: usize| {
        let mut row = it["history"][0].clone();
        row["outcome"] = json!("rolled_back");
        it["history"] = (0..rows)
            .map(|number| {
                row["deployment"] = json!(format!("dep-{number}"));
                row.clone()
            })
            .collect();
    };
    vec![
        ("passes", sample::input()),
        ("red", with(|it| it["tests"]["runs"][0]["outcome"] = json!("failed"))),
        (
            "red-accepted",
            with(|it| {
                let green = it["tests"]["runs"][0].clone();
                let runs = it["tests"]["runs"].as_array_mut().unwrap();
                runs[0]["outcome"] = json!("errored");
                runs[0]["accepted"] = json!(true);
                runs.push(green);
            }),
        ),
        ("no-sbom", with(|it| it["sbom"] = json!({"present": false, "components": 0}))),
        ("unisolated", with(|it| it["provenance"]["isolated"] = json!(false))),
        ("slower", with(|it| it["performance"]["slower_permille"] = json!(900))),
        ("unmeasured", with(|it| it["performance"]["known"] = json!(false))),
        (
            "past-due",
            with(|it| {
                it["findings"] = json!([
                    sample::finding("CVE-2", "critical", -1),
                    sample::finding("CVE-1", "critical", 0),
                    sample::finding("CVE-3", "critical", 1),
                ]);
            }),
        ),
        ("no-findings", with(|it| it["findings"] = json!([]))),
        ("risky-one-approval", with(|it| paths(it, "migrations/7.sql"))),
        (
            "risky-two-approvals",
            with(|it| {
                paths(it, "src/ledger/book.rs");
                second(it, "p-cleo");
            }),
        ),
        (
            "risky-own-approval",
            with(|it| {
                paths(it, "crypto/keys.rs");
                second(it, "p-anna");
            }),
        ),
        ("budget-spent", with(|it| it["error_budget"]["remaining_permille"] = json!(0))),
        ("budget-unknown", with(|it| it["error_budget"]["known"] = json!(false))),
        ("frozen", with(|it| it["freeze"]["allowed"] = json!(false))),
        ("behind", with(|it| it["dependencies"][0]["satisfied"] = json!(false))),
        ("taken-back-twice", with(|it| past(it, 2))),
        (
            "everything",
            with(|it| {
                it["freeze"]["allowed"] = json!(false);
                it["sbom"]["present"] = json!(false);
                it["provenance"]["present"] = json!(false);
                it["scans"] = json!([]);
                it["tests"]["runs"] = json!([]);
                past(it, 4);
            }),
        ),
    ]
}

/// What holds of each builtin that a policy may call, and of orders and arithmetic; each line
/// becomes a denial, so that an engine to which it does not hold comes to another decision.
const HOLDS: &str = r#"
abs(-3) == 3
array.concat([1], [2, 3]) == [1, 2, 3]
array.reverse(["a", "b", "c"]) == ["c", "b", "a"]
array.slice(["a", "b", "c", "d"], 1, 3) == ["b", "c"]
ceil(7 / 2) == 4
floor(7 / 2) == 3
round(7 / 2) == 4
concat("-", ["a", "b"]) == "a-b"
contains("abc", "bc")
not contains("abc", "cb")
count("abc") + count({1, 1, 2}) + count({"a": 1}) + count([1, 1]) == 8
endswith("abc", "bc")
format_int(255, 16) == "ff"
indexof("abc", "c") == 2
indexof("abc", "x") == -1
intersection({{1, 2}, {2, 3}}) == {2}
union({{1, 2}, {2, 3}}) == {1, 2, 3}
{1, 2} & {2, 3} == {2}
{1, 2} | {2, 3} == {1, 2, 3}
{1, 2} - {2, 3} == {1}
is_array([])
is_boolean(false)
is_null(null)
is_number(1)
is_object({})
is_set(set())
is_string("")
not is_string(1)
lower("LOWER") == "lower"
upper("upper") == "UPPER"
max([3, 1, 2]) == 3
min({3, 1, 2}) == 1
sum([1, 2, 3]) == 6
product([2, 3, 4]) == 24
object.filter({"a": 1, "b": 2}, ["a"]) == {"a": 1}
object.get({"a": "there"}, "a", "not") == "there"
object.get({"a": "there"}, "b", "by default") == "by default"
object.keys({"b": 1, "a": 2}) == {"a", "b"}
object.remove({"a": 1, "b": 2}, ["a"]) == {"b": 2}
object.subset({"a": 1, "b": 2}, {"a": 1})
regex.match(`^a+\.b{2}$`, "aaa.bb")
not regex.match(`^a+$`, "b")
replace("x and x", "x", "y") == "y and y"
semver.is_valid("1.2.3-rc.1+b")
not semver.is_valid("1.2")
sort([3, 1, 2]) == [1, 2, 3]
split("a.b.c", ".") == ["a", "b", "c"]
sprintf("%s %v %v %v 100%%", ["text", 7, -7, true]) == "text 7 -7 true 100%"
startswith("abc", "ab")
strings.any_prefix_match(["xa", "yb"], ["y"])
strings.any_suffix_match("ab", ["a", "b"])
substring("abcdef", 1, 3) == "bcd"
substring("abcdef", 4, -1) == "ef"
to_number("42") == 42
trim("..trim..", ".") == "trim"
trim_left("..left", ".") == "left"
trim_right("right..", ".") == "right"
trim_prefix("x-prefix", "x-") == "prefix"
trim_suffix("suffix-x", "-x") == "suffix"
trim_space("  space  ") == "space"
type_name(1) == "number"
type_name(set()) == "set"
false < true
"a" < "b"
"z" < [1]
7 % 3 == 1
1795255200000 % 86400000 == 36000000
9007199254740991 - 1 == 9007199254740990
1795255200000 < 1795255200001
"a" in {"a", "b"}
not "c" in ["a", "b"]
"#;

fn builtins() -> String {
    let denial = |(number, line): (usize, &str)| {
        format!("deny contains \"line {number}\" if {{\n\t{line}\n}}\n")
    };
    HOLDS.lines().filter(|line| !line.is_empty()).enumerate().map(denial).collect()
}

#[test]
fn the_corpus_has_cases_of_both_ends_and_each_is_decided() {
    let cases = all();
    assert!(cases.len() >= 12);
    let open = cases.iter().filter(|case| case.decide().is_open()).count();
    assert!(open >= 5 && cases.len() - open >= 5, "{open} of {} open", cases.len());
}

#[test]
fn every_builtin_that_may_be_called_does_what_it_should() {
    let cases = all();
    let denied = cases.iter().find(|case| case.name == "builtins").unwrap().decide().deny;
    for (number, line) in HOLDS.lines().filter(|line| !line.is_empty()).enumerate() {
        let msg = format!("line {number}");
        assert!(denied.iter().any(|denial| denial.msg == msg), "{line}");
    }
}
