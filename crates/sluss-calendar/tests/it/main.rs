//! What the freeze calendar promises, as claims.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed, and says where")]

mod bank;
mod decisions;
mod deterministic;
mod ics;
mod mistakes;
mod oracle;
mod overrun;
mod previews;
mod properties;
mod random;
mod script;
