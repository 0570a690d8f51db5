//! What was sent and what came back, counted.

use std::time::Duration;

/// What is known of one payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Sent, and no final answer yet.
    Sent,
    /// Answered: it is in the books.
    Succeeded,
    /// Answered: it is not, for a reason of the customer's own.
    Declined,
    /// No final answer after all retries.
    Failed,
}

/// The counts of a run, and the state of each payment by its number.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) payments: Vec<State>,
    pub(crate) succeeded: u64,
    pub(crate) declined: u64,
    pub(crate) failed_final: u64,
    pub(crate) attempts: u64,
    pub(crate) failed_attempts: u64,
    pub(crate) cuts: u64,
    pub(crate) second: Latencies,
    pub(crate) whole: Latencies,
}

impl Tally {
    /// Counts a payment about to be sent and returns its number.
    pub(crate) fn sent(&mut self) -> u64 {
        self.payments.push(State::Sent);
        self.payments.len() as u64 - 1
    }

    /// Counts one request and whether it failed.
    pub(crate) fn attempt(&mut self, failed: bool) {
        self.attempts += 1;
        self.failed_attempts += u64::from(failed);
    }

    /// Counts the end of a payment, `took` after it was due to be sent.
    pub(crate) fn done(&mut self, number: u64, state: State, took: Duration) {
        match state {
            State::Sent => return,
            State::Succeeded => self.succeeded += 1,
            State::Declined => self.declined += 1,
            State::Failed => self.failed_final += 1,
        }
        if state != State::Failed {
            self.second.add(took);
            self.whole.add(took);
        }
        self.settle(number, state);
    }

    /// Records what was found out later.
    pub(crate) fn settle(&mut self, number: u64, state: State) {
        if let Some(payment) = usize::try_from(number).ok().and_then(|n| self.payments.get_mut(n)) {
            *payment = state;
        }
    }

    /// Returns how many payments were sent.
    pub(crate) fn sent_count(&self) -> u64 {
        self.payments.len() as u64
    }

    /// Returns how many payments have no final answer and are still tried.
    pub(crate) fn in_flight(&self) -> u64 {
        self.sent_count() - self.succeeded - self.declined - self.failed_final
    }
}

/// How long payments took, in bins of 1/16 of a doubling from 0.05 ms.
#[derive(Debug, Clone)]
pub(crate) struct Latencies {
    bins: Vec<u64>,
    count: u64,
}

const BINS: usize = 16 * 22;
const SMALLEST_MS: f64 = 0.05;

impl Default for Latencies {
    fn default() -> Self {
        Self { bins: vec![0; BINS], count: 0 }
    }
}

impl Latencies {
    fn add(&mut self, took: Duration) {
        let doublings = (took.as_secs_f64() * 1e3 / SMALLEST_MS).max(1.0).log2();
        // The float is not negative and small: the cast only drops the fraction.
        let bin = (doublings * 16.0) as usize;
        self.bins[bin.min(BINS - 1)] += 1;
        self.count += 1;
    }

    /// Returns the upper edge of the bin in which the quantile falls, in
    /// milliseconds; `None` where nothing was timed.
    pub(crate) fn quantile_ms(&self, quantile: f64) -> Option<f64> {
        let rank = ((self.count as f64 * quantile).ceil() as u64).max(1);
        let mut seen = 0;
        let bin = self.bins.iter().position(|count| {
            seen += count;
            seen >= rank
        })?;
        let edge = SMALLEST_MS * f64::exp2((bin + 1) as f64 / 16.0);
        Some((edge * 100.0).round() / 100.0)
    }

    /// Forgets everything and returns what was known.
    pub(crate) fn take(&mut self) -> Self {
        std::mem::take(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_a_bin_of_the_truth() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.quantile_ms(0.5), None);
        for ms in 1..=100 {
            latencies.add(Duration::from_millis(ms));
        }
        for (quantile, truth) in [(0.5, 50.0), (0.99, 99.0)] {
            let found = latencies.quantile_ms(quantile).unwrap();
            assert!((truth..truth * 1.05).contains(&found), "{found} for {truth}");
        }
    }

    #[test]
    fn every_payment_is_counted_once() {
        let mut tally = Tally::default();
        let numbers = [tally.sent(), tally.sent(), tally.sent()];
        tally.done(numbers[0], State::Succeeded, Duration::ZERO);
        tally.done(numbers[1], State::Failed, Duration::ZERO);
        assert_eq!((tally.sent_count(), tally.in_flight(), tally.failed_final), (3, 1, 1));
    }
}
