//! Stories as text: one line a command, `<second> <command>`, and as text again what came of it.
//!
//! A line that begins with `~` is carried out without a word. `go` builds, packs and readies
//! everything that can be, and lets first releases keep to their objectives, without a word of its
//! own. What is to be signed is signed at once; stories
//! leave that away.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::num::{NonZeroU16, NonZeroU32};

use expect_test::Expect;
use serde_json::Value;
use sluss_core::approval::{Subject, VoidWhy};
use sluss_core::budget::ErrorBudget;
use sluss_core::config::{Demand, FourEyes, Organisation};
use sluss_core::decide::{Actor, Command, Refusal, Reporting, Retain, Stated};
use sluss_core::deployment::{Cause, Phase as DeploymentPhase};
use sluss_core::event::Event;
use sluss_core::exception::{self, Changed, ExceptionKind, Model};
use sluss_core::findings::{Found, Report as Findings, Severity};
use sluss_core::ids::{Digest, EnvironmentName, ReleaseId};
use sluss_core::incident::Reporter;
use sluss_core::incident::clocks::Report;
use sluss_core::invariant::Invariant;
use sluss_core::materials::{Materials, NoSbom};
use sluss_core::performance::{Beside, Measured, Metric, Pace};
use sluss_core::pipeline::{GateKind, Stage};
use sluss_core::policies::{Governance, Mode};
use sluss_core::remediation::Terms;
use sluss_core::rollout::{Counts, Verdict};
use sluss_core::slots::Rule;
use sluss_core::steps::{StepOutcome, StepOwner, TestCounts};
use sluss_core::target::{JournalEntry, JournalRow, RouteKey};
use sluss_core::units::Millis;
use sluss_core::wanted::AttemptKey;

use crate::world::{PEOPLE, World, actor, finding, finish, organisation, packed, person, propose};

pub fn check(stages: Vec<Stage>, story: &str, expect: Expect) {
    let mut world = World::new(stages);
    let mut told = String::new();
    for line in story.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (quiet, line) = line.strip_prefix('~').map_or((false, line), |line| (true, line));
        let (second, words) = line.split_once(' ').unwrap();
        world.now = Millis(second.parse::<i64>().unwrap() * 1000);
        let before = world.log.len();
        let refusal = carry_out(&mut world, words);
        if quiet {
            assert_eq!(refusal, None, "{line}");
            continue;
        }
        writeln!(told, "{line}").unwrap();
        if let Some(refusal) = refusal {
            writeln!(told, "    {:?}: {}", refusal.blame, refusal.what).unwrap();
            for event in refusal.record.iter() {
                writeln!(told, "    + {}", sentence(event)).unwrap();
            }
        }
        // `bounds` tells with what a rollout starts.
        let untold = |event: &Event| {
            matches!(event, Event::AttestationRecorded { .. } | Event::RolloutStarted(_))
        };
        for (_, event) in world.log[before..].iter().filter(|(_, event)| !untold(event)) {
            writeln!(told, "    {}", sentence(event)).unwrap();
        }
    }
    for route in world.state.routes() {
        write!(told, "{}:", route.key).unwrap();
        for arm in &route.arms {
            write!(told, " {} {}", arm.release, arm.share).unwrap();
        }
        writeln!(told).unwrap();
    }
    expect.assert_eq(&told);
}

/// Carries out a story of lines that are told without a word.
pub fn play(world: &mut World, story: &str) {
    for line in story.lines().map(|line| line.trim().trim_start_matches('~')) {
        let (second, words) = line.split_once(' ').unwrap();
        world.now = Millis(second.parse::<i64>().unwrap() * 1000);
        assert_eq!(carry_out(world, words), None, "{line}");
    }
}

/// Carries out a story, and returns the invariants that its last line names: in the refusal, what is
/// recorded of it, and the events.
pub fn names_at_last(stages: Vec<Stage>, story: &str) -> BTreeSet<Invariant> {
    let mut world = World::new(stages);
    let lines: Vec<&str> = story.lines().map(str::trim).collect();
    let (last, before) = lines.split_last().unwrap();
    play(&mut world, &before.join("\n"));
    let (second, words) = last.split_once(' ').unwrap();
    world.now = Millis(second.parse::<i64>().unwrap() * 1000);
    let from = world.log.len();
    let refusal = carry_out(&mut world, words);
    let recorded = refusal.as_ref().and_then(|refusal| refusal.record.as_deref().cloned());
    let events: Vec<Event> =
        world.log[from..].iter().map(|(_, event)| event.clone()).chain(recorded).collect();
    let said = events.iter().filter_map(|event| match event {
        Event::GateDecided { core, .. } | Event::AccessRefused { core, .. } => *core,
        Event::DeploymentRolledBack { cause, .. } => cause.invariant(),
        Event::RolloutHeld { why, .. } => why.invariant(),
        Event::ApprovalInvalidated { why, .. } => why.and_then(VoidWhy::invariant),
        _names_none => None,
    });
    let said: BTreeSet<Invariant> = said.collect();
    if let Some(refusal) = refusal {
        assert_eq!(refusal.core.into_iter().collect::<BTreeSet<_>>(), said, "{last}");
    }
    said
}

