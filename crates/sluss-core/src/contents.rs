//! Contents: what events name by digest and what is kept outside of the log, with its class.
//!
//! # Invariants
//!
//! - What no event names is no content; what one names again is kept again, from that time on.
//! - No digest that an event stores is left out unsaid: `tests/it/contents.rs` walks the stored
//!   form of a sample of each event.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::approval::{Automated, Subject};
use crate::config::Organisation;
use crate::event::{Event, Stream};
use crate::evidence::Evidence;
use crate::ids::{ChangeId, Digest, DisposalId, PersonRef, ReleaseId};
use crate::materials::{Materials, NoSbom};
use crate::retention::Class;
use crate::state::{ChangePhase, Release, State};
use crate::steps::StepOutcome;
use crate::units::Millis;

/// Where a content is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Among the blobs, under its digest.
    Blob,
    /// Among the private texts: the digest is over random bytes and the text.
    Text,
}

/// A content that an event names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its digest.
    pub digest: Digest,
    /// What it is kept as.
    pub class: Class,
    /// Where it is kept.
    pub kind: Kind,
    /// Who wrote it, where it is the text of one person.
    pub by: Option<PersonRef>,
}

/// Why a content is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GoneWhy {
    /// Two people disposed of it.
    Disposed(DisposalId),
    /// Whoever wrote it was erased.
    Erased,
}

/// A content that is gone: by an event, before its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gone {
    /// Since when.
    pub at: Millis,
    /// The position of the event that says so.
    pub leaf: u64,
    /// Why.
    pub why: GoneWhy,
}

/// A content, as far as the log tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// What it is kept as.
    pub class: Class,
    /// Where it is kept.
    pub kind: Kind,
    /// When an event named it first.
    pub first: Millis,
    /// When an event named it last.
    pub last: Millis,
    /// The streams of the events that name it.
    pub streams: BTreeSet<Stream>,
    /// The numbers of the proposed configurations that they are about.
    pub configurations: BTreeSet<u64>,
    /// Who wrote it, where it is the text of one person.
    pub by: Option<PersonRef>,
    /// Whether it is gone. What is named again afterwards is there again.
    pub gone: Option<Gone>,
}

/// When a configuration was in force.
pub(crate) struct Term {
    /// Its number.
    number: u64,
    from: Millis,
    until: Option<Millis>,
}

fn blob(class: Class, digest: &Digest) -> Named {
    Named { digest: digest.clone(), class, kind: Kind::Blob, by: None }
}

fn text(class: Class, digest: &Digest, by: Option<&PersonRef>) -> Named {
    Named { digest: digest.clone(), class, kind: Kind::Text, by: by.cloned() }
}

