//! `sluss analyze`: what a recorded trace says of a candidate, from its rows alone.

mod explain;
mod svg;

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sluss_engine::failure::{Blame, Failure};
use sluss_verdict::{Analyzer, Decision, Header, Metric, Mode, Options, Outcome, Row, Step};

use super::Output;
use super::print::print;

/// Judge a recorded trace as a rollout would have been judged
///
/// TRACE is JSON Lines: a header, then for each second a row of the baseline and one of the
/// canary. The last line of standard output is the decision as JSON; it rests on rows before
/// `time_s` alone. A trace that is malformed or cut short is an error that names its line, and
/// never a decision (exit code 2).
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The trace, or `-` for standard input
    trace: PathBuf,
    /// Largest share of harmless releases that may be taken back, instead of the header's
    #[arg(long, value_name = "A")]
    alpha: Option<f64>,
    /// How bets are made; fast is only for requests that are independent of one another
    #[arg(long, value_enum, default_value_t = Bets::Robust)]
    mode: Bets,
    /// Print the evidence over time before the decision
    #[arg(long)]
    explain: bool,
    /// Draw the evidence over time into a file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

// Its variants have no documentation of their own, so that help stays one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
enum Bets {
    Robust,
    Fast,
}

/// The last line of standard output.
#[derive(Debug, Serialize)]
struct Answer {
    decision: Decision,
    time_s: Option<i64>,
    log_e: f64,
    metric: Option<Metric>,
    alpha: f64,
    mode: Bets,
    seconds: usize,
}

/// A trace and all that was found in it.
struct Analysis {
    header: Header,
    steps: Vec<Step>,
    outcome: Outcome,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments, output: Output) -> Result<(), Failure> {
    let Arguments { trace, alpha, mode, explain, svg } = arguments;
    let text = read(trace)?;
    let analysis = analyse(&text, *alpha, *mode).map_err(|wrong| {
        let what = format!("{}: {wrong}.", name(trace));
        Failure::new(Blame::Caller, what, "Record the trace again, or mend that line")
    })?;
    if let Some(file) = svg {
        std::fs::write(file, svg::draw(&analysis)).map_err(|error| {
            let what = format!("{} can't be written: {error}", file.display());
            Failure::new(Blame::Caller, what, "Name a file in a folder that you may write to")
        })?;
    }
    if *explain && output == Output::Text {
        print(&explain::table(&analysis, *mode));
    }
    let Outcome { decision, time_s, log_e, metric } = analysis.outcome;
    let (alpha, seconds) = (analysis.header.alpha, analysis.steps.len());
    let answer = Answer { decision, time_s, log_e, metric, alpha, mode: *mode, seconds };
    print(&serde_json::to_string(&answer).expect("BUG: plain data has a JSON form"));
    Ok(())
}

fn name(trace: &Path) -> String {
    if is_standard_input(trace) { "standard input".into() } else { trace.display().to_string() }
}

fn is_standard_input(trace: &Path) -> bool {
    trace == Path::new("-")
}

fn read(trace: &Path) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = match is_standard_input(trace) {
        true => std::io::stdin().lock().read_to_end(&mut bytes).map(|_length| ()),
        false => std::fs::read(trace).map(|read| bytes = read),
    };
    let unfit = |why: &dyn std::fmt::Display| {
        let what = format!("{} can't be read: {why}", name(trace));
        Failure::new(Blame::Caller, what, "Name a trace, or `-` for standard input")
    };
    read.map_err(|error| unfit(&error))?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
        unfit(&format!("line {line} is not UTF-8 text"))
    })
}

/// Judges a trace; an error is to be read after the file's name.
fn analyse(text: &str, alpha: Option<f64>, mode: Bets) -> Result<Analysis, String> {
    let text = text.trim_end_matches(['\n', '\r']);
    let mut lines = text.split('\n').enumerate();
    let (_first, line) =
        lines.next().filter(|(_, line)| !line.is_empty()).ok_or("line 1: the trace is empty")?;
    let mut header: Header = parse(0, line)?;
    if let Some(alpha) = alpha {
        if !(alpha > 0.0 && alpha < 1.0) {
            return Err(format!("--alpha is {alpha}, and must lie between 0 and 1"));
        }
        header.alpha = alpha;
    }
    let at = |index: usize, wrong: &dyn std::fmt::Display| format!("line {}: {wrong}", index + 1);
    let mode = match mode {
        Bets::Robust => Mode::Robust,
        Bets::Fast => Mode::Fast,
    };
    let mut analyzer =
        Analyzer::new(header.clone(), Options::usual(mode)).map_err(|wrong| at(0, &wrong))?;
    let (mut steps, mut last) = (Vec::new(), 0);
    for (index, line) in lines {
        last = index;
        let row: Row = parse(index, line)?;
        steps.extend(analyzer.push(row).map_err(|wrong| at(index, &wrong))?);
    }
    let outcome = analyzer.end().map_err(|wrong| at(last, &wrong))?;
    Ok(Analysis { header, steps, outcome })
}

/// Parses the line with this index.
fn parse<T: DeserializeOwned>(index: usize, line: &str) -> Result<T, String> {
    serde_json::from_str(line).map_err(|error| {
        let number = index + 1;
        if line.trim().is_empty() {
            return format!("line {number} is blank");
        }
        if error.is_eof() {
            return format!("line {number} ends in the middle: the trace is cut short");
        }
        // Its own place is within the line, and would mislead.
        let text = error.to_string();
        let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _place)| what);
        format!("line {number}, column {}: {what}", error.column())
    })
}
