//! The one thread of this process that writes the books: it takes all requests
//! that wait, applies them in one durable transaction, and answers them.
//!
//! # Invariants
//!
//! - A request is answered only after its transaction is on disk.
//! - A batch is short, and followed by a pause, so that another release on the
//!   same books gets its turn.
//!
//! A commit waits for the disk, so its price is shared by all that wait: this is what
//! [`Commits::Grouped`] gives over [`Commits::Single`], which is there to be compared with.

use crate::metrics::Metrics;
use books::{Answer, Books, Request};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::oneshot;

/// Where requests are handed to the writer.
#[derive(Clone)]
pub(crate) struct Writer(SyncSender<Waiting>);

struct Waiting {
    request: Request,
    answer: oneshot::Sender<Answer>,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// Too many wait already; nothing was done.
    Busy,
    /// The books refused; nothing was done.
    Fault,
    /// It took too long; it may yet be done, and the same key will tell.
    Late,
}

/// How many requests a transaction takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Commits {
    /// All that wait, up to [`MOST_IN_BATCH`].
    Grouped,
    /// One, however many wait.
    Single,
}

const MOST_WAITING: usize = 4_096;
const MOST_IN_BATCH: usize = 96;
const PAUSE: Duration = Duration::from_micros(400);
const PATIENCE: Duration = Duration::from_secs(8);

/// Starts the writer; it ends when the last [`Writer`] is dropped.
pub(crate) fn start(
    books: Books,
    commits: Commits,
    metrics: Arc<Metrics>,
) -> std::io::Result<(Writer, JoinHandle<()>)> {
    let (sender, receiver) = sync_channel(MOST_WAITING);
    let thread = thread::Builder::new()
        .name("writer".to_owned())
        .spawn(move || write_all(books, commits, &receiver, &metrics))?;
    Ok((Writer(sender), thread))
}

impl Writer {
    /// Applies `request` and returns its answer once that is durable.
    pub(crate) async fn apply(&self, request: Request) -> Result<Answer, Unanswered> {
        let (answer, answered) = oneshot::channel();
        self.0.try_send(Waiting { request, answer }).map_err(|_full| Unanswered::Busy)?;
        match tokio::time::timeout(PATIENCE, answered).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_dropped)) => Err(Unanswered::Fault),
            Err(_elapsed) => Err(Unanswered::Late),
        }
    }
}

fn write_all(mut books: Books, commits: Commits, receiver: &Receiver<Waiting>, metrics: &Metrics) {
    let more = match commits {
        Commits::Grouped => MOST_IN_BATCH - 1,
        Commits::Single => 0,
    };
    while let Ok(first) = receiver.recv() {
        let mut batch = vec![first];
        batch.extend(receiver.try_iter().take(more));
        match books.apply(batch.iter().map(|waiting| &waiting.request), now()) {
            Ok(answers) => {
                metrics.batch(batch.len());
                for (waiting, answer) in batch.into_iter().zip(answers) {
                    // Whoever gave up waiting will ask again under the same key.
                    drop(waiting.answer.send(answer));
                }
            }
            // Dropping the batch tells everyone in it that it failed.
            Err(error) => eprintln!("payments: a batch of {} failed: {error}", batch.len()),
        }
        if commits == Commits::Grouped {
            thread::sleep(PAUSE);
        }
    }
}

fn now() -> books::Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    books::Millis::try_from(since.as_millis()).unwrap_or(books::Millis::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use books::{Instruction, Outcome};
    use serde_json::json;

    #[test]
    fn everyone_is_answered_and_the_writer_ends_with_its_last_user() {
        let books = Books::in_memory().unwrap();
        let (writer, thread) = start(books, Commits::Grouped, Arc::default()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let open = |number: u64| {
                let opening = json!({ "id": format!("a{number}"), "opening_cents": 5 });
                let instruction = Instruction::Open(serde_json::from_value(opening).unwrap());
                let key = format!("open-{number}").try_into().unwrap();
                let writer = writer.clone();
                tokio::spawn(async move { writer.apply(Request { key, instruction }).await })
            };
            let asked: Vec<_> = (0..300).map(|number| open(number % 150)).collect();
            let mut replayed = 0;
            for answer in asked {
                let answer = answer.await.unwrap().unwrap();
                assert_eq!(answer.outcome, Outcome::Applied);
                replayed += u64::from(answer.replayed);
            }
            assert_eq!(replayed, 150);
        });
        drop(runtime);
        thread.join().unwrap();
    }
}
