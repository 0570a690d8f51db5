//! The rollouts that are simulated: harmless ones, bad ones, and what is asked of each.

use sluss_verdict::bound::{least_requests, least_requests_of_counts};
use sluss_verdict::{BlockLength, Capital, Metric, MetricPlan, Mode, Plan};

use super::world::{Course, Latency, PLAIN, Retries, Trouble, World};

/// A rollout, how it is judged, and what is asked of that.
pub struct Scene {
    pub world: World,
    pub plan: Plan,
    /// The second at which the regression begins.
    pub onset: i64,
    /// The information bound, in seconds from there.
    pub bound: Option<f64>,
    /// What is asked, in words.
    pub asked: &'static str,
}

fn by(metric: Metric) -> Plan {
    Plan { metrics: vec![MetricPlan::of(metric)], ..Plan::of_errors() }
}

/// Harmless releases: at most alpha of them may be taken back.
pub fn harmless() -> Vec<Scene> {
    let mut scenes = harmless_by_errors();
    scenes.extend(retrying());
    scenes.extend(troubled());
    scenes.extend(by_several());
    scenes.extend(harmless_by_quarters());
    scenes
}

/// Rows of a quarter of a second and blocks of half a one, as where a service names its units;
/// errors have four fifths of alpha and latency the rest, and capital is where it matters, as live.
pub fn quarters() -> Plan {
    let errors = MetricPlan { weight: 4, ..MetricPlan::errors_within(10_000) };
    let (metrics, block) = (vec![errors, MetricPlan::of(Metric::Latency)], BlockLength::Fixed(500));
    let (block_requests, capital) = (30, Capital::WhereItMatters);
    Plan { row_ms: 250, block, block_requests, metrics, capital, ..Plan::of_errors() }
}

/// Harmless releases that are looked at four times a second, by errors and latency.
fn harmless_by_quarters() -> Vec<Scene> {
    let answers = Some(Latency { shift: 1.0, tail: 0.0 });
    let world = |name| World { name, rows: 4, latency: answers, ..PLAIN };
    let noisy = |name, instances| World { instances, trouble: Trouble::Noisy, ..world(name) };
    let incident = |t| if (300..360).contains(&t) { 0.25 } else { 0.005 };
    let ramp = |t: i64| [0.01, 0.05, 0.25, 0.5][(t / 450).clamp(0, 3) as usize];
    let worlds = [
        (world("quarters, plain"), ALPHA),
        (World { requests: |_| 70.0, ..world("quarters, 70 requests a second") }, ALPHA),
        (World { requests: |_| 5.0, ..world("quarters, 5 requests a second") }, ALPHA),
        (World { incumbent: incident, candidate: incident, ..world("quarters, incident") }, ALPHA),
        (World { share: ramp, ..world("quarters, shares 1, 5, 25, 50 %") }, ALPHA),
        (World { misrouted: 1.4, ..world("quarters, real share 14 %") }, ALPHA),
        (World { retries: Retries::AtOnce, ..world("quarters, retries within a second") }, "-"),
        (noisy("quarters, noisy instances, 9 + 1", [9, 1]), TROUBLED),
    ];
    worlds.into_iter().map(|(world, asked)| fine(world, quarters(), asked)).collect()
}

pub const ALPHA: &str = "<= 1 %";
pub const TROUBLED: &str = "<= 2 %";

/// A release that is no worse than the incumbent.
pub fn fine(world: World, plan: Plan, asked: &'static str) -> Scene {
    Scene { world, plan, onset: 0, bound: None, asked }
}

fn harmless_by_errors() -> Vec<Scene> {
    let incident = |t| if (300..360).contains(&t) { 0.25 } else { 0.005 };
    let drift = |t: i64| 0.005 * (1.0 + 0.9 * (t as f64 / 120.0).sin());
    let ramp = |t: i64| [0.01, 0.05, 0.25, 0.5][(t / 450).clamp(0, 3) as usize];
    let tides = |t: i64| 150.0 + 140.0 * (t as f64 / 300.0).sin();
    let worlds = [
        PLAIN,
        World {
            name: "drift of errors and traffic",
            incumbent: drift,
            candidate: drift,
            requests: tides,
            ..PLAIN
        },
        World { name: "shared incident", incumbent: incident, candidate: incident, ..PLAIN },
        World {
            name: "5 requests a second",
            requests: |_| 5.0,
            incumbent: |_| 0.02,
            candidate: |_| 0.02,
            ..PLAIN
        },
        World { name: "shares 1, 5, 25, 50 %", share: ramp, ..PLAIN },
        World { name: "real share 14 instead of 10 %", misrouted: 1.4, ..PLAIN },
        World { name: "retries within a second", retries: Retries::AtOnce, ..PLAIN },
    ];
    worlds.map(|world| fine(world, by(Metric::Error), ALPHA)).into()
}

