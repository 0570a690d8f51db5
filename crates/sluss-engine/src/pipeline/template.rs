//! `template.yaml`: a golden pipeline under a version, with an owner and a day to review it.
//!
//! # Invariants
//!
//! - A [`Template`] was checked with sample values: its steps form a graph, and it starts an
//!   artifact that one of them leaves.

use std::collections::{BTreeMap, BTreeSet};

use sluss_core::budget::ErrorBudget;
use sluss_core::ids::{
    ArtifactName, Digest, EnvironmentName, StepName, TeamName, TemplateName, TemplateRef,
};
use sluss_core::pipeline::{GateKind, Stage};

use super::budget;
use super::deliver;
use super::fields::{Fields, Reader};
use super::graph;
use super::inputs::{self, Input, Values};
use super::nearest::nearest;
use super::problem::{Problem, Problems, shown};
use super::quantity::Day;
use super::resolve::Defaults;
use super::source::{Source, Span};
use super::start::{self, StartDraft};
use super::steps::{self, Drafts, Whose};
use super::yaml::{self, Node};

pub(super) const TEMPLATE_KEYS: &[&str] = &[
    "name",
    "version",
    "owner",
    "review",
    "description",
    "inputs",
    "open",
    "steps",
    "start",
    "deliver",
    "error_budget",
];

/// A golden pipeline at one version.
#[derive(Debug, Clone)]
pub struct Template {
    /// Its name and version.
    pub name: TemplateRef,
    /// The team that answers for it.
    pub owner: TeamName,
    /// The day by which its owner looks at it again.
    pub review: Day,
    /// What it is for, in a sentence.
    pub description: String,
    /// What it asks of a service.
    pub inputs: Vec<Input>,
    /// Steps that a service may put its own in the place of.
    pub open: BTreeSet<StepName>,
    /// The digest of its exact text.
    pub digest: Digest,
    pub(super) source: Source,
    root: Node,
}

/// What a template says once its inputs have values.
pub(super) struct Body<'s> {
    pub drafts: Drafts<'s>,
    pub start: Option<StartDraft>,
    pub deliver: Vec<Stage>,
    /// What its services promise of their live traffic, where they say nothing themselves.
    pub error_budget: Option<ErrorBudget>,
    deliver_at: Option<Span>,
}

impl Template {
    /// Reads and checks a template.
    pub fn read(source: Source) -> Result<Self, Problems> {
        let root = yaml::read(&source)?;
        let mut reader = Reader::new(&source);
        let head = reader.fields(&root, "a template", TEMPLATE_KEYS).and_then(|fields| {
            let head = Head::read(&mut reader, &fields);
            check_body(&mut reader, &root, &fields, &head.inputs);
            head.complete()
        });
        let (name, owner, review, description, inputs) = Problems::none_in(reader.problems, head)?;
        let mut reader = Reader::new(&source);
        let open = open(&mut reader, &root);
        Problems::none_in(reader.problems, Some(()))?;
        let digest = source.digest().clone();
        Ok(Self { name, owner, review, description, inputs, open, digest, source, root })
    }

    /// Returns the gates of each stage, with each input given.
    pub fn gates(&self) -> BTreeMap<EnvironmentName, BTreeSet<GateKind>> {
        let mut reader = Reader::new(&self.source);
        let values = inputs::samples(&self.inputs);
        let body = body(&mut reader, &self.root, &values, &Defaults::default());
        let stages = body.into_iter().flat_map(|body| body.deliver);
        stages.map(|stage| (stage.environment, stage.gates.into_iter().collect())).collect()
    }

    /// Reads steps, start and stages with the inputs' `values`.
    pub(super) fn body<'s>(
        &'s self,
        reader: &mut Reader<'s>,
        values: &Values,
        defaults: &Defaults,
    ) -> Option<Body<'s>> {
        body(reader, &self.root, values, defaults)
    }
}

struct Head {
    name: Option<TemplateName>,
    version: Option<u32>,
    owner: Option<TeamName>,
    review: Option<Day>,
    description: Option<String>,
    inputs: Vec<Input>,
}

