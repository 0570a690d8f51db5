//! The judge of a release that is alone: nothing is there to compare it with, so it is held to
//! objectives that were stated beforehand.
//!
//! Of each objective ("at most a share p of the requests is bad") two e-processes are kept, each
//! averaged over several sizes s of bets, with lambda = (s - 1) / (1 + p (s - 1)):
//!
//! - *against* the release, of each second 1 + lambda (bad / requests - p) with s > 1. Its
//!   expectation is at most 1 while a share p or less of a second's requests is expected to be bad,
//!   however they hang together within it (Waudby-Smith and Ramdas, "Estimating means of bounded
//!   random variables by betting", 2024);
//! - *for* it, of each request the same with s < 1, which is s^bad / (1 + p (s - 1)): at most 1
//!   while each is bad with probability p or more, whatever came before.
//!
//! # Invariants
//!
//! - A release that keeps all objectives is taken back with probability alpha at most, as long as
//!   bursts of failures lie within a second (Ville's inequality).
//! - One that misses one passes with probability `promotion_alpha` at most, as long as requests
//!   fail independently of one another. Bursts break that: one that has not come yet is not seen.
//! - No data never passes, nor do fewer requests or seconds than are stated.
//! - A request whose bin holds the limit of a duration counts as slow for the proof, and not
//!   against the release: bins cost power, not validity.

use crate::judge::Tick;
use crate::math::{LOG_ZERO, boundary_micronats, log_sum_exp, micronats};
use crate::reading::{Counts, MetricReading, Reading, Verdict};
use crate::sample::Sample;
use crate::sentence::odds;
use crate::trace::Metric;

/// How many times the objective's rate is bet on against the release.
const WORSE: [f64; 5] = [1.5, 2.0, 4.0, 10.0, 50.0];
/// The same for it.
const BETTER: [f64; 5] = [0.0, 0.1, 0.25, 0.5, 0.75];
/// Seconds without a request from which the verdict is [`Verdict::NoData`].
const NO_DATA_SECONDS: u32 = 5;
/// A second, in milliseconds: what hangs together lies within one.
const SECOND_MS: i64 = 1_000;
/// "99 of 100", as the share that may be slower.
const SLOW_RATE: f64 = 0.01;

/// What a release must keep to, and how sure one must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Objectives {
    /// How many requests may fail, in parts per million; taken within 1..=999 999.
    pub errors_ppm: u32,
    /// What 99 of 100 requests must be answered within, in milliseconds; zero is not judged.
    pub slow_ms: u32,
    /// How many requests it is judged by at least.
    pub least_requests: u64,
    /// How many seconds it is judged for at least.
    pub least_seconds: u32,
    /// Largest probability to take back a release that keeps them, in parts per million.
    pub alpha_ppm: u32,
    /// Largest probability to pass one that does not, in parts per million.
    pub promotion_alpha_ppm: u32,
}

/// The evidence of a release that is alone. Constant memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Absolute {
    objectives: Objectives,
    errors: Objective,
    slow: Option<Objective>,
    counts: Counts,
    /// The first second that counts; Unix time.
    began: Option<i64>,
    /// When the last row that was counted began, in milliseconds of Unix time.
    last_ms: Option<i64>,
    /// The shortest time from a row to the next, in milliseconds: how long rows last. None before
    /// the second row.
    row_ms: Option<i64>,
    /// The last second with a request.
    last_request: Option<i64>,
    condemned: Option<Metric>,
}

/// One objective: at most this share of the requests is bad.
#[derive(Debug, Clone, PartialEq)]
struct Objective {
    metric: Metric,
    rate: f64,
    against: [f64; WORSE.len()],
    favour: [f64; BETTER.len()],
    requests: u64,
    bad: u64,
    /// Requests of the second that is not settled yet, and how many were bad at least.
    second: (u64, u64),
}

impl Objective {
    fn new(metric: Metric, rate: f64) -> Self {
        Self {
            metric,
            rate,
            against: [0.0; WORSE.len()],
            favour: [0.0; BETTER.len()],
            requests: 0,
            bad: 0,
            second: (0, 0),
        }
    }

    /// Counts requests of which at least and at most so many were bad.
    fn count(&mut self, requests: u64, (least, most): (u64, u64)) {
        for (log, size) in self.favour.iter_mut().zip(BETTER) {
            if most > 0 {
                *log += if size > 0.0 { most as f64 * libm::log(size) } else { LOG_ZERO };
            }
            *log -= requests as f64 * libm::log1p(self.rate * (size - 1.0));
        }
        self.second.0 += requests;
        self.second.1 += least;
        self.requests += requests;
        self.bad += most;
    }

    /// Bets on the second that has ended.
    fn settle(&mut self) {
        let (requests, bad) = std::mem::take(&mut self.second);
        if requests == 0 {
            return;
        }
        let beyond = bad as f64 / requests as f64 - self.rate;
        for (log, size) in self.against.iter_mut().zip(WORSE) {
            let stake = (size - 1.0) / (1.0 + self.rate * (size - 1.0));
            *log += libm::log1p(stake * beyond);
        }
    }

