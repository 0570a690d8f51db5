//! Streams: each event belongs to exactly one, in which it is numbered and chained.

use std::fmt;

use crate::ids::{ChangeId, DeploymentId, ExceptionId, IncidentId, ReleaseId, RunId};

/// A stream: the events of one thing, numbered and chained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each variant is the word of the domain that it names")]
pub enum Stream {
    Log,
    Config,
    Calendar,
    Access,
    Attestations,
    Change(ChangeId),
    Run(RunId),
    Release(ReleaseId),
    Deployment(DeploymentId),
    Incident(IncidentId),
    Exception(ExceptionId),
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log => f.write_str("log"),
            Self::Config => f.write_str("config"),
            Self::Calendar => f.write_str("calendar"),
            Self::Access => f.write_str("access"),
            Self::Attestations => f.write_str("attestations"),
            Self::Change(id) => write!(f, "change/{id}"),
            Self::Run(id) => write!(f, "run/{id}"),
            Self::Release(id) => write!(f, "release/{id}"),
            Self::Deployment(id) => write!(f, "deployment/{id}"),
            Self::Incident(id) => write!(f, "incident/{id}"),
            Self::Exception(id) => write!(f, "exception/{id}"),
        }
    }
}
