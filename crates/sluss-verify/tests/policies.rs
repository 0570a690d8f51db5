//! What policies decided is decided again, whatever came out, and what they required besides was
//! met, or it is said.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed, and says where")]

#[path = "../../sluss-policy/tests/it/sample.rs"]
#[expect(dead_code, reason = "the policies' own tests use more of it")]
mod sample;

use std::process::Command;

use serde_json::{Value, json};
use sluss_ledger::Hash;
use sluss_ledger::dossier::{Disposed, PolicyFile, build};
use sluss_ledger::sample::{
    Draft, Ledger, artifact, attestation_key, log_key, person, signed, test_result,
};
use sluss_policy::{Bundle, evaluate};

const DATA: &[u8] = b"{}";
/// The commit by which the policies came into force.
const COMMIT: &str = "4f1c3a5e7b9d0f2a4c6e8b0d1f3a5c7e9b1d3f50";
const RISK: &str = r#"require contains {"kind": "approvals", "role": "risk", "count": 2}"#;
const CANARY: &str = r#"require contains {"kind": "canary_at_most", "permille": 50}"#;

/// One decision of policies, and what happened around it.
struct Told {
    /// What the policy says beyond the smallest one.
    policy: String,
    /// The policy that the organisation had in force, where that was another.
    in_force: Option<String>,
    /// What the policy was given.
    input: Value,
    /// Who agreed before, of the group `risk` ada, grace, hedy and linus are.
    agreed: Vec<&'static str>,
    /// Who decides for whom.
    stands_in: Option<(&'static str, &'static str)>,
    /// What the gate made of it.
    outcome: Value,
    /// What is written in the place of what came out.
    result: Option<fn(&mut Value)>,
    /// Its first share of the traffic, in basis points; all of it at once without one.
    first_share: Option<u64>,
    /// Whether the input was disposed of.
    disposed: bool,
    /// What the organisation says of its policies.
    governance: Value,
    /// Whether grace agreed to the configuration, which is leaf 2 then.
    approved: bool,
    /// What the decision says of how it was made, beside the digests.
    made: Value,
}

fn allowed() -> Value {
    let input = Hash::sha256(&sample::bytes(&sample::input()));
    json!({"outcome": "cleared", "why": {"policy_allows": {"input": input, "warnings": []}}})
}

fn answerless(why: &str) -> Value {
    json!({"outcome": "waiting", "on": {"policy_answer": {"why": why}}})
}

impl Told {
    fn by(more: &str) -> Self {
        Self {
            policy: sample::policy(more),
            in_force: None,
            input: sample::input(),
            agreed: vec!["grace", "hedy"],
            stands_in: None,
            outcome: allowed(),
            result: None,
            first_share: Some(500),
            disposed: false,
            governance: Value::Null,
            approved: false,
            made: json!({}),
        }
    }

    /// Lets the auditor's program look at the dossier of it; returns its exit code and what it said
    /// of the check `policy`.
    fn judged(&self) -> (i32, String) {
        let mut ledger = Ledger::default();
        ledger.event(Draft::new("log", "log.opened", json!({"demo": true})));
        let pack = |text: &str| serde_json::to_vec(&json!({ "gate.rego": text })).unwrap();
        let bundle = pack(&self.policy);
        let in_force = Hash::sha256(&self.in_force.as_deref().map_or(bundle.clone(), pack));
        self.organisation(&mut ledger, in_force);
        self.request(&mut ledger);
        let files = [("gate.rego".to_owned(), self.policy.clone())].into();
        let input = sample::bytes(&self.input);
        let decision = evaluate(&Bundle::load(files).unwrap(), DATA, &input, sample::limits());
        let mut result = serde_json::to_value(&decision).unwrap();
        if let Some(change) = self.result {
            change(&mut result);
        }
        let result = serde_json::to_vec(&result).unwrap();
        let mut record = self.made.clone();
        let digests = [
            ("bundle_sha256", &bundle[..]),
            ("data_sha256", DATA),
            ("input_sha256", &input),
            ("result_sha256", &result),
        ];
        for (name, content) in digests {
            record[name] = json!(Hash::sha256(content));
        }
        let decided = ledger.event(Draft::new(
            "deployment/dep-1",
            "gate.decided",
            json!({"deployment": "dep-1", "gate": "policy", "outcome": self.outcome,
                "policy": record}),
        ));
        self.rollout(&mut ledger);
        let gone = json!({"sha256": Hash::sha256(&input), "class": "10y"});
        let gone = self.disposed.then(|| ledger.event(Draft::new("log", "blob.disposed", gone)));
        let (count, head) = ledger.head("release/rel-1");
        let seal = json!({"n": 1, "count": count, "head": head});
        ledger.event(Draft::new("release/rel-1", "release.sealed", seal));
        let mut parts = ledger.parts("rel-1", &log_key(1)).unwrap();
        parts.policy = [
            ((decided, PolicyFile::Bundle), bundle),
            ((decided, PolicyFile::Data), DATA.to_vec()),
            ((decided, PolicyFile::Input), input.clone()),
            ((decided, PolicyFile::Result), result),
        ]
        .into();
        if let Some(leaf) = gone {
            parts.policy.remove(&(decided, PolicyFile::Input));
            let (sha256, class) = (Hash::sha256(&input), "10y".to_owned());
            parts.disposed = vec![Disposed { sha256, class, leaf }];
        }
        verified(&build(&parts, &attestation_key(1)).unwrap())
    }

