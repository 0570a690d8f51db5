//! Reads the log of a data folder, beside a running server or without one; writes nothing.

use std::path::{Path, PathBuf};

use sqlx::SqliteConnection;

use crate::folder;
use crate::log::{ReadError, Sealed};
use crate::sqlite::rows::{LeafRow, signed};
use crate::sqlite::schema::select_leaf;
use crate::verify::connect;

/// The entries of a log, for those who do not run it.
#[derive(Debug)]
pub struct LogReader {
    path: PathBuf,
    connection: SqliteConnection,
}

impl LogReader {
    /// Opens the log in the data folder at `data`; nothing where there is none.
    ///
    /// # Errors
    ///
    /// [`ReadError::Unavailable`]: the database cannot be opened.
    pub async fn open(data: &Path) -> Result<Option<Self>, ReadError> {
        let path = folder::database(data);
        if !path.exists() {
            return Ok(None);
        }
        let connection = connect(&path).await.map_err(unavailable)?;
        Ok(Some(Self { path, connection }))
    }

    /// Returns where the database is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns up to `limit` entries from position `from` on, in order.
    ///
    /// # Errors
    ///
    /// [`ReadError::Corrupt`] names the first entry that is not what was written.
    pub async fn read(&mut self, from: u64, limit: usize) -> Result<Vec<Sealed>, ReadError> {
        let rows = sqlx::query(select_leaf!("WHERE position >= ? ORDER BY position LIMIT ?"))
            .bind(signed(from))
            .bind(signed(limit as u64))
            .fetch_all(&mut self.connection)
            .await
            .map_err(unavailable)?;
        let read = |row| LeafRow::read(row).map_err(unavailable)?.sealed();
        rows.iter().map(read).collect()
    }
}

fn unavailable(error: sqlx::Error) -> ReadError {
    ReadError::Unavailable { reason: error.to_string() }
}
