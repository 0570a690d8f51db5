//! Incidents that are major or not, and until when what is to be said.

use std::collections::BTreeSet;

use expect_test::expect;
use proptest::prelude::*;
use sluss_core::ids::IncidentId;
use sluss_core::incident::clocks::{
    Limit, Recorded, Report, Sent, Standing, initial_due, months_later, of_utc_minute,
};
use sluss_core::incident::criteria::{Criteria, Criterion, Holds, Portion};
use sluss_core::incident::recurring::{Member, recurring};
use sluss_core::units::Millis;

use crate::script::check;
use crate::world::production;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

fn portion(text: &str) -> Option<Portion> {
    Some(text.parse().unwrap())
}

/// Critical services were affected, and nothing else was.
fn harmless() -> Criteria {
    Criteria { critical: Some(true), ..Criteria::default() }.and_nothing_else()
}

/// One threshold is passed: that of reputation.
fn one() -> Criteria {
    Criteria { reputation: Some(true), ..harmless() }
}

fn states(names: &[&str]) -> Option<BTreeSet<sluss_core::incident::criteria::MemberState>> {
    Some(names.iter().map(|name| name.parse().unwrap()).collect())
}

#[test]
fn each_threshold_is_passed_beyond_its_figure_and_not_at_it() {
    use Criterion as C;
    let of = |change: &dyn Fn(&mut Criteria)| {
        let mut criteria = harmless();
        change(&mut criteria);
        criteria
    };
    let none = 0;
    let rows: Vec<(&str, Criteria, i64, Option<C>)> = vec![
        ("nothing", harmless(), none, None),
        ("clients", of(&|c| c.clients = Some(100_000)), none, None),
        ("clients", of(&|c| c.clients = Some(100_001)), none, Some(C::Clients)),
        ("share", of(&|c| c.clients_share = portion("10%")), none, None),
        ("share", of(&|c| c.clients_share = portion("10.01%")), none, Some(C::Clients)),
        ("counterparts", of(&|c| c.counterparts_share = portion("30%")), none, None),
        ("counterparts", of(&|c| c.counterparts_share = portion("30.01%")), none, Some(C::Clients)),
        ("transactions", of(&|c| c.transactions_share = portion("10%")), none, None),
        ("transactions", of(&|c| c.transactions_share = portion("10.01%")), none, Some(C::Clients)),
        ("amount", of(&|c| c.amount_share = portion("10%")), none, None),
        ("amount", of(&|c| c.amount_share = portion("150%")), none, Some(C::Clients)),
        ("relevant", of(&|c| c.relevant_clients = Some(true)), none, Some(C::Clients)),
        ("reputation", of(&|c| c.reputation = Some(true)), none, Some(C::Reputation)),
        ("duration", harmless(), DAY, None),
        ("duration", harmless(), DAY + 1, Some(C::Duration)),
        ("downtime", of(&|c| c.downtime_seconds = Some(7_200)), none, None),
        ("downtime", of(&|c| c.downtime_seconds = Some(7_201)), none, Some(C::Duration)),
        ("states", of(&|c| c.member_states = states(&["DE"])), none, None),
        ("states", of(&|c| c.member_states = states(&["DE", "EL"])), none, Some(C::Spread)),
        ("data", of(&|c| c.data_loss = Some(true)), none, Some(C::DataLoss)),
        ("cost", of(&|c| c.cost_eur = Some(100_000)), none, None),
        ("cost", of(&|c| c.cost_eur = Some(100_001)), none, Some(C::Cost)),
    ];
    for (name, criteria, duration, passed) in rows {
        let found = criteria.assess(duration);
        assert_eq!(found.passed(), passed.into_iter().collect(), "{name}: {criteria:?}");
        assert_eq!(found.major(), Holds::No, "{name}: one threshold is not enough");
        let with = Criteria { reputation: Some(true), ..criteria.clone() }.assess(duration);
        let two = passed.is_some_and(|one| one != C::Reputation);
        assert_eq!(with.major() == Holds::Yes, two, "{name}: two are");
        let uncritical = Criteria { critical: Some(false), reputation: Some(true), ..criteria };
        assert_eq!(uncritical.assess(duration).major(), Holds::No, "{name}: not critical");
    }
}

