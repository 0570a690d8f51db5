//! The evidence of a rollout, read from the log, and what it says in a sentence.

use sluss_core::event::Event;
use sluss_core::ids::DeploymentId;
use sluss_core::rollout::{Counts, Detail, Metric, Observation, Reading, Verdict};
use sluss_core::units::{Millis, Share};
use sluss_engine::engine::read_event;
use sluss_engine::failure::Failure;
use sluss_store::Log;

use super::chart;
use super::html::{self, Html};
use crate::app::App;

/// How many events of a rollout are read at once, and at most.
const PAGE: usize = 2_000;
const READ_MOST: u64 = 8_000;
/// How many seconds the table beside the chart has.
const ROWS: usize = 40;

/// What the log says of a rollout.
#[derive(Default)]
pub(super) struct Evidence {
    pub(super) seconds: Vec<(Observation, Reading)>,
    /// When it got which share.
    pub(super) legs: Vec<(Millis, Share)>,
    /// What got the traffic back.
    pub(super) back_to: Option<DeploymentId>,
}

/// A second in the table.
pub(super) struct SecondRow {
    pub(super) time: Html,
    pub(super) share: Share,
    pub(super) incumbent: String,
    pub(super) candidate: String,
    pub(super) against: String,
    pub(super) favour: String,
}

/// What one arm did.
pub(super) struct ArmRow {
    pub(super) last: Counts,
    pub(super) last_rate: String,
    pub(super) total_requests: String,
    pub(super) total_errors: String,
    pub(super) total_rate: String,
    /// Half of the answers came within this time, and 99 of 100 within that.
    pub(super) p50: String,
    pub(super) p99: String,
}

/// Reads the evidence of a deployment.
pub(super) async fn read(app: &App, id: DeploymentId) -> Result<Evidence, Failure> {
    let stream = format!("deployment/{id}");
    let mut evidence = Evidence::default();
    let mut from = 0;
    loop {
        let events = app.engine.parts().log.stream(&stream, from, PAGE).await?;
        for sealed in &events {
            match sealed.kind.as_str() {
                "rollout.observed" | "rollout.shifted" | "deployment.rolled_back" => {}
                _ => continue,
            }
            match read_event(sealed)?.1 {
                Event::RolloutObserved { observation, reading, .. } => {
                    evidence.add(observation, reading);
                }
                Event::RolloutShifted { share, .. } => evidence.legs.push((sealed.time, share)),
                Event::DeploymentRolledBack { to, .. } => evidence.back_to = to,
                _other => {}
            }
        }
        from += events.len() as u64;
        if events.len() < PAGE || from >= READ_MOST {
            return Ok(evidence);
        }
    }
}

impl Evidence {
    /// Adds a row, to its second if another row of that is there.
    fn add(&mut self, row: Observation, reading: Reading) {
        let same = |(seen, _): &&mut (Observation, Reading)| {
            seen.second == row.second && seen.share == row.share
        };
        let Some((seen, last)) = self.seconds.last_mut().filter(same) else {
            self.seconds.push((row, reading));
            return;
        };
        *last = reading;
        seen.incumbent = seen.incumbent.and(row.incumbent);
        seen.candidate = seen.candidate.and(row.candidate);
        seen.incumbent_detail.latency.extend(row.incumbent_detail.latency);
        seen.candidate_detail.latency.extend(row.candidate_detail.latency);
    }

    /// Returns what was read last.
    pub(super) fn last(&self) -> Option<Reading> {
        self.seconds.last().map(|(_, reading)| *reading)
    }

    /// Draws it; nothing before the first second is in.
    pub(super) fn chart(&self) -> Option<Html> {
        let first = self.seconds.first()?.0.second;
        let last = self.last()?;
        let begin = self.legs.first().map_or(first, |(at, _)| at.second().min(first));
        let reading = |(observation, reading): &(Observation, Reading)| chart::Reading {
            second: observation.second - begin,
            against: nats(reading.against_micronats),
            favour: nats(reading.favour_micronats),
        };
        Some(chart::evidence(&chart::Evidence {
            readings: self.seconds.iter().map(reading).collect(),
            against_at: nats(last.against_at_micronats),
            favour_at: nats(last.favour_at_micronats),
            legs: self.legs.iter().map(|(at, share)| (at.second() - begin, *share)).collect(),
        }))
    }

    /// Returns the last seconds, the latest first.
    pub(super) fn rows(&self, now: Millis) -> Vec<SecondRow> {
        let row = |(seen, reading): &(Observation, Reading)| SecondRow {
            time: html::clock(Millis(seen.second * 1000), now),
            share: seen.share,
            incumbent: format!("{} / {}", seen.incumbent.errors, seen.incumbent.requests),
            candidate: format!("{} / {}", seen.candidate.errors, seen.candidate.requests),
            against: times(reading.against_micronats),
            favour: times(reading.favour_micronats),
        };
        self.seconds.iter().rev().take(ROWS).map(row).collect()
    }

