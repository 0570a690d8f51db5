//! Whether one program is slower than another, by measurements that were taken by turns on one
//! machine.
//!
//! Each pair of measurements, one of each program in an order drawn by lot, is a coin: it falls
//! *above* where the candidate took more than (1 + tolerance) times what the live one took. If the
//! candidate is not slower than that, no coin falls above more often than below, whatever the
//! machine does meanwhile and however the times are spread. So the two hypotheses *slower* and
//! *within the tolerance* are each held against a fair coin by an e-process (see the crate): the
//! mean of bets on coins that fall to one side with chance p, for several p, each pair multiplying
//! by 2p or 2(1 − p). The sign test (Arbuthnot 1710) made sequential; nothing is assumed of the
//! form of the noise.
//!
//! # Invariants
//!
//! - A pair that lies just at the tolerance speaks for neither.
//! - What was decided stays decided, however many pairs follow.

/// The chances of the coins that are bet on.
const CHANCES: [f64; 6] = [0.6, 0.7, 0.8, 0.9, 0.97, 0.999];

/// What measurements say of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// It is slower than the live one by more than the tolerance.
    Slower,
    /// It is not.
    Within,
    /// They do not say.
    Undecided,
}

/// How two programs are held against each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// How much more the candidate may take: 0.1 for a tenth.
    pub tolerance: f64,
    /// The greatest probability of calling one slower that is not.
    pub slower_alpha: f64,
    /// The greatest probability of calling one within the tolerance that is slower.
    pub within_alpha: f64,
}

/// Pairs of measurements of one metric, as they come in.
#[derive(Debug, Clone)]
pub struct Pairs {
    comparison: Comparison,
    slower: [f64; CHANCES.len()],
    within: [f64; CHANCES.len()],
    pace: Pace,
    ratios: Vec<f64>,
}

impl Pairs {
    /// Returns no pairs yet.
    pub fn new(comparison: Comparison) -> Self {
        let (slower, within) = ([1.0; CHANCES.len()], [1.0; CHANCES.len()]);
        Self { comparison, slower, within, pace: Pace::Undecided, ratios: Vec::new() }
    }

    /// Adds what each took, in the same unit, more being worse; both are above 0 and finite, or
    /// the pair says nothing.
    pub fn add(&mut self, candidate: f64, live: f64) {
        let ratio = candidate / live;
        if !(ratio.is_finite() && ratio > 0.0) {
            return;
        }
        self.ratios.push(ratio);
        let limit = 1.0 + self.comparison.tolerance;
        settle(&mut self.slower, ratio > limit);
        settle(&mut self.within, ratio < limit);
        if self.pace == Pace::Undecided {
            self.pace = if capital(&self.slower) >= 1.0 / self.comparison.slower_alpha {
                Pace::Slower
            } else if capital(&self.within) >= 1.0 / self.comparison.within_alpha {
                Pace::Within
            } else {
                Pace::Undecided
            };
        }
    }

    /// Returns what the pairs say so far.
    pub fn pace(&self) -> Pace {
        self.pace
    }

    /// Returns how many there are.
    pub fn count(&self) -> usize {
        self.ratios.len()
    }

    /// Returns the median of what the candidate took for 1 of the live one.
    pub fn median_ratio(&self) -> Option<f64> {
        median(&self.ratios)
    }
}

/// Returns the median: the middle one, or the mean of both in the middle.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let above = *sorted.get(middle)?;
    if sorted.len() % 2 == 1 {
        return Some(above);
    }
    Some((sorted[middle - 1] + above) / 2.0)
}

fn settle(bets: &mut [f64; CHANCES.len()], falls: bool) {
    for (bet, chance) in bets.iter_mut().zip(CHANCES) {
        *bet *= 2.0 * if falls { chance } else { 1.0 - chance };
    }
}

