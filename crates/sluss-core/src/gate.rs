//! Gates: named conditions that a deployment must clear, each with its reason.
//!
//! # Invariants
//!
//! - No data is not a pass: a gate that cannot decide stays shut and says why.

mod refused;
mod waiting;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::budget::{BudgetReading, percent};
use crate::contracts::{Between, Missing};
use crate::findings::FindingCounts;
use crate::ids::{
    Digest, ExceptionId, FreezeId, GroupName, PersonRef, ReleaseId, ServiceName, StopId,
};
use crate::materials::NoSbom;
use crate::performance::Unproved;
use crate::remediation::Late;
use crate::rollout::Counts;
use crate::steps::TestCounts;
use crate::stop::StopScope;
use crate::units::Millis;

/// What a gate saw, and what follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case", deny_unknown_fields)]
pub enum GateOutcome {
    /// It is open.
    Cleared {
        /// Why.
        why: ClearedWhy,
    },
    /// It is shut, and may open.
    Waiting {
        /// Until what.
        on: WaitingOn,
    },
    /// It is shut for good.
    Refused {
        /// Why.
        why: RefusedWhy,
    },
}

/// Why a gate is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClearedWhy {
    /// These tests passed and none failed.
    TestsPassed(TestCounts),
    /// Tests failed or could not run, and a person who did not contribute accepted that.
    TestsAccepted {
        /// What they came to, where any were reported.
        tests: Option<TestCounts>,
    },
    /// The policy asks for no second person here.
    NobodyAsked,
    /// A second person agreed.
    Approved,
    /// No freeze covers it.
    NoFreeze,
    /// The line runs again, where nothing else is asked of the calendar.
    LineRuns,
    /// Its provenance is signed and in the log.
    Attested,
    /// What it is made of is listed and signed.
    Listed {
        /// How many components there are.
        components: NonZeroU32,
    },
    /// Scanners looked, and each finding that is open is within its term, or waived.
    FindingsInTerm {
        /// How many reports there are.
        reports: u32,
        /// What they say together, each finding once.
        findings: FindingCounts,
        /// How many of them are past their terms and waived, by which waivers.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        waived: BTreeMap<ExceptionId, u32>,
    },
    /// Scanners looked, and no critical finding is open: how it was decided before findings had
    /// terms.
    NoCriticalFindings {
        /// How many reports there are.
        reports: u32,
        /// What they say together.
        findings: FindingCounts,
    },
    /// It was measured beside the live release, and is not slower than it may be.
    Pace {
        /// How many metrics there are.
        metrics: u32,
        /// The release that was live.
        against: ReleaseId,
    },
    /// It was measured, and nothing is live that it could be slower than.
    FirstPace,
    /// Something of its error budget is left.
    BudgetLeft {
        /// What was counted.
        reading: BudgetReading,
    },
    /// Nothing is live there that a budget could be of; its own traffic is judged by objectives.
    JudgedByObjectives,
    /// What promised something when it was asked first is not live any more.
    NothingPromised,
    /// What it needs of other services is live, and what others need of it stays.
    DependenciesMet {
        /// What it needs, and who provides it.
        met: Vec<Between>,
        /// Who needs what it provides.
        serves: Vec<Between>,
    },
    /// The organisation has no policy.
    NoPolicy,
    /// The policies allow it.
    PolicyAllows {
        /// The digest of what they were given.
        input: Digest,
        /// Rules of policies that only warn.
        warnings: Vec<String>,
    },
    /// The policies deny it by rules that are waived.
    Waived {
        /// The digest of what they were given.
        input: Digest,
        /// The waived rules.
        rules: Vec<String>,
        /// By which waivers.
        #[serde(default)]
        by: Vec<ExceptionId>,
        /// Rules that deny it, too, and only warn.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        warned: Vec<String>,
    },
    /// The policies would refuse it, and only warn.
    WouldRefuse {
        /// The digest of what they were given, if they could be asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        input: Option<Digest>,
        /// The rules that would.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        rules: Vec<String>,
        /// Why they came to no answer, if they did not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// It fits a standard change, agreed to in advance.
    Standard {
        /// Which.
        exception: ExceptionId,
        /// Files that differ from what is live.
        files: u64,
        /// Lines added and removed.
        lines: u64,
    },
    /// An exception that two people made.
    Exception {
        /// Which.
        exception: ExceptionId,
    },
}

