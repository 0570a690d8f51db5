//! What a push to the trunk takes from branches by another way than a merge: squashed, rebased or
//! cherry-picked. Patches are the same where Git's patch ids are: the same lines, whatever the
//! commits, their authors and their messages. A file that a commit brings to what a commit of a
//! branch brought it to is taken from there, whatever else the commit changes.
//!
//! # Invariants
//!
//! - What cannot be compared counts as taken: who pushed it does not decide over it.

use std::collections::BTreeSet;

use sluss_core::event::WithdrawnReason;
use sluss_core::ids::{CommitId, PersonRef, ServiceName};
use sluss_core::pipeline::{EnvironmentKind, Pipeline};
use sluss_core::state::{Change, ChangePhase};
use sluss_core::units::Millis;

use super::PushJudge;
use crate::forge::{Brought, GitError, ObjectAccess};

/// For how long a branch that was deleted, or pushed anew, can still be taken from: ninety days.
const DELETED_MS: i64 = 90 * 24 * 60 * 60 * 1000;

/// In so many files that a push has in common with a branch the trunk's history is looked at;
/// where there are more, something is taken.
const FILES_MOST: usize = 500;

/// How much of a branch a push takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// Nothing.
    Nothing,
    /// Some of its commits.
    Part,
    /// All that it changes.
    Whole,
}

/// Returns the patches among what `new` has and `old` has not: each commit's, and all together.
pub(super) async fn patches(
    objects: &ObjectAccess,
    (old, new): (&CommitId, &CommitId),
) -> Result<BTreeSet<String>, GitError> {
    let mut pushed = objects.patch_ids(old, new).await?;
    pushed.extend(objects.patch_id(old, new).await?);
    Ok(pushed)
}

/// Returns how much of the branch at `commit` is among the patches that were `pushed` onto `old`.
pub(super) async fn taken(
    objects: &ObjectAccess,
    (old, pushed): (&CommitId, &BTreeSet<String>),
    commit: &CommitId,
) -> Result<Taken, GitError> {
    let Some(fork) = objects.merge_base(old, commit).await? else { return Ok(Taken::Nothing) };
    if fork == *commit {
        return Ok(Taken::Nothing);
    }
    let single = objects.patch_ids(&fork, commit).await?;
    let whole = objects.patch_id(&fork, commit).await?;
    let all = !single.is_empty() && single.is_subset(pushed);
    Ok(match whole.is_some_and(|whole| pushed.contains(&whole)) || all {
        true => Taken::Whole,
        false if single.is_disjoint(pushed) => Taken::Nothing,
        false => Taken::Part,
    })
}

/// Returns whether one of the files that were `brought` onto `old` is as the branch at `commit`
/// brought it, and as the trunk never had it.
async fn takes_a_file(
    objects: &ObjectAccess,
    (old, brought): (&CommitId, &BTreeSet<Brought>),
    commit: &CommitId,
) -> Result<bool, GitError> {
    let Some(fork) = objects.merge_base(old, commit).await? else { return Ok(false) };
    let branch = objects.files_brought(&fork, commit).await?;
    let common: BTreeSet<&Brought> = brought.intersection(&branch).collect();
    if common.is_empty() || common.len() > FILES_MOST {
        return Ok(!common.is_empty());
    }
    let paths = common.iter().map(|(path, _)| path.as_str()).collect();
    let had = objects.files_ever_at(old, &paths).await?;
    Ok(common.into_iter().any(|file| !had.contains(file)))
}

/// Returns those of `branches` of which a push to the trunk takes something.
pub(super) async fn takes(
    objects: &ObjectAccess,
    (old, new): (&CommitId, &CommitId),
    branches: &BTreeSet<CommitId>,
) -> BTreeSet<CommitId> {
    if branches.is_empty() {
        return BTreeSet::new();
    }
    let pushed = patches(objects, (old, new)).await;
    let (Ok(pushed), Ok(brought)) = (pushed, objects.files_brought(old, new).await) else {
        return branches.clone();
    };
    let mut found = BTreeSet::new();
    for commit in branches {
        let gone = matches!(objects.commit_of(commit).await, Ok(None));
        let takes = match taken(objects, (old, &pushed), commit).await {
            Ok(Taken::Nothing) => takes_a_file(objects, (old, &brought), commit).await,
            Ok(Taken::Part | Taken::Whole) => Ok(true),
            Err(error) => Err(error),
        };
        // Of a branch that is not here any more nothing can be read.
        if takes.unwrap_or(!gone) {
            found.insert(commit.clone());
        }
    }
    found
}

impl PushJudge {
    /// Returns who contributed to branches of which this push to the trunk takes something.
    pub(super) async fn taken_from(
        &self,
        objects: &ObjectAccess,
        service: &ServiceName,
        (old, new): (&CommitId, &CommitId),
    ) -> BTreeSet<PersonRef> {
        let now = self.engine.now();
        let branches: Vec<(CommitId, BTreeSet<PersonRef>)> = {
            let state = self.engine.state();
            let of = state.changes.values().filter(|change| change.service == *service);
            let of = of.filter(|change| may_be_taken(change, now));
            of.map(|change| (change.push.commit.clone(), change.push.contributors.clone()))
                .collect()
        };
        if branches.is_empty() {
            return BTreeSet::new();
        }
        let commits = branches.iter().map(|(commit, _)| commit.clone()).collect();
        let taken = takes(objects, (old, new), &commits).await;
        let found = branches.into_iter().filter(|(commit, _)| taken.contains(commit));
        found.flat_map(|(_, contributors)| contributors).collect()
    }

    /// Names the stages before the last that are held to what all with customers are.
    pub(super) fn held_stages(&self, pipeline: &Pipeline) -> Vec<String> {
        let state = self.engine.state();
        let known = state.organisation.as_ref();
        let lasting = pipeline.deliver.iter().filter(|one| one.kind == EnvironmentKind::Lasting);
        let mut names: Vec<_> = lasting.map(|stage| &stage.environment).collect();
        names.pop();
        let without = |name: &&&sluss_core::ids::EnvironmentName| {
            known.is_some_and(|known| known.without_customers.contains(**name))
        };
        let held = names.iter().filter(|name| !without(name));
        held.map(|name| {
            format!(
                "Sluss: `{name}` counts as having customers; if it has none, organisation.yaml \
                 says: environments: {{ {name}: {{ customers: false }} }}"
            )
        })
        .collect()
    }
}

/// Returns whether a change is a branch's that is open, or was deleted not long ago.
fn may_be_taken(change: &Change, now: Millis) -> bool {
    let lately = now.since(change.at) < DELETED_MS;
    !change.push.trunk
        && match change.phase {
            ChangePhase::Proposed => true,
            ChangePhase::Withdrawn { why } => match why {
                WithdrawnReason::BranchDeleted | WithdrawnReason::Replaced => lately,
                WithdrawnReason::PushIncomplete => false,
            },
            ChangePhase::Announced
            | ChangePhase::Merged
            | ChangePhase::MergedInto { .. }
            | ChangePhase::Delivered { .. } => false,
        }
}
