//! Unpacks artifacts, trusting nothing in them.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

use sha2::Digest as _;
use sluss_core::ids::Digest;

use super::path::{inside, link_stays_inside};
use super::{
    ArtifactError, BlobSource, Descriptor, LAYER, LAYER_GZIP, MANIFEST, MOST_BYTES, MOST_ENTRIES,
    MOST_MANIFEST, Manifest,
};

/// Unpacks the artifact whose manifest has `digest` into `destination`.
///
/// A destination that is there is taken as it is: artifacts never change. Files can be read and
/// run by everybody, and written by nobody.
pub fn unpack(
    digest: &Digest,
    source: &dyn BlobSource,
    destination: &Path,
) -> Result<(), ArtifactError> {
    if destination.exists() {
        return Ok(());
    }
    let manifest = manifest(digest, source)?;
    let wrong = || ArtifactError::io(format!("{} cannot be written", destination.display()));
    let parent = destination.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(wrong())?;
    let draft = tempfile::Builder::new().prefix(".unpack-").tempdir_in(parent).map_err(wrong())?;
    let root = draft.path().join("artifact");
    fs::create_dir(&root).map_err(wrong())?;
    let mut unpacking = Unpacking { digest, root: &root, folders: BTreeSet::new(), bytes: 0 };
    for layer in &manifest.layers {
        unpacking.layer(layer, source)?;
    }
    unpacking.sync().map_err(wrong())?;
    match fs::rename(&root, destination) {
        // Somebody else unpacked the same one meanwhile.
        Err(_) if destination.exists() => Ok(()),
        renamed => renamed.and_then(|()| File::open(parent)?.sync_all()).map_err(wrong()),
    }
}

/// Returns the blobs that the artifact whose manifest has `digest` consists of, beside that one.
///
/// # Errors
///
/// When the manifest can't be read, or is none.
pub fn parts(digest: &Digest, source: &dyn BlobSource) -> Result<BTreeSet<Digest>, ArtifactError> {
    let manifest = manifest(digest, source)?;
    let all = manifest.layers.iter().chain([&manifest.config]);
    Ok(all.filter_map(Descriptor::digest).collect())
}

fn manifest(digest: &Digest, source: &dyn BlobSource) -> Result<Manifest, ArtifactError> {
    let wrong = || ArtifactError::io(format!("the manifest {digest} cannot be read"));
    let not_one = |why: String| ArtifactError::NotAnArtifact { digest: digest.clone(), why };
    let mut text = Vec::new();
    let reader = source.open(digest).map_err(wrong())?;
    reader.take(MOST_MANIFEST + 1).read_to_end(&mut text).map_err(wrong())?;
    if text.len() as u64 > MOST_MANIFEST {
        return Err(not_one("its manifest is too large".into()));
    }
    if Digest::of(&text) != *digest {
        return Err(ArtifactError::Changed(digest.clone()));
    }
    let manifest: Manifest =
        serde_json::from_slice(&text).map_err(|error| not_one(error.to_string()))?;
    if manifest.schema_version != 2 || manifest.media_type != MANIFEST {
        return Err(not_one("its manifest is of another kind".into()));
    }
    Ok(manifest)
}

/// What has been unpacked so far.
struct Unpacking<'a> {
    digest: &'a Digest,
    root: &'a Path,
    /// Folders that we made; nothing is written through anything else.
    folders: BTreeSet<PathBuf>,
    bytes: u64,
}

