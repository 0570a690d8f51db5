//! A small world around the domain: a state, a clock that the test moves, and no one else.

use std::collections::{BTreeMap, BTreeSet};

use sluss_core::budget::{ErrorBudget, TrafficCounted};
use sluss_core::config::{FourEyes, Organisation, Product};
use sluss_core::decide::{Actor, Command, Refusal, decide};
use sluss_core::event::{Artifact, Event, Push};
use sluss_core::exception::Changed;
use sluss_core::findings::FindingKey;
use sluss_core::follow::follow_up;
use sluss_core::ids::{DeploymentId, Digest, PersonRef, RunId};
use sluss_core::pipeline::{
    EnvironmentKind, GateKind, Pipeline, Replacement, Report, ReportKind, RolloutPlan, Stage,
    Start, Step, StepKind,
};
use sluss_core::policies::Mode;
use sluss_core::risk::Size;
use sluss_core::rollout::{Counts, Observation, Reading, Verdict};
use sluss_core::rules::{
    CalendarSays, Diff, PolicyAnswer, PolicyRecord, PolicySays, Rules, RunningSays,
};
use sluss_core::state::State;
use sluss_core::steps::{Isolation, StepOutcome, TestCounts};
use sluss_core::target::{Limits, Readiness, RouteKey, Traffic};
use sluss_core::units::{Millis, Share};
use sluss_core::wanted::AttemptKey;

/// Everyone there is. Anna, bob, dora and erik develop; bob and carl approve; mallory does neither.
pub const PEOPLE: [&str; 6] = ["anna", "bob", "carl", "dora", "erik", "mallory"];

pub struct World {
    pub state: State,
    pub now: Millis,
    pub log: Vec<(Millis, Event)>,
    /// The stages that pushes bring along.
    pub stages: Vec<Stage>,
    /// Whether pushes from now on are marked as what cannot be put back.
    pub forward_only: bool,
    /// What pushes from now on promise of their traffic; some tests draw that from their number.
    pub error_budget: Option<ErrorBudget>,
    /// Whether what is to be signed is signed at once, without a word.
    pub attests: bool,
    /// What the texts of the platform repository say.
    pub texts: Texts,
}

impl World {
    pub fn new(stages: Vec<Stage>) -> Self {
        Self {
            state: State::default(),
            now: Millis(0),
            log: Vec::new(),
            stages,
            forward_only: false,
            error_budget: None,
            attests: true,
            texts: Texts::default(),
        }
    }

    /// Decides, folds what was decided, and then all that follows; returns all events.
    pub fn tell(&mut self, command: Command, actor: &Actor) -> Result<Vec<Event>, Refusal> {
        let decided = decide(&self.state, command, actor, self.now)?;
        let before = self.log.len();
        self.fold(&decided);
        self.settle();
        Ok(self.log[before..].iter().map(|(_, event)| event.clone()).collect())
    }

    pub fn fold(&mut self, events: &[Event]) {
        for event in events {
            self.state.apply(self.now, event);
            self.log.push((self.now, event.clone()));
        }
    }

    /// Folds what follows until nothing does; returns how many batches that were.
    pub fn settle(&mut self) -> usize {
        for round in 0..200 {
            let nonce = format!("n{}", self.state.size);
            let follows = follow_up(&self.state, self.now, &nonce, &self.texts);
            if follows.is_empty() {
                match self.attested().filter(|_| self.attests) {
                    Some(command) => {
                        let attested = decide(&self.state, command, &Actor::System, self.now);
                        self.fold(&attested.unwrap());
                        continue;
                    }
                    None => return round,
                }
            }
            self.fold(&follows);
        }
        panic!("what follows never ends: {:?}", &self.log[self.log.len() - 6..]);
    }

    /// The signature of what is to be signed next.
    pub fn attested(&self) -> Option<Command> {
        let (of, evidence) = self.state.unattested.iter().next()?;
        let envelope = Digest::of(b"envelope");
        Some(Command::Attested { of: *of, evidence: evidence.clone(), envelope })
    }