    fn log_against(&self) -> f64 {
        log_sum_exp(self.against.into_iter()) - libm::log(WORSE.len() as f64)
    }

    fn log_favour(&self) -> f64 {
        log_sum_exp(self.favour.into_iter()) - libm::log(BETTER.len() as f64)
    }

    /// Returns about how many more requests the proof needs if it goes on as it went: until the
    /// quickest of its sizes alone is enough.
    fn requests_until(&self, target: f64) -> Option<u64> {
        let seen = if self.requests == 0 { 0.0 } else { self.bad as f64 / self.requests as f64 };
        let needs = self.favour.iter().zip(BETTER).filter_map(|(log, size)| {
            let win = if self.bad == 0 { 0.0 } else { seen * libm::log(size) };
            let growth = win - libm::log1p(self.rate * (size - 1.0));
            let missing = target + libm::log(BETTER.len() as f64) - log;
            let proves = growth > 0.0 && missing.is_finite();
            proves.then(|| libm::ceil(missing.max(0.0) / growth) as u64)
        });
        needs.min()
    }
}

impl Absolute {
    /// Returns the judge of a release of which nothing was seen.
    pub fn new(objectives: Objectives) -> Self {
        let rate = f64::from(objectives.errors_ppm.clamp(1, 999_999)) * 1e-6;
        let slow = (objectives.slow_ms > 0).then(|| Objective::new(Metric::Latency, SLOW_RATE));
        Self {
            objectives,
            errors: Objective::new(Metric::Error, rate),
            slow,
            counts: Counts::default(),
            began: None,
            last_ms: None,
            row_ms: None,
            last_request: None,
            condemned: None,
        }
    }

    /// Begins to count silence and time at `at_ms` (Unix time); what was counted stays.
    pub fn begin(&mut self, at_ms: i64) {
        let second = at_ms.div_euclid(SECOND_MS);
        self.began.get_or_insert(second);
        self.last_request = Some(self.last_request.map_or(second - 1, |last| last.max(second - 1)));
    }

    /// Counts one row of the candidate and returns what is known now. A row that comes twice, or
    /// after a later one, is not counted.
    pub fn observe(&mut self, tick: &Tick) -> Reading {
        let second = tick.at_ms.div_euclid(SECOND_MS);
        if self.began.is_none() {
            self.begin(tick.at_ms);
        }
        if self.last_ms.is_none_or(|last| tick.at_ms > last) {
            if let Some(last) = self.last_ms.replace(tick.at_ms) {
                let passed = tick.at_ms.saturating_sub(last);
                self.row_ms = Some(self.row_ms.map_or(passed, |row_ms| row_ms.min(passed)));
                if last.div_euclid(SECOND_MS) < second {
                    self.settle();
                }
            }
            self.count(&tick.candidate, second);
            let into = tick.at_ms.rem_euclid(SECOND_MS);
            if self.row_ms.is_some_and(|row_ms| row_ms >= SECOND_MS - into) {
                self.settle();
            }
        }
        self.reading(tick.at_ms)
    }

    /// Bets on the second that has ended; on one that is settled already there is nothing to bet.
    fn settle(&mut self) {
        self.errors.settle();
        if let Some(slow) = &mut self.slow {
            slow.settle();
        }
        if self.condemned.is_none()
            && micronats(self.log_against()) >= boundary_micronats(self.alpha_ppm())
        {
            self.condemned = Some(self.worst());
        }
    }

    fn count(&mut self, sample: &Sample, second: i64) {
        let errors = sample.bad_events(Metric::Error).unwrap_or(0);
        self.errors.count(sample.requests, (errors, errors));
        if let (Some(slow), Some(latency)) = (&mut self.slow, &sample.latency) {
            let limit = f64::from(self.objectives.slow_ms);
            let beyond = |upper: i32| {
                // Bin b holds 2^(b/4) to 2^((b+1)/4) ms.
                let of = |bin: usize| libm::exp2((bin as f64 + f64::from(upper)) / 4.0) > limit;
                latency.iter().filter(|(bin, _)| of(*bin)).map(|(_, count)| count).sum::<u64>()
            };
            let all = latency.iter().map(|(_, count)| count).sum();
            slow.count(all, (beyond(0), beyond(1)));
        }
        self.counts.requests += sample.requests;
        self.counts.errors += errors;
        if sample.requests > 0 {
            self.last_request = Some(second);
        }
    }

    fn objectives(&self) -> impl Iterator<Item = &Objective> + Clone {
        std::iter::once(&self.errors).chain(&self.slow)
    }

    /// Returns the evidence over all objectives: their average is an e-process too.
    fn log_against(&self) -> f64 {
        let logs = self.objectives().map(Objective::log_against);
        log_sum_exp(logs) - libm::log(self.objectives().count() as f64)
    }

    /// Returns the evidence for the objective that has least of it.
    fn log_favour(&self) -> f64 {
        self.objectives().map(Objective::log_favour).fold(f64::INFINITY, f64::min)
    }

