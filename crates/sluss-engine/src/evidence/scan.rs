//! Bills of materials, and reports of scanners.

use sluss_core::event::Event;
use sluss_core::findings::FindingCounts;
use sluss_core::ids::{Digest, ReleaseId, StepName};
use sluss_core::materials::Materials;
use sluss_core::steps::StepOwner;
use sluss_ledger::attest::predicate::{OpenFindings, Sbom, Scan, ScanTool, StatementDigest};
use sluss_ledger::attest::{ResourceDescriptor, Statement};
use sluss_ledger::sarif::sarif;
use sluss_store::Blobs as _;

use super::rest::looked_at;
use super::{Said, about, artifacts, gone, hash, utc};
use crate::engine::Engine;
use crate::failure::Failure;

/// What a release is made of: the exact text that the event names.
pub(super) async fn sbom(
    engine: &Engine,
    id: ReleaseId,
    said: &Said,
) -> Result<Statement, Failure> {
    let Event::SbomRecorded { materials: Materials::Listed { sbom, .. }, .. } = &said.event else {
        return Err(gone("bill of materials"));
    };
    let text = engine.parts().blobs.get(sbom).await;
    let text = text.map_err(|e| Failure::upstream("A bill of materials can't be read", &e))?;
    let text = String::from_utf8(text).map_err(|_| gone("text of a bill of materials"))?;
    let predicate = Sbom::from_json(&text)
        .map_err(|e| Failure::upstream("A bill of materials can't be read", &e))?;
    about(artifacts(&engine.state(), id)?, &predicate)
}

/// What a scanner's report says, in numbers.
pub(super) async fn scan(
    engine: &Engine,
    (owner, step, report): (StepOwner, &StepName, &Digest),
    said: &Said,
) -> Result<Statement, Failure> {
    let Event::FindingsRecorded { attempt, findings, .. } = &said.event else {
        return Err(gone("report of a scanner"));
    };
    let text = engine.parts().blobs.get(report).await;
    let text = text.map_err(|e| Failure::upstream("A scanner's report can't be read", &e))?;
    let size = text.len() as u64;
    let read = tokio::task::spawn_blocking(move || sarif(&text)).await;
    let read = read.map_err(|e| Failure::upstream("A scanner's report can't be read", &e))?;
    let read = read.map_err(|e| Failure::upstream("A scanner's report can't be read", &e))?;
    let (subject, source) = looked_at(&engine.state(), owner)?;
    let FindingCounts { critical, high, medium, low, suppressed } = *findings;
    let predicate = Scan {
        step: ResourceDescriptor::new(
            format!("urn:sluss:step:{owner}:{step}:{attempt}"),
            source.digest,
        ),
        report: StatementDigest { sha256: hash(report), size },
        scanners: read
            .into_iter()
            .map(|scan| ScanTool { name: scan.tool, version: scan.version })
            .collect(),
        finished: utc(said.at)?,
        open: OpenFindings { critical, high, medium, low },
        suppressed,
    };
    about(subject, &predicate)
}
