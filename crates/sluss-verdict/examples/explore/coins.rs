//! Random numbers from a seed.

/// Marsaglia's xorshift64* generator, good enough for coins.
pub struct Coins(u64);

impl Coins {
    /// Returns the generator of a seed.
    pub fn new(seed: u64) -> Self {
        let mut coins = Self(seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        for _ in 0..8 {
            coins.unit();
        }
        coins
    }

    /// Returns a number from 0 to 1.
    pub fn unit(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Returns a Poisson number: by products of units, or above a mean of 20 by the normal law.
    pub fn poisson(&mut self, mean: f64) -> f64 {
        if mean > 20.0 {
            let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
            let normal = radius * (2.0 * std::f64::consts::PI * self.unit()).cos();
            return (mean + mean.sqrt() * normal).round().max(0.0);
        }
        let (mut product, mut count, least) = (self.unit(), 0.0, (-mean).exp());
        while product > least {
            product *= self.unit();
            count += 1.0;
        }
        count
    }
}
