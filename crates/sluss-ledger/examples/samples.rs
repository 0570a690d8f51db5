//! Writes samples of everything that other people's verifiers read:
//! `cargo run -p sluss-ledger --example samples -- FOLDER`.

use std::path::{Path, PathBuf};

use sluss_ledger::attest::predicate::{Sbom, VerificationResult};
use sluss_ledger::attest::{Dsse, Predicate};
use sluss_ledger::dossier::{archive, build};
use sluss_ledger::sample::predicates::{
    CYCLONEDX, SPDX, SPDX_3, approval, freeze_decision, rollout_verdict, sboms, scan, vulns, waiver,
};
use sluss_ledger::sample::{
    self, Story, attestation_key, log_key, provenance, story, summary, test_result,
};

type Problem = Box<dyn std::error::Error>;

fn main() -> Result<(), Problem> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.ok_or("say where to: `samples FOLDER`")?;
    let key = attestation_key(1);
    let ledger = story(&Story::default())?;
    let mut parts = ledger.parts("rel-1", &log_key(1))?;
    parts.sbom = Some(sample::SBOM.to_owned());
    parts.identities = ["ada", "grace"].map(sample::person).to_vec();
    let files = build(&parts, &key)?;
    for (path, content) in &files {
        write(&folder.join("dossier").join(path), content)?;
    }
    write(&folder.join("release-rel-1.sluss.zip"), &archive::write(&files)?)?;
    for name in ["vkey", "log-keys.json", "keys.json", "trusted_root.json"] {
        write(&folder.join("trust").join(name), &files[&format!("trust/{name}")])?;
    }
    for (name, envelope) in [
        ("provenance.json", signed(&provenance()?)?),
        ("test-result.json", signed(&test_result())?),
        ("vulns.json", signed(&vulns())?),
        ("scan.json", signed(&scan())?),
        ("sbom.json", signed(&Sbom::from_json(sample::SBOM)?)?),
        ("refusal.json", signed(&summary(VerificationResult::Failed, vec![]))?),
        ("approval.json", signed(&approval())?),
        ("freeze-decision.json", signed(&freeze_decision())?),
        ("waiver.json", signed(&waiver())?),
        ("rollout-verdict.json", signed(&rollout_verdict())?),
    ] {
        write(&folder.join("envelopes").join(name), envelope.to_json().as_bytes())?;
    }
    for (language, sbom) in sboms()? {
        write(&folder.join("sbom").join(format!("{language}.cdx.json")), sbom.as_bytes())?;
    }
    write(&folder.join("spdx/sbom.spdx.json"), SPDX.as_bytes())?;
    write(&folder.join("spdx/sbom.spdx3.json"), SPDX_3.as_bytes())?;
    write(&folder.join("cyclonedx/sbom.cdx.json"), CYCLONEDX.as_bytes())?;
    write(&folder.join("key.pem"), key.verifier().to_pem().as_bytes())?;
    Ok(())
}

fn signed<P: Predicate>(predicate: &P) -> Result<Dsse, Problem> {
    Ok(sample::signed(predicate, &attestation_key(1))?)
}

fn write(path: &Path, content: &[u8]) -> Result<(), Problem> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    Ok(std::fs::write(path, content)?)
}
