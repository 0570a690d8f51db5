//! Puts a service file and its template together.

use sluss_core::ids::{ServiceName, TemplateRef};
use sluss_core::pipeline::{NotAPipeline, Pipeline, Replacement, RolloutPlan};

use super::budget;
use super::fields::{Reader, list_of};
use super::graph::{self, Made};
use super::inputs::{self, Value, Values};
use super::nearest::nearest;
use super::performance;
use super::problem::{Problem, Problems};
use super::service::{self, ServiceDraft, ServiceFile};
use super::source::Source;
use super::steps::{self, Draft, Drafts, Whose};
use super::template::{Body, Template};
use super::traffic;
use super::yaml;

/// What holds where neither the service nor its template says anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defaults {
    /// Seconds after which an attempt of a step is ended.
    pub step_timeout_seconds: u32,
    /// Seconds that requests in flight get to end.
    pub drain_seconds: u32,
    /// How many instances of a service run.
    pub instances: u16,
}

impl Default for Defaults {
    fn default() -> Self {
        Self { step_timeout_seconds: 600, drain_seconds: 10, instances: 1 }
    }
}

/// A service file with everything that follows from it.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The head of the service's own file.
    pub file: ServiceFile,
    /// What is delivered.
    pub pipeline: Pipeline,
}

/// Makes the pipeline of a service, or says everything that is wrong with its file.
///
/// `find` looks up a template; `known` are the templates that there are, to name the nearest.
pub(super) fn resolve<'t>(
    source: &Source,
    defaults: &Defaults,
    find: impl Fn(&TemplateRef) -> Option<&'t Template>,
    known: &[&TemplateRef],
) -> Result<Resolved, Problems> {
    let root = yaml::read(source)?;
    let mut reader = Reader::new(source);
    let Some(draft) = service::draft(&mut reader, &root) else {
        return Err(Problems::of(reader.problems));
    };
    let template = draft.template.as_ref().and_then(|(name, span)| {
        let found = find(name);
        if found.is_none() {
            reader.report(unknown(reader.at(*span, ""), name, known));
        }
        found
    });
    let resolved = template.and_then(|template| together(&mut reader, &draft, template, defaults));
    Problems::none_in(reader.problems, resolved)
}

fn unknown(problem: Problem, wanted: &TemplateRef, known: &[&TemplateRef]) -> Problem {
    let mut problem = problem;
    problem.what = format!("there is no template `{wanted}`");
    let names: Vec<String> = known.iter().map(ToString::to_string).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let same = known.iter().filter(|known| known.name == wanted.name).max();
    let same = same.map(ToString::to_string);
    let near = same.as_deref().or_else(|| nearest(&wanted.to_string(), names.iter().copied()));
    problem.expected(list_of(&names)).nearest(near)
}

