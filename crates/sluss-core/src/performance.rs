//! What steps measured of a release beside the one that is live, by turns on one machine.
//!
//! # Invariants
//!
//! - What was not measured, or says nothing either way, is never *as fast*.

use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::budget::percent;
use crate::deployment::Deployment;
use crate::ids::{Digest, Malformed, ReleaseId, StepName};
use crate::pipeline::{Pipeline, ReportKind};
use crate::state::State;
use crate::steps::{StepOutcome, StepOwner, Steps};

/// The metrics that one report may have.
pub const METRICS_MOST: usize = 64;

/// The name of a metric, or its unit: 1 to 60 letters, digits and `. _ - / : = %`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Label(String);

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Label {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._-/:=%".contains(c);
        match (1..=60).contains(&text.len()) && text.chars().all(allowed) {
            true => Ok(Self(text.to_owned())),
            false => Err(Malformed {
                found: text.chars().take(80).collect(),
                expected: "a metric's name or unit (1 to 60 letters, digits and . _ - / : = %)",
            }),
        }
    }
}

impl From<Label> for String {
    fn from(label: Label) -> Self {
        label.0
    }
}

impl TryFrom<String> for Label {
    type Error = Malformed;
    fn try_from(text: String) -> Result<Self, Malformed> {
        text.parse()
    }
}

/// What measurements say of a release, beside the live one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pace {
    /// It is slower by more than the tolerance.
    Slower,
    /// It is not.
    Within,
    /// They do not say.
    Undecided,
}

/// How a release stands beside the live one in one metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Beside {
    /// How often both were measured.
    pub pairs: NonZeroU16,
    /// How much more the release takes at the median, in parts per million of what the live one
    /// takes; below zero it takes less.
    pub more_ppm: i64,
    /// What follows.
    pub pace: Pace,
}

/// A metric.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// Its name.
    pub name: Label,
    /// Its unit.
    pub unit: Label,
    /// The median of the release, in millionths of the unit.
    pub micros: u64,
    /// How it stands beside the live release, if one was live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<Beside>,
}

impl Metric {
    /// Returns the change in words: `+12.5 %`.
    pub fn change(&self) -> Option<String> {
        let more = self.beside?.more_ppm;
        let sign = if more < 0 { '−' } else { '+' };
        Some(format!("{sign}{}", percent(more.unsigned_abs())))
    }

    fn words(&self) -> String {
        let change = self.change().unwrap_or_default();
        format!("{} {change}", self.name)
    }
}

/// What a report of measurements says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// The digest of the report.
    pub report: Digest,
    /// The release that it was held against: the live one, if there was one.
    pub against: Option<ReleaseId>,
    /// How much slower it may be, in parts per million.
    pub tolerance_ppm: u32,
    /// What was measured; at least one.
    pub metrics: Vec<Metric>,
}

impl Measured {
    /// Returns the metrics of this pace.
    pub fn at(&self, pace: Pace) -> impl Iterator<Item = &Metric> {
        let is = move |metric: &&Metric| metric.beside.is_some_and(|beside| beside.pace == pace);
        self.metrics.iter().filter(is)
    }
}

/// A report of measurements that was read and recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// The step that left it.
    pub step: StepName,
    /// In which attempt, from 1.
    pub attempt: u16,
    /// What it says.
    pub measured: Measured,
}

/// Why a release is not proved to be as fast as what is live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "unproved", rename_all = "snake_case", deny_unknown_fields)]
pub enum Unproved {
    /// Measurements of these metrics do not say.
    Undecided {
        /// The metrics and their changes: `checkout +4.5 %`.
        metrics: Vec<String>,
    },
    /// It was measured before anything was live.
    Alone,
    /// It measures nothing, and what is live does.
    Dropped,
    /// It lets itself be slower than what is live might be.
    Loosened {
        /// How much slower it may be, in parts per million.
        to_ppm: u32,
        /// How much slower what is live might be.
        from_ppm: u32,
    },
}

