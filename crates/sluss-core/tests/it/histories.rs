//! Random short histories, of commands that fit and commands that do not, by anyone at any time:
//! what always holds, holds after each event of each of them.

#[path = "histories/claims.rs"]
mod claims;
#[path = "histories/keeping.rs"]
mod keeping;
#[path = "histories/moves.rs"]
mod moves;
#[path = "histories/others.rs"]
mod others;
#[path = "histories/promises.rs"]
mod promises;

use std::collections::BTreeSet;
use std::num::{NonZeroU16, NonZeroU32};
use std::ops::Range;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use sluss_core::approval::{Decision, Subject};
use sluss_core::authenticator::Signed;
use sluss_core::budget::ErrorBudget;
use sluss_core::config::{Demand, FourEyes};
use sluss_core::decide::{Actor, Command};
use sluss_core::deployment::{Cause, Deployment, Phase};
use sluss_core::event::Event;
use sluss_core::exception::ExceptionKind;
use sluss_core::findings::{Found, Report, Severity};
use sluss_core::gate::{ClearedWhy, GateOutcome, WaitingOn};
use sluss_core::ids::{
    AuthenticatorId, ChangeId, DeploymentId, Digest, ExceptionId, FreezeId, GroupName, IncidentId,
    ReleaseId, RunId, StopId,
};
use sluss_core::materials::{Materials, NoSbom};
use sluss_core::performance::{Beside, Measured, Metric, Pace};
use sluss_core::rollout::Verdict;
use sluss_core::slots::Rule;
use sluss_core::state::State;
use sluss_core::steps::{Isolation, StepOutcome, TestCounts};
use sluss_core::target::{JournalEntry, JournalRow, RouteKey};
use sluss_core::units::Share;
use sluss_core::wanted::AttemptKey;

use self::claims::{
    Asked, gates_were_cleared, nothing_barred_is_on_its_way,
    nothing_grows_while_the_line_is_stopped, share_grows_with_reason, shares_are_whole,
    what_is_barred_gains_nothing, who_signed_had_a_key_that_counts,
};
use self::keeping::{
    nobody_acts_who_was_erased, nothing_is_left_of_who_is_erased,
    two_agreed_to_what_goes_and_nothing_of_a_hold_does,
};
use self::promises::{a_spent_budget_lets_nothing_through, no_promise_of_others_is_broken};
use crate::world::{
    PEOPLE, POLICIES, World, actor, finding, finish, packed, person, production, propose, staging,
    test_stage,
};

/// One line of a history: what, with two numbers that say to which, by whom, how much later.
#[derive(Debug, Clone, Copy)]
struct Line {
    what: What,
    a: u8,
    b: u8,
    by: u8,
    later_ms: i64,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Go,
    Deliver,
    Push,
    PushTopic,
    Announce,
    Receive,
    Lose,
    Merge,
    Delete,
    Claim,
    Finish,
    Pack,
    NotPack,
    Inventory,
    Ready,
    Observe,
    Fail,
    Instance,
    Applied,
    Approve,
    Refuse,
    Revoke,
    Promote,
    Rollback,
    Hold,
    Resume,
    Freeze,
    Lift,
    Cancel,
    Unbar,
    Close,
    Propose,
    Jump,
    Return,
    Except,
    Grant,
    EndException,
    Review,
    Delegate,
    Identify,
    Stop,
    LiftStop,
    Count,
    Alarm,
    Probes,
    PushLedger,
    RegisterKey,
    VouchForKey,
    RemoveKey,
    PlaceHold,
    LiftHold,
    Dispose,
    AgreeDisposal,
    RefuseDisposal,
    Erase,
    AgreeErasure,
    RefuseErasure,
    Years,
    Report,
    Resolve,
    Link,
    Classify,
    Notify,
    ReviewAccess,
    AcceptTests,
    AgeFindings,
    Heartbeat,
    Distrust,
    Trust,
}

