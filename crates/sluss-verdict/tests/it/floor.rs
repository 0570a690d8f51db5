//! The floor of the verdict specification in short: the simulator of `examples/floor` with few
//! runs. What it measures with many is in docs/verdicts.md.

#[path = "../../examples/floor/live.rs"]
mod live;
#[path = "../../examples/floor/noisy.rs"]
mod noisy;
#[path = "../../examples/floor/play.rs"]
mod play;
#[path = "../../examples/floor/scenes.rs"]
mod scenes;
#[path = "../../examples/floor/world.rs"]
mod world;

use play::{count_promoted, find};
use scenes::ALPHA;

#[test]
fn harmless_releases_of_every_kind_are_taken_back_at_most_as_often_as_allowed() {
    const RUNS: u64 = 40;
    let (mut taken_back, mut all) = (0, 0);
    for mut scene in scenes::harmless() {
        if scene.asked != ALPHA {
            continue;
        }
        scene.world.seconds = 400;
        taken_back += find(&scene, RUNS, 10 << 32).delays.len() as u64;
        all += RUNS;
    }
    // 1 % of 440 or more, and two standard deviations.
    assert!(all >= 400 && taken_back <= 9, "{taken_back} of {all} at alpha = 1 %");
}

#[test]
fn harmless_releases_are_seldom_taken_back_by_all_figures_at_once() {
    const RUNS: u64 = 8;
    let (mut taken_back, mut all) = (0, 0);
    for mut scene in live::harmless().into_iter().filter(|scene| scene.asked == ALPHA) {
        scene.world.seconds = 400;
        taken_back += find(&scene, RUNS, 12 << 32).delays.len() as u64;
        all += RUNS;
    }
    // 1 % of 100 and two standard deviations.
    assert!(all >= 100 && taken_back <= 3, "{taken_back} of {all} at alpha = 1 %");
}

#[test]
fn instances_that_fail_by_themselves_seldom_take_a_release_back_and_hide_no_bad_one() {
    const RUNS: u64 = 15;
    let (mut taken_back, mut all) = (0, 0);
    for mut scene in noisy::harmless().into_iter().filter(|scene| scene.asked != "-") {
        scene.world.seconds = 600;
        taken_back += find(&scene, RUNS, 13 << 32).delays.len() as u64;
        all += RUNS;
    }
    // 2 % of 165 and two standard deviations.
    assert!(all >= 150 && taken_back <= 7, "{taken_back} of {all}");
    for scene in noisy::bad() {
        assert_eq!(find(&scene, 5, 14 << 32).delays.len(), 5, "{}: not all", scene.world.name);
    }
}

#[test]
fn bad_releases_are_found_as_soon_as_asked() {
    const RUNS: u64 = 31;
    let scenes = scenes::bad();
    for (name, seconds) in [
        ("0.1 to 20 %", 3.0),
        ("0.5 to 5 %", 15.0),
        ("0.5 to 1.5 %", 130.0),
        ("0.5 to 5 %, from 600 s on", 30.0),
        ("3 % of requests 8 times slower", 24.0),
        ("latency doubled", 15.0),
        ("latency doubled, stalls, 17 + 3", 9.0),
        ("exceptions fourfold", 60.0),
        ("quarters, 0.05 to 100 %", 3.0),
        ("quarters, 0.05 to 20 %", 5.0),
        ("quarters, 0.05 to 5 %", 11.0),
    ] {
        let scene = scenes.iter().find(|scene| scene.world.name == name).unwrap();
        let found = find(scene, RUNS, 11 << 32);
        assert_eq!(found.delays.len() as u64, RUNS, "{name}: not all are found");
        let median = found.delays[found.delays.len() / 2] as f64 / 1e3;
        // So few runs scatter by a third.
        assert!(median <= seconds * 4.0 / 3.0 + 1.0, "{name}: {median} s, {seconds} s asked");
        // Below a second it is the number of blocks that bounds it.
        let bound = scene.bound.filter(|bound| *bound >= 0.7);
        let bounds = bound.map_or(0.0, |bound| median / bound);
        assert!(bounds <= 4.8, "{name}: {bounds} times the information bound");
    }
}

#[test]
fn releases_worse_by_the_tolerance_itself_seldom_pass() {
    // 5 % of 100 and two standard deviations.
    let passed = count_promoted(0.005, 5_000, 0.5, 100);
    assert!(passed <= 9, "{passed} of 100");
}