/// Carries out one line; returns why it was refused, if it was.
fn carry_out(world: &mut World, line: &str) -> Option<Refusal> {
    let (line, by) = line.split_once(" by ").unwrap_or((line, "the system"));
    let actor = match by.split_once(' ') {
        None => actor(by),
        Some((name, "agent")) => Actor::Agent { who: person(name) },
        Some((name, "stale")) => Actor::Person { who: person(name), reauthenticated: false },
        Some(_) => Actor::System,
    };
    let words: Vec<&str> = line.split(' ').collect();
    match *words {
        ["go", "until", step] => {
            go_until(world, Some(step));
            None
        }
        ["go"] => {
            go(world);
            None
        }
        ["changes", path, lines] => {
            let lines = Some(lines.parse().unwrap());
            world.texts.changed = Some(Changed { paths: vec![path.to_owned()], lines });
            None
        }
        ["window", from, until, overrun] => {
            let overrun = ["finish", "hold", "rollback"].into_iter().find(|one| *one == overrun);
            world.texts.window = Some((seconds(from), seconds(until), overrun.unwrap()));
            None
        }
        ["promises", "nothing"] => {
            world.error_budget = None;
            None
        }
        ["promises", objective_ppm, hours] => {
            let (objective_ppm, hours) = (objective_ppm.parse().unwrap(), hours.parse::<u32>());
            let window_seconds = hours.unwrap() * 3_600;
            world.error_budget = Some(ErrorBudget { objective_ppm, window_seconds });
            None
        }
        ["forward-only"] => {
            world.forward_only = true;
            None
        }
        ["tick"] => {
            world.settle();
            None
        }
        ["push", branch, ref with @ ..] => {
            let change = world.state.next_change();
            let pushed = world.tell(world.push(branch, with), &actor).err();
            pushed.or_else(|| world.tell(Command::Received { change }, &Actor::System).err())
        }
        _ => world.tell(command(world, &words), &actor).err(),
    }
}

