//! Coins of a fixed seed (Marsaglia's xorshift64*), so that equal inputs give equal outputs.

/// A sequence of coins.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Coins(u64);

/// Events above which a number of kept ones is drawn from the normal law.
const EXACT_MOST: u64 = 10_000;

impl Coins {
    /// Returns the coins of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        let mut coins = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        for _ in 0..8 {
            coins.unit();
        }
        coins
    }

    /// Returns a number from 0 to 1, without 1.
    pub(crate) fn unit(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let bits = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D);
        (bits >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Returns how many of `count` events are kept, each with this chance.
    pub(crate) fn keep(&mut self, count: u64, chance: f64) -> u64 {
        if count <= EXACT_MOST {
            return (0..count).map(|_| u64::from(self.unit() < chance)).sum();
        }
        let unit = self.unit().max(1e-12);
        let mean = count as f64 * chance;
        let spread = libm::sqrt(mean * (1.0 - chance)) * crate::normal::quantile(unit);
        (libm::round(mean + spread).max(0.0) as u64).min(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn about_the_right_part_is_kept() {
        let mut coins = Coins::new(1);
        for count in [9_000, 90_000] {
            let kept = coins.keep(count, 0.3) as f64 / count as f64;
            assert!((kept - 0.3).abs() < 0.02, "{kept} of {count}");
        }
        assert_eq!(coins.keep(0, 0.3), 0);
    }
}
