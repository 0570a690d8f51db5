//! What is in a repository, as far as a proposal looks.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// The files of a repository by their paths, with the content of the small ones.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    name: String,
    files: BTreeMap<String, String>,
}

impl Listing {
    /// Returns a listing of `files` (path and content) in a folder called `name`.
    pub fn new<'f>(
        name: impl Into<String>,
        files: impl IntoIterator<Item = (&'f str, &'f str)>,
    ) -> Self {
        let files = files.into_iter().map(|(path, text)| (path.to_owned(), text.to_owned()));
        Self { name: name.into(), files: files.collect() }
    }

    /// Lists a folder: three levels, at most 2000 files, no links and nothing that tools made.
    /// Files above 64 KiB, and such as are no text, count as empty.
    pub fn of_folder(folder: &Path) -> io::Result<Self> {
        let whole = folder.canonicalize()?;
        let name = whole.file_name().map(|name| name.to_string_lossy().into_owned());
        let mut listing = Self { name: name.unwrap_or_default(), files: BTreeMap::new() };
        listing.walk(&whole, "", DEEPEST)?;
        Ok(listing)
    }

    fn walk(&mut self, folder: &Path, prefix: &str, levels: usize) -> io::Result<()> {
        let mut entries: Vec<_> = std::fs::read_dir(folder)?.collect::<Result<_, _>>()?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{prefix}{name}");
            let kind = entry.file_type()?;
            if self.files.len() >= MOST_FILES || name.starts_with('.') {
                continue;
            } else if kind.is_dir() && levels > 1 && !MADE.contains(&name.as_str()) {
                self.walk(&entry.path(), &format!("{path}/"), levels - 1)?;
            } else if kind.is_file() {
                let small = entry.metadata()?.len() <= LARGEST_BYTES;
                let bytes = if small { std::fs::read(entry.path())? } else { Vec::new() };
                self.files.insert(path, String::from_utf8(bytes).unwrap_or_default());
            }
        }
        Ok(())
    }

    /// Returns the folder's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns a file's content.
    pub fn read(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// Returns whether there is such a file.
    pub fn has(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }

    /// Returns the paths of all files, in order.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }
}

const DEEPEST: usize = 3;
const MOST_FILES: usize = 2_000;
const LARGEST_BYTES: u64 = 64 * 1024;
const MADE: [&str; 6] = ["node_modules", "target", "vendor", "dist", "venv", "__pycache__"];