fn command(world: &World, words: &[&str]) -> Command {
    let environment = |name: &str| -> EnvironmentName { name.parse().unwrap() };
    let service = || "pay".parse().unwrap();
    let reason = Digest::of(b"reason");
    let change = |text: &str| format!("chg-{text}").parse().unwrap();
    match *words {
        ["open"] => Command::Open { origin: "bank".to_owned(), demo: false },
        // Security is bob and carl, operations erik and bob; each of both agrees to releases.
        ["policy", "rules"] => {
            let group = |names: &[&str]| names.iter().map(|name| person(name)).collect();
            let one = |name: &str| (name.parse().unwrap(), 1);
            let rule = Rule {
                slots: [one("security"), one("operations")].into(),
                ..Rule::one_of("security".parse().unwrap())
            };
            let groups = [
                ("security".parse().unwrap(), group(&["bob", "carl"])),
                ("operations".parse().unwrap(), group(&["erik", "bob"])),
            ];
            let organisation = Organisation {
                groups: groups.into(),
                approvals: vec![rule],
                ..organisation(FourEyes::Never, &["bob", "carl", "erik"])
            };
            propose(world.state.next_proposal(), organisation)
        }
        ["policy", "terms", ref terms @ ..] => {
            let terms = terms.iter().map(|term| {
                let (severity, term) = term.split_once(':').unwrap();
                (severity_of(severity), term.to_owned().try_into().unwrap())
            });
            let organisation = Organisation {
                findings: Terms::new(terms.collect()),
                require: [Demand::Findings].into(),
                ..organisation(FourEyes::Never, &["bob", "carl", "erik"])
            };
            propose(world.state.next_proposal(), organisation)
        }
        ["policy", "always-calendar", text, ref approvers @ ..] => {
            let calendar = Some(Digest::of(text.as_bytes()));
            let organisation =
                Organisation { calendar, ..organisation(FourEyes::Always, approvers) };
            propose(world.state.next_proposal(), organisation)
        }
        ["policy", "calendar", ref approvers @ ..] => {
            let calendar = Some(Digest::of(b"calendar"));
            let organisation =
                Organisation { calendar, ..organisation(FourEyes::Never, approvers) };
            propose(world.state.next_proposal(), organisation)
        }
        ["policy", "always-of", policies, ref approvers @ ..] => {
            let policies = Some(Digest::of(policies.as_bytes()));
            let organisation =
                Organisation { policies, ..organisation(FourEyes::Always, approvers) };
            propose(world.state.next_proposal(), organisation)
        }
        // Policies of which all, or these rules, only warn: `always-warns strict sbom,scan bob`.
        ["policy", "always-warns", policies, warn, ref approvers @ ..] => {
            let governance = match warn {
                "all" => Governance { mode: Mode::Warn, ..Governance::default() },
                "none" => Governance::default(),
                "reviewed" => Governance { reviewed: Some(world.now), ..Governance::default() },
                rules => {
                    let warn = rules.split(',').map(str::to_owned).collect();
                    Governance { warn, ..Governance::default() }
                }
            };
            let (policies, policy) = (Some(Digest::of(policies.as_bytes())), governance);
            let asked = organisation(FourEyes::Always, approvers);
            propose(world.state.next_proposal(), Organisation { policies, policy, ..asked })
        }
        ["policy", "of", policies, ref approvers @ ..] => {
            let policies = Some(Digest::of(policies.as_bytes()));
            let organisation =
                Organisation { policies, ..organisation(FourEyes::Never, approvers) };
            propose(world.state.next_proposal(), organisation)
        }
        ["policy-with", who, ref approvers @ ..] => {
            let content = organisation(FourEyes::Always, approvers);
            match propose(world.state.next_proposal(), content) {
                Command::Propose { commit, organisation, nonce, .. } => {
                    let contributors = [person(who)].into();
                    Command::Propose { commit, organisation, contributors, nonce }
                }
                other => other,
            }
        }
        // With bob and carl as approvers, all that can ask less than `strict` by what is named.
        ["policy-strict"] => propose(
            world.state.next_proposal(),
            strict(organisation(FourEyes::Always, &["bob", "carl"])),
        ),
        ["policy-but", what] => {
            let content = strict(organisation(FourEyes::Always, &["bob", "carl"]));
            propose(world.state.next_proposal(), but(content, what))
        }
        ["policy", when, ref approvers @ ..] => {
            let when = match when {
                "never" => FourEyes::Never,
                "first" => FourEyes::FirstRelease,
                "always" => FourEyes::Always,
                other => panic!("no policy {other}"),
            };
            let (require, approvers) = match approvers {
                [rest @ .., "evidence"] => ([Demand::Sbom, Demand::Findings].into(), rest),
                [rest @ .., "require"] => (Demand::USUAL.into(), rest),
                rest => (BTreeSet::new(), rest),
            };
            let organisation = Organisation { require, ..organisation(when, approvers) };
            propose(world.state.next_proposal(), organisation)
        }
        ["compared", number, found] => {
            let lets_more_pass = matches!(found, "weaker" | "nothing");
            let (report, checked) = match found {
                "nothing" => (Some(Digest::of(b"report")), Some(0)),
                _some => (None, None),
            };
            let number = number.parse().unwrap();
            Command::Compared { number, lets_more_pass, report, checked }
        }
        ["calendar-compared", number, found] => Command::CalendarCompared {
            number: number.parse().unwrap(),
            opens_more: found == "more",
        },
        ["announce", branch, ref with @ ..] => world.push(branch, with),
        ["alarm", id] => Command::Alarm {
            deployment: id.parse().unwrap(),
            counts: Counts { requests: 700, errors: 35 },
            limit_ppm: 10_000,
        },
        ["probes", "answer", id] => Command::ProbesAnswer { deployment: id.parse().unwrap() },
        ["probes", "fail", id] => Command::ProbesFail { deployment: id.parse().unwrap() },
        ["received", id] => Command::Received { change: change(id) },
        ["lost", id] => Command::Lost { change: change(id) },
        ["merged", id, "into", into] => Command::Merged { change: change(id), into: change(into) },
        ["deleted", branch] => {
            Command::BranchDeleted { service: service(), branch: branch.to_owned() }
        }
        ["claim", step] => Command::Claim(world.claimable(Some(step)).unwrap()),
        ["finish", owner, step, attempt, outcome] => {
            let owner = owner
                .parse()
                .map(StepOwner::Run)
                .or_else(|_| owner.parse().map(StepOwner::Deployment));
            let owner = owner.unwrap();
            let attempt = attempt.parse().unwrap();
            let key = AttemptKey { owner, step: step.parse().unwrap(), attempt };
            let (outcome, tests) = outcome_of(outcome);
            finish(key, outcome, tests)
        }
        ["scan", step, critical, low] => {
            let key = world.running(step);
            let some = |word: &str, many: &str| {
                let one = |number: u32| found(&format!("{word}:{word}-{number}"));
                (0..many.parse().unwrap()).map(one).collect::<Vec<_>>()
            };
            let all = some("critical", critical).into_iter().chain(some("low", low));
            finds(key, "passed", vec![Findings::of(Digest::of(b"report"), all)])
        }
        ["measure", step, against, ref changes @ ..] => {
            let key = world.running(step);
            let (outcome, tests) = outcome_of("passed");
            let mut finish = finish(key, outcome, tests);
            if let Command::Finish { measured, .. } = &mut finish {
                measured.push(measurements(against, changes));
            }
            finish
        }
        // Reports are apart by `|`; a finding is `high:NAME` or `high:NAME:suppressed`.
        ["finds", step, outcome, ref reports @ ..] => {
            let reports = reports.split(|word| *word == "|").map(|report| {
                let text = format!("{step} {report:?}");
                Findings::of(Digest::of(text.as_bytes()), report.iter().map(|one| found(one)))
            });
            finds(world.running(step), outcome, reports.collect())
        }
        ["age"] => Command::AgeFindings,
        ["lists", release, components] => {
            let materials = match components.parse().ok().and_then(NonZeroU32::new) {
                Some(components) => {
                    let from = vec!["Cargo.lock".to_owned()];
                    Materials::Listed { sbom: Digest::of(b"sbom"), components, from }
                }
                None => Materials::Absent { why: NoSbom::Unlocked { file: "Cargo.toml".into() } },
            };
            Command::Inventoried { release: release.parse().unwrap(), materials }
        }
        ["pack"] => packed(*world.state.to_pack().first().unwrap()),
        ["not-packed"] => Command::NotPacked { run: world.state.to_pack()[0], why: reason },
        ["ready"] => Command::Ready { deployment: world.rolling().unwrap() },
        ["favourable"] => world.observation(world.rolling().unwrap(), Verdict::Favourable),
        ["unfavourable"] => world.observation(world.rolling().unwrap(), Verdict::Unfavourable),
        ["undecided"] => {
            let verdict = Verdict::Undecided { needs_requests: Some(100) };
            world.observation(world.rolling().unwrap(), verdict)
        }
        ["silent", seconds] => {
            let verdict = Verdict::NoData { seconds: seconds.parse().unwrap() };
            world.observation(world.rolling().unwrap(), verdict)
        }
        ["crashes"] => {
            Command::Fail { deployment: world.rolling().unwrap(), cause: Cause::Crashes }
        }
        [what @ ("ends" | "starts"), id, number] => {
            let number = number.parse().unwrap();
            let deployment = id.parse().unwrap();
            let key = RouteKey { service: service(), environment: environment("production") };
            let release = world.state.deployments[&deployment].release;
            let what = match what {
                "ends" => JournalEntry::Exited { instance: 0, code: 134 },
                _ => JournalEntry::Started { instance: 0, pid: 7 },
            };
            let row = JournalRow { number, at: world.now, key, release, what };
            Command::Instance { deployment, row }
        }
        ["counts", requests, errors, "after", second] => world.counted_after(
            second.parse().unwrap(),
            (requests.parse().unwrap(), errors.parse().unwrap(), 0),
        ),
        ["counts", requests, errors, ref refused @ ..] => {
            let refused = refused.first().map_or(0, |refused| refused.parse().unwrap());
            world.counted(requests.parse().unwrap(), errors.parse().unwrap(), refused)
        }
        ["late"] => Command::Fail { deployment: world.rolling().unwrap(), cause: Cause::NotReady },
        ["applied", place] => {
            let key = RouteKey { service: service(), environment: environment(place) };
            let generation = world.state.place(&key.service, &key.environment).unwrap().generation;
            Command::Applied { key, generation }
        }
        ["applied", place, "early"] => {
            let key = RouteKey { service: service(), environment: environment(place) };
            Command::Applied { key, generation: 1 }
        }
        ["jump"] => Command::ClockJumped { milliseconds: 3_600_000 },
        ["witness", "knows", seen] => Command::Distrust {
            witness: "audit".to_owned(),
            seen: seen.parse().unwrap(),
            size: world.state.size,
        },
        ["witness", "lags"] => {
            let witness = "audit".to_owned();
            Command::WitnessLags { witness, since: world.now }
        }
        ["witness", "cosigns"] => {
            Command::WitnessLagEnded { witness: "audit".to_owned(), cosigned: true }
        }
        ["returned"] => Command::ClockReturned { confirmed: false },
        ref other => by_hand(world, other),
    }
}

