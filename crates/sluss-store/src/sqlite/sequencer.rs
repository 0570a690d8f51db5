//! The sequencer: one task that owns the only connection that writes.
//!
//! It takes whatever appends are waiting, judges them in order and makes them durable in one
//! commit. Nothing waits for company: an append that is alone is committed alone.
//!
//! # Invariants
//!
//! - Nothing is answered as appended before its commit is on the disk.
//! - After a commit whose outcome is not known, the database is asked before anything is
//!   answered; if it cannot be asked, the answer is `Unavailable`.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use sluss_core::units::Millis;
use sluss_ledger::Hash;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{mpsc, watch};

use super::batch::{self, Answer, Before, Head, Plan, Request};
use super::rows::{LeafRow, signed, unsigned};
use super::schema::{self, SchemaError, select_leaf};
use super::timekeeper::{Reading, Timekeeper};
use crate::clock::{Clock, Entropy};
use crate::log::{ATTESTATIONS, AppendError, Appended, ReadError, Sealed};

/// Most entries of a batch, unless one append alone has more.
const MOST_ENTRIES: usize = 256;
/// Streams whose heads are kept in memory.
const MOST_HEADS: usize = 100_000;
/// Rows of one `INSERT` where there are that many.
const ROWS_AT_ONCE: usize = 32;

const INSERT: &str = "INSERT INTO leaf \
    (position, stream, seq, kind, time_ms, command_key, hash, bytes) VALUES (?,?,?,?,?,?,?,?)";

static INSERT_MANY: LazyLock<String> =
    LazyLock::new(|| format!("{INSERT}{}", ",(?,?,?,?,?,?,?,?)".repeat(ROWS_AT_ONCE - 1)));

/// The clock that stamps leaves, shared with those who ask whether it has jumped.
#[derive(Debug)]
pub(super) struct LogClock {
    clock: Arc<dyn Clock>,
    time: Mutex<Timekeeper>,
}

impl LogClock {
    pub(super) fn new(clock: Arc<dyn Clock>, last: Millis) -> Self {
        let time = Mutex::new(Timekeeper::new(read_clock(&*clock), last));
        Self { clock, time }
    }

    pub(super) fn with<T>(&self, ask: impl FnOnce(&mut Timekeeper, Reading) -> T) -> T {
        let mut time = self.time.lock().unwrap_or_else(PoisonError::into_inner);
        ask(&mut time, read_clock(&*self.clock))
    }
}

fn read_clock(clock: &dyn Clock) -> Reading {
    Reading { wall: clock.now(), monotonic_ms: clock.monotonic_ms() }
}

/// The one writer of the log.
#[derive(Debug)]
pub(super) struct Sequencer {
    path: PathBuf,
    /// None after a failure, until the database opens again.
    connection: Option<SqliteConnection>,
    /// Ends of streams as they are in the database; a stream that is absent was not asked for.
    heads: HashMap<String, Head>,
    size: u64,
    clock: Arc<LogClock>,
    entropy: Arc<dyn Entropy>,
    sizes: watch::Sender<u64>,
}

/// Where the log ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    pub(super) size: u64,
    pub(super) last: Millis,
}

/// Returns where the log in the database ends.
pub(super) async fn end_of(connection: &mut SqliteConnection) -> sqlx::Result<End> {
    let row: Option<(i64, i64)> =
        sqlx::query_as("SELECT position, time_ms FROM leaf ORDER BY position DESC LIMIT 1")
            .fetch_optional(connection)
            .await?;
    Ok(row.map_or(End { size: 0, last: Millis(0) }, |(position, time)| End {
        size: unsigned(position) + 1,
        last: Millis(time),
    }))
}

impl Sequencer {
    pub(super) fn new(
        path: PathBuf,
        connection: SqliteConnection,
        clock: Arc<LogClock>,
        entropy: Arc<dyn Entropy>,
        sizes: watch::Sender<u64>,
    ) -> Self {
        let size = *sizes.borrow();
        let connection = Some(connection);
        Self { path, connection, heads: HashMap::new(), size, clock, entropy, sizes }
    }

    /// Serves appends until nobody can send any more, or `stop` is set and none is waiting.
    pub(super) async fn run(
        mut self,
        mut requests: mpsc::Receiver<Request>,
        mut stop: watch::Receiver<bool>,
    ) {
        let mut waiting = VecDeque::new();
        loop {
            if waiting.is_empty() {
                let first = tokio::select! {
                    biased;
                    first = requests.recv() => first,
                    () = stopped(&mut stop) => {
                        requests.close();
                        requests.recv().await
                    }
                };
                match first {
                    Some(request) => waiting.push_back(request),
                    None => break,
                }
            }
            while waiting.len() < MOST_ENTRIES
                && let Ok(request) = requests.try_recv()
            {
                waiting.push_back(request);
            }
            let batch = take_batch(&mut waiting);
            self.serve(batch).await;
        }
        if let Some(connection) = self.connection.take() {
            connection.close().await.ok();
        }
    }

