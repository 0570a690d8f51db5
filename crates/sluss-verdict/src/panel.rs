//! The one engine of decision: several metrics of a rollout, row by row.
//!
//! The live judge, the analysis of a trace and replay all give their rows to a [`Panel`] and
//! differ only in where the rows come from and what they tell.
//!
//! # Invariants
//!
//! - Total evidence is the weighted average of the metrics' e-processes (verdict specification
//!   §2.5), which is an e-process however the metrics depend on one another.
//! - Detection is never reset; proofs begin anew with a leg, and only there.
//! - All guards must have their proof at the same time for a leg to pass.
//! - Memory does not grow with the number of rows.

use crate::culprits::culprits;
use crate::detector::History;
use crate::math::log_sum_exp;
use crate::plan::Mode;
use crate::realised::ShareCheck;
use crate::sample::Sample;
use crate::trace::Metric;
use crate::watch::{Moment, Setup, Watch};

/// How all metrics of a panel are judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Settings {
    pub(crate) mode: Mode,
    /// Latency bins.
    pub(crate) bins: usize,
    /// Least length of a block of events, in milliseconds.
    pub(crate) events_ms: i64,
    /// Least length of a block of latencies, in milliseconds.
    pub(crate) latency_ms: i64,
    /// Requests that a block has at least.
    pub(crate) least_requests: f64,
    /// Whether blocks of events are as long as what was seen asks for, instead of `events_ms`.
    pub(crate) is_chosen: bool,
    /// Whether capital goes first to what a guard would not allow (see [`crate::bets::prior`]).
    pub(crate) is_weighed: bool,
    /// Whether there is more to tell than decisions: ratios, and the realised share.
    pub(crate) is_told: bool,
    /// A candidate that is at most this many times as bad passes for harmless; 1 or more.
    pub(crate) ratio: f64,
    /// The same of the badness of its latencies.
    pub(crate) latency_ratio: f64,
}

/// The evidence of one rollout.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Panel {
    settings: Settings,
    setups: Vec<Setup>,
    history: History,
    /// Made with the first row, when the history is complete.
    watches: Vec<Watch>,
    shares: ShareCheck,
}

impl Panel {
    /// Returns a panel before any evidence.
    pub(crate) fn new(settings: Settings, setups: Vec<Setup>) -> Self {
        let history = History::new(settings.bins);
        Self { settings, setups, history, watches: vec![], shares: ShareCheck::new() }
    }

    /// Tells what the incumbent did before the first row. Later it is too late, and ignored.
    pub(crate) fn remember(&mut self, incumbent: &Sample) {
        self.history.add(incumbent);
    }

    /// Begins a leg at `at_ms`: proofs begin anew, unfinished blocks are discarded.
    pub(crate) fn begin_leg(&mut self, at_ms: i64, share: f64) {
        self.open();
        for watch in &mut self.watches {
            watch.begin_leg(at_ms, share);
        }
    }

    /// Counts one row of both releases.
    pub(crate) fn count(&mut self, moment: &Moment<'_>) {
        self.open();
        if self.settings.is_told {
            let [incumbent, candidate] = [moment.incumbent, moment.candidate];
            let requests = [incumbent.requests as f64, candidate.requests as f64];
            self.shares.count(moment.share, requests[0], requests[1]);
        }
        for watch in &mut self.watches {
            watch.count(moment, &self.settings);
        }
    }

    fn open(&mut self) {
        if self.watches.is_empty() {
            let watch = |setup: &Setup| Watch::new(*setup, &self.settings, &self.history);
            self.watches = self.setups.iter().map(watch).collect();
        }
    }

    /// Returns the evidence against the candidate over all metrics, in nats.
    pub(crate) fn log_e(&self) -> f64 {
        if self.watches.is_empty() {
            return 0.0;
        }
        let weighted = |watch: &Watch| watch.log_e() + libm::log(watch.setup.weight);
        log_sum_exp(self.watches.iter().map(weighted))
    }

    /// Returns the metrics as they stand, in the order of the plan.
    pub(crate) fn watches(&self) -> &[Watch] {
        &self.watches
    }

    /// Returns the metric that has most of the evidence, the first of equals.
    pub(crate) fn culprit(&self) -> Metric {
        let mut watches = self.watches.iter();
        let first = watches.next().map(|watch| (watch.setup.metric, watch.log_e()));
        let worst = watches.fold(first, |worst, watch| {
            let log_e = watch.log_e();
            let is_worse = worst.is_none_or(|(_, most)| log_e > most);
            if is_worse { Some((watch.setup.metric, log_e)) } else { worst }
        });
        worst.map_or(Metric::Error, |(metric, _)| metric)
    }

    /// Returns the metrics that are proved worse at the boundary log(1/alpha), with the chance to
    /// name any wrongly at most alpha.
    pub(crate) fn culprits(&self, boundary: f64) -> Vec<Metric> {
        let evidence = |watch: &Watch| (watch.setup.weight, watch.log_e());
        let evidence: Vec<_> = self.watches.iter().map(evidence).collect();
        let named = culprits(&evidence, boundary).into_iter().zip(&self.watches);
        named.filter(|(is_named, _)| *is_named).map(|(_, watch)| watch.setup.metric).collect()
    }

    /// Returns the instance of the candidate that alone is the reason for the evidence of the
    /// metric with most of it.
    pub(crate) fn lone_instance(&self) -> Option<u32> {
        let culprit = self.culprit();
        self.watches.iter().find(|watch| watch.setup.metric == culprit)?.lone_instance()
    }

    /// Whether it is proved that the candidate gets another share than is configured.
    pub(crate) fn is_share_off(&self) -> bool {
        self.shares.is_off()
    }

    /// Returns the guard with the least evidence for the candidate, in nats; none without guards.
    pub(crate) fn weakest_guard(&self) -> Option<(Metric, f64)> {
        let proofs = self.watches.iter().filter_map(|watch| {
            watch.guard.as_ref().map(|guard| (watch.setup.metric, guard.log_e()))
        });
        proofs.reduce(|weakest, next| if next.1 < weakest.1 { next } else { weakest })
    }

    /// Returns how many more requests of both releases are expected until every guard has
    /// `target` nats; none where that cannot be said.
    pub(crate) fn requests_until(&self, target: f64, share: f64) -> Option<u64> {
        let guards = self.watches.iter().filter_map(|watch| watch.guard.as_ref());
        let mut most = None;
        for guard in guards {
            most = most.max(Some(guard.requests_until(target, share)?));
        }
        most
    }
}
