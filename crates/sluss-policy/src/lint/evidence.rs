//! Rules 1 and 2: `evidence_complete` names all that is used, and lists have a minimum of rows.

use super::facts::{ModuleFacts, Reference, RuleFacts, Shape};
use super::references::{data_path, named, show};
use super::{Found, Lint, asked};
use crate::problem::LintRule;

const NAME: &str = "evidence_complete";

/// Something that a rule decides from.
struct Used {
    file: String,
    reference: Reference,
    /// `input.…` or `data.…`, up to the first row.
    path: Vec<String>,
}

impl Lint<'_> {
    /// Holds the bundle to `evidence_complete`.
    pub(super) fn evidence(&mut self) {
        let modules = self.modules;
        let rules: Vec<_> = asked(modules).filter(|(_, rule)| rule.name == NAME).collect();
        let of_default =
            |(_, rule): &&(&ModuleFacts, &RuleFacts)| matches!(rule.shape, Shape::Default(_));
        for (module, rule) in rules.iter().filter(of_default) {
            if rule.shape != Shape::Default("false".to_owned()) {
                let what = "`evidence_complete` is true by default: then nothing is ever missing";
                let found = Found::new(LintRule::EvidenceComplete, what, "make the default false");
                self.found(&module.file, rule.at, found);
            }
        }
        let said: Vec<_> = rules.iter().filter(|rule| !of_default(rule)).collect();
        let used: Vec<Used> = self.used();
        let mut minimums = Vec::new();
        match said[..] {
            [] => self.silent(&used),
            [&(module, rule)] => {
                let plain = rule.shape == (Shape::Complete { always_true: true });
                if !plain || rule.bodies.len() != 1 {
                    self.found(&module.file, rule.at, one_body());
                }
                minimums.clone_from(&rule.facts.minimums);
                self.named(module, rule, &used);
            }
            [_, &(module, rule), ..] => self.found(&module.file, rule.at, one_body()),
        }
        self.minimums(&minimums);
    }

    /// Everything that rules decide from, `evidence_complete` left out.
    fn used(&self) -> Vec<Used> {
        let mut used = Vec::new();
        for module in self.modules.iter().filter(|module| !module.is_test()) {
            for rule in module.rules.iter().filter(|rule| rule.name != NAME) {
                for reference in &rule.facts.references {
                    if let Some(path) = self.fact(module, reference) {
                        let (file, reference) = (module.file.clone(), reference.clone());
                        used.push(Used { file, reference, path });
                    }
                }
            }
        }
        used
    }

    /// The fact that a reference takes from outside the bundle.
    fn fact(&self, module: &ModuleFacts, reference: &Reference) -> Option<Vec<String>> {
        let of = |root: &str, names: Vec<&str>| {
            let names = names.into_iter().map(str::to_owned);
            Some(std::iter::once(root.to_owned()).chain(names).collect())
        };
        if reference.root == "input" {
            return of("input", named(&reference.steps));
        }
        let path = data_path(module, reference)?;
        let names = named(&path);
        let inside = names.first() == Some(&"sluss") || self.has_data(&names);
        if inside { None } else { of("data", names) }
    }

    fn silent(&mut self, used: &[Used]) {
        let fields: Vec<String> = used.iter().map(|it| it.path.join(".")).collect();
        let found = Found::new(
            LintRule::EvidenceComplete,
            "`sluss.gate` has no `evidence_complete`; where a field is missing, a denial built on \
             it vanishes and the gate opens",
            format!("write `evidence_complete if {{ … }}` over: {}", listed(fields)),
        );
        self.found("", super::Place { line: 1, col: 1 }, found);
    }

    fn named(&mut self, module: &ModuleFacts, rule: &RuleFacts, used: &[Used]) {
        let positive = rule.facts.references.iter().filter(|reference| reference.positive);
        let names: Vec<Vec<String>> =
            positive.filter_map(|reference| self.fact(module, reference)).collect();
        for each in used {
            let is_named = names.iter().any(|name| name.starts_with(&each.path));
            if !is_named {
                let what = format!(
                    "`{}` is decided from, and `evidence_complete` does not name it positively",
                    show(&each.reference)
                );
                let mend = format!(
                    "add a statement over `{}` to `evidence_complete`, such as `is_boolean(…)`, \
                     `is_number(…)` or `is_array(…)`",
                    each.path.join(".")
                );
                let found = Found::new(LintRule::EvidenceComplete, what, mend);
                self.found(&each.file, each.reference.at, found);
            }
        }
    }

    fn minimums(&mut self, minimums: &[String]) {
        let modules = self.modules;
        for module in modules.iter().filter(|module| !module.is_test()) {
            for rule in &module.rules {
                for every in &rule.facts.everies {
                    if every.counted || minimums.contains(&every.domain) {
                        continue;
                    }
                    let what = format!(
                        "`every` holds when `{}` is empty, and nothing asks for a row",
                        every.domain
                    );
                    let mend = format!("write `count({}) > 0` beside it", every.domain);
                    let found = Found::new(LintRule::MinimumCount, what, mend);
                    self.found(&module.file, every.at, found);
                }
            }
        }
    }
}

fn one_body() -> Found {
    Found::new(
        LintRule::EvidenceComplete,
        "`evidence_complete` has more than one body, or another value than true; with a second \
         way to hold, no fact is needed",
        "write it once: `evidence_complete if { … }`",
    )
}

fn listed(mut fields: Vec<String>) -> String {
    fields.sort();
    fields.dedup();
    fields.join(", ")
}
