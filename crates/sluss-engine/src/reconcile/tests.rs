//! What the log says about itself, on a real engine with a clock moved by hand: seals of populations,
//! heartbeats, and what runs without having been deployed.

mod notices;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use sluss_core::config::{FourEyes, Organisation};
use sluss_core::decide::{Actor, Command};
use sluss_core::event::{Artifact, Push};
use sluss_core::findings::Report;
use sluss_core::ids::{DeploymentId, Digest, PersonRef, ReleaseId};
use sluss_core::incident::Origin;
use sluss_core::pipeline::{
    EnvironmentKind, GateKind, Pipeline, Replacement, Stage, Start, Step, StepKind,
};
use sluss_core::population::PopulationSealed;
use sluss_core::state::State;
use sluss_core::steps::{Isolation, StepOutcome, TestCounts};
use sluss_core::target::{
    Applied, ArmStatus, CounterRow, Desired, InstanceState, InstanceStatus, JournalRow, Limits,
    Readiness, RouteKey, RouteStatus, Traffic,
};
use sluss_core::units::{Millis, Share};
use sluss_store::verify::{Scope, verify};
use sluss_store::{
    Accounts, Clock, Entropy, FileBlobs, Log as _, LogOptions, ManualClock, Prose, SeededEntropy,
    SqliteLog,
};

use super::routes::{Ports, Router};
use super::{attest, upkeep};
use crate::engine::{Engine, Parts};
use crate::forge::Repositories;
use crate::pipeline::Catalogue;
use crate::population::{Day, Proof, prove, prove_folder};
use crate::target::{Target, TargetError};

/// 2026-11-22T07:00:00Z.
const BEGIN: Millis = Millis(1_795_330_800_000);
mod retention;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

mod counting;
mod findings;
mod populations;

struct Bank {
    folder: tempfile::TempDir,
    engine: Engine,
    clock: Arc<ManualClock>,
    anna: PersonRef,
}

async fn parts(data: &Path, clock: Arc<ManualClock>) -> Parts {
    let clock: Arc<dyn Clock> = clock;
    let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(7));
    let log = SqliteLog::open(LogOptions {
        data: data.to_owned(),
        origin: "bank.example/log".to_owned(),
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
        attestor: Arc::new(sluss_store::attestation_key(data, entropy.as_ref()).unwrap()),
        clock,
        entropy,
        program: "/bin/true".into(),
        address: "http://127.0.0.1".to_owned(),
    }
}

