//! The story, step by step. Each sentence is said after what it says has been read from the log.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use sluss_core::approval::{Decision, Subject};
use sluss_core::deployment::Phase;
use sluss_core::event::Event;
use sluss_core::ids::{ChangeId, DeploymentId};
use sluss_core::pipeline::EnvironmentKind;
use sluss_core::state::{ChangePhase, RunEnd, State};
use sluss_core::units::Millis;
use sluss_engine::failure::{Blame, Failure};

use super::bank::{ANNA, BO, EVA, Person, Repository, free};
use super::customers::Customers;
use super::figures::{Figures, Rollback, lead_time};
use crate::client::{Client, Credentials};
use crate::commands::Output;

/// Everything that happened, with when.
pub type Moments = Vec<(Millis, Event)>;

/// How long one step of the story may take; a first build fetches and builds everything.
const PATIENCE: Duration = Duration::from_secs(900);
const LOOK_EVERY: Duration = Duration::from_millis(150);

/// The story so far.
struct Story {
    client: Client,
    state: State,
    moments: Moments,
    begun: Instant,
    /// Nothing is said where the output is JSON.
    silent: bool,
}

fn as_person(listen: SocketAddr, person: Person) -> Client {
    let (login, password) = (person.login.to_owned(), person.password.to_owned());
    Client::new(format!("http://{listen}"), Credentials::Password { login, password })
}

/// Tells the whole story and returns its figures.
pub async fn tell(
    folder: &Path,
    listen: SocketAddr,
    rate: u32,
    (once, output): (bool, Output),
) -> Result<Figures, Failure> {
    let client = as_person(listen, EVA);
    let (state, moments) = (State::default(), Vec::new());
    let silent = matches!(output, Output::Json);
    let mut story = Story { client, state, moments, begun: now(), silent };
    story.until("Sluss is ready", |_state| true).await?;
    story.say(&format!("Sluss is ready: http://{listen}"));

    let work = folder.join("work");
    let platform = Repository::platform(&work, listen).await?;
    platform.push("Begin the sample bank").await?;
    story.until("the configuration is active", |state| state.organisation.is_some()).await?;
    story.say("The platform repository is pushed and active: people, products, policy.");

    let address = free(SocketAddr::from(([127, 0, 0, 1], 8080)))?;
    let payments = Repository::payments(&work, listen, address.port()).await?;
    payments.push("PAY-1: begin the payments service").await?;
    let first = story.delivered_to_test("The payments service is pushed").await?;
    let author_refused = story.second_person(listen, first).await?;
    let production = story.open_to_customers().await?;
    let test_environment_gone = story.test_environments() == 0;

    let program = story.program(folder, production)?;
    let ledger = work.join("customers.ledger");
    let customers = Customers::begin(&program, address, rate, &ledger)?;
    customers.paid(u64::from(rate) * 5).await?;
    story.say(&format!("Customers pay {rate} times a second, through the host, without a break."));
    story.live(first, "Production").await?;

    let (lead_time_ms, failed_by_good_change) = story.good_change(&payments, &customers).await?;

    payments.change("bad").await?;
    payments.push("PAY-3: settle transfers in lanes").await?;
    let bad = story.newest_change().await?;
    story.say("A bad change is pushed: it passes its tests, and fails 5 % of transfers.");
    let rollback = story.taken_back(bad).await?;
    customers
        .paid(customers.now()["succeeded"].as_u64().unwrap_or(0) + u64::from(rate) * 3)
        .await?;
    let books = customers.end().await?;
    story.say("The customers stopped, and compared their books with the service's.");

    let verified = verified(folder).await?;
    story.look().await?;
    let figures = Figures {
        payments: books,
        failed_by_good_change,
        rollback,
        lead_time_ms,
        events: story.state.size,
        verified,
        author_refused,
        test_environment_gone,
        url: format!("http://{listen}"),
    };
    end(&figures, folder, (once, output));
    Ok(figures)
}

