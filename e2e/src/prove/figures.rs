//! What a proof has shown, in numbers.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::bound::{Detection, detections};
use super::chaos::Blow;
use super::history::{End, Release, is_statistical};
use super::load::{Seen, Told};
use super::play::Played;
use super::rules::{self, Comparison};
use super::variants::Kind;

/// The greatest probability of taking back a harmless release, as the template has it.
pub const ALPHA: f64 = 0.01;
/// How long a careful client tries.
const RETRIES_MS: i64 = 10_000;

/// Some durations in milliseconds, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spread(Vec<i64>);

/// What became of the releases of one bad kind.
#[derive(Debug, Clone)]
pub struct KindFigures {
    /// Which.
    pub kind: Kind,
    /// How many were released.
    pub released: usize,
    /// How many never came to customers, or were taken back by Sluss alone.
    pub kept_out: usize,
    /// Of these, how many customers never met.
    pub before: usize,
    /// From the first share to the decision.
    pub detect: Spread,
    /// From the decision to the host's word.
    pub confirm: Spread,
    /// Requests that failed on each.
    pub failed_requests: Vec<u64>,
    /// Payments that failed after all retries while each had a share.
    pub failed_payments: Vec<u64>,
    /// By which causes they were taken back.
    pub causes: BTreeMap<String, usize>,
}

/// What a proof has shown.
pub struct Figures {
    /// How long customers paid, in seconds.
    pub seconds: f64,
    /// Sums over what the customers of each service found.
    pub books: Books,
    /// Each bad kind that was released.
    pub kinds: Vec<KindFigures>,
    /// From the first share of bad releases to the decision.
    pub detect: Spread,
    /// The same by kind, beside the least time that any valid test needs.
    pub detections: Vec<Detection>,
    /// From the decision to the host's word.
    pub confirm: Spread,
    /// From the first share to the host's word, for those that fail at least 10 % of payments.
    pub restore_great: Spread,
    /// Good releases that followed another.
    pub good: usize,
    /// Of these, how many went live.
    pub good_live: usize,
    /// Of these, which were taken back by a verdict.
    pub good_back: Vec<String>,
    /// Of these, which were taken back for another cause: blows made them crash, or silent.
    pub good_struck: Vec<String>,
    /// Releases that ended with all or none of the payments.
    pub deployments: usize,
    /// Blows by kind.
    pub blows: BTreeMap<Blow, u64>,
    /// Events in the log.
    pub events: u64,
    /// Whether the log is as it was written.
    pub verified: bool,
    /// The same traffic under usual rules.
    pub comparison: Vec<Comparison>,
    /// What is not as it must be; nothing where the proof succeeded.
    pub problems: Vec<String>,
    /// What is not as it should be, and why that is excused.
    pub exceptions: Vec<String>,
}

/// What customers found, over all services.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Books {
    pub sent: u64,
    pub applied: u64,
    pub declined: u64,
    pub lost: u64,
    pub duplicated: u64,
    pub unexpected: u64,
    pub unknown: u64,
    pub attempts: u64,
    pub failed_attempts: u64,
    pub failed_payments: u64,
    pub cuts: u64,
    /// Whether every service's books sum to zero and are sound.
    pub balanced: bool,
    /// How many services were compared.
    pub compared: usize,
}

impl Spread {
    /// Puts durations in order.
    pub fn of(durations: impl IntoIterator<Item = i64>) -> Self {
        let mut all: Vec<i64> = durations.into_iter().collect();
        all.sort_unstable();
        Self(all)
    }

    /// Returns the quantile, in seconds; nothing of nothing.
    pub fn quantile(&self, quantile: f64) -> Option<f64> {
        let most = self.0.len().checked_sub(1)?;
        // Not negative and no more than the length.
        let at = (quantile * self.0.len() as f64).ceil() as usize;
        Some(self.0[at.saturating_sub(1).min(most)] as f64 / 1e3)
    }

    /// Returns all of them, in seconds.
    pub fn seconds(&self) -> impl Iterator<Item = f64> {
        self.0.iter().map(|ms| *ms as f64 / 1e3)
    }

    fn json(&self) -> Value {
        let of = |quantile| self.quantile(quantile);
        json!({ "n": self.0.len(), "p50_s": of(0.5), "p95_s": of(0.95), "max_s": of(1.0) })
    }
}

impl Books {
    fn of(told: &[Told]) -> Self {
        let mut books = Self { balanced: true, ..Self::default() };
        for told in told {
            let Some(found) = &told.findings else {
                // They did not come to an end: what they saw until then is all there is.
                let seen = told.seconds.last().copied().unwrap_or_default();
                books.sent += seen.sent;
                books.attempts += seen.attempts;
                books.failed_attempts += seen.failed_attempts;
                books.failed_payments += seen.failed;
                books.cuts += seen.cuts;
                books.balanced = false;
                continue;
            };
            let count = |name: &str| found[name].as_u64().unwrap_or(0);
            books.sent += count("sent");
            books.applied += count("applied");
            books.declined += count("declined");
            books.lost += count("lost");
            books.duplicated += count("duplicated");
            books.unexpected += count("unexpected");
            books.unknown += count("unknown");
            books.attempts += count("attempts");
            books.failed_attempts += count("failed_attempts");
            books.failed_payments += count("failed_payments");
            books.cuts += count("cuts");
            let adds_up = books.unexpected == 0 && books.unknown == 0 && found["good"] == true;
            books.balanced &=
                found["balance"] == 0 && (adds_up || books.lost + books.duplicated > 0);
            books.compared += 1;
        }
        books
    }

