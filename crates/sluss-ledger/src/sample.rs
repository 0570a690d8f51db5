//! A small log with one release in it, for tests, for examples and for other people's verifiers.
//!
//! Its keys are published here: whatever they sign is worth nothing. Compiled with the feature
//! `sample` only.

use serde_json::Value;
use serde_json::value::RawValue;

use crate::attest::predicate::{
    BuildDefinition, BuildMetadata, Builder, ExternalParameters, InputAttestation, PolicyRef,
    Provenance, RunDetails, TestResult, TestVerdict, VerificationResult, VerificationSummary,
    Verifier,
};
use crate::attest::{
    AttestationKey, DigestSet, Dsse, HashedRekord, Predicate, ResourceDescriptor, Statement,
    StatementError, StatementSubject, UtcTime,
};
use crate::cosignature::WitnessKey;
use crate::dossier::{
    AttestationPart, EventPart, Identity, KeySpan, Parts, TrustParts, TrustedKeys,
};
use crate::hash::Hash;
use crate::note::{LogKey, Note, NoteError};
use crate::tree::{MemoryTree, inclusion_proof};
use crate::{
    Actor, ActorKind, AttestationRef, Checkpoint, CheckpointError, Envelope, LogKeys, Origin, Ref,
    Subject, SubjectDigest,
};

/// When the sample begins, in milliseconds since 1970: 2026-11-21T10:00:00Z.
pub const START_MS: i64 = 1_795_255_200_000;

/// Origin of the sample's log.
pub const ORIGIN: &str = "sluss.example/ledger";

/// Returns the key that signs attestations; `which` tells several apart, 1 is the usual one.
///
/// # Panics
///
/// Where `which` is 0, which is no secret of a key.
pub fn attestation_key(which: u8) -> AttestationKey {
    AttestationKey::from_secret(&[which; 32]).expect("BUG: not zero, and below the order")
}

/// Returns the key of the log.
pub fn log_key(which: u8) -> LogKey {
    LogKey::from_seed(ORIGIN.parse().expect("BUG: a valid name"), [which; 32])
}

/// Returns a witness' key, told apart by its number.
pub fn witness_key(which: u8) -> WitnessKey {
    WitnessKey::from_seed("witness.example/audit".parse().expect("BUG: a valid name"), [which; 32])
}

/// Returns a signed checkpoint with the cosignature of a witness.
///
/// # Errors
///
/// Where the text is no checkpoint.
pub fn cosigned(checkpoint: &str, by: &WitnessKey) -> Result<String, CheckpointError> {
    let note = Note::parse(checkpoint.as_bytes())?;
    let body: Checkpoint = note.unverified_text().parse()?;
    Ok(note.with(by.cosign(&body, 1_795_255_300)).to_string())
}

/// Returns the reference of a person, whose salt is the digest of their name.
pub fn person(name: &str) -> Identity {
    let salt = Hash::sha256(name.as_bytes());
    let salted = [b"sluss/person/v1\0", &salt.as_bytes()[..], name.as_bytes()].concat();
    Identity { reference: Hash::sha256(&salted), salt, person: name.to_owned() }
}

/// Leaves in memory, written as a log writes them.
#[derive(Debug, Default)]
pub struct Ledger {
    leaves: Vec<Vec<u8>>,
    events: Vec<u64>,
    attestations: Vec<(u64, Dsse)>,
    blobs: Vec<Vec<u8>>,
}

/// An event before it has its place.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Its stream.
    pub stream: String,
    /// Its type.
    pub kind: &'static str,
    /// Who does it.
    pub actor: (ActorKind, Hash),
    /// Its data.
    pub data: Value,
    /// Digests of what it is about.
    pub subject: Vec<Hash>,
    /// Leaves that it rests on.
    pub refs: Vec<u64>,
    /// Leaves of attestations that it names.
    pub atts: Vec<u64>,
}

impl Draft {
    /// Returns an event of the platform itself.
    pub fn new(stream: impl Into<String>, kind: &'static str, data: Value) -> Self {
        let actor = (ActorKind::System, Hash::sha256(b"platform"));
        let stream = stream.into();
        Self { stream, kind, actor, data, subject: vec![], refs: vec![], atts: vec![] }
    }

    /// Says which person does it.
    #[must_use]
    pub fn by(mut self, name: &str) -> Self {
        self.actor = (ActorKind::Person, person(name).reference);
        self
    }
}

