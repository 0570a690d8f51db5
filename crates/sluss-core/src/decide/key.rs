//! Who decides in person, with their password or with a key of their own; registering such keys.

use super::{Actor, Blame, Refusal, missing, not_now};
use crate::approval::Subject;
use crate::authenticator::{Credential, Signed};
use crate::event::{Event, RefusedWhy};
use crate::ids::{AuthenticatorId, PersonRef};
use crate::state::State;
use crate::units::Millis;

/// The most keys that count at once for one person.
const KEYS_MOST: usize = 10;

/// Returns the person who has just given their password.
pub(crate) fn in_person(actor: &Actor) -> Result<PersonRef, Refusal> {
    match actor {
        Actor::Person { who, reauthenticated: true } => Ok(who.clone()),
        Actor::Person { reauthenticated: false, .. } | Actor::Signer { .. } => Err(Refusal::new(
            Blame::Denied,
            "A decision asks for your password again.",
            "Give it with the decision",
        )),
        Actor::System | Actor::Agent { .. } => Err(Refusal::new(
            Blame::Denied,
            "Only a person decides; tokens and programs do not.",
            "Sign in as a person and decide there",
        )),
    }
}

/// Returns the person who decides: who has just given their password, or whose key signed it.
pub(super) fn decider(
    state: &State,
    (actor, now): (&Actor, Millis),
    subject: Option<Subject>,
    act: &str,
) -> Result<PersonRef, Refusal> {
    if let Actor::Signer { who, signed, signed_in } = actor {
        let may = state.may_sign(who, signed, *signed_in, now);
        return match may {
            Ok(()) => Ok(who.clone()),
            Err(why) => Err(fault(why).recorded(subject, act, why)),
        };
    }
    in_person(actor).map_err(|refusal| match actor {
        Actor::Person { .. } | Actor::Signer { .. } => {
            refusal.recorded(subject, act, RefusedWhy::NotReauthenticated)
        }
        Actor::System | Actor::Agent { .. } => {
            refusal.recorded(subject, act, RefusedWhy::NotAPerson)
        }
    })
}

fn fault(why: RefusedWhy) -> Refusal {
    let (what, hint) = match why {
        RefusedWhy::CounterWentBack => (
            "This key had signed more often before: there may be a copy of it.",
            "Remove it on your account page and register another; tell security",
        ),
        RefusedWhy::SignInTooOld => (
            "You signed in too long ago to decide with a key.",
            "Sign out, sign in again, and decide then",
        ),
        RefusedWhy::KeyNotVouched => (
            "Nobody vouches yet that this key is yours.",
            "Show it to another person who may decide: they find it under `/approvals`",
        ),
        _not_known => (
            "This key is not registered as yours, or was removed.",
            "See your keys on your account page: `/account`",
        ),
    };
    Refusal::new(Blame::Denied, what, hint)
}

/// Returns the signature that a decision stands on, if it does on one.
pub(super) fn of(actor: &Actor) -> Option<Signed> {
    match actor {
        Actor::Signer { signed, signed_in, .. } => {
            Some(Signed { signed_in: Some(*signed_in), ..signed.clone() })
        }
        Actor::System | Actor::Person { .. } | Actor::Agent { .. } => None,
    }
}

/// Returns the refusal of a decision that a rule wants to be signed.
pub(super) fn not_signed(subject: Option<Subject>, act: &str) -> Refusal {
    Refusal::new(
        Blame::Denied,
        "A rule asks for a signature with your own key; a password alone does not count here.",
        "Decide in the browser, with the key; register one on your account page: `/account`",
    )
    .recorded(subject, act, RefusedWhy::NotSigned)
}

pub(super) fn register(
    state: &State,
    credential: Credential,
    actor: &Actor,
) -> Result<Vec<Event>, Refusal> {
    let person = in_person_for(actor, "register-key")?;
    let mut known = state.authenticators.values();
    if known.any(|one| one.credential.id_sha256 == credential.id_sha256) {
        return Err(not_now("This key is registered already, or was once."));
    }
    if state.keys_of(&person).count() >= KEYS_MOST {
        return Err(not_now(format!("You have {KEYS_MOST} keys; remove one first.")));
    }
    let authenticator = state.next_authenticator();
    Ok(vec![Event::AuthenticatorRegistered { authenticator, person, credential }])
}

/// Another person says that a key is that of the one who registered it.
pub(super) fn vouch(
    state: &State,
    authenticator: AuthenticatorId,
    actor: &Actor,
) -> Result<Vec<Event>, Refusal> {
    let by = in_person_for(actor, "vouch-for-key")?;
    let known = state.authenticators.get(&authenticator).filter(|one| one.removed.is_none());
    let Some(known) = known else {
        return Err(missing(format!("There is no key {authenticator}."), "/approvals"));
    };
    let denied = |what: &str, hint: &str, why| {
        Refusal::new(Blame::Denied, what, hint).recorded(None, "vouch-for-key", why)
    };
    if known.person == by {
        let hint = "Show it to another person who may decide";
        return Err(denied("Nobody vouches for a key of their own.", hint, RefusedWhy::OwnKey));
    }
    if known.vouched.is_some() {
        return Err(not_now(format!("Somebody vouches for {authenticator} already.")));
    }
    if !state.may_vouch(&by).any(|(id, _)| id == authenticator) {
        let hint = "Ask one of those whom `organisation.yaml` names as approvers";
        let what = "Vouching for a key takes the role of an approver.";
        return Err(denied(what, hint, RefusedWhy::MissingRole));
    }
    Ok(vec![Event::AuthenticatorVouched { authenticator, by }])
}

pub(super) fn remove(
    state: &State,
    authenticator: AuthenticatorId,
    actor: &Actor,
) -> Result<Vec<Event>, Refusal> {
    let by = in_person_for(actor, "remove-key")?;
    if !state.keys_of(&by).any(|(id, _)| id == authenticator) {
        return Err(missing(format!("You have no key {authenticator}."), "/account"));
    }
    Ok(vec![Event::AuthenticatorRemoved { authenticator, by }])
}

fn in_person_for(actor: &Actor, act: &str) -> Result<PersonRef, Refusal> {
    in_person(actor).map_err(|refusal| {
        let why = match actor {
            Actor::Person { .. } | Actor::Signer { .. } => RefusedWhy::NotReauthenticated,
            Actor::System | Actor::Agent { .. } => RefusedWhy::NotAPerson,
        };
        refusal.recorded(None, act, why)
    })
}