    /// The oldest attempt that may be claimed, or of the step that is named.
    pub fn claimable(&self, step: Option<&str>) -> Option<AttemptKey> {
        let named = |key: &AttemptKey| step.is_none_or(|step| key.step.as_str() == step);
        self.state.claimable().into_iter().find(named)
    }

    /// The running attempt of this step.
    pub fn running(&self, step: &str) -> AttemptKey {
        let all = self.state.claimed();
        all.into_iter().find(|key| key.step.as_str() == step).unwrap()
    }

    pub fn rolling(&self) -> Option<DeploymentId> {
        let places = self.state.services.values().flat_map(|service| service.places.values());
        places.filter_map(|place| place.rolling).next()
    }

    pub fn push(&self, branch: &str, with: &[&str]) -> Command {
        self.push_of("pay", branch, with)
    }

    /// A push to the repository of this service.
    pub fn push_of(&self, service: &str, branch: &str, with: &[&str]) -> Command {
        let number = self.state.next_change().0;
        let drawn = !self.texts.drawn || !number.is_multiple_of(3);
        let error_budget = self.error_budget.filter(|_| drawn);
        let mut stages = self.stages.clone();
        if let Some(last) = stages.last_mut().filter(|_| error_budget.is_some()) {
            last.gates.push(GateKind::ErrorBudget);
        }
        if self.texts.drawn && number.is_multiple_of(6) {
            let (first, last) = stages.split_at_mut(1);
            first[0].acceptance[0].reports.push(measures(100_000));
            last[1].gates.push(GateKind::Performance);
        }
        let pipeline = pipeline_of(service, stages).with_forward_only(self.forward_only);
        let push = Push {
            branch: branch.to_owned(),
            trunk: branch == "main",
            old: None,
            commit: format!("{number:040x}").parse().unwrap(),
            commits: 1,
            written: self.now,
            contributors: with.iter().map(|name| person(name)).collect(),
            hands: Default::default(),
            work_items: BTreeSet::new(),
            title: Digest::of(b"title"),
            pipeline: pipeline.with_error_budget(error_budget),
            left_out: BTreeSet::new(),
        };
        Command::Push { service: service.parse().unwrap(), product: "bank".parse().unwrap(), push }
    }

    /// Customers' requests of all the time that was not counted.
    pub fn counted(&self, requests: u64, errors: u64, refused: u64) -> Command {
        self.counted_after(i64::MIN, (requests, errors, refused))
    }

    /// Those after this second.
    pub fn counted_after(&self, after: i64, of: (u64, u64, u64)) -> Command {
        let (requests, errors, refused) = of;
        let (service, environment) = ("pay".parse().unwrap(), "production".parse().unwrap());
        let key = RouteKey { service, environment };
        let known = self.state.counted_in(&key);
        let until = self.now.second() - 1;
        let after = known.map_or(0, |known| known.until).max(after);
        let before = known.map_or(0, |known| known.refused_so_far);
        Command::CountTraffic(TrafficCounted {
            service: key.service,
            environment: key.environment,
            after,
            until,
            requests,
            errors,
            refused,
            refused_so_far: before + refused,
        })
    }

    pub fn observation(&self, deployment: DeploymentId, verdict: Verdict) -> Command {
        let arms = self.state.routes().into_iter().flat_map(|route| route.arms);
        let share = arms.filter(|arm| arm.deployment == deployment).map(|arm| arm.share).next();
        let (share, incumbent) = (share.unwrap_or(Share::NONE), Counts { requests: 90, errors: 0 });
        let candidate = Counts { requests: 10, errors: 0 };
        let observation = Observation::new(self.now.second(), share, incumbent, candidate);
        let reading = Reading::new((0, 4_605_170), (0, 2_995_732), verdict);
        Command::Observe { deployment, observation, reading }
    }
}

