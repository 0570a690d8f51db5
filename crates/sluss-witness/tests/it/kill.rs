//! After any `kill -9` a witness signs neither two roots for one size nor an older size.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sluss_ledger::{Hash, WitnessAlarm, WitnessSaid, WitnessVerifier};

use crate::witness::{History, Serving, init, log_key, run};

/// When the histories part.
const FORK: u64 = 20;
/// Leaves of each history: more than can be asked for.
const LEAVES: u64 = 20_000;

/// What a history got cosigned before the witness was killed: size and root, in order.
type Signed = Vec<(u64, Hash)>;

/// Asks for ever larger checkpoints until the witness is gone.
fn insist(history: &mut History, address: SocketAddr, step: u64, stop: &AtomicBool) -> Signed {
    let mut signed = Signed::new();
    let mut size = history.known() + step;
    while !stop.load(Ordering::Relaxed) && size < LEAVES {
        match history.ask(address, size) {
            Ok(WitnessSaid::Cosigned(_)) => {
                signed.push((size, history.head(size).root));
                size += step;
            }
            // Somebody was quicker, or the other history won: from its size on it is worth a try.
            Ok(WitnessSaid::Again) => size = history.known() + step,
            Ok(WitnessSaid::WitnessAlarm(WitnessAlarm::Forked { .. })) => size += 1,
            Ok(WitnessSaid::WitnessAlarm(alarm)) => panic!("{alarm}"),
            Ok(WitnessSaid::Later(trouble)) => panic!("{trouble}"),
            // The witness is dead.
            Err(_) => break,
        }
    }
    signed
}

#[test]
fn after_any_kill_one_history_is_signed_and_never_a_smaller_tree() {
    let folder = tempfile::tempdir().unwrap();
    let witness: WitnessVerifier = init(folder.path());
    let mut histories = [1, 2].map(|number| History::new(number, FORK, LEAVES, witness.clone()));
    let mut roots: BTreeMap<u64, Hash> = BTreeMap::new();
    let mut largest = 0;
    let (mut signed, mut rounds) = (0, 0);
    for round in 0..12_u64 {
        let serving = Serving::start(folder.path(), &log_key());
        let stop = AtomicBool::new(false);
        let address = serving.address;
        let results = std::thread::scope(|scope| {
            let asking: Vec<_> = histories
                .iter_mut()
                .zip([1, 3])
                .map(|(history, step)| {
                    let stop = &stop;
                    scope.spawn(move || insist(history, address, step, stop))
                })
                .collect();
            // Instants that have nothing to do with what the witness does just then.
            std::thread::sleep(Duration::from_millis(40 + round * 37 % 110));
            serving.kill();
            stop.store(true, Ordering::Relaxed);
            asking.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<Signed>>()
        });
        let before = largest;
        for one in &results {
            assert!(one.is_sorted_by_key(|(size, _)| *size));
            for (size, root) in one {
                assert!(*size >= before, "{size} was signed after {before}");
                assert_eq!(*roots.entry(*size).or_insert(*root), *root, "two roots at {size}");
                largest = largest.max(*size);
                signed += 1;
            }
        }
        rounds += usize::from(results.iter().any(|one| !one.is_empty()));
    }
    assert!(rounds >= 3 && signed >= 10, "{signed} cosignatures in {rounds} rounds prove nothing");
    let one = histories
        .iter()
        .any(|history| roots.iter().all(|(size, root)| history.head(*size).root == *root));
    assert!(one, "roots of both histories were signed");
    let status = run(&["status", "--json", "--dir", folder.path().to_str().unwrap()]);
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    assert!(status["logs"][0]["size"].as_u64() >= Some(largest), "{status}");
}
