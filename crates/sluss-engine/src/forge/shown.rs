//! What differs between two commits, for people to read.

use sluss_core::ids::CommitId;

use super::git::{GitError, ObjectAccess, USUAL, unreadable};

/// A file that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDiffers {
    /// Its path.
    pub path: String,
    /// Lines added and removed; nothing of a binary file, whose lines are not known.
    pub lines: Option<(u64, u64)>,
}

impl ObjectAccess {
    /// Returns the files that differ between `old` and `new`; without `old` everything in `new` is
    /// added.
    pub async fn files_that_differ(
        &self,
        old: Option<&CommitId>,
        new: &CommitId,
    ) -> Result<Vec<FileDiffers>, GitError> {
        let old = self.tree_of(old).await?;
        let args = ["diff-tree", "-r", "-z", "--numstat", "--no-renames", &old, new.as_str(), "--"];
        let output = self.output(&args, USUAL).await?;
        let output = String::from_utf8_lossy(&output);
        let rows = output.split('\0').filter(|row| !row.is_empty());
        rows.map(|row| row_of(row).ok_or_else(|| unreadable(&args))).collect()
    }

    /// Returns the difference between `old` and `new` itself, as text whatever the files hold: what
    /// the repository says of them hides nothing.
    pub async fn difference_text(
        &self,
        old: Option<&CommitId>,
        new: &CommitId,
    ) -> Result<String, GitError> {
        let old = self.tree_of(old).await?;
        let plain = ["--text", "--no-renames", "--no-color", "--no-ext-diff", "--no-textconv"];
        let args = ["diff-tree", "-r", "-p"].into_iter().chain(plain);
        let args: Vec<&str> = args.chain([old.as_str(), new.as_str(), "--"]).collect();
        Ok(String::from_utf8_lossy(&self.output(&args, USUAL).await?).into_owned())
    }
}

fn row_of(row: &str) -> Option<FileDiffers> {
    let mut columns = row.splitn(3, '\t');
    let (added, removed, path) = (columns.next()?, columns.next()?, columns.next()?);
    let lines = added.parse().ok().zip(removed.parse().ok());
    Some(FileDiffers { path: path.to_owned(), lines })
}
