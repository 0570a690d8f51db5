//! Seals: how many events of a release's streams there are, so that none can be left away unseen.
//!
//! # Invariants
//!
//! - A release is sealed only once nothing of it is under way and all that it did is signed; what
//!   happens to it afterwards is sealed again.

use serde::{Deserialize, Serialize};

use crate::deployment::{Deployment, Phase};
use crate::event::{Event, Stream};
use crate::evidence::Evidence;
use crate::ids::{Digest, ReleaseId};
use crate::state::{Release, State};
use crate::steps::Progress;

/// A stream as it was closed: so many events from the first on, of which `head` is the last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Closed {
    /// The stream.
    pub stream: String,
    /// How many events it has.
    pub count: u64,
    /// The leaf hash of the last (RFC 6962).
    pub head: Digest,
}

impl State {
    /// Returns the streams that tell of `release`: its own, its run's, its change's and those of
    /// its deployments.
    pub fn streams_of(&self, id: ReleaseId) -> Vec<Stream> {
        let Some(release) = self.releases.get(&id) else { return Vec::new() };
        let deployments = release.deployments.iter().map(|id| Stream::Deployment(*id));
        let made = [Stream::Release(id), Stream::Run(release.run), Stream::Change(release.change)];
        made.into_iter().chain(deployments).collect()
    }

    /// Returns whether something that the streams of `release` say is still to be signed.
    pub fn is_unattested(&self, id: ReleaseId) -> bool {
        let streams = self.streams_of(id);
        self.unattested.values().any(|evidence| streams.contains(&evidence.stream()))
    }

    /// Returns the releases that are to be sealed now.
    pub fn to_seal(&self) -> Vec<ReleaseId> {
        let settled = |id: &&ReleaseId| {
            let release = self.releases.get(*id);
            release.is_some_and(|of| self.is_settled(of)) && !self.is_unattested(**id)
        };
        self.unsealed.iter().filter(settled).copied().collect()
    }

    /// Returns whether nothing of it is under way.
    fn is_settled(&self, release: &Release) -> bool {
        let mut deployments = release.deployments.iter().filter_map(|id| self.deployments.get(id));
        !release.deployments.is_empty() && deployments.all(rests)
    }

    /// Returns what is appended to close `closed`, of which the first is the release's own stream;
    /// nothing where any of them has moved.
    pub(crate) fn seal(&self, release: ReleaseId, closed: Vec<Closed>) -> Vec<Event> {
        let asked: Vec<String> = self.streams_of(release).iter().map(Stream::to_string).collect();
        let given: Vec<&String> = closed.iter().map(|one| &one.stream).collect();
        let same = asked.iter().eq(given)
            && closed.iter().all(|one| self.head(&one.stream) == one.count)
            && self.unsealed.contains(&release);
        let Some(known) = self.releases.get(&release).filter(|_| same) else { return vec![] };
        let mut closed = closed.into_iter();
        let own = closed.next().map(|Closed { count, head, .. }| Event::ReleaseSealed {
            release,
            n: known.seals + 1,
            count,
            head,
            streams: closed.collect(),
        });
        own.into_iter().collect()
    }
}

/// Notes what is to be sealed, or sealed again.
pub(crate) fn note(state: &mut State, event: &Event) {
    match event {
        Event::ReleaseCreated { release, .. }
        | Event::SbomRecorded { release, .. }
        | Event::ReleaseBarred { release }
        | Event::ReleaseUnbarred { release, .. }
        | Event::DeploymentRequested { release, .. }
        | Event::AttestationRecorded {
            evidence: Evidence::Provenance { release } | Evidence::Sbom { release },
            ..
        } => {
            state.unsealed.insert(*release);
        }
        Event::DeploymentLive { deployment }
        | Event::DeploymentRolledBack { deployment, .. }
        | Event::DeploymentRefused { deployment, .. }
        | Event::DeploymentSuperseded { deployment, .. }
        | Event::EnvironmentRemoved { deployment, .. } => {
            let of = state.deployments.get(deployment).map(|deployment| deployment.release);
            state.unsealed.extend(of);
        }
        Event::ReleaseSealed { release, n, .. } => {
            state.unsealed.remove(release);
            if let Some(release) = state.releases.get_mut(release) {
                release.seals = *n;
            }
        }
        _says_nothing_of_a_release => {}
    }
}

fn rests(deployment: &Deployment) -> bool {
    match deployment.phase {
        Phase::Requested | Phase::Cleared | Phase::RollingOut(_) => false,
        Phase::Live { .. } => deployment.acceptance.progress() != Progress::Going,
        Phase::RolledBack { .. }
        | Phase::Superseded { .. }
        | Phase::Refused { .. }
        | Phase::Removed { .. } => true,
    }
}
