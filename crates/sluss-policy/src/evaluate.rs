//! One decision over one input, closed in every way but one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::bundle::{self, Bundle};
use crate::decision::{ClosedBecause, Decision, Denial, EngineId, LEGACY};
use crate::engine::{Answer, Ask, EngineFault, PolicyEngine};
use crate::input::GateInput;
use crate::obligation::Obligation;

/// What one decision may use up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long the policy may take.
    pub time: Duration,
    /// Bytes of an input.
    pub input_bytes: usize,
    /// Bytes of the data that is given besides the bundle's own.
    pub data_bytes: usize,
    /// Rows of `deny`, of `require` and of `warn`, each.
    pub rows: usize,
}

impl Default for Limits {
    /// 50 ms, 1 MiB of input, 1 MiB of data, 1000 rows.
    fn default() -> Self {
        Self {
            time: Duration::from_millis(50),
            input_bytes: 1024 * 1024,
            data_bytes: 1024 * 1024,
            rows: 1000,
        }
    }
}

/// No data besides the bundle's own.
pub const NO_DATA: &[u8] = b"{}";

/// Decides whether a policy lets an input pass.
///
/// `data` is a JSON object that stands beside the bundle's own `data.json`; a key that both have
/// closes the gate. The input's bytes are parsed as [`GateInput`] first.
pub fn evaluate(bundle: &Bundle, data: &[u8], input: &[u8], limits: Limits) -> Decision {
    evaluate_with(bundle.engine(), bundle.sha256(), data, input, limits)
}

/// The same with any engine; `bundle_sha256` says what that engine was given.
pub fn evaluate_with(
    engine: &dyn PolicyEngine,
    bundle_sha256: &str,
    data: &[u8],
    input: &[u8],
    limits: Limits,
) -> Decision {
    let said = check(data, input, limits).and_then(|(data, input)| {
        let answer = ask(engine, Ask { data, input, limit: limits.time })?;
        Ok(Said::of(answer, limits.rows))
    });
    let said = said.unwrap_or_else(Said::closed);
    let Said { allow, evidence_complete, deny, require, warnings, closed_because } = said;
    Decision {
        allow,
        evidence_complete,
        deny,
        require,
        warnings,
        closed_because,
        engine: identity(engine),
        bundle_sha256: bundle_sha256.to_owned(),
        data_sha256: sha256(data),
        input_sha256: sha256(input),
        input_size: input.len(),
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Holds data and input to their sizes and contracts.
fn check<'a>(
    data: &'a [u8],
    input: &'a [u8],
    limits: Limits,
) -> Result<(&'a str, &'a str), ClosedBecause> {
    for (what, bytes, most) in
        [("input", input, limits.input_bytes), ("data", data, limits.data_bytes)]
    {
        if bytes.len() > most {
            let (what, size) = (what.to_owned(), bytes.len());
            return Err(ClosedBecause::Oversize { what, size, most });
        }
    }
    let of_input =
        |problem: &dyn std::fmt::Display| ClosedBecause::Input { problem: problem.to_string() };
    let of_data =
        |problem: &dyn std::fmt::Display| ClosedBecause::Data { problem: problem.to_string() };
    bundle::data(data).map_err(|problem| of_data(&problem))?;
    GateInput::parse(input).map_err(|problem| of_input(&problem))?;
    let data = std::str::from_utf8(data).map_err(|problem| of_data(&problem))?;
    let input = std::str::from_utf8(input).map_err(|problem| of_input(&problem))?;
    Ok((data, input))
}

fn identity(engine: &dyn PolicyEngine) -> EngineId {
    catch_unwind(AssertUnwindSafe(|| engine.id())).unwrap_or_else(|_broken| EngineId {
        name: "unknown".to_owned(),
        version: "unknown".to_owned(),
        features: Vec::new(),
    })
}

fn ask(engine: &dyn PolicyEngine, ask: Ask<'_>) -> Result<Answer, ClosedBecause> {
    let limit_ms = u64::try_from(ask.limit.as_millis()).unwrap_or(u64::MAX);
    // What the engine held is dropped with the panic; nothing of it is used again.
    let answer = catch_unwind(AssertUnwindSafe(|| engine.ask(ask)));
    match answer {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(EngineFault::TimedOut)) => Err(ClosedBecause::TimedOut { limit_ms }),
        Ok(Err(EngineFault::Data(problem))) => Err(ClosedBecause::Data { problem }),
        Ok(Err(EngineFault::Failed(message))) => Err(ClosedBecause::Failed { message }),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|&it| it.to_owned()));
            let message = text.unwrap_or_else(|| "no reason given".to_owned());
            Err(ClosedBecause::Panicked { message })
        }
    }
}

