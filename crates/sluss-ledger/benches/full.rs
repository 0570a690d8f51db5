//! What it costs to verify a whole log and to sign its checkpoints, on one core:
//! `cargo bench -p sluss-ledger [-- --leaves N]` (1,000,000).
//!
//! Verification is what an auditor does: each entry is read strictly, hashed, chained to the one
//! before in its stream and put into the tree; the root is compared with the signed checkpoint.
//! What is measured is the time on the processor, so that other work on the machine does not count.
#![expect(clippy::print_stdout, reason = "it is run to print its figures")]

use std::error::Error;
use std::fs;
use std::time::Duration;

use sluss_ledger::{
    AddCheckpoint, Checkpoint, LogKey, MemoryTree, StreamChecker, WitnessKey, WitnessState,
    consistency_proof, inclusion_proof, verify_inclusion,
};

#[path = "../examples/log_samples/events.rs"]
mod events;

const ORIGIN: &str = "sluss.example/bench";
/// Entries that the target asks for in a minute, on one core.
const TARGET: f64 = 1_000_000.0;
/// Entries that are held in memory at once: they are made outside of what is measured.
const CHUNK: u64 = 50_000;
/// How often what takes microseconds is repeated.
const REPEATED: u32 = 5_000;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let mut leaves = 1_000_000;
    while let Some(argument) = arguments.next() {
        if argument == "--leaves" {
            leaves = arguments.next().ok_or("--leaves wants a number")?.parse()?;
        }
    }
    let (tree, hash) = full(leaves)?;
    let size = tree.frontier().size();
    let index = size / 3;
    let proof = inclusion_proof(size, index, &tree)?;
    let head = tree.frontier().head();
    print("inclusion proof made", mean(|| inclusion_proof(size, index, &tree).map(drop))?);
    let leaf = hash.ok_or("the log has too few leaves")?;
    print("inclusion proof checked", mean(|| verify_inclusion(&leaf, index, &proof, &head))?);

    let key = LogKey::from_seed(ORIGIN.parse()?, [1; 32]);
    let checkpoint = Checkpoint { origin: ORIGIN.parse()?, head };
    print(
        "checkpoint: root and signature",
        mean(|| {
            let head = tree.frontier().head();
            Checkpoint { origin: checkpoint.origin.clone(), head }.sign(&key).map(drop)
        })?,
    );

    let half = MemoryTree::from_iter(
        (0..size / 2).filter_map(|at| sluss_ledger::HashReader::node(&tree, 0, at)),
    );
    let before = Checkpoint { head: half.frontier().head(), ..checkpoint.clone() };
    let proof = consistency_proof(before.head.size, size, &tree)?;
    let request = AddCheckpoint::new(before.head.size, proof, checkpoint.sign(&key)?)?;
    let body = request.to_string();
    let (state, keys) = (WitnessState::resumed(before), [key.verifier()]);
    let witness = WitnessKey::from_seed("witness.example/bench".parse()?, [2; 32]);
    print(
        "witness: read, decide, cosign",
        mean(|| -> Outcome<()> {
            let extension = state.decide(&keys, &AddCheckpoint::parse(body.as_bytes())?)?;
            drop(extension.cosign(&witness, 1));
            Ok(())
        })?,
    );
    Ok(())
}

/// Verifies a log of `leaves` entries and returns its tree, and the hash a third into it.
fn full(leaves: u64) -> Outcome<(MemoryTree, Option<sluss_ledger::Hash>)> {
    let (mut events, mut tree, mut checker) =
        (events::Events::default(), MemoryTree::new(), StreamChecker::new());
    let (mut spent, mut bytes, mut third) = (Duration::ZERO, 0, None);
    let mut done = 0;
    while done < leaves {
        let mut chunk = Vec::new();
        for index in done..leaves.min(done + CHUNK) {
            let (entry, hash) = events.leaf()?;
            third = if index == leaves / 3 { Some(hash) } else { third };
            bytes += entry.len();
            tree.push(hash);
            chunk.push(entry);
        }
        let began = on_processor()?;
        for entry in &chunk {
            checker.feed(done, entry)?;
            done += 1;
        }
        spent += on_processor()? - began;
    }
    if checker.head() != tree.frontier().head() {
        return Err("the root is another".into());
    }
    let a_minute = leaves as f64 / spent.as_secs_f64() * 60.0;
    let verdict = if a_minute >= TARGET { "reached" } else { "missed" };
    println!("full verification, one core: {leaves} entries of {} bytes", bytes as u64 / leaves);
    println!(
        "  {:.2} s, {a_minute:.0} entries a minute (target 1000000: {verdict})",
        spent.as_secs_f64()
    );
    Ok((tree, third))
}

fn mean<T, E: Into<Box<dyn Error>>>(mut act: impl FnMut() -> Result<T, E>) -> Outcome<Duration> {
    let began = on_processor()?;
    for _ in 0..REPEATED {
        act().map_err(Into::into)?;
    }
    Ok((on_processor()? - began) / REPEATED)
}

fn print(what: &str, took: Duration) {
    println!("{what}: {:.1} µs", took.as_secs_f64() * 1e6);
}

/// Returns how long this thread has been on a processor, by the kernel's account.
fn on_processor() -> Outcome<Duration> {
    let account = fs::read_to_string("/proc/thread-self/schedstat")?;
    let spent = account.split(' ').next().ok_or("the kernel keeps no account")?;
    Ok(Duration::from_nanos(spent.parse()?))
}
