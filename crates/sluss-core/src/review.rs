//! Reviews of code: what people who did not contribute say of a change at an exact commit.
//!
//! # Invariants
//!
//! - A review is of one commit: of a change with another one it says nothing.
//! - Each person's last word counts; who contributed, or has no role any more, has none.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::approval::{Decision, Subject};
use crate::assurance::At;
use crate::event::WithdrawnReason;
use crate::ids::{ChangeId, CommitId, DeploymentId, Digest, PersonRef};
use crate::profile::Profile;
use crate::slots::Rule;
use crate::state::{Change, ChangePhase, State};
use crate::units::Millis;

/// What somebody says who looked at the code of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewOutcome {
    /// It may go as it is.
    Approves,
    /// It is to be changed first.
    AsksForChanges,
}

impl ReviewOutcome {
    /// Returns it in a word or two.
    pub fn word(self) -> &'static str {
        match self {
            Self::Approves => "approves",
            Self::AsksForChanges => "asks for changes",
        }
    }
}

/// A person who did not contribute looked at the code of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeReviewed {
    /// Of which change.
    pub change: ChangeId,
    /// The commit that was looked at.
    pub commit: CommitId,
    /// Who looked.
    pub by: PersonRef,
    /// What they say.
    pub outcome: ReviewOutcome,
    /// Why: a private text.
    pub comment: Digest,
}

/// What a review means for a change as it stands now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is the last word of somebody who may say it, about this very commit.
    Counts,
    /// Whoever said it said something else later.
    Replaced,
    /// It is of an earlier commit: newer ones came.
    Stale,
    /// Whoever said it is known to have contributed by now.
    Contributed,
    /// Whoever said it has no role any more.
    NoRole,
}

impl Standing {
    /// Returns it in a word or two.
    pub fn word(self) -> &'static str {
        match self {
            Self::Counts => "counts",
            Self::Replaced => "replaced",
            Self::Stale => "stale",
            Self::Contributed => "contributed",
            Self::NoRole => "no role",
        }
    }
}

/// What reviews of the code of a change come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reviewed {
    /// Nobody's word counts.
    Nobody,
    /// Somebody approves, and nobody asks for changes.
    Approved,
    /// Somebody asks for changes.
    ChangesAsked,
}

impl Reviewed {
    /// Returns it in a word or two.
    pub fn word(self) -> &'static str {
        match self {
            Self::Nobody => "not reviewed",
            Self::Approved => "approved",
            Self::ChangesAsked => "changes asked for",
        }
    }
}

impl State {
    /// Returns everyone who contributed to a change and to what became part of it, for whom agents
    /// acted there, and who they are said to be of whom that was not known.
    pub fn contributors_of_change(&self, id: ChangeId) -> BTreeSet<PersonRef> {
        let all = self.whole(id).flat_map(|(_, of)| &of.push.contributors);
        let agents = self.agent_runs(id).map(|one| &one.run.what.acts_for);
        self.with_identified(all.chain(agents).cloned().collect())
    }

    /// Returns a change and those that became part of it.
    pub(crate) fn whole(&self, id: ChangeId) -> impl Iterator<Item = (ChangeId, &Change)> {
        let part = move |change: &Change| match change.phase {
            ChangePhase::MergedInto { into } => into == id,
            ChangePhase::Announced
            | ChangePhase::Proposed
            | ChangePhase::Merged
            | ChangePhase::Delivered { .. }
            | ChangePhase::Withdrawn { .. } => false,
        };
        let all = self.changes.iter().filter(move |(of, change)| **of == id || part(change));
        all.map(|(id, change)| (*id, change))
    }

    /// Returns every review that has to do with a change, oldest first: of itself, of what became
    /// part of it, and of earlier pushes to its branch, with what each means for it now.
    pub fn reviews_of(&self, id: ChangeId) -> Vec<(&At<ChangeReviewed>, Standing)> {
        let Some(change) = self.changes.get(&id) else { return Vec::new() };
        let of: BTreeSet<ChangeId> =
            self.whole(id).flat_map(|(part, of)| self.pushes_of(part, of)).collect();
        let all = of.iter().filter_map(|id| self.assurance.reviews.get(id)).flatten();
        let mut all: Vec<&At<ChangeReviewed>> = all.collect();
        all.sort_by_key(|one| one.at);
        let contributors = self.contributors_of_change(id);
        let same = |one: &At<ChangeReviewed>| one.what.commit == change.push.commit;
        let standing = |at: usize, one: &At<ChangeReviewed>| {
            let by = &one.what.by;
            if !same(one) {
                Standing::Stale
            } else if all[at + 1..].iter().any(|later| same(later) && later.what.by == *by) {
                Standing::Replaced
            } else if contributors.contains(by) {
                Standing::Contributed
            } else if !self.develops_or_decides(by) {
                Standing::NoRole
            } else {
                Standing::Counts
            }
        };
        all.iter().enumerate().map(|(at, one)| (*one, standing(at, one))).collect()
    }