impl Head {
    fn read(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Self {
        let mut head = Self {
            name: None,
            version: None,
            owner: None,
            review: None,
            description: None,
            inputs: Vec::new(),
        };
        if let Some(node) = reader.required(fields, "name") {
            head.name = reader.word(node, "the template's name");
        }
        if let Some(node) = reader.required(fields, "version") {
            head.version = reader.number(node, 1..=1_000_000);
        }
        if let Some(node) = reader.required(fields, "owner") {
            head.owner = reader.word(node, "the team that owns it");
        }
        if let Some(node) = reader.required(fields, "review") {
            head.review = reader.word(node, "a day such as `2027-01-31`");
        }
        if let Some(node) = reader.required(fields, "description") {
            head.description = reader.text(node, "a sentence").map(str::to_owned);
        }
        if let Some(node) = fields.get("inputs") {
            head.inputs = inputs::read(reader, node);
        }
        head
    }

    fn complete(self) -> Option<(TemplateRef, TeamName, Day, String, Vec<Input>)> {
        let name = TemplateRef { name: self.name?, version: self.version? };
        Some((name, self.owner?, self.review?, self.description?, self.inputs))
    }
}

/// Reads the names of steps that a service may redefine, of which each must exist.
fn open(reader: &mut Reader<'_>, root: &Node) -> BTreeSet<StepName> {
    let mut open = BTreeSet::new();
    let Some(fields) = reader.fields(root, "a template", TEMPLATE_KEYS) else { return open };
    let Some(node) = fields.get("open") else { return open };
    let steps = fields.get("steps").map_or(&[][..], |node| reader.entries(node, "steps"));
    for (text, span) in reader.texts(node, "a list of names of steps") {
        if !steps.iter().any(|(key, _)| key.text == text) {
            let near = nearest(text, steps.iter().map(|(key, _)| key.text.as_str()));
            let what = format!("the template has no step `{}`", shown(text));
            reader.report(reader.at(span, what).nearest(near));
        }
        open.extend(reader.parsed::<StepName>(text, span));
    }
    open
}

/// Checks the body with sample values, so that a template is right before a service takes it.
fn check_body(reader: &mut Reader<'_>, root: &Node, fields: &Fields<'_>, asked: &[Input]) {
    let values = inputs::samples(asked);
    let Some(body) = body(reader, root, &values, &Defaults::default()) else { return };
    let made = (
        "sample".parse().expect("BUG: `sample` is a name"),
        "sample@1".parse().expect("BUG: `sample@1` is a reference"),
        Digest::of(b""),
    );
    let mut problems = Vec::new();
    graph::order(&body.drafts, &made, &mut problems);
    body.check_start(reader.source, &body.drafts, &mut problems);
    reader.problems.extend(problems);
    if let Some(node) = fields.get("start")
        && body.deliver_at.is_none()
    {
        let problem = reader.at(node.span, "something is started, but `deliver` is missing");
        reader.report(problem.expected("the environments that it is delivered to"));
    }
}

fn body<'s>(
    reader: &mut Reader<'s>,
    root: &Node,
    values: &Values,
    defaults: &Defaults,
) -> Option<Body<'s>> {
    let fields = reader.fields(root, "a template", TEMPLATE_KEYS)?;
    let filled = |reader: &mut Reader<'s>, key: &str| {
        fields.get(key).map(|node| inputs::fill(reader, node, values))
    };
    let drafts = match filled(reader, "steps") {
        Some(node) => steps::read(reader, &node, Whose::Template, values, defaults),
        None => Drafts::default(),
    };
    let start = filled(reader, "start").and_then(|node| start::read(reader, &node, defaults));
    let deliver_node = filled(reader, "deliver");
    let deliver = deliver_node
        .as_ref()
        .map(|node| deliver::read(reader, node, values, defaults))
        .unwrap_or_default();
    if let (Some(node), None) = (&deliver_node, fields.get("start")) {
        let problem = reader.at(node.span, "nothing says how the service is started");
        reader.report(problem.expected("`start` beside `deliver`"));
    }
    let error_budget = filled(reader, "error_budget").and_then(|node| budget::read(reader, &node));
    let deliver_at = deliver_node.map(|node| node.span);
    Some(Body { drafts, start, deliver, error_budget, deliver_at })
}

impl Body<'_> {
    /// Checks that one of all steps leaves the artifact that is started.
    pub fn check_start(&self, source: &Source, all: &Drafts<'_>, problems: &mut Vec<Problem>) {
        let Some(start) = &self.start else { return };
        let made = graph::artifacts(all);
        let wanted: &ArtifactName = &start.start.artifact;
        if !made.contains(wanted) {
            let near = nearest(wanted.as_str(), made.iter().map(ArtifactName::as_str));
            let what = format!("no step leaves the artifact `{wanted}`");
            let problem = Problem::at(source, start.artifact_at, what);
            problems.push(problem.expected("an artifact under a step's `outputs`").nearest(near));
        }
    }
}
