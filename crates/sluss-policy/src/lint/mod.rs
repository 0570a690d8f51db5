//! The linter: what a bundle must be before anything is decided by it.
//!
//! Rego fails open in ways that look like success: what is undefined makes a denial vanish, and
//! `every` over nothing holds. Each rule here closes one of them where it is written, with its
//! place, rather than where it would be met.

mod builtins;
mod contract;
mod cycles;
mod evidence;
pub(crate) mod facts;
mod forms;
mod references;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::problem::{LintRule, Problem};
use facts::{ModuleFacts, Place, RuleFacts, Shape};

/// The package whose rules are asked.
pub(crate) const PACKAGE: [&str; 2] = ["sluss", "gate"];

/// A whole bundle as the linter sees it.
pub(crate) struct Lint<'a> {
    modules: &'a [ModuleFacts],
    data: &'a Value,
    /// Full names of all rules and functions: `sluss.gate.lib.green`.
    names: BTreeSet<String>,
    problems: Vec<Problem>,
}

/// Reads all modules and says everything that is wrong with them.
pub(crate) fn lint(modules: &[ModuleFacts], data: &Value) -> Vec<Problem> {
    let names = modules.iter().flat_map(|module| {
        module.rules.iter().map(|rule| format!("{}.{}", module.package.join("."), rule.name))
    });
    let mut lint = Lint { modules, data, names: names.collect(), problems: Vec::new() };
    for module in modules {
        lint.package(module);
        lint.imports(module);
        for rule in &module.rules {
            lint.calls(module, rule);
            lint.bare_names(module, rule);
            lint.variables(module, rule);
            for at in &rule.facts.unportable {
                lint.found(&module.file, *at, unportable());
            }
            if module.is_test() {
                lint.test_rule(module, rule);
            } else {
                lint.policy_rule(module, rule);
            }
        }
    }
    lint.outputs();
    lint.evidence();
    lint.cycles();
    lint.problems.sort();
    lint.problems.dedup();
    lint.problems
}

/// What a finding says; joined with its place by [`Lint::found`].
struct Found {
    rule: LintRule,
    what: String,
    mend: String,
}

impl Found {
    fn new(rule: LintRule, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { rule, what: what.into(), mend: mend.into() }
    }
}

