//! What the texts of a platform repository promise, on a real engine with a clock moved by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sluss_core::decide::{Actor, Command};
use sluss_core::event::{Artifact, Event, Push as ChangePush};
use sluss_core::exception::ExceptionKind;
use sluss_core::gate::{ClearedWhy, GateOutcome, WaitingOn};
use sluss_core::ids::{CommitId, DeploymentId, Digest, PersonRef};
use sluss_core::pipeline::{
    EnvironmentKind, GateKind, Pipeline, Replacement, RolloutPlan, Stage, Start, Step, StepKind,
};
use sluss_core::state::State;
use sluss_core::steps::{Isolation, StepOutcome, TestCounts};
use sluss_core::target::{Limits, Readiness, Traffic};
use sluss_core::units::Millis;
use sluss_policy::{DiffResult, GateInput};
use sluss_store::{
    Accounts, Clock, Entropy, FileBlobs, Log as _, LogOptions, ManualClock, NewAccount, Prose,
    SeededEntropy, SqliteLog,
};

use crate::engine::{Engine, Parts, read_event};
use crate::forge::{
    Author, MAIN, NewCommit, NewFile, Push, PushAnswer, Pusher, Pushes as _, RefName, RefUpdate,
    Repositories, RepositoryName,
};
use crate::pipeline::Catalogue;
use crate::pushes::{PushJudge, Templates};

mod freezes;
mod modes;
mod statements;
mod waivers;

/// 2026-11-22T07:00:00Z, a Sunday.
const BEGIN: Millis = Millis(1_795_330_800_000);

const ORGANISATION: &str = "
name: Bank
four_eyes: never
open_registration: true
products: { pay: { title: Pay, owner: pay } }
people: { anna: [developer], bo: [approver], carl: [approver], dora: [approver] }
";

const POLICY: &str = r#"package sluss.gate

import rego.v1

default allow := false

allow if {
	evidence_complete
	count(deny) == 0
}

evidence_complete if {
	is_array(input.release.changed_paths)
	is_number(input.counts.changed_paths)
	count(input.release.changed_paths) == input.counts.changed_paths
}

deny contains {
	"rule": "paths.ledger",
	"controls": [],
	"msg": "it touches the ledger",
	"evidence": [path],
} if {
	some path in input.release.changed_paths
	startswith(path, "ledger/")
}
"#;

pub(crate) struct World {
    _folder: tempfile::TempDir,
    pub(crate) engine: Engine,
    clock: Arc<ManualClock>,
    pub(crate) people: BTreeMap<&'static str, PersonRef>,
    pub(crate) judge: PushJudge,
    head: Option<CommitId>,
}

