//! `openssl ts` is the authority; where a machine has no openssl these tests say so and end.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::asn1::Status;
use super::*;

const CONTENT: &[u8] = b"sluss.example/ledger\n7\nqwerty\n";
const NONCE: [u8; 8] = [0x80, 1, 2, 3, 4, 5, 6, 7];
const STAMPS: &str = "keyUsage=critical,digitalSignature\nextendedKeyUsage=critical,timeStamping";

/// An authority of a test's own.
struct Openssl {
    folder: tempfile::TempDir,
}

fn openssl(folder: &Path, arguments: &str) {
    let mut command = Command::new("openssl");
    command.args(arguments.split(' ')).current_dir(folder);
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

impl Openssl {
    /// Makes two authorities, `ca` and `other`, of the kind of `key`; none without openssl.
    fn new(key: &str) -> Option<Self> {
        if Command::new("openssl").arg("version").output().is_err() {
            eprintln!("openssl is missing, so nothing was stamped");
            return None;
        }
        let made = Self { folder: tempfile::tempdir().unwrap() };
        for name in ["ca", "other"] {
            openssl(
                made.folder.path(),
                &format!(
                    "req -x509 -newkey {key} -nodes -days 2 -subj /CN={name} -keyout {name}.key \
                     -out {name}.pem -addext basicConstraints=critical,CA:true \
                     -addext keyUsage=critical,keyCertSign"
                ),
            );
        }
        openssl(
            made.folder.path(),
            &format!("req -newkey {key} -nodes -subj /CN=tsa -keyout tsa.key -out tsa.csr"),
        );
        made.certificate("tsa", STAMPS);
        let config = "[tsa]\ndefault_tsa = here\n[here]\nserial = serial\n\
            crypto_device = builtin\nsigner_cert = tsa.pem\nsigner_key = tsa.key\n\
            signer_digest = sha256\ndefault_policy = 1.2.3.4.1\ndigests = sha256\n\
            ess_cert_id_alg = sha256\naccuracy = secs:1\nclock_precision_digits = 3\n\
            tsa_name = yes\nordering = yes\n";
        std::fs::write(made.path("tsa.cnf"), config).unwrap();
        std::fs::write(made.path("serial"), "01").unwrap();
        Some(made)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    /// Has `ca` certify the key of the authority once more, with other extensions.
    fn certificate(&self, name: &str, extensions: &str) {
        std::fs::write(self.path("extensions"), extensions).unwrap();
        openssl(
            self.folder.path(),
            &format!(
                "x509 -req -in tsa.csr -CA ca.pem -CAkey ca.key -set_serial 7 -days 2 \
                 -extfile extensions -out {name}.pem"
            ),
        );
    }

    fn stamp(&self) -> Vec<u8> {
        std::fs::write(self.path("request"), request(CONTENT, NONCE)).unwrap();
        openssl(self.folder.path(), "ts -reply -config tsa.cnf -queryfile request -out answer");
        self.read("answer")
    }

    /// Signs what a good answer says with another certificate, which the signature names.
    fn signed_by(&self, name: &str, answer: &[u8]) -> Vec<u8> {
        let data: SignedData = token(answer).unwrap().content.decode_as().unwrap();
        std::fs::write(self.path("info"), data.inner.content.unwrap().as_bytes()).unwrap();
        openssl(
            self.folder.path(),
            &format!(
                "cms -sign -cades -binary -nodetach -outform DER -md sha256 -signer {name}.pem \
                 -inkey tsa.key -econtent_type 1.2.840.113549.1.9.16.1.4 -in info -out token"
            ),
        );
        let token = Content::from_der(&self.read("token")).unwrap();
        let status = Status { status: 0, text: None, failure: None };
        Response { status, token: Some(token) }.to_der().unwrap()
    }

    fn verified(&self, answer: &[u8]) -> Result<Stamped, TimestampError> {
        verify(answer, CONTENT, &self.read("ca.pem"))
    }
}

#[test]
fn what_openssl_stamps_is_good_for_these_bytes_and_this_authority_alone() {
    for key in
        ["ec -pkeyopt ec_paramgen_curve:P-256", "ec -pkeyopt ec_paramgen_curve:P-384", "rsa:2048"]
    {
        let Some(authority) = Openssl::new(key) else { return };
        let answer = authority.stamp();
        let stamped = authority.verified(&answer).unwrap();
        assert_eq!(stamped.nonce, Some(nonce_of(NONCE)), "{key}");
        assert!(stamped.time_ms > 1_700_000_000_000 && stamped.by.contains("tsa"), "{stamped:?}");
        let ca = authority.read("ca.pem");
        assert_eq!(verify(&answer, b"other", &ca), Err(TimestampError::Imprint));
        let other = verify(&answer, CONTENT, &authority.read("other.pem")).unwrap_err();
        assert!(other.to_string().contains("no trusted authority"), "{other}");
        assert_eq!(verify(&answer, CONTENT, b""), Err(TimestampError::Trusted));
        // Signed anew by the same certificate it is as good; that is how the next test forges.
        authority.verified(&authority.signed_by("tsa", &answer)).unwrap();
    }
}

#[test]
fn a_certificate_that_is_not_for_time_stamping_alone_and_critically_stamps_nothing() {
    let Some(authority) = Openssl::new("ec -pkeyopt ec_paramgen_curve:P-256") else { return };
    let answer = authority.stamp();
    let signs = "keyUsage=critical,digitalSignature";
    for (extensions, why) in [
        (signs.to_owned(), "not time-stamping alone"),
        (format!("{signs}\nextendedKeyUsage=timeStamping"), "not critical"),
        (format!("{signs}\nextendedKeyUsage=critical,timeStamping,codeSigning"), "alone"),
        (format!("{signs}\nextendedKeyUsage=critical,codeSigning"), "not time-stamping alone"),
        (STAMPS.replace("digitalSignature", "keyEncipherment"), "signs no data"),
        (format!("{STAMPS}\n1.2.3.4=critical,ASN1:NULL"), "not understood"),
    ] {
        authority.certificate("bad", &extensions);
        let refused = authority.verified(&authority.signed_by("bad", &answer)).unwrap_err();
        assert!(refused.to_string().contains(why), "{extensions}: {refused}");
    }
}

#[test]
fn no_changed_bit_of_a_stamp_goes_unnoticed_where_it_is_signed() {
    let Some(authority) = Openssl::new("ec -pkeyopt ec_paramgen_curve:P-256") else { return };
    let answer = authority.stamp();
    let good = authority.verified(&answer).unwrap();
    for at in 0..answer.len() {
        let mut changed = answer.clone();
        changed[at] ^= 1;
        // Some bytes say nothing, such as a free text; none of them changes what is said.
        if let Ok(stamped) = authority.verified(&changed) {
            assert_eq!(stamped, good, "byte {at}");
        }
    }
    for length in 0..answer.len() {
        assert!(authority.verified(&answer[..length]).is_err(), "{length}");
    }
}

#[test]
fn who_is_no_authority_vouches_for_nobody() {
    let Some(authority) = Openssl::new("ec -pkeyopt ec_paramgen_curve:P-256") else { return };
    let answer = authority.stamp();
    // The certificate that signed is not its own authority, and neither is one that may not be.
    let own = verify(&answer, CONTENT, &authority.read("tsa.pem")).unwrap_err();
    assert!(own.to_string().contains("no trusted authority"), "{own}");
    for (extension, why) in [
        ("basicConstraints=critical,CA:false", "no authority"),
        ("basicConstraints=critical,CA:true\nkeyUsage=critical,digitalSignature", "signs no"),
    ] {
        let mut arguments = "req -x509 -key ca.key -days 2 -subj /CN=ca -out weak.pem".to_owned();
        for line in extension.lines() {
            arguments.push_str(&format!(" -addext {line}"));
        }
        openssl(authority.folder.path(), &arguments);
        let refused = verify(&answer, CONTENT, &authority.read("weak.pem")).unwrap_err();
        assert!(refused.to_string().contains(why), "{extension}: {refused}");
    }
}

#[test]
fn an_authority_that_refuses_says_why() {
    let Some(authority) = Openssl::new("ec -pkeyopt ec_paramgen_curve:P-256") else { return };
    std::fs::write(authority.path("request"), b"0").unwrap();
    openssl(authority.folder.path(), "ts -reply -config tsa.cnf -queryfile request -out answer");
    let refused = authority.verified(&authority.read("answer")).unwrap_err();
    assert!(matches!(refused, TimestampError::Refused(_)), "{refused}");
}
