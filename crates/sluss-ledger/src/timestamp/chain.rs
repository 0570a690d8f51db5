//! Certificates of a time-stamping authority: what one may sign, and who stands behind it.
//!
//! # Invariants
//!
//! - A certificate whose critical extensions are not all understood counts for nothing.
//! - All of a chain was valid at the instant that is asked about, not at the present one: what was
//!   stamped in time stays so after the certificates have run out.

use der::asn1::{Any, ObjectIdentifier};
use der::{Decode as _, Encode as _, Tag, Tagged as _};
use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use x509_cert::Certificate as Parsed;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage};
use x509_cert::spki::AlgorithmIdentifierOwned as Algorithm;

use super::asn1::{SHA_256, SHA_384, SHA_512, SignedCertificate};

const TIME_STAMPING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.8");
const ANY_USE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");

/// Critical extensions that are understood: key usage, basic constraints, policies (which are not
/// asked for), extended key usage.
const UNDERSTOOD: [ObjectIdentifier; 4] = [
    ObjectIdentifier::new_unwrap("2.5.29.15"),
    ObjectIdentifier::new_unwrap("2.5.29.19"),
    ObjectIdentifier::new_unwrap("2.5.29.32"),
    ObjectIdentifier::new_unwrap("2.5.29.37"),
];

/// Certificates between who signed and who is trusted, at most.
const LONGEST: usize = 5;

/// A certificate.
pub(super) struct Certificate {
    /// Its bytes.
    pub(super) der: Vec<u8>,
    parsed: Parsed,
    /// What its issuer signed, and by what.
    told: Vec<u8>,
    algorithm: Algorithm,
    signature: Vec<u8>,
}

impl Certificate {
    /// Reads a certificate; nothing where it is none.
    pub(super) fn read(der: &[u8]) -> Option<Self> {
        let parsed = Parsed::from_der(der).ok()?;
        let SignedCertificate { told, algorithm, signature } =
            SignedCertificate::from_der(der).ok()?;
        let told = told.to_der().ok()?;
        let signature = signature.as_bytes()?.to_vec();
        Some(Self { der: der.to_vec(), parsed, told, algorithm, signature })
    }

    /// Reads one of the certificates that a token has; nothing where it is of another kind.
    pub(super) fn of(choice: &Any) -> Option<Self> {
        (choice.tag() == Tag::Sequence).then(|| Self::read(&choice.to_der().ok()?)).flatten()
    }

    /// Reads the certificates of a PEM file.
    pub(super) fn all(pem: &[u8]) -> Option<Vec<Self>> {
        let found = Parsed::load_pem_chain(pem).ok()?;
        let der = found.iter().map(|one| one.to_der().ok());
        der.map(|der| Self::read(&der?)).collect()
    }

    /// Returns the name that it is for.
    pub(super) fn name(&self) -> String {
        self.parsed.tbs_certificate().subject().to_string()
    }

    /// Returns whether its key made `signature` over `message`.
    pub(super) fn signed(&self, how: How<'_>, message: &[u8], signature: &[u8]) -> bool {
        let key = self.parsed.tbs_certificate().subject_public_key_info();
        let Some(algorithm) = algorithm(how, &key.algorithm) else { return false };
        let Some(key) = key.subject_public_key.as_bytes() else { return false };
        UnparsedPublicKey::new(algorithm, key).verify(message, signature).is_ok()
    }

