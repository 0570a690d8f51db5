//! Artifacts there and back, and artifacts that somebody made to do harm.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use sluss_core::pipeline::Output;

use super::*;

/// Blobs in memory.
#[derive(Default)]
struct Memory(RefCell<BTreeMap<Digest, Vec<u8>>>);

impl BlobSink for Memory {
    fn put(&self, reader: &mut dyn Read) -> io::Result<(Digest, u64)> {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes)?;
        let (digest, size) = (Digest::of(&bytes), bytes.len() as u64);
        self.0.borrow_mut().insert(digest.clone(), bytes);
        Ok((digest, size))
    }
}

impl BlobSource for Memory {
    fn open(&self, digest: &Digest) -> io::Result<Box<dyn Read + Send>> {
        let found = self.0.borrow().get(digest).cloned();
        Ok(Box::new(io::Cursor::new(found.ok_or(io::ErrorKind::NotFound)?)))
    }
}

impl Memory {
    /// Stores an artifact of one layer, made of these bytes.
    fn artifact(&self, layer: &[u8], media_type: &str) -> Digest {
        let layer = self.put(&mut &*layer).unwrap();
        let config = self.put(&mut &b"{}"[..]).unwrap();
        let manifest = Manifest {
            schema_version: 2,
            media_type: MANIFEST.into(),
            artifact_type: ARTIFACT.into(),
            config: Descriptor::of(EMPTY, config),
            layers: vec![Descriptor::of(media_type, layer)],
            annotations: BTreeMap::new(),
        };
        self.put(&mut serde_json::to_vec(&manifest).unwrap().as_slice()).unwrap().0
    }
}

fn labels() -> Labels {
    let commit = "0123456789012345678901234567890123456789".parse().unwrap();
    Labels { service: "payments".parse().unwrap(), commit }
}

fn output(path: &str, name: &str) -> Output {
    Output { artifact: "server".parse().unwrap(), path: path.into(), name: name.into() }
}

