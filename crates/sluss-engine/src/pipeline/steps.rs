//! Reads steps: the part of a configuration that templates and services write in the same way.

use std::collections::{BTreeMap, BTreeSet};

use sluss_core::ids::StepName;
use sluss_core::pipeline::{Condition, Output, Report, ReportKind, Step, StepKind};

use super::fields::{Fields, Reader, list_of};
use super::inputs::Values;
use super::nearest::nearest;
use super::performance;
use super::problem::shown;
use super::quantity::DURATION;
use super::resolve::Defaults;
use super::source::{Source, Span};
use super::yaml::{Key, Kind, Node};

pub(super) const STEP_KEYS: &[&str] = &[
    "kind",
    "run",
    "needs",
    "timeout",
    "retries",
    "when",
    "given",
    "environment",
    "secrets",
    "reports",
    "outputs",
];
pub(super) const WHEN_KEYS: &[&str] = &["branches", "paths"];
pub(super) const REPORT_KEYS: &[&str] = &["junit", "sarif", "performance"];

/// Whose steps are read, which decides what they may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// A template's: may fetch.
    Template,
    /// A service's: may not fetch, since it is the project that says what is run.
    Service,
    /// Run against a deployed release.
    Acceptance,
}

/// A step, and where the file says what may turn out wrong only beside other steps.
#[derive(Debug, Clone)]
pub(super) struct Draft<'s> {
    pub source: &'s Source,
    pub step: Step,
    pub name_at: Span,
    pub needs_at: Vec<Span>,
    pub secrets_at: Vec<(String, Span)>,
}

/// Steps as they were written.
#[derive(Debug, Clone, Default)]
pub(super) struct Drafts<'s> {
    pub steps: Vec<Draft<'s>>,
    /// Steps that are left out because of what is not given to them.
    pub left_out: BTreeSet<StepName>,
}

/// Reads steps by their names.
pub(super) fn read<'s>(
    reader: &mut Reader<'s>,
    node: &Node,
    whose: Whose,
    values: &Values,
    defaults: &Defaults,
) -> Drafts<'s> {
    let mut drafts = Drafts::default();
    for (key, node) in reader.entries(node, "steps by their names") {
        let name = reader.parsed::<StepName>(&key.text, key.span);
        let Some(fields) = reader.fields(node, "a step", STEP_KEYS) else { continue };
        let given = is_given(reader, &fields, values);
        match (name, given) {
            (Some(name), false) => {
                drafts.left_out.insert(name);
            }
            (name, true) => {
                let draft = step(reader, (key, name), &fields, whose, defaults);
                drafts.steps.extend(draft);
            }
            (None, false) => {}
        }
    }
    drafts
}

/// Returns whether every input that `given` names is given.
pub(super) fn is_given(reader: &mut Reader<'_>, fields: &Fields<'_>, values: &Values) -> bool {
    let Some(node) = fields.get("given") else { return true };
    let mut all = true;
    for (name, span) in reader.texts(node, "the name of an input, or a list of names") {
        match values.get(name) {
            Some(value) => all &= value.is_given(),
            None => {
                let names: Vec<&str> = values.keys().map(String::as_str).collect();
                let problem = reader
                    .at(span, format!("`{}` names no input", shown(name)))
                    .expected(list_of(&names))
                    .nearest(nearest(name, names.iter().copied()));
                reader.report(problem);
            }
        }
    }
    all
}

