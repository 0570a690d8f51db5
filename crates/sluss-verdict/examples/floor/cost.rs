//! What a row costs: processor time a second and metric, and an hour of it.

use std::io::{self, Write};
use std::time::Instant;

use sluss_verdict::{Judge, Metric, MetricPlan, Plan, Tick};

use super::world::{Latency, PLAIN, Play, World};

const SECONDS: i64 = 3_600;

/// Judges an hour of rows and writes how long that took.
pub fn measure(out: &mut impl Write) -> io::Result<()> {
    let world = World {
        latency: Some(Latency { shift: 1.0, tail: 0.0 }),
        exceptions: Some([|_| 0.004; 2]),
        conversions: Some([|_| 0.3; 2]),
        ..PLAIN
    };
    let mut play = Play::new(&world, 4 << 32);
    let rows: Vec<Tick> = (0..SECONDS).flat_map(|t| play.second(t)).collect();
    let errors = vec![MetricPlan::errors_within(10_000)];
    let latency = vec![MetricPlan::of(Metric::Latency)];
    let all = [Metric::Error, Metric::Latency, Metric::Exceptions, Metric::Conversion];
    let all = all.map(MetricPlan::of).to_vec();
    writeln!(out, "\n| an hour of rows, live | in all | a row |\n| --- | --- | --- |")?;
    for (name, metrics) in [("errors", errors), ("latency", latency), ("four metrics", all)] {
        let mut judge = Judge::new(Plan { metrics, ..Plan::of_errors() });
        let began = now();
        for row in &rows {
            std::hint::black_box(judge.observe(row));
        }
        let passed = began.elapsed();
        let a_row = passed.as_secs_f64() * 1e6 / SECONDS as f64;
        writeln!(out, "| {name} | {:.0} ms | {a_row:.1} us |", passed.as_secs_f64() * 1e3)?;
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a measurement needs a clock")]
fn now() -> Instant {
    Instant::now()
}