    async fn serve(&mut self, mut batch: Vec<Request>) {
        match self.commit(&mut batch).await {
            Ok(plan) => answer(batch, plan),
            Err(error) => {
                tracing::warn!(%error, "nothing was appended to the log");
                for request in batch {
                    request.reply.send(Err(error.clone())).ok();
                }
            }
        }
    }

    async fn commit(&mut self, batch: &mut [Request]) -> Result<Plan, AppendError> {
        let commands = match self.look_up(batch).await {
            Ok(commands) => commands,
            Err(error) => {
                self.connection = None;
                return Err(unavailable(&error));
            }
        };
        let stamp = self.clock.with(|time, reading| time.stamp(reading));
        let ids = self.ids(batch.iter().map(|request| request.drafts.len()).sum(), stamp.time)?;
        let mut ids = ids.into_iter();
        let before = Before { size: self.size, heads: &self.heads, commands: &commands };
        let plan = batch::plan(batch, before, stamp, || ids.next().unwrap_or_default());
        if !plan.rows.is_empty() {
            let written = match &mut self.connection {
                Some(connection) => insert(connection, &plan.rows).await,
                None => Err(sqlx::Error::PoolClosed),
            };
            if let Err(error) = written {
                self.settle(&plan, &error).await?;
            }
            self.adopt(&plan, stamp.time);
        }
        Ok(plan)
    }

    /// Loads what the batch needs to be judged: heads of streams, and commands of before.
    async fn look_up(
        &mut self,
        batch: &[Request],
    ) -> Result<HashMap<String, Vec<Sealed>>, Trouble> {
        if self.heads.len() > MOST_HEADS {
            self.heads.clear();
        }
        if self.connection.is_none() {
            self.reopen().await?;
        }
        let Some(connection) = &mut self.connection else { return Err(Trouble::Closed) };
        let mut commands = HashMap::new();
        for request in batch {
            for stream in streams_of(request) {
                if !self.heads.contains_key(stream) {
                    let head = head_of(connection, stream).await?;
                    self.heads.insert(stream.to_owned(), head);
                }
            }
            if let Some(key) = &request.command_key {
                let events = events_of(connection, key).await?;
                if !events.is_empty() {
                    commands.insert(key.clone(), events);
                }
            }
        }
        Ok(commands)
    }

    /// Finds out what became of a commit that reported `error`: `Ok` where it is on the disk
    /// all the same.
    async fn settle(&mut self, plan: &Plan, error: &sqlx::Error) -> Result<(), AppendError> {
        let failed = failure(error);
        self.connection = None;
        let expected = plan.rows.first().map(|row| (row.position, row.hash));
        let Some((position, hash)) = expected else { return Err(failed) };
        if let Err(trouble) = self.reopen().await {
            tracing::warn!(%trouble, "the log cannot be opened again");
            return Err(failed);
        }
        let Some(connection) = &mut self.connection else { return Err(failed) };
        let found: sqlx::Result<Option<Vec<u8>>> =
            sqlx::query_scalar("SELECT hash FROM leaf WHERE position = ?")
                .bind(signed(position))
                .fetch_optional(connection)
                .await;
        match found {
            Ok(Some(found)) if found == hash.as_bytes() => Ok(()),
            Ok(_) | Err(_) => Err(failed),
        }
    }

    /// Opens the database again after a failure and forgets what was known of it.
    async fn reopen(&mut self) -> Result<(), Trouble> {
        self.heads.clear();
        let mut connection = schema::open_writer(&self.path).await?;
        let end = end_of(&mut connection).await?;
        self.size = end.size;
        self.clock.with(|time, _| time.stamped(end.last));
        self.connection = Some(connection);
        Ok(())
    }

    /// Takes the plan's rows, which are durable, as part of the log.
    fn adopt(&mut self, plan: &Plan, last: Millis) {
        let first = plan.rows.first().map_or(self.size, |row| row.position);
        self.size = first + plan.rows.len() as u64;
        self.heads.extend(plan.heads.iter().map(|(stream, head)| (stream.clone(), *head)));
        self.clock.with(|time, _| time.stamped(last));
        self.sizes.send_replace(self.size);
    }

