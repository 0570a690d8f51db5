//! The sequencer when a commit fails, and when it only seems to.

use serde_json::json;
use sluss_ledger::{Actor, ActorKind};
use tokio::sync::oneshot;

use super::*;
use crate::clock::{ManualClock, SeededEntropy};
use crate::log::Draft;

async fn sequencer(path: PathBuf) -> Sequencer {
    let connection = schema::open_writer(&path).await.unwrap();
    let clock = Arc::new(ManualClock::at(Millis(1_800_000_000_000)));
    let clock = Arc::new(LogClock::new(clock, Millis(0)));
    let (sizes, _) = watch::channel(0);
    Sequencer::new(path, connection, clock, Arc::new(SeededEntropy::new(1)), sizes)
}

fn drafts(count: usize, length: usize) -> Vec<Draft> {
    let actor =
        Actor { kind: ActorKind::System, reference: Hash::ZERO, acts_for: None, login: None };
    let body = json!({ "text": "x".repeat(length) });
    let draft = Draft::new("run/run-1", "test.happened", actor, &body).unwrap();
    vec![draft; count]
}

type Answer = oneshot::Receiver<Result<Appended, AppendError>>;

fn request(drafts: Vec<Draft>) -> (Request, Answer) {
    let (reply, answer) = oneshot::channel();
    (Request { preconditions: vec![], drafts, command_key: None, reply }, answer)
}

#[tokio::test]
async fn a_batch_that_does_not_fit_the_disk_leaves_nothing_and_the_next_one_works() {
    let folder = tempfile::tempdir().unwrap();
    let mut sequencer = sequencer(folder.path().join("log.db")).await;
    let limit = sqlx::query("PRAGMA max_page_count = 40");
    limit.execute(sequencer.connection.as_mut().unwrap()).await.unwrap();
    let (first, answer) = request(drafts(3, 100));
    sequencer.serve(vec![first]).await;
    assert_eq!(answer.await.unwrap().unwrap().events().len(), 3);
    let (second, answer) = request(drafts(40, 30_000));
    sequencer.serve(vec![second]).await;
    assert!(matches!(answer.await.unwrap(), Err(AppendError::Full { .. })));
    assert_eq!(sequencer.size, 3);
    // The connection was opened again, without the limit: there is space now.
    let (third, answer) = request(drafts(40, 30_000));
    sequencer.serve(vec![third]).await;
    let events = answer.await.unwrap().unwrap().into_events();
    assert_eq!((events[0].position, events[0].seq, *sequencer.sizes.borrow()), (3, 3, 43));
}

/// Plans an append of two events and reports its commit as failed, after writing it or not.
async fn settled(persist: bool) -> (Result<(), AppendError>, Sequencer) {
    let folder = tempfile::tempdir().unwrap();
    let mut sequencer = sequencer(folder.path().join("log.db")).await;
    let (request, _answer) = request(drafts(2, 10));
    let stamp = sequencer.clock.with(|time, reading| time.stamp(reading));
    let commands = HashMap::new();
    let before = Before { size: 0, heads: &sequencer.heads, commands: &commands };
    let plan = batch::plan(&mut [request], before, stamp, || "id".to_owned());
    if persist {
        insert(sequencer.connection.as_mut().unwrap(), &plan.rows).await.unwrap();
    }
    let settled = sequencer.settle(&plan, &sqlx::Error::PoolClosed).await;
    (settled, sequencer)
}

#[tokio::test]
async fn a_commit_that_is_on_the_disk_counts_though_it_reported_an_error() {
    let (settled, sequencer) = settled(true).await;
    assert!(settled.is_ok());
    assert_eq!(sequencer.size, 2);
}

#[tokio::test]
async fn a_commit_that_is_not_on_the_disk_does_not_count() {
    let (settled, sequencer) = settled(false).await;
    assert!(matches!(settled, Err(AppendError::Unavailable { .. })));
    assert_eq!(sequencer.size, 0);
}
