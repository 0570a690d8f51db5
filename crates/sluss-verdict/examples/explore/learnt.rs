//! Priors learnt from a service's own past rollouts: where its bad releases were as bad as those
//! before them, and where they were not.

use std::io::{self, Write};

use super::coins::Coins;
use super::gambler::Design;
use super::ideas;
use super::play;
use super::world::{Weather, World};

/// Beside an incumbent that fails once in two thousand requests; a tenth of 70 a second.
const WORLD: World<'_> = World {
    requests: 70.0,
    ramp: &[(0, 0.1)],
    incumbent: 0.0005,
    candidate: 0.0005,
    weather: Weather::Plain,
};
/// Bad releases that a service remembers.
const REMEMBERED: [usize; 3] = [3, 10, 30];
/// Part of the capital that stays where it stands.
const KEPT: f64 = 0.5;

/// How the bad releases of a service fail.
#[derive(Clone, Copy)]
enum Service {
    /// All requests, or most of them.
    Wholly,
    /// One kind of request: 5 to 15 %.
    InPart,
    /// Little: 0.3 to 1.5 %.
    ALittle,
    /// Any of these.
    Anyhow,
}

impl Service {
    fn rate(self, coins: &mut Coins) -> f64 {
        let from = |coins: &mut Coins, low: f64, high: f64| low * (high / low).powf(coins.unit());
        match self {
            Self::Wholly => from(coins, 0.6, 1.0),
            Self::InPart => from(coins, 0.05, 0.15),
            Self::ALittle => from(coins, 0.003, 0.015),
            Self::Anyhow => from(coins, 0.003, 1.0),
        }
    }
}

/// Returns the prior of a service that remembers bad releases with these rates: a part as it
/// stands, the rest as often as each size was nearest, each once at least.
fn learnt(past: &[f64], incumbent: f64) -> Design {
    let stands = Design::standing(incumbent);
    let mut counts = vec![1.0 / stands.grid.len() as f64; stands.grid.len()];
    for rate in past {
        let ratio = (rate / incumbent).ln();
        let far = |rho: &f64| (rho.ln() - ratio).abs();
        let nearest = (0..counts.len())
            .min_by(|a, b| far(&stands.grid[*a]).total_cmp(&far(&stands.grid[*b])))
            .unwrap_or(0);
        counts[nearest] += 1.0;
    }
    let total: f64 = counts.iter().sum();
    let mixed = stands.weights.iter().zip(&counts);
    let weights = mixed.map(|(w, count)| KEPT * w + (1.0 - KEPT) * count / total).collect();
    Design { weights, ..stands }
}

/// Writes what is won where the past is like the future, and lost where it is not.
pub fn priors(out: &mut dyn Write, runs: u64) -> io::Result<()> {
    writeln!(out, "\n| past | future | prior | harmless | p50 | p95 | mean failed |")?;
    writeln!(out, "{}|", "| --- ".repeat(7))?;
    let (wholly, part, little) = (Service::Wholly, Service::InPart, Service::ALittle);
    for (name, past, future) in [
        ("wholly, wholly", wholly, wholly),
        ("in part, in part", part, part),
        ("a little, a little", little, little),
        ("anyhow, anyhow", Service::Anyhow, Service::Anyhow),
        ("wholly, in part", wholly, part),
        ("wholly, a little", wholly, little),
        ("a little, wholly", little, wholly),
        ("a little, in part", little, part),
    ] {
        let name = name.replace(", ", " | ");
        let stands = |_: &mut Coins| Design::standing(WORLD.incumbent);
        service(out, &name, "stands", (&stands, future), runs)?;
        for remembered in REMEMBERED {
            let of = |coins: &mut Coins| {
                let past: Vec<f64> = (0..remembered).map(|_| past.rate(coins)).collect();
                learnt(&past, WORLD.incumbent)
            };
            service(out, &name, &format!("{remembered} remembered"), (&of, future), runs)?;
        }
    }
    ideas::head(out, "at fixed sizes")?;
    ideas::row(out, "30 in part", |rate| learnt(&[0.1; 30], rate), runs)
}

/// Plays many services, each with a past of its own, and writes one row.
fn service(
    out: &mut dyn Write,
    name: &str,
    prior: &str,
    (design, future): (&dyn Fn(&mut Coins) -> Design, Service),
    runs: u64,
) -> io::Result<()> {
    let (mut delays, mut failed, mut harmless) = (vec![], 0.0, 0.0);
    for run in 0..runs {
        let mut coins = Coins::new((6 << 32) + run);
        let design = design(&mut coins);
        let world = World { candidate: future.rate(&mut coins), ..WORLD };
        // One rollout a service, each with a seed of its own.
        let seeded = |world: &World<'_>, most_ms| play(&design, world, most_ms, (6 << 40) + run);
        if let Some((at_ms, bad, _)) = seeded(&world, super::BAD_MS) {
            delays.push(at_ms);
            failed += bad as f64;
        }
        harmless += f64::from(u8::from(seeded(&WORLD, super::HARMLESS_MS).is_some()));
    }
    delays.sort_unstable();
    let at = |percent: usize| {
        delays.get(delays.len() * percent / 100).map_or(0.0, |ms: &i64| *ms as f64 / 1e3)
    };
    let (p50, p95) = (at(50), at(95));
    let (failed, harmless) = (failed / delays.len() as f64, 100.0 * harmless / runs as f64);
    writeln!(out, "| {name} | {prior} | {harmless:.2} % | {p50} s | {p95} s | {failed:.1} |")?;
    out.flush()
}