fn what() -> impl Strategy<Value = What> {
    use What as W;
    let often = [W::Go, W::Go, W::Push, W::Claim, W::Finish, W::Pack, W::Ready, W::Observe];
    let often = prop::sample::select([&[W::Deliver; 3][..], &often, &often].concat());
    let people =
        [W::Approve, W::Approve, W::Refuse, W::Promote, W::Rollback, W::Hold, W::Resume, W::Resume];
    let rare = [
        W::PushTopic,
        W::Inventory,
        W::Announce,
        W::Receive,
        W::Lose,
        W::Merge,
        W::Delete,
        W::NotPack,
        W::Fail,
        W::Instance,
        W::Applied,
        W::Applied,
        W::Freeze,
        W::Freeze,
        W::Lift,
        W::Lift,
        W::Lift,
        W::Lift,
        W::Lift,
        W::Lift,
        W::Cancel,
        W::Unbar,
        W::Unbar,
        W::Close,
        W::Propose,
        W::Propose,
        W::Propose,
        W::Propose,
        W::Jump,
        W::Return,
        W::EndException,
        W::Review,
        W::Delegate,
        W::Delegate,
        W::Identify,
        W::Revoke,
        W::Revoke,
        W::Stop,
        W::Count,
        W::Count,
        W::Alarm,
        W::Alarm,
        W::Probes,
        W::RegisterKey,
        W::VouchForKey,
        W::VouchForKey,
        W::RemoveKey,
    ];
    let exceptions = [W::Except, W::Grant, W::Grant, W::LiftStop, W::LiftStop];
    let keeping = [
        W::PlaceHold,
        W::LiftHold,
        W::LiftHold,
        W::LiftHold,
        W::Dispose,
        W::Dispose,
        W::AgreeDisposal,
        W::AgreeDisposal,
        W::RefuseDisposal,
        W::Erase,
        W::AgreeErasure,
        W::RefuseErasure,
        W::Years,
    ];
    let others = [
        W::Report,
        W::Report,
        W::Resolve,
        W::Link,
        W::Classify,
        W::Classify,
        W::Notify,
        W::Notify,
        W::ReviewAccess,
        W::AcceptTests,
        W::AcceptTests,
        W::AcceptTests,
        W::AgeFindings,
        W::Heartbeat,
        W::Distrust,
        W::Trust,
        W::Trust,
        W::Grant,
        W::Grant,
    ];
    prop_oneof![
        6 => often,
        3 => prop::sample::select(people.to_vec()),
        3 => prop::sample::select(rare.to_vec()),
        3 => prop::sample::select(exceptions.to_vec()),
        3 => prop::sample::select(keeping.to_vec()),
        3 => prop::sample::select(others.to_vec()),
        2 => Just(W::PushLedger),
    ]
}

fn line() -> impl Strategy<Value = Line> {
    let later = prop_oneof![8 => 0..3_000_i64, 1 => Just(61_000), 1 => Just(901_000)];
    (what(), any::<u8>(), any::<u8>(), any::<u8>(), later)
        .prop_map(|(what, a, b, by, later_ms)| Line { what, a, b, by, later_ms })
}

/// Lines, of which some begin where payments and what they may need are live and have customers, or
/// where somebody was erased.
fn lines(length: Range<usize>) -> impl Strategy<Value = Vec<Line>> {
    let line_of = |(what, a, b, by)| Line { what, a, b, by, later_ms: 1_000 };
    let live = |needs: u8, errors: u8| {
        [
            (What::PushLedger, 0, 2, 0),
            (What::Deliver, 11, 0, 0),
            (What::Push, 0, needs, 0),
            (What::Deliver, 11, 0, 0),
            (What::Approve, 0, 1, 2),
            (What::Deliver, 11, 0, 0),
            (What::Count, 200, errors, 0),
        ]
        .map(line_of)
        .to_vec()
    };
    let erased = [(What::Erase, 1, 0, 1), (What::AgreeErasure, 0, 0, 2)].map(line_of).to_vec();
    let policies = [(What::Propose, 1, 16, 0), (What::Approve, 0, 1, 2)].map(line_of).to_vec();
    let twice = [(What::Push, 0, 4, 0), (What::Deliver, 11, 0, 0)].map(line_of).to_vec();
    let flawed = [
        (What::Push, 0, 4, 0),
        (What::Claim, 0, 1, 0),
        (What::Finish, 0, 30, 0),
        (What::Deliver, 11, 0, 0),
        (What::AcceptTests, 1, 1, 2),
        (What::Deliver, 11, 0, 0),
    ];
    let flawed = flawed.map(line_of).to_vec();
    // Documents alone, agreed to in advance: whether a release is that depends on its number.
    let standard = [
        (What::Except, 3, 255, 0),
        (What::Grant, 1, 1, 2),
        (What::Propose, 2, 16, 1),
        (What::Approve, 0, 1, 2),
        (What::PushLedger, 0, 2, 0),
        (What::Deliver, 11, 0, 0),
        (What::PushLedger, 0, 2, 0),
        (What::Deliver, 11, 0, 0),
        (What::Push, 0, 4, 1),
        (What::Deliver, 11, 0, 0),
    ];
    let standard = standard.map(line_of).to_vec();
    let begin = prop_oneof![
        2 => Just(Vec::new()),
        1 => Just(flawed),
        1 => Just([live(4, 1), standard].concat()),
        1 => Just(live(4, 1)),
        1 => Just([policies, live(4, 1)].concat()),
        1 => Just([live(4, 1), twice].concat()),
        1 => Just(live(0, 1)),
        1 => Just(live(4, 64)),
        1 => Just(erased),
    ];
    (begin, prop::collection::vec(line(), length)).prop_map(|(begin, then)| [begin, then].concat())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 96,
        max_shrink_iters: 4_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn what_always_holds_holds_in_each_history(lines in lines(1..90)) {
        let mut history = History::new();
        for line in lines {
            history.carry_out(line);
        }
        history.folds_again_to_the_same_bytes();
    }
}

