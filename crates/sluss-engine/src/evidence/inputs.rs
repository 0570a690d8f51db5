//! Which attestations a decision of a gate rests on: all of those that say what it looked at.

use sluss_core::approval::Subject;
use sluss_core::event::{Event, Stream};
use sluss_core::evidence::Evidence;
use sluss_core::ids::DeploymentId;
use sluss_core::pipeline::GateKind;
use sluss_ledger::attest::DigestSet;
use sluss_ledger::attest::predicate::InputAttestation;
use sluss_store::Log as _;

use super::{gone, hash};
use crate::engine::{Engine, read_event};
use crate::failure::{Blame, Failure};

/// Returns the attestations that the decision in the event at `of` rests on, in the order of the
/// log.
///
/// # Errors
///
/// When the log can't be read, or one of them is not signed yet.
pub(super) async fn of_gate(
    engine: &Engine,
    of: u64,
    (id, gate): (DeploymentId, GateKind),
) -> Result<Vec<InputAttestation>, Failure> {
    let mut leaves = {
        let state = engine.state();
        let release = state.deployments.get(&id).map(|one| one.release).ok_or_else(|| gone(id))?;
        let streams = state.streams_of(release);
        let theirs = |evidence: &Evidence| {
            streams.contains(&evidence.stream()) && says_to(evidence, id, gate)
        };
        if state.unattested.range(..of).any(|(_, evidence)| theirs(evidence)) {
            let what = format!("What {gate:?} of {id} rests on is not signed yet.");
            return Err(Failure::new(Blame::Upstream, what, "It is tried again"));
        }
        let recorded = streams.iter().map(Stream::to_string);
        let recorded: Vec<_> = recorded.filter_map(|name| state.attested.get(&name)).collect();
        let known = recorded.into_iter().flatten();
        known.filter(|one| theirs(&one.evidence)).map(|one| one.leaf).collect::<Vec<u64>>()
    };
    leaves.sort_unstable();
    let mut inputs = Vec::with_capacity(leaves.len());
    for leaf in leaves {
        // The event that names an attestation stands right after it.
        let named = engine.parts().log.read(leaf + 1, 1).await?;
        let named = named.first().ok_or_else(|| gone(format!("entry {leaf}")))?;
        let Event::AttestationRecorded { of: said, envelope, .. } = read_event(named)?.1 else {
            return Err(gone(format!("attestation {leaf}")));
        };
        // What happened after the decision was not looked at, whenever it was signed.
        if said > of {
            continue;
        }
        inputs.push(InputAttestation {
            uri: format!("urn:sluss:envelope:{envelope}"),
            digest: DigestSet::sha256(hash(&envelope)),
        });
    }
    Ok(inputs)
}

/// Returns whether what `evidence` says is what `gate` looks at.
fn says_to(evidence: &Evidence, id: DeploymentId, gate: GateKind) -> bool {
    let approves = *evidence == Evidence::Approval { subject: Subject::Deployment(id) };
    let of_release = |evidence: &Evidence| match evidence {
        Evidence::Provenance { .. }
        | Evidence::TestResult { .. }
        | Evidence::Sbom { .. }
        | Evidence::Scan { .. }
        | Evidence::Performance { .. } => true,
        Evidence::Gate { .. }
        | Evidence::Freeze { .. }
        | Evidence::Approval { .. }
        | Evidence::Automated { .. }
        | Evidence::Waiver { .. }
        | Evidence::Verdict { .. } => false,
    };
    match gate {
        GateKind::Tests => matches!(evidence, Evidence::TestResult { .. }),
        GateKind::Provenance => matches!(evidence, Evidence::Provenance { .. }),
        GateKind::Sbom => matches!(evidence, Evidence::Sbom { .. }),
        GateKind::Performance => matches!(evidence, Evidence::Performance { .. }),
        GateKind::Findings => matches!(evidence, Evidence::Scan { .. }),
        GateKind::FourEyes => approves,
        GateKind::Freeze => *evidence == Evidence::Freeze { deployment: id },
        GateKind::Policy => approves || of_release(evidence),
        // They look at counted requests, and at what runs.
        GateKind::ErrorBudget | GateKind::Dependencies => false,
    }
}
