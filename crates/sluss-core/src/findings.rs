//! What scanners found: reports that steps leave, in numbers by severity.
//!
//! # Invariants
//!
//! - A report that cannot be read is no scan, and never one without findings.

use serde::{Deserialize, Serialize};

use crate::ids::{Digest, ReleaseId, StepName};
use crate::state::State;
use crate::steps::{StepOutcome, StepOwner, Steps};
use crate::units::Millis;

/// Findings by severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FindingCounts {
    /// Open ones that are critical.
    pub critical: u32,
    /// Open ones that are high.
    pub high: u32,
    /// Open ones that are medium.
    pub medium: u32,
    /// Open ones that are low.
    pub low: u32,
    /// Those that the report says somebody accepted, whatever their severity.
    pub suppressed: u32,
}

impl FindingCounts {
    /// Returns both counts together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            critical: self.critical.saturating_add(other.critical),
            high: self.high.saturating_add(other.high),
            medium: self.medium.saturating_add(other.medium),
            low: self.low.saturating_add(other.low),
            suppressed: self.suppressed.saturating_add(other.suppressed),
        }
    }

    /// Returns how many are open.
    pub fn open(self) -> u32 {
        let lesser = self.medium.saturating_add(self.low);
        self.critical.saturating_add(self.high).saturating_add(lesser)
    }

    /// Returns the counts in words.
    pub fn words(self) -> String {
        let Self { critical, high, medium, low, suppressed } = self;
        let open = format!("{critical} critical, {high} high, {medium} medium, {low} low");
        match suppressed {
            0 => open,
            some => format!("{open}, {some} suppressed"),
        }
    }
}

/// A report as the engine read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Its digest.
    pub report: Digest,
    /// What it says.
    pub findings: FindingCounts,
}

/// A report that was read and recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scanned {
    /// The step that left it.
    pub step: StepName,
    /// In which attempt, from 1.
    pub attempt: u16,
    /// The digest of the report.
    pub report: Digest,
    /// What it says.
    pub findings: FindingCounts,
    /// When it was recorded.
    pub at: Millis,
}

/// A report as it speaks for, or against, a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScanOf<'a> {
    /// The report.
    pub scanned: &'a Scanned,
    /// Whether the attempt that left it succeeded.
    pub finished: bool,
    /// Whether it is of the step's last attempt.
    pub last: bool,
}

impl State {
    /// Returns every report about `release` before it goes to the stage of this index: those of its
    /// run, and of acceptance steps in the stages before.
    pub fn scans_of(&self, release: ReleaseId, stage: usize) -> Vec<ScanOf<'_>> {
        let Some(known) = self.releases.get(&release) else { return Vec::new() };
        let before = known.deployments.iter().filter(|id| {
            self.deployments.get(id).is_some_and(|deployment| deployment.stage_index < stage)
        });
        let owners = std::iter::once(StepOwner::Run(known.run))
            .chain(before.map(|id| StepOwner::Deployment(*id)));
        owners.filter_map(|owner| self.steps(owner)).flat_map(scans).collect()
    }
}

fn scans(steps: &Steps) -> impl Iterator<Item = ScanOf<'_>> {
    steps.scans().iter().filter_map(|scanned| {
        let attempts = steps.state(&scanned.step)?.attempts();
        let own = attempts.iter().find(|attempt| attempt.number == scanned.attempt)?;
        let last = attempts.last().is_some_and(|last| last.number == scanned.attempt);
        Some(ScanOf { scanned, finished: own.outcome == StepOutcome::Succeeded, last })
    })
}
