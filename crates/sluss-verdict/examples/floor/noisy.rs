//! Rollouts whose instances fail by themselves, one at a time: harmless ones of uneven load, and
//! what it costs to find a bad one among them.

use sluss_verdict::bound::least_requests;
use sluss_verdict::{Metric, MetricPlan, Plan};

use super::scenes::{ALPHA, Scene, TROUBLED, fine, quarters};
use super::world::{Course, PLAIN, Trouble, World};

fn errors() -> Plan {
    Plan { metrics: vec![MetricPlan::of(Metric::Error)], ..Plan::of_errors() }
}

fn noisy(name: &'static str, instances: [usize; 2]) -> World {
    World { name, instances, trouble: Trouble::Noisy, ..PLAIN }
}

/// Harmless releases: at most alpha of them may be taken back, or two in a hundred if noisy.
pub fn harmless() -> Vec<Scene> {
    let by_quarters = |world: World| World { rows: 4, ..world };
    vec![
        fine(World { name: "calm instances, 3 + 3", instances: [3, 3], ..PLAIN }, errors(), ALPHA),
        fine(noisy("noisy instances, 9 + 1", [9, 1]), errors(), TROUBLED),
        fine(noisy("noisy instances, 3 + 3 at 10 %", [3, 3]), errors(), TROUBLED),
        fine(noisy("noisy instances, 1 + 1 at 10 %", [1, 1]), errors(), TROUBLED),
        fine(noisy("noisy instances, 2 + 2 at 10 %", [2, 2]), errors(), TROUBLED),
        fine(noisy("noisy instances, 10 + 10 at 10 %", [10, 10]), errors(), TROUBLED),
        fine(
            World { requests: |_| 70.0, ..noisy("noisy instances, 3 + 3, 70 a second", [3, 3]) },
            errors(),
            TROUBLED,
        ),
        fine(
            World { requests: |_| 10.0, ..noisy("noisy instances, 3 + 3, 10 a second", [3, 3]) },
            errors(),
            TROUBLED,
        ),
        fine(
            World { share: |_| 0.05, ..noisy("noisy instances, 3 + 3 at 5 %", [3, 3]) },
            errors(),
            TROUBLED,
        ),
        fine(by_quarters(noisy("noisy instances, 3 + 3, quarters", [3, 3])), quarters(), TROUBLED),
        fine(by_quarters(noisy("noisy instances, 1 + 1, quarters", [1, 1])), quarters(), TROUBLED),
        fine(
            World { by_instance: false, ..noisy("noisy instances, 3 + 3, in sum", [3, 3]) },
            errors(),
            "-",
        ),
    ]
}

/// Bad releases among noisy and among calm instances.
pub fn bad() -> Vec<Scene> {
    let scene = |world: World, candidate: Course| {
        let bound = Some(least_requests(0.01, 0.1, candidate(0), 0.005) / 200.0);
        let world = World { candidate, seconds: 1_800, ..world };
        Scene { world, plan: errors(), onset: 0, bound, asked: "-" }
    };
    let calm = |name, instances| World { name, instances, ..PLAIN };
    vec![
        scene(calm("0.5 to 5 %, calm, 3 + 3", [3, 3]), |_| 0.05),
        scene(noisy("0.5 to 5 %, noisy, 3 + 3", [3, 3]), |_| 0.05),
        scene(noisy("0.5 to 5 %, noisy, 1 + 1", [1, 1]), |_| 0.05),
        scene(calm("0.5 to 20 %, calm, 3 + 3", [3, 3]), |_| 0.2),
        scene(noisy("0.5 to 20 %, noisy, 3 + 3", [3, 3]), |_| 0.2),
        scene(noisy("0.5 to 20 %, noisy, 1 + 1", [1, 1]), |_| 0.2),
        scene(calm("0.5 to 1.5 %, calm, 3 + 3", [3, 3]), |_| 0.015),
        scene(noisy("0.5 to 1.5 %, noisy, 3 + 3", [3, 3]), |_| 0.015),
    ]
}
