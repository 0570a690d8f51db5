//! The keys of private texts, one for each, in a file of their own: `keys/texts.keys`.
//!
//! Slots of 64 bytes: the text's digest and its key, or zeros where a key was erased. A copy of the
//! data folder without this file shows no text.
//!
//! # Invariants
//!
//! - A key that was answered as kept is on the disk; one that was erased is overwritten there.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use sluss_core::ids::Digest;

use crate::folder;

/// Bytes of a key.
pub(crate) const KEY: usize = 32;
const SLOT: usize = 64;

/// The keys, open for one writer.
#[derive(Debug)]
pub(crate) struct TextKeys {
    file: File,
    keys: BTreeMap<Digest, (u64, [u8; KEY])>,
    /// Slots whose keys were erased.
    free: Vec<u64>,
    /// How many slots the file has.
    slots: u64,
}

impl TextKeys {
    /// Opens the file at `path`, which is made, readable by this user alone, where there is none.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let parent = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
        folder::make_folder(parent)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(path)?;
        folder::sync_folder(parent)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        // What a crash cut short at the end is written anew.
        let slots = (bytes.len() / SLOT) as u64;
        let mut keys = Self { file, keys: BTreeMap::new(), free: Vec::new(), slots };
        for (slot, found) in (0..).zip(read(&bytes)) {
            match found {
                Some((digest, key)) => drop(keys.keys.insert(digest, (slot, key))),
                None => keys.free.push(slot),
            }
        }
        Ok(keys)
    }

    /// Returns the keys in the file at `path`; nothing where there is no such file.
    pub(crate) fn known(path: &Path) -> io::Result<Option<BTreeMap<Digest, [u8; KEY]>>> {
        match std::fs::read(path) {
            Ok(bytes) => Ok(Some(read(&bytes).flatten().collect())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn get(&self, digest: &Digest) -> Option<[u8; KEY]> {
        self.keys.get(digest).map(|(_, key)| *key)
    }

    /// Keeps the key of a text, durably.
    pub(crate) fn keep(&mut self, digest: &Digest, key: [u8; KEY]) -> io::Result<()> {
        let slot = self.free.last().copied().unwrap_or(self.slots);
        let mut bytes = hex::decode(digest.as_str()).map_err(io::Error::other)?;
        bytes.extend_from_slice(&key);
        self.write(slot, &bytes)?;
        self.free.pop();
        self.slots = self.slots.max(slot + 1);
        self.keys.insert(digest.clone(), (slot, key));
        Ok(())
    }

    /// Overwrites the key of a text, durably; doing that again does nothing.
    pub(crate) fn erase(&mut self, digest: &Digest) -> io::Result<()> {
        let Some((slot, _)) = self.keys.get(digest) else { return Ok(()) };
        let slot = *slot;
        self.write(slot, &[0; SLOT])?;
        self.keys.remove(digest);
        self.free.push(slot);
        Ok(())
    }

    fn write(&self, slot: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, slot * SLOT as u64)?;
        self.file.sync_data()
    }
}

/// Reads the slots; nothing for each that is empty.
fn read(bytes: &[u8]) -> impl Iterator<Item = Option<(Digest, [u8; KEY])>> {
    bytes.chunks_exact(SLOT).map(|slot| {
        let (digest, key) = slot.split_at(SLOT - KEY);
        let written = digest.iter().any(|byte| *byte != 0);
        let digest = written.then(|| hex::encode(digest).parse().ok()).flatten()?;
        Some((digest, key.try_into().ok()?))
    })
}
