//! Time-stamps (RFC 3161): an authority outside says that it saw these bytes at that time.
//!
//! [`request`] is what it is asked, [`verify`] checks its answer: that the imprint is the digest of
//! the content, that the certificate which the signature names made it, that this certificate is
//! for time-stamping alone and says so critically, and that it stands under a trusted authority.
//!
//! # Invariants
//!
//! - An answer is good only with all of these; there is no option that leaves one out.
//! - The present time is not asked: a token that was good when it was made stays so.
//!
//! Not here: HTTP, and whether a certificate was revoked, which nobody can look up offline.

mod asn1;
mod chain;

use der::asn1::{Any, ObjectIdentifier, OctetString, Uint};
use der::{Decode as _, Encode as _, Tag, Tagged as _};
use ring::digest;
use x509_cert::attr::Attribute;
use x509_cert::spki::AlgorithmIdentifierOwned as Algorithm;

use asn1::{
    CONTENT_TYPE, CertificateId, Content, Imprint, Info, MESSAGE_DIGEST, Request, Response,
    SHA_256, SHA_384, SHA_512, SIGNED_DATA, SIGNING_CERTIFICATE, SIGNING_CERTIFICATE_V2,
    SignedData, Signer, SigningCertificate, TST_INFO,
};
use chain::{Certificate, How, stands_under};

/// Media type of what an authority is asked.
pub const QUERY: &str = "application/timestamp-query";
/// Media type of its answer.
pub const REPLY: &str = "application/timestamp-reply";
/// Largest answer that is read, in bytes.
pub const MAX_BYTES: usize = 64 * 1024;

/// A stamp that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamped {
    /// When the authority says it saw the content, in milliseconds since 1970.
    pub time_ms: i64,
    /// What tells the answer to one request from that to another; nothing where it has none.
    pub nonce: Option<Vec<u8>>,
    /// The name in the certificate of who stamped it.
    pub by: String,
}

/// Returns the bytes that ask an authority to stamp the SHA-256 of `content`, and to add its
/// certificate. `nonce` is random.
pub fn request(content: &[u8], nonce: [u8; 8]) -> Vec<u8> {
    let nonce = Uint::new(&nonce).expect("BUG: eight bytes are a number");
    let digest = OctetString::new(digest::digest(&digest::SHA256, content).as_ref());
    let algorithm = Algorithm { oid: SHA_256, parameters: None };
    let imprint = Imprint { algorithm, digest: digest.expect("BUG: 32 bytes") };
    let request = Request { version: 1, imprint, nonce, certificates: true };
    request.to_der().expect("BUG: a request is small")
}

/// Returns `nonce` as [`Stamped::nonce`] has it.
pub fn nonce_of(nonce: [u8; 8]) -> Vec<u8> {
    Uint::new(&nonce).expect("BUG: eight bytes are a number").as_bytes().to_vec()
}

/// Verifies an authority's answer over `content`; `trusted` are certificates in PEM.
///
/// # Errors
///
/// [`TimestampError`]: the first thing that is wrong.
pub fn verify(answer: &[u8], content: &[u8], trusted: &[u8]) -> Result<Stamped, TimestampError> {
    if answer.len() > MAX_BYTES {
        return Err(TimestampError::Form("is too large"));
    }
    let anchors = Certificate::all(trusted).filter(|all| !all.is_empty());
    let anchors = anchors.ok_or(TimestampError::Trusted)?;
    let token = token(answer)?;
    let data: SignedData = token.content.decode_as().map_err(|_| form("is not signed data"))?;
    let told = data.inner.content.as_ref().filter(|_| data.inner.kind == TST_INFO);
    let told = told.ok_or(form("holds no time-stamp"))?.as_bytes();
    let info = Info::from_der(told).map_err(|_| form("holds no time-stamp that can be read"))?;
    let seen = digest_of(&info.imprint.algorithm, content).ok_or(TimestampError::Imprint)?;
    if info.version != 1 || seen != info.imprint.digest.as_bytes() {
        return Err(TimestampError::Imprint);
    }
    let time_ms = time(&info.time).ok_or(form("says no time"))?;
    let [signer] = data.signers.as_slice() else { return Err(form("has not one signer")) };
    let carried = data.certificates.as_ref().map_or(&[][..], |all| all.as_slice());
    let carried: Vec<Certificate> = carried.iter().filter_map(Certificate::of).collect();
    let by = signed_by(signer, told, &carried)?;
    by.may_stamp(time_ms).map_err(TimestampError::Certificate)?;
    stands_under(by, &anchors, &carried, time_ms).map_err(TimestampError::Certificate)?;
    let nonce = info.nonce.map(|nonce| nonce.as_bytes().to_vec());
    Ok(Stamped { time_ms, nonce, by: by.name() })
}

/// Returns whether these are certificates in PEM, one at least.
pub fn are_certificates(pem: &[u8]) -> bool {
    Certificate::all(pem).is_some_and(|all| !all.is_empty())
}

fn form(what: &'static str) -> TimestampError {
    TimestampError::Form(what)
}

fn token(answer: &[u8]) -> Result<Content, TimestampError> {
    let answer = Response::from_der(answer).map_err(|_| form("is no answer of an authority"))?;
    // Granted, perhaps with changes.
    if answer.status.status > 1 {
        let text = answer.status.text.iter().flatten();
        let text = text.map(|line| String::from_utf8_lossy(line.value()).into_owned());
        return Err(TimestampError::Refused(text.collect::<Vec<_>>().join("; ")));
    }
    let token = answer.token.filter(|token| token.kind == SIGNED_DATA);
    token.ok_or(form("has no token"))
}

