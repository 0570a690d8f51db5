//! Reads `organisation.yaml` of the platform repository.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use sluss_core::config::{Demand, FourEyes, Money, Organisation, Product};
use sluss_core::ids::{Digest, PersonRef, ProductName, ServiceName, TeamName, TemplateRef};
use sluss_store::Accounts;

use crate::forge::ObjectAccess;
use crate::pipeline::{Catalogue, Source};

/// The file's name.
pub const FILE: &str = "organisation.yaml";

/// What someone may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Role {
    Developer,
    Approver,
    Auditor,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProductFile {
    title: String,
    owner: TeamName,
    #[serde(default)]
    failure_cost: Option<Money>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    #[serde(default = "first_release")]
    four_eyes: FourEyes,
    #[serde(default = "everything")]
    require: BTreeSet<Demand>,
    #[serde(default)]
    open_registration: bool,
    #[serde(default)]
    products: BTreeMap<ProductName, ProductFile>,
    #[serde(default)]
    services: BTreeMap<ServiceName, ProductName>,
    people: BTreeMap<String, Vec<Role>>,
}

fn first_release() -> FourEyes {
    FourEyes::FirstRelease
}

fn everything() -> BTreeSet<Demand> {
    Demand::ALL.into()
}

/// The content of a platform repository at one commit.
#[derive(Debug, Clone)]
pub struct Platform {
    /// What it asks.
    pub organisation: Organisation,
    /// Its templates, and those built in.
    pub catalogue: Catalogue,
}

/// Reads the platform repository at `commit`, or says in lines what is wrong with it.
///
/// # Errors
///
/// What is wrong, a line each, for whoever pushed it.
pub async fn read(
    objects: &ObjectAccess,
    commit: &sluss_core::ids::CommitId,
    accounts: &Accounts,
) -> Result<Platform, Vec<String>> {
    let failed = |error: crate::forge::GitError| vec![error.to_string()];
    let text = objects.read_file(commit, FILE, Source::LARGEST).await.map_err(failed)?;
    let Some(text) = text else {
        return Err(vec![
            format!("The platform repository has no {FILE}."),
            "Start from the one that Sluss made: git log -- organisation.yaml".to_owned(),
        ]);
    };
    let text = String::from_utf8(text).map_err(|_| vec![format!("{FILE} is not UTF-8.")])?;
    let file: File = serde_saphyr::from_str(&text).map_err(|error| {
        format!("{FILE}: {error}").lines().map(str::to_owned).collect::<Vec<_>>()
    })?;
    let catalogue = templates(objects, commit).await?;
    let organisation = resolve(file, &catalogue, accounts).await?;
    Ok(Platform { organisation, catalogue })
}

async fn templates(
    objects: &ObjectAccess,
    commit: &sluss_core::ids::CommitId,
) -> Result<Catalogue, Vec<String>> {
    let failed = |error: crate::forge::GitError| vec![error.to_string()];
    let mut catalogue = Catalogue::built_in();
    for path in objects.list_files(commit, 10_000).await.map_err(failed)? {
        if !(path.starts_with("templates/") && path.ends_with("/template.yaml")) {
            continue;
        }
        let text = objects.read_file(commit, &path, Source::LARGEST).await.map_err(failed)?;
        let added =
            Source::new(path, &text.unwrap_or_default()).and_then(|source| catalogue.add(source));
        added.map_err(|problems| {
            problems.to_string().lines().map(str::to_owned).collect::<Vec<_>>()
        })?;
    }
    Ok(catalogue)
}

async fn resolve(
    file: File,
    catalogue: &Catalogue,
    accounts: &Accounts,
) -> Result<Organisation, Vec<String>> {
    let mut wrong = Vec::new();
    let mut developers = BTreeSet::new();
    let mut approvers = BTreeSet::new();
    for (login, roles) in &file.people {
        let person: Option<PersonRef> = match accounts.find(login).await {
            Ok(account) => account.map(|account| account.person),
            Err(error) => return Err(vec![format!("The accounts can't be read: {error}")]),
        };
        let Some(person) = person else {
            wrong.push(format!(
                "{FILE}: people: nobody has the login `{login}`; make the account first: \
                 sluss account add {login}"
            ));
            continue;
        };
        if roles.contains(&Role::Developer) {
            developers.insert(person.clone());
        }
        if roles.contains(&Role::Approver) {
            approvers.insert(person);
        }
    }
    let products: BTreeMap<ProductName, Product> = file
        .products
        .into_iter()
        .map(|(name, of)| {
            let ProductFile { title, owner, failure_cost } = of;
            (name, Product { title, owner, failure_cost })
        })
        .collect();
    for (service, product) in &file.services {
        if !products.contains_key(product) {
            wrong.push(format!(
                "{FILE}: services: `{service}` belongs to `{product}`, which is not listed"
            ));
        }
    }
    if developers.is_empty() {
        wrong.push(format!("{FILE}: people: somebody must be a developer, or nobody could push"));
    }
    if file.four_eyes != FourEyes::Never && approvers.is_empty() {
        wrong
            .push(format!("{FILE}: four_eyes asks for a second person, but nobody is an approver"));
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let templates: BTreeMap<TemplateRef, Digest> = catalogue
        .templates()
        .map(|template| (template.name.clone(), template.digest.clone()))
        .collect();
    Ok(Organisation {
        name: file.name,
        four_eyes: file.four_eyes,
        require: file.require,
        open_registration: file.open_registration,
        products,
        services: file.services,
        developers,
        approvers,
        groups: BTreeMap::new(),
        approvals: Vec::new(),
        approval_hours: Organisation::APPROVAL_HOURS,
        calendar: None,
        policies: None,
        templates,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_that_says_nothing_about_it_requires_everything() {
        let file: File = serde_saphyr::from_str("{name: Bank, people: {}}").unwrap();
        assert_eq!(file.require, everything());
        let file: File = serde_saphyr::from_str("{name: Bank, people: {}, require: []}").unwrap();
        assert!(file.require.is_empty());
    }
}
