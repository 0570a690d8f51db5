//! Space on a disk that is taken before it is needed: a few records that a full disk does not
//! keep out.
//!
//! A file of equal slots. Each is empty, or holds one record: its length in four bytes, least
//! first, its SHA-256, its bytes. All blocks are written when the file is made and only
//! overwritten after that, so that a filesystem that overwrites in place (ext4, XFS, tmpfs) needs
//! no further space. One that copies on write (Btrfs, ZFS) may need some: put the file elsewhere.
//!
//! # Invariants
//!
//! - What `put` answered is on the disk; what a crash cut short is in no slot.
//! - A slot that is cleared holds nothing of what was in it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

/// Bytes of a slot that are not its record: the length and the SHA-256.
const HEAD: usize = 36;

/// A file of slots, opened for one writer.
#[derive(Debug)]
pub struct Spare {
    file: File,
    /// Bytes of a slot.
    size: usize,
    /// Which slots hold a record.
    taken: Vec<bool>,
}

/// A record, and the slot that it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Which slot, from 0.
    pub slot: usize,
    /// The record.
    pub record: Vec<u8>,
}

impl Spare {
    /// Opens the file at `path` with `count` slots of `size` bytes, which is made, readable by
    /// this user alone, with all its space if need be; returns what is in it.
    ///
    /// # Errors
    ///
    /// Where it can't be made, read, or given its space.
    pub fn open(path: &Path, count: usize, size: usize) -> io::Result<(Self, Vec<Found>)> {
        let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(path)?;
        let (whole, mut length) = ((count * size) as u64, file.metadata()?.len());
        if length < whole {
            let zeros = vec![0; size];
            while length < whole {
                let some = usize::try_from(whole - length).unwrap_or(size).min(size);
                file.write_all_at(&zeros[..some], length)?;
                length += some as u64;
            }
            file.sync_all()?;
            File::open(folder)?.sync_all()?;
        }
        let mut spare = Self { file, size, taken: vec![false; count] };
        let mut found = Vec::new();
        for slot in 0..count {
            if let Some(record) = spare.read(slot)? {
                spare.taken[slot] = true;
                found.push(Found { slot, record });
            }
        }
        Ok((spare, found))
    }

    /// Returns the most bytes that a record may have.
    pub fn largest(&self) -> usize {
        self.size.saturating_sub(HEAD)
    }

    /// Puts a record into a free slot, durably, and returns which.
    ///
    /// # Errors
    ///
    /// `StorageFull` where no slot is free, `InvalidInput` where the record is empty or too large
    /// for one; else what the disk says. Nothing is kept then.
    pub fn put(&mut self, record: &[u8]) -> io::Result<usize> {
        if record.is_empty() || record.len() > self.largest() {
            let what = format!("a record has 1 to {} bytes, not {}", self.largest(), record.len());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        let free = self.taken.iter().position(|taken| !taken);
        let Some(slot) = free else {
            let what = format!("all {} slots are taken", self.taken.len());
            return Err(io::Error::new(io::ErrorKind::StorageFull, what));
        };
        let length = u32::try_from(record.len()).map_err(io::Error::other)?;
        let mut bytes = Vec::with_capacity(HEAD + record.len());
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&Sha256::digest(record));
        bytes.extend_from_slice(record);
        self.file.write_all_at(&bytes, self.at(slot))?;
        self.file.sync_data()?;
        self.taken[slot] = true;
        Ok(slot)
    }

    /// Empties a slot, durably; emptying it again does nothing.
    ///
    /// # Errors
    ///
    /// What the disk says; the record may still be there.
    pub fn clear(&mut self, slot: usize) -> io::Result<()> {
        if self.taken.get(slot).is_none_or(|taken| !taken) {
            return Ok(());
        }
        self.file.write_all_at(&vec![0; self.size], self.at(slot))?;
        self.file.sync_data()?;
        self.taken[slot] = false;
        Ok(())
    }

    fn at(&self, slot: usize) -> u64 {
        (slot * self.size) as u64
    }

    /// Returns the record of a slot; nothing where it is empty or a crash cut its writing short.
    fn read(&self, slot: usize) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = vec![0; self.size];
        self.file.read_exact_at(&mut bytes, self.at(slot))?;
        let (length, rest) = bytes.split_at(4);
        let length = u32::from_le_bytes([length[0], length[1], length[2], length[3]]);
        let (sum, rest) = rest.split_at(HEAD - 4);
        let record = usize::try_from(length).ok().and_then(|length| rest.get(..length));
        let record = record.filter(|record| !record.is_empty());
        Ok(record.filter(|record| Sha256::digest(record)[..] == *sum).map(<[u8]>::to_vec))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(found: &[Found]) -> Vec<&[u8]> {
        found.iter().map(|found| found.record.as_slice()).collect()
    }

    #[test]
    fn a_record_is_there_after_a_restart_until_it_is_cleared_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spare/records");
        let (mut spare, found) = Spare::open(&path, 3, 128).unwrap();
        assert!(found.is_empty());
        let first = spare.put(b"first").unwrap();
        spare.put(b"second").unwrap();
        drop(spare);
        let (mut spare, found) = Spare::open(&path, 3, 128).unwrap();
        assert_eq!(records(&found), [b"first".as_slice(), b"second"]);
        spare.clear(first).unwrap();
        spare.clear(first).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), 3 * 128);
        let (_, found) = Spare::open(&path, 3, 128).unwrap();
        assert_eq!(records(&found), [b"second".as_slice()]);
        assert!(!fs::read(&path).unwrap().windows(5).any(|part| part == b"first"));
    }

    #[test]
    fn what_a_crash_cut_short_is_in_no_slot_and_too_much_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("records");
        let (mut spare, _) = Spare::open(&path, 2, 64).unwrap();
        assert_eq!(spare.put(&[7; 29]).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(spare.put(&[]).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        spare.put(&[7; 28]).unwrap();
        spare.put(b"other").unwrap();
        assert_eq!(spare.put(b"third").unwrap_err().kind(), io::ErrorKind::StorageFull);
        spare.file.write_all_at(&[8], 63).unwrap();
        let (mut spare, found) = Spare::open(&path, 2, 64).unwrap();
        assert_eq!(records(&found), [b"other".as_slice()]);
        assert_eq!(spare.put(b"third").unwrap(), 0);
    }

    #[test]
    fn a_full_disk_keeps_no_record_out() {
        use std::process::Command;
        let folder = tempfile::tempdir().unwrap();
        let mount = ["-t", "tmpfs", "-o", "size=256k", "tmpfs"];
        let mounted = Command::new("mount").args(mount).arg(folder.path()).output();
        if !mounted.is_ok_and(|done| done.status.success()) {
            eprintln!("not tested: only root can mount a small disk");
            return;
        }
        let path = folder.path().join("records");
        let (mut spare, _) = Spare::open(&path, 8, 4096).unwrap();
        let full = fs::write(folder.path().join("filler"), vec![1; 1 << 20]).unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
        spare.put(&[7; 4000]).unwrap();
        let (spare, found) = Spare::open(&path, 8, 4096).unwrap();
        assert_eq!(records(&found), [[7; 4000].as_slice()]);
        drop(spare);
        Command::new("umount").arg("-l").arg(folder.path()).status().unwrap();
    }
}
