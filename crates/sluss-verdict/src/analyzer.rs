//! Judges a recorded rollout, row by row, by one or several metrics.
//!
//! # Invariants
//!
//! - A decision at `time_s` has used rows with `t < time_s` only.
//! - What is unfit is an error and never a decision: rows come in order, each second with both
//!   releases, each with every metric that the header names.
//! - Memory does not grow with the trace.

use serde::Serialize;

use crate::block::LEAST_REQUESTS;
use crate::guard::Claim;
use crate::panel::{Panel, Settings};
use crate::plan::Mode;
use crate::sample::Sample;
use crate::sentence;
use crate::trace::{Arm, Header, Metric, Row, TraceError};
use crate::watch::{Moment, Setup, Tally};

/// How a trace is judged, beside what its header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Which bets are made.
    pub mode: Mode,
    /// Least length of a block of events, in seconds.
    pub block_seconds: u32,
    /// Least length of a block of latencies, in seconds.
    pub latency_block_seconds: u32,
}

impl Options {
    /// Returns the usual blocks: 1 s for events, 3 s for latency, since instances stall for
    /// seconds (verdict specification §2.1).
    pub fn usual(mode: Mode) -> Self {
        Self { mode, block_seconds: 1, latency_block_seconds: 3 }
    }
}

/// What a trace comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// The evidence against the candidate reached 1/alpha.
    Rollback,
    /// Every metric with a tolerance was proved to be within it.
    Promote,
    /// Neither.
    None,
}

/// The last line that `sluss analyze` prints.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Outcome {
    /// What was decided.
    pub decision: Decision,
    /// Seconds since the candidate first took traffic, where something was decided.
    pub time_s: Option<i64>,
    /// For a promotion the evidence of the metric proved last, else the evidence against the
    /// candidate (verdict specification §2.5), in nats.
    pub log_e: f64,
    /// The metric with the largest evidence against the candidate, or the one proved last.
    pub metric: Option<Metric>,
}

/// What is known after a second.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The second.
    pub t: i64,
    /// The share that is configured for the candidate, 0 to 1.
    pub share: f64,
    /// Evidence against the candidate over all metrics, in nats.
    pub log_e: f64,
    /// Each metric, in the order of the header.
    pub parts: Vec<Part>,
}

/// One metric after a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    /// Which.
    pub metric: Metric,
    /// Evidence against the candidate by this metric alone, in nats.
    pub log_e: f64,
    /// Evidence that it is within the tolerance, in nats; none without a tolerance.
    pub favour: Option<f64>,
    /// What the incumbent did since the beginning.
    pub incumbent: Told,
    /// What the candidate did since the beginning.
    pub candidate: Told,
}

impl Part {
    /// Returns the metric's evidence in one sentence for people.
    pub fn sentence(&self) -> String {
        let tally = |told: Told| Tally { requests: told.requests as f64, bad: told.bad as f64 };
        let tallies = [self.incumbent, self.candidate].map(tally);
        sentence::of_metric(self.metric, &tallies, self.log_e)
    }
}

/// What a release came to, as a metric counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Told {
    /// Requests.
    pub requests: u64,
    /// Bad events; of latencies those beyond the incumbent's 99th percentile at the time.
    pub bad: u64,
}

/// The state of one analysis.
#[derive(Debug, Clone, PartialEq)]
pub struct Analyzer {
    header: Header,
    panel: Panel,
    pending: Option<Row>,
    last_second: Option<i64>,
    has_begun: bool,
    outcome: Outcome,
}

impl Analyzer {
    /// Returns the analysis of a trace with this header.
    pub fn new(header: Header, options: Options) -> Result<Self, TraceError> {
        header.fault()?;
        let settings = Settings {
            mode: options.mode,
            bins: header.bins(),
            events_ms: i64::from(options.block_seconds) * 1_000,
            latency_ms: i64::from(options.latency_block_seconds) * 1_000,
            is_chosen: false,
            least_requests: f64::from(LEAST_REQUESTS),
            is_weighed: false,
            is_told: false,
            ratio: 1.0,
            latency_ratio: 1.0,
        };
        let setup = |metric: &Metric| Setup {
            metric: *metric,
            weight: 1.0 / header.metrics.len() as f64,
            claim: match header.tolerance.get(metric).filter(|_| header.alpha_p.is_some()) {
                Some(tolerance) => Claim::Difference(*tolerance),
                None => Claim::None,
            },
        };
        let panel = Panel::new(settings, header.metrics.iter().map(setup).collect());
        let outcome = Outcome { decision: Decision::None, time_s: None, log_e: 0.0, metric: None };
        let (pending, last_second, has_begun) = (None, None, false);
        Ok(Self { header, panel, pending, last_second, has_begun, outcome })
    }

