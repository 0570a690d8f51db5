//! Whether one instance of the candidate alone is the reason for the evidence against it.
//!
//! Beside the evidence of all its instances goes that of all but one, for each of them. Where
//! the evidence is gone without one instance and stays without any other, that one is the reason:
//! starting another in its place may be better than taking the release back.
//!
//! Nothing is decided by this; it is told to people.

use crate::detector::Weighed;
use crate::panel::Settings;
use crate::strand::Strand;
use crate::trace::Metric;
use crate::watch::Moment;

/// Instances that are looked at.
const INSTANCES_MOST: usize = 8;
/// Evidence, in nats, below which nothing is said: 10 to 1.
const EVIDENCE_LEAST: f64 = core::f64::consts::LN_10;
/// The part of the evidence that may be left without the one instance.
const LEFT_MOST: f64 = 0.25;

/// The evidence without each of the candidate's instances.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Lone {
    without: Vec<(u32, Strand)>,
}

impl Lone {
    /// Discards the unfinished blocks.
    pub(crate) fn open(&mut self, at_ms: i64, share: f64) {
        for (_, strand) in &mut self.without {
            strand.open(at_ms, share);
        }
    }

    pub(crate) fn advance(&mut self, elapsed_seconds: i64) {
        for (_, strand) in &mut self.without {
            strand.detector.advance(elapsed_seconds);
        }
    }

    /// Counts one row, of which `all` is the evidence so far and `weighed` what it adds.
    pub(crate) fn count(
        &mut self,
        moment: &Moment<'_>,
        settings: &Settings,
        all: &Strand,
        metric: Metric,
        [incumbent, candidate]: [&Weighed; 2],
    ) {
        let instances = &moment.candidate.instances;
        if instances.len() > 1 {
            for instance in instances {
                let is_known = self.without.iter().any(|(index, _)| *index == instance.index);
                if !is_known && self.without.len() < INSTANCES_MOST {
                    // Until now nothing was known of it apart from the others.
                    self.without.push((instance.index, all.clone()));
                }
            }
        }
        for (index, strand) in &mut self.without {
            let of_instance = instances.iter().find(|instance| instance.index == *index);
            let part = of_instance
                .and_then(|instance| all.detector.weigh(metric, settings.bins, &instance.sample()));
            let load = match part {
                Some(part) => candidate.load.without(&part.load),
                None => candidate.load.clone(),
            };
            strand.add(moment.end_ms, [&incumbent.load, &load], settings.ratio);
        }
    }

    /// Returns the one instance without which the evidence, `all` nats, would be gone.
    pub(crate) fn instance(&self, all: f64) -> Option<u32> {
        if all < EVIDENCE_LEAST {
            return None;
        }
        let is_reason = |strand: &Strand| strand.log_e() < LEFT_MOST * all;
        let mut reasons = self.without.iter().filter(|(_, strand)| is_reason(strand));
        match (reasons.next(), reasons.next()) {
            (Some((index, _)), None) => Some(*index),
            (Some(_) | None, _) => None,
        }
    }
}