/// Callers that retry for seconds, at blocks of several lengths.
fn retrying() -> Vec<Scene> {
    let over8 = |name| World { name, retries: Retries::Over8Seconds, ..PLAIN };
    let blocks = |block| Plan { block, ..by(Metric::Error) };
    vec![
        fine(over8("retries over 8 s, 1 s blocks"), by(Metric::Error), "(89 %)"),
        fine(over8("retries over 8 s, 10 s blocks"), blocks(BlockLength::Fixed(10_000)), "(2.2 %)"),
        fine(over8("retries over 8 s, chosen blocks"), blocks(BlockLength::Chosen), ALPHA),
        fine(
            World { requests: |_| 5.0, ..over8("retries over 8 s, 1 s blocks, 5 a second") },
            by(Metric::Error),
            "-",
        ),
        fine(World { name: "plain, chosen blocks", ..PLAIN }, blocks(BlockLength::Chosen), ALPHA),
    ]
}

/// Instances that are in trouble by themselves, the candidate's as often as the incumbent's.
fn troubled() -> Vec<Scene> {
    let stalls = |name, instances| World {
        name,
        trouble: Trouble::Stalling,
        latency: Some(Latency { shift: 1.0, tail: 0.0 }),
        instances,
        ..PLAIN
    };
    let of_17 = stalls("stalling instances, 17 + 3, latency", [17, 3]);
    let in_sum = stalls("stalling instances, 3 + 3 at 10 %, in sum", [3, 3]);
    let latency = || by(Metric::Latency);
    vec![
        fine(stalls("stalling instances, 9 + 1, latency", [9, 1]), latency(), TROUBLED),
        fine(World { share: |_| 0.15, ..of_17 }, latency(), TROUBLED),
        fine(stalls("stalling instances, 1 + 1 at 10 %", [1, 1]), latency(), TROUBLED),
        fine(stalls("stalling instances, 3 + 3 at 10 %", [3, 3]), latency(), TROUBLED),
        fine(World { by_instance: false, ..in_sum }, latency(), "-"),
    ]
}

fn by_several() -> Vec<Scene> {
    let all = [Metric::Error, Metric::Latency, Metric::Exceptions, Metric::Conversion];
    let metrics = all.map(MetricPlan::of).to_vec();
    let everything = |name| World {
        name,
        latency: Some(Latency { shift: 1.0, tail: 0.0 }),
        exceptions: Some([|_| 0.004; 2]),
        conversions: Some([|_| 0.3; 2]),
        ..PLAIN
    };
    vec![
        fine(everything("four metrics"), Plan { metrics, ..Plan::of_errors() }, ALPHA),
        fine(everything("errors and latency, the default"), Plan::default(), ALPHA),
        fine(
            World { name: "fast mode, independent", ..PLAIN },
            Plan { mode: Mode::Fast, ..by(Metric::Error) },
            ALPHA,
        ),
    ]
}

/// Bad releases: how soon they are found.
pub fn bad() -> Vec<Scene> {
    let at5 = World { share: |_| 0.05, seconds: 900, ..PLAIN };
    let mut scenes = errors(&at5);
    let slow = |shift, tail| Some(Latency { shift, tail });
    let latency = |name, world: World, asked| Scene {
        world: World { name, ..world },
        plan: by(Metric::Latency),
        onset: 0,
        bound: None,
        asked,
    };
    let ten = World { seconds: 900, ..PLAIN };
    scenes.extend([
        latency(
            "3 % of requests 8 times slower",
            World { latency: slow(1.0, 0.03), ..ten.clone() },
            "p50 <= 24",
        ),
        latency("latency doubled", World { latency: slow(2.0, 0.0), ..ten.clone() }, "p50 <= 15"),
        latency(
            "latency doubled, stalls, 17 + 3",
            World {
                latency: slow(2.0, 0.0),
                instances: [17, 3],
                share: |_| 0.15,
                trouble: Trouble::Stalling,
                ..ten.clone()
            },
            "p50 <= 9",
        ),
        latency(
            "latency doubled, stalls, 3 + 3 at 10 %",
            World {
                latency: slow(2.0, 0.0),
                instances: [3, 3],
                trouble: Trouble::Stalling,
                ..ten.clone()
            },
            "-",
        ),
    ]);
    scenes.extend(by_quarters());
    scenes.push(Scene {
        world: World {
            name: "exceptions fourfold",
            exceptions: Some([|_| 0.004, |_| 0.016]),
            ..ten.clone()
        },
        plan: by(Metric::Exceptions),
        onset: 0,
        bound: Some(least_requests_of_counts(0.01, 0.1, 0.016, 0.004) / 200.0),
        asked: "p50 <= 60",
    });
    scenes.push(Scene {
        world: World {
            name: "conversion 30 to 24 %",
            seconds: 3_600,
            requests: |_| 20.0,
            share: |_| 0.2,
            conversions: Some([|_| 0.30, |_| 0.24]),
            ..ten
        },
        plan: by(Metric::Conversion),
        onset: 0,
        bound: Some(least_requests(0.01, 0.2, 0.76, 0.70) / 20.0),
        asked: "<= 1.5 bounds",
    });
    scenes
}

