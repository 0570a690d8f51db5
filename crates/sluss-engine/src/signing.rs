//! Decisions that people sign with their own keys: what is to be signed, and whether it was.
//!
//! # Invariants
//!
//! - What is verified is the text of the very command that is carried out; a signature over
//!   anything else is refused, and recorded.
//! - The signature is kept before the decision is appended that names it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sluss_core::approval::Subject;
use sluss_core::authenticator::{self, Authenticator, Credential, Signed, Word};
use sluss_core::decide::{Actor, Command};
use sluss_core::event::RefusedWhy;
use sluss_core::ids::{AuthenticatorId, Digest, PersonRef};
use sluss_core::state::State;
use sluss_core::units::Millis;
use sluss_ledger::Hash;
use sluss_ledger::webauthn::{self, Asked, PersonKey, SignedDecision, WebauthnFault};
use sluss_store::Blobs as _;

use crate::engine::Engine;
use crate::failure::{Blame, Failure};

/// Longest name of a key, in bytes.
const NAME_LONGEST: usize = 100;

/// The site that a page belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Its host name, without scheme and port.
    pub rp_id: String,
    /// The origin of its pages.
    pub origin: String,
}

/// What `navigator.credentials.get` answered, each part in base64url.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "fields are the words of Web Authentication")]
pub struct Answer {
    pub credential: String,
    pub authenticator_data: String,
    pub client_data: String,
    pub signature: String,
}

/// What `navigator.credentials.create` answered, each part in base64url.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "fields are the words of Web Authentication")]
pub struct Made {
    pub attestation_object: String,
    pub client_data: String,
}

/// Who signs something on a page.
#[derive(Debug, Clone)]
pub struct Signatory {
    /// Who.
    pub who: PersonRef,
    /// When they signed in.
    pub signed_in: Millis,
    /// What the page was given for this one answer.
    pub nonce: String,
}

/// Returns the exact text that `who` signs so that `command` is carried out; nothing where that is
/// not signed.
pub fn text_of(state: &State, command: &Command, who: &PersonRef, nonce: &str) -> Option<String> {
    match command {
        Command::Approve { subject, statement } => {
            Some(authenticator::text(Word::Approve, subject, statement, who, nonce))
        }
        Command::Refuse { subject, statement, .. } => {
            Some(authenticator::text(Word::Refuse, subject, statement, who, nonce))
        }
        Command::GrantException { exception } => {
            let statement = state.exceptions.get(exception)?.statement(*exception);
            Some(authenticator::text(Word::Grant, exception, &statement, who, nonce))
        }
        _is_not_signed => None,
    }
}

/// Returns a text's SHA-256 in base64url: the challenge that an authenticator is given.
pub fn challenge(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(Hash::sha256(text.as_bytes()).as_bytes())
}

/// Checks that `by` signed `command` with a key of theirs, keeps the signature, and returns them
/// as who wants it.
///
/// # Errors
///
/// [`Failure`]: it does not count, which is recorded; or something can't be kept or read.
pub async fn signer(
    engine: &Engine,
    by: &Signatory,
    command: &Command,
    answer: &Answer,
    site: &Site,
) -> Result<Actor, Failure> {
    let text = text_of(&engine.state(), command, &by.who, &by.nonce).ok_or_else(|| {
        let what = "This is nothing that is decided with a key.";
        Failure::new(Blame::Caller, what, "Use the form that is there now")
    })?;
    match verified(engine, by, text, answer, site).await? {
        Ok((authenticator, decision, counter)) => {
            let kept = engine.parts().blobs.put(decision.to_bytes()).await;
            let assertion =
                kept.map_err(|error| Failure::upstream("The signature can't be kept", &error))?;
            let signed = Signed { authenticator, assertion, counter, signed_in: None };
            Ok(Actor::Signer { who: by.who.clone(), signed, signed_in: by.signed_in })
        }
        Err((why, what)) => {
            let (act, subject) = named(command);
            let denied = Command::Denied { subject, act: act.to_owned(), why };
            let actor = Actor::Person { who: by.who.clone(), reauthenticated: false };
            engine.command(denied, actor, None).await?;
            let hint = "Look again, and decide over what stands there now";
            Err(Failure::new(Blame::Denied, what, hint))
        }
    }
}

type Verified = Result<(AuthenticatorId, SignedDecision, u32), (RefusedWhy, String)>;

