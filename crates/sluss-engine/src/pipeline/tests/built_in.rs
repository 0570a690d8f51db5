//! What the built-in templates ask, and the pipelines that they become.

use expect_test::expect;
use sluss_core::pipeline::{EnvironmentKind, GateKind, StepKind};

use super::*;

#[test]
fn every_built_in_template_has_an_owner_a_review_day_and_a_readme() {
    let catalogue = Catalogue::built_in();
    assert_eq!(catalogue.templates().count(), BUILT_IN.len());
    for (template, files) in catalogue.templates().zip(BUILT_IN) {
        assert_eq!(template.name.to_string(), files.folder);
        assert_eq!(template.owner.as_str(), "platform");
        assert!(template.review > "2027-01-01".parse().unwrap());
        assert!(files.readme.starts_with(&format!("# {}\n", files.folder)), "{}", files.folder);
        for input in &template.inputs {
            let row = format!("| `{}` |", input.name);
            assert!(files.readme.contains(&row), "{}: {}", files.folder, input.name);
        }
    }
}

#[test]
fn what_the_built_in_templates_ask_is_written_down() {
    let mut text = String::new();
    for template in Catalogue::built_in().templates() {
        text.push_str(&format!("{}\n", template.name));
        for input in &template.inputs {
            let default = input.default.as_ref().map(|value| format!("{:?}", value.text()));
            let default = default.unwrap_or_else(|| "needed".to_owned());
            text.push_str(&format!("  {} {:?} {default}\n", input.name, input.kind));
        }
    }
    expect![[r#"
        command@1
          port Port "8080"
          start Text needed
          fetch Text ""
          build Text ""
          files List "."
          ready Route ""
          test Text ""
          acceptance Text ""
          measure Text ""
          slower Text "10%"
          instances Integer "1"
          rollout Text "progressive"
        go-service@1
          port Port "8080"
          package Path "."
          arguments List ""
          ready Route ""
          test Text "go test -v ./..."
          acceptance Text ""
          measure Text ""
          slower Text "10%"
          instances Integer "1"
          rollout Text "progressive"
        node-service@1
          port Port "8080"
          start Text needed
          build Text ""
          ready Route ""
          test Text "node --test"
          acceptance Text ""
          measure Text ""
          slower Text "10%"
          instances Integer "1"
          rollout Text "progressive"
        python-service@1
          port Port "8080"
          start Text needed
          ready Route ""
          test Text "auto"
          acceptance Text ""
          measure Text ""
          slower Text "10%"
          instances Integer "1"
          rollout Text "progressive"
        rust-service@1
          port Port "8080"
          binary Text needed
          also List ""
          arguments List ""
          ready Route "/ready"
          test Text "auto"
          acceptance Text ""
          measure Text ""
          slower Text "10%"
          instances Integer "1"
          rollout Text "progressive"
    "#]]
    .assert_eq(&text);
}

#[test]
fn the_sample_service_is_built_tested_and_delivered_in_two_stages() {
    let text = "service: payments\nproduct: instant-payments\ntemplate: rust-service@1\n\
        with: { port: 8080, binary: payments, also: [payments-load] }\n";
    let pipeline = resolve(text).unwrap().pipeline;
    let steps: Vec<String> = pipeline
        .steps()
        .iter()
        .map(|step| format!("{:?} {} needs {:?}", step.kind, step.name, step.needs.len()))
        .collect();
    assert_eq!(steps, ["Fetch fetch needs 0", "Run build needs 1", "Run test needs 1"]);
    assert_eq!(pipeline.steps()[1].environment["BINARIES"], "payments payments-load");
    let output = &pipeline.steps()[1].outputs[0];
    assert_eq!((output.name.as_str(), output.path.as_str()), (".", ".sluss/package"));
    assert_eq!(pipeline.start.as_ref().unwrap().command, ["./payments"]);
    let [test, production] = pipeline.deliver.as_slice() else { panic!() };
    assert_eq!(
        (test.kind, production.kind),
        (EnvironmentKind::Ephemeral, EnvironmentKind::Lasting)
    );
    assert_eq!(test.acceptance, []);
    assert_eq!(production.gates, [GateKind::Tests, GateKind::FourEyes, GateKind::Freeze]);
}

#[test]
fn acceptance_runs_where_it_is_given() {
    let text = "service: payments\ntemplate: rust-service@1\n\
        with: { binary: payments, acceptance: '\"$SLUSS_ARTIFACT/try\" --url \"$SLUSS_URL\"' }\n";
    let pipeline = resolve(text).unwrap().pipeline;
    let [accept] = pipeline.deliver[0].acceptance.as_slice() else { panic!() };
    assert_eq!(accept.kind, StepKind::Acceptance);
    let command = "\"$SLUSS_ARTIFACT/try\" --url \"$SLUSS_URL\"";
    assert_eq!(accept.environment["ACCEPTANCE"], command);
}

#[test]
fn without_tests_no_gate_pretends_that_there_were_some() {
    let text =
        "service: site\ntemplate: command@1\nwith: { start: python3 -m http.server $PORT }\n";
    let pipeline = resolve(text).unwrap().pipeline;
    let steps: Vec<&str> = pipeline.steps().iter().map(|step| step.name.as_str()).collect();
    assert_eq!(steps, ["package"]);
    assert_eq!(pipeline.deliver[0].gates, []);
    assert_eq!(pipeline.deliver[1].gates, [GateKind::FourEyes, GateKind::Freeze]);
}