fn together(
    reader: &mut Reader<'_>,
    draft: &ServiceDraft,
    template: &Template,
    defaults: &Defaults,
) -> Option<Resolved> {
    let at = draft.template.as_ref().map_or(draft.top, |(_, span)| *span);
    let mut values = inputs::bind(reader, &template.inputs, draft.with.as_ref(), at);
    let service = draft.service.as_ref().map_or("sample", ServiceName::as_str);
    values.insert("service".to_owned(), Value::One(service.to_owned()));

    let added = added(reader, draft, &values, defaults);
    let mut inner = Reader::new(&template.source);
    let body = template.body(&mut inner, &values, defaults)?;
    reader.problems.append(&mut inner.problems);
    let all = merged(reader, &body, added, template);

    let file = draft.head()?;
    let made: Made = (file.service.clone(), template.name.clone(), template.digest.clone());
    let mut problems = Vec::new();
    let ordered = graph::order(&all, &made, &mut problems);
    body.check_start(&template.source, &all, &mut problems);
    reader.problems.append(&mut problems);
    let draft_traffic = draft.traffic.clone();
    let (most_in_flight, cpu_weight) = (draft.most_in_flight, draft.cpu_weight);
    let start = body.start.map(|draft| {
        let mut start = draft.start;
        start.secrets = file.secrets.clone();
        start.traffic = traffic::over(draft_traffic, start.traffic);
        start.most_in_flight = most_in_flight.or(start.most_in_flight);
        start.limits.cpu_weight = cpu_weight.unwrap_or(start.limits.cpu_weight);
        start
    });
    let mut deliver = body.deliver;
    draft.objectives.hold_in(&mut deliver);
    let error_budget = draft.error_budget.or(body.error_budget);
    budget::hold(reader, at, error_budget, &mut deliver);
    performance::hold(reader, at, &mut deliver);
    let steps = ordered.filter(|_| reader.problems.is_empty())?;
    let is_counted_once = start.as_ref().is_some_and(|start| start.traffic.is_counted_once());
    for stage in deliver.iter_mut().filter(|_| is_counted_once) {
        if let Replacement::Progressive(plan) = &mut stage.replacement {
            // A longer block was asked for because something depends on one another for longer.
            plan.quarters = plan.block_seconds == RolloutPlan::default().block_seconds;
        }
    }
    let objectives = draft.objectives.beyond(&deliver);
    match Pipeline::new(made, steps, start, deliver) {
        Ok(pipeline) => {
            let pipeline = pipeline.with_forward_only(draft.forward_only);
            let pipeline = pipeline.with_error_budget(error_budget).with_objectives(objectives);
            Some(Resolved { file, pipeline: pipeline.with_contracts(draft.contracts.clone()) })
        }
        Err(error) => {
            reader.report(whole(&template.source, &error));
            None
        }
    }
}

fn whole(source: &Source, error: &NotAPipeline) -> Problem {
    Problem::with_file(source.name(), error.to_string())
}

/// Reads the steps that the service adds, and checks that it names the secrets they use.
fn added<'s>(
    reader: &mut Reader<'s>,
    draft: &ServiceDraft,
    values: &Values,
    defaults: &Defaults,
) -> Drafts<'s> {
    let Some(node) = &draft.steps else { return Drafts::default() };
    let filled = inputs::fill(reader, node, values);
    let drafts = steps::read(reader, &filled, Whose::Service, values, defaults);
    for (secret, span) in drafts.steps.iter().flat_map(|draft| &draft.secrets_at) {
        if !draft.secrets.contains(secret) {
            let problem = reader
                .at(*span, format!("the service does not name the secret `{secret}`"))
                .hint(format!("add `{secret}` to the file's own `secrets:`"))
                .nearest(nearest(secret, draft.secrets.iter().map(String::as_str)));
            reader.report(problem);
        }
    }
    drafts
}

/// Returns the template's steps, with those that the service put in the place of open ones, and
/// then the steps that it adds.
fn merged<'s>(
    reader: &mut Reader<'_>,
    body: &Body<'s>,
    added: Drafts<'s>,
    template: &Template,
) -> Drafts<'s> {
    let mut all = body.drafts.clone();
    all.left_out.extend(added.left_out);
    for draft in added.steps {
        let name = &draft.step.name;
        let same = all.steps.iter().position(|before: &Draft<'_>| before.step.name == *name);
        let belongs = same.is_some() || all.left_out.contains(name);
        if belongs && !template.open.contains(name) {
            let problem = reader
                .at(draft.name_at, format!("`{name}` is a step of `{}`", template.name))
                .expected("a name that the template does not use");
            let open: Vec<&str> = template.open.iter().map(|name| name.as_str()).collect();
            let open = list_of(&open);
            reader.report(problem.hint(format!("a service may redefine {open} of this template")));
            continue;
        }
        all.left_out.remove(name);
        match same {
            Some(index) => all.steps[index] = draft,
            None => all.steps.push(draft),
        }
    }
    all
}