#[test]
fn malicious_access_to_what_is_critical_is_major_without_any_threshold() {
    let malicious = Criteria { malicious_access: Some(true), ..harmless() };
    assert!(malicious.assess(0).passed().is_empty());
    assert_eq!(malicious.assess(0).major(), Holds::Yes);
    let elsewhere = Criteria { critical: Some(false), ..malicious };
    assert_eq!(elsewhere.assess(0).major(), Holds::No);
}

#[test]
fn what_is_not_known_is_neither_yes_nor_no() {
    let nothing = Criteria::default();
    assert_eq!(nothing.assess(0).major(), Holds::Unknown);
    assert_eq!(nothing.missing(&nothing.assess(0)).len(), 13);
    // Without critical services nothing else matters.
    let uncritical = Criteria { critical: Some(false), ..Criteria::default() };
    assert_eq!(uncritical.assess(2 * DAY).major(), Holds::No);
    // Two that pass are enough, whatever else is not known.
    let two = Criteria {
        critical: Some(true),
        reputation: Some(true),
        cost_eur: Some(100_001),
        ..Criteria::default()
    };
    assert_eq!(two.assess(0).major(), Holds::Yes);
    assert!(two.missing(&two.assess(0)).is_empty());
    // One that passes leaves each other one open.
    let open = Criteria { data_loss: None, ..one() };
    assert_eq!(open.assess(0).major(), Holds::Unknown);
    assert_eq!(open.missing(&open.assess(0)), ["data_loss"]);
    // None that passes, and one that is not known: it could not decide.
    let open = Criteria { data_loss: None, ..harmless() };
    assert_eq!(open.assess(0).major(), Holds::No);
    // A few clients are some share of them.
    let few = Criteria { clients_share: None, clients: Some(1), ..one() };
    assert_eq!(few.missing(&few.assess(0)), ["clients_share"]);
    let said = Criteria { critical: Some(true), clients: Some(1), ..Criteria::default() };
    assert_eq!(said.and_nothing_else().clients_share, None);
}

#[test]
fn the_initial_notification_is_due_four_hours_after_classification_and_a_day_after_awareness() {
    let aware = Millis(1_000);
    let at = |hours: i64, ms: i64| aware.plus(hours * HOUR + ms);
    for (classified, due) in [
        (at(0, 0), at(4, 0)),
        (at(1, 0), at(5, 0)),
        (at(20, -1), at(24, -1)),
        (at(20, 0), at(24, 0)),
        (at(20, 1), at(24, 0)),
        (at(23, 0), at(24, 0)),
        // Classified within the day: the day counts, also where it is over at once.
        (at(24, 0), at(24, 0)),
        (at(24, 1), at(28, 1)),
        (at(100, 0), at(104, 0)),
    ] {
        assert_eq!(initial_due(aware, classified), due, "classified at {classified:?}");
    }
}

fn sent(report: Report, at: i64) -> Sent {
    Sent { report, at: Millis(at) }
}

fn told(recorded: &Recorded, now: i64) -> Vec<(Limit, i64, Standing)> {
    let clocks = recorded.clocks();
    clocks.iter().map(|of| (of.limit, of.due.0, of.standing(Millis(now)))).collect()
}

#[test]
fn each_report_runs_from_when_the_one_before_it_was_sent() {
    use Limit as L;
    use Standing as S;
    let mut of = Recorded { aware: Millis(0), classified: vec![], sent: vec![] };
    assert_eq!(told(&of, DAY - HOUR - 1), [(L::Classification, DAY, S::Ahead)]);
    assert_eq!(told(&of, DAY - HOUR), [(L::Classification, DAY, S::Near)]);
    assert_eq!(told(&of, DAY), [(L::Classification, DAY, S::Near)]);
    assert_eq!(told(&of, DAY + 1), [(L::Classification, DAY, S::Overdue)]);
    of.classified.push((Millis(HOUR), true));
    let classified = (L::Classification, DAY, S::InTime);
    assert_eq!(told(&of, 4 * HOUR - 1), [classified, (L::Initial, 5 * HOUR, S::Ahead)]);
    assert_eq!(told(&of, 4 * HOUR), [classified, (L::Initial, 5 * HOUR, S::Near)]);
    assert_eq!(told(&of, 5 * HOUR), [classified, (L::Initial, 5 * HOUR, S::Near)]);
    assert_eq!(told(&of, 5 * HOUR + 1), [classified, (L::Initial, 5 * HOUR, S::Overdue)]);
    // Sent early: what follows runs from then, and not from when it was due.
    of.sent.push(sent(Report::Initial, 2 * HOUR));
    let initial = (L::Initial, 5 * HOUR, S::InTime);
    let due = 74 * HOUR;
    assert_eq!(told(&of, due - DAY - 1), [classified, initial, (L::Intermediate, due, S::Ahead)]);
    assert_eq!(told(&of, due - DAY), [classified, initial, (L::Intermediate, due, S::Near)]);
    assert_eq!(told(&of, due + 1), [classified, initial, (L::Intermediate, due, S::Overdue)]);
    of.sent.push(sent(Report::Intermediate, due + 1));
    let late = (L::Intermediate, due, S::Late);
    let last = months_later(Millis(due + 1), 1).0;
    assert_eq!(told(&of, due + 2), [classified, initial, late, (L::Final, last, S::Ahead)]);
    // An update moves the final report; the intermediate one stays as late as it was.
    of.sent.push(sent(Report::Intermediate, due + DAY));
    let last = months_later(Millis(due + DAY), 1).0;
    assert_eq!(told(&of, last + 1), [classified, initial, late, (L::Final, last, S::Overdue)]);
    assert!(!of.is_done());
    of.sent.push(sent(Report::Final, last));
    assert_eq!(told(&of, last + DAY), [classified, initial, late, (L::Final, last, S::InTime)]);
    assert!(of.is_done() && of.next().is_none());
}

