//! Simulated rollouts from seeds: traffic, routing by coins, and what goes wrong.
//!
//! Every request is drawn by itself: its release by a coin, its instance evenly, its outcome from
//! what holds in that second. Nothing here knows the statistics that judge it.

use std::collections::VecDeque;

use sluss_verdict::{Instance, Sample, Tick, latency_bin};

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

    /// Whether an event of this chance happens.
    pub fn is(&mut self, chance: f64) -> bool {
        self.unit() < chance
    }

    /// Returns one of `0..count`.
    pub fn one_of(&mut self, count: usize) -> usize {
        ((self.unit() * count as f64) as usize).min(count - 1)
    }

    /// Returns a Poisson number, by summing exponential waiting times.
    pub fn poisson(&mut self, mean: f64) -> u64 {
        let (mut waited, mut count) = (0.0, 0);
        loop {
            waited -= (1.0 - self.unit()).ln();
            if waited > mean {
                return count;
            }
            count += 1;
        }
    }

    /// Returns how many of `count` events of this chance happen.
    pub fn binomial(&mut self, count: u64, chance: f64) -> u64 {
        (0..count).filter(|_| self.is(chance)).count() as u64
    }

    /// Returns a standard normal number (Box and Muller).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (2.0 * std::f64::consts::PI * self.unit()).cos()
    }
}

/// What callers do about an error.
#[derive(Clone, Copy, PartialEq)]
pub enum Retries {
    None,
    /// They try three times more in the same second, at the same release.
    AtOnce,
    /// They try three times more within eight seconds, at the same release.
    Over8Seconds,
}

/// What may happen to one instance by itself.
#[derive(Clone, Copy, PartialEq)]
pub enum Trouble {
    None,
    /// Every two minutes or so three in ten of its requests fail for a second.
    Noisy,
    /// Once a minute or so it stalls for one to three seconds.
    Stalling,
}

/// A time's dependent number: second in, number out.
pub type Course = fn(i64) -> f64;

/// A kind of rollout. Rates are per request, 0 to 1.
#[derive(Clone)]
pub struct World {
    pub name: &'static str,
    /// Length in seconds.
    pub seconds: i64,
    /// Rows a second.
    pub rows: usize,
    /// Requests a second.
    pub requests: Course,
    /// The share that is configured for the candidate.
    pub share: Course,
    /// By which factor the realised share differs from it.
    pub misrouted: f64,
    /// Rates of errors.
    pub incumbent: Course,
    pub candidate: Course,
    pub retries: Retries,
    pub trouble: Trouble,
    /// Instances of incumbent and candidate.
    pub instances: [usize; 2],
    /// Whether rows tell instances apart.
    pub by_instance: bool,
    pub latency: Option<Latency>,
    /// Exceptions a request, of incumbent and candidate.
    pub exceptions: Option<[Course; 2]>,
    /// Rates of transactions that come to their end, of incumbent and candidate.
    pub conversions: Option<[Course; 2]>,
    /// Whether a request that fails throws an exception and ends no transaction.
    pub is_linked: bool,
    /// Requests that a caller makes within a row, at one release and to one end.
    pub at_once: u64,
}

/// Times to answer: log-normal around 50 ms with sigma 0.5.
#[derive(Clone, Copy)]
pub struct Latency {
    /// By which factor all requests to the candidate are slower.
    pub shift: f64,
    /// This share of them is 8 times slower.
    pub tail: f64,
}

/// The harmless release that others differ from: 200 requests a second, 10 %, errors 0.5 %.
pub const PLAIN: World = World {
    name: "plain",
    seconds: 1_800,
    rows: 1,
    requests: |_| 200.0,
    share: |_| 0.1,
    misrouted: 1.0,
    incumbent: |_| 0.005,
    candidate: |_| 0.005,
    retries: Retries::None,
    trouble: Trouble::None,
    instances: [1, 1],
    by_instance: true,
    latency: None,
    exceptions: None,
    conversions: None,
    is_linked: false,
    at_once: 1,
};

/// A rollout under way.
pub struct Play<'a> {
    world: &'a World,
    coins: Coins,
    /// Attempts that will be made again: for each second ahead, how many of each release.
    again: VecDeque<[u64; 2]>,
    /// Whether this caller's transactions come to their end, once that is known.
    ends: Option<bool>,
    stalled_until: [Vec<f64>; 2],
}

impl<'a> Play<'a> {
    pub fn new(world: &'a World, seed: u64) -> Self {
        let stalled_until = world.instances.map(|count| vec![f64::NEG_INFINITY; count]);
        let again = VecDeque::from(vec![[0; 2]; 9]);
        Self { world, coins: Coins::new(seed), again, ends: None, stalled_until }
    }

    /// Plays the second `t` (below 0: history, without a candidate); returns its rows.
    pub fn second(&mut self, t: i64) -> Vec<Tick> {
        let world = self.world;
        let share = if t < 0 { 0.0 } else { (world.share)(t) };
        let none = world.instances.map(|count| vec![Tally::default(); count]);
        let mut rows = vec![none; world.rows];
        let noisy = self.trouble(t);
        let due = self.again.pop_front().unwrap_or_default();
        self.again.push_back([0; 2]);
        let callers = self.coins.poisson((world.requests)(t.max(0)) / world.at_once as f64);
        for _ in 0..callers {
            let arm = usize::from(self.coins.is((share * world.misrouted).min(1.0)));
            let row = self.row_from(0);
            self.ends = None;
            for _ in 0..world.at_once {
                self.request((t, row), arm, &noisy, &mut rows, false);
            }
        }
        for (arm, count) in due.into_iter().enumerate() {
            for _ in 0..count {
                let row = self.row_from(0);
                self.request((t, row), arm, &noisy, &mut rows, true);
            }
        }
        let row_ms = 1_000 / world.rows as i64;
        let tick = |(row, arms): (usize, [Vec<Tally>; 2])| {
            let [incumbent, candidate] = arms.map(|tallies| sample(world, tallies));
            let at_ms = t * 1_000 + row as i64 * row_ms;
            Tick { at_ms, share_bp: (share * 1e4) as u16, incumbent, candidate }
        };
        rows.into_iter().enumerate().map(tick).collect()
    }

