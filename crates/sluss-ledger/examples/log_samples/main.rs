//! Writes a log as it is published, for the programs of others to verify:
//! `cargo run -p sluss-ledger --example log_samples -- FOLDER [LEAVES]`.
//!
//! ```text
//! log/checkpoint              signed by the log, cosigned by a witness
//! log/tile/...                hash tiles and entry bundles
//! log.vkey, witness.vkey      public keys
//! policy                      trust policy that the checkpoint satisfies
//! proof/<n>.tlog-proof        proof that proof/<n>.entry is entry n
//! rotated/checkpoint          the same tree within a rotation: two keys of the log
//! rotated/old.vkey, new.vkey  these keys
//! rotated/keys                the log's keys with the leaves that each vouches for
//! ```
//!
//! The keys are made of constants: what they sign proves nothing to anybody.

use std::error::Error;
use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};

use sluss_ledger::{
    AddCheckpoint, Bundle, Checkpoint, FULL_WIDTH, LogKey, LogKeys, MemoryTree, Note, Origin,
    TileEdge, TlogProof, TreeHead, TrustPolicy, WitnessKey, WitnessState, encode_entries,
    encode_hashes, inclusion_proof,
};

mod events;

const ORIGIN: &str = "sluss.example/samples";
/// When the witness cosigns, in seconds since 1970.
const COSIGNED_AT: u64 = 1_795_260_000;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let usage = "give the folder to write to, and how many leaves (2000 unless told)";
    let folder = PathBuf::from(arguments.next().ok_or(usage)?);
    let leaves: u64 = arguments.next().as_deref().unwrap_or("2000").parse()?;
    if leaves < 2 {
        return Err("a sample has at least two leaves".into());
    }
    let samples = Samples::write_entries(&folder, leaves)?;
    samples.write_checkpoint()?;
    samples.write_proofs()?;
    samples.write_rotation()?;
    Ok(())
}

/// A log that is written to a folder.
struct Samples {
    folder: PathBuf,
    tree: MemoryTree,
    /// Entries that get a proof, by index.
    chosen: Vec<(u64, Vec<u8>)>,
}

fn log_key(seed: u8) -> Outcome<LogKey> {
    Ok(LogKey::from_seed(ORIGIN.parse()?, [seed; 32]))
}

fn write(path: &Path, content: impl AsRef<[u8]>) -> Outcome<()> {
    let parent = path.parent().ok_or("a path without a folder")?;
    fs::create_dir_all(parent)?;
    fs::write(path, content).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(())
}

impl Samples {
    fn write_entries(folder: &Path, leaves: u64) -> Outcome<Self> {
        let mut samples =
            Self { folder: folder.to_owned(), tree: MemoryTree::new(), chosen: vec![] };
        let (mut events, mut edge) = (events::Events::default(), TileEdge::new());
        let (mut bundle, mut full) = (Vec::new(), Vec::new());
        for index in 0..leaves {
            let (bytes, hash) = events.leaf()?;
            samples.tree.push(hash);
            edge.push(hash, |tile, hashes| full.push((tile, encode_hashes(hashes))));
            if [0, 1, leaves / 2, leaves - 1].contains(&index) {
                samples.chosen.push((index, bytes.clone()));
            }
            bundle.push(bytes);
            if bundle.len() == usize::from(FULL_WIDTH) || index + 1 == leaves {
                let width = u16::try_from(bundle.len())?;
                let name = Bundle::new(index / u64::from(FULL_WIDTH), width)?;
                let content = encode_entries(bundle.iter().map(Vec::as_slice))?;
                samples.write_log(name, content)?;
                bundle.clear();
            }
        }
        let partial: Vec<_> = edge.partial_tiles(0).map(|(t, h)| (t, encode_hashes(h))).collect();
        for (tile, content) in full.into_iter().chain(partial) {
            samples.write_log(tile, content)?;
        }
        Ok(samples)
    }

    fn write_log(&self, name: impl Display, content: impl AsRef<[u8]>) -> Outcome<()> {
        write(&self.folder.join("log").join(name.to_string()), content)
    }

    fn checkpoint(&self) -> Outcome<Checkpoint> {
        let head: TreeHead = self.tree.frontier().head();
        Ok(Checkpoint { origin: ORIGIN.parse()?, head })
    }

    /// The checkpoint, signed by the log and cosigned by a witness that was asked for it.
    fn cosigned(&self) -> Outcome<Note> {
        let log = log_key(1)?;
        let witness = WitnessKey::from_seed("witness.example/audit".parse()?, [3; 32]);
        let note = self.checkpoint()?.sign(&log)?;
        let request = AddCheckpoint::new(0, vec![], note.clone())?;
        let state = WitnessState::new(ORIGIN.parse::<Origin>()?);
        let extension = state.decide(&[log.verifier()], &request)?;
        Ok(note.with(extension.cosign(&witness, COSIGNED_AT)))
    }

    fn write_checkpoint(&self) -> Outcome<()> {
        let witness = WitnessKey::from_seed("witness.example/audit".parse()?, [3; 32]).verifier();
        let (log, note) = (log_key(1)?.verifier(), self.cosigned()?.to_string());
        let policy = format!("log {log}\nwitness audit {witness}\nquorum audit\n");
        let _ = TrustPolicy::parse(policy.as_bytes())?.verify(note.as_bytes())?;
        self.write_log("checkpoint", note)?;
        write(&self.folder.join("log.vkey"), format!("{log}\n"))?;
        write(&self.folder.join("witness.vkey"), format!("{witness}\n"))?;
        write(&self.folder.join("policy"), policy)
    }

    fn write_proofs(&self) -> Outcome<()> {
        let (proofs, size) = (self.folder.join("proof"), self.tree.frontier().size());
        for (index, entry) in &self.chosen {
            let hashes = inclusion_proof(size, *index, &self.tree)?;
            let (index, checkpoint) = (*index, self.cosigned()?);
            let proof = TlogProof { extra: None, index, hashes, checkpoint };
            write(&proofs.join(format!("{index}.tlog-proof")), proof.to_string())?;
            write(&proofs.join(format!("{index}.entry")), entry)?;
        }
        Ok(())
    }

    fn write_rotation(&self) -> Outcome<()> {
        let (old, new) = (log_key(1)?, log_key(2)?);
        let (rotated, size) = (self.folder.join("rotated"), self.tree.frontier().size());
        let mut keys = LogKeys::new(ORIGIN.parse()?, old.verifier())?;
        keys.rotate(new.verifier(), size / 2)?;
        keys.retire(&old.verifier(), size)?;
        write(&rotated.join("old.vkey"), format!("{}\n", old.verifier()))?;
        write(&rotated.join("new.vkey"), format!("{}\n", new.verifier()))?;
        write(&rotated.join("keys"), keys.to_string())?;
        let note = keys.sign(&self.checkpoint()?, &[old, new])?.to_string();
        let _ = keys.verify(note.as_bytes())?;
        write(&rotated.join("checkpoint"), note)
    }
}
