//! What came of verifying: every check on its own, and the exit code that follows.
//!
//! # Invariants
//!
//! - A report without a required check that passed is never good: [`Report::exit_code`] is 0 only
//!   where all required checks passed and none failed.
//! - The text says OK only where the exit code is 0.

use std::fmt;

use serde::{Serialize, Serializer};

/// A check, in the order in which they are reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// Only files that the manifest lists, under safe names.
    Container,
    /// Every file and every given artifact has its digest.
    Digests,
    /// Every envelope verifies under a trusted key that was valid at its place in the log.
    Signatures,
    /// Every leaf is in the tree of a checkpoint that the trusted log signed.
    Inclusion,
    /// Each of the log's keys signed the checkpoint that it vouches for, and no key any other.
    KeySpans,
    /// Streams are numbered and chained without a gap.
    Contiguity,
    /// The release was sealed, and all that was sealed is there.
    Seal,
    /// All that events refer to is there, or was disposed of under a policy.
    CrossReferences,
    /// Recorded decisions come out the same again.
    Policy,
    /// Approvals are of other people than contributors, and of this release.
    Approvals,
    /// Exceptions that opened a gate were asked for and granted by those who may, in time.
    Exceptions,
    /// Each waiver that let something through was granted, in time, by two others than who asked.
    Waivers,
    /// Decisions that people signed with their own keys verify, without the server.
    PersonKeys,
    /// Enough witnesses signed the checkpoint.
    Witnesses,
    /// Time-stamps verify, and times agree with the order of the log.
    Timestamps,
    /// Disclosed persons are those of the references.
    Identities,
}

impl Check {
    /// All checks, in their order.
    pub const ALL: [Self; 16] = [
        Self::Container,
        Self::Digests,
        Self::Signatures,
        Self::Inclusion,
        Self::KeySpans,
        Self::Contiguity,
        Self::Seal,
        Self::CrossReferences,
        Self::Policy,
        Self::Approvals,
        Self::Exceptions,
        Self::Waivers,
        Self::PersonKeys,
        Self::Witnesses,
        Self::Timestamps,
        Self::Identities,
    ];

    /// Returns the check's name, as reports and command lines have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Digests => "digests",
            Self::Signatures => "signatures",
            Self::Inclusion => "inclusion",
            Self::KeySpans => "key-spans",
            Self::Contiguity => "contiguity",
            Self::Seal => "seal",
            Self::CrossReferences => "cross-references",
            Self::Policy => "policy",
            Self::Approvals => "approvals",
            Self::Exceptions => "exceptions",
            Self::Waivers => "waivers",
            Self::PersonKeys => "person-keys",
            Self::Witnesses => "witnesses",
            Self::Timestamps => "timestamps",
            Self::Identities => "identities",
        }
    }

    /// Returns whether the check is required of every dossier. The others are required where the
    /// trusted files or the dossier have something for them, or where it was asked for.
    pub fn always_required(self) -> bool {
        match self {
            Self::Container
            | Self::Digests
            | Self::Signatures
            | Self::Inclusion
            | Self::KeySpans
            | Self::Contiguity
            | Self::Seal
            | Self::CrossReferences
            | Self::Approvals
            | Self::Exceptions => true,
            Self::Policy
            | Self::Waivers
            | Self::PersonKeys
            | Self::Witnesses
            | Self::Timestamps
            | Self::Identities => false,
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// What is wrong, as a sentence without a full stop.
    pub reason: String,
    /// The file in which.
    pub file: Option<String>,
    /// The leaf in which.
    pub leaf: Option<u64>,
}

impl Failure {
    /// Returns a failure that is of no file in particular. Text of a dossier may be in it: it is
    /// cut, and control characters are taken out.
    pub fn new(reason: impl fmt::Display) -> Self {
        Self { reason: plain(&reason.to_string()), file: None, leaf: None }
    }

    /// Says in which file it is.
    #[must_use]
    pub fn file(mut self, file: impl AsRef<str>) -> Self {
        self.file = Some(plain(file.as_ref()));
        self
    }

    /// Says in which leaf it is.
    #[must_use]
    pub fn leaf(mut self, leaf: u64) -> Self {
        self.leaf = Some(leaf);
        self
    }
}

fn plain(text: &str) -> String {
    const LONGEST: usize = 400;
    let char = |char: char| if char.is_control() { ' ' } else { char };
    text.chars().take(LONGEST).map(char).collect()
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)?;
        match (&self.file, self.leaf) {
            (Some(file), Some(leaf)) => write!(f, " ({file}, leaf {leaf})"),
            (Some(file), None) => write!(f, " ({file})"),
            (None, Some(leaf)) => write!(f, " (leaf {leaf})"),
            (None, None) => Ok(()),
        }
    }
}

