//! A bundle: the texts of a policy, read, held to the rules of the house and made ready.

use std::collections::{BTreeMap, BTreeSet};

use regorus::Engine;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::engine::{Outputs, QUESTION_PACKAGE, Regorus, settings};
use crate::json;
use crate::lint::facts::{ModuleFacts, Shape};
use crate::lint::{PACKAGE, lint};
use crate::problem::{BundleRefused, LintRule, Problem};

/// Bytes that all files of a bundle may have together.
pub const BUNDLE_BYTES_MOST: usize = 4 * 1024 * 1024;

/// The file of a bundle's own data.
pub(crate) const DATA_FILE: &str = "data.json";

/// What the digest begins with, so that it is the digest of nothing else.
const DOMAIN: &[u8] = b"sluss.policy.bundle.v1\0";

/// A policy that may decide: parsed, held to every rule of [`LintRule`], and ready.
#[derive(Debug, Clone)]
pub struct Bundle {
    files: BTreeMap<String, String>,
    sha256: String,
    data: Value,
    engine: Regorus,
    tests: Vec<TestRule>,
    /// Lines on which statements of the deciding files begin.
    lines: BTreeMap<String, BTreeSet<u32>>,
}

/// A `test_` rule and where it begins.
#[derive(Debug, Clone)]
pub(crate) struct TestRule {
    pub(crate) rule: String,
    pub(crate) file: String,
    pub(crate) line: u32,
}

impl Bundle {
    /// Loads a bundle from the texts of its files by path.
    ///
    /// # Errors
    ///
    /// [`BundleRefused`] with every problem, its place and how to mend it.
    pub fn load(files: BTreeMap<String, String>) -> Result<Self, BundleRefused> {
        let refused = |problems: Vec<Problem>| BundleRefused { problems };
        check_files(&files).map_err(refused)?;
        let data = own_data(&files).map_err(|problem| refused(vec![problem]))?;
        let mut problems = Vec::new();
        let mut deciding = settings();
        let mut modules = Vec::new();
        for (file, text) in files.iter().filter(|(file, _)| is_rego(file)) {
            let is_test = file.ends_with("_test.rego");
            let mut alone = settings();
            match alone.add_policy(file.clone(), text.clone()) {
                Ok(_package) => {
                    let parsed = alone.get_modules().iter();
                    modules.extend(parsed.map(|module| ModuleFacts::of(file, module)));
                }
                Err(problem) => {
                    problems.push(of_engine(&problem.to_string(), file, not_rego_v1()));
                    continue;
                }
            }
            if !is_test && let Err(problem) = deciding.add_policy(file.clone(), text.clone()) {
                problems.push(of_engine(&problem.to_string(), file, not_rego_v1()));
            }
        }
        if problems.is_empty() {
            problems = lint(&modules, &data);
        }
        if !problems.is_empty() {
            return Err(refused(problems));
        }
        let engine = ready(deciding, &data, outputs(&modules))
            .map_err(|message| refused(vec![of_engine(&message, "", not_scheduled())]))?;
        let (tests, lines) = (tests(&modules), lines(&modules));
        Ok(Self { sha256: digest(&files), files, data, engine, tests, lines })
    }

    /// SHA-256, in hexadecimal, over `sluss.policy.bundle.v1`, a zero byte, and for each file in
    /// the byte order of its path: the path's length (8 bytes, big-endian), the path, the text's
    /// length, the text.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The texts of its files by path.
    #[must_use]
    pub const fn files(&self) -> &BTreeMap<String, String> {
        &self.files
    }

    pub(crate) const fn engine(&self) -> &Regorus {
        &self.engine
    }

    pub(crate) fn tests(&self) -> &[TestRule] {
        &self.tests
    }

    pub(crate) const fn lines(&self) -> &BTreeMap<String, BTreeSet<u32>> {
        &self.lines
    }

    /// An engine with all its modules, tests included, and its data.
    pub(crate) fn test_engine(&self) -> Result<Engine, String> {
        let mut engine = settings();
        for (file, text) in self.files.iter().filter(|(file, _)| is_rego(file)) {
            let added = engine.add_policy(file.clone(), text.clone());
            added.map_err(|problem| problem.to_string())?;
        }
        give(&mut engine, &self.data)?;
        Ok(engine)
    }
}

fn is_rego(file: &str) -> bool {
    std::path::Path::new(file).extension().is_some_and(|it| it == "rego")
}

/// The digest of a bundle's files, see [`Bundle::sha256`].
#[must_use]
pub fn digest(files: &BTreeMap<String, String>) -> String {
    let mut hash = Sha256::new();
    hash.update(DOMAIN);
    for text in files.iter().flat_map(|(path, text)| [path, text]) {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    }
    hex::encode(hash.finalize())
}

fn whole(rule: LintRule, what: String, mend: &str) -> Problem {
    Problem { file: String::new(), line: 1, col: 1, rule, what, mend: mend.to_owned() }
}

