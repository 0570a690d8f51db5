//! Incidents and freezes: a degradation tied to what caused it, and a time in which a gate is shut.

pub mod clocks;
pub mod criteria;
pub mod recurring;
pub mod reporting;

use serde::{Deserialize, Serialize};

use crate::deployment::Cause;
use crate::event::Event;
use crate::ids::{DeploymentId, Digest, EnvironmentName, IncidentId, PersonRef, ServiceName};
use crate::state::State;
use crate::units::Millis;

pub use reporting::{Classified, LimitNear, LookedBack, Notified, Reporting};

/// Who reported a degradation that Sluss did not see by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Reporter {
    /// A person.
    Person,
    /// An alert of a monitoring system.
    Alert {
        /// What tells it from other alerts.
        fingerprint: Digest,
    },
}

/// What opened an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "origin", rename_all = "snake_case")]
pub enum Origin {
    /// Sluss itself saw what a deployment did.
    Seen {
        /// Which deployment.
        deployment: DeploymentId,
        /// What it did.
        cause: Cause,
    },
    /// Somebody, or an alert, said so.
    Reported {
        /// Who.
        by: Reporter,
        /// What they said: a private text.
        summary: Digest,
        /// What is taken to be the cause: what took traffic lately, or what a person named.
        suspect: Option<DeploymentId>,
    },
    /// Something runs that nobody deployed.
    Shadow {
        /// The digest of what runs.
        digest: Digest,
    },
}

/// A degradation, tied to the deployment that caused it where that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// Where.
    pub service: ServiceName,
    /// Where.
    pub environment: EnvironmentName,
    /// What opened it.
    pub origin: Origin,
    /// When it was opened.
    pub opened: Millis,
    /// When the target confirmed that customers are no longer affected.
    pub mitigated: Option<Millis>,
    /// When it was over.
    pub closed: Option<Millis>,
    /// How it was classified, and what the authority was told.
    #[serde(default)]
    pub reporting: Reporting,
}

impl State {
    /// Returns the incidents of probes that a deployment does not answer, and did not since.
    pub fn unanswered(&self, of: DeploymentId) -> impl Iterator<Item = IncidentId> {
        let is = move |id: &&IncidentId| {
            let found = self.incidents.get(id);
            found.is_some_and(|found| found.is_of_probes(of) && found.mitigated.is_none())
        };
        self.open.incidents.iter().filter(is).copied()
    }
}

impl Incident {
    /// Whether it is about probes that `of` does not answer.
    pub(crate) fn is_of_probes(&self, of: DeploymentId) -> bool {
        self.origin == Origin::Seen { deployment: of, cause: Cause::Probe }
    }

    /// Returns an incident that is opened at `now`.
    pub(crate) fn open(
        service: ServiceName,
        environment: EnvironmentName,
        origin: Origin,
        now: Millis,
    ) -> Self {
        let reporting = Reporting::default();
        Self { service, environment, origin, opened: now, mitigated: None, closed: None, reporting }
    }

    /// Returns the deployment that caused it, as far as that is known.
    pub fn deployment(&self) -> Option<DeploymentId> {
        match &self.origin {
            Origin::Seen { deployment, .. } => Some(*deployment),
            Origin::Reported { suspect, .. } => *suspect,
            Origin::Shadow { .. } => None,
        }
    }

    /// Returns why it was opened, as the end of a sentence that begins with a release.
    pub fn sentence(&self) -> &'static str {
        match &self.origin {
            Origin::Seen { cause, .. } => cause.sentence(),
            Origin::Reported { by: Reporter::Person, suspect: Some(_), .. } => {
                "is suspected of what a person reported"
            }
            Origin::Reported { by: Reporter::Alert { .. }, suspect: Some(_), .. } => {
                "is suspected of what an alert reported"
            }
            Origin::Reported { by: Reporter::Person, suspect: None, .. } => {
                "a person reported it; no release is suspected"
            }
            Origin::Reported { by: Reporter::Alert { .. }, suspect: None, .. } => {
                "an alert reported it; no release is suspected"
            }
            Origin::Shadow { .. } => "something runs there that nobody deployed",
        }
    }

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
    /// Who set it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<PersonRef>,
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

/// Folds what happens to incidents.
pub(crate) fn apply(state: &mut State, now: Millis, event: &Event) {
    match event {
        Event::IncidentOpened { incident, deployment: id, cause } => {
            let Some(deployment) = state.deployments.get(id) else { return };
            let (service, environment) = (&deployment.service, &deployment.environment);
            let origin = Origin::Seen { deployment: *id, cause: *cause };
            let opened = Incident::open(service.clone(), environment.clone(), origin, now);
            insert(state, *incident, opened);
        }
        Event::IncidentReported { incident, service, environment, by, summary, suspect } => {
            let (by, summary) = (by.clone(), summary.clone());
            let origin = Origin::Reported { by, summary, suspect: *suspect };
            let opened = Incident::open(service.clone(), environment.clone(), origin, now);
            insert(state, *incident, opened);
        }
        Event::IncidentShadow { incident, service, environment, digest } => {
            let origin = Origin::Shadow { digest: digest.clone() };
            let opened = Incident::open(service.clone(), environment.clone(), origin, now);
            insert(state, *incident, opened);
        }
        Event::IncidentLinked { incident, deployment: named } => {
            match state.incidents.get_mut(incident).map(|incident| &mut incident.origin) {
                Some(Origin::Seen { deployment, .. }) => *deployment = *named,
                Some(Origin::Reported { suspect, .. }) => *suspect = Some(*named),
                Some(Origin::Shadow { .. }) | None => {}
            }
        }
        Event::IncidentMitigated { incident } => {
            if let Some(incident) = state.incidents.get_mut(incident) {
                incident.mitigated = incident.mitigated.or(Some(now));
            }
        }
        Event::IncidentClosed { incident: id, .. } => {
            state.open.incidents.remove(id);
            if let Some(incident) = state.incidents.get_mut(id) {
                incident.closed = Some(now);
            }
        }
        of_reporting => reporting::apply(state, now, of_reporting),
    }
}

fn insert(state: &mut State, id: IncidentId, opened: Incident) {
    state.incidents.insert(id, opened);
    state.open.incidents.insert(id);
    state.open.reports.insert(id);
}