impl Unproved {
    /// Returns it as a sentence.
    pub fn sentence(&self) -> String {
        match self {
            Self::Undecided { metrics } => format!(
                "Its measurements do not say whether it is slower than what is live: {}.",
                metrics.join(", ")
            ),
            Self::Alone => "It was measured before anything was live beside it.".to_owned(),
            Self::Dropped => "It is no longer measured beside what is live.".to_owned(),
            Self::Loosened { to_ppm, from_ppm } => format!(
                "It lets itself be {} slower than what is live, which might be {}.",
                percent(u64::from(*to_ppm)),
                percent(u64::from(*from_ppm))
            ),
        }
    }
}

/// What all measurements of a release say together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Nothing was measured.
    NotMeasured,
    /// These metrics are slower: `checkout +12.5 %`.
    Slower(Vec<String>),
    /// These do not say.
    Undecided(Vec<String>),
    /// It was measured, and not beside a live release.
    Alone,
    /// None of so many metrics is slower than this release's.
    Within {
        /// How many.
        metrics: u32,
        /// The release.
        against: ReleaseId,
    },
}

impl State {
    /// Returns what was measured of `release` before it goes to the stage of this index: by the
    /// last attempts of acceptance steps that succeeded.
    pub fn measured_of(&self, release: ReleaseId, stage: usize) -> Vec<&Recorded> {
        let Some(known) = self.releases.get(&release) else { return Vec::new() };
        let before = known.deployments.iter().filter(|id| {
            self.deployments.get(id).is_some_and(|deployment| deployment.stage_index < stage)
        });
        let owners = before.map(|id| StepOwner::Deployment(*id));
        owners.filter_map(|owner| self.steps(owner)).flat_map(counting).collect()
    }

    /// Returns what the measurements of a release say before it goes to the stage of this index.
    pub fn pace_of(&self, release: ReleaseId, stage: usize) -> Standing {
        let measured: Vec<&Measured> =
            self.measured_of(release, stage).into_iter().map(|one| &one.measured).collect();
        let at = |pace| -> Vec<String> {
            measured.iter().flat_map(|of| of.at(pace)).map(Metric::words).collect()
        };
        let (slower, undecided) = (at(Pace::Slower), at(Pace::Undecided));
        let against = measured.iter().map(|of| of.against).min().flatten();
        match (measured.is_empty(), against) {
            (true, _) => Standing::NotMeasured,
            _ if !slower.is_empty() => Standing::Slower(slower),
            _ if !undecided.is_empty() => Standing::Undecided(undecided),
            (false, None) => Standing::Alone,
            (false, Some(against)) => {
                let metrics = measured.iter().map(|of| of.metrics.len()).sum::<usize>();
                Standing::Within { metrics: u32::try_from(metrics).unwrap_or(u32::MAX), against }
            }
        }
    }

    /// Returns the release that customers of `deployment`'s service have, where its pipeline ends.
    pub fn live_beside(&self, deployment: &Deployment) -> Option<ReleaseId> {
        let last = self.pipeline_of(deployment.release)?.last_lasting()?;
        let place = self.place(&deployment.service, &last.environment)?;
        self.deployments.get(&place.live?).map(|live| live.release)
    }
}

impl Pipeline {
    /// Returns the greatest slowdown that it lets pass, in parts per million, if it measures.
    pub fn slowdown_ppm(&self) -> Option<u32> {
        let steps = self.deliver.iter().flat_map(|stage| &stage.acceptance);
        let tolerance = |kind: ReportKind| match kind {
            ReportKind::Performance { tolerance_ppm } => Some(tolerance_ppm),
            ReportKind::Junit | ReportKind::Sarif => None,
        };
        steps.flat_map(|step| &step.reports).filter_map(|report| tolerance(report.kind)).max()
    }
}

/// Returns the reports of the last attempts that succeeded.
fn counting(steps: &Steps) -> impl Iterator<Item = &Recorded> {
    steps.measured().iter().filter(|recorded| {
        let attempts = steps.state(&recorded.step).map(|state| state.attempts());
        attempts.and_then(<[_]>::last).is_some_and(|last| {
            last.number == recorded.attempt && last.outcome == StepOutcome::Succeeded
        })
    })
}
