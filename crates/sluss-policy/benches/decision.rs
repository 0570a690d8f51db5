//! One gate decision: `cargo bench -p sluss-policy`. The sample bank's bundle over an input of
//! 20 kB; everything is counted, from the bytes to the decision. `DECISIONS` says how many (5,000).
//! On a machine with other work, CPU time says what a decision costs and the rest what it waits.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on should say where")]

#[path = "../tests/it/sample.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod sample;

use std::time::{Duration, Instant};

use sluss_policy::{Bundle, GateInput, NO_DATA, evaluate};

/// What a decision may take at most, at p99.
const TARGET_MS: f64 = 10.0;

fn main() {
    let decisions = std::env::var("DECISIONS").ok().and_then(|it| it.parse().ok()).unwrap_or(5000);
    let input = sample::of_size(20_000);
    let begin = Instant::now();
    let bank = Bundle::load(sample::bank_files()).unwrap();
    println!("bundle loaded in {:.2} ms", ms(begin.elapsed()));
    println!(
        "{:<30} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "", "CPU ms", "p50 ms", "p99 ms", "p99.9 ms", "worst ms"
    );
    row("parse the input", decisions, || {
        assert!(GateInput::parse(&input).is_ok());
    });
    let p99 = row(&format!("decide over {} bytes", input.len()), decisions, || {
        let decision = evaluate(&bank, NO_DATA, &input, sample::limits());
        assert!(decision.is_open(), "{:?}", decision.closed_because);
    });
    row("the same with outside data", decisions, || {
        let decision = evaluate(&bank, br#"{"team": {"size": 7}}"#, &input, sample::limits());
        assert!(decision.is_open(), "{:?}", decision.closed_because);
    });
    let reached = if p99 <= TARGET_MS { "reached" } else { "missed" };
    println!("p99 ≤ {TARGET_MS} ms: {reached}");
}

fn row(name: &str, times: usize, mut act: impl FnMut()) -> f64 {
    let before = cpu_ms();
    let mut took: Vec<Duration> = (0..times)
        .map(|_| {
            let begin = Instant::now();
            act();
            begin.elapsed()
        })
        .collect();
    let cpu = (cpu_ms() - before) / times as f64;
    took.sort();
    let at = |share: f64| ms(took[((took.len() - 1) as f64 * share) as usize]);
    let (p50, p99, p999, worst) = (at(0.5), at(0.99), at(0.999), at(1.0));
    println!("{name:<30} {cpu:>9.3} {p50:>9.3} {p99:>9.3} {p999:>9.3} {worst:>9.3}");
    p99
}

/// The CPU time of this thread in milliseconds (Linux; not a number elsewhere).
fn cpu_ms() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|it| it.parse::<f64>().ok());
    nanoseconds.map_or(f64::NAN, |it| it / 1e6)
}

fn ms(of: Duration) -> f64 {
    of.as_secs_f64() * 1000.0
}
