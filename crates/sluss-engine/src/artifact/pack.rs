//! Packs outputs into artifacts.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sluss_core::ids::ArtifactName;
use sluss_core::pipeline::Output;

use super::path::{inside, link_stays_inside};
use super::{
    ARTIFACT, ArtifactError, BlobSink, Descriptor, EMPTY, LAYER, Labels, MANIFEST, MOST_BYTES,
    MOST_ENTRIES, Manifest, Packed,
};

/// What is at a path of an artifact.
#[derive(Debug)]
enum Entry {
    Folder,
    File { from: PathBuf, executable: bool },
    Link { target: PathBuf },
}

/// Packs the `outputs` in `tree`, those of one artifact together; in order of their names.
///
/// Nothing may change the tree meanwhile: the steps have ended.
pub fn pack(
    outputs: &[Output],
    tree: &Path,
    labels: &Labels,
    sink: &dyn BlobSink,
) -> Result<Vec<Packed>, ArtifactError> {
    let root = tree.canonicalize().map_err(ArtifactError::io("the work tree is gone"))?;
    let mut by_name: BTreeMap<&ArtifactName, BTreeMap<PathBuf, Entry>> = BTreeMap::new();
    for output in outputs {
        let entries = by_name.entry(&output.artifact).or_default();
        collect(output, &root, entries)?;
    }
    by_name.into_iter().map(|(name, entries)| store(name, &entries, labels, sink)).collect()
}

fn collect(
    output: &Output,
    root: &Path,
    entries: &mut BTreeMap<PathBuf, Entry>,
) -> Result<(), ArtifactError> {
    let refused = |why| ArtifactError::Output { path: PathBuf::from(&output.path), why };
    let path = inside(Path::new(&output.path)).ok_or_else(|| refused("leaves the work tree"))?;
    let name = inside(Path::new(&output.name)).ok_or_else(|| refused("leaves the artifact"))?;
    let from = root.join(path);
    let real = from.canonicalize().map_err(|_| refused("is not there"))?;
    if !real.starts_with(root) {
        return Err(refused("leaves the work tree through a link"));
    }
    for parent in name.ancestors().skip(1).filter(|parent| !parent.as_os_str().is_empty()) {
        insert(entries, parent.to_owned(), Entry::Folder)?;
    }
    walk(&real, name, entries)
}

fn walk(
    from: &Path,
    name: PathBuf,
    entries: &mut BTreeMap<PathBuf, Entry>,
) -> Result<(), ArtifactError> {
    let wrong = || ArtifactError::io(format!("{} cannot be read", from.display()));
    let found = fs::symlink_metadata(from).map_err(wrong())?;
    let kind = found.file_type();
    if kind.is_dir() {
        if !name.as_os_str().is_empty() {
            insert(entries, name.clone(), Entry::Folder)?;
        }
        for entry in fs::read_dir(from).map_err(wrong())? {
            let entry = entry.map_err(wrong())?;
            walk(&entry.path(), name.join(entry.file_name()), entries)?;
        }
        return Ok(());
    }
    if name.as_os_str().is_empty() {
        return Err(ArtifactError::Output { path: from.to_owned(), why: "needs a name" });
    }
    if kind.is_file() {
        let executable = found.permissions().mode() & 0o111 != 0;
        return insert(entries, name, Entry::File { from: from.to_owned(), executable });
    }
    if !kind.is_symlink() {
        let why = "is neither file nor folder";
        return Err(ArtifactError::Output { path: from.to_owned(), why });
    }
    let target = fs::read_link(from).map_err(wrong())?;
    if !link_stays_inside(&name, &target) {
        let why = "is a link that leaves the artifact";
        return Err(ArtifactError::Output { path: from.to_owned(), why });
    }
    insert(entries, name, Entry::Link { target })
}

