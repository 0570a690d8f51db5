//! The live judge of a rollout: one [`Second`] in, one [`Reading`] out.
//!
//! # What is judged over which time
//!
//! - The evidence *against* the candidate grows over the whole rollout and is
//!   never reset; a change of share discards the unfinished block alone.
//! - The proof *for* it begins anew with each leg. A leg begins with
//!   [`Judge::begin_leg`], or by itself with a second whose share differs.
//!
//! # Invariants
//!
//! - `Unfavourable` wins over everything and stays: a candidate that has once
//!   been proved worse is worse.
//! - `NoData` wins over `Favourable`, which needs requests to the candidate in
//!   this leg and is not remembered: it holds as long as the evidence does.
//! - Every second counts at most once, and only in the leg whose share it had.
//!
//! # Missing, late and repeated rows
//!
//! A missing second is as good as a second without requests: it is no evidence,
//! it counts as silence, and the clock goes on. A second may come up to 63 s
//! late; it then goes into the block that is open now. One that comes later,
//! twice, or from before this leg is not counted. When no row came at all, ask
//! [`Judge::reading`]; do not make up an empty one, since the real one would
//! then come twice.
//!
//! # A candidate with all traffic
//!
//! Without requests to the incumbent (share 100 %) nothing is compared: both
//! kinds of evidence stand still and the verdict is `Undecided` or `NoData`. How
//! long such a leg lasts is the plan's business.

use serde::{Deserialize, Serialize};

use crate::block::{Block, Load};
use crate::detector::Detector;
use crate::math::{boundary_micronats, micronats};
use crate::promotion::NonInferiority;
use crate::sentence;

/// Seconds without a candidate request from which the verdict is [`Verdict::NoData`].
const NO_DATA_SECONDS: u32 = 5;
/// All of the candidate's traffic, in basis points.
const ALL_BP: u16 = 10_000;

/// Which bets are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Holds whatever bursts, clumps or drift there are within a block (specification §2.1).
    Robust,
    /// Sets no bound on what one block can prove, and is valid only where every request is routed
    /// and fails independently: no retries, no session affinity (specification §2.2).
    Fast,
}

/// What a candidate must prove to get more traffic (verdict specification §2.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Promotion {
    /// By how much its error rate may exceed the incumbent's, absolute, in parts per million:
    /// 10 000 is one percentage point. Nothing can be proved with zero.
    pub tolerance_ppm: u32,
    /// Largest probability per leg to pass a candidate that is worse than that, in parts per
    /// million; taken within 1..=999 999.
    pub alpha_ppm: u32,
}

/// How a rollout is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Plan {
    /// Largest share of harmless releases that is ever taken back by statistics, in parts per
    /// million; taken within 1..=999 999.
    pub alpha_ppm: u32,
    /// Which bets are made.
    pub mode: Mode,
    /// Least length of a block in seconds. Errors that depend on one another must lie within a
    /// block: 10 or 60 where callers retry for seconds.
    pub block_seconds: u32,
    /// What lets a leg pass; with none no verdict is ever favourable.
    pub promotion: Option<Promotion>,
    /// Seconds without a request to the candidate after which the rollout takes it back. The
    /// judge reports silence and leaves that to its caller.
    pub silence_seconds: u32,
}

impl Default for Plan {
    /// Returns: alpha 1 %, robust, blocks of a second, at most one percentage point worse with an
    /// error of 5 % a leg, a minute of silence.
    fn default() -> Self {
        Self {
            alpha_ppm: 10_000,
            mode: Mode::Robust,
            block_seconds: 1,
            promotion: Some(Promotion { tolerance_ppm: 10_000, alpha_ppm: 50_000 }),
            silence_seconds: 60,
        }
    }
}

/// What one release did in a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Requests answered.
    pub requests: u64,
    /// How many of them failed; more than `requests` counts as `requests`.
    pub errors: u64,
}

/// What both releases did in one second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Second {
    /// The second, in Unix time.
    pub at: i64,
    /// The share configured for the candidate in this second, in basis points. It says when
    /// blocks close; bets use the share that was realised.
    pub share_bp: u16,
    /// The incumbent.
    pub incumbent: Counts,
    /// The candidate.
    pub candidate: Counts,
}

/// What the evidence says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Not worse than the tolerance, proved in this leg.
    Favourable,
    /// Worse than the incumbent: take it back.
    Unfavourable,
    /// Neither yet.
    Undecided {
        /// How many more requests to both releases together are expected until a proof, if the
        /// candidate fails as often as the incumbent; none where that cannot be said.
        needs_requests: Option<u64>,
    },
    /// The candidate had no request in the last five or more seconds of this leg (fewer, where
    /// the plan's `silence_seconds` are fewer).
    NoData {
        /// For how many seconds in a row.
        seconds: u32,
    },
}

