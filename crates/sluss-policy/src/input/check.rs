//! Bytes become an input here, or are refused with the place and the way to mend it.

use super::{Counts, GateInput, Millis};

/// Bytes that are no gate's input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InputRefused {
    /// Not JSON, an unknown or missing field, or a value of the wrong kind.
    #[error(
        "the gate's input does not follow sluss.gate.input.v1: {0}; build it from \
         `GateInput`, and compare it with docs/schema/gate-input.schema.json"
    )]
    Shape(String),
    /// A list that must have rows has none.
    #[error("`{0}` has no rows; a decision without any is a decision about nothing")]
    NoRows(&'static str),
    /// A list has more or fewer rows than were put in.
    #[error("`{list}` has {rows} rows and `counts` says {counted}; the list lost or gained some")]
    Rows {
        /// The list.
        list: &'static str,
        /// Rows that it has.
        rows: usize,
        /// Rows that `counts` says.
        counted: u64,
    },
    /// Something is said to have happened after the decision.
    #[error("`{field}` is {at_ms} ms, after the decision at {now_ms} ms; evidence comes first")]
    Later {
        /// The field.
        field: &'static str,
        /// When it is said to have happened.
        at_ms: u64,
        /// When the decision is made.
        now_ms: u64,
    },
    /// Something ends before it began.
    #[error("`{field}` is {end_ms} ms, before its begin at {begin_ms} ms")]
    Backwards {
        /// The field.
        field: &'static str,
        /// The end.
        end_ms: u64,
        /// The begin.
        begin_ms: u64,
    },
}

impl GateInput {
    /// Parses an input and holds it to the contract.
    ///
    /// # Errors
    ///
    /// [`InputRefused`], which closes the gate.
    pub fn parse(bytes: &[u8]) -> Result<Self, InputRefused> {
        let input: Self = serde_json::from_slice(bytes)
            .map_err(|problem| InputRefused::Shape(problem.to_string()))?;
        input.rows_agree()?;
        input.times_agree()?;
        Ok(input)
    }

    /// The input as the bytes that are decided from, digested and recorded.
    ///
    /// # Panics
    ///
    /// Never: every part of it is text, integers and lists.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts, integers and lists always serialise")
    }

    /// How many rows each list has now; what [`GateInput::counts`] has to say.
    #[must_use]
    pub fn count(&self) -> Counts {
        Counts {
            artifacts: self.release.artifacts.len().into(),
            changed_paths: self.release.changed_paths.len().into(),
            contributors: self.contributors.len().into(),
            approvals: self.approvals.len().into(),
            required: self.tests.required.len().into(),
            runs: self.tests.runs.len().into(),
            scans: self.scans.len().into(),
            findings: self.findings.len().into(),
            dependencies: self.dependencies.len().into(),
            waivers: self.waivers.len().into(),
            history: self.history.len().into(),
        }
    }

    fn rows_agree(&self) -> Result<(), InputRefused> {
        let counts = &self.counts;
        let lists = [
            ("release.artifacts", self.release.artifacts.len(), counts.artifacts),
            ("release.changed_paths", self.release.changed_paths.len(), counts.changed_paths),
            ("contributors", self.contributors.len(), counts.contributors),
            ("approvals", self.approvals.len(), counts.approvals),
            ("tests.required", self.tests.required.len(), counts.required),
            ("tests.runs", self.tests.runs.len(), counts.runs),
            ("scans", self.scans.len(), counts.scans),
            ("findings", self.findings.len(), counts.findings),
            ("dependencies", self.dependencies.len(), counts.dependencies),
            ("waivers", self.waivers.len(), counts.waivers),
            ("history", self.history.len(), counts.history),
        ];
        for (list, rows, counted) in lists {
            if u64::try_from(rows) != Ok(counted.get()) {
                return Err(InputRefused::Rows { list, rows, counted: counted.get() });
            }
        }
        let never_empty = [
            ("release.artifacts", self.release.artifacts.is_empty()),
            ("contributors", self.contributors.is_empty()),
            ("tests.required", self.tests.required.is_empty()),
            ("approvals.roles", self.approvals.iter().any(|each| each.roles.is_empty())),
        ];
        match never_empty.into_iter().find(|(_, empty)| *empty) {
            Some((list, _)) => Err(InputRefused::NoRows(list)),
            None => Ok(()),
        }
    }

    fn times_agree(&self) -> Result<(), InputRefused> {
        let now = self.now_ms;
        let past = |field, at: Millis| {
            if at <= now {
                return Ok(());
            }
            Err(InputRefused::Later { field, at_ms: at.get(), now_ms: now.get() })
        };
        let span = |field, begin: Millis, end: Millis| {
            if begin <= end {
                return Ok(());
            }
            Err(InputRefused::Backwards { field, end_ms: end.get(), begin_ms: begin.get() })
        };
        past("release.created_ms", self.release.created_ms)?;
        past("emergency.opened_ms", self.emergency.opened_ms)?;
        for approval in &self.approvals {
            past("approvals.at_ms", approval.at_ms)?;
            span("approvals.valid_until_ms", approval.at_ms, approval.valid_until_ms)?;
        }
        for run in &self.tests.runs {
            past("tests.runs.at_ms", run.at_ms)?;
        }
        for scan in &self.scans {
            past("scans.at_ms", scan.at_ms)?;
        }
        for finding in &self.findings {
            past("findings.first_seen_ms", finding.first_seen_ms)?;
            span("findings.due_ms", finding.first_seen_ms, finding.due_ms)?;
        }
        for waiver in &self.waivers {
            past("waivers.granted_ms", waiver.granted_ms)?;
            span("waivers.ends_ms", waiver.granted_ms, waiver.ends_ms)?;
        }
        for deployment in &self.history {
            past("history.at_ms", deployment.at_ms)?;
        }
        Ok(())
    }
}
