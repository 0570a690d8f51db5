//! What no push may do, whoever pushes: checked before [`super::Pushes`] is asked.

use std::path::{Path, PathBuf};

use sluss_core::ids::CommitId;

use super::git::{GitError, ObjectAccess};
use super::hook::{GitPlaces, RefLine};
use super::push::{RefName, RefUpdate};

const MOST_REFS: usize = 1000;

/// Reads what the hook said; an error is the reason for the pusher.
pub(super) fn updates_of(lines: &[RefLine]) -> Result<Vec<RefUpdate>, String> {
    if lines.is_empty() || lines.len() > MOST_REFS {
        return Err(format!("a push moves between 1 and {MOST_REFS} branches and tags"));
    }
    lines.iter().map(update_of).collect()
}

fn update_of(line: &RefLine) -> Result<RefUpdate, String> {
    let name = line.name.parse().map_err(|error| format!("{error}"))?;
    let id = |text: &str| -> Result<Option<CommitId>, String> {
        if !text.is_empty() && text.bytes().all(|byte| byte == b'0') {
            return Ok(None);
        }
        text.parse().map(Some).map_err(|error| format!("{error}"))
    };
    Ok(RefUpdate { name, old: id(&line.old)?, new: id(&line.new)? })
}

/// Returns where Git keeps the pushed objects; only a folder within this repository's will do.
pub(super) fn quarantine_of(git_folder: &Path, places: &GitPlaces) -> Option<PathBuf> {
    let named = places.object_directory.as_deref().or(places.quarantine_path.as_deref())?;
    let objects = git_folder.join("objects").canonicalize().ok()?;
    let folder = git_folder.join(named).canonicalize().ok()?;
    (folder != objects && folder.starts_with(&objects)).then_some(folder)
}

/// Says why these updates are refused, if they are; the outer error is Git's.
pub(super) async fn objection(
    objects: &ObjectAccess,
    updates: &[RefUpdate],
) -> Result<Option<String>, GitError> {
    for update in updates {
        if let Some(reason) = objection_to(objects, update).await? {
            return Ok(Some(reason));
        }
    }
    Ok(None)
}

async fn objection_to(
    objects: &ObjectAccess,
    update: &RefUpdate,
) -> Result<Option<String>, GitError> {
    let name = &update.name;
    let said = |text: String| Ok(Some(text));
    if objects.target(name).await? != update.old {
        return said(format!("`{name}` has moved meanwhile: fetch, then push again"));
    }
    if let (Some(new), Some(short)) = (&update.new, nested(name)) {
        return said(format!(
            "`{name}` has a full name within its name: name it without `refs/` \
             (`git push REMOTE {}:{short}`)",
            new.short()
        ));
    }
    let Some(new) = &update.new else {
        return match name.is_main() {
            true => said("the main branch cannot be deleted".to_owned()),
            false => Ok(None),
        };
    };
    let commit = objects.commit_of(new).await?;
    if name.branch().is_some() && commit.as_ref() != Some(new) {
        return said(format!("`{name}` would not be at a commit"));
    }
    match &update.old {
        Some(old) if name.is_main() && !objects.is_ancestor(old, new).await? => said(
            "the main branch is not rewritten: what is there has to stay before what is new \
             (`git pull --rebase`, then push again)"
                .to_owned(),
        ),
        Some(_) | None => Ok(None),
    }
}

/// Returns the short name of a ref that carries a full one within, as `refs/heads/refs/heads/main`
/// does: no pipeline and no rule of the main branch would see it as what it looks like.
fn nested(name: &RefName) -> Option<&str> {
    let mut short = name.branch().or(name.tag())?;
    if !short.starts_with("refs/") {
        return None;
    }
    while let Some(rest) = short.strip_prefix("refs/") {
        short = rest.split_once('/').map_or(rest, |(_kind, rest)| rest);
    }
    Some(short)
}