/// Texts of a platform repository as a test has them: a window, what releases change, and what each
/// policy says, which is told by its name.
#[derive(Default)]
pub struct Texts {
    /// From when, until when, and what becomes of a rollout that is under way.
    pub window: Option<(Millis, Millis, &'static str)>,
    /// What a release changes; some tests draw that from its number.
    pub changed: Option<Changed>,
    /// Whether what a release changes follows from its number.
    pub drawn: bool,
}

/// Policies, by name: what they say follows from that and from the time.
pub const POLICIES: [&str; 4] = ["lenient", "strict", "core", "fails"];

impl Texts {
    fn shut(&self, now: Millis) -> bool {
        self.window.is_some_and(|(from, until, _)| from <= now && now < until)
    }

    pub fn says(policies: &Digest, now: Millis) -> PolicyAnswer {
        let is = |name: &str| *policies == Digest::of(name.as_bytes());
        let denies = |rule: &str| PolicyAnswer::Denies { rules: vec![rule.to_owned()] };
        match () {
            () if is("lenient") => PolicyAnswer::Allows { warnings: Vec::new() },
            // By day and by night.
            () if is("strict") && now.second() / 40 % 2 == 0 => denies("sbom"),
            () if is("strict") => PolicyAnswer::Allows { warnings: Vec::new() },
            () if is("core") => denies("core.evidence"),
            () => PolicyAnswer::Fails { why: "undefined".to_owned() },
        }
    }
}

impl Rules for Texts {
    fn calendar(&self, _: &Digest, _: &State, _: DeploymentId, now: Millis) -> CalendarSays {
        let until = self.window.map(|(_, until, _)| until);
        match self.shut(now) {
            true => CalendarSays::Shut { until, windows: vec!["night".to_owned()] },
            false => CalendarSays::Open,
        }
    }

    fn running(&self, _: &Digest, _: &State, _: DeploymentId, now: Millis) -> RunningSays {
        match self.window {
            Some((_, until, "hold")) if self.shut(now) => {
                RunningSays::Keeps { until: Some(until), windows: vec!["night".to_owned()] }
            }
            Some((_, _, "rollback")) if self.shut(now) => RunningSays::TakenBack,
            Some(_) | None => RunningSays::GoesOn,
        }
    }

    fn changed(&self, _: &State, id: DeploymentId) -> Option<Changed> {
        let path = ["docs/a.md", "src/pay.rs", "sluss.yaml"][id.0 as usize % 3];
        match self.drawn {
            true if id.0.is_multiple_of(5) => None,
            true => Some(Changed { paths: vec![path.to_owned()], lines: Some(id.0 % 7) }),
            false => self.changed.clone(),
        }
    }

    fn diff(&self, state: &State, id: DeploymentId) -> Option<Diff> {
        let changed = self.changed(state, id)?;
        Some(Diff {
            sha256: Digest::of(changed.paths.join("\n").as_bytes()),
            size: Size::of(&changed),
        })
    }

