//! Full verification of a data folder: every leaf, every chain, every derived file.
//!
//! Reads only, beside a running server or without one. It goes on after what it finds, so that
//! a report names every entry that was changed and not only the first.
//!
//! # Invariants
//!
//! - Every leaf is hashed from the bytes that are on the disk now.
//! - A leaf that was changed is named once; entries that only follow from it are not.
//! - Where the log was silent for longer than its heartbeats allow, that is said.
//!
//! Not here: witnesses, and whether the key in the folder is the one that was handed over.

mod chains;
mod files;
mod report;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sluss_core::ids::Digest;
use sluss_ledger::{LogKeys, TreeHead};
use sqlx::{Connection, SqliteConnection};

pub use report::{Entry, Finding, Report, Silence};

use self::chains::Chains;
use self::files::Files;
use crate::blobs::{BlobError, FileBlobs, blocking};
use crate::folder;
use crate::key;
use crate::prose::Prose;
use crate::ring;
use crate::sqlite::rows::{LeafRow, signed};
use crate::sqlite::schema::{self, select_leaf};

/// Leaves that are read at once.
const CHUNK: usize = 4096;
/// What the database is called in findings.
const DATABASE: &str = "log.db";

/// Why a data folder could not be verified at all.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// There is no log there.
    #[error("there is no log in {}", .0.display())]
    NoLog(PathBuf),
    /// The database cannot be read: it may be damaged beyond its leaves.
    #[error("the log's database cannot be read")]
    Database(#[from] sqlx::Error),
    /// A file cannot be read.
    #[error("the data folder cannot be read")]
    Io(#[from] io::Error),
}

/// Verifies the log in the data folder at `data`; with [`Scope::Full`] its blobs too.
///
/// # Errors
///
/// [`VerifyError`], where there is nothing that could be verified. What is wrong with the log
/// itself is in the report.
pub async fn verify(data: &Path, scope: Scope) -> Result<Report, VerifyError> {
    let path = folder::database(data);
    if !path.try_exists()? {
        return Err(VerifyError::NoLog(data.to_owned()));
    }
    let mut run = Run::new(data);
    // The checkpoint first: the leaves that are read after it include those that it covers.
    run.read_checkpoint(data)?;
    let mut connection = connect(&path).await?;
    let mut snapshot = connection.begin().await?;
    let mut next = 0;
    loop {
        let rows = sqlx::query(select_leaf!("WHERE position >= ? ORDER BY position LIMIT ?"))
            .bind(signed(next))
            .bind(signed(CHUNK as u64))
            .fetch_all(&mut *snapshot)
            .await?;
        let rows = rows.iter().map(LeafRow::read).collect::<Result<Vec<_>, _>>()?;
        let Some(last) = rows.last() else { break };
        next = last.position.saturating_add(1);
        run = blocking(move || {
            rows.into_iter().for_each(|row| run.leaf(row));
            Ok::<_, VerifyError>(run)
        })
        .await?;
    }
    snapshot.rollback().await?;
    connection.close().await?;
    let data = data.to_owned();
    blocking(move || {
        let mut report = run.finish();
        match scope {
            Scope::Log => {}
            Scope::Full => check_blobs(&data, &mut report)?,
        }
        Ok(report)
    })
    .await
}

/// How much is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Leaves, chains, tiles, bundles and checkpoint.
    Log,
    /// Those, and the digest of every blob and private text.
    Full,
}

/// Opens the database for reading; on a read-only disk as a file that nobody writes.
pub(crate) async fn connect(path: &Path) -> sqlx::Result<SqliteConnection> {
    let options = schema::reader(path);
    let usable = async |options| -> sqlx::Result<SqliteConnection> {
        let mut connection = SqliteConnection::connect_with(&options).await?;
        sqlx::query("SELECT 1 FROM leaf LIMIT 1").execute(&mut connection).await?;
        Ok(connection)
    };
    match usable(options.clone()).await {
        Ok(connection) => Ok(connection),
        Err(error) => {
            let wal = fs::metadata(path.with_extension("db-wal")).map_or(0, |file| file.len());
            if wal > 0 { Err(error) } else { usable(options.immutable(true)).await }
        }
    }
}

/// A verification on its way through the log.
struct Run {
    report: Report,
    chains: Chains,
    files: Files,
    checkpoint: Option<TreeHead>,
}

impl Run {
    fn new(data: &Path) -> Self {
        Self {
            report: Report::new(),
            chains: Chains::default(),
            files: Files::new(folder::derived(data)),
            checkpoint: None,
        }
    }