impl Bank {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(BEGIN));
        let engine = Engine::start(parts(folder.path(), clock.clone()).await, State::default());
        let origin = "bank.example/log".to_owned();
        engine.report(Command::Open { origin, demo: false }).await.unwrap();
        let anna = PersonRef::derive(&[7; 32], "anna");
        let propose = Command::Propose {
            commit: "1".repeat(40).parse().unwrap(),
            organisation: organisation(&anna),
            contributors: BTreeSet::new(),
            nonce: "first".to_owned(),
        };
        engine.report(propose).await.unwrap();
        Self { folder, engine, clock, anna }
    }

    /// Pushes a change, builds it with so many failing tests, and returns its deployment.
    async fn release(&self, failing: u32) -> DeploymentId {
        self.release_with(failing, Vec::new()).await
    }

    /// Pushes a change, builds it with so many failing tests and with these reports of scanners.
    async fn release_with(&self, failing: u32, scans: Vec<Report>) -> DeploymentId {
        let (change, id) = {
            let state = self.engine.state();
            (state.next_change(), state.next_deployment())
        };
        let push = Push {
            branch: "main".to_owned(),
            trunk: true,
            old: None,
            commit: format!("{:040x}", change.0 + 7).parse().unwrap(),
            commits: 1,
            written: BEGIN,
            contributors: BTreeSet::from([self.anna.clone()]),
            hands: Default::default(),
            work_items: BTreeSet::new(),
            title: Digest::of(b"title"),
            pipeline: pipeline(),
            left_out: BTreeSet::new(),
        };
        let (service, product) = ("pay".parse().unwrap(), "bank".parse().unwrap());
        self.ask(Command::Push { service, product, push }).await;
        self.engine.report(Command::Received { change }).await.unwrap();
        let attempts = self.engine.state().claimable();
        for attempt in attempts {
            self.engine.report(Command::Claim(attempt.clone())).await.unwrap();
            let finish = Command::Finish {
                attempt,
                outcome: StepOutcome::Succeeded,
                isolation: Isolation::Namespaces,
                log: None,
                tests: Some(TestCounts { passed: 7, failed: failing, skipped: 0 }),
                scans: scans.clone(),
                measured: vec![],
            };
            self.engine.report(finish).await.unwrap();
        }
        let runs = self.engine.state().to_pack();
        for run in runs {
            let artifact =
                Artifact { name: "app".parse().unwrap(), digest: app(change.0), bytes: 1 };
            self.engine.report(Command::Packed { run, artifacts: vec![artifact] }).await.unwrap();
        }
        attest::once(&self.engine).await;
        id
    }

    async fn ask(&self, command: Command) {
        let actor = Actor::Person { who: self.anna.clone(), reauthenticated: true };
        self.engine.command(command, actor, None).await.unwrap();
    }

    /// Lets time pass and does what it asks for.
    async fn pass(&self, milliseconds: i64) {
        self.clock.advance(milliseconds);
        upkeep::once(&self.engine, self.engine.now()).await.unwrap();
    }

    async fn kinds(&self) -> Vec<String> {
        let all = self.engine.parts().log.read(0, 10_000).await.unwrap();
        all.into_iter().map(|sealed| sealed.kind).collect()
    }

    async fn proof(&self, from: i64, to: i64) -> Proof {
        let day = |days: i64| Day::of(BEGIN.plus(days * DAY_MS));
        let proof = prove(&self.engine, day(from), day(to)).await.unwrap();
        // Whoever has the folder alone comes to the same.
        let apart = prove_folder(self.folder.path(), day(from), day(to)).await.unwrap();
        assert_eq!(proof, apart);
        proof
    }

    fn sealed(&self) -> PopulationSealed {
        let (to_leaf, from_leaf) = {
            let state = self.engine.state();
            (state.size, state.populations[&"production".parse().unwrap()].until)
        };
        PopulationSealed {
            environment: "production".parse().unwrap(),
            from_leaf,
            to_leaf,
            deploys: 0,
            refused: 0,
            rollbacks: 0,
            emergency: 0,
            standard: 0,
            standard_told: true,
            head: "0".repeat(64).parse().unwrap(),
            merkle_root: sluss_ledger::Hash::empty_root().to_string().parse().unwrap(),
        }
    }
}

fn app(number: u64) -> Digest {
    Digest::of(format!("app {number}").as_bytes())
}

fn organisation(anna: &PersonRef) -> Organisation {
    Organisation {
        name: "Bank".to_owned(),
        four_eyes: FourEyes::Never,
        require: BTreeSet::new(),
        open_registration: true,
        products: BTreeMap::new(),
        services: BTreeMap::from([("pay".parse().unwrap(), "bank".parse().unwrap())]),
        developers: BTreeSet::from([anna.clone()]),
        approvers: BTreeSet::from([anna.clone()]),
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
    }
}

fn pipeline() -> Pipeline {
    let step = Step {
        name: "unit-tests".parse().unwrap(),
        kind: StepKind::Run,
        command: vec!["true".to_owned()],
        needs: Vec::new(),
        timeout_seconds: 60,
        retries: 0,
        when: Default::default(),
        environment: BTreeMap::new(),
        secrets: BTreeSet::new(),
        reports: Vec::new(),
        outputs: Vec::new(),
    };
    let start = Start {
        artifact: "app".parse().unwrap(),
        command: vec!["serve".to_owned()],
        port: 8080,
        instances: 1,
        readiness: Readiness::default(),
        drain_seconds: 5,
        limits: Limits::default(),
        environment: BTreeMap::new(),
        secrets: BTreeSet::new(),
        traffic: Traffic::default(),
        most_in_flight: None,
    };
    let stage = Stage {
        environment: "production".parse().unwrap(),
        kind: EnvironmentKind::Lasting,
        gates: vec![GateKind::Tests],
        replacement: Replacement::AtOnce,
        acceptance: Vec::new(),
        by_hand: false,
    };
    let of = ("pay".parse().unwrap(), "rust-service@1".parse().unwrap(), Digest::of(b"t"));
    Pipeline::new(of, vec![step], Some(start), vec![stage]).unwrap()
}

