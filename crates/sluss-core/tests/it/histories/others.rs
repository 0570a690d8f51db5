//! Moves of the random histories about incidents, about what people looked at and accepted, and
//! about what witnesses, clocks and time alone say of the log.

use std::collections::BTreeSet;

use sluss_core::decide::{Assure, Command, Reporting, Stated};
use sluss_core::exception::{ExceptionKind, Model};
use sluss_core::ids::{Digest, IncidentId, ReleaseId};
use sluss_core::incident::Reporter;
use sluss_core::incident::clocks::Report;
use sluss_core::incident::criteria::Criteria;
use sluss_core::pipeline::GateKind;
use sluss_core::silence::{ClockSource, TimeSource};

use super::{What, key};
use crate::world::{PEOPLE, World, person};

/// What people say of incidents, of who may what, and of tests; and what is seen of the log.
pub(super) fn of_others(world: &World, what: What, a: u8, b: u8) -> Option<Command> {
    let state = &world.state;
    let near = |newest: u64| newest.saturating_sub(u64::from(a % 3)).max(1);
    let reason = Digest::of(&[b"said", &[b][..]].concat());
    let fingerprint = Digest::of(&[b"alert", &[b % 3][..]].concat());
    let open = state.incidents.iter().rev().find(|(_, one)| one.closed.is_none());
    let incident = open.map(|(id, _)| *id).filter(|_| !a.is_multiple_of(4));
    let incident = incident.unwrap_or(IncidentId(near(state.next_incident().0 - 1)));
    Some(match what {
        What::Report => {
            let by = match a.is_multiple_of(2) {
                true => Reporter::Person,
                false => Reporter::Alert { fingerprint },
            };
            let route = key(b);
            let (service, environment) = (route.service, route.environment);
            Command::Report { service, environment, by, summary: reason }
        }
        What::Resolve => Command::Resolved { fingerprint },
        What::Link => {
            let deployment = *state.deployments.keys().rev().nth(usize::from(b % 4))?;
            Command::Link { incident, deployment }
        }
        What::Classify => {
            let criteria = Criteria {
                critical: Some(b % 4 != 3),
                clients: Some(200_000),
                data_loss: (b % 8 != 5).then_some(b.is_multiple_of(2)),
                ..Criteria::default()
            };
            let cause = b.is_multiple_of(4).then(|| "certificate".parse().unwrap());
            let (nothing_else, recurring) = (a % 8 != 3, cause.is_some() && a.is_multiple_of(2));
            let stated = Stated { criteria, nothing_else, cause, recurring, ..Stated::default() };
            let reason = b.is_multiple_of(2).then_some(reason);
            Command::Reporting(Reporting::Classify { incident, stated, reason })
        }
        What::Notify => {
            let reports = [Report::Initial, Report::Intermediate, Report::Final];
            let report = reports[usize::from(b) % 3];
            let sent = (a % 8 == 5).then(|| world.now.plus(-i64::from(b) * 1_000));
            Command::Reporting(Reporting::Notify { incident, report, sent, reference: reason })
        }
        What::ReviewAccess => Command::Assure(Assure::ReviewAccess { findings: reason }),
        What::AcceptTests => {
            let flawed = state.releases.iter().rev().find(|(_, of)| {
                let tests = state.runs.get(&of.run).and_then(|run| run.steps.tests());
                tests.is_none_or(|tests| tests.failed > 0)
            });
            let flawed = flawed.map(|(id, _)| *id).filter(|_| !b.is_multiple_of(8));
            let release = flawed.unwrap_or(ReleaseId(near(state.next_release().0 - 1)));
            Command::Assure(Assure::AcceptTests { release, reason })
        }
        What::AgeFindings => Command::AgeFindings,
        What::Heartbeat => {
            let clock = ClockSource { time_source: TimeSource::Unknown, offset_ms: None };
            Command::Heartbeat { clock }
        }
        What::Distrust => {
            let size = state.size;
            Command::Distrust { witness: "audit".to_owned(), seen: size + u64::from(b % 3), size }
        }
        What::Trust => {
            let found = state.distrusted.as_ref().map_or(1, |known| known.position);
            let until = world.now.plus(3_600_000);
            Command::AskException { what: ExceptionKind::LogTrust { found }, reason, until }
        }
        _of_others => return None,
    })
}

/// A standard change, bounded in one way or another.
pub(super) fn model(b: u8) -> Model {
    let required = if b % 5 == 3 { vec![GateKind::Tests] } else { vec![] };
    Model {
        service: "pay".parse().unwrap(),
        paths: [["docs/", "*.rs", "sluss.yaml"][usize::from(b) % 3].to_owned()].into(),
        files: 2,
        lines: 5,
        failures: 1 + u32::from(b % 2),
        owner: (b % 5 == 1).then(|| person(PEOPLE[usize::from(b) % PEOPLE.len()])),
        function: (b % 5 == 2).then(|| "security".parse().unwrap()),
        max_risk: (b % 5 == 4).then_some(b),
        required_evidence: BTreeSet::from_iter(required),
    }
}
