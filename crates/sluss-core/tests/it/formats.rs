//! What is stored: one sample of each event as JSON, so that a change of format is seen.

use std::num::NonZeroU16;

use expect_test::expect_file;
use sluss_core::access::{AccessReview, Role, RoleChanged};
use sluss_core::agent::{AgentResult, AgentRun};
use sluss_core::approval::{Asked, Automated, Subject, VoidWhy};
use sluss_core::aside::{TakenIn, Unwritable};
use sluss_core::assurance::{Rehearsal, TestsAccepted};
use sluss_core::authenticator::{Credential, Signed};
use sluss_core::basis::Basis;
use sluss_core::bounds::{RolloutStarted, TestedWhy};
use sluss_core::budget::{BudgetReading, ErrorBudget, TrafficCounted};
use sluss_core::config::{Delegation, FourEyes};
use sluss_core::contracts::{Between, Contract, First, Missing};
use sluss_core::deployment::{Cause, HoldReason, RefusalReason};
use sluss_core::event::{Artifact, Event, Push, RefusedWhy, WithdrawnReason};
use sluss_core::evidence::Evidence;
use sluss_core::exception::{ExceptionKind, Terms};
use sluss_core::figures::Figures;
use sluss_core::findings::{FindingCounts, Named, Severity};
use sluss_core::freezes::FreezeDecided;
use sluss_core::gate::{self, ClearedWhy, GateOutcome, WaitingOn};
use sluss_core::ids::{
    AuthenticatorId, ChangeId, CommitId, DeploymentId, Digest, DisposalId, ErasureId, ExceptionId,
    FreezeId, HoldId, IncidentId, ReleaseId, RunId, StopId,
};
use sluss_core::incident::clocks::{Limit, Report};
use sluss_core::incident::criteria::{Criteria, Criterion};
use sluss_core::incident::{Classified, LimitNear, LookedBack, Notified, Reporter};
use sluss_core::invariant::Invariant;
use sluss_core::keys::KeyOf;
use sluss_core::materials::{Materials, NoSbom};
use sluss_core::observed::Running;
use sluss_core::performance::{self, Beside, Measured, Pace, Unproved};
use sluss_core::pipeline::GateKind;
use sluss_core::policies::Mode;
use sluss_core::population::PopulationSealed;
use sluss_core::probe::Probed;
use sluss_core::remediation::{Late, Overdue, Term};
use sluss_core::retention::Class;
use sluss_core::review::{ChangeReviewed, ReviewOutcome};
use sluss_core::rollout::{Counts, Metric, Observation, Reading, Verdict};
use sluss_core::rules::{EngineUsed, PolicyRecord};
use sluss_core::seal::Closed;
use sluss_core::significance::{CleanCheck, Confirmed, Marked};
use sluss_core::state::State;
use sluss_core::steps::{Isolation, StepOutcome, StepOwner, TestCounts};
use sluss_core::target::{InstanceRow, JournalEntry};
use sluss_core::units::{Millis, Share};

use crate::world::{finding, organisation, person, pipeline, production, staging, test_stage};

#[test]
fn each_event_is_stored_like_this() {
    let mut told = String::new();
    for event in samples() {
        let (kind, data) = event.to_parts();
        assert_eq!(Event::from_parts(&kind, &data).unwrap(), event);
        told += &format!("{} {kind} {data}\n", event.stream());
    }
    expect_file!["./events.txt"].assert_eq(&told);
}

#[test]
fn each_event_can_be_folded_whatever_was_before() {
    let mut state = State::default();
    for event in samples() {
        state.apply(Millis(1_000), &event);
    }
    assert_eq!(state.size, samples().len() as u64);
}

#[test]
fn there_is_a_sample_of_each_event() {
    let mut kinds: Vec<String> = samples().iter().map(|event| event.to_parts().0).collect();
    kinds.sort();
    kinds.dedup();
    // An unknown type is answered with the list of all that are known.
    let nothing = serde_json::value::RawValue::from_string("{}".to_owned()).unwrap();
    let unknown = Event::from_parts("no.such", &nothing).unwrap_err().source.to_string();
    let known = unknown
        .split('`')
        .filter(|part| (part.contains('.') && *part != "no.such") || *part == "attestation");
    let mut known: Vec<String> = known.map(str::to_owned).collect();
    known.sort();
    assert_eq!(kinds, known);
}