#[test]
fn random_histories_reach_what_matters() {
    // Guards the generator: a history that never gets anywhere proves nothing.
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let wanted = [
        "approval.granted",
        "approval.invalidated",
        "approval.refused",
        "approval.revoked",
        "change.delivered",
        "change.merged",
        "change.withdrawn",
        "config.refused",
        "deployment.refused",
        "deployment.rolled_back",
        "deployment.superseded",
        "by exception",
        "by objectives",
        "by pace",
        "performance.measured",
        "traffic.counted",
        "by policy",
        "by budget",
        "by contracts",
        "a spent budget",
        "a missing contract",
        "a dropped contract",
        "blob.disposed",
        "disposal.refused",
        "hold.lifted",
        "person.erased",
        "rollout.reopened",
        "exception.granted",
        "line.lifted",
        "access.delegated",
        "access.identified",
        "authenticator.vouched",
        "signed",
        "environment.removed",
        "by accepted tests",
        "by standard change",
        "incident.classified",
        "incident.linked",
        "incident.notified",
        "log.rollback_detected",
        "log.trust_restored",
        "test.result_accepted",
        "access.review",
        "freeze.lifted",
        "incident.closed",
        "incident.mitigated",
        "instance.observed",
        "log.gap_ended",
        "release.failed",
        "release.unbarred",
        "rollout.held",
        "rollout.resumed",
        "rollout.shifted",
        "run.cancelled",
        "run.failed",
    ];
    let mut seen = BTreeSet::new();
    let mut missing = wanted.to_vec();
    for _ in 0..1_500 {
        let lines = lines(50..80).new_tree(&mut runner).unwrap().current();
        let mut history = History::new();
        for line in lines {
            history.carry_out(line);
        }
        let log = || history.world.log.iter().map(|(_, event)| event);
        seen.extend(log().map(|event| event.to_parts().0));
        // Gates opened by what goes round them, too.
        let why = |event: &Event| match event {
            Event::GateDecided { outcome: GateOutcome::Cleared { why }, .. } => match why {
                ClearedWhy::PolicyAllows { .. } => Some("by policy".to_owned()),
                ClearedWhy::Waived { .. } => Some("by waiver".to_owned()),
                ClearedWhy::JudgedByObjectives => Some("by objectives".to_owned()),
                ClearedWhy::Exception { .. } => Some("by exception".to_owned()),
                ClearedWhy::Standard { .. } => Some("by standard change".to_owned()),
                ClearedWhy::TestsAccepted { .. } => Some("by accepted tests".to_owned()),
                ClearedWhy::Pace { .. } => Some("by pace".to_owned()),
                ClearedWhy::BudgetLeft { .. } => Some("by budget".to_owned()),
                ClearedWhy::DependenciesMet { met, .. } if !met.is_empty() => {
                    Some("by contracts".to_owned())
                }
                _by_itself => None,
            },
            Event::ApprovalGranted { signed: Some(_), .. } => Some("signed".to_owned()),
            Event::GateDecided { outcome: GateOutcome::Waiting { on }, .. } => match on {
                WaitingOn::Budget { .. } => Some("a spent budget".to_owned()),
                WaitingOn::Dependencies { missing, .. } if !missing.is_empty() => {
                    Some("a missing contract".to_owned())
                }
                WaitingOn::Dependencies { .. } => Some("a dropped contract".to_owned()),
                _other => None,
            },
            _other => None,
        };
        seen.extend(log().filter_map(why));
        missing.retain(|kind| !seen.contains(*kind));
        if missing.is_empty() {
            return;
        }
    }
    panic!("no history has {missing:?}");
}

