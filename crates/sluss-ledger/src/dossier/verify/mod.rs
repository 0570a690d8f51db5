//! Verifies a dossier: every check on its own, from bytes and trusted keys alone.
//!
//! # Invariants
//!
//! - No check is left out because another failed, and none is turned off by an option: options
//!   only add.
//! - What needs knowledge that is not here (policies, witnesses, time-stamps, the organisation's
//!   own rules for approvals) is a trait; without its implementation the check is *not checked*.

mod approvals;
mod automated;
mod container;
mod decisions;
mod emergencies;
mod exceptions;
mod freezes;
mod obligations;
mod opened;
mod person_keys;
mod references;
mod reviews;
mod signed;
mod statements;
mod streams;
mod versions;
mod waivers;

use std::collections::BTreeSet;

use super::Files;
use super::build::PolicyRecord;
use super::manifest::Manifest;
use super::report::{Check, Failure, Outcome, Report};
use super::trust::Trust;
use crate::envelope::Envelope;
use crate::hash::Hash;
use opened::Opened;

/// Decides again what a policy decided, from what was recorded.
pub trait PolicyReplay {
    /// Decides again from bundle, data and input, and compares all that comes out with what was
    /// recorded.
    ///
    /// # Errors
    ///
    /// The difference, as a sentence. A policy that can not be evaluated is an error too.
    fn replay(&self, decision: &SignedEvent, record: &PolicyRecord) -> Result<Replayed, String>;
}

/// A decision that came out the same again.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Replayed {
    /// What the policy required besides: each by its name, and as the contract of policies writes
    /// it.
    pub require: Vec<(String, serde_json::Value)>,
    /// Why it was shut then without an answer that the same bytes would lead to again, such as a
    /// lack of time.
    pub not_repeated: Option<String>,
}

/// Counts the witnesses of a checkpoint.
pub trait Quorum {
    /// Returns what was counted, where the cosignatures satisfy `policy` (C2SP `tlog-policy`).
    ///
    /// # Errors
    ///
    /// Who is missing, as a sentence.
    fn satisfied(&self, policy: &str, checkpoint: &[u8]) -> Result<String, String>;
}

/// Checks time-stamp tokens.
pub trait Timestamps {
    /// Returns the time in milliseconds since 1970 at which `token` (RFC 3161) over `content` was
    /// made by the authority of `certificate` (PEM).
    ///
    /// # Errors
    ///
    /// Why the token is refused, as a sentence.
    fn verify(&self, token: &[u8], content: &[u8], certificate: &[u8]) -> Result<i64, String>;
}

/// The organisation's own rules for approvals, on top of those that hold everywhere.
///
/// The rules here know what any event log shows: who contributed, who decided, about which
/// statement. Slots, roles, delegations and signatures of authenticators need the domain's own
/// reading of the events; an implementation gets all of them, in the order of the log.
pub trait ApprovalRules {
    /// Returns every rule that does not hold.
    fn broken(&self, release: &str, events: &[SignedEvent]) -> Vec<Failure>;
}

/// An event of a dossier with its place in the log.
#[derive(Debug, Clone)]
pub struct SignedEvent {
    /// Index of its leaf.
    pub index: u64,
    /// Leaf hash.
    pub hash: Hash,
    /// The event.
    pub event: Envelope,
}

/// What is verified beyond the dossier itself, and with which knowledge.
#[derive(Default)]
pub struct Options<'a> {
    /// Artifacts that must be the release's: a name for the report, and the SHA-256.
    pub artifacts: Vec<(String, Hash)>,
    /// Checks that are required beyond those that are anyway.
    pub require: BTreeSet<Check>,
    /// Decides policies again.
    pub policy: Option<&'a dyn PolicyReplay>,
    /// Counts witnesses.
    pub quorum: Option<&'a dyn Quorum>,
    /// Checks time-stamps.
    pub timestamps: Option<&'a dyn Timestamps>,
    /// Further rules for approvals.
    pub approvals: Option<&'a dyn ApprovalRules>,
}

/// Makes every check and reports each.
pub fn verify(files: &Files, trust: &Trust, options: &Options<'_>) -> Report {
    let manifest = match container::manifest(files) {
        Ok(manifest) => manifest,
        Err(failure) => return Report::refused(failure),
    };
    let opened = Opened::open(files, &manifest);
    let outcomes = vec![
        (Check::Container, container::container(files, &manifest)),
        (Check::Digests, container::digests(&opened, options)),
        (Check::Signatures, signed::signatures(&opened, trust)),
        (Check::Inclusion, signed::inclusion(&opened, trust)),
        (Check::KeySpans, signed::key_spans(&opened, trust)),
        (Check::Contiguity, streams::contiguity(&opened)),
        (Check::Seal, streams::seal(&opened)),
        (Check::CrossReferences, references::cross_references(&opened)),
        (Check::Policy, decisions::policy(&opened, options.policy)),
        (Check::Approvals, approvals::approvals(&opened, options.approvals)),
        (Check::Exceptions, exceptions::exceptions(&opened)),
        (Check::Waivers, waivers::waivers(&opened)),
        (Check::PersonKeys, person_keys::person_keys(&opened)),
        (Check::Witnesses, witnesses(&opened, trust, options.quorum)),
        (Check::Timestamps, streams::timestamps(&opened, trust, options.timestamps)),
        (Check::Identities, references::identities(&opened)),
    ];
    let wanted = |check: Check| match check {
        Check::Policy => opened.has_policy(),
        Check::Waivers => waivers::used(&opened).next().is_some(),
        Check::PersonKeys => opened.told().any(|(_, data)| data["signed"].is_object()),
        Check::Witnesses => trust.tlog_policy().is_some(),
        Check::Timestamps => trust.tsa().is_some(),
        _ => false,
    };
    let required =
        |check: Check| check.always_required() || wanted(check) || options.require.contains(&check);
    Report::new(Some(release_of(&manifest)), outcomes, required)
}

fn release_of(manifest: &Manifest) -> String {
    manifest.release.clone()
}

fn witnesses(opened: &Opened<'_>, trust: &Trust, quorum: Option<&dyn Quorum>) -> Outcome {
    let Some(policy) = trust.tlog_policy() else {
        return Outcome::not_checked("no `tlog-policy` among the trusted files");
    };
    let Some(quorum) = quorum else {
        return Outcome::not_checked("this program can not count witnesses");
    };
    let Some(checkpoint) = opened.files.get("checkpoint") else {
        return Outcome::Failed(vec![Failure::new("there is no checkpoint").file("checkpoint")]);
    };
    match quorum.satisfied(policy, checkpoint) {
        Ok(detail) => signed::independent(trust, Outcome::Passed(detail)),
        Err(why) => Outcome::Failed(vec![Failure::new(why).file("checkpoint")]),
    }
}
