//! What always holds of what is kept and held, and of who was erased.

use std::collections::BTreeSet;

use sluss_core::contents::Kept;
use sluss_core::deployment::Phase;
use sluss_core::event::{Event, Stream};
use sluss_core::hold::HoldScope;
use sluss_core::ids::{PersonRef, ReleaseId};
use sluss_core::state::State;
use sluss_core::units::Millis;

/// Nothing goes that one person alone wanted to go, that lies in a hold, that something live or
/// under way needs, or before its time without a reason; and two lift a hold that a third placed.
pub(super) fn two_agreed_to_what_goes_and_nothing_of_a_hold_does(
    state: &State,
    event: &Event,
    now: Millis,
) {
    let decides = |who: &PersonRef| state.organisation.as_ref().unwrap().deciders().contains(who);
    match event {
        Event::DisposalAgreed { disposal, by } => {
            let of = &state.disposals[disposal];
            assert!(of.by != *by && decides(by) && of.decided.is_none(), "{of:?} by {by}");
        }
        Event::BlobDisposed { sha256, disposal, reason, .. } => {
            let (of, kept) = (&state.disposals[disposal], &state.contents[sha256]);
            let agreed = matches!(&of.decided, Some((_, by, true)) if *by != of.by);
            assert!(agreed && of.contents.contains(sha256), "{of:?}");
            assert_eq!(kept.gone, None, "{sha256} goes twice");
            for (id, hold) in state.active_holds() {
                assert!(!lies_in(state, kept, &hold.scope), "{sha256} goes out of {id}");
            }
            let floor = kept.class.floor().years.after(kept.last);
            assert!(now >= floor || reason.is_some(), "{sha256} goes before its time");
            for release in releases(state, kept) {
                assert!(!is_needed(state, release), "{sha256} goes, and {release} needs it");
            }
        }
        Event::HoldLifted { hold } => {
            let hold = &state.holds[hold];
            let people: BTreeSet<&PersonRef> = hold.agreed.iter().map(|one| &one.by).collect();
            assert!(people.len() >= 2 && !people.contains(&hold.by), "{hold:?}");
        }
        Event::PersonErased { erasure, person, by } => {
            let of = &state.erasures[erasure];
            assert!(of.by != *by && of.by != *person && by != person, "{of:?} by {by}");
            assert!(decides(by) && !decides(person), "{of:?} by {by}");
            let all = state.active_holds().find(|(_, hold)| hold.scope == HoldScope::All);
            let wrote = state.contents.values().any(|kept| kept.by.as_ref() == Some(person));
            assert!(all.is_none() || !wrote, "{person} is erased, and had a part in what is held");
        }
        _ => {}
    }
}

/// The releases that tell of a content themselves, or whose run or deployment does.
fn releases(state: &State, kept: &Kept) -> BTreeSet<ReleaseId> {
    let of = |stream: &Stream| match stream {
        Stream::Release(id) => Some(*id),
        Stream::Deployment(id) => Some(state.deployments[id].release),
        Stream::Run(id) => state.runs[id].release,
        _of_more => None,
    };
    kept.streams.iter().filter_map(of).collect()
}

fn lies_in(state: &State, kept: &Kept, scope: &HoldScope) -> bool {
    let about = releases(state, kept);
    match scope {
        HoldScope::All => true,
        // There is one product.
        HoldScope::Product(_) => !about.is_empty(),
        HoldScope::Service(name) => about.iter().any(|id| state.releases[id].service == *name),
        HoldScope::Release(id) => about.contains(id),
    }
}

fn is_needed(state: &State, release: ReleaseId) -> bool {
    let deployments = state.deployments.values().filter(|one| one.release == release);
    deployments.into_iter().any(|one| match one.phase {
        Phase::Requested | Phase::Cleared | Phase::RollingOut(_) | Phase::Live { .. } => true,
        Phase::RolledBack { .. }
        | Phase::Superseded { .. }
        | Phase::Refused { .. }
        | Phase::Removed { .. } => false,
    })
}

/// Whoever was erased does nothing any more.
pub(super) fn nobody_acts_who_was_erased(log: &[(Millis, Event)], event: &Event) {
    let (Event::ApprovalGranted { by, .. }
    | Event::ApprovalRefused { by, .. }
    | Event::ExceptionRequested { by, .. }
    | Event::ExceptionGranted { by, .. }
    | Event::ExceptionReviewed { by, .. }
    | Event::LineStopped { by, .. }
    | Event::LineLiftAgreed { by, .. }
    | Event::HoldPlaced { by, .. }
    | Event::HoldLiftAgreed { by, .. }
    | Event::DisposalProposed { by, .. }
    | Event::DisposalAgreed { by, .. }
    | Event::ErasureProposed { by, .. }
    | Event::PersonErased { by, .. }
    | Event::AuthenticatorRegistered { person: by, .. }
    | Event::AuthenticatorVouched { by, .. }) = event
    else {
        return;
    };
    let erased =
        |event: &Event| matches!(event, Event::PersonErased { person, .. } if person == by);
    assert!(!log.iter().any(|(_, event)| erased(event)), "{by} was erased: {event:?}");
}

/// What an erased person wrote is gone, and no key of theirs counts.
pub(super) fn nothing_is_left_of_who_is_erased(state: &State, event: &Event) {
    let Event::PersonErased { person, .. } = event else { return };
    let mut theirs = state.contents.values().filter(|kept| kept.by.as_ref() == Some(person));
    assert!(theirs.all(|kept| kept.gone.is_some()));
    let mut keys = state.authenticators.values().filter(|key| key.person == *person);
    assert!(keys.all(|key| key.removed.is_some()));
}
