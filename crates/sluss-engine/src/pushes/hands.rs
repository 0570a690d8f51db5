//! Who had which hand in what is pushed: authors, committers and co-authors told apart.

use std::collections::BTreeSet;

use sluss_core::event::Hands;
use sluss_core::ids::PersonRef;
use sluss_store::Accounts;

use super::Lines;
use crate::forge::Commit;

/// Returns who wrote, committed and co-authored `commits`; the core adds who pushed them.
pub(super) async fn hands_in(commits: &[Commit], accounts: &Accounts) -> Result<Hands, Lines> {
    let authors = commits.iter().map(|commit| commit.author_email.as_str());
    let committers = commits.iter().map(|commit| commit.committer_email.as_str());
    let co_authors = commits.iter().flat_map(|commit| &commit.co_authors);
    Ok(Hands {
        authors: people(authors, accounts).await?,
        committers: people(committers, accounts).await?,
        co_authors: people(co_authors.map(|one| one.email.as_str()), accounts).await?,
        ..Hands::default()
    })
}

async fn people(
    emails: impl Iterator<Item = &str>,
    accounts: &Accounts,
) -> Result<BTreeSet<PersonRef>, Lines> {
    let emails: BTreeSet<&str> = emails.filter(|email| !email.trim().is_empty()).collect();
    let mut people = BTreeSet::new();
    for email in emails {
        let account = accounts.ensure_outsider(email).await;
        let account = account.map_err(|error| {
            vec![format!("The commit address `{email}` can't be taken: {error}")]
        })?;
        people.insert(account.person);
    }
    Ok(people)
}