#[test]
fn what_was_never_written_is_not_read() {
    let raw = |text: &str| serde_json::value::RawValue::from_string(text.to_owned()).unwrap();
    let read = |kind: &str, text: &str| Event::from_parts(kind, &raw(text)).is_ok();
    assert!(read("release.barred", r#"{"release":"rel-1"}"#));
    assert!(!read("release.barred", r#"{"release":"rel-1","more":1}"#));
    assert!(!read("release.barred", r#"{"release":"rel-01"}"#));
    assert!(!read("release.barred", r#"{"release":1}"#));
    assert!(!read("release.barred", "{}"));
    for subject in ["cfg-+3", "cfg-03", "dep-", "dep-+1", "rel-1", "cfg-"] {
        assert!(subject.parse::<Subject>().is_err(), "{subject}");
    }
}

fn commit(number: u64) -> CommitId {
    format!("{number:040x}").parse().unwrap()
}

pub(super) fn samples() -> Vec<Event> {
    let mut all = of_log_and_changes();
    all.extend(of_runs_and_releases());
    all.extend(of_gates_and_approvals());
    all.extend(of_rollouts());
    all.extend(of_the_rest());
    all
}

fn of_log_and_changes() -> Vec<Event> {
    let change = ChangeId(3);
    let push = Push {
        branch: "main".to_owned(),
        trunk: true,
        old: Some(commit(1)),
        commit: commit(2),
        commits: 2,
        written: Millis(1_000),
        contributors: [person("anna"), person("bob")].into(),
        hands: Default::default(),
        work_items: ["PAY-123".to_owned()].into(),
        title: Digest::of(b"title"),
        pipeline: pipeline(vec![test_stage(), staging(), production()]),
        left_out: ["test".parse().unwrap()].into(),
    };
    vec![
        Event::LogOpened { origin: "bank".to_owned(), demo: true },
        Event::LogGap { milliseconds: -90_000, missed: false },
        Event::LogGapEnded { confirmed: true, by: Some(person("bob")) },
        Event::ConfigProposed {
            number: 1,
            commit: commit(1),
            organisation: organisation(FourEyes::FirstRelease, &["bob"]),
            contributors: [person("anna")].into(),
            nonce: "nonce".to_owned(),
        },
        Event::ConfigActivated { number: 1, commit: commit(1) },
        Event::ConfigRefused { number: 1 },
        Event::ServiceRegistered {
            service: "pay".parse().unwrap(),
            product: "bank".parse().unwrap(),
        },
        Event::ChangePushed { change, service: "pay".parse().unwrap(), push },
        Event::ChangeReceived { change },
        Event::ChangeMerged { change, into: ChangeId(4) },
        Event::ChangeDelivered { change, deployment: DeploymentId(5) },
        Event::ChangeWithdrawn { change, why: WithdrawnReason::BranchDeleted },
    ]
}

fn of_runs_and_releases() -> Vec<Event> {
    let (run, release, change) = (RunId(4), ReleaseId(2), ChangeId(3));
    let step: sluss_core::ids::StepName = "test".parse().unwrap();
    let artifact =
        Artifact { name: "app".parse().unwrap(), digest: Digest::of(b"app"), bytes: 1_000 };
    let finished = |owner, outcome, isolation| Event::StepFinished {
        owner,
        step: step.clone(),
        attempt: 1,
        outcome,
        isolation,
        log: Some(Digest::of(b"log")),
        tests: Some(TestCounts { passed: 12, failed: 1, skipped: 2 }),
    };
    let of_run = StepOwner::Run(run);
    let of_deployment = StepOwner::Deployment(DeploymentId(5));
    let why = Some(Digest::of(b"why"));
    let absent = |why| Event::SbomRecorded { release, materials: Materials::Absent { why } };
    vec![
        Event::RunQueued { run, change },
        Event::StepStarted { owner: of_run, step: step.clone(), attempt: 1 },
        finished(of_run, StepOutcome::Succeeded, Isolation::Namespaces),
        finished(of_run, StepOutcome::Failed { code: 1 }, Isolation::Landlock),
        finished(of_run, StepOutcome::TimedOut, Isolation::Unisolated),
        finished(of_deployment, StepOutcome::Cancelled, Isolation::Namespaces),
        finished(of_deployment, StepOutcome::Errored { why }, Isolation::Namespaces),
        Event::FindingsRecorded {
            owner: of_run,
            step: step.clone(),
            attempt: 1,
            report: Digest::of(b"report"),
            findings: FindingCounts { critical: 1, high: 2, medium: 3, low: 4, suppressed: 5 },
            named: None,
        },
        measured(of_deployment, Some(Pace::Undecided)),
        measured(of_deployment, None),
        Event::FindingsRecorded {
            owner: of_run,
            step: step.clone(),
            attempt: 1,
            report: Digest::of(b"report"),
            findings: FindingCounts { high: 1, low: 3, suppressed: 1, ..FindingCounts::default() },
            named: Some(Named {
                open: [(Severity::High, [finding("a")].into())].into(),
                suppressed: [(Severity::Medium, [finding("b")].into())].into(),
                unnamed: [(Severity::Low, 3)].into(),
            }),
        },
        Event::FindingsOverdue { deployment: DeploymentId(5), late: late() },
        Event::RunCancelled { run },
        Event::RunSucceeded { run },
        Event::RunFailed { run, step: Some(step) },
        Event::ReleaseCreated {
            release,
            run,
            artifacts: vec![artifact],
            configuration: Digest::of(b"configuration"),
        },
        Event::SbomRecorded {
            release,
            materials: Materials::Listed {
                sbom: Digest::of(b"sbom"),
                components: std::num::NonZeroU32::new(212).unwrap(),
                from: vec!["Cargo.lock".to_owned()],
            },
        },
        absent(NoSbom::NoLockFile),
        absent(NoSbom::Malformed { file: "uv.lock".to_owned(), why: Some(Digest::of(b"why")) }),
        Event::ReleaseFailed { run, why: Digest::of(b"why") },
        Event::ReleaseBarred { release },
        Event::ReleaseUnbarred { release, by: Some(person("anna")) },
    ]
}

fn of_gates_and_approvals() -> Vec<Event> {
    let deployment = DeploymentId(5);
    let subject = Subject::Deployment(deployment);
    let (statement, by) = (Digest::of(b"statement"), person("bob"));
    let tests = TestCounts { passed: 12, failed: 1, skipped: 2 };
    let decided =
        |gate, outcome| Event::GateDecided { deployment, gate, outcome, core: None, policy: None };
    let record = PolicyRecord {
        bundle_sha256: Digest::of(b"policies"),
        data_sha256: Digest::of(b"{}"),
        input_sha256: Digest::of(b"input"),
        result_sha256: Digest::of(b"result"),
        input_size: Some(4_096),
        engine: Some(EngineUsed {
            name: "regorus".to_owned(),
            version: "0.14.1".to_owned(),
            features: vec!["std".to_owned()],
        }),
        duration_us: Some(390),
        mode: Mode::Warn,
        commit: Some(commit(1)),
        approved_leaf: Some(12),
    };
    let fails = WaitingOn::PolicyAnswer { why: "undefined".to_owned() };
    let cleared = |gate, why| decided(gate, GateOutcome::Cleared { why });
    let waiting = |gate, on| decided(gate, GateOutcome::Waiting { on });
    let refused = |gate, why| decided(gate, GateOutcome::Refused { why });
    let freeze = WaitingOn::Freeze { freeze: FreezeId(1), until: Millis(9_000) };
    let budget = ErrorBudget { objective_ppm: 999_000, window_seconds: ErrorBudget::USUAL_WINDOW };
    let counts = Counts { requests: 60_003, errors: 15 };
    let reading = BudgetReading { budget, counts, uncounted_seconds: 0 };
    let gaps = BudgetReading { uncounted_seconds: 400_000, ..reading };
    let contract = Contract { contract: "ledger-api".parse().unwrap(), version: 3 };
    let ledger = || "ledger".parse().unwrap();
    let met = vec![Between { service: ledger(), contract: contract.clone() }];
    let drops = met.clone();
    let slower = vec!["checkout +12.5 %".to_owned()];
    let undecided = Unproved::Undecided { metrics: slower.clone() };
    let loosened = Unproved::Loosened { to_ppm: 200_000, from_ppm: 100_000 };
    let first = vec![First { service: ledger(), release: Some(ReleaseId(7)) }];
    let missing = vec![Missing { contract, first }];
    let circle = vec!["pay".parse().unwrap(), ledger(), "pay".parse().unwrap()];
    let stopped = WaitingOn::Stopped { stop: StopId(2), scope: "all".parse().unwrap() };
    vec![
        Event::DeploymentRequested {
            deployment,
            release: ReleaseId(2),
            stage: 1,
            environment: "production".parse().unwrap(),
            nonce: "nonce".to_owned(),
            customers: Some(true),
            by: Some(person("anna")),
        },
        cleared(GateKind::Tests, ClearedWhy::TestsPassed(tests)),
        cleared(GateKind::FourEyes, ClearedWhy::NobodyAsked),
        cleared(GateKind::FourEyes, ClearedWhy::Approved),
        cleared(GateKind::ErrorBudget, ClearedWhy::BudgetLeft { reading }),
        cleared(GateKind::ErrorBudget, ClearedWhy::JudgedByObjectives),
        waiting(GateKind::ErrorBudget, WaitingOn::Budget { reading, until: Some(Millis(9_000)) }),
        waiting(GateKind::ErrorBudget, WaitingOn::NoTraffic),
        cleared(GateKind::Performance, ClearedWhy::Pace { metrics: 3, against: ReleaseId(1) }),
        cleared(GateKind::Performance, ClearedWhy::FirstPace),
        waiting(GateKind::Performance, WaitingOn::Pace { why: Unproved::Dropped }),
        waiting(GateKind::Performance, WaitingOn::Pace { why: Unproved::Alone }),
        waiting(GateKind::Performance, WaitingOn::Pace { why: undecided }),
        waiting(GateKind::Performance, WaitingOn::Pace { why: loosened }),
        refused(GateKind::Performance, gate::RefusedWhy::NotMeasured),
        refused(GateKind::Performance, gate::RefusedWhy::Slower { metrics: slower }),
        waiting(GateKind::ErrorBudget, WaitingOn::TooLittle { reading: gaps }),
        cleared(GateKind::ErrorBudget, ClearedWhy::NothingPromised),
        cleared(GateKind::Dependencies, ClearedWhy::DependenciesMet { met, serves: vec![] }),
        waiting(GateKind::Dependencies, WaitingOn::Dependencies { missing, drops, circle }),
        refused(GateKind::ErrorBudget, gate::RefusedWhy::NoObjective),
        cleared(
            GateKind::FourEyes,
            ClearedWhy::Standard { exception: ExceptionId(3), files: 2, lines: 14 },
        ),
        Event::GateDecided {
            deployment,
            gate: GateKind::Policy,
            outcome: GateOutcome::Waiting { on: fails },
            core: None,
            policy: Some(record),
        },
        Event::GateDecided {
            deployment,
            gate: GateKind::Provenance,
            outcome: GateOutcome::Waiting { on: WaitingOn::Provenance },
            core: Some(Invariant::EvidenceSigned),
            policy: None,
        },
        cleared(GateKind::Freeze, ClearedWhy::NoFreeze),
        waiting(GateKind::FourEyes, WaitingOn::SecondPerson),
        waiting(GateKind::FourEyes, WaitingOn::Unknown { people: [person("mallory")].into() }),
        waiting(GateKind::Freeze, freeze),
        waiting(GateKind::Freeze, stopped),
        cleared(GateKind::Freeze, ClearedWhy::LineRuns),
        waiting(GateKind::Freeze, WaitingOn::Clock),
        refused(GateKind::Tests, gate::RefusedWhy::TestsFailed(tests)),
        refused(GateKind::Tests, gate::RefusedWhy::NoTests),
        refused(GateKind::Findings, gate::RefusedWhy::NoScan),
        refused(
            GateKind::Findings,
            gate::RefusedWhy::FindingsOverdue { findings: FindingCounts::default(), late: late() },
        ),
        cleared(
            GateKind::Findings,
            ClearedWhy::FindingsInTerm {
                reports: 2,
                findings: FindingCounts { high: 1, ..FindingCounts::default() },
                waived: [(ExceptionId(3), 1)].into(),
            },
        ),
        refused(
            GateKind::Sbom,
            gate::RefusedWhy::NoSbom { why: NoSbom::NotRead { file: "go.mod".to_owned() } },
        ),
        refused(GateKind::FourEyes, gate::RefusedWhy::NotApproved),
        Event::ApprovalRequested {
            subject,
            statement: statement.clone(),
            why: Asked::FirstRelease,
            valid_until: Some(Millis(2_592_000_000)),
            basis: None,
        },
        Event::ApprovalRequested {
            subject,
            statement: statement.clone(),
            why: Asked::EachRelease,
            valid_until: Some(Millis(2_592_000_000)),
            basis: Some(Basis {
                base_commit: Some(commit(2)),
                diff_sha256: Some(Digest::of(b"diff")),
                evidence_sha256: Digest::of(b"evidence"),
                risk_points: 3,
                valid_from: Millis(9_000),
            }),
        },
        Event::ApprovalRequested {
            subject: Subject::Configuration(2),
            statement: statement.clone(),
            why: Asked::PlatformChange,
            valid_until: None,
            basis: None,
        },
        Event::ApprovalGranted {
            subject,
            statement: statement.clone(),
            by: by.clone(),
            signed: None,
        },
        Event::ApprovalRefused {
            subject,
            statement: statement.clone(),
            by: by.clone(),
            reason: Some(Digest::of(b"reason")),
            signed: None,
        },
        Event::ApprovalGranted {
            subject,
            statement: statement.clone(),
            by: by.clone(),
            signed: Some(Signed {
                authenticator: AuthenticatorId(2),
                assertion: Digest::of(b"assertion"),
                counter: 9,
                signed_in: Some(Millis(4_000)),
            }),
        },
        Event::ApprovalInvalidated {
            subject,
            statement: statement.clone(),
            why: Some(VoidWhy::Expired),
        },
        Event::ApprovalRevoked {
            subject,
            statement,
            by: person("bob"),
            reason: Digest::of(b"reason"),
        },
        Event::AuthenticatorRegistered {
            authenticator: AuthenticatorId(2),
            person: by.clone(),
            credential: Credential {
                name: Digest::of(b"name"),
                id: Digest::of(b"id"),
                id_sha256: Digest::of(b"credential"),
                key: format!("ed25519:{}", "0a".repeat(32)).parse().unwrap(),
                rp_id: "sluss.bank.example".to_owned(),
                aaguid: "00000000-0000-0000-0000-000000000000".to_owned(),
                counter: 0,
            },
        },
        Event::AuthenticatorVouched { authenticator: AuthenticatorId(2), by: by.clone() },
        Event::AuthenticatorRemoved { authenticator: AuthenticatorId(2), by },
    ]
}

fn of_rollouts() -> Vec<Event> {
    let deployment = DeploymentId(5);
    let (to, by) = (Some(DeploymentId(4)), DeploymentId(6));
    let environment: sluss_core::ids::EnvironmentName = "test-5".parse().unwrap();
    let share = Share::from_basis_points(1_000).unwrap();
    let observed = |verdict| Event::RolloutObserved {
        deployment,
        observation: Observation::new(
            1_767_225_600,
            share,
            Counts { requests: 900, errors: 1 },
            Counts { requests: 100, errors: 2 },
        ),
        reading: Reading::new((-1_234, 4_605_170), (567, 2_995_732), verdict),
    };
    let in_detail = || {
        let incumbent = Counts { requests: 900, errors: 1 };
        let candidate = Counts { requests: 100, errors: 2 };
        let mut observation = Observation::new(1_767_225_600, share, incumbent, candidate);
        observation.candidate_detail.latency = vec![(9, 98), (40, 2)];
        observation.candidate_detail.retries = 3;
        let (requests, errors, latency) = (50, 1, vec![(9, 50)]);
        let row = InstanceRow { index: 1, requests, errors, latency };
        observation.candidate_detail.instances = vec![row];
        let mut reading = Reading::new((5_000_000, 4_605_170), (0, 1), Verdict::Unfavourable);
        reading.errors_micronats = Some(1);
        reading.latency_micronats = Some(5_600_000);
        reading.worse_in = Some(Metric::Latency);
        reading.needs_seconds = Some(12);
        reading.lone_instance = Some(1);
        Event::RolloutObserved { deployment, observation, reading }
    };
    let beyond_requests = || {
        let counts = Counts { requests: 3, errors: 0 };
        let mut observation = Observation::new(1_767_225_600, share, counts, counts);
        let probes = Probed { requests: 5, errors: 1, latency: vec![(8, 5)] };
        observation.candidate_detail.probes = probes;
        observation.candidate_detail.figures = Figures { exceptions: 4, conversions: 2 };
        let verdict = Verdict::Undecided { needs_requests: None };
        let mut reading = Reading::new((1, 4_605_170), (0, 1), verdict);
        reading.by_probes = true;
        reading.exceptions_micronats = Some(3);
        reading.conversion_micronats = Some(-3);
        Event::RolloutObserved { deployment, observation, reading }
    };
    let rolled_back = |cause| Event::DeploymentRolledBack { deployment, cause, to };
    vec![
        Event::DeploymentCleared { deployment },
        Event::DeploymentRefused { deployment, why: RefusalReason::Barred },
        Event::DeploymentStarted { deployment },
        Event::RolloutShifted { deployment, leg: 0, share },
        observed(Verdict::Favourable),
        observed(Verdict::Unfavourable),
        observed(Verdict::Undecided { needs_requests: Some(400) }),
        observed(Verdict::NoData { seconds: 7 }),
        in_detail(),
        beyond_requests(),
        Event::RolloutHeld { deployment, why: HoldReason::NoProofInTime },
        Event::RolloutHeld { deployment, why: HoldReason::ByHand },
        Event::RolloutResumed { deployment, by: Some(person("carl")) },
        Event::RolloutReopened {
            deployment,
            to: DeploymentId(1),
            counts: Counts { requests: 700, errors: 35 },
            limit_ppm: 12_000,
        },
        Event::DeploymentLive { deployment },
        rolled_back(Cause::Verdict),
        rolled_back(Cause::Slower),
        rolled_back(Cause::Objectives),
        rolled_back(Cause::Figures),
        rolled_back(Cause::Silence),
        rolled_back(Cause::Crashes),
        rolled_back(Cause::NotReady),
        rolled_back(Cause::LeaseLapsed),
        rolled_back(Cause::ByHand),
        rolled_back(Cause::Window),
        rolled_back(Cause::HeldTooLong),
        Event::RolloutStarted(RolloutStarted {
            deployment,
            why: TestedWhy::Compared { with: DeploymentId(4) },
            max_share: share,
            max_duration_ms: 90_000_000,
            approved_by: [person("bob")].into(),
        }),
        Event::FreezeDecided(FreezeDecided {
            deployment,
            at: Millis(5_000),
            allowed: false,
            until: Some(Millis(9_000)),
            windows: vec!["night".to_owned()],
            calendar: Digest::of(b"calendar"),
            tzdb_version: "2026a".to_owned(),
            says: Digest::of(b"says"),
        }),
        rolled_back(Cause::Failing),
        Event::RolloutWindowBegan {
            deployment,
            windows: vec!["night".to_owned()],
            until: Some(Millis(9_000)),
        },
        Event::RolloutWindowOver { deployment },
        Event::DeploymentSuperseded { deployment, by },
        Event::EnvironmentCreated { deployment, environment },
        Event::EnvironmentRemoved { deployment, accepted: true },
    ]
}

fn of_the_rest() -> Vec<Event> {
    let deployment = DeploymentId(5);
    let (incident, freeze) = (IncidentId(1), FreezeId(1));
    let at = Millis(1_767_225_600_000);
    let instance = |number, what| Event::InstanceObserved { deployment, number, at, what };
    vec![
        instance(1, JournalEntry::Started { instance: 0, pid: 17 }),
        instance(2, JournalEntry::Ready { instance: 0 }),
        instance(3, JournalEntry::Exited { instance: 0, code: 137 }),
        instance(4, JournalEntry::Stopped { instance: 0 }),
        instance(5, JournalEntry::Killed { instance: 0 }),
        instance(6, JournalEntry::NotReadyInTime { instance: 0 }),
        instance(7, JournalEntry::Lapsed),
        instance(8, JournalEntry::Adopted { instance: 0, pid: 17 }),
        Event::IncidentOpened { incident, deployment, cause: Cause::Verdict },
        Event::IncidentOpened { incident, deployment, cause: Cause::Probe },
        Event::ApprovalExpired {
            subject: Subject::Deployment(DeploymentId(5)),
            statement: Digest::of(b"s"),
        },
        Event::ExceptionRequested {
            exception: ExceptionId(3),
            what: ExceptionKind::Waiver {
                service: "pay".parse().unwrap(),
                rule: "sbom".to_owned(),
            },
            by: person("anna"),
            reason: Digest::of(b"reason"),
            until: Millis(9_000),
            terms: Default::default(),
        },
        Event::ExceptionRequested {
            exception: ExceptionId(4),
            what: ExceptionKind::Findings {
                service: "pay".parse().unwrap(),
                findings: [finding("a")].into(),
            },
            by: person("anna"),
            reason: Digest::of(b"reason"),
            until: Millis(9_000),
            terms: Default::default(),
        },
        Event::ExceptionRequested {
            exception: ExceptionId(5),
            what: ExceptionKind::ProdData { service: "pay".parse().unwrap() },
            by: person("anna"),
            reason: Digest::of(b"reason"),
            until: Millis(9_000),
            terms: Terms {
                compensating: Some(Digest::of(b"instead")),
                environment: Some("staging".parse().unwrap()),
            },
        },
        Event::WaiverExpired { exception: ExceptionId(5) },
        Event::ExceptionGranted { exception: ExceptionId(3), by: person("bob"), signed: None },
        Event::ExceptionEnded { exception: ExceptionId(3), by: person("bob") },
        Event::ExceptionSuspended { exception: ExceptionId(3), failures: 2 },
        Event::RetrospectiveOverdue { exception: ExceptionId(3) },
        Event::ApprovalAutomated(Automated {
            subject: Subject::Deployment(DeploymentId(1)),
            statement: Digest::of(b"statement"),
            exception: ExceptionId(3),
            model_sha256: Digest::of(b"model"),
            valid_until: None,
            basis: None,
        }),
        Event::TestResultAccepted(TestsAccepted {
            release: ReleaseId(4),
            run: RunId(7),
            tests: Some(TestCounts { passed: 11, failed: 1, skipped: 0 }),
            by: person("bob"),
            reason: Digest::of(b"reason"),
        }),
        Event::ChangeReviewed(ChangeReviewed {
            change: ChangeId(3),
            commit: commit(2),
            by: person("bob"),
            outcome: ReviewOutcome::AsksForChanges,
            comment: Digest::of(b"comment"),
        }),
        Event::AgentRun(AgentRun {
            change: ChangeId(3),
            commits: [commit(2)].into(),
            acts_for: person("anna"),
            model: "vendor/model-5".parse().unwrap(),
            harness: "coder@1.2.3".parse().unwrap(),
            tools_sha256: Digest::of(b"tools"),
            prompts_sha256: Digest::of(b"prompts"),
            log: Digest::of(b"log"),
            log_sha256: Some(Digest::of(b"the log itself")),
            started: Millis(1_000),
            ended: Millis(2_000),
            result: AgentResult::Succeeded,
        }),
        Event::ChangeSignificant(Marked {
            change: ChangeId(3),
            by: person("anna"),
            reason: Digest::of(b"reason"),
        }),
        Event::ChangeConfirmed(Confirmed {
            change: ChangeId(3),
            by: person("bob"),
            findings: Digest::of(b"findings"),
        }),
        Event::ReleaseCleanCheck(CleanCheck {
            release: ReleaseId(4),
            by: person("bob"),
            passed: true,
            findings: Digest::of(b"findings"),
        }),
        Event::BackupRestoredTest(Rehearsal {
            service: None,
            by: person("bob"),
            passed: true,
            findings: Digest::of(b"findings"),
        }),
        Event::RollbackDrill(Rehearsal {
            service: Some("pay".parse().unwrap()),
            by: person("bob"),
            passed: false,
            findings: Digest::of(b"findings"),
        }),
        Event::AccessRoleChanged(RoleChanged {
            number: 2,
            role: Role::Group("security".parse().unwrap()),
            gained: [person("bob")].into(),
            lost: [person("anna")].into(),
        }),
        Event::AccessReviewed(AccessReview {
            by: person("bob"),
            number: 2,
            findings: Digest::of(b"findings"),
        }),
        Event::ExceptionReviewed {
            exception: ExceptionId(3),
            by: person("carl"),
            findings: Digest::of(b"findings"),
        },
        Event::AccessDelegated {
            delegation: Delegation {
                from: person("bob"),
                to: person("carl"),
                since: Millis(1_000),
                until: Millis(2_000),
            },
        },
        Event::LogWitnessed { witness: "witness.bank.example/audit".to_owned(), size: 17 },
        Event::LogRollbackDetected {
            witness: "witness.bank.example/audit".to_owned(),
            seen: 20,
            size: 17,
        },
        Event::LogHeartbeat { interval_ms: 300_000, clock: None },
        Event::LogKeyRotated {
            of: KeyOf::Log,
            former: "bank+1+a".to_owned(),
            present: "bank+2+b".to_owned(),
        },
        Event::LogKeyRetired { of: KeyOf::Attestations, key: "MFk=".to_owned() },
        Event::LogWitnessLagging {
            witness: "witness.bank.example/audit".to_owned(),
            since: Millis(9_000),
        },
        Event::LogWitnessLagEnded {
            witness: "witness.bank.example/audit".to_owned(),
            cosigned: true,
        },
        Event::LogTrustRestored {
            exception: ExceptionId(3),
            witness: "witness.bank.example/audit".to_owned(),
            seen: 20,
        },
        Event::LogRecordTakenIn(TakenIn {
            record: Digest::of(b"record"),
            number: 1,
            written: Millis(9_500),
            since: Millis(9_000),
            why: Unwritable::Full,
            service: "pay".parse().unwrap(),
            environment: "production".parse().unwrap(),
            deployment: DeploymentId(5),
            to: DeploymentId(4),
            by: person("bob"),
            counts: true,
        }),
        Event::PopulationSealed(PopulationSealed {
            environment: "production".parse().unwrap(),
            from_leaf: 0,
            to_leaf: 17,
            deploys: 3,
            refused: 1,
            rollbacks: 1,
            emergency: 1,
            standard: 0,
            standard_told: true,
            head: Digest::of(b"leaf"),
            merkle_root: Digest::of(b"root"),
        }),
        Event::TrafficCounted(TrafficCounted {
            service: "pay".parse().unwrap(),
            environment: "production".parse().unwrap(),
            after: 1_700_000_000,
            until: 1_700_000_300,
            requests: 60_000,
            errors: 12,
            refused: 3,
            refused_so_far: 40,
        }),
        Event::EnvironmentObserved {
            service: "pay".parse().unwrap(),
            environment: "production".parse().unwrap(),
            running: [Running { release: ReleaseId(4), digest: Digest::of(b"app") }].into(),
        },
        Event::IncidentShadow {
            incident: IncidentId(8),
            service: "pay".parse().unwrap(),
            environment: "production".parse().unwrap(),
            digest: Digest::of(b"other"),
        },
        Event::ReleaseSealed {
            release: ReleaseId(4),
            n: 1,
            count: 3,
            head: Digest::of(b"leaf"),
            streams: vec![Closed {
                stream: "run/run-4".to_owned(),
                count: 7,
                head: Digest::of(b"leaf"),
            }],
        },
        Event::DossierExported {
            release: ReleaseId(4),
            manifest_sha256: Digest::of(b"manifest"),
            identities: false,
        },
        Event::Attestation {},
        Event::AttestationRecorded {
            of: 17,
            evidence: Evidence::Provenance { release: ReleaseId(4) },
            envelope: Digest::of(b"envelope"),
        },
        Event::IncidentReported {
            incident: IncidentId(7),
            service: "pay".parse().unwrap(),
            environment: "production".parse().unwrap(),
            by: Reporter::Alert { fingerprint: Digest::of(b"alert") },
            summary: Digest::of(b"summary"),
            suspect: Some(DeploymentId(5)),
        },
        Event::IncidentLinked { incident: IncidentId(7), deployment: DeploymentId(5) },
        Event::IncidentClassified(Classified {
            incident,
            at: Millis(5_000),
            occurred: Millis(3_000),
            aware: Millis(4_000),
            criteria: Criteria {
                critical: Some(true),
                clients: Some(2_500),
                clients_share: Some("12.5%".parse().unwrap()),
                counterparts_share: Some("0%".parse().unwrap()),
                transactions_share: Some("11%".parse().unwrap()),
                amount_share: Some("9%".parse().unwrap()),
                relevant_clients: Some(false),
                reputation: Some(true),
                downtime_seconds: Some(600),
                member_states: Some(["DE", "FR"].map(|one| one.parse().unwrap()).into()),
                data_loss: Some(false),
                malicious_access: Some(false),
                cost_eur: Some(12_000),
            },
            cause: Some("expired-certificate".parse().unwrap()),
            with: [IncidentId(7)].into(),
            passed: [Criterion::Clients, Criterion::Spread].into(),
            major: true,
            by: person("bob"),
            reason: Some(Digest::of(b"reason")),
        }),
        Event::IncidentNotified(Notified {
            incident,
            report: Report::Initial,
            sent: Millis(6_000),
            reference: Digest::of(b"reference"),
            by: person("bob"),
        }),
        Event::IncidentReviewed(LookedBack {
            incident,
            by: person("bob"),
            findings: Digest::of(b"findings"),
        }),
        Event::IncidentLimitNear(LimitNear {
            incident,
            limit: Limit::Intermediate,
            due: Millis(7_000),
        }),
        Event::IncidentMitigated { incident },
        Event::IncidentClosed { incident, by_deployment: Some(DeploymentId(6)) },
        Event::FreezeSet {
            freeze,
            service: Some("pay".parse().unwrap()),
            environment: Some("production".parse().unwrap()),
            from: Millis(0),
            until: Millis(9_000),
            reason: Digest::of(b"reason"),
            by: Some(person("anna")),
        },
        Event::FreezeLifted {
            freeze,
            by: Some(person("bob")),
            reason: Some(Digest::of(b"reason")),
        },
        Event::AccessIdentified {
            unknown: person("mallory"),
            person: Some(person("bob")),
            by: person("carl"),
        },
        Event::HoldPlaced {
            hold: HoldId(1),
            scope: "release:rel-4".parse().unwrap(),
            by: person("bob"),
            reason: Digest::of(b"reason"),
        },
        Event::HoldLiftAgreed { hold: HoldId(1), by: person("carl"), reason: Digest::of(b"why") },
        Event::HoldLifted { hold: HoldId(1) },
        Event::DisposalProposed {
            disposal: DisposalId(1),
            contents: vec![Digest::of(b"app")],
            early: Some(Digest::of(b"reason")),
            by: person("bob"),
        },
        Event::DisposalAgreed { disposal: DisposalId(1), by: person("carl") },
        Event::DisposalRefused { disposal: DisposalId(2), by: person("carl") },
        Event::BlobDisposed {
            sha256: Digest::of(b"app"),
            class: Class::Artifacts,
            disposal: DisposalId(1),
            reason: Some(Digest::of(b"reason")),
        },
        Event::ErasureProposed {
            erasure: ErasureId(1),
            person: person("anna"),
            by: person("bob"),
            reason: Digest::of(b"reason"),
        },
        Event::ErasureRefused { erasure: ErasureId(2), by: person("carl") },
        Event::PersonErased { erasure: ErasureId(1), person: person("anna"), by: person("carl") },
        Event::LineStopped {
            stop: StopId(2),
            scope: "product:bank".parse().unwrap(),
            by: person("anna"),
            reason: Digest::of(b"reason"),
        },
        Event::LineLiftAgreed { stop: StopId(2), by: person("bob"), reason: Digest::of(b"reason") },
        Event::LineLifted { stop: StopId(2) },
        Event::ConfigCompared {
            number: 2,
            lets_more_pass: true,
            report: Some(Digest::of(b"report")),
            checked: Some(40),
        },
        Event::PolicyReviewOverdue { bundle: Digest::of(b"policies"), due: Millis(9_000) },
        Event::ConfigCalendarCompared { number: 2, opens_more: true },
        Event::AccessLogin { person: person("anna") },
        Event::AccessRefused {
            subject: Some(Subject::Deployment(deployment)),
            act: "approve".to_owned(),
            why: RefusedWhy::Contributor,
            core: Some(Invariant::SodContributor),
        },
        Event::AccessRefusedCounted {
            route: "/login".to_owned(),
            why: RefusedWhy::SignIn,
            count: 3,
            minute: 29_453_760,
        },
    ]
}

/// What a step measured, beside a live release or alone.
fn measured(owner: StepOwner, pace: Option<Pace>) -> Event {
    let pairs = NonZeroU16::new(12).unwrap();
    let beside = pace.map(|pace| Beside { pairs, more_ppm: -4_500, pace });
    let (name, unit) = ("checkout".parse().unwrap(), "ms/op".parse().unwrap());
    let measured = Measured {
        report: Digest::of(b"measurements"),
        against: pace.map(|_| ReleaseId(1)),
        tolerance_ppm: 100_000,
        metrics: vec![performance::Metric { name, unit, micros: 12_250_000, beside }],
    };
    Event::PerformanceMeasured { owner, step: "accept".parse().unwrap(), attempt: 1, measured }
}

fn late() -> Late {
    let one = Overdue {
        key: Some(finding("a")),
        count: 1,
        severity: Severity::High,
        since: Millis(1_000),
        term: Term::Days(30),
        due: Millis(2_592_001_000),
    };
    let unnamed = Overdue { key: None, count: 7, term: Term::Days(0), due: one.since, ..one };
    Late { overdue: vec![one, unnamed], more: 2 }
}
