//! `sluss measure --out FILE -- COMMAND…`: runs a command by turns on the release and on what is
//! live, until each metric is decided, and writes what it measured.
//!
//! # Invariants
//!
//! - Which of both goes first is drawn by lot, each time.
//! - Nothing is written unless each run measured the same metrics.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use sluss_core::performance::Label;
use sluss_verdict::pace::{Pace, median};

use super::super::clock::Stopwatch;
use super::lines::Results;
use super::{ARTIFACT, Better, FORMAT, LIVE_ARTIFACT, MEASURED, Report, SLOWER_PPM, Series};

/// How often a release is measured beside which nothing is live.
const ALONE_ROUNDS: u32 = 5;
/// The longest line that is looked at, in bytes.
const LINE: usize = 64 << 10;

/// What is measured.
struct Order<'a> {
    command: &'a [OsString],
    candidate: PathBuf,
    live: Option<PathBuf>,
    tolerance_ppm: u32,
    rounds: u32,
}

/// What a run measured: by name and unit, which values are better, and the value.
type Run = Vec<((Label, Label), Better, f64)>;

/// Measures with `command`, at most `rounds` times each, and writes the report to `out`.
pub fn measure_main(out: &Path, rounds: u32, command: &[OsString]) -> ExitCode {
    let measured = Order::from_environment(command, rounds).and_then(|order| {
        let series = order.measure()?;
        say(&order, &series);
        write(out, series)
    });
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            // Where standard error is closed, the exit code still says it.
            let _closed = writeln!(io::stderr(), "sluss measure: {why}");
            ExitCode::FAILURE
        }
    }
}

fn write(out: &Path, metrics: Vec<Series>) -> Result<(), String> {
    let told = |error: io::Error| format!("{} can't be written: {error}", out.display());
    let report = Report { format: FORMAT.to_owned(), metrics };
    let text = serde_json::to_vec(&report).map_err(|error| error.to_string())?;
    if let Some(folder) = out.parent() {
        fs::create_dir_all(folder).map_err(told)?;
    }
    fs::write(out, text).map_err(told)
}

impl<'a> Order<'a> {
    fn from_environment(command: &'a [OsString], rounds: u32) -> Result<Self, String> {
        let folder = |name: &str| -> Result<Option<PathBuf>, String> {
            let Some(path) = std::env::var_os(name) else { return Ok(None) };
            let real = Path::new(&path).canonicalize();
            let told = |error| format!("{name} is {}: {error}", path.display());
            real.map(Some).map_err(told)
        };
        let candidate = folder(ARTIFACT)?.ok_or_else(|| {
            format!("{ARTIFACT} is not set: it says in which folder the unpacked release is")
        })?;
        let tolerance_ppm = match std::env::var(SLOWER_PPM) {
            Ok(text) => text.parse().map_err(|_| format!("{SLOWER_PPM} is `{text}`"))?,
            Err(_not_set) => 100_000,
        };
        Ok(Self { command, candidate, live: folder(LIVE_ARTIFACT)?, tolerance_ppm, rounds })
    }

    fn measure(&self) -> Result<Vec<Series>, String> {
        // The first runs fill caches, and count for nothing.
        self.run(&self.candidate)?;
        let Some(live) = &self.live else {
            let rounds = 0..self.rounds.min(ALONE_ROUNDS);
            let runs: Result<Vec<Run>, String> =
                rounds.map(|_| self.run(&self.candidate)).collect();
            return together(runs?, None);
        };
        self.run(live)?;
        let (mut of_candidate, mut of_live) = (Vec::new(), Vec::new());
        let mut series = Vec::new();
        for _ in 0..self.rounds {
            if heads() {
                of_candidate.push(self.run(&self.candidate)?);
                of_live.push(self.run(live)?);
            } else {
                of_live.push(self.run(live)?);
                of_candidate.push(self.run(&self.candidate)?);
            }
            series = together(of_candidate.clone(), Some(of_live.clone()))?;
            let undecided = |one: &Series| {
                one.pairs(self.tolerance_ppm, series.len()).pace() == Pace::Undecided
            };
            if !series.iter().any(undecided) {
                break;
            }
        }
        Ok(series)
    }

    /// Runs the command on what lies in `folder`.
    fn run(&self, folder: &Path) -> Result<Run, String> {
        let (program, arguments) = self.command.split_first().ok_or("nothing is run")?;
        let name = program.display();
        let began = Stopwatch::start();
        let mut child = Command::new(program)
            .args(arguments)
            .env(MEASURED, folder)
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{name}: {error}"))?;
        let mut results = Results::default();
        let mut wrong = None;
        if let Some(pipe) = child.stdout.take() {
            for line in BufReader::new(pipe).split(b'\n') {
                let line = line.map_err(|error| format!("{name}: {error}"))?;
                let mut out = io::stdout().lock();
                // It goes on even if nobody reads what it prints.
                let _unread = out.write_all(&line).and_then(|()| out.write_all(b"\n"));
                let line = String::from_utf8_lossy(&line[..line.len().min(LINE)]).into_owned();
                wrong = wrong.or(results.line(&line).err());
            }
        }
        let status = child.wait().map_err(|error| format!("{name}: {error}"))?;
        let seconds = began.elapsed().as_secs_f64();
        match wrong {
            _ if !status.success() => Err(format!("{name} ended with {status}")),
            Some(why) => Err(why),
            None => Ok(results.finish(seconds)),
        }
    }
}

/// Puts the values of all runs together, which must be of the same metrics.
fn together(candidate: Vec<Run>, live: Option<Vec<Run>>) -> Result<Vec<Series>, String> {
    let mut all: BTreeMap<(Label, Label), Series> = BTreeMap::new();
    let count = candidate.len();
    let of = |runs: Vec<Run>, live: bool| {
        runs.into_iter().flatten().map(move |(metric, better, value)| (live, metric, better, value))
    };
    let others = if live.is_some() { count } else { 0 };
    for (live, metric, better, value) in
        of(candidate, false).chain(of(live.unwrap_or_default(), true))
    {
        let (name, unit) = metric.clone();
        let new = Series { name, unit, better, candidate: vec![], live: vec![] };
        let series = all.entry(metric).or_insert(new);
        if series.better != better {
            return Err(format!("{} is better now when lower, now when higher", series.name));
        }
        if live { series.live.push(value) } else { series.candidate.push(value) }
    }
    let uneven = |one: &&Series| one.candidate.len() != count || one.live.len() != others;
    match all.values().find(uneven) {
        Some(one) => Err(format!("{} ({}) was not measured by each run", one.name, one.unit)),
        None => Ok(all.into_values().collect()),
    }
}

/// Falls on either side with the same probability.
fn heads() -> bool {
    RandomState::new().build_hasher().finish() & 1 == 1
}

fn say(order: &Order<'_>, all: &[Series]) {
    let mut out = io::stdout().lock();
    for one in all {
        let pairs = one.pairs(order.tolerance_ppm, all.len());
        let middle = median(&one.candidate).unwrap_or_default();
        let told = match (median(&one.live), pairs.median_ratio()) {
            (Some(live), Some(ratio)) => {
                let said = match pairs.pace() {
                    Pace::Slower => "slower",
                    Pace::Within => "within the tolerance",
                    Pace::Undecided => "undecided",
                };
                let more = (ratio - 1.0) * 100.0;
                format!(", live {live:.4}: {more:+.1} % ({} pairs): {said}", pairs.count())
            }
            _alone => String::from(", nothing is live"),
        };
        // It was measured even if nobody reads it.
        let _unread = writeln!(out, "{}: {middle:.4} {}{told}", one.name, one.unit);
    }
}