    /// Says why it may not stamp at `ms`, if so: its purpose must be that alone, and critical.
    pub(super) fn may_stamp(&self, ms: i64) -> Result<(), &'static str> {
        let told = self.parsed.tbs_certificate();
        match told.get_extension::<ExtendedKeyUsage>() {
            Ok(Some((true, purposes))) if purposes.0 == [TIME_STAMPING] => {}
            Ok(Some((false, purposes))) if purposes.0 == [TIME_STAMPING] => {
                return Err("its purpose (extendedKeyUsage timeStamping) is not critical");
            }
            Ok(_) | Err(_) => return Err("its purpose is not time-stamping alone"),
        }
        match told.get_extension::<KeyUsage>() {
            Ok(None) => {}
            Ok(Some((_, usage))) if usage.digital_signature() || usage.non_repudiation() => {}
            Ok(Some(_)) | Err(_) => return Err("its key signs no data"),
        }
        self.holds(ms)
    }

    /// Says why it may not vouch for others at `ms`, with `below` more between, if so.
    fn may_vouch(&self, ms: i64, below: usize) -> Result<(), &'static str> {
        let told = self.parsed.tbs_certificate();
        match told.get_extension::<BasicConstraints>() {
            Ok(Some((_, of)))
                if of.ca && of.path_len_constraint.is_none_or(|most| below <= most.into()) => {}
            Ok(_) | Err(_) => return Err("an issuer is no authority for it"),
        }
        match told.get_extension::<KeyUsage>() {
            Ok(None) => {}
            Ok(Some((_, usage))) if usage.key_cert_sign() => {}
            Ok(Some(_)) | Err(_) => return Err("an issuer's key signs no certificates"),
        }
        match told.get_extension::<ExtendedKeyUsage>() {
            Ok(None) => {}
            Ok(Some((_, of))) if of.0.contains(&TIME_STAMPING) || of.0.contains(&ANY_USE) => {}
            Ok(Some(_)) | Err(_) => return Err("an issuer is not for time-stamping"),
        }
        self.holds(ms)
    }

    fn holds(&self, ms: i64) -> Result<(), &'static str> {
        let told = self.parsed.tbs_certificate();
        let of = told.extensions().into_iter().flatten();
        if of.filter(|of| of.critical).any(|of| !UNDERSTOOD.contains(&of.extn_id)) {
            return Err("a certificate has a critical extension that is not understood");
        }
        let (validity, at) = (told.validity(), i128::from(ms));
        let ms = |time: x509_cert::time::Time| time.to_unix_duration().as_millis().cast_signed();
        let (from, until) = (ms(validity.not_before), ms(validity.not_after));
        let whole_second = until.saturating_add(999);
        match from <= at && at <= whole_second {
            true => Ok(()),
            false => Err("a certificate was not valid at that time"),
        }
    }

    fn issued(&self, other: &Self) -> bool {
        let named =
            self.parsed.tbs_certificate().subject() == other.parsed.tbs_certificate().issuer();
        let how = How { algorithm: &other.algorithm, digest: None };
        named && self.signed(how, &other.told, &other.signature)
    }
}

/// How something was signed.
#[derive(Clone, Copy)]
pub(super) struct How<'a> {
    /// The algorithm of the signature.
    pub(super) algorithm: &'a Algorithm,
    /// The digest, where the algorithm does not say which.
    pub(super) digest: Option<&'a Algorithm>,
}

/// Checks that `signer` stands under one of `anchors` by certificates out of `between`.
pub(super) fn stands_under(
    signer: &Certificate,
    anchors: &[Certificate],
    between: &[Certificate],
    ms: i64,
) -> Result<(), &'static str> {
    let mut found = Err("no trusted authority issued its certificate");
    let mut open = vec![(signer, 0_usize)];
    while let Some((below, length)) = open.pop() {
        for anchor in anchors.iter().filter(|anchor| anchor.issued(below)) {
            match anchor.may_vouch(ms, length) {
                Ok(()) => return Ok(()),
                Err(why) => found = Err(why),
            }
        }
        if length + 1 < LONGEST {
            let issuers = between.iter().filter(|one| one.der != below.der && one.issued(below));
            for issuer in issuers {
                match issuer.may_vouch(ms, length) {
                    Ok(()) => open.push((issuer, length + 1)),
                    Err(why) => found = Err(why),
                }
            }
        }
    }
    found
}

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const RSA_SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const RSA_SHA_384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12");
const RSA_SHA_512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ECDSA_SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const ECDSA_SHA_384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");
const P_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P_384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");

/// Returns how to verify, for RSA with keys of 2048 bits and more, and ECDSA over P-256 and P-384;
/// nothing for all else.
fn algorithm(how: How<'_>, key: &Algorithm) -> Option<&'static dyn VerificationAlgorithm> {
    let digest = match how.algorithm.oid {
        RSA_SHA_256 | ECDSA_SHA_256 => SHA_256,
        RSA_SHA_384 | ECDSA_SHA_384 => SHA_384,
        RSA_SHA_512 => SHA_512,
        RSA | EC => how.digest?.oid,
        _unknown => return None,
    };
    let of_rsa = matches!(how.algorithm.oid, RSA | RSA_SHA_256 | RSA_SHA_384 | RSA_SHA_512);
    if of_rsa != (key.oid == RSA) {
        return None;
    }
    if of_rsa {
        return match digest {
            SHA_256 => Some(&signature::RSA_PKCS1_2048_8192_SHA256),
            SHA_384 => Some(&signature::RSA_PKCS1_2048_8192_SHA384),
            SHA_512 => Some(&signature::RSA_PKCS1_2048_8192_SHA512),
            _unknown => None,
        };
    }
    let curve: ObjectIdentifier = key.parameters.as_ref()?.decode_as().ok()?;
    match (curve, digest) {
        (P_256, SHA_256) if key.oid == EC => Some(&signature::ECDSA_P256_SHA256_ASN1),
        (P_256, SHA_384) if key.oid == EC => Some(&signature::ECDSA_P256_SHA384_ASN1),
        (P_384, SHA_256) if key.oid == EC => Some(&signature::ECDSA_P384_SHA256_ASN1),
        (P_384, SHA_384) if key.oid == EC => Some(&signature::ECDSA_P384_SHA384_ASN1),
        _unknown => None,
    }
}
