//! Writes a corpus of rules with their starts, for other readers to compare with.
//!
//! `cargo run -p sluss-calendar --example starts > corpus.json`; see `e2e/verifiers/expansion.py`.

use std::io::Write;

use fastrand::Rng;

/// Starts of each rule.
const STARTS: usize = 60;
/// Random rules besides those below.
const RANDOM: usize = 400;

/// First starts and rules: the sample bank's, RFC 5545's kinds, and odd dates.
const KNOWN: &[(&str, &str)] = &[
    ("2025-12-18T16:00:00", "FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=18"),
    ("2026-03-30T00:00:00", "FREQ=YEARLY;BYMONTH=3,6,9;BYMONTHDAY=-2"),
    ("2026-01-01T16:30:00", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"),
    ("2026-01-02T14:00:00", "FREQ=WEEKLY;BYDAY=FR"),
    ("2026-01-31T22:00:00", "FREQ=MONTHLY"),
    ("2026-01-31T22:00:00", "FREQ=MONTHLY;BYMONTHDAY=-1"),
    ("2026-01-31T22:00:00", "FREQ=MONTHLY;BYMONTHDAY=28,29,30,31;BYSETPOS=-1"),
    ("2026-01-30T17:00:00", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1"),
    ("2026-01-30T17:00:00", "FREQ=MONTHLY;BYDAY=-1FR"),
    ("2026-01-05T09:00:00", "FREQ=MONTHLY;BYDAY=1MO;COUNT=10"),
    ("2026-02-13T00:00:00", "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13"),
    ("2024-02-29T12:00:00", "FREQ=YEARLY"),
    ("2024-02-29T12:00:00", "FREQ=YEARLY;INTERVAL=4"),
    ("2026-12-28T00:00:00", "FREQ=YEARLY;BYWEEKNO=53;BYDAY=MO"),
    ("2026-01-01T00:00:00", "FREQ=YEARLY;BYWEEKNO=1;BYDAY=TH"),
    ("2026-12-31T00:00:00", "FREQ=YEARLY;BYYEARDAY=-1"),
    ("2024-12-31T00:00:00", "FREQ=YEARLY;BYYEARDAY=366"),
    ("2026-01-04T10:00:00", "FREQ=WEEKLY;INTERVAL=2;WKST=SU;BYDAY=SU,TU"),
    ("2026-01-06T10:00:00", "FREQ=WEEKLY;INTERVAL=2;WKST=MO;BYDAY=SU,TU"),
    ("2026-01-01T00:00:00", "FREQ=DAILY;INTERVAL=10;UNTIL=20261231T235959Z"),
    ("2026-01-01T08:00:00", "FREQ=DAILY;BYHOUR=8,12,16;BYMINUTE=0,30"),
    ("2026-01-01T00:15:00", "FREQ=HOURLY;INTERVAL=5"),
    ("2026-01-01T09:00:00", "FREQ=HOURLY;BYHOUR=9,10,11;BYDAY=MO,TH"),
    ("2026-03-01T00:00:00", "FREQ=DAILY;BYMONTH=3;BYMONTHDAY=1,2,3"),
];

/// A random rule.
fn random(rng: &mut Rng) -> String {
    let frequency = ["YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY"][rng.usize(0..5)];
    let mut rule = format!("FREQ={frequency}");
    if rng.bool() {
        rule += &format!(";INTERVAL={}", rng.u8(1..8));
    }
    let mut list = |name: &str, rng: &mut Rng, values: &[&str]| {
        let mut chosen: Vec<&str> =
            (0..rng.usize(1..4)).map(|_| values[rng.usize(0..values.len())]).collect();
        chosen.sort_unstable();
        chosen.dedup();
        rule += &format!(";{name}={}", chosen.join(","));
    };
    let days = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];
    let nth = ["1MO", "-1FR", "2TU", "3WE", "-2SU", "4TH", "1SA"];
    let in_month = ["1", "15", "28", "30", "31", "-1", "-2", "-15", "29"];
    match (frequency, rng.u8(0..4)) {
        (_, 0) => {}
        ("MONTHLY", 1) => list("BYDAY", rng, &nth),
        ("YEARLY", 1) => {
            list("BYMONTH", rng, &["1", "2", "3", "6", "9", "12"]);
            list("BYDAY", rng, &nth);
        }
        ("YEARLY", 2) => {
            list("BYWEEKNO", rng, &["1", "2", "20", "52", "53", "-1"]);
            list("BYDAY", rng, &days);
        }
        ("MONTHLY" | "YEARLY" | "DAILY", 3) => list("BYMONTHDAY", rng, &in_month),
        ("MONTHLY", 2) => {
            list("BYDAY", rng, &days);
            list("BYSETPOS", rng, &["1", "2", "-1", "-2"]);
        }
        _ => list("BYDAY", rng, &days),
    }
    if frequency != "HOURLY" && rng.u8(0..3) == 0 {
        list("BYHOUR", rng, &["0", "6", "17", "23"]);
    }
    if rng.u8(0..4) == 0 {
        rule += &format!(";COUNT={}", rng.u8(1..50));
    }
    rule
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut rng = Rng::with_seed(5545);
    let mut rules: Vec<(String, String)> =
        KNOWN.iter().map(|(first, rule)| ((*first).to_owned(), (*rule).to_owned())).collect();
    while rules.len() < KNOWN.len() + RANDOM {
        let (year, month, day) = (rng.u16(2020..2030), rng.u8(1..13), rng.u8(1..29));
        let near = format!("{year}-{month:02}-{day:02}T{:02}:30:00", rng.u8(0..24));
        let rule = random(&mut rng);
        // A calendar's first start is one that its rule makes.
        if let Some(first) = sluss_calendar::starts(&near, &rule, 1)?.pop() {
            rules.push((first, rule));
        }
    }
    let mut corpus = Vec::new();
    for (first, rule) in rules {
        let starts = sluss_calendar::starts(&first, &rule, STARTS)?;
        corpus.push(serde_json::json!({ "dtstart": first, "rrule": rule, "starts": starts }));
    }
    let text = serde_json::to_string(&serde_json::json!({ "most": STARTS, "rules": corpus }))?;
    writeln!(std::io::stdout(), "{text}")?;
    Ok(())
}
