//! What a push means: a change of a service, or a proposed configuration.
//!
//! # Invariants
//!
//! - A push is an event before any ref moves; what can't be built is refused before that.

mod hands;
mod proposed;

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use sluss_core::decide::{Actor, Command};
use sluss_core::event::{Event, Push as ChangePush};
use sluss_core::ids::{ChangeId, CommitId, PersonRef, ServiceName};
use sluss_core::state::{ChangePhase, State};
use sluss_core::units::Millis;

use crate::engine::Engine;
use crate::executor::plan::{Circumstances, holds};
use crate::failure::Failure;
use crate::forge::{
    Commit, MAIN, ObjectAccess, Push, PushAnswer, Pusher, Pushes, Received, RefUpdate,
    RepositoryName,
};
use crate::pipeline::{Catalogue, Defaults, Resolved, Source};
use taken::Taken;

mod taken;

/// Commits that one push may bring: who wrote each of them is looked at, or none is taken.
const COMMITS_MOST: usize = 20_000;
/// Addresses that nobody knows which whoever pushes is told of.
const STRANGERS_TOLD: usize = 5;
/// The file that says how a service is delivered.
pub const SERVICE_FILE: &str = "sluss.yaml";

/// The templates that are in force, as of the active configuration.
#[derive(Debug, Clone)]
pub struct Templates {
    now: Arc<RwLock<Catalogue>>,
}

impl Templates {
    /// Returns the templates of `catalogue`.
    pub fn new(catalogue: Catalogue) -> Self {
        Self { now: Arc::new(RwLock::new(catalogue)) }
    }

    /// Returns the templates that are in force.
    pub fn now(&self) -> Catalogue {
        self.now.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts others in force.
    pub fn set(&self, catalogue: Catalogue) {
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = catalogue;
    }
}

/// Decides over pushes.
pub struct PushJudge {
    engine: Engine,
    templates: Templates,
}

/// A refusal in lines, for whoever pushes.
type Lines = Vec<String>;

impl PushJudge {
    /// Returns the judge of pushes.
    pub fn new(engine: Engine, templates: Templates) -> Self {
        Self { engine, templates }
    }

    async fn actor(&self, pusher: &Pusher) -> Result<Actor, Lines> {
        match self.engine.parts().accounts.find(&pusher.0).await {
            Ok(Some(account)) => Ok(Actor::Person { who: account.person, reauthenticated: false }),
            Ok(None) => Err(vec![format!("Nobody has the login `{pusher}`.")]),
            Err(error) => Err(vec![format!("The accounts can't be read: {error}")]),
        }
    }

    async fn judge(&self, push: &Push) -> Result<Lines, Lines> {
        let actor = self.actor(&push.pusher).await?;
        let mut messages = Vec::new();
        for update in &push.updates {
            let Some(branch) = update.name.branch() else { continue };
            let Some(new) = &update.new else { continue };
            if push.repository.is_platform() {
                if branch == MAIN {
                    messages.extend(self.propose(push, update, new, &actor).await?);
                }
            } else {
                messages.extend(self.change(push, update, branch, new, &actor).await?);
            }
        }
        Ok(messages)
    }

    async fn command(&self, command: Command, actor: &Actor) -> Result<Vec<Event>, Lines> {
        let lines = |failure: Failure| vec![failure.what, failure.hint];
        Ok(self.engine.command(command, actor.clone(), None).await.map_err(lines)?.events)
    }

    async fn commits(
        &self,
        objects: &ObjectAccess,
        old: Option<&CommitId>,
        new: &CommitId,
    ) -> Result<Vec<Commit>, Lines> {
        let found = objects.commits(old, new, COMMITS_MOST + 1).await;
        let found = found.map_err(|error| vec![error.to_string()])?;
        match found.len() > COMMITS_MOST {
            false => Ok(found),
            true => Err(vec![
                format!(
                    "These are more than {COMMITS_MOST} commits at once, so not everybody who \
                     wrote them would be looked at."
                ),
                "Push them in parts, an earlier commit first: git push REMOTE COMMIT:BRANCH"
                    .to_owned(),
            ]),
        }
    }

    /// Returns everyone who contributed to `commits`, and who pushes them.
    async fn contributors(
        &self,
        commits: &[Commit],
        actor: &Actor,
    ) -> Result<BTreeSet<PersonRef>, Lines> {
        let mut emails = BTreeSet::new();
        for commit in commits {
            emails.insert(commit.author_email.clone());
            emails.insert(commit.committer_email.clone());
            emails.extend(commit.co_authors.iter().map(|author| author.email.clone()));
        }
        let mut people: BTreeSet<PersonRef> = actor.who().cloned().into_iter().collect();
        for email in emails.iter().filter(|email| !email.trim().is_empty()) {
            match self.engine.parts().accounts.ensure_outsider(email).await {
                Ok(account) => {
                    people.insert(account.person);
                }
                Err(error) => {
                    return Err(vec![
                        format!("The commit address `{email}` can't be taken: {error}"),
                        "Set your address: git config user.email you@example.org".to_owned(),
                    ]);
                }
            }
        }
        Ok(people)
    }

