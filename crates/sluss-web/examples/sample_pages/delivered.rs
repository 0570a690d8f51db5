//! What the services of the sample bank are delivered by, and what they need of each other.

use std::collections::{BTreeMap, BTreeSet};

use sluss_core::budget::ErrorBudget;
use sluss_core::contracts::Contracts;
use sluss_core::ids::Digest;
use sluss_core::pipeline::{
    EnvironmentKind, GateKind, Pipeline, Replacement, RolloutPlan, Stage, Start, Step, StepKind,
};
use sluss_core::target::{Limits, Readiness, Traffic};

fn step(name: &str, kind: StepKind, needs: &[&str], retries: u8) -> Step {
    Step {
        name: name.parse().unwrap(),
        kind,
        command: vec!["true".to_owned()],
        needs: needs.iter().map(|need| need.parse().unwrap()).collect(),
        timeout_seconds: 60,
        retries,
        when: Default::default(),
        environment: BTreeMap::new(),
        secrets: BTreeSet::new(),
        reports: Vec::new(),
        outputs: Vec::new(),
    }
}

/// Returns what a service of the sample bank is delivered by.
pub fn pipeline(service: &str) -> Pipeline {
    let start = Start {
        artifact: "app".parse().unwrap(),
        command: vec!["serve".to_owned()],
        port: 8080,
        instances: 2,
        readiness: Readiness::default(),
        drain_seconds: 5,
        limits: Limits::default(),
        environment: BTreeMap::new(),
        secrets: BTreeSet::new(),
        traffic: Traffic::default(),
        most_in_flight: None,
    };
    let steps = vec![
        step("fetch", StepKind::Fetch, &[], 0),
        step("build", StepKind::Run, &["fetch"], 0),
        step("unit-tests", StepKind::Run, &["build"], 0),
        step("lint", StepKind::Run, &["fetch"], 0),
        step("performance-comparison", StepKind::Run, &["build"], 1),
        step("package", StepKind::Run, &["unit-tests", "lint", "performance-comparison"], 0),
    ];
    let mut stages = vec![
        Stage {
            environment: "test".parse().unwrap(),
            kind: EnvironmentKind::Ephemeral,
            gates: vec![GateKind::Tests],
            replacement: Replacement::AtOnce,
            acceptance: vec![step("acceptance-tests", StepKind::Acceptance, &[], 0)],
            by_hand: false,
        },
        Stage {
            environment: "production".parse().unwrap(),
            kind: EnvironmentKind::Lasting,
            gates: vec![GateKind::Tests, GateKind::FourEyes, GateKind::Freeze],
            replacement: Replacement::Progressive(RolloutPlan::default()),
            acceptance: Vec::new(),
            by_hand: false,
        },
    ];
    let template = "rust-service@2".parse().unwrap();
    let of = (service.parse().unwrap(), template, Digest::of(b"template"));
    let window_seconds = ErrorBudget::USUAL_WINDOW;
    let promised = ErrorBudget { objective_ppm: 995_000, window_seconds };
    let promised = (service == "payments").then_some(promised);
    stages[1].gates.extend(promised.map(|_| GateKind::ErrorBudget));
    Pipeline::new(of, steps, Some(start), stages)
        .unwrap()
        .with_error_budget(promised)
        .with_contracts(contracts(service))
}

/// The bank's apps call its payments.
fn contracts(service: &str) -> Contracts {
    let mut contracts = Contracts::default();
    let name = "payments-api".parse().unwrap();
    match service {
        "payments" => _ = contracts.provides.insert(name, [1, 2].into()),
        "web-bank" => _ = contracts.needs.insert(name, 2),
        _cards => _ = contracts.needs.insert(name, 3),
    }
    contracts
}
