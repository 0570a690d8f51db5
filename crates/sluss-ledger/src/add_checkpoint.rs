//! C2SP `tlog-witness` v1.0.0: the bodies of `POST <prefix>/add-checkpoint` and of its answers.
//!
//! ```text
//! old <size of the last checkpoint that the witness cosigned>
//! <base64 hash>             (consistency proof, at most 63)
//!
//! <checkpoint, verbatim>
//! ```
//!
//! # Invariants
//!
//! - A body has one spelling: what is read is written again with the same bytes.
//! - Nothing longer than [`MAX_REQUEST_BYTES`] or [`MAX_ANSWER_BYTES`] is read.
//!
//! Not here: what a witness decides (see [`crate::witness`]), and HTTP itself.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::checkpoint::parse_hash;
use crate::hash::Hash;
use crate::note::{MAX_SIGNATURES, Note, NoteError, NoteSignature};
use crate::tile::parse_decimal;

/// Largest request that is read, in bytes: 63 hashes, and a checkpoint with sixteen signatures
/// of the largest kind (ML-DSA-44), twice over.
pub const MAX_REQUEST_BYTES: usize = 128 * 1024;

/// Largest answer that is read, in bytes.
pub const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Content type of a 409 answer that names the size of the last cosigned checkpoint.
pub const SIZE_CONTENT_TYPE: &str = "text/x.tlog.size";

/// Most hashes of a consistency proof.
const MAX_HASHES: usize = 63;

/// A log asks a witness to cosign a checkpoint. `Display` writes the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    old_size: u64,
    proof: Vec<Hash>,
    checkpoint: Note,
}

impl AddCheckpoint {
    /// Returns the request for `checkpoint`, with the proof that it extends the tree of
    /// `old_size` leaves.
    ///
    /// # Errors
    ///
    /// [`AddCheckpointError`] where the proof has more hashes than a request carries.
    pub fn new(
        old_size: u64,
        proof: Vec<Hash>,
        checkpoint: Note,
    ) -> Result<Self, AddCheckpointError> {
        if proof.len() > MAX_HASHES {
            return Err(AddCheckpointError::Hashes);
        }
        Ok(Self { old_size, proof, checkpoint })
    }

    /// Reads the body of a request without trusting it.
    ///
    /// # Errors
    ///
    /// [`AddCheckpointError`], which says what a request has.
    pub fn parse(body: &[u8]) -> Result<Self, AddCheckpointError> {
        if body.len() > MAX_REQUEST_BYTES {
            return Err(AddCheckpointError::TooLarge);
        }
        let body = std::str::from_utf8(body).map_err(|_| AddCheckpointError::BlankLine)?;
        let (head, checkpoint) = body.split_once("\n\n").ok_or(AddCheckpointError::BlankLine)?;
        let mut lines = head.split('\n');
        let old_size = lines.next().and_then(|line| line.strip_prefix("old "));
        let old_size = old_size.and_then(parse_decimal).ok_or(AddCheckpointError::OldSize)?;
        let proof: Option<Vec<_>> = lines.take(MAX_HASHES + 1).map(parse_hash).collect();
        let proof = proof.ok_or(AddCheckpointError::Hashes)?;
        Self::new(old_size, proof, Note::parse(checkpoint.as_bytes())?)
    }

    /// Returns the size of the last checkpoint that the log believes the witness to have cosigned.
    pub fn old_size(&self) -> u64 {
        self.old_size
    }

    /// Returns the consistency proof (RFC 6962 section 2.1.2) from that size on.
    pub fn proof(&self) -> &[Hash] {
        &self.proof
    }

