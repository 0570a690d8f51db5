//! A bundle that could fail open is refused when it is loaded, with place, reason and remedy.

use std::collections::BTreeMap;

use proptest::prelude::*;
use sluss_policy::{Bundle, BundleRefused, LintRule, digest};

use crate::sample;

fn refused(text: &str) -> BundleRefused {
    match sample::bundle(text) {
        Ok(_) => panic!("this was loaded:\n{text}"),
        Err(refused) => refused,
    }
}

/// Refused by a rule at a line of what was added.
fn refused_by(more: &str, rule: LintRule) -> String {
    let refused = refused(&sample::policy(more));
    let found = refused.problems.iter().find(|it| it.rule == rule);
    let Some(problem) = found else { panic!("{more}\nis not refused by {rule:?} but: {refused}") };
    assert!(!problem.mend.is_empty() && !problem.what.is_empty());
    problem.to_string()
}

#[test]
fn the_smallest_policy_is_loaded() {
    assert!(sample::bundle(&sample::policy("")).is_ok());
}

#[test]
fn what_is_not_rego_v1_is_refused_at_its_place() {
    let text = sample::policy("deny[msg] { msg := \"old\" }");
    let refused = refused(&text);
    let problem = &refused.problems[0];
    let line = text.lines().position(|it| it.starts_with("deny[msg]")).unwrap() + 1;
    assert_eq!((problem.file.as_str(), problem.line as usize), ("gate.rego", line), "{problem}");
    assert!(problem.col >= 1);
    assert_eq!(problem.rule, LintRule::RegoV1);
    assert!(problem.mend.contains("`contains`"));
}

#[test]
fn every_problem_is_said_at_once() {
    let more = "deny contains \"a\" if time.now_ns() > 0\n\ndeny contains \"b\" if input.nothing";
    assert!(refused(&sample::policy(more)).problems.len() >= 2);
}

#[test]
fn a_package_that_nobody_asks_is_refused() {
    let text = sample::policy("").replace("package sluss.gate", "package bank.gate");
    assert!(refused(&text).problems.iter().any(|it| it.rule == LintRule::Package));
    let text = sample::policy("").replace("package sluss.gate", "package sluss.gateway");
    assert!(refused(&text).problems.iter().any(|it| it.rule == LintRule::Package));
}

#[test]
fn a_banned_builtin_is_refused_in_a_branch_that_is_never_reached() {
    for call in [
        "http.send({\"method\": \"get\", \"url\": \"https://bank.example\"}).status_code == 200",
        "time.now_ns() > 0",
        "time.parse_rfc3339_ns(\"2026-11-22T00:00:00Z\") > 0",
        "rand.intn(\"x\", 2) == 1",
        "uuid.rfc4122(\"x\") == \"\"",
        "opa.runtime().env == {}",
        "io.jwt.verify_es256(\"\", \"\")",
        "crypto.sha256(\"\") == \"\"",
        "net.cidr_contains(\"10.0.0.0/8\", \"10.0.0.1\")",
        "print(\"hello\")",
        "trace(\"hello\")",
        "numbers.range(1, 1000000000)[_] == 1",
        "base64.encode(\"x\") == \"\"",
        "is_evreything(1)",
    ] {
        let name = call.split('(').next().unwrap();
        for branch in [
            format!("deny contains \"x\" if {{\n\tfalse\n\t{call}\n}}"),
            format!("never if {{\n\tfalse\n\tx := [y | y := 1; {call}]\n\tcount(x) > 0\n}}"),
            format!("never(x) if {{\n\tx == 1\n\tnot {call}\n}}"),
            format!("never := 1 if {{\n\tfalse\n}} else := 2 if {{\n\t{call}\n}}"),
            format!(
                "never if {{\n\tcount(input.findings) > 0\n\tevery f in input.findings {{\n\
                \t\tf.waived\n\t\t{call}\n\t}}\n}}"
            ),
            format!("never contains x if some x in [z | {call}; z := 1]"),
            format!("never[k] := 1 if {{\n\tsome k in [\"a\"]\n\t{{1 | {call}}} == set()\n}}"),
        ] {
            let said = refused_by(&branch, LintRule::Builtin);
            assert!(said.contains(&format!("`{name}` may not be called")), "{said}");
            assert!(said.starts_with("gate.rego:"), "{said}");
        }
    }
}

