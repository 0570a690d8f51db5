//! The folder of bare repositories, one per service and one for the platform.
//!
//! # Invariants
//!
//! - A repository appears whole or not at all: it is made aside and renamed into its place.
//! - Its configuration and its hooks are written by us at every [`Repositories::ensure`]; what
//!   somebody changes there by hand does not stay.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::git::{Bounds, GitError, ObjectAccess, clean_git};
use super::push::RepositoryName;
use super::{LARGEST_PUSH_BYTES, MAIN};

/// The bare repositories under one folder.
#[derive(Debug, Clone)]
pub struct Repositories {
    root: PathBuf,
    making: Arc<tokio::sync::Mutex<()>>,
}

const HOOKS_FOLDER: &str = ".hooks";
const ASIDE: &str = ".new-";
const UPKEEP: Bounds = Bounds { bytes: 1024 * 1024, time: Duration::from_secs(1800) };

impl Repositories {
    /// Opens the folder `root`, making it if needed. `hook_program` is what Git's hooks start,
    /// with the hook's name as one more argument: `["/usr/bin/sluss", "hook"]`.
    pub fn open(root: &Path, hook_program: &[String]) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(root)?;
        let root = root.canonicalize()?;
        let hooks = root.join(HOOKS_FOLDER);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&hooks)?;
        for kind in ["pre-receive", "post-receive"] {
            write_hook(&hooks.join(kind), hook_program, kind)?;
        }
        // What a crash left half made is nobody's.
        for entry in fs::read_dir(&root)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(ASIDE) {
                fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(Self { root, making: Arc::default() })
    }

    /// Returns the folder of the repository `name`, whether or not it exists.
    pub fn path(&self, name: &RepositoryName) -> PathBuf {
        self.root.join(format!("{name}.git"))
    }

    /// Says whether there is a repository `name`.
    pub fn exists(&self, name: &RepositoryName) -> bool {
        self.path(name).join("HEAD").is_file()
    }

    /// Returns access to the history of `name`, if there is such a repository.
    pub fn objects(&self, name: &RepositoryName) -> Option<ObjectAccess> {
        self.exists(name).then(|| ObjectAccess { git_folder: self.path(name), quarantine: None })
    }

    /// Lists the repositories, by name.
    pub fn names(&self) -> io::Result<Vec<RepositoryName>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.root)? {
            let file_name = entry?.file_name();
            let name = file_name.to_str().and_then(|name| name.strip_suffix(".git"));
            names.extend(name.and_then(|name| name.parse::<RepositoryName>().ok()));
        }
        names.sort();
        Ok(names)
    }

    /// Makes the repository `name` unless it exists, and puts its configuration right.
    pub async fn ensure(&self, name: &RepositoryName) -> Result<ObjectAccess, GitError> {
        let _alone = self.making.lock().await;
        let folder = self.path(name);
        if !self.exists(name) {
            let aside = self.root.join(format!("{ASIDE}{name}"));
            let _ = fs::remove_dir_all(&aside);
            self.make(&aside).await?;
            fs::rename(&aside, &folder).map_err(GitError::Run)?;
        } else if fs::read_to_string(folder.join("config")).ok() != Some(self.configuration()) {
            self.configure(&folder).map_err(GitError::Run)?;
        }
        Ok(ObjectAccess { git_folder: folder, quarantine: None })
    }

    /// Packs what was pushed and drops what nothing refers to. Pushes do not do this themselves;
    /// call it now and then.
    pub async fn tidy(&self, name: &RepositoryName) -> Result<(), GitError> {
        let Some(objects) = self.objects(name) else { return Ok(()) };
        objects.output(&["gc", "--quiet", "--prune=2.days.ago"], UPKEEP).await.map(drop)
    }

    /// Returns the hooks that Git must be able to start.
    pub(super) fn hooks(&self) -> [PathBuf; 2] {
        ["pre-receive", "post-receive"].map(|kind| self.root.join(HOOKS_FOLDER).join(kind))
    }

    /// Returns the setting that makes Git find our hooks, whatever the repository says.
    pub(super) fn hooks_setting(&self) -> OsString {
        let mut setting = OsString::from("core.hooksPath=");
        setting.push(self.root.join(HOOKS_FOLDER));
        setting
    }

    async fn make(&self, folder: &Path) -> Result<(), GitError> {
        let output = clean_git(&self.root)
            .args(["init", "--quiet", "--bare", "--template=", "--object-format=sha1"])
            .arg(format!("--initial-branch={MAIN}"))
            .arg("--")
            .arg(folder)
            .output()
            .await
            .map_err(GitError::Run)?;
        if !output.status.success() {
            let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(GitError::Failed { command: "init".to_owned(), message });
        }
        self.configure(folder).map_err(GitError::Run)
    }

    fn configure(&self, folder: &Path) -> io::Result<()> {
        replace(&folder.join("config"), self.configuration().as_bytes(), 0o600)
    }

    /// The hooks are named in the configuration too, so that a push past the HTTP server finds
    /// them, and finds itself refused.
    fn configuration(&self) -> String {
        let hooks = self.root.join(HOOKS_FOLDER);
        let hooks = hooks.to_string_lossy().replace('\\', "\\\\").replace('"', "\\\"");
        format!(
            "[core]\n\
             \trepositoryformatversion = 0\n\
             \tfilemode = true\n\
             \tbare = true\n\
             \tlogAllRefUpdates = true\n\
             \tfsync = objects,derived-metadata,reference\n\
             \thooksPath = \"{hooks}\"\n\
             [http]\n\
             \treceivepack = true\n\
             [receive]\n\
             \tmaxInputSize = {LARGEST_PUSH_BYTES}\n\
             \tadvertisePushOptions = true\n\
             \tautogc = false\n\
             [receive \"fsck\"]\n\
             \tbadTimezone = warn\n\
             \tmissingSpaceBeforeDate = warn\n\
             \tzeroPaddedFilemode = warn\n\
             [transfer]\n\
             \tfsckObjects = true\n\
             [uploadpack]\n\
             \tallowFilter = true\n\
             [gc]\n\
             \tauto = 0\n"
        )
    }
}

fn write_hook(path: &Path, program: &[String], kind: &str) -> io::Result<()> {
    let words: Vec<String> =
        program.iter().map(|word| format!("'{}'", word.replace('\'', r"'\''"))).collect();
    replace(path, format!("#!/bin/sh\nexec {} {kind}\n", words.join(" ")).as_bytes(), 0o700)
}

/// Writes the file aside and renames it, so that a reader sees the old one or the new one.
fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut aside = OsString::from(path);
    aside.push(".new");
    fs::write(&aside, bytes)?;
    fs::set_permissions(&aside, fs::Permissions::from_mode(mode))?;
    fs::rename(&aside, path)
}
