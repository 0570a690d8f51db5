//! The books of the payments service: accounts, transfers, holds and reversals
//! in double entry, in one SQLite file that two releases may write at once.
//!
//! # Invariants
//!
//! - All entries sum to zero, and so do the two entries of each transfer.
//! - No customer's balance falls below what is held of it.
//! - A key is applied at most once, and its answer never changes: it is recorded
//!   in the same transaction as what it did.
//!
//! Time is an argument; nothing here knows a clock, a socket or a thread.

mod answer;
mod audit;
mod instruction;
mod posting;
mod schema;
#[cfg(test)]
mod tests;

pub use answer::{Answer, Outcome};
pub use audit::{Account, AppliedKey, Summary};
pub use instruction::{
    AccountId, Cents, Instruction, Invalid, Key, Millis, Opening, Payment, Reference, Request,
};

use rusqlite::{Connection, TransactionBehavior};
use std::fmt;
use std::path::Path;

/// One connection to the books.
pub struct Books {
    connection: Connection,
}

/// Why the books could not be read or written; nothing of the batch was applied.
#[derive(Debug)]
pub enum Error {
    /// The database refused: disk full, locked for too long, damaged.
    Database(rusqlite::Error),
    /// The file was written by a release that this one cannot follow.
    TooNew {
        /// The version found in the file.
        found: i64,
    },
}

impl Books {
    /// Opens the books in `file`, which is made when missing.
    pub fn open(file: &Path) -> Result<Self, Error> {
        schema::prepare(Connection::open(file)?)
    }

    /// Opens empty books that live as long as the value.
    pub fn in_memory() -> Result<Self, Error> {
        schema::prepare(Connection::open_in_memory()?)
    }

    /// Applies `requests` in order, in one durable transaction: all are answered
    /// or none is applied. A declined request is an answer, not an error.
    pub fn apply<'a>(
        &mut self,
        requests: impl Iterator<Item = &'a Request>,
        now: Millis,
    ) -> Result<Vec<Answer>, Error> {
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let answers = requests
            .map(|request| posting::answer(&transaction, request, now))
            .collect::<Result<Vec<_>, _>>()?;
        transaction.commit()?;
        Ok(answers)
    }

    /// Returns the account, or `None` where nobody opened it.
    pub fn account(&self, id: &AccountId) -> Result<Option<Account>, Error> {
        Ok(audit::account(&self.connection, id)?)
    }

    /// Adds up everything there is; the cost grows with the number of entries.
    pub fn summary(&mut self) -> Result<Summary, Error> {
        let instant = self.connection.transaction()?;
        Ok(audit::summary(&instant)?)
    }

    /// Returns up to `limit` applied keys that sort after `after`, in order.
    pub fn applied_keys(&self, after: &str, limit: u32) -> Result<Vec<AppliedKey>, Error> {
        Ok(audit::applied_keys(&self.connection, after, limit)?)
    }

    /// Returns an error unless the database answers.
    pub fn probe(&self) -> Result<(), Error> {
        Ok(self.connection.query_row("SELECT 1 FROM accounts LIMIT 1", [], |_row| Ok(()))?)
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database(error) => write!(f, "the books' database refused: {error}"),
            Self::TooNew { found } => {
                write!(
                    f,
                    "the books are of version {found}, this release knows {}",
                    schema::VERSION
                )
            }
        }
    }
}

impl std::error::Error for Error {}
