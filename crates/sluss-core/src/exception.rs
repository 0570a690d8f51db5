//! Exceptions: what lets a deployment through although a gate would keep it, for a reason, for a
//! time, by two people, and never unseen.
//!
//! # Invariants
//!
//! - Who asked, and whoever contributed, never grants; where it is used, whoever contributed to
//!   what it is used for counts as one who did not grant it.
//! - An override of a freeze is neither asked for nor granted by whoever contributed.
//! - A standard change stands for the approval of what fits it, and of nothing of which anything is
//!   not known; its failures suspend it.
//! - None of them reaches the provenance of what is deployed, its digests, or the log.
//! - An emergency names an incident, and is granted by who is on call where somebody is. Its review
//!   is `emergency`'s.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::approval::Subject;
use crate::deployment::{Cause, Deployment, Phase};
use crate::event::Event;
use crate::findings::FindingKey;
use crate::gate::{ClearedWhy, GateOutcome};
use crate::ids::{
    DeploymentId, Digest, EnvironmentName, ExceptionId, GroupName, IncidentId, PersonRef,
    ServiceName,
};
use crate::pipeline::GateKind;
use crate::state::State;
use crate::units::Millis;

/// What an exception is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum ExceptionKind {
    /// This deployment goes on although a freeze covers it.
    Freeze {
        /// Which.
        deployment: DeploymentId,
    },
    /// This deployment goes on without the people that rules ask for, and against what policies
    /// deny: something is broken, and this mends it.
    Emergency {
        /// Which.
        deployment: DeploymentId,
        /// What is broken.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        incident: Option<IncidentId>,
    },
    /// What this rule of a policy denies of this service does not keep its releases.
    Waiver {
        /// Whose releases.
        service: ServiceName,
        /// Which rule, as its policy calls it.
        rule: String,
    },
    /// These findings do not keep releases of this service, although their terms are over.
    Findings {
        /// Whose releases.
        service: ServiceName,
        /// Which findings.
        findings: BTreeSet<FindingKey>,
    },
    /// Tests of this service use real data, outside of production; no gate opens by that.
    ProdData {
        /// Whose tests.
        service: ServiceName,
    },
    /// The log is the right one, against what a witness knows of it.
    LogTrust {
        /// The position of the event that says what the witness knows.
        found: u64,
    },
    /// Changes of this kind are agreed to in advance: a release that fits is asked no approval of
    /// its own.
    Standard {
        /// What fits.
        model: Model,
    },
}

/// What bounds an exception beside its end.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// What guards meanwhile instead, of which each waiver has something: a private text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compensating: Option<Digest>,
    /// Where alone a waiver holds; everywhere without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<EnvironmentName>,
}

impl Terms {
    /// Returns terms of which only is said what guards instead.
    pub fn instead(compensating: Digest) -> Self {
        Self { compensating: Some(compensating), environment: None }
    }

    /// Returns whether nothing is said.
    pub fn is_bare(&self) -> bool {
        *self == Self::default()
    }
}

/// What fits a standard change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Whose releases.
    pub service: ServiceName,
    /// Which files may differ from what is live: `docs/` is all in that folder, `*.md` all that
    /// end so, and anything else is one file.
    pub paths: BTreeSet<String>,
    /// How many files at most.
    pub files: u32,
    /// How many lines, added and removed, at most.
    pub lines: u32,
    /// How many of its releases may be taken back, or cause an incident, before it is suspended.
    pub failures: u32,
    /// Who answers for it, and agrees to none of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<PersonRef>,
    /// The independent function of which one agrees, beside whom rules ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<GroupName>,
    /// How many points of risk such a release may have at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_risk: Option<u8>,
    /// Gates that must be among those that such a release clears.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub required_evidence: BTreeSet<GateKind>,
}

/// What a release changes beside what is live where it goes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changed {
    /// The files that differ.
    pub paths: Vec<String>,
    /// How many lines were added and removed; nothing where that is not known, as of binary files.
    pub lines: Option<u64>,
}

/// The file that says how a service is built and delivered: no standard change covers that.
const PIPELINE: &str = "sluss.yaml";

