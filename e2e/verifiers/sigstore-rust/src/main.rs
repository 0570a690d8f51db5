//! Sigstore's verifier in Rust reads bundles with our trusted root and our managed key, and rejects
//! changed ones: `sigstore-rust SAMPLES`.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sigstore_verify::trust_root::TrustedRoot;
use sigstore_verify::types::{Bundle, DerPublicKey, Sha256Hash};
use sigstore_verify::{PublicKeyVerificationPolicy, verify};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// What a bundle is verified with.
#[derive(Clone)]
struct Trust {
    /// A key in PEM.
    key: String,
    /// `trusted_root.json`.
    root: Value,
    /// The digest that the statement has to be about.
    artifact: String,
}

fn accept(bundle: &Value, trust: &Trust) -> Outcome<()> {
    let bundle = Bundle::from_json(&bundle.to_string())?;
    let root = TrustedRoot::from_json(&trust.root.to_string())?;
    let policy = PublicKeyVerificationPolicy::new(DerPublicKey::from_pem(&trust.key)?);
    let artifact = Sha256Hash::from_hex(&trust.artifact)?;
    let result = verify(artifact, &bundle, &policy, &root)?;
    if result.tlog_verified() { Ok(()) } else { Err("the log was not verified".into()) }
}

/// Inverts a bit in the middle of what is there as base64.
fn flip(value: &mut Value) -> Outcome<()> {
    let mut bytes = STANDARD.decode(value.as_str().ok_or("no text")?)?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    *value = STANDARD.encode(bytes).into();
    Ok(())
}

/// The lines of the signed checkpoint.
fn checkpoint(entry: &mut Value, line: usize, change: impl Fn(&str) -> String) -> Outcome<()> {
    let envelope = &mut entry["inclusionProof"]["checkpoint"]["envelope"];
    let text = envelope.as_str().ok_or("no checkpoint")?;
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    lines[line] = change(&lines[line]);
    *envelope = lines.join("\n").into();
    Ok(())
}

type Change = fn(&mut Value) -> Outcome<()>;

/// Ways to change a bundle.
const CHANGES: [(&str, Change); 9] = [
    ("a changed payload", |bundle| flip(&mut bundle["dsseEnvelope"]["payload"])),
    ("a changed signature", |bundle| flip(&mut bundle["dsseEnvelope"]["signatures"][0]["sig"])),
    ("a zeroed hash of the proof", |bundle| {
        entry(bundle)["inclusionProof"]["hashes"][0] = STANDARD.encode([0; 32]).into();
        Ok(())
    }),
    ("a hash less in the proof", |bundle| {
        let hashes = entry(bundle)["inclusionProof"]["hashes"].as_array_mut();
        hashes.and_then(Vec::pop).ok_or("no hashes")?;
        Ok(())
    }),
    ("a changed leaf", |bundle| flip(&mut entry(bundle)["canonicalizedBody"])),
    ("another index", |bundle| {
        let index = entry(bundle)["logIndex"].as_str().ok_or("no index")?.parse::<u64>()?;
        let other = (index ^ 1).to_string();
        entry(bundle)["inclusionProof"]["logIndex"] = json!(other);
        entry(bundle)["logIndex"] = json!(other);
        Ok(())
    }),
    ("another size in the checkpoint", |bundle| {
        checkpoint(entry(bundle), 1, |size| format!("{size}0"))
    }),
    ("another root in the checkpoint", |bundle| {
        checkpoint(entry(bundle), 2, |_| STANDARD.encode([7; 32]))
    }),
    ("an unsigned checkpoint", |bundle| {
        checkpoint(entry(bundle), 4, |line| {
            let (start, field) = line.rsplit_once(' ').unwrap_or_default();
            let mut bytes = STANDARD.decode(field).unwrap_or_default();
            bytes.iter_mut().skip(4).for_each(|byte| *byte = 0);
            format!("{start} {}", STANDARD.encode(bytes))
        })
    }),
];

fn entry(bundle: &mut Value) -> &mut Value {
    &mut bundle["verificationMaterial"]["tlogEntries"][0]
}

/// Ways to trust something else.
fn others(trust: &Trust) -> Outcome<[(&'static str, Trust); 4]> {
    // The point of P-256 itself, which is nobody's key.
    let strange = "-----BEGIN PUBLIC KEY-----\n\
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt\n\
        6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==\n\
        -----END PUBLIC KEY-----\n";
    let changed = |change: fn(&mut Trust)| {
        let mut other = trust.clone();
        change(&mut other);
        other
    };
    let key = Trust { key: strange.to_owned(), ..trust.clone() };
    let mut log = trust.clone();
    flip(&mut log.root["tlogs"][0]["publicKey"]["rawBytes"])?;
    Ok([
        ("another key", key),
        ("another key of the log", log),
        ("no log", changed(|trust| trust.root["tlogs"] = json!([]))),
        ("another artifact", changed(|trust| trust.artifact = "5".repeat(64))),
    ])
}

fn read(path: &Path) -> Outcome<Value> {
    Ok(serde_json::from_slice(&std::fs::read(path)?)?)
}

fn judge(samples: &Path) -> Outcome<usize> {
    let root = read(&samples.join("trust/trusted_root.json"))?;
    let key = std::fs::read_to_string(samples.join("key.pem"))?;
    let mut wrong = 0;
    let mut expect = |wanted: bool, what: String, found: Outcome<()>| {
        if found.is_ok() != wanted {
            wrong += 1;
            let why = found.err().map_or_else(|| "accepted".to_owned(), |why| why.to_string());
            eprintln!("{what}: {why}");
        }
    };
    let (mut bundles, mut rejected) = (0, 0);
    for file in std::fs::read_dir(samples.join("dossier/attestations"))? {
        let path = file?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !name.ends_with(".sigstore.json") {
            continue;
        }
        bundles += 1;
        let bundle = read(&path)?;
        let payload = bundle["dsseEnvelope"]["payload"].as_str().ok_or("no payload")?;
        let statement: Value = serde_json::from_slice(&STANDARD.decode(payload)?)?;
        let artifact = statement["subject"][0]["digest"]["sha256"].as_str();
        let artifact = artifact.ok_or("no subject")?.to_owned();
        let trust = Trust { key: key.clone(), root: root.clone(), artifact };
        expect(true, name.clone(), accept(&bundle, &trust));
        for (what, change) in CHANGES {
            let mut changed = bundle.clone();
            change(&mut changed)?;
            expect(false, format!("{name} with {what}"), accept(&changed, &trust));
            rejected += 1;
        }
        for (what, other) in others(&trust)? {
            expect(false, format!("{name} with {what}"), accept(&bundle, &other));
            rejected += 1;
        }
    }
    if bundles == 0 {
        return Err("no bundles".into());
    }
    println!(
        "   sigstore-verify 0.15.1: {bundles} bundles, {rejected} changed ones, {wrong} wrong"
    );
    Ok(wrong)
}

fn main() -> ExitCode {
    let Some(samples) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("say where the samples are: sigstore-rust SAMPLES");
        return ExitCode::from(2);
    };
    match judge(&samples) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}
