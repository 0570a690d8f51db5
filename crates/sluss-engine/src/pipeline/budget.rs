//! Reads what a service promises of its live traffic: `error_budget`.

use sluss_core::budget::ErrorBudget;
use sluss_core::pipeline::{EnvironmentKind, GateKind, Stage};

use super::fields::Reader;
use super::quantity::RATE;
use super::source::Span;
use super::steps::within;
use super::yaml::Node;

pub(super) const BUDGET_KEYS: &[&str] = &["objective", "window"];

/// Reads `error_budget`.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node) -> Option<ErrorBudget> {
    let fields = reader.fields(node, "`error_budget`", BUDGET_KEYS)?;
    let objective = reader.required(&fields, "objective").and_then(|node| {
        let rate = reader.quantity(node, &RATE)?;
        if !(500_000..=999_999).contains(&rate) {
            let problem = reader.at(node.span, "no traffic can be held to this objective");
            let problem = problem.expected("from `50%` to `99.9999%`, such as `99.9%`");
            reader.report(problem.hint("what must never fail leaves no budget to spend"));
            return None;
        }
        Some(rate)
    });
    let window = match fields.get("window") {
        Some(node) => within(reader, node, 3_600..=ErrorBudget::LONGEST_WINDOW, "`1h` to `90d`"),
        None => Some(ErrorBudget::USUAL_WINDOW),
    };
    Some(ErrorBudget { objective_ppm: objective?, window_seconds: window? })
}

/// Has its gate asked where customers are: what is promised is kept to. A gate without a promise
/// is a problem, of whoever took the template.
pub(super) fn hold(
    reader: &mut Reader<'_>,
    at: Span,
    budget: Option<ErrorBudget>,
    stages: &mut [Stage],
) {
    let gate = GateKind::ErrorBudget;
    match budget {
        None if stages.iter().any(|stage| stage.gates.contains(&gate)) => {
            let what = "the template asks for the gate `error-budget`, and no objective is stated";
            let problem = reader.at(at, what).expected("`error_budget` in the service's file");
            reader.report(problem.hint("add `error_budget: { objective: 99.9%, window: 30d }`"));
        }
        None => {}
        Some(_) => {
            let last = stages.iter_mut().rfind(|one| one.kind == EnvironmentKind::Lasting);
            if let Some(last) = last.filter(|stage| !stage.gates.contains(&gate)) {
                last.gates.push(gate);
            }
        }
    }
}