struct History {
    world: World,
    /// The same state, folded event by event.
    seen: State,
}

impl History {
    fn new() -> Self {
        let mut world = World::new(vec![test_stage(), staging(), production()]);
        let first = moves::bank(FourEyes::FirstRelease, &["anna", "bob", "carl"]);
        world.tell(propose(1, first), &actor("anna")).unwrap();
        for (owner, voucher) in [("bob", "carl"), ("carl", "bob")] {
            let authenticator = world.state.next_authenticator();
            let credential = crate::keys::credential(owner);
            world.tell(Command::RegisterKey { credential }, &actor(owner)).unwrap();
            world.tell(Command::VouchForKey { authenticator }, &actor(voucher)).unwrap();
        }
        world.attests = false;
        world.texts.drawn = true;
        let window_seconds = 3_600;
        world.error_budget = Some(ErrorBudget { objective_ppm: 900_000, window_seconds });
        Self { seen: world.state.clone(), world }
    }

    fn carry_out(&mut self, line: Line) {
        self.world.now = self.world.now.plus(line.later_ms);
        if let What::Years = line.what {
            self.world.now = self.world.now.plus(moves::YEARS_MS);
        }
        // Time alone makes things follow, too.
        self.watched(None, &Actor::System);
        match line.what {
            What::Go => return self.go(line.a),
            What::Deliver => return self.deliver(line.a),
            _ => {}
        }
        let name = PEOPLE[usize::from(line.by) % PEOPLE.len()];
        let who = match (line.what, line.by % 16) {
            (_, 15) => Actor::Agent { who: crate::world::person(name) },
            (_, 14) => Actor::Person { who: crate::world::person(name), reauthenticated: false },
            (_, 13) => Actor::System,
            (What::Approve | What::Refuse | What::Grant, 8..=11) => self.signer(name, line.a),
            (_, _) => actor(name),
        };
        for command in self.commands(line) {
            let who = if command.is_a_report() { &Actor::System } else { &who };
            self.watched(Some(command), who);
        }
    }

    /// Returns somebody who signs: with a key of theirs, or with whatever key there is.
    fn signer(&self, name: &str, a: u8) -> Actor {
        let who = person(name);
        let state = &self.world.state;
        let own = state.keys_of(&who).last().map(|(id, _)| id).filter(|_| !a.is_multiple_of(4));
        let newest = state.authenticators.keys().last().copied();
        let authenticator = own.or(newest).unwrap_or(AuthenticatorId(1));
        let counter = u32::try_from(state.size).unwrap() * u32::from(a % 8 != 7);
        let assertion = Digest::of(b"assertion");
        let signed = Signed { authenticator, assertion, counter, signed_in: None };
        Actor::Signer { who, signed, signed_in: self.world.now }
    }

    /// Takes some of what machines would do next, so that histories get somewhere.
    fn go(&mut self, how_far: u8) {
        for _ in 0..how_far % 12 {
            // Signatures come late, now and then.
            while let Some(signed) = self.world.attested().filter(|_| how_far % 8 != 7) {
                self.watched(Some(signed), &Actor::System);
            }
            let state = &self.world.state;
            let baking = state.deployments.iter().find(|(_, d)| match &d.phase {
                Phase::RollingOut(rollout) => rollout.share() == Share::NONE,
                _ => false,
            });
            let command = if let Some(key) = state.claimed().first() {
                let passed = TestCounts { passed: 3, failed: 0, skipped: 0 };
                let mut done = finish(key.clone(), StepOutcome::Succeeded, Some(passed));
                if let Command::Finish { measured: told, .. } = &mut done {
                    // Mostly within the tolerance, so that some go on.
                    told.extend(measured(if how_far % 4 == 3 { 9 } else { 5 }));
                }
                done
            } else if let Some(key) = state.claimable().first() {
                Command::Claim(key.clone())
            } else if let Some(run) = state.to_pack().first() {
                packed(*run)
            } else if let Some((deployment, _)) = baking {
                Command::Ready { deployment: *deployment }
            } else {
                return;
            };
            self.watched(Some(command), &Actor::System);
        }
    }