#[test]
fn a_banned_builtin_is_refused_in_a_test_too() {
    let mut files = BTreeMap::from([("gate.rego".to_owned(), sample::policy(""))]);
    let test = "package sluss.gate\n\nimport rego.v1\n\ntest_x if time.now_ns() > 0\n";
    files.insert("gate_test.rego".to_owned(), test.to_owned());
    let refused = Bundle::load(files).unwrap_err();
    assert_eq!(refused.problems[0].file, "gate_test.rego");
    assert_eq!((refused.problems[0].line, refused.problems[0].rule), (5, LintRule::Builtin));
}

#[test]
fn default_allow_has_to_be_false_and_there() {
    let none = sample::policy("").replace("default allow := false\n", "");
    assert!(refused(&none).problems.iter().any(|it| it.rule == LintRule::DefaultAllow));
    let open = sample::policy("").replace("default allow := false", "default allow := true");
    assert!(refused(&open).problems.iter().any(|it| it.rule == LintRule::DefaultAllow));
}

#[test]
fn allow_has_to_rest_on_evidence_in_each_of_its_bodies() {
    refused_by("allow if input.sbom.present", LintRule::Allow);
    refused_by("allow if not evidence_complete", LintRule::Allow);
    refused_by("allow := 1 if evidence_complete", LintRule::Allow);
    refused_by("allow := \"yes\" if { evidence_complete }", LintRule::Allow);
    let text = sample::policy("")
        .replace("count(deny) == 0\n}", "count(deny) == 0\n} else if {\n\tinput.sbom.present\n}");
    assert!(refused(&text).problems.iter().any(|it| it.rule == LintRule::Allow));
    let bare = sample::policy("").replace("\tevidence_complete\n", "");
    assert!(refused(&bare).problems.iter().any(|it| it.rule == LintRule::Allow));
}

#[test]
fn a_field_that_evidence_complete_does_not_name_is_refused() {
    for more in [
        "deny contains \"x\" if input.error_budget.remaining_permille == 0",
        "deny contains \"x\" if {\n\tsome run in input.tests.runs\n\trun.outcome != \"passed\"\n}",
        "deny contains input.release.id if input.sbom.present",
        "helper := input.freeze.until_ms",
        "helper(x) := x + input.freeze.until_ms",
        "deny contains \"x\" if data.elsewhere.limit > 3",
    ] {
        refused_by(more, LintRule::EvidenceComplete);
    }
    let said = refused_by(
        "deny contains \"x\" if input.error_budget.remaining_permille == 0",
        LintRule::EvidenceComplete,
    );
    assert!(said.contains("`input.error_budget.remaining_permille`"), "{said}");
}

#[test]
fn naming_a_field_where_a_missing_one_vanishes_is_not_naming_it() {
    let with = |statement: &str| {
        let text = sample::policy("deny contains \"x\" if not input.freeze.allowed");
        text.replace("input.now_ms > 0\n", &format!("input.now_ms > 0\n\t{statement}\n"))
    };
    assert!(sample::bundle(&with("is_boolean(input.freeze.allowed)")).is_ok());
    assert!(sample::bundle(&with("x := input.freeze.allowed")).is_ok());
    for statement in [
        "not input.freeze.allowed",
        "count([1 | input.freeze.allowed]) >= 0",
        "count({x | x := input.freeze.allowed}) >= 0",
    ] {
        let refused = refused(&with(statement));
        assert!(
            refused.problems.iter().any(|it| it.rule == LintRule::EvidenceComplete),
            "{statement}: {refused}"
        );
    }
}

