//! Makes the folders of an attempt ready: its cache, and whose they are.
//!
//! # Invariants
//!
//! - Nothing is changed in a folder that code of a step can already write to: the owner of its
//!   top is set last, and only one launcher at a time does this.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, lchown};
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::fcntl::{Flock, FlockArg};

use super::spec::Cache;

/// Returns the folder that a step uses as its cache, ready to use and owned by `user` if given.
pub(crate) fn cache(cache: &Cache, user: Option<u32>) -> io::Result<PathBuf> {
    match cache {
        Cache::Shared(folder) => {
            fs::create_dir_all(folder)?;
            owned(folder, user)?;
            make_home(folder, user)?;
            Ok(folder.clone())
        }
        Cache::Overlay { shared, own } => {
            let _only = lock(own)?;
            if !own.exists() {
                copy(shared, own)?;
            }
            drop(_only);
            owned(own, user)?;
            make_home(own, user)?;
            Ok(own.clone())
        }
    }
}

/// Gives everything in `folder` to `user`, unless that was done before.
pub(crate) fn owned(folder: &Path, user: Option<u32>) -> io::Result<()> {
    let Some(user) = user else { return Ok(()) };
    if fs::symlink_metadata(folder)?.uid() == user {
        return Ok(());
    }
    let _only = lock(folder)?;
    if fs::symlink_metadata(folder)?.uid() != user {
        give(folder, user)?;
    }
    Ok(())
}

/// Gives what is in `folder`, then the folder itself, to `user`.
fn give(folder: &Path, user: u32) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            give(&entry.path(), user)?;
        } else {
            lchown(entry.path(), Some(user), Some(user))?;
        }
    }
    lchown(folder, Some(user), Some(user))
}

/// Makes the folder that a step has as its home; done by us so that the cache may be empty.
fn make_home(cache: &Path, user: Option<u32>) -> io::Result<()> {
    let home = cache.join("home");
    match fs::create_dir(&home) {
        Ok(()) => user.map_or(Ok(()), |user| lchown(&home, Some(user), Some(user))),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Copies `shared` to `own`, which is there whole or not at all.
fn copy(shared: &Path, own: &Path) -> io::Result<()> {
    let parent = own.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent)?;
    let draft = with_suffix(own, ".draft");
    if draft.exists() {
        fs::remove_dir_all(&draft)?;
    }
    if !shared.exists() {
        return fs::create_dir(own);
    }
    let copied =
        Command::new("cp").args(["-a", "--reflink=auto", "--"]).arg(shared).arg(&draft).output()?;
    if !copied.status.success() && !draft.exists() {
        let why = String::from_utf8_lossy(&copied.stderr).into_owned();
        return Err(io::Error::other(format!("the cache cannot be copied: {why}")));
    }
    // Files that a running step moved away meanwhile are missing in the copy; that is a cache.
    fs::rename(&draft, own)
}

/// Waits until nobody else prepares `folder`.
fn lock(folder: &Path) -> io::Result<Flock<File>> {
    fs::create_dir_all(folder.parent().unwrap_or(Path::new(".")))?;
    let path = with_suffix(folder, ".lock");
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, error)| error.into())
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    path.with_file_name(name)
}
