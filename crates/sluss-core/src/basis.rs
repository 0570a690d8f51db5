//! Basis: what stands behind a request for a second person, as it was when it was asked: what was
//! live there, what differs from that, the evidence, the risk, and from when on it counts.
//!
//! # Invariants
//!
//! - A statement follows from the log alone: what is not a function of the state stands in the
//!   event that asks.
//! - Further evidence that speaks for a release takes nothing away. Where a piece that was there is
//!   another now, or anything new speaks against it, who agreed has not seen that: it is void.
//!
//! # The digest of the evidence
//!
//! Pieces of evidence are the events of a release's streams (its own, its run's, its change's and
//! those of its deployments) that say what tests came to (`step.finished` with `tests`), what
//! scanners found (`findings.recorded`), what was measured (`performance.measured`), what it is
//! made of (`sbom.recorded`), and that tests were accepted (`test.result_accepted`), up to the
//! event that asks. The SHA-256 of each one's `data`, as it stands in the log, in lower-case
//! hexadecimal, each once, sorted, each followed by a line feed: the SHA-256 of that text is the
//! digest.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::approval::{Request, Statement, Subject, VoidWhy};
use crate::config::Organisation;
use crate::event::Event;
use crate::findings::{FindingKey, Severity};
use crate::ids::{ChangeId, CommitId, DeploymentId, Digest, ReleaseId};
use crate::materials::Materials;
use crate::performance::Pace;
use crate::risk::{level_of, live_beside, risk};
use crate::rules::Diff;
use crate::state::State;
use crate::steps::StepOutcome;
use crate::units::Millis;

/// What stands behind a request, as it was when it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Basis {
    /// The commit that was live there; nothing where nothing was.
    pub base_commit: Option<CommitId>,
    /// The digest of what differs from that ([`Diff`]); nothing where it could not be read.
    pub diff_sha256: Option<Digest>,
    /// The digest of the evidence that there was.
    pub evidence_sha256: Digest,
    /// The points of its risk.
    pub risk_points: u8,
    /// When it was asked: an approval counts from then on.
    pub valid_from: Millis,
}

/// Risk as a statement has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RiskSaid {
    /// `low`, `medium` or `high`.
    pub level: &'static str,
    /// The points that say so.
    pub points: u8,
}

/// The evidence that a stream has.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Evidenced {
    /// The digests of all that was said, of attempts that were made again too.
    all: BTreeSet<Digest>,
    /// What stands, by what it is: of each step its last attempt.
    standing: BTreeMap<String, Piece>,
}

/// One piece of evidence, as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Piece {
    attempt: u16,
    /// The digests of what was said.
    said: BTreeSet<Digest>,
    /// The critical findings that it names.
    critical: BTreeSet<FindingKey>,
    /// How many more critical ones it counts.
    unnamed: u32,
    /// Whether it speaks against the release.
    against: bool,
}

impl Piece {
    fn add(&mut self, other: Self) {
        self.said.extend(other.said);
        self.critical.extend(other.critical);
        self.unnamed = self.unnamed.saturating_add(other.unnamed);
        self.against |= other.against;
    }

    /// Reads what `event` says of evidence, and what it is about.
    fn of(event: &Event) -> Option<(String, Self)> {
        let mut piece = Self::default();
        let label = match event {
            Event::StepFinished { step, attempt, outcome, tests: Some(tests), .. } => {
                piece.attempt = *attempt;
                piece.against = *outcome != StepOutcome::Succeeded || tests.failed > 0;
                format!("tests {step}")
            }
            Event::FindingsRecorded { step, attempt, findings, named, .. } => {
                piece.attempt = *attempt;
                match named {
                    Some(named) => {
                        let critical =
                            |one: &crate::findings::Found| one.severity == Severity::Critical;
                        let keys = named.all().filter(critical).map(|one| one.key);
                        piece.critical = keys.collect();
                        let more = named.unnamed.get(&Severity::Critical);
                        piece.unnamed = more.copied().unwrap_or(0);
                    }
                    None => piece.unnamed = findings.critical,
                }
                format!("findings {step}")
            }
            Event::PerformanceMeasured { step, attempt, measured, .. } => {
                piece.attempt = *attempt;
                piece.against = measured.at(Pace::Slower).next().is_some();
                format!("measurements {step}")
            }
            Event::SbomRecorded { materials, .. } => {
                piece.against = matches!(materials, Materials::Absent { .. });
                "materials".to_owned()
            }
            Event::TestResultAccepted(_) => "accepted tests".to_owned(),
            _says_nothing_of_evidence => return None,
        };
        let (_, data) = event.to_parts();
        piece.said.insert(Digest::of(data.get().as_bytes()));
        Some((label, piece))
    }
}