#[test]
fn evidence_complete_has_one_body_and_no_other_way_to_hold() {
    refused_by("evidence_complete if input.sbom.present", LintRule::EvidenceComplete);
    refused_by("default evidence_complete := true", LintRule::EvidenceComplete);
    let none = sample::policy("").replace("evidence_complete if", "evidence if");
    let refused_none = refused(&none);
    let problem =
        refused_none.problems.iter().find(|it| it.rule == LintRule::EvidenceComplete).unwrap();
    assert!(problem.mend.contains("input.sbom.present"), "{problem}");
    let other = sample::policy("")
        .replace("is_array(input.approvals)\n}", "is_array(input.approvals)\n} else := true");
    assert!(refused(&other).problems.iter().any(|it| it.rule == LintRule::EvidenceComplete));
}

#[test]
fn every_over_a_list_needs_a_minimum_of_rows() {
    let every = |beside: &str| {
        format!(
            "all_mended if {{\n\t{beside}\n\tevery f in input.findings {{\n\
             \t\tf.status == \"fixed\"\n\t}}\n}}"
        )
    };
    for beside in
        ["true", "count(input.findings) >= 0", "count(input.approvals) > 0", "count(deny) == 0"]
    {
        refused_by(&every(beside), LintRule::MinimumCount);
    }
    for beside in [
        "count(input.findings) > 0",
        "count(input.findings) >= 1",
        "count( input.findings ) != 0",
        "1 <= count(input.findings)",
        "0 < count(input.findings)",
        "count(input.findings) == 3",
    ] {
        let bundle = sample::bundle(&sample::policy(&every(beside)));
        assert!(bundle.is_ok(), "{beside}: {}", bundle.unwrap_err());
    }
    let text = sample::policy(&every("true"))
        .replace("is_array(input.findings)", "count(input.findings) > 0");
    assert!(sample::bundle(&text).is_ok(), "evidence_complete may ask for the rows");
}

#[test]
fn a_field_that_the_contract_does_not_have_is_refused_with_the_nearest_that_it_has() {
    let cases = [
        ("deny contains \"x\" if input.sbom.presnt", "the nearest is `present`"),
        ("deny contains \"x\" if input.error_buget.known", "the nearest is `error_budget`"),
        (
            "deny contains \"x\" if {\n\tsome f in input.findings\n\tf.severty == \"x\"\n}",
            "`severity`",
        ),
        ("deny contains \"x\" if input.findings[_].duems > 1", "the nearest is `due_ms`"),
        ("deny contains \"x\" if {\n\tf := input.findings[0]\n\tf.state == \"x\"\n}", "`status`"),
        (
            "deny contains \"x\" if {\n\tsome a in input.approvals\n\tsome r in a.rolls\n\tr == \"x\"\n}",
            "`roles`",
        ),
        ("deny contains \"x\" if input.findings.severity == \"high\"", "some row in"),
        ("deny contains \"x\" if {\n\tsome k\n\tinput.sbom[k] == false\n}", "name the field"),
        ("deny contains \"x\" if input.sbom == {}", "name each field"),
        ("deny contains \"x\" if input == {}", "name each field"),
        ("deny contains \"x\" if input.now_ms.day == 1", "schema"),
    ];
    for (more, expected) in cases {
        let said = refused_by(more, LintRule::Contract);
        assert!(said.contains(expected), "{more}\n{said}");
    }
}