/// Reads what somebody says of an incident: `critical=yes clients=10 cause=disk nothing-else`.
fn stated(words: &[&str]) -> Stated {
    let mut stated = Stated::default();
    for word in words {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        let of = &mut stated.criteria;
        match name {
            "critical" => of.critical = Some(value == "yes"),
            "reputation" => of.reputation = Some(value == "yes"),
            "data-loss" => of.data_loss = Some(value == "yes"),
            "malicious" => of.malicious_access = Some(value == "yes"),
            "clients" => of.clients = Some(value.parse().unwrap()),
            "share" => of.clients_share = Some(value.parse().unwrap()),
            "cost" => of.cost_eur = Some(value.parse().unwrap()),
            "nothing-else" => stated.nothing_else = true,
            "recurring" => stated.recurring = true,
            "cause" => stated.cause = Some(value.parse().unwrap()),
            "aware" => stated.aware = Some(seconds(value)),
            "occurred" => stated.occurred = Some(seconds(value)),
            "at" => stated.at = Some(seconds(value)),
            "with-reason" => {}
            other => panic!("nobody says {other} of an incident"),
        }
    }
    stated
}

fn severity_of(word: &str) -> Severity {
    Severity::ALL.into_iter().find(|one| one.as_str() == word).unwrap()
}