    /// Returns a change and the earlier pushes to its branch that it replaced.
    fn pushes_of(&self, id: ChangeId, change: &Change) -> Vec<ChangeId> {
        let branch = |other: &Change| {
            other.service == change.service && other.push.branch == change.push.branch
        };
        let replaced = |other: &Change| {
            matches!(other.phase, ChangePhase::Withdrawn { why: WithdrawnReason::Replaced })
        };
        let earlier = self.changes.range(..id).rev().filter(|(_, other)| branch(other));
        let earlier = earlier.take_while(|(_, other)| !change.push.trunk && replaced(other));
        [id].into_iter().chain(earlier.map(|(id, _)| *id)).collect()
    }

    /// Returns what the reviews of a change come to.
    pub fn reviewed(&self, id: ChangeId) -> Reviewed {
        let counted = self.reviews_of(id).into_iter();
        let counted = counted.filter(|(_, standing)| *standing == Standing::Counts);
        let words: BTreeSet<ReviewOutcome> = counted.map(|(one, _)| one.what.outcome).collect();
        match (words.last(), self.is_known(id)) {
            (Some(ReviewOutcome::AsksForChanges), _) => Reviewed::ChangesAsked,
            // Of whom nobody knows who they are, nobody can say that they did not review it.
            (Some(ReviewOutcome::Approves), true) => Reviewed::Approved,
            (Some(ReviewOutcome::Approves), false) | (None, _) => Reviewed::Nobody,
        }
    }

    /// Returns whether it is known who contributed to a change, as far as anybody is asked.
    fn is_known(&self, id: ChangeId) -> bool {
        self.asks_nobody() || self.unknown_among(&self.contributors_of_change(id)).is_empty()
    }

    /// Returns whether somebody develops or decides here.
    pub fn develops_or_decides(&self, who: &PersonRef) -> bool {
        let known = self.organisation.as_ref();
        known.is_some_and(|known| known.developers.contains(who) || known.deciders().contains(who))
    }

    /// Returns the first change that `deployment` brings whose code `who` did not approve, or of
    /// which somebody asks for changes.
    pub fn not_reviewed_by(&self, deployment: DeploymentId, who: &PersonRef) -> Option<ChangeId> {
        let approves = |id: &ChangeId| {
            self.reviewed(*id) == Reviewed::Approved
                && self.reviews_of(*id).iter().any(|(one, standing)| {
                    *standing == Standing::Counts
                        && one.what.by == *who
                        && one.what.outcome == ReviewOutcome::Approves
                })
        };
        self.changes_brought(deployment).into_iter().find(|id| !approves(id))
    }

    /// Returns whether `who` fills a slot of `group` as things stand: admitted by its profile, and
    /// where that asks for a review of code, with one of each change that is brought.
    pub(crate) fn fills(
        &self,
        subject: Subject,
        (rule, group): (&Rule, &crate::ids::GroupName),
        who: &PersonRef,
        now: Millis,
    ) -> bool {
        let reviewer = rule.profile.is_some_and(|of| of.reviews_code())
            && group.as_str() == Profile::REVIEWERS;
        let looked = match subject {
            Subject::Deployment(id) if reviewer => self.not_reviewed_by(id, who).is_none(),
            Subject::Deployment(_) | Subject::Configuration(_) => true,
        };
        looked && self.admits(rule, group, who, now)
    }

    /// Returns the change that `who` is to review before they can agree to `subject`, where that is
    /// all that keeps them from each slot that they might fill.
    pub fn review_owed(&self, subject: Subject, who: &PersonRef, now: Millis) -> Option<ChangeId> {
        let Subject::Deployment(id) = subject else { return None };
        let groups = self.groups_for(subject, now);
        let rules = self.rules_of(subject);
        let slots = rules.iter().flat_map(|rule| rule.slots.keys().map(move |of| (rule, of)));
        let theirs = slots.filter(|(rule, of)| {
            groups.get(*of).is_some_and(|all| all.contains(who)) && self.admits(rule, of, who, now)
        });
        let mut theirs = theirs.peekable();
        theirs.peek()?;
        let fills = theirs.any(|slot| self.fills(subject, slot, who, now));
        if fills { None } else { self.not_reviewed_by(id, who) }
    }
}

/// Folds a review: those who agreed to a release before it may be enough now.
pub(crate) fn apply(state: &mut State, now: Millis, of: &ChangeReviewed) {
    let said = At { at: now, what: of.clone() };
    state.assurance.reviews.entry(of.change).or_default().push(said);
    let open = state.requests.iter().filter(|(subject, request)| {
        matches!(subject, Subject::Deployment(_))
            && request.decision == Decision::Open
            && !request.agreed.is_empty()
    });
    let open: Vec<Subject> = open.map(|(subject, _)| *subject).collect();
    for subject in open {
        let enough = state.still_asked(subject, now).is_empty();
        if let Some(request) = state.requests.get_mut(&subject).filter(|_| enough)
            && let Some((by, _)) = request.agreed.last().cloned()
        {
            request.decision = Decision::Granted { by, at: now };
        }
    }
}