impl Model {
    /// Returns whether every part of `changed` fits; what changes nothing that is known does not.
    pub fn fits(&self, changed: &Changed) -> bool {
        let covered = |path: &String| {
            path != PIPELINE && self.paths.iter().any(|pattern| covers(pattern, path))
        };
        !changed.paths.is_empty()
            && changed.paths.len() <= self.files as usize
            && changed.lines.is_some_and(|lines| lines <= u64::from(self.lines))
            && changed.paths.iter().all(covered)
    }

    /// Returns its digest: that of its JSON form.
    pub fn digest(&self) -> Digest {
        Digest::of(&serde_json::to_vec(self).expect("BUG: plain data has a JSON form"))
    }
}

fn covers(pattern: &str, path: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.ends_with('/')) {
        (Some(ending), _) => ending.len() > 1 && path.ends_with(ending),
        (None, true) => path.starts_with(pattern),
        (None, false) => path == pattern,
    }
}

impl ExceptionKind {
    /// Returns it in a word or two.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Freeze { .. } => "freeze override",
            Self::Emergency { .. } => "emergency",
            Self::Waiver { .. } => "waiver",
            Self::Findings { .. } => "waiver of findings",
            Self::ProdData { .. } => "waiver for real data",
            Self::LogTrust { .. } => "trust in the log",
            Self::Standard { .. } => "standard change",
        }
    }

    /// Returns the longest time that it may last, in milliseconds.
    pub fn longest_ms(&self) -> i64 {
        const HOUR: i64 = 60 * 60 * 1000;
        match self {
            Self::Freeze { .. } | Self::LogTrust { .. } => 24 * HOUR,
            Self::Emergency { .. } => HOUR,
            Self::Waiver { .. } | Self::Findings { .. } | Self::ProdData { .. } => 90 * 24 * HOUR,
            Self::Standard { .. } => 365 * 24 * HOUR,
        }
    }

    /// Returns how many people must agree, beside whoever asks.
    pub fn people(&self) -> usize {
        match self {
            Self::Freeze { .. }
            | Self::Emergency { .. }
            | Self::LogTrust { .. }
            | Self::Standard { .. } => 1,
            Self::Waiver { .. } | Self::Findings { .. } | Self::ProdData { .. } => 2,
        }
    }

    /// Returns whether it is a waiver: something that is asked for is left out for a time.
    pub fn is_waiver(&self) -> bool {
        match self {
            Self::Waiver { .. } | Self::Findings { .. } | Self::ProdData { .. } => true,
            Self::Freeze { .. }
            | Self::Emergency { .. }
            | Self::LogTrust { .. }
            | Self::Standard { .. } => false,
        }
    }

    /// Returns whether it is an emergency.
    pub fn is_emergency(&self) -> bool {
        matches!(self, Self::Emergency { .. })
    }

    /// Returns whether it is an emergency of this deployment.
    pub fn is_emergency_of(&self, id: DeploymentId) -> bool {
        self.is_emergency() && self.deployment() == Some(id)
    }

    /// Returns the incident that it mends, if it is an emergency that names one.
    pub fn incident(&self) -> Option<IncidentId> {
        match self {
            Self::Emergency { incident, .. } => *incident,
            _no_emergency => None,
        }
    }

    /// Returns the service whose releases it is for, if it is for more than one of them.
    pub fn service(&self) -> Option<&ServiceName> {
        match self {
            Self::Waiver { service, .. }
            | Self::Findings { service, .. }
            | Self::ProdData { service } => Some(service),
            Self::Standard { model } => Some(&model.service),
            Self::Freeze { .. } | Self::Emergency { .. } | Self::LogTrust { .. } => None,
        }
    }

    /// Returns the deployment that it is for, if it is for one.
    pub fn deployment(&self) -> Option<DeploymentId> {
        match self {
            Self::Freeze { deployment } | Self::Emergency { deployment, .. } => Some(*deployment),
            Self::Waiver { .. }
            | Self::Findings { .. }
            | Self::ProdData { .. }
            | Self::LogTrust { .. }
            | Self::Standard { .. } => None,
        }
    }
}

