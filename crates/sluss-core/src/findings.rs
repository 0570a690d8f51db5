//! What scanners found: reports that steps leave, in numbers by severity, and each finding by a key
//! that stays the same from scan to scan.
//!
//! # Invariants
//!
//! - A report that cannot be read is no scan, and never one without findings.
//! - Each finding of a report is counted once, and named, or counted among those that are not.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::{Digest, Malformed, ReleaseId, StepName};
use crate::state::State;
use crate::steps::{StepOutcome, StepOwner, Steps};
use crate::units::Millis;

/// Findings of one report that its event names at most: with all of them it fits a leaf.
pub const NAMED_MOST: usize = 600;

/// How bad a finding is, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is the word of scanners")]
pub enum Severity {
    Critical,
    High,
    Medium,
    Low,
}

impl Severity {
    /// All of them, the worst first.
    pub const ALL: [Self; 4] = [Self::Critical, Self::High, Self::Medium, Self::Low];

    /// Returns it in a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which finding it is: a digest over what stays the same from scan to scan.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct FindingKey([u8; 32]);

impl FindingKey {
    /// Hexadecimal digits by which people tell a finding from another one.
    pub const SHORT: usize = 12;

    /// Returns the key of these bytes, which are a SHA-256.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the first digits, by which people tell it from another one.
    pub fn short(self) -> String {
        let mut digits = self.to_string();
        digits.truncate(Self::SHORT);
        digits
    }
}

impl fmt::Display for FindingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for FindingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FindingKey({self})")
    }
}

impl FromStr for FindingKey {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let wrong = || Malformed {
            found: text.chars().take(80).collect(),
            expected: "the key of a finding: 64 digits, 0 to 9 and a to f",
        };
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _no_digit => None,
        };
        let mut bytes = [0; 32];
        if text.len() != 64 {
            return Err(wrong());
        }
        for (byte, two) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let (high, low) = digit(two[0]).zip(digit(two[1])).ok_or_else(wrong)?;
            *byte = high * 16 + low;
        }
        Ok(Self(bytes))
    }
}

impl From<FindingKey> for String {
    fn from(key: FindingKey) -> Self {
        key.to_string()
    }
}

impl TryFrom<String> for FindingKey {
    type Error = Malformed;
    fn try_from(text: String) -> Result<Self, Malformed> {
        text.parse()
    }
}

/// A finding as a report has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Which.
    pub key: FindingKey,
    /// How bad it is.
    pub severity: Severity,
    /// Whether the report says that somebody accepted it.
    pub suppressed: bool,
}

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
    /// Counts `many` more.
    pub(crate) fn add(&mut self, severity: Severity, suppressed: bool, many: u32) {
        let place = match (suppressed, severity) {
            (true, _) => &mut self.suppressed,
            (false, Severity::Critical) => &mut self.critical,
            (false, Severity::High) => &mut self.high,
            (false, Severity::Medium) => &mut self.medium,
            (false, Severity::Low) => &mut self.low,
        };
        *place = place.saturating_add(many);
    }

    /// Returns how many of this severity are open.
    pub fn of(self, severity: Severity) -> u32 {
        match severity {
            Severity::Critical => self.critical,
            Severity::High => self.high,
            Severity::Medium => self.medium,
            Severity::Low => self.low,
        }
    }

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

/// Keys by severity.
pub type Keys = BTreeMap<Severity, BTreeSet<FindingKey>>;

/// The findings of a report, each by its key; the worst are named first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// Those that are open.
    #[serde(default, skip_serializing_if = "Keys::is_empty")]
    pub open: Keys,
    /// Those that the report says somebody accepted.
    #[serde(default, skip_serializing_if = "Keys::is_empty")]
    pub suppressed: Keys,
    /// How many more there are than [`NAMED_MOST`], whether open or accepted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unnamed: BTreeMap<Severity, u32>,
}

impl Named {
    /// Returns every finding that it names.
    pub fn all(&self) -> impl Iterator<Item = Found> {
        let of = |keys: &Keys, suppressed: bool| {
            let each = move |(severity, keys): (&Severity, &BTreeSet<FindingKey>)| {
                let severity = *severity;
                keys.clone().into_iter().map(move |key| Found { key, severity, suppressed })
            };
            keys.iter().flat_map(each).collect::<Vec<_>>()
        };
        of(&self.open, false).into_iter().chain(of(&self.suppressed, true))
    }
}

/// A report as the engine read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Its digest.
    pub report: Digest,
    /// What it says.
    pub findings: FindingCounts,
    /// Which those are.
    pub named: Named,
}

impl Report {
    /// Returns the report of this digest, which has found that. What is found twice is one finding:
    /// as bad as the worst of both, and open where one of them is.
    pub fn of(report: Digest, found: impl IntoIterator<Item = Found>) -> Self {
        let mut each: BTreeMap<FindingKey, Found> = BTreeMap::new();
        for one in found {
            let known = each.entry(one.key).or_insert(one);
            known.severity = known.severity.min(one.severity);
            known.suppressed &= one.suppressed;
        }
        let mut each: Vec<Found> = each.into_values().collect();
        each.sort_by_key(|one| (one.severity, one.key));
        let (mut findings, mut named) = (FindingCounts::default(), Named::default());
        for (index, Found { key, severity, suppressed }) in each.into_iter().enumerate() {
            findings.add(severity, suppressed, 1);
            match (index < NAMED_MOST, suppressed) {
                (true, true) => drop(named.suppressed.entry(severity).or_default().insert(key)),
                (true, false) => drop(named.open.entry(severity).or_default().insert(key)),
                (false, _) => *named.unnamed.entry(severity).or_default() += 1,
            }
        }
        Self { report, findings, named }
    }
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
    /// Which those are; nothing where it was recorded before findings had keys.
    #[serde(default)]
    pub named: Option<Named>,
    /// When it was recorded.
    pub at: Millis,
}

/// When a finding was seen in a service, by any scan of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// First. What was gone and came back is as old as before.
    pub first: Millis,
    /// Last.
    pub last: Millis,
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

    /// Returns those of them that say how things stand: of last attempts, that succeeded.
    pub fn scans_that_count(&self, release: ReleaseId, stage: usize) -> Vec<ScanOf<'_>> {
        let mut scans = self.scans_of(release, stage);
        scans.retain(|scan| scan.last && scan.finished);
        scans
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