    fn organisation(&self, ledger: &mut Ledger, policies: Hash) {
        let risk = ["ada", "grace", "hedy", "linus"].map(|name| person(name).reference);
        let mut organisation =
            json!({"policies": policies, "approvers": [risk[3]], "groups": {"risk": risk}});
        if !self.governance.is_null() {
            organisation["policy"] = self.governance.clone();
        }
        let proposed = json!({"number": 1, "organisation": organisation});
        ledger.event(Draft::new("config", "config.proposed", proposed));
        if self.approved {
            let granted = json!({"subject": "cfg-1", "statement": Hash::sha256(b"asked"),
                "by": person("grace").reference});
            ledger.event(Draft::new("config", "approval.granted", granted).by("grace"));
        }
        let activated = json!({"number": 1, "commit": COMMIT});
        ledger.event(Draft::new("config", "config.activated", activated));
        if let Some((from, to)) = self.stands_in {
            let reference = |name| person(name).reference;
            let delegation = json!({"from": reference(from), "to": reference(to), "since": 0,
                "until": i64::MAX / 4096});
            let delegated = json!({ "delegation": delegation });
            ledger.event(Draft::new("access", "access.delegated", delegated).by(from));
        }
    }

    fn request(&self, ledger: &mut Ledger) {
        let key = attestation_key(1);
        let pushed = json!({"change": "chg-1", "contributors": [person("ada").reference]});
        ledger.event(Draft::new("change/chg-1", "change.pushed", pushed).by("ada"));
        let queued = json!({"run": "run-1", "change": "chg-1"});
        ledger.event(Draft::new("run/run-1", "run.queued", queued));
        let tests = ledger.attestation(signed(&test_result(), &key).unwrap(), &key);
        let created = json!({"release": "rel-1", "run": "run-1"});
        let mut created = Draft::new("release/rel-1", "release.created", created);
        created.subject = vec![artifact()];
        created.atts = vec![tests];
        ledger.event(created);
        let event = |kind, data| Draft::new("deployment/dep-1", kind, data);
        let requested = json!({"deployment": "dep-1", "release": "rel-1"});
        ledger.event(event("deployment.requested", requested));
        let statement = json!({"release": "rel-1", "artifacts": [artifact()]}).to_string();
        let statement = ledger.blob(statement);
        let subject = json!({"subject": "dep-1", "statement": statement});
        ledger.event(event("approval.requested", subject.clone()));
        for name in &self.agreed {
            let mut granted = subject.clone();
            granted["by"] = json!(person(name).reference);
            ledger.event(event("approval.granted", granted).by(name));
        }
    }

    fn rollout(&self, ledger: &mut Ledger) {
        let mut event = |kind, data| ledger.event(Draft::new("deployment/dep-1", kind, data));
        if self.outcome["outcome"] == "cleared" {
            event("deployment.cleared", json!({"deployment": "dep-1"}));
            event("deployment.started", json!({"deployment": "dep-1"}));
            for share in self.first_share.into_iter().chain([10_000]).take(2) {
                if self.first_share.is_some() {
                    event("rollout.shifted", json!({"deployment": "dep-1", "share": share}));
                }
            }
            event("deployment.live", json!({"deployment": "dep-1"}));
        }
    }
}