/// What is known after a second. Evidence is in micro-nats: 1e6 ln E.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reading {
    /// Evidence that the candidate is worse, over the whole rollout.
    pub log_e_micronats: i64,
    /// The evidence at which it is taken back: ln(1/alpha).
    pub rollback_at_micronats: i64,
    /// Evidence in this leg that the candidate is within the tolerance; 0 without a promotion.
    pub promotion_micronats: i64,
    /// The evidence at which the leg passes; `i64::MAX` without a promotion.
    pub promote_at_micronats: i64,
    /// What follows.
    pub verdict: Verdict,
    /// The same in one sentence for people.
    pub sentence: String,
    /// What the candidate did in this leg.
    pub candidate: Counts,
    /// What the incumbent did in this leg.
    pub incumbent: Counts,
}

/// The state of one rollout's evidence. Constant memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Judge {
    plan: Plan,
    detector: Detector,
    test: Option<NonInferiority>,
    watch: Option<Watch>,
    is_condemned: bool,
}

/// What began with the first leg.
#[derive(Debug, Clone, PartialEq)]
struct Watch {
    began_at: i64,
    leg: Leg,
    block: Block,
}

/// What began with this leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Leg {
    share_bp: u16,
    last_second: i64,
    last_candidate_second: i64,
    /// Bit i: the second `last_second - i` is counted, or older than the leg.
    seen: u64,
    candidate: Counts,
    incumbent: Counts,
}

impl Judge {
    /// Returns the judge of a rollout of which nothing was seen.
    pub fn new(plan: Plan) -> Self {
        let tolerance = |promotion: Promotion| f64::from(promotion.tolerance_ppm) / 1e6;
        Self {
            plan,
            detector: Detector::events(plan.mode),
            test: plan.promotion.map(tolerance).map(NonInferiority::new),
            watch: None,
            is_condemned: false,
        }
    }

    /// Tells what the incumbent did before the rollout, best in its last minutes.
    ///
    /// That is no evidence of either kind; it spares the first leg's proof a second or two of
    /// learning the rate of failures. To be called before the first leg, or not at all.
    pub fn remember_incumbent(&mut self, past: Counts) {
        let Counts { requests, errors } = past.bounded();
        if let Some(test) = &mut self.test {
            test.remember(requests, errors);
        }
    }

    /// Begins a leg at the second `at` (Unix time) with the candidate's share in basis points.
    ///
    /// The proof for the candidate begins anew and the unfinished block is discarded; the
    /// evidence against it stays. Silence is counted from here.
    pub fn begin_leg(&mut self, at: i64, share_bp: u16) {
        let share_bp = share_bp.min(ALL_BP);
        if let Some(test) = &mut self.test {
            test.restart();
        }
        let began_at = self.watch.as_ref().map_or(at, |watch| watch.began_at);
        let leg = Leg::begin(at, share_bp);
        let block = Block::open(at, share_of(share_bp), 1);
        self.watch = Some(Watch { began_at, leg, block });
    }

    /// Counts one second of both releases and returns what is known now.
    pub fn observe(&mut self, second: &Second) -> Reading {
        let second = second.bounded();
        let begins = self.watch.as_ref().is_none_or(|watch| watch.leg.is_left_by(&second));
        if begins {
            self.begin_leg(second.at, second.share_bp);
        }
        if let Some(watch) = &mut self.watch
            && watch.leg.count(&second)
        {
            let block = watch.add(&second, self.plan.block_seconds);
            self.detector.advance(watch.elapsed_seconds());
            if let Some(block) = block {
                self.settle(&block);
            }
        }
        self.reading(second.at)
    }

    /// Returns what is known at the second `now` without anything new; silence goes on.
    pub fn reading(&self, now: i64) -> Reading {
        let (promotion_micronats, promote_at_micronats) = self.promotion();
        let leg = self.watch.as_ref().map(|watch| watch.leg);
        let mut reading = Reading {
            log_e_micronats: self.log_e_micronats(),
            rollback_at_micronats: self.rollback_at_micronats(),
            promotion_micronats,
            promote_at_micronats,
            verdict: self.verdict(now),
            sentence: String::new(),
            candidate: leg.map_or(Counts::default(), |leg| leg.candidate),
            incumbent: leg.map_or(Counts::default(), |leg| leg.incumbent),
        };
        reading.sentence = sentence::of(&reading, &self.plan, leg.map(|leg| leg.share_bp));
        reading
    }

    fn settle(&mut self, block: &Block) {
        self.detector.settle(block);
        if let Some(test) = &mut self.test {
            test.settle(block);
        }
        self.is_condemned |= self.log_e_micronats() >= self.rollback_at_micronats();
    }