fn tree() -> tempfile::TempDir {
    let tree = tempfile::tempdir().unwrap();
    fs::create_dir_all(tree.path().join("dist/assets")).unwrap();
    fs::write(tree.path().join("dist/run"), "#!/bin/sh").unwrap();
    fs::set_permissions(tree.path().join("dist/run"), fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(tree.path().join("dist/assets/a.css"), "a").unwrap();
    symlink("assets/a.css", tree.path().join("dist/style")).unwrap();
    tree
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn what_is_packed_comes_back_and_cannot_be_written() {
    let (tree, memory) = (tree(), Memory::default());
    let packed = pack(&[output("dist", "")], tree.path(), &labels(), &memory).unwrap();
    assert_eq!((packed.len(), packed[0].name.as_str()), (1, "server"));
    let to = tempfile::tempdir().unwrap();
    let to = to.path().join("here");
    unpack(&packed[0].digest, &memory, &to).unwrap();
    unpack(&packed[0].digest, &memory, &to).unwrap();
    assert_eq!(fs::read_to_string(to.join("style")).unwrap(), "a");
    assert_eq!((mode(&to.join("run")), mode(&to.join("assets/a.css"))), (0o555, 0o444));
}

#[test]
fn the_same_files_have_the_same_digest_whenever_they_were_made() {
    let memory = Memory::default();
    let digest = || {
        let tree = tree();
        fs::File::open(tree.path().join("dist/run"))
            .unwrap()
            .set_modified(
                std::time::UNIX_EPOCH + std::time::Duration::from_secs(fastrand::u64(..99)),
            )
            .unwrap();
        let outputs = [output("dist/run", "bin/run"), output("dist/assets", "assets")];
        pack(&outputs, tree.path(), &labels(), &memory).unwrap()[0].digest.clone()
    };
    assert_eq!(digest(), digest());
}

#[test]
fn outputs_that_leave_the_work_tree_are_refused() {
    let (tree, memory) = (tree(), Memory::default());
    symlink("/etc/passwd", tree.path().join("direct")).unwrap();
    symlink("/etc", tree.path().join("etc")).unwrap();
    fs::create_dir(tree.path().join("hidden")).unwrap();
    symlink("../../../etc/passwd", tree.path().join("hidden/link")).unwrap();
    for (path, name) in [
        ("../x", "x"),
        ("/etc/passwd", "x"),
        ("direct", "x"),
        ("etc/passwd", "x"),
        ("hidden", "x"),
        ("dist/run", "../x"),
        ("missing", "x"),
        ("dist/run", ""),
    ] {
        let refused = pack(&[output(path, name)], tree.path(), &labels(), &memory);
        assert!(matches!(refused, Err(ArtifactError::Output { .. })), "{path} {refused:?}");
    }
    let twice = [output("dist/run", "x"), output("dist/assets/a.css", "x")];
    assert!(pack(&twice, tree.path(), &labels(), &memory).is_err());
}

#[test]
fn what_was_changed_is_not_unpacked() {
    let (tree, memory) = (tree(), Memory::default());
    let packed = pack(&[output("dist", "")], tree.path(), &labels(), &memory).unwrap();
    let all: Vec<_> = memory.0.borrow().keys().cloned().collect();
    let to = tempfile::tempdir().unwrap();
    for digest in all.iter().filter(|digest| memory.0.borrow()[*digest] != b"{}") {
        let last = memory.0.borrow()[digest].len() - 1;
        memory.0.borrow_mut().get_mut(digest).unwrap()[last] ^= 1;
        let unpacked = unpack(&packed[0].digest, &memory, &to.path().join("x"));
        assert!(matches!(unpacked, Err(ArtifactError::Changed(_))), "{unpacked:?}");
        memory.0.borrow_mut().get_mut(digest).unwrap()[last] ^= 1;
        assert!(fs::read_dir(to.path()).unwrap().next().is_none());
    }
}

/// Returns a layer of entries `(name, kind, link)`, written as they are.
fn hostile(entries: &[(&str, tar::EntryType, &str)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, kind, link) in entries {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(0o4777);
        header.set_size(0);
        header.set_cksum();
        tar.append(&header, io::empty()).unwrap();
    }
    tar.into_inner().unwrap()
}

#[test]
fn layers_made_to_do_harm_are_refused_and_leave_nothing() {
    use tar::EntryType as Kind;
    let memory = Memory::default();
    let folder = tempfile::tempdir().unwrap();
    for entries in [
        &[("../out", Kind::Regular, "")][..],
        &[("/tmp/out", Kind::Regular, "")],
        &[("a/../../out", Kind::Regular, "")],
        &[("link", Kind::Symlink, "/etc")],
        &[("a/link", Kind::Symlink, "../../etc")],
        &[("in", Kind::Directory, ""), ("to", Kind::Symlink, "in"), ("to/x", Kind::Regular, "")],
        &[("x", Kind::Regular, ""), ("x", Kind::Regular, "")],
        &[("x", Kind::Symlink, "y"), ("x", Kind::Directory, "")],
        &[("hard", Kind::Link, "/etc/passwd")],
        &[("device", Kind::Char, "")],
        &[("pipe", Kind::Fifo, "")],
    ] {
        let digest = memory.artifact(&hostile(entries), LAYER);
        let unpacked = unpack(&digest, &memory, &folder.path().join("to"));
        assert!(unpacked.is_err(), "{entries:?}");
        assert!(fs::read_dir(folder.path()).unwrap().next().is_none(), "{entries:?}");
    }
    let garbage = memory.artifact(b"no gzip", LAYER_GZIP);
    assert!(unpack(&garbage, &memory, &folder.path().join("to")).is_err());
    let unknown = memory.artifact(b"", "text/html");
    assert!(unpack(&unknown, &memory, &folder.path().join("to")).is_err());
    let (digest, _) = memory.put(&mut &b"{\"not\": \"a manifest\"}"[..]).unwrap();
    let unpacked = unpack(&digest, &memory, &folder.path().join("to"));
    assert!(matches!(unpacked, Err(ArtifactError::NotAnArtifact { .. })));
}