/// The finding that a word tells of: `high:NAME` or `high:NAME:suppressed`.
fn found(word: &str) -> Found {
    let (severity, name) = word.split_once(':').unwrap();
    let (name, suppressed) = match name.strip_suffix(":suppressed") {
        Some(name) => (name, true),
        None => (name, false),
    };
    Found { key: finding(name), severity: severity_of(severity), suppressed }
}

/// The end of an attempt that left these reports.
pub fn finds(key: AttemptKey, outcome: &str, reports: Vec<Findings>) -> Command {
    let (outcome, tests) = outcome_of(outcome);
    let mut finish = finish(key, outcome, tests);
    if let Command::Finish { scans, .. } = &mut finish {
        *scans = reports;
    }
    finish
}

/// An organisation that asks for much.
fn strict(mut content: Organisation) -> Organisation {
    content.by_key = false;
    content.open_registration = false;
    content.sign_in_minutes = 60;
    content.approval_hours = 24;
    content.approval_days = 7;
    content.groups.insert("security".parse().unwrap(), [person("erik")].into());
    content.training.insert(person("carl"), Millis(1_000));
    let product = content.products.values_mut().next().unwrap();
    product.require = Demand::USUAL.into();
    let gates = [GateKind::Tests, GateKind::Findings].into();
    let stages = [("production".parse().unwrap(), gates)].into();
    content.template_gates.insert("rust-service@1".parse().unwrap(), stages);
    content
}

/// The same, but for what is named.
fn but(mut content: Organisation, what: &str) -> Organisation {
    match what {
        "sign-in" => content.sign_in_minutes = 61,
        "hours" => content.approval_hours = 25,
        "days" => content.approval_days = 8,
        "member" => {
            let group = content.groups.values_mut().next().unwrap();
            group.insert(person("dora"));
        }
        "approver" => _ = content.approvers.insert(person("dora")),
        "training" => _ = content.training.insert(person("carl"), Millis(2_000)),
        "product" => {
            let product = content.products.values_mut().next().unwrap();
            product.require.clear();
        }
        "template" => {
            let stages = content.template_gates.values_mut().next().unwrap();
            stages.values_mut().next().unwrap().remove(&GateKind::Findings);
        }
        "new-template" => {
            let stages = content.template_gates.values().next().unwrap().clone();
            let mut less = stages.clone();
            less.values_mut().next().unwrap().remove(&GateKind::Tests);
            content.template_gates.insert("rust-service@2".parse().unwrap(), less);
        }
        "empty-template" => {
            content.templates.insert("rust-service@2".parse().unwrap(), Digest::of(b"2"));
        }
        "same-template" => {
            let stages = content.template_gates.values().next().unwrap().clone();
            content.template_gates.insert("rust-service@2".parse().unwrap(), stages);
        }
        "registration" => content.open_registration = true,
        "owner" => {
            let product = content.products.values_mut().next().unwrap();
            product.owner = "others".parse().unwrap();
        }
        "customers" => _ = content.without_customers.insert("pilot".parse().unwrap()),
        "stricter" => content.approval_days = 6,
        other => panic!("nothing is called {other}"),
    }
    content
}

