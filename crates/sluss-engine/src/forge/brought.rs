//! Which contents commits bring to which paths.

use std::collections::BTreeSet;

use sluss_core::ids::CommitId;

use super::git::{GitError, ObjectAccess, USUAL, unreadable};

/// A path, and the name of what a commit brought there.
pub type Brought = (String, String);

/// How commits are told with what they bring: a merge brings what none of its parents has.
const LOG: [&str; 10] = [
    "--literal-pathspecs",
    "log",
    "--raw",
    "-c",
    "-z",
    "--no-renames",
    "--no-abbrev",
    "--no-show-signature",
    "--no-ext-diff",
    "--format=",
];

impl ObjectAccess {
    /// Returns the files that the commits which `new` has and `old` has not bring, each as it is
    /// after one of them. What a commit takes away is none.
    pub async fn files_brought(
        &self,
        old: &CommitId,
        new: &CommitId,
    ) -> Result<BTreeSet<Brought>, GitError> {
        let range = format!("{old}..{new}");
        self.brought(&[range.as_str(), "--"]).await
    }

    /// Returns the files that any commit up to `at` brought to `paths`.
    pub async fn files_ever_at(
        &self,
        at: &CommitId,
        paths: &BTreeSet<&str>,
    ) -> Result<BTreeSet<Brought>, GitError> {
        let arguments = ["--full-history", at.as_str(), "--"];
        let arguments: Vec<&str> = arguments.into_iter().chain(paths.iter().copied()).collect();
        self.brought(&arguments).await
    }

    async fn brought(&self, arguments: &[&str]) -> Result<BTreeSet<Brought>, GitError> {
        let args: Vec<&str> = LOG.into_iter().chain(arguments.iter().copied()).collect();
        let output = self.output(&args, USUAL).await?;
        let output = String::from_utf8_lossy(&output);
        let mut parts = output.split('\0').map(|part| part.trim_start_matches('\n'));
        let mut found = BTreeSet::new();
        while let Some(entry) = parts.next() {
            if entry.is_empty() {
                continue;
            }
            let content = content_of(entry).ok_or_else(|| unreadable(&args))?;
            let path = parts.next().ok_or_else(|| unreadable(&args))?;
            if content.bytes().any(|byte| byte != b'0') {
                found.insert((path.to_owned(), content.to_owned()));
            }
        }
        Ok(found)
    }
}

/// Returns what an entry says there is afterwards: as many colons as there are parents, a mode of
/// each and one, a content of each and one, and how it differs.
fn content_of(entry: &str) -> Option<&str> {
    let plain = entry.trim_start_matches(':');
    let parents = entry.len() - plain.len();
    (parents > 0).then(|| plain.split(' ').nth(2 * parents + 1)).flatten()
}

#[cfg(test)]
mod tests {
    use super::content_of;

    #[test]
    fn what_there_is_afterwards_is_read_of_a_commit_and_of_a_merge() {
        assert_eq!(content_of(":100644 100644 aa bb M"), Some("bb"));
        assert_eq!(content_of("::100644 100644 100644 aa bb cc MM"), Some("cc"));
        assert_eq!(content_of("aa bb"), None);
    }
}