async fn parts(data: &Path, clock: Arc<ManualClock>) -> Parts {
    let clock: Arc<dyn Clock> = clock;
    let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(7));
    let log = SqliteLog::open(LogOptions {
        data: data.to_owned(),
        origin: "texts.example/log".to_owned(),
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

impl World {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(BEGIN));
        let engine = Engine::start(parts(folder.path(), clock.clone()).await, State::default());
        let origin = "texts.example/log".to_owned();
        engine.report(Command::Open { origin, demo: false }).await.unwrap();
        let mut people = BTreeMap::new();
        for login in ["anna", "bo", "carl", "dora"] {
            let new = NewAccount {
                login: login.to_owned(),
                name: login.to_owned(),
                emails: vec![format!("{login}@bank.example")],
                password: format!("a long one of {login}"),
            };
            people.insert(login, engine.parts().accounts.create(new).await.unwrap().person);
        }
        let judge = PushJudge::new(engine.clone(), Templates::new(Catalogue::built_in()));
        Self { _folder: folder, engine, clock, people, judge, head: None }
    }

    async fn write(&self, repository: &str, files: &[(&str, &str)]) -> CommitId {
        let name: RepositoryName = repository.parse().unwrap();
        let objects = self.engine.parts().repositories.ensure(&name).await.unwrap();
        let plain = |text: &str| NewFile::Plain(text.as_bytes().to_vec());
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), plain(text)));
        let (name, email) = ("Anna".to_owned(), "anna@bank.example".to_owned());
        let commit = NewCommit {
            files: files.collect(),
            message: "Change".to_owned(),
            author: Author { name, email, time_ms: BEGIN.0 },
        };
        objects.write_commit(MAIN, &commit).await.unwrap()
    }

    /// Pushes to the platform repository; returns what the pusher is told if it is refused.
    pub(crate) async fn platform(
        &mut self,
        files: &[(&str, &str)],
    ) -> Result<Vec<String>, Vec<String>> {
        let new = self.write("platform", files).await;
        let repository = RepositoryName::platform();
        let objects = self.engine.parts().repositories.objects(&repository).unwrap();
        let name = RefName::of_branch(MAIN).unwrap();
        let old = self.head.replace(new.clone());
        let push = Push {
            repository,
            pusher: Pusher("anna".to_owned()),
            updates: vec![RefUpdate { name, old, new: Some(new) }],
            options: Vec::new(),
            objects,
        };
        match self.judge.pushed(push).await {
            PushAnswer::Accepted { messages } => Ok(messages),
            PushAnswer::Refused { messages } => Err(messages),
        }
    }

    async fn ask(&self, login: &str, command: Command) {
        let actor = Actor::Person { who: self.people[login].clone(), reauthenticated: true };
        self.engine.command(command, actor, None).await.unwrap();
    }

    /// Pushes files of the service, builds them, and returns the deployment that is requested.
    async fn release(&self, files: &[(&str, &str)]) -> DeploymentId {
        self.release_by(files, pipeline()).await
    }

    /// The same, by this pipeline.
    async fn release_by(&self, files: &[(&str, &str)], pipeline: Pipeline) -> DeploymentId {
        let commit = self.write("payments", files).await;
        let change = self.engine.state().next_change();
        let id = self.engine.state().next_deployment();
        let push = ChangePush {
            branch: MAIN.to_owned(),
            trunk: true,
            old: None,
            commit: commit.clone(),
            commits: 1,
            written: BEGIN,
            contributors: BTreeSet::from([self.people["anna"].clone()]),
            hands: Default::default(),
            work_items: BTreeSet::new(),
            title: Digest::of(b"title"),
            pipeline,
            left_out: BTreeSet::new(),
        };
        let (service, product) = ("payments".parse().unwrap(), "pay".parse().unwrap());
        self.ask("anna", Command::Push { service, product, push }).await;
        self.engine.report(Command::Received { change }).await.unwrap();
        let keys = self.engine.state().claimable();
        for attempt in keys {
            self.engine.report(Command::Claim(attempt.clone())).await.unwrap();
            let finish = Command::Finish {
                attempt,
                outcome: StepOutcome::Succeeded,
                isolation: Isolation::Namespaces,
                log: None,
                tests: Some(TestCounts { passed: 7, failed: 0, skipped: 0 }),
                scans: vec![],
                measured: vec![],
            };
            self.engine.report(finish).await.unwrap();
        }
        let runs = self.engine.state().to_pack();
        for run in runs {
            let digest = Digest::of(commit.as_str().as_bytes());
            let artifact = Artifact { name: "app".parse().unwrap(), digest, bytes: 1 };
            self.engine.report(Command::Packed { run, artifacts: vec![artifact] }).await.unwrap();
        }
        id
    }

    fn gate(&self, id: DeploymentId, gate: GateKind) -> GateOutcome {
        self.engine.state().deployments[&id].gates[&gate].clone()
    }

    /// Lets time pass, and waits until the loop has looked.
    async fn pass(&self, milliseconds: i64, until: impl Fn(&State) -> bool) {
        self.clock.advance(milliseconds);
        for _ in 0..400 {
            self.engine.look().await;
            tokio::time::sleep(Duration::from_millis(25)).await;
            if until(&self.engine.state()) {
                return;
            }
        }
        panic!("it never came: {:?}", self.engine.state().deployments);
    }
}