fn by_hand(world: &World, words: &[&str]) -> Command {
    let environment = |name: &str| -> EnvironmentName { name.parse().unwrap() };
    let service = || "pay".parse().unwrap();
    let reason = Digest::of(b"reason");
    let seen = |subject: Subject| {
        let request = world.state.requests.get(&subject);
        request.map_or_else(|| Digest::of(b"nothing"), |request| request.statement.clone())
    };
    match *words {
        ["approve", subject] => {
            let subject = subject.parse().unwrap();
            Command::Approve { subject, statement: seen(subject) }
        }
        ["approve", subject, "seeing", other] => {
            let statement = seen(other.parse().unwrap());
            Command::Approve { subject: subject.parse().unwrap(), statement }
        }
        ["approve", subject, "otherwise"] => {
            let statement = Digest::of(b"something else");
            Command::Approve { subject: subject.parse().unwrap(), statement }
        }
        ["refuse", subject] => {
            let subject = subject.parse().unwrap();
            Command::Refuse { subject, statement: seen(subject), reason: Some(reason) }
        }
        ["revoke", subject] => Command::Revoke { subject: subject.parse().unwrap(), reason },
        ["promote", release, ref place @ ..] => Command::Promote {
            release: release.parse().unwrap(),
            environment: place.first().map(|name| environment(name)),
            nonce: format!("p{}", world.state.size),
        },
        ["rollback", place] => {
            Command::Rollback { service: service(), environment: environment(place) }
        }
        ["hold"] => Command::Hold { deployment: world.rolling().unwrap() },
        ["resume"] => Command::Resume { deployment: world.rolling().unwrap() },
        ["freeze", place, from, until] => Command::Freeze {
            service: None,
            environment: Some(environment(place)),
            from: Millis(from.parse::<i64>().unwrap() * 1000),
            until: Millis(until.parse::<i64>().unwrap() * 1000),
            reason,
        },
        ["stop", scope] => Command::StopLine { scope: scope.parse().unwrap(), reason },
        ["unstop", stop] => Command::LiftStop { stop: stop.parse().unwrap(), reason },
        ["keep", scope] => {
            Command::Retain(Retain::PlaceHold { scope: scope.parse().unwrap(), reason })
        }
        ["unkeep", hold] => {
            Command::Retain(Retain::LiftHold { hold: hold.parse().unwrap(), reason })
        }
        ["dispose", "early", ref of @ ..] => {
            Command::Retain(Retain::ProposeDisposal { contents: digests(of), early: Some(reason) })
        }
        ["dispose", ref of @ ..] => {
            Command::Retain(Retain::ProposeDisposal { contents: digests(of), early: None })
        }
        ["agree", id] => match id.parse() {
            Ok(disposal) => Command::Retain(Retain::AgreeDisposal { disposal }),
            Err(_) => Command::Retain(Retain::AgreeErasure { erasure: id.parse().unwrap() }),
        },
        ["decline", id] => match id.parse() {
            Ok(disposal) => Command::Retain(Retain::RefuseDisposal { disposal }),
            Err(_) => Command::Retain(Retain::RefuseErasure { erasure: id.parse().unwrap() }),
        },
        ["erase", name] => Command::Retain(Retain::ProposeErasure { person: person(name), reason }),
        ["lift", freeze] => Command::Lift { freeze: freeze.parse().unwrap(), reason },
        ["identify", name] => Command::Identify { unknown: person(name), person: None },
        ["identify", name, "as", other] => {
            Command::Identify { unknown: person(name), person: Some(person(other)) }
        }
        ["cancel", run] => Command::Cancel { run: run.parse().unwrap() },
        ["unbar", release] => Command::Unbar { release: release.parse().unwrap() },
        ["close", incident] => Command::Close { incident: incident.parse().unwrap() },
        ["except", "freeze", id, until] => {
            asked(world, ExceptionKind::Freeze { deployment: id.parse().unwrap() }, until)
        }
        ["except", "emergency", id, until] => {
            let (deployment, incident) = (id.parse().unwrap(), None);
            asked(world, ExceptionKind::Emergency { deployment, incident }, until)
        }
        ["except", "waiver", rule, until] => {
            asked(world, ExceptionKind::Waiver { service: service(), rule: rule.to_owned() }, until)
        }
        ["except", "findings", names, until] => {
            let findings = names.split(',').map(finding).collect();
            asked(world, ExceptionKind::Findings { service: service(), findings }, until)
        }
        ["except", "log-trust", until] => {
            let found = world.state.distrusted.as_ref().map_or(0, |distrust| distrust.position);
            asked(world, ExceptionKind::LogTrust { found }, until)
        }
        ["except", "standard", path, failures, until] => {
            let model = Model {
                service: service(),
                paths: [path.to_owned()].into(),
                files: 3,
                lines: 50,
                failures: failures.parse().unwrap(),
                owner: None,
                function: None,
                max_risk: None,
                required_evidence: Default::default(),
            };
            asked(world, ExceptionKind::Standard { model }, until)
        }
        ["grant", id] => Command::GrantException { exception: id.parse().unwrap() },
        ["end", id] => Command::EndException { exception: id.parse().unwrap() },
        ["review", id] => {
            Command::ReviewException { exception: id.parse().unwrap(), findings: reason }
        }
        ["delegate", to, until] => Command::Delegate { to: person(to), until: seconds(until) },
        ["classify", id, ref words @ ..] => {
            let reason = words.contains(&"with-reason").then_some(reason);
            let (incident, stated) = (id.parse().unwrap(), stated(words));
            Command::Reporting(Reporting::Classify { incident, stated, reason })
        }
        ["notified", id, report, ref at @ ..] => Command::Reporting(Reporting::Notify {
            incident: id.parse().unwrap(),
            report: Report::named(report).unwrap(),
            sent: at.first().map(|at| seconds(at)),
            reference: Digest::of(b"reference"),
        }),
        ["look-back", id] => {
            let incident = id.parse().unwrap();
            Command::Reporting(Reporting::Review { incident, findings: reason })
        }
        ["report"] => Command::Report {
            service: service(),
            environment: environment("production"),
            by: Reporter::Person,
            summary: reason,
        },
        ["alert", name, "fires"] => {
            let by = Reporter::Alert { fingerprint: Digest::of(name.as_bytes()) };
            let environment = environment("production");
            Command::Report { service: service(), environment, by, summary: reason }
        }
        ["alert", name, "ends"] => Command::Resolved { fingerprint: Digest::of(name.as_bytes()) },
        ["link", incident, deployment] => Command::Link {
            incident: incident.parse().unwrap(),
            deployment: deployment.parse().unwrap(),
        },
        ["confirm", "clock"] => Command::ClockReturned { confirmed: true },
        ref other => panic!("no command {other:?}"),
    }
}

