//! One metric of a rollout: its evidence, its proof, and what to tell of it.

use crate::block::{Block, Least, Load};
use crate::dependence::{CAUTIOUS, Dependence, LENGTHS_MS};
use crate::detector::{Detector, History, Weighed};
use crate::failing::Failing;
use crate::guard::{Claim, Guard};
use crate::instances::InstanceBets;
use crate::interval::{Bounds, RatioInterval};
use crate::lone::Lone;
use crate::panel::Settings;
use crate::plan::Mode;
use crate::portfolio::Portfolio;
use crate::sample::Sample;
use crate::strand::Strand;
use crate::trace::Metric;

/// Which metric is watched, and how.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Setup {
    pub(crate) metric: Metric,
    /// Its part of alpha, 0 to 1; those of all metrics sum to 1.
    pub(crate) weight: f64,
    pub(crate) claim: Claim,
}

/// One row of both releases, and when it was.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment<'a> {
    /// Start of the row, in milliseconds since the first one.
    pub(crate) at_ms: i64,
    /// Its end.
    pub(crate) end_ms: i64,
    /// The share that is configured for the candidate, 0 to 1.
    pub(crate) share: f64,
    pub(crate) incumbent: &'a Sample,
    pub(crate) candidate: &'a Sample,
}

/// What a metric came to in a leg, for people.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Tally {
    pub(crate) requests: f64,
    /// Bad events, or requests beyond the incumbent's 99th percentile.
    pub(crate) bad: f64,
}

/// One metric of a rollout.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Watch {
    pub(crate) setup: Setup,
    /// The e-process; where the block length is chosen, one for each length.
    strands: Vec<Strand>,
    dependence: Option<Dependence>,
    /// The block of what is told, for guard and interval.
    told: Block,
    pub(crate) guard: Option<Guard>,
    interval: RatioInterval,
    /// For latency in robust mode.
    instances: Option<Instances>,
    /// For errors in robust mode.
    failing: Option<Failing>,
    lone: Lone,
    /// Incumbent and candidate in this leg.
    pub(crate) tallies: [Tally; 2],
}

/// Bets over instances beside those on shares of requests.
#[derive(Debug, Clone, PartialEq)]
struct Instances {
    bets: InstanceBets,
    portfolio: Portfolio,
}

impl Watch {
    pub(crate) fn new(setup: Setup, settings: &Settings, history: &History) -> Self {
        let matters = match setup.claim {
            Claim::Difference(difference) => Some(difference),
            Claim::None | Claim::Ratio(_) => None,
        };
        let matters = matters.filter(|_| settings.is_weighed);
        let detector = Detector::new(setup.metric, settings.mode, history, matters);
        let least_ms = detector.block_ms(settings.events_ms, settings.latency_ms);
        let is_chosen =
            settings.is_chosen && matches!(setup.metric, Metric::Error | Metric::Exceptions);
        let requests = settings.least_requests;
        let strand = |ms| Strand::new(detector.clone(), Least { ms, requests }, settings.bins);
        Self {
            setup,
            strands: match is_chosen {
                true => LENGTHS_MS.map(strand).to_vec(),
                false => vec![strand(least_ms)],
            },
            dependence: is_chosen.then(Dependence::new),
            told: Block::open(0, -1.0, 1),
            guard: Guard::new(setup.claim, history.events(setup.metric)),
            interval: RatioInterval::new(),
            instances: detector.weights().map(|_| Instances {
                bets: InstanceBets::new(settings.bins),
                portfolio: Portfolio::new(),
            }),
            failing: (setup.metric == Metric::Error && settings.mode == Mode::Robust)
                .then(|| Failing::new(history.noise())),
            lone: Lone::default(),
            tallies: [Tally::default(); 2],
        }
    }

    /// Begins a leg: the proof begins anew, the unfinished blocks are discarded.
    pub(crate) fn begin_leg(&mut self, at_ms: i64, share: f64) {
        self.tallies = [Tally::default(); 2];
        self.open(at_ms, share);
        if let Some(guard) = &mut self.guard {
            guard.restart();
        }
    }

    fn open(&mut self, at_ms: i64, share: f64) {
        for strand in &mut self.strands {
            strand.open(at_ms, share);
        }
        self.told = Block::open(at_ms, share, 1);
        self.lone.open(at_ms, share);
        if let Some(dependence) = &mut self.dependence {
            dependence.open(at_ms, share);
        }
        if let Some(instances) = &mut self.instances {
            instances.bets.open();
        }
        if let Some(failing) = &mut self.failing {
            failing.open();
        }
    }

