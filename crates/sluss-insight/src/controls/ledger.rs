//! The ledger of controls: every item that a control speaks of, and every day, as the log tells of
//! them. It is a fold over entries, each taken once and in order; periods are looked up in it.
//!
//! # Invariants
//!
//! - Nothing here is known that the log does not say, and the same entries give the same answers.
//! - An item belongs to the period in which it began. What happened to it later counts for it, so
//!   that an answer is one as of a size of the log.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use sluss_core::event::Event;
use sluss_core::ids::{Digest, ExceptionId, PersonRef};
use sluss_core::population;
use sluss_core::silence::SILENCE_MS;
use sluss_core::units::Millis;

use super::deliveries::Deliveries;
use super::fact::{Fact, Seen};
use super::governance::Governance;
use super::mark::{Kind, Mark};

/// Milliseconds of a day.
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Something that a control speaks of each of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its id, like `dep-7`.
    pub id: String,
    /// The entry in which it began; a day has none.
    pub leaf: Option<u64>,
    /// When it began.
    pub at: Millis,
    /// What it has, and which entry says so; of a day, no entry may.
    pub has: BTreeMap<Mark, Option<u64>>,
    /// The exceptions that let it through.
    pub through: Vec<ExceptionId>,
    /// What else is said of it, if anything.
    pub note: String,
}

impl Item {
    pub(super) fn new(id: String, leaf: u64, at: Millis) -> Self {
        Self {
            id,
            leaf: Some(leaf),
            at,
            has: BTreeMap::new(),
            through: Vec::new(),
            note: String::new(),
        }
    }

    /// Notes that it has this; the first entry that says so counts.
    pub(super) fn mark(&mut self, mark: Mark, leaf: u64) {
        self.has.entry(mark).or_insert(Some(leaf));
    }
}

/// Items by kind, each kind in the order of the log.
#[derive(Debug, Clone, Default)]
pub(super) struct Items(BTreeMap<Kind, Vec<Item>>);

impl Items {
    /// Adds one, and returns its place among those of its kind.
    pub(super) fn add(&mut self, kind: Kind, item: Item) -> usize {
        let all = self.0.entry(kind).or_default();
        all.push(item);
        all.len() - 1
    }

    /// Notes that an item has `mark`, by which its kind is known.
    pub(super) fn mark(&mut self, place: usize, mark: Mark, leaf: u64) {
        let all = self.0.get_mut(&mark.kind());
        if let Some(item) = all.and_then(|all| all.get_mut(place)) {
            item.mark(mark, leaf);
        }
    }

    fn within(&self, kind: Kind, from: Millis, to: Millis) -> &[Item] {
        let all = self.0.get(&kind).map_or(&[][..], Vec::as_slice);
        let begins = all.partition_point(|item| item.at < from);
        let ends = all.partition_point(|item| item.at < to);
        all.get(begins..ends).unwrap_or(&[])
    }
}

/// Why a control is taken not to apply, and who agreed to that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotApplicable {
    /// The digest of the reason's text.
    pub reason: Digest,
    /// The number of the configuration that says so first.
    pub configuration: u64,
    /// The entry in which that was activated.
    pub leaf: u64,
    /// Who agreed to it, and is none of its authors. Where nobody did, it counts for nothing.
    pub approvers: BTreeSet<PersonRef>,
}

#[derive(Debug, Clone, Default)]
struct Day {
    entries: u64,
    seen: BTreeMap<Fact, Seen>,
    sealed: Option<u64>,
}

/// What the log tells, as far as controls ask.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// The position of the next entry.
    next: u64,
    last: Option<Millis>,
    days: BTreeMap<i64, Day>,
    silent: BTreeSet<i64>,
    /// The first day under a configuration, and the entry that activated it.
    governed: Option<(i64, u64)>,
    items: Items,
    deliveries: Deliveries,
    governance: Governance,
}

impl Ledger {
    /// Returns the position of the entry that it takes next.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Takes the entry at `position`. What it has taken already it leaves.
    pub fn take(&mut self, position: u64, time: Millis, event: &Event) {
        if position < self.next {
            return;
        }
        self.next = position + 1;
        self.note_day(position, time, event);
        let delivered = self.deliveries.take(&mut self.items, position, time, event);
        let governed = self.governance.take(&mut self.items, position, time, event);
        for fact in governed.into_iter().chain(delivered) {
            self.count(fact, position, time);
        }
    }

