//! What can be wrong with steps only beside each other: names twice, needs that do not exist,
//! circles.

use std::collections::{BTreeMap, BTreeSet};

use sluss_core::ids::{ArtifactName, Digest, ServiceName, StepName, TemplateRef};
use sluss_core::pipeline::{NotAPipeline, Pipeline, Step};

use super::nearest::nearest;
use super::problem::Problem;
use super::steps::{Draft, Drafts};

/// Whose pipeline it is, and what it is made from.
pub(super) type Made = (ServiceName, TemplateRef, Digest);

/// Returns the steps in an order in which each comes after its needs; needs of steps that are left
/// out are dropped.
pub(super) fn order(
    drafts: &Drafts<'_>,
    made: &Made,
    problems: &mut Vec<Problem>,
) -> Option<Vec<Step>> {
    let before = problems.len();
    let mut names: BTreeMap<&StepName, &Draft<'_>> = BTreeMap::new();
    for draft in &drafts.steps {
        if let Some(first) = names.insert(&draft.step.name, draft) {
            let what = format!("a second step is called `{}`", draft.step.name);
            let hint = format!("the first is in {}:{}", first.source.name(), first.name_at.line);
            problems.push(Problem::at(draft.source, draft.name_at, what).hint(hint));
        }
    }
    let known = |need: &StepName| names.contains_key(need);
    let mut steps = Vec::with_capacity(drafts.steps.len());
    for draft in &drafts.steps {
        let mut step = draft.step.clone();
        for (need, at) in draft.step.needs.iter().zip(&draft.needs_at) {
            if !known(need) && !drafts.left_out.contains(need) {
                let what = format!("step `{}` needs `{need}`, which does not exist", step.name);
                let near = nearest(need.as_str(), names.keys().map(|name| name.as_str()));
                problems.push(Problem::at(draft.source, *at, what).nearest(near));
            }
        }
        step.needs.retain(known);
        steps.push(step);
    }
    if problems.len() > before {
        return None;
    }
    match Pipeline::new(made.clone(), steps, None, Vec::new()) {
        Ok(pipeline) => Some(pipeline.steps().to_vec()),
        Err(error) => {
            problems.push(placed(&error, drafts));
            None
        }
    }
}

/// Returns the problem at the first need of the circle that the error names.
fn placed(error: &NotAPipeline, drafts: &Drafts<'_>) -> Problem {
    let name = match error {
        NotAPipeline::Twice(step) | NotAPipeline::Missing { step, .. } => Some((step, None)),
        NotAPipeline::Circle { circle } => circle.first().map(|step| (step, circle.get(1))),
        NotAPipeline::Shares(_) | NotAPipeline::NoStart => None,
    };
    let (draft, next) = name
        .and_then(|(name, next)| {
            drafts.steps.iter().find(|draft| draft.step.name == *name).map(|draft| (draft, next))
        })
        .expect("BUG: the order of steps names one of them");
    let need = draft.step.needs.iter().position(|need| Some(need) == next);
    let at = need.and_then(|index| draft.needs_at.get(index)).unwrap_or(&draft.name_at);
    Problem::at(draft.source, *at, error.to_string()).hint("leave out one of these needs")
}

/// Returns the artifacts that the steps leave parts for.
pub(super) fn artifacts(drafts: &Drafts<'_>) -> BTreeSet<ArtifactName> {
    let outputs = drafts.steps.iter().flat_map(|draft| &draft.step.outputs);
    outputs.map(|output| output.artifact.clone()).collect()
}
