//! What the freeze calendar promises, as claims.

mod bank;
mod decisions;
mod deterministic;
mod ics;
mod mistakes;
mod oracle;
mod overrun;
mod previews;
mod properties;
mod script;
