//! What the target says of a route, in sentences: what it refused, what holds its processes.

use std::collections::BTreeSet;

use sluss_core::target::{InstanceStatus, LimitsBy, RouteStatus, RunsAs};

use super::html;

/// Returns what a person should know of a route beyond which release is live.
pub(super) fn of(route: &RouteStatus) -> Vec<String> {
    let mut said: Vec<String> = route.problem.iter().cloned().collect();
    if route.unserved > 0 {
        let count = html::number(route.unserved);
        said.push(format!("{count} requests were not served: no instance was ready."));
    }
    if route.shed > 0 {
        let count = html::number(route.shed);
        said.push(format!("{count} requests were shed: too many were in flight."));
    }
    if route.sticky {
        let what = "Callers stay with their release, so a verdict does not claim its alpha.";
        said.push(what.to_owned());
    }
    let instances = || route.arms.iter().flat_map(|arm| &arm.instances);
    let confined: BTreeSet<String> = instances().filter_map(confinement).collect();
    said.extend(confined);
    said.extend(instances().filter_map(|instance| instance.moved.clone()));
    said
}

fn confinement(instance: &InstanceStatus) -> Option<String> {
    let user = match &instance.confinement.user {
        RunsAs::Own { uid } => format!("Runs as a user of its own ({uid})"),
        RunsAs::Shared { why } => format!("Runs as Sluss's own user ({why})"),
        RunsAs::Unsaid => return None,
    };
    let limits = match &instance.confinement.limits {
        LimitsBy::ControlGroup => "in a control group".to_owned(),
        LimitsBy::Process { why } => format!("limited by process alone ({why})"),
        LimitsBy::Unsaid => return Some(format!("{user}.")),
    };
    Some(format!("{user}, {limits}."))
}

#[cfg(test)]
mod tests {
    use sluss_core::target::{ArmStatus, Confinement, InstanceState, RouteKey};
    use sluss_core::units::{Millis, Share};

    use super::*;

    #[test]
    fn what_holds_a_process_is_said_once_and_what_was_refused_with_its_reason() {
        let instance = |index| InstanceStatus {
            index,
            pid: 7,
            port: 9_000,
            state: InstanceState::Ready,
            since: Millis(0),
            confinement: Confinement {
                user: RunsAs::Own { uid: 60_001 },
                limits: LimitsBy::Process { why: "there is no cgroup here".to_owned() },
            },
            moved: (index == 1).then(|| "port 9001 was taken".to_owned()),
            digest: None,
        };
        let arm = ArmStatus {
            release: sluss_core::ids::ReleaseId(1),
            share: Share::ALL,
            effective: Share::ALL,
            instances: vec![instance(0), instance(1)],
            recent_exits: 0,
            failed_starts: 0,
        };
        let route = RouteStatus {
            key: RouteKey {
                service: "pay".parse().unwrap(),
                environment: "production".parse().unwrap(),
            },
            generation: 1,
            port: Some(8_080),
            arms: vec![arm],
            problem: None,
            unserved: 3,
            shed: 12_345,
            sticky: true,
        };
        let said = of(&route).join(" | ");
        assert_eq!(said.matches("60001").count(), 1, "{said}");
        for part in ["3 requests were not served", "shed", "does not claim", "9001 was taken"] {
            assert!(said.contains(part), "{said}");
        }
    }
}
