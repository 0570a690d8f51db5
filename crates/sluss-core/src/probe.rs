//! A probe: a request that the target itself sends, so that something is known of a service that
//! nobody calls, and what came back of it.
//!
//! # Invariants
//!
//! - What came back of probes is never counted as a customer's request.
//! - A method that changes something is only probed where the service declares it harmless; that
//!   is checked where the file is read.

use serde::{Deserialize, Serialize};

/// How a probe asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ProbeMethod {
    /// It reads.
    #[default]
    Get,
    /// It reads the head alone.
    Head,
    /// It asks what may be asked.
    Options,
    /// It may change something.
    Post,
    /// It may change something.
    Put,
    /// It may change something.
    Patch,
    /// It may change something.
    Delete,
}

impl ProbeMethod {
    /// Returns the method as HTTP spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Options => "OPTIONS",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// Returns whether it is safe (RFC 9110, section 9.2.1): it changes nothing.
    pub fn is_safe(self) -> bool {
        match self {
            Self::Get | Self::Head | Self::Options => true,
            Self::Post | Self::Put | Self::Patch | Self::Delete => false,
        }
    }
}

/// A request that the target itself sends, again and again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// How it asks.
    #[serde(default)]
    pub method: ProbeMethod,
    /// What for.
    pub path: String,
    /// The status that is right.
    pub expect: u16,
    /// How many are sent a second, to all arms together; each draws its arm by the same coin as a
    /// customer's request.
    pub per_second: u16,
    /// Milliseconds after which an answer is too late.
    pub timeout_ms: u32,
}

/// What came back of probes in a time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probed {
    /// Probes that ended.
    pub requests: u64,
    /// Of these, how many failed: another status than the right one, none, or too late.
    pub errors: u64,
    /// Durations as (bin, count); bin k holds up to `2^((k+1)/4)` ms.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub latency: Vec<(u8, u64)>,
}

impl Probed {
    /// Returns whether nothing was probed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds what came back elsewhere, or at another time.
    pub fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.errors += other.errors;
        self.latency = summed(&self.latency, &other.latency);
    }
}

/// Returns the sum of two sparse histograms, in the order of their bins.
pub fn summed(one: &[(u8, u64)], other: &[(u8, u64)]) -> Vec<(u8, u64)> {
    let mut bins: std::collections::BTreeMap<u8, u64> = one.iter().copied().collect();
    for (bin, count) in other {
        *bins.entry(*bin).or_default() += count;
    }
    bins.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_keep_each_bin_once() {
        let mut all = Probed { requests: 2, errors: 1, latency: vec![(3, 2)] };
        all.add(&Probed { requests: 3, errors: 0, latency: vec![(1, 1), (3, 2)] });
        assert_eq!(all, Probed { requests: 5, errors: 1, latency: vec![(1, 1), (3, 4)] });
    }

    #[test]
    fn only_methods_that_change_nothing_are_safe() {
        let text = |method: ProbeMethod| serde_json::to_string(&method).unwrap();
        assert_eq!(text(ProbeMethod::Get), "\"GET\"");
        assert!(ProbeMethod::Head.is_safe() && !ProbeMethod::Post.is_safe());
    }
}
