//! Compares the refs with the log, after a start.
//!
//! A push whose event is recorded and whose ref's move was not confirmed either moved (the control
//! plane ended between the two) or is lost.

use sluss_core::ids::CommitId;

use super::git::GitError;
use super::push::{RefName, RepositoryName};
use super::repositories::Repositories;

/// A push that was recorded and not confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Where to.
    pub repository: RepositoryName,
    /// The branch or tag.
    pub name: RefName,
    /// What it should be at, or have been at.
    pub commit: CommitId,
}

/// What the repository says about such a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// The ref has the commit: the push arrived.
    Moved,
    /// The ref has not: the push has to be made again.
    Lost,
}

/// One push compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The push.
    pub expected: Expected,
    /// What became of it.
    pub found: Found,
}

/// Finds out for each push that was recorded and not confirmed what became of it.
pub async fn compare(
    repositories: &Repositories,
    expected: Vec<Expected>,
) -> Result<Vec<Difference>, GitError> {
    let mut differences = Vec::with_capacity(expected.len());
    for expected in expected {
        let found =
            if has_arrived(repositories, &expected).await? { Found::Moved } else { Found::Lost };
        differences.push(Difference { expected, found });
    }
    Ok(differences)
}

async fn has_arrived(repositories: &Repositories, push: &Expected) -> Result<bool, GitError> {
    let Some(objects) = repositories.objects(&push.repository) else { return Ok(false) };
    let Some(target) = objects.target(&push.name).await? else { return Ok(false) };
    if target == push.commit {
        return Ok(true);
    }
    // A commit that is not here at all cannot be asked about.
    match (objects.commit_of(&push.commit).await?, objects.commit_of(&target).await?) {
        (Some(commit), Some(target)) => objects.is_ancestor(&commit, &target).await,
        (None, _) | (_, None) => Ok(false),
    }
}