    fn count(&mut self, fact: Fact, position: u64, time: Millis) {
        let seen = &mut self.days.entry(population::day(time)).or_default().seen;
        let once = Seen::once(fact, position);
        seen.entry(fact).and_modify(|all| *all = all.and(once)).or_insert(once);
    }

    fn note_day(&mut self, position: u64, time: Millis, event: &Event) {
        let today = population::day(time);
        if let Some(last) = self.last.filter(|last| time.since(*last) > SILENCE_MS) {
            self.silent.extend(population::day(last)..=today);
        }
        self.last = Some(time);
        self.days.entry(today).or_default().entries += 1;
        for fact in Fact::of(event) {
            self.count(*fact, position, time);
        }
        match event {
            Event::PopulationSealed(_) => {
                let day = self.days.entry(today).or_default();
                day.sealed = day.sealed.or(Some(position));
            }
            Event::ConfigActivated { .. } => {
                self.governed = self.governed.or(Some((today, position)));
            }
            _says_nothing_of_a_day => {}
        }
    }

    /// Returns how many entries a period has.
    pub(super) fn entries(&self, from: Millis, to: Millis) -> u64 {
        self.between(from, to).map(|(_, day)| day.entries).sum()
    }

    /// Returns how often something happened in a period, if it did.
    pub(super) fn seen(&self, fact: Fact, from: Millis, to: Millis) -> Option<Seen> {
        self.between(from, to).filter_map(|(_, day)| day.seen.get(&fact).copied()).reduce(Seen::and)
    }

    /// Returns the items of a kind that began in a period, as far as `mark` can be asked of them.
    pub(super) fn each(&self, mark: Mark, from: Millis, to: Millis) -> Cow<'_, [Item]> {
        match mark.kind() {
            Kind::Day => Cow::Owned(self.days_for(mark, from, to)),
            kind => Cow::Borrowed(self.items.within(kind, from, to)),
        }
    }

    /// Returns why a control of this name did not apply at the end of a period, if that was said.
    pub(super) fn not_applicable(&self, name: &str, to: Millis) -> Option<&NotApplicable> {
        self.governance.not_applicable(name, to)
    }

    /// Returns the names of all controls that were taken not to apply at the end of a period.
    pub fn exempt(&self, to: Millis) -> Vec<&str> {
        self.governance.exempt(to)
    }

    /// Returns the days of a period, which is one of whole days.
    fn between(&self, from: Millis, to: Millis) -> impl Iterator<Item = (&i64, &Day)> {
        let first = population::day(from);
        // The first millisecond after it is of a day that is not in it.
        let ends = population::day(to.plus(-1)).saturating_add(1).max(first);
        self.days.range(first..ends)
    }

    /// Returns the days of a period that are over, and the last one if it has `mark` already. Of
    /// seals the first day is left out: what happened on it is sealed on the next one.
    fn days_for(&self, mark: Mark, from: Millis, to: Millis) -> Vec<Item> {
        let (Some(first), Some(last)) = (self.days.keys().next(), self.days.keys().next_back())
        else {
            return Vec::new();
        };
        let first = if mark == Mark::DaySealed { *first + 1 } else { *first };
        let begins = first.max(population::day(from));
        let ends = (*last).min(population::day(to.plus(-1)));
        let day = |number: i64| {
            let has = self.day_has(number, mark);
            let at = Millis(number.saturating_mul(DAY_MS));
            let date: String = at.utc_minute().chars().take(10).collect();
            let has: BTreeMap<_, _> = has.map(|leaf| (mark, leaf)).into_iter().collect();
            Item { id: date, leaf: None, at, has, through: Vec::new(), note: String::new() }
        };
        let all = (begins..=ends).map(day);
        all.filter(|item| !item.has.is_empty() || population::day(item.at) < *last).collect()
    }

    /// Returns the entry that says that a day has `mark`, if any has to.
    fn day_has(&self, number: i64, mark: Mark) -> Option<Option<u64>> {
        let day = self.days.get(&number);
        match mark {
            Mark::NeverSilent => (day.is_some() && !self.silent.contains(&number)).then_some(None),
            Mark::DayWitnessed => Some(Some(day?.seen.get(&Fact::Witnessed)?.first)),
            Mark::DaySealed => Some(Some(day?.sealed?)),
            Mark::Governed => {
                self.governed.filter(|(since, _)| *since <= number).map(|(_, leaf)| Some(leaf))
            }
            _of_no_day => None,
        }
    }
}