#[tokio::test]
async fn every_day_is_sealed_also_an_empty_one_and_what_was_refused_is_counted() {
    let bank = Bank::open().await;
    let first = bank.release(0).await;
    bank.release(1).await;
    bank.pass(HOUR_MS / 2).await;
    assert!(!bank.kinds().await.contains(&"population.sealed".to_owned()), "the day is not over");
    bank.pass(DAY_MS).await;
    bank.pass(1_000).await;
    bank.pass(DAY_MS).await;
    // Then Sluss is down for three days.
    bank.pass(3 * DAY_MS).await;
    let seals = bank.kinds().await.iter().filter(|kind| *kind == "population.sealed").count();
    assert_eq!(seals, 3, "one for each day on which it ran");
    let proof = bank.proof(0, 5).await;
    assert!(proof.holds, "{:?}", proof.findings);
    let [production] = &proof.environments[..] else { panic!("{proof:?}") };
    assert_eq!((production.deploys, production.refused, production.seals), (1, 1, 3));
    // Nothing ever started it, so it was taken back in time.
    assert_eq!(production.rollbacks, 1);
    let listed: Vec<(&str, &str)> =
        production.listed.iter().map(|one| (&*one.deployment, one.what)).collect();
    let first = first.to_string();
    let all = [(&*first, "deployed"), ("dep-2", "refused"), (&*first, "rolled back")];
    assert_eq!(listed, all);
    // A day without any is empty, and still proven.
    let empty = bank.proof(2, 2).await;
    assert!(empty.holds && empty.environments[0].listed.is_empty(), "{empty:?}");
}

#[tokio::test]
async fn a_seal_that_leaves_a_deployment_out_is_named() {
    let bank = Bank::open().await;
    bank.release(0).await;
    bank.clock.advance(DAY_MS);
    let wrong = bank.sealed();
    bank.engine.report(Command::SealPopulation(wrong)).await.unwrap();
    let at = bank.kinds().await.iter().position(|kind| kind == "population.sealed").unwrap();
    let proof = bank.proof(0, 1).await;
    assert!(!proof.holds);
    let named = format!("Leaf {at} seals 0 events of production where there are 1, or other ones.");
    assert_eq!(proof.findings, [named]);
}

#[tokio::test]
async fn a_day_that_was_not_sealed_and_a_period_without_entries_are_named() {
    let bank = Bank::open().await;
    bank.release(0).await;
    bank.clock.advance(DAY_MS);
    for _ in 0..2 {
        // Sluss runs and only its upkeep does not.
        bank.engine.report(Command::Heartbeat { clock: Default::default() }).await.unwrap();
        bank.clock.advance(HOUR_MS);
    }
    let proof = bank.proof(0, 1).await;
    assert_eq!(proof.findings, ["There is no seal of production on 2026-11-23."]);
    let proof = bank.proof(-9, -8).await;
    assert!(!proof.holds && proof.findings[0].contains("nothing is proven"), "{proof:?}");
}

#[tokio::test]
async fn a_log_in_which_nothing_happens_beats_and_a_stop_is_a_silence() {
    let bank = Bank::open().await;
    let size = bank.engine.state().size;
    bank.pass(4 * 60_000).await;
    assert_eq!(bank.engine.state().size, size, "not yet");
    bank.pass(60_000).await;
    bank.pass(5 * 60_000).await;
    assert_eq!(bank.kinds().await[size as usize..], ["log.heartbeat", "log.heartbeat"]);
    let report = verify(bank.folder.path(), Scope::Log).await.unwrap();
    assert!(report.silences.is_empty(), "{:?}", report.silences);
    let before = bank.engine.now().0;
    bank.pass(3 * HOUR_MS).await;
    let report = verify(bank.folder.path(), Scope::Log).await.unwrap();
    let [silence] = &report.silences[..] else { panic!("{:?}", report.silences) };
    assert_eq!((silence.before, silence.from_ms), (size + 2, before));
    assert_eq!(silence.until_ms - silence.from_ms, 3 * HOUR_MS);
}

/// A target in memory: what it was told runs at once.
#[derive(Default)]
struct Told(Mutex<BTreeMap<RouteKey, Desired>>);

#[async_trait]
impl Target for Told {
    async fn apply(&self, desired: &Desired) -> Result<Applied, TargetError> {
        let mut told = self.0.lock().unwrap();
        match told.get(&desired.key) {
            Some(known) if known.generation > desired.generation => {
                Ok(Applied::Stale { has: known.generation })
            }
            Some(_) | None => {
                told.insert(desired.key.clone(), desired.clone());
                Ok(Applied::Accepted)
            }
        }
    }

