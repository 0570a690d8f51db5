//! Files that are written whole or not at all, and claims of which only the first counts.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::Serialize;

/// Writes `value` as JSON to `path`, durable and in one instant, readable by the owner only.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let temporary = temporary_beside(path);
    write_private(&temporary, &serde_json::to_vec(value)?)?;
    std::fs::rename(&temporary, path)?;
    sync_folder(path)
}

/// Writes `value` to `path` unless there is a file already; returns whether this call wrote it.
pub(crate) fn claim_json(path: &Path, value: &impl Serialize) -> io::Result<Claim> {
    let temporary = temporary_beside(path);
    write_private(&temporary, &serde_json::to_vec(value)?)?;
    let linked = std::fs::hard_link(&temporary, path);
    std::fs::remove_file(&temporary)?;
    match linked {
        Ok(()) => sync_folder(path).map(|()| Claim::Ours),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Claim::Taken),
        Err(error) => Err(error),
    }
}

/// Who holds what [`claim_json`] asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Claim {
    Ours,
    Taken,
}

/// Reads at most `limit` bytes of a file; more is an error.
pub(crate) fn read_bounded(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the file is too large"));
    }
    Ok(bytes)
}

fn temporary_beside(path: &Path) -> std::path::PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.{:08x}", std::process::id(), fastrand::u32(..)));
    path.with_file_name(name)
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}