#[test]
fn a_rule_that_does_not_exist_is_refused() {
    refused_by("deny contains \"x\" if data.sluss.gate.evidence_is_complete", LintRule::Reference);
    let said = refused_by("deny contains \"x\" if evidence_is_complete", LintRule::Reference);
    assert!(said.contains("`evidence_is_complete` is neither"), "{said}");
    refused_by("deny contains \"x\" if not evidence_is_complete", LintRule::Reference);
    refused_by("deny contains f if input.sbom.present", LintRule::Reference);
    let unbound = refused(&sample::policy("deny contains \"x\" if {\n\tsome a, b\n\ta == b\n}"));
    assert!(unbound.to_string().contains("nothing gives `a` a value"), "{unbound}");
    refused_by("x := 1\n\ndeny contains \"y\" if {\n\tx := 2\n\tx == 2\n}", LintRule::Reference);
    assert!(unbound.problems[0].line > 15, "{unbound}");
}

#[test]
fn a_rule_that_needs_itself_is_refused() {
    let said = refused_by("a if b\n\nb if a\n\ndeny contains \"x\" if a", LintRule::Reference);
    assert!(said.contains("needs itself"), "{said}");
    refused_by("f(x) if {\n\tx > 0\n\tf(x - 1)\n}", LintRule::Reference);
    refused_by("deny contains \"x\" if data.sluss.gate.allow", LintRule::Reference);
}

#[test]
fn what_engines_read_differently_is_refused() {
    refused_by(
        "all_run if {\n\tcount(input.findings) > 0\n\tevery f in input.findings {\n\
         \t\tsome a in input.approvals\n\t\ta.person == f.id\n\t}\n}",
        LintRule::Portable,
    );
    for call in [r#"sprintf("%d", [-1])"#, r#"sprintf("%9s", ["x"])"#, "sprintf(input.gate, [1])"] {
        refused_by(&format!("text := {call}"), LintRule::Portable);
    }
    refused_by("newer if semver.compare(\"1.0.0\", \"2.0.0\") < 0", LintRule::Builtin);
    refused_by("both := object.union({}, {})", LintRule::Builtin);
    refused_by("first := [f.id | some i, f in input.findings; i < 1]", LintRule::Portable);
}

#[test]
fn what_hides_the_input_is_refused() {
    for more in [
        "deny contains \"x\" if {\n\tinput := {\"sbom\": 1}\n\tinput.sbom == 1\n}",
        "helper(input) if input.sbom.present",
        "deny contains \"x\" if {\n\tsome data in input.findings\n\tdata.id == \"\"\n}",
    ] {
        let refused = refused(&sample::policy(more));
        assert!(!refused.problems.is_empty());
    }
    let text = sample::policy("").replace("import rego.v1", "import rego.v1\nimport input.sbom");
    assert!(refused(&text).problems.iter().any(|it| it.rule == LintRule::Reference));
    refused_by(
        "deny contains \"x\" if evidence_complete with input as {\"now_ms\": 1}",
        LintRule::With,
    );
    refused_by(
        "deny contains \"x\" if object.get(input.sbom, \"present\", true)",
        LintRule::EvidenceComplete,
    );
}

#[test]
fn outputs_are_sets() {
    refused_by("require := {\"x\"}", LintRule::Outputs);
    refused_by("warn[x] := 1 if some x in [\"a\"]", LintRule::Outputs);
    let text = sample::policy("").replace(
        "deny contains \"no bill of materials\" if not input.sbom.present",
        "deny := {\"x\"} if not input.sbom.present",
    );
    assert!(refused(&text).problems.iter().any(|it| it.rule == LintRule::Outputs));
}

#[test]
fn tests_stand_in_files_of_tests_and_replace_no_rule() {
    refused_by("test_x if true", LintRule::Tests);
    let with = |text: &str| {
        let text = format!("package sluss.gate\n\nimport rego.v1\n\n{text}\n");
        Bundle::load(BTreeMap::from([
            ("gate.rego".to_owned(), sample::policy("")),
            ("gate_test.rego".to_owned(), text),
        ]))
    };
    assert!(with("test_x if true").is_ok());
    assert!(with("helper := 1").is_err());
    assert!(with("test_x if true\n\nallow if true").is_err());
}