#[test]
fn a_notification_at_the_limit_is_in_time_and_one_after_it_is_late() {
    for (at, standing) in [(4 * HOUR, Standing::InTime), (4 * HOUR + 1, Standing::Late)] {
        let of = Recorded {
            aware: Millis(0),
            classified: vec![(Millis(0), true)],
            sent: vec![sent(Report::Initial, at)],
        };
        assert_eq!(told(&of, DAY)[1], (Limit::Initial, 4 * HOUR, standing));
    }
}

#[test]
fn what_is_major_once_more_is_due_by_the_first_time_that_it_was() {
    let classified = vec![(Millis(0), true), (Millis(HOUR), false)];
    let mut of = Recorded { aware: Millis(0), classified, sent: vec![] };
    assert_eq!(told(&of, 9 * HOUR), [(Limit::Classification, DAY, Standing::InTime)]);
    assert!(of.is_done());
    of.classified.push((Millis(9 * HOUR), true));
    assert_eq!(told(&of, 9 * HOUR)[1], (Limit::Initial, 4 * HOUR, Standing::Overdue));
    // What was found to be major only later is due by then.
    let classified = vec![(Millis(0), false), (Millis(30 * HOUR), true)];
    let of = Recorded { aware: Millis(0), classified, sent: vec![] };
    assert_eq!(told(&of, 30 * HOUR)[1], (Limit::Initial, 34 * HOUR, Standing::Ahead));
}

#[test]
fn a_month_is_the_calendar_s_and_ends_with_the_month_at_the_latest() {
    let minute = |at: Millis| at.utc_minute();
    for (from, months, to) in [
        ("2026-01-15 10:30 UTC", 1, "2026-02-15 10:30 UTC"),
        ("2026-01-31 10:30 UTC", 1, "2026-02-28 10:30 UTC"),
        ("2028-01-31 10:30 UTC", 1, "2028-02-29 10:30 UTC"),
        ("2028-01-30 10:30 UTC", 1, "2028-02-29 10:30 UTC"),
        ("2026-02-28 10:30 UTC", 1, "2026-03-28 10:30 UTC"),
        ("2026-03-31 23:59 UTC", 1, "2026-04-30 23:59 UTC"),
        ("2026-12-31 00:00 UTC", 1, "2027-01-31 00:00 UTC"),
        ("2026-11-22 10:30 UTC", 1, "2026-12-22 10:30 UTC"),
        ("2026-08-31 10:30 UTC", -6, "2026-02-28 10:30 UTC"),
        ("2026-05-22 10:30 UTC", -6, "2025-11-22 10:30 UTC"),
        ("2100-01-31 00:00 UTC", 1, "2100-02-28 00:00 UTC"),
    ] {
        let at = of_utc_minute(&from[..16]).unwrap();
        assert_eq!(minute(at), from);
        assert_eq!(minute(months_later(at, months)), to, "{from} and {months} months");
    }
}

