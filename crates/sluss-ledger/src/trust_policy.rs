//! C2SP `tlog-policy`: the file in which an auditor says whose word about a log is enough.
//!
//! ```text
//! log <vkey> [<url>]
//! witness <name> <vkey> [<url>]
//! group <name> all|any|<k> <name>...
//! quorum <name>|none
//! ```
//!
//! # Invariants
//!
//! - A policy has one quorum, every name in it is defined above where it is used and counted in
//!   one place only, and no key is in it twice: one witness is one voice.
//! - A [`Quorate`] checkpoint was signed by a listed log of its origin and cosigned by the quorum,
//!   and no line of a listed key failed.
//!
//! Names are UTF-8, which the specification recommends. A log's key may be listed beside another of
//! the same name: that is a rotation. Not here: how old a cosignature may be; [`Quorate::cosigned`]
//! has the times.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use crate::checkpoint::{Checkpoint, CheckpointError, Origin, VerifiedCheckpoint};
use crate::cosignature::WitnessVerifier;
use crate::note::{LogVerifier, Note, NoteError};
use crate::tile::parse_decimal;

/// Largest policy file that is read, in bytes.
const MAX_BYTES: usize = 256 * 1024;

/// Most logs, witnesses and groups, each; the specification asks for at least 32.
const MAX_EACH: usize = 256;

/// The name that stands for no witness.
const NONE: &str = "none";

/// A policy file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustPolicy {
    logs: Vec<LogVerifier>,
    /// Witnesses and groups in the order of their lines: members stand before their group.
    voices: Vec<Voice>,
    /// Index of a voice; nothing where no cosignature is asked for.
    quorum: Option<usize>,
}

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Voice {
    Witness { name: String, verifier: WitnessVerifier },
    Group { name: String, threshold: usize, members: Vec<usize> },
}

impl Voice {
    fn name(&self) -> &str {
        match self {
            Self::Witness { name, .. } | Self::Group { name, .. } => name,
        }
    }
}

impl TrustPolicy {
    /// Reads a policy file.
    ///
    /// # Errors
    ///
    /// The first [`PolicyError`], with its line.
    pub fn parse(file: &[u8]) -> Result<Self, PolicyError> {
        let whole = |fault| PolicyError { line: 0, fault };
        if file.len() > MAX_BYTES {
            return Err(whole(PolicyFault::TooLarge));
        }
        let mut reading = Reading::default();
        let mut last = 0;
        for (index, line) in file.split(|byte| *byte == b'\n').enumerate() {
            last = index + 1;
            let taken = reading.take(line);
            taken.map_err(|fault| PolicyError { line: last, fault })?;
        }
        if !file.is_empty() && !file.ends_with(b"\n") {
            return Err(PolicyError { line: last, fault: PolicyFault::NoNewline });
        }
        let quorum = reading.quorum.ok_or(whole(PolicyFault::NoQuorum))?;
        Ok(Self { logs: reading.logs, voices: reading.voices, quorum })
    }

    /// Returns the keys of the logs that are trusted to speak for themselves.
    pub fn logs(&self) -> &[LogVerifier] {
        &self.logs
    }

    /// Returns the witnesses by the names that the file gives them.
    pub fn witnesses(&self) -> impl Iterator<Item = (&str, &WitnessVerifier)> {
        self.voices.iter().filter_map(|voice| match voice {
            Voice::Witness { name, verifier } => Some((name.as_str(), verifier)),
            Voice::Group { .. } => None,
        })
    }

    /// Returns whether the policy asks for any cosignature at all.
    pub fn asks_for_witnesses(&self) -> bool {
        self.quorum.is_some()
    }

    /// Reads a signed checkpoint and checks it against the policy.
    ///
    /// # Errors
    ///
    /// [`TrustRefusal`]: the log is not listed, its signature or that of a listed witness is bad,
    /// or the quorum is not reached.
    pub fn verify(&self, note: &[u8]) -> Result<Quorate, TrustRefusal> {
        let parsed = Note::parse(note).map_err(CheckpointError::Note)?;
        let origin: Origin = parsed.unverified_text().lines().next().unwrap_or("").parse()?;
        let keys: Vec<_> = self
            .logs
            .iter()
            .filter(|log| log.name().as_str() == origin.as_str())
            .cloned()
            .collect();
        if keys.is_empty() {
            return Err(TrustRefusal::UnknownLog(origin));
        }
        let checkpoint = Checkpoint::open(note, &origin, &keys)?;
        let mut cosigned = BTreeMap::new();
        // Members stand before their group: one pass knows all of them.
        let mut spoken: Vec<bool> = Vec::with_capacity(self.voices.len());
        for voice in &self.voices {
            let speaks = match voice {
                Voice::Witness { name, verifier } => {
                    let found = verifier.find(&parsed).map_err(TrustRefusal::Cosignature)?;
                    if let Some(found) = &found {
                        cosigned.insert(name.clone(), found.seconds());
                    }
                    found.is_some()
                }
                Voice::Group { threshold, members, .. } => {
                    members.iter().filter(|member| spoken[**member]).count() >= *threshold
                }
            };
            spoken.push(speaks);
        }
        match self.quorum {
            Some(quorum) if !spoken[quorum] => Err(TrustRefusal::NoQuorum {
                quorum: self.voices[quorum].name().to_owned(),
                cosigned: cosigned.into_keys().collect(),
            }),
            Some(_) | None => Ok(Quorate { checkpoint, cosigned }),
        }
    }
}

