//! Disposal: what is due, what must stay, and what two people agreed to dispose of.
//!
//! # Invariants
//!
//! - Nothing that lies in a hold is disposed of, nor what is under way, in force, or needed by a
//!   release that is live; not before its period either.
//! - A period begins when a content was last named, or when the last release that it belongs to
//!   came to rest, whichever is later.
//! - The event comes before the file goes: what is to be removed is what the fold says is gone.

use serde::{Deserialize, Serialize};

use crate::approval::Decision;
use crate::contents::{Gone, GoneWhy, Kept};
use crate::deployment::Phase;
use crate::event::{Event, Stream};
use crate::exception::ExceptionKind;
use crate::hold::About;
use crate::ids::{Digest, DisposalId, HoldId, PersonRef, ReleaseId};
use crate::retention::{Class, Periods};
use crate::state::State;
use crate::units::Millis;

/// Why something stays, whatever its period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// This release is live, or stands by to be gone back to.
    Live(ReleaseId),
    /// Something of this release is under way.
    UnderWay(ReleaseId),
    /// It is part of what decides now, or may decide next.
    InForce,
    /// What it belongs to is open.
    Open,
    /// This release was taken back and is barred: it can be disposed of for a reason only.
    Barred(ReleaseId),
}

impl Need {
    /// Returns why, as the end of a sentence that begins with it.
    pub fn sentence(self) -> String {
        match self {
            Self::Live(id) => format!("is needed: {id} is live, or stands by to be gone back to"),
            Self::UnderWay(id) => format!("is needed: {id} is under way"),
            Self::InForce => "is needed: it is part of what decides now".to_owned(),
            Self::Open => "is needed: what it belongs to is open".to_owned(),
            Self::Barred(id) => format!("stays as long as {id} is barred"),
        }
    }

    /// Returns whether it can be disposed of all the same, for a reason.
    fn yields(self) -> bool {
        matches!(self, Self::Barred(_))
    }
}

/// How a content stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It is gone.
    Gone(Gone),
    /// It lies in a hold.
    Held(HoldId),
    /// It stays, whatever its period.
    Needed(Need),
    /// Its period is not over.
    Kept {
        /// When it will be.
        until: Millis,
    },
    /// Its period is over.
    Due {
        /// Since when.
        since: Millis,
    },
}

/// A disposal that somebody proposed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disposal {
    /// What is to be disposed of.
    pub contents: Vec<Digest>,
    /// Why before the period is over, if so: a private text.
    pub early: Option<Digest>,
    /// Who proposed it.
    pub by: PersonRef,
    /// When.
    pub proposed: Millis,
    /// When it was decided, by whom, and whether they agreed.
    pub decided: Option<(Millis, PersonRef, bool)>,
}

impl Disposal {
    /// The most contents of one disposal.
    pub const MOST: usize = 100;
}

impl State {
    /// Returns for how long things are kept now.
    pub fn periods(&self) -> Periods {
        self.organisation.as_ref().map(|known| known.retention.clone()).unwrap_or_default()
    }

    /// Returns how a content stands at `now`; nothing where no event names it.
    pub fn standing(&self, digest: &Digest, now: Millis) -> Option<Standing> {
        Some(self.standing_of(digest, self.contents.get(digest)?, now))
    }

    fn standing_of(&self, digest: &Digest, kept: &Kept, now: Millis) -> Standing {
        if let Some(gone) = &kept.gone {
            return Standing::Gone(gone.clone());
        }
        if let Some(hold) = self.hold_over(kept) {
            return Standing::Held(hold);
        }
        if let Some(need) = self.need_of(digest, kept, now) {
            return Standing::Needed(need);
        }
        let until = self.periods().of(kept.class).after(self.counts_from(kept));
        if now < until { Standing::Kept { until } } else { Standing::Due { since: until } }
    }

    /// Returns what is due at `now`, with its class and since when.
    pub fn due(&self, now: Millis) -> Vec<(&Digest, Class, Millis)> {
        let due = |(digest, kept)| match self.standing_of(digest, kept, now) {
            Standing::Due { since } => Some((digest, kept.class, since)),
            _stays => None,
        };
        self.contents.iter().filter_map(due).collect()
    }

