//! The golden vectors of the verdict specification: traces, and log E after each second.

use std::fs;
use std::path::PathBuf;

use serde::Deserialize;
use sluss_verdict::{Analyzer, Decision, Mode, Options, Row};

#[derive(Deserialize)]
struct Expected {
    robust: Path,
    fast: Path,
}

#[derive(Deserialize)]
struct Path {
    rollback_time_s: Option<f64>,
    log_e: Vec<f64>,
}

fn read(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    fs::read_to_string(path).unwrap()
}

fn check(name: &str) {
    let trace = read(&format!("{name}.jsonl"));
    let expected: Expected = serde_json::from_str(&read(&format!("{name}.expected.json"))).unwrap();
    for (mode, path) in [(Mode::Robust, expected.robust), (Mode::Fast, expected.fast)] {
        let mut lines = trace.lines();
        let header = serde_json::from_str(lines.next().unwrap()).unwrap();
        let mut analyzer = Analyzer::new(header, Options::usual(mode)).unwrap();
        let mut seconds = path.log_e.iter().enumerate();
        for line in lines {
            let row: Row = serde_json::from_str(line).unwrap();
            if let Some(step) = analyzer.push(row).unwrap() {
                let (second, log_e) = seconds.next().unwrap();
                assert!(
                    (step.log_e - log_e).abs() < 1e-6,
                    "{name} {mode:?} at {second} s: {} is not {log_e}",
                    step.log_e,
                );
            }
        }
        assert!(seconds.next().is_none(), "{name} {mode:?}: the trace ended early");
        let outcome = analyzer.outcome();
        assert_eq!(outcome.time_s.map(|t| t as f64), path.rollback_time_s, "{name} {mode:?}");
        assert_eq!(outcome.decision == Decision::Rollback, path.rollback_time_s.is_some());
    }
}

#[test]
fn errors_at_low_traffic_are_weighed_as_specified() {
    check("err-lowtraffic");
}

#[test]
fn a_major_rise_of_errors_is_weighed_as_specified() {
    check("err-major");
}

#[test]
fn errors_along_a_ramp_are_weighed_as_specified() {
    check("err-ramp");
}

#[test]
fn bursts_of_exceptions_are_weighed_as_specified() {
    check("exc-burst");
}

#[test]
fn conversions_are_weighed_as_specified() {
    check("kpi-convert");
}

#[test]
fn a_slow_tail_is_weighed_as_specified() {
    check("lat-tail");
}

#[test]
fn several_metrics_together_are_weighed_as_specified() {
    check("multi");
}

#[test]
fn no_golden_vector_is_forgotten() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let traces = names.filter(|name| name.to_str().unwrap().ends_with(".jsonl")).count();
    let checks = include_str!("golden.rs").lines().filter(|line| line.starts_with("    check(\""));
    assert_eq!(traces, checks.count());
}
