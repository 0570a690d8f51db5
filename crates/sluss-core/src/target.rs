//! What a target is asked to make so, and what it answers: the words between control plane and
//! data plane.
//!
//! The host on this machine speaks these as JSON over a Unix socket. Nothing here does anything.
//!
//! # Invariants
//!
//! - A request carries a generation (a log position); a target refuses an older one than it has.
//! - Applying the same request twice is the same as applying it once.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use crate::confinement::{Confinement, LimitsBy, RunsAs};
use crate::ids::{Digest, EnvironmentName, ReleaseId, ServiceName};
pub use crate::traffic::{FieldName, Sticky, Traffic};
use crate::units::{Millis, Quarter, Share};

/// Names what a target serves: one service in one environment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteKey {
    /// The service.
    pub service: ServiceName,
    /// The environment.
    pub environment: EnvironmentName,
}

impl fmt::Display for RouteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.service, self.environment)
    }
}

/// How a target finds out that an instance may get traffic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Readiness {
    /// The path that answers 200 to `GET` when the instance is ready; without one, an accepted
    /// TCP connection counts.
    pub path: Option<String>,
    /// Milliseconds between two checks.
    pub interval_ms: u32,
    /// Consecutive good answers before the instance gets traffic.
    pub after: u16,
    /// Seconds after its start within which an instance must have become ready.
    pub within_seconds: u32,
}

impl Default for Readiness {
    fn default() -> Self {
        Self { path: Some("/ready".to_owned()), interval_ms: 200, after: 2, within_seconds: 60 }
    }
}

/// What an instance may use; zero means no limit of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Bytes of memory.
    #[serde(default)]
    pub memory_bytes: u64,
    /// Open files.
    #[serde(default)]
    pub open_files: u64,
    /// Processes and threads.
    #[serde(default)]
    pub processes: u64,
    /// The share of the processor when others want it too, from 1 to 10,000; the kernel's usual
    /// weight is 100. It holds where there are control groups.
    #[serde(default, skip_serializing_if = "is_default")]
    pub cpu_weight: u16,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// One release as part of a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// Which release.
    pub release: ReleaseId,
    /// The digest of the artifact that runs.
    pub digest: Digest,
    /// The folder that the artifact is unpacked in; never written to.
    pub folder: PathBuf,
    /// The program, relative to `folder`, and its arguments.
    pub command: Vec<String>,
    /// Environment variables; `PORT`, `STATE_DIR` and `RELEASE` are set by the target.
    pub environment: BTreeMap<String, String>,
    /// Secrets by name; handed over in a private file, never on the command line.
    pub secrets: BTreeMap<String, String>,
    /// How many instances should run.
    pub instances: u16,
    /// The share of requests for this release.
    pub share: Share,
    /// When an instance may get traffic.
    pub readiness: Readiness,
    /// Seconds that requests in flight get before `SIGTERM`, and again before `SIGKILL`.
    pub drain_seconds: u32,
    /// What an instance may use.
    pub limits: Limits,
}

/// While a lease runs, the candidate keeps its share; when nobody renews it, the incumbent gets
/// all traffic back, if it is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lease {
    /// The release that loses its share when the lease lapses.
    pub candidate: ReleaseId,
    /// Milliseconds that the lease lasts from its last renewal.
    pub lasts_ms: u32,
}

/// Everything that a target should be doing for one service in one environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Desired {
    /// For what.
    pub key: RouteKey,
    /// The log position that this was derived from.
    pub generation: u64,
    /// The port that customers call; without one, the target chooses a free one and reports it.
    pub port: Option<u16>,
    /// The releases, at most two. An arm that is missing here is drained and stopped. Without
    /// arms the route is taken down.
    pub arms: Vec<Arm>,
    /// The lease of the rollout under way.
    pub lease: Option<Lease>,
    /// How requests are told apart.
    #[serde(default, skip_serializing_if = "Traffic::is_plain")]
    pub traffic: Traffic,
    /// How many requests may be in flight at once; what comes beyond is refused at once instead
    /// of waiting. Without it the target has its own limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_in_flight: Option<NonZeroU32>,
}

impl Desired {
    /// Returns the wish that a route be taken down.
    pub fn nothing(key: RouteKey, generation: u64) -> Self {
        let (arms, traffic) = (Vec::new(), Traffic::default());
        Self { key, generation, port: None, arms, lease: None, traffic, most_in_flight: None }
    }

    /// Returns the release that careful customers are sent back to: the first arm that is not the
    /// candidate of a rollout.
    pub fn incumbent(&self) -> Option<ReleaseId> {
        let candidate = self.lease.as_ref().map(|lease| lease.candidate);
        self.arms.iter().map(|arm| arm.release).find(|release| Some(*release) != candidate)
    }
}

/// What a target answers to a [`Desired`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case", deny_unknown_fields)]
pub enum Applied {
    /// It is remembered durably, and being made so; shares already hold for new requests.
    Accepted,
    /// It was derived from an older state than what the target has.
    Stale {
        /// The generation that the target has.
        has: u64,
    },
}

/// Where an instance stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case", deny_unknown_fields)]
pub enum InstanceState {
    /// Started, not yet ready.
    Starting,
    /// Gets traffic.
    Ready,
    /// Was ready and fails its checks now; gets no traffic.
    Unready,
    /// Gets no new traffic; finishes what it has.
    Draining,
    /// Ended, and waits to be started again.
    Exited {
        /// Exit code, or 128 plus the signal's number.
        code: i32,
    },
}