fn pipeline() -> Pipeline {
    let gates = vec![GateKind::Tests, GateKind::Policy, GateKind::Freeze];
    pipeline_of(gates, Replacement::Progressive(RolloutPlan::default()))
}

/// A pipeline into one stage with these gates.
fn pipeline_of(gates: Vec<GateKind>, replacement: Replacement) -> Pipeline {
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
        gates,
        replacement,
        acceptance: Vec::new(),
        by_hand: false,
    };
    let template = ("payments".parse().unwrap(), "any@1".parse().unwrap(), Digest::of(b"t"));
    Pipeline::new(template, vec![step], Some(start), vec![stage]).unwrap()
}

fn denied(outcome: &GateOutcome) -> Vec<String> {
    match outcome {
        GateOutcome::Waiting { on: WaitingOn::Policy { rules, .. } } => rules.clone(),
        other => panic!("it is not denied: {other:?}"),
    }
}

#[tokio::test]
async fn a_pushed_policy_denies_what_it_was_told_until_a_waiver_of_two_clears_it() {
    let mut world = World::new().await;
    let files = [("organisation.yaml", ORGANISATION), ("policies/gate.rego", POLICY)];
    world.platform(&files).await.unwrap();
    let id = world.release(&[("ledger/book.rs", "one")]).await;
    let outcome = world.gate(id, GateKind::Policy);
    assert_eq!(denied(&outcome), ["paths.ledger"]);
    let given = world.engine.parts().blobs.get_blocking(outcome.input().unwrap()).unwrap();
    let input = GateInput::parse(&given).unwrap();
    assert_eq!(input.release.changed_paths[0].as_str(), "ledger/book.rs");
    assert_eq!((input.tests.runs.len(), input.release.first), (1, true));
    assert!(!input.performance.known && !input.error_budget.known && !input.sbom.present);

    let (service, rule) = ("payments".parse().unwrap(), "paths.ledger".to_owned());
    let what = ExceptionKind::Waiver { service, rule };
    let (reason, until) = (Digest::of(b"why"), BEGIN.plus(3_600_000));
    let exception = world.engine.state().next_exception();
    world
        .ask(
            "anna",
            Command::AskException {
                what,
                reason,
                until,
                terms: sluss_core::exception::Terms::instead(sluss_core::ids::Digest::of(
                    b"instead",
                )),
            },
        )
        .await;
    world.ask("carl", Command::GrantException { exception }).await;
    assert_eq!(denied(&world.gate(id, GateKind::Policy)), ["paths.ledger"]);
    world.ask("dora", Command::GrantException { exception }).await;
    match world.gate(id, GateKind::Policy) {
        GateOutcome::Cleared { why: ClearedWhy::Waived { rules, .. } } => {
            assert_eq!(rules, ["paths.ledger"]);
        }
        other => panic!("it is not waived: {other:?}"),
    }
}

#[tokio::test]
async fn a_release_that_changes_something_else_passes_the_same_policy() {
    let mut world = World::new().await;
    let files = [("organisation.yaml", ORGANISATION), ("policies/gate.rego", POLICY)];
    world.platform(&files).await.unwrap();
    let id = world.release(&[("docs/readme", "one")]).await;
    let outcome = world.gate(id, GateKind::Policy);
    assert!(matches!(
        &outcome,
        GateOutcome::Cleared { why: ClearedWhy::PolicyAllows { warnings, .. } } if warnings.is_empty()
    ));
    assert!(world.engine.parts().blobs.get_blocking(outcome.input().unwrap()).is_ok());
}