impl FromStr for TrustPolicy {
    type Err = PolicyError;

    fn from_str(file: &str) -> Result<Self, PolicyError> {
        Self::parse(file.as_bytes())
    }
}

/// Proof that a checkpoint satisfies a policy. [`TrustPolicy::verify`] alone makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "what was verified should be used in place of what was not"]
pub struct Quorate {
    checkpoint: VerifiedCheckpoint,
    cosigned: BTreeMap<String, u64>,
}

impl Quorate {
    /// Returns the checkpoint.
    pub fn checkpoint(&self) -> &VerifiedCheckpoint {
        &self.checkpoint
    }

    /// Returns every listed witness that cosigned, also beyond the quorum, with the latest time
    /// at which it did, in seconds since 1970.
    pub fn cosigned(&self) -> &BTreeMap<String, u64> {
        &self.cosigned
    }
}

/// A policy file while it is read.
#[derive(Debug, Default)]
struct Reading {
    logs: Vec<LogVerifier>,
    voices: Vec<Voice>,
    names: BTreeMap<String, usize>,
    members: BTreeSet<usize>,
    witness_keys: BTreeSet<[u8; 32]>,
    quorum: Option<Option<usize>>,
}

impl Reading {
    fn take(&mut self, line: &[u8]) -> Result<(), PolicyFault> {
        if line.iter().any(|byte| (*byte < b' ' && *byte != b'\t') || *byte == 0x7f) {
            return Err(PolicyFault::ControlCharacter);
        }
        let items: Vec<&[u8]> = line
            .split(|byte| matches!(byte, b' ' | b'\t'))
            .filter(|item| !item.is_empty())
            .collect();
        match items.split_first() {
            None => Ok(()),
            Some((first, _)) if first.starts_with(b"#") => Ok(()),
            Some((&b"log", [vkey] | [vkey, _])) => self.log(vkey),
            Some((&b"witness", [name, vkey] | [name, vkey, _])) => self.witness(name, vkey),
            Some((&b"group", [name, threshold, members @ ..])) if !members.is_empty() => {
                self.group(name, threshold, members)
            }
            Some((&b"quorum", [name])) => self.quorum(name),
            Some((first, _)) => Err(PolicyFault::Form(shown(first))),
        }
    }

    fn log(&mut self, vkey: &[u8]) -> Result<(), PolicyFault> {
        let verifier: LogVerifier = vkey_text(vkey)?.parse()?;
        if self.logs.iter().any(|log| log.public_key() == verifier.public_key()) {
            return Err(PolicyFault::DuplicateKey);
        }
        self.logs.push(verifier);
        within(self.logs.len())
    }

    fn witness(&mut self, name: &[u8], vkey: &[u8]) -> Result<(), PolicyFault> {
        let verifier: WitnessVerifier = vkey_text(vkey)?.parse()?;
        if !self.witness_keys.insert(verifier.public_key()) {
            return Err(PolicyFault::DuplicateKey);
        }
        let name = self.new_name(name)?;
        self.voices.push(Voice::Witness { name, verifier });
        within(self.witness_keys.len())
    }

    fn group(
        &mut self,
        name: &[u8],
        threshold: &[u8],
        members: &[&[u8]],
    ) -> Result<(), PolicyFault> {
        let members: Vec<usize> =
            members.iter().map(|member| self.known(member)).collect::<Result<_, _>>()?;
        for member in &members {
            if !self.members.insert(*member) {
                return Err(PolicyFault::CountedTwice(self.voices[*member].name().to_owned()));
            }
        }
        let most = members.len();
        let threshold = match threshold {
            b"all" => most,
            b"any" => 1,
            number => std::str::from_utf8(number)
                .ok()
                .and_then(parse_decimal)
                .and_then(|number| usize::try_from(number).ok())
                .filter(|number| (1..=most).contains(number))
                .ok_or(PolicyFault::Threshold { found: shown(number), most })?,
        };
        let name = self.new_name(name)?;
        self.voices.push(Voice::Group { name, threshold, members });
        within(self.voices.len() - self.witness_keys.len())
    }

