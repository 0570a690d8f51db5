//! Reads a dossier and trusted files from disk, with bounds, following no links.

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use sluss_ledger::Hash;
use sluss_ledger::dossier::{Files, TrustError, archive};

/// Deepest folder in a dossier; ours have two.
const MAX_DEPTH: usize = 4;

/// Largest trusted file, in bytes.
const MAX_TRUST_BYTES: u64 = 1 << 20;

/// What stands at the dossier's path.
pub(crate) enum Source {
    /// Files that may be looked at.
    Files(Files),
    /// A container that is refused as such, with the reason.
    Unsafe(String),
}

/// Why the input could not be read.
#[derive(Debug)]
pub(crate) enum Unreadable {
    /// A file or folder could not be read.
    Io(PathBuf, std::io::Error),
    /// What stands there is not a dossier at all.
    NotADossier(PathBuf, String),
    /// The trusted files are not in order.
    Trust(TrustError),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
            Self::NotADossier(path, why) => write!(
                f,
                "{} is not a dossier ({why}); give a `.sluss.zip` or the folder unpacked from one",
                path.display()
            ),
            Self::Trust(error) => write!(f, "the trusted keys can not be used: {error}"),
        }
    }
}

/// Reads the dossier at `path`, a zip or a folder.
pub(crate) fn dossier(path: &Path) -> Result<Source, Unreadable> {
    let found = std::fs::metadata(path).map_err(|error| Unreadable::Io(path.into(), error))?;
    if found.is_dir() {
        let mut walk = Walk { files: Files::new(), room: archive::MAX_ARCHIVE_BYTES as u64 };
        return match walk.folder(path, "", 0)? {
            Some(why) => Ok(Source::Unsafe(why)),
            None if walk.files.contains_key("manifest.json") => Ok(Source::Files(walk.files)),
            None => Err(Unreadable::NotADossier(path.into(), "it has no manifest.json".into())),
        };
    }
    if found.len() > archive::MAX_ARCHIVE_BYTES as u64 {
        return Ok(Source::Unsafe(format!("{} bytes are more than a dossier has", found.len())));
    }
    let bytes = read(path, archive::MAX_ARCHIVE_BYTES as u64)?;
    match archive::read(&bytes) {
        Ok(files) => Ok(Source::Files(files)),
        Err(error @ archive::ArchiveError::NotAZip(_)) => {
            Err(Unreadable::NotADossier(path.into(), error.to_string()))
        }
        Err(error) => Ok(Source::Unsafe(error.to_string())),
    }
}

/// Reads the files of a trust folder.
pub(crate) fn trust(folder: &Path) -> Result<Files, Unreadable> {
    let mut files = Files::new();
    let names =
        ["vkey", "log-keys.json", "keys.json", "trusted_root.json", "tlog-policy", "tsa.pem"];
    for name in names {
        let path = folder.join(name);
        match path.try_exists() {
            Ok(true) => drop(files.insert(name.to_owned(), read(&path, MAX_TRUST_BYTES)?)),
            Ok(false) => {}
            Err(error) => return Err(Unreadable::Io(path, error)),
        }
    }
    Ok(files)
}

/// Returns a file's name as it was given, and its SHA-256.
pub(crate) fn digest(path: &Path) -> Result<(String, Hash), Unreadable> {
    let content = std::fs::read(path).map_err(|error| Unreadable::Io(path.into(), error))?;
    Ok((path.display().to_string(), Hash::sha256(&content)))
}

fn read(path: &Path, most: u64) -> Result<Vec<u8>, Unreadable> {
    let failed = |error| Unreadable::Io(path.into(), error);
    let mut content = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(most + 1).read_to_end(&mut content).map_err(failed)?;
    if content.len() as u64 > most {
        let why = format!("more than {most} bytes");
        return Err(failed(std::io::Error::new(std::io::ErrorKind::FileTooLarge, why)));
    }
    Ok(content)
}

/// A walk through a folder, with the bytes for which there is still room.
struct Walk {
    files: Files,
    room: u64,
}

impl Walk {
    /// Reads a folder; returns why it is refused, if it is.
    fn folder(
        &mut self,
        folder: &Path,
        prefix: &str,
        depth: usize,
    ) -> Result<Option<String>, Unreadable> {
        let failed = |error| Unreadable::Io(folder.to_owned(), error);
        if depth > MAX_DEPTH {
            return Ok(Some(format!("{prefix} is deeper than any folder of a dossier")));
        }
        for entry in std::fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let Some(name) = entry.file_name().to_str().map(|name| format!("{prefix}{name}"))
            else {
                return Ok(Some("a name is not UTF-8".to_owned()));
            };
            // The entry's own type: a link is seen as such and not followed.
            let kind = entry.file_type().map_err(failed)?;
            if kind.is_dir() {
                if let Some(why) = self.folder(&entry.path(), &format!("{name}/"), depth + 1)? {
                    return Ok(Some(why));
                }
            } else if kind.is_file() {
                let content = read(&entry.path(), self.room)?;
                self.room -= content.len() as u64;
                self.files.insert(name, content);
            } else {
                return Ok(Some(format!("{name} is a link or a special file")));
            }
            if self.files.len() > archive::MAX_FILES {
                return Ok(Some("there are more files than a dossier has".to_owned()));
            }
        }
        Ok(None)
    }
}
