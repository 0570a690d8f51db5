//! Who reviewed the code of what a deployment brings, as the ledger knows it.

use std::collections::{BTreeMap, BTreeSet};

use sluss_core::ids::{ChangeId, CommitId, PersonRef};
use sluss_core::review::{ChangeReviewed, ReviewOutcome};

/// What was said of the code of changes, and which became part of which.
#[derive(Debug, Clone, Default)]
pub(super) struct Reviews {
    said: BTreeMap<ChangeId, Vec<(u64, ChangeReviewed)>>,
    parts: BTreeMap<ChangeId, Vec<ChangeId>>,
}

impl Reviews {
    /// Notes a review in the entry at `leaf`.
    pub(super) fn take(&mut self, leaf: u64, of: &ChangeReviewed) {
        self.said.entry(of.change).or_default().push((leaf, of.clone()));
    }

    /// Notes that a change became part of another one.
    pub(super) fn merge(&mut self, part: ChangeId, into: ChangeId) {
        self.parts.entry(into).or_default().push(part);
    }

    /// Returns the entry of the last review of `change` at `commit`, where somebody else than
    /// `contributors` approves it and nobody of them asks for changes.
    pub(super) fn approval(
        &self,
        change: ChangeId,
        commit: &CommitId,
        contributors: &BTreeSet<&PersonRef>,
    ) -> Option<u64> {
        let parts = self.parts.get(&change).into_iter().flatten();
        let of = parts.chain([&change]).filter_map(|id| self.said.get(id)).flatten();
        let of = of.filter(|(_, one)| one.commit == *commit && !contributors.contains(&one.by));
        let mut last: BTreeMap<&PersonRef, (u64, ReviewOutcome)> = BTreeMap::new();
        for (leaf, one) in of {
            let known = last.entry(&one.by).or_insert((*leaf, one.outcome));
            *known = (*known).max((*leaf, one.outcome));
        }
        let approved = last.values().all(|(_, said)| *said == ReviewOutcome::Approves);
        last.values().map(|(leaf, _)| *leaf).max().filter(|_| approved)
    }
}