    fn worst(&self) -> Metric {
        let slower = |slow: &Objective| slow.log_against() > self.errors.log_against();
        if self.slow.as_ref().is_some_and(slower) { Metric::Latency } else { Metric::Error }
    }

    fn alpha_ppm(&self) -> u32 {
        self.objectives.alpha_ppm.clamp(1, 999_999)
    }

    /// Returns what is known at `now_ms` (Unix time) without anything new; silence goes on.
    pub fn reading(&self, now_ms: i64) -> Reading {
        let promote_at = boundary_micronats(self.objectives.promotion_alpha_ppm.clamp(1, 999_999));
        let metrics = self.objectives().map(|of| self.metric_reading(of)).collect();
        let mut reading = Reading {
            log_e_micronats: finite(self.log_against()),
            rollback_at_micronats: boundary_micronats(self.alpha_ppm()),
            promotion_micronats: finite(self.log_favour()),
            promote_at_micronats: promote_at,
            verdict: self.verdict(now_ms, promote_at),
            sentence: String::new(),
            candidate: self.counts,
            incumbent: Counts::default(),
            metrics,
            lone_instance: None,
            is_share_off: false,
        };
        reading.sentence = self.sentence(&reading);
        reading
    }

    fn verdict(&self, now_ms: i64, promote_at: i64) -> Verdict {
        if let Some(metric) = self.condemned {
            return Verdict::Unfavourable { metric };
        }
        let now = now_ms.div_euclid(SECOND_MS);
        let (Some(began), Some(last_request)) = (self.began, self.last_request) else {
            return Verdict::Undecided { needs_requests: None, needs_seconds: None };
        };
        let silent = u32::try_from(now.saturating_sub(last_request)).unwrap_or(0);
        if silent >= NO_DATA_SECONDS {
            return Verdict::NoData { seconds: silent };
        }
        let seconds = u64::try_from(now.saturating_sub(began).saturating_add(1)).unwrap_or(0);
        let least = u64::from(self.objectives.least_seconds);
        let enough = self.counts.requests >= self.objectives.least_requests.max(1);
        if enough && seconds >= least && finite(self.log_favour()) >= promote_at {
            return Verdict::Favourable;
        }
        let needs_requests = self.requests_until(promote_at as f64 / 1e6);
        let wait = least.saturating_sub(seconds);
        let needs_seconds = needs_requests.and_then(|requests| {
            let time = requests.saturating_mul(seconds).checked_div(self.counts.requests)?;
            Some(wait.max(time.saturating_add(1)))
        });
        Verdict::Undecided { needs_requests, needs_seconds }
    }

    fn requests_until(&self, target: f64) -> Option<u64> {
        let stated = self.objectives.least_requests.saturating_sub(self.counts.requests);
        let mut proofs = self.objectives().map(|of| of.requests_until(target));
        proofs.try_fold(stated, |most, proof| Some(most.max(proof?)))
    }

    fn metric_reading(&self, of: &Objective) -> MetricReading {
        let against = finite(of.log_against());
        let weight = libm::log(self.objectives().count() as f64) * 1e6;
        let line = boundary_micronats(self.alpha_ppm()) as f64 + weight;
        MetricReading {
            metric: of.metric,
            log_e_micronats: against,
            promotion_micronats: Some(finite(of.log_favour())),
            is_culprit: against as f64 >= line,
            ratio_low_permille: None,
            ratio_high_permille: None,
            block_ms: 1_000,
            sentence: self.sentence_of(of),
        }
    }

    fn sentence_of(&self, of: &Objective) -> String {
        let what = match of.metric {
            Metric::Latency => format!("took longer than {} ms", self.objectives.slow_ms),
            Metric::Error | Metric::Exceptions | Metric::Conversion => "failed".to_owned(),
        };
        let (bad, all, percent) = (of.bad, of.requests, of.rate * 100.0);
        format!("{bad} of {all} requests {what}, at most {percent} % may")
    }

    fn sentence(&self, reading: &Reading) -> String {
        let facts: Vec<String> = self.objectives().map(|of| self.sentence_of(of)).collect();
        let facts = facts.join("; ");
        match reading.verdict {
            Verdict::Unfavourable { .. } => {
                let odds = odds(reading.rollback_at_micronats as f64 / 1e6);
                format!("{facts}; evidence against it reached {odds}, which takes it back")
            }
            Verdict::Favourable => format!("{facts}; that is proved"),
            Verdict::NoData { seconds } => {
                format!("{facts}; no request for {seconds} s, and no data is no proof")
            }
            Verdict::Undecided { needs_requests: Some(requests), .. } => {
                format!("{facts}; about {requests} more requests prove it")
            }
            Verdict::Undecided { needs_requests: None, .. } => {
                format!("{facts}; as it goes, that is not proved")
            }
        }
    }
}

/// Returns evidence as an integer, also where a bet was lost for good.
fn finite(nats: f64) -> i64 {
    if nats == LOG_ZERO { i64::MIN / 2 } else { micronats(nats) }
}

#[cfg(test)]
mod tests;
