//! Reads history: commits, what they changed, and the files in them.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sluss_core::ids::CommitId;

use super::git::{Bounds, GitError, ObjectAccess, USUAL, text, unreadable};
use super::named::co_authors_in;
use super::push::RefName;

/// A commit, as far as delivery cares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// Its id.
    pub id: CommitId,
    /// Who wrote it.
    pub author_name: String,
    /// The author's address.
    pub author_email: String,
    /// When it was written, in milliseconds since 1970.
    pub author_time_ms: i64,
    /// The address of who committed it.
    pub committer_email: String,
    /// Who else wrote it, as its message says.
    pub co_authors: Vec<CoAuthor>,
    /// The first line of its message.
    pub subject: String,
    /// The rest of its message, trailers included.
    pub body: String,
    /// The `Name: value` lines at the end of its message.
    pub trailers: Vec<Trailer>,
}

/// Somebody whom a message names as one who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoAuthor {
    /// The name, possibly empty.
    pub name: String,
    /// The address; nobody's where none is given.
    pub email: String,
}

/// A `Name: value` line at the end of a commit's message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trailer {
    /// What stands before the colon, as written.
    pub name: String,
    /// What stands after it.
    pub value: String,
}

/// How much a change changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiffStat {
    /// How many files differ.
    pub files: u64,
    /// How many lines were added in files that are text.
    pub added: u64,
    /// How many lines were removed in files that are text.
    pub removed: u64,
    /// How many of the files are binary: nobody knows lines of them.
    pub binary: u64,
}

/// The fields that `git log` gives of each commit, each ended by a NUL.
const FIELDS: usize = 9;
const FORMAT: &str = "--format=tformat:%H%x00%an%x00%ae%x00%at%x00%ce%x00%s%x00%b%x00%B%x00\
                      %(trailers:only=true,unfold=true)";

/// How differences are said the same way whatever is configured.
const PLAIN: [&str; 4] = ["--no-color", "--no-ext-diff", "--no-textconv", "--full-index"];

impl ObjectAccess {
    /// Returns the commits that `new` has and `old` has not, newest first, at most `limit`;
    /// without `old` all that `new` has.
    pub async fn commits(
        &self,
        old: Option<&CommitId>,
        new: &CommitId,
        limit: usize,
    ) -> Result<Vec<Commit>, GitError> {
        let count = format!("--max-count={limit}");
        let range = range(old, new);
        let args = ["log", "-z", "--no-color", "--no-show-signature", FORMAT, &count, &range, "--"];
        let output = self.output(&args, USUAL).await?;
        let output = String::from_utf8_lossy(&output);
        let mut fields: Vec<&str> = output.split('\0').collect();
        if fields.pop() != Some("") || !fields.len().is_multiple_of(FIELDS) {
            return Err(unreadable(&args));
        }
        let commits = fields.chunks_exact(FIELDS).map(commit_of);
        commits.collect::<Option<_>>().ok_or_else(|| unreadable(&args))
    }

    /// Returns the commits that `new` has and no branch or tag has yet, newest first, at most
    /// `limit`: what a push brings.
    pub async fn unseen_commits(
        &self,
        new: &CommitId,
        limit: usize,
    ) -> Result<Vec<CommitId>, GitError> {
        let count = format!("--max-count={limit}");
        let args = ["rev-list", &count, new.as_str(), "--not", "--all", "--"];
        lines_of_ids(&args, self.output(&args, USUAL).await?)
    }

    /// Counts the commits that `new` has and `old` has not; without `old` all that `new` has.
    pub async fn commit_count(
        &self,
        old: Option<&CommitId>,
        new: &CommitId,
    ) -> Result<u64, GitError> {
        let range = range(old, new);
        let args = ["rev-list", "--count", &range, "--"];
        let output = text(&args, self.output(&args, USUAL).await?)?;
        output.trim().parse().map_err(|_| unreadable(&args))
    }

    /// Returns the paths that differ between `old` and `new`; without `old` all paths of `new`.
    pub async fn changed_paths(
        &self,
        old: Option<&CommitId>,
        new: &CommitId,
    ) -> Result<Vec<String>, GitError> {
        let Some(old) = old else { return self.list_files(new, usize::MAX).await };
        let args = [
            "diff-tree",
            "-r",
            "-z",
            "--no-commit-id",
            "--name-only",
            "--no-renames",
            old.as_str(),
            new.as_str(),
            "--",
        ];
        Ok(paths_of(&self.output(&args, USUAL).await?).collect())
    }

    /// Returns what differs between `old` and `new` as `git diff-tree -r -z` says it: of each file
    /// that differs its modes, the names of both contents, and its path; without `old` everything
    /// in `new`.
    pub async fn raw_diff(
        &self,
        old: Option<&CommitId>,
        new: &CommitId,
    ) -> Result<Vec<u8>, GitError> {
        let old = self.tree_of(old).await?;
        let args = ["diff-tree", "-r", "-z", "--no-renames", &old, new.as_str(), "--"];
        self.output(&args, USUAL).await
    }

