//! What a proposed configuration changes: read from the platform repository when somebody looks,
//! and stored nowhere.
//!
//! # Invariants
//!
//! - No character of what is shown hides another one: those that move, join or erase are written
//!   out as their numbers.

use schemars::JsonSchema;
use serde::Serialize;
use sluss_core::approval::Subject;
use sluss_core::ids::CommitId;
use sluss_engine::forge::{Commit, FileDiffers, RepositoryName};

use crate::app::App;

/// How many commits are named.
const TITLES: usize = 50;
/// How many files are named.
const FILES: usize = 200;
/// How many lines of the difference are shown.
const LINES: usize = 400;
/// How many bytes of the difference are shown.
const BYTES: usize = 64 * 1024;

/// What a proposed configuration changes beside the one in force.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct ProposedView {
    /// How much differs, in a sentence, or that it could not be read.
    pub sentence: String,
    /// The commit that was in force; nothing where none was.
    pub base_commit: Option<String>,
    /// The commits since, newest first.
    pub titles: Vec<CommitTitleView>,
    /// How many more commits there are.
    pub more_titles: u64,
    /// The files that differ.
    pub files: Vec<FileDifferenceView>,
    /// How many more files differ.
    pub more_files: u64,
    /// The difference itself, in Git's unified form, where one request is asked for.
    pub text: Option<String>,
    /// Where the difference goes on after that: how much is shown, and where the rest is read.
    pub cut: Option<String>,
}

/// A commit, as it is named.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct CommitTitleView {
    /// Its id.
    pub commit: String,
    /// The first line of its message.
    pub title: String,
}

/// A file that differs.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct FileDifferenceView {
    /// Its path.
    pub path: String,
    /// Lines added; nothing of a binary file.
    pub added: Option<u64>,
    /// Lines removed; nothing of a binary file.
    pub removed: Option<u64>,
}

impl CommitTitleView {
    /// Returns the first twelve digits of its id.
    pub(crate) fn short(&self) -> &str {
        self.commit.get(..12).unwrap_or(&self.commit)
    }
}

impl FileDifferenceView {
    /// Says how many lines differ.
    pub(crate) fn lines(&self) -> String {
        match self.added.zip(self.removed) {
            Some((added, removed)) => format!("+{added} −{removed}"),
            None => "binary".to_owned(),
        }
    }
}

impl ProposedView {
    /// Returns it with no more than `most` commits and files by name.
    pub(crate) fn brief(mut self, most: usize) -> Self {
        self.more_titles += self.titles.len().saturating_sub(most) as u64;
        self.more_files += self.files.len().saturating_sub(most) as u64;
        self.titles.truncate(most);
        self.files.truncate(most);
        self
    }
}

/// Returns what a proposed configuration changes, with the difference itself where `whole`; nothing
/// of what is no configuration.
pub(crate) async fn proposed(app: &App, subject: Subject, whole: bool) -> Option<ProposedView> {
    let Subject::Configuration(number) = subject else { return None };
    let (base, commit) = {
        let state = app.engine.state();
        let commit = state.proposals.get(&number)?.commit.clone();
        // A later proposal overtakes: what is in force meanwhile is an earlier one.
        let earlier = state.proposals.range(..number);
        let earlier = earlier.filter_map(|(id, one)| Some(((one.activated?, *id), one)));
        let base = earlier.max_by_key(|(came, _)| *came).map(|(_, one)| one.commit.clone());
        (base, commit)
    };
    let base_commit = base.as_ref().map(ToString::to_string);
    Some(match read(app, (base.as_ref(), &commit), whole).await {
        Ok(view) => ProposedView { base_commit, ..view },
        Err(why) => {
            let sentence =
                format!("What it changes could not be read from the platform repository: {why}.");
            ProposedView { sentence, base_commit, ..ProposedView::default() }
        }
    })
}

async fn read(
    app: &App,
    (old, new): (Option<&CommitId>, &CommitId),
    whole: bool,
) -> Result<ProposedView, String> {
    let objects = app.engine.parts().repositories.objects(&RepositoryName::platform());
    let objects = objects.ok_or("it is not there")?;
    let said = |error: sluss_engine::forge::GitError| error.to_string();
    let commits = objects.commits(old, new, TITLES).await.map_err(said)?;
    let count = objects.commit_count(old, new).await.map_err(said)?;
    let files = objects.files_that_differ(old, new).await.map_err(said)?;
    let mut view = ProposedView {
        sentence: sentence(count, &files, old),
        more_titles: count.saturating_sub(commits.len() as u64),
        titles: commits.into_iter().map(title).collect(),
        more_files: files.len().saturating_sub(FILES) as u64,
        files: files.into_iter().take(FILES).map(file).collect(),
        ..ProposedView::default()
    };
    if whole {
        match objects.difference_text(old, new).await {
            Ok(text) => {
                let (text, cut) = shown(&text, (old, new));
                (view.text, view.cut) = (Some(text), cut);
            }
            Err(why) => view.cut = Some(format!("The difference could not be read: {why}.")),
        }
    }
    Ok(view)
}

