//! The tables, and how a connection is set up so that two releases may share them.

use crate::{Books, Error, instruction::TREASURY};
use rusqlite::{Connection, ErrorCode, TransactionBehavior};
use std::thread;
use std::time::Duration;

/// The version of the tables. It is raised only by what an older release cannot
/// live with: during a rollout, two releases write the same file.
pub(crate) const VERSION: i64 = 1;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS accounts (
    id            TEXT PRIMARY KEY,
    treasury      INTEGER NOT NULL DEFAULT 0,
    balance_cents INTEGER NOT NULL DEFAULT 0,
    held_cents    INTEGER NOT NULL DEFAULT 0,
    CHECK (held_cents >= 0),
    CHECK (treasury = 1 OR balance_cents >= held_cents)
) STRICT, WITHOUT ROWID;

-- A key is unique through `answers`; here it is only an index, so that a key that
-- was applied twice would be seen by an audit and not hidden by a constraint.
CREATE TABLE IF NOT EXISTS transfers (
    number       INTEGER PRIMARY KEY,
    key          TEXT NOT NULL,
    kind         TEXT NOT NULL,
    from_account TEXT NOT NULL,
    to_account   TEXT NOT NULL,
    amount_cents INTEGER NOT NULL CHECK (amount_cents > 0),
    reference    TEXT NOT NULL,
    applied_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS transfers_by_key ON transfers (key);

CREATE TABLE IF NOT EXISTS entries (
    transfer     INTEGER NOT NULL,
    account      TEXT NOT NULL,
    amount_cents INTEGER NOT NULL,
    PRIMARY KEY (transfer, account)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS reversals (
    transfer INTEGER PRIMARY KEY,
    by       INTEGER NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS holds (
    number       INTEGER PRIMARY KEY,
    from_account TEXT NOT NULL,
    to_account   TEXT NOT NULL,
    amount_cents INTEGER NOT NULL CHECK (amount_cents > 0),
    reference    TEXT NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('open', 'captured', 'released'))
) STRICT;

CREATE TABLE IF NOT EXISTS answers (
    key     TEXT PRIMARY KEY,
    request TEXT NOT NULL,
    outcome TEXT NOT NULL,
    body    TEXT NOT NULL
) STRICT, WITHOUT ROWID;
";

/// Sets the connection up and makes what is missing.
pub(crate) fn prepare(mut connection: Connection) -> Result<Books, Error> {
    connection.set_prepared_statement_cache_capacity(64);
    write_ahead(&connection)?;
    connection.busy_handler(Some(wait_for_the_other_release))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -16_000)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found > VERSION {
        return Err(Error::TooNew { found });
    }
    transaction.execute_batch(TABLES)?;
    transaction
        .execute("INSERT OR IGNORE INTO accounts (id, treasury) VALUES (?1, 1)", [TREASURY])?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(Books { connection })
}

/// Switches the file to write-ahead logging. The switch takes the file for itself,
/// and SQLite does not wait for that: two releases that start together must.
fn write_ahead(connection: &Connection) -> rusqlite::Result<()> {
    let mut tries = 0;
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && wait_for_the_other_release(tries) =>
            {
                tries += 1;
            }
            done => return done,
        }
    }
}

/// Waits for the write lock in small, even steps. SQLite's own waiting grows to a
/// tenth of a second, which starves one release as soon as the other is busy.
fn wait_for_the_other_release(tries: i32) -> bool {
    thread::sleep(Duration::from_micros(250));
    tries < 15_000
}