impl Ledger {
    /// Appends an event and returns its leaf.
    pub fn event(&mut self, draft: Draft) -> u64 {
        let index = self.leaves.len() as u64;
        let before = self.events.iter().rev().find_map(|leaf| {
            let bytes = self.leaf(*leaf);
            let event = Envelope::open(bytes).expect("BUG: written by this");
            (event.stream == draft.stream).then(|| (event.seq + 1, Hash::leaf(bytes)))
        });
        let (seq, prev) = before.unwrap_or((0, Hash::ZERO));
        let subject = |digest: &Hash| Subject {
            name: "payments".to_owned(),
            digest: SubjectDigest { sha256: *digest },
        };
        let time_ms = START_MS + 1000 * index as i64;
        let (kind, reference) = draft.actor;
        let data = RawValue::from_string(draft.data.to_string()).expect("BUG: JSON");
        let envelope = Envelope {
            stream: draft.stream,
            seq,
            prev,
            kind: draft.kind.to_owned(),
            time_ms,
            id: format!("01935a00-0000-7000-8000-{index:012x}"),
            occurred_ms: time_ms,
            source: "urn:sluss:sample".to_owned(),
            cause: None,
            command_key: None,
            actor: Actor { kind, reference, acts_for: None, login: None },
            subject: draft.subject.iter().map(subject).collect(),
            refs: draft.refs.iter().map(|leaf| self.reference(*leaf)).collect(),
            atts: draft.atts.iter().map(|leaf| self.named(*leaf)).collect(),
            skew: false,
            data,
        };
        self.leaves.push(envelope.seal().expect("BUG: small and strict"));
        self.events.push(index);
        index
    }

    /// Appends an attestation's leaf and returns it; name it in an event.
    pub fn attestation(&mut self, envelope: Dsse, key: &AttestationKey) -> u64 {
        let index = self.leaves.len() as u64;
        self.leaves.push(HashedRekord::of(&envelope, key.verifier()).to_leaf());
        self.attestations.push((index, envelope));
        index
    }

    /// Keeps a content and returns its digest.
    pub fn blob(&mut self, content: impl Into<Vec<u8>>) -> Hash {
        let content = content.into();
        let digest = Hash::sha256(&content);
        self.blobs.push(content);
        digest
    }

    /// Returns the bytes of a leaf.
    ///
    /// # Panics
    ///
    /// Where there is no such leaf.
    pub fn leaf(&self, index: u64) -> &[u8] {
        &self.leaves[usize::try_from(index).expect("BUG: a sample is small")]
    }

    /// Returns how many events `stream` has, and the leaf hash of the last.
    pub fn head(&self, stream: &str) -> (u64, Hash) {
        let events = self.events.iter().map(|leaf| self.leaf(*leaf));
        let of_stream =
            events.filter(|bytes| Envelope::open(bytes).is_ok_and(|event| event.stream == stream));
        of_stream.fold((0, Hash::ZERO), |(count, _), bytes| (count + 1, Hash::leaf(bytes)))
    }

    /// Returns the parts of a dossier of `release` with all that was written.
    ///
    /// # Errors
    ///
    /// None for what this module writes.
    pub fn parts(&self, release: &str, log: &LogKey) -> Result<Parts, NoteError> {
        let tree: MemoryTree = self.leaves.iter().map(|leaf| Hash::leaf(leaf)).collect();
        let head = tree.frontier().head();
        let origin: Origin = ORIGIN.parse().expect("BUG: a valid origin");
        let prove =
            |index: u64| inclusion_proof(head.size, index, &tree).expect("BUG: a whole tree");
        let event = |index: &u64| EventPart {
            index: *index,
            leaf: self.leaf(*index).to_vec(),
            hashes: prove(*index),
        };
        let attestation = |(index, envelope): &(u64, Dsse)| AttestationPart {
            index: *index,
            leaf: self.leaf(*index).to_vec(),
            hashes: prove(*index),
            envelope: envelope.clone(),
        };
        let start = UtcTime::from_ms(START_MS).expect("BUG: a time of this century");
        let key = attestation_key(1).verifier().clone();
        Ok(Parts {
            release: release.to_owned(),
            retention: "10y".to_owned(),
            events: self.events.iter().map(event).collect(),
            attestations: self.attestations.iter().map(attestation).collect(),
            blobs: self.blobs.clone(),
            disposed: vec![],
            sbom: None,
            controls: None,
            policy: Default::default(),
            identities: vec![],
            checkpoint: Checkpoint { origin: origin.clone(), head }.sign(log)?.to_string(),
            timestamp: None,
            trust: TrustParts {
                logs: vec![(log.verifier(), start)],
                spans: LogKeys::new(origin.clone(), log.verifier()).expect("BUG: its name"),
                keys: TrustedKeys::of(vec![KeySpan { key, from_leaf: 0, to_leaf: None }]),
                tlog_policy: None,
            },
        })
    }

    fn reference(&self, leaf: u64) -> Ref {
        Ref { leaf, hash: Hash::leaf(self.leaf(leaf)) }
    }

