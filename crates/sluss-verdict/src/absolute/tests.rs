//! A release that is alone passes by proof, and fails by proof.

use super::*;

const OBJECTIVES: Objectives = Objectives {
    errors_ppm: 10_000,
    slow_ms: 1_000,
    least_requests: 100,
    least_seconds: 10,
    alpha_ppm: 10_000,
    promotion_alpha_ppm: 50_000,
};

fn tick(second: i64, requests: u64, errors: u64, latency: &[(usize, u64)]) -> Tick {
    let latency = (!latency.is_empty()).then(|| latency.to_vec());
    let candidate = Sample { latency, ..Sample::events(requests, errors) };
    let incumbent = Sample::default();
    Tick { at_ms: second * 1_000, share_bp: 10_000, incumbent, candidate }
}

/// Seconds of `requests`, of which each fails, and is slow, by coins; the verdict and its second.
fn outcome(seed: u64, requests: u64, rates: (f64, f64), seconds: i64) -> (i64, Verdict) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut judge = Absolute::new(OBJECTIVES);
    let mut verdict = Verdict::NoData { seconds: 0 };
    for second in 0..seconds {
        let errors = (0..requests).filter(|_| random.f64() < rates.0).count() as u64;
        let slow = (0..requests).filter(|_| random.f64() < rates.1).count() as u64;
        let latency = [(20, requests - slow), (44, slow)];
        verdict = judge.observe(&tick(second, requests, errors, &latency)).verdict;
        if matches!(verdict, Verdict::Favourable | Verdict::Unfavourable { .. }) {
            return (second, verdict);
        }
    }
    (seconds, verdict)
}

#[test]
fn a_release_that_keeps_its_objectives_passes_once_that_is_proved() {
    for seed in 0..20 {
        let (second, verdict) = outcome(seed, 50, (0.000_5, 0.000_5), 600);
        assert_eq!(verdict, Verdict::Favourable);
        assert!((9..120).contains(&second), "{second}");
    }
}

#[test]
fn a_release_that_fails_too_often_is_taken_back_in_seconds() {
    for seed in 0..20 {
        let (second, verdict) = outcome(seed, 50, (0.1, 0.0), 600);
        assert_eq!(verdict, Verdict::Unfavourable { metric: Metric::Error });
        assert!(second < 15, "{second}");
    }
}

#[test]
fn a_release_that_is_too_slow_is_taken_back_for_that() {
    for seed in 0..20 {
        let (_, verdict) = outcome(seed, 50, (0.0, 0.1), 600);
        assert_eq!(verdict, Verdict::Unfavourable { metric: Metric::Latency });
    }
}

#[test]
fn at_the_objective_itself_hardly_any_passes_and_hardly_any_is_taken_back() {
    let outcomes: Vec<Verdict> =
        (0..400).map(|seed| outcome(seed, 20, (0.01, 0.0), 600).1).collect();
    let passed = outcomes.iter().filter(|verdict| **verdict == Verdict::Favourable).count();
    let back = outcomes.iter().filter(|v| matches!(v, Verdict::Unfavourable { .. })).count();
    // 5 % and 1 % are allowed; 400 coins scatter.
    assert!(passed <= 32, "{passed}");
    assert!(back <= 10, "{back}");
}

#[test]
fn no_data_never_passes_nor_do_too_few_requests_or_too_short_a_time() {
    let mut silent = Absolute::new(OBJECTIVES);
    silent.begin(0);
    for second in 0..1_000 {
        let verdict = silent.observe(&tick(second, 0, 0, &[])).verdict;
        assert!(!matches!(verdict, Verdict::Favourable | Verdict::Unfavourable { .. }));
    }
    assert_eq!(silent.reading(999_000).verdict, Verdict::NoData { seconds: 1_000 });
    let mut quick = Absolute::new(OBJECTIVES);
    for second in 0..9 {
        let verdict = quick.observe(&tick(second, 10_000, 0, &[(8, 10_000)])).verdict;
        assert_ne!(verdict, Verdict::Favourable);
    }
    let verdict = quick.observe(&tick(9, 10_000, 0, &[(8, 10_000)])).verdict;
    assert_eq!(verdict, Verdict::Favourable);
    // Requests whose time nobody measured prove nothing of the time.
    let mut blind = Absolute::new(OBJECTIVES);
    for second in 0..100 {
        assert_ne!(blind.observe(&tick(second, 1_000, 0, &[])).verdict, Verdict::Favourable);
    }
}