fn step<'s>(
    reader: &mut Reader<'s>,
    (key, name): (&Key, Option<StepName>),
    fields: &Fields<'_>,
    whose: Whose,
    defaults: &Defaults,
) -> Option<Draft<'s>> {
    let kind = kind(reader, fields, whose);
    let command = reader.required(fields, "run").and_then(|node| command(reader, node));
    let (needs, needs_at) = needs(reader, fields);
    let timeout_seconds = match fields.get("timeout") {
        Some(node) => within(reader, node, 1..=LONGEST_SECONDS, "from `1s` to `24h`"),
        None => Some(defaults.step_timeout_seconds),
    };
    let retries = match fields.get("retries") {
        Some(node) => reader.number(node, 0_u8..=10),
        None => Some(0),
    };
    let when = fields.get("when").map(|node| condition(reader, node)).unwrap_or_default();
    let environment = environment(reader, fields, &["SLUSS", "HOME", "TMPDIR"]);
    let secrets_at = fields.get("secrets").map(|node| secrets(reader, node)).unwrap_or_default();
    let reports =
        fields.get("reports").map(|node| reports(reader, node, whose)).unwrap_or_default();
    let outputs = fields.get("outputs").map(|node| outputs(reader, node)).unwrap_or_default();
    let step = Step {
        name: name?,
        kind: kind?,
        command: command?,
        needs,
        timeout_seconds: timeout_seconds?,
        retries: retries?,
        when,
        environment,
        secrets: secrets_at.iter().map(|(secret, _)| secret.clone()).collect(),
        reports,
        outputs,
    };
    Some(Draft { source: reader.source, step, name_at: key.span, needs_at, secrets_at })
}

fn kind(reader: &mut Reader<'_>, fields: &Fields<'_>, whose: Whose) -> Option<StepKind> {
    let node = fields.get("kind");
    let read = node.map(|node| {
        (node, reader.one_of(node, &[("fetch", StepKind::Fetch), ("run", StepKind::Run)]))
    });
    match (read, whose) {
        (None, Whose::Template | Whose::Service) => Some(StepKind::Run),
        (None, Whose::Acceptance) => Some(StepKind::Acceptance),
        (Some((node, kind)), Whose::Acceptance) => {
            let problem = reader.at(node.span, "an acceptance step has no `kind`");
            reader
                .report(problem.hint("leave it out: it reaches the deployed release and no more"));
            kind
        }
        (Some((node, Some(StepKind::Fetch))), Whose::Service) => {
            let problem = reader.at(node.span, "a service's own step may not fetch");
            reader.report(problem.expected("`run`").hint(
                "fetch steps have the network and run no code of the project: \
                 that is for the template to promise",
            ));
            None
        }
        (Some((_, kind)), Whose::Template | Whose::Service) => kind,
    }
}

/// Reads a line of shell, or a program and its arguments.
pub(super) fn command(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<String>> {
    const EXPECTED: &str = "a line of shell, or a program and its arguments as a list";
    let words: Vec<String> =
        reader.texts(node, EXPECTED).into_iter().map(|(word, _)| word.to_owned()).collect();
    let blank = words.first().is_none_or(|program| program.trim().is_empty());
    match &node.kind {
        Kind::Text(_) | Kind::List(_) if blank => {
            reader.report(reader.at(node.span, "nothing is run here").expected(EXPECTED));
            None
        }
        Kind::Text(line) => Some(["sh", "-euc", line].map(str::to_owned).to_vec()),
        Kind::List(_) => Some(words),
        Kind::Map(_) | Kind::Nothing => None,
    }
}

/// Reads a duration within `range` of seconds.
pub(super) fn within(
    reader: &mut Reader<'_>,
    node: &Node,
    range: std::ops::RangeInclusive<u32>,
    expected: &str,
) -> Option<u32> {
    let seconds = reader.quantity(node, &DURATION)?;
    if range.contains(&seconds) {
        return Some(seconds);
    }
    let what = if seconds < *range.start() { "this is too short" } else { "this is too long" };
    reader.report(reader.at(node.span, what).expected(expected));
    None
}

fn needs(reader: &mut Reader<'_>, fields: &Fields<'_>) -> (Vec<StepName>, Vec<Span>) {
    let Some(node) = fields.get("needs") else { return Default::default() };
    let texts = reader.texts(node, "the name of a step, or a list of names");
    let parsed = texts.into_iter().filter_map(|(text, at)| Some((reader.parsed(text, at)?, at)));
    parsed.unzip()
}

fn condition(reader: &mut Reader<'_>, node: &Node) -> Condition {
    let Some(fields) = reader.fields(node, "a condition", WHEN_KEYS) else {
        return Condition::default();
    };
    let mut globs = |key: &str| -> Vec<String> {
        let Some(node) = fields.get(key) else { return Vec::new() };
        let texts = reader.texts(node, "a glob such as `main` or `docs/*`, or a list of globs");
        texts.into_iter().map(|(text, _)| text.to_owned()).collect()
    };
    Condition { branches: globs("branches"), paths: globs("paths") }
}

/// Reads environment variables, of which those that begin with `reserved` are set by others.
pub(super) fn environment(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    reserved: &[&str],
) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    let Some(node) = fields.get("environment") else { return variables };
    for (key, node) in reader.entries(node, "variables and their values") {
        let is_reserved = reserved
            .iter()
            .any(|name| key.text == *name || (*name == "SLUSS" && key.text.starts_with("SLUSS_")));
        if !is_variable(&key.text) {
            let what = format!("`{}` cannot be the name of a variable", shown(&key.text));
            let expected = "letters, digits and _, not beginning with a digit";
            reader.report(reader.at(key.span, what).expected(expected));
        } else if is_reserved {
            let what = format!("`{}` is set by Sluss", shown(&key.text));
            reader.report(reader.at(key.span, what).expected("a name that is free"));
        }
        let value = match &node.kind {
            Kind::Nothing => Some(""),
            Kind::Text(_) | Kind::List(_) | Kind::Map(_) => reader.text(node, "a text"),
        };
        variables.extend(value.map(|value| (key.text.clone(), value.to_owned())));
    }
    variables
}