#[test]
fn a_minute_that_does_not_exist_is_none() {
    for wrong in ["", "2026-02-29T00:00", "2026-1-1T00:00", "2026-01-01T24:00", "2026-01-01"] {
        assert_eq!(of_utc_minute(wrong), None, "{wrong}");
    }
}

fn member(number: u64, cause: &str, occurred: Millis, criteria: Criteria) -> Member {
    let (incident, cause) = (IncidentId(number), cause.parse().unwrap());
    Member { incident, cause, occurred, duration_ms: 13 * HOUR, criteria }
}

#[test]
fn incidents_with_one_cause_within_six_months_are_looked_at_as_one() {
    let last = Millis(20_000 * DAY);
    let edge = months_later(last, -6);
    let half = || Criteria { clients: Some(60_000), ..one() };
    let first = || member(1, "disk", edge, half());
    let second = || member(2, "disk", last, half());
    // Each lasted for 13 hours and has one threshold; together they have three.
    for alone in [first(), second()] {
        assert_eq!(alone.criteria.assess(alone.duration_ms).major(), Holds::No);
        assert!(recurring(&[alone]).is_empty());
    }
    let found = recurring(&[first(), second()]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].incidents, [IncidentId(1), IncidentId(2)].into());
    assert_eq!(found[0].criteria.clients, Some(120_000));
    assert_eq!(found[0].assessment.major(), Holds::Yes);
    use Criterion as C;
    assert_eq!(found[0].assessment.passed(), [C::Clients, C::Reputation, C::Duration].into());
    // A millisecond more than six months, and another cause, are other incidents.
    let before = Member { occurred: edge.plus(-1), ..first() };
    assert!(recurring(&[before, second()]).is_empty());
    assert!(recurring(&[first(), member(3, "network", last, half())]).is_empty());
}

#[test]
fn a_sum_of_which_a_part_is_not_known_is_known_only_where_it_passes_anyway() {
    let known = |clients: Option<u64>| Criteria { clients, ..harmless() };
    let sum = |a: Option<u64>, b: Option<u64>| known(a).and(&known(b)).clients;
    assert_eq!(sum(Some(60_000), Some(40_000)), Some(100_000));
    assert_eq!(sum(Some(60_000), None), None);
    assert_eq!(sum(None, Some(100_001)), Some(100_001));
    let states =
        |names: Option<&[&str]>| Criteria { member_states: names.and_then(states), ..harmless() };
    let both = |a: Option<&[&str]>, b: Option<&[&str]>| states(a).and(&states(b)).member_states;
    assert_eq!(both(Some(&["DE"]), Some(&["DE"])).unwrap().len(), 1);
    assert_eq!(both(Some(&["DE"]), None), None);
    assert_eq!(both(Some(&["DE"]), Some(&["FR"])).unwrap().len(), 2);
}

#[test]
fn shares_have_one_meaning() {
    let read = |text: &str| text.parse::<Portion>().ok().map(|of| of.0);
    assert_eq!([read("10%"), read("10.1 %"), read("0.01%")], [Some(1_000), Some(1_010), Some(1)]);
    for wrong in ["", "%", "10", "10.%", ".5%", "-1%", "1.234%", "1e3%", "9999999%"] {
        assert_eq!(read(wrong), None, "{wrong}");
    }
    assert_eq!(Portion(1_010).to_string(), "10.1 %");
    assert_eq!(Portion::of(1, 30_000), Some(Portion(1)), "rounded up");
    assert_eq!(Portion::of(1, 0), None);
}

fn bools() -> impl Strategy<Value = Option<bool>> {
    prop_oneof![Just(None), Just(Some(false)), Just(Some(true))]
}

fn figures(most: u64) -> impl Strategy<Value = Option<u64>> {
    prop_oneof![Just(None), (0..=most).prop_map(Some)]
}

prop_compose! {
    fn criteria()(
        flags in [bools(), bools(), bools(), bools(), bools()],
        shares in [figures(4_000), figures(4_000), figures(4_000), figures(4_000)],
        figures in (figures(200_000), figures(10_000), figures(200_000)),
        states in prop_oneof![Just(None), proptest::sample::subsequence(vec!["DE", "FR", "EL"], 0..3)
            .prop_map(Some)],
    ) -> Criteria {
        let [critical, relevant_clients, reputation, data_loss, malicious_access] = flags;
        let [clients_share, counterparts_share, transactions_share, amount_share] =
            shares.map(|of| of.map(|of| Portion(u32::try_from(of).unwrap())));
        let (clients, downtime_seconds, cost_eur) = figures;
        let member_states = states.map(|of| of.iter().map(|one| one.parse().unwrap()).collect());
        Criteria {
            critical, clients, clients_share, counterparts_share, transactions_share, amount_share,
            relevant_clients, reputation, downtime_seconds, member_states, data_loss,
            malicious_access, cost_eur,
        }
    }
}

