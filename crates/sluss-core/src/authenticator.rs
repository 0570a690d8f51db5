//! People's own keys (security keys, passkeys), and decisions that are signed with them.
//!
//! # Invariants
//!
//! - A key belongs to one person, who registered it in person; once removed it never counts again.
//! - It counts once another person who may decide vouches that it is theirs: whoever finds out a
//!   password makes no key with it that counts.
//! - What is signed says what is decided, over which statement, by whom, in answer to which nonce:
//!   it is good for that one decision and no other.
//! - Whether a signature verifies is found at the edge; here is decided whether its key may count.

use std::fmt::{self, Display};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::approval::Subject;
use crate::event::{Event, RefusedWhy};
use crate::exception::{Exception, ExceptionKind};
use crate::ids::{AuthenticatorId, Digest, ExceptionId, Malformed, PersonRef};
use crate::state::State;
use crate::units::Millis;

/// A public key as text: `es256:` or `ed25519:` and hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct PublicKey(String);

impl Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for PublicKey {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let lower_hex = |digits: &str| {
            digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        };
        let right = match text.split_once(':') {
            Some(("es256", digits)) => digits.len() == 130 && lower_hex(digits),
            Some(("ed25519", digits)) => digits.len() == 64 && lower_hex(digits),
            Some(_) | None => false,
        };
        right.then(|| Self(text.to_owned())).ok_or_else(|| Malformed {
            found: text.chars().take(80).collect(),
            expected: "a public key, like `ed25519:` with 64 hexadecimal digits",
        })
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        key.0
    }
}

impl TryFrom<String> for PublicKey {
    type Error = Malformed;
    fn try_from(text: String) -> Result<Self, Malformed> {
        text.parse()
    }
}

/// A key that somebody registers, or registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    /// What its owner calls it: a private text.
    pub name: Digest,
    /// Its id in base64url: a private text, since it follows a person from log to log.
    pub id: Digest,
    /// The digest of its id.
    pub id_sha256: Digest,
    /// What its signatures are checked with.
    pub key: PublicKey,
    /// The site that it signs for: a host name.
    pub rp_id: String,
    /// The model of the authenticator, a UUID; zero where it does not say.
    pub aaguid: String,
    /// How often it had signed.
    pub counter: u32,
}

/// A registered key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authenticator {
    /// Whose it is.
    pub person: PersonRef,
    /// What it is.
    pub credential: Credential,
    /// How often it has signed by its own count; zero where it does not count.
    pub counter: u32,
    /// Since when.
    pub registered: Millis,
    /// Who vouches that it is theirs; without that it does not count.
    #[serde(default)]
    pub vouched: Option<PersonRef>,
    /// Since when it does not count any more.
    pub removed: Option<Millis>,
}

impl Authenticator {
    /// Returns by what people tell it from another one: the first digits of the digest of its
    /// public half.
    pub fn fingerprint(&self) -> String {
        Digest::of(self.credential.key.to_string().as_bytes()).short().to_owned()
    }
}

/// Which key signed a decision, and where the signature is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    /// The key.
    pub authenticator: AuthenticatorId,
    /// What was signed, with the signature, by the digest of its bytes.
    pub assertion: Digest,
    /// How often the key had signed then.
    pub counter: u32,
    /// When its owner had signed in, or given their password last; not said before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_in: Option<Millis>,
}

/// A word that a person signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// It may happen.
    Approve,
    /// It may not.
    Refuse,
    /// An exception is granted.
    Grant,
}

impl Word {
    /// Returns it as texts have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Refuse => "refuse",
            Self::Grant => "grant",
        }
    }
}

/// Returns the exact text whose SHA-256 an authenticator signs.
pub fn text(
    word: Word,
    subject: &dyn Display,
    statement: &Digest,
    by: &PersonRef,
    nonce: &str,
) -> String {
    #[derive(Serialize)]
    struct Text<'a> {
        format: &'static str,
        decision: &'static str,
        subject: String,
        statement: &'a Digest,
        by: &'a PersonRef,
        nonce: &'a str,
    }
    let (format, decision) = ("urn:sluss/decision/v1", word.as_str());
    let text = Text { format, decision, subject: subject.to_string(), statement, by, nonce };
    serde_json::to_string(&text).expect("BUG: plain data has a JSON form")
}

/// Returns the exact text whose SHA-256 a new key answers.
pub fn registration_text(by: &PersonRef, nonce: &str) -> String {
    format!("urn:sluss/registration/v1\n{by}\n{nonce}\n")
}

impl Exception {
    /// Returns what whoever grants it looks at: the digest of what was asked, as the event says it.
    pub fn statement(&self, exception: ExceptionId) -> Digest {
        let (what, by) = (self.what.clone(), self.asked_by.clone());
        let (reason, until) = (self.reason.clone(), self.until);
        let terms = self.terms.clone();
        let asked = Event::ExceptionRequested { exception, what, by, reason, until, terms };
        Digest::of(asked.to_parts().1.get().as_bytes())
    }
}