impl Event {
    /// Returns the contents that it names: all that is kept for it outside of the log.
    pub fn contents(&self) -> Vec<Named> {
        use Event as E;
        let evidence = |digest: &Digest| blob(Class::Evidence, digest);
        let wrote = |digest: &Digest, by: &PersonRef| text(Class::Personal, digest, Some(by));
        match self {
            E::ConfigProposed { organisation, .. } => {
                let texts = organisation.calendar.iter().chain(&organisation.policies);
                texts.chain(organisation.not_applicable.values()).map(evidence).collect()
            }
            E::ConfigCompared { report, .. } => report.iter().map(evidence).collect(),
            E::ChangePushed { push, .. } => {
                // A title is the text of one person only where nobody else had a part in it.
                let mut people = push.contributors.iter();
                let by = people.next().filter(|_| people.next().is_none());
                vec![text(Class::Personal, &push.title, by)]
            }
            E::StepFinished { outcome, log, .. } => {
                let why = match outcome {
                    StepOutcome::Errored { why } => why.as_ref(),
                    _ended => None,
                };
                let why = why.map(|why| text(Class::Logs, why, None));
                log.iter().map(|log| blob(Class::Logs, log)).chain(why).collect()
            }
            E::FindingsRecorded { report, .. } => vec![evidence(report)],
            E::PerformanceMeasured { measured, .. } => vec![evidence(&measured.report)],
            E::SbomRecorded { materials, .. } => match materials {
                Materials::Listed { sbom, .. } => vec![evidence(sbom)],
                Materials::Absent { why: NoSbom::Malformed { why, .. } } => {
                    why.iter().map(|why| text(Class::Logs, why, None)).collect()
                }
                Materials::Absent { .. } => vec![],
            },
            E::ReleaseCreated { artifacts, .. } => {
                artifacts.iter().map(|one| blob(Class::Artifacts, &one.digest)).collect()
            }
            E::ReleaseFailed { why, .. } => vec![text(Class::Logs, why, None)],
            E::GateDecided { policy: Some(record), .. } => {
                record.all().into_iter().map(evidence).collect()
            }
            E::GateDecided { outcome, policy: None, .. } => {
                outcome.input().map(evidence).into_iter().collect()
            }
            E::FreezeDecided(said) => vec![evidence(&said.calendar), evidence(&said.says)],
            E::ApprovalRequested { statement, .. }
            | E::ApprovalAutomated(Automated { statement, .. }) => vec![evidence(statement)],
            E::ApprovalGranted { signed, .. } | E::ExceptionGranted { signed, .. } => {
                signed.iter().map(|signed| evidence(&signed.assertion)).collect()
            }
            E::ApprovalRefused { by, reason, signed, .. } => {
                let signed = signed.iter().map(|signed| evidence(&signed.assertion));
                signed.chain(reason.iter().map(|reason| wrote(reason, by))).collect()
            }
            E::AttestationRecorded { envelope, .. } => vec![evidence(envelope)],
            _of_people => self.written(),
        }
    }

    /// Returns the private texts that it names: what people wrote.
    fn written(&self) -> Vec<Named> {
        use Event as E;
        let wrote = |digest: &Digest, by: &PersonRef| text(Class::Personal, digest, Some(by));
        match self {
            E::IncidentReported { summary, .. } => vec![text(Class::Personal, summary, None)],
            // What the authority was told is the organisation's, and not of whoever noted it.
            E::IncidentNotified(of) => vec![text(Class::Evidence, &of.reference, None)],
            E::IncidentReviewed(of) => vec![wrote(&of.findings, &of.by)],
            E::IncidentClassified(of) => {
                of.reason.iter().map(|reason| wrote(reason, &of.by)).collect()
            }
            E::FreezeLifted { by: Some(by), reason: Some(reason), .. } => vec![wrote(reason, by)],
            E::FreezeSet { reason, by, .. } => {
                vec![text(Class::Personal, reason, by.as_ref())]
            }
            E::ExceptionRequested { by, reason, terms, .. } => {
                let said = terms.compensating.iter().chain([reason]);
                said.map(|text| wrote(text, by)).collect()
            }
            E::ApprovalRevoked { by, reason, .. }
            | E::LineStopped { by, reason, .. }
            | E::LineLiftAgreed { by, reason, .. }
            | E::HoldPlaced { by, reason, .. }
            | E::HoldLiftAgreed { by, reason, .. }
            | E::ErasureProposed { by, reason, .. } => vec![wrote(reason, by)],
            E::DisposalProposed { by, early, .. } => {
                early.iter().map(|reason| wrote(reason, by)).collect()
            }
            E::ExceptionReviewed { by, findings, .. } => vec![wrote(findings, by)],
            E::AuthenticatorRegistered { person, credential, .. } => {
                vec![wrote(&credential.name, person), wrote(&credential.id, person)]
            }
            other => other.assured().into_iter().map(|(said, by)| wrote(said, by)).collect(),
        }
    }

    /// Returns the number of the proposed configuration that it is about, if it is about one.
    pub fn configuration(&self) -> Option<u64> {
        match self {
            Self::ConfigProposed { number, .. }
            | Self::ConfigCompared { number, .. }
            | Self::ConfigActivated { number, .. } => Some(*number),
            Self::ApprovalRequested { subject, .. }
            | Self::ApprovalGranted { subject, .. }
            | Self::ApprovalRefused { subject, .. }
            | Self::ApprovalExpired { subject, .. }
            | Self::ApprovalRevoked { subject, .. }
            | Self::ApprovalInvalidated { subject, .. }
            | Self::AttestationRecorded { evidence: Evidence::Approval { subject }, .. } => {
                match subject {
                    Subject::Configuration(number) => Some(*number),
                    Subject::Deployment(_) => None,
                }
            }
            _of_another_kind => None,
        }
    }
}

