//! Rules that need themselves: Rego has no recursion, and an engine that met one could run out of
//! its stack, which nothing catches.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::{ModuleFacts, Reference, RuleFacts};
use super::references::{data_path, named};
use super::{Found, Lint};
use crate::problem::LintRule;

impl Lint<'_> {
    /// Refuses rules that need themselves, directly or through others.
    pub(super) fn cycles(&mut self) {
        let modules = self.modules;
        let mut needs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for module in modules {
            for rule in &module.rules {
                let name = full_name(module, rule);
                let of_rule = self.needs(module, rule);
                needs.entry(name).or_default().extend(of_rule);
            }
        }
        for module in modules {
            for rule in &module.rules {
                let Some(way) = way_back(&full_name(module, rule), &needs) else { continue };
                let what = format!("`{}` needs itself: {}", rule.name, way.join(" → "));
                let mend = "a rule may not need itself, directly or through others; break the \
                            circle";
                self.found(&module.file, rule.at, Found::new(LintRule::Reference, what, mend));
            }
        }
    }

    /// The rules that a rule needs.
    fn needs(&self, module: &ModuleFacts, rule: &RuleFacts) -> BTreeSet<String> {
        let references = rule.facts.references.iter();
        let by_reference = references.filter_map(|reference| self.rule_of(module, reference));
        let calls = rule.facts.calls.iter().map(|call| self.call_name(module, &call.name));
        by_reference.chain(calls.filter(|name| self.names.contains(name))).collect()
    }

    fn rule_of(&self, module: &ModuleFacts, reference: &Reference) -> Option<String> {
        if let Some(path) = data_path(module, reference) {
            let names = named(&path);
            let prefix = |end: usize| names[..end].join(".");
            return (1..=names.len()).map(prefix).find(|name| self.names.contains(name));
        }
        let name = format!("{}.{}", module.package.join("."), reference.root);
        self.names.contains(&name).then_some(name)
    }
}

fn full_name(module: &ModuleFacts, rule: &RuleFacts) -> String {
    format!("{}.{}", module.package.join("."), rule.name)
}

/// The way from a rule back to itself, if there is one.
fn way_back(from: &str, needs: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut open = vec![from];
    while let Some(here) = open.pop() {
        for next in needs.get(here).into_iter().flatten() {
            if next == from {
                let mut way = vec![from.to_owned(), here.to_owned()];
                let mut at = here;
                while at != from {
                    at = came_from[at];
                    way.push(at.to_owned());
                }
                if here == from {
                    way.truncate(2);
                }
                way.reverse();
                return Some(way);
            }
            if !came_from.contains_key(next.as_str()) {
                came_from.insert(next, here);
                open.push(next);
            }
        }
    }
    None
}
