//! A sample bank as a story told to a real engine, on a clock that the story moves: something of
//! everything that pages show.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::Arc;

use sluss_core::approval::Subject;
use sluss_core::budget::TrafficCounted;
use sluss_core::config::{Demand, FourEyes, Organisation, Product};
use sluss_core::decide::{Actor, Command};
use sluss_core::deployment::Phase;
use sluss_core::event::{Artifact, Push};
use sluss_core::ids::{ChangeId, CommitId, DeploymentId, Digest, PersonRef, StepName};
use sluss_core::performance::{Beside, Measured, Metric, Pace};
use sluss_core::rollout::{Counts, Observation, Reading, Verdict};
use sluss_core::state::State;
use sluss_core::steps::{Isolation, StepOutcome, StepOwner, TestCounts};
use sluss_core::target::{JournalEntry, JournalRow, RouteKey};
use sluss_core::units::{Millis, Share};
use sluss_core::wanted::AttemptKey;
use sluss_engine::engine::{Engine, Parts};
use sluss_engine::forge::Repositories;
use sluss_engine::pipeline::Catalogue;
use sluss_engine::reconcile::attest;
use sluss_store::{
    Accounts, Blobs as _, Clock, Entropy, FileBlobs, LogOptions, ManualClock, NewAccount, Prose,
    SeededEntropy, SqliteLog, attestation_key,
};

use crate::delivered::pipeline;

/// When the story begins: a Sunday morning.
const BEGIN: Millis = Millis(1_795_330_800_000);

/// A bank on a clock that is moved by hand.
pub struct Story {
    /// Its engine.
    pub engine: Engine,
    clock: Arc<ManualClock>,
    pub people: BTreeMap<&'static str, PersonRef>,
}

/// How a rollout goes.
#[derive(Clone, Copy, PartialEq)]
pub enum Fares {
    Well,
    Badly,
    StillGoing,
}

impl Story {
    /// Opens the bank: people, and nothing else.
    pub async fn begin(data: &Path) -> Self {
        let clock = Arc::new(ManualClock::at(BEGIN));
        let parts = parts(data, Arc::clone(&clock)).await;
        let engine = Engine::start(parts, State::default());
        let origin = "sample.example/log".to_owned();
        engine.report(Command::Open { origin, demo: true }).await.unwrap();
        let mut people = BTreeMap::new();
        let known = [
            ("anna", "Anna Author", "demo-anna"),
            ("bo", "Bo Second", "demo-bo-2"),
            ("eva", "Eva Auditor", "demo-eva"),
        ];
        for (login, name, password) in known {
            let new = NewAccount {
                login: login.to_owned(),
                name: name.to_owned(),
                emails: vec![format!("{login}@bank.example")],
                password: password.to_owned(),
            };
            people.insert(login, engine.parts().accounts.create(new).await.unwrap().person);
        }
        Self { engine, clock, people }
    }

    /// Tells the whole story.
    pub async fn whole(data: &Path) -> Self {
        let story = Self::begin(data).await;
        story.propose(1).await;
        let first = story.push("payments", "main", "Take payments", &["PAY-1"]).await;
        story.build(first, "").await;
        story.accept(first).await;
        story.wait(95_000);
        story.approve(story.waiting().unwrap()).await;
        story.roll_out(first, Fares::Well).await;
        story.wait(3_600_000);
        story.count(120_000, 180).await;
        let good =
            story.push("payments", "main", "Answer transfers in one query", &["PAY-7"]).await;
        story.build(good, "").await;
        story.accept(good).await;
        story.roll_out(good, Fares::Well).await;
        story.wait(1_800_000);
        let bad = story.push("payments", "main", "Round the fee to whole cents", &["PAY-9"]).await;
        story.build(bad, "").await;
        story.accept(bad).await;
        story.roll_out(bad, Fares::Badly).await;
        story.count(48_000, 210).await;
        story.wait(600_000);
        story.freeze("cards", 4).await;
        let web = story.push("web-bank", "main", "Show the balance before a transfer", &[]).await;
        story.build(web, "").await;
        story.accept(web).await;
        story.wait(240_000);
        let failed = story.push("cards", "main", "Accept longer merchant names", &["CARD-3"]).await;
        story.build(failed, "unit-tests").await;
        let title = "Let customers rename a saved recipient, with a title that goes on for so long \
                     that nobody could want it in a table";
        let proposed = story.push("web-bank", "rename-recipients", title, &["WEB-12"]).await;
        story.build(proposed, "").await;
        story.propose(2).await;
        let rolling = story.push("payments", "main", "Keep a receipt for each refund", &[]).await;
        story.build(rolling, "").await;
        story.accept(rolling).await;
        story.roll_out(rolling, Fares::StillGoing).await;
        story.push("cards", "main", "Read the limits once a day", &["CARD-8"]).await;
        story.claim(&["fetch", "build"]).await;
        story.wait(4_000);
        story
    }

