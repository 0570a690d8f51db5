//! Gives each service a user number of its own that stays the same.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use sluss_core::ids::ServiceName;

use super::files::{read_bounded, write_json};

/// The numbers given so far, kept in a file.
#[derive(Debug)]
pub(crate) struct Users {
    file: PathBuf,
    first: u32,
    given: Mutex<BTreeMap<ServiceName, u32>>,
}

impl Users {
    /// Reads what was given before.
    pub(crate) fn open(file: &Path, first: u32) -> io::Result<Self> {
        let given = match read_bounded(file, 16 << 20) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error),
        };
        Ok(Self { file: file.to_owned(), first, given: Mutex::new(given) })
    }

    /// Returns the number of `service`, a new one if it has none.
    pub(crate) fn of(&self, service: &ServiceName) -> io::Result<u32> {
        let mut given = self.given.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(user) = given.get(service) {
            return Ok(*user);
        }
        let user = given.values().max().map_or(self.first, |last| last + 1);
        let mut more = given.clone();
        more.insert(service.clone(), user);
        write_json(&self.file, &more)?;
        *given = more;
        Ok(user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_keeps_its_number() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("users.json");
        let (one, two) = ("one".parse().unwrap(), "two".parse().unwrap());
        let users = Users::open(&file, 61_000).unwrap();
        assert_eq!((users.of(&one).unwrap(), users.of(&two).unwrap()), (61_000, 61_001));
        assert_eq!(Users::open(&file, 61_000).unwrap().of(&two).unwrap(), 61_001);
    }
}