fn insert(
    entries: &mut BTreeMap<PathBuf, Entry>,
    name: PathBuf,
    entry: Entry,
) -> Result<(), ArtifactError> {
    if entries.len() >= MOST_ENTRIES {
        return Err(ArtifactError::TooLarge);
    }
    match (entries.get(&name), &entry) {
        (None, _) => {
            entries.insert(name, entry);
            Ok(())
        }
        (Some(Entry::Folder), Entry::Folder) => Ok(()),
        (Some(_), _) => Err(ArtifactError::Output { path: name, why: "is made by two outputs" }),
    }
}

fn store(
    name: &ArtifactName,
    entries: &BTreeMap<PathBuf, Entry>,
    labels: &Labels,
    sink: &dyn BlobSink,
) -> Result<Packed, ArtifactError> {
    let wrong = || ArtifactError::io(format!("the artifact `{name}` cannot be stored"));
    let mut layer = tempfile::tempfile().map_err(wrong())?;
    write_layer(entries, &mut layer)?;
    layer.seek(SeekFrom::Start(0)).map_err(wrong())?;
    let layer = sink.put(&mut layer).map_err(wrong())?;
    let config = sink.put(&mut &b"{}"[..]).map_err(wrong())?;
    let bytes = layer.1;
    let manifest = Manifest {
        schema_version: 2,
        media_type: MANIFEST.to_owned(),
        artifact_type: ARTIFACT.to_owned(),
        config: Descriptor::of(EMPTY, config),
        layers: vec![Descriptor::of(LAYER, layer)],
        annotations: BTreeMap::from([
            ("dev.sluss.service".to_owned(), labels.service.to_string()),
            ("org.opencontainers.image.revision".to_owned(), labels.commit.to_string()),
            ("org.opencontainers.image.title".to_owned(), name.to_string()),
        ]),
    };
    let text = serde_json::to_vec(&manifest).map_err(|error| wrong()(error.into()))?;
    let (digest, _) = sink.put(&mut text.as_slice()).map_err(wrong())?;
    Ok(Packed { name: name.clone(), digest, bytes })
}

fn write_layer(
    entries: &BTreeMap<PathBuf, Entry>,
    layer: &mut impl Write,
) -> Result<(), ArtifactError> {
    let mut tar = tar::Builder::new(std::io::BufWriter::new(layer));
    let mut total = 0;
    for (name, entry) in entries {
        let wrong = || ArtifactError::io(format!("{} cannot be packed", name.display()));
        let mut header = tar::Header::new_gnu();
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(0);
        match entry {
            Entry::Folder => {
                header.set_entry_type(tar::EntryType::Directory);
                header.set_mode(0o755);
                tar.append_data(&mut header, name, std::io::empty()).map_err(wrong())?;
            }
            Entry::Link { target } => {
                header.set_entry_type(tar::EntryType::Symlink);
                header.set_mode(0o777);
                tar.append_link(&mut header, name, target).map_err(wrong())?;
            }
            Entry::File { from, executable } => {
                let file = open_file(from).map_err(wrong())?;
                let size = file.metadata().map_err(wrong())?.size();
                total += size;
                if total > MOST_BYTES {
                    return Err(ArtifactError::TooLarge);
                }
                header.set_entry_type(tar::EntryType::Regular);
                header.set_mode(if *executable { 0o755 } else { 0o644 });
                header.set_size(size);
                tar.append_data(&mut header, name, file).map_err(wrong())?;
            }
        }
    }
    let wrong = || ArtifactError::io("the layer cannot be written");
    let mut written = tar.into_inner().map_err(wrong())?;
    written.flush().map_err(wrong())
}

/// Opens a file, but nothing that it was replaced by.
fn open_file(path: &Path) -> std::io::Result<File> {
    let flags = nix::fcntl::OFlag::O_NOFOLLOW | nix::fcntl::OFlag::O_NONBLOCK;
    File::options().read(true).custom_flags(flags.bits()).open(path)
}