fn seconds(text: &str) -> Millis {
    Millis(text.parse::<i64>().unwrap() * 1000)
}

fn asked(_world: &World, what: ExceptionKind, until: &str) -> Command {
    let terms = match what.is_waiver() {
        true => exception::Terms::instead(Digest::of(b"instead")),
        false => exception::Terms::default(),
    };
    Command::AskException { what, reason: Digest::of(b"reason"), until: seconds(until), terms }
}

fn outcome_of(word: &str) -> (StepOutcome, Option<TestCounts>) {
    let counts = |passed, failed| Some(TestCounts { passed, failed, skipped: 0 });
    match word {
        "passed" => (StepOutcome::Succeeded, counts(12, 0)),
        "flawed" => (StepOutcome::Succeeded, counts(11, 1)),
        "untested" => (StepOutcome::Succeeded, None),
        "failed" => (StepOutcome::Failed { code: 1 }, None),
        "errored" => (StepOutcome::Errored { why: None }, None),
        "late" => (StepOutcome::TimedOut, None),
        "cancelled" => (StepOutcome::Cancelled, None),
        other => panic!("no outcome {other}"),
    }
}

/// Builds, packs and readies all that can be, until customers' traffic or a person decides.
pub fn go(world: &mut World) {
    go_until(world, None);
}

/// The same, until this step may be claimed.
fn go_until(world: &mut World, step: Option<&str>) {
    let tell = |world: &mut World, command| {
        world.tell(command, &Actor::System).unwrap();
    };
    for _ in 0..100 {
        if step.is_some_and(|step| world.claimable(Some(step)).is_some()) {
            return;
        } else if let Some(key) = world.claimable(None) {
            tell(world, Command::Claim(key.clone()));
            let tests = TestCounts { passed: 12, failed: 0, skipped: 0 };
            tell(world, finish(key, StepOutcome::Succeeded, Some(tests)));
        } else if let Some(run) = world.state.to_pack().first() {
            tell(world, packed(*run));
        } else if let Some(deployment) = baking(world) {
            tell(world, Command::Ready { deployment });
        } else if let Some(deployment) = first_judged(world) {
            tell(world, world.observation(deployment, Verdict::Favourable));
        } else {
            return;
        }
    }
    panic!("it goes on and on");
}