    /// Returns what Git calls the content of `commit`; without one that of the empty tree.
    pub(super) async fn tree_of(&self, commit: Option<&CommitId>) -> Result<String, GitError> {
        let args = ["hash-object", "-t", "tree", "--stdin"];
        Ok(match commit {
            Some(commit) => commit.to_string(),
            None => text(&args, self.output(&args, USUAL).await?)?.trim().to_owned(),
        })
    }

    /// Counts files and lines that differ between `old` and `new`; without `old` everything in
    /// `new` counts as added.
    pub async fn diff_stat(
        &self,
        old: Option<&CommitId>,
        new: &CommitId,
    ) -> Result<DiffStat, GitError> {
        let mut stat = DiffStat::default();
        for file in self.files_that_differ(old, new).await? {
            stat.files += 1;
            match file.lines {
                Some((added, removed)) => {
                    stat.added += added;
                    stat.removed += removed;
                }
                None => stat.binary += 1,
            }
        }
        Ok(stat)
    }

    /// Returns the paths of the files in `commit`, at most `limit`.
    pub async fn list_files(
        &self,
        commit: &CommitId,
        limit: usize,
    ) -> Result<Vec<String>, GitError> {
        let args = ["ls-tree", "-r", "-z", "--full-tree", "--name-only", commit.as_str()];
        Ok(paths_of(&self.output(&args, USUAL).await?).take(limit).collect())
    }