    /// Checks that a content can be disposed of at `now`; `early` where a reason is given.
    ///
    /// # Errors
    ///
    /// Why not, as the end of a sentence that begins with it.
    pub fn can_dispose(&self, digest: &Digest, early: bool, now: Millis) -> Result<Class, String> {
        let Some(kept) = self.contents.get(digest) else {
            return Err("is named by no event".to_owned());
        };
        match self.standing_of(digest, kept, now) {
            Standing::Due { .. } => Ok(kept.class),
            Standing::Kept { .. } if early => Ok(kept.class),
            Standing::Needed(need) if early && need.yields() => Ok(kept.class),
            Standing::Gone(_) => Err("is gone already".to_owned()),
            Standing::Held(hold) => Err(format!("lies in the legal hold {hold}")),
            Standing::Needed(need) => Err(need.sentence()),
            Standing::Kept { .. } => {
                let period = self.periods().of(kept.class);
                Err(format!("is kept for {} years, which are not over", period.count()))
            }
        }
    }

    /// Returns when its period began.
    fn counts_from(&self, kept: &Kept) -> Millis {
        let about = self.about(kept);
        let releases = about.iter().filter_map(|about| match about {
            About::Release(id) => self.came_to_rest(*id),
            About::Service(_) | About::Whole | About::Access => None,
        });
        releases.fold(kept.last, Millis::max)
    }

    /// Returns the last time at which something happened to a release or to its deployments.
    fn came_to_rest(&self, id: ReleaseId) -> Option<Millis> {
        let release = self.releases.get(&id)?;
        let deployments = release.deployments.iter().filter_map(|id| self.deployments.get(id));
        let ends = deployments.flat_map(|one| {
            let since = match &one.phase {
                Phase::Requested | Phase::Cleared | Phase::RollingOut(_) => None,
                Phase::Live { since, .. }
                | Phase::RolledBack { since, .. }
                | Phase::Superseded { since, .. }
                | Phase::Refused { since, .. }
                | Phase::Removed { since, .. } => Some(*since),
            };
            [Some(one.requested), one.started, one.live, since].into_iter().flatten()
        });
        ends.chain(release.barred).chain([release.created]).max()
    }

    fn need_of(&self, digest: &Digest, kept: &Kept, now: Millis) -> Option<Need> {
        let whole = self.is_in_force(digest).then_some(Need::InForce);
        let open = || {
            kept.streams
                .iter()
                .any(|stream| self.is_open(*stream, digest, now))
                .then_some(Need::Open)
        };
        let releases = || {
            let about = self.about(kept);
            let needs: Vec<Need> = about
                .iter()
                .filter_map(|about| match about {
                    About::Release(id) => self.need_by(*id),
                    About::Service(_) | About::Whole | About::Access => None,
                })
                .collect();
            // What yields to a reason comes after what does not.
            needs.iter().find(|need| !need.yields()).or(needs.first()).copied()
        };
        whole.or_else(open).or_else(releases)
    }

    fn need_by(&self, id: ReleaseId) -> Option<Need> {
        let release = self.releases.get(&id)?;
        let stands_by = |deployment| {
            let service = self.services.get(&release.service);
            let mut places = service.into_iter().flat_map(|service| service.places.values());
            places.any(|place| place.standby == Some(deployment) || place.live == Some(deployment))
        };
        let of = |deployment: &crate::ids::DeploymentId| match self
            .deployments
            .get(deployment)
            .map(|one| &one.phase)
        {
            Some(Phase::Live { .. }) => Some(Need::Live(id)),
            Some(Phase::Requested | Phase::Cleared | Phase::RollingOut(_)) => {
                Some(Need::UnderWay(id))
            }
            _over if stands_by(*deployment) => Some(Need::Live(id)),
            _over => None,
        };
        let barred = release.barred.map(|_since| Need::Barred(id));
        let unsigned = self.is_unattested(id).then_some(Need::UnderWay(id));
        release.deployments.iter().find_map(of).or(unsigned).or(barred)
    }