fn sentence(commits: u64, files: &[FileDiffers], old: Option<&CommitId>) -> String {
    let counted = |count: u64, one: &str| match count {
        1 => format!("1 {one}"),
        more => format!("{more} {one}s"),
    };
    let lines = files.iter().filter_map(|file| file.lines);
    let (added, removed) = lines.fold((0, 0), |sum, of| (sum.0 + of.0, sum.1 + of.1));
    let binary = match files.iter().filter(|file| file.lines.is_none()).count() {
        0 => String::new(),
        some => format!(", {some} of the files binary"),
    };
    let beside = match old {
        Some(commit) => format!("since {}, which was in force", commit.short()),
        None => "and nothing was in force before".to_owned(),
    };
    let (commits, files) = (counted(commits, "commit"), counted(files.len() as u64, "file"));
    format!("{commits} {beside}: {files}, +{added} −{removed} lines{binary}.")
}

fn title(commit: Commit) -> CommitTitleView {
    let title: String = commit.subject.chars().take(200).collect();
    CommitTitleView { commit: commit.id.to_string(), title: visible(&title) }
}

fn file(of: FileDiffers) -> FileDifferenceView {
    let (added, removed) = of.lines.unzip();
    FileDifferenceView { path: visible(&of.path), added, removed }
}

/// Returns as much of a difference as is shown, and what is said where that is not all.
fn shown(text: &str, (old, new): (Option<&CommitId>, &CommitId)) -> (String, Option<String>) {
    let text = visible(text);
    let mut kept = String::new();
    let mut lines = 0;
    for line in text.lines() {
        if lines == LINES || kept.len() + line.len() >= BYTES {
            break;
        }
        kept.push_str(line);
        kept.push('\n');
        lines += 1;
    }
    let total = text.lines().count();
    let read = match old {
        Some(old) => format!("git diff {} {}", old.short(), new.short()),
        None => format!("git show {}", new.short()),
    };
    let cut = format!(
        "These are the first {lines} of {total} lines. Read the rest in a clone of the platform \
         repository: {read}"
    );
    (kept, (lines < total).then_some(cut))
}

/// Writes out what would not be seen, or would move what is.
fn visible(text: &str) -> String {
    let hides = |one: char| {
        let format = matches!(one, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}')
            || matches!(one, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
            || matches!(one, '\u{2060}'..='\u{206f}' | '\u{e0000}'..='\u{e0fff}');
        (one.is_control() && !matches!(one, '\n' | '\t')) || format
    };
    let mut seen = String::with_capacity(text.len());
    for one in text.chars() {
        match hides(one) {
            true => seen.extend(one.escape_unicode()),
            false => seen.push(one),
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commits() -> (CommitId, CommitId) {
        ("a".repeat(40).parse().unwrap(), "b".repeat(40).parse().unwrap())
    }

    #[test]
    fn what_would_not_be_seen_in_a_difference_is_written_out() {
        assert_eq!(visible("+a\u{1b}[2K\r\n\tb"), "+a\\u{1b}[2K\\u{d}\n\tb");
        assert_eq!(visible("x\u{202e}y\u{200b}z ü"), "x\\u{202e}y\\u{200b}z ü");
    }

    #[test]
    fn a_difference_that_is_cut_says_so() {
        let (old, new) = commits();
        let (text, cut) = shown(&"+x\n".repeat(400), (Some(&old), &new));
        assert_eq!((text.lines().count(), cut), (400, None));
        let (text, cut) = shown(&"+x\n".repeat(401), (Some(&old), &new));
        assert_eq!(text.lines().count(), 400);
        assert!(cut.unwrap().contains("the first 400 of 401 lines"));
        let long = format!("+a\n+{}\n", "x".repeat(BYTES));
        let (text, cut) = shown(&long, (None, &new));
        assert_eq!(text, "+a\n");
        assert!(cut.unwrap().contains("git show"));
    }
}
