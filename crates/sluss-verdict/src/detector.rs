//! The e-process of one metric of a trace, and how a second of it is weighed.

use std::collections::BTreeMap;

use crate::Mode;
use crate::bets::{self, Binary, FAST_ALTERNATIVES, SHARE_ALTERNATIVES};
use crate::block::{Block, Load};
use crate::latency::{LatencyFast, LatencyShare, SHARE_WEIGHTS};
use crate::mixture::OnsetMixture;
use crate::trace::{Metric, Row, TraceError};

/// What the incumbent did before the candidate took traffic.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct History {
    pub(crate) requests: u64,
    /// Bad events, for metrics that count events.
    pub(crate) bad: BTreeMap<Metric, u64>,
    pub(crate) histogram: Vec<u64>,
}

impl History {
    pub(crate) fn bad_events(&self, metric: Metric) -> u64 {
        self.bad.get(&metric).copied().unwrap_or(0)
    }

    /// Adds a row of the incumbent.
    pub(crate) fn add(&mut self, row: &Row, metrics: &[Metric]) -> Result<(), TraceError> {
        self.requests = self.requests.saturating_add(row.requests);
        for metric in metrics {
            match metric {
                Metric::Error | Metric::Exceptions | Metric::Conversion => {
                    let total = self.bad.entry(*metric).or_default();
                    *total = total.saturating_add(row.bad_events(*metric)?);
                }
                Metric::Latency => {
                    let histogram = row.histogram(self.histogram.len())?;
                    for (total, count) in self.histogram.iter_mut().zip(histogram) {
                        *total = total.saturating_add(count);
                    }
                }
            }
        }
        Ok(())
    }
}

/// The e-process of one metric.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Detector {
    /// Robust, for events.
    Share(OnsetMixture),
    /// Fast, for rare events.
    Rare(OnsetMixture),
    /// Transactions, in both modes.
    Binary(Binary),
    /// Robust, for latency.
    LatencyShare(LatencyShare),
    /// Fast, for latency.
    LatencyFast(LatencyFast),
}

impl Detector {
    pub(crate) fn new(metric: Metric, mode: Mode, history: &History) -> Self {
        match (metric, mode) {
            (Metric::Conversion, Mode::Robust | Mode::Fast) => {
                Self::Binary(Binary::new(history.requests, history.bad_events(metric)))
            }
            (Metric::Latency, Mode::Robust) => {
                Self::LatencyShare(LatencyShare::new(&history.histogram))
            }
            (Metric::Latency, Mode::Fast) => {
                Self::LatencyFast(LatencyFast::new(&history.histogram))
            }
            (Metric::Error | Metric::Exceptions, mode) => Self::events(mode),
        }
    }

    /// Returns the process of a metric that counts bad events.
    pub(crate) fn events(mode: Mode) -> Self {
        match mode {
            Mode::Robust => Self::Share(OnsetMixture::uniform(SHARE_ALTERNATIVES)),
            Mode::Fast => Self::Rare(OnsetMixture::uniform(FAST_ALTERNATIVES)),
        }
    }

    /// Returns how many kinds of badness a block holds.
    pub(crate) fn width(&self, bins: usize) -> usize {
        match self {
            Self::Share(_) | Self::Rare(_) | Self::Binary(_) => 1,
            Self::LatencyShare(_) => SHARE_WEIGHTS,
            Self::LatencyFast(_) => bins,
        }
    }

    /// Returns the least seconds of a block, given those of events and of latency.
    pub(crate) fn block_seconds(&self, events: u32, latency: u32) -> u32 {
        match self {
            Self::Share(_) | Self::Rare(_) => events,
            Self::LatencyShare(_) => latency,
            // Both take each request by itself, so a longer block would not help them.
            Self::Binary(_) | Self::LatencyFast(_) => 1,
        }
    }

    /// Tells that `elapsed_seconds` have passed since the first second.
    pub(crate) fn advance(&mut self, elapsed_seconds: i64) {
        match self {
            Self::Share(mixture) | Self::Rare(mixture) => mixture.advance(elapsed_seconds),
            Self::Binary(binary) => binary.mixture.advance(elapsed_seconds),
            Self::LatencyShare(latency) => latency.advance(elapsed_seconds),
            Self::LatencyFast(latency) => latency.advance(elapsed_seconds),
        }
    }

    /// Returns what one second of `metric` adds to a block: incumbent, then candidate.
    pub(crate) fn weigh(
        &mut self,
        metric: Metric,
        bins: usize,
        [baseline, canary]: [&Row; 2],
    ) -> Result<[Load; 2], TraceError> {
        let events = |row: &Row| Ok(Load::events(row.requests, row.bad_events(metric)?));
        let histogram = |row: &Row| -> Result<Vec<f64>, TraceError> {
            Ok(row.histogram(bins)?.into_iter().map(|count| count as f64).collect())
        };
        let load = |row: &Row, bad| Load { requests: row.requests as f64, bad };
        match self {
            Self::Share(_) | Self::Rare(_) | Self::Binary(_) => {
                Ok([events(baseline)?, events(canary)?])
            }
            Self::LatencyShare(latency) => {
                let (incumbent, candidate) = (histogram(baseline)?, histogram(canary)?);
                let loads = [
                    load(baseline, latency.badness(&incumbent)),
                    load(canary, latency.badness(&candidate)),
                ];
                latency.remember(&incumbent);
                Ok(loads)
            }
            Self::LatencyFast(_) => {
                Ok([load(baseline, histogram(baseline)?), load(canary, histogram(canary)?)])
            }
        }
    }

    /// Settles one closed block.
    pub(crate) fn settle(&mut self, block: &Block) {
        match self {
            Self::Share(mixture) => mixture.multiply(&bets::share(block)),
            Self::Rare(mixture) => mixture.multiply(&bets::rare(block)),
            Self::Binary(binary) => binary.settle(block),
            Self::LatencyShare(latency) => latency.settle(block),
            Self::LatencyFast(latency) => latency.settle(block),
        }
    }

    /// Returns log E, in nats.
    pub(crate) fn log_e(&self) -> f64 {
        match self {
            Self::Share(mixture) | Self::Rare(mixture) => mixture.log_e(),
            Self::Binary(binary) => binary.mixture.log_e(),
            Self::LatencyShare(latency) => latency.mixture.log_e(),
            Self::LatencyFast(latency) => latency.mixture.log_e(),
        }
    }
}
