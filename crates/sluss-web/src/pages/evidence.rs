//! The evidence of a rollout, read from the log, and what it says in a sentence.

use sluss_core::event::Event;
use sluss_core::figures::Figures;
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
    pub(super) fn reasons(&self, rolling: bool, is_first: bool) -> Vec<String> {
        let Some(last) = self.last() else { return vec![] };
        let [incumbent, candidate] = self.arms();
        let mut reasons = Vec::new();
        reasons.extend(self.probes(last.by_probes, is_first));
        if is_first {
            reasons.extend(last.errors_micronats.map(|errors| {
                let (rate, times) = (&candidate.total_rate, times(errors));
                format!(
                    "Errors: {rate} of its requests failed. Evidence that it is too many: {times}."
                )
            }));
            reasons.extend(last.latency_micronats.map(|latency| {
                let (p99, times) = (&candidate.p99, times(latency));
                format!(
                    "Latency: 99 of 100 answers came within {p99}. Evidence that it is too slow: \
                     {times}."
                )
            }));
            return reasons;
        }
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
        reasons.extend(self.figures(&last));
        if let Some(instance) = last.lone_instance {
            reasons.push(format!(
                "Instance {instance} of the candidate alone is the reason. Another one in its \
                 place may do: end its process, and the host starts it again."
            ));
        }
        reasons.extend(self.loses().filter(|_| rolling));
        reasons
    }

    /// Returns a sentence for each of the service's own figures that is judged.
    fn figures(&self, last: &Reading) -> Vec<String> {
        let sum = |of: fn(&Observation) -> (Counts, &Detail)| {
            let mut all = (0, Figures::default());
            for (seen, _) in &self.seconds {
                let (counts, detail) = of(seen);
                all.0 += counts.requests;
                all.1.add(&detail.figures);
            }
            all
        };
        let (requests, of_incumbent) = sum(|seen| (seen.incumbent, &seen.incumbent_detail));
        let (served, of_candidate) = sum(|seen| (seen.candidate, &seen.candidate_detail));
        let exceptions = last.exceptions_micronats.map(|against| {
            format!(
                "Exceptions: {} in {} requests of the candidate, {} in {} of the incumbent. \
                 Evidence that it throws more: {}.",
                html::number(of_candidate.exceptions),
                html::number(served),
                html::number(of_incumbent.exceptions),
                html::number(requests),
                times(against)
            )
        });
        let conversion = last.conversion_micronats.map(|against| {
            format!(
                "Conversion: {} of the candidate's requests converted, {} of the incumbent's. \
                 Evidence that fewer do: {}.",
                html::rate(of_candidate.conversions, served),
                html::rate(of_incumbent.conversions, requests),
                times(against)
            )
        });
        exceptions.into_iter().chain(conversion).collect()
    }

    /// Returns what came back of probes, if any were sent.
    fn probes(&self, were_judged: bool, is_first: bool) -> Option<String> {
        let sum = |of: fn(&Observation) -> &Detail| {
            let probes = self.seconds.iter().map(|(seen, _)| &of(seen).probes);
            probes.fold((0, 0), |(sent, failed), p| (sent + p.requests, failed + p.errors))
        };
        let (incumbent, candidate) =
            (sum(|seen| &seen.incumbent_detail), sum(|seen| &seen.candidate_detail));
        let told = |(sent, failed): (u64, u64)| {
            format!("{} of {} failed", html::number(failed), html::number(sent))
        };
        let beside = match is_first {
            true => String::new(),
            false => format!(", of the incumbent {}", told(incumbent)),
        };
        let judged = match were_judged {
            true => " Customers' requests were too few to decide by, so probes were judged too.",
            false => " Customers' requests were enough to decide by; probes were not judged.",
        };
        (incumbent.0 + candidate.0 > 0).then(|| {
            let of = told(candidate);
            format!("Probes, no customer's requests: of the candidate {of}{beside}.{judged}")
        })
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
///
/// Beside an incumbent, after `silence_seconds` without data it is taken back; without one, a
/// person is asked.
pub(super) fn sentence(reading: Reading, silence_seconds: Option<u32>) -> String {
    let (against, favour) = (times(reading.against_micronats), times(reading.favour_micronats));
    let against_at = times(reading.against_at_micronats);
    let favour_at = times(reading.favour_at_micronats);
    match reading.verdict {
        Verdict::Favourable if silence_seconds.is_none() => {
            format!(
                "Favourable: that it keeps its objectives is proved ({favour}, {favour_at} do)."
            )
        }
        Verdict::Unfavourable if silence_seconds.is_none() => format!(
            "Unfavourable: that it keeps its objectives is refuted ({against}, {against_at} do)."
        ),
        Verdict::Favourable => format!(
            "Favourable: that it is not worse is {favour} likelier than that it is; {favour_at} \
             lets it go on."
        ),
        Verdict::Unfavourable => {
            let worse = match reading.worse_in {
                Some(Metric::Latency) => "answers more slowly",
                Some(Metric::Exceptions) => "throws more exceptions",
                Some(Metric::Conversion) => "converts fewer requests",
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
        Verdict::NoData { seconds } => match silence_seconds {
            Some(most) => format!(
                "No data: nothing has come back from it for {seconds} s; after {most} s it is \
                 taken back."
            ),
            None => format!(
                "No data: no request came back from it for {seconds} s, and it is not live \
                 without a proof."
            ),
        },
    }
}