#[tokio::test]
async fn a_policy_that_comes_to_no_answer_leaves_what_it_was_given_and_what_came_out() {
    let mut world = World::new().await;
    let conflict = "answer := 1 if is_number(input.counts.changed_paths)\n\n\
                    answer := 2 if is_array(input.release.changed_paths)\n\n\
                    deny contains \"never\" if answer == 3\n";
    let policy = format!("{POLICY}\n{conflict}");
    let files = [("organisation.yaml", ORGANISATION), ("policies/gate.rego", policy.as_str())];
    world.platform(&files).await.unwrap();
    let id = world.release(&[("docs/readme", "one")]).await;
    match world.gate(id, GateKind::Policy) {
        GateOutcome::Waiting { on: WaitingOn::PolicyAnswer { why } } => assert_eq!(why, "failed"),
        other => panic!("it came to an answer: {other:?}"),
    }
    let log = &world.engine.parts().log;
    let all = log.read(0, 500).await.unwrap();
    let decided = all.iter().rev().find_map(|sealed| match read_event(sealed).unwrap().1 {
        Event::GateDecided { gate: GateKind::Policy, policy, .. } => policy,
        _of_another_kind => None,
    });
    let record = decided.expect("it says what it was made from");
    let kept = |digest: &Digest| world.engine.parts().blobs.get_blocking(digest).unwrap();
    GateInput::parse(&kept(&record.input_sha256)).unwrap();
    assert_eq!(kept(&record.data_sha256), b"{}");
    let result: serde_json::Value = serde_json::from_slice(&kept(&record.result_sha256)).unwrap();
    assert_eq!(
        (&result["allow"], &result["closed_because"]["kind"]),
        (&false.into(), &"failed".into())
    );
    let in_force = world.engine.state().organisation.as_ref().unwrap().policies.clone();
    assert_eq!(Some(record.bundle_sha256), in_force);
    let past = super::past(&world.engine, Millis(0), 100).await.unwrap();
    assert_eq!((past.recorded.len(), past.not_checked.len()), (1, 0));
}

#[tokio::test]
async fn a_recorded_decision_is_decided_again_and_a_weakening_is_named() {
    let mut world = World::new().await;
    let files = [("organisation.yaml", ORGANISATION), ("policies/gate.rego", POLICY)];
    world.platform(&files).await.unwrap();
    world.release(&[("ledger/book.rs", "one")]).await;
    let past = super::past(&world.engine, Millis(0), 100).await.unwrap();
    assert_eq!(past.recorded.len(), 1);
    let bundle = |text: String| super::load([("gate.rego".to_owned(), text)].into()).unwrap();
    let old = bundle(POLICY.to_owned());
    let weaker = bundle(POLICY.replace("\"ledger/\"", "\"vault/\""));
    assert_eq!(super::difference(&old, &old, past.clone()).result(), DiffResult::Same);
    assert_eq!(super::difference(&old, &weaker, past).result(), DiffResult::Weakened);
}

#[tokio::test]
async fn a_broken_policy_is_refused_at_push_with_line_and_column() {
    let mut world = World::new().await;
    let broken = POLICY.replace("startswith(path", "http.send(path");
    let files = [("organisation.yaml", ORGANISATION), ("policies/gate.rego", &broken)];
    let told = world.platform(&files).await.unwrap_err();
    assert!(told.iter().any(|line| line.starts_with("policies/gate.rego:25:14: ")), "{told:#?}");
    assert!(world.engine.state().proposals.is_empty());
}

#[tokio::test]
async fn policies_whose_own_tests_fail_are_refused_at_push() {
    let mut world = World::new().await;
    let test = "package sluss.gate_test\n\nimport rego.v1\nimport data.sluss.gate\n\n\
                test_nothing_is_allowed if {\n\tgate.allow with input as {}\n}\n";
    let files = [
        ("organisation.yaml", ORGANISATION),
        ("policies/gate.rego", POLICY),
        ("policies/gate_test.rego", test),
    ];
    let told = world.platform(&files).await.unwrap_err();
    assert!(told.iter().any(|line| line.contains("gate_test.rego:6")), "{told:#?}");
}

#[tokio::test]
async fn every_mistake_of_calendar_and_organisation_is_told_at_once() {
    let mut world = World::new().await;
    let organisation = format!(
        "{ORGANISATION}groups: {{ risk: [zoe], ops: [bo] }}\n\
         approvals: [{{ slots: {{ ops: 2 }} }}, {{ slots: {{ legal: 1 }} }}]\n"
    );
    let calendar = "windows:\n  - id: a\n    kind: deny\n    dtstart: 2026-01-01\n    \
                    tzid: Mars/Base\n    reason: r\n    owner: o\n";
    let files = [("organisation.yaml", organisation.as_str()), ("calendar.yaml", calendar)];
    let told = world.platform(&files).await.unwrap_err().join("\n");
    for expected in [
        "groups: risk: nobody has the login `zoe`",
        "approvals: rule 1: it asks for 2 of `ops`, in which there are 1",
        "approvals: rule 2: there is no group `legal`",
        "calendar.yaml:5: window `a`, tzid:",
    ] {
        assert!(told.contains(expected), "{expected}\n\n{told}");
    }
}