    /// Returns what both arms did: the incumbent, then the candidate.
    pub(super) fn arms(&self) -> [ArmRow; 2] {
        let arm = |of: fn(&Observation) -> Counts, detail: fn(&Observation) -> &Detail| {
            let total = self.seconds.iter().map(|(seen, _)| of(seen));
            let total = total.fold(Counts::default(), Counts::and);
            let last = self.seconds.last().map_or(Counts::default(), |(seen, _)| of(seen));
            ArmRow {
                last,
                last_rate: html::rate(last.errors, last.requests),
                total_requests: html::number(total.requests),
                total_errors: html::number(total.errors),
                total_rate: html::rate(total.errors, total.requests),
                p50: self.within(detail, 50),
                p99: self.within(detail, 99),
            }
        };
        [
            arm(|seen| seen.incumbent, |seen| &seen.incumbent_detail),
            arm(|seen| seen.candidate, |seen| &seen.candidate_detail),
        ]
    }

    /// Returns the time within which `percent` of the answers of an arm came, to a quarter of a
    /// doubling.
    fn within(&self, detail: fn(&Observation) -> &Detail, percent: u64) -> String {
        let mut bins = [0_u64; 64];
        for (seen, _) in &self.seconds {
            for (bin, count) in &detail(seen).latency {
                bins[usize::from(*bin).min(63)] += count;
            }
        }
        let all: u64 = bins.iter().sum();
        let mut sum = 0;
        let found = bins.iter().position(|count| {
            sum += count;
            all > 0 && sum * 100 >= all * percent
        });
        found.map_or("–".to_owned(), |bin| {
            let edge = f64::exp2((bin as f64 + 1.0) / 4.0);
            if edge < 10.0 { format!("{edge:.1} ms") } else { format!("{edge:.0} ms") }
        })
    }

    /// Returns a sentence for each metric, and what else a person should know; while it rolls out
    /// also what it costs to wait.
    pub(super) fn reasons(&self, rolling: bool) -> Vec<String> {
        let Some(last) = self.last() else { return vec![] };
        let [incumbent, candidate] = self.arms();
        let mut reasons = Vec::new();
        if let Some(errors) = last.errors_micronats {
            reasons.push(format!(
                "Errors: {} of the candidate's requests failed, {} of the incumbent's. Evidence \
                 that it is worse: {}.",
                candidate.total_rate,
                incumbent.total_rate,
                times(errors)
            ));
        }
        if let Some(latency) = last.latency_micronats {
            reasons.push(format!(
                "Latency: 99 of 100 answers came within {} from the candidate, {} from the \
                 incumbent. Evidence that it is much slower: {}.",
                candidate.p99,
                incumbent.p99,
                times(latency)
            ));
        }
        if let Some(instance) = last.lone_instance {
            reasons.push(format!(
                "Instance {instance} of the candidate alone is the reason. Another one in its \
                 place may do: end its process, and the host starts it again."
            ));
        }
        reasons.extend(self.loses().filter(|_| rolling));
        reasons
    }

    /// Returns what a minute more would cost, if it goes on as in the last ten seconds.
    fn loses(&self) -> Option<String> {
        let last = &self.seconds[self.seconds.len().saturating_sub(10)..];
        let seconds = last.len() as u64;
        let sum = |of: fn(&Observation) -> Counts| {
            last.iter().map(|(seen, _)| of(seen)).fold(Counts::default(), Counts::and)
        };
        let (incumbent, candidate) = (sum(|seen| seen.incumbent), sum(|seen| seen.candidate));
        // What would have failed at the incumbent too is not lost by the candidate.
        let usual = incumbent.errors * candidate.requests / incumbent.requests.max(1);
        let more = candidate.errors.saturating_sub(usual) * 60 / seconds.max(1);
        (more > 0).then(|| format!("A minute more like this costs about {more} failed requests."))
    }
}

fn nats(micronats: i64) -> f64 {
    micronats as f64 / 1_000_000.0
}

/// Returns evidence as how many times likelier it is.
pub(super) fn times(micronats: i64) -> String {
    match nats(micronats).exp() {
        huge if huge >= 1e6 => "> 1 000 000×".to_owned(),
        big if big >= 10.0 => format!("{big:.0}×"),
        some if some >= 0.1 => format!("{some:.2}×"),
        _ => "< 0.1×".to_owned(),
    }
}

/// Returns what the evidence says, as a sentence.
pub(super) fn sentence(reading: Reading, silence_seconds: u32) -> String {
    let (against, favour) = (times(reading.against_micronats), times(reading.favour_micronats));
    let against_at = times(reading.against_at_micronats);
    let favour_at = times(reading.favour_at_micronats);
    match reading.verdict {
        Verdict::Favourable => format!(
            "Favourable: that it is not worse is {favour} likelier than that it is; {favour_at} \
             lets it go on."
        ),
        Verdict::Unfavourable => {
            let worse = match reading.worse_in {
                Some(Metric::Latency) => "answers more slowly",
                Some(Metric::Errors) | None => "fails more often",
            };
            format!(
                "Unfavourable: that it {worse} than what customers had is {against} likelier than \
                 that it does not; {against_at} takes it back."
            )
        }
        Verdict::Undecided { needs_requests } => {
            let more = needs_requests.map_or(String::new(), |requests| {
                let time = reading.needs_seconds.map_or(String::new(), |seconds| {
                    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
                    format!(", {} at this traffic", html::duration(seconds.saturating_mul(1000)))
                });
                format!(" About {} more requests{time} would prove it.", html::number(requests))
            });
            format!(
                "Undecided: the evidence against it is {against} of {against_at}, in its favour \
                 {favour} of {favour_at}.{more}"
            )
        }
        Verdict::NoData { seconds } => format!(
            "No data: nothing has come back from it for {seconds} s; after {silence_seconds} s it \
             is taken back."
        ),
    }
}
