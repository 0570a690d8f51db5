//! Says in one English sentence what a reading rests on and what follows.
//!
//! Numbers are rounded for people; the reading beside the sentence has them in full.

use crate::plan::{Guard, Plan};
use crate::reading::{Counts, Reading, Verdict};
use crate::trace::Metric;
use crate::watch::Tally;

/// Returns the sentence of a reading, in a leg with `share_bp` or before the first.
pub(crate) fn of(reading: &Reading, plan: &Plan, share_bp: Option<u16>) -> String {
    let mut sentence = of_verdict(reading, plan, share_bp);
    if let Some(index) = reading.lone_instance {
        sentence.push_str(&format!("; its instance {index} alone is the reason"));
    }
    if reading.is_share_off {
        sentence.push_str("; it does not get the share that is configured");
    }
    sentence
}

fn of_verdict(reading: &Reading, plan: &Plan, share_bp: Option<u16>) -> String {
    let Some(share_bp) = share_bp else {
        return "no second of this rollout has been observed yet".into();
    };
    match reading.verdict {
        Verdict::Unfavourable { metric } => format!(
            "{}; evidence against it{} reached 1:{}, which takes it back, and {}",
            facts(reading),
            by(reading, metric),
            odds_at(reading.rollback_at_micronats),
            match reading.log_e_micronats {
                ..=0 => "has faded since".into(),
                1.. => format!("is {} now", odds_of(reading.log_e_micronats)),
            },
        ),
        Verdict::NoData { seconds } => silence(seconds, plan, reading),
        Verdict::Favourable => format!(
            "{}; {} (passes at 1:{})",
            facts(reading),
            within(reading.promotion_micronats, plan),
            odds_at(reading.promote_at_micronats),
        ),
        Verdict::Undecided { .. } if share_bp == 10_000 => {
            format!("{}; with all traffic on the candidate nothing is compared", facts(reading))
        }
        Verdict::Undecided { needs_requests, needs_seconds } => format!(
            "{}; {} (rolls back at 1:{}){}",
            facts(reading),
            against(reading.log_e_micronats),
            odds_at(reading.rollback_at_micronats),
            progress(reading, plan, needs_requests, needs_seconds),
        ),
    }
}

fn facts(reading: &Reading) -> String {
    let Counts { requests, errors } = reading.candidate;
    let all_requests = u128::from(requests) + u128::from(reading.incumbent.requests);
    let all_errors = u128::from(errors) + u128::from(reading.incumbent.errors);
    let share = percent(requests.into(), all_requests);
    match all_errors {
        0 if all_requests == 0 => "no request has come in this leg".into(),
        0 => format!(
            "no errors in {} on the candidate and {} on the incumbent",
            counted(requests.into(), "request"),
            all_requests - u128::from(requests),
        ),
        1.. => format!(
            "{errors} of {} fell on the candidate, which carried {share} of the traffic",
            counted(all_errors, "error"),
        ),
    }
}

fn silence(seconds: u32, plan: &Plan, reading: &Reading) -> String {
    let whom = match (reading.candidate.requests, reading.incumbent.requests) {
        (0, 0) => "neither release has had a request in this leg",
        (0, 1..) => "the candidate has had no request in this leg, the incumbent has",
        (1.., _) => "the candidate has gone silent",
    };
    format!(
        "no request has reached the candidate for {seconds} s (taken back at {} s); {whom}; no \
         data never passes",
        plan.silence_seconds,
    )
}

/// Says which metric, where there are several.
fn by(reading: &Reading, metric: Metric) -> String {
    match reading.metrics.len() {
        0 | 1 => String::new(),
        2.. => format!(", most of it by {},", subject(metric)),
    }
}

/// Returns the sentence of one metric, from incumbent and candidate in this leg.
pub(crate) fn of_metric(metric: Metric, tallies: &[Tally; 2], log_e: f64) -> String {
    let [incumbent, candidate] = tallies;
    let whole = |number: f64| number as u128;
    let requests = whole(candidate.requests) + whole(incumbent.requests);
    let bad = whole(candidate.bad) + whole(incumbent.bad);
    let what = match metric {
        Metric::Error => counted(bad, "error"),
        Metric::Exceptions => counted(bad, "exception"),
        Metric::Conversion => counted(bad, "transaction without its end"),
        Metric::Latency => counted(bad, "slow request"),
    };
    if requests == 0 {
        return format!("no {} were measured in this leg", subject(metric));
    }
    format!(
        "{} of {what} fell on the candidate, which carried {} of the traffic; {}",
        whole(candidate.bad),
        percent(whole(candidate.requests), requests),
        against(crate::math::micronats(log_e)),
    )
}