impl State {
    /// Returns the keys for which `who` may vouch: those of others that nobody vouches for.
    pub fn may_vouch(
        &self,
        who: &PersonRef,
    ) -> impl Iterator<Item = (AuthenticatorId, &Authenticator)> {
        let decides = self.organisation.as_ref().is_some_and(|of| of.deciders().contains(who));
        let waits = move |one: &Authenticator| {
            decides && one.person != *who && one.vouched.is_none() && one.removed.is_none()
        };
        let all = self.authenticators.iter().map(|(id, one)| (*id, one));
        all.filter(move |(_, one)| waits(one))
    }

    /// Returns the keys of `who` that were not removed.
    pub fn keys_of(
        &self,
        who: &PersonRef,
    ) -> impl Iterator<Item = (AuthenticatorId, &Authenticator)> {
        let theirs = |one: &Authenticator| one.person == *who && one.removed.is_none();
        let all = self.authenticators.iter().map(|(id, one)| (*id, one));
        all.filter(move |(_, one)| theirs(one))
    }

    /// Returns whether `who` agrees to `subject` with a key of their own or not at all.
    pub fn asks_key(&self, subject: Subject, who: &PersonRef, now: Millis) -> bool {
        let groups = self.groups_for(subject, now);
        let theirs = |group| groups.get(group).is_some_and(|members| members.contains(who));
        let rules = self.rules_of(subject);
        rules.iter().any(|rule| rule.by_key && rule.slots.keys().any(theirs))
    }

    /// Returns whether an exception is granted with a key: where releases that it lets through
    /// are approved so.
    pub fn asks_key_for(&self, what: &ExceptionKind) -> bool {
        let Some(organisation) = &self.organisation else { return false };
        let (service, environment) = match what {
            ExceptionKind::Freeze { deployment } | ExceptionKind::Emergency { deployment, .. } => {
                match self.deployments.get(deployment) {
                    Some(found) => (&found.service, Some(&found.environment)),
                    None => return organisation.by_key,
                }
            }
            ExceptionKind::Waiver { service, .. }
            | ExceptionKind::Findings { service, .. }
            | ExceptionKind::ProdData { service } => (service, None),
            ExceptionKind::Standard { model } => (&model.service, None),
            ExceptionKind::LogTrust { .. } => return organisation.by_key,
        };
        let covers = |rule: &crate::slots::Rule| match environment {
            Some(environment) => rule.covers(service, environment),
            None => rule.services.is_empty() || rule.services.contains(service),
        };
        organisation.by_key || organisation.approvals.iter().any(|rule| rule.by_key && covers(rule))
    }

    /// Checks that a key whose signature verified may count for `who`.
    pub(crate) fn may_sign(
        &self,
        who: &PersonRef,
        signed: &Signed,
        signed_in: Millis,
        now: Millis,
    ) -> Result<(), RefusedWhy> {
        let minutes = self.organisation.as_ref().map_or(0, |known| known.sign_in_minutes);
        let found = self.keys_of(who).find(|(id, _)| *id == signed.authenticator);
        let Some((_, known)) = found else { return Err(RefusedWhy::KeyUnknown) };
        if known.vouched.is_none() {
            return Err(RefusedWhy::KeyNotVouched);
        }
        // Zero: it does not count. Otherwise only ever upwards, or there are two of it.
        let counts = known.counter > 0 || signed.counter > 0;
        if counts && signed.counter <= known.counter {
            return Err(RefusedWhy::CounterWentBack);
        }
        match now.since(signed_in) > i64::from(minutes) * 60_000 {
            true => Err(RefusedWhy::SignInTooOld),
            false => Ok(()),
        }
    }
}

/// Folds what happened to keys, and what they signed.
pub(crate) fn note(state: &mut State, now: Millis, event: &Event) {
    match event {
        Event::AuthenticatorRegistered { authenticator, person, credential } => {
            let registered = Authenticator {
                person: person.clone(),
                credential: credential.clone(),
                counter: credential.counter,
                registered: now,
                vouched: None,
                removed: None,
            };
            state.authenticators.insert(*authenticator, registered);
        }
        Event::AuthenticatorVouched { authenticator, by } => {
            if let Some(found) = state.authenticators.get_mut(authenticator) {
                found.vouched = Some(by.clone());
            }
        }
        Event::AuthenticatorRemoved { authenticator, .. } => {
            if let Some(found) = state.authenticators.get_mut(authenticator) {
                found.removed = found.removed.or(Some(now));
            }
        }
        Event::ApprovalGranted { signed: Some(signed), .. }
        | Event::ApprovalRefused { signed: Some(signed), .. }
        | Event::ExceptionGranted { signed: Some(signed), .. } => {
            if let Some(found) = state.authenticators.get_mut(&signed.authenticator) {
                found.counter = found.counter.max(signed.counter);
            }
        }
        _nothing_of_keys => {}
    }
}
