//! Reads the environments that a release goes through, in order.

use sluss_core::ids::{Digest, EnvironmentName};
use sluss_core::pipeline::{EnvironmentKind, GateKind, Replacement, RolloutPlan, Stage, Step};
use sluss_core::units::Share;

use super::fields::{Fields, Reader};
use super::graph;
use super::inputs::Values;
use super::objectives;
use super::quantity::{RATE, SHARE};
use super::resolve::Defaults;
use super::steps::{self, Whose, is_given, within};
use super::yaml::{Kind, Node};

pub(super) const STAGE_KEYS: &[&str] =
    &["environment", "ephemeral", "gates", "rollout", "acceptance", "by_hand"];
pub(super) const GATE_KEYS: &[&str] = &["gate", "given"];
pub(super) const ROLLOUT_KEYS: &[&str] = &[
    "shares",
    "alpha",
    "tolerance",
    "slow_tolerance",
    "promotion_alpha",
    "latency",
    "independent",
    "deadline",
    "silence",
    "block",
    "objectives",
];

/// The gates as files call them.
pub(super) const GATES: &[(&str, GateKind)] = &[
    ("tests", GateKind::Tests),
    ("provenance", GateKind::Provenance),
    ("sbom", GateKind::Sbom),
    ("findings", GateKind::Findings),
    ("performance", GateKind::Performance),
    ("error-budget", GateKind::ErrorBudget),
    ("four-eyes", GateKind::FourEyes),
    ("freeze", GateKind::Freeze),
];

/// Reads the `deliver` of a template.
pub(super) fn read(
    reader: &mut Reader<'_>,
    node: &Node,
    values: &Values,
    defaults: &Defaults,
) -> Vec<Stage> {
    let mut stages: Vec<Stage> = Vec::new();
    for node in reader.items(node, "a list of environments").unwrap_or_default() {
        let Some(fields) = reader.fields(node, "a stage", STAGE_KEYS) else { continue };
        let Some(stage) = stage(reader, &fields, values, defaults) else { continue };
        if stages.iter().any(|before| before.environment == stage.environment) {
            let what = format!("`{}` is delivered to twice", stage.environment);
            reader.report(reader.at(node.span, what).expected("each environment once"));
        }
        stages.push(stage);
    }
    stages
}

fn stage(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    values: &Values,
    defaults: &Defaults,
) -> Option<Stage> {
    let environment: Option<EnvironmentName> = reader
        .required(fields, "environment")
        .and_then(|node| reader.word(node, "an environment's name"));
    let ephemeral = fields.get("ephemeral").map_or(Some(false), |node| reader.flag(node));
    let by_hand = fields.get("by_hand").map_or(Some(false), |node| reader.flag(node));
    let gates = fields.get("gates").map(|node| gates(reader, node, values)).unwrap_or_default();
    let kind = match ephemeral {
        Some(true) => EnvironmentKind::Ephemeral,
        Some(false) | None => EnvironmentKind::Lasting,
    };
    let replacement = match (fields.get("rollout"), kind) {
        (Some(node), _) => replacement(reader, node),
        (None, EnvironmentKind::Ephemeral) => Some(Replacement::AtOnce),
        (None, EnvironmentKind::Lasting) => Some(Replacement::Progressive(RolloutPlan::default())),
    };
    let acceptance = match fields.get("acceptance") {
        Some(node) => acceptance(reader, node, values, defaults),
        None => Vec::new(),
    };
    ephemeral?;
    let (environment, replacement, by_hand) = (environment?, replacement?, by_hand?);
    Some(Stage { environment, kind, gates, replacement, acceptance, by_hand })
}

/// Reads gates: each a name, or `{ gate: tests, given: test }` where it depends on an input.
fn gates(reader: &mut Reader<'_>, node: &Node, values: &Values) -> Vec<GateKind> {
    let mut gates = Vec::new();
    for item in reader.items(node, "a list of gates").unwrap_or_default() {
        let gate = match &item.kind {
            Kind::Map(_) => {
                let Some(fields) = reader.fields(item, "a gate", GATE_KEYS) else { continue };
                let given = is_given(reader, &fields, values);
                let gate = reader.required(&fields, "gate");
                gate.and_then(|node| reader.one_of(node, GATES)).filter(|_| given)
            }
            Kind::Text(_) | Kind::List(_) | Kind::Nothing => reader.one_of(item, GATES),
        };
        gates.extend(gate.filter(|gate| !gates.contains(gate)));
    }
    gates
}