fn baking(world: &World) -> Option<sluss_core::ids::DeploymentId> {
    let baking = |phase: &DeploymentPhase| match phase {
        DeploymentPhase::RollingOut(rollout) => {
            matches!(rollout.phase, sluss_core::rollout::Phase::Baking { .. })
        }
        _ => false,
    };
    world.state.deployments.iter().find(|(_, d)| baking(&d.phase)).map(|(id, _)| *id)
}

/// The first release of a place that is being judged by its objectives.
fn first_judged(world: &World) -> Option<sluss_core::ids::DeploymentId> {
    let first = |phase: &DeploymentPhase| match phase {
        DeploymentPhase::RollingOut(rollout) => {
            rollout.incumbent.is_none()
                && matches!(rollout.phase, sluss_core::rollout::Phase::Judging { .. })
        }
        _ => false,
    };
    world.state.deployments.iter().find(|(_, d)| first(&d.phase)).map(|(id, _)| *id)
}

/// What happened, in a line: the event's type, and its data as far as people tell them apart.
/// The digests of contents, each named by its text.
fn digests(of: &[&str]) -> BTreeSet<Digest> {
    of.iter().map(|text| Digest::of(text.as_bytes())).collect()
}

fn sentence(event: &Event) -> String {
    let (kind, data) = event.to_parts();
    let data: Value = serde_json::from_str(data.get()).unwrap();
    let mut told = kind;
    for (name, value) in data.as_object().unwrap() {
        let untold = [
            "nonce",
            "statement",
            "commit",
            "artifacts",
            "configuration",
            "organisation",
            "customers",
            "valid_until",
            "basis",
        ];
        if untold.contains(&name.as_str()) || value.is_null() {
            continue;
        }
        write!(told, " {}", worded(name, value)).unwrap();
    }
    told
}

fn worded(name: &str, value: &Value) -> String {
    match (name, value) {
        ("push", push) => format!(
            "{} {}",
            push["branch"].as_str().unwrap(),
            push["contributors"]
                .as_array()
                .unwrap()
                .iter()
                .map(named)
                .collect::<Vec<_>>()
                .join("+")
        ),
        ("contributors", Value::Array(people)) => {
            people.iter().map(named).collect::<Vec<_>>().join("+")
        }
        ("share", share) => format!("{} %", share.as_u64().unwrap() / 100),
        ("reading", reading) => reading["verdict"]["verdict"].as_str().unwrap().to_owned(),
        ("observation", observation) => format!("second {}", observation["second"]),
        ("isolation", _) => "isolated".to_owned(),
        ("owner", owner) => owner.as_object().unwrap().values().map(named).collect(),
        (_, Value::String(_)) => named(value),
        (name, Value::Object(_)) => format!("{name}={}", value.to_string().replace('"', "")),
        (name, value) => format!("{name}={value}"),
    }
}

fn named(value: &Value) -> String {
    let text = value.as_str().unwrap();
    let known = PEOPLE.into_iter().find(|name| person(name).as_str() == text);
    known.map_or_else(|| text.chars().take(20).collect(), str::to_owned)
}

/// Reads what a step measured: `r1 checkout=4.5%:undecided`, or `none checkout`.
fn measurements(against: &str, changes: &[&str]) -> Measured {
    let against: Option<u64> = against.strip_prefix('r').map(|number| number.parse().unwrap());
    let metric = |change: &&str| {
        let (name, said) = change.split_once('=').unwrap_or((change, ""));
        let beside = said.split_once("%:").map(|(percent, pace)| Beside {
            pairs: NonZeroU16::new(12).unwrap(),
            more_ppm: percent.parse::<i64>().unwrap() * 10_000,
            pace: match pace {
                "slower" => Pace::Slower,
                "within" => Pace::Within,
                _ => Pace::Undecided,
            },
        });
        Metric { name: name.parse().unwrap(), unit: "ms/op".parse().unwrap(), micros: 9, beside }
    };
    Measured {
        report: Digest::of(b"measurements"),
        against: against.map(ReleaseId),
        tolerance_ppm: 100_000,
        metrics: changes.iter().map(metric).collect(),
    }
}
