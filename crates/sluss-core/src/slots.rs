//! Who must agree: rules of slots, each to be filled by a distinct person of a group.
//!
//! # Invariants
//!
//! - All rules that match hold together; they are never merged into one with the highest count.
//! - An approval is not tied to a group when it is given: who fills which slot is found by a
//!   bipartite matching when it is looked at, so that overlapping groups never block one another.
//! - A person fills at most one slot of a rule, and at most one of all rules that are `exclusive`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::ids::{EnvironmentName, GroupName, PersonRef, ServiceName};
use crate::profile::Profile;

/// The members of each group.
pub type Groups = BTreeMap<GroupName, BTreeSet<PersonRef>>;

/// Who must agree to releases of some services into some environments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// To which services it applies; none means all.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub services: BTreeSet<ServiceName>,
    /// To which environments it applies; none means all that stay.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub environments: BTreeSet<EnvironmentName>,
    /// How many people of each group must agree.
    #[serde(default)]
    pub slots: BTreeMap<GroupName, u8>,
    /// Whether who fills a slot here fills none of another such rule.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exclusive: bool,
    /// Whether each of them signs with a key of their own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_key: bool,
    /// What a supervisor's text asks beyond that of who agrees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
}

impl Rule {
    /// Returns the rule that asks for one person of `group`, everywhere.
    pub fn one_of(group: GroupName) -> Self {
        Self {
            services: BTreeSet::new(),
            environments: BTreeSet::new(),
            slots: BTreeMap::from([(group, 1)]),
            exclusive: false,
            by_key: false,
            profile: None,
        }
    }

    /// Returns whether it applies to `service` in `environment`.
    pub fn covers(&self, service: &ServiceName, environment: &EnvironmentName) -> bool {
        (self.services.is_empty() || self.services.contains(service))
            && (self.environments.is_empty() || self.environments.contains(environment))
    }
}

/// A slot: the rule that has it, and whose it is.
type Slot<'a> = (&'a Rule, &'a GroupName);
/// Whether somebody who is in a group may fill its slot of a rule.
pub type Admits<'a> = &'a dyn Fn(&Rule, &GroupName, &PersonRef) -> bool;

/// Returns the groups whose slots stay empty when each of `people` agrees, each once a slot; none
/// when all rules hold.
pub fn unfilled(rules: &[Rule], groups: &Groups, people: &BTreeSet<PersonRef>) -> Vec<GroupName> {
    unfilled_where(rules, groups, people, &|_rule, _group, _who| true)
}

/// Returns the same where not every member of a group may fill its slots.
pub fn unfilled_where(
    rules: &[Rule],
    groups: &Groups,
    people: &BTreeSet<PersonRef>,
    admits: Admits<'_>,
) -> Vec<GroupName> {
    let people: Vec<&PersonRef> = people.iter().collect();
    let may = |(rule, group): Slot<'_>, who: &PersonRef| {
        groups.get(group).is_some_and(|members| members.contains(who)) && admits(rule, group, who)
    };
    let (together, apart): (Vec<&Rule>, Vec<&Rule>) = rules.iter().partition(|rule| rule.exclusive);
    let joint: Vec<Slot<'_>> = together.iter().flat_map(|rule| slots_of(rule)).collect();
    let mut empty = match_up(&joint, &may, &people);
    for rule in apart {
        let slots: Vec<Slot<'_>> = slots_of(rule).collect();
        empty.extend(match_up(&slots, &may, &people));
    }
    empty
}

fn slots_of(rule: &Rule) -> impl Iterator<Item = Slot<'_>> {
    let slots = rule.slots.iter();
    slots.flat_map(move |(group, count)| std::iter::repeat_n((rule, group), usize::from(*count)))
}