    /// Returns the checkpoint to cosign, which nobody vouches for yet.
    pub fn checkpoint(&self) -> &Note {
        &self.checkpoint
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old_size)?;
        for hash in &self.proof {
            writeln!(f, "{}", STANDARD.encode(hash.as_bytes()))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

impl FromStr for AddCheckpoint {
    type Err = AddCheckpointError;

    fn from_str(body: &str) -> Result<Self, AddCheckpointError> {
        Self::parse(body.as_bytes())
    }
}

/// Why the body of a request was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddCheckpointError {
    /// The body is larger than is read.
    #[error("the request has more than {MAX_REQUEST_BYTES} bytes")]
    TooLarge,
    /// There is no blank line, or the text before it is not UTF-8.
    #[error("a request has `old <size>`, a proof, a blank line and a checkpoint, in UTF-8")]
    BlankLine,
    /// The first line does not name a size.
    #[error("a request begins with `old`, a space and a decimal size without needless zeros")]
    OldSize,
    /// A proof line is no hash, or there are too many.
    #[error("the proof is at most {MAX_HASHES} lines, each a base64 hash of 32 bytes")]
    Hashes,
    /// What follows the blank line is not a signed note.
    #[error("what follows the blank line is not a signed checkpoint")]
    Note(#[from] NoteError),
}

/// What a witness answers, as it came over HTTP: nothing of it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WitnessAnswer {
    /// 200: lines that claim to be cosignatures.
    Cosigned(Vec<NoteSignature>),
    /// 409 with a size: the last checkpoint that the witness cosigned has another size than the
    /// request said.
    OtherSize(u64),
    /// 409 without a size, or 422: the witness has a tree of that size with another root, or the
    /// proof is wrong.
    Inconsistent,
    /// 403: no key that the witness knows for this log signed.
    UnknownKey,
    /// 404: the witness does not know the log.
    UnknownLog,
    /// 400: the witness cannot read the request.
    Malformed,
    /// Any other status.
    Other(u16),
}

impl WitnessAnswer {
    /// Reads an answer: its status, the value of its `Content-Type` and its body.
    ///
    /// # Errors
    ///
    /// [`WitnessAnswerError`] where the body is not what the status promises.
    pub fn parse(status: u16, content_type: &str, body: &[u8]) -> Result<Self, WitnessAnswerError> {
        if body.len() > MAX_ANSWER_BYTES {
            return Err(WitnessAnswerError::TooLarge);
        }
        match status {
            200 => Self::parse_lines(body),
            409 if content_type == SIZE_CONTENT_TYPE => {
                let line = std::str::from_utf8(body).ok();
                // Some witnesses leave the newline out.
                let size =
                    line.and_then(|line| parse_decimal(line.strip_suffix('\n').unwrap_or(line)));
                size.map(Self::OtherSize).ok_or(WitnessAnswerError::Size)
            }
            409 | 422 => Ok(Self::Inconsistent),
            400 => Ok(Self::Malformed),
            403 => Ok(Self::UnknownKey),
            404 => Ok(Self::UnknownLog),
            other => Ok(Self::Other(other)),
        }
    }

    fn parse_lines(body: &[u8]) -> Result<Self, WitnessAnswerError> {
        let text = std::str::from_utf8(body).map_err(|_| WitnessAnswerError::Lines)?;
        let lines = text.strip_suffix('\n').ok_or(WitnessAnswerError::Lines)?;
        let lines: Result<Vec<_>, _> = lines.split('\n').map(str::parse).collect();
        let lines = lines.map_err(|_| WitnessAnswerError::Lines)?;
        if lines.len() > MAX_SIGNATURES {
            return Err(WitnessAnswerError::TooLarge);
        }
        Ok(Self::Cosigned(lines))
    }

    /// Returns the HTTP status of the answer.
    pub fn status(&self) -> u16 {
        match self {
            Self::Cosigned(_) => 200,
            Self::Malformed => 400,
            Self::UnknownKey => 403,
            Self::UnknownLog => 404,
            Self::OtherSize(_) => 409,
            Self::Inconsistent => 422,
            Self::Other(status) => *status,
        }
    }

    /// Returns the value of the answer's `Content-Type`.
    pub fn content_type(&self) -> &'static str {
        match self {
            Self::OtherSize(_) => SIZE_CONTENT_TYPE,
            Self::Cosigned(_)
            | Self::Inconsistent
            | Self::UnknownKey
            | Self::UnknownLog
            | Self::Malformed
            | Self::Other(_) => "text/plain; charset=utf-8",
        }
    }

    /// Returns the answer's body where the specification says what it is.
    pub fn body(&self) -> Option<String> {
        match self {
            Self::Cosigned(lines) => Some(lines.iter().map(|line| format!("{line}\n")).collect()),
            Self::OtherSize(size) => Some(format!("{size}\n")),
            Self::Inconsistent
            | Self::UnknownKey
            | Self::UnknownLog
            | Self::Malformed
            | Self::Other(_) => None,
        }
    }
}