#[test]
fn a_bin_that_holds_the_limit_is_slow_for_the_proof_and_not_against() {
    // 1 s lies in bin 39, which holds 861 to 1,024 ms.
    let mut judge = Absolute::new(OBJECTIVES);
    for second in 0..100 {
        let verdict = judge.observe(&tick(second, 100, 0, &[(39, 100)])).verdict;
        assert!(matches!(verdict, Verdict::Undecided { needs_requests: None, .. }), "{verdict:?}");
    }
}

#[test]
fn it_says_how_many_more_requests_it_needs() {
    let mut judge = Absolute::new(OBJECTIVES);
    let said = judge.observe(&tick(0, 100, 0, &[(8, 100)]));
    let Verdict::Undecided { needs_requests: Some(needs), .. } = said.verdict else { panic!() };
    assert!((200..500).contains(&needs), "{needs}");
    assert!(said.sentence.contains("more requests prove it"), "{}", said.sentence);
    for second in 1..12 {
        judge.observe(&tick(second, needs / 10 + 1, 0, &[(8, needs / 10 + 1)]));
    }
    assert_eq!(judge.reading(11_000).verdict, Verdict::Favourable);
}

#[test]
fn a_row_that_comes_twice_counts_once_and_rows_may_be_shorter_than_a_second() {
    let mut judge = Absolute::new(OBJECTIVES);
    judge.observe(&tick(0, 10, 1, &[]));
    assert_eq!(judge.observe(&tick(0, 10, 1, &[])).candidate, Counts { requests: 10, errors: 1 });
    let quarter = Tick { at_ms: 250, ..tick(0, 5, 0, &[]) };
    assert_eq!(judge.observe(&quarter).candidate, Counts { requests: 15, errors: 1 });
}

#[test]
fn a_bet_against_it_has_expectation_one_however_failures_hang_together_within_a_second() {
    // All of a second's requests fail together, or none does: a share of 1 % in the mean.
    let after = |bad: u64| {
        let mut objective = Objective::new(Metric::Error, 0.01);
        objective.count(40, (bad, bad));
        objective.settle();
        objective.against.map(libm::exp)
    };
    for (all, none) in after(40).into_iter().zip(after(0)) {
        assert!((0.01 * all + 0.99 * none - 1.0).abs() < 1e-12);
    }
}

#[test]
fn bursts_within_a_second_take_back_no_release_that_keeps_its_objectives() {
    let is_taken_back = |seed: &u64| {
        let mut random = fastrand::Rng::with_seed(*seed);
        let mut judge = Absolute::new(Objectives { slow_ms: 0, ..OBJECTIVES });
        (0..600).any(|second| {
            // Once in two minutes three in ten requests of a second fail: one in 400.
            let errors = if random.f64() < 1.0 / 120.0 { 12 } else { 0 };
            let verdict = judge.observe(&tick(second, 40, errors, &[])).verdict;
            matches!(verdict, Verdict::Unfavourable { .. })
        })
    };
    assert!((0..400).filter(is_taken_back).count() <= 4);
}

#[test]
fn quarters_of_a_second_are_bet_on_together() {
    let mut seconds = Absolute::new(OBJECTIVES);
    let mut quarters = seconds.clone();
    for second in 0..5 {
        let whole = seconds.observe(&tick(second, 40, 12, &[]));
        for quarter in 0..4 {
            let row = Tick { at_ms: second * 1_000 + quarter * 250, ..tick(0, 10, 3, &[]) };
            let read = quarters.observe(&row);
            assert!(quarter != 3 || second == 0 || read.log_e_micronats == whole.log_e_micronats);
        }
    }
    assert!(seconds.reading(5_000).log_e_micronats > 1_000_000);
}
