//! Reads what acceptance steps measure, and holds what they find to it.

use sluss_core::pipeline::{EnvironmentKind, GateKind, Report, ReportKind, Stage};

use super::fields::Reader;
use super::quantity::RATE;
use super::source::Span;
use super::steps::Whose;
use super::yaml::{Kind, Node};

pub(super) const PERFORMANCE_KEYS: &[&str] = &["path", "slower"];

/// How much slower a release may be where nothing is said, in parts per million.
const USUAL_PPM: u32 = 100_000;
/// What may be said: less is noise, more is no promise.
const TOLERANCES_PPM: std::ops::RangeInclusive<u32> = 10_000..=1_000_000;

/// Reads a step's report of measurements: its path, or its path and how much slower a release may
/// be.
pub(super) fn report(reader: &mut Reader<'_>, node: &Node, whose: Whose) -> Option<Report> {
    if whose != Whose::Acceptance {
        let problem = reader.at(node.span, "nothing that can be measured is packaged yet");
        let problem = problem.expected("`performance` in a step of an environment's `acceptance`");
        reader.report(problem.hint("the templates' input `measure` makes such a step"));
        return None;
    }
    let (path, tolerance_ppm) = match &node.kind {
        Kind::Map(_) => {
            let fields = reader.fields(node, "a report of measurements", PERFORMANCE_KEYS)?;
            let path = reader.required(&fields, "path").and_then(|node| path(reader, node));
            let slower = match fields.get("slower") {
                Some(node) => tolerance(reader, node),
                None => Some(USUAL_PPM),
            };
            (path, slower)
        }
        Kind::Text(_) | Kind::List(_) | Kind::Nothing => (path(reader, node), Some(USUAL_PPM)),
    };
    let kind = ReportKind::Performance { tolerance_ppm: tolerance_ppm? };
    Some(Report { kind, path: path? })
}

fn path(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let text = reader.text(node, "the path of a report of measurements")?.to_owned();
    reader.inner_path(&text, node.span)
}

fn tolerance(reader: &mut Reader<'_>, node: &Node) -> Option<u32> {
    let slower = reader.quantity(node, &RATE)?;
    if TOLERANCES_PPM.contains(&slower) {
        return Some(slower);
    }
    let problem = reader.at(node.span, "no release can be held to this");
    reader.report(problem.expected("from `1%` to `100%`, such as `10%`"));
    None
}

/// Has the gate asked where customers are if anything before measures. A gate before which nothing
/// measures is a problem.
pub(super) fn hold(reader: &mut Reader<'_>, at: Span, stages: &mut [Stage]) {
    let gate = GateKind::Performance;
    let measures = |stage: &Stage| {
        let mut reports = stage.acceptance.iter().flat_map(|step| &step.reports);
        reports.any(|report| matches!(report.kind, ReportKind::Performance { .. }))
    };
    let first = stages.iter().position(measures);
    let early = |index: usize| first.is_none_or(|first| first >= index);
    if stages.iter().enumerate().any(|(index, of)| of.gates.contains(&gate) && early(index)) {
        let what = "the template asks for the gate `performance`, and nothing before it measures";
        let problem = reader.at(at, what).expected("an acceptance step with such a report");
        reader.report(problem.hint("add `reports: { performance: reports/performance.json }`"));
    }
    let last = stages.iter().rposition(|one| one.kind == EnvironmentKind::Lasting);
    if let Some(last) = last.filter(|last| !early(*last))
        && !stages[last].gates.contains(&gate)
    {
        stages[last].gates.push(gate);
    }
}
