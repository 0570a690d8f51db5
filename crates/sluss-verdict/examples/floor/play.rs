//! Plays simulated rollouts before the live judge.

use sluss_verdict::{Judge, MetricPlan, Plan, Sample, Tick, Verdict};

use super::scenes::Scene;
use super::world::{Coins, Play};

/// Seconds of history before a rollout.
const HISTORY: i64 = 60;

/// What was taken back.
pub struct Found {
    /// After how many milliseconds since the regression began, ascending.
    pub delays: Vec<i64>,
    /// Failed requests to the candidate until then, at the median.
    pub failed: u64,
}

/// Plays `runs` rollouts of a scene, with seeds from `seed` on.
pub fn find(scene: &Scene, runs: u64, seed: u64) -> Found {
    let mut found = Found { delays: vec![], failed: 0 };
    let mut all_failed = vec![];
    for run in 0..runs {
        let mut play = Play::new(&scene.world, seed + run);
        let mut judge = Judge::new(scene.plan.clone());
        for t in -HISTORY..0 {
            play.second(t).iter().for_each(|tick| judge.remember_incumbent(&tick.incumbent));
        }
        let mut failed = 0;
        let row_ms = 1_000 / scene.world.rows as i64;
        for tick in (0..scene.world.seconds).flat_map(|t| play.second(t)) {
            if tick.at_ms >= scene.onset * 1_000 {
                failed += tick.candidate.errors.unwrap_or(0);
            }
            judge.count(&tick);
            if matches!(judge.verdict(tick.at_ms), Verdict::Unfavourable { .. }) {
                found.delays.push(tick.at_ms + row_ms - scene.onset * 1_000);
                all_failed.push(failed);
                break;
            }
        }
    }
    all_failed.sort_unstable();
    found.failed = all_failed.get(all_failed.len() / 2).copied().unwrap_or(0);
    found.delays.sort_unstable();
    found
}

/// Plays releases that are worse by the tolerance itself; returns how many pass.
pub fn count_promoted(base: f64, tolerance_ppm: u32, share: f64, runs: u64) -> u64 {
    let plan = Plan {
        alpha_ppm: 1,
        metrics: vec![MetricPlan::errors_within(tolerance_ppm)],
        ..Plan::of_errors()
    };
    let worse = base + f64::from(tolerance_ppm) / 1e6;
    let passes = |run: &u64| {
        let mut coins = Coins::new((3 << 32) + run);
        let mut judge = Judge::new(plan.clone());
        judge.remember_incumbent(&Sample::events(12_000, coins.poisson(12_000.0 * base)));
        (0..1_800).any(|t| {
            let requests = [200.0 * (1.0 - share), 200.0 * share].map(|mean| coins.poisson(mean));
            let tick = Tick {
                at_ms: t * 1_000,
                share_bp: (share * 1e4) as u16,
                incumbent: Sample::events(requests[0], coins.binomial(requests[0], base)),
                candidate: Sample::events(requests[1], coins.binomial(requests[1], worse)),
            };
            judge.count(&tick);
            judge.verdict(tick.at_ms) == Verdict::Favourable
        })
    };
    (0..runs).filter(passes).count() as u64
}