/// Fills as many of `slots` as can be filled, each by another person, and returns the rest: a
/// maximum matching by augmenting paths.
fn match_up(
    slots: &[Slot<'_>],
    may: &impl Fn(Slot<'_>, &PersonRef) -> bool,
    people: &[&PersonRef],
) -> Vec<GroupName> {
    // Whose slot each person fills.
    let mut fills: Vec<Option<usize>> = vec![None; people.len()];
    let may = |slot: usize, person: usize| may(slots[slot], people[person]);
    let mut empty = Vec::new();
    for (slot, (_, group)) in slots.iter().enumerate() {
        let mut seen = vec![false; people.len()];
        if !augment(slot, &may, &mut fills, &mut seen) {
            empty.push((*group).clone());
        }
    }
    empty
}

fn augment(
    slot: usize,
    may: &impl Fn(usize, usize) -> bool,
    fills: &mut [Option<usize>],
    seen: &mut [bool],
) -> bool {
    for person in 0..fills.len() {
        if seen[person] || !may(slot, person) {
            continue;
        }
        seen[person] = true;
        let free = match fills[person] {
            None => true,
            Some(other) => augment(other, may, fills, seen),
        };
        if free {
            fills[person] = Some(slot);
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn person(number: u8) -> PersonRef {
        PersonRef::derive(&[7; 32], &format!("p{number}"))
    }

    fn group(number: u8) -> GroupName {
        format!("g{number}").parse().unwrap()
    }

    fn rule(slots: &[(u8, u8)], exclusive: bool) -> Rule {
        let slots = slots.iter().map(|(name, count)| (group(*name), *count)).collect();
        Rule { slots, exclusive, ..Rule::one_of(group(0)) }
    }

    /// Tries every way to put people into slots.
    fn can_fill(slots: &[GroupName], groups: &Groups, people: &[PersonRef]) -> bool {
        let Some((first, rest)) = slots.split_first() else { return true };
        people.iter().enumerate().any(|(at, one)| {
            let mut others = people.to_vec();
            others.remove(at);
            groups.get(first).is_some_and(|group| group.contains(one))
                && can_fill(rest, groups, &others)
        })
    }

    #[test]
    fn one_of_two_groups_each_is_not_any_two() {
        let groups = Groups::from([
            (group(1), [person(1), person(2)].into()),
            (group(2), [person(3)].into()),
        ]);
        let rules = [rule(&[(1, 1), (2, 1)], false)];
        assert_eq!(unfilled(&rules, &groups, &[person(1), person(2)].into()), [group(2)]);
        assert!(unfilled(&rules, &groups, &[person(2), person(3)].into()).is_empty());
    }

    #[test]
    fn who_is_in_both_groups_never_blocks_whoever_is_in_one() {
        let groups = Groups::from([
            (group(1), [person(1), person(2)].into()),
            (group(2), [person(1)].into()),
        ]);
        let rules = [rule(&[(1, 1), (2, 1)], false)];
        assert!(unfilled(&rules, &groups, &[person(1), person(2)].into()).is_empty());
        assert_eq!(unfilled(&rules, &groups, &[person(1)].into()).len(), 1);
    }

    #[test]
    fn one_person_fills_slots_of_two_rules_unless_these_are_exclusive() {
        let groups = Groups::from([(group(1), [person(1)].into()), (group(2), [person(1)].into())]);
        let both = |exclusive| [rule(&[(1, 1)], exclusive), rule(&[(2, 1)], exclusive)];
        assert!(unfilled(&both(false), &groups, &[person(1)].into()).is_empty());
        assert_eq!(unfilled(&both(true), &groups, &[person(1)].into()).len(), 1);
    }

    /// Whether all of `rules` can hold: those that are exclusive together, each other one alone.
    fn can_hold(rules: &[Rule], groups: &Groups, people: &[PersonRef]) -> bool {
        let names = |rule: &Rule| slots_of(rule).map(|(_, group)| group.clone()).collect();
        let joint: Vec<GroupName> =
            rules.iter().filter(|of| of.exclusive).flat_map(names).collect();
        let mut apart = rules.iter().filter(|rule| !rule.exclusive);
        let names: &dyn Fn(&Rule) -> Vec<GroupName> = &names;
        can_fill(&joint, groups, people) && apart.all(|of| can_fill(&names(of), groups, people))
    }

    #[test]
    fn overlapping_groups_and_exclusive_rules_agree_with_trying_everything() {
        let chosen = |bits: u8| -> BTreeSet<PersonRef> {
            (0..3).filter(|number| bits >> number & 1 == 1).map(person).collect()
        };
        // Two rules over two groups of three people: every membership, every number of slots from
        // none to two, every choice of exclusive rules, everyone who may have agreed.
        let mut told_apart = 0;
        for members in 0..64_u8 {
            let groups =
                Groups::from([(group(1), chosen(members)), (group(2), chosen(members >> 3))]);
            for counts in 0..36_u8 {
                let slots = |one: u8, two: u8| [(1, one), (2, two)];
                let first = slots(counts % 3, counts / 3 % 3);
                let second = slots(counts / 9 % 2, counts / 18);
                for agreed in 0..8 {
                    let (agreed, mut held) = (chosen(agreed), BTreeSet::new());
                    let people: Vec<PersonRef> = agreed.iter().cloned().collect();
                    for exclusive in 0..4 {
                        let rules =
                            [rule(&first, exclusive & 1 == 1), rule(&second, exclusive & 2 == 2)];
                        let holds = unfilled(&rules, &groups, &agreed).is_empty();
                        let said = format!("{groups:?} {rules:?} {agreed:?}");
                        assert_eq!(holds, can_hold(&rules, &groups, &people), "{said}");
                        held.insert(holds);
                    }
                    told_apart += usize::from(held.len() == 2);
                }
            }
        }
        assert!(told_apart > 100, "exclusive rules ask for more: {told_apart}");
    }

    #[test]
    fn a_group_that_nobody_is_in_is_named() {
        let rules = [rule(&[(9, 1)], false)];
        assert_eq!(unfilled(&rules, &Groups::new(), &[person(1)].into()), [group(9)]);
    }

    proptest! {
        #[test]
        fn the_matching_agrees_with_trying_everything(
            members in prop::collection::vec(prop::collection::vec(any::<bool>(), 5), 3),
            counts in prop::collection::vec(0_u8..3, 3),
            there in prop::collection::vec(any::<bool>(), 5),
        ) {
            let people = |flags: &[bool]| -> BTreeSet<PersonRef> {
                let chosen = flags.iter().zip(0_u8..).filter(|(flag, _)| **flag);
                chosen.map(|(_, number)| person(number)).collect()
            };
            let groups: Groups =
                members.iter().zip(0_u8..).map(|(of, name)| (group(name), people(of))).collect();
            let slots: Vec<(u8, u8)> = (0_u8..).zip(counts).collect();
            let rules = [rule(&slots, false)];
            let agreeing = people(&there);
            let all: Vec<GroupName> = slots_of(&rules[0]).map(|(_, group)| group.clone()).collect();
            let people: Vec<PersonRef> = agreeing.iter().cloned().collect();
            let filled = unfilled(&rules, &groups, &agreeing).is_empty();
            prop_assert_eq!(filled, can_fill(&all, &groups, &people));
        }
    }
}