async fn verified(
    engine: &Engine,
    by: &Signatory,
    text: String,
    answer: &Answer,
    site: &Site,
) -> Result<Verified, Failure> {
    let keys: Vec<(AuthenticatorId, Authenticator)> = {
        let state = engine.state();
        state.keys_of(&by.who).map(|(id, key)| (id, key.clone())).collect()
    };
    let mut found = None;
    for (id, key) in keys {
        if id_of(engine, &key.credential).await?.as_deref() == Some(answer.credential.as_str()) {
            found = Some((id, key.credential));
        }
    }
    let Some((id, credential)) = found else {
        let what = "This key is not registered as yours, or was removed.";
        return Ok(Err((RefusedWhy::KeyUnknown, what.to_owned())));
    };
    let Answer { credential: _, authenticator_data, client_data, signature } = answer;
    let decision = SignedDecision::new(text, authenticator_data, client_data, signature);
    let checked = if credential.rp_id == site.rp_id {
        let key = credential.key.to_string().parse::<PersonKey>();
        key.and_then(|key| decision.verify(&key, &site.rp_id, Some(&site.origin)))
    } else {
        Err(WebauthnFault::Origin)
    };
    Ok(match checked {
        Ok((_, asserted)) => Ok((id, decision, asserted.counter)),
        Err(fault) => Err((refused(fault), format!("The signature does not count: {fault}."))),
    })
}

fn refused(fault: WebauthnFault) -> RefusedWhy {
    match fault {
        WebauthnFault::Origin => RefusedWhy::OtherOrigin,
        WebauthnFault::NotVerified => RefusedWhy::UserNotVerified,
        WebauthnFault::Malformed
        | WebauthnFault::Key
        | WebauthnFault::Challenge
        | WebauthnFault::Signature => RefusedWhy::SignatureInvalid,
    }
}

/// How an act is called where its refusal is recorded, and what it is about.
fn named(command: &Command) -> (&'static str, Option<Subject>) {
    match command {
        Command::Approve { subject, .. } => ("approve", Some(*subject)),
        Command::Refuse { subject, .. } => ("refuse", Some(*subject)),
        Command::GrantException { .. } => ("grant-exception", None),
        _is_not_signed => ("sign", None),
    }
}

/// Returns the id of a registered key in base64url, as browsers ask for it; nothing where its text
/// was erased.
///
/// # Errors
///
/// [`Failure`]: it can't be read.
pub async fn id_of(engine: &Engine, credential: &Credential) -> Result<Option<String>, Failure> {
    let text = engine.parts().prose.prose(&credential.id).await;
    text.map_err(|error| Failure::upstream("A key's id can't be read", &error))
}

/// Checks a key that `by` has just made, and returns the command that registers it as `name`.
///
/// # Errors
///
/// [`Failure`]: it does not count, which is recorded; or something can't be kept.
pub async fn registration(
    engine: &Engine,
    by: &Signatory,
    name: &str,
    made: &Made,
    site: &Site,
) -> Result<Command, Failure> {
    let name = name.trim();
    if name.is_empty() || name.len() > NAME_LONGEST {
        let what = format!("A key needs a name of 1 to {NAME_LONGEST} bytes.");
        return Err(Failure::new(Blame::Caller, what, "Call it by what it looks like"));
    }
    let text = authenticator::registration_text(&by.who, &by.nonce);
    let challenge = Hash::sha256(text.as_bytes());
    let (rp_id, origin) = (site.rp_id.as_str(), Some(site.origin.as_str()));
    let asked = Asked { rp_id, origin, challenge: &challenge };
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| WebauthnFault::Malformed);
    let read = || {
        let (client, object) = (decode(&made.client_data)?, decode(&made.attestation_object)?);
        webauthn::register(&client, &object, asked)
    };
    let found = match read() {
        Ok(found) => found,
        Err(fault) => {
            let (act, why) = ("register-key".to_owned(), refused(fault));
            let actor = Actor::Person { who: by.who.clone(), reauthenticated: false };
            engine.command(Command::Denied { subject: None, act, why }, actor, None).await?;
            let what = format!("The key can't be registered: {fault}.");
            return Err(Failure::new(Blame::Denied, what, "Try it again, or another key"));
        }
    };
    let key = found.key.to_string().parse();
    let credential = Credential {
        name: keep(engine, name.to_owned()).await?,
        id: keep(engine, URL_SAFE_NO_PAD.encode(&found.credential)).await?,
        id_sha256: Digest::of(&found.credential),
        key: key.expect("BUG: a key's text is what is expected of one"),
        rp_id: site.rp_id.clone(),
        aaguid: found.aaguid,
        counter: found.counter,
    };
    Ok(Command::RegisterKey { credential })
}

async fn keep(engine: &Engine, text: String) -> Result<Digest, Failure> {
    let kept = engine.parts().prose.put_prose(text).await;
    kept.map_err(|error| Failure::upstream("The key can't be kept", &error))
}