/// Notes what `event` says of evidence.
pub(crate) fn note(state: &mut State, event: &Event) {
    let Some((label, piece)) = Piece::of(event) else { return };
    let of = state.pieces.entry(event.stream().to_string()).or_default();
    of.all.extend(piece.said.iter().cloned());
    let standing = of.standing.entry(label).or_default();
    if piece.attempt > standing.attempt {
        *standing = piece;
    } else if piece.attempt == standing.attempt {
        standing.add(piece);
    }
}

/// What there was when something was asked, that may be another by now.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Seen {
    /// What the organisation asked for.
    policy: Option<Digest>,
    /// The change of a deployment, and the one that was live there.
    changes: Option<(ChangeId, Option<ChangeId>)>,
    /// The evidence that stood, by its stream and what it is.
    pieces: BTreeMap<String, Piece>,
}

impl Seen {
    /// Returns what there is now.
    pub(crate) fn now(state: &State, subject: Subject) -> Self {
        let policy = state.organisation.as_ref().map(Organisation::policy_digest);
        let deployment = match subject {
            Subject::Deployment(id) => state.deployments.get(&id),
            Subject::Configuration(_) => None,
        };
        let Some(deployment) = deployment else { return Self { policy, ..Self::default() } };
        let own = state.releases.get(&deployment.release).map(|release| release.change);
        let live = live_beside(state, deployment);
        let live = live.and_then(|live| state.releases.get(&live.release)).map(|of| of.change);
        let mut pieces = BTreeMap::new();
        for stream in state.streams_of(deployment.release) {
            let stream = stream.to_string();
            let standing = state.pieces.get(&stream).into_iter().flat_map(|of| &of.standing);
            pieces
                .extend(standing.map(|(what, piece)| (format!("{stream} {what}"), piece.clone())));
        }
        Self { policy, changes: own.map(|own| (own, live)), pieces }
    }

    /// Returns why who agreed to this has not agreed to what there is `now`.
    fn differs(&self, now: &Self) -> Option<VoidWhy> {
        if self.policy != now.policy {
            return Some(VoidWhy::PolicyChanged);
        }
        if !self.is_within(now) {
            return Some(VoidWhy::BaseMoved);
        }
        if !now.critical().is_subset(&self.critical()) || now.unnamed() > self.unnamed() {
            return Some(VoidWhy::CriticalFinding);
        }
        let turned = |(what, piece): (&String, &Piece)| {
            piece.against && !self.pieces.get(what).is_some_and(|then| then.against)
        };
        if now.pieces.iter().any(turned) {
            return Some(VoidWhy::EvidenceNegative);
        }
        let stands = |(what, then): (&String, &Piece)| {
            now.pieces.get(what).is_some_and(|piece| then.said.is_subset(&piece.said))
        };
        (!self.pieces.iter().all(stands)).then_some(VoidWhy::EvidenceReplaced)
    }

    /// Whether what would go now is all of what was looked at, or the rest of it: what went live in
    /// between lies between what was live then and what is asked about.
    fn is_within(&self, now: &Self) -> bool {
        match (self.changes, now.changes) {
            (Some((own, then)), Some((_, now))) => {
                then == now || (then < now && now.is_some_and(|live| live < own))
            }
            (then, now) => then == now,
        }
    }

    fn critical(&self) -> BTreeSet<FindingKey> {
        self.pieces.values().flat_map(|piece| &piece.critical).copied().collect()
    }

    fn unnamed(&self) -> u32 {
        self.pieces.values().fold(0, |all: u32, piece| all.saturating_add(piece.unnamed))
    }
}

impl State {
    /// Returns the digest of the evidence of `release` that there is by now.
    pub fn evidence_digest(&self, release: ReleaseId) -> Digest {
        let streams = self.streams_of(release);
        let pieces = streams.iter().filter_map(|stream| self.pieces.get(&stream.to_string()));
        let all: BTreeSet<&str> =
            pieces.flat_map(|of| &of.all).map(|digest| digest.as_str()).collect();
        let lines: String = all.into_iter().flat_map(|digest| [digest, "\n"]).collect();
        Digest::of(lines.as_bytes())
    }

