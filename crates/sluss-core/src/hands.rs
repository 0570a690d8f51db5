//! Who had a hand in what: in a release on its way, and in the rules that it goes by.
//!
//! # Invariants
//!
//! - Who contributed is found over everything that a release brings, not over its last change.
//! - Of whom nobody knows who they are, nobody can say that they did not decide: where a person is
//!   asked, the gate stays shut until somebody says who they are, and whoever says so counts as one
//!   who contributed.

use std::collections::BTreeSet;

use crate::approval::{Decision, Subject};
use crate::config::{FourEyes, Organisation};
use crate::deployment::{Deployment, Phase};
use crate::ids::{ChangeId, DeploymentId, PersonRef};
use crate::incident::Freeze;
use crate::state::{ChangePhase, Proposal, Release, State};
use crate::units::Millis;

/// What a deployment brings to its place that is not live there.
struct Brought<'a> {
    deployment: &'a Deployment,
    release: &'a Release,
    changes: BTreeSet<ChangeId>,
    /// When the first of these was pushed.
    began: Millis,
}

impl State {
    /// Returns everyone who contributed to what `deployment` would bring there: to its change, to
    /// each earlier change that what is live now does not hold, and to what became part of these;
    /// for whom agents acted there; who asked for it by hand or let its release go again after it
    /// was taken back; and who they are said to be of whom that was not known.
    pub fn contributors(&self, deployment: DeploymentId) -> BTreeSet<PersonRef> {
        let Some(brought) = self.brought(deployment) else { return BTreeSet::new() };
        let mut people = self.makers(&brought);
        // Who changed policy, people, templates or calendar meanwhile has a part in it, too.
        let meanwhile = self.proposals.values();
        let meanwhile = meanwhile.filter(|one| one.activated.is_some_and(|at| at > brought.began));
        people.extend(meanwhile.flat_map(|one| &one.contributors).cloned());
        people
    }

    /// Returns those of `people` of whom nobody knows who they are: no organisation that was ever
    /// in force names them, and nobody said who they are.
    pub fn unknown_among(&self, people: &BTreeSet<PersonRef>) -> BTreeSet<PersonRef> {
        let unknown = |who: &&PersonRef| !self.identified.contains_key(*who) && !self.is_named(who);
        people.iter().filter(unknown).cloned().collect()
    }

    /// Returns whether the organisation asks for no second person anywhere.
    pub fn asks_nobody(&self) -> bool {
        let asks_none =
            |of: &Organisation| of.four_eyes == FourEyes::Never && of.approvals.is_empty();
        self.organisation.as_ref().is_some_and(asks_none)
    }

    /// Returns whether an organisation that is or was in force names this person.
    pub fn is_named(&self, who: &PersonRef) -> bool {
        let names = |of: &Organisation| {
            of.developers.contains(who)
                || of.approvers.contains(who)
                || of.groups.values().any(|members| members.contains(who))
        };
        let mut past = self.proposals.values().rev().filter(|one| one.activated.is_some());
        self.organisation.as_ref().is_some_and(names) || past.any(|one| names(&one.organisation))
    }

    /// Returns whether somebody who made what `deployment` brings also wrote, or agreed to, rules
    /// that ask less than those before: the ones in force, or such as came since it was begun.
    pub fn goes_by_own_rules(&self, deployment: DeploymentId) -> bool {
        let Some(brought) = self.brought(deployment) else { return false };
        let makers = self.makers(&brought);
        let in_force = self.proposals.iter().filter_map(|(id, one)| Some((one.activated?, *id)));
        let in_force = in_force.max().map(|(_, number)| number);
        let counts = |number: u64, one: &Proposal| {
            let meanwhile = one.activated.is_some_and(|at| at > brought.began);
            one.asked_less && (meanwhile || in_force == Some(number))
        };
        self.proposals.iter().filter(|(number, one)| counts(**number, one)).any(|(number, one)| {
            // Where nobody had to agree, nobody goes round anyone.
            let request = self.requests.get(&Subject::Configuration(*number));
            let granted = request.filter(|of| matches!(of.decision, Decision::Granted { .. }));
            granted.is_some_and(|request| {
                let agreed = request.agreed.iter().map(|(who, _)| who);
                agreed.chain(&one.contributors).any(|who| makers.contains(who))
            })
        })
    }

