//! The sample policy over real steps: a bank whose releases are listed and scanned, and what an
//! auditor takes out of it.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::{Customers, Repository, Sluss, answer, free_port, program, wait_for};

/// How long a step of the story may take.
pub const PATIENCE: Duration = Duration::from_secs(180);

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
const REPORT: &str = r#"{"version":"2.1.0","runs":[{"tool":{"driver":{
"name":"scanner","version":"1.0","rules":[{"id":"CVE-2026-1","properties":{"security-severity":"3.1"}}]}},
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

/// Locked packages of the service that goes to customers.
const LOCKED: &str = "flask==3.1.0\nwerkzeug==3.1.3\n";

/// What no packager knows of in it.
const VENDORED: &str = r#"{"spdxVersion":"SPDX-2.3","dataLicense":"CC0-1.0",
"SPDXID":"SPDXRef-DOCUMENT","name":"vendored","documentNamespace":"https://git.test/vendored",
"creationInfo":{"created":"2026-11-21T10:00:00Z","creators":["Organization: Test bank"]},
"packages":[{"SPDXID":"SPDXRef-zlib","name":"zlib","versionInfo":"1.3.1",
"downloadLocation":"NOASSERTION","filesAnalyzed":false,"licenseDeclared":"Zlib",
"externalRefs":[{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl",
"referenceLocator":"pkg:generic/zlib@1.3.1"}]}],
"relationships":[{"spdxElementId":"SPDXRef-DOCUMENT","relationshipType":"DESCRIBES",
"relatedSpdxElement":"SPDXRef-zlib"}]}"#;

/// What a supplier says of what it delivers.
const SUPPLIED: &str = r#"{"bomFormat":"CycloneDX","specVersion":"1.7","components":[
{"type":"library","bom-ref":"hsm","name":"hsm-client","version":"7.2.0",
"purl":"pkg:generic/hsm-client@7.2.0"}]}"#;

/// Starts a Sluss whose organisation has the sample policy.
pub fn bank() -> Sluss {
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
pub fn push(sluss: &Sluss, service: &str, port: u16, files: &[(&str, &str)]) {
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
pub fn decided(sluss: &Sluss, service: &str, gate: &str, is: impl Fn(&Value) -> bool) {
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

/// Brings a release with a bill of materials and scans to customers; returns its name.
pub fn deliver(sluss: &Sluss) -> String {
    let port = free_port();
    let files =
        [("requirements.txt", LOCKED), ("sbom.spdx.json", VENDORED), ("sbom.cdx.json", SUPPLIED)];
    push(sluss, "listed", port, &files);
    // A first release is judged by what its customers get.
    wait_for("it answers", PATIENCE, || answer(port, "/ready"));
    let _customers = Customers::begin(port, 8, Duration::from_millis(20));
    let change = wait_for("customers have it", PATIENCE, || {
        sluss.change("listed", "listed").filter(|change| change["phase"] == "delivered")
    });
    change["release"].as_str().expect("it has a release").to_owned()
}

/// Takes out into `folder` what an auditor is given: `it.zip`, `trust/`, `controls.cdx.json`.
/// Returns what was said of the dossier.
pub fn take(sluss: &Sluss, release: &str, folder: &Path) -> String {
    let does = |arguments: &[&str]| {
        let (succeeded, said) = sluss.run_in(folder, &program(), arguments);
        assert!(succeeded, "{said}");
        said
    };
    let said = does(&["dossier", "export", release, "--out", "it.zip"]);
    does(&["log", "trust", "--out", "trust"]);
    let controls = does(&["controls", "export", "--from", "2020-01-01", "--to", "2099-12-31"]);
    let begins = controls.find('{').expect("it is JSON");
    let ends = controls.rfind('}').expect("it is JSON");
    std::fs::write(folder.join("controls.cdx.json"), &controls[begins..=ends])
        .expect("a file can be written");
    said
}
