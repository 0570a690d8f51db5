//! `sluss rollout`: what became of a rollout second by second, and what other settings would have
//! made of what was recorded.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sluss_core::pipeline::RolloutPlan;
use sluss_core::rollout::Observation;
use sluss_engine::failure::{Blame, Failure};
use sluss_engine::reconcile::judge;
use sluss_verdict::{Mode, Replay, ReplayDecision};

use super::Output;
use super::act::{self, OfDeployment};
use super::connection::Where;
use super::print::{print, print_json};
use super::shape::{list, part, word};

/// How many events are asked for at once.
const PAGE: usize = 500;

/// Steer a rollout, and ask what other settings would have made of it
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Keep it at its share
    Hold(OfDeployment),
    /// Let it go on
    Resume(act::Resume),
    /// Judge what was recorded once more, with other settings
    Replay(Again),
}

/// Judge what was recorded once more, with other settings
///
/// The same statistics decide as did live. At a smaller share than was recorded some requests to
/// the candidate are left out by fixed coins; at a larger one nobody knows what would have come.
#[derive(Debug, clap::Args)]
pub struct Again {
    /// The deployment, such as `dep-7`
    deployment: String,
    /// Greatest share of harmless releases that is taken back, in per cent
    #[arg(long, default_value_t = 1.0)]
    alpha: f64,
    /// The candidate's share, in per cent, if smaller than it was
    #[arg(long)]
    share: Option<f64>,
    /// How much higher its error rate may be, in percentage points
    #[arg(long, default_value_t = 1.0)]
    tolerance: f64,
    /// Bet on each request; valid where all are routed and fail independently
    #[arg(long)]
    fast: bool,
    /// Judge errors alone
    #[arg(long)]
    errors_only: bool,
    #[command(flatten)]
    of: Where,
}

/// Runs the command.
pub(super) async fn run(command: Command, output: Output) -> Result<(), Failure> {
    match command {
        Command::Hold(arguments) => act::hold(arguments, output).await,
        Command::Resume(arguments) => act::resume(arguments, output).await,
        Command::Replay(arguments) => again(arguments, output).await,
    }
}

async fn again(arguments: Again, output: Output) -> Result<(), Failure> {
    let mut plan = plan(&arguments)?;
    let share = arguments.share.map(|share| parts(share, 100.0, "share")).transpose()?;
    let recorded = recorded(&arguments).await?;
    plan.quarters = recorded.observations.iter().any(|row| row.quarter > 0);
    let mode = if arguments.fast { Mode::Fast } else { Mode::Robust };
    let share = share.map(|ppm| u16::try_from(ppm / 100).unwrap_or(u16::MAX));
    if recorded.observations.iter().all(|seen| seen.incumbent.requests == 0) {
        let what = format!("{} is a first release: nothing was beside it.", arguments.deployment);
        return Err(Failure::new(Blame::Caller, what, "Name one that followed another release"));
    }
    let replay = judge::replay(&recorded.observations, &plan, mode, share);
    match output {
        Output::Json => print_json(&json!({ "was": recorded.was, "would_be": replay })),
        Output::Text => {
            let seconds: BTreeSet<i64> =
                recorded.observations.iter().map(|row| row.second).collect();
            let seconds = seconds.len();
            print(&format!("{}: {seconds} seconds were recorded.", arguments.deployment));
            print(&format!("As it was      {}", recorded.was));
            for line in told(&replay) {
                print(&format!("With these     {line}"));
            }
        }
    }
    Ok(())
}

fn plan(arguments: &Again) -> Result<RolloutPlan, Failure> {
    let plan = RolloutPlan {
        alpha_ppm: parts(arguments.alpha, 100.0, "alpha")?,
        tolerance_ppm: parts(arguments.tolerance, 100.0, "tolerance")?,
        ..RolloutPlan::default()
    };
    Ok(if arguments.errors_only { RolloutPlan { latency_permille: 0, ..plan } } else { plan })
}

/// Returns per cent as parts per million.
fn parts(per_cent: f64, most: f64, what: &str) -> Result<u32, Failure> {
    if per_cent > 0.0 && per_cent < most {
        return Ok((per_cent * 10_000.0).round() as u32);
    }
    let said = format!("`--{what} {per_cent}` is not more than 0 and less than {most} per cent.");
    Err(Failure::new(Blame::Caller, said, "See `sluss rollout replay --help`"))
}

/// What the log has of a rollout.
struct Recorded {
    observations: Vec<Observation>,
    was: String,
}

async fn recorded(arguments: &Again) -> Result<Recorded, Failure> {
    let client = arguments.of.client()?;
    let stream = part(&format!("deployment/{}", arguments.deployment));
    let mut recorded = Recorded { observations: vec![], was: "it is not over".to_owned() };
    let mut from = 0;
    let mut began = None;
    loop {
        let path = format!("/api/v1/log?stream={stream}&from={from}&limit={PAGE}");
        let found = client.get(&path).await?;
        let events = list(&found, "events");
        for event in events {
            let at = event["time_ms"].as_i64().unwrap_or(0);
            match word(event, "type") {
                "rollout.observed" => recorded.observations.push(observation(event)?),
                "rollout.shifted" => _ = began.get_or_insert(at),
                "deployment.rolled_back" => {
                    let seconds = (at - began.unwrap_or(at)) as f64 / 1000.0;
                    let cause = word(&event["data"], "cause");
                    recorded.was = format!("taken back after {seconds:.1} s ({cause})");
                }
                "deployment.live" => {
                    let seconds = (at - began.unwrap_or(at)) as f64 / 1000.0;
                    recorded.was = format!("live after {seconds:.1} s");
                }
                _other => {}
            }
        }
        from += events.len();
        if events.len() < PAGE {
            break;
        }
    }
    if recorded.observations.is_empty() {
        let what = format!("Nothing was recorded of a rollout of `{}`.", arguments.deployment);
        return Err(Failure::new(Blame::NotFound, what, "See what there is: `sluss status`"));
    }
    Ok(recorded)
}

fn observation(event: &Value) -> Result<Observation, Failure> {
    serde_json::from_value(event["data"]["observation"].clone())
        .map_err(|error| Failure::upstream("An observation can't be read", &error))
}

fn told(replay: &Replay) -> Vec<String> {
    let share = |basis_points: u16| f64::from(basis_points) / 100.0;
    let decided = |one: &sluss_verdict::Replayed| {
        let what = match one.what {
            ReplayDecision::TakenBack { metric } => format!("taken back, because of {metric:?}"),
            ReplayDecision::Silent => "taken back, because nothing was heard of it".to_owned(),
            ReplayDecision::Passed => format!("{} % passed", share(one.share_bp)),
        };
        format!("{what} after {} s", one.time_s)
    };
    let mut lines: Vec<String> = replay.decisions.iter().map(decided).collect();
    if lines.is_empty() {
        lines.push(format!("undecided after {} s", replay.rows));
    }
    if let Some(reading) = &replay.reading {
        lines.push(reading.sentence.clone());
    }
    lines.push(format!("{} requests to the candidate failed by then", replay.candidate_errors));
    lines
}