    /// Takes the next row; returns what is known where the row completes a second.
    ///
    /// Rows may be taken after a decision too: evidence goes on, the first decision stays.
    ///
    /// # Errors
    ///
    /// What is wrong with the row. After an error the analysis is worth nothing.
    pub fn push(&mut self, row: Row) -> Result<Option<Step>, TraceError> {
        let (t, arm) = (row.t, row.arm);
        let wrong = |reason| Err(TraceError::OutOfOrder { t, arm, reason });
        row.fault(&self.header)?;
        match (self.pending.take(), arm) {
            (None, Arm::Canary) if t < 0 => {
                wrong("before 0 s there is history of the baseline only")
            }
            (None, Arm::Canary) => wrong("the baseline's row of the same second comes first"),
            (None, Arm::Baseline) if self.last_second.is_some_and(|last| t <= last) => {
                wrong("seconds rise")
            }
            (None, Arm::Baseline) => {
                self.last_second = Some(t);
                if t < 0 {
                    self.panel.remember(&row.into_sample());
                } else {
                    self.pending = Some(row);
                }
                Ok(None)
            }
            (Some(_), Arm::Baseline) => wrong("the second before it has no row of the canary"),
            (Some(baseline), Arm::Canary) if baseline.t != t => {
                wrong("the baseline's row before it is of another second")
            }
            (Some(baseline), Arm::Canary) => {
                Ok(Some(self.second(t, &baseline.into_sample(), &row.into_sample())))
            }
        }
    }

    /// Says that the trace has ended.
    ///
    /// # Errors
    ///
    /// When it ended within a second, or before the first.
    pub fn end(&self) -> Result<Outcome, TraceError> {
        if self.pending.is_some() {
            let reason = "its last second has no row of the canary";
            return Err(TraceError::Truncated { reason });
        }
        if !self.has_begun {
            let reason = "it has no second with both releases";
            return Err(TraceError::Truncated { reason });
        }
        Ok(self.outcome)
    }

    /// Returns the first decision, or none with the evidence so far.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    fn second(&mut self, t: i64, incumbent: &Sample, candidate: &Sample) -> Step {
        self.has_begun = true;
        let share = self.header.share_at(t);
        let at_ms = t.saturating_mul(1_000);
        let end_ms = at_ms.saturating_add(1_000);
        self.panel.count(&Moment { at_ms, end_ms, share, incumbent, candidate });
        let log_e = self.panel.log_e();
        self.decide(t, log_e);
        let told = |tally: &Tally| Told { requests: tally.requests as u64, bad: tally.bad as u64 };
        let watches = self.panel.watches().iter();
        let parts = watches.map(|watch| Part {
            metric: watch.setup.metric,
            log_e: watch.log_e(),
            favour: watch.guard.as_ref().map(|guard| guard.log_e()),
            incumbent: told(&watch.tallies[0]),
            candidate: told(&watch.tallies[1]),
        });
        Step { t, share, log_e, parts: parts.collect() }
    }

    fn decide(&mut self, t: i64, log_e: f64) {
        if self.outcome.decision != Decision::None {
            return;
        }
        self.outcome.log_e = log_e;
        let decided = |decision, log_e, metric| Outcome {
            decision,
            time_s: Some(t.saturating_add(1)),
            log_e,
            metric: Some(metric),
        };
        if log_e >= -libm::log(self.header.alpha) {
            self.outcome = decided(Decision::Rollback, log_e, self.panel.culprit());
        } else if let Some((metric, proved)) = self.panel.weakest_guard()
            && self.header.alpha_p.is_some_and(|alpha_p| proved >= -libm::log(alpha_p))
        {
            self.outcome = decided(Decision::Promote, proved, metric);
        }
    }
}
