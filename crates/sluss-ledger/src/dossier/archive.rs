//! The dossier as one zip file: written the same way each time, and read without trusting it.
//!
//! # Invariants
//!
//! - The same files give the same bytes: sorted by name, stored without compression, all dated
//!   1980-01-01.
//! - [`read`] accepts only what [`write`] writes. What two readers of zip could see differently
//!   (hidden entries, two names that differ by case, local names unlike central ones, bytes between
//!   entries) is therefore refused, and nothing in it can grow when it is unpacked.

use std::collections::BTreeSet;
use std::io::{Cursor, Read as _, Write as _};

use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use super::Files;

/// Largest archive that is read, in bytes.
pub const MAX_ARCHIVE_BYTES: usize = 1 << 30;

/// Most files that are read.
pub const MAX_FILES: usize = 200_000;

/// Returns the files as one zip.
///
/// # Errors
///
/// [`ArchiveError`] where a name is unsafe or there is too much.
pub fn write(files: &Files) -> Result<Vec<u8>, ArchiveError> {
    check_names(files.keys().map(String::as_str))?;
    let total: usize = files.values().map(Vec::len).sum();
    if total > MAX_ARCHIVE_BYTES {
        return Err(ArchiveError::TooLarge);
    }
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644);
    let mut zip = ZipWriter::new(Cursor::new(Vec::with_capacity(total + 256 * files.len())));
    for (name, content) in files {
        zip.start_file(name.as_str(), options)?;
        zip.write_all(content).map_err(ZipError::Io)?;
    }
    Ok(zip.finish()?.into_inner())
}

/// Reads a zip that [`write`] wrote.
///
/// # Errors
///
/// [`ArchiveError`], [`ArchiveError::NotAZip`] where it cannot be read at all.
pub fn read(bytes: &[u8]) -> Result<Files, ArchiveError> {
    if bytes.len() > MAX_ARCHIVE_BYTES {
        return Err(ArchiveError::TooLarge);
    }
    let mut zip = ZipArchive::new(Cursor::new(bytes))?;
    if zip.len() > MAX_FILES {
        return Err(ArchiveError::TooLarge);
    }
    let mut files = Files::new();
    let mut room = bytes.len();
    for index in 0..zip.len() {
        let (name, content) = read_entry(&mut zip, index, room)?;
        room -= content.len();
        if files.insert(name.clone(), content).is_some() {
            return Err(ArchiveError::Duplicate { name });
        }
    }
    check_names(files.keys().map(String::as_str))?;
    if write(&files)? != bytes {
        return Err(ArchiveError::Spelling);
    }
    Ok(files)
}

/// Reads one entry of at most `room` bytes.
fn read_entry(
    zip: &mut ZipArchive<Cursor<&[u8]>>,
    index: usize,
    room: usize,
) -> Result<(String, Vec<u8>), ArchiveError> {
    // The raw reader never inflates, so what is said of the entry is seen before any of it is.
    let entry = zip.by_index_raw(index)?;
    let name = std::str::from_utf8(entry.name_raw())
        .map_err(|_| ArchiveError::Name {
            name: String::from_utf8_lossy(entry.name_raw()).into_owned(),
        })?
        .to_owned();
    check_name(&name)?;
    if entry.is_symlink() || entry.is_dir() {
        return Err(ArchiveError::NotAFile { name });
    }
    if entry.compression() != CompressionMethod::Stored || entry.encrypted() {
        return Err(ArchiveError::Compressed { name });
    }
    if entry.size() > room as u64 || entry.compressed_size() != entry.size() {
        return Err(ArchiveError::Explodes { name });
    }
    let mut content = Vec::new();
    entry.take(room as u64).read_to_end(&mut content).map_err(ZipError::Io)?;
    Ok((name, content))
}

/// Checks names against one another: none twice, none that a file system takes for another.
///
/// # Errors
///
/// [`ArchiveError::Name`] and [`ArchiveError::Duplicate`].
pub fn check_names<'a>(names: impl Iterator<Item = &'a str>) -> Result<(), ArchiveError> {
    let mut folded = BTreeSet::new();
    for name in names {
        check_name(name)?;
        if !folded.insert(name.to_lowercase()) {
            return Err(ArchiveError::Duplicate { name: name.to_owned() });
        }
    }
    Ok(())
}

/// Relative, of ASCII letters, digits, `.`, `_` and `-` in folders, and never upwards.
fn check_name(name: &str) -> Result<(), ArchiveError> {
    let byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let part = |part: &str| {
        !part.is_empty() && !part.starts_with('.') && !part.ends_with('.') && part.bytes().all(byte)
    };
    if name.len() > 200 || !name.split('/').all(part) {
        return Err(ArchiveError::Name { name: name.chars().take(200).collect() });
    }
    Ok(())
}

/// Why an archive was refused.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It cannot be read as a zip.
    #[error("not a zip that can be read: {0}")]
    NotAZip(#[from] ZipError),
    /// There is too much.
    #[error("more than {MAX_ARCHIVE_BYTES} bytes or {MAX_FILES} files")]
    TooLarge,
    /// A name leads elsewhere, or has characters that names here do not have.
    #[error("{name:?} is not a relative path of letters, digits, `.`, `_` and `-`")]
    Name {
        /// The name.
        name: String,
    },
    /// Two names are the same, or the same to a file system that ignores case.
    #[error("{name:?} is there twice, perhaps in other capitals")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// An entry is a link or a folder.
    #[error("{name:?} is a link or a folder")]
    NotAFile {
        /// Its name.
        name: String,
    },
    /// An entry is compressed or encrypted.
    #[error("{name:?} is compressed or encrypted; dossiers are stored as they are")]
    Compressed {
        /// Its name.
        name: String,
    },
    /// An entry claims to be larger than the archive.
    #[error("{name:?} would be larger unpacked than the archive has room for")]
    Explodes {
        /// Its name.
        name: String,
    },
    /// It holds more than its files, or holds them in another way.
    #[error(
        "the archive is not the one that its files make: it was packed anew or holds something \
         hidden; unpack it into an empty folder and verify that"
    )]
    Spelling,
}