#[test]
fn files_of_a_bundle_have_plain_paths() {
    for path in
        ["../x.rego", "/x.rego", "a//b.rego", ".hidden.rego", "x.txt", "a/data.json", "å.rego"]
    {
        let files = BTreeMap::from([
            ("gate.rego".to_owned(), sample::policy("")),
            (path.to_owned(), sample::policy("")),
        ]);
        let refused = Bundle::load(files).unwrap_err();
        assert_eq!(refused.problems[0].rule, LintRule::Files, "{path}");
    }
}

#[test]
fn data_of_a_bundle_is_read_alike_by_everyone() {
    for (data, expected) in [
        ("{\"a\": 1,\n \"a\": 2}", "data.json:2:"),
        ("{\"a\": 0.5}", "not an integer"),
        ("[]", "not an object"),
        ("{\"sluss\": {}}", "would hide the rules"),
        ("{\"a\": 1} x", "trailing"),
    ] {
        let files = BTreeMap::from([
            ("gate.rego".to_owned(), sample::policy("")),
            ("data.json".to_owned(), data.to_owned()),
        ]);
        let refused = Bundle::load(files).unwrap_err().to_string();
        assert!(refused.contains(expected), "{data}: {refused}");
    }
}

#[test]
fn a_library_below_the_gate_is_taken_with_its_functions() {
    let library = "package sluss.gate.lib\n\nimport rego.v1\n\n\
        late(when, now) if when < now\n\nseen := input.state_size\n";
    let more = "import data.sluss.gate.lib\n";
    let gate = |named: &str| {
        let text = sample::policy(
            "deny contains f.id if {\n\tsome f in input.findings\n\tlib.late(f.due_ms, 3)\n\
             \tdata.sluss.gate.lib.late(1, 2)\n}",
        );
        text.replace("import rego.v1\n", &format!("import rego.v1\n{more}"))
            .replace("input.now_ms > 0\n", &format!("input.now_ms > 0\n\t{named}\n"))
    };
    let load = |named: &str| {
        Bundle::load(BTreeMap::from([
            ("gate.rego".to_owned(), gate(named)),
            ("lib.rego".to_owned(), library.to_owned()),
        ]))
    };
    assert!(load("input.state_size > 0").is_ok(), "{}", load("input.state_size > 0").unwrap_err());
    let refused = load("true").unwrap_err();
    assert_eq!(refused.problems[0].file, "lib.rego", "{refused}");
}

#[test]
fn the_digest_tells_bundles_apart_whatever_their_seams() {
    let of = |files: &[(&str, &str)]| {
        digest(&files.iter().map(|(path, text)| ((*path).into(), (*text).into())).collect())
    };
    assert_ne!(of(&[("a", "bc")]), of(&[("ab", "c")]));
    assert_ne!(of(&[("a", "b"), ("c", "d")]), of(&[("a", "bc"), ("d", "")]));
    assert_eq!(of(&[("a", "1"), ("b", "2")]), of(&[("b", "2"), ("a", "1")]));
    assert_eq!(sample::bank().sha256(), sample::bank().sha256());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_loader_break_down(text in "\\PC{0,200}") {
        let _either = sample::bundle(&text);
        let _either = sample::bundle(&sample::policy(&text));
    }

    #[test]
    fn a_policy_with_a_line_lost_is_refused_or_still_needs_its_evidence(lost in 0usize..18) {
        let policy = sample::policy("");
        let text: Vec<&str> = policy
            .lines()
            .enumerate()
            .filter(|(number, _)| *number != lost)
            .map(|(_, line)| line)
            .collect();
        if let Ok(bundle) = sample::bundle(&text.join("\n")) {
            let mut input = sample::input();
            input["sbom"].as_object_mut().unwrap().remove("present");
            let decision = sluss_policy::evaluate(
                &bundle,
                sluss_policy::NO_DATA,
                &sample::bytes(&input),
                sample::limits(),
            );
            prop_assert!(!decision.is_open());
        }
    }
}
