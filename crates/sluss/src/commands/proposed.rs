//! What a proposed configuration changes, as a terminal shows it.

use serde_json::Value;

use super::shape::{list, plain, short, word};

/// How many commits and files an inbox names.
const BRIEF: usize = 8;

/// Returns what a configuration changes, in lines: commits, files, and the difference itself.
pub(super) fn lines_of(changes: &Value) -> Vec<String> {
    if !changes.is_object() {
        return Vec::new();
    }
    let mut lines = vec![format!("  changes       {}", plain(word(changes, "sentence")))];
    lines.extend(titles(changes, usize::MAX).into_iter().map(|said| format!("    {said}")));
    lines.extend(files(changes, usize::MAX).into_iter().map(|said| format!("    {said}")));
    if let Some(text) = changes["text"].as_str().filter(|text| !text.is_empty()) {
        lines.push(String::new());
        lines.extend(text.lines().map(|line| plain(&line.replace('\t', "    "))));
        lines.push(String::new());
    }
    lines.extend(changes["cut"].as_str().map(plain));
    lines
}

/// Returns what a configuration changes, as rows of an inbox.
pub(super) fn rows_of(changes: &Value) -> Vec<(&'static str, String)> {
    if !changes.is_object() {
        return Vec::new();
    }
    let mut rows = vec![("changes", plain(word(changes, "sentence")))];
    rows.extend(titles(changes, BRIEF).into_iter().map(|said| ("", said)));
    rows.extend(files(changes, BRIEF).into_iter().map(|said| ("", said)));
    rows
}

fn titles(changes: &Value, most: usize) -> Vec<String> {
    let all = list(changes, "titles");
    let named = all.iter().take(most);
    let named = named
        .map(|one| format!("{} {}", plain(short(word(one, "commit"))), plain(word(one, "title"))));
    let more = all.len().saturating_sub(most) as u64;
    with_more(named.collect(), more + changes["more_titles"].as_u64().unwrap_or(0), "commits")
}

fn files(changes: &Value, most: usize) -> Vec<String> {
    let all = list(changes, "files");
    let named = all.iter().take(most).map(|one| {
        let lines = match (one["added"].as_u64(), one["removed"].as_u64()) {
            (Some(added), Some(removed)) => format!("+{added} -{removed}"),
            (_, _) => "binary".to_owned(),
        };
        format!("{} {lines}", plain(word(one, "path")))
    });
    let more = all.len().saturating_sub(most) as u64;
    with_more(named.collect(), more + changes["more_files"].as_u64().unwrap_or(0), "files")
}

fn with_more(mut named: Vec<String>, more: u64, what: &str) -> Vec<String> {
    named.extend((more > 0).then(|| format!("and {more} more {what}")));
    named
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn who_approves_a_configuration_is_shown_commits_files_and_the_difference() {
        let changes = json!({
            "sentence": "1 commit since abc: 2 files, +1 −0 lines.",
            "titles": [{ "commit": "b".repeat(40), "title": "Two\u{1b} people" }],
            "more_titles": 0,
            "files": [
                { "path": "organisation.yaml", "added": 1, "removed": 0 },
                { "path": "logo", "added": null, "removed": null },
            ],
            "more_files": 3,
            "text": "+four_eyes: always\n",
            "cut": "These are the first 1 of 2 lines.",
        });
        let said = lines_of(&changes).join("\n");
        let wanted = "  changes       1 commit since abc: 2 files, +1 −0 lines.
    bbbbbbbbbbbb Two  people
    organisation.yaml +1 -0
    logo binary
    and 3 more files

+four_eyes: always

These are the first 1 of 2 lines.";
        assert_eq!(said, wanted);
        assert_eq!(rows_of(&changes).len(), 5);
        assert!(lines_of(&Value::Null).is_empty() && rows_of(&Value::Null).is_empty());
    }
}
