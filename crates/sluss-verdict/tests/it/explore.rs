//! The simulator of `examples/explore`, in short: what it tries out is compared with the judge.

#[path = "../../examples/explore/coins.rs"]
mod coins;
#[path = "../../examples/explore/gambler.rs"]
mod gambler;
#[path = "../../examples/explore/world.rs"]
mod world;

use coins::Coins;
use gambler::{Design, Gambler};
use sluss_verdict::{Judge, Sample, Tick};
use world::{ROW_MS, WEATHERS, Weather, World};

const WORLD: World<'_> = World {
    requests: 200.0,
    ramp: &[(0, 0.1), (20, 0.3)],
    incumbent: 0.005,
    candidate: 0.01,
    weather: Weather::Plain,
};

#[test]
fn its_own_bets_are_those_of_the_judge_block_by_block() {
    // An incumbent that fails so often that every size matters: even capital, as a trace has.
    let design = Design::standing(0.5);
    for weather in [Weather::Plain, Weather::Drift, Weather::Clumps] {
        let (world, mut coins) = (World { weather, ..WORLD }, Coins::new(1));
        let (mut judge, mut gambler) = (Judge::new(design.plan()), Gambler::new(&design));
        for at_ms in (0..240).map(|row| row * ROW_MS) {
            let share = world.share(at_ms);
            let row = world.row(at_ms, &mut coins);
            let sample = |at: usize| Sample::events(row[at] as u64, row[at + 1] as u64);
            let share_bp = (share * 1e4) as u16;
            let (incumbent, candidate) = (sample(0), sample(2));
            let read = judge.observe(&Tick { at_ms, share_bp, incumbent, candidate });
            gambler.count(at_ms, ROW_MS, share, row);
            let difference = read.log_e_micronats as f64 / 1e6 - gambler.log_e();
            assert!(difference.abs() < 2e-6, "{difference} at {at_ms} ms");
        }
        assert!(gambler.log_e() != 0.0);
    }
}

#[test]
fn in_no_weather_that_hits_both_are_many_harmless_releases_taken_back() {
    let design = Design::of(gambler::grid(0.25, 1.277, 14), WORLD.incumbent);
    let is_taken_back = |run: &u64| {
        let weather = WEATHERS[(*run % 4) as usize];
        let world = World { candidate: WORLD.incumbent, weather, ..WORLD };
        let (mut coins, mut gambler) = (Coins::new(*run), Gambler::new(&design));
        (0..1_200).map(|row| row * ROW_MS).any(|at_ms| {
            let row = world.row(at_ms, &mut coins);
            gambler.count(at_ms, ROW_MS, world.share(at_ms), row);
            gambler.is_against()
        })
    };
    // 1 % of 300 and two standard deviations.
    assert!((0..300).filter(is_taken_back).count() <= 6);
}