    /// Returns how many pieces that digest is of.
    pub fn evidence_count(&self, release: ReleaseId) -> usize {
        let streams = self.streams_of(release);
        let pieces = streams.iter().filter_map(|stream| self.pieces.get(&stream.to_string()));
        pieces.flat_map(|of| &of.all).collect::<BTreeSet<&Digest>>().len()
    }

    /// Returns what stands behind a request about `id` that is made at `now`.
    pub(crate) fn basis(&self, id: DeploymentId, diff: Option<Diff>, now: Millis) -> Option<Basis> {
        let deployment = self.deployments.get(&id)?;
        let live = live_beside(self, deployment);
        let live = live.and_then(|live| self.change_of(live.release));
        let risk = risk(self, id, diff.as_ref().map(|diff| diff.size), now)?;
        Some(Basis {
            base_commit: live.map(|change| change.push.commit.clone()),
            diff_sha256: diff.map(|diff| diff.sha256),
            evidence_sha256: self.evidence_digest(deployment.release),
            risk_points: risk.points,
            valid_from: now,
        })
    }

    /// Returns why what was asked, or agreed to, is void, if it is: what it is about is another
    /// now, or more people contributed to that than were known: after a rollback a release may
    /// bring changes that were live before.
    pub(crate) fn void_why(&self, subject: Subject, request: &Request) -> Option<VoidWhy> {
        if !self.contributors_to(subject).is_subset(&request.contributors) {
            return Some(VoidWhy::MoreContributors);
        }
        let differs = || request.seen.as_ref()?.differs(&Seen::now(self, subject));
        let same = self.statement(subject).as_ref() == Some(&request.statement);
        differs().or((!same).then_some(VoidWhy::StatementMoved))
    }

    /// Returns the digest of the statement that an approval of `subject` is bound to as things
    /// stand now; nothing where nothing was asked of it that its statement would say.
    pub fn statement(&self, subject: Subject) -> Option<Digest> {
        let request = self.requests.get(&subject);
        let until = request.and_then(|request| request.valid_until);
        let basis = request.and_then(|request| request.basis.as_ref());
        self.statement_text(subject, until.zip(basis)).map(|text| Digest::of(&text))
    }

    /// Returns the exact bytes of a statement about `subject`: about a deployment, of one that
    /// counts until then and has this behind it.
    pub fn statement_text(
        &self,
        subject: Subject,
        terms: Option<(Millis, &Basis)>,
    ) -> Option<Vec<u8>> {
        match subject {
            Subject::Deployment(id) => self.statement_of(id, terms?),
            Subject::Configuration(number) => {
                let proposal = self.proposals.get(&number)?;
                let policy = self.organisation.as_ref().map(Organisation::policy_digest);
                let parts =
                    (subject, &proposal.commit, &proposal.organisation, policy, &proposal.nonce);
                Some(serde_json::to_vec(&parts).expect("BUG: plain data has a JSON form"))
            }
        }
    }

    fn statement_of(&self, id: DeploymentId, (until, basis): (Millis, &Basis)) -> Option<Vec<u8>> {
        let deployment = self.deployments.get(&id)?;
        let release = self.releases.get(&deployment.release)?;
        let change = self.changes.get(&release.change)?;
        let policy = self.organisation.as_ref()?.policy_digest();
        let points = basis.risk_points;
        let statement = Statement {
            format: Statement::FORMAT,
            subject: Subject::Deployment(id),
            service: &deployment.service,
            release: deployment.release,
            artifacts: release.artifacts.iter().map(|artifact| &artifact.digest).collect(),
            commit: &change.push.commit,
            base_commit: basis.base_commit.as_ref(),
            diff_sha256: basis.diff_sha256.as_ref(),
            template: &change.push.pipeline.template,
            template_sha256: &change.push.pipeline.template_digest,
            policy_sha256: &policy,
            config_sha256: &release.configuration,
            environments: [&deployment.environment],
            evidence_sha256: &basis.evidence_sha256,
            risk: RiskSaid { level: level_of(points), points },
            valid_from: basis.valid_from,
            valid_until: until,
            nonce: &deployment.nonce,
        };
        Some(statement.to_text())
    }
}
