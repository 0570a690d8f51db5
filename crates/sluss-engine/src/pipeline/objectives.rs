//! Reads what a first release must keep to: `objectives`.

use sluss_core::objectives::Objectives;
use sluss_core::pipeline::{EnvironmentKind, Replacement, Stage};

use super::fields::Reader;
use super::quantity::{MILLISECONDS, RATE};
use super::steps::within;
use super::yaml::Node;

pub(super) const OBJECTIVES_KEYS: &[&str] = &["errors", "p99", "requests", "for"];

/// What a file says of them; what it leaves out is as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Said {
    errors_ppm: Option<u32>,
    slow_ms: Option<u32>,
    requests: Option<u32>,
    seconds: Option<u32>,
}

impl Said {
    /// Returns what then holds, over what held before.
    pub fn over(self, before: Objectives) -> Objectives {
        Objectives {
            errors_ppm: self.errors_ppm.unwrap_or(before.errors_ppm),
            slow_ms: self.slow_ms.unwrap_or(before.slow_ms),
            requests: self.requests.unwrap_or(before.requests),
            seconds: self.seconds.unwrap_or(before.seconds),
        }
    }

    /// Returns what holds where only the organisation asks that a release be judged by its traffic:
    /// nothing where nothing is said, or each lasting environment is judged anyway.
    pub fn beyond(self, stages: &[Stage]) -> Option<Objectives> {
        let unjudged = |stage: &Stage| {
            stage.kind == EnvironmentKind::Lasting && stage.replacement == Replacement::AtOnce
        };
        let asked = self != Self::default() && stages.iter().any(unjudged);
        asked.then(|| self.over(Objectives::default()))
    }

    /// Makes it hold wherever a release is judged by its traffic.
    pub fn hold_in(self, stages: &mut [Stage]) {
        for stage in stages {
            if let Replacement::Progressive(plan) = &mut stage.replacement {
                plan.objectives = self.over(plan.objectives);
            }
        }
    }
}

/// Reads `objectives`.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node) -> Said {
    let mut said = Said::default();
    let Some(fields) = reader.fields(node, "`objectives`", OBJECTIVES_KEYS) else { return said };
    if let Some(node) = fields.get("errors") {
        said.errors_ppm = reader.quantity(node, &RATE);
        if said.errors_ppm.is_some_and(|rate| !(1..=500_000).contains(&rate)) {
            let problem = reader.at(node.span, "`errors` cannot be this");
            reader.report(problem.expected("more than `0%` and at most `50%`"));
        }
    }
    if let Some(node) = fields.get("p99") {
        said.slow_ms = reader.quantity(node, &MILLISECONDS);
    }
    if let Some(node) = fields.get("requests") {
        said.requests = reader.number(node, 1_u32..=10_000_000);
    }
    if let Some(node) = fields.get("for") {
        said.seconds = within(reader, node, 1..=86_400, "from `1s` to `24h`");
    }
    said
}