/// The same with one effect more, or a greater one.
fn worse(of: &Criteria, which: usize) -> Criteria {
    let mut more = of.clone();
    match which {
        0 => more.critical = Some(true),
        1 => more.clients = Some(more.clients.unwrap_or(0) + 100_001),
        2 => more.clients_share = portion("50%"),
        3 => more.counterparts_share = portion("50%"),
        4 => more.transactions_share = portion("50%"),
        5 => more.amount_share = portion("50%"),
        6 => more.relevant_clients = Some(true),
        7 => more.reputation = Some(true),
        8 => more.downtime_seconds = Some(10_001),
        9 => more.member_states = states(&["DE", "FR", "EL"]),
        10 => more.data_loss = Some(true),
        11 => more.malicious_access = Some(true),
        _ => more.cost_eur = Some(200_001),
    }
    more
}

proptest! {
    #[test]
    fn no_limit_moves_later_because_a_further_criterion_is_added(
        of in criteria(), which in 0_usize..13, duration in 0..3 * DAY,
        aware in 0..DAY, after in 0..3 * DAY,
    ) {
        let more = worse(&of, which);
        let (before, with) = (of.assess(duration).major(), more.assess(duration).major());
        prop_assert!(with >= before, "{before:?} became {with:?}");
        prop_assert!(with == Holds::Yes || before != Holds::Yes);
        let due = |major: Holds| {
            let classified = vec![(Millis(aware + after), major == Holds::Yes)];
            let of = Recorded { aware: Millis(aware), classified, sent: vec![] };
            of.next().map_or(Millis(i64::MAX), |clock| clock.due)
        };
        prop_assert!(due(with) <= due(before));
    }

    #[test]
    fn nobody_gains_time_by_classifying_again(
        first in 0..3 * DAY, later in proptest::collection::vec((0..3 * DAY, any::<bool>()), 0..5),
    ) {
        let mut of = Recorded {
            aware: Millis(0),
            classified: vec![(Millis(first), true)],
            sent: vec![],
        };
        let due = of.next().unwrap().due;
        let mut at = first;
        for (more, major) in later {
            at += more;
            of.classified.push((Millis(at), major));
            let next = of.next().map(|clock| clock.due);
            prop_assert!(next.is_none_or(|next| next == due));
            prop_assert_eq!(next.is_some(), major);
        }
    }

    #[test]
    fn an_initial_notification_is_never_due_before_its_classification_nor_over_four_hours_later(
        aware in 0..DAY, after in 0..10 * DAY,
    ) {
        let classified = Millis(aware + after);
        let due = initial_due(Millis(aware), classified);
        prop_assert!(due >= classified && due.since(classified) <= 4 * HOUR);
        prop_assert!(after > DAY || due.since(Millis(aware)) <= DAY);
    }

    #[test]
    fn months_are_28_to_31_days_keep_the_time_of_day_and_order(at in 0..40_000 * DAY, more in 0..DAY) {
        let next = months_later(Millis(at), 1);
        let length = next.since(Millis(at));
        prop_assert!((28 * DAY..=31 * DAY).contains(&length) && length % DAY == 0);
        prop_assert!(months_later(Millis(at + more), 1) >= next || more < DAY);
        prop_assert!(months_later(months_later(Millis(at), -6), 6) <= Millis(at));
    }

    #[test]
    fn incidents_together_are_never_less_than_each(a in criteria(), b in criteria(), h in 0..40_i64) {
        let both = a.and(&b);
        for one in [&a, &b] {
            if one.assess(h * HOUR).major() == Holds::Yes {
                prop_assert_eq!(both.assess(2 * h * HOUR).major(), Holds::Yes);
            }
        }
    }
}

