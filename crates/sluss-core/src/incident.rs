//! Incidents and freezes: a degradation tied to what caused it, and a time in which a gate is shut.

use serde::{Deserialize, Serialize};

use crate::deployment::Cause;
use crate::ids::{DeploymentId, Digest, EnvironmentName, ServiceName};
use crate::units::Millis;

/// A degradation, tied to the deployment that caused it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// Where.
    pub service: ServiceName,
    /// Where.
    pub environment: EnvironmentName,
    /// What caused it.
    pub deployment: DeploymentId,
    /// Why that was taken back.
    pub cause: Cause,
    /// When it was opened.
    pub opened: Millis,
    /// When the target confirmed that customers are no longer affected.
    pub mitigated: Option<Millis>,
    /// When it was over.
    pub closed: Option<Millis>,
}

impl Incident {
    /// Returns where it stands in a word.
    pub fn word(&self) -> &'static str {
        match (self.closed, self.mitigated) {
            (Some(_), _) => "closed",
            (None, Some(_)) => "mitigated",
            (None, None) => "open",
        }
    }
}

/// A time in which the freeze gate stays shut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze {
    /// For which service; without one, for all.
    pub service: Option<ServiceName>,
    /// For which environment; without one, for all that stay.
    pub environment: Option<EnvironmentName>,
    /// From when.
    pub from: Millis,
    /// Until when, not included.
    pub until: Millis,
    /// Why: a private text.
    pub reason: Digest,
    /// When it was lifted before its end.
    pub lifted: Option<Millis>,
}

impl Freeze {
    /// Returns whether it keeps a deployment of `service` into `environment` waiting at `now`.
    pub fn covers(
        &self,
        service: &ServiceName,
        environment: &EnvironmentName,
        now: Millis,
    ) -> bool {
        self.lifted.is_none()
            && self.from <= now
            && now < self.until
            && self.service.as_ref().is_none_or(|only| only == service)
            && self.environment.as_ref().is_none_or(|only| only == environment)
    }
}