fn verified(files: &sluss_ledger::dossier::Files) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    for (path, content) in files {
        let mut places = vec![folder.path().join("dossier").join(path)];
        places.extend(path.starts_with("trust/").then(|| folder.path().join(path)));
        for path in places {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluss-verify"));
    command.args(["dossier", "--trust", "trust"]).current_dir(folder.path());
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let wrong = said.lines().find(|line| line.contains("FAILED") && !line.contains(" policy "));
    assert_eq!(wrong, None, "{said}");
    let of_policy: Vec<&str> = said.lines().filter(|line| line.contains(" policy ")).collect();
    (output.status.code().unwrap(), of_policy.join("\n"))
}

#[track_caller]
fn assert_said(told: &Told, code: i32, words: &str) {
    let (found, said) = told.judged();
    assert!(found == code && said.contains(words), "{found}: {said}");
}

#[test]
fn a_decision_that_comes_out_the_same_again_passes() {
    assert_said(&Told::by(""), 0, "passed       policy           1 decisions made again");
}

#[test]
fn a_decision_that_came_to_no_answer_is_decided_again_too() {
    let conflict = "answer := 1 if input.now_ms > 0\n\nanswer := 2 if input.sbom.present\n\n\
                    deny contains \"never\" if answer == 3";
    let failing = || Told { outcome: answerless("failed"), ..Told::by(conflict) };
    assert_said(&failing(), 0, "1 decisions made again");
    assert_said(
        &Told { outcome: answerless("undefined"), ..failing() },
        1,
        "no answer now (failed)",
    );
    assert_said(&Told { outcome: allowed(), ..failing() }, 1, "no answer now (failed)");
    // What would have passed was not kept for an answer that nobody got.
    assert_said(&Told { outcome: answerless("failed"), ..Told::by("") }, 1, "not known");
}

#[test]
fn a_policy_that_had_too_little_time_kept_it_and_that_is_said() {
    let timed_out = |result: &mut Value| {
        result["allow"] = json!(false);
        result["closed_because"] = json!({"kind": "timed_out", "limit_ms": 50});
    };
    let late = || Told { result: Some(timed_out), ..Told::by("") };
    assert_said(
        &Told { outcome: answerless("timeout"), ..late() },
        0,
        "not to be repeated: timeout",
    );
    assert_said(&late(), 1, "and the gate to another");
}

#[test]
fn another_result_than_comes_out_is_named_by_its_field() {
    let denied = |result: &mut Value| result["deny"] = json!([{"rule": "made.up"}]);
    assert_said(&Told { result: Some(denied), ..Told::by("") }, 1, "`deny` was recorded as");
    let required = |result: &mut Value| result["require"] = json!([]);
    assert_said(&Told { result: Some(required), ..Told::by(RISK) }, 1, "`require` was recorded as");
    let warned = |result: &mut Value| result["warnings"] = json!([{"rule": "made.up"}]);
    assert_said(&Told { result: Some(warned), ..Told::by("") }, 1, "`warnings` was recorded as");
    let open = |result: &mut Value| result["allow"] = json!(true);
    let without = sample::changed(|input| input["sbom"]["present"] = json!(false));
    let on = json!({"policy": {"input": "", "rules": ["legacy"]}});
    let kept = || Told {
        input: without.clone(),
        outcome: json!({"outcome": "waiting", "on": on}),
        ..Told::by("")
    };
    assert_said(&kept(), 0, "1 decisions made again");
    assert_said(&Told { result: Some(open), ..kept() }, 1, "`allow` was recorded as");
}

#[test]
fn a_decision_by_other_policies_than_those_in_force_fails() {
    let told = Told { in_force: Some(sample::policy("# stricter")), ..Told::by("") };
    assert_said(&told, 1, "other policies than those that were in force");
}

#[test]
fn an_obligation_is_met_by_people_of_the_role_who_had_no_hand_in_it() {
    let by = |agreed: &[&'static str]| Told { agreed: agreed.to_vec(), ..Told::by(RISK) };
    assert_said(&by(&["grace", "hedy"]), 0, "1 obligation met");
    assert_said(&by(&["grace"]), 1, "1 of 2 agreed of role risk");
    assert_said(&by(&["grace", "grace"]), 1, "1 of 2 agreed of role risk");
    assert_said(&by(&["grace", "edith"]), 1, "1 of 2 agreed of role risk");
}

#[test]
fn somebody_counts_for_a_role_whose_member_handed_over_to_them() {
    let by = |from| Told {
        agreed: vec!["grace", "edith"],
        stands_in: Some((from, "edith")),
        ..Told::by(RISK)
    };
    assert_said(&by("linus"), 0, "1 obligation met");
    assert_said(&by("margaret"), 1, "1 of 2 agreed of role risk");
    // Who contributed hands nothing over.
    assert_said(&by("ada"), 1, "1 of 2 agreed of role risk");
}

#[test]
fn an_obligation_about_the_first_share_is_held_against_what_the_release_got() {
    let got = |first_share| Told { first_share, ..Told::by(CANARY) };
    assert_said(&got(Some(500)), 0, "1 obligation met");
    assert_said(&got(Some(501)), 1, "its first share was 501 of 10000");
    assert_said(&got(None), 1, "all traffic at once");
}

#[test]
fn an_input_that_was_disposed_of_leaves_the_decision_unchecked() {
    let told = Told { disposed: true, ..Told::by("") };
    assert_said(&told, 2, "disposed of under a policy");
}

#[test]
fn a_decision_names_the_commit_and_the_approval_by_which_its_policies_came_into_force() {
    let made = |made: Value, approved| Told { made, approved, ..Told::by("") };
    let right = json!({"commit": COMMIT, "approved_leaf": 2, "duration_us": 400});
    assert_said(&made(right.clone(), true), 0, "1 decisions made again");
    let unasked = json!({ "commit": COMMIT });
    assert_said(&made(unasked.clone(), false), 0, "1 decisions made again");
    // Each thing that is said otherwise is found.
    assert_said(&made(unasked, true), 1, "does not name the approval of its policies");
    let other = json!({"commit": COMMIT, "approved_leaf": 1});
    assert_said(&made(other.clone(), true), 1, "by another approval than it says");
    assert_said(&made(other, false), 1, "what it names as the approval of its policies is none");
    let elsewhere = json!({"commit": "0".repeat(40), "approved_leaf": 2});
    assert_said(&made(elsewhere, true), 1, "by another commit than it says");
}

/// A release without a bill of materials, which `legacy` denies, let through as a warning.
fn warned(governance: Value, made: Value) -> Told {
    let input = sample::changed(|input| input["sbom"]["present"] = json!(false));
    let given = Hash::sha256(&sample::bytes(&input));
    let would = json!({"would_refuse": {"input": given, "rules": ["legacy"]}});
    let outcome = json!({"outcome": "cleared", "why": would});
    Told { input, outcome, governance, made, ..Told::by("") }
}

#[test]
fn what_only_warned_was_said_to_only_warn_and_would_be_refused_by_the_same_rules() {
    let (warn, rule) = (json!({"mode": "warn"}), json!({"warn": ["legacy"]}));
    assert_said(&warned(warn.clone(), warn.clone()), 0, "1 decisions made again");
    assert_said(&warned(rule, json!({})), 0, "1 decisions made again");
    assert_said(&warned(Value::Null, json!({})), 1, "`legacy` was enforced");
    assert_said(&warned(json!({"warn": ["sbom"]}), json!({})), 1, "`legacy` was enforced");
    assert_said(&warned(Value::Null, warn.clone()), 1, "in the mode `block`");
    let passes = Told { input: sample::input(), ..warned(warn.clone(), warn) };
    assert_said(&passes, 1, "");
}

#[test]
fn policies_that_were_enforced_let_nothing_pass_by_coming_to_no_answer() {
    let conflict = "answer := 1 if input.now_ms > 0\n\nanswer := 2 if input.sbom.present\n\n\
                    deny contains \"never\" if answer == 3";
    let would = json!({"would_refuse": {"why": "failed"}});
    let outcome = json!({"outcome": "cleared", "why": would});
    let told = |said: Value| Told {
        outcome: outcome.clone(),
        governance: said.clone(),
        made: said,
        ..Told::by(conflict)
    };
    assert_said(&told(json!({"mode": "warn"})), 0, "1 decisions made again");
    assert_said(&told(json!({})), 1, "came to no answer let it pass");
}