impl Unpacking<'_> {
    fn not_one(&self, why: impl Into<String>) -> ArtifactError {
        ArtifactError::NotAnArtifact { digest: self.digest.clone(), why: why.into() }
    }

    fn layer(&mut self, layer: &Descriptor, source: &dyn BlobSource) -> Result<(), ArtifactError> {
        let digest = layer.digest().ok_or_else(|| self.not_one("a layer has no SHA-256 digest"))?;
        let wrong = || ArtifactError::io(format!("the layer {digest} cannot be read"));
        let mut checked = tempfile::tempfile().map_err(wrong())?;
        let reader = source.open(&digest).map_err(wrong())?;
        copy_checked(reader, &mut checked, &digest, layer.size)?;
        checked.seek(SeekFrom::Start(0)).map_err(wrong())?;
        match layer.media_type.as_str() {
            LAYER => self.entries(checked),
            LAYER_GZIP => self.entries(flate2::read::GzDecoder::new(checked)),
            other => Err(self.not_one(format!("a layer is `{}`", other.escape_debug()))),
        }
    }

    fn entries(&mut self, layer: impl Read) -> Result<(), ArtifactError> {
        // Compressed, a small layer may be a very large one.
        let mut archive = tar::Archive::new(layer.take(2 * MOST_BYTES));
        let wrong = || ArtifactError::io("a layer cannot be unpacked");
        for (count, entry) in archive.entries().map_err(wrong())?.enumerate() {
            if count >= MOST_ENTRIES {
                return Err(ArtifactError::TooLarge);
            }
            let mut entry = entry.map_err(wrong())?;
            let said = entry.path().map_err(wrong())?.into_owned();
            let shown = said.display().to_string().escape_debug().to_string();
            let name = inside(&said)
                .ok_or_else(|| self.not_one(format!("`{shown}` leaves the artifact")))?;
            match entry.header().entry_type() {
                tar::EntryType::Directory => self.folder(&name)?,
                tar::EntryType::Regular => self.file(&name, &mut entry)?,
                tar::EntryType::Symlink => {
                    let target = entry.link_name().map_err(wrong())?.unwrap_or_default();
                    if !link_stays_inside(&name, &target) {
                        return Err(self.not_one(format!("the link `{shown}` leaves it")));
                    }
                    self.parent(&name)?;
                    symlink(target, self.root.join(&name)).map_err(wrong())?;
                }
                _ => return Err(self.not_one(format!("`{shown}` is no file, folder or link"))),
            }
        }
        Ok(())
    }

    fn parent(&mut self, name: &Path) -> Result<(), ArtifactError> {
        match name.parent() {
            Some(parent) => self.folder(parent),
            None => Err(self.not_one("an entry has no name")),
        }
    }

    fn folder(&mut self, name: &Path) -> Result<(), ArtifactError> {
        if name.as_os_str().is_empty() || self.folders.contains(name) {
            return Ok(());
        }
        self.parent(name)?;
        // What is there already and was not made here as a folder is a file or a link.
        fs::create_dir(self.root.join(name))
            .map_err(ArtifactError::io(format!("{} cannot be unpacked", name.display())))?;
        self.folders.insert(name.to_owned());
        Ok(())
    }

    fn file(
        &mut self,
        name: &Path,
        entry: &mut tar::Entry<'_, impl Read>,
    ) -> Result<(), ArtifactError> {
        let wrong = || ArtifactError::io(format!("{} cannot be unpacked", name.display()));
        let size = entry.size();
        self.bytes = self.bytes.saturating_add(size);
        if self.bytes > MOST_BYTES {
            return Err(ArtifactError::TooLarge);
        }
        self.parent(name)?;
        let executable = entry.header().mode().map_err(wrong())? & 0o111 != 0;
        let mode = if executable { 0o555 } else { 0o444 };
        let mut options = File::options();
        let path = self.root.join(name);
        let mut file =
            options.write(true).create_new(true).mode(mode).open(&path).map_err(wrong())?;
        let copied = io::copy(entry, &mut file).map_err(wrong())?;
        if copied != size {
            return Err(self.not_one(format!("{} is cut off", name.display())));
        }
        // The mask of this process must not take anything from the mode.
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode)).map_err(wrong())?;
        file.sync_all().map_err(wrong())
    }

    fn sync(&self) -> io::Result<()> {
        use std::os::unix::fs::PermissionsExt as _;
        let folders = self.folders.iter().map(|name| self.root.join(name));
        for folder in folders.chain([self.root.to_owned()]) {
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o755))?;
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }
}

/// Copies a blob, and fails unless it has this digest and size.
fn copy_checked(
    reader: impl Read,
    into: &mut File,
    digest: &Digest,
    size: u64,
) -> Result<(), ArtifactError> {
    if size > MOST_BYTES {
        return Err(ArtifactError::TooLarge);
    }
    let wrong = || ArtifactError::io(format!("the layer {digest} cannot be read"));
    let mut reader = reader.take(size + 1);
    let mut hasher = sha2::Sha256::new();
    let (mut total, mut chunk) = (0_u64, vec![0; 64 << 10]);
    loop {
        match reader.read(&mut chunk) {
            Ok(0) => break,
            Ok(length) => {
                hasher.update(&chunk[..length]);
                into.write_all(&chunk[..length]).map_err(wrong())?;
                total += length as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(wrong()(error)),
        }
    }
    if total != size || hex::encode(hasher.finalize()) != digest.as_str() {
        return Err(ArtifactError::Changed(digest.clone()));
    }
    Ok(())
}