/// An exception that somebody asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "fields are the words of the domain")]
pub struct Exception {
    pub what: ExceptionKind,
    pub asked_by: PersonRef,
    /// Why: a private text.
    pub reason: Digest,
    pub asked: Millis,
    #[serde(default)]
    pub terms: Terms,
    pub until: Millis,
    pub granted_by: Vec<PersonRef>,
    /// Who of them signed that with a key of their own.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub signed: BTreeSet<PersonRef>,
    /// Since when it holds.
    pub granted: Option<Millis>,
    /// When someone refused it, or ended it before its time.
    pub ended: Option<Millis>,
    /// Who did that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<PersonRef>,
    /// When an emergency was reviewed, and by whom.
    pub reviewed: Option<(Millis, PersonRef)>,
    /// When a standard change was suspended by its failures.
    #[serde(default)]
    pub suspended: Option<Millis>,
    /// When it was said that a waiver is over.
    #[serde(default)]
    pub expired: Option<Millis>,
    /// When the review of an emergency was said to be overdue.
    #[serde(default)]
    pub overdue: Option<Millis>,
}

impl Exception {
    /// Returns whether it holds at `now`.
    pub fn holds(&self, now: Millis) -> bool {
        self.granted.is_some()
            && self.ended.is_none()
            && self.suspended.is_none()
            && now < self.until
    }

    /// Returns where it stands in a word.
    pub fn word(&self, now: Millis) -> &'static str {
        match (self.ended, self.granted) {
            (Some(_), None) if self.ended_by.as_ref() == Some(&self.asked_by) => "withdrawn",
            (Some(_), None) => "refused",
            (Some(_), Some(_)) => "ended",
            (None, Some(_)) if self.suspended.is_some() => "suspended",
            (None, None) if now >= self.until => "expired",
            (None, None) => "asked",
            (None, Some(_)) if now >= self.until => "over",
            (None, Some(_)) => "holds",
        }
    }
}

impl GateOutcome {
    /// Returns the exceptions that it names: those that opened it, and those that waive some of
    /// what keeps it shut.
    pub fn exceptions(&self) -> Vec<ExceptionId> {
        match self {
            Self::Cleared { why: ClearedWhy::Waived { by, .. } } => by.clone(),
            Self::Cleared { why: ClearedWhy::FindingsInTerm { waived, .. } } => {
                waived.keys().copied().collect()
            }
            Self::Cleared {
                why: ClearedWhy::Standard { exception, .. } | ClearedWhy::Exception { exception },
            } => vec![*exception],
            Self::Cleared { .. } | Self::Waiting { .. } | Self::Refused { .. } => Vec::new(),
        }
    }
}

impl State {
    /// Returns the exception of this kind that holds for `deployment` at `now`. Those who granted
    /// it still decide, and none of them contributed to what it is used for; nor did who asked for
    /// the override of a freeze.
    pub fn exception(
        &self,
        deployment: DeploymentId,
        now: Millis,
        is: impl Fn(&ExceptionKind) -> bool,
    ) -> Option<ExceptionId> {
        self.exception_where(deployment, now, |one| is(&one.what))
    }

    /// Returns the first exception that holds so and is as `is` says.
    pub(crate) fn exception_where(
        &self,
        deployment: DeploymentId,
        now: Millis,
        is: impl Fn(&Exception) -> bool,
    ) -> Option<ExceptionId> {
        let mut found = self.exceptions.iter().filter(|(_, one)| one.holds(now) && is(one));
        found.find(|(_, one)| self.counts(deployment, one, now)).map(|(id, _)| *id)
    }

    /// Returns the deployment for which `one` was asked, where that does not wait any more and
    /// nobody granted it.
    pub fn overtook(&self, one: &Exception) -> Option<DeploymentId> {
        let waits = |id: &DeploymentId| self.still_waits(Subject::Deployment(*id));
        one.what.deployment().filter(|id| one.granted.is_none() && !waits(id))
    }

