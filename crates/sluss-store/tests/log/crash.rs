//! `kill -9` while the log is written: nothing acknowledged is lost, no size has two roots.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use sluss_ledger::{Checkpoint, Frontier, Hash, Note};
use sluss_store::verify::{self, Scope};
use sluss_store::{Log, LogOptions, SqliteLog, SystemClock, SystemEntropy};

use crate::world::{ORIGIN, append, numbered};

/// Set in the process that is killed: the folder in which it writes.
const FOLDER: &str = "SLUSS_STORE_CRASH_FOLDER";
const ROUNDS: u64 = 12;

async fn open(data: &Path) -> SqliteLog {
    SqliteLog::open(LogOptions {
        data: data.to_owned(),
        origin: ORIGIN.to_owned(),
        clock: Arc::new(SystemClock::new()),
        entropy: Arc::new(SystemEntropy),
    })
    .await
    .unwrap()
}

/// The process that is killed: writes for ever and says what was acknowledged. Run by the test
/// below, as a process of its own; in any other run there is nothing to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn write_until_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let log = Arc::new(open(Path::new(&folder)).await);
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let log = Arc::clone(&log);
            tokio::spawn(async move {
                for number in 0.. {
                    let drafts = (0..1 + number % 4).map(|_| numbered(writer)).collect();
                    let lines: String = append(&log, drafts)
                        .await
                        .iter()
                        .map(|event| format!("\nacknowledged {} {}", event.position, event.hash))
                        .collect();
                    std::io::stdout().write_all(format!("{lines}\n").as_bytes()).unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
}

/// Runs the writing process and kills it after `pause`; returns what was acknowledged.
fn write_and_kill(data: &Path, pause: Duration) -> Vec<(u64, Hash)> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::write_until_killed", "--nocapture"])
        .env(FOLDER, data)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = child.stdout.take().unwrap();
    let (started, wait) = std::sync::mpsc::channel();
    let reading = std::thread::spawn(move || {
        let mut acknowledged = Vec::new();
        for line in BufReader::new(output).lines() {
            let line = line.unwrap();
            let Some(rest) = line.strip_prefix("acknowledged ") else { continue };
            // The last line may have been cut off by the kill.
            let Some((position, hash)) = rest.split_once(' ') else { continue };
            let (Ok(position), Ok(hash)) = (position.parse(), hash.parse()) else { continue };
            acknowledged.push((position, hash));
            started.send(()).ok();
        }
        acknowledged
    });
    wait.recv_timeout(Duration::from_secs(60)).unwrap();
    std::thread::sleep(pause);
    child.kill().unwrap();
    child.wait().unwrap();
    reading.join().unwrap()
}

fn checkpoint(data: &Path) -> (u64, Hash) {
    let note = Note::parse(&std::fs::read(data.join("log/checkpoint")).unwrap()).unwrap();
    let checkpoint: Checkpoint = note.unverified_text().parse().unwrap();
    (checkpoint.head.size, checkpoint.head.root)
}

#[tokio::test]
async fn a_killed_log_has_all_that_it_acknowledged_and_one_root_for_each_size() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    let (mut acknowledged, mut roots) = (BTreeMap::new(), BTreeMap::new());
    for round in 0..ROUNDS {
        let pause = Duration::from_millis(round * 7919 % 450);
        acknowledged.extend(write_and_kill(data, pause));
        let (size, root) = checkpoint(data);
        roots.insert(size, root);
        let report = verify::verify(data, Scope::Full).await.unwrap();
        assert!(report.ok, "round {round}: {:#?}", report.findings);
        let log = open(data).await;
        let size = log.size().await.unwrap();
        assert!(log.published(size).await);
        log.close().await;
        let (size, root) = checkpoint(data);
        assert!(roots.insert(size, root).is_none_or(|known| known == root));
    }
    let log = open(data).await;
    let (mut frontier, mut next) = (Frontier::new(), 0);
    loop {
        let events = log.read(next, 1000).await.unwrap();
        let Some(last) = events.last() else { break };
        next = last.position + 1;
        for event in &events {
            if let Some(hash) = acknowledged.remove(&event.position) {
                assert_eq!(hash, event.hash, "entry {}", event.position);
            }
            if let Some(root) = roots.get(&event.position) {
                assert_eq!(frontier.root(), *root, "size {}", event.position);
            }
            frontier.push(event.hash);
        }
    }
    assert!(acknowledged.is_empty(), "lost: {acknowledged:?}");
    assert!(next > 100, "too little was written to say anything: {next}");
}