    /// Returns what is in the file `path` of `commit`, or nothing where there is no such regular
    /// file. A file larger than `max_bytes` is an error.
    pub async fn read_file(
        &self,
        commit: &CommitId,
        path: &str,
        max_bytes: usize,
    ) -> Result<Option<Vec<u8>>, GitError> {
        let path = usable_path(path)?;
        let args =
            ["--literal-pathspecs", "ls-tree", "-z", "--full-tree", commit.as_str(), "--", path];
        let output = text(&args, self.output(&args, USUAL).await?)?;
        let entry = output.split('\0').find_map(|line| {
            let (entry, name) = line.split_once('\t')?;
            (name == path).then_some(entry)
        });
        let mut columns = entry.unwrap_or_default().split(' ');
        let (mode, kind, id) = (columns.next(), columns.next(), columns.next());
        match (mode, kind, id) {
            (Some("100644" | "100755" | "100664"), Some("blob"), Some(id)) => {
                let bounds = Bounds { bytes: max_bytes, ..USUAL };
                self.output(&["cat-file", "blob", id], bounds).await.map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Returns the commit that the branch `branch` is at, if there is such a branch.
    pub async fn head(&self, branch: &str) -> Result<Option<CommitId>, GitError> {
        let name = RefName::of_branch(branch).map_err(|e| GitError::Unusable(e.found))?;
        self.target(&name).await
    }

    /// Returns what the ref `name` is at, if there is such a ref.
    pub async fn target(&self, name: &RefName) -> Result<Option<CommitId>, GitError> {
        let args = ["rev-parse", "--verify", "--quiet", "--end-of-options", name.as_str()];
        match self.answer(&args).await? {
            Some(id) => id.trim().parse().map(Some).map_err(|_| unreadable(&args)),
            None => Ok(None),
        }
    }

    /// Returns the commits that branches and tags are at.
    pub async fn heads(&self) -> Result<BTreeSet<CommitId>, GitError> {
        let format = "--format=%(objecttype) %(objectname)%0a%(*objecttype) %(*objectname)";
        let args = ["for-each-ref", format, "refs/heads", "refs/tags"];
        let output = text(&args, self.output(&args, USUAL).await?)?;
        let ids = output.lines().filter_map(|line| line.strip_prefix("commit "));
        ids.map(|id| id.parse().map_err(|_| unreadable(&args))).collect()
    }

    /// Says whether `older` is `newer` or one of those before it.
    pub async fn is_ancestor(&self, older: &CommitId, newer: &CommitId) -> Result<bool, GitError> {
        let args = ["merge-base", "--is-ancestor", older.as_str(), newer.as_str()];
        Ok(self.answer(&args).await?.is_some())
    }

    /// Returns the newest commit that both have, if there is one.
    pub async fn merge_base(
        &self,
        one: &CommitId,
        other: &CommitId,
    ) -> Result<Option<CommitId>, GitError> {
        let args = ["merge-base", one.as_str(), other.as_str()];
        match self.answer(&args).await? {
            Some(id) => id.trim().parse().map(Some).map_err(|_| unreadable(&args)),
            None => Ok(None),
        }
    }

    /// Returns the patch ids of the commits that `new` has and `old` has not, merges left out.
    pub async fn patch_ids(
        &self,
        old: &CommitId,
        new: &CommitId,
    ) -> Result<BTreeSet<String>, GitError> {
        let range = range(Some(old), new);
        let format = "--format=tformat:commit %H";
        let args = [
            "log",
            "-p",
            "--no-merges",
            "--no-show-signature",
            PLAIN[0],
            PLAIN[1],
            PLAIN[2],
            PLAIN[3],
        ];
        let args: Vec<&str> = args.into_iter().chain([format, &range, "--"]).collect();
        let patches = self.output(&args, USUAL).await?;
        self.ids_of(&patches).await
    }

    /// Returns the patch id of all that differs between `old` and `new` together, if anything does.
    pub async fn patch_id(
        &self,
        old: &CommitId,
        new: &CommitId,
    ) -> Result<Option<String>, GitError> {
        let args = ["diff-tree", "-p", PLAIN[0], PLAIN[1], PLAIN[2], PLAIN[3]];
        let args: Vec<&str> = args.into_iter().chain([old.as_str(), new.as_str(), "--"]).collect();
        let patch = self.output(&args, USUAL).await?;
        Ok(self.ids_of(&patch).await?.pop_first())
    }

    async fn ids_of(&self, patches: &[u8]) -> Result<BTreeSet<String>, GitError> {
        let args = ["patch-id", "--stable"];
        let found = text(&args, self.output_of_input(&args, patches, USUAL).await?)?;
        Ok(found.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect())
    }

    /// Returns the commit that `id` is, or that the tag with this id points to; nothing if it is
    /// something else or is not here.
    pub async fn commit_of(&self, id: &CommitId) -> Result<Option<CommitId>, GitError> {
        let args = ["rev-parse", "--verify", "--quiet", &format!("{id}^{{commit}}")];
        match self.answer(&args).await? {
            Some(id) => id.trim().parse().map(Some).map_err(|_| unreadable(&args)),
            None => Ok(None),
        }
    }

    /// Puts the files of `commit` into the existing empty folder `into`.
    pub async fn check_out(&self, commit: &CommitId, into: &Path) -> Result<(), GitError> {
        let aside = tempfile::tempdir().map_err(GitError::Run)?;
        let args = ["read-tree", "-u", "--reset", commit.as_str()];
        let mut command = self.command(&[]);
        command
            .arg("--work-tree")
            .arg(into)
            .args(args)
            .env("GIT_INDEX_FILE", aside.path().join("index"));
        // `core.bare` and a work tree contradict each other.
        command.env("GIT_CONFIG_COUNT", "2");
        command.env("GIT_CONFIG_KEY_1", "core.bare").env("GIT_CONFIG_VALUE_1", "false");
        let finished = self.call(command, &args, &[], USUAL).await?;
        match finished.code {
            Some(0) => Ok(()),
            _ => {
                Err(GitError::Failed { command: "read-tree".to_owned(), message: finished.message })
            }
        }
    }
}

fn range(old: Option<&CommitId>, new: &CommitId) -> String {
    old.map_or_else(|| new.to_string(), |old| format!("{old}..{new}"))
}

fn lines_of_ids(args: &[&str], output: Vec<u8>) -> Result<Vec<CommitId>, GitError> {
    let output = text(args, output)?;
    let ids = output.lines().map(|line| line.parse().map_err(|_| unreadable(args)));
    ids.collect()
}

fn paths_of(output: &[u8]) -> impl Iterator<Item = String> + '_ {
    output
        .split(|byte| *byte == 0)
        .filter(|path| !path.is_empty())
        .map(|path| String::from_utf8_lossy(path).into_owned())
}

/// Refuses paths that Git would read as something else than a path from the root.
pub(super) fn usable_path(path: &str) -> Result<&str, GitError> {
    let usable = path.len() <= 4096
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
        && !path.chars().any(char::is_control);
    if usable {
        Ok(path)
    } else {
        Err(GitError::Unusable(path.chars().filter(|c| !c.is_control()).take(80).collect()))
    }
}

fn commit_of(fields: &[&str]) -> Option<Commit> {
    let [id, author_name, author_email, author_time, committer_email, rest @ ..] = fields else {
        return None;
    };
    let [subject, body, message, trailers] = rest else { return None };
    let trailers: Vec<Trailer> = trailers.lines().filter_map(trailer_of).collect();
    Some(Commit {
        id: id.parse().ok()?,
        author_name: (*author_name).to_owned(),
        author_email: (*author_email).to_owned(),
        // A time that Git itself cannot read is given as nothing.
        author_time_ms: author_time.parse::<i64>().unwrap_or(0).saturating_mul(1000),
        committer_email: (*committer_email).to_owned(),
        co_authors: co_authors_in(message),
        subject: (*subject).to_owned(),
        body: body.trim_end().to_owned(),
        trailers,
    })
}

fn trailer_of(line: &str) -> Option<Trailer> {
    let (name, value) = line.split_once(':')?;
    Some(Trailer { name: name.trim().to_owned(), value: value.trim().to_owned() })
}