#[tokio::test]
async fn a_control_is_taken_not_to_apply_for_a_reason_only() {
    let mut world = World::new().await;
    let wrong = "not_applicable: { pci/6.5.2: ' ', nowhere: because }\n";
    let files = [("organisation.yaml", ORGANISATION), ("controls.yaml", wrong)];
    let told = world.platform(&files).await.unwrap_err().join("\n");
    assert!(told.contains("`pci/6.5.2` needs a reason"), "{told}");
    assert!(told.contains("a control with its catalogue"), "{told}");
    let right = "not_applicable: { pci/6.5.5-6.5.6: No card numbers are processed. }\n";
    let files = [("organisation.yaml", ORGANISATION), ("controls.yaml", right)];
    world.platform(&files).await.unwrap();
    let why = {
        let state = world.engine.state();
        let known = state.organisation.as_ref().unwrap();
        known.not_applicable[&"pci/6.5.5-6.5.6".parse().unwrap()].clone()
    };
    let text = sluss_store::Blobs::get(&world.engine.parts().blobs, &why).await.unwrap();
    assert_eq!(text, b"No card numbers are processed.");
    assert!(world.engine.state().contents.contains_key(&why), "it is kept as evidence");
}

#[tokio::test]
async fn groups_and_rules_become_part_of_the_organisation() {
    let mut world = World::new().await;
    let organisation = format!(
        "{ORGANISATION}groups: {{ risk: [bo, carl] }}\napproval_hours: 8\n\
         approvals: [{{ environments: [production], slots: {{ risk: 1 }} }}]\n"
    );
    world.platform(&[("organisation.yaml", &organisation)]).await.unwrap();
    let state = world.engine.state();
    let known = state.organisation.as_ref().unwrap();
    assert_eq!(known.approval_hours, 8);
    assert_eq!(known.groups[&"risk".parse().unwrap()].len(), 2);
    assert_eq!(known.approvals.len(), 1);
    assert!(known.calendar.is_none() && known.policies.is_none());
}

#[tokio::test]
async fn a_window_of_the_calendar_keeps_a_deployment_and_lets_it_go_when_it_ends() {
    let mut world = World::new().await;
    let calendar = "windows:\n  - id: sunday\n    kind: deny\n    dtstart: 2026-11-22T06:00\n    \
                    dtend: 2026-11-22T08:00\n    tzid: UTC\n    reason: rest\n    owner: ops\n";
    let files = [("organisation.yaml", ORGANISATION), ("calendar.yaml", calendar)];
    world.platform(&files).await.unwrap();
    let id = world.release(&[("docs/readme", "one")]).await;
    let until = Some(BEGIN.plus(3_600_000));
    let windows = vec!["sunday".to_owned()];
    let on = WaitingOn::Calendar { until, windows };
    assert_eq!(world.gate(id, GateKind::Freeze), GateOutcome::Waiting { on });
    let cleared = |state: &State| {
        let gate = state.deployments[&id].gates.get(&GateKind::Freeze);
        gate.is_some_and(GateOutcome::is_cleared)
    };
    assert!(!cleared(&world.engine.state()));
    world.pass(3_600_000, cleared).await;
}