    /// Says whose commits these are of whom nobody knows who they are, where a person is asked.
    async fn strangers(&self, contributors: &BTreeSet<PersonRef>) -> Lines {
        let unknown = {
            let state = self.engine.state();
            if state.asks_nobody() { BTreeSet::new() } else { state.unknown_among(contributors) }
        };
        let mut said = Vec::new();
        for person in unknown.iter().take(STRANGERS_TOLD) {
            if let Ok(Some(account)) = self.engine.parts().accounts.find_by_ref(person).await {
                said.push(format!(
                    "Sluss: no organisation.yaml names {0}, so nobody can approve this before \
                     somebody says who that is: sluss account identify {0}",
                    account.name
                ));
            }
        }
        let more = unknown.len().saturating_sub(STRANGERS_TOLD);
        said.extend((more > 0).then(|| format!("Sluss: and {more} more.")));
        said
    }

    async fn pipeline(&self, push: &Push, new: &CommitId) -> Result<Resolved, Lines> {
        let read = push.objects.read_file(new, SERVICE_FILE, Source::LARGEST + 1).await;
        let Some(text) = read.map_err(|error| vec![error.to_string()])? else {
            return Err(vec![
                format!("There is no {SERVICE_FILE} in this repository."),
                "Make one: sluss init".to_owned(),
            ]);
        };
        let lines = |text: String| text.lines().map(str::to_owned).collect::<Lines>();
        let resolved = Source::new(SERVICE_FILE, &text)
            .and_then(|source| self.templates.now().resolve(&source, &Defaults::default()))
            .map_err(|problems| lines(problems.to_string()))?;
        if resolved.file.service.as_str() != push.repository.as_str() {
            return Err(vec![
                format!(
                    "{SERVICE_FILE} says `service: {}`, but this repository is `{}`.",
                    resolved.file.service, push.repository
                ),
                format!("Push to /git/{}.git, or mend the file.", resolved.file.service),
            ]);
        }
        Ok(resolved)
    }

    async fn change(
        &self,
        push: &Push,
        update: &RefUpdate,
        branch: &str,
        new: &CommitId,
        actor: &Actor,
    ) -> Result<Lines, Lines> {
        let Resolved { file, pipeline } = self.pipeline(push, new).await?;
        let trunk = branch == MAIN;
        let failed = |error: crate::forge::GitError| vec![error.to_string()];
        let base = match (&update.old, trunk) {
            (Some(old), _) => Some(old.clone()),
            (None, true) => None,
            (None, false) => push.objects.head(MAIN).await.map_err(failed)?,
        };
        let commits = self.commits(&push.objects, base.as_ref(), new).await?;
        let touched = match &base {
            Some(base) => Some(push.objects.changed_paths(Some(base), new).await.map_err(failed)?),
            None => None,
        };
        let circumstances = Circumstances { branch, touched: touched.as_deref() };
        let left_out = |step: &&sluss_core::pipeline::Step| !holds(&step.when, circumstances);
        let left_out =
            pipeline.steps().iter().filter(left_out).map(|step| step.name.clone()).collect();
        let mut contributors = self.contributors(&commits, actor).await?;
        if let (true, Some(old)) = (trunk, &base) {
            let service = &file.service;
            contributors.extend(self.taken_from(&push.objects, service, (old, new)).await);
        }
        let held = self.held_stages(&pipeline);
        let title = commits.first().map_or("", |commit| commit.subject.as_str());
        let title = title.chars().take(500).collect::<String>();
        let prose = &self.engine.parts().prose;
        let title = prose.put_prose(title).await.map_err(|error| vec![error.to_string()])?;
        let written = commits.iter().map(|commit| commit.author_time_ms).min().unwrap_or(0);
        let change = ChangePush {
            branch: branch.to_owned(),
            trunk,
            old: update.old.clone(),
            commit: new.clone(),
            commits: u32::try_from(commits.len()).unwrap_or(u32::MAX),
            written: Millis(written),
            contributors: contributors.clone(),
            hands: hands::hands_in(&commits, &self.engine.parts().accounts).await?,
            work_items: work_items(branch, &commits),
            title,
            pipeline,
            left_out,
        };
        let service = file.service;
        let product = file.product;
        let events = self.command(Command::Push { service, product, push: change }, actor).await?;
        let change = events.iter().find_map(|event| match event {
            Event::ChangePushed { change, .. } => Some(*change),
            _other => None,
        });
        let mut said = self.strangers(&contributors).await;
        said.extend(held);
        said.extend(change.map(|change| {
            format!("Sluss: {change}: {}/changes/{change}", self.engine.parts().address)
        }));
        Ok(said)
    }

