//! Many simulated rollouts from fixed seeds, against the guarantees and delays of the
//! verdict specification.

use sluss_verdict::{Judge, MetricPlan, Mode, Plan, Verdict};

use crate::traffic::{Coins, Weather};

const STEADY: Weather =
    Weather { requests: 200, share_bp: 1_000, incumbent_ppm: 5_000, candidate_ppm: 5_000 };

/// Plays a rollout; returns after how many seconds `ends` holds, if within `seconds`.
fn first_second(
    (plan, seed, seconds): (&Plan, u64, i64),
    weather: impl Fn(i64) -> Weather,
    ends: impl Fn(Verdict) -> bool,
) -> Option<i64> {
    let mut judge = Judge::new(plan.clone());
    let mut coins = Coins::new(seed);
    (0..seconds).find_map(|at| {
        let second = weather(at).second(1_700_000_000 + at, &mut coins);
        ends(judge.observe(&second).verdict).then_some(at + 1)
    })
}

fn is_against(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Unfavourable { .. })
}

/// Harmless releases of four kinds: steady, a shared incident, a ramp, little traffic.
fn harmless(kind: u64, at: i64) -> Weather {
    match kind % 4 {
        0 => STEADY,
        1 if (100..160).contains(&at) => {
            Weather { incumbent_ppm: 200_000, candidate_ppm: 200_000, ..STEADY }
        }
        1 => STEADY,
        2 => Weather { share_bp: [100, 1_000, 5_000][at as usize / 100], ..STEADY },
        _ => Weather { requests: 12, incumbent_ppm: 20_000, candidate_ppm: 20_000, ..STEADY },
    }
}

#[test]
fn at_most_alpha_of_harmless_releases_are_taken_back() {
    let plan = Plan { metrics: vec![], ..Plan::of_errors() };
    let taken_back = (0..2_000)
        .filter(|run| {
            let harmless = |at| harmless(*run, at);
            first_second((&plan, *run, 300), harmless, is_against).is_some()
        })
        .count();
    assert!(taken_back <= 20, "{taken_back} of 2000 at alpha = 1 %");
}

#[test]
fn fast_mode_holds_alpha_too_where_requests_are_independent() {
    let plan = Plan { mode: Mode::Fast, metrics: vec![], ..Plan::of_errors() };
    let taken_back = (0..400)
        .filter(|run| {
            let harmless = |at| harmless(*run, at);
            first_second((&plan, 9_000 + run, 300), harmless, is_against).is_some()
        })
        .count();
    assert!(taken_back <= 4, "{taken_back} of 400 at alpha = 1 %");
}

#[test]
fn a_tenfold_error_rate_is_found_within_fifteen_seconds_at_the_median() {
    let worse = Weather { candidate_ppm: 50_000, ..STEADY };
    let mut delays: Vec<i64> = (0..400)
        .filter_map(|run| first_second((&Plan::of_errors(), run, 300), |_| worse, is_against))
        .collect();
    delays.sort_unstable();
    assert_eq!(delays.len(), 400);
    assert!(delays[200] <= 15 && delays[380] <= 35, "{} and {}", delays[200], delays[380]);
}

#[test]
fn a_broken_release_is_found_in_four_seconds() {
    let broken = Weather { incumbent_ppm: 1_000, candidate_ppm: 200_000, ..STEADY };
    let mut delays: Vec<i64> = (0..200)
        .filter_map(|run| first_second((&Plan::of_errors(), run, 60), |_| broken, is_against))
        .collect();
    delays.sort_unstable();
    assert_eq!(delays.len(), 200);
    assert!(delays[100] <= 4 && delays[190] <= 8, "{} and {}", delays[100], delays[190]);
}

#[test]
fn at_most_alpha_of_releases_just_beyond_the_tolerance_pass() {
    let metrics = vec![MetricPlan::errors_within(10_000)];
    // No verdict against it shall hide a false promotion.
    let plan = Plan { alpha_ppm: 1, metrics, promotion_alpha_ppm: 50_000, ..Plan::of_errors() };
    let beyond = Weather { candidate_ppm: 15_000, ..STEADY };
    let passed = (0..500)
        .filter(|run| {
            let passes = |verdict| verdict == Verdict::Favourable;
            first_second((&plan, 5_000 + run, 200), |_| beyond, passes).is_some()
        })
        .count();
    // 500 x 5 % and two standard deviations.
    assert!(passed <= 35, "{passed} of 500 at alpha = 5 %");
}