    /// Takes all that machines would do next, and lets what rolls out look good for a while.
    fn deliver(&mut self, seconds: u8) {
        for _ in 0..seconds % 12 {
            self.go(11);
            self.go(11);
            self.world.now = self.world.now.plus(1_000);
            let Some(rolling) = self.world.rolling() else { return };
            let good = self.world.observation(rolling, Verdict::Favourable);
            self.watched(Some(good), &Actor::System);
        }
    }

    fn commands(&self, Line { what, a, b, .. }: Line) -> Vec<Command> {
        let state = &self.world.state;
        let with = |n: u8| -> &[&str] {
            match n % 7 {
                0 | 3 => &["anna"],
                1 | 4 => &["bob"],
                6 => &["mallory"],
                _ => &[],
            }
        };
        let near = |newest: u64| newest.saturating_sub(u64::from(a % 4)).max(1);
        let deployment = DeploymentId(near(state.next_deployment().0 - 1));
        let change = ChangeId(near(state.next_change().0 - 1));
        let release = ReleaseId(near(state.next_release().0 - 1));
        let run = RunId(near(state.next_run().0 - 1));
        let reason = Digest::of(b"reason");
        match what {
            What::Push => self.pushed(moves::pay(&self.world, "main", with(a), b)),
            What::PushTopic => self.pushed(moves::pay(&self.world, "topic", with(a), b)),
            What::PushLedger => self.pushed(moves::ledger(&self.world, with(a), b)),
            What::Announce => {
                vec![self.world.push(if a.is_multiple_of(2) { "main" } else { "topic" }, with(b))]
            }
            What::Receive => vec![Command::Received { change }],
            What::Lose => vec![Command::Lost { change }],
            What::Merge => {
                let newest = state.services.get(&key(0).service).and_then(|pay| pay.trunk.last());
                let into = newest.copied().filter(|_| !b.is_multiple_of(4)).unwrap_or(ChangeId(1));
                let topic = state.changes.iter().rev().find(|(_, c)| !c.push.trunk);
                let change = topic.filter(|_| !b.is_multiple_of(8)).map_or(change, |(id, _)| *id);
                vec![Command::Merged { change, into }]
            }
            What::Delete => {
                let service = "pay".parse().unwrap();
                vec![Command::BranchDeleted { service, branch: "topic".to_owned() }]
            }
            What::Claim => {
                let keys = state.claimable();
                let key = keys.get(usize::from(a) % keys.len().max(1)).cloned();
                key.map(|key| Command::Claim(strayed(key, b))).into_iter().collect()
            }
            What::Finish => {
                let keys = state.claimed();
                let key = keys.get(usize::from(a) % keys.len().max(1)).cloned();
                key.map(|key| finished(key, b)).into_iter().collect()
            }
            What::Count => {
                let requests = u64::from(a);
                let some = |of: u64| if b.is_multiple_of(8) { of } else { 0 };
                let errors = some(requests.min(b.into()));
                let after = if b % 8 == 1 { self.world.now.second() - 300 } else { i64::MIN };
                vec![self.world.counted_after(after, (requests, errors, some((b / 8 % 4).into())))]
            }
            What::Alarm | What::Probes => {
                moves::of_what_is_live(&self.world, what, a).into_iter().collect()
            }
            What::Pack => vec![packed(run)],
            What::NotPack => {
                let run = state.to_pack().first().copied().unwrap_or(run);
                vec![Command::NotPacked { run, why: reason }]
            }
            What::Inventory => {
                vec![Command::Inventoried { release, materials: materials(b) }]
            }
            What::Ready => vec![Command::Ready { deployment }],
            What::Observe => {
                let rolling =
                    self.world.rolling().filter(|_| !b.is_multiple_of(8)).unwrap_or(deployment);
                vec![self.world.observation(rolling, verdict(a))]
            }
            What::Fail => {
                let rolling =
                    self.world.rolling().filter(|_| !b.is_multiple_of(4)).unwrap_or(deployment);
                vec![Command::Fail { deployment: rolling, cause: Cause::Crashes }]
            }
            What::Instance => {
                let row = JournalRow {
                    number: u64::from(b % 5),
                    at: self.world.now,
                    key: key(a),
                    release,
                    what: JournalEntry::Lapsed,
                };
                vec![Command::Instance { deployment, row }]
            }
            What::Applied => {
                vec![Command::Applied { key: key(a), generation: state.size - u64::from(b % 3) }]
            }
            _ => self.by_hand(what, a, b),
        }
    }

