//! Whether customers' requests are too few to decide by: only then probes are judged beside them.
//!
//! What decides is how many requests there were *before*, not how they ended, so that nobody
//! chooses the evidence by what it says.

use std::collections::VecDeque;

/// The seconds that are looked back on.
const SECONDS: i64 = 60;
/// Customers' requests to both releases within these that are enough.
const ENOUGH: u64 = 60;

/// The customers' requests of the last minute.
#[derive(Debug, Default)]
pub(super) struct Lately {
    seconds: VecDeque<(i64, u64)>,
}

impl Lately {
    /// Returns whether, before this second, customers' requests were too few to decide by.
    pub(super) fn is_quiet(&mut self, second: i64) -> bool {
        while self.seconds.front().is_some_and(|(at, _)| *at < second - SECONDS) {
            self.seconds.pop_front();
        }
        self.seconds.iter().map(|(_, requests)| requests).sum::<u64>() < ENOUGH
    }

    /// Takes in how many requests customers made in a second, or up to it.
    pub(super) fn note(&mut self, second: i64, requests: u64) {
        self.seconds.push_back((second, requests));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_with_fewer_requests_than_seconds_is_quiet() {
        let mut lately = Lately::default();
        assert!(lately.is_quiet(0));
        lately.note(0, 59);
        assert!(lately.is_quiet(1));
        lately.note(1, 1);
        assert!(!lately.is_quiet(2));
        assert!(lately.is_quiet(62), "what is past is past");
    }
}