impl Lint<'_> {
    fn found(&mut self, file: &str, at: Place, found: Found) {
        let Found { rule, what, mend } = found;
        let Place { line, col } = at;
        self.problems.push(Problem { file: file.to_owned(), line, col, rule, what, mend });
    }

    fn package(&mut self, module: &ModuleFacts) {
        let package = module.package.join(".");
        let is_asked = package == "sluss.gate"
            || package.starts_with("sluss.gate.")
            || (module.is_test() && package == "sluss.gate_test");
        if !is_asked {
            self.found(
                &module.file,
                module.at,
                Found::new(
                    LintRule::Package,
                    format!("the package is `{package}`; nothing of it would ever be asked"),
                    "write `package sluss.gate`, or a package below it",
                ),
            );
        }
        let tests = module.rules.iter().filter(|rule| rule.name.starts_with("test_")).count();
        if module.is_test() && tests == 0 {
            self.found(
                &module.file,
                module.at,
                Found::new(
                    LintRule::Tests,
                    "a file of tests without a rule whose name begins with `test_`",
                    "add one, or rename the file so that it does not end in `_test.rego`",
                ),
            );
        }
    }

    fn imports(&mut self, module: &ModuleFacts) {
        for import in &module.imports {
            let path = import.path.join(".");
            let known = path == "rego.v1" || path.starts_with("data.");
            if !known || ["input", "data"].contains(&import.alias.as_str()) {
                self.found(
                    &module.file,
                    import.at,
                    Found::new(
                        LintRule::Reference,
                        format!("the import of `{path}` hides which fields are used"),
                        "write fields of the input in full (`input.release.id`), and import only \
                         `rego.v1` and packages below `data.sluss.gate`",
                    ),
                );
            }
        }
    }

    fn calls(&mut self, module: &ModuleFacts, rule: &RuleFacts) {
        for call in &rule.facts.calls {
            let name = self.call_name(module, &call.name);
            if self.names.contains(&name) {
                continue;
            }
            if let Some(refused) = builtins::banned(&call.name, module.is_test()) {
                let what = format!("`{}` may not be called: {}", call.name, refused.why);
                let found = Found::new(LintRule::Builtin, what, refused.instead);
                self.found(&module.file, call.at, found);
            }
            let of_input = call.first.as_ref().is_some_and(|first| first.root == "input");
            if call.name == "object.get" && of_input && !module.is_test() {
                self.found(
                    &module.file,
                    call.at,
                    Found::new(
                        LintRule::EvidenceComplete,
                        "`object.get` on the input puts a default in the place of evidence that \
                         is missing",
                        "name the field itself; the contract has no optional ones",
                    ),
                );
            }
        }
    }

    /// The full name of a function that a module calls.
    fn call_name(&self, module: &ModuleFacts, name: &str) -> String {
        let mut parts = name.splitn(2, '.');
        let (first, rest) = (parts.next().unwrap_or(name), parts.next());
        if first == "data" {
            return rest.unwrap_or_default().to_owned();
        }
        let import = module.imports.iter().find(|import| import.alias == first);
        match (import, rest) {
            (Some(import), Some(rest)) => format!("{}.{rest}", import.path[1..].join(".")),
            (Some(import), None) => import.path[1..].join("."),
            (None, _) => format!("{}.{name}", module.package.join(".")),
        }
    }

    fn test_rule(&mut self, module: &ModuleFacts, rule: &RuleFacts) {
        let decides = self.modules.iter().filter(|other| !other.is_test()).any(|other| {
            other.package == module.package && other.rules.iter().any(|it| it.name == rule.name)
        });
        if decides {
            self.found(
                &module.file,
                rule.at,
                Found::new(
                    LintRule::Tests,
                    format!(
                        "`{}` is a rule of the policy; the tests would test another",
                        rule.name
                    ),
                    "give the rule of the test another name",
                ),
            );
        }
    }

    fn policy_rule(&mut self, module: &ModuleFacts, rule: &RuleFacts) {
        if rule.name.starts_with("test_") {
            self.found(
                &module.file,
                rule.at,
                Found::new(
                    LintRule::Tests,
                    format!("`{}` is a test among the rules that decide", rule.name),
                    "move it to a file whose name ends in `_test.rego`",
                ),
            );
        }
        for at in &rule.facts.withs {
            self.found(
                &module.file,
                *at,
                Found::new(
                    LintRule::With,
                    "`with` decides from something else than what was recorded",
                    "leave `with` to tests",
                ),
            );
        }
        self.references(module, rule);
    }

    /// `deny`, `require` and `warn` are sets; `allow` is false unless a rule says true.
    fn outputs(&mut self) {
        let modules = self.modules;
        let mut defaults = 0;
        let mut allows = 0;
        for (module, rule) in asked(modules) {
            let output = ["deny", "require", "warn"].contains(&rule.name.as_str());
            if output && rule.shape != Shape::Set {
                self.found(
                    &module.file,
                    rule.at,
                    Found::new(
                        LintRule::Outputs,
                        format!("`{}` is not a set that rules add to", rule.name),
                        format!("write `{} contains … if {{ … }}`", rule.name),
                    ),
                );
            }
            if rule.name != "allow" {
                continue;
            }
            match &rule.shape {
                Shape::Default(value) => {
                    defaults += 1;
                    if value != "false" {
                        self.found(&module.file, rule.at, default_allow(value));
                    }
                }
                Shape::Complete { always_true } => {
                    allows += 1;
                    self.allow(module, rule, *always_true);
                }
                Shape::Set | Shape::Object | Shape::Function => {
                    self.found(&module.file, rule.at, allow_rests());
                }
            }
        }
        if defaults != 1 {
            let what = format!("`default allow := false` stands {defaults} times in `sluss.gate`");
            let found = Found::new(
                LintRule::DefaultAllow,
                what,
                "write it once: without it a policy that says nothing is undefined",
            );
            self.found("", Place { line: 1, col: 1 }, found);
        }
        if allows == 0 {
            let found = Found::new(
                LintRule::Allow,
                "no rule of `sluss.gate` says `allow`; the gate would never open",
                "write `allow if { evidence_complete; count(deny) == 0 }`",
            );
            self.found("", Place { line: 1, col: 1 }, found);
        }
    }

    fn allow(&mut self, module: &ModuleFacts, rule: &RuleFacts, always_true: bool) {
        let rests = rule.bodies.iter().all(|body| body.iter().any(|it| it == "evidence_complete"));
        if !always_true || !rests || rule.bodies.is_empty() {
            self.found(&module.file, rule.at, allow_rests());
        }
    }
}

fn default_allow(value: &str) -> Found {
    Found::new(
        LintRule::DefaultAllow,
        format!("`default allow := {value}` opens the gate for whoever has no evidence"),
        "write `default allow := false`",
    )
}

fn allow_rests() -> Found {
    Found::new(
        LintRule::Allow,
        "`allow` does not rest on `evidence_complete` in each of its bodies, or says something \
         else than true; a missing fact makes denials vanish, not appear",
        "write `allow if { evidence_complete; … }`",
    )
}

fn unportable() -> Found {
    Found::new(
        LintRule::Portable,
        "engines read this differently (regorus 0.14.1, rego-cpp 1.5.2), and a decision has to come \
         out the same in another: `some … in` inside `every`, `some key, value in` inside a \
         comprehension, or a `sprintf` of anything but a text with `%s` and `%v`",
        "move `some` into a rule or a function of its own; write numbers with `%v`",
    )
}

/// The rules of `sluss.gate` itself, which are asked.
fn asked(modules: &[ModuleFacts]) -> impl Iterator<Item = (&ModuleFacts, &RuleFacts)> {
    modules
        .iter()
        .filter(|module| !module.is_test() && module.package == PACKAGE)
        .flat_map(|module| module.rules.iter().map(move |rule| (module, rule)))
}