#[test]
fn a_person_classifies_and_says_what_the_authority_was_told() {
    check(
        vec![production()],
        "~0 policy never bob by anna
        ~1 push main anna by anna
        ~2 go
        ~90000 report by anna
        90001 classify inc-1 critical=yes share=12% by mallory
        90002 classify inc-1 critical=yes share=12% by anna agent
        90003 classify inc-1 critical=yes share=12% by anna stale
        90004 classify inc-9 critical=no by anna
        90005 notified inc-1 initial by anna
        90006 classify inc-1 aware=90001 critical=no by bob
        90007 classify inc-1 occurred=89999 aware=89998 critical=no by bob
        90008 classify inc-1 at=90009 critical=no by bob
        90009 classify inc-1 aware=89000 critical=yes share=12% reputation=yes by bob
        90010 notified inc-1 intermediate by bob
        90011 notified inc-1 initial 90012 by bob
        90012 notified inc-1 initial 88999 by bob
        ~100000 tick
        100500 tick
        100600 tick
        104000 tick
        104001 notified inc-1 initial 104000 by bob
        104002 notified inc-1 initial by bob
        104003 notified inc-1 final by bob
        290000 tick
        290001 notified inc-1 intermediate by anna
        290002 notified inc-1 final 290000 by anna
        290003 notified inc-1 final by anna
        290004 notified inc-1 intermediate by anna",
        expect![[r#"
            90001 classify inc-1 critical=yes share=12% by mallory
                Denied: To classify an incident takes the role of a developer or an approver.
                + access.refused classify missing_role
            90002 classify inc-1 critical=yes share=12% by anna agent
                Denied: Only a person says what an incident did; tokens and programs do not.
                + access.refused classify core.identity.human not_a_person
            90003 classify inc-1 critical=yes share=12% by anna stale
                Conflict: Whether inc-1 is major is not known yet: reputation, downtime, member_states, data_loss, malicious_access, cost are missing.
            90004 classify inc-9 critical=no by anna
                NotFound: There is no incident inc-9.
            90005 notified inc-1 initial by anna
                Conflict: inc-1 is not classified as major, so there is nothing to report.
            90006 classify inc-1 aware=90001 critical=no by bob
                Caller: It was opened here at 1970-01-02 01:00 UTC, so somebody was aware of it by then.
            90007 classify inc-1 occurred=89999 aware=89998 critical=no by bob
                Caller: Nobody is aware of what has not occurred: say an earlier time of its occurrence.
            90008 classify inc-1 at=90009 critical=no by bob
                Caller: It cannot have been classified in the future.
            90009 classify inc-1 aware=89000 critical=yes share=12% reputation=yes by bob
                incident.classified at=90009000 aware=89000000 bob criteria={clients_share:1200,critical:true,reputation:true} inc-1 major=true occurred=89000000 passed=["clients","reputation"]
            90010 notified inc-1 intermediate by bob
                Conflict: The initial notification of inc-1 comes first.
            90011 notified inc-1 initial 90012 by bob
                Caller: It cannot have been sent in the future.
            90012 notified inc-1 initial 88999 by bob
                Caller: It cannot have been sent before 1970-01-02 00:43 UTC.
            100500 tick
            100600 tick
            104000 tick
                incident.limit_near due=104409000 inc-1 initial
            104001 notified inc-1 initial 104000 by bob
                incident.notified bob inc-1 52367a6622b19f08825e initial sent=104000000
            104002 notified inc-1 initial by bob
                Conflict: The initial notification of inc-1 was sent 1970-01-02 04:53 UTC.
            104003 notified inc-1 final by bob
                Conflict: An intermediate report of inc-1 comes first.
            290000 tick
                incident.limit_near due=363200000 inc-1 intermediate
            290001 notified inc-1 intermediate by anna
                incident.notified anna inc-1 52367a6622b19f08825e intermediate sent=290001000
            290002 notified inc-1 final 290000 by anna
                Caller: It cannot have been sent before 1970-01-04 08:33 UTC.
            290003 notified inc-1 final by anna
                incident.notified anna inc-1 52367a6622b19f08825e final sent=290003000
            290004 notified inc-1 intermediate by anna
                Conflict: The final report of inc-1 was sent.
            pay/production: rel-1 100 %
        "#]],
    );
}

#[test]
fn what_ends_a_limit_takes_a_reason_and_stays_in_the_history() {
    check(
        vec![production()],
        "~0 policy never bob by anna
        ~1 push main anna by anna
        ~2 go
        ~90000 report by anna
        ~90001 classify inc-1 critical=yes malicious=yes by anna
        90002 classify inc-1 malicious=no nothing-else by anna
        90003 classify inc-1 malicious=no nothing-else with-reason by anna
        90004 classify inc-1 at=90002 critical=no by anna
        200000 tick",
        expect![[r#"
            90002 classify inc-1 malicious=no nothing-else by anna
                Caller: What ends a limit, or moves it later, takes a reason.
            90003 classify inc-1 malicious=no nothing-else with-reason by anna
                incident.classified at=90003000 aware=90000000 anna criteria={amount_share:0,clients:0,clients_share:0,cost_eur:0,counterparts_share:0,critical:true,data_loss:false,downtime_seconds:0,malicious_access:false,member_states:[],relevant_clients:false,reputation:false,transactions_share:0} inc-1 major=false occurred=90000000 passed=[] 8fcfccf675b1f0bfd39d
            90004 classify inc-1 at=90002 critical=no by anna
                Caller: It was classified later than that already.
            200000 tick
            pay/production: rel-1 100 %
        "#]],
    );
}

#[test]
fn an_incident_that_nobody_classifies_has_an_alarm_before_its_day_is_over() {
    check(
        vec![production()],
        "~0 policy never bob by anna
        ~1 push main anna by anna
        ~2 go
        ~1000 report by anna
        83799 tick
        83800 tick
        83801 tick
        90000 tick",
        expect![[r#"
            83799 tick
            83800 tick
                incident.limit_near due=87400000 inc-1 classification
            83801 tick
            90000 tick
            pay/production: rel-1 100 %
        "#]],
    );
}

#[test]
fn incidents_that_recur_are_classified_as_one() {
    check(
        vec![production()],
        "~0 policy never bob by anna
        ~1 push main anna by anna
        ~2 go
        ~1000 report by anna
        ~2000 classify inc-1 critical=yes reputation=yes clients=60000 share=6% cause=disk nothing-else by anna
        2001 classify inc-1 recurring by anna
        ~500000 report by anna
        500001 classify inc-2 critical=yes share=6% clients=60000 recurring nothing-else by anna
        500002 classify inc-2 critical=yes share=6% clients=60000 cause=disk recurring nothing-else by anna
        500003 notified inc-2 initial by anna",
        expect![[r#"
            2001 classify inc-1 recurring by anna
                Conflict: inc-1 is the only one with the cause `disk` within six months.
            500001 classify inc-2 critical=yes share=6% clients=60000 recurring nothing-else by anna
                Caller: Incidents recur with the same cause, and none is named.
            500002 classify inc-2 critical=yes share=6% clients=60000 cause=disk recurring nothing-else by anna
                incident.classified at=500002000 aware=500000000 anna disk criteria={amount_share:0,clients:60000,clients_share:600,cost_eur:0,counterparts_share:0,critical:true,data_loss:false,downtime_seconds:0,malicious_access:false,member_states:[],relevant_clients:false,reputation:false,transactions_share:0} inc-2 major=true occurred=500000000 passed=["clients","reputation","duration"] with=["inc-1"]
            500003 notified inc-2 initial by anna
                incident.notified anna inc-2 52367a6622b19f08825e initial sent=500003000
            pay/production: rel-1 100 %
        "#]],
    );
}

#[test]
fn what_was_learnt_is_said_by_a_person_once_it_is_over() {
    check(
        vec![production()],
        "~0 policy never bob by anna
        ~1 push main anna by anna
        ~2 go
        ~1000 report by anna
        1001 look-back inc-1 by anna
        ~1002 close inc-1 by anna
        1003 look-back inc-1 by anna agent
        1004 look-back inc-1 by mallory
        1005 look-back inc-1 by anna
        1006 look-back inc-1 by bob
        1007 look-back inc-2 by bob",
        expect![[r#"
            1001 look-back inc-1 by anna
                Conflict: inc-1 is not closed, so there is nothing to look back at.
            1003 look-back inc-1 by anna agent
                Denied: Only a person says what an incident did; tokens and programs do not.
                + access.refused review core.identity.human not_a_person
            1004 look-back inc-1 by mallory
                Denied: To review an incident takes the role of a developer or an approver.
                + access.refused review missing_role
            1005 look-back inc-1 by anna
                incident.reviewed anna 8fcfccf675b1f0bfd39d inc-1
            1006 look-back inc-1 by bob
                incident.reviewed bob 8fcfccf675b1f0bfd39d inc-1
            1007 look-back inc-2 by bob
                NotFound: There is no incident inc-2.
            pay/production: rel-1 100 %
        "#]],
    );
}
