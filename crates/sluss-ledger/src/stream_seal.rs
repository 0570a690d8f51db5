//! Seals of a stream: how many events a release has, so that none can be left out of its evidence.
//!
//! A bundle of attestations is not authenticated as a whole: one of them can be taken out unseen.
//! A seal is an event of the stream that closes the events before it by their number and by the
//! leaf hash of the last, which chains back to the first. More events may follow; they stand after
//! the seal until a further one closes them.
//!
//! # Invariants
//!
//! - Seals are numbered from 1 without gaps, and each closes more events than the one before.
//! - A seal that [`SealedStream::take`] accepted closes exactly the events that were taken.
//!
//! Not here: that each event is chained to the one before (see [`crate::audit`]).

use serde::{Deserialize, Serialize};

use crate::hash::Hash;

/// The data of a `release.sealed` event: it closes the events 0 to `count - 1` of its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamSeal {
    /// Number of the seal in its stream, from 1.
    pub n: u64,
    /// How many events it closes.
    pub count: u64,
    /// Leaf hash of the last of them.
    pub head: Hash,
}

/// The events of one stream, from the first on, with its seals.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SealedStream {
    seals: u64,
    /// Events that the last seal closes.
    closed: u64,
    /// Leaf hashes of the events after those.
    open: Vec<Hash>,
}

impl SealedStream {
    /// Returns the stream without events.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next event of the stream: its number, its leaf hash and, where it is a seal, what
    /// that says. A refused event changes nothing.
    ///
    /// # Errors
    ///
    /// [`StreamSealFault`]: the event is not the next one, or a seal that is not true.
    pub fn take(
        &mut self,
        seq: u64,
        hash: Hash,
        seal: Option<&StreamSeal>,
    ) -> Result<(), StreamSealFault> {
        let expected = self.events();
        if seq != expected {
            return Err(StreamSealFault::Order { expected, found: seq });
        }
        if let Some(seal) = seal {
            self.check(seq, seal)?;
            let closes = usize::try_from(seal.count - self.closed).unwrap_or(usize::MAX);
            self.open.drain(..closes.min(self.open.len()));
            (self.seals, self.closed) = (seal.n, seal.count);
        }
        self.open.push(hash);
        Ok(())
    }

    fn check(&self, seq: u64, seal: &StreamSeal) -> Result<(), StreamSealFault> {
        let n = self.seals + 1;
        if seal.n != n {
            return Err(StreamSealFault::Number { seq, expected: n, found: seal.n });
        }
        // A seal is itself an event of the stream, so there is one more to close each time.
        let last = seal.count.checked_sub(self.closed + 1).and_then(|at| usize::try_from(at).ok());
        match last.and_then(|last| self.open.get(last)) {
            None => Err(StreamSealFault::Count { seq, found: seal.count, events: seq }),
            Some(head) if *head != seal.head => Err(StreamSealFault::Head { seq, n }),
            Some(_) => Ok(()),
        }
    }

    /// Returns the seal to append next, which closes every event so far; `None` where the stream
    /// is empty.
    pub fn seal(&self) -> Option<StreamSeal> {
        let head = *self.open.last()?;
        Some(StreamSeal { n: self.seals + 1, count: self.events(), head })
    }

    /// Returns how many seals there are: events after the last are *after seal n*.
    pub fn seals(&self) -> u64 {
        self.seals
    }

    /// Returns how many events the last seal closes.
    pub fn closed(&self) -> u64 {
        self.closed
    }

    /// Returns how many events there are, seals included.
    pub fn events(&self) -> u64 {
        self.closed + self.open.len() as u64
    }
}

/// Which event of a stream is not a true seal, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StreamSealFault {
    /// An event is missing, repeated or out of place.
    #[error("event {found} was read where event {expected} of the stream comes next")]
    Order {
        /// Number that comes next.
        expected: u64,
        /// Number that was given.
        found: u64,
    },
    /// A seal is missing or repeated.
    #[error("event {seq} is seal {found} of its stream, where seal {expected} comes next")]
    Number {
        /// Number of the event.
        seq: u64,
        /// Number of the seal that comes next.
        expected: u64,
        /// Number that it has.
        found: u64,
    },
    /// A seal closes nothing new, or more than there is.
    #[error("event {seq} closes {found} events of its stream, which has {events} before it")]
    Count {
        /// Number of the event.
        seq: u64,
        /// Events that it claims to close.
        found: u64,
        /// Events before it.
        events: u64,
    },
    /// The events are other ones than those that were sealed.
    #[error("event {seq}, seal {n}, closes other events than those in the stream")]
    Head {
        /// Number of the event.
        seq: u64,
        /// Number of the seal.
        n: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(seq: u64) -> Hash {
        Hash::leaf(&seq.to_be_bytes())
    }

    fn plain(stream: &mut SealedStream, events: u64) {
        for _ in 0..events {
            let seq = stream.events();
            stream.take(seq, hash(seq), None).unwrap();
        }
    }

    fn seal(stream: &mut SealedStream, seal: StreamSeal) -> Result<(), StreamSealFault> {
        let seq = stream.events();
        stream.take(seq, hash(seq), Some(&seal))
    }

    #[test]
    fn a_release_is_sealed_and_sealed_again_after_a_later_event() {
        let mut stream = SealedStream::new();
        assert_eq!(stream.seal(), None);
        plain(&mut stream, 5);
        let first = stream.seal().unwrap();
        assert_eq!(first, StreamSeal { n: 1, count: 5, head: hash(4) });
        seal(&mut stream, first).unwrap();
        assert_eq!((stream.seals(), stream.closed(), stream.events()), (1, 5, 6));
        plain(&mut stream, 2);
        let second = stream.seal().unwrap();
        assert_eq!(second, StreamSeal { n: 2, count: 8, head: hash(7) });
        // An event that came between making the seal and appending it stays open.
        plain(&mut stream, 1);
        seal(&mut stream, second).unwrap();
        assert_eq!((stream.closed(), stream.events()), (8, 10));
        let json = serde_json::to_string(&second).unwrap();
        assert!(json.starts_with(r#"{"n":2,"count":8,"head":""#), "{json}");
    }

    #[test]
    fn a_seal_that_is_not_true_is_named() {
        let mut stream = SealedStream::new();
        plain(&mut stream, 5);
        let good = stream.seal().unwrap();
        for (bad, named) in [
            (StreamSeal { n: 2, ..good }, "Number"),
            (StreamSeal { n: 0, ..good }, "Number"),
            (StreamSeal { count: 6, ..good }, "Count"),
            (StreamSeal { count: 0, ..good }, "Count"),
            (StreamSeal { count: u64::MAX, ..good }, "Count"),
            (StreamSeal { count: 4, ..good }, "Head"),
            (StreamSeal { head: Hash::ZERO, ..good }, "Head"),
        ] {
            let before = stream.clone();
            let fault = seal(&mut stream, bad).unwrap_err();
            assert!(format!("{fault:?}").starts_with(named), "{fault:?}");
            assert_eq!(stream, before);
        }
        seal(&mut stream, good).unwrap();
        assert!(matches!(seal(&mut stream, good), Err(StreamSealFault::Number { .. })));
        let nothing_new = StreamSeal { n: 2, ..good };
        assert!(matches!(seal(&mut stream, nothing_new), Err(StreamSealFault::Count { .. })));
        let skipped = stream.take(9, hash(9), None);
        assert_eq!(skipped, Err(StreamSealFault::Order { expected: 6, found: 9 }));
    }
}
