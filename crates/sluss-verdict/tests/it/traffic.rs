//! Simulated traffic from a seed: requests are routed by independent coins.

use sluss_verdict::{Sample, Tick};

/// Marsaglia's xorshift64* generator, good enough for coins.
pub struct Coins(u64);

impl Coins {
    /// Returns the generator of a seed.
    pub fn new(seed: u64) -> Self {
        let mut coins = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        for _ in 0..8 {
            coins.next();
        }
        coins
    }

    /// Returns the next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
}

/// What happens in one second: rates are in parts per million.
#[derive(Clone, Copy)]
pub struct Weather {
    pub requests: u64,
    pub share_bp: u16,
    pub incumbent_ppm: u32,
    pub candidate_ppm: u32,
}

impl Weather {
    /// Plays one second: each request is routed and fails by itself.
    pub fn second(&self, at: i64, coins: &mut Coins) -> Tick {
        let (mut incumbent, mut candidate) = ((0, 0), (0, 0));
        for _ in 0..self.requests {
            let coin = coins.next();
            let to_candidate = (((coin >> 32) * 10_000) >> 32) < u64::from(self.share_bp);
            let outcome = ((coin & 0xFFFF_FFFF) * 1_000_000) >> 32;
            let (arm, ppm) = match to_candidate {
                true => (&mut candidate, self.candidate_ppm),
                false => (&mut incumbent, self.incumbent_ppm),
            };
            arm.0 += 1;
            arm.1 += u64::from(outcome < u64::from(ppm));
        }
        Tick {
            at_ms: at * 1_000,
            share_bp: self.share_bp,
            incumbent: Sample::events(incumbent.0, incumbent.1),
            candidate: Sample::events(candidate.0, candidate.1),
        }
    }
}
