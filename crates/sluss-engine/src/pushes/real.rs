//! Pushes as Git has them: who contributed to what, found in real commits.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command as Process, Stdio};

use sluss_core::approval::Subject;
use sluss_core::state::ChangePhase;

use super::*;
use crate::texts::tests::World;

const ORGANISATION: &str = "
name: Bank
four_eyes: always
open_registration: true
products: { pay: { title: Pay, owner: pay } }
people: { anna: [developer], bo: [developer, approver], carl: [approver], dora: [developer] }
";

const EVERYBODY: &str = "
name: Bank
four_eyes: always
open_registration: true
products: { pay: { title: Pay, owner: pay } }
people:
  anna: [developer, approver]
  bo: [developer, approver]
  carl: [developer, approver]
  dora: [developer, approver]
";

const SERVICE: &str = "service: payments
product: pay
template: command@1
with:
  port: 8080
  ready: /ready
  start: python3 main.py
  test: python3 -m py_compile main.py
";

/// A bank, one of its repositories, and a work tree of it.
struct Bank {
    world: World,
    repository: RepositoryName,
    work: tempfile::TempDir,
    bare: PathBuf,
}

impl Bank {
    async fn open() -> Self {
        let mut world = World::new().await;
        world.platform(&[("organisation.yaml", ORGANISATION)]).await.unwrap();
        Self::of(world, "payments", ("sluss.yaml", SERVICE)).await
    }

    /// The platform repository of a bank of which everybody may decide.
    async fn platform() -> Self {
        Self::of(World::new().await, "platform", ("organisation.yaml", EVERYBODY)).await
    }

    async fn of(world: World, repository: &str, (path, text): (&str, &str)) -> Self {
        let repository: RepositoryName = repository.parse().unwrap();
        let parts = world.engine.parts();
        parts.repositories.ensure(&repository).await.unwrap();
        let bare = parts.data.join("repositories").join(format!("{repository}.git"));
        let bank = Self { world, repository, work: tempfile::tempdir().unwrap(), bare };
        bank.git("dora", &["init", "--quiet", "--initial-branch=main"], "");
        bank.write(path, text);
        bank.commit("dora", "Begin");
        bank.push("dora", "main").await.unwrap();
        bank
    }

    /// Commits a file as somebody and pushes it to the main branch.
    async fn change(&self, who: &str, path: &str) {
        self.write(path, &format!("{path} of {who}\n"));
        self.commit(who, path);
        self.push(who, "main").await.unwrap();
    }

    /// Decides over a proposed configuration as somebody; returns whether that was taken.
    async fn decides(&self, who: &str, number: u64, approves: bool) -> bool {
        let subject = Subject::Configuration(number);
        let statement = self.world.engine.state().requests[&subject].statement.clone();
        let command = match approves {
            true => Command::Approve { subject, statement },
            false => Command::Refuse { subject, statement, reason: None },
        };
        let who = self.world.people[who].clone();
        let actor = Actor::Person { who, reauthenticated: true };
        self.world.engine.command(command, actor, None).await.is_ok()
    }