/// One process of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstanceStatus {
    /// Its number within its arm, from 0.
    pub index: u16,
    /// Its process id; 0 when it does not run.
    pub pid: u32,
    /// The port that it listens on.
    pub port: u16,
    /// Where it stands.
    pub state: InstanceState,
    /// Since when.
    pub since: Millis,
    /// What it is held by.
    #[serde(default, skip_serializing_if = "is_default")]
    pub confinement: Confinement,
    /// Why it has another port than before the target was started anew, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved: Option<String>,
}

/// How one arm of a route stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArmStatus {
    /// Which release.
    pub release: ReleaseId,
    /// The share that it is configured to get.
    pub share: Share,
    /// The share that it really gets now: zero while nothing of it is ready.
    pub effective: Share,
    /// Its processes.
    pub instances: Vec<InstanceStatus>,
    /// Exits that nobody asked for within the last 60 seconds.
    pub recent_exits: u16,
    /// Instances that did not become ready within the stated time since the arm was wanted.
    pub failed_starts: u16,
}

/// How a route stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteStatus {
    /// Which route.
    pub key: RouteKey,
    /// The generation that is applied.
    pub generation: u64,
    /// The port that customers call; nothing while it is not yet open.
    pub port: Option<u16>,
    /// Its arms, also those that are draining.
    pub arms: Vec<ArmStatus>,
    /// Why the port cannot be opened, if so.
    pub problem: Option<String>,
    /// Requests that the target itself refused since it started, because no instance was ready.
    /// They say nothing about a release, so they are in no counter of one.
    #[serde(default)]
    pub unserved: u64,
    /// Requests that the target itself refused since it started, because too many were in flight
    /// already. They are in no counter of a release either.
    #[serde(default, skip_serializing_if = "is_default")]
    pub shed: u64,
    /// Whether callers stay with their arm. Then requests are not independent, and a verdict per
    /// request cannot claim its alpha.
    #[serde(default)]
    pub sticky: bool,
}

/// What came back from one release in a quarter of a second.
///
/// Where the route names the header that identifies a unit, a unit's first attempt is a request
/// and every later one a retry; elsewhere everything is a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CounterRow {
    /// The second, since 1970-01-01 UTC.
    pub second: i64,
    /// Which quarter of it, from 0; it is over when it is reported.
    #[serde(default, skip_serializing_if = "is_default")]
    pub quarter: u8,
    /// Which release.
    pub release: ReleaseId,
    /// Requests that ended in this quarter.
    pub requests: u64,
    /// Of these, how many failed: 5xx, time-out, connection failure, or marked by the service.
    pub errors: u64,
    /// Durations as (bin, count); bin k holds up to `2^((k+1)/4)` ms, bin 63 all that is longer.
    pub latency: Vec<(u8, u64)>,
    /// Later attempts of a unit, which are in none of the figures above.
    #[serde(default)]
    pub retries: u64,
    /// Of these, how many failed.
    #[serde(default)]
    pub failed_retries: u64,
    /// The requests by instance, in the order of their numbers. Their sum is the row's.
    #[serde(default)]
    pub instances: Vec<InstanceRow>,
}

impl CounterRow {
    /// Returns the quarter of a second in which this was counted.
    pub fn when(&self) -> Quarter {
        Quarter::of(self.second, self.quarter)
    }
}

/// What came back from one instance of a release in a quarter of a second; retries are left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstanceRow {
    /// Its number within its arm, from 0.
    pub index: u16,
    /// Requests that ended then.
    pub requests: u64,
    /// Of these, how many failed.
    pub errors: u64,
    /// Durations as (bin, count), as in [`CounterRow`].
    pub latency: Vec<(u8, u64)>,
}

/// Something that happened in the data plane by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalRow {
    /// Its number in the journal, from 1.
    pub number: u64,
    /// When.
    pub at: Millis,
    /// Where.
    pub key: RouteKey,
    /// Of which release.
    pub release: ReleaseId,
    /// What.
    pub what: JournalEntry,
}

/// What can happen in the data plane by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case", deny_unknown_fields)]
pub enum JournalEntry {
    /// A process was started.
    Started {
        /// Its number within its arm.
        instance: u16,
        /// Its process id.
        pid: u32,
    },
    /// An instance became ready.
    Ready {
        /// Its number within its arm.
        instance: u16,
    },
    /// An instance ended that nobody asked to end.
    Exited {
        /// Its number within its arm.
        instance: u16,
        /// Exit code, or 128 plus the signal's number.
        code: i32,
    },
    /// An instance was stopped after it had drained, by `SIGTERM`.
    Stopped {
        /// Its number within its arm.
        instance: u16,
    },
    /// An instance did not end in time and was killed, by `SIGKILL`.
    Killed {
        /// Its number within its arm.
        instance: u16,
    },
    /// An instance did not become ready in time.
    NotReadyInTime {
        /// Its number within its arm.
        instance: u16,
    },
    /// A lease lapsed and the candidate's share went to the incumbent.
    Lapsed,
    /// A running process was taken over after a restart of the host.
    Adopted {
        /// Its number within its arm.
        instance: u16,
        /// Its process id.
        pid: u32,
    },
}