    /// Lets time pass.
    pub fn wait(&self, milliseconds: i64) {
        self.clock.advance(milliseconds);
    }

    async fn report(&self, command: Command) {
        self.engine.report(command).await.unwrap();
        while attest::once(&self.engine).await {}
    }

    pub async fn ask(&self, login: &str, command: Command) {
        let who = self.people[login].clone();
        let actor = Actor::Person { who, reauthenticated: true };
        self.engine.command(command, actor, None).await.unwrap();
        while attest::once(&self.engine).await {}
    }

    pub async fn text(&self, text: &str) -> Digest {
        self.engine.parts().prose.put_prose(text).await.unwrap()
    }

    pub async fn propose(&self, number: u64) {
        let both = BTreeSet::from([self.people["anna"].clone(), self.people["bo"].clone()]);
        let product = |title: &str| Product {
            title: title.to_owned(),
            owner: "payments".parse().unwrap(),
            failure_cost: "4.20 EUR".to_owned().try_into().ok(),
            require: Default::default(),
            findings: Default::default(),
        };
        let organisation = Organisation {
            name: if number == 1 { "Sample Bank" } else { "Sample Bank Group" }.to_owned(),
            four_eyes: FourEyes::FirstRelease,
            require: Demand::USUAL.into(),
            open_registration: true,
            products: BTreeMap::from([
                ("instant-payments".parse().unwrap(), product("Instant payments")),
                ("digital-bank".parse().unwrap(), product("Digital bank")),
            ]),
            // What is frozen before its first push is listed.
            services: [("cards".parse().unwrap(), "digital-bank".parse().unwrap())].into(),
            developers: both,
            approvers: BTreeSet::from([self.people["bo"].clone()]),
            groups: BTreeMap::new(),
            approvals: Vec::new(),
            approval_hours: Organisation::APPROVAL_HOURS,
            approval_days: Organisation::APPROVAL_DAYS,
            by_key: false,
            sign_in_minutes: Organisation::SIGN_IN_MINUTES,
            training: BTreeMap::new(),
            findings: Default::default(),
            retention: Default::default(),
            not_applicable: Default::default(),
            calendar: None,
            policies: None,
            alarm: Default::default(),
            templates: BTreeMap::new(),
            template_gates: BTreeMap::new(),
            without_customers: BTreeSet::new(),
            policy: Default::default(),
        };
        let contributors = BTreeSet::from([self.people["anna"].clone()]);
        let (commit, nonce) = (commit(900 + number), self.engine.nonce());
        self.ask("anna", Command::Propose { commit, organisation, contributors, nonce }).await;
    }

    pub async fn push(&self, service: &str, branch: &str, title: &str, items: &[&str]) -> ChangeId {
        let id = self.engine.state().next_change();
        let product = if service == "payments" { "instant-payments" } else { "digital-bank" };
        let push = Push {
            branch: branch.to_owned(),
            trunk: branch == "main",
            old: None,
            commit: commit(id.0),
            commits: 1 + u32::try_from(id.0 % 3).unwrap(),
            written: self.clock.now().plus(-400_000),
            contributors: BTreeSet::from([self.people["anna"].clone()]),
            hands: Default::default(),
            work_items: items.iter().map(ToString::to_string).collect(),
            title: self.text(title).await,
            pipeline: pipeline(service),
            left_out: BTreeSet::new(),
        };
        let (service, product) = (service.parse().unwrap(), product.parse().unwrap());
        self.ask("anna", Command::Push { service, product, push }).await;
        self.wait(300);
        self.report(Command::Received { change: id }).await;
        id
    }

    /// Runs and ends every step that may run, until none may; the one named fails.
    pub async fn build(&self, change: ChangeId, fails: &str) {
        self.wait(420);
        loop {
            let keys: Vec<AttemptKey> = self.engine.state().claimable();
            if keys.is_empty() {
                break;
            }
            for key in keys {
                self.step(key, fails).await;
            }
        }
        let packs = self.engine.state().to_pack();
        for run in packs {
            let artifact = Artifact {
                name: "app".parse().unwrap(),
                digest: Digest::of(format!("{change}").as_bytes()),
                bytes: 8_421_376 + change.0 * 4_096,
            };
            self.wait(600);
            self.report(Command::Packed { run, artifacts: vec![artifact] }).await;
        }
    }

