//! References of rules: fields of the contract, data, and other rules.

use std::collections::BTreeMap;

use serde_json::Value;

use super::contract::{Astray, Node, follow};
use super::facts::{ModuleFacts, Place, Reference, RuleFacts, Step};
use super::{Found, Lint};
use crate::problem::LintRule;

impl Lint<'_> {
    /// Holds every reference of a rule to what there is.
    pub(super) fn references(&mut self, module: &ModuleFacts, rule: &RuleFacts) {
        let rows = rows(rule);
        for reference in &rule.facts.references {
            if reference.root == "input" {
                self.input(module, reference);
            } else if let Some(path) = data_path(module, reference) {
                self.data(module, &path, reference.at);
            } else if let Some(Some(from)) = rows.get(&reference.root) {
                self.row(module, reference, from);
            }
        }
    }

    fn input(&mut self, module: &ModuleFacts, reference: &Reference) {
        let what = match follow(&reference.steps) {
            Ok(Node::Part(_)) if !reference.steps.contains(&Step::Any) => (
                format!(
                    "`{}` is used whole, so that nothing says which fields are",
                    show(reference)
                ),
                "name each field that the rule decides from".to_owned(),
            ),
            Ok(Node::Part(_) | Node::List(_) | Node::Value) => return,
            Err(astray) => lost(&show(reference), &astray),
        };
        self.found(&module.file, reference.at, Found::new(LintRule::Contract, what.0, what.1));
    }

    fn row(&mut self, module: &ModuleFacts, reference: &Reference, from: &[Step]) {
        let path: Vec<Step> = from.iter().chain(&reference.steps).cloned().collect();
        if let Err(astray) = follow(&path) {
            let (what, mend) = lost(&show(reference), &astray);
            self.found(&module.file, reference.at, Found::new(LintRule::Contract, what, mend));
        }
    }

    fn data(&mut self, module: &ModuleFacts, path: &[Step], at: Place) {
        let names: Vec<&str> = named(path);
        if names.first() == Some(&"sluss") {
            let full = |end: usize| names[..end].join(".");
            let known = (1..=names.len()).any(|end| self.names.contains(&full(end)));
            if !known {
                self.found(
                    &module.file,
                    at,
                    Found::new(
                        LintRule::Reference,
                        format!("no rule of the bundle is called `data.{}`", names.join(".")),
                        "correct the name; what does not exist is undefined, and a denial built \
                         on it never fires",
                    ),
                );
            }
        } else if names.is_empty() {
            self.found(
                &module.file,
                at,
                Found::new(
                    LintRule::Reference,
                    "`data` is used whole, so that nothing says which of it is",
                    "name what the rule decides from",
                ),
            );
        }
    }

    /// A name that is neither rule, variable nor import has no value: a denial built on it never
    /// fires, and `not` of it always holds.
    pub(super) fn bare_names(&mut self, module: &ModuleFacts, rule: &RuleFacts) {
        let facts = &rule.facts;
        let package = module.package.join(".");
        for reference in &facts.references {
            let root = &reference.root;
            let known = ["input", "data", "_"].contains(&root.as_str())
                || self.names.contains(&format!("{package}.{root}"))
                || module.imports.iter().any(|import| import.alias == *root)
                || facts.declared.iter().any(|(name, _)| name == root)
                || facts.loose.contains(root)
                || facts.somes.iter().any(|(name, _)| name == root);
            if !known {
                let what = format!("`{root}` is neither a rule, a variable nor an import");
                let mend = "correct the name; what does not exist is undefined, and a denial \
                            built on it never fires";
                let found = Found::new(LintRule::Reference, what, mend);
                self.found(&module.file, reference.at, found);
            }
        }
    }

    /// A variable that hides a rule, or that nothing gives a value, is a mistake that engines
    /// find late or never.
    pub(super) fn variables(&mut self, module: &ModuleFacts, rule: &RuleFacts) {
        let facts = &rule.facts;
        let package = module.package.join(".");
        for (name, at) in facts.declared.iter().chain(&facts.somes) {
            let is_input = name == "input" || name == "data";
            if is_input || self.names.contains(&format!("{package}.{name}")) {
                let what = format!("a variable hides `{name}`");
                let mend = "give the variable another name";
                self.found(&module.file, *at, Found::new(LintRule::Reference, what, mend));
            }
        }
        for (name, at) in &facts.somes {
            let has_value =
                facts.loose.contains(name) || facts.declared.iter().any(|(it, _)| it == name);
            if !has_value {
                let what = format!("nothing gives `{name}` a value");
                let mend = "write `some … in …`, or use it in a bracket";
                self.found(&module.file, *at, Found::new(LintRule::Reference, what, mend));
            }
        }
    }

    /// Whether the bundle's own `data.json` has it.
    pub(super) fn has_data(&self, names: &[&str]) -> bool {
        let mut here: &Value = self.data;
        for name in names {
            match here.get(name) {
                Some(next) => here = next,
                None => return false,
            }
        }
        !here.is_null()
    }
}