    /// Returns everyone who contributed to something that `freeze` keeps waiting.
    pub fn kept_waiting_by(&self, freeze: &Freeze, now: Millis) -> BTreeSet<PersonRef> {
        let open = self.open.deployments.iter();
        let waits = open.filter(|id| {
            self.deployments.get(id).is_some_and(|of| {
                matches!(of.phase, Phase::Requested | Phase::Cleared)
                    && freeze.covers(&of.service, &of.environment, now)
            })
        });
        waits.flat_map(|id| self.contributors(*id)).collect()
    }

    /// Returns the changes that `deployment` would bring there: its own, and each earlier one that
    /// what is live now does not hold.
    pub fn changes_brought(&self, deployment: DeploymentId) -> BTreeSet<ChangeId> {
        self.brought(deployment).map(|brought| brought.changes).unwrap_or_default()
    }

    fn brought(&self, deployment: DeploymentId) -> Option<Brought<'_>> {
        let deployment = self.deployments.get(&deployment)?;
        let release = self.releases.get(&deployment.release)?;
        let live = self
            .place(&deployment.service, &deployment.environment)
            .and_then(|place| self.deployments.get(&place.live?))
            .and_then(|live| self.releases.get(&live.release))
            .map(|release| release.change);
        let trunk = self.services.get(&deployment.service).map_or(&[][..], |s| &s.trunk);
        let changes: BTreeSet<ChangeId> = trunk
            .iter()
            .copied()
            .filter(|id| *id <= release.change && live.is_none_or(|live| *id > live))
            .chain([release.change])
            .collect();
        let began = changes.iter().filter_map(|id| self.changes.get(id)).map(|change| change.at);
        let began = began.min().unwrap_or(release.created);
        Some(Brought { deployment, release, changes, began })
    }

    /// Returns who made it, asked for it, or let it go again.
    fn makers(&self, brought: &Brought<'_>) -> BTreeSet<PersonRef> {
        // Who pushed a branch contributed to what it became part of.
        let parts = self.changes.iter().filter(|(_, change)| match change.phase {
            ChangePhase::MergedInto { into } => brought.changes.contains(&into),
            ChangePhase::Announced
            | ChangePhase::Proposed
            | ChangePhase::Merged
            | ChangePhase::Delivered { .. }
            | ChangePhase::Withdrawn { .. } => false,
        });
        let parts = parts.map(|(_, change)| change);
        let whole = brought.changes.iter().filter_map(|id| self.changes.get(id));
        let changes = whole.chain(parts).flat_map(|change| &change.push.contributors);
        // Who answers for an agent contributed, whoever its commits say wrote them.
        let agents = brought.changes.iter().flat_map(|id| self.agent_runs(*id));
        let agents = agents.map(|one| &one.run.what.acts_for);
        let by_hand = brought.release.unbarred_by.iter().chain(&brought.deployment.requested_by);
        self.with_identified(changes.chain(agents).chain(by_hand).cloned().collect())
    }

    /// Returns `people`, who those of them are said to be whom no organisation names, and who said
    /// so.
    pub(crate) fn with_identified(&self, mut people: BTreeSet<PersonRef>) -> BTreeSet<PersonRef> {
        let said = people.iter().filter_map(|who| self.identified.get(who)).flatten();
        let said: Vec<PersonRef> = said.cloned().collect();
        people.extend(said);
        people
    }
}

/// Says that nobody knows who so many contributors are, and what to do about it.
pub(crate) fn unknown_words(count: usize) -> String {
    format!(
        "Nobody knows who {count} of those who contributed {}, so nobody can say that they do not \
         decide over it. Say who: `sluss account identify ADDRESS`.",
        if count == 1 { "is" } else { "are" }
    )
}
