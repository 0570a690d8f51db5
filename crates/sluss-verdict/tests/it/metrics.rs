//! The live judge with several metrics, short rows, instances, and as a replay.

use sluss_verdict::{
    BlockLength, Guard, Header, Instance, Judge, Metric, MetricPlan, Mode, Options, Plan, Reading,
    ReplayDecision, Row, Sample, Tick, Verdict, replay, thin_to,
};

const START: i64 = 1_700_000_000_000;

fn tick(t: i64, incumbent: Sample, candidate: Sample) -> Tick {
    Tick { at_ms: START + t * 1_000, share_bp: 1_000, incumbent, candidate }
}

fn play(judge: &mut Judge, rows: impl IntoIterator<Item = Tick>) -> Reading {
    rows.into_iter().map(|row| judge.observe(&row)).last().unwrap()
}

/// Requests, of which the first `slow` in ten are eight times slower.
fn with_latency(requests: u64, slow: u64) -> Sample {
    let late = requests * slow / 10;
    let latency =
        Some(vec![(20, (requests - late) / 2), (24, (requests - late).div_ceil(2)), (36, late)]);
    Sample { latency, ..Sample::events(requests, 0) }
}

#[test]
fn the_judge_and_the_analysis_of_a_trace_have_the_same_evidence() {
    let trace = include_str!("../golden/multi.jsonl");
    let mut lines = trace.lines();
    let header: Header = serde_json::from_str(lines.next().unwrap()).unwrap();
    let plan = Plan {
        metrics: header.metrics.iter().map(|metric| MetricPlan::of(*metric)).collect(),
        ..Plan::of_errors()
    };
    let mut analyzer = sluss_verdict::Analyzer::new(header, Options::usual(Mode::Robust)).unwrap();
    let mut judge = Judge::new(plan);
    let mut baseline = Sample::default();
    let mut seconds = 0;
    for line in lines {
        let row: Row = serde_json::from_str(line).unwrap();
        let t = row.t;
        let step = analyzer.push(row.clone()).unwrap();
        let sample = row.into_sample();
        match step {
            None if t < 0 => judge.remember_incumbent(&sample),
            None => baseline = sample,
            Some(step) => {
                let reading = judge.observe(&tick(t, std::mem::take(&mut baseline), sample));
                assert_eq!(reading.log_e_micronats, (step.log_e * 1e6).round() as i64);
                for (metric, part) in reading.metrics.iter().zip(&step.parts) {
                    assert_eq!(metric.log_e_micronats, (part.log_e * 1e6).round() as i64);
                }
                seconds += 1;
            }
        }
    }
    assert_eq!(seconds, 120);
}

#[test]
fn a_slow_candidate_is_taken_back_by_its_latency_and_says_so() {
    let mut judge = Judge::new(Plan::default());
    (0..60).for_each(|_| judge.remember_incumbent(&with_latency(180, 0)));
    let reading =
        play(&mut judge, (0..20).map(|t| tick(t, with_latency(180, 0), with_latency(20, 3))));
    assert_eq!(reading.verdict, Verdict::Unfavourable { metric: Metric::Latency });
    let latency = &reading.metrics[1];
    assert!(latency.is_culprit && !reading.metrics[0].is_culprit);
    assert!(
        latency.sentence.starts_with(
            "120 of 120 slow requests fell on the candidate, which carried 10 % of the traffic",
        ),
        "{}",
        latency.sentence,
    );
    assert!(reading.sentence.contains("most of it by latencies"), "{}", reading.sentence);
}

#[test]
fn rows_and_blocks_of_a_quarter_of_a_second_find_a_broken_release_in_one() {
    let plan = Plan { row_ms: 250, block: BlockLength::Fixed(250), ..Plan::of_errors() };
    let mut judge = Judge::new(plan);
    let row = |at: i64| Tick {
        at_ms: START + at * 250,
        share_bp: 1_000,
        incumbent: Sample::events(45, 0),
        candidate: Sample::events(5, 5),
    };
    let against =
        |at: &i64| matches!(judge.observe(&row(*at)).verdict, Verdict::Unfavourable { .. });
    let rows = (0..40).find(against).unwrap() + 1;
    assert!(rows <= 4, "{rows} rows of 250 ms");
}

