//! The sample policy of `examples/controls` over real steps: a release that is listed and scanned
//! goes to customers, one without a bill of materials does not, and a product may ask for more.

use std::path::Path;
use std::time::Duration;

use e2e::{Customers, Repository, Sluss, answer, free_port, program, wait_for};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(180);

const ORGANISATION: &str = "name: Test bank
four_eyes: never
require: [tests, verdict]
products:
  plain: { title: Plain, owner: payments }
  strict: { title: Strict, owner: payments, require: [sbom, findings] }
services: { listed: strict, unlisted: strict, bare: plain }
people: { ada: [developer, approver] }
";

const POLICIES: [(&str, &str); 3] = [
    ("production.rego", include_str!("../../examples/controls/policies/production.rego")),
    ("production_test.rego", include_str!("../../examples/controls/policies/production_test.rego")),
    ("data.json", include_str!("../../examples/controls/policies/data.json")),
];

/// What a scanner leaves that found one thing of little weight.
const REPORT: &str = r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"scanner","version":"1.0",
"rules":[{"id":"CVE-2026-1","properties":{"security-severity":"3.1"}}]}},
"results":[{"ruleId":"CVE-2026-1","message":{"text":"of little weight"}}]}]}"#;

/// The steps that the sample policy asks for by their names.
const SCANS: &str = "steps:
  dependencies:
    run: cp found.json dependencies.sarif
    reports: { sarif: dependencies.sarif }
  secrets:
    run: cp found.json secrets.sarif
    reports: { sarif: secrets.sarif }
";

fn bank() -> Sluss {
    let sluss = Sluss::up();
    let folder = sluss.scratch("platform");
    let platform = Repository::of(&folder);
    platform.pull(&sluss.remote("platform"));
    std::fs::create_dir_all(folder.join("policies")).expect("a folder can be made");
    for (name, text) in POLICIES {
        platform.write(&format!("policies/{name}"), text);
    }
    platform.write("organisation.yaml", ORGANISATION);
    platform.commit("The bank's policy");
    let (pushed, said) = platform.push(&sluss.remote("platform"), "main");
    assert!(pushed, "{said}");
    wait_for("the policy is active", PATIENCE, || {
        (sluss.get("/api/v1/status")?["organisation"] == "Test bank").then_some(())
    });
    sluss
}

/// Pushes a service, with these files besides its own.
fn push(sluss: &Sluss, service: &str, port: u16, files: &[(&str, &str)]) {
    let folder = sluss.scratch(service);
    let repository = Repository::begin(&folder, service, port, "progressive");
    repository.service("one", "0.0");
    let file = std::fs::read_to_string(folder.join("sluss.yaml")).expect("it was written");
    repository.write("sluss.yaml", &format!("{file}{SCANS}"));
    repository.write("found.json", REPORT);
    for (name, text) in files {
        repository.write(name, text);
    }
    repository.commit(service);
    let (pushed, said) = repository.push(&sluss.remote(service), "main");
    assert!(pushed, "{said}");
}

/// Waits for what a gate says last of a service's deployment to its customers.
fn decided(sluss: &Sluss, service: &str, gate: &str, is: impl Fn(&Value) -> bool) {
    let what = format!("{gate} of {service}");
    wait_for(&what, PATIENCE, || {
        let change = sluss.change(service, service)?;
        assert!(!change["sentence"].to_string().contains("failed"), "{change:#}");
        let events = sluss.events();
        let created = |event: &&Value| {
            event["type"] == "deployment.requested" && event["data"]["environment"] == "production"
        };
        let run = change["run"].as_str()?;
        let release = events
            .iter()
            .find(|event| event["type"] == "release.created" && event["data"]["run"] == run)?;
        let release = &release["data"]["release"];
        let requested = events.iter().filter(created);
        let mut ours = requested.filter(|event| event["data"]["release"] == *release);
        let deployment = &ours.next_back()?["data"]["deployment"];
        let said = events.iter().rfind(|event| {
            event["type"] == "gate.decided"
                && event["data"]["deployment"] == *deployment
                && event["data"]["gate"] == gate
        })?;
        is(&said["data"]["outcome"]).then_some(())
    });
}

/// Takes the dossier out and verifies it: what policies decided comes out the same again, and
/// nothing of a changed file does.
fn an_auditor_decides_again(sluss: &Sluss, service: &str) {
    let desk = sluss.scratch("desk");
    let change = sluss.change(service, service).expect("it is known");
    let release = change["release"].as_str().expect("it has a release").to_owned();
    let does = |program: &Path, arguments: &[&str]| sluss.run_in(&desk, program, arguments);
    for arguments in [
        &["dossier", "export", &release, "--out", "it.zip"][..],
        &["log", "trust", "--out", "trust"],
    ] {
        let (succeeded, said) = does(&program(), arguments);
        assert!(succeeded, "{said}");
    }
    let verify = program().with_file_name("sluss-verify");
    let (succeeded, said) = does(&verify, &["it.zip", "--trust", "trust"]);
    let again = said.lines().find(|line| line.contains("passed       policy"));
    assert!(again.is_some_and(|line| line.contains("made again")) && succeeded, "{said}");
    let mut bytes = std::fs::read(desk.join("it.zip")).expect("it was written");
    let told = br#""present":true"#;
    let at = bytes.windows(told.len()).position(|part| part == told);
    bytes[at.expect("the input tells of it") + told.len() - 1] ^= 1;
    std::fs::write(desk.join("it.zip"), bytes).expect("a file can be written");
    let (succeeded, said) = does(&verify, &["it.zip", "--trust", "trust"]);
    assert!(!succeeded && said.contains("FAILED"), "{said}");
}

#[test]
fn the_sample_policy_lets_a_good_release_through_and_keeps_one_without_bill_of_materials() {
    let sluss = bank();
    let port = free_port();
    push(&sluss, "listed", port, &[("requirements.txt", "flask==3.1.0\nwerkzeug==3.1.3\n")]);
    push(&sluss, "bare", free_port(), &[]);
    push(&sluss, "unlisted", free_port(), &[("requirements.txt", "flask>=3\n")]);

    decided(&sluss, "listed", "policy", |outcome| outcome["outcome"] == "cleared");
    decided(&sluss, "listed", "sbom", |outcome| outcome["why"]["listed"]["components"] == 2);
    decided(&sluss, "listed", "findings", |outcome| {
        // One in each report; what lies in a packed folder is a report of that step, too.
        let read = &outcome["why"]["no_critical_findings"];
        read["reports"].as_u64() >= Some(2) && read["findings"]["low"] == read["reports"]
    });
    // A first release is judged by what its customers get.
    wait_for("it answers", PATIENCE, || answer(port, "/ready"));
    let _customers = Customers::begin(port, 8, Duration::from_millis(20));
    wait_for("customers have it", PATIENCE, || {
        (sluss.change("listed", "listed")?["phase"] == "delivered").then_some(())
    });

    an_auditor_decides_again(&sluss, "listed");

    decided(&sluss, "bare", "policy", |outcome| {
        let rules = outcome["on"]["policy"]["rules"].as_array();
        rules.is_some_and(|rules| rules.iter().any(|rule| rule == "sbom.present"))
    });
    decided(&sluss, "unlisted", "sbom", |outcome| {
        let why = &outcome["why"]["no_sbom"]["why"];
        outcome["outcome"] == "refused" && why["malformed"]["file"] == "requirements.txt"
    });
    for kept in ["bare", "unlisted"] {
        assert_ne!(sluss.change(kept, kept).expect("it is known")["phase"], "delivered");
    }
}
