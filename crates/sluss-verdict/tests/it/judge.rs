//! The live judge: legs, silence, missing and late rows, and what it says of itself.

use expect_test::{Expect, expect};
use proptest::prelude::*;
use sluss_verdict::{
    BlockLength, Counts, Judge, Metric, MetricPlan, Mode, Plan, Reading, Sample, Tick, Verdict,
};

const START: i64 = 1_700_000_000_000;

const AGAINST: Verdict = Verdict::Unfavourable { metric: Metric::Error };

/// One second as (requests, errors) of the incumbent and of the candidate, at 10 %.
fn second(at: i64, incumbent: (u64, u64), candidate: (u64, u64)) -> Tick {
    Tick {
        at_ms: START + at * 1_000,
        share_bp: 1_000,
        incumbent: Sample::events(incumbent.0, incumbent.1),
        candidate: Sample::events(candidate.0, candidate.1),
    }
}

fn at_share(share_bp: u16, second: Tick) -> Tick {
    Tick { share_bp, ..second }
}

fn play(judge: &mut Judge, seconds: impl IntoIterator<Item = Tick>) -> Reading {
    seconds.into_iter().map(|second| judge.observe(&second)).last().unwrap()
}

fn judge() -> Judge {
    Judge::new(Plan::of_errors())
}

fn clean(at: i64) -> Tick {
    second(at, (180, 0), (20, 0))
}

/// The sentence, broken after each semicolon.
fn says(reading: &Reading, expected: Expect) {
    expected.assert_eq(&reading.sentence.replace("; ", ";\n"));
}

