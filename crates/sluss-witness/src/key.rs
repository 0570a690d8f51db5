//! The witness' key: made once, kept as one line of text, shown by its public half alone.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sluss_ledger::{Hash, KeyName, WitnessKey, WitnessVerifier};

/// Signature type of Ed25519 keys that cosign checkpoints (C2SP `tlog-cosignature`).
const ED25519_COSIGNATURE: u8 = 0x04;

/// Returns the line that a private key is kept as: `PRIVATE+KEY+name+id+base64(type ‖ seed)`, the
/// form of Go's `note` package.
pub(crate) fn to_text(name: &KeyName, seed: &[u8; 32]) -> String {
    let id = WitnessKey::from_seed(name.clone(), *seed).verifier().id();
    let typed = [&[ED25519_COSIGNATURE][..], seed].concat();
    format!("PRIVATE+KEY+{name}+{id}+{}\n", STANDARD.encode(typed))
}

/// Reads the line that a private key is kept as, or returns `None` where it is not one.
pub(crate) fn parse(text: &str) -> Option<WitnessKey> {
    let (name, rest) = text.trim_end().strip_prefix("PRIVATE+KEY+")?.split_once('+')?;
    let (id, typed) = rest.split_once('+')?;
    let typed = STANDARD.decode(typed).ok()?;
    let (&ED25519_COSIGNATURE, seed) = typed.split_first()? else { return None };
    let key = WitnessKey::from_seed(name.parse().ok()?, seed.try_into().ok()?);
    (key.verifier().id().to_string() == id).then_some(key)
}

/// Returns what two people read to each other to compare a public key: the SHA-256 of its vkey.
pub(crate) fn fingerprint(verifier: &WitnessVerifier) -> String {
    let hex = Hash::sha256(verifier.to_string().as_bytes()).to_string();
    let groups: Vec<&str> = (0..8).map(|group| &hex[group * 8..group * 8 + 8]).collect();
    groups.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_and_a_damaged_one_does_not() {
        let name: KeyName = "witness.example/audit".parse().unwrap();
        let text = to_text(&name, &[7; 32]);
        let verifier = WitnessKey::from_seed(name, [7; 32]).verifier();
        assert_eq!(parse(&text).unwrap().verifier(), verifier);
        assert!(parse(&text.replace("audit", "other")).is_none());
        assert!(parse(&text.replace("PRIVATE", "PUBLIC")).is_none());
        assert!(parse("").is_none());
        assert_eq!(fingerprint(&verifier).split(' ').count(), 8);
    }
}
