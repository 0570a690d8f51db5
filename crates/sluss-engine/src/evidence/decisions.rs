//! What policies decided about a release, whole: with what they were asked, and what came out.

use std::collections::BTreeMap;

use sluss_core::event::Event;
use sluss_ledger::dossier::PolicyFile;
use sluss_store::{Blobs as _, FileBlobs, Sealed};

use crate::engine::read_event;
use crate::failure::Failure;

/// Parts of decisions, by the leaf of the decision.
pub(super) type Decisions = BTreeMap<(u64, PolicyFile), Vec<u8>>;

/// Takes the parts of the decision that an event records, if it is one of policies. What is not
/// kept any more is left out: who verifies finds it missing, or disposed of.
pub(super) async fn take(
    blobs: &FileBlobs,
    sealed: &Sealed,
    decisions: &mut Decisions,
) -> Result<(), Failure> {
    let Event::GateDecided { policy: Some(record), .. } = read_event(sealed)?.1 else {
        return Ok(());
    };
    let wrong = |error: sluss_store::BlobError| {
        Failure::upstream("A decision's part can't be read", &error)
    };
    for (file, digest) in [
        (PolicyFile::Bundle, record.bundle_sha256),
        (PolicyFile::Data, record.data_sha256),
        (PolicyFile::Input, record.input_sha256),
        (PolicyFile::Result, record.result_sha256),
    ] {
        if blobs.exists(&digest).await.map_err(wrong)? {
            let content = blobs.get(&digest).await.map_err(wrong)?;
            decisions.insert((sealed.position, file), content);
        }
    }
    Ok(())
}