    async fn step(&self, key: AttemptKey, fails: &str) {
        let name = key.step.to_string();
        self.report(Command::Claim(key.clone())).await;
        self.wait(1_200 + i64::try_from(name.len()).unwrap() * 700);
        let failed = name == fails;
        let log = self.log(&name, failed).await;
        let tests = name.contains("test").then_some(TestCounts {
            passed: 142,
            failed: u32::from(failed) * 3,
            skipped: 2,
        });
        self.report(Command::Finish {
            attempt: key.clone(),
            outcome: if failed {
                StepOutcome::Failed { code: 101 }
            } else {
                StepOutcome::Succeeded
            },
            isolation: Isolation::Namespaces,
            log: Some(log),
            tests,
            scans: vec![],
            measured: self.measured(&key),
        })
        .await;
    }

    /// What an acceptance measured beside what is live.
    fn measured(&self, key: &AttemptKey) -> Vec<Measured> {
        let StepOwner::Deployment(id) = key.owner else { return vec![] };
        let state = self.engine.state();
        let against = state.deployments.get(&id).and_then(|of| state.live_beside(of));
        let metric = |name: &str, unit: &str, micros, more_ppm, pace| Metric {
            name: name.parse().unwrap(),
            unit: unit.parse().unwrap(),
            micros,
            beside: against.map(|_| Beside { pairs: NonZeroU16::new(9).unwrap(), more_ppm, pace }),
        };
        vec![Measured {
            report: Digest::of(b"measurements"),
            against,
            tolerance_ppm: 100_000,
            metrics: vec![
                metric("Checkout", "ms/op", 12_480_000, 7_300, Pace::Within),
                metric(
                    "Refund/of-a-payment-in-parts-with-fees",
                    "ms/op",
                    31_070_000,
                    94_000,
                    Pace::Undecided,
                ),
                metric("Start", "s", 410_000, -21_000, Pace::Within),
            ],
        }]
    }

    async fn log(&self, step: &str, failed: bool) -> Digest {
        let mut text = format!("0\tn\tstep `{step}` begins\n");
        for line in 0..260 {
            text.push_str(&format!("{}\to\ttest ledger::case_{line:03} <ok> ... ok\n", line * 9));
        }
        if failed {
            text.push_str("2400\te\terror: assertion failed: `left == right` & more\n");
        }
        text.push_str("2500\tn\tended\n");
        self.engine.parts().blobs.put(text.into_bytes()).await.unwrap()
    }

    async fn claim(&self, steps: &[&str]) {
        for step in steps {
            self.wait(900);
            let step: StepName = step.parse().unwrap();
            let key = self.engine.state().claimable().into_iter().find(|key| key.step == step);
            let Some(key) = key else { continue };
            if step.as_str() == "fetch" {
                self.step(key, "").await;
            } else {
                self.report(Command::Claim(key)).await;
            }
        }
    }

    pub fn newest(&self, change: ChangeId) -> Option<DeploymentId> {
        let state = self.engine.state();
        let release = state.runs[&state.changes[&change].run?].release?;
        state.releases[&release].deployments.last().copied()
    }

    pub fn waiting(&self) -> Option<DeploymentId> {
        let state = self.engine.state();
        state.requests.keys().rev().find_map(|subject| match subject {
            Subject::Deployment(id) => Some(*id),
            Subject::Configuration(_) => None,
        })
    }

    /// Makes the test environment ready and runs what accepts it.
    pub async fn accept(&self, change: ChangeId) {
        let Some(deployment) = self.newest(change) else { return };
        self.wait(900);
        self.instance(deployment, JournalEntry::Started { instance: 0, pid: 4_711 }).await;
        self.wait(700);
        self.instance(deployment, JournalEntry::Ready { instance: 0 }).await;
        self.report(Command::Ready { deployment }).await;
        self.build(change, "").await;
        self.applied(deployment).await;
    }

    async fn instance(&self, deployment: DeploymentId, what: JournalEntry) {
        let row = {
            let state = self.engine.state();
            let at = &state.deployments[&deployment];
            let (service, environment) = (at.service.clone(), at.environment.clone());
            let key = RouteKey { service, environment };
            JournalRow { number: state.size, at: self.clock.now(), key, release: at.release, what }
        };
        self.report(Command::Instance { deployment, row }).await;
    }

    async fn applied(&self, deployment: DeploymentId) {
        let found = {
            let state = self.engine.state();
            let at = &state.deployments[&deployment];
            let (service, environment) = (at.service.clone(), at.environment.clone());
            let generation = state.place(&service, &environment).map(|place| place.generation);
            generation.map(|generation| (RouteKey { service, environment }, generation))
        };
        if let Some((key, generation)) = found {
            self.wait(240);
            self.report(Command::Applied { key, generation }).await;
        }
    }