fn subject(metric: Metric) -> &'static str {
    match metric {
        Metric::Error => "errors",
        Metric::Exceptions => "exceptions",
        Metric::Conversion => "transactions",
        Metric::Latency => "latencies",
    }
}

fn progress(
    reading: &Reading,
    plan: &Plan,
    needs_requests: Option<u64>,
    needs_seconds: Option<u64>,
) -> String {
    if reading.promote_at_micronats == i64::MAX {
        return String::new();
    }
    let more = match (needs_requests, needs_seconds) {
        (Some(requests), Some(seconds)) => format!(
            "; it takes about {}, {} at this traffic",
            counted(requests.into(), "more request"),
            duration(seconds),
        ),
        (Some(requests), None) => {
            format!("; it takes about {}", counted(requests.into(), "more request"))
        }
        (None, _) => String::new(),
    };
    format!(
        "; {} (passes at 1:{}){more}",
        within(reading.promotion_micronats, plan),
        odds_at(reading.promote_at_micronats),
    )
}

/// Returns a time as people say it: "45 s", "12 min", "3 h".
fn duration(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds.div_ceil(60)),
        7_200.. => format!("{} h", seconds.div_ceil(3_600)),
    }
}

fn against(micronats: i64) -> String {
    match micronats {
        ..=0 => "there is no evidence against it".into(),
        1.. => format!("evidence against it is {}", odds_of(micronats)),
    }
}

fn within(micronats: i64, plan: &Plan) -> String {
    let claim = claim(plan);
    match micronats {
        ..=0 => format!("there is no evidence {claim}"),
        1.. => format!("evidence {claim} is {}", odds_of(micronats)),
    }
}

/// Says what must be proved: of the one guard, or of several.
fn claim(plan: &Plan) -> String {
    let guards = plan.metrics.iter().map(|metric| metric.guard);
    let mut guards = guards.filter(|guard| *guard != Guard::None);
    match (guards.next(), guards.next()) {
        (Some(Guard::Difference(ppm)), None) => {
            format!("that it is less than {} worse", tolerance(ppm))
        }
        (Some(Guard::Ratio(permille)), None) => {
            let times = decimal(permille / 1_000, permille % 1_000, 3);
            format!("that it is less than {times} times as bad")
        }
        (Some(Guard::None) | None, _) | (Some(_), Some(_)) => {
            "that it is within every tolerance".into()
        }
    }
}

/// Returns a tolerance in percentage points: "0.25 points".
fn tolerance(ppm: u32) -> String {
    let points = decimal(ppm / 10_000, ppm % 10_000, 4);
    if points == "1" { "1 point".into() } else { format!("{points} points") }
}

/// Returns evidence of so many nats as people say it: "1:42".
pub fn odds(nats: f64) -> String {
    odds_of(crate::math::micronats(nats))
}

fn odds_of(micronats: i64) -> String {
    let e = libm::exp(micronats as f64 / 1e6);
    if e < 9.95 {
        format!("1:{e:.1}")
    } else if e <= 1e6 {
        format!("1:{e:.0}")
    } else {
        "beyond 1:1000000".into()
    }
}

/// Returns a boundary, rounded: "100".
fn odds_at(micronats: i64) -> String {
    let e = libm::exp(micronats as f64 / 1e6);
    if e < 9.95 { format!("{e:.1}") } else { format!("{e:.0}") }
}

/// Returns part of whole: "9.8 %", "10 %".
fn percent(part: u128, whole: u128) -> String {
    let permille = (part * 1_000 + whole / 2).checked_div(whole).unwrap_or(0);
    let permille = u32::try_from(permille).unwrap_or(u32::MAX);
    format!("{} %", decimal(permille / 10, permille % 10, 1))
}

/// Returns `whole` and a fraction of `digits` digits, without trailing zeros.
fn decimal(whole: u32, fraction: u32, digits: usize) -> String {
    if fraction == 0 {
        return whole.to_string();
    }
    let fraction = format!("{fraction:0digits$}");
    format!("{whole}.{}", fraction.trim_end_matches('0'))
}

fn counted(number: u128, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_write_them() {
        assert_eq!(percent(98, 1_000), "9.8 %");
        assert_eq!(percent(1, 10), "10 %");
        assert_eq!(percent(0, 0), "0 %");
        assert_eq!(decimal(0, 2_500, 4), "0.25");
        assert_eq!(counted(1, "error"), "1 error");
        assert_eq!(odds_of(3_737_670), "1:42");
        assert_eq!(odds_of(400_000), "1:1.5");
        assert_eq!(against(-20), "there is no evidence against it");
        assert_eq!(odds_at(4_605_171), "100");
    }
}
