//! Rollouts as a service is judged live that reports all figures: errors, latency, exceptions and
//! conversions at once, with the settings that the engine gives.

use sluss_verdict::{BlockLength, Capital, Metric, MetricPlan, Plan};

use super::scenes::{ALPHA, Scene, TROUBLED, fine};
use super::world::{Course, Latency, PLAIN, Trouble, World};

/// Returns the plan of a live rollout: errors have four parts of alpha, the others one each.
fn plan(rows: usize) -> Plan {
    let metrics = vec![
        MetricPlan { weight: 4, ..MetricPlan::errors_within(10_000) },
        MetricPlan::latency_within(30_000),
        MetricPlan::of(Metric::Exceptions),
        MetricPlan::of(Metric::Conversion),
    ];
    let seconds = Plan {
        metrics,
        capital: Capital::WhereItMatters,
        ignored_latency_permille: 3_000,
        ..Plan::of_errors()
    };
    match rows {
        1 => seconds,
        _ => Plan { row_ms: 250, block: BlockLength::Fixed(500), block_requests: 30, ..seconds },
    }
}

/// Harmless releases: at most alpha of them may be taken back.
pub fn harmless() -> Vec<Scene> {
    let scenes = [1, 4].into_iter().flat_map(|rows| {
        let scene = move |(world, asked): (World, _)| {
            // Ten minutes of quarters cost as much time as half an hour of seconds.
            let seconds = if rows == 4 { 600 } else { world.seconds };
            fine(World { rows, seconds, ..world }, plan(rows), asked)
        };
        worlds(rows == 4).into_iter().map(scene)
    });
    scenes.collect()
}

fn worlds(quarters: bool) -> Vec<(World, &'static str)> {
    let slow_ramp: Course = |t| [0.01, 0.05, 0.25, 0.5][(t / 450).clamp(0, 3) as usize];
    let quick_ramp: Course = |t| [0.01, 0.05, 0.25, 0.5][(t / 150).clamp(0, 3) as usize];
    let name = |[seconds, fourths]: [&'static str; 2]| if quarters { fourths } else { seconds };
    let world = |names| World {
        name: name(names),
        latency: Some(Latency { shift: 1.0, tail: 0.0 }),
        exceptions: Some([|_| 0.004; 2]),
        conversions: Some([|_| 0.3; 2]),
        is_linked: true,
        ..PLAIN
    };
    let rare = |_| 0.02;
    let worlds = [
        world(["live, plain", "live in quarters, plain"]),
        drifting(world(["live, drift of all", "live in quarters, drift of all"])),
        struck(world(["live, shared incident", "live in quarters, shared incident"])),
        World {
            requests: |_| 5.0,
            incumbent: rare,
            candidate: rare,
            ..world(["live, 5 requests a second", "live in quarters, 5 requests a second"])
        },
        World {
            share: if quarters { quick_ramp } else { slow_ramp },
            ..world(["live, shares 1, 5, 25, 50 %", "live in quarters, shares 1, 5, 25, 50 %"])
        },
        World {
            misrouted: 1.4,
            ..world(["live, real share 14 %", "live in quarters, real share 14 %"])
        },
        World {
            at_once: 3,
            ..world(["live, three requests at once", "live in quarters, three at once"])
        },
    ];
    let noisy = World {
        trouble: Trouble::Noisy,
        instances: [9, 1],
        ..world(["live, noisy, 9 + 1", "live in quarters, noisy, 9 + 1"])
    };
    worlds.map(|world| (world, ALPHA)).into_iter().chain([(noisy, TROUBLED)]).collect()
}

/// All rates swing, and traffic with them.
fn drifting(world: World) -> World {
    let drift = |t: i64| 0.005 * (1.0 + 0.9 * (t as f64 / 120.0).sin());
    let moods = |t: i64| 0.3 + 0.2 * (t as f64 / 90.0).sin();
    World {
        incumbent: drift,
        candidate: drift,
        requests: |t| 150.0 + 140.0 * (t as f64 / 300.0).sin(),
        exceptions: Some([drift; 2]),
        conversions: Some([moods; 2]),
        ..world
    }
}

/// An incident hits both releases for a minute, and customers stay away for two.
fn struck(world: World) -> World {
    let incident = |t| if (300..360).contains(&t) { 0.25 } else { 0.005 };
    let thrown = |t| if (300..360).contains(&t) { 0.4 } else { 0.004 };
    let abandoned = |t| if (300..420).contains(&t) { 0.1 } else { 0.3 };
    World {
        incumbent: incident,
        candidate: incident,
        exceptions: Some([thrown; 2]),
        conversions: Some([abandoned; 2]),
        ..world
    }
}
