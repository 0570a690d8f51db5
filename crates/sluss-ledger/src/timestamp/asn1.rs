//! The parts of RFC 3161 (time-stamps), RFC 5652 (signed data) and RFC 5035 (which certificate
//! signed) that tokens are made of.

use der::asn1::{Any, BitString, Int, ObjectIdentifier, OctetString, SetOfVec, Uint};
use der::{Sequence, ValueOrd};
use x509_cert::attr::Attribute;
use x509_cert::spki::AlgorithmIdentifierOwned as Algorithm;

pub(super) const SIGNED_DATA: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
pub(super) const TST_INFO: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");
pub(super) const CONTENT_TYPE: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
pub(super) const MESSAGE_DIGEST: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
pub(super) const SIGNING_CERTIFICATE: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.12");
pub(super) const SIGNING_CERTIFICATE_V2: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");
pub(super) const SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
pub(super) const SHA_384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
pub(super) const SHA_512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");

/// The digest of what is stamped.
#[derive(Debug, Sequence)]
pub(super) struct Imprint {
    pub(super) algorithm: Algorithm,
    pub(super) digest: OctetString,
}

/// `TimeStampReq`; no policy is asked for.
#[derive(Debug, Sequence)]
pub(super) struct Request {
    pub(super) version: u8,
    pub(super) imprint: Imprint,
    pub(super) nonce: Uint,
    pub(super) certificates: bool,
}

/// `TimeStampResp`.
#[derive(Debug, Sequence)]
pub(super) struct Response {
    pub(super) status: Status,
    #[asn1(optional = "true")]
    pub(super) token: Option<Content>,
}

/// `PKIStatusInfo`.
#[derive(Debug, Sequence)]
pub(super) struct Status {
    pub(super) status: u8,
    #[asn1(optional = "true")]
    pub(super) text: Option<Vec<Any>>,
    #[asn1(optional = "true")]
    pub(super) failure: Option<BitString>,
}

/// `ContentInfo`.
#[derive(Debug, Sequence)]
pub(super) struct Content {
    pub(super) kind: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    pub(super) content: Any,
}

/// `SignedData`.
#[derive(Debug, Sequence)]
pub(super) struct SignedData {
    pub(super) version: u8,
    pub(super) digests: SetOfVec<Algorithm>,
    pub(super) inner: Inner,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", constructed = "true", optional = "true")]
    pub(super) certificates: Option<SetOfVec<Any>>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", constructed = "true", optional = "true")]
    pub(super) revoked: Option<SetOfVec<Any>>,
    pub(super) signers: SetOfVec<Signer>,
}

/// `EncapsulatedContentInfo`.
#[derive(Debug, Sequence)]
pub(super) struct Inner {
    pub(super) kind: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    pub(super) content: Option<OctetString>,
}

/// `SignerInfo`.
#[derive(Debug, Clone, PartialEq, Eq, Sequence, ValueOrd)]
pub(super) struct Signer {
    pub(super) version: u8,
    pub(super) who: Any,
    pub(super) digest: Algorithm,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", constructed = "true", optional = "true")]
    pub(super) signed: Option<SetOfVec<Attribute>>,
    pub(super) algorithm: Algorithm,
    pub(super) signature: OctetString,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", constructed = "true", optional = "true")]
    pub(super) unsigned: Option<SetOfVec<Attribute>>,
}

/// `TSTInfo`.
#[derive(Debug, Sequence)]
pub(super) struct Info {
    pub(super) version: u8,
    pub(super) policy: ObjectIdentifier,
    pub(super) imprint: Imprint,
    pub(super) serial: Int,
    /// A `GeneralizedTime`, which may have a fraction of a second here.
    pub(super) time: Any,
    #[asn1(optional = "true")]
    pub(super) accuracy: Option<Vec<Any>>,
    #[asn1(optional = "true")]
    pub(super) ordering: Option<bool>,
    #[asn1(optional = "true")]
    pub(super) nonce: Option<Uint>,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", constructed = "true", optional = "true")]
    pub(super) authority: Option<Any>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", constructed = "true", optional = "true")]
    pub(super) extensions: Option<Vec<Any>>,
}

/// `SigningCertificate` and `SigningCertificateV2`; the first entry names who signed.
#[derive(Debug, Sequence)]
pub(super) struct SigningCertificate {
    pub(super) certificates: Vec<CertificateId>,
    #[asn1(optional = "true")]
    pub(super) policies: Option<Vec<Any>>,
}

/// `ESSCertID`, which has no algorithm (it is SHA-1), and `ESSCertIDv2`, where none is SHA-256.
#[derive(Debug, Sequence)]
pub(super) struct CertificateId {
    #[asn1(optional = "true")]
    pub(super) algorithm: Option<Algorithm>,
    pub(super) digest: OctetString,
    #[asn1(optional = "true")]
    pub(super) issuer: Option<Vec<Any>>,
}

/// A certificate, taken apart so that what was signed keeps its bytes.
#[derive(Debug, Sequence)]
pub(super) struct SignedCertificate {
    pub(super) told: Any,
    pub(super) algorithm: Algorithm,
    pub(super) signature: BitString,
}
