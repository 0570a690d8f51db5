//! Other grids and starts, shares, and lengths of blocks.

use std::io::{self, Write};

use super::gambler::{Design, grid};
use super::world::{Weather, World};
use super::{find, taken_back, taken_back_by_clumps};

/// Beside an incumbent that fails once in two thousand requests; a tenth of 70 a second.
const QUIET: World<'_> = World {
    requests: 70.0,
    ramp: &[(0, 0.1)],
    incumbent: 0.0005,
    candidate: 0.05,
    weather: Weather::Plain,
};
/// Beside one that fails once in two hundred; a tenth of 200 a second.
const BUSY: World<'_> = World { requests: 200.0, incumbent: 0.005, ..QUIET };

/// Beside one that fails once in a hundred; a tenth of 5 a second.
const SLOW: World<'_> = World { requests: 5.0, incumbent: 0.01, ..QUIET };

/// What is looked at: an incumbent, and a candidate's rate.
const CASES: [(World<'_>, f64); 6] =
    [(QUIET, 1.0), (QUIET, 0.2), (QUIET, 0.05), (BUSY, 0.05), (BUSY, 0.015), (SLOW, 0.2)];

/// Writes how a design does in all cases, in one row.
pub fn row(
    out: &mut dyn Write,
    name: &str,
    of: impl Fn(f64) -> Design,
    runs: u64,
) -> io::Result<()> {
    let harmless = [QUIET, BUSY, SLOW].map(|world| taken_back(&of(world.incumbent), &world, runs));
    let [quiet, busy, slow] = harmless;
    write!(out, "| {name} | {quiet:.2}, {busy:.2}, {slow:.2} % |")?;
    for (world, candidate) in CASES {
        let world = World { candidate, ..world };
        let found = find(&of(world.incumbent), &world, runs);
        let (p50, p95, failed) = (found.seconds(50), found.seconds(95), found.failed().1);
        write!(out, " {p50}, {p95}, {failed:.1}, {:.1} |", found.bounds(&world))?;
    }
    writeln!(out)?;
    out.flush()
}

/// Writes the head of a table of such rows.
pub fn head(out: &mut dyn Write, what: &str) -> io::Result<()> {
    write!(out, "\n| {what} | harmless |")?;
    for (world, candidate) in CASES {
        write!(out, " {} to {} % |", world.incumbent * 100.0, candidate * 100.0)?;
    }
    writeln!(out, "\n| --- | --- |{}", " --- |".repeat(CASES.len()))
}

/// Other grids, and other parts of capital on "from the first second".
pub fn grids(out: &mut dyn Write, runs: u64) -> io::Result<()> {
    head(out, "grid: p50, p95, mean failed, mean / bound")?;
    row(out, "stands: 7, 1.28 to 416", Design::standing, runs)?;
    for (name, start, ratio, count) in [
        ("4, 1.28 to 416", 0.25, 2.887, 4),
        ("14, 1.28 to 416", 0.25, 1.277, 14),
        ("40, 1.28 to 416, as good as continuous", 0.25, 1.085, 40),
        ("9, 1.28 to 17 million", 0.25, 1.7, 9),
        ("8, 1.16 to 416", 0.147, 1.7, 8),
    ] {
        row(out, name, |rate| Design::of(grid(start, ratio, count), rate), runs)?;
    }
    let even = |rate| {
        let stands = Design::standing(rate);
        Design { weights: vec![1.0 / 7.0; 7], ..stands }
    };
    row(out, "even capital", even, runs)?;
    for (name, from_start) in [("0.85 from the start", 0.85), ("0.3 from the start", 0.3)] {
        row(out, name, |rate| Design { from_start, ..Design::standing(rate) }, runs)?;
    }
    Ok(())
}

/// Blocks of other lengths.
pub fn blocks(out: &mut dyn Write, runs: u64) -> io::Result<()> {
    head(out, "block: p50, p95, mean failed, mean / bound")?;
    for (name, block_ms, least_requests, least_candidate) in [
        ("stands: 500 ms, 30 requests, 3 of the candidate's", 500, 30.0, 3.0),
        ("500 ms, 20, 2", 500, 20.0, 2.0),
        ("500 ms, 10, 1", 500, 10.0, 1.0),
        ("500 ms, 5, 0.5", 500, 5.0, 0.5),
        ("250 ms, 30, 3", 250, 30.0, 3.0),
        ("250 ms, 10, 1", 250, 10.0, 1.0),
        ("500 ms, 50, 3", 500, 50.0, 3.0),
        ("1 s, 50, 3", 1_000, 50.0, 3.0),
        ("2 s, 50, 3", 2_000, 50.0, 3.0),
        ("5 s, 50, 3", 5_000, 50.0, 3.0),
    ] {
        let of = |rate| {
            let stands = Design::standing(rate);
            Design { block_ms, least_requests, least_candidate, ..stands }
        };
        row(out, name, of, runs)?;
        let clumps = taken_back_by_clumps(&of(BUSY.incumbent), &BUSY, runs);
        writeln!(out, "  (fours of one caller in a row: {clumps:.1} %)")?;
    }
    Ok(())
}

/// Other first shares.
pub fn shares(out: &mut dyn Write, runs: u64) -> io::Result<()> {
    head(out, "share: p50, p95, mean failed, mean / bound")?;
    let ramps: [(&str, &[(i64, f64)]); 11] = [
        ("1 %", &[(0, 0.01)]),
        ("2 %", &[(0, 0.02)]),
        ("5 %", &[(0, 0.05)]),
        ("7 %", &[(0, 0.07)]),
        ("10 %, the usual", &[(0, 0.1)]),
        ("15 %", &[(0, 0.15)]),
        ("20 %", &[(0, 0.2)]),
        ("50 %", &[(0, 0.5)]),
        ("1 %, from 10 s on 10 %", &[(0, 0.01), (10, 0.1)]),
        ("2 %, from 10 s on 10 %", &[(0, 0.02), (10, 0.1)]),
        ("5 %, from 10 s on 20 %", &[(0, 0.05), (10, 0.2)]),
    ];
    for (name, ramp) in ramps {
        let harmless = [QUIET, BUSY, SLOW].map(|world| {
            taken_back(&Design::standing(world.incumbent), &World { ramp, ..world }, runs)
        });
        let [quiet, busy, slow] = harmless;
        write!(out, "| {name} | {quiet:.2}, {busy:.2}, {slow:.2} % |")?;
        for (world, candidate) in CASES {
            let world = World { candidate, ramp, ..world };
            let found = find(&Design::standing(world.incumbent), &world, runs);
            let (p50, p95, failed) = (found.seconds(50), found.seconds(95), found.failed().1);
            write!(out, " {p50}, {p95}, {failed:.1}, {:.1} |", found.bounds(&world))?;
        }
        writeln!(out)?;
        out.flush()?;
    }
    Ok(())
}