#[tokio::test]
async fn a_window_of_a_product_keeps_a_service_that_was_moved_to_it() {
    let mut world = World::new().await;
    let calendar = "windows:\n  - id: sunday\n    kind: deny\n    scope: { products: [cards] }\n    \
                    dtstart: 2026-11-22T06:00\n    dtend: 2026-11-22T08:00\n    tzid: UTC\n    \
                    reason: rest\n    owner: ops\n";
    let cards = "pay: { title: Pay, owner: pay }, cards: { title: Cards, owner: cards }";
    let organisation = ORGANISATION.replace("pay: { title: Pay, owner: pay }", cards);
    let files = [("organisation.yaml", organisation.as_str()), ("calendar.yaml", calendar)];
    world.platform(&files).await.unwrap();
    let before = world.release(&[("docs/readme", "one")]).await;
    assert!(world.gate(before, GateKind::Freeze).is_cleared(), "it is of the product `pay`");
    let moved = format!("{organisation}services: {{ payments: cards }}\n");
    world.platform(&[("organisation.yaml", &moved), ("calendar.yaml", calendar)]).await.unwrap();
    let id = world.release(&[("docs/readme", "two")]).await;
    let on = WaitingOn::Calendar {
        until: Some(BEGIN.plus(3_600_000)),
        windows: vec!["sunday".to_owned()],
    };
    assert_eq!(world.gate(id, GateKind::Freeze), GateOutcome::Waiting { on });
}

#[tokio::test]
async fn what_a_calendar_says_is_not_known_once_its_text_is_gone() {
    let mut world = World::new().await;
    let calendar = "windows: []\n";
    let files = [("organisation.yaml", ORGANISATION), ("calendar.yaml", calendar)];
    let digest = Digest::of(calendar.as_bytes());
    world.platform(&files).await.unwrap();
    let texts = super::Texts::default();
    let state = world.engine.state();
    let says = sluss_core::rules::Rules::calendar(&texts, &digest, &state, DeploymentId(1), BEGIN);
    assert_eq!(says, sluss_core::rules::CalendarSays::Unreadable);
    assert_eq!(state.organisation.as_ref().unwrap().calendar, Some(digest));
}

#[tokio::test]
async fn what_a_policy_asks_besides_keeps_a_release_by_its_name() {
    let mut world = World::new().await;
    let asks = r#"require contains {"kind": "approvals", "role": "risk", "count": 1}"#;
    let policy = format!("{POLICY}\n{asks}\n");
    let files = [("organisation.yaml", ORGANISATION), ("policies/gate.rego", policy.as_str())];
    world.platform(&files).await.unwrap();
    let id = world.release(&[("docs/readme", "one")]).await;
    assert_eq!(denied(&world.gate(id, GateKind::Policy)), ["require:approvals:risk:1"]);
}

#[tokio::test]
async fn a_fact_that_is_missing_keeps_a_release_and_nobody_waives_it() {
    let mut world = World::new().await;
    let more = "evidence_complete if {\n\tcount(input.scans) > 0";
    let policy = POLICY.replace("evidence_complete if {", more);
    let files = [("organisation.yaml", ORGANISATION), ("policies/gate.rego", policy.as_str())];
    world.platform(&files).await.unwrap();
    let id = world.release(&[("ledger/book.rs", "one")]).await;
    let rules = denied(&world.gate(id, GateKind::Policy));
    assert_eq!(rules, [super::EVIDENCE, "paths.ledger"]);
    let (service, rule) = ("payments".parse().unwrap(), super::EVIDENCE.to_owned());
    let what = ExceptionKind::Waiver { service, rule };
    let command = Command::AskException {
        what,
        reason: Digest::of(b"why"),
        until: BEGIN.plus(3_600_000),
        terms: sluss_core::exception::Terms::instead(sluss_core::ids::Digest::of(b"instead")),
    };
    let actor = Actor::Person { who: world.people["anna"].clone(), reauthenticated: true };
    let refused = world.engine.command(command, actor, None).await.unwrap_err();
    assert!(refused.what.contains("cannot be waived"), "{refused}");
}

