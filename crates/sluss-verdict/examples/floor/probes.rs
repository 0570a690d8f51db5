//! Whether probes should be judged: how long a verdict takes by customers' requests alone and by
//! probes beside them, at little traffic.

use std::io::{self, Write};

use sluss_verdict::{Capital, Judge, MetricPlan, Plan, Sample, Tick, Verdict};

use super::world::Coins;

/// How long a share is given: the usual deadline.
const SECONDS: i64 = 900;
/// How often either release fails as a rule.
const USUAL: f64 = 0.0005;

/// A release at little traffic.
#[derive(Clone, Copy)]
struct Quiet {
    /// Customers' requests a second, to both releases.
    customers: f64,
    /// Probes a second, to both.
    probes: f64,
    share: f64,
    /// How often customers' requests to the candidate fail, and probes.
    fails: [f64; 2],
}

/// Plays releases until `ends` holds; returns the percentage that ends, and the median second.
fn play(quiet: &Quiet, runs: u64, ends: impl Fn(Verdict) -> bool) -> (f64, Option<i64>) {
    let metrics = vec![MetricPlan::errors_within(10_000)];
    let plan = Plan { metrics, capital: Capital::WhereItMatters, ..Plan::of_errors() };
    let Quiet { customers, probes, share, fails } = *quiet;
    let ended = |run: u64| {
        let mut coins = Coins::new((6 << 32) + run);
        let mut judge = Judge::new(plan.clone());
        judge.remember_incumbent(&Sample::events(600, 0));
        (0..SECONDS).find(|t| {
            let mut sample = |share: f64, rates: [f64; 2]| {
                let sent = [customers, probes].map(|rate| coins.poisson(rate * share));
                let failed = [0, 1].map(|kind| coins.binomial(sent[kind], rates[kind]));
                Sample::events(sent[0] + sent[1], failed[0] + failed[1])
            };
            let incumbent = sample(1.0 - share, [USUAL; 2]);
            let candidate = sample(share, fails);
            let share_bp = (share * 1e4) as u16;
            judge.count(&Tick { at_ms: t * 1_000, share_bp, incumbent, candidate });
            ends(judge.verdict(t * 1_000))
        })
    };
    let mut seconds: Vec<i64> = (0..runs).filter_map(ended).collect();
    seconds.sort_unstable();
    let percent = 100.0 * seconds.len() as f64 / runs as f64;
    (percent, seconds.get(runs as usize / 2).map(|second| second + 1))
}

/// Writes a table of traffic, with probes and without.
pub fn measure(out: &mut impl Write, runs: u64) -> io::Result<()> {
    writeln!(
        out,
        "\n| share | customers a minute | probes a second | all fails | 20 % fails | a good one passes \
         | passes though 3 % of customers' fail |",
    )?;
    writeln!(out, "{}|", "| --- ".repeat(7))?;
    let is_against = |verdict| matches!(verdict, Verdict::Unfavourable { .. });
    let is_for = |verdict| verdict == Verdict::Favourable;
    for share in [0.1, 0.5] {
        for (a_minute, probes) in [
            (15.0, 0.0),
            (15.0, 1.0),
            (15.0, 10.0),
            (60.0, 0.0),
            (60.0, 1.0),
            (60.0, 10.0),
            (240.0, 0.0),
            (240.0, 1.0),
            (240.0, 10.0),
            (600.0, 0.0),
        ] {
            let quiet = |fails| Quiet { customers: a_minute / 60.0, probes, share, fails };
            let told = |(percent, second): (f64, Option<i64>)| match second {
                Some(second) => format!("{second} s"),
                None => format!("({percent:.0} %)"),
            };
            let all = told(play(&quiet([1.0, 1.0]), runs, is_against));
            let fifth = told(play(&quiet([0.2, 0.2]), runs, is_against));
            let good = told(play(&quiet([USUAL, USUAL]), runs, is_for));
            // What only customers meet, probes do not see.
            let (unseen, _) = play(&quiet([0.03, USUAL]), runs, is_for);
            let percent = share * 100.0;
            writeln!(
                out,
                "| {percent} % | {a_minute} | {probes} | {all} | {fifth} | {good} | {unseen:.0} % |",
            )?;
            out.flush()?;
        }
    }
    Ok(())
}
