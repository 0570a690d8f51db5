//! Writes samples of everything that other people's verifiers read:
//! `cargo run -p sluss-ledger --example samples -- FOLDER`.

use std::path::{Path, PathBuf};

use sluss_ledger::attest::predicate::{
    ScanMetadata, Scanner, ScannerDatabase, Severity, Vulnerability, Vulns,
};
use sluss_ledger::attest::{Dsse, UtcTime};
use sluss_ledger::dossier::{archive, build};
use sluss_ledger::sample::{
    self, START_MS, Story, attestation_key, log_key, provenance, story, test_result,
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
    for name in ["vkey", "keys.json", "trusted_root.json"] {
        write(&folder.join("trust").join(name), &files[&format!("trust/{name}")])?;
    }
    let envelope = |name: &str, envelope: &Dsse| {
        write(&folder.join("envelopes").join(name), envelope.to_json().as_bytes())
    };
    envelope("provenance.json", &sample::signed(&provenance()?, &key)?)?;
    envelope("test-result.json", &sample::signed(&test_result(), &key)?)?;
    envelope("vulns.json", &sample::signed(&vulns()?, &key)?)?;
    write(&folder.join("key.pem"), key.verifier().to_pem().as_bytes())?;
    Ok(())
}

fn vulns() -> Result<Vulns, Problem> {
    let time = UtcTime::from_ms(START_MS).ok_or("a time of this century")?;
    let severity = Severity { method: "CVSS_V3".to_owned(), score: "5.3".to_owned() };
    let finding = Vulnerability { id: "CVE-2024-0001".to_owned(), severity: vec![severity] };
    let db = ScannerDatabase {
        uri: "https://osv.dev".to_owned(),
        version: "2026-11-21".to_owned(),
        last_update: time,
    };
    let scanner = Scanner {
        uri: "https://scanner.example".to_owned(),
        version: "1.0".to_owned(),
        db,
        result: vec![finding],
    };
    Ok(Vulns { scanner, metadata: ScanMetadata { scan_started_on: time, scan_finished_on: time } })
}

fn write(path: &Path, content: &[u8]) -> Result<(), Problem> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    Ok(std::fs::write(path, content)?)
}
