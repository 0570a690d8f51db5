//! Makes the work tree of a commit from a bare repository, running nothing that is in it.
//!
//! # Invariants
//!
//! - No hook, filter or configuration but our own is used; submodules are not followed.
//! - The work tree shares no file with the repository and has no `.git`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use sluss_core::ids::CommitId;

/// Why there is no work tree.
#[derive(Debug, thiserror::Error)]
pub enum CheckoutError {
    /// Git refused.
    #[error("commit {commit} of {repository} cannot be checked out: {said}")]
    Git {
        /// Of which repository.
        repository: PathBuf,
        /// Which commit.
        commit: CommitId,
        /// What Git said.
        said: String,
    },
    /// A folder could not be made, or Git not be started.
    #[error("the work tree {path} cannot be made")]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Writes the files of `commit` into `destination`, which appears whole or not at all.
///
/// A destination that is there already is taken as it is: it was made for the same commit.
pub fn prepare_work_tree(
    repository: &Path,
    commit: &CommitId,
    destination: &Path,
) -> Result<(), CheckoutError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| CheckoutError::Folder { path, source }
    };
    if destination.exists() {
        return Ok(());
    }
    let parent = destination.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(failed(parent))?;
    let draft =
        tempfile::Builder::new().prefix(".checkout-").tempdir_in(parent).map_err(failed(parent))?;
    let tree = draft.path().join("tree");
    fs::create_dir(&tree).map_err(failed(&tree))?;
    let index = draft.path().join("index");
    let repository = &std::path::absolute(repository).map_err(failed(repository))?;
    for arguments in
        [&["read-tree", commit.as_str()][..], &["checkout-index", "--all", "--force", "--quiet"]]
    {
        let mut command = git(repository);
        command.env("GIT_INDEX_FILE", &index).env("GIT_WORK_TREE", &tree).current_dir(&tree);
        let done = command.args(arguments).output();
        let done = done.map_err(failed(repository))?;
        if !done.status.success() {
            let said = String::from_utf8_lossy(&done.stderr).trim().to_owned();
            let repository = repository.to_owned();
            return Err(CheckoutError::Git { repository, commit: commit.clone(), said });
        }
    }
    match fs::rename(&tree, destination) {
        // Somebody else made the same one meanwhile.
        Err(_) if destination.exists() => Ok(()),
        renamed => renamed.map_err(failed(destination)),
    }
}

/// Returns Git on a bare repository, deaf to configuration of the machine and the user.
fn git(repository: &Path) -> Command {
    let mut command = Command::new("git");
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"GIT_") {
            command.env_remove(name);
        }
    }
    command
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_ATTR_NOSYSTEM", "1")
        .args(["-c", "core.hooksPath=/dev/null", "-c", "safe.directory=*"])
        .args(["-c", "core.fsmonitor=false", "-c", "protocol.file.allow=never"])
        .args(["-c", "core.symlinks=true", "-c", "core.protectHFS=true"])
        .arg("--git-dir")
        .arg(repository);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(folder: &Path, arguments: &[&str]) -> String {
        let identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"];
        let mut command = Command::new("git");
        let done = command.current_dir(folder).args(identity).args(arguments).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }

    #[test]
    fn a_work_tree_has_the_files_of_the_commit_and_no_hook_runs() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("source");
        fs::create_dir(&source).unwrap();
        run(&source, &["init", "-q", "-b", "main"]);
        fs::write(source.join("a.txt"), "first").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", source.join("out")).unwrap();
        fs::write(source.join(".gitattributes"), "a.txt export-ignore\n").unwrap();
        run(&source, &["add", "-A"]);
        run(&source, &["commit", "-q", "-m", "one"]);
        let commit: CommitId = run(&source, &["rev-parse", "HEAD"]).parse().unwrap();
        let bare = folder.path().join("bare.git");
        run(folder.path(), &["clone", "-q", "--bare", "source", "bare.git"]);
        for hook in ["post-checkout", "post-index-change"] {
            let path = bare.join("hooks").join(hook);
            fs::create_dir_all(bare.join("hooks")).unwrap();
            let script = format!("#!/bin/sh\ntouch {}/ran\n", folder.path().display());
            fs::write(&path, script).unwrap();
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let tree = folder.path().join("trees/1");
        prepare_work_tree(&bare, &commit, &tree).unwrap();
        prepare_work_tree(&bare, &commit, &tree).unwrap();
        assert_eq!(fs::read_to_string(tree.join("a.txt")).unwrap(), "first");
        assert!(fs::symlink_metadata(tree.join("out")).unwrap().is_symlink());
        assert!(!tree.join(".git").exists() && !folder.path().join("ran").exists());

        let missing = "0123456789012345678901234567890123456789".parse().unwrap();
        let error = prepare_work_tree(&bare, &missing, &folder.path().join("trees/2"));
        assert!(matches!(error, Err(CheckoutError::Git { .. })));
        assert!(!folder.path().join("trees/2").exists());
    }
}