/// What a gate waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitingOn {
    /// The decision of a second person.
    SecondPerson,
    /// Somebody who says who these contributors are, whom no organisation names.
    Unknown {
        /// Whom nobody knows.
        people: BTreeSet<PersonRef>,
    },
    /// The end of a freeze.
    Freeze {
        /// Which.
        freeze: FreezeId,
        /// When it ends by itself.
        until: Millis,
    },
    /// Two people who let the line run again.
    Stopped {
        /// Which stop.
        stop: StopId,
        /// What stands still.
        scope: StopScope,
    },
    /// A clock that can be trusted.
    Clock,
    /// The signed provenance of its release.
    Provenance,
    /// The signed bill of materials of its release.
    Sbom,
    /// An error budget of which something is left.
    Budget {
        /// What was counted.
        reading: BudgetReading,
        /// When something is left again, if no further request comes.
        until: Option<Millis>,
    },
    /// The decision of a second person, since no request says what is left of its error budget.
    NoTraffic,
    /// The decision of a second person, since it is not proved to be as fast as what is live.
    Pace {
        /// Why not.
        why: Unproved,
    },
    /// The decision of a second person, since too little was counted to say what is left of it.
    TooLittle {
        /// What was counted.
        reading: BudgetReading,
    },
    /// Releases of other services.
    Dependencies {
        /// What it needs and nothing live provides.
        missing: Vec<Missing>,
        /// Who needs what it would no longer provide.
        drops: Vec<Between>,
        /// Services that wait for each other, from its own back to it; none if they do not.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        circle: Vec<ServiceName>,
    },
    /// A window of the calendar.
    Calendar {
        /// The first instant at which the answer may be another.
        until: Option<Millis>,
        /// The windows' names.
        windows: Vec<String>,
    },
    /// A calendar that can be read.
    CalendarText,
    /// Policies, which deny it.
    Policy {
        /// The digest of what they were given.
        input: Digest,
        /// The rules that deny it.
        rules: Vec<String>,
        /// Rules that deny it, too, and are waived.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        waived: Vec<String>,
        /// Rules that deny it, too, and only warn.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        warned: Vec<String>,
    },
    /// Policies, which came to no answer.
    PolicyAnswer {
        /// Why not.
        why: String,
    },
    /// Members of a group that nobody is in who may decide over this.
    Nobody {
        /// Which group.
        group: GroupName,
    },
    /// A log that is the one that witnesses know.
    Log,
    /// The review of an emergency, which is overdue.
    Review {
        /// Which.
        exception: ExceptionId,
    },
}

/// Why a gate is shut for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusedWhy {
    /// Some tests failed.
    TestsFailed(TestCounts),
    /// No step reported any test.
    NoTests,
    /// There is no bill of materials.
    NoSbom {
        /// Why not.
        why: NoSbom,
    },
    /// No step left the report of a scanner.
    NoScan,
    /// Findings are past their terms.
    FindingsOverdue {
        /// What all reports say together, each finding once.
        findings: FindingCounts,
        /// Which those are.
        late: Late,
    },
    /// Critical findings are open: how it was decided before findings had terms.
    CriticalFindings {
        /// What all reports say together.
        findings: FindingCounts,
    },
    /// Nothing was measured.
    NotMeasured,
    /// It is slower than what is live by more than it may be.
    Slower {
        /// By how much in which metrics: `checkout +12.5 %`.
        metrics: Vec<String>,
    },
    /// Nothing says what it promises of its traffic.
    NoObjective,
    /// A second person did not agree.
    NotApproved,
    /// Too few people agreed in time.
    NotInTime,
}

impl GateOutcome {
    /// Returns whether the gate is open.
    pub fn is_cleared(&self) -> bool {
        matches!(self, Self::Cleared { .. })
    }

    /// Returns whether `other` says the same, whatever the policies were given, and however many
    /// requests were counted meanwhile.
    pub fn says_as(&self, other: &Self) -> bool {
        let without_input = |outcome: &Self| {
            let mut outcome = outcome.clone();
            match &mut outcome {
                Self::Cleared { why: ClearedWhy::BudgetLeft { reading } }
                | Self::Waiting {
                    on: WaitingOn::Budget { reading, .. } | WaitingOn::TooLittle { reading },
                } => {
                    reading.counts = Counts::default();
                    reading.uncounted_seconds = 0;
                }
                Self::Cleared { why: ClearedWhy::PolicyAllows { input, .. } }
                | Self::Cleared {
                    why:
                        ClearedWhy::Waived { input, .. }
                        | ClearedWhy::WouldRefuse { input: Some(input), .. },
                }
                | Self::Waiting { on: WaitingOn::Policy { input, .. } } => *input = Digest::of(b""),
                _no_input => {}
            }
            outcome
        };
        self == other || without_input(self) == without_input(other)
    }

    /// Returns the digest of what the policies were given, if they were asked.
    pub fn input(&self) -> Option<&Digest> {
        match self {
            Self::Cleared {
                why:
                    ClearedWhy::PolicyAllows { input, .. }
                    | ClearedWhy::Waived { input, .. }
                    | ClearedWhy::WouldRefuse { input: Some(input), .. },
            }
            | Self::Waiting { on: WaitingOn::Policy { input, .. } } => Some(input),
            _no_input => None,
        }
    }

