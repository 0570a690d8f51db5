//! The seam to the program that evaluates Rego, and regorus behind it.
//!
//! Minor releases of regorus break, so nothing else in the crate touches its evaluator. A second
//! implementation, in the tests, breaks down on purpose.

use std::num::NonZeroU32;
use std::time::Duration;

use regorus::utils::limits::ExecutionTimerConfig;
use regorus::{Engine, LimitError};
use serde_json::Value;

use crate::bundle::of_engine;
use crate::decision::EngineId;
use crate::problem::Problem;

/// The engine's version, as `Cargo.toml` pins it.
const VERSION: &str = "0.14.1";
/// The features that it is built with.
const FEATURES: [&str; 5] = ["std", "arc", "regex", "semver", "coverage"];
/// Units of work between two looks at the time.
const CHECK_EVERY: NonZeroU32 = NonZeroU32::new(16).expect("16 is not zero");

/// The package in which the question stands; no bundle can have it.
pub(crate) const QUESTION_PACKAGE: &str = "sluss_question";

/// What is asked, and with what.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// The data that is given besides the bundle's own, as JSON.
    pub data: &'a str,
    /// The input, as JSON.
    pub input: &'a str,
    /// How long the evaluation may take.
    pub limit: Duration,
}

/// What a policy says; an absent value is undefined.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// `allow`.
    pub allow: Option<Value>,
    /// `evidence_complete`.
    pub evidence_complete: Option<Value>,
    /// `deny`, as a list.
    pub deny: Option<Value>,
    /// `require`, as a list.
    pub require: Option<Value>,
    /// `warn`, as a list.
    pub warn: Option<Value>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineFault {
    /// It was not done in time.
    #[error("not done within the limit")]
    TimedOut,
    /// The data can't stand beside the bundle's own.
    #[error("{0}")]
    Data(String),
    /// A builtin failed, or rules are in conflict.
    #[error("{0}")]
    Failed(String),
}

/// Whatever evaluates one bundle's policy.
pub trait PolicyEngine {
    /// Which engine it is.
    fn id(&self) -> EngineId;

    /// Asks the policy once.
    ///
    /// # Errors
    ///
    /// [`EngineFault`]; a gate that gets one is closed.
    fn ask(&self, ask: Ask<'_>) -> Result<Answer, EngineFault>;
}

/// regorus over one bundle, made ready once and copied for each question.
#[derive(Debug, Clone)]
pub(crate) struct Regorus {
    ready: Engine,
}

/// An engine with our settings.
///
/// With strict builtins a builtin that fails is an error; otherwise it is undefined, and the
/// denial around it vanishes.
pub(crate) fn settings() -> Engine {
    let mut engine = Engine::new();
    engine.set_rego_v0(false);
    engine.set_strict_builtin_errors(true);
    engine
}

/// Which outputs a bundle has besides `allow` and `evidence_complete`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Outputs {
    pub(crate) deny: bool,
    pub(crate) require: bool,
    pub(crate) warn: bool,
}

/// The question as a module. A comprehension tells undefined (no row) from false (one row).
fn question(outputs: Outputs) -> String {
    let mut fields = Vec::new();
    let all = [
        ("allow", true),
        ("evidence_complete", true),
        ("deny", outputs.deny),
        ("require", outputs.require),
        ("warn", outputs.warn),
    ];
    for (name, there) in all {
        let row = if there { format!("[x | x := data.sluss.gate.{name}]") } else { "[[]]".into() };
        fields.push(format!("\"{name}\": {row}"));
    }
    let fields = fields.join(", ");
    format!("package {QUESTION_PACKAGE}\n\nready := true\n\nanswer := {{{fields}}}\n")
}

impl Regorus {
    /// Makes an engine ready: modules and data in place, rules scheduled.
    ///
    /// # Errors
    ///
    /// What the engine says of rules that cannot be scheduled: unsafe variables, recursion.
    pub(crate) fn ready(mut engine: Engine, outputs: Outputs) -> Result<Self, String> {
        engine
            .add_policy("sluss_question.rego".to_owned(), question(outputs))
            .map_err(|problem| problem.to_string())?;
        engine.set_input(regorus::Value::new_object());
        // Evaluates nothing of the bundle, but schedules all of it and keeps that for the copies.
        let rule = format!("data.{QUESTION_PACKAGE}.ready");
        engine.eval_rule(rule).map_err(|problem| problem.to_string())?;
        Ok(Self { ready: engine })
    }
}

impl Regorus {
    /// Data from outside may add to the bundle's own, and not change it.
    fn stands_beside(&self, data: &regorus::Value) -> Result<(), EngineFault> {
        let own = self.ready.get_data();
        let (Ok(own), Ok(given)) = (own.as_object(), data.as_object()) else { return Ok(()) };
        match given.keys().find(|key| own.contains_key(key)) {
            Some(key) => Err(EngineFault::Data(format!(
                "the key {key} stands in the bundle's own data.json too; which of both counts \
                 would be a guess"
            ))),
            None => Ok(()),
        }
    }
}

fn timer(limit: Duration) -> ExecutionTimerConfig {
    ExecutionTimerConfig { limit, check_interval: CHECK_EVERY }
}

impl PolicyEngine for Regorus {
    fn id(&self) -> EngineId {
        EngineId {
            name: "regorus".to_owned(),
            version: VERSION.to_owned(),
            features: FEATURES.map(str::to_owned).to_vec(),
        }
    }

    fn ask(&self, ask: Ask<'_>) -> Result<Answer, EngineFault> {
        let mut engine = self.ready.clone();
        engine.set_execution_timer_config(timer(ask.limit));
        let parse = |text: &str| {
            regorus::Value::from_json_str(text).map_err(|it| EngineFault::Data(it.to_string()))
        };
        let data = parse(ask.data)?;
        if data.as_object().is_ok_and(|fields| !fields.is_empty()) {
            self.stands_beside(&data)?;
            engine.add_data(data).map_err(|problem| EngineFault::Data(problem.to_string()))?;
        }
        engine.set_input(parse(ask.input)?);
        let rule = format!("data.{QUESTION_PACKAGE}.answer");
        let answer = engine.eval_rule(rule).map_err(|problem| {
            let timed_out = problem.chain().any(|cause| {
                let limit = cause.downcast_ref::<LimitError>();
                matches!(limit, Some(LimitError::TimeLimitExceeded { .. }))
            });
            if timed_out {
                EngineFault::TimedOut
            } else {
                let problem = of_engine(&problem.to_string(), "", "");
                let Problem { file, line, col, what, .. } = problem;
                EngineFault::Failed(format!("{file}:{line}:{col}: {what}"))
            }
        })?;
        let mut answer = serde_json::to_value(&answer)
            .map_err(|problem| EngineFault::Failed(problem.to_string()))?;
        let mut take = |name: &str| match answer.get_mut(name).map(Value::take) {
            Some(Value::Array(mut rows)) if rows.len() == 1 => rows.pop(),
            _ => None,
        };
        Ok(Answer {
            allow: take("allow"),
            evidence_complete: take("evidence_complete"),
            deny: take("deny"),
            require: take("require"),
            warn: take("warn"),
        })
    }
}
