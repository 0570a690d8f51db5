//! How long a decision takes on a calendar of fifty windows.
//!
//! `cargo run --release -p sluss-calendar --example speed`

use std::io::Write;
use std::time::Instant;

use fastrand::Rng;
use sluss_calendar::{
    Calendar, CalendarFile, Kind, Operation, Overrun, Scope, ScopeFile, WindowFile, decide,
};

const WINDOWS: usize = 50;
const DECISIONS: u32 = 20_000;

/// Kinds of windows that a bank has, over and over.
const KINDS: [(&str, &str, &str); 5] = [
    ("2020-01-03T14:00", "2020-01-06T07:00", "FREQ=WEEKLY;BYDAY=FR"),
    ("2020-01-01T16:30", "2020-01-01T18:30", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"),
    ("2020-03-30T00:00", "2020-04-02T00:00", "FREQ=YEARLY;BYMONTH=3,6,9;BYMONTHDAY=-2"),
    ("2020-12-18T16:00", "2021-01-05T08:00", "FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=18"),
    ("2020-01-31T20:00", "2020-02-01T06:00", "FREQ=MONTHLY;BYMONTHDAY=-1"),
];

fn window(number: usize) -> WindowFile {
    let (start, end, rule) = KINDS[number % KINDS.len()];
    let zones = ["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "UTC"];
    WindowFile {
        id: format!("w{number}"),
        kind: Kind::Deny,
        scope: ScopeFile::default(),
        dtstart: start.to_owned(),
        dtend: Some(end.to_owned()),
        tzid: Some(zones[number % zones.len()].to_owned()),
        rrule: Some(rule.to_owned()),
        exdate: Vec::new(),
        rdate: Vec::new(),
        overrun: [Overrun::Finish, Overrun::Hold][number % 2],
        reason: "A reason".to_owned(),
        owner: "release-office".to_owned(),
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = CalendarFile { windows: (0..WINDOWS).map(window).collect() };
    let begun = Instant::now();
    let calendar = Calendar::parse(&file)?;
    let parsed = begun.elapsed();
    let scope = Scope::new("instant-payments", "payments", "production");
    // 2026, by the second.
    let mut rng = Rng::with_seed(1);
    let mut now = || 1_767_225_600_000 + rng.i64(0..31_536_000) * 1000;
    let begun = Instant::now();
    let first = decide(&calendar, &scope, Operation::ConfigChange, None, now());
    let cold = begun.elapsed();
    let mut out = std::io::stdout();
    writeln!(out, "parse {WINDOWS} windows with lints: {} us", parsed.as_micros())?;
    writeln!(out, "first decision: {} us ({})", cold.as_micros(), first.allowed)?;
    let half_hour = Some(1_800_000);
    for (name, operation) in [
        ("deploy", Operation::Deploy { predicted_ms: None }),
        ("deploy of 30 min", Operation::Deploy { predicted_ms: half_hour }),
        ("continue", Operation::Continue),
    ] {
        let mut times: Vec<u128> = (0..DECISIONS)
            .map(|_| {
                let at = now();
                let begun = Instant::now();
                std::hint::black_box(decide(&calendar, &scope, operation, Some(at - 60_000), at));
                begun.elapsed().as_nanos()
            })
            .collect();
        times.sort_unstable();
        let at = |percent: usize| times.get(times.len() * percent / 100).copied().unwrap_or(0);
        writeln!(out, "{name}: median {} ns, p99 {} ns", at(50), at(99))?;
    }
    Ok(())
}
