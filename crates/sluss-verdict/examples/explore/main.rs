//! Tries what the specification leaves open, on simulated rollouts from fixed seeds: other grids
//! and priors, priors learnt from a service's own past, shares, and lengths of blocks.
//!
//! `cargo run --release -p sluss-verdict --example explore -- [RUNS] [grids|priors|shares|blocks]`
//!
//! Of each idea the guarantee comes first: what it takes back of harmless releases.

mod coins;
mod gambler;
mod ideas;
mod learnt;
mod world;

use std::io::{self, Write};

use coins::Coins;
use gambler::{Design, Gambler};
use sluss_verdict::bound::least_requests;
use world::{ROW_MS, WEATHERS, Weather, World};

/// How long a harmless rollout is watched, and a bad one at most; in milliseconds.
const HARMLESS_MS: i64 = 900_000;
const BAD_MS: i64 = 1_800_000;

/// How bad rollouts were found.
pub struct Found {
    /// Milliseconds until the verdict, ascending.
    delays: Vec<i64>,
    /// Failed requests to the candidate until then, ascending.
    failed: Vec<u64>,
    /// Requests to both until then, in sum.
    requests: f64,
}

impl Found {
    /// Returns the delay in seconds that a share of all stays below.
    pub fn seconds(&self, percent: usize) -> f64 {
        self.delays.get(self.delays.len() * percent / 100).map_or(0.0, |ms| *ms as f64 / 1e3)
    }

    /// Returns the median and the mean of the failed requests.
    pub fn failed(&self) -> (u64, f64) {
        let sum: u64 = self.failed.iter().sum();
        let median = self.failed.get(self.failed.len() / 2).copied().unwrap_or(0);
        (median, sum as f64 / self.failed.len().max(1) as f64)
    }

    /// Returns how many times the information bound the mean number of requests is.
    pub fn bounds(&self, world: &World<'_>) -> f64 {
        let share = world.ramp.first().map_or(0.5, |(_, share)| *share);
        let bound = least_requests(0.01, share, world.candidate, world.incumbent);
        self.requests / self.delays.len().max(1) as f64 / bound
    }
}

/// Plays one rollout; returns when it was taken back, failed candidate requests and all requests.
fn play(design: &Design, world: &World<'_>, most_ms: i64, seed: u64) -> Option<(i64, u64, f64)> {
    let mut coins = Coins::new(seed);
    let mut gambler = Gambler::new(design);
    let (mut failed, mut requests) = (0.0, 0.0);
    for at_ms in (0..most_ms / ROW_MS).map(|row| row * ROW_MS) {
        let row = world.row(at_ms, &mut coins);
        failed += row[3];
        requests += row[0] + row[2];
        gambler.count(at_ms, ROW_MS, world.share(at_ms), row);
        if gambler.is_against() {
            return Some((at_ms + ROW_MS, failed as u64, requests));
        }
    }
    None
}

/// Plays bad rollouts until they are found.
pub fn find(design: &Design, world: &World<'_>, runs: u64) -> Found {
    let mut found = Found { delays: vec![], failed: vec![], requests: 0.0 };
    for (at_ms, failed, requests) in
        (0..runs).filter_map(|run| play(design, world, BAD_MS, (7 << 32) + run))
    {
        found.delays.push(at_ms);
        found.failed.push(failed);
        found.requests += requests;
    }
    found.delays.sort_unstable();
    found.failed.sort_unstable();
    found
}

/// Returns how many percent of harmless releases are taken back, in all kinds of weather together.
pub fn taken_back(design: &Design, world: &World<'_>, runs: u64) -> f64 {
    let harmless = World { candidate: world.incumbent, ..*world };
    let is_taken_back = |run: &u64| {
        let weather = WEATHERS[(*run % WEATHERS.len() as u64) as usize];
        play(design, &World { weather, ..harmless }, HARMLESS_MS, (8 << 32) + run).is_some()
    };
    100.0 * (0..runs).filter(is_taken_back).count() as f64 / runs as f64
}

/// Returns how many percent are taken back where callers retry at once and every attempt counts.
pub fn taken_back_by_clumps(design: &Design, world: &World<'_>, runs: u64) -> f64 {
    let weather = Weather::Clumps;
    let harmless = World { candidate: world.incumbent, weather, ..*world };
    let is_taken_back = |run: &u64| play(design, &harmless, HARMLESS_MS, (9 << 32) + run).is_some();
    100.0 * (0..runs).filter(is_taken_back).count() as f64 / runs as f64
}

fn main() -> io::Result<()> {
    let runs = std::env::args().nth(1).and_then(|runs| runs.parse().ok()).unwrap_or(2_000);
    let only = std::env::args().nth(2).unwrap_or_default();
    let mut out = io::stdout().lock();
    writeln!(out, "{runs} runs each")?;
    for (name, table) in [
        ("grids", ideas::grids as fn(&mut dyn Write, u64) -> io::Result<()>),
        ("priors", learnt::priors),
        ("shares", ideas::shares),
        ("blocks", ideas::blocks),
    ] {
        if name.contains(&only) {
            table(&mut out, runs)?;
        }
    }
    Ok(())
}