    /// Returns whether it is decided, one way or the other.
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::Waiting { .. })
    }

    /// Returns the outcome as a sentence.
    pub fn sentence(&self) -> String {
        match self {
            Self::Cleared { why } => why.sentence(),
            Self::Waiting { on } => on.sentence(),
            Self::Refused { why } => why.sentence(),
        }
    }
}

impl ClearedWhy {
    fn sentence(&self) -> String {
        match self {
            Self::TestsPassed(tests) => format!("{} passed, none failed.", tests_in(tests.passed)),
            Self::TestsAccepted { tests } => crate::assurance::accepted_words(*tests),
            Self::NobodyAsked => "The policy asks for no second person here.".to_owned(),
            Self::Approved => "Everyone agreed who must.".to_owned(),
            Self::NoFreeze => "No freeze covers it.".to_owned(),
            Self::LineRuns => "The line runs again.".to_owned(),
            Self::Attested => "How it was built is signed, and in the log.".to_owned(),
            Self::Listed { components } => {
                format!("{} listed and signed.", counted(components.get(), "component"))
            }
            Self::FindingsInTerm { reports, findings, waived } => {
                let of = |(id, count): (&ExceptionId, &u32)| format!("{count} waived by {id}");
                let waived: Vec<String> = waived.iter().map(of).collect();
                let waived = match waived.is_empty() {
                    true => String::new(),
                    false => format!(", {}", waived.join(", ")),
                };
                let (reports, found) = (counted(*reports, "report"), findings.words());
                format!("No finding is past its term in {reports}: {found}{waived}.")
            }
            Self::NoCriticalFindings { reports, findings } => format!(
                "No critical finding is open in {}: {}.",
                counted(*reports, "report"),
                findings.words()
            ),
            Self::Pace { metrics, against } => format!(
                "Beside {against}, which was live, {} within the tolerance.",
                match metrics {
                    1 => "its metric is".to_owned(),
                    many => format!("all {many} metrics are"),
                }
            ),
            Self::FirstPace => {
                "It was measured, and nothing is live that it could be slower than.".to_owned()
            }
            Self::BudgetLeft { reading } => {
                let left = u64::from(reading.left_permille().unwrap_or(0)) * 1_000;
                format!("{} of its error budget is left: {}.", percent(left), reading.words())
            }
            Self::NothingPromised => "Nothing live here promises anything any more.".to_owned(),
            Self::JudgedByObjectives => {
                "Nothing is live here that an error budget could be of; its own traffic is judged \
                 by objectives."
                    .to_owned()
            }
            Self::DependenciesMet { met, serves } => met_and_kept(met, serves),
            Self::NoPolicy => "No policy is written for it.".to_owned(),
            Self::PolicyAllows { warnings, .. } if warnings.is_empty() => {
                "The policies allow it.".to_owned()
            }
            Self::PolicyAllows { warnings, .. } => {
                format!("The policies allow it, and warn: {}.", warnings.join(", "))
            }
            Self::WouldRefuse { rules, why, .. } => would_refuse(rules, why.as_deref()),
            Self::Waived { rules, by, .. } => {
                let by: Vec<String> = by.iter().map(ToString::to_string).collect();
                let by =
                    if by.is_empty() { String::new() } else { format!(" ({})", by.join(", ")) };
                format!("What the policies deny is waived: {}{by}.", rules.join(", "))
            }
            Self::Standard { exception, files, lines } => format!(
                "It fits the standard change {exception}, agreed to in advance: files {files}, \
                 lines {lines}."
            ),
            Self::Exception { exception } => format!("{exception} lets it through."),
        }
    }
}

/// Returns what policies that only warn would have refused, as a sentence.
fn would_refuse(rules: &[String], why: Option<&str>) -> String {
    match why {
        Some(why) => format!(
            "The policies only warn; they would refuse it, since they came to no answer ({why})."
        ),
        None => format!("What only warns would refuse it: {}.", rules.join(", ")),
    }
}

/// Returns what is needed of others and kept for others, as a sentence.
fn met_and_kept(met: &[Between], serves: &[Between]) -> String {
    let of = |all: &[Between]| match all {
        [] => "nothing".to_owned(),
        some => joined(some),
    };
    format!("What it needs is live: {}; what others need of it stays: {}.", of(met), of(serves))
}

/// Returns what stands between services, in words.
fn joined(all: &[Between]) -> String {
    let all: Vec<String> = all.iter().map(ToString::to_string).collect();
    all.join(", ")
}

/// Returns a number of tests in words.
fn tests_in(count: u32) -> String {
    counted(count, "test")
}

/// Returns a number of things in words.
fn counted(count: u32, thing: &str) -> String {
    if count == 1 { format!("1 {thing}") } else { format!("{count} {thing}s") }
}
