//! An authenticator in software, which says of its user and site whatever it is told to: for tests.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Signer as _;

use crate::hash::Hash;
use crate::webauthn::SignedDecision;

/// An authenticator with one credential.
#[derive(Debug)]
pub struct Authenticator {
    secret: Secret,
    /// The credential's id.
    pub credential: Vec<u8>,
    /// The site whose keys it holds.
    pub rp_id: String,
    /// The origin that its browser shows.
    pub origin: String,
    /// How often it has signed.
    pub counter: u32,
    /// Its flags: user present 1, user verified 4.
    pub flags: u8,
}

enum Secret {
    Es256(p256::ecdsa::SigningKey),
    Ed25519(ed25519_dalek::SigningKey),
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl Authenticator {
    /// Returns one that holds an ES256 key; `which` tells several apart, from 1.
    ///
    /// # Panics
    ///
    /// Where `which` is 0, which is no secret of a key.
    pub fn es256(which: u8) -> Self {
        let key = p256::ecdsa::SigningKey::from_slice(&[which; 32]);
        Self::of(which, Secret::Es256(key.expect("BUG: not zero, and below the order")))
    }

    /// Returns one that holds an Ed25519 key.
    pub fn ed25519(which: u8) -> Self {
        Self::of(which, Secret::Ed25519(ed25519_dalek::SigningKey::from_bytes(&[which; 32])))
    }

    fn of(which: u8, secret: Secret) -> Self {
        Self {
            secret,
            credential: vec![which; 16],
            rp_id: "localhost".to_owned(),
            origin: "http://localhost:8470".to_owned(),
            counter: 0,
            flags: 0x05,
        }
    }

    /// Returns `clientDataJSON` and `attestationObject` of a new credential.
    pub fn create(&self, challenge: &Hash) -> (Vec<u8>, Vec<u8>) {
        let length = u16::try_from(self.credential.len()).unwrap_or(u16::MAX).to_be_bytes();
        let credential = [&length[..], &self.credential, &self.cose()].concat();
        let data = [self.data(0x40), vec![7; 16], credential].concat();
        let length = u16::try_from(data.len()).unwrap_or(u16::MAX).to_be_bytes();
        // {"fmt": "none", "attStmt": {}, "authData": …}
        let object = [
            &[0xa3, 0x63][..],
            b"fmt",
            &[0x64],
            b"none",
            &[0x67],
            b"attStmt",
            &[0xa0, 0x68],
            b"authData",
            &[0x59],
            &length,
            &data,
        ];
        (self.client("webauthn.create", challenge), object.concat())
    }

    /// Signs a challenge; returns `clientDataJSON`, `authenticatorData` and the signature.
    pub fn get(&mut self, challenge: &Hash) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
        self.counter += 1;
        let (client, data) = (self.client("webauthn.get", challenge), self.data(0));
        let message = [&data[..], Hash::sha256(&client).as_bytes()].concat();
        let signature = match &self.secret {
            Secret::Es256(key) => {
                let signature: p256::ecdsa::DerSignature = key.sign(&message);
                signature.as_bytes().to_vec()
            }
            Secret::Ed25519(key) => key.sign(&message).to_bytes().to_vec(),
        };
        (client, data, signature)
    }

    /// Signs a decision, and returns it as it is kept.
    pub fn sign(&mut self, text: &str) -> SignedDecision {
        let (client, data, signature) = self.get(&Hash::sha256(text.as_bytes()));
        let [client, data, signature] =
            [client, data, signature].map(|part| URL_SAFE_NO_PAD.encode(part));
        SignedDecision::new(text.to_owned(), &data, &client, &signature)
    }

    fn client(&self, kind: &str, challenge: &Hash) -> Vec<u8> {
        let challenge = URL_SAFE_NO_PAD.encode(challenge.as_bytes());
        let origin = &self.origin;
        format!(
            r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{origin}","crossOrigin":false}}"#
        )
        .into_bytes()
    }

    fn data(&self, more: u8) -> Vec<u8> {
        let site = Hash::sha256(self.rp_id.as_bytes());
        [&site.as_bytes()[..], &[self.flags | more], &self.counter.to_be_bytes()].concat()
    }

    fn cose(&self) -> Vec<u8> {
        match &self.secret {
            Secret::Es256(key) => {
                let point = key.verifying_key().to_sec1_point(false);
                let (x, y) = point.as_bytes()[1..].split_at(32);
                let begin = [0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20];
                [&begin[..], x, &[0x22, 0x58, 0x20], y].concat()
            }
            Secret::Ed25519(key) => {
                let begin = [0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20];
                [&begin[..], key.verifying_key().as_bytes()].concat()
            }
        }
    }
}
