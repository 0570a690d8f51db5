//! Seals tile the log, and a seal that is not true is named.

use proptest::prelude::*;

use super::*;
use crate::tree::MemoryTree;

fn hash(index: u64) -> Hash {
    Hash::leaf(&index.to_be_bytes())
}

fn counts(environment: &str, counted: Counted) -> PopulationFact {
    PopulationFact::Counts { environment: environment.to_owned(), counted }
}

/// Takes `facts` as the next leaves.
fn take(populations: &mut Populations, facts: impl IntoIterator<Item = PopulationFact>) {
    for fact in facts {
        let index = populations.size();
        populations.take(index, hash(index), fact).unwrap();
    }
}

fn day() -> [PopulationFact; 7] {
    [
        counts("production", Counted::Deployment(DeploymentWay::Normal)),
        counts("production", Counted::Refused),
        PopulationFact::Nothing,
        counts("staging", Counted::Deployment(DeploymentWay::Normal)),
        counts("production", Counted::Deployment(DeploymentWay::Emergency)),
        counts("production", Counted::Rollback),
        counts("production", Counted::Deployment(DeploymentWay::Standard)),
    ]
}

#[test]
fn a_seal_counts_by_kind_and_commits_to_the_events() {
    let mut populations = Populations::new();
    take(&mut populations, day());
    let seal = populations.seal("production").unwrap();
    let leaves: MemoryTree = [0, 1, 4, 5, 6].into_iter().map(hash).collect();
    assert_eq!(
        seal,
        PopulationSeal {
            environment: "production".to_owned(),
            from_leaf: 0,
            to_leaf: 7,
            deployments: 3,
            refused: 1,
            rollbacks: 1,
            emergency: 1,
            standard: 1,
            standard_told: true,
            head: hash(6),
            merkle_root: leaves.frontier().root(),
        }
    );
    assert_eq!(seal.events(), 5);
    assert_eq!(populations.seal("staging").unwrap().events(), 1);
    let json = serde_json::to_string(&seal).unwrap();
    assert!(json.starts_with(r#"{"env":"production","from_leaf":0,"to_leaf":7,"deploys":3,"#));
    assert_eq!(serde_json::from_str::<PopulationSeal>(&json).unwrap(), seal);
}

#[test]
fn a_late_event_is_counted_once_in_the_range_in_which_it_was_logged() {
    let mut populations = Populations::new();
    take(&mut populations, day());
    let first = populations.seal("production").unwrap();
    // It is logged before the seal that does not count it.
    take(&mut populations, [counts("production", Counted::Refused), PopulationFact::Seal(first)]);
    assert_eq!(populations.sealed_until("production"), 7);
    let second = populations.seal("production").unwrap();
    assert_eq!((second.from_leaf, second.to_leaf, second.refused, second.events()), (7, 9, 1, 1));
    take(&mut populations, [PopulationFact::Seal(second)]);
    assert_eq!(populations.seal("production").unwrap().events(), 0);
    assert_eq!(populations.sealed_until("staging"), 0);
}

#[test]
fn an_empty_day_is_sealed_too() {
    let mut populations = Populations::new();
    assert_eq!(populations.seal("production"), None);
    take(&mut populations, [PopulationFact::Nothing]);
    let seal = populations.seal("production").unwrap();
    assert_eq!((seal.events(), seal.head), (0, Hash::ZERO));
    assert_eq!(seal.merkle_root, Hash::empty_root());
    take(&mut populations, [PopulationFact::Seal(seal)]);
    // The seal itself is a leaf, so there is always something to seal.
    assert_eq!(populations.seal("production").unwrap().from_leaf, 1);
    assert_eq!(populations.environments().collect::<Vec<_>>(), ["production"]);
}

#[test]
fn gaps_overlaps_and_ranges_that_cannot_be_are_named() {
    let mut populations = Populations::new();
    take(&mut populations, day());
    let good = populations.seal("production").unwrap();
    let events = || {
        [0, 1, 4, 5, 6].into_iter().zip([
            Counted::Deployment(DeploymentWay::Normal),
            Counted::Refused,
            Counted::Deployment(DeploymentWay::Emergency),
            Counted::Rollback,
            Counted::Deployment(DeploymentWay::Standard),
        ])
    };
    let counted = |leaves: Range<u64>| {
        let events = events().map(|(at, counted)| (at, hash(at), counted));
        PopulationSeal::count("production", leaves, events)
    };
    let mut refused = |seal: PopulationSeal| {
        let before = populations.size();
        let fault = populations.take(before, hash(before), PopulationFact::Seal(seal)).unwrap_err();
        assert_eq!((populations.size(), populations.sealed_until("production")), (before, 0));
        fault
    };
    assert!(matches!(refused(counted(1..7)), SealFault::Gap { index: 7, from: 0, until: 1, .. }));
    assert!(matches!(refused(counted(0..8)), SealFault::Range { to: 8, .. }));
    assert!(matches!(refused(counted(0..0)), SealFault::Range { .. }));
    let spoilt = |spoil: fn(&mut PopulationSeal)| {
        let mut seal = good.clone();
        spoil(&mut seal);
        seal
    };
    for bad in [
        spoilt(|seal| seal.deployments -= 1),
        spoilt(|seal| seal.refused = 0),
        spoilt(|seal| seal.rollbacks += 1),
        spoilt(|seal| seal.emergency = 0),
        spoilt(|seal| seal.standard = u64::MAX),
        spoilt(|seal| seal.head = Hash::ZERO),
        spoilt(|seal| seal.merkle_root = Hash::ZERO),
    ] {
        assert!(matches!(refused(bad), SealFault::Miscounted { index: 7, .. }));
    }
    populations.take(7, hash(7), PopulationFact::Seal(good)).unwrap();
    let again = populations.take(8, hash(8), PopulationFact::Seal(counted(0..7))).unwrap_err();
    assert!(matches!(again, SealFault::Overlap { index: 8, from: 0, until: 7, .. }));
    let skipped = populations.take(9, hash(9), PopulationFact::Nothing);
    assert_eq!(skipped, Err(SealFault::Order { expected: 8, found: 9 }));
}

#[test]
fn a_deleted_event_makes_every_later_seal_untrue() {
    let mut populations = Populations::new();
    take(&mut populations, day());
    let seal = populations.seal("production").unwrap();
    let mut without = Populations::new();
    take(&mut without, day().into_iter().skip(1).chain([PopulationFact::Nothing]));
    let fault = without.take(7, hash(7), PopulationFact::Seal(seal)).unwrap_err();
    assert!(matches!(fault, SealFault::Miscounted { .. }), "{fault}");
}

fn fact() -> impl Strategy<Value = Option<PopulationFact>> {
    let environment = prop_oneof![Just("production"), Just("staging")];
    let counted = prop_oneof![
        Just(Counted::Deployment(DeploymentWay::Normal)),
        Just(Counted::Deployment(DeploymentWay::Standard)),
        Just(Counted::Deployment(DeploymentWay::Emergency)),
        Just(Counted::Refused),
        Just(Counted::Rollback),
    ];
    let counts = (environment, counted).prop_map(|(name, counted)| Some(counts(name, counted)));
    // None stands for a seal.
    prop_oneof![4 => counts, 2 => Just(Some(PopulationFact::Nothing)), 1 => Just(None)]
}

proptest! {
    /// Whenever seals are made, with whatever between making and appending them, their counts
    /// add up to those of the log, and each counted event is in one of them.
    #[test]
    fn seals_add_up_to_the_log(facts in prop::collection::vec(fact(), 0..80), late in 0_usize..3) {
        let mut populations = Populations::new();
        let mut events = Vec::new();
        let mut sealed: Vec<PopulationSeal> = Vec::new();
        let mut waiting: Option<(usize, PopulationSeal)> = None;
        for fact in facts.into_iter().chain([None]).chain((0..4).map(|_| Some(PopulationFact::Nothing))) {
            let index = populations.size();
            match waiting.take() {
                Some((0, seal)) => {
                    sealed.push(seal.clone());
                    populations.take(index, hash(index), PopulationFact::Seal(seal)).unwrap();
                    continue;
                }
                Some((more, seal)) => waiting = Some((more - 1, seal)),
                None => {}
            }
            match fact {
                Some(fact) => {
                    if let PopulationFact::Counts { environment, counted } = &fact
                        && environment == "production"
                    {
                        events.push((index, hash(index), *counted));
                    }
                    populations.take(index, hash(index), fact).unwrap();
                }
                None if waiting.is_none() => {
                    waiting = populations.seal("production").map(|seal| (late, seal));
                }
                None => {}
            }
        }
        let until = populations.sealed_until("production");
        let whole = PopulationSeal::count("production", 0..until, events.iter().copied());
        prop_assert_eq!(sealed.iter().map(|seal| seal.events()).sum::<u64>(), whole.events());
        let refused = sealed.iter().map(|seal| seal.refused).sum::<u64>();
        prop_assert_eq!(refused, whole.refused);
        let mut next = 0;
        for seal in &sealed {
            prop_assert_eq!(seal.from_leaf, next);
            next = seal.to_leaf;
            let range = seal.from_leaf..seal.to_leaf;
            let again = PopulationSeal::count("production", range, events.iter().copied());
            prop_assert_eq!(&again, seal);
        }
        prop_assert_eq!(next, until);
    }
}

#[test]
fn a_seal_of_before_counts_standard_changes_as_normal_ones_and_none_does_so_afterwards() {
    let mut populations = Populations::new();
    take(&mut populations, day());
    let mut former = populations.seal("production").unwrap();
    former.standard_told = false;
    let still_told = populations.take(7, hash(7), PopulationFact::Seal(former.clone()));
    assert!(matches!(still_told, Err(SealFault::Miscounted { .. })), "{still_told:?}");
    former.standard = 0;
    let json = serde_json::to_string(&former).unwrap();
    assert!(!json.contains("standard_told"), "as it was written before: {json}");
    take(&mut populations, [PopulationFact::Seal(serde_json::from_str(&json).unwrap())]);

    take(&mut populations, day());
    let present = populations.seal("production").unwrap();
    assert_eq!((present.standard, present.standard_told), (1, true));
    take(&mut populations, [PopulationFact::Seal(present)]);

    take(&mut populations, day());
    let mut silent = populations.seal("production").unwrap();
    (silent.standard, silent.standard_told) = (0, false);
    let index = populations.size();
    let refused = populations.take(index, hash(index), PopulationFact::Seal(silent));
    assert!(matches!(refused, Err(SealFault::Miscounted { .. })), "{refused:?}");
}