    /// Reports what became of an accepted push of commits.
    async fn confirm(&self, repository: &RepositoryName, update: &RefUpdate, moved: bool) {
        let (Some(branch), Ok(service)) =
            (update.name.branch(), repository.as_str().parse::<ServiceName>())
        else {
            return;
        };
        let Some(new) = &update.new else {
            let branch = branch.to_owned();
            if moved {
                self.report(Command::BranchDeleted { service, branch }).await;
            }
            return;
        };
        let announced = announced(&self.engine.state(), &service, branch, new);
        let Some(change) = announced else { return };
        if !moved {
            self.report(Command::Lost { change }).await;
            return;
        }
        self.report(Command::Received { change }).await;
        if branch == MAIN {
            self.merge(&service, change, repository, (update.old.as_ref(), new)).await;
        }
    }

    /// Reports the proposed changes that are part of the trunk now.
    async fn merge(
        &self,
        service: &ServiceName,
        into: ChangeId,
        repository: &RepositoryName,
        (old, new): (Option<&CommitId>, &CommitId),
    ) {
        let Some(objects) = self.engine.parts().repositories.objects(repository) else { return };
        let proposed: Vec<(ChangeId, CommitId)> = {
            let state = self.engine.state();
            let open =
                state.open.changes.iter().filter_map(|id| Some((*id, state.changes.get(id)?)));
            open.filter(|(_, change)| {
                change.service == *service && change.phase == ChangePhase::Proposed
            })
            .map(|(id, change)| (id, change.push.commit.clone()))
            .collect()
        };
        for (change, commit) in proposed {
            let whole = match (objects.is_ancestor(&commit, new).await, old) {
                (Ok(true), _) => true,
                (_, Some(old)) => match taken::patches(&objects, (old, new)).await {
                    Ok(pushed) => {
                        let found = taken::taken(&objects, (old, &pushed), &commit).await;
                        matches!(found, Ok(Taken::Whole))
                    }
                    Err(_) => false,
                },
                (_, None) => false,
            };
            if whole {
                self.report(Command::Merged { change, into }).await;
            }
        }
    }

    async fn report(&self, command: Command) {
        if let Err(failure) = self.engine.report(command).await {
            tracing::error!(%failure, "what became of a push could not be recorded");
        }
    }
}

/// Returns the change that was announced for `commit` on `branch`.
fn announced(
    state: &State,
    service: &ServiceName,
    branch: &str,
    commit: &CommitId,
) -> Option<ChangeId> {
    state.open.changes.iter().rev().copied().find(|id| {
        state.changes.get(id).is_some_and(|change| {
            change.phase == ChangePhase::Announced
                && change.service == *service
                && change.push.branch == branch
                && change.push.commit == *commit
        })
    })
}

/// Returns the work items, like `PAY-123`, that the branch and the commits name.
fn work_items(branch: &str, commits: &[Commit]) -> BTreeSet<String> {
    let texts = commits.iter().flat_map(|commit| [commit.subject.as_str(), commit.body.as_str()]);
    let mut found = BTreeSet::new();
    for text in texts.chain([branch]) {
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
        found.extend(words.filter_map(work_item).take(50));
    }
    found
}

/// Returns the work item that `word` begins with: capitals, a hyphen, digits.
fn work_item(word: &str) -> Option<String> {
    let (project, rest) = word.split_once('-')?;
    let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
    let ends = rest[number.len()..].is_empty() || rest[number.len()..].starts_with('-');
    let capitals = (2..=10).contains(&project.len())
        && project.starts_with(|c: char| c.is_ascii_uppercase())
        && project.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
    let fits = (1..=9).contains(&number.len()) && ends && capitals;
    fits.then(|| format!("{project}-{number}"))
}

#[async_trait]
impl Pushes for PushJudge {
    async fn pushed(&self, push: Push) -> PushAnswer {
        match self.judge(&push).await {
            Ok(messages) => PushAnswer::Accepted { messages },
            Err(messages) => PushAnswer::Refused { messages },
        }
    }

    async fn received(&self, push: Received) {
        for update in &push.moved {
            self.confirm(&push.repository, update, true).await;
        }
        for update in &push.lost {
            self.confirm(&push.repository, update, false).await;
        }
    }
}

#[cfg(test)]
mod real;

#[cfg(test)]
mod tests {
    use super::work_item;

    #[test]
    fn a_work_item_is_capitals_a_hyphen_and_digits() {
        let of = |word: &str| work_item(word);
        assert_eq!(of("PAY-123"), Some("PAY-123".to_owned()));
        assert_eq!(of("PAY-123-faster-transfers"), Some("PAY-123".to_owned()));
        assert_eq!(of("pay-123"), None);
        assert_eq!(of("PAY-12a"), None);
        assert_eq!(of("PAY-"), None);
    }
}
