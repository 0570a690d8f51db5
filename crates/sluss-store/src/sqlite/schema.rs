//! The log's database: how it is opened, and its one table.
//!
//! # Invariants
//!
//! - A commit that returned is on the disk: WAL with `synchronous=FULL`.
//! - Rows are only ever added; triggers refuse anything else.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection, SqliteConnection};

use crate::folder;

/// "Slus", so that `file` and we know what the file is.
const APPLICATION_ID: i64 = 0x536c_7573;
/// Version of the table below.
const VERSION: i64 = 1;

const DDL: &str = "
CREATE TABLE IF NOT EXISTS leaf (
    position INTEGER PRIMARY KEY,
    stream TEXT NOT NULL,
    seq INTEGER NOT NULL,
    kind TEXT NOT NULL,
    time_ms INTEGER NOT NULL,
    command_key TEXT,
    hash BLOB NOT NULL,
    bytes BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS leaf_stream ON leaf (stream, seq);
CREATE INDEX IF NOT EXISTS leaf_command ON leaf (command_key) WHERE command_key IS NOT NULL;
CREATE TRIGGER IF NOT EXISTS leaf_never_changes BEFORE UPDATE ON leaf
BEGIN SELECT RAISE(ABORT, 'leaves never change'); END;
CREATE TRIGGER IF NOT EXISTS leaf_never_goes BEFORE DELETE ON leaf
BEGIN SELECT RAISE(ABORT, 'leaves are never deleted'); END;
";

/// The columns of `leaf`, in the order that rows are read in.
macro_rules! select_leaf {
    ($rest:literal) => {
        concat!(
            "SELECT position, stream, seq, kind, time_ms, command_key, hash, bytes FROM leaf ",
            $rest
        )
    };
}
pub(crate) use select_leaf;

/// Why the database cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SchemaError {
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
    #[error("it is not a log of this version of Sluss (application {application}, {version})")]
    Foreign { application: i64, version: i64 },
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(Duration::from_secs(10))
        .pragma("cell_size_check", "ON")
}

/// Opens the connection that writes, and makes the table if there is none.
pub(super) async fn open_writer(path: &Path) -> Result<SqliteConnection, SchemaError> {
    let options = options(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("wal_autocheckpoint", "4000")
        .pragma("journal_size_limit", "67108864");
    folder::make_private(path).map_err(sqlx::Error::Io)?;
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let application = pragma(&mut connection, "PRAGMA application_id").await?;
    let version = pragma(&mut connection, "PRAGMA user_version").await?;
    match (application, version) {
        (APPLICATION_ID, VERSION) => {}
        (0, 0) => {
            sqlx::raw_sql(DDL).execute(&mut connection).await?;
            sqlx::raw_sql("PRAGMA application_id = 0x536c7573; PRAGMA user_version = 1")
                .execute(&mut connection)
                .await?;
        }
        (application, version) => return Err(SchemaError::Foreign { application, version }),
    }
    Ok(connection)
}

async fn pragma(connection: &mut SqliteConnection, sql: &'static str) -> sqlx::Result<i64> {
    sqlx::query_scalar(sql).fetch_one(connection).await
}

/// How a connection that only reads is opened.
pub(crate) fn reader(path: &Path) -> SqliteConnectOptions {
    options(path).read_only(true)
}
