//! The key that signs attestations and dossiers, as a file: made at the first start, 0600.
//!
//! `keys/attestation.key` is PKCS #8 in PEM (RFC 5958, RFC 5915), as `openssl` reads it;
//! `keys/attestation.pub` is the public half (RFC 7468). It is another key than the log's: whoever
//! says what happened does not say in which order it stands.

use std::fs;
use std::io;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sluss_ledger::attest::AttestationKey;

use crate::clock::Entropy;
use crate::folder;
use crate::key::KeyError;

/// What precedes the 32 bytes of the secret in the PKCS #8 form of a P-256 key without its public
/// half.
const PKCS8_PREFIX: [u8; 35] = [
    0x30, 0x41, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
    0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x04, 0x27, 0x30, 0x25, 0x02, 0x01,
    0x01, 0x04, 0x20,
];
const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";
/// Draws of a secret; one is refused about once in 2³².
const DRAWS: usize = 8;

/// Returns the key that signs attestations in the data folder at `data`, which is made if there is
/// none and never was.
///
/// # Errors
///
/// [`KeyError`]: the file is malformed, or gone while its public half is there.
pub fn attestation_key(data: &Path, entropy: &dyn Entropy) -> Result<AttestationKey, KeyError> {
    let path = folder::attestation_key(data);
    let public = folder::attestation_pub(data);
    let key = match fs::read_to_string(&path) {
        Ok(text) => parse(&text).ok_or_else(|| KeyError::Malformed(path.clone()))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if public.try_exists()? {
                return Err(KeyError::LostAttestation(path));
            }
            let (key, secret) = draw(entropy)?;
            folder::write_durably(&path, private_text(&secret).as_bytes())?;
            key
        }
        Err(error) => return Err(error.into()),
    };
    let pem = key.verifier().to_pem();
    if fs::read_to_string(&public).ok().as_deref() != Some(&pem) {
        folder::write_durably(&public, pem.as_bytes())?;
    }
    Ok(key)
}

/// Makes the key that attestations are to be signed with next, and keeps it beside the present one;
/// or returns the one that was made before and never taken.
///
/// # Errors
///
/// [`KeyError`]: the disk or the source of randomness refused.
pub fn stage_attestation_key(
    data: &Path,
    entropy: &dyn Entropy,
) -> Result<AttestationKey, KeyError> {
    let path = folder::next_attestation_key(data);
    match fs::read_to_string(&path) {
        Ok(text) => parse(&text).ok_or(KeyError::Malformed(path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let (key, secret) = draw(entropy)?;
            folder::write_durably(&path, private_text(&secret).as_bytes())?;
            Ok(key)
        }
        Err(error) => Err(error.into()),
    }
}

/// Signs with the next key from now on, where the log named it (`spki` is its public half);
/// otherwise that key is dropped. Returns the key that signs.
///
/// # Errors
///
/// [`KeyError`]: the disk refused.
pub fn adopt_attestation_key(
    data: &Path,
    spki: Option<&[u8]>,
    entropy: &dyn Entropy,
) -> Result<AttestationKey, KeyError> {
    let next = folder::next_attestation_key(data);
    if next.try_exists()? {
        let key = stage_attestation_key(data, entropy)?;
        match spki == Some(key.verifier().spki()) {
            true => fs::rename(&next, folder::attestation_key(data))?,
            false => fs::remove_file(&next)?,
        }
        if let Some(keys) = next.parent() {
            folder::sync_folder(keys)?;
        }
    }
    attestation_key(data, entropy)
}

fn draw(entropy: &dyn Entropy) -> Result<(AttestationKey, [u8; 32]), KeyError> {
    for _ in 0..DRAWS {
        let mut secret = [0; 32];
        entropy.fill(&mut secret)?;
        if let Ok(key) = AttestationKey::from_secret(&secret) {
            return Ok((key, secret));
        }
    }
    Err(io::Error::other("the source of randomness gives no secret of P-256").into())
}

fn private_text(secret: &[u8; 32]) -> String {
    let text = STANDARD.encode([&PKCS8_PREFIX[..], secret].concat());
    let (first, second) = text.split_at(64);
    format!("{BEGIN}\n{first}\n{second}\n{END}\n")
}

fn parse(text: &str) -> Option<AttestationKey> {
    let inner = text.trim().strip_prefix(BEGIN)?.strip_suffix(END)?;
    let encoded: String = inner.split_ascii_whitespace().collect();
    let der = STANDARD.decode(encoded).ok()?;
    let secret = der.strip_prefix(&PKCS8_PREFIX)?;
    AttestationKey::from_secret(secret.try_into().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::clock::SeededEntropy;

    #[test]
    fn it_is_made_once_private_and_never_anew_once_lost() -> Result<(), Box<dyn std::error::Error>>
    {
        let data = tempfile::tempdir()?;
        let made = attestation_key(data.path(), &SeededEntropy::new(1))?;
        let again = attestation_key(data.path(), &SeededEntropy::new(2))?;
        assert_eq!(made.verifier(), again.verifier());
        let path = folder::attestation_key(data.path());
        assert_eq!(fs::metadata(&path)?.permissions().mode() & 0o777, 0o600);
        fs::remove_file(&path)?;
        let lost = attestation_key(data.path(), &SeededEntropy::new(3));
        assert!(matches!(lost, Err(KeyError::LostAttestation(_))), "{lost:?}");
        Ok(())
    }

    #[test]
    fn its_file_is_the_usual_form_of_a_p256_key() -> Result<(), Box<dyn std::error::Error>> {
        let data = tempfile::tempdir()?;
        let made = attestation_key(data.path(), &SeededEntropy::new(1))?;
        let text = fs::read_to_string(folder::attestation_key(data.path()))?;
        assert!(text.lines().all(|line| line.len() <= 64), "{}", text.len());
        assert_eq!(parse(&text).map(|key| key.verifier().id()), Some(made.verifier().id()));
        assert!(parse(&text.replace('M', "N")).is_none());
        Ok(())
    }
}