    fn by_hand(&self, what: What, a: u8, b: u8) -> Vec<Command> {
        let state = &self.world.state;
        let near = |newest: u64| newest.saturating_sub(u64::from(a % 4)).max(1);
        let deployment = DeploymentId(near(state.next_deployment().0 - 1));
        let reason = Digest::of(b"reason");
        let open = state.requests.iter().rev().filter(|(_, r)| r.decision == Decision::Open);
        let open: Vec<_> = open.map(|(subject, _)| *subject).collect();
        let subject = open.get(usize::from(a) % open.len().max(1)).copied();
        let subject =
            subject.filter(|_| !b.is_multiple_of(8)).unwrap_or(Subject::Deployment(deployment));
        let request = state.requests.get(&subject).filter(|_| b % 8 != 7);
        let statement =
            request.map_or_else(|| Digest::of(b"old"), |request| request.statement.clone());
        let asked = state.exceptions.iter().rev();
        let mut asked = asked.filter(|(_, one)| one.word(self.world.now) == "asked");
        let exception = asked.next().map(|(id, _)| *id).filter(|_| !b.is_multiple_of(8));
        let exception = exception.unwrap_or(ExceptionId(near(state.next_exception().0 - 1)));
        let release = ReleaseId(near(state.next_release().0 - 1));
        let RouteKey { service, environment } = key(b);
        let rolling = self.world.rolling().unwrap_or(deployment);
        let newest = state.authenticators.keys().last().map_or(1, |newest| newest.0);
        let key_of = |a: u8| AuthenticatorId(newest.saturating_sub(u64::from(a % 3)).max(1));
        let command = match what {
            What::Approve => Command::Approve { subject, statement },
            What::Refuse => Command::Refuse { subject, statement, reason: None },
            What::Revoke => {
                let standing = state.requests.iter().rev().filter(|(_, r)| !r.agreed.is_empty());
                let subject = standing.map(|(subject, _)| *subject).next().unwrap_or(subject);
                Command::Revoke { subject, reason }
            }
            What::Promote => {
                let nonce = format!("p{}", state.size);
                let named = [None, Some(environment), Some("test".parse().unwrap())];
                let environment = named[usize::from(a / 4) % 3].clone();
                Command::Promote { release, environment, nonce }
            }
            What::Rollback => Command::Rollback { service, environment },
            What::Hold => Command::Hold { deployment: rolling },
            What::Resume => Command::Resume { deployment: rolling },
            What::Freeze => Command::Freeze {
                service: (a.is_multiple_of(2)).then_some(service),
                environment: (b.is_multiple_of(2)).then_some(environment),
                from: self.world.now.plus(i64::from(a) * 10 - 500),
                until: self.world.now.plus(i64::from(b) * 100 - 500),
                reason,
            },
            What::Lift => {
                Command::Lift { freeze: FreezeId(near(state.next_freeze().0 - 1)), reason }
            }
            What::Identify => Command::Identify {
                unknown: person("mallory"),
                person: [None, Some(person("bob")), Some(person("dora"))][usize::from(a) % 3]
                    .clone(),
            },
            What::Cancel => Command::Cancel { run: RunId(near(state.next_run().0 - 1)) },
            What::Unbar => Command::Unbar {
                release: state
                    .releases
                    .iter()
                    .find(|(_, found)| found.barred.is_some() && !b.is_multiple_of(4))
                    .map_or(release, |(id, _)| *id),
            },
            What::Close => {
                Command::Close { incident: IncidentId(near(state.next_incident().0 - 1)) }
            }
            What::Propose => {
                let policies = [FourEyes::Never, FourEyes::FirstRelease, FourEyes::Always];
                let approvers = [&["anna", "bob", "carl"][..], &["bob", "carl", "dora"]];
                let approvers = approvers[usize::from(b) % 2];
                let mut content = moves::bank(policies[usize::from(a) % 3], approvers);
                if b.is_multiple_of(5) {
                    content.require = [Demand::Sbom, Demand::Findings].into();
                }
                let named = POLICIES.get(usize::from(b / 2) % 8);
                content.policies = named.map(|name| Digest::of(name.as_bytes()));
                if a.is_multiple_of(4) {
                    let group: GroupName = "security".parse().unwrap();
                    let members = [PEOPLE[usize::from(b) % 6], PEOPLE[usize::from(a) % 6]];
                    let members = members.into_iter().map(person).collect();
                    content.groups.insert(group.clone(), members);
                    content.alarm.on_call = b.is_multiple_of(3).then(|| group.clone());
                    content.approvals.push(Rule::one_of(group));
                }
                propose(state.next_proposal(), content)
            }
            What::Except => {
                let until = self.world.now.plus(i64::from(b) * 10_000 + 1_000);
                let rule = ["sbom", "sbom", "core.evidence"][usize::from(b) % 3].to_owned();
                let waits = |of: &Deployment| matches!(of.phase, Phase::Requested | Phase::Cleared);
                let mut waiting = state.deployments.iter().rev().filter(|(_, of)| waits(of));
                let deployment = waiting.next().map_or(deployment, |(id, _)| *id);
                let findings = (0..9).map(|name| finding(&format!("critical {name}"))).collect();
                let what = match a % 5 {
                    0 => ExceptionKind::Freeze { deployment },
                    1 => ExceptionKind::Emergency { deployment, incident: None },
                    4 => ExceptionKind::Findings { service: "pay".parse().unwrap(), findings },
                    2 => ExceptionKind::Waiver { service: "pay".parse().unwrap(), rule },
                    _ => ExceptionKind::Standard { model: others::model(b) },
                };
                Command::AskException { what, reason, until }
            }
            What::Grant => Command::GrantException { exception },
            What::EndException => Command::EndException { exception },
            What::Review => Command::ReviewException { exception, findings: reason },
            What::RegisterKey => Command::RegisterKey {
                credential: crate::keys::credential(&state.size.to_string()),
            },
            What::VouchForKey => Command::VouchForKey { authenticator: key_of(a) },
            What::RemoveKey => Command::RemoveKey { authenticator: key_of(a) },
            What::Delegate => Command::Delegate {
                to: person(PEOPLE[usize::from(a) % PEOPLE.len()]),
                until: self.world.now.plus(i64::from(b) * 5_000),
            },
            What::Stop => {
                let scopes = ["all", "product:bank", "service:pay", "environment:production"];
                Command::StopLine { scope: scopes[usize::from(a) % 4].parse().unwrap(), reason }
            }
            What::LiftStop => {
                Command::LiftStop { stop: StopId(near(state.next_stop().0 - 1)), reason }
            }
            What::Jump => Command::ClockJumped { milliseconds: 70_000 },
            What::Return => Command::ClockReturned { confirmed: a.is_multiple_of(2) },
            _ => {
                let kept = moves::of_keeping(&self.world, what, a, b);
                let more = kept.or_else(|| others::of_others(&self.world, what, a, b));
                return more.into_iter().collect();
            }
        };
        vec![command]
    }