fn capital(bets: &[f64; CHANCES.len()]) -> f64 {
    bets.iter().sum::<f64>() / CHANCES.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coins::Coins;

    const USUAL: Comparison = Comparison { tolerance: 0.1, slower_alpha: 0.01, within_alpha: 0.05 };

    /// Returns what `runs` comparisons of at most `most` pairs say, where the candidate takes
    /// `ratio` times as long, on a machine whose load drifts and jumps.
    fn said(runs: u64, most: usize, ratio: f64, noise: f64) -> (usize, usize, f64) {
        let (mut slower, mut within, mut used) = (0, 0, 0);
        for seed in 0..runs {
            let mut coins = Coins::new(seed + 1);
            let mut pairs = Pairs::new(USUAL);
            let mut load = 1.0;
            for _ in 0..most {
                let mut take = |factor: f64, coins: &mut Coins| {
                    load *= 1.0 + 0.02 * (coins.unit() - 0.5);
                    if coins.unit() < 0.05 {
                        load = 1.0 + coins.unit();
                    }
                    let spike = if coins.unit() < 0.1 { 1.0 + 3.0 * coins.unit() } else { 1.0 };
                    10.0 * load * factor * spike * (1.0 + noise * (coins.unit() - 0.5))
                };
                let (candidate, live) = if coins.unit() < 0.5 {
                    let first = take(ratio, &mut coins);
                    (first, take(1.0, &mut coins))
                } else {
                    let first = take(1.0, &mut coins);
                    (take(ratio, &mut coins), first)
                };
                pairs.add(candidate, live);
                if pairs.pace() != Pace::Undecided {
                    break;
                }
            }
            used += pairs.count();
            match pairs.pace() {
                Pace::Slower => slower += 1,
                Pace::Within => within += 1,
                Pace::Undecided => {}
            }
        }
        (slower, within, used as f64 / runs as f64)
    }

    #[test]
    fn one_at_the_tolerance_is_called_slower_no_more_often_than_alpha() {
        let (slower, within, _) = said(4_000, 400, 1.1, 0.1);
        assert!(slower <= 40 + 19, "{slower} of 4000: three deviations over 1 %");
        assert!(within <= 200 + 42, "{within} of 4000: three deviations over 5 %");
    }

    #[test]
    fn thirty_pairs_tell_a_fifth_slower_from_as_fast() {
        let (slower, within, used) = said(1_000, 30, 1.2, 0.05);
        assert!(slower >= 930 && within <= 50, "{slower} slower, {within} within, {used} pairs");
        let (slower, within, used) = said(1_000, 30, 1.0, 0.05);
        assert!(within >= 930 && slower <= 10, "{slower} slower, {within} within, {used} pairs");
    }

    #[test]
    fn equal_programs_are_told_after_a_handful_of_pairs() {
        let mut pairs = Pairs::new(USUAL);
        for count in 1..=30 {
            pairs.add(10.0, 10.0);
            if pairs.pace() == Pace::Within {
                assert!(count <= 6, "{count}");
                return;
            }
        }
        panic!("{pairs:?}");
    }

    #[test]
    fn what_lies_at_the_tolerance_or_is_no_number_says_nothing() {
        let mut pairs = Pairs::new(Comparison { tolerance: 0.0, ..USUAL });
        for (candidate, live) in [(7.0, 7.0), (f64::NAN, 1.0), (1.0, 0.0), (0.0, 1.0), (-1.0, 1.0)]
        {
            for _ in 0..50 {
                pairs.add(candidate, live);
            }
        }
        assert_eq!((pairs.pace(), pairs.count()), (Pace::Undecided, 50));
    }

    #[test]
    fn over_all_falls_of_fair_coins_the_mean_capital_is_one() {
        let mut mean = 0.0;
        for falls in 0..256_u32 {
            let mut bets = [1.0; CHANCES.len()];
            for coin in 0..8 {
                settle(&mut bets, falls >> coin & 1 == 1);
            }
            mean += capital(&bets) / 256.0;
        }
        assert!((mean - 1.0).abs() < 1e-12, "{mean}");
    }

    #[test]
    fn a_decision_stays() {
        let mut pairs = Pairs::new(USUAL);
        (0..12).for_each(|_| pairs.add(2.0, 1.0));
        (0..99).for_each(|_| pairs.add(1.0, 1.0));
        assert_eq!(pairs.pace(), Pace::Slower);
    }
}
