//! Which release comes next, and where: one in so many is bad, in a random known way.

use std::time::Duration;

use super::history::{End, History};
use super::variants::Kind;

/// The shortest proof in which a release is tried that becomes bad late.
const LONG: Duration = Duration::from_secs(20 * 60);
/// The shortest proof in which those are tried that take minutes, or are not seen.
const MEDIUM: Duration = Duration::from_secs(5 * 60);

/// Returns how long a release that went live keeps its service, for what is live to be watched.
fn kept(kind: Kind) -> Duration {
    Duration::from_secs(match kind {
        Kind::Late => 15 * 60,
        Kind::Crashes => 4 * 60,
        Kind::Good => 0,
        Kind::Fails
        | Kind::FailsOften
        | Kind::Slow
        | Kind::Leaks
        | Kind::Start
        | Kind::Lies
        | Kind::OneKind => 60,
    })
}

/// Chance, dealt as from packs of cards: of each pack one is bad, and every bad kind has its turn.
pub struct Plan {
    dice: fastrand::Rng,
    pack: Vec<bool>,
    kinds: Vec<Kind>,
    bad_one_in: usize,
    /// The kinds that are tried, each in its turn.
    fit: Vec<Kind>,
}

impl Plan {
    /// Returns a plan for a proof that lasts so long; of `kinds` those are tried that fit into it.
    pub fn new(seed: u64, bad_one_in: usize, kinds: &[Kind], lasts: Duration) -> Self {
        let dice = fastrand::Rng::with_seed(seed);
        let fits = |kind: &Kind| match kind {
            Kind::Late => lasts >= LONG,
            Kind::Crashes | Kind::Slow | Kind::Leaks => lasts >= MEDIUM,
            _quick => true,
        };
        let fit = kinds.iter().copied().filter(fits).collect();
        Self { dice, pack: Vec::new(), kinds: Vec::new(), bad_one_in, fit }
    }

    /// Returns where something can be released now. A service whose customers have a bad release
    /// comes first: a good one is its repair.
    pub fn place(&mut self, history: &History, services: usize, now_ms: i64) -> Option<usize> {
        let is_kept = |place: usize| {
            history.live(place).is_some_and(|live| {
                let since = live.live_ms.unwrap_or(now_ms);
                let kept = kept(live.pushed.kind).as_millis();
                i64::try_from(kept).is_ok_and(|kept| now_ms - since < kept)
            })
        };
        let is_free = |place: &usize| history.open(*place).is_none() && !is_kept(*place);
        let free: Vec<usize> = (0..services).filter(is_free).collect();
        let ill = free.iter().copied().find(|place| needs_repair(history, *place));
        ill.or_else(|| self.dice.choice(free))
    }

    /// Returns how the next release at this place is, with so much time left.
    pub fn kind(&mut self, history: &History, place: usize, left: Duration) -> Kind {
        if needs_repair(history, place) {
            return Kind::Good;
        }
        if self.pack.is_empty() {
            self.pack = (0..self.bad_one_in).map(|card| card == 0).collect();
            self.dice.shuffle(&mut self.pack);
        }
        match self.pack.pop() {
            Some(true) => self.bad(left),
            Some(false) | None => Kind::Good,
        }
    }

    fn bad(&mut self, left: Duration) -> Kind {
        if self.kinds.is_empty() {
            self.kinds.clone_from(&self.fit);
            self.dice.shuffle(&mut self.kinds);
        }
        let late_fits = left > kept(Kind::Late) + Duration::from_secs(120);
        let next = self.kinds.iter().rposition(|kind| *kind != Kind::Late || late_fits);
        next.map_or(Kind::Good, |next| self.kinds.remove(next))
    }
}

/// Returns whether the customers of a service have a bad release.
fn needs_repair(history: &History, place: usize) -> bool {
    let live = history.live(place);
    live.is_some_and(|live| live.pushed.kind != Kind::Good && live.end == Some(End::Live))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_five_is_bad_and_every_kind_has_its_turn() {
        let history = History::default();
        let hour = Duration::from_secs(3_600);
        let mut plan = Plan::new(7, 5, &Kind::BAD, hour);
        let kinds: Vec<Kind> = (0..45).map(|_| plan.kind(&history, 0, hour)).collect();
        for pack in kinds.chunks(5) {
            assert_eq!(pack.iter().filter(|kind| **kind != Kind::Good).count(), 1);
        }
        let mut bad: Vec<Kind> = kinds.into_iter().filter(|kind| *kind != Kind::Good).collect();
        bad.sort();
        assert_eq!(bad, Kind::BAD);
    }

    #[test]
    fn a_late_one_comes_only_where_there_is_time_for_it() {
        let history = History::default();
        let mut plan = Plan::new(7, 1, &Kind::BAD, Duration::from_secs(3_600));
        let left = Duration::from_secs(600);
        let kinds: Vec<Kind> = (0..8).map(|_| plan.kind(&history, 0, left)).collect();
        assert!(!kinds.contains(&Kind::Late));
        let mut plan = Plan::new(7, 1, &Kind::BAD, Duration::from_secs(120));
        assert!((0..20).all(|_| plan.kind(&history, 0, left).excused().is_none()));
        let mut plan = Plan::new(7, 1, &[Kind::Late], Duration::from_secs(120));
        assert_eq!(plan.kind(&history, 0, left), Kind::Good, "nothing bad fits");
    }
}