    /// Counts one row. Where one release did not measure the metric, only time goes on.
    pub(crate) fn count(&mut self, moment: &Moment<'_>, settings: &Settings) {
        let elapsed_seconds = moment.at_ms.div_euclid(1_000);
        for strand in &mut self.strands {
            strand.detector.advance(elapsed_seconds);
        }
        self.lone.advance(elapsed_seconds);
        if let Some(instances) = &mut self.instances {
            instances.bets.advance(elapsed_seconds);
        }
        if let Some(failing) = &mut self.failing {
            failing.advance(elapsed_seconds);
        }
        if self.told.share() != moment.share {
            self.open(moment.at_ms, moment.share);
        }
        let (metric, bins) = (self.setup.metric, settings.bins);
        let weigh = |sample| self.strands[0].detector.weigh(metric, bins, sample);
        let (Some(incumbent), Some(candidate)) = (weigh(moment.incumbent), weigh(moment.candidate))
        else {
            return;
        };
        self.lone.count(moment, settings, &self.strands[0], metric, [&incumbent, &candidate]);
        self.count_instances(moment);
        let by_shares = self.log_e_by_shares();
        if let Some(failing) = &mut self.failing {
            failing.count(moment, by_shares);
        }
        let end_ms = moment.end_ms;
        let ratio = match metric {
            Metric::Latency => settings.latency_ratio,
            Metric::Error | Metric::Exceptions | Metric::Conversion => settings.ratio,
        };
        let loads = [&incumbent.load, &candidate.load];
        let mut has_closed = false;
        for strand in &mut self.strands {
            has_closed |= strand.add(end_ms, loads, ratio);
        }
        if has_closed && let Some(instances) = &mut self.instances {
            instances.bets.settle(self.strands[0].detector.weights().unwrap_or_default());
        }
        if has_closed && let Some(failing) = &mut self.failing {
            failing.settle(moment.share);
        }
        self.strands[0].detector.remember(&incumbent);
        self.tell(end_ms, [&incumbent, &candidate], settings);
    }

    fn count_instances(&mut self, moment: &Moment<'_>) {
        let Some(Instances { bets, portfolio }) = &mut self.instances else { return };
        let sides = [&moment.incumbent.instances, &moment.candidate.instances];
        let measured = sides.map(|instances| InstanceBets::measured(instances));
        portfolio.divide(moment.share, measured, [self.strands[0].log_e(), bets.log_e()]);
        bets.count(sides[0], sides[1]);
    }

    /// Counts what is told of a row: for guard, interval and sentence.
    fn tell(&mut self, end_ms: i64, weighed: [&Weighed; 2], settings: &Settings) {
        let load = |weighed: &Weighed| {
            Some(Load { requests: weighed.load.requests, bad: vec![weighed.told?] })
        };
        let [incumbent, candidate] = weighed.map(load);
        // What slow means is not known yet.
        let (Some(incumbent), Some(candidate)) = (incumbent, candidate) else { return };
        let loads = [incumbent, candidate];
        let [incumbent, candidate] = &loads;
        for (tally, load) in self.tallies.iter_mut().zip(&loads) {
            tally.requests += load.requests;
            tally.bad += load.bad[0];
        }
        if let Some(dependence) = &mut self.dependence {
            dependence.count(end_ms, [incumbent, candidate]);
        }
        self.told.add([incumbent, candidate]);
        if self.told.is_ripe(end_ms, self.strands[0].least()) {
            let block = self.told.close(end_ms);
            if settings.is_told {
                self.interval.settle(&block);
            }
            if let Some(guard) = &mut self.guard {
                guard.settle(&block);
            }
        }
    }

    /// Returns the evidence against the candidate, in nats.
    pub(crate) fn log_e(&self) -> f64 {
        let shares = self.log_e_by_shares();
        match (&self.instances, &self.failing) {
            (Some(Instances { bets, portfolio }), _) => portfolio.log_e([shares, bets.log_e()]),
            (None, Some(failing)) => failing.log_e(shares),
            (None, None) => shares,
        }
    }

    /// Returns the same by bets on shares alone. Where the block length is chosen, one that is
    /// shorter than the cautious one only counts as far as that agrees.
    fn log_e_by_shares(&self) -> f64 {
        let chosen = self.chosen();
        let agreeing = &self.strands[chosen.max(CAUTIOUS).min(self.strands.len() - 1)];
        self.strands[chosen].log_e().min(agreeing.log_e())
    }

    fn chosen(&self) -> usize {
        self.dependence.as_ref().map_or(0, Dependence::chosen)
    }

    /// Returns the length of the blocks that are bet on now, in milliseconds.
    pub(crate) fn block_ms(&self) -> i64 {
        self.strands[self.chosen()].least().ms
    }

    /// Returns how many times as bad the candidate is, for reports.
    pub(crate) fn ratio(&self) -> Bounds {
        self.interval.bounds()
    }

    /// Returns the instance of the candidate that alone is the reason for the evidence.
    pub(crate) fn lone_instance(&self) -> Option<u32> {
        self.lone.instance(self.strands[0].log_e())
    }
}
