//! Handing over from one key to another: what is on the disk follows what the log says.
//!
//! A new key is made and signs first, then the log names it, then the disk agrees with the log.
//! After a crash between these the start makes it agree: what the log names is taken, what it does
//! not is dropped.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sluss_core::decide::{Actor, Command, decide};
use sluss_core::keys::{KeyOf, KeySpan};
use sluss_ledger::LogKeys;
use sluss_ledger::attest::AttestationVerifier;
use sluss_store::{KeyError, adopt_attestation_key, stage_attestation_key};

use crate::engine::{Done, Engine};
use crate::failure::{Blame, Failure};

/// Makes a new key and has `actor` hand over to it.
///
/// # Errors
///
/// [`Failure`]: the key can't be made, or `actor` may not; then the former key alone signs still.
pub async fn rotate(engine: &Engine, of: KeyOf, actor: Actor) -> Result<Done, Failure> {
    let parts = engine.parts();
    // Whoever may not is refused before anything is made.
    let former = match of {
        KeyOf::Log => parts.log.verifier().to_string(),
        KeyOf::Attestations => text(engine.attestor().verifier()),
    };
    let asked = Command::RotateKey { of, former, present: String::new() };
    let refused = decide(&engine.state(), asked.clone(), &actor, engine.now()).is_err();
    if refused {
        return engine.command(asked, actor, None).await;
    }
    let (former, present) = match of {
        KeyOf::Log => {
            let present = parts.log.stage_key().map_err(|error| not_made(&error))?;
            (parts.log.verifier().to_string(), present.to_string())
        }
        KeyOf::Attestations => {
            let present = stage_attestation_key(&parts.data, parts.entropy.as_ref());
            let present = present.map_err(|error| not_made(&error))?;
            (text(engine.attestor().verifier()), text(present.verifier()))
        }
    };
    let done = engine.command(Command::RotateKey { of, former, present }, actor, None).await;
    agree(engine)?;
    done
}

/// Has `actor` end the oldest key of that kind that still signs beside a newer one.
///
/// # Errors
///
/// [`Failure`]: there is none, or `actor` may not.
pub async fn retire(engine: &Engine, of: KeyOf, actor: Actor) -> Result<Done, Failure> {
    let oldest = {
        let state = engine.state();
        let mut signing = state.signing_keys(of).filter(|span| span.until_leaf.is_none());
        signing.next().map(|span| span.key.clone())
    };
    let key = oldest.unwrap_or_default();
    let done = engine.command(Command::RetireKey { of, key }, actor, None).await;
    agree(engine)?;
    done
}

/// Makes what is on the disk, and what signs, agree with what the log says.
///
/// # Errors
///
/// [`Failure`]: the disk refused, or the log names a key that is not one.
pub fn agree(engine: &Engine) -> Result<(), Failure> {
    let parts = engine.parts();
    let (keys, newest) = {
        let state = engine.state();
        let newest = state.signing_keys(KeyOf::Attestations).last().map(|span| span.key.clone());
        (log_keys(&parts.log.keys(), state.signing_keys(KeyOf::Log))?, newest)
    };
    parts.log.agree_on_keys(keys).map_err(|error| not_made(&error))?;
    let spki = newest.map(|key| STANDARD.decode(key).map_err(|_| unreadable())).transpose()?;
    let entropy = parts.entropy.as_ref();
    let key = adopt_attestation_key(&parts.data, spki.as_deref(), entropy);
    engine.set_attestor(key.map_err(|error| not_made(&error))?);
    Ok(())
}

/// Returns the keys of attestations with the leaves that they count for, oldest first.
///
/// # Errors
///
/// The log names a key that is not one.
pub fn attestation_keys(engine: &Engine) -> Result<Vec<sluss_ledger::dossier::KeySpan>, Failure> {
    let span = |span: &KeySpan| {
        let spki = STANDARD.decode(&span.key).map_err(|_| unreadable())?;
        let key = AttestationVerifier::from_spki(&spki).map_err(|_| unreadable())?;
        let (from_leaf, to_leaf) = (span.from_leaf, span.until_leaf);
        Ok::<_, Failure>(sluss_ledger::dossier::KeySpan { key, from_leaf, to_leaf })
    };
    let state = engine.state();
    let known = state.signing_keys(KeyOf::Attestations).map(span).collect::<Result<Vec<_>, _>>()?;
    drop(state);
    if known.is_empty() {
        let key = engine.attestor().verifier().clone();
        return Ok(vec![sluss_ledger::dossier::KeySpan { key, from_leaf: 0, to_leaf: None }]);
    }
    Ok(known)
}

/// Returns the keys of the log as it names them; `first` is what it had before it named any.
fn log_keys<'a>(
    first: &LogKeys,
    spans: impl Iterator<Item = &'a KeySpan>,
) -> Result<LogKeys, Failure> {
    let spans: Vec<&KeySpan> = spans.collect();
    let parse = |key: &str| key.parse().map_err(|_| unreadable());
    let Some((oldest, later)) = spans.split_first() else {
        let oldest = first.spans().first().map(|span| span.verifier().clone());
        let oldest = oldest.ok_or_else(unreadable)?;
        return LogKeys::new(first.origin().clone(), oldest).map_err(|_| unreadable());
    };
    let keys = LogKeys::new(first.origin().clone(), parse(&oldest.key)?);
    let mut keys = keys.map_err(|_| unreadable())?;
    for span in later {
        keys.rotate(parse(&span.key)?, span.from_leaf).map_err(|_| unreadable())?;
    }
    for span in &spans {
        if let Some(until) = span.until_leaf {
            keys.retire(&parse(&span.key)?, until).map_err(|_| unreadable())?;
        }
    }
    Ok(keys)
}

fn text(key: &AttestationVerifier) -> String {
    STANDARD.encode(key.spki())
}

fn not_made(error: &KeyError) -> Failure {
    Failure::upstream("The keys can't be changed", error)
}

fn unreadable() -> Failure {
    let what = "The log names a key that can't be read.";
    Failure::new(Blame::Upstream, what, "Look for the entry that is wrong: `sluss log verify`")
}