fn errors(at5: &World) -> Vec<Scene> {
    let bound = |share, candidate, incumbent, requests: f64| {
        Some(least_requests(0.01, share, candidate, incumbent) / requests)
    };
    let late = |t| if t < 600 { 0.005 } else { 0.05 };
    let scene = |world: World, bound, asked| Scene {
        onset: 0,
        world,
        plan: by(Metric::Error),
        bound,
        asked,
    };
    let mut late = scene(
        World { name: "0.5 to 5 %, from 600 s on", seconds: 1_500, candidate: late, ..at5.clone() },
        bound(0.05, 0.05, 0.005, 200.0),
        "p50 <= 30",
    );
    late.onset = 600;
    let clear = World { name: "0.5 to 5 %", candidate: |_| 0.05, ..at5.clone() };
    vec![
        scene(
            World { name: "0.1 to 20 %", incumbent: |_| 0.001, candidate: |_| 0.2, ..at5.clone() },
            bound(0.05, 0.2, 0.001, 200.0),
            "p50 <= 3, p95 <= 6, <= 8 failed",
        ),
        scene(clear.clone(), bound(0.05, 0.05, 0.005, 200.0), "p50 <= 15, p95 <= 35, <= 8 failed"),
        otherwise(
            World { name: "0.5 to 5 %, fast mode", ..clear.clone() },
            Plan { mode: Mode::Fast, ..by(Metric::Error) },
        ),
        otherwise(
            World { name: "0.5 to 5 %, chosen blocks", ..clear.clone() },
            Plan { block: BlockLength::Chosen, ..by(Metric::Error) },
        ),
        otherwise(
            World { name: "0.5 to 5 %, alpha 0.1 %", ..clear },
            Plan { alpha_ppm: 1_000, ..by(Metric::Error) },
        ),
        scene(
            World { name: "0.5 to 1.5 %", candidate: |_| 0.015, seconds: 1_800, ..at5.clone() },
            bound(0.05, 0.015, 0.005, 200.0),
            "p50 <= 130",
        ),
        late,
        scene(
            World {
                name: "1 to 20 %, 5 requests a second",
                requests: |_| 5.0,
                share: |_| 0.1,
                incumbent: |_| 0.01,
                candidate: |_| 0.2,
                seconds: 3_600,
                ..at5.clone()
            },
            bound(0.1, 0.2, 0.01, 5.0),
            "<= 5 failed",
        ),
    ]
}

/// A rise from 0.5 to 5 % at 5 %, judged by another plan.
fn otherwise(world: World, plan: Plan) -> Scene {
    let alpha = f64::from(plan.alpha_ppm) / 1e6;
    let bound = Some(least_requests(alpha, 0.05, 0.05, 0.005) / 200.0);
    Scene { world, plan, onset: 0, bound, asked: "-" }
}

/// What begins with the first share at 10 % of 70 requests a second, by errors and latency: four
/// times a second, and once a second at equal weights.
fn by_quarters() -> Vec<Scene> {
    let world = World {
        rows: 4,
        requests: |_| 70.0,
        incumbent: |_| 0.0005,
        latency: Some(Latency { shift: 1.0, tail: 0.0 }),
        seconds: 900,
        ..PLAIN
    };
    let scene = |name, candidate: Course| {
        let bound = Some(least_requests(0.01, 0.1, candidate(0), 0.0005) / 70.0);
        let world = World { name, candidate, ..world.clone() };
        Scene { world, plan: quarters(), onset: 0, bound, asked: "<= 2.2 bounds, or <= 5" }
    };
    let second = |scene: Scene, name| Scene {
        world: World { name, rows: 1, ..scene.world },
        plan: Plan::default(),
        ..scene
    };
    let [all, fifth, kind, twentieth]: [Course; 4] = [|_| 1.0, |_| 0.2, |_| 0.09, |_| 0.05];
    vec![
        scene("quarters, 0.05 to 100 %", all),
        scene("quarters, 0.05 to 20 %", fifth),
        scene("quarters, 0.05 to 9 %", kind),
        scene("quarters, 0.05 to 5 %", twentieth),
        second(scene("", all), "seconds beside quarters, to 100 %"),
        second(scene("", fifth), "seconds beside quarters, to 20 %"),
        second(scene("", kind), "seconds beside quarters, to 9 %"),
        second(scene("", twentieth), "seconds beside quarters, to 5 %"),
    ]
}
