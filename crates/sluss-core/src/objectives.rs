//! What a first release must keep to, in figures of its own: nothing is there to compare it with.
//!
//! Nothing here does anything: the golden template or `sluss.yaml` says it, the statistics heed it.

use serde::{Deserialize, Serialize};

/// What is asked of a release that has no incumbent, before it is live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Objectives {
    /// How many of its requests may fail, in parts per million.
    pub errors_ppm: u32,
    /// What 99 of 100 requests must be answered within, in milliseconds; zero leaves that unjudged.
    pub slow_ms: u32,
    /// How many requests it is judged by at least.
    pub requests: u32,
    /// How many seconds it is judged for at least.
    pub seconds: u32,
}

impl Default for Objectives {
    fn default() -> Self {
        Self { errors_ppm: 10_000, slow_ms: 2_000, requests: 100, seconds: 10 }
    }
}

impl Objectives {
    /// Returns whether nobody asked for anything else.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}