    fn pushed(&self, push: Command) -> Vec<Command> {
        vec![push, Command::Received { change: self.world.state.next_change() }]
    }

    /// Folds what comes of `command`, or what follows by itself, one event at a time, and looks at
    /// each.
    fn watched(&mut self, command: Option<Command>, who: &Actor) {
        let from = self.world.log.len();
        let asked = match command {
            Some(Command::Ready { .. }) => Asked::Ready,
            Some(Command::Resume { .. }) => Asked::Resume,
            _ => Asked::Other,
        };
        match command {
            Some(command) => {
                if self.world.tell(command, who).is_err() {
                    assert_eq!(self.world.log.len(), from, "a refusal changes nothing");
                }
            }
            None => {
                self.world.settle();
            }
        }
        let state = &mut self.seen;
        let mut favourable = false;
        for (at, (time, event)) in self.world.log.iter().enumerate().skip(from) {
            let log = &self.world.log[..at];
            favourable |= matches!(event, Event::RolloutObserved { reading, .. }
                if reading.verdict == Verdict::Favourable);
            gates_were_cleared(state, event, *time);
            who_signed_had_a_key_that_counts(state, event);
            share_grows_with_reason(state, event, favourable, asked);
            nothing_grows_while_the_line_is_stopped(state, event);
            no_promise_of_others_is_broken(state, event, *time);
            a_spent_budget_lets_nothing_through(state, log, event, *time);
            two_agreed_to_what_goes_and_nothing_of_a_hold_does(state, event, *time);
            nobody_acts_who_was_erased(log, event);
            let before = state.routes();
            state.apply(*time, event);
            shares_are_whole(state);
            what_is_barred_gains_nothing(&before, state);
            nothing_is_left_of_who_is_erased(state, event);
        }
        assert_eq!(*state, self.world.state);
        nothing_barred_is_on_its_way(state);
    }