    fn named(&self, leaf: u64) -> AttestationRef {
        let found = self.attestations.iter().find(|(index, _)| *index == leaf);
        let (_, envelope) = found.expect("BUG: an attestation of this log");
        let statement = envelope.unverified_statement().expect("BUG: a statement");
        let predicate = statement.predicate_type().to_owned();
        AttestationRef { leaf, pae: envelope.pae_digest(), predicate }
    }
}

/// The digest of the sample's one artifact.
pub fn artifact() -> Hash {
    Hash::sha256(b"the payments service, built\n")
}

fn time(second: i64) -> UtcTime {
    UtcTime::from_ms(START_MS + 1000 * second).expect("BUG: a time of this century")
}

/// Returns a statement about the sample's artifact, signed.
///
/// # Errors
///
/// [`StatementError`] where the predicate contradicts its own rules.
pub fn signed<P: Predicate>(predicate: &P, key: &AttestationKey) -> Result<Dsse, StatementError> {
    let digest = DigestSet::sha256(artifact());
    let subject = StatementSubject { name: "payments".to_owned(), digest };
    Ok(Statement::about(vec![subject], predicate)?.sign(key))
}

/// Returns how the sample's artifact was made.
///
/// # Errors
///
/// None: the digests are well formed.
pub fn provenance() -> Result<Provenance, StatementError> {
    let commit = DigestSet::of("gitCommit", &"4f".repeat(20))?;
    let repository = "https://git.sluss.example/payments".to_owned();
    let dependency = ResourceDescriptor::new(format!("git+{repository}"), commit);
    Ok(Provenance {
        build_definition: BuildDefinition {
            build_type: Provenance::BUILD_TYPE.to_owned(),
            external_parameters: ExternalParameters {
                repository,
                reference: "refs/heads/main".to_owned(),
                template: "rust-service@2.0.0".to_owned(),
                parameters: [("port".to_owned(), "8080".to_owned())].into(),
            },
            resolved_dependencies: vec![dependency],
        },
        run_details: RunDetails {
            builder: Builder {
                id: "https://sluss.example/runner/isolated".to_owned(),
                version: [("sluss".to_owned(), "0.1.0".to_owned())].into(),
            },
            metadata: BuildMetadata {
                invocation_id: "run-1".to_owned(),
                started_on: time(2),
                finished_on: time(3),
            },
            agent_runs: vec![],
        },
    })
}

/// Returns how the sample's tests ended.
pub fn test_result() -> TestResult {
    let report = DigestSet::sha256(Hash::sha256(b"<testsuites/>"));
    TestResult {
        result: TestVerdict::Passed,
        configuration: vec![ResourceDescriptor::new("urn:sluss:step:test", report)],
        url: None,
        passed_tests: vec!["a_payment_is_booked_once".to_owned()],
        warned_tests: vec![],
        failed_tests: vec![],
    }
}

/// Returns a gate's decision over the sample's release.
pub fn summary(result: VerificationResult, inputs: Vec<Hash>) -> VerificationSummary {
    let levels = match result {
        VerificationResult::Passed => ["SLSA_BUILD_LEVEL_1", "SLUSS_FOUR_EYES"].as_slice(),
        VerificationResult::Failed => &["FAILED"],
    };
    let input = |digest: Hash| InputAttestation {
        uri: format!("urn:sluss:attestation:{digest}"),
        digest: DigestSet::sha256(digest),
    };
    VerificationSummary {
        verifier: Verifier {
            id: "https://sluss.example/gate".to_owned(),
            version: [("sluss".to_owned(), "0.1.0".to_owned())].into(),
        },
        time_verified: time(8),
        resource_uri: "urn:sluss:release:rel-1".to_owned(),
        policy: PolicyRef {
            uri: "urn:sluss:policy:production".to_owned(),
            digest: DigestSet::sha256(Hash::sha256(b"package sluss.gate\n")),
        },
        input_attestations: inputs.into_iter().map(input).collect(),
        verification_result: result,
        verified_levels: levels.iter().map(|level| (*level).to_owned()).collect(),
        slsa_version: "1.2".to_owned(),
    }
}

/// The sample's bill of materials.
pub const SBOM: &str = concat!(
    r#"{"$schema":"http://cyclonedx.org/schema/bom-1.6.schema.json","bomFormat":"CycloneDX","#,
    r#""specVersion":"1.6","version":1,"components":[{"type":"library","name":"serde","#,
    r#""version":"1.0.0","purl":"pkg:cargo/serde@1.0.0"}]}"#,
);

pub mod authenticator;
pub mod predicates;
mod story;

pub use story::{Emergency, Story, Waiver, story};

/// Returns the type of the sample's first attestation.
pub fn test_result_type() -> &'static str {
    TestResult::TYPE
}