fn is_variable(name: &str) -> bool {
    name.len() <= 100
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Reads names of secrets.
pub(super) fn secrets(reader: &mut Reader<'_>, node: &Node) -> Vec<(String, Span)> {
    let mut secrets = Vec::new();
    for (name, span) in reader.texts(node, "a list of names of secrets") {
        if is_variable(name) {
            secrets.push((name.to_owned(), span));
        } else {
            let what = format!("`{}` cannot be the name of a secret", shown(name));
            let expected = "letters, digits and _, not beginning with a digit";
            reader.report(reader.at(span, what).expected(expected));
        }
    }
    secrets
}

fn reports(reader: &mut Reader<'_>, node: &Node, whose: Whose) -> Vec<Report> {
    let Some(fields) = reader.fields(node, "a step's `reports`", REPORT_KEYS) else {
        return Vec::new();
    };
    let kinds = [
        ("junit", ReportKind::Junit, "the path of a JUnit file, or a list of paths"),
        ("sarif", ReportKind::Sarif, "the path of a SARIF file, or a list of paths"),
    ];
    let mut reports = Vec::new();
    for (key, kind, expected) in kinds {
        let Some(node) = fields.get(key) else { continue };
        for (text, span) in reader.texts(node, expected) {
            let path = reader.inner_path(text, span);
            reports.extend(path.map(|path| Report { kind, path }));
        }
    }
    if let Some(node) = fields.get("performance") {
        reports.extend(performance::report(reader, node, whose));
    }
    reports
}

fn outputs(reader: &mut Reader<'_>, node: &Node) -> Vec<Output> {
    let mut outputs = Vec::new();
    for (key, node) in reader.entries(node, "artifacts by their names") {
        let Some(artifact) = reader.parsed(&key.text, key.span) else { continue };
        let put = |name: String, path| Output { artifact, path, name };
        match &node.kind {
            Kind::Map(entries) => {
                for (name, node) in entries {
                    let inside = reader.inner_path(&name.text, name.span);
                    let path = reader
                        .text(node, "a path in the work tree")
                        .and_then(|text| reader.inner_path(text, node.span));
                    outputs.extend(inside.zip(path).map(|(name, path)| put.clone()(name, path)));
                }
            }
            Kind::Text(_) | Kind::List(_) | Kind::Nothing => {
                let expected = "a path in the work tree, a list of paths, or names and paths";
                for (text, span) in reader.texts(node, expected) {
                    let path = reader.inner_path(text, span);
                    outputs.extend(path.map(|path| put.clone()(last_part(&path), path)));
                }
            }
        }
    }
    outputs
}

fn last_part(path: &str) -> String {
    let last = path.trim_end_matches('/').rsplit('/').next();
    last.unwrap_or(".").to_owned()
}

const LONGEST_SECONDS: u32 = 24 * 3_600;
