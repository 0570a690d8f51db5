//! First releases, which are held to objectives: how often a good one is refused and one at the
//! limit passes, where requests fail independently and where they fail in bursts.

use std::io::{self, Write};

use sluss_verdict::{Absolute, Objectives, Sample, Tick, Verdict};

use super::world::Coins;

/// The share of requests that may fail: the usual objective.
const MOST: f64 = 0.01;
/// How long a first release is given.
const SECONDS: i64 = 900;

/// How the requests of a first release fail, at a mean rate.
#[derive(Clone, Copy)]
enum Failing {
    /// Each by itself.
    Alone,
    /// Four in a second, or none: an attempt and three retries.
    InFours,
    /// Three in ten of a second's requests, or none.
    InSeconds,
    /// Half of the requests for five seconds, or none.
    InFives,
}

/// How first releases of a kind ended.
struct Ended {
    refused: usize,
    passed: usize,
    /// Seconds until the end, ascending, of those that ended.
    seconds: Vec<i64>,
}

/// Plays first releases that fail at `rate`; `least_seconds` is how long they are judged for.
fn play((failing, rate): (Failing, f64), requests: f64, least_seconds: u32, runs: u64) -> Ended {
    let objectives = Objectives {
        errors_ppm: (MOST * 1e6) as u32,
        slow_ms: 0,
        least_requests: 100,
        least_seconds,
        alpha_ppm: 10_000,
        promotion_alpha_ppm: 50_000,
    };
    let mut ended = Ended { refused: 0, passed: 0, seconds: vec![] };
    for run in 0..runs {
        let mut coins = Coins::new((5 << 32) + run);
        let mut judge = Absolute::new(objectives);
        let mut until = 0;
        for t in 0..SECONDS {
            let sent = coins.poisson(requests);
            let failed = match failing {
                Failing::Alone => coins.binomial(sent, rate),
                Failing::InFours => (4 * coins.binomial(sent, rate / 4.0)).min(sent),
                Failing::InSeconds => {
                    let is_bad = coins.is(rate / 0.3);
                    if is_bad { coins.binomial(sent, 0.3) } else { 0 }
                }
                Failing::InFives => {
                    if t >= until && coins.is(rate / 2.5) {
                        until = t + 5;
                    }
                    if t < until { coins.binomial(sent, 0.5) } else { 0 }
                }
            };
            let (candidate, incumbent) = (Sample::events(sent, failed), Sample::default());
            let tick = Tick { at_ms: t * 1_000, share_bp: 10_000, incumbent, candidate };
            let verdict = judge.observe(&tick).verdict;
            let is_refused = matches!(verdict, Verdict::Unfavourable { .. });
            if is_refused || verdict == Verdict::Favourable {
                ended.refused += usize::from(is_refused);
                ended.passed += usize::from(!is_refused);
                ended.seconds.push(t + 1);
                break;
            }
        }
    }
    ended.seconds.sort_unstable();
    ended
}

/// Writes a table of first releases.
pub fn measure(out: &mut impl Write, runs: u64) -> io::Result<()> {
    writeln!(out, "\n| first release | fails | a second | refused | passed | p50 | p95 |")?;
    writeln!(out, "| --- | --- | --- | --- | --- | --- | --- |")?;
    for (name, failing, rates) in [
        ("each by itself", Failing::Alone, &[0.001, 0.005, 0.01, 0.02, 0.05, 0.2, 1.0][..]),
        ("in fours", Failing::InFours, &[0.001, 0.005, 0.01, 0.05]),
        ("three in ten for a second", Failing::InSeconds, &[0.001, 0.005, 0.01]),
        ("half for five seconds", Failing::InFives, &[0.001, 0.005, 0.01]),
    ] {
        for (rate, requests) in rates.iter().flat_map(|rate| [(*rate, 20.0), (*rate, 200.0)]) {
            let ended = play((failing, rate), requests, 10, runs);
            write_row(out, name, rate, requests, &ended, runs)?;
        }
    }
    for (name, least) in [("the same, 60 s at least", 60), ("the same, 300 s at least", 300)] {
        let ended = play((Failing::InSeconds, MOST), 20.0, least, runs);
        write_row(out, name, MOST, 20.0, &ended, runs)?;
    }
    Ok(())
}

fn write_row(
    out: &mut impl Write,
    name: &str,
    rate: f64,
    requests: f64,
    ended: &Ended,
    runs: u64,
) -> io::Result<()> {
    let percent = |count: usize| 100.0 * count as f64 / runs as f64;
    let at = |percent: usize| {
        let last = ended.seconds.len().saturating_sub(1);
        let second = ended.seconds.get((ended.seconds.len() * percent / 100).min(last));
        second.map_or("-".into(), |second| format!("{second} s"))
    };
    let (refused, passed) = (percent(ended.refused), percent(ended.passed));
    let (rate, p50, p95) = (rate * 100.0, at(50), at(95));
    writeln!(
        out,
        "| {name} | {rate} % | {requests} | {refused:.1} % | {passed:.1} % | {p50} | {p95} |",
    )?;
    out.flush()
}