#[tokio::test]
async fn a_rollout_that_will_not_finish_before_a_window_is_not_begun_and_the_calendar_says_why() {
    let mut world = World::new().await;
    // In ten minutes; the plan's deadline, which bounds what nothing is known of, is fifteen.
    let calendar = "windows:\n  - id: noon\n    kind: deny\n    dtstart: 2026-11-22T07:10\n    \
                    dtend: 2026-11-22T08:00\n    tzid: UTC\n    overrun: rollback\n    \
                    reason: rest\n    owner: ops\n";
    let files = [("organisation.yaml", ORGANISATION), ("calendar.yaml", calendar)];
    world.platform(&files).await.unwrap();
    let id = world.release(&[("docs/readme", "one")]).await;
    let outcome = world.gate(id, GateKind::Freeze);
    let GateOutcome::Waiting { on: WaitingOn::Calendar { windows, until } } = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!((windows, until), (vec!["noon".to_owned()], Some(BEGIN.plus(3_600_000))));
    let said = world.engine.texts().calendar_says(&world.engine.state(), id, BEGIN).unwrap();
    assert!(said.sentence.contains("is expected to take 15 min"), "{}", said.sentence);
}

#[tokio::test]
async fn who_is_on_call_and_told_is_read_and_mistakes_are_named() {
    let mut world = World::new().await;
    let with =
        |more: &str| format!("{ORGANISATION}groups: {{ night: [bo, carl], one: [bo] }}\n{more}");
    let right = with("on_call: night\nnotify: [{ url: 'http://127.0.0.1:9/a', on: [overdue] }]\n");
    for (more, expected) in [
        ("on_call: one\n", "on_call: two people or more"),
        ("notify: [{ url: 'http://127.0.0.1:9/a', on: [] }]\n", "is told of nothing"),
        ("notify: [{ url: 'http://8.8.8.8/a', on: [stop] }]\n", "private network"),
    ] {
        let text = with(more);
        let told = world.platform(&[("organisation.yaml", &text)]).await.unwrap_err().join("\n");
        assert!(told.contains(expected), "{expected}\n\n{told}");
    }
    world.platform(&[("organisation.yaml", &right)]).await.unwrap();
    let state = world.engine.state();
    let alarm = &state.organisation.as_ref().unwrap().alarm;
    assert_eq!(alarm.on_call, Some("night".parse().unwrap()));
    assert_eq!(alarm.notify[0].url.to_string(), "http://127.0.0.1:9/a");
}

#[tokio::test]
async fn a_version_of_a_template_that_was_published_never_changes() {
    let mut world = World::new().await;
    let built_in = include_str!("../../../../templates/command@1/template.yaml");
    let own = built_in.replace("name: command", "name: page");
    let less = |text: &str| text.replace("Delivers anything", "Delivers all");
    let (command, page) = ("templates/command@1/template.yaml", "templates/page@1/template.yaml");
    let organisation = ("organisation.yaml", ORGANISATION);
    let told = world.platform(&[organisation, (command, &less(built_in))]).await.unwrap_err();
    let told = told.join("\n");
    assert!(told.contains("`command@1` is published already"), "{told}");
    assert!(told.contains("`command@2`"), "{told}");
    // The same once more changes nothing.
    world.platform(&[organisation, (command, built_in), (page, &own)]).await.unwrap();
    let told = world.platform(&[organisation, (page, &less(&own))]).await.unwrap_err().join("\n");
    assert!(told.contains("`page@1` is published already"), "{told}");
    let next = less(&own).replace("version: 1", "version: 2");
    let two = "templates/page@2/template.yaml";
    world.platform(&[organisation, (page, &own), (two, &next)]).await.unwrap();
}

#[tokio::test]
async fn what_a_platform_change_names_and_nothing_has_is_said() {
    let mut world = World::new().await;
    let rules = "approvals: [{ services: [payy], slots: { approvers: 1 } }]\n";
    let text = format!("{ORGANISATION}{rules}");
    let files = [("organisation.yaml", text.as_str()), ("calendar.ics", ""), ("README.md", "")];
    let said = world.platform(&files).await.unwrap();
    assert_eq!(
        said[1..],
        [
            "Sluss: approvals: nothing is called `service:payy` yet, so a rule for it keeps nothing",
            "Sluss: `calendar.ics` is nothing that is read here: docs/control.md says what is",
        ]
    );
}