fn end(figures: &Figures, folder: &Path, (once, output): (bool, Output)) {
    match output {
        Output::Json => crate::commands::print(&figures.json().to_string()),
        Output::Text => {
            crate::commands::print("");
            for line in figures.lines() {
                crate::commands::print(&line);
            }
            if !once {
                crate::commands::print(&format!("look       {}", figures.url));
            }
            let data = folder.join("data");
            let program = std::env::args().next().unwrap_or_else(|| "sluss".to_owned());
            let verify = format!("verify     {program} log verify --data {}", data.display());
            crate::commands::print(&verify);
        }
    }
}

/// Says how the reader can look around.
pub fn stay(listen: SocketAddr) {
    eprintln!("\nIt keeps running: http://{listen}");
    for person in [ANNA, BO, EVA] {
        eprintln!("  {:<6} {:<14} {}", person.login, person.password, person.name);
    }
    eprintln!("End it with Ctrl-C.");
}

async fn verified(folder: &Path) -> Result<bool, Failure> {
    let data = folder.join("data");
    let report = sluss_store::verify::verify(&data, sluss_store::verify::Scope::Log)
        .await
        .map_err(|error| Failure::upstream("The log can't be verified", &error))?;
    Ok(report.ok)
}

impl Story {
    fn say(&self, sentence: &str) {
        if !self.silent {
            let seconds = self.begun.elapsed().as_secs();
            crate::commands::print(&format!("{:>3}:{:02}  {sentence}", seconds / 60, seconds % 60));
        }
    }

    async fn look(&mut self) -> Result<(), Failure> {
        let moments = &mut self.moments;
        self.client.follow(&mut self.state, |at, event| moments.push((at, event.clone()))).await
    }

