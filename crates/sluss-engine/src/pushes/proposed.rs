//! A push to the platform repository: what it proposes, and who proposes that.
//!
//! # Invariants
//!
//! - Who contributed is found over everything that would come into force, not over the last push:
//!   what was refused, or overtaken, and is still there is somebody's.

use std::collections::BTreeSet;

use sluss_core::decide::{Actor, Command};
use sluss_core::event::Event;
use sluss_core::ids::{CommitId, Digest, PersonRef};
use sluss_policy::{DiffReport, DiffResult};
use sluss_store::Blobs as _;

use super::{Lines, PushJudge, taken};
use crate::forge::{ObjectAccess, Push, RefUpdate};
use crate::{organisation, texts};

impl PushJudge {
    /// Decides over a push to the platform repository's main branch: it proposes a configuration.
    pub(super) async fn propose(
        &self,
        push: &Push,
        update: &RefUpdate,
        new: &CommitId,
        actor: &Actor,
    ) -> Result<Lines, Lines> {
        let accounts = &self.engine.parts().accounts;
        let in_force = self.engine.state().organisation.clone();
        let platform = organisation::read(&push.objects, new, accounts, in_force.as_ref()).await?;
        let between = (update.old.as_ref(), new);
        let contributors = self.proposers(&push.objects, between, actor).await?;
        platform
            .texts
            .keep(&self.engine.parts().blobs)
            .await
            .map_err(|error| vec![format!("Calendar and policies can't be kept: {error}")])?;
        let command = Command::Propose {
            commit: new.clone(),
            organisation: platform.organisation,
            contributors: contributors.clone(),
            nonce: self.engine.nonce(),
        };
        let done = match self.command(command, actor).await {
            Ok(done) => done,
            Err(why) => return Err([why, self.strangers(&contributors).await].concat()),
        };
        let number = done.iter().find_map(|event| match event {
            Event::ConfigProposed { number, .. } => Some(*number),
            _other => None,
        });
        if let Some(number) = number {
            self.compare(number).await;
        }
        let said = match number {
            Some(number) if self.waits(number) => format!(
                "Sluss: configuration cfg-{number} is proposed: {}/approvals/cfg-{number}",
                self.engine.parts().address
            ),
            Some(number) => format!("Sluss: configuration cfg-{number} is in force."),
            None => "Sluss: nothing changed.".to_owned(),
        };
        let mut said = vec![said];
        said.extend(number.into_iter().flat_map(|number| self.names_of_nothing(number)));
        said.extend(platform.unread.iter().map(|path| {
            format!("Sluss: `{path}` is nothing that is read here: docs/control.md says what is")
        }));
        Ok(said)
    }

    /// Names what the rules of a proposed configuration name that nothing is called.
    fn names_of_nothing(&self, number: u64) -> Lines {
        let state = self.engine.state();
        let names = state.proposals.get(&number).map(|of| state.names_of_nothing(&of.organisation));
        names.into_iter().flatten().map(|name| format!("Sluss: approvals: {name}")).collect()
    }

    /// Returns whether a proposed configuration waits for people.
    fn waits(&self, number: u64) -> bool {
        let state = self.engine.state();
        state.proposals.get(&number).is_some_and(|proposal| !proposal.over)
    }

    /// Returns who contributed to what is in force once `new` is: to each commit since the one that
    /// is in force, to each proposal among these that never came into force, and to each branch of
    /// which this push takes something.
    async fn proposers(
        &self,
        objects: &ObjectAccess,
        (old, new): (Option<&CommitId>, &CommitId),
        actor: &Actor,
    ) -> Result<BTreeSet<PersonRef>, Lines> {
        let in_force = self.engine.state().active_commit();
        // What does not lead up to it is looked at from its beginning.
        let since = match in_force {
            Some(commit) if matches!(objects.is_ancestor(&commit, new).await, Ok(true)) => {
                Some(commit)
            }
            Some(_) | None => None,
        };
        let commits = self.commits(objects, since.as_ref(), new).await?;
        let mut people = self.contributors(&commits, actor).await?;
        let brought: BTreeSet<&CommitId> = commits.iter().map(|commit| &commit.id).collect();
        {
            let state = self.engine.state();
            let among = state.proposals.values().filter(|one| brought.contains(&one.commit));
            people.extend(among.flat_map(|one| one.contributors.iter().cloned()));
        }
        if let Some(old) = old {
            people.extend(self.squashed(objects, (old, new), actor).await?);
        }
        Ok(people)
    }

    /// Returns who contributed to branches of the platform repository of which this push takes
    /// something. Nothing of these is in the log: who wrote and committed them stands in Git.
    async fn squashed(
        &self,
        objects: &ObjectAccess,
        (old, new): (&CommitId, &CommitId),
        actor: &Actor,
    ) -> Result<BTreeSet<PersonRef>, Lines> {
        let lines = |error: crate::forge::GitError| vec![error.to_string()];
        let branches = objects.heads().await.map_err(lines)?;
        let mut people = BTreeSet::new();
        for branch in taken::takes(objects, (old, new), &branches).await {
            let commits = self.commits(objects, Some(old), &branch).await?;
            people.extend(self.contributors(&commits, actor).await?);
        }
        Ok(people)
    }

    /// Compares a proposed configuration with the one in force.
    async fn compare(&self, number: u64) {
        let (before, after) = {
            let state = self.engine.state();
            let proposal = state.proposals.get(&number);
            (state.organisation.clone(), proposal.map(|of| of.organisation.clone()))
        };
        let (Some(before), Some(after)) = (before, after) else { return };
        if let (Some(old), Some(new)) = (before.policies, after.policies)
            && old != new
        {
            self.compare_policies(number, &old, &new).await;
        }
        if let (Some(old), Some(new)) = (before.calendar, after.calendar)
            && old != new
        {
            let found = texts::opens_more(&self.engine, &old, &new).await;
            // What can't be read again is not known to shut as much.
            let opens_more = found.unwrap_or(true);
            self.report(Command::CalendarCompared { number, opens_more }).await;
        }
    }

    /// Decides the past again by proposed policies, and says whether they would have let more pass.
    /// What cannot be decided again, or was never decided, counts as that.
    async fn compare_policies(&self, number: u64, old: &Digest, new: &Digest) {
        let compared = texts::compare(&self.engine, old, new).await.ok();
        let result = compared.as_ref().map(DiffReport::result);
        let lets_more_pass = !matches!(result, Some(DiffResult::Same | DiffResult::Tightened));
        let checked = compared.as_ref().and_then(|of| u64::try_from(of.checked).ok());
        // A report that can't be kept is named by nobody.
        let report = match compared {
            Some(report) => self.engine.parts().blobs.put(report.to_bytes()).await.ok(),
            None => None,
        };
        self.report(Command::Compared { number, lets_more_pass, report, checked }).await;
    }
}