    /// Returns whether it is part of the configuration in force, or of one that may be next.
    fn is_in_force(&self, digest: &Digest) -> bool {
        let next = self.next_organisation();
        let mut texts = self.organisation.iter().chain(next);
        texts.any(|of| of.calendar.iter().chain(&of.policies).any(|text| text == digest))
    }

    /// Returns whether what a stream says of this content is not over.
    fn is_open(&self, stream: Stream, digest: &Digest, now: Millis) -> bool {
        match stream {
            Stream::Change(id) => self.open.changes.contains(&id),
            Stream::Run(id) => self.open.runs.contains(&id),
            Stream::Incident(id) => self.incidents.get(&id).is_some_and(|one| {
                let reported = one.recorded();
                one.closed.is_none() || reported.is_major() && !reported.is_done()
            }),
            Stream::Exception(id) => self.exceptions.get(&id).is_some_and(|one| {
                let asked = one.granted.is_none() && one.ended.is_none() && now < one.until;
                let emergency = matches!(one.what, ExceptionKind::Emergency { .. });
                let unreviewed = emergency && one.granted.is_some() && one.reviewed.is_none();
                asked || one.holds(now) || unreviewed
            }),
            Stream::Config => {
                let mut open = self.requests.values().filter(|of| of.decision == Decision::Open);
                open.any(|request| request.statement == *digest)
            }
            Stream::Calendar => {
                let frozen =
                    self.freezes.values().filter(|of| of.lifted.is_none() && now < of.until);
                let mut frozen = frozen.map(|freeze| &freeze.reason);
                let mut stopped = self.active_stops().flat_map(|(_, stop)| {
                    stop.agreed.iter().map(|one| &one.reason).chain([&stop.reason])
                });
                frozen.any(|reason| reason == digest) || stopped.any(|reason| reason == digest)
            }
            Stream::Access => {
                let counting = self.authenticators.values().filter(|one| one.removed.is_none());
                let mut texts = counting.flat_map(|one| [&one.credential.name, &one.credential.id]);
                texts.any(|text| text == digest)
            }
            Stream::Retention => {
                let mut held = self.active_holds().flat_map(|(_, hold)| {
                    hold.agreed.iter().map(|one| &one.reason).chain([&hold.reason])
                });
                let open = self.disposals.values().filter(|one| one.decided.is_none());
                let mut open = open.filter_map(|one| one.early.as_ref());
                held.any(|reason| reason == digest) || open.any(|reason| reason == digest)
            }
            Stream::Release(_)
            | Stream::Deployment(_)
            | Stream::Log
            | Stream::Attestations
            | Stream::Populations
            | Stream::Observations => false,
        }
    }
}

/// Folds what is proposed, decided and disposed of.
pub(crate) fn note(state: &mut State, position: u64, now: Millis, event: &Event) {
    let mut decided = |disposal: &DisposalId, by: &PersonRef, agreed| {
        if let Some(disposal) = state.disposals.get_mut(disposal) {
            disposal.decided.get_or_insert((now, by.clone(), agreed));
        }
    };
    match event {
        Event::DisposalProposed { disposal, contents, early, by } => {
            let proposed = Disposal {
                contents: contents.clone(),
                early: early.clone(),
                by: by.clone(),
                proposed: now,
                decided: None,
            };
            state.disposals.insert(*disposal, proposed);
        }
        Event::DisposalAgreed { disposal, by } => decided(disposal, by, true),
        Event::DisposalRefused { disposal, by } => decided(disposal, by, false),
        Event::BlobDisposed { sha256, disposal, .. } => {
            let gone = Gone { at: now, leaf: position, why: GoneWhy::Disposed(*disposal) };
            if let Some(kept) = state.contents.get_mut(sha256) {
                kept.gone = Some(gone);
            }
        }
        _of_no_disposal => {}
    }
}
