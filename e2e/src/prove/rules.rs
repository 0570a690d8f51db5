//! The same traffic under the usual rules: what they would have seen, when, and what it had cost.
//!
//! Pure. A bad release goes on failing at the rate that was observed, and its service goes on
//! having the payments that it had.

use serde_json::{Value, json};

use super::history::{Release, Second};
use super::play::Played;
use super::variants::Kind;

/// The shares that a release is given in turn.
const SHARES: [f64; 3] = [0.1, 0.5, 1.0];
/// How often a careful client sends at most.
const ATTEMPTS: i32 = 4;
/// After how long a person has found out and acted.
const PERSON_S: f64 = 1_800.0;

/// Who watches a release.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// At the end of each window, more failures than allowed take it back; if there are not, it
    /// gets its next share.
    Threshold {
        /// How long a window is.
        window_s: f64,
        /// The share of requests that may fail.
        most: f64,
        /// With fewer requests nothing is decided.
        least: f64,
    },
    /// A person reacts after thirty minutes; each share lasts a minute.
    Person,
}

/// What a bad release does to the payments that it gets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fault {
    /// Payments a second to the service.
    pub rate: f64,
    /// The share of requests that the release fails.
    pub fails: f64,
    /// Whether the same payment fails each time it meets the release.
    pub sticks: bool,
    /// From which second on.
    pub begins_s: f64,
}

/// What a rule makes of a release.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Outcome {
    /// When the rule takes it back; nothing if it never does.
    pub seen_s: Option<f64>,
    /// When it is taken back, by the rule or by a person.
    pub back_s: f64,
    /// Requests that fail until then.
    pub failed_requests: f64,
    /// Payments that fail until then, after all retries.
    pub failed_payments: f64,
}

/// One rule over all releases of a proof.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// The rule's name.
    pub name: &'static str,
    /// How many bad releases that fail requests there were.
    pub bad: usize,
    /// Of these, how many are taken back by the rule.
    pub seen: usize,
    /// The median of the times until then, in seconds.
    pub median_s: Option<f64>,
    /// The longest time until a release is taken back, by the rule or by a person.
    pub worst_s: Option<f64>,
    /// Requests that fail.
    pub failed_requests: f64,
    /// Payments that fail after all retries.
    pub failed_payments: f64,
    /// The share of all payments that a careful client sees through.
    pub availability: f64,
    /// Good releases that were judged, and how many are taken back.
    pub good: (usize, usize),
}

