//! The live judge: legs, silence, missing and late rows, and what it says of itself.

use expect_test::{Expect, expect};
use proptest::prelude::*;
use sluss_verdict::{Counts, Judge, Mode, Plan, Promotion, Reading, Second, Verdict};

const START: i64 = 1_700_000_000;

/// One second as (requests, errors) of the incumbent and of the candidate, at 10 %.
fn second(at: i64, incumbent: (u64, u64), candidate: (u64, u64)) -> Second {
    let counts = |(requests, errors)| Counts { requests, errors };
    Second {
        at: START + at,
        share_bp: 1_000,
        incumbent: counts(incumbent),
        candidate: counts(candidate),
    }
}

fn at_share(share_bp: u16, second: Second) -> Second {
    Second { share_bp, ..second }
}

fn play(judge: &mut Judge, seconds: impl IntoIterator<Item = Second>) -> Reading {
    seconds.into_iter().map(|second| judge.observe(&second)).last().unwrap()
}

fn judge() -> Judge {
    Judge::new(Plan::default())
}

fn clean(at: i64) -> Second {
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
    assert!(matches!(early.verdict, Verdict::Undecided { needs_requests: Some(_) }));
    says(
        &early,
        expect![[r#"
        no errors in 100 requests on the candidate and 900 on the incumbent;
        there is no evidence against it (rolls back at 1:100);
        evidence that it is less than 1 point worse is 1:2.0 (passes at 1:20);
        it takes about 2700 more requests"#]],
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
        it takes about 11876 more requests"#]],
    );
    let taken = play(&mut judge, (1..6).map(|at| second(at, (180, 0), (20, 2))));
    assert_eq!(taken.verdict, Verdict::Unfavourable);
    assert!(taken.log_e_micronats >= taken.rollback_at_micronats);
    says(
        &taken,
        expect![[r#"
        11 of 12 errors fell on the candidate, which carried 10 % of the traffic;
        evidence against it reached 1:100, which takes it back, and is 1:49941 now"#]],
    );
    let healed = play(&mut judge, (6..900).map(|at| second(at, (180, 9), (20, 0))));
    assert!(healed.log_e_micronats < healed.rollback_at_micronats);
    assert_eq!(healed.verdict, Verdict::Unfavourable);
    let silent = judge.reading(START + 5_000);
    assert_eq!(silent.verdict, Verdict::Unfavourable);
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
    assert_eq!(judge.reading(START + 3).verdict, Verdict::Undecided { needs_requests: None });
    let silent = judge.reading(START + 59);
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
    play(&mut with, [second(0, (90, 1), (10, 1)), second(1, (10, 0), (1, 1))]);
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
    let before = judge.reading(START + 9);
    let all = |at| at_share(10_000, second(at, (0, 0), (200, 3)));
    let reading = play(&mut judge, (9..90).map(all));
    assert_eq!(reading.verdict, Verdict::Undecided { needs_requests: None });
    assert_eq!(reading.log_e_micronats, before.log_e_micronats);
    says(
        &reading,
        expect![[r#"
        243 of 243 errors fell on the candidate, which carried 100 % of the traffic;
        with all traffic on the candidate nothing is compared"#]],
    );
    assert_eq!(judge.reading(START + 99).verdict, Verdict::NoData { seconds: 10 });
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
    let mut judge = Judge::new(Plan { promotion: None, ..Plan::default() });
    let reading = play(&mut judge, (0..300).map(clean));
    assert_eq!(reading.verdict, Verdict::Undecided { needs_requests: None });
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
        judge.remember_incumbent(Counts { requests: past, errors: 0 });
        (0..).find(|at| judge.observe(&clean(*at)).verdict == Verdict::Favourable).unwrap() + 1
    };
    assert_eq!((seconds(0), seconds(12_000)), (17, 16));
}

#[test]
fn a_reading_has_a_stable_form() {
    let reading = judge().observe(&second(0, (180, 0), (20, 1)));
    let reading = Reading { sentence: "…".into(), ..reading };
    let json = serde_json::to_string_pretty(&reading).unwrap();
    expect![[r#"
        {
          "log_e_micronats": 1089005,
          "rollback_at_micronats": 4605171,
          "promotion_micronats": -14332,
          "promote_at_micronats": 2995733,
          "verdict": {
            "undecided": {
              "needs_requests": 8533
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
          }
        }"#]]
    .assert_eq(&json);
}

fn any_counts() -> impl Strategy<Value = Counts> {
    let number = prop_oneof![4 => 0..300_u64, 1 => 0..3_u64, 1 => any::<u64>()];
    (number.clone(), number).prop_map(|(requests, errors)| Counts { requests, errors })
}

fn any_second() -> impl Strategy<Value = Second> {
    let at = prop_oneof![9 => START..START + 90, 1 => any::<i64>()];
    let share = prop_oneof![Just(0_u16), Just(100), Just(1_000), Just(10_000), any::<u16>()];
    (at, share, any_counts(), any_counts()).prop_map(|(at, share_bp, incumbent, candidate)| {
        Second { at, share_bp, incumbent, candidate }
    })
}

fn any_plan() -> impl Strategy<Value = Plan> {
    let promotion = (0..200_000_u32, any::<u32>())
        .prop_map(|(tolerance_ppm, alpha_ppm)| Promotion { tolerance_ppm, alpha_ppm });
    (any::<u32>(), prop_oneof![Just(Mode::Robust), Just(Mode::Fast)], 0..5_u32).prop_flat_map(
        move |(alpha_ppm, mode, block_seconds)| {
            proptest::option::of(promotion.clone()).prop_map(move |promotion| Plan {
                alpha_ppm,
                mode,
                block_seconds,
                promotion,
                silence_seconds: 60,
            })
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
        let (mut one, mut other) = (Judge::new(plan), Judge::new(plan));
        let mut was_against = false;
        for second in &seconds {
            let reading = one.observe(second);
            prop_assert_eq!(&reading, &other.observe(second));
            let is_against = reading.verdict == Verdict::Unfavourable;
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
            let candidate = Counts { requests: 0, errors: 7 };
            let at = START + at as i64;
            let second = Second { at, share_bp: 1_000, incumbent: *incumbent, candidate };
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