    fn policy(&self, policies: &Digest, _: &State, _: DeploymentId, now: Millis) -> PolicySays {
        let record = PolicyRecord {
            bundle_sha256: policies.clone(),
            data_sha256: Digest::of(b"{}"),
            input_sha256: Digest::of(b"input"),
            result_sha256: Digest::of(b"result"),
            input_size: None,
            engine: None,
            duration_us: None,
            mode: Mode::Block,
            commit: None,
            approved_leaf: None,
        };
        PolicySays::Asked { record, answer: Self::says(policies, now) }
    }
}

/// The key of a finding of this name.
pub fn finding(name: &str) -> FindingKey {
    Digest::of(name.as_bytes()).as_str().parse().unwrap()
}

pub fn person(name: &str) -> PersonRef {
    PersonRef::derive(&[7; 32], name)
}

/// The person in a session of their own, who has just given their password again.
pub fn actor(name: &str) -> Actor {
    Actor::Person { who: person(name), reauthenticated: true }
}

pub fn organisation(four_eyes: FourEyes, approvers: &[&str]) -> Organisation {
    let product = Product {
        title: "Bank".to_owned(),
        owner: "payments".parse().unwrap(),
        failure_cost: None,
        require: BTreeSet::new(),
        findings: Default::default(),
    };
    Organisation {
        name: "Bank".to_owned(),
        four_eyes,
        require: BTreeSet::new(),
        open_registration: false,
        products: BTreeMap::from([("bank".parse().unwrap(), product)]),
        services: BTreeMap::from([("pay".parse().unwrap(), "bank".parse().unwrap())]),
        developers: ["anna", "bob", "dora", "erik"].into_iter().map(person).collect(),
        approvers: approvers.iter().map(|name| person(name)).collect(),
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
        templates: BTreeMap::from([("rust-service@1".parse().unwrap(), Digest::of(b"template"))]),
        template_gates: BTreeMap::new(),
        without_customers: ["staging".parse().unwrap()].into(),
        policy: Default::default(),
    }
}

pub fn propose(number: u64, organisation: Organisation) -> Command {
    Command::Propose {
        commit: format!("{number:040x}").parse().unwrap(),
        organisation,
        contributors: BTreeSet::new(),
        nonce: format!("c{number}"),
    }
}

pub fn finish(attempt: AttemptKey, outcome: StepOutcome, tests: Option<TestCounts>) -> Command {
    let isolation = Isolation::Namespaces;
    Command::Finish {
        attempt,
        outcome,
        isolation,
        log: None,
        tests,
        scans: vec![],
        measured: vec![],
    }
}

pub fn packed(run: RunId) -> Command {
    let artifact = Artifact {
        name: "app".parse().unwrap(),
        digest: Digest::of(run.to_string().as_bytes()),
        bytes: 1000,
    };
    Command::Packed { run, artifacts: vec![artifact] }
}

pub fn step(name: &str, needs: &[&str], retries: u8) -> Step {
    Step {
        name: name.parse().unwrap(),
        kind: StepKind::Run,
        command: vec!["true".to_owned()],
        needs: needs.iter().map(|need| need.parse().unwrap()).collect(),
        timeout_seconds: 60,
        retries,
        when: Default::default(),
        environment: BTreeMap::new(),
        secrets: BTreeSet::new(),
        reports: Vec::new(),
        outputs: Vec::new(),
    }
}

pub fn pipeline(stages: Vec<Stage>) -> Pipeline {
    pipeline_of("pay", stages)
}

fn pipeline_of(service: &str, stages: Vec<Stage>) -> Pipeline {
    let start = Start {
        artifact: "app".parse().unwrap(),
        command: vec!["serve".to_owned()],
        port: 8080,
        instances: 2,
        readiness: Readiness::default(),
        drain_seconds: 5,
        limits: Limits::default(),
        environment: BTreeMap::new(),
        secrets: BTreeSet::new(),
        traffic: Traffic::default(),
        most_in_flight: None,
    };
    let steps = vec![step("build", &[], 0), step("test", &["build"], 1)];
    let of = (service.parse().unwrap(), "rust-service@1".parse().unwrap(), Digest::of(b"template"));
    Pipeline::new(of, steps, Some(start), stages).unwrap()
}

/// A report of measurements.
pub fn measures(tolerance_ppm: u32) -> Report {
    let kind = ReportKind::Performance { tolerance_ppm };
    Report { kind, path: "performance.json".to_owned() }
}

/// A test environment for one deployment, with one acceptance step.
pub fn test_stage() -> Stage {
    Stage {
        environment: "test".parse().unwrap(),
        kind: EnvironmentKind::Ephemeral,
        gates: vec![GateKind::Tests],
        replacement: Replacement::AtOnce,
        acceptance: vec![step("accept", &[], 0)],
        by_hand: false,
    }
}

pub fn staging() -> Stage {
    Stage {
        environment: "staging".parse().unwrap(),
        kind: EnvironmentKind::Lasting,
        gates: vec![GateKind::Tests],
        replacement: Replacement::AtOnce,
        acceptance: Vec::new(),
        by_hand: false,
    }
}

/// Customers: all gates, 10 %, 50 %, all; fifteen minutes a leg, a minute of silence.
pub fn production() -> Stage {
    Stage {
        environment: "production".parse().unwrap(),
        kind: EnvironmentKind::Lasting,
        gates: vec![GateKind::Tests, GateKind::FourEyes, GateKind::Freeze],
        replacement: Replacement::Progressive(RolloutPlan::default()),
        acceptance: Vec::new(),
        by_hand: false,
    }
}