fn replacement(reader: &mut Reader<'_>, node: &Node) -> Option<Replacement> {
    match &node.kind {
        Kind::Text(_) => {
            let at_once = reader.one_of(node, &[("progressive", false), ("at-once", true)])?;
            let progressive = || Replacement::Progressive(RolloutPlan::default());
            Some(if at_once { Replacement::AtOnce } else { progressive() })
        }
        Kind::Map(_) | Kind::List(_) | Kind::Nothing => {
            let fields = reader.fields(node, "a rollout", ROLLOUT_KEYS)?;
            rollout(reader, &fields).map(Replacement::Progressive)
        }
    }
}

fn rollout(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<RolloutPlan> {
    let mut plan = RolloutPlan::default();
    let mut right = true;
    if let Some(node) = fields.get("shares") {
        match shares(reader, node) {
            Some(shares) => plan.shares = shares,
            None => right = false,
        }
    }
    let rates = [
        ("alpha", &mut plan.alpha_ppm, 1..=500_000),
        ("tolerance", &mut plan.tolerance_ppm, 1..=500_000),
        ("slow_tolerance", &mut plan.slow_tolerance_ppm, 1..=500_000),
        ("promotion_alpha", &mut plan.promotion_alpha_ppm, 1..=500_000),
    ];
    for (key, place, range) in rates {
        let Some(node) = fields.get(key) else { continue };
        match reader.quantity(node, &RATE) {
            Some(rate) if range.contains(&rate) => *place = rate,
            Some(_) => {
                let problem = reader.at(node.span, format!("`{key}` cannot be this"));
                reader.report(problem.expected("more than `0%` and at most `50%`"));
            }
            None => right = false,
        }
    }
    for (key, is_wanted) in [("latency", true), ("independent", false)] {
        let Some(node) = fields.get(key) else { continue };
        match (reader.flag(node), is_wanted) {
            (Some(given), false) => plan.independent = given,
            (Some(true), true) => {}
            (Some(false), true) => (plan.latency_permille, plan.slow_tolerance_ppm) = (0, 0),
            (None, _) => right = false,
        }
    }
    let times = [
        ("block", &mut plan.block_seconds, 1..=60, "from `1s` to `1m`"),
        ("deadline", &mut plan.deadline_seconds, 10..=604_800, "from `10s` to `7d`"),
        ("silence", &mut plan.silence_seconds, 5..=86_400, "from `5s` to `24h`"),
    ];
    for (key, place, range, expected) in times {
        let Some(node) = fields.get(key) else { continue };
        match within(reader, node, range, expected) {
            Some(seconds) => *place = seconds,
            None => right = false,
        }
    }
    if let Some(node) = fields.get("objectives") {
        plan.objectives = objectives::read(reader, node).over(plan.objectives);
    }
    right.then_some(plan)
}

/// Reads shares that grow from more than nothing to all of the traffic.
fn shares(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<Share>> {
    let before = reader.problems.len();
    let mut shares: Vec<Share> = Vec::new();
    for item in reader.items(node, "a list of shares such as `[10%, 50%, 100%]`")? {
        let Some(points) = reader.quantity(item, &SHARE) else { continue };
        let last = shares.last().copied().unwrap_or(Share::NONE);
        match Share::from_basis_points(points) {
            Ok(share) if share > last => shares.push(share),
            Ok(_) | Err(_) => {
                let problem = reader.at(item.span, "the shares of a rollout grow");
                reader.report(problem.expected(format!("more than {last}")));
            }
        }
    }
    let wrong = reader.problems.len() > before;
    if !wrong && shares.last() != Some(&Share::ALL) {
        let problem = reader.at(node.span, "the last share of a rollout is all of the traffic");
        reader.report(problem.expected("`100%` at the end"));
        return None;
    }
    (!wrong).then_some(shares)
}

fn acceptance(
    reader: &mut Reader<'_>,
    node: &Node,
    values: &Values,
    defaults: &Defaults,
) -> Vec<Step> {
    let drafts = steps::read(reader, node, Whose::Acceptance, values, defaults);
    for draft in &drafts.steps {
        if !draft.step.outputs.is_empty() {
            let problem = reader.at(draft.name_at, "an acceptance step leaves no outputs");
            reader.report(problem.hint("what is released was packaged before it was deployed"));
        }
    }
    let made = (
        "sample".parse().expect("BUG: `sample` is a name"),
        "sample@1".parse().expect("BUG: `sample@1` is a reference"),
        Digest::of(b""),
    );
    graph::order(&drafts, &made, &mut reader.problems).unwrap_or_default()
}
