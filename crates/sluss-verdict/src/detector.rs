//! The e-process of one metric, and how a row is weighed for it.

use std::collections::BTreeMap;

use crate::bets::{self, Binary};
use crate::block::{Block, Load};
use crate::failing::{self, Totals};
use crate::latency::{LatencyFast, LatencyShare, SHARE_WEIGHTS};
use crate::mixture::OnsetMixture;
use crate::noise::Noise;
use crate::plan::Mode;
use crate::sample::Sample;
use crate::trace::Metric;

/// What the incumbent did before the candidate took traffic.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct History {
    /// Requests and bad events, for metrics that count events.
    events: BTreeMap<Metric, (f64, f64)>,
    histogram: Vec<f64>,
    /// Whether its errors clump on single instances.
    noise: Noise,
}

impl History {
    /// Returns no history, with `bins` latency bins.
    pub(crate) fn new(bins: usize) -> Self {
        Self { events: BTreeMap::new(), histogram: vec![0.0; bins], noise: Noise::default() }
    }

    /// Returns whether errors clump on single instances, as far as was seen.
    pub(crate) fn noise(&self) -> Noise {
        self.noise.clone()
    }

    /// Returns requests and bad events of a metric that counts events.
    pub(crate) fn events(&self, metric: Metric) -> (f64, f64) {
        self.events.get(&metric).copied().unwrap_or_default()
    }

    /// Adds a row of the incumbent.
    pub(crate) fn add(&mut self, sample: &Sample) {
        for metric in [Metric::Error, Metric::Exceptions, Metric::Conversion] {
            if let Some(bad) = sample.bad_events(metric) {
                let total = self.events.entry(metric).or_default();
                total.0 += sample.requests as f64;
                total.1 += bad as f64;
            }
        }
        let mut instances = Totals::new();
        failing::add(&mut instances, &sample.instances);
        self.noise.settle(&instances, &Totals::new());
        if let Some(histogram) = sample.histogram(self.histogram.len()) {
            for (total, count) in self.histogram.iter_mut().zip(histogram) {
                *total += count;
            }
        }
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

/// One row of one release as a metric sees it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Weighed {
    /// What it adds to a block.
    pub(crate) load: Load,
    /// Bad events, or requests beyond the incumbent's 99th percentile once that is known: to be
    /// told to people, and proved to be within a tolerance.
    pub(crate) told: Option<f64>,
    /// The histogram, for latency.
    histogram: Vec<f64>,
}

impl Detector {
    /// Returns the detector of a metric. `matters` is the difference of rates from which on a
    /// regression matters, where capital is placed by that.
    pub(crate) fn new(metric: Metric, mode: Mode, history: &History, matters: Option<f64>) -> Self {
        let events = || OnsetMixture::new(bets::prior(mode, history.events(metric), matters));
        match (metric, mode) {
            (Metric::Conversion, Mode::Robust | Mode::Fast) => {
                let (requests, bad) = history.events(metric);
                Self::Binary(Binary::new(requests, bad))
            }
            (Metric::Latency, Mode::Robust) => {
                Self::LatencyShare(LatencyShare::new(&history.histogram))
            }
            (Metric::Latency, Mode::Fast) => {
                Self::LatencyFast(LatencyFast::new(&history.histogram))
            }
            (Metric::Error | Metric::Exceptions, Mode::Robust) => Self::Share(events()),
            (Metric::Error | Metric::Exceptions, Mode::Fast) => Self::Rare(events()),
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

    /// Returns the least length of a block, given those of events and of latency.
    pub(crate) fn block_ms(&self, events_ms: i64, latency_ms: i64) -> i64 {
        match self {
            Self::Share(_) | Self::Rare(_) => events_ms,
            Self::LatencyShare(_) => latency_ms,
            // Both take each request by itself, so a longer block would not help them.
            Self::Binary(_) | Self::LatencyFast(_) => events_ms.min(1_000),
        }
    }

    /// Tells that `elapsed_seconds` have passed since the first row.
    pub(crate) fn advance(&mut self, elapsed_seconds: i64) {
        match self {
            Self::Share(mixture) | Self::Rare(mixture) => mixture.advance(elapsed_seconds),
            Self::Binary(binary) => binary.mixture.advance(elapsed_seconds),
            Self::LatencyShare(latency) => latency.advance(elapsed_seconds),
            Self::LatencyFast(latency) => latency.advance(elapsed_seconds),
        }
    }

    /// Returns what one release's row is to `metric`; none where it was not measured.
    pub(crate) fn weigh(&self, metric: Metric, bins: usize, sample: &Sample) -> Option<Weighed> {
        let (slow, badness): (Option<f64>, Vec<f64>) = match self {
            Self::Share(_) | Self::Rare(_) | Self::Binary(_) => {
                let bad = sample.bad_events(metric)?;
                let load = Load::events(sample.requests, bad);
                return Some(Weighed { load, told: Some(bad as f64), histogram: vec![] });
            }
            Self::LatencyShare(latency) => {
                let histogram = sample.histogram(bins)?;
                (latency.slow(&histogram), latency.badness(&histogram))
            }
            Self::LatencyFast(latency) => {
                let histogram = sample.histogram(bins)?;
                (latency.slow(&histogram), histogram)
            }
        };
        let histogram = sample.histogram(bins)?;
        let load = Load { requests: histogram.iter().sum(), bad: badness };
        Some(Weighed { load, told: slow, histogram })
    }

    /// Tells what the incumbent did in a row, after both releases were weighed.
    pub(crate) fn remember(&mut self, incumbent: &Weighed) {
        match self {
            Self::LatencyShare(latency) => latency.remember(&incumbent.histogram),
            Self::Share(_) | Self::Rare(_) | Self::Binary(_) | Self::LatencyFast(_) => {}
        }
    }

    /// Settles one closed block; `ratio` passes for harmless.
    pub(crate) fn settle(&mut self, block: &Block, ratio: f64) {
        match self {
            Self::Share(mixture) => mixture.multiply(&bets::share(block, ratio)),
            Self::Rare(mixture) => mixture.multiply(&bets::rare(block, ratio)),
            Self::Binary(binary) => binary.settle(block),
            Self::LatencyShare(latency) => latency.settle(block, ratio),
            Self::LatencyFast(latency) => latency.settle(block),
        }
    }

    /// Returns the badness of each bin for bets over instances; none but for latency in robust
    /// mode.
    pub(crate) fn weights(&self) -> Option<&[f64]> {
        match self {
            Self::LatencyShare(latency) => Some(latency.weights()),
            Self::Share(_) | Self::Rare(_) | Self::Binary(_) | Self::LatencyFast(_) => None,
        }
    }

    /// Returns log E, in nats.
    pub(crate) fn log_e(&self) -> f64 {
        self.mixture().log_e()
    }

    fn mixture(&self) -> &OnsetMixture {
        match self {
            Self::Share(mixture) | Self::Rare(mixture) => mixture,
            Self::Binary(binary) => &binary.mixture,
            Self::LatencyShare(latency) => &latency.mixture,
            Self::LatencyFast(latency) => &latency.mixture,
        }
    }
}