    /// Returns the share of payments that a careful client saw through.
    pub fn availability(&self) -> f64 {
        1.0 - self.failed_payments as f64 / self.sent.max(1) as f64
    }

    /// Returns the share of requests that were answered.
    pub fn raw_availability(&self) -> f64 {
        1.0 - self.failed_attempts as f64 / self.attempts.max(1) as f64
    }

    fn json(&self) -> Value {
        json!({
            "sent": self.sent, "applied": self.applied, "declined": self.declined,
            "lost": self.lost, "twice": self.duplicated, "unexpected": self.unexpected,
            "unknown": self.unknown, "balanced": self.balanced, "attempts": self.attempts,
            "failed_attempts": self.failed_attempts, "failed_payments": self.failed_payments,
            "availability": self.availability(), "raw_availability": self.raw_availability(),
        })
    }
}

impl Figures {
    /// Works out what was shown.
    pub fn of(played: &Played) -> Self {
        let books = Books::of(&played.told);
        let releases = &played.history.releases;
        let bad: Vec<&Release> = played.history.bad().collect();
        let good: Vec<&Release> = releases
            .iter()
            .filter(|release| release.pushed.kind == Kind::Good && !release.first)
            .collect();
        let whole = |release: &&Release| Some(release.restored_ms? - release.begun_ms()?);
        let great =
            |release: &&&Release| matches!(release.pushed.kind, Kind::FailsOften | Kind::Lies);
        let mut blows: BTreeMap<Blow, u64> = BTreeMap::new();
        for fallen in &played.fallen {
            *blows.entry(fallen.blow).or_default() += 1;
        }
        blows.insert(Blow::Cut, books.cuts);
        let ended = |release: &&Release| release.live_ms.or(release.back_ms).is_some();
        let mut figures = Self {
            seconds: (played.ended_ms - played.begun_ms) as f64 / 1e3,
            kinds: kinds(&bad, &played.told),
            detect: Spread::of(bad.iter().filter_map(|release| release.detected_ms())),
            detections: detections(&bad),
            confirm: Spread::of(bad.iter().filter_map(|release| release.restored_after_ms())),
            restore_great: Spread::of(bad.iter().filter(great).filter_map(whole)),
            good: good.len(),
            good_live: good.iter().filter(|release| release.end == Some(End::Live)).count(),
            good_back: taken_back(&good, is_statistical),
            good_struck: taken_back(&good, |cause| !is_statistical(cause)),
            deployments: releases.iter().filter(ended).count(),
            blows,
            events: played.history.events,
            verified: played.verified.0,
            comparison: rules::compare(played),
            problems: Vec::new(),
            exceptions: Vec::new(),
            books,
        };
        figures.judge(played);
        figures
    }

    /// Writes down what is not as it must be.
    fn judge(&mut self, played: &Played) {
        let mut problems = Vec::new();
        let mut must = |holds: bool, what: String| {
            if !holds {
                problems.push(what);
            }
        };
        let books = &self.books;
        must(books.compared == played.names.len(), "not all customers compared the books".into());
        must(books.lost == 0, format!("{} payments are lost", books.lost));
        must(books.duplicated == 0, format!("{} payments were applied twice", books.duplicated));
        must(books.balanced, "the books do not balance".into());
        must(self.verified, format!("the log is not verified: {}", played.verified.1.trim()));
        for release in played.history.bad().filter(|release| !release.kept_out()) {
            let (name, kind) = (&played.names[release.pushed.service], release.pushed.kind);
            let end = match (&release.end, release.held) {
                (Some(End::Live), _) => "went live",
                (_, true) => "was held for want of proof, and taken back by hand",
                (Some(_) | None, false) => "did not come to an end",
            };
            let what = format!("{name}: a release that {} {end}", third_person(kind));
            match kind.excused() {
                None => must(false, what),
                Some(_why) if release.held_back() => self.exceptions.push(what),
                Some(why) => self.exceptions.push(format!("{what}: {why}")),
            }
        }
        self.problems = problems;
    }

    /// Returns whether everything is as it must be.
    pub fn succeeded(&self) -> bool {
        self.problems.is_empty()
    }

    /// Returns completed releases per hour.
    pub fn per_hour(&self) -> f64 {
        self.deployments as f64 * 3_600.0 / self.seconds.max(1.0)
    }