    async fn status(&self) -> Result<Vec<RouteStatus>, TargetError> {
        let arm = |arm: &sluss_core::target::Arm| ArmStatus {
            release: arm.release,
            share: arm.share,
            effective: arm.share,
            instances: vec![InstanceStatus {
                index: 0,
                pid: 17,
                port: 1,
                state: InstanceState::Ready,
                since: BEGIN,
                confinement: Default::default(),
                moved: None,
                digest: Some(arm.digest.clone()),
            }],
            recent_exits: 0,
            failed_starts: 0,
        };
        let route = |desired: &Desired| RouteStatus {
            key: desired.key.clone(),
            generation: desired.generation,
            port: Some(1),
            arms: desired.arms.iter().map(arm).collect(),
            problem: None,
            unserved: 0,
            shed: 0,
            sticky: false,
        };
        Ok(self.0.lock().unwrap().values().map(route).collect())
    }

    async fn counters(&self, _: &RouteKey, _: i64) -> Result<Vec<CounterRow>, TargetError> {
        Ok(Vec::new())
    }

    async fn renew(&self, _: &RouteKey, _: u64) -> Result<Applied, TargetError> {
        Ok(Applied::Accepted)
    }

    async fn journal(&self, _: u64) -> Result<Vec<JournalRow>, TargetError> {
        Ok(Vec::new())
    }
}

async fn until(bank: &Bank, what: &str, holds: impl Fn(&State) -> bool) {
    for _ in 0..1200 {
        if holds(&bank.engine.state()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    let kinds = bank.kinds().await;
    panic!("{what}: {:?} {kinds:?}", bank.engine.state().observed);
}

#[tokio::test]
async fn what_runs_is_recorded_and_what_nobody_deployed_is_an_incident_until_it_is_gone() {
    let bank = Bank::open().await;
    let change = bank.engine.state().next_change().0;
    std::fs::create_dir_all(bank.folder.path().join("unpacked").join(app(change).as_str()))
        .unwrap();
    let target = Arc::new(Told::default());
    let router = Router::new(bank.engine.clone(), target.clone(), Ports::default());
    let running = tokio::spawn(router.run());
    bank.release(0).await;
    let key =
        RouteKey { service: "pay".parse().unwrap(), environment: "production".parse().unwrap() };
    let runs = |state: &State, digest: &Digest| {
        let seen = state.observed_in(&key);
        seen.is_some_and(|seen| seen.running.iter().any(|one| one.digest == *digest))
    };
    until(&bank, "what was deployed runs", |state| runs(state, &app(change))).await;
    assert!(bank.engine.state().shadows_in(&key).is_empty());
    assert!(bank.engine.state().incidents.is_empty());

    // Somebody goes round Sluss and tells the target itself to run something else.
    let theirs = Digest::of(b"theirs");
    let mut shadow = target.0.lock().unwrap()[&key].clone();
    let ours = shadow.clone();
    shadow.generation += 1_000;
    shadow.arms[0].digest = theirs.clone();
    shadow.arms[0].release = ReleaseId(1);
    shadow.arms[0].share = Share::ALL;
    target.apply(&shadow).await.unwrap();
    until(&bank, "it is seen", |state| runs(state, &theirs)).await;
    until(&bank, "it is an incident", |state| state.incidents.len() == 1).await;
    {
        let state = bank.engine.state();
        let (id, incident) = state.incidents.iter().next().unwrap();
        assert_eq!(incident.origin, Origin::Shadow { digest: theirs.clone() });
        assert_eq!(state.shadows_in(&key), std::slice::from_ref(&theirs));
        assert!(state.open.incidents.contains(id) && incident.mitigated.is_none());
    }
    // It is put right: the incident is mitigated, and stays open for a person.
    target.0.lock().unwrap().insert(key.clone(), ours);
    until(&bank, "it is gone", |state| {
        state.incidents.values().all(|incident| incident.mitigated.is_some())
    })
    .await;
    assert_eq!(bank.engine.state().open.incidents.len(), 1);
    let observed = bank.kinds().await.iter().filter(|kind| *kind == "environment.observed").count();
    assert_eq!(observed, 3, "recorded when it changes, and not otherwise");
    running.abort();
}