    fn read_checkpoint(&mut self, data: &Path) -> Result<(), VerifyError> {
        let bytes = match fs::read(folder::checkpoint(data)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.find_checkpoint("there is no checkpoint", "a signed checkpoint", "no file");
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let known = match known_keys(data) {
            Ok(known) => known,
            Err(error) => {
                self.find_checkpoint(
                    "the public keys under keys/ cannot be read",
                    "a vkey in log.vkey, or the keys in log.keys",
                    &error.to_string(),
                );
                return Ok(());
            }
        };
        match known.verify(&bytes) {
            Ok(opened) => {
                self.checkpoint = Some(*opened.head());
                self.report.checkpoint = Some(opened.head().size);
                if opened.head().size == 0 {
                    self.at_checkpoint();
                }
            }
            Err(error) => {
                let size = bytes.split(|c| *c == b'\n').nth(1).unwrap_or_default();
                let size = std::str::from_utf8(size).ok().and_then(|size| size.parse().ok());
                let keys: Vec<String> =
                    known.signing(size.unwrap_or(u64::MAX)).map(ToString::to_string).collect();
                let expected = format!("a checkpoint signed by {}", keys.join(" and "));
                self.find_checkpoint("it is refused", &expected, &error.to_string());
            }
        }
        Ok(())
    }

    fn find_checkpoint(&mut self, what: &str, expected: &str, found: &str) {
        self.report.find(Finding {
            file: "log/checkpoint".to_owned(),
            entry: None,
            what: what.to_owned(),
            expected: expected.to_owned(),
            found: found.to_owned(),
        });
    }

    /// Takes the next row of the table.
    fn leaf(&mut self, row: LeafRow) {
        let expected = self.files.size();
        if row.position > expected {
            // The tree cannot go on over a hole: its root will differ, and says so.
            self.report.find(Finding {
                file: DATABASE.to_owned(),
                entry: None,
                what: format!("entries {expected} to {} are missing", row.position - 1),
                expected: format!("entry {expected}"),
                found: format!("entry {}", row.position),
            });
            self.files.skip_to(row.position);
        }
        self.report.hear(row.position, row.time_ms);
        let hash = self.chains.check(&row, &mut self.report);
        self.report.events += 1;
        let covered = self.checkpoint.map_or(0, |head| head.size);
        self.files.push(row, hash, covered, &mut self.report);
        if self.checkpoint.is_some_and(|head| head.size == self.files.size()) {
            self.at_checkpoint();
        }
    }

    /// Compares what there is at the size of the checkpoint: its root, and the files that are
    /// not full.
    fn at_checkpoint(&mut self) {
        let Some(head) = self.checkpoint else { return };
        self.files.compare_partial(&mut self.report);
        let root = self.files.root();
        if root != head.root {
            let what = format!("it commits to another log of {} entries", head.size);
            self.find_checkpoint(&what, &root.to_string(), &head.root.to_string());
        }
    }

    fn finish(mut self) -> Report {
        let size = self.files.size();
        if let Some(head) = self.checkpoint.filter(|head| head.size > size) {
            let what = "it covers entries that the database lacks";
            let (expected, found) = (format!("at most {size}"), head.size.to_string());
            self.find_checkpoint(what, &expected, &found);
        }
        self.chains.end(&mut self.report);
        self.report.streams = self.chains.streams();
        self.report.root = self.files.root();
        self.report
    }
}

/// Returns the keys of the log in the data folder at `data`.
fn known_keys(data: &Path) -> Result<LogKeys, Box<dyn std::error::Error>> {
    if let Some(known) = ring::read_known(data)? {
        return Ok(known);
    }
    let verifier = key::load_verifier(data)?;
    Ok(LogKeys::new(verifier.name().as_str().parse()?, verifier)?)
}

/// Hashes every blob and every private text, and compares each with its name.
fn check_blobs(data: &Path, report: &mut Report) -> Result<(), VerifyError> {
    let blobs = FileBlobs::at(data);
    let mut checked = 0;
    for shard in entries(&folder::blobs(data).join("sha256"))? {
        if !shard.is_dir() {
            continue;
        }
        for path in entries(&shard)? {
            let name = format!("{}{}", last_part(&shard), last_part(&path));
            checked += 1;
            let found = match name.parse::<Digest>() {
                Ok(digest) => match blobs.verify_blocking(&digest) {
                    Ok(_) => continue,
                    Err(BlobError::Corrupt { found, .. }) => found.to_string(),
                    Err(error) => return Err(io::Error::other(error).into()),
                },
                Err(_) => "a file that is no blob".to_owned(),
            };
            report.find(blob_finding(data, &path, name, found));
        }
    }
    let texts = Prose::there(data)?;
    for path in entries(&folder::prose(data))? {
        let name = last_part(&path);
        let whole = match name.parse::<Digest>() {
            Ok(digest) => texts.is_whole(&digest)?,
            Err(_) => Some(false),
        };
        match whole {
            Some(true) => checked += 1,
            Some(false) => {
                checked += 1;
                let found = Digest::of(&fs::read(&path)?).to_string();
                report.find(blob_finding(data, &path, name, found));
            }
            // Without its key nobody can tell.
            None => {}
        }
    }
    report.blobs = Some(checked);
    Ok(())
}

fn blob_finding(data: &Path, path: &Path, expected: String, found: String) -> Finding {
    let file = path.strip_prefix(data).unwrap_or(path).display().to_string();
    Finding { file, entry: None, what: "its content was changed".to_owned(), expected, found }
}

/// What is in a folder, in order of name, without what is being written; nothing where there is
/// no such folder.
fn entries(path: &Path) -> io::Result<Vec<PathBuf>> {
    let listed = match fs::read_dir(path) {
        Ok(listed) => listed,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut paths = listed.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.retain(|path| !last_part(path).starts_with(".tmp-"));
    paths.sort();
    Ok(paths)
}

fn last_part(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