    /// Returns `count` UUIDs of version 7.
    fn ids(&self, count: usize, time: Millis) -> Result<Vec<String>, AppendError> {
        let mut random = vec![0; count * 10];
        self.entropy.fill(&mut random).map_err(|error| unavailable(&error))?;
        let millis = u64::try_from(time.0).unwrap_or(0);
        let (chunks, _) = random.as_chunks::<10>();
        let id = |bytes| uuid::Builder::from_unix_timestamp_millis(millis, bytes).into_uuid();
        Ok(chunks.iter().map(|bytes| id(bytes).to_string()).collect())
    }
}

/// Waits until the log is to end. The sender going away is no such wish: the queue ends then.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Takes appends from the front as long as they fit one batch, and at least one.
fn take_batch(waiting: &mut VecDeque<Request>) -> Vec<Request> {
    let mut entries = 0;
    let fitting = waiting.iter().take_while(|request| {
        entries += request.drafts.len();
        entries <= MOST_ENTRIES
    });
    let count = fitting.count().max(1).min(waiting.len());
    waiting.drain(..count).collect()
}

fn answer(batch: Vec<Request>, plan: Plan) {
    let rows = &plan.rows;
    for (request, answer) in batch.into_iter().zip(plan.answers) {
        let answer = match answer {
            Answer::Now(answer) => answer,
            Answer::New(range) => Ok(Appended::New(rows[range].to_vec())),
            Answer::Repeated(range) => Ok(Appended::Repeated(rows[range].to_vec())),
        };
        // Whoever asked may have gone away; the log stands all the same.
        request.reply.send(answer).ok();
    }
}

/// Returns the streams that a request asks about, or adds to.
fn streams_of(request: &Request) -> Vec<&str> {
    let mut streams: Vec<&str> =
        request.preconditions.iter().map(|(stream, _)| stream.as_str()).collect();
    for draft in &request.drafts {
        streams.push(&draft.stream);
        streams.extend(draft.attestation.as_ref().map(|_leaf| ATTESTATIONS));
    }
    streams
}

async fn head_of(connection: &mut SqliteConnection, stream: &str) -> Result<Head, Trouble> {
    let row: Option<(i64, Vec<u8>)> =
        sqlx::query_as("SELECT seq, hash FROM leaf WHERE stream = ? ORDER BY seq DESC LIMIT 1")
            .bind(stream)
            .fetch_optional(connection)
            .await?;
    let Some((seq, hash)) = row else { return Ok(Head::EMPTY) };
    let hash = <[u8; 32]>::try_from(hash).map_err(|_| Trouble::Hash(stream.to_owned()))?;
    Ok(Head { next: unsigned(seq) + 1, hash: Hash::from_bytes(hash) })
}

async fn events_of(connection: &mut SqliteConnection, key: &str) -> Result<Vec<Sealed>, Trouble> {
    let rows = sqlx::query(select_leaf!("WHERE command_key = ? ORDER BY position"))
        .bind(key)
        .fetch_all(connection)
        .await?;
    rows.iter().map(|row| Ok(LeafRow::read(row)?.sealed()?)).collect()
}

async fn insert(connection: &mut SqliteConnection, rows: &[Sealed]) -> sqlx::Result<()> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let (many, rest) = rows.as_chunks::<ROWS_AT_ONCE>();
    for rows in many {
        insert_rows(&mut transaction, INSERT_MANY.as_str(), rows).await?;
    }
    for row in rest {
        insert_rows(&mut transaction, INSERT, std::slice::from_ref(row)).await?;
    }
    transaction.commit().await
}

async fn insert_rows(
    connection: &mut SqliteConnection,
    sql: &'static str,
    rows: &[Sealed],
) -> sqlx::Result<()> {
    let mut query = sqlx::query(sql);
    for row in rows {
        query = query
            .bind(signed(row.position))
            .bind(row.stream.as_str())
            .bind(signed(row.seq))
            .bind(row.kind.as_str())
            .bind(row.time.0)
            .bind(row.command_key.as_deref())
            .bind(&row.hash.as_bytes()[..])
            .bind(&row.bytes[..]);
    }
    query.execute(connection).await?;
    Ok(())
}

/// What keeps the sequencer from its database.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
    #[error(transparent)]
    Schema(#[from] SchemaError),
    #[error(transparent)]
    Row(#[from] ReadError),
    #[error("the last hash of stream {0} is not one")]
    Hash(String),
    #[error("the database is closed")]
    Closed,
}

fn unavailable(error: &dyn std::error::Error) -> AppendError {
    AppendError::Unavailable { reason: batch::chain(error) }
}

/// What a commit that failed is answered with. 13 is `SQLITE_FULL`.
fn failure(error: &sqlx::Error) -> AppendError {
    let code = error.as_database_error().and_then(|error| error.code());
    match code.as_deref() {
        Some("13") => AppendError::Full { reason: batch::chain(error) },
        Some(_) | None => unavailable(error),
    }
}

#[cfg(test)]
mod tests;