/// Returns the certificate that the signature names and whose key made it.
fn signed_by<'a>(
    signer: &Signer,
    told: &[u8],
    carried: &'a [Certificate],
) -> Result<&'a Certificate, TimestampError> {
    let signed = signer.signed.as_ref().ok_or(form("signs nothing of itself"))?;
    let one = |kind: ObjectIdentifier| value(signed.as_slice(), kind);
    let kind = one(CONTENT_TYPE).and_then(|kind| kind.decode_as::<ObjectIdentifier>().ok());
    let digest = one(MESSAGE_DIGEST).and_then(|digest| digest.decode_as::<OctetString>().ok());
    let seen = digest_of(&signer.digest, told);
    let same = seen.is_some() && seen.as_deref() == digest.as_ref().map(OctetString::as_bytes);
    if kind != Some(TST_INFO) || !same {
        return Err(TimestampError::Signature);
    }
    let named = named(signed.as_slice()).ok_or(form("does not say which certificate signed"))?;
    let by = carried.iter().find(|one| named.is(one)).ok_or(TimestampError::NoCertificate)?;
    // What is signed are the attributes as a set, not as the tagged field that they are here.
    let message = signed.to_der().map_err(|_| form("has attributes that can not be written"))?;
    let how = How { algorithm: &signer.algorithm, digest: Some(&signer.digest) };
    match by.signed(how, &message, signer.signature.as_bytes()) {
        true => Ok(by),
        false => Err(TimestampError::Signature),
    }
}

/// The one value of an attribute that is there once.
fn value(attributes: &[Attribute], kind: ObjectIdentifier) -> Option<&Any> {
    let mut found = attributes.iter().filter(|attribute| attribute.oid == kind);
    let attribute = found.next().filter(|_| found.next().is_none())?;
    match attribute.values.as_slice() {
        [value] => Some(value),
        _none_or_several => None,
    }
}

/// Which certificate signed, by its digest.
struct Named {
    first: CertificateId,
    otherwise: &'static digest::Algorithm,
}

impl Named {
    fn is(&self, certificate: &Certificate) -> bool {
        let algorithm = match &self.first.algorithm {
            None => Some(self.otherwise),
            Some(algorithm) => digest_named(algorithm),
        };
        let digest = algorithm.map(|algorithm| digest::digest(algorithm, &certificate.der));
        digest.is_some_and(|digest| digest.as_ref() == self.first.digest.as_bytes())
    }
}

fn named(attributes: &[Attribute]) -> Option<Named> {
    let second = value(attributes, SIGNING_CERTIFICATE_V2).map(|value| (value, &digest::SHA256));
    let first = || {
        let value = value(attributes, SIGNING_CERTIFICATE)?;
        Some((value, &digest::SHA1_FOR_LEGACY_USE_ONLY))
    };
    let (value, otherwise) = second.or_else(first)?;
    let of: SigningCertificate = value.decode_as().ok()?;
    let first = of.certificates.into_iter().next()?;
    Some(Named { first, otherwise })
}

fn digest_named(algorithm: &Algorithm) -> Option<&'static digest::Algorithm> {
    match algorithm.oid {
        SHA_256 => Some(&digest::SHA256),
        SHA_384 => Some(&digest::SHA384),
        SHA_512 => Some(&digest::SHA512),
        _unknown => None,
    }
}

fn digest_of(algorithm: &Algorithm, content: &[u8]) -> Option<Vec<u8>> {
    let algorithm = digest_named(algorithm)?;
    Some(digest::digest(algorithm, content).as_ref().to_vec())
}

/// Reads `YYYYMMDDhhmmss[.fraction]Z`, in milliseconds since 1970.
fn time(value: &Any) -> Option<i64> {
    let text = std::str::from_utf8(value.value()).ok()?;
    let text = text.strip_suffix('Z').filter(|_| value.tag() == Tag::GeneralizedTime)?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() != 14 || !digits(whole) || !digits(fraction) {
        return None;
    }
    let part = |range: std::ops::Range<usize>| whole.get(range)?.parse::<u8>().ok();
    let year = whole.get(..4)?.parse().ok()?;
    let (month, day) = (part(4..6)?, part(6..8)?);
    let time = der::DateTime::new(year, month, day, part(8..10)?, part(10..12)?, part(12..14)?);
    let ms = i64::try_from(time.ok()?.unix_duration().as_millis()).ok()?;
    let thousandths: String = fraction.chars().chain("00".chars()).take(3).collect();
    Some(ms + thousandths.parse::<i64>().ok()?)
}

/// Why a time-stamp was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimestampError {
    /// It is not of the form.
    #[error("the time-stamp {0}")]
    Form(&'static str),
    /// The authority gave none.
    #[error("the authority stamped nothing: {0}")]
    Refused(String),
    /// It is over something else.
    #[error("the time-stamp is over other bytes than these")]
    Imprint,
    /// Its certificate is not in it.
    #[error("the time-stamp does not carry the certificate that it names")]
    NoCertificate,
    /// The signature is not good.
    #[error("the time-stamp's signature is not good")]
    Signature,
    /// The certificate does not count.
    #[error("the time-stamp's certificate does not count: {0}")]
    Certificate(&'static str),
    /// What is trusted can not be read.
    #[error("the trusted authority (`tsa.pem`) is no list of certificates in PEM")]
    Trusted,
}

#[cfg(test)]
mod tests;