    /// The people of the newest proposed configuration, by their logins.
    fn proposers(&self) -> Vec<&'static str> {
        let state = self.world.engine.state();
        let (_, newest) = state.proposals.last_key_value().unwrap();
        let people = self.world.people.iter();
        people.filter(|(_, who)| newest.contributors.contains(who)).map(|(l, _)| *l).collect()
    }

    /// Runs Git in the work tree as somebody; returns what it said.
    fn git(&self, who: &str, arguments: &[&str], input: &str) -> String {
        let email = format!("{who}@bank.example");
        let mut child = Process::new("git")
            .args(arguments)
            .current_dir(self.work.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_AUTHOR_NAME", who)
            .env("GIT_AUTHOR_EMAIL", &email)
            .env("GIT_COMMITTER_NAME", who)
            .env("GIT_COMMITTER_EMAIL", &email)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn write(&self, path: &str, text: &str) {
        std::fs::write(self.work.path().join(path), text).unwrap();
    }

    fn commit(&self, who: &str, message: &str) {
        self.git(who, &["add", "--all"], "");
        self.git(who, &["commit", "--quiet", "--message", message], "");
    }

    /// Pushes a branch as somebody, as the hooks have it; returns what they are told.
    async fn push(&self, who: &str, branch: &str) -> Result<Vec<String>, Vec<String>> {
        let repository = self.repository.clone();
        let objects = self.world.engine.parts().repositories.objects(&repository).unwrap();
        let old = objects.head(branch).await.unwrap();
        let new: CommitId = self.git(who, &["rev-parse", branch], "").parse().unwrap();
        // The objects are there before anybody is asked; the branch moves afterwards.
        let bare = self.bare.to_str().unwrap();
        self.git(
            who,
            &["push", "--quiet", "--force", bare, &format!("{new}:refs/aside/{new}")],
            "",
        );
        let name = crate::forge::RefName::of_branch(branch).unwrap();
        let update = RefUpdate { name, old, new: Some(new.clone()) };
        let push = Push {
            repository: repository.clone(),
            pusher: Pusher(who.to_owned()),
            updates: vec![update.clone()],
            options: Vec::new(),
            objects,
        };
        match self.world.judge.pushed(push).await {
            PushAnswer::Refused { messages } => Err(messages),
            PushAnswer::Accepted { messages } => {
                let to = format!("{new}:refs/heads/{branch}");
                self.git(who, &["push", "--quiet", "--force", bare, &to], "");
                let (moved, pusher) = (vec![update], Pusher(who.to_owned()));
                self.world
                    .judge
                    .received(Received { repository, pusher, moved, lost: Vec::new() })
                    .await;
                Ok(messages)
            }
        }
    }

    /// Who contributed to the newest change of the trunk, by their logins.
    fn contributors(&self) -> Vec<&'static str> {
        let state = self.world.engine.state();
        let newest = state.changes.values().rfind(|change| change.push.trunk).unwrap();
        let people = self.world.people.iter();
        people.filter(|(_, who)| newest.push.contributors.contains(who)).map(|(l, _)| *l).collect()
    }

    fn phases(&self) -> Vec<ChangePhase> {
        self.world.engine.state().changes.values().map(|change| change.phase).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_pushed_a_branch_that_comes_squashed_to_the_trunk_contributed() {
    let bank = Bank::open().await;
    bank.git("anna", &["checkout", "--quiet", "-b", "topic"], "");
    bank.write("a", "one\n");
    bank.commit("anna", "One");
    bank.write("a", "one\ntwo\n");
    bank.commit("anna", "Two");
    bank.push("anna", "topic").await.unwrap();
    bank.git("bo", &["checkout", "--quiet", "main"], "");
    bank.git("bo", &["merge", "--quiet", "--squash", "topic"], "");
    bank.commit("bo", "Mine alone");
    bank.push("bo", "main").await.unwrap();
    assert_eq!(bank.contributors(), ["anna", "bo"]);
    assert!(matches!(bank.phases()[1], ChangePhase::MergedInto { .. }), "{:?}", bank.phases());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_pushed_a_commit_that_is_picked_onto_the_trunk_contributed() {
    let bank = Bank::open().await;
    bank.git("anna", &["checkout", "--quiet", "-b", "topic"], "");
    for name in ["a", "b"] {
        bank.write(name, "one\n");
        bank.commit("anna", name);
    }
    bank.push("anna", "topic").await.unwrap();
    bank.git("bo", &["checkout", "--quiet", "main"], "");
    bank.git("bo", &["cherry-pick", "--no-commit", "topic~1"], "");
    bank.commit("bo", "Mine alone");
    bank.push("bo", "main").await.unwrap();
    assert_eq!(bank.contributors(), ["anna", "bo"]);
    assert_eq!(bank.phases()[1], ChangePhase::Proposed);
    // What is another patch is not hers.
    bank.write("c", "mine\n");
    bank.commit("bo", "Another");
    bank.push("bo", "main").await.unwrap();
    assert_eq!(bank.contributors(), ["bo"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_pushes_commits_of_an_address_that_nobody_knows_is_told_so() {
    let bank = Bank::open().await;
    bank.write("a", "one\n");
    bank.commit("nobody", "One");
    let said = bank.push("bo", "main").await.unwrap().join("\n");
    assert!(said.contains("sluss account identify nobody@bank.example"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_of_more_commits_than_are_looked_at_is_refused_and_taken_in_parts() {
    let bank = Bank::open().await;
    let mut stream = String::new();
    for number in 0..=COMMITS_MOST {
        let who = if number == 0 { "anna" } else { "bo" };
        let from = if number == 0 { "from refs/heads/main^0\n" } else { "" };
        writeln!(
            stream,
            "commit refs/heads/main\ncommitter {who} <{who}@bank.example> {} +0000\ndata 1\nx\n\
             {from}",
            1_000_000 + number
        )
        .unwrap();
    }
    bank.git("bo", &["fast-import", "--quiet", "--force"], &stream);
    let refused = bank.push("bo", "main").await.unwrap_err().join("\n");
    assert!(refused.contains("more than 20000 commits"), "{refused}");
    let whole = bank.git("bo", &["rev-parse", "main"], "");
    bank.git("bo", &["update-ref", "refs/heads/main", &format!("{whole}~10")], "");
    bank.push("bo", "main").await.unwrap();
    assert_eq!(bank.contributors(), ["anna", "bo"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_author_of_a_refused_platform_change_cannot_approve_the_push_that_holds_it() {
    let bank = Bank::platform().await;
    bank.change("anna", "hers").await;
    assert!(bank.decides("carl", 2, false).await);
    bank.change("bo", "his").await;
    assert_eq!(bank.proposers(), ["anna", "bo"]);
    assert!(!bank.decides("anna", 3, true).await);
    assert!(bank.decides("dora", 3, true).await);
    // What is in force is agreed to: the next change is of whoever makes that.
    bank.change("bo", "another").await;
    assert_eq!(bank.proposers(), ["bo"]);
    assert!(bank.decides("anna", 4, true).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_author_of_an_overtaken_platform_change_cannot_approve_the_push_that_overtook_it() {
    let bank = Bank::platform().await;
    bank.change("anna", "hers").await;
    // Whoever pushes what others wrote is one of them for what comes after, too.
    bank.write("second", "two\n");
    bank.commit("anna", "Second");
    bank.push("carl", "main").await.unwrap();
    bank.change("bo", "his").await;
    assert_eq!(bank.proposers(), ["anna", "bo", "carl"]);
    assert!(!bank.decides("anna", 4, true).await);
    assert!(!bank.decides("carl", 4, true).await);
    assert!(bank.decides("dora", 4, true).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_author_of_a_branch_that_is_squashed_into_the_platform_cannot_approve_it() {
    let bank = Bank::platform().await;
    bank.git("anna", &["checkout", "--quiet", "-b", "feat"], "");
    bank.write("hers", "one\n");
    bank.commit("anna", "One");
    bank.write("hers", "one\ntwo\n");
    bank.commit("anna", "Two");
    bank.push("anna", "feat").await.unwrap();
    bank.git("bo", &["checkout", "--quiet", "main"], "");
    bank.git("bo", &["merge", "--quiet", "--squash", "feat"], "");
    bank.commit("bo", "Mine alone");
    bank.push("bo", "main").await.unwrap();
    assert_eq!(bank.proposers(), ["anna", "bo"]);
    assert!(!bank.decides("anna", 2, true).await);
    // It is so for what holds the squash as well.
    bank.change("bo", "more").await;
    assert!(!bank.decides("anna", 3, true).await);
    assert!(bank.decides("carl", 3, true).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_pushed_a_file_that_comes_to_the_trunk_among_others_contributed() {
    let bank = Bank::open().await;
    bank.git("anna", &["checkout", "--quiet", "-b", "topic"], "");
    bank.write("f3b.py", "one\n");
    bank.commit("anna", "One");
    bank.push("anna", "topic").await.unwrap();
    bank.git("bo", &["checkout", "--quiet", "main"], "");
    bank.git("bo", &["merge", "--quiet", "--squash", "topic"], "");
    bank.write("other.txt", "mine\n");
    bank.commit("bo", "Mine alone");
    bank.push("bo", "main").await.unwrap();
    assert_eq!(bank.contributors(), ["anna", "bo"]);
    // The branch is still open: it did not come whole.
    assert_eq!(bank.phases()[1], ChangePhase::Proposed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_as_the_trunk_had_it_before_is_taken_from_no_branch() {
    let bank = Bank::open().await;
    bank.write("a", "one\n");
    bank.commit("dora", "One");
    bank.write("a", "two\n");
    bank.commit("dora", "Two");
    bank.push("dora", "main").await.unwrap();
    bank.git("anna", &["checkout", "--quiet", "-b", "topic"], "");
    bank.write("a", "one\n");
    bank.write("b", "hers\n");
    bank.commit("anna", "Back");
    bank.push("anna", "topic").await.unwrap();
    bank.git("bo", &["checkout", "--quiet", "main"], "");
    bank.write("a", "one\n");
    bank.write("c", "his\n");
    bank.commit("bo", "Back as well");
    bank.push("bo", "main").await.unwrap();
    assert_eq!(bank.contributors(), ["bo"]);
}