    fn quorum(&mut self, name: &[u8]) -> Result<(), PolicyFault> {
        let quorum = if name == NONE.as_bytes() { None } else { Some(self.known(name)?) };
        match self.quorum.replace(quorum) {
            Some(_) => Err(PolicyFault::SecondQuorum),
            None => Ok(()),
        }
    }

    /// Defines the name of the voice that is pushed next.
    fn new_name(&mut self, name: &[u8]) -> Result<String, PolicyFault> {
        let name = name_text(name)?;
        if name == NONE {
            return Err(PolicyFault::Reserved);
        }
        if self.names.insert(name.clone(), self.voices.len()).is_some() {
            return Err(PolicyFault::DuplicateName(name));
        }
        Ok(name)
    }

    fn known(&self, name: &[u8]) -> Result<usize, PolicyFault> {
        let name = name_text(name)?;
        self.names.get(&name).copied().ok_or(PolicyFault::UnknownName(name))
    }
}

fn within(count: usize) -> Result<(), PolicyFault> {
    if count > MAX_EACH { Err(PolicyFault::TooLarge) } else { Ok(()) }
}

fn name_text(name: &[u8]) -> Result<String, PolicyFault> {
    std::str::from_utf8(name).map(str::to_owned).map_err(|_| PolicyFault::Utf8)
}

fn vkey_text(vkey: &[u8]) -> Result<&str, PolicyFault> {
    std::str::from_utf8(vkey).map_err(|_| PolicyFault::Utf8)
}

fn shown(item: &[u8]) -> String {
    String::from_utf8_lossy(item).into_owned()
}

/// Which line of a policy file was refused, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the policy: {fault}")]
pub struct PolicyError {
    /// One-based number of the line; 0 where the whole file is meant.
    pub line: usize,
    /// What is wrong there.
    #[source]
    pub fault: PolicyFault,
}

/// What is wrong with a policy file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyFault {
    /// The file is larger, or has more of a kind, than is read.
    #[error("more than {MAX_BYTES} bytes, or {MAX_EACH} logs, witnesses or groups")]
    TooLarge,
    /// The last line does not end in a newline.
    #[error("the last line is cut off: it does not end in a newline")]
    NoNewline,
    /// There is a control character other than tab and newline.
    #[error("a control character other than tab and newline")]
    ControlCharacter,
    /// A name or a key is not UTF-8.
    #[error("a name or key that is not UTF-8")]
    Utf8,
    /// The line is none of the four kinds, or has too few or too many items.
    #[error(
        "`{0}` does not begin `log <vkey> [<url>]`, `witness <name> <vkey> [<url>]`, `group <name> \
         all|any|<k> <name>...` or `quorum <name>|none`"
    )]
    Form(String),
    /// The key is not a vkey, or of the wrong type.
    #[error("{0}")]
    Key(#[from] NoteError),
    /// The same public key stands in an earlier line of the kind.
    #[error("this public key is listed already; one key is one voice")]
    DuplicateKey,
    /// The name stands for something already.
    #[error("`{0}` is defined already")]
    DuplicateName(String),
    /// `none` cannot be defined.
    #[error("`none` stands for no witness and cannot be defined")]
    Reserved,
    /// The name is not defined above.
    #[error("`{0}` is not defined in a line above")]
    UnknownName(String),
    /// The name is a member of a group already.
    #[error("`{0}` is a member of a group already and cannot be counted twice")]
    CountedTwice(String),
    /// The threshold cannot be reached, or is not one.
    #[error("`{found}` is not `all`, `any` or a number from 1 to {most}")]
    Threshold {
        /// What stands there.
        found: String,
        /// Members of the group.
        most: usize,
    },
    /// There is a quorum already.
    #[error("a second quorum; there is exactly one")]
    SecondQuorum,
    /// There is no quorum.
    #[error("there is no `quorum` line; write `quorum none` to ask for no witness")]
    NoQuorum,
}

/// Why a checkpoint does not satisfy a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustRefusal {
    /// The policy lists no key of this log.
    #[error("the policy lists no key of log {0}")]
    UnknownLog(Origin),
    /// The checkpoint is malformed or no listed key of its log signed it.
    #[error("the checkpoint is not one that its log signed")]
    Checkpoint(#[from] CheckpointError),
    /// The line of a listed witness does not verify.
    #[error("the cosignature of a listed witness is bad")]
    Cosignature(#[source] NoteError),
    /// Too few of the witnesses cosigned.
    #[error("the quorum `{quorum}` is not reached; cosigned by {cosigned:?}")]
    NoQuorum {
        /// Name of the quorum's witness or group.
        quorum: String,
        /// Names of the witnesses that did cosign.
        cosigned: Vec<String>,
    },
}

#[cfg(test)]
mod tests;
