//! The one error that callers of the engine see: who can mend it, what happened, what to do next.

use sluss_core::decide::{Blame as Fault, Refusal};
use sluss_core::invariant::Invariant;
use sluss_store::{AppendError, ReadError};

/// What works while the log can't be written.
const BACK: &str = "What is live can be taken back meanwhile: `sluss rollback SERVICE`";

/// Who can mend a failure; decides exit code and HTTP status, in one place each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// What was asked makes no sense.
    Caller,
    /// It is more than we take.
    TooLarge,
    /// Who asked may not.
    Denied,
    /// There is no such thing.
    NotFound,
    /// It does not fit what is true now.
    Conflict,
    /// Something that we stand on does not work now.
    Upstream,
    /// We are wrong.
    Bug,
}

/// Why something that was asked of the engine did not happen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Failure {
    /// Who can mend it.
    pub blame: Blame,
    /// What happened, and why.
    pub what: String,
    /// What to do next.
    pub hint: String,
    /// The compiled-in invariant that it would break, if it is one.
    pub core: Option<Invariant>,
}

impl Failure {
    /// Returns a failure.
    pub fn new(blame: Blame, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { blame, what: what.into(), hint: hint.into(), core: None }
    }

    /// Returns the failure of something that we stand on.
    pub fn upstream(what: impl Into<String>, error: &dyn std::error::Error) -> Self {
        let mut what = what.into();
        let mut cause = Some(error);
        while let Some(error) = cause {
            what = format!("{what}: {error}");
            cause = error.source();
        }
        Self::new(Blame::Upstream, what, "Look at what is wrong: `sluss doctor`")
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let blame = match refusal.blame {
            Fault::Caller => Blame::Caller,
            Fault::Denied => Blame::Denied,
            Fault::Conflict => Blame::Conflict,
            Fault::NotFound => Blame::NotFound,
        };
        Self { core: refusal.core, ..Self::new(blame, refusal.what, refusal.hint) }
    }
}

impl From<AppendError> for Failure {
    fn from(error: AppendError) -> Self {
        let what = format!("Nothing was recorded, so nothing was done: {error}");
        let failure = match error {
            AppendError::Moved { .. } => {
                Self::new(Blame::Conflict, what, "Look again, and try again")
            }
            AppendError::Refused { why, .. } => {
                Self::new(Blame::Bug, format!("{what}: {why}"), "Please report this")
            }
            AppendError::Full { .. } => Self::new(
                Blame::Upstream,
                what,
                format!("Make space on the data folder's disk, try again. {BACK}"),
            ),
            AppendError::Unavailable { .. } => {
                let hint = format!("Look at what is wrong: `sluss doctor`. {BACK}");
                Self::new(Blame::Upstream, what, hint)
            }
        };
        Self { core: Some(Invariant::IntentLogged), ..failure }
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        let hint = "Look for the entry that is wrong: `sluss log verify`";
        Self::new(Blame::Upstream, error.to_string(), hint)
    }
}