fn check_files(files: &BTreeMap<String, String>) -> Result<(), Vec<Problem>> {
    let mut problems = Vec::new();
    let bytes: usize = files.iter().map(|(path, text)| path.len() + text.len()).sum();
    if bytes > BUNDLE_BYTES_MOST {
        let what = format!("{bytes} bytes; a bundle has at most {BUNDLE_BYTES_MOST}");
        problems.push(whole(LintRule::Files, what, "move data out of it, or split it by gate"));
    }
    for path in files.keys() {
        let parts_are_plain = path.split('/').all(|part| {
            let plain = |it: char| it.is_ascii_alphanumeric() || "._-".contains(it);
            !part.is_empty() && !part.starts_with('.') && part.chars().all(plain)
        });
        if !parts_are_plain || !(is_rego(path) || path == DATA_FILE) {
            let what = format!("`{}` is no file of a bundle", path.escape_debug());
            let mend = "a bundle holds `.rego` files and one `data.json` under plain paths";
            problems.push(whole(LintRule::Files, what, mend));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

fn own_data(files: &BTreeMap<String, String>) -> Result<Value, Problem> {
    let Some(text) = files.get(DATA_FILE) else { return Ok(Value::Object(Map::new())) };
    data(text.as_bytes()).map_err(|problem| {
        let number = |of: usize| u32::try_from(of).unwrap_or(u32::MAX);
        Problem {
            file: DATA_FILE.to_owned(),
            line: number(problem.line),
            col: number(problem.column),
            rule: LintRule::Data,
            what: problem.what,
            mend: "write one JSON object, each key once, numbers as integers".to_owned(),
        }
    })
}

/// Parses data: an object whose keys hide no rule.
pub(crate) fn data(bytes: &[u8]) -> Result<Value, json::JsonRefused> {
    let refused = |what: &str| json::JsonRefused { what: what.to_owned(), line: 1, column: 1 };
    let value = json::parse(bytes)?;
    let Some(fields) = value.as_object() else { return Err(refused("data is not an object")) };
    match ["sluss", QUESTION_PACKAGE].iter().find(|name| fields.contains_key(**name)) {
        Some(name) => Err(refused(&format!("the key `{name}` would hide the rules"))),
        None => Ok(value),
    }
}

fn outputs(modules: &[ModuleFacts]) -> Outputs {
    let has = |name: &str| {
        modules.iter().filter(|module| !module.is_test() && module.package == PACKAGE).any(
            |module| {
                let set = |rule: &crate::lint::facts::RuleFacts| {
                    rule.name == name && rule.shape == Shape::Set
                };
                module.rules.iter().any(set)
            },
        )
    };
    Outputs { deny: has("deny"), require: has("require"), warn: has("warn") }
}

/// The tests in order of file and place, each name once: a rule of several bodies is one test.
fn tests(modules: &[ModuleFacts]) -> Vec<TestRule> {
    let mut tests: Vec<TestRule> = Vec::new();
    for module in modules.iter().filter(|module| module.is_test()) {
        for rule in module.rules.iter().filter(|rule| rule.name.starts_with("test_")) {
            let path = format!("data.{}.{}", module.package.join("."), rule.name);
            if tests.iter().all(|known| known.rule != path) {
                let (file, line) = (module.file.clone(), rule.at.line);
                tests.push(TestRule { rule: path, file, line });
            }
        }
    }
    tests
}

fn lines(modules: &[ModuleFacts]) -> BTreeMap<String, BTreeSet<u32>> {
    let deciding = modules.iter().filter(|module| !module.is_test());
    let of = |module: &ModuleFacts| {
        let rules = module.rules.iter();
        rules.flat_map(|rule| rule.facts.lines.iter().copied()).collect::<BTreeSet<u32>>()
    };
    deciding.map(|module| (module.file.clone(), of(module))).collect()
}

fn give(engine: &mut Engine, data: &Value) -> Result<(), String> {
    engine.add_data_json(&data.to_string()).map_err(|problem| problem.to_string())
}

fn ready(mut engine: Engine, data: &Value, outputs: Outputs) -> Result<Regorus, String> {
    give(&mut engine, data)?;
    Regorus::ready(engine, outputs)
}

fn not_rego_v1() -> &'static str {
    "write Rego v1: `if` before a body, `contains` for a set, `:=` and `==`"
}

fn not_scheduled() -> &'static str {
    "correct the name, or give the variable its value with `some … in` or `:=`; a rule may not \
     need itself"
}

/// Reads place and words out of what the engine says: `--> file:line:col`, then `error: …`.
pub(crate) fn of_engine(message: &str, file: &str, mend: &str) -> Problem {
    let place = message.lines().find_map(|line| line.trim().strip_prefix("--> "));
    let mut parts = place.unwrap_or_default().rsplitn(3, ':');
    let col = parts.next().and_then(|it| it.parse().ok()).unwrap_or(1);
    let line = parts.next().and_then(|it| it.parse().ok()).unwrap_or(1);
    let in_file = parts.next().filter(|it| !it.is_empty()).unwrap_or(file);
    let said = message.lines().rev().find_map(|line| line.trim().strip_prefix("error: "));
    let what = said.unwrap_or_else(|| message.trim()).to_owned();
    let (file, mend) = (in_file.to_owned(), mend.to_owned());
    Problem { file, line, col, rule: LintRule::RegoV1, what, mend }
}
