//! Legal holds, and disposing of what is kept: one holds and two lift; one proposes and another
//! agrees.

use std::collections::BTreeSet;

use super::key::in_person;
use super::{Actor, Blame, Refusal, Retain, erasure, missing, not_now};
use crate::disposal::Disposal;
use crate::event::{Event, RefusedWhy};
use crate::hold::{Hold, HoldScope};
use crate::ids::{Digest, DisposalId, HoldId, PersonRef};
use crate::state::State;
use crate::units::Millis;

const SEE: &str = "sluss retention show";

pub(super) fn decide(
    state: &State,
    wanted: Retain,
    actor: &Actor,
    now: Millis,
) -> Result<Vec<Event>, Refusal> {
    match wanted {
        Retain::PlaceHold { scope, reason } => place(state, scope, reason, actor),
        Retain::LiftHold { hold, reason } => lift(state, hold, reason, actor),
        Retain::ProposeDisposal { contents, early } => {
            propose(state, contents, early, (actor, now))
        }
        Retain::AgreeDisposal { disposal } => agree(state, disposal, (actor, now)),
        Retain::RefuseDisposal { disposal } => refuse(state, disposal, actor),
        Retain::ProposeErasure { person, reason } => {
            erasure::propose(state, person, reason, (actor, now))
        }
        Retain::AgreeErasure { erasure } => erasure::agree(state, erasure, (actor, now)),
        Retain::RefuseErasure { erasure } => erasure::refuse(state, erasure, actor),
    }
}

/// Returns who it is, if they have the role of an approver, or act for one who has.
fn approver(state: &State, actor: &Actor, act: &str) -> Result<PersonRef, Refusal> {
    let may = |who: &&PersonRef| {
        state.organisation.as_ref().is_some_and(|known| known.deciders().contains(*who))
    };
    actor.who().filter(may).cloned().ok_or_else(|| {
        let what = format!("To {act} takes the role of an approver, and you don't have it.");
        let hint = "Ask someone who has it: `sluss status` shows who decides";
        Refusal::new(Blame::Denied, what, hint).recorded(None, act, RefusedWhy::MissingRole)
    })
}

/// Returns who it is, if they have that role and have just given their password.
pub(super) fn approver_in_person(
    state: &State,
    actor: &Actor,
    act: &str,
) -> Result<PersonRef, Refusal> {
    in_person(actor).map_err(|refusal| {
        let why = match actor {
            Actor::Person { .. } | Actor::Signer { .. } => RefusedWhy::NotReauthenticated,
            Actor::System | Actor::Agent { .. } => RefusedWhy::NotAPerson,
        };
        refusal.recorded(None, act, why)
    })?;
    approver(state, actor, act)
}

/// A program may place a hold for an approver: that only keeps things.
fn place(
    state: &State,
    scope: HoldScope,
    reason: Digest,
    actor: &Actor,
) -> Result<Vec<Event>, Refusal> {
    let by = approver(state, actor, "place a legal hold")?;
    if !is_known(state, &scope) {
        let what = format!("There is nothing called `{scope}`, so nothing is held.");
        return Err(missing(what, "sluss status"));
    }
    if let Some((id, _)) = state.active_holds().find(|(_, hold)| hold.scope == scope) {
        return Err(not_now(format!("{id} holds {} already.", scope.words())));
    }
    Ok(vec![Event::HoldPlaced { hold: state.next_hold(), scope, by, reason }])
}

fn is_known(state: &State, scope: &HoldScope) -> bool {
    let organisation = state.organisation.as_ref();
    match scope {
        HoldScope::All => true,
        HoldScope::Product(name) => {
            organisation.is_some_and(|known| known.products.contains_key(name))
                || state.products().contains(name)
        }
        HoldScope::Service(name) => {
            organisation.is_some_and(|known| known.services.contains_key(name))
                || state.services.contains_key(name)
        }
        HoldScope::Release(id) => state.releases.contains_key(id),
    }
}

