//! Why a gate is shut for good, in words.

use super::{RefusedWhy, tests_in};

impl RefusedWhy {
    pub(super) fn sentence(&self) -> String {
        match self {
            Self::TestsFailed(tests) => format!("{} failed.", tests_in(tests.failed)),
            Self::NoTests => "No step reported any test; no data is not a pass.".to_owned(),
            Self::NoSbom { why } => format!("There is no bill of materials. {}", why.sentence()),
            Self::NoScan => {
                "No step left the report of a scanner; no data is not a pass.".to_owned()
            }
            Self::FindingsOverdue { findings, late } => format!(
                "{}. All that is open: {}. Mend it and push, or let two others waive it: `sluss \
                 exception ask waiver --finding KEY`.",
                late.words(),
                findings.words()
            ),
            Self::CriticalFindings { findings } => format!(
                "{} open: {}.",
                match findings.critical {
                    1 => "A critical finding is".to_owned(),
                    many => format!("{many} critical findings are"),
                },
                findings.words()
            ),
            Self::NotMeasured => {
                "No step measured it beside what is live; no data is not a pass.".to_owned()
            }
            Self::Slower { metrics } => format!(
                "It is slower than what is live by more than it may be: {}.",
                metrics.join(", ")
            ),
            Self::NoObjective => {
                "Nothing says what it promises of its traffic; state `error_budget` in its \
                 `sluss.yaml`."
                    .to_owned()
            }
            Self::NotApproved => "A second person did not agree.".to_owned(),
            Self::NotInTime => "Too few people agreed in time, which is a refusal.".to_owned(),
        }
    }
}