    /// Waits until `reached` holds.
    async fn until(
        &mut self,
        what: &str,
        mut reached: impl FnMut(&State) -> bool,
    ) -> Result<(), Failure> {
        let deadline = now() + PATIENCE;
        loop {
            let looked = self.look().await;
            if looked.is_ok() && self.state.size > 0 && reached(&self.state) {
                return Ok(());
            }
            if now() > deadline {
                looked?;
                let what = format!("This did not happen in time: {what}.");
                let hint = "Look at `control.log` and `host.log` in `data` of the demo's folder";
                return Err(Failure::new(Blame::Upstream, what, hint));
            }
            self.stuck().await?;
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Says so when a run failed: nothing of the story goes on then.
    async fn stuck(&self) -> Result<(), Failure> {
        let failed = |(_, run): &(&_, &sluss_core::state::Run)| {
            run.not_packed.is_some() || run.ended.is_some_and(|(_, end)| end != RunEnd::Succeeded)
        };
        let Some((id, run)) = self.state.runs.iter().find(failed) else { return Ok(()) };
        let what = super::failed::words(&self.client, *id, run).await;
        let hint = "Mend that, and tell it once more: `sluss demo`";
        Err(Failure::new(Blame::Upstream, what, hint))
    }

    async fn newest_change(&mut self) -> Result<ChangeId, Failure> {
        self.look().await?;
        let newest = self.state.changes.keys().next_back().copied();
        newest.ok_or_else(|| Failure::new(Blame::Bug, "No change is recorded.", "Report this"))
    }

    /// Waits until the first change waits for a second person.
    async fn delivered_to_test(&mut self, pushed: &str) -> Result<ChangeId, Failure> {
        let change = self.newest_change().await?;
        self.say(&format!("{pushed}: {change}. The golden template builds and tests it."));
        self.until("a release is made", |state| !state.releases.is_empty()).await?;
        let tests = self.state.runs.values().find_map(|run| run.steps.tests()).unwrap_or_default();
        self.say(&format!("Built; {} tests passed; packed as an artifact.", tests.passed));
        let there = |state: &State| {
            state
                .services
                .values()
                .any(|service| service.places.keys().any(|name| name.as_str().starts_with("test-")))
        };
        self.until("a test environment is made", there).await?;
        self.say("A test environment is made for it alone; acceptance steps run there.");
        self.until("a second person is asked", |state| !open_requests(state).is_empty()).await?;
        self.say("Accepted; the test environment is gone. Production asks for a second person.");
        Ok(change)
    }

    fn test_environments(&self) -> usize {
        let ephemeral = |deployment: &&sluss_core::deployment::Deployment| {
            deployment.stage.kind == EnvironmentKind::Ephemeral && !deployment.is_over()
        };
        self.state.deployments.values().filter(ephemeral).count()
    }

    /// Lets the author try to approve, then the second person; returns whether the author was
    /// refused.
    async fn second_person(
        &mut self,
        listen: SocketAddr,
        _change: ChangeId,
    ) -> Result<bool, Failure> {
        let Some((subject, statement)) = open_requests(&self.state).into_iter().next() else {
            return Err(Failure::new(Blame::Bug, "Nobody was asked.", "Report this"));
        };
        let path = format!("/api/v1/approvals/{subject}");
        let decision = |person: Person| json!({ "decision": "approve", "statement": statement, "password": person.password });
        let refused = match as_person(listen, ANNA).post(&path, &decision(ANNA)).await {
            Err(refusal) => {
                self.say(&format!("The author tries to approve: {}", refusal.what));
                true
            }
            Ok(_granted) => false,
        };
        as_person(listen, BO).post(&path, &decision(BO)).await?;
        self.say("The second person approves.");
        Ok(refused)
    }

    /// Waits until the first release takes requests where customers are; returns its deployment.
    async fn open_to_customers(&mut self) -> Result<DeploymentId, Failure> {
        let judged = |state: &State| {
            let mut all = state.deployments.iter();
            all.find_map(|(id, deployment)| match &deployment.phase {
                Phase::RollingOut(rollout) if rollout.first_share.is_some() => Some(*id),
                _not_yet => None,
            })
        };
        self.until("it takes requests", |state| judged(state).is_some()).await?;
        self.say("Production has its first release: it takes requests, and is judged by them.");
        judged(&self.state)
            .ok_or_else(|| Failure::new(Blame::Bug, "It takes no requests.", "Report this"))
    }

    /// Waits until `change` is live where customers are.
    async fn live(&mut self, change: ChangeId, place: &str) -> Result<(), Failure> {
        let delivered = |state: &State| {
            let change = state.changes.get(&change);
            change.is_some_and(|change| matches!(change.phase, ChangePhase::Delivered { .. }))
        };
        self.until("it is live", delivered).await?;
        self.say(&format!("It kept its objectives: {place} has its first release, live."));
        Ok(())
    }

    /// Returns the customers' program, which is part of the first release.
    fn program(
        &self,
        folder: &Path,
        deployment: DeploymentId,
    ) -> Result<std::path::PathBuf, Failure> {
        let artifact = self
            .state
            .deployments
            .get(&deployment)
            .and_then(|deployment| self.state.releases.get(&deployment.release))
            .and_then(|release| release.artifacts.first());
        let digest = artifact.map(|artifact| artifact.digest.to_string()).unwrap_or_default();
        let unpacked = folder.join("data").join("unpacked").join(digest);
        find(&unpacked, "payments-load").ok_or_else(|| {
            let what = "The first release has no `payments-load`.";
            Failure::new(Blame::Upstream, what, "Report this")
        })
    }

    /// Pushes the good change and waits until it is live; returns its lead time and how many
    /// payments failed meanwhile.
    async fn good_change(
        &mut self,
        payments: &Repository,
        customers: &Customers,
    ) -> Result<(i64, u64), Failure> {
        let failed = || customers.now()["failed_final"].as_u64().unwrap_or(0);
        let before = failed();
        payments.change("good").await?;
        payments.push("PAY-2: name the currency in the answer").await?;
        let good = self.newest_change().await?;
        self.say("A good change is pushed: answers name their currency.");
        self.delivered(good).await?;
        let lead_time_ms = lead_time(&self.moments, good).unwrap_or(i64::MAX);
        self.say(&format!("It is live, {} s after its push.", lead_time_ms / 1000));
        Ok((lead_time_ms, failed() - before))
    }

    /// Waits until `change` is delivered, and tells of each share on the way.
    async fn delivered(&mut self, change: ChangeId) -> Result<(), Failure> {
        let mut told = self.moments.len();
        loop {
            self.look().await?;
            told = self.tell_of_rollout(told);
            let phase = self.state.changes.get(&change).map(|change| change.phase);
            match phase {
                Some(ChangePhase::Delivered { .. }) => return Ok(()),
                _not_yet => self.stuck().await?,
            }
            self.not_taken_back(change)?;
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn not_taken_back(&self, change: ChangeId) -> Result<(), Failure> {
        match self.deployment_taken_back(change) {
            None => Ok(()),
            Some(id) => Err(Failure::new(
                Blame::Bug,
                format!("The good change was taken back: {id}."),
                "Look at its rollout on the demo's pages",
            )),
        }
    }

    fn deployment_taken_back(&self, change: ChangeId) -> Option<DeploymentId> {
        let of = |id: &DeploymentId| {
            let deployment = self.state.deployments.get(id)?;
            let release = self.state.releases.get(&deployment.release)?;
            let back = matches!(deployment.phase, Phase::RolledBack { .. });
            (release.change == change && back).then_some(*id)
        };
        self.state.deployments.keys().find_map(of)
    }

    /// Waits until `change` was taken back and its share is confirmed to be zero.
    async fn taken_back(&mut self, change: ChangeId) -> Result<Rollback, Failure> {
        let mut told = self.moments.len();
        let deadline = now() + PATIENCE;
        loop {
            self.look().await?;
            told = self.tell_of_rollout(told);
            let back = self.deployment_taken_back(change);
            if let Some(figures) = back.and_then(|id| Rollback::of(&self.moments, id)) {
                return Ok(figures);
            }
            let live = self.state.changes.get(&change).map(|change| change.phase);
            if matches!(live, Some(ChangePhase::Delivered { .. })) || now() > deadline {
                let what = "The bad change was not taken back.";
                return Err(Failure::new(Blame::Bug, what, "Look at its rollout on the pages"));
            }
            self.stuck().await?;
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Tells what happened in rollouts from moment `from` on; returns where to go on.
    fn tell_of_rollout(&self, from: usize) -> usize {
        for (_, event) in &self.moments[from..] {
            let sentence = match event {
                Event::ReleaseCreated { release, .. } => format!("{release} is built and tested."),
                Event::RolloutShifted { share, .. } => {
                    format!("The candidate takes {share} of the payments.")
                }
                Event::DeploymentRolledBack { cause, .. } => {
                    format!("It {}: share zero, nobody touched anything.", cause.sentence())
                }
                Event::IncidentOpened { incident, .. } => {
                    format!("{incident} is open, with its cause.")
                }
                Event::IncidentMitigated { .. } => {
                    "The host confirms: customers have the release before.".to_owned()
                }
                _other => continue,
            };
            self.say(&sentence);
        }
        self.moments.len()
    }
}

fn open_requests(state: &State) -> Vec<(Subject, sluss_core::ids::Digest)> {
    let open = state.requests.iter().filter(|(_, request)| request.decision == Decision::Open);
    open.map(|(subject, request)| (*subject, request.statement.clone())).collect()
}

fn find(folder: &Path, name: &str) -> Option<std::path::PathBuf> {
    for entry in std::fs::read_dir(folder).ok()? {
        let path = entry.ok()?.path();
        if path.is_dir() {
            if let Some(found) = find(&path, name) {
                return Some(found);
            }
        } else if path.file_name().is_some_and(|file| file == name) {
            return Some(path);
        }
    }
    None
}

#[expect(clippy::disallowed_methods, reason = "the story is told at the edge, by the wall")]
fn now() -> Instant {
    Instant::now()
}