    /// Returns everything for a program.
    pub fn json(&self, played: &Played) -> Value {
        let blows: BTreeMap<&str, u64> =
            self.blows.iter().map(|(blow, count)| (blow.word(), *count)).collect();
        json!({
            "succeeded": self.succeeded(),
            "problems": self.problems,
            "exceptions": self.exceptions,
            "seed": played.options.seed,
            "seconds": self.seconds,
            "rate": played.options.rate,
            "waited_for_processors": played.busy,
            "services": played.names,
            "payments": self.books.json(),
            "bad": self.kinds.iter().map(KindFigures::json).collect::<Vec<_>>(),
            "detect": self.detect.json(),
            "detect_beside_bound": self.detections.iter().map(Detection::json).collect::<Vec<_>>(),
            "confirm": self.confirm.json(),
            "restore_at_least_10_percent": self.restore_great.json(),
            "good": {
                "released": self.good, "live": self.good_live,
                "taken_back": self.good_back, "alpha": ALPHA, "struck": self.good_struck,
            },
            "deployments": self.deployments,
            "deployments_per_hour": self.per_hour(),
            "blows": blows,
            "events": self.events,
            "log_verified": self.verified,
            "comparison": self.comparison.iter().map(Comparison::json).collect::<Vec<_>>(),
        })
    }
}

impl KindFigures {
    fn json(&self) -> Value {
        json!({
            "kind": self.kind.word(), "released": self.released, "kept_out": self.kept_out,
            "never_met_customers": self.before, "causes": self.causes,
            "detect": self.detect.json(), "confirm": self.confirm.json(),
            "failed_requests": self.failed_requests, "failed_payments": self.failed_payments,
            "excused": self.kind.excused(),
        })
    }
}

fn third_person(kind: Kind) -> &'static str {
    match kind {
        Kind::Slow => "has a slow tail",
        other => other.word(),
    }
}

fn taken_back(good: &[&Release], for_such: impl Fn(&str) -> bool) -> Vec<String> {
    let sentence = |release: &&Release| match &release.end {
        Some(End::TakenBack(cause)) if for_such(cause) => {
            let total = release.total();
            let (errors, requests) = (total.candidate_errors, total.candidate);
            let deployment = release.deployment.as_deref().unwrap_or("");
            Some(format!("{deployment} by {cause}: {errors} of {requests} requests failed"))
        }
        Some(End::Live | End::Stopped(_) | End::TakenBack(_)) | None => None,
    };
    good.iter().filter_map(sentence).collect()
}

fn kinds(bad: &[&Release], told: &[Told]) -> Vec<KindFigures> {
    let of = |kind: Kind| {
        let those: Vec<&&Release> =
            bad.iter().filter(|release| release.pushed.kind == kind).collect();
        let mut causes: BTreeMap<String, usize> = BTreeMap::new();
        for release in &those {
            let cause = match &release.end {
                Some(End::TakenBack(cause)) => cause,
                Some(End::Stopped(why)) => *why,
                Some(End::Live) => "went live",
                None => "has no end",
            };
            *causes.entry(cause.to_owned()).or_default() += 1;
        }
        let met = those.iter().filter(|release| release.first_share_ms.is_some());
        let failed = |release: &&&&Release| {
            let told = told.get(release.pushed.service)?;
            failed_between(&told.seconds, release.first_share_ms?, until(release)?)
        };
        (!those.is_empty()).then(|| KindFigures {
            kind,
            released: those.len(),
            kept_out: those.iter().filter(|release| release.kept_out()).count(),
            before: those.iter().filter(|release| release.first_share_ms.is_none()).count(),
            detect: Spread::of(those.iter().filter_map(|release| release.detected_ms())),
            confirm: Spread::of(those.iter().filter_map(|release| release.restored_after_ms())),
            failed_requests: met.clone().map(|one| one.total().candidate_errors).collect(),
            failed_payments: met.clone().filter_map(|one| failed(&one)).collect(),
            causes,
        })
    };
    Kind::BAD.into_iter().filter_map(of).collect()
}

/// Returns until when payments may have failed because of a release.
fn until(release: &Release) -> Option<i64> {
    Some(release.restored_ms.or(release.back_ms).or(release.live_ms)? + RETRIES_MS)
}

fn failed_between(seconds: &[Seen], from: i64, until: i64) -> Option<u64> {
    let at = |ms: i64| seconds.iter().rev().find(|seen| seen.at_ms <= ms);
    Some(at(until)?.failed - at(from)?.failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_durations() {
        let spread = Spread::of((1..=20).rev().map(|second| second * 1000));
        assert_eq!(spread.quantile(0.5), Some(10.0));
        assert_eq!(spread.quantile(0.95), Some(19.0));
        assert_eq!(spread.quantile(1.0), Some(20.0));
        assert_eq!(Spread::default().quantile(0.5), None);
    }

    #[test]
    fn failed_payments_are_counted_between_two_instants() {
        let seen = |at_ms, failed| Seen { at_ms, failed, ..Seen::default() };
        let seconds = [seen(1_000, 0), seen(2_000, 3), seen(3_000, 7), seen(4_000, 7)];
        assert_eq!(failed_between(&seconds, 2_500, 9_000), Some(4));
        assert_eq!(failed_between(&seconds, 1_000, 2_999), Some(3));
        assert_eq!(failed_between(&seconds, 0, 2_000), None);
    }
}