    fn folds_again_to_the_same_bytes(&self) {
        let mut again = State::default();
        for (time, event) in &self.world.log {
            let (kind, data) = event.to_parts();
            let read = Event::from_parts(&kind, &data).unwrap();
            assert_eq!(read, *event);
            again.apply(*time, &read);
        }
        let text = serde_json::to_string(&self.world.state).unwrap();
        assert_eq!(serde_json::to_string(&again).unwrap(), text);
        let read: State = serde_json::from_str(&text).unwrap();
        assert_eq!(read, self.world.state);
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
    }
}

/// Another attempt than the one that is wanted, now and then.
fn strayed(mut key: AttemptKey, b: u8) -> AttemptKey {
    key.attempt += u16::from(b.is_multiple_of(8));
    key
}

fn finished(key: AttemptKey, b: u8) -> Command {
    let outcomes = [
        StepOutcome::Succeeded,
        StepOutcome::Succeeded,
        StepOutcome::Failed { code: 1 },
        StepOutcome::TimedOut,
        StepOutcome::Cancelled,
        StepOutcome::Errored { why: None },
    ];
    let isolations = [Isolation::Namespaces, Isolation::Landlock, Isolation::Unisolated];
    let tests = TestCounts { passed: 5, failed: u32::from(b.is_multiple_of(5)), skipped: 0 };
    Command::Finish {
        attempt: strayed(key, b),
        outcome: outcomes[usize::from(b) % outcomes.len()].clone(),
        isolation: isolations[usize::from(b / 8) % isolations.len()],
        log: None,
        tests: Some(tests).filter(|_| !b.is_multiple_of(7)),
        scans: scans(b),
        measured: measured(b),
    }
}

fn measured(b: u8) -> Vec<Measured> {
    let paces = [Pace::Slower, Pace::Within, Pace::Undecided];
    let beside = Beside {
        pairs: NonZeroU16::MIN,
        more_ppm: i64::from(b),
        pace: paces[usize::from(b / 4) % paces.len()],
    };
    let against = (!b.is_multiple_of(4)).then_some(ReleaseId(u64::from(b % 4)));
    let (name, unit) = ("checkout".parse().unwrap(), "ms".parse().unwrap());
    let metric = Metric { name, unit, micros: 7, beside: against.map(|_| beside) };
    let (report, tolerance_ppm) = (Digest::of(&[b]), 100_000);
    (0..b % 2)
        .map(|_| Measured {
            report: report.clone(),
            against,
            tolerance_ppm,
            metrics: vec![metric.clone()],
        })
        .collect()
}

fn scans(b: u8) -> Vec<Report> {
    let report = |critical| {
        let one = |severity, name: u32| Found {
            key: finding(&format!("{severity} {}", (name + u32::from(b)) % 9)),
            severity,
            suppressed: b.is_multiple_of(11),
        };
        let critical = (0..critical).map(|name| one(Severity::Critical, name));
        let others = [one(Severity::High, 1), one(Severity::Low, 2)];
        Report::of(Digest::of(&[b]), critical.chain(others))
    };
    (0..u32::from(b % 3)).map(report).collect()
}

fn materials(b: u8) -> Materials {
    match NonZeroU32::new(u32::from(b % 4)) {
        Some(components) => Materials::Listed { sbom: Digest::of(&[b]), components, from: vec![] },
        None => Materials::Absent { why: NoSbom::NoLockFile },
    }
}

fn verdict(a: u8) -> Verdict {
    match a % 9 {
        0 => Verdict::Unfavourable,
        1 => Verdict::NoData { seconds: u32::from(a) },
        2 | 3 => Verdict::Undecided { needs_requests: None },
        _ => Verdict::Favourable,
    }
}

fn key(n: u8) -> RouteKey {
    let environment = ["production", "staging", "test-1"][usize::from(n) % 3];
    RouteKey { service: "pay".parse().unwrap(), environment: environment.parse().unwrap() }
}
