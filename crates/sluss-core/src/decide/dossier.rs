//! Giving the evidence of a release away: recorded, with whether it says who people are.

use super::{Actor, Refusal, developer, missing};
use crate::event::Event;
use crate::ids::{Digest, ReleaseId};
use crate::state::State;

pub(super) fn exported(
    state: &State,
    release: ReleaseId,
    manifest_sha256: Digest,
    identities: bool,
    actor: &Actor,
) -> Result<Vec<Event>, Refusal> {
    if identities {
        developer(state, actor, "disclose who took part")?;
    }
    if !state.releases.contains_key(&release) {
        return Err(missing(format!("There is no release {release}."), "sluss status"));
    }
    Ok(vec![Event::DossierExported { release, manifest_sha256, identities }])
}