    /// Returns where `one` stands in a word, with what became of its deployment.
    pub fn exception_word(&self, one: &Exception, now: Millis) -> &'static str {
        match one.word(now) {
            "asked" if self.overtook(one).is_some() => "overtaken",
            word => word,
        }
    }

    /// Returns the waivers of findings that hold so.
    pub(crate) fn findings_waived(
        &self,
        deployment: DeploymentId,
        now: Millis,
    ) -> impl Iterator<Item = (ExceptionId, &ServiceName, &BTreeSet<FindingKey>)> {
        self.exceptions.iter().filter_map(move |(id, one)| match &one.what {
            ExceptionKind::Findings { service, findings }
                if one.holds(now) && self.counts(deployment, one, now) =>
            {
                Some((*id, service, findings))
            }
            _of_another_kind => None,
        })
    }

    /// Returns whether `one` was made by people who may, seen from `deployment`.
    fn counts(&self, deployment: DeploymentId, one: &Exception, now: Millis) -> bool {
        let contributors = self.contributors(deployment);
        let deciders = self.organisation.as_ref().map(|known| known.deciders());
        let free = |who: &&PersonRef| {
            !contributors.contains(*who)
                && **who != one.asked_by
                && deciders.as_ref().is_some_and(|deciders| deciders.contains(*who))
        };
        let granted: BTreeSet<&PersonRef> = one.granted_by.iter().filter(free).collect();
        let asked_freely = match one.what {
            ExceptionKind::Freeze { .. } => !contributors.contains(&one.asked_by),
            ExceptionKind::Emergency { .. }
            | ExceptionKind::Waiver { .. }
            | ExceptionKind::Findings { .. }
            | ExceptionKind::ProdData { .. }
            | ExceptionKind::LogTrust { .. }
            | ExceptionKind::Standard { .. } => true,
        };
        // Of whom nobody knows who they are, nobody can say that they did not grant it.
        let known = self.asks_nobody() || self.unknown_among(&contributors).is_empty();
        granted.len() >= one.what.people()
            && self.is_there(deployment, one)
            && asked_freely
            && known
            && (!one.what.is_emergency() || {
                let mut barred = contributors;
                barred.insert(one.asked_by.clone());
                granted.iter().any(|who| self.is_on_call(who, &barred, now))
            })
    }

    /// Returns whether `deployment` goes where `one` holds.
    pub fn is_there(&self, deployment: DeploymentId, one: &Exception) -> bool {
        let environment = self.deployments.get(&deployment).map(|of| &of.environment);
        one.terms.environment.as_ref().is_none_or(|only| environment == Some(only))
    }

    /// Returns that a waiver is over, if that is new.
    pub(crate) fn newly_expired(&self, now: Millis) -> Option<Vec<Event>> {
        let over = |one: &Exception| {
            one.what.is_waiver()
                && one.granted.is_some()
                && one.ended.is_none()
                && one.expired.is_none()
                && now >= one.until
        };
        let (id, _) = self.exceptions.iter().find(|(_, one)| over(one))?;
        Some(vec![Event::WaiverExpired { exception: *id }])
    }

    /// Returns how many releases that passed by the standard change `id` were taken back, or caused
    /// an incident.
    pub fn failures_of(&self, id: ExceptionId) -> u32 {
        let passed = |deployment: &Deployment| {
            let why = match deployment.gates.get(&GateKind::FourEyes) {
                Some(GateOutcome::Cleared { why }) => Some(why),
                _shut => None,
            };
            matches!(why, Some(ClearedWhy::Standard { exception, .. })
                if *exception == id)
        };
        let taken_back = |deployment: &Deployment| {
            matches!(deployment.phase, Phase::RolledBack { cause, .. }
                if cause != Cause::Window)
        };
        let blamed: BTreeSet<DeploymentId> =
            self.incidents.values().filter_map(|incident| incident.deployment()).collect();
        let failed = |(of, deployment): &(&DeploymentId, &Deployment)| {
            passed(deployment) && (taken_back(deployment) || blamed.contains(of))
        };
        let all = self.deployments.iter().filter(failed).count();
        u32::try_from(all).unwrap_or(u32::MAX)
    }

    /// Returns whether one of the function that must agree to a standard change did, who is none of
    /// `makers`, and acts for none of them.
    pub(crate) fn function_agreed(
        &self,
        (model, one): (&Model, &Exception),
        makers: &BTreeSet<PersonRef>,
        now: Millis,
    ) -> bool {
        let Some(function) = &model.function else { return true };
        let Some(known) = &self.organisation else { return false };
        let mut barred = makers.clone();
        barred.insert(one.asked_by.clone());
        barred.extend(model.owner.clone());
        let groups = known.groups_at(&self.delegations, &barred, now);
        let members = groups.get(function);
        let of_it = |who: &PersonRef| members.is_some_and(|members| members.contains(who));
        let free = |who: &&PersonRef| !barred.contains(*who);
        one.granted_by.iter().filter(free).any(of_it)
    }
}