fn lift(state: &State, id: HoldId, reason: Digest, actor: &Actor) -> Result<Vec<Event>, Refusal> {
    let unknown = || missing(format!("There is no legal hold {id}."), SEE);
    let found = state.holds.get(&id).ok_or_else(unknown)?;
    if found.lifted.is_some() {
        return Err(not_now(format!("{id} is lifted already.")));
    }
    let by = approver_in_person(state, actor, "lift a legal hold")?;
    if by == found.by {
        let what = "You placed this hold, so others lift it.";
        let hint = format!("Two others who may decide lift it: `{SEE}` says who");
        let refusal = Refusal::new(Blame::Denied, what, hint);
        return Err(refusal.recorded(None, "lift a legal hold", RefusedWhy::SamePerson));
    }
    if found.agreed.iter().any(|agreed| agreed.by == by) {
        return Err(not_now(format!("You agreed to lift {id} already; it takes one more person."))
            .recorded(None, "lift a legal hold", RefusedWhy::SamePerson));
    }
    let enough = found.agreed.len() + 1 >= Hold::PEOPLE;
    let agreed = Event::HoldLiftAgreed { hold: id, by, reason };
    Ok([agreed].into_iter().chain(enough.then_some(Event::HoldLifted { hold: id })).collect())
}

/// Checks that every content can be disposed of, and returns what says so of each.
fn disposed(
    state: &State,
    (disposal, contents): (DisposalId, &[Digest]),
    early: Option<&Digest>,
    now: Millis,
) -> Result<Vec<Event>, Refusal> {
    let each = |digest: &Digest| match state.can_dispose(digest, early.is_some(), now) {
        Ok(class) => {
            let (sha256, reason) = (digest.clone(), early.cloned());
            Ok(Event::BlobDisposed { sha256, class, disposal, reason })
        }
        Err(why) => Err(Refusal::new(
            Blame::Conflict,
            format!("{} {why}, so nothing was disposed of.", digest.short()),
            "See what is due: `sluss retention due`; earlier with a reason: `--early`",
        )),
    };
    contents.iter().map(each).collect()
}

fn propose(
    state: &State,
    contents: BTreeSet<Digest>,
    early: Option<Digest>,
    (actor, now): (&Actor, Millis),
) -> Result<Vec<Event>, Refusal> {
    let by = approver(state, actor, "propose a disposal")?;
    if contents.is_empty() || contents.len() > Disposal::MOST {
        return Err(Refusal::new(
            Blame::Caller,
            format!("A disposal is of 1 to {} contents.", Disposal::MOST),
            "Name them by their digests: `sluss retention due` lists them",
        ));
    }
    let open = state.disposals.iter().filter(|(_, one)| one.decided.is_none());
    let mut open = open.flat_map(|(id, one)| one.contents.iter().map(move |digest| (id, digest)));
    if let Some((id, digest)) = open.find(|(_, digest)| contents.contains(*digest)) {
        return Err(not_now(format!("{id} proposes to dispose of {} already.", digest.short())));
    }
    let (disposal, contents) = (state.next_disposal(), Vec::from_iter(contents));
    disposed(state, (disposal, &contents), early.as_ref(), now)?;
    Ok(vec![Event::DisposalProposed { disposal, contents, early, by }])
}

fn open(state: &State, id: DisposalId) -> Result<&Disposal, Refusal> {
    let unknown = || missing(format!("There is no disposal {id}."), SEE);
    match state.disposals.get(&id).ok_or_else(unknown)? {
        decided if decided.decided.is_some() => Err(not_now(format!("{id} is decided already."))),
        open => Ok(open),
    }
}

/// What is true when the second person agrees decides, not what was when the first proposed.
fn agree(
    state: &State,
    id: DisposalId,
    (actor, now): (&Actor, Millis),
) -> Result<Vec<Event>, Refusal> {
    let found = open(state, id)?;
    let by = approver_in_person(state, actor, "agree to a disposal")?;
    if by == found.by {
        let hint = format!("Another one who may decide agrees to it: `{SEE}`");
        let refusal = Refusal::new(Blame::Denied, "You proposed it, so another agrees.", hint);
        return Err(refusal.recorded(None, "agree to a disposal", RefusedWhy::SamePerson));
    }
    let each = disposed(state, (id, &found.contents), found.early.as_ref(), now)?;
    let agreed = Event::DisposalAgreed { disposal: id, by };
    Ok([agreed].into_iter().chain(each).collect())
}

fn refuse(state: &State, id: DisposalId, actor: &Actor) -> Result<Vec<Event>, Refusal> {
    open(state, id)?;
    let by = approver(state, actor, "refuse a disposal")?;
    Ok(vec![Event::DisposalRefused { disposal: id, by }])
}