    pub async fn approve(&self, deployment: DeploymentId) {
        let subject = Subject::Deployment(deployment);
        let statement = self.engine.state().requests[&subject].statement.clone();
        self.ask("bo", Command::Approve { subject, statement }).await;
    }

    pub async fn freeze(&self, service: &str, hours: i64) {
        let reason = self.text("The card scheme tests its own release today.").await;
        let (from, until) = (self.clock.now(), self.clock.now().plus(hours * 3_600_000));
        let service = Some(service.parse().unwrap());
        self.ask("bo", Command::Freeze { service, environment: None, from, until, reason }).await;
    }

    pub async fn roll_out(&self, change: ChangeId, fares: Fares) {
        let Some(deployment) = self.newest(change) else { return };
        self.wait(1_500);
        self.instance(deployment, JournalEntry::Started { instance: 0, pid: 5_120 }).await;
        self.instance(deployment, JournalEntry::Ready { instance: 0 }).await;
        self.report(Command::Ready { deployment }).await;
        let most = if fares == Fares::StillGoing { 34 } else { 200 };
        let (mut favour, mut against) = (0_i64, 0_i64);
        for second in 0..most {
            let share = self.share(deployment);
            let Some(share) = share else { break };
            self.wait(1_000);
            let bad = fares == Fares::Badly;
            let wave = (second % 7 - 3) * 60_000;
            favour += if bad { -350_000 } else { 110_000 } + wave;
            against = (against + if bad { 720_000 } else { -60_000 } - wave).max(-1_500_000);
            let verdict = if against >= 4_605_170 {
                Verdict::Unfavourable
            } else if favour >= 2_995_732 {
                Verdict::Favourable
            } else {
                Verdict::Undecided {
                    needs_requests: Some(3_200_u64.saturating_sub(second.unsigned_abs() * 55)),
                }
            };
            let requests = u64::from(share.basis_points()) / 50;
            let incumbent = Counts { requests: 200 - requests, errors: 0 };
            let errors = if bad { 1 + requests / 18 } else { 0 };
            let second = self.clock.now().second();
            let observation =
                Observation::new(second, share, incumbent, Counts { requests, errors });
            let reading = Reading::new((against, 4_605_170), (favour, 2_995_732), verdict);
            if verdict == Verdict::Favourable {
                favour = 0;
            }
            self.report(Command::Observe { deployment, observation, reading }).await;
        }
        self.applied(deployment).await;
    }

    /// Counts customers' requests to `payments`, of which so many failed.
    pub async fn count(&self, requests: u64, errors: u64) {
        let until = self.clock.now().second() - 1;
        let counted = TrafficCounted {
            service: "payments".parse().unwrap(),
            environment: "production".parse().unwrap(),
            after: until - 300,
            until,
            requests,
            errors,
            refused: 0,
            refused_so_far: 0,
        };
        self.report(Command::CountTraffic(counted)).await;
    }

    fn share(&self, deployment: DeploymentId) -> Option<Share> {
        let state = self.engine.state();
        match &state.deployments.get(&deployment)?.phase {
            Phase::RollingOut(rollout) => Some(rollout.share()).filter(|s| *s > Share::NONE),
            _over => None,
        }
    }
}

fn commit(number: u64) -> CommitId {
    Digest::of(&number.to_le_bytes()).as_str()[..40].parse().unwrap()
}

async fn parts(data: &Path, clock: Arc<ManualClock>) -> Parts {
    let clock: Arc<dyn Clock> = clock;
    let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(7));
    let log = SqliteLog::open(LogOptions {
        data: data.to_owned(),
        origin: "sample.example/log".to_owned(),
        clock: Arc::clone(&clock),
        entropy: Arc::clone(&entropy),
    });
    let accounts = Accounts::open(data, Arc::clone(&clock), Arc::clone(&entropy));
    Parts {
        spare: data.join("spare"),
        data: data.to_owned(),
        log: Arc::new(log.await.unwrap()),
        blobs: FileBlobs::open(data).unwrap(),
        prose: Prose::open(data, Arc::clone(&entropy)).unwrap(),
        accounts: accounts.await.unwrap(),
        repositories: Repositories::open(&data.join("repositories"), &["true".to_owned()]).unwrap(),
        catalogue: Catalogue::built_in(),
        attestor: Arc::new(attestation_key(data, entropy.as_ref()).unwrap()),
        clock,
        entropy,
        program: "/bin/true".into(),
        address: "http://127.0.0.1".to_owned(),
    }
}