/// Why the body of an answer was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WitnessAnswerError {
    /// The body is larger, or has more lines, than is read.
    #[error("the answer has more than {MAX_ANSWER_BYTES} bytes or {MAX_SIGNATURES} lines")]
    TooLarge,
    /// A 200 has no signature lines.
    #[error("an answer with status 200 has signature lines, each ended by a newline")]
    Lines,
    /// A 409 of the size's content type has no size.
    #[error("an answer with status 409 and type {SIZE_CONTENT_TYPE} is a decimal size")]
    Size,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of C2SP tlog-witness; its signatures are by keys that are not published.
    const EXAMPLE: &str = "old 20852014\n\
        PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n\
        jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n\
        5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n\
        /6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n\
        \n\
        example.com/behind-the-sofa\n\
        20852163\n\
        CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\
        \n\
        \u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN\
        7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
        \u{2014} example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2\
        Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=\n";

    #[test]
    fn the_example_of_the_specification_is_read_and_written_again() {
        let request = AddCheckpoint::parse(EXAMPLE.as_bytes()).unwrap();
        assert_eq!((request.old_size(), request.proof().len()), (20_852_014, 4));
        assert_eq!(request.checkpoint().signatures().len(), 2);
        assert_eq!(request.to_string(), EXAMPLE);
    }

    #[test]
    fn a_first_request_has_no_proof() {
        let from = EXAMPLE.find("\n\n").unwrap();
        let first = format!("old 0{}", &EXAMPLE[from..]);
        let request: AddCheckpoint = first.parse().unwrap();
        assert_eq!((request.old_size(), request.proof().len()), (0, 0));
        assert_eq!(request.to_string(), first);
    }

    #[test]
    fn malformed_requests_are_refused() {
        let hash = "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n";
        for bad in [
            EXAMPLE.replace("old 2", "old 02"),
            EXAMPLE.replace("old ", "old  "),
            EXAMPLE.replace("old ", "new "),
            EXAMPLE.replace("old 20852014", "old -1"),
            EXAMPLE.replace("old 20852014", "old 18446744073709551616"),
            EXAMPLE.replace("old 20852014\n", "old 20852014\r\n"),
            EXAMPLE.replace(hash, "AAAA\n"),
            EXAMPLE.replace(hash, &format!("{}\n", hash.trim_end().trim_end_matches('='))),
            EXAMPLE.replace(hash, &hash.repeat(61)),
            EXAMPLE.replace("\n\n", "\n"),
            EXAMPLE.trim_end().to_owned(),
            format!("{EXAMPLE}trailing"),
            String::new(),
            "old 0\n\n".to_owned(),
        ] {
            assert!(AddCheckpoint::parse(bad.as_bytes()).is_err(), "{bad}");
        }
        let most = EXAMPLE.replace(hash, &hash.repeat(60));
        assert_eq!(AddCheckpoint::parse(most.as_bytes()).unwrap().proof().len(), 63);
        assert!(AddCheckpoint::parse(b"old 0\n\n\xff").is_err());
        let long = format!("{}{EXAMPLE}", "x".repeat(MAX_REQUEST_BYTES));
        assert_eq!(AddCheckpoint::parse(long.as_bytes()), Err(AddCheckpointError::TooLarge));
    }

    #[test]
    fn answers_are_read_by_their_status() {
        let line = "\u{2014} witness.example/w1 CMp+6LWBU0anHGH5aNDTJkH/gj79sG+T6+iP2ThYN5krrDJbR1\
            HDnucjL39QsZTSvVjyQLrdk3DXDqI5G2HgLatVs0pWh6Up69HVOw==\n";
        let answer = WitnessAnswer::parse(200, "", line.as_bytes()).unwrap();
        assert_eq!(answer.body().as_deref(), Some(line));
        let size = WitnessAnswer::parse(409, SIZE_CONTENT_TYPE, b"20852014\n").unwrap();
        assert_eq!(size, WitnessAnswer::OtherSize(20_852_014));
        assert_eq!(size.body().as_deref(), Some("20852014\n"));
        for answer in [
            answer,
            size,
            WitnessAnswer::Inconsistent,
            WitnessAnswer::UnknownKey,
            WitnessAnswer::UnknownLog,
            WitnessAnswer::Malformed,
            WitnessAnswer::Other(503),
        ] {
            let body = answer.body().unwrap_or_default();
            let again =
                WitnessAnswer::parse(answer.status(), answer.content_type(), body.as_bytes());
            assert_eq!(again, Ok(answer));
        }
        // Before version 1.0.0, another root at one size was a 409 without a size.
        assert_eq!(WitnessAnswer::parse(409, "text/plain", b"no"), Ok(WitnessAnswer::Inconsistent));
    }

    #[test]
    fn answers_that_do_not_keep_their_word_are_refused() {
        assert_eq!(WitnessAnswer::parse(200, "", b""), Err(WitnessAnswerError::Lines));
        assert_eq!(WitnessAnswer::parse(200, "", b"thanks\n"), Err(WitnessAnswerError::Lines));
        assert_eq!(
            WitnessAnswer::parse(409, SIZE_CONTENT_TYPE, b"many\n"),
            Err(WitnessAnswerError::Size)
        );
        let long = vec![b'x'; MAX_ANSWER_BYTES + 1];
        assert_eq!(WitnessAnswer::parse(200, "", &long), Err(WitnessAnswerError::TooLarge));
    }
}