#[test]
fn a_clean_leg_becomes_favourable_and_says_why() {
    let mut judge = judge();
    let early = play(&mut judge, (0..5).map(clean));
    assert!(matches!(early.verdict, Verdict::Undecided { needs_requests: Some(_), .. }));
    says(
        &early,
        expect![[r#"
            no errors in 100 requests on the candidate and 900 on the incumbent;
            there is no evidence against it (rolls back at 1:100);
            evidence that it is less than 1 point worse is 1:2.0 (passes at 1:20);
            it takes about 2700 more requests, 14 s at this traffic"#]],
    );
    let late = play(&mut judge, (5..17).map(clean));
    assert_eq!(late.verdict, Verdict::Favourable);
    says(
        &late,
        expect![[r#"
        no errors in 340 requests on the candidate and 3060 on the incumbent;
        evidence that it is less than 1 point worse is 1:21 (passes at 1:20)"#]],
    );
}

#[test]
fn errors_on_the_candidate_take_it_back_for_good() {
    let mut judge = judge();
    let one = judge.observe(&second(0, (180, 1), (20, 1)));
    says(
        &one,
        expect![[r#"
            1 of 2 errors fell on the candidate, which carried 10 % of the traffic;
            evidence against it is 1:1.9 (rolls back at 1:100);
            there is no evidence that it is less than 1 point worse (passes at 1:20);
            it takes about 11876 more requests, 60 s at this traffic"#]],
    );
    let taken = play(&mut judge, (1..6).map(|at| second(at, (180, 0), (20, 2))));
    assert_eq!(taken.verdict, AGAINST);
    assert!(taken.log_e_micronats >= taken.rollback_at_micronats);
    says(
        &taken,
        expect![[r#"
        11 of 12 errors fell on the candidate, which carried 10 % of the traffic;
        evidence against it reached 1:100, which takes it back, and is 1:49941 now"#]],
    );
    let healed = play(&mut judge, (6..900).map(|at| second(at, (180, 9), (20, 0))));
    assert!(healed.log_e_micronats < healed.rollback_at_micronats);
    assert_eq!(healed.verdict, AGAINST);
    let silent = judge.reading(START + 5_000 * 1_000);
    assert_eq!(silent.verdict, AGAINST);
}

#[test]
fn silence_of_five_seconds_is_no_data_even_after_a_proof() {
    let mut judge = judge();
    assert_eq!(play(&mut judge, (0..30).map(clean)).verdict, Verdict::Favourable);
    let quiet = |at| second(at, (180, 0), (0, 0));
    assert_eq!(play(&mut judge, (30..34).map(quiet)).verdict, Verdict::Favourable);
    let silent = judge.observe(&quiet(34));
    assert_eq!(silent.verdict, Verdict::NoData { seconds: 5 });
    says(
        &silent,
        expect![[r#"
        no request has reached the candidate for 5 s (taken back at 60 s);
        the candidate has gone silent;
        no data never passes"#]],
    );
    assert_eq!(judge.observe(&clean(35)).verdict, Verdict::Favourable);
}

#[test]
fn a_leg_of_which_nothing_is_heard_is_no_data() {
    let mut judge = judge();
    says(&judge.reading(START), expect!["no second of this rollout has been observed yet"]);
    judge.begin_leg(START, 500);
    assert_eq!(
        judge.reading(START + 3 * 1_000).verdict,
        Verdict::Undecided { needs_requests: None, needs_seconds: None }
    );
    let silent = judge.reading(START + 59 * 1_000);
    assert_eq!(silent.verdict, Verdict::NoData { seconds: 60 });
    says(
        &silent,
        expect![[r#"
        no request has reached the candidate for 60 s (taken back at 60 s);
        neither release has had a request in this leg;
        no data never passes"#]],
    );
}

#[test]
fn each_leg_needs_its_own_proof_and_keeps_the_evidence_against() {
    let mut judge = judge();
    let first = play(&mut judge, (0..20).map(|at| second(at, (180, 0), (20, u64::from(at == 3)))));
    let second_leg = judge.observe(&at_share(2_500, second(20, (0, 0), (1, 0))));
    assert_eq!(second_leg.log_e_micronats, first.log_e_micronats);
    assert_eq!(second_leg.promotion_micronats, 0);
    assert_eq!(second_leg.candidate, Counts { requests: 1, errors: 0 });
    assert!(matches!(second_leg.verdict, Verdict::Undecided { .. }));
}

#[test]
fn a_change_of_share_discards_only_the_unfinished_block() {
    let (mut with, mut without) = (judge(), judge());
    // The first second closes a block, the second one leaves an unfinished one.
    play(&mut with, [second(0, (90, 1), (10, 1)), second(1, (7, 0), (1, 1))]);
    play(&mut without, [second(0, (90, 1), (10, 1))]);
    let next = at_share(2_500, second(2, (75, 1), (25, 1)));
    let (with, without) = (with.observe(&next), without.observe(&next));
    assert_eq!(with, without);
    assert_ne!(with.log_e_micronats, 0);
}

#[test]
fn with_all_traffic_nothing_is_compared_and_silence_still_shows() {
    let mut judge = judge();
    play(&mut judge, (0..9).map(clean));
    let before = judge.reading(START + 9 * 1_000);
    let all = |at| at_share(10_000, second(at, (0, 0), (200, 3)));
    let reading = play(&mut judge, (9..90).map(all));
    assert_eq!(reading.verdict, Verdict::Undecided { needs_requests: None, needs_seconds: None });
    assert_eq!(reading.log_e_micronats, before.log_e_micronats);
    says(
        &reading,
        expect![[r#"
        243 of 243 errors fell on the candidate, which carried 100 % of the traffic;
        with all traffic on the candidate nothing is compared"#]],
    );
    assert_eq!(judge.reading(START + 99 * 1_000).verdict, Verdict::NoData { seconds: 10 });
}

#[test]
fn a_late_second_counts_once_and_a_repeated_one_not_at_all() {
    let mut judge = judge();
    play(&mut judge, [clean(0), clean(2), clean(3)]);
    let late = judge.observe(&second(1, (180, 1), (20, 0)));
    assert_eq!(late.incumbent, Counts { requests: 720, errors: 1 });
    let before = judge.clone();
    for at in [1, 3, 0, -1, -700] {
        judge.observe(&second(at, (180, 9), (20, 9)));
    }
    judge.observe(&at_share(2_000, second(2, (180, 9), (20, 9))));
    assert_eq!(judge, before);
}

#[test]
fn a_missing_second_equals_one_without_requests() {
    let (mut gap, mut empty) = (judge(), judge());
    gap.begin_leg(START, 1_000);
    empty.begin_leg(START, 1_000);
    for at in 0..200 {
        let real = second(at, (37, u64::from(at % 5 == 0)), (4, u64::from(at % 31 == 0)));
        if at % 7 < 3 {
            empty.observe(&second(at, (0, 0), (0, 0)));
        } else {
            let (gap, empty) = (gap.observe(&real), empty.observe(&real));
            assert_eq!(gap, empty, "at {at}");
        }
    }
}

#[test]
fn a_candidate_without_promotion_is_never_favourable() {
    let mut judge = Judge::new(Plan { metrics: vec![], ..Plan::of_errors() });
    let reading = play(&mut judge, (0..300).map(clean));
    assert_eq!(reading.verdict, Verdict::Undecided { needs_requests: None, needs_seconds: None });
    says(
        &reading,
        expect![[r#"
        no errors in 6000 requests on the candidate and 54000 on the incumbent;
        there is no evidence against it (rolls back at 1:100)"#]],
    );
}

#[test]
fn a_known_incumbent_spares_the_first_leg_a_second() {
    let seconds = |past| {
        let mut judge = judge();
        judge.remember_incumbent(&Sample::events(past, 0));
        (0..).find(|at| judge.observe(&clean(*at)).verdict == Verdict::Favourable).unwrap() + 1
    };
    assert_eq!((seconds(0), seconds(12_000)), (17, 16));
}

#[test]
fn a_reading_has_a_stable_form() {
    let reading = judge().observe(&second(0, (180, 0), (20, 1)));
    let mut reading = Reading { sentence: "…".into(), ..reading };
    reading.metrics[0].sentence = "…".into();
    let json = serde_json::to_string_pretty(&reading).unwrap();
    expect![[r#"
        {
          "log_e_micronats": 1089005,
          "rollback_at_micronats": 4605171,
          "promotion_micronats": -14332,
          "promote_at_micronats": 2995733,
          "verdict": {
            "undecided": {
              "needs_requests": 8533,
              "needs_seconds": 43
            }
          },
          "sentence": "…",
          "candidate": {
            "requests": 20,
            "errors": 1
          },
          "incumbent": {
            "requests": 180,
            "errors": 0
          },
          "metrics": [
            {
              "metric": "error",
              "log_e_micronats": 1089005,
              "promotion_micronats": -14332,
              "is_culprit": false,
              "ratio_low_permille": 183,
              "ratio_high_permille": null,
              "block_ms": 1000,
              "sentence": "…"
            }
          ],
          "lone_instance": null,
          "is_share_off": false
        }"#]]
    .assert_eq(&json);
}

fn any_counts() -> impl Strategy<Value = Sample> {
    let number = prop_oneof![4 => 0..300_u64, 1 => 0..3_u64, 1 => any::<u64>()];
    (number.clone(), number).prop_map(|(requests, errors)| Sample::events(requests, errors))
}

fn any_second() -> impl Strategy<Value = Tick> {
    let at = prop_oneof![9 => (0..90_i64).prop_map(|at| START + at * 1_000), 1 => any::<i64>()];
    let share = prop_oneof![Just(0_u16), Just(100), Just(1_000), Just(10_000), any::<u16>()];
    (at, share, any_counts(), any_counts()).prop_map(|(at, share_bp, incumbent, candidate)| Tick {
        at_ms: at,
        share_bp,
        incumbent,
        candidate,
    })
}

fn any_plan() -> impl Strategy<Value = Plan> {
    let mode = prop_oneof![Just(Mode::Robust), Just(Mode::Fast)];
    let metrics = proptest::option::of(0..200_000_u32);
    (any::<u32>(), any::<u32>(), mode, 0..5_u32, metrics).prop_map(
        |(alpha_ppm, promotion_alpha_ppm, mode, seconds, tolerance_ppm)| Plan {
            alpha_ppm,
            promotion_alpha_ppm,
            mode,
            block: BlockLength::Fixed(seconds * 1_000),
            metrics: tolerance_ppm.map(MetricPlan::errors_within).into_iter().collect(),
            ..Plan::of_errors()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..Default::default()
    })]

    // Evidence that is not a number fails an assertion inside.
    #[test]
    fn whatever_comes_equal_inputs_give_equal_and_coherent_readings(
        plan in any_plan(),
        seconds in proptest::collection::vec(any_second(), 1..60),
    ) {
        let (mut one, mut other) = (Judge::new(plan.clone()), Judge::new(plan));
        let mut was_against = false;
        for second in &seconds {
            let reading = one.observe(second);
            prop_assert_eq!(&reading, &other.observe(second));
            let is_against = reading.verdict == AGAINST;
            prop_assert!(is_against || !was_against);
            prop_assert!(is_against || reading.log_e_micronats < reading.rollback_at_micronats);
            was_against = is_against;
            if reading.verdict == Verdict::Favourable {
                prop_assert!(reading.candidate.requests > 0);
                prop_assert!(reading.promotion_micronats >= reading.promote_at_micronats);
            }
        }
    }

    #[test]
    fn without_requests_to_the_candidate_no_evidence_moves(
        plan in any_plan(),
        incumbents in proptest::collection::vec(any_counts(), 1..60),
    ) {
        let mut judge = Judge::new(plan);
        let mut last = None;
        for (at, incumbent) in incumbents.iter().enumerate() {
            let candidate = Sample::events(0, 7);
            let at_ms = START + at as i64 * 1_000;
            let incumbent = incumbent.clone();
            let second = Tick { at_ms, share_bp: 1_000, incumbent, candidate };
            let reading = judge.observe(&second);
            prop_assert_eq!(reading.log_e_micronats, 0);
            prop_assert_eq!(reading.promotion_micronats, 0);
            prop_assert_ne!(reading.verdict, Verdict::Favourable);
            last = Some(reading.verdict);
        }
        if incumbents.len() >= 5 {
            let seconds = incumbents.len() as u32;
            prop_assert_eq!(last, Some(Verdict::NoData { seconds }));
        }
    }
}

/// A second at 70 requests, 10 % of them to a candidate of which `slow` in 175 take 16 times as
/// long; of the incumbent one in 315 does.
fn tailed(at: i64, slow: i64) -> Tick {
    let each = |requests: u64, slow_now: u64| {
        let rows = [(8, requests - slow_now), (24, slow_now)];
        let latency = Some(rows.into_iter().filter(|(_, count)| *count > 0).collect());
        Sample { latency, ..Sample::events(requests, 0) }
    };
    let of_candidate = ((at + 1) * slow * 7 / 175) - (at * slow * 7 / 175);
    let of_incumbent = u64::from(at % 5 == 0);
    Tick {
        incumbent: each(63, of_incumbent),
        candidate: each(7, u64::try_from(of_candidate).unwrap()),
        ..second(at, (63, 0), (7, 0))
    }
}

#[test]
fn a_slow_tail_keeps_a_leg_from_passing_and_an_equal_one_does_not() {
    let plan = Plan {
        metrics: vec![MetricPlan::errors_within(10_000), MetricPlan::latency_within(30_000)],
        ignored_latency_permille: 3_000,
        ..Plan::of_errors()
    };
    let favourable = |slow: i64| {
        let mut judge = Judge::new(plan.clone());
        let mut readings = (0..600).map(|at| judge.observe(&tailed(at, slow)));
        readings.position(|reading| reading.verdict == Verdict::Favourable)
    };
    assert!(favourable(0).is_some_and(|seconds| seconds < 90), "{:?}", favourable(0));
    assert_eq!(favourable(9), None, "5 % of its requests are slow");
}