/// What came of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It holds; says what was looked at.
    Passed(String),
    /// It does not hold. At least one failure.
    Failed(Vec<Failure>),
    /// It does not hold, and an exception that is in order let that through; says which.
    Excepted(String),
    /// Nobody knows; says why not.
    NotChecked(String),
}

impl Outcome {
    /// Returns passed with `detail` where nothing failed.
    pub(crate) fn of(failures: Vec<Failure>, detail: impl FnOnce() -> String) -> Self {
        if failures.is_empty() { Self::Passed(detail()) } else { Self::Failed(failures) }
    }

    pub(crate) fn not_checked(why: impl Into<String>) -> Self {
        Self::NotChecked(why.into())
    }
}

/// What came of all checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    release: Option<String>,
    checks: Vec<(Check, bool, Outcome)>,
}

impl Report {
    /// Puts outcomes together; what is missing counts as required and not checked.
    pub(crate) fn new(
        release: Option<String>,
        mut outcomes: Vec<(Check, Outcome)>,
        required: impl Fn(Check) -> bool,
    ) -> Self {
        let mut take = |check: Check| {
            let at = outcomes.iter().position(|(found, _)| *found == check);
            let missing = || Outcome::not_checked("this check did not run");
            at.map_or_else(missing, |at| outcomes.swap_remove(at).1)
        };
        let checks =
            Check::ALL.into_iter().map(|check| (check, required(check), take(check))).collect();
        Self { release, checks }
    }

    /// Returns the report of a dossier that could not be opened safely.
    pub fn refused(why: impl fmt::Display) -> Self {
        let outcomes = Check::ALL.into_iter().map(|check| match check {
            Check::Container => (check, Outcome::Failed(vec![Failure::new(&why)])),
            _ => (check, Outcome::not_checked("the dossier could not be opened safely")),
        });
        Self::new(None, outcomes.collect(), Check::always_required)
    }

    /// Returns the release that the dossier says to be of.
    pub fn release(&self) -> Option<&str> {
        self.release.as_deref()
    }

    /// Returns what came of a check.
    pub fn outcome(&self, check: Check) -> &Outcome {
        let found = self.checks.iter().find(|(found, _, _)| *found == check);
        found.map(|(_, _, outcome)| outcome).expect("BUG: a report has every check")
    }

    /// Returns every check with whether it was required and what came of it.
    pub fn checks(&self) -> impl Iterator<Item = (Check, bool, &Outcome)> {
        self.checks.iter().map(|(check, required, outcome)| (*check, *required, outcome))
    }

    /// Returns 0 where all required checks passed and none failed, 1 where any failed, 2 where
    /// none failed but a required one was not checked, or holds by an exception only. (3 is for
    /// input that cannot be read.)
    pub fn exit_code(&self) -> u8 {
        let failed = |outcome: &Outcome| matches!(outcome, Outcome::Failed(_));
        let unknown =
            |outcome: &Outcome| matches!(outcome, Outcome::NotChecked(_) | Outcome::Excepted(_));
        if self.checks().any(|(_, _, outcome)| failed(outcome)) {
            1
        } else if self.checks().any(|(_, required, outcome)| required && unknown(outcome)) {
            2
        } else {
            0
        }
    }