/// The names that a path begins with, up to the first row.
pub(super) fn named(path: &[Step]) -> Vec<&str> {
    path.iter()
        .map_while(|step| match step {
            Step::Field(name) => Some(name.as_str()),
            Step::Any => None,
        })
        .collect()
}

/// The path below `data` that a reference leads to, imports followed.
pub(super) fn data_path(module: &ModuleFacts, reference: &Reference) -> Option<Vec<Step>> {
    if reference.root == "data" {
        return Some(reference.steps.clone());
    }
    let import = module.imports.iter().find(|import| import.alias == reference.root)?;
    if import.path.first().map(String::as_str) != Some("data") {
        return None;
    }
    let begin = import.path[1..].iter().map(|name| Step::Field(name.clone()));
    Some(begin.chain(reference.steps.iter().cloned()).collect())
}

/// What the variables of a rule stand for, where that is one place of the input; `None` where a
/// name stands for several things.
fn rows(rule: &RuleFacts) -> BTreeMap<String, Option<Vec<Step>>> {
    let mut rows: BTreeMap<String, Option<Vec<Step>>> = BTreeMap::new();
    for binding in &rule.facts.bindings {
        let from = if binding.from.root == "input" {
            Some(binding.from.steps.clone())
        } else {
            let of = rows.get(&binding.from.root).cloned().flatten();
            of.map(|steps| steps.into_iter().chain(binding.from.steps.iter().cloned()).collect())
        };
        let from = from.filter(|steps| follow(steps).is_ok());
        rows.entry(binding.variable.clone())
            .and_modify(|known| {
                if *known != from {
                    *known = None;
                }
            })
            .or_insert(from);
    }
    rows
}

pub(super) fn show(reference: &Reference) -> String {
    let mut text = reference.root.clone();
    for step in &reference.steps {
        match step {
            Step::Field(name) => {
                text.push('.');
                text.push_str(name);
            }
            Step::Any => text.push_str("[_]"),
        }
    }
    text
}

fn lost(shown: &str, astray: &Astray) -> (String, String) {
    match astray {
        Astray::Unknown { field, nearest } => (
            format!("`{shown}`: sluss.gate.input.v1 has no field `{field}` there"),
            match nearest {
                Some(nearest) => format!("the nearest is `{nearest}`"),
                None => "see docs/schema/gate-input.schema.json".to_owned(),
            },
        ),
        Astray::FieldOfList => (
            format!("`{shown}` asks a list for a field"),
            "go over its rows: `some row in input.…`".to_owned(),
        ),
        Astray::Dynamic => {
            (format!("`{shown}` leaves open which field is used"), "name the field".to_owned())
        }
        Astray::FieldOfValue => (
            format!("`{shown}` asks a single value for a field"),
            "see docs/schema/gate-input.schema.json".to_owned(),
        ),
    }
}
