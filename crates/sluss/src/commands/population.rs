//! `sluss log population`: proves from the log that no deployment of a period is missing.

use std::path::PathBuf;

use serde_json::json;
use sluss_engine::failure::{Blame, Failure};
use sluss_engine::population::{Day, EnvironmentProof, Listed, Proof, prove_folder};
use sluss_store::verify::{Scope, verify};

use super::Output;
use super::print::{print, print_json};
use super::shape::{counted, plain, table};
use super::times::rfc3339;
use crate::cli::default_data;

/// Prove that no deployment of a period is missing from the log
///
/// Reads the data folder, whether Sluss is running or not: verifies every entry, counts what came
/// to environments with customers, refused deployments included, and compares that with the daily
/// seals. Exit code 1 when that does not hold; then it names what, and where.
#[derive(Debug, clap::Args)]
pub struct Population {
    /// The first day, of UTC: `2026-01-01`
    #[arg(long, value_name = "DATE")]
    from: String,
    /// The last day, included
    #[arg(long, value_name = "DATE")]
    to: String,
    /// The data folder
    #[arg(long, env = "SLUSS_DATA", default_value_os_t = default_data())]
    data: PathBuf,
}

/// Runs the command.
pub(super) async fn run(arguments: Population, output: Output) -> Result<(), Failure> {
    let Population { from, to, data } = arguments;
    let (from, to): (Day, Day) = (from.parse()?, to.parse()?);
    let mut proof = prove_folder(&data, from, to).await?;
    let log = verify(&data, Scope::Log).await;
    let log = log.map_err(|error| Failure::upstream("The log can't be verified", &error))?;
    if !log.ok {
        proof.holds = false;
        proof.findings.extend(log.findings.iter().map(ToString::to_string));
    }
    match output {
        Output::Json => print_json(&json!({ "proof": proof, "silences": log.silences })),
        Output::Text => tell(&proof),
    }
    match proof.findings.first() {
        None => Ok(()),
        Some(first) => Err(Failure::new(
            Blame::Upstream,
            format!("It is not proven that no deployment is missing: {}", plain(first)),
            "Keep the data folder as it is, and compare it with a backup and with the witness",
        )),
    }
}

fn tell(proof: &Proof) {
    proof.findings.iter().for_each(|finding| print(&plain(finding)));
    for environment in &proof.environments {
        let EnvironmentProof { environment: name, deploys, refused, rollbacks, .. } = environment;
        let ways = ways(environment);
        print(&format!(
            "{name}: {}{ways}, {refused} refused, {rollbacks} rolled back; {}, the entries \
             from {} on are sealed next",
            counted(*deploys, "deployment", "deployments"),
            counted(environment.seals, "seal", "seals"),
            environment.unsealed_from,
        ));
        let rows: Vec<Vec<String>> = environment.listed.iter().map(row).collect();
        if !rows.is_empty() {
            print(&table(2, &rows));
        }
    }
    print(&format!(
        "{}: {} from {} to {}; root {}",
        if proof.holds { "proven" } else { "NOT PROVEN" },
        counted(proof.entries, "entry", "entries"),
        proof.from,
        proof.to,
        proof.root
    ));
}

fn row(one: &Listed) -> Vec<String> {
    vec![
        one.position.to_string(),
        rfc3339(one.time_ms),
        one.deployment.clone(),
        one.what.to_owned(),
        one.release.clone(),
        one.service.clone(),
        match (one.emergency, one.standard) {
            (true, _) => "emergency".to_owned(),
            (false, true) => "standard change".to_owned(),
            (false, false) => String::new(),
        },
    ]
}

/// How many deployments came in another way than by a decision over each.
fn ways(of: &EnvironmentProof) -> String {
    let told = |(number, what): (u64, &str)| (number > 0).then(|| format!("{number} {what}"));
    let ways = [(of.emergency, "in an emergency"), (of.standard, "by standard change")];
    let ways: Vec<String> = ways.into_iter().filter_map(told).collect();
    if ways.is_empty() { String::new() } else { format!(" ({})", ways.join(", ")) }
}
