//! Judges a recorded rollout, row by row, by one or several metrics.
//!
//! # Invariants
//!
//! - A decision at `time_s` has used rows with `t < time_s` only.
//! - A second counts when both releases reported it: traffic of one alone would
//!   make the realised share a lie. A second with one row or none is no evidence.
//! - Memory does not grow with the trace.

use serde::Serialize;

use crate::Mode;
use crate::block::Block;
use crate::detector::{Detector, History};
use crate::math::log_sum_exp;
use crate::promotion::NonInferiority;
use crate::trace::{Arm, Header, Metric, Row, TraceError};

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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_s: Option<i64>,
    /// For a promotion the evidence of the metric proved last, else the evidence against the
    /// candidate (verdict specification §2.5), in nats.
    pub log_e: f64,
    /// The metric with the largest evidence against the candidate, or the one proved last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<Metric>,
}

/// What is known after a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// The second.
    pub t: i64,
    /// Evidence against the candidate over all metrics, in nats.
    pub log_e: f64,
}

/// The state of one analysis.
#[derive(Debug, Clone, PartialEq)]
pub struct Analyzer {
    header: Header,
    options: Options,
    history: History,
    watches: Vec<Watch>,
    pending: Option<Row>,
    last_second: Option<i64>,
    outcome: Outcome,
}

/// One metric.
#[derive(Debug, Clone, PartialEq)]
struct Watch {
    metric: Metric,
    detector: Detector,
    block: Block,
    proof: Option<Proof>,
}

#[derive(Debug, Clone, PartialEq)]
struct Proof {
    test: NonInferiority,
    is_complete: bool,
}

impl Analyzer {
    /// Returns the analysis of a trace with this header.
    pub fn new(header: Header, options: Options) -> Result<Self, TraceError> {
        header.fault()?;
        let history = History { histogram: vec![0; header.bins()], ..History::default() };
        let outcome = Outcome { decision: Decision::None, time_s: None, log_e: 0.0, metric: None };
        let watches = vec![];
        Ok(Self { header, options, history, watches, pending: None, last_second: None, outcome })
    }

    /// Takes the next row; returns what is known where the row completes a second.
    ///
    /// Rows may be taken after a decision too: evidence goes on, the first decision stays.
    pub fn push(&mut self, row: Row) -> Result<Option<Step>, TraceError> {
        if row.t < 0 {
            return self.remember(&row).map(|()| None);
        }
        if self.last_second.is_some_and(|last| row.t <= last) {
            return Err(TraceError::OutOfOrder { t: row.t, arm: row.arm });
        }
        match row.arm {
            Arm::Baseline => {
                self.pending = Some(row);
                Ok(None)
            }
            Arm::Canary => match self.pending.take() {
                Some(baseline) if baseline.t == row.t => self.second(&baseline, &row).map(Some),
                Some(_) | None => Ok(None),
            },
        }
    }

    /// Returns the first decision, or none with the evidence so far.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// History is that of the incumbent alone.
    fn remember(&mut self, row: &Row) -> Result<(), TraceError> {
        match row.arm {
            Arm::Baseline => self.history.add(row, &self.header.metrics),
            Arm::Canary => Ok(()),
        }
    }

    fn second(&mut self, baseline: &Row, canary: &Row) -> Result<Step, TraceError> {
        let t = canary.t;
        self.last_second = Some(t);
        if self.watches.is_empty() {
            self.watches =
                self.header.metrics.iter().map(|metric| self.watch(*metric, t)).collect();
        }
        let share = self.header.share_at(t);
        for watch in &mut self.watches {
            watch.second(share, self.header.bins(), self.options, [baseline, canary])?;
        }
        let logs = self.watches.iter().map(|watch| watch.detector.log_e());
        let log_e = log_sum_exp(logs) - libm::log(self.watches.len() as f64);
        self.decide(t, log_e);
        Ok(Step { t, log_e })
    }

    fn watch(&self, metric: Metric, t: i64) -> Watch {
        let detector = Detector::new(metric, self.options.mode, &self.history);
        let width = detector.width(self.header.bins());
        let proof = self.header.tolerance.get(&metric).map(|tolerance| {
            let mut test = NonInferiority::new(*tolerance);
            test.remember(self.history.requests, self.history.bad_events(metric));
            Proof { test, is_complete: false }
        });
        Watch { metric, detector, block: Block::open(t, self.header.share_at(t), width), proof }
    }

    fn decide(&mut self, t: i64, log_e: f64) {
        if self.outcome.decision != Decision::None {
            return;
        }
        self.outcome.log_e = log_e;
        let decided = |decision, log_e, metric| Outcome {
            decision,
            time_s: Some(t + 1),
            log_e,
            metric: Some(metric),
        };
        if log_e >= -libm::log(self.header.alpha) {
            self.outcome = decided(Decision::Rollback, log_e, self.culprit());
        } else if let Some((proved, metric)) = self.prove() {
            self.outcome = decided(Decision::Promote, proved, metric);
        }
    }

    /// Returns the metric with the largest evidence, the first of equals.
    fn culprit(&self) -> Metric {
        let mut watches = self.watches.iter();
        let first = watches.next().expect("a header names at least one metric");
        let worse =
            |worst: &'_ Watch, watch: &'_ Watch| watch.detector.log_e() > worst.detector.log_e();
        watches.fold(first, |worst, watch| if worse(worst, watch) { watch } else { worst }).metric
    }

    /// Returns the last proof if now all that are asked for are complete. Each metric is proved
    /// at `alpha_p`, without correction: all must pass (verdict specification §2.6).
    fn prove(&mut self) -> Option<(f64, Metric)> {
        let boundary = -libm::log(self.header.alpha_p?);
        let mut last = None;
        let mut is_open = false;
        for watch in &mut self.watches {
            let Some(proof) = &mut watch.proof else { continue };
            if !proof.is_complete && proof.test.log_e() >= boundary {
                proof.is_complete = true;
                last = Some((proof.test.log_e(), watch.metric));
            }
            is_open |= !proof.is_complete;
        }
        last.filter(|_| !is_open)
    }
}

impl Watch {
    fn second(
        &mut self,
        share: f64,
        bins: usize,
        options: Options,
        rows: [&Row; 2],
    ) -> Result<(), TraceError> {
        let t = rows[0].t;
        self.detector.advance(t);
        let [incumbent, candidate] = self.detector.weigh(self.metric, bins, rows)?;
        if self.block.share() != share {
            self.block = Block::open(t, share, self.detector.width(bins));
        }
        self.block.add(&incumbent, &candidate);
        let least =
            self.detector.block_seconds(options.block_seconds, options.latency_block_seconds);
        if self.block.is_ripe(t, least) {
            let block = self.block.close(t);
            self.detector.settle(&block);
            if let Some(proof) = &mut self.proof {
                proof.test.settle(&block);
            }
        }
        Ok(())
    }
}