impl Rule {
    /// The rules that stand beside ours.
    pub const ALL: [(&'static str, Self); 3] = [
        ("more than 1 % in a minute", Self::Threshold { window_s: 60.0, most: 0.01, least: 100.0 }),
        (
            "more than 1 % in five minutes",
            Self::Threshold { window_s: 300.0, most: 0.01, least: 100.0 },
        ),
        ("a person, after thirty minutes", Self::Person),
    ];

    fn window_s(self) -> f64 {
        match self {
            Self::Threshold { window_s, .. } => window_s,
            Self::Person => 60.0,
        }
    }

    fn sees(self, requests: f64, errors: f64) -> bool {
        match self {
            Self::Threshold { most, least, .. } => requests >= least && errors > most * requests,
            Self::Person => false,
        }
    }

    /// Says what comes of a release with this fault.
    pub fn outcome(self, fault: Fault) -> Outcome {
        let mut outcome = Outcome { back_s: fault.begins_s + PERSON_S, ..Outcome::default() };
        let (mut leg, mut requests, mut errors) = (0, 0.0, 0.0);
        let mut second = 0.0;
        while second < outcome.back_s {
            let share = SHARES[leg];
            let fails = if second < fault.begins_s { 0.0 } else { fault.fails };
            requests += fault.rate * share;
            errors += fault.rate * share * fails;
            outcome.failed_requests += fault.rate * share * fails;
            outcome.failed_payments += fault.rate * unlucky(share, fails, fault.sticks);
            second += 1.0;
            // Once it has everything, its rollout is over, and nobody but a person watches.
            if second % self.window_s() == 0.0 && leg + 1 < SHARES.len() {
                if self.sees(requests, errors) {
                    outcome.seen_s = Some(second - fault.begins_s);
                    outcome.back_s = second;
                }
                let decides = match self {
                    Self::Threshold { least, .. } => requests >= least,
                    Self::Person => true,
                };
                if decides {
                    (leg, requests, errors) = (leg + 1, 0.0, 0.0);
                }
            }
        }
        outcome.back_s -= fault.begins_s;
        if self == Self::Person {
            outcome.seen_s = Some(outcome.back_s);
        }
        outcome
    }

    /// Says whether a release that did this, and goes on doing it, is taken back.
    pub fn alarms(self, seconds: &[Second]) -> bool {
        // Not negative, and small.
        let window = self.window_s() as usize;
        let mut again = seconds.iter().cycle();
        SHARES.iter().take(2).any(|share| {
            let those = again.by_ref().take(window).fold((0.0, 0.0), |(requests, errors), one| {
                let all = (one.candidate + one.incumbent) as f64 * share;
                let fails = one.candidate_errors as f64 / one.candidate.max(1) as f64;
                (requests + all, errors + all * fails)
            });
            self.sees(those.0, those.1)
        })
    }
}

/// Returns the probability that a payment fails after all retries, each routed anew.
fn unlucky(share: f64, fails: f64, sticks: bool) -> f64 {
    match sticks {
        true => fails * share.powi(ATTEMPTS),
        false => (share * fails).powi(ATTEMPTS),
    }
}

/// Returns ours, as it was observed, and what each usual rule would have made of the same.
pub fn compare(played: &Played) -> Vec<Comparison> {
    let sent: u64 = played.told.iter().filter_map(|told| Some(told.seconds.last()?.sent)).sum();
    let rate = played.options.rate / played.names.len().max(1) as f64;
    let bad: Vec<(&Release, Fault)> =
        played.history.bad().filter_map(|release| Some((release, fault(release, rate)?))).collect();
    let good: Vec<&Release> = played
        .history
        .releases
        .iter()
        .filter(|release| release.pushed.kind == Kind::Good && !release.seconds.is_empty())
        .collect();
    let mut all = vec![ours(played, &bad, &good, sent)];
    for (name, rule) in Rule::ALL {
        let outcomes: Vec<Outcome> = bad.iter().map(|(_, fault)| rule.outcome(*fault)).collect();
        let alarms = good.iter().filter(|release| rule.alarms(&release.seconds)).count();
        // A fault that lasts longer than the proof meets payments that the proof did not send.
        let longer: f64 = outcomes.iter().map(|outcome| outcome.back_s * rate).sum();
        all.push(sum(name, &outcomes, (good.len(), alarms), (sent as f64).max(longer)));
    }
    all
}

/// Returns the fault of a release that fails requests.
fn fault(release: &Release, rate: f64) -> Option<Fault> {
    let (total, kind) = (release.total(), release.pushed.kind);
    let observed = total.candidate_errors as f64 / total.candidate.max(1) as f64;
    // It is told at build time what it does once it is old; no rollout lasts that long.
    let fails = if kind == Kind::Late { 0.2 } else { observed };
    let shows = fails > 0.0 && release.first_share_ms.is_some() && kind != Kind::Slow;
    shows.then_some(Fault { rate, fails, sticks: kind.sticks(), begins_s: kind.begins_s() })
}

fn ours(played: &Played, bad: &[(&Release, Fault)], good: &[&Release], sent: u64) -> Comparison {
    let outcomes: Vec<Outcome> = bad
        .iter()
        .map(|(release, _)| {
            let seen_s = release.detected_ms().map(|ms| ms as f64 / 1e3);
            let back_s = release.restored_ms.zip(release.begun_ms());
            Outcome {
                seen_s,
                back_s: back_s.map_or(PERSON_S, |(to, from)| (to - from) as f64 / 1e3),
                failed_requests: release.total().candidate_errors as f64,
                failed_payments: 0.0,
            }
        })
        .collect();
    let back = good.iter().filter(|release| release.judged_worse()).count();
    let mut ours = sum("Sluss, as observed", &outcomes, (good.len(), back), sent as f64);
    let failed: u64 = played.told.iter().filter_map(|told| Some(told.seconds.last()?.failed)).sum();
    ours.failed_payments = failed as f64;
    ours.availability = 1.0 - ours.failed_payments / sent.max(1) as f64;
    ours
}

fn sum(name: &'static str, outcomes: &[Outcome], good: (usize, usize), sent: f64) -> Comparison {
    let mut seen: Vec<f64> = outcomes.iter().filter_map(|outcome| outcome.seen_s).collect();
    seen.sort_by(f64::total_cmp);
    let failed_payments = outcomes.iter().map(|outcome| outcome.failed_payments).sum::<f64>();
    Comparison {
        name,
        bad: outcomes.len(),
        seen: seen.len(),
        median_s: seen.get(seen.len().saturating_sub(1) / 2).copied(),
        worst_s: outcomes.iter().map(|outcome| outcome.back_s).max_by(f64::total_cmp),
        failed_requests: outcomes.iter().map(|outcome| outcome.failed_requests).sum(),
        failed_payments,
        availability: 1.0 - failed_payments / sent.max(1.0),
        good,
    }
}

impl Comparison {
    /// Returns it for a program.
    pub fn json(&self) -> Value {
        json!({
            "rule": self.name, "bad": self.bad, "taken_back": self.seen,
            "median_s": self.median_s, "worst_s": self.worst_s,
            "failed_requests": self.failed_requests.round(),
            "failed_payments": self.failed_payments.round(),
            "availability": self.availability,
            "good": self.good.0, "false_alarms": self.good.1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Rule = Rule::ALL[0].1;
    const FIVE: Rule = Rule::ALL[1].1;

    fn fault(rate: f64, fails: f64) -> Fault {
        Fault { rate, fails, sticks: false, begins_s: 0.0 }
    }

    #[test]
    fn a_threshold_sees_a_fault_at_the_end_of_its_first_window() {
        let found = MINUTE.outcome(fault(70.0, 0.05));
        assert_eq!((found.seen_s, found.back_s), (Some(60.0), 60.0));
        assert!((found.failed_requests - 21.0).abs() < 1e-6, "{found:?}");
        assert_eq!(FIVE.outcome(fault(70.0, 0.05)).seen_s, Some(300.0));
    }

    #[test]
    fn below_the_threshold_only_a_person_helps() {
        let found = MINUTE.outcome(fault(70.0, 0.009));
        assert_eq!((found.seen_s, found.back_s), (None, 1_800.0));
        let requests = 70.0 * 0.009 * (0.1 * 60.0 + 0.5 * 60.0 + 1_680.0);
        assert!((found.failed_requests - requests).abs() < 1e-6, "{found:?}");
    }

    #[test]
    fn with_fewer_requests_than_the_least_nothing_is_decided() {
        let found = MINUTE.outcome(fault(2.0, 0.5));
        assert_eq!(found.seen_s, Some(540.0), "12 requests a minute, 100 are needed");
        let quiet = Second { incumbent: 2, candidate: 0, ..Second::default() };
        assert!(!MINUTE.alarms(&[quiet]));
    }

    #[test]
    fn a_person_comes_half_an_hour_after_the_fault_began() {
        let found = Rule::Person.outcome(Fault { begins_s: 600.0, ..fault(70.0, 0.2) });
        assert_eq!((found.seen_s, found.back_s), (Some(1_800.0), 1_800.0));
        assert!((found.failed_requests - 70.0 * 0.2 * 1_800.0).abs() < 1e-6, "{found:?}");
    }

    #[test]
    fn retries_help_against_chance_and_not_against_what_sticks() {
        assert!((unlucky(1.0, 0.1, false) - 1e-4).abs() < 1e-12);
        assert!((unlucky(1.0, 0.1, true) - 0.1).abs() < 1e-12);
        assert!((unlucky(0.1, 0.1, true) - 1e-5).abs() < 1e-12);
    }

    #[test]
    fn a_good_release_that_met_a_blow_is_an_alarm_to_a_threshold() {
        let calm = Second { incumbent: 63, candidate: 7, ..Second::default() };
        let blow = Second { candidate_errors: 7, ..calm };
        let mut seconds = vec![calm; 59];
        assert!(!MINUTE.alarms(&seconds));
        seconds.push(blow);
        assert!(MINUTE.alarms(&seconds));
        assert!(FIVE.alarms(&seconds), "it goes on like that");
    }
}