    /// Returns one of the rows of a second from `first` on; no coin where there is one alone.
    fn row_from(&mut self, first: usize) -> usize {
        let left = self.world.rows - first;
        if left > 1 { first + self.coins.one_of(left) } else { first }
    }

    /// Decides which instances are in trouble in this second; returns which are noisy.
    fn trouble(&mut self, t: i64) -> [Vec<bool>; 2] {
        let mut noisy = self.world.instances.map(|count| vec![false; count]);
        let both = noisy.iter_mut().flatten().zip(self.stalled_until.iter_mut().flatten());
        for (is_noisy, stalled_until) in both {
            match self.world.trouble {
                Trouble::None => {}
                Trouble::Noisy => *is_noisy = self.coins.is(1.0 / 120.0),
                Trouble::Stalling => {
                    if self.coins.is(1.0 / 60.0) {
                        *stalled_until = t as f64 + 1.0 + 2.0 * self.coins.unit();
                    }
                }
            }
        }
        noisy
    }

    fn request(
        &mut self,
        (t, row): (i64, usize),
        arm: usize,
        noisy: &[Vec<bool>; 2],
        rows: &mut [[Vec<Tally>; 2]],
        is_again: bool,
    ) {
        let world = self.world;
        let instance = self.coins.one_of(world.instances[arm]);
        let rate = if arm == 0 { (world.incumbent)(t) } else { (world.candidate)(t) };
        let rate = if noisy[arm][instance] { rate.max(0.3) } else { rate };
        // What failed once is likely to fail again.
        let failed = self.coins.is(if is_again { 0.8 } else { rate });
        let tally = &mut rows[row][arm][instance];
        tally.requests += 1;
        tally.errors += u64::from(failed);
        if failed && !is_again {
            match world.retries {
                Retries::None => {}
                Retries::AtOnce => {
                    for _ in 0..3 {
                        let later = self.row_from(row);
                        let tally = &mut rows[later][arm][instance];
                        tally.requests += 1;
                        tally.errors += u64::from(self.coins.is(0.8));
                    }
                }
                Retries::Over8Seconds => {
                    for _ in 0..3 {
                        let later = self.coins.one_of(8);
                        self.again[later][arm] += 1;
                    }
                }
            }
        }
        let tally = &mut rows[row][arm][instance];
        if let Some(latency) = world.latency {
            let mut ms = 50.0 * (0.5 * self.coins.normal()).exp();
            if arm == 1 {
                ms *= latency.shift;
                ms *= if self.coins.is(latency.tail) { 8.0 } else { 1.0 };
            }
            let into = (row as f64 + self.coins.unit()) / world.rows as f64;
            let left = self.stalled_until[arm][instance] - t as f64 - into;
            ms += 1e3 * left.max(0.0);
            let bin = latency_bin(ms);
            tally.latency[bin] += 1;
        }
        if let Some(rates) = world.exceptions {
            // They come in clumps of one to four.
            let is_thrown = self.coins.is(rates[arm](t));
            if is_thrown || (failed && world.is_linked) {
                tally.exceptions += 1 + self.coins.one_of(4) as u64;
            }
        }
        if let Some(rates) = world.conversions {
            let ends = self.ends.unwrap_or_else(|| self.coins.is(rates[arm](t)));
            self.ends = (world.at_once > 1).then_some(ends);
            tally.conversions += u64::from(ends && !(failed && world.is_linked));
        }
    }
}

#[derive(Clone)]
struct Tally {
    requests: u64,
    errors: u64,
    exceptions: u64,
    conversions: u64,
    latency: [u64; 64],
}

impl Default for Tally {
    fn default() -> Self {
        Self { requests: 0, errors: 0, exceptions: 0, conversions: 0, latency: [0; 64] }
    }
}

impl Tally {
    fn sparse(&self) -> Vec<(usize, u64)> {
        let bins = self.latency.iter().copied().enumerate();
        bins.filter(|(_, count)| *count > 0).collect()
    }
}

fn sample(world: &World, tallies: Vec<Tally>) -> Sample {
    let mut sum = Tally::default();
    for tally in &tallies {
        sum.requests += tally.requests;
        sum.errors += tally.errors;
        sum.exceptions += tally.exceptions;
        sum.conversions += tally.conversions;
        for (total, count) in sum.latency.iter_mut().zip(tally.latency) {
            *total += count;
        }
    }
    let latency = |tally: &Tally| world.latency.map(|_| tally.sparse());
    let instance = |(index, tally): (usize, &Tally)| Instance {
        index: index as u32,
        requests: tally.requests,
        errors: tally.errors,
        latency: latency(tally),
    };
    Sample {
        requests: sum.requests,
        errors: Some(sum.errors),
        exceptions: world.exceptions.map(|_| sum.exceptions),
        conversions: world.conversions.map(|_| sum.conversions),
        latency: latency(&sum),
        instances: match world.by_instance && tells_apart(world) {
            true => tallies.iter().enumerate().map(instance).collect(),
            false => vec![],
        },
    }
}

/// Whether telling instances apart says anything.
fn tells_apart(world: &World) -> bool {
    world.trouble != Trouble::None || world.instances != [1, 1]
}
