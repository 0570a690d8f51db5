//! Who marks and confirms significant changes, and says what tests left in a release.

use super::review::one_of_us;
use super::{Actor, Blame, Refusal, missing, not_now};
use crate::event::{Event, RefusedWhy};
use crate::ids::{ChangeId, Digest, ReleaseId};
use crate::significance::{CleanCheck, Confirmed, Marked};
use crate::state::State;

pub(super) fn mark(
    state: &State,
    change: ChangeId,
    reason: Digest,
    actor: &Actor,
) -> Result<Vec<Event>, Refusal> {
    there(state, change)?;
    let by = one_of_us(state, actor, "mark-significant")?;
    match state.assurance.significant.contains_key(&change) {
        true => Err(not_now(format!("{change} is marked as significant already."))),
        false => Ok(vec![Event::ChangeSignificant(Marked { change, by, reason })]),
    }
}

pub(super) fn confirm(
    state: &State,
    change: ChangeId,
    findings: Digest,
    actor: &Actor,
) -> Result<Vec<Event>, Refusal> {
    there(state, change)?;
    let by = one_of_us(state, actor, "confirm-change")?;
    let Some(known) = state.assurance.significant.get(&change) else {
        return Err(not_now(format!("Nobody marked {change} as significant.")));
    };
    if known.confirmed.is_some() {
        return Err(not_now(format!("{change} is confirmed already.")));
    }
    if state.contributors_of_change(change).contains(&by) {
        let what = "You contributed to this change, so someone else confirms it.";
        let hint = "Ask someone who had no hand in it: `sluss access at now` says who there is";
        return Err(Refusal::new(Blame::Denied, what, hint).recorded(
            None,
            "confirm-change",
            RefusedWhy::Contributor,
        ));
    }
    Ok(vec![Event::ChangeConfirmed(Confirmed { change, by, findings })])
}

pub(super) fn clean(
    state: &State,
    release: ReleaseId,
    (passed, findings): (bool, Digest),
    actor: &Actor,
) -> Result<Vec<Event>, Refusal> {
    if !state.releases.contains_key(&release) {
        return Err(missing(format!("There is no release {release}."), "sluss status"));
    }
    let by = one_of_us(state, actor, "check-clean")?;
    Ok(vec![Event::ReleaseCleanCheck(CleanCheck { release, by, passed, findings })])
}

fn there(state: &State, change: ChangeId) -> Result<(), Refusal> {
    match state.changes.contains_key(&change) {
        true => Ok(()),
        false => Err(missing(format!("There is no change {change}."), "sluss status")),
    }
}