/// What a policy said, as the contract has it.
struct Said {
    allow: bool,
    evidence_complete: bool,
    deny: Vec<Denial>,
    require: Vec<Obligation>,
    warnings: Vec<Denial>,
    closed_because: Option<ClosedBecause>,
}

impl Said {
    fn closed(because: ClosedBecause) -> Self {
        Self {
            allow: false,
            evidence_complete: false,
            deny: Vec::new(),
            require: Vec::new(),
            warnings: Vec::new(),
            closed_because: Some(because),
        }
    }

    /// Reads every output, and keeps of the first thing that is wrong why it closes.
    fn of(answer: Answer, most: usize) -> Self {
        let mut wrong = None;
        let mut keep = |because: ClosedBecause| {
            wrong.get_or_insert(because);
        };
        let deny = denials("deny", answer.deny, most).map_err(&mut keep).unwrap_or_default();
        let warnings = denials("warn", answer.warn, most).map_err(&mut keep).unwrap_or_default();
        let require = obligations(answer.require, most).map_err(&mut keep).unwrap_or_default();
        let allow = truth("allow", answer.allow).map_err(&mut keep).unwrap_or(false);
        let evidence_complete = answer.evidence_complete == Some(Value::Bool(true));
        let closed_because = wrong.or({
            if !deny.is_empty() {
                Some(ClosedBecause::Denied { count: deny.len() })
            } else if !evidence_complete {
                Some(ClosedBecause::EvidenceIncomplete)
            } else if !allow {
                Some(ClosedBecause::NotAllowed)
            } else {
                None
            }
        });
        Self { allow, evidence_complete, deny, require, warnings, closed_because }
    }
}

fn undefined(output: &str) -> ClosedBecause {
    ClosedBecause::Undefined { output: output.to_owned() }
}

fn misshapen(output: &str, what: impl Into<String>) -> ClosedBecause {
    ClosedBecause::Shape { output: output.to_owned(), what: what.into() }
}

fn truth(output: &str, value: Option<Value>) -> Result<bool, ClosedBecause> {
    match value {
        None => Err(undefined(output)),
        Some(Value::Bool(truth)) => Ok(truth),
        Some(other) => Err(misshapen(output, format!("{other} is neither true nor false"))),
    }
}

fn rows(output: &str, value: Option<Value>, most: usize) -> Result<Vec<Value>, ClosedBecause> {
    match value {
        None => Err(undefined(output)),
        Some(Value::Array(rows)) if rows.len() > most => {
            Err(misshapen(output, format!("{} rows; at most {most} are taken", rows.len())))
        }
        Some(Value::Array(rows)) => Ok(rows),
        Some(other) => Err(misshapen(output, format!("{other} is not a set"))),
    }
}

fn denials(output: &str, value: Option<Value>, most: usize) -> Result<Vec<Denial>, ClosedBecause> {
    let denial = |row: Value| match row {
        Value::String(msg) => {
            let rule = LEGACY.to_owned();
            Ok(Denial { rule, controls: Vec::new(), msg, evidence: Vec::new() })
        }
        row => Denial::deserialize(&row).map_err(|problem| {
            misshapen(output, format!("{row} is not {{rule, controls, msg, evidence}}: {problem}"))
        }),
    };
    let mut all = rows(output, value, most)?
        .into_iter()
        .map(denial)
        .collect::<Result<Vec<Denial>, ClosedBecause>>()?;
    all.sort();
    all.dedup();
    Ok(all)
}

fn obligations(value: Option<Value>, most: usize) -> Result<Vec<Obligation>, ClosedBecause> {
    let obligation = |row: Value| {
        Obligation::deserialize(&row).map_err(|problem| ClosedBecause::UnknownObligation {
            what: format!("{row} ({problem})"),
        })
    };
    let mut all = rows("require", value, most)?
        .into_iter()
        .map(obligation)
        .collect::<Result<Vec<Obligation>, ClosedBecause>>()?;
    all.sort();
    all.dedup();
    Ok(all)
}