    fn log_e_micronats(&self) -> i64 {
        micronats(self.detector.log_e())
    }

    fn rollback_at_micronats(&self) -> i64 {
        boundary_micronats(bounded_alpha(self.plan.alpha_ppm))
    }

    /// Returns the evidence for the candidate, and where it suffices.
    fn promotion(&self) -> (i64, i64) {
        match (&self.test, self.plan.promotion) {
            (Some(test), Some(promotion)) => {
                let boundary = boundary_micronats(bounded_alpha(promotion.alpha_ppm));
                (micronats(test.log_e()), boundary)
            }
            (Some(_) | None, _) => (0, i64::MAX),
        }
    }

    fn verdict(&self, now: i64) -> Verdict {
        if self.is_condemned {
            return Verdict::Unfavourable;
        }
        let Some(watch) = &self.watch else {
            return Verdict::Undecided { needs_requests: None };
        };
        let seconds = watch.leg.silent_seconds(now);
        if seconds >= NO_DATA_SECONDS.min(self.plan.silence_seconds).max(1) {
            return Verdict::NoData { seconds };
        }
        let (evidence, boundary) = self.promotion();
        if evidence >= boundary && watch.leg.candidate.requests > 0 {
            return Verdict::Favourable;
        }
        let share = share_of(watch.leg.share_bp);
        let missing = |test: &NonInferiority| test.requests_until(boundary as f64 / 1e6, share);
        Verdict::Undecided { needs_requests: self.test.as_ref().and_then(missing) }
    }
}

impl Watch {
    /// Adds a second to the open block; returns the block if it closes with it.
    fn add(&mut self, second: &Second, least_seconds: u32) -> Option<Block> {
        let load = |counts: Counts| Load::events(counts.requests, counts.errors);
        self.block.add(&load(second.incumbent), &load(second.candidate));
        let now = self.leg.last_second;
        self.block.is_ripe(now, least_seconds).then(|| self.block.close(now))
    }

    fn elapsed_seconds(&self) -> i64 {
        self.leg.last_second.saturating_sub(self.began_at)
    }
}

impl Leg {
    fn begin(at: i64, share_bp: u16) -> Self {
        let before = at.saturating_sub(1);
        Self {
            share_bp,
            last_second: before,
            last_candidate_second: before,
            seen: u64::MAX,
            candidate: Counts::default(),
            incumbent: Counts::default(),
        }
    }

    fn is_left_by(&self, second: &Second) -> bool {
        second.at > self.last_second && second.share_bp != self.share_bp
    }

    /// Counts the second, unless it was counted or is not of this leg; returns whether it was.
    fn count(&mut self, second: &Second) -> bool {
        if second.share_bp != self.share_bp || !self.mark(second.at) {
            return false;
        }
        if second.candidate.requests > 0 {
            self.last_candidate_second = self.last_candidate_second.max(second.at);
        }
        self.candidate.add(second.candidate);
        self.incumbent.add(second.incumbent);
        true
    }

    /// Marks the second `at` as counted; returns whether it was not yet.
    fn mark(&mut self, at: i64) -> bool {
        if at > self.last_second {
            let ahead = at.abs_diff(self.last_second);
            let shift = u32::try_from(ahead).unwrap_or(u32::MAX);
            self.seen = self.seen.checked_shl(shift).unwrap_or(0) | 1;
            self.last_second = at;
            return true;
        }
        let behind = self.last_second.abs_diff(at);
        let bit = u32::try_from(behind).ok().and_then(|behind| 1_u64.checked_shl(behind));
        let Some(bit) = bit.filter(|bit| self.seen & bit == 0) else {
            return false;
        };
        self.seen |= bit;
        true
    }

    fn silent_seconds(&self, now: i64) -> u32 {
        let seconds = now.max(self.last_second).saturating_sub(self.last_candidate_second);
        u32::try_from(seconds).unwrap_or(u32::MAX)
    }
}

impl Counts {
    fn add(&mut self, more: Self) {
        self.requests = self.requests.saturating_add(more.requests);
        self.errors = self.errors.saturating_add(more.errors);
    }

    fn bounded(self) -> Self {
        Self { requests: self.requests, errors: self.errors.min(self.requests) }
    }
}

impl Second {
    fn bounded(&self) -> Self {
        Self {
            at: self.at,
            share_bp: self.share_bp.min(ALL_BP),
            incumbent: self.incumbent.bounded(),
            candidate: self.candidate.bounded(),
        }
    }
}

fn share_of(share_bp: u16) -> f64 {
    f64::from(share_bp) / f64::from(ALL_BP)
}

fn bounded_alpha(alpha_ppm: u32) -> u32 {
    alpha_ppm.clamp(1, 999_999)
}