    /// Returns whether an exception let something through, and nothing else is amiss.
    fn is_excepted(&self) -> bool {
        let of = |outcome: &Outcome| matches!(outcome, Outcome::Excepted(_));
        let unknown = |(_, required, outcome): (Check, bool, &Outcome)| {
            required && matches!(outcome, Outcome::NotChecked(_))
        };
        self.checks().any(|(_, _, outcome)| of(outcome)) && !self.checks().any(unknown)
    }

    /// Returns the report as JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("BUG: text and numbers have a JSON form")
    }
}

/// How many failures of one check the text names.
const FAILURES_SHOWN: usize = 10;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.write_checks(&mut text)?;
        match self.exit_code() {
            0 => writeln!(f, "{text}OK: every required check passed"),
            code => {
                let verdict = match code {
                    1 => "NOT GOOD: at least one check failed; do not rely on this dossier",
                    _ if self.is_excepted() => {
                        "BY EXCEPTION: nothing failed, and an exception let it through; judge that"
                    }
                    _ => "INCOMPLETE: a required check could not be made; nothing failed",
                };
                // What a dossier says of itself must not read like the last line of a good one.
                writeln!(f, "{}{verdict}", text.replace("OK", "ok"))
            }
        }
    }
}

impl Report {
    fn write_checks(&self, f: &mut impl fmt::Write) -> fmt::Result {
        if let Some(release) = &self.release {
            writeln!(f, "dossier of release {release}")?;
        }
        for (check, required, outcome) in self.checks() {
            let mark = if required { "" } else { " (optional)" };
            match outcome {
                Outcome::Passed(detail) => writeln!(f, "  passed       {check:<17}{detail}{mark}")?,
                Outcome::NotChecked(why) => writeln!(f, "  not checked  {check:<17}{why}{mark}")?,
                Outcome::Excepted(what) => writeln!(f, "  EXCEPTION    {check:<17}{what}{mark}")?,
                Outcome::Failed(failures) => {
                    for failure in failures.iter().take(FAILURES_SHOWN) {
                        writeln!(f, "  FAILED       {check:<17}{failure}")?;
                    }
                    if failures.len() > FAILURES_SHOWN {
                        let more = failures.len() - FAILURES_SHOWN;
                        writeln!(f, "               {:<17}and {more} more", "")?;
                    }
                }
            }
        }
        Ok(())
    }
}

#[derive(Serialize)]
struct CheckLine<'a> {
    check: &'static str,
    required: bool,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    failures: &'a [Failure],
}

#[derive(Serialize)]
struct ReportLines<'a> {
    format: &'static str,
    release: Option<&'a str>,
    exit: u8,
    checks: Vec<CheckLine<'a>>,
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let line = |(check, required, outcome): (Check, bool, &'_ Outcome)| {
            let (status, detail, failures): (_, Option<String>, Vec<Failure>) = match outcome {
                Outcome::Passed(detail) => ("passed", Some(detail.clone()), vec![]),
                Outcome::Failed(failures) => ("failed", None, failures.clone()),
                Outcome::Excepted(what) => ("excepted", Some(what.clone()), vec![]),
                Outcome::NotChecked(why) => ("not_checked", Some(why.clone()), vec![]),
            };
            (check.name(), required, status, detail, failures)
        };
        let lines: Vec<_> = self.checks().map(line).collect();
        let checks = lines.iter().map(|(check, required, status, detail, failures)| CheckLine {
            check,
            required: *required,
            status,
            detail: detail.as_deref(),
            failures,
        });
        let format = "sluss.verification-report.v1";
        let release = self.release();
        ReportLines { format, release, exit: self.exit_code(), checks: checks.collect() }
            .serialize(out)
    }
}