/// Notes what an event names.
pub(crate) fn note(state: &mut State, now: Millis, event: &Event) {
    let stream = event.stream();
    for Named { digest, class, kind, by } in event.contents() {
        let known = state.contents.entry(digest).or_insert_with(|| Kept {
            class,
            kind,
            first: now,
            last: now,
            streams: BTreeSet::new(),
            configurations: BTreeSet::new(),
            by: by.clone(),
            gone: None,
        });
        known.class = known.class.max(class);
        known.last = known.last.max(now);
        known.streams.insert(stream);
        known.configurations.extend(event.configuration());
        known.gone = None;
    }
}

impl State {
    /// Returns the proposed configurations that decided about a release, by their numbers: the one
    /// in force when it was made, those that came until its last deployment began, and those by
    /// which the policies of these came into force.
    pub fn configurations_of(&self, id: ReleaseId) -> BTreeSet<u64> {
        let Some(release) = self.releases.get(&id) else { return BTreeSet::new() };
        let terms = self.proposals.keys().filter_map(|number| self.term(*number));
        let decided = terms.filter(|term| self.decided(term, release));
        decided.flat_map(|term| [term.number, self.brought_policies(term.number)]).collect()
    }

    /// Returns the configuration by which the policies of `number` came into force.
    fn brought_policies(&self, number: u64) -> u64 {
        let policies = |of: u64| self.proposals.get(&of).map(|one| &one.organisation.policies);
        let mut in_force: Vec<(Millis, u64)> = self
            .proposals
            .iter()
            .filter_map(|(other, one)| Some((one.activated?, *other)))
            .filter(|(_, other)| *other <= number)
            .collect();
        in_force.sort_unstable();
        let same = in_force.iter().rev().take_while(|(_, of)| policies(*of) == policies(number));
        same.last().map_or(number, |(_, of)| *of)
    }

    /// Returns when a proposed configuration was in force, if it ever was.
    pub(crate) fn term(&self, number: u64) -> Option<Term> {
        let from = self.proposals.get(&number)?.activated?;
        let later = self.proposals.iter().filter_map(|(other, one)| Some((one.activated?, *other)));
        let until = later.filter(|other| *other > (from, number)).min().map(|(at, _)| at);
        Some(Term { number, from, until })
    }

    /// Returns whether a configuration that was in force so decided about a release.
    pub(crate) fn decided(&self, term: &Term, release: &Release) -> bool {
        let deployments = release.deployments.iter().filter_map(|id| self.deployments.get(id));
        let began = deployments.map(|one| one.started.unwrap_or(self.time)).max();
        let began = began.unwrap_or(release.created);
        let when_made =
            term.from <= release.created && term.until.is_none_or(|until| until > release.created);
        when_made || (term.from > release.created && term.from <= began)
    }

    /// Returns what would be asked by the configuration that was proposed last, if that is open.
    pub(crate) fn next_organisation(&self) -> Option<&Organisation> {
        let (_, last) = self.proposals.last_key_value()?;
        (!last.over).then_some(&last.organisation)
    }

    /// Returns the change that `change` became part of, or itself.
    pub(crate) fn delivered_as(&self, change: ChangeId) -> ChangeId {
        match self.changes.get(&change).map(|of| &of.phase) {
            Some(ChangePhase::MergedInto { into }) => *into,
            _itself => change,
        }
    }

    /// Returns the contents whose files are to be removed, where they are still there.
    pub fn to_remove(&self) -> impl Iterator<Item = (&Digest, &Kept, &Gone)> {
        self.contents.iter().filter_map(|(digest, kept)| Some((digest, kept, kept.gone.as_ref()?)))
    }
}
