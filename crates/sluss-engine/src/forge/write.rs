//! Makes commits from files in memory, without a work tree.

use std::collections::BTreeMap;

use sluss_core::ids::CommitId;

use super::git::{GitError, ObjectAccess, USUAL, text, unreadable};
use super::history::usable_path;
use super::push::RefName;

/// Who makes a commit, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// The name.
    pub name: String,
    /// The address.
    pub email: String,
    /// The time, in milliseconds since 1970.
    pub time_ms: i64,
}

/// A file of a commit to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewFile {
    /// A file that is only read.
    Plain(Vec<u8>),
    /// A file that can be run.
    Executable(Vec<u8>),
}

/// A commit to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCommit {
    /// All files, by their path; what is not here is not in the commit.
    pub files: BTreeMap<String, NewFile>,
    /// The message.
    pub message: String,
    /// Author and committer.
    pub author: Author,
}

impl ObjectAccess {
    /// Adds a commit to `branch`, making the branch if needed, and returns its id. No hook runs:
    /// this is the control plane's own doing, for what [`super::Pushes`] need not be asked about.
    pub async fn write_commit(
        &self,
        branch: &str,
        commit: &NewCommit,
    ) -> Result<CommitId, GitError> {
        let name = RefName::of_branch(branch).map_err(|e| GitError::Unusable(e.found))?;
        let parent = self.target(&name).await?;
        let args = ["fast-import", "--quiet", "--done", "--date-format=raw"];
        let input = stream_of(&name, parent.as_ref(), commit)?;
        let output = text(&args, self.output_of_input(&args, &input, USUAL).await?)?;
        output.trim().parse().map_err(|_| unreadable(&args))
    }
}

/// Writes the commit in the language of `git fast-import`.
fn stream_of(
    name: &RefName,
    parent: Option<&CommitId>,
    commit: &NewCommit,
) -> Result<Vec<u8>, GitError> {
    let Author { name: author, email, time_ms } = &commit.author;
    let who = format!("{} <{}> {} +0000", plain(author), plain(email), time_ms.div_euclid(1000));
    let mut stream =
        format!("commit {name}\nmark :1\nauthor {who}\ncommitter {who}\n").into_bytes();
    put_bytes(&mut stream, commit.message.as_bytes());
    if let Some(parent) = parent {
        stream.extend_from_slice(format!("from {parent}\ndeleteall\n").as_bytes());
    }
    for (path, file) in &commit.files {
        let quoted = usable_path(path)?.replace('\\', r"\\").replace('"', "\\\"");
        let (mode, bytes) = match file {
            NewFile::Plain(bytes) => ("100644", bytes),
            NewFile::Executable(bytes) => ("100755", bytes),
        };
        stream.extend_from_slice(format!("M {mode} inline \"{quoted}\"\n").as_bytes());
        put_bytes(&mut stream, bytes);
    }
    stream.extend_from_slice(b"\nget-mark :1\ndone\n");
    Ok(stream)
}

fn put_bytes(stream: &mut Vec<u8>, bytes: &[u8]) {
    stream.extend_from_slice(format!("data {}\n", bytes.len()).as_bytes());
    stream.extend_from_slice(bytes);
    stream.push(b'\n');
}

/// Leaves out what would end a name or an address.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() && !matches!(c, '<' | '>')).collect()
}