#[test]
fn a_metric_that_is_not_measured_is_no_evidence_and_passes_no_guard() {
    let guard = Guard::Ratio(3_000);
    let metrics = vec![
        MetricPlan::errors_within(10_000),
        MetricPlan { guard, ..MetricPlan::of(Metric::Latency) },
    ];
    let mut judge = Judge::new(Plan { metrics, ..Plan::of_errors() });
    let clean = |t| tick(t, Sample::events(180, 0), Sample::events(20, 0));
    let reading = play(&mut judge, (0..120).map(clean));
    assert!(matches!(reading.verdict, Verdict::Undecided { needs_requests: None, .. }));
    assert_eq!(reading.metrics[1].log_e_micronats, 0);
    assert_eq!(reading.metrics[1].promotion_micronats, Some(0));
    assert!(reading.metrics[0].promotion_micronats.unwrap() > reading.promote_at_micronats);
    assert_eq!(reading.promotion_micronats, 0);
}

/// A second in which instance `bad` of the candidate's three has all of its errors.
fn by_instance(t: i64, bad: Option<u32>) -> Tick {
    let instance = |index, requests, errors| Instance { index, requests, errors, latency: None };
    let errors = |index| match bad {
        Some(bad) => 3 * u64::from(bad == index),
        None => 1,
    };
    let instances: Vec<Instance> = (0..3).map(|index| instance(index, 7, errors(index))).collect();
    let candidate = Sample { instances, ..Sample::events(21, 3) };
    tick(t, Sample::events(180, 1), candidate)
}

#[test]
fn one_instance_that_alone_is_the_reason_is_named() {
    let mut judge = Judge::new(Plan::of_errors());
    let reading = play(&mut judge, (0..8).map(|t| by_instance(t, Some(1))));
    assert_eq!(reading.lone_instance, Some(1));
    assert!(reading.sentence.ends_with("; its instance 1 alone is the reason"));
    let mut judge = Judge::new(Plan::of_errors());
    let reading = play(&mut judge, (0..8).map(|t| by_instance(t, None)));
    assert!(matches!(reading.verdict, Verdict::Unfavourable { .. }));
    assert_eq!(reading.lone_instance, None);
}

#[test]
fn a_share_that_is_not_the_configured_one_is_said_and_changes_no_verdict() {
    let mut judge = Judge::new(Plan::of_errors());
    let reading =
        play(&mut judge, (0..60).map(|t| tick(t, Sample::events(160, 0), Sample::events(40, 0))));
    assert!(reading.is_share_off);
    assert_eq!(reading.verdict, Verdict::Favourable);
}

#[test]
fn an_ignored_ratio_spares_a_candidate_that_is_a_little_worse() {
    let log_e = |ignored_ratio_permille| {
        let plan = Plan { ignored_ratio_permille, ..Plan::of_errors() };
        let rows = (0..200).map(|t| tick(t, Sample::events(180, 18), Sample::events(20, 3)));
        play(&mut Judge::new(plan), rows).log_e_micronats
    };
    assert!(log_e(1_000) > 4_605_171);
    assert!(log_e(2_000) < 0);
}

#[test]
fn a_replay_says_what_other_settings_would_have_decided_and_when() {
    let past = vec![Sample::events(180, 1); 60];
    let bad = |t| tick(t, Sample::events(180, 1), Sample::events(20, u64::from(t % 2 == 0)));
    let rows: Vec<Tick> = (0..120).map(bad).collect();
    let at = |alpha_ppm| {
        let plan = Plan { alpha_ppm, ..Plan::of_errors() };
        let replayed = replay(&plan, &past, &rows);
        let last = *replayed.decisions.last().unwrap();
        assert_eq!(last.what, ReplayDecision::TakenBack { metric: Metric::Error });
        assert_eq!(replayed.rows, last.time_s as u64);
        assert_eq!(last.at_ms, START + last.time_s * 1_000);
        last.time_s
    };
    assert!(at(100_000) < at(10_000) && at(10_000) < at(100));
    let silent = |t| tick(t, Sample::events(180, 0), Sample::events(0, 0));
    let rows: Vec<Tick> = (0..120).map(silent).collect();
    let replayed = replay(&Plan::of_errors(), &past, &rows);
    assert_eq!(replayed.decisions.last().unwrap().what, ReplayDecision::Silent);
    assert_eq!(replayed.decisions.last().unwrap().time_s, 60);
}

#[test]
fn a_smaller_share_is_replayed_with_fewer_requests_to_the_candidate() {
    let rows: Vec<Tick> =
        (0..200).map(|t| tick(t, Sample::events(900, 9), Sample::events(100, 10))).collect();
    let thin = thin_to(100, &rows, 7);
    let total = |rows: &[Tick]| {
        rows.iter().map(|row| row.candidate.requests).sum::<u64>() as f64 / rows.len() as f64
    };
    // 900 / 0.99 * 0.01
    assert!((total(&thin) - 9.1).abs() < 0.5, "{}", total(&thin));
    assert!(thin.iter().all(|row| row.share_bp == 100));
    assert_eq!(thin_to(5_000, &rows, 7), rows);
}
