//! Reads the platform repository: `organisation.yaml`, templates, calendar, policies, and which
//! controls do not apply.

mod agreement;
mod policies;

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use sluss_core::alarm::Notify;
use sluss_core::config::{Demand, FourEyes, Money, Organisation, Product};
use sluss_core::ids::{
    Digest, EnvironmentName, GroupName, PersonRef, ProductName, ServiceName, TeamName, TemplateRef,
};
use sluss_core::pipeline::GateKind;
use sluss_core::remediation::Terms;
use sluss_core::retention::{Class, Periods, Years};
use sluss_core::slots::Rule;
use sluss_store::Accounts;

use crate::forge::ObjectAccess;
use crate::pipeline::{Catalogue, Source};
use crate::texts::{self, PlatformTexts};
use agreement::Agreement;
use policies::PoliciesFile;

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
    #[serde(default)]
    require: BTreeSet<Demand>,
    #[serde(default)]
    findings: Terms,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    #[serde(default = "first_release")]
    four_eyes: FourEyes,
    #[serde(default = "usual")]
    require: BTreeSet<Demand>,
    #[serde(default)]
    open_registration: bool,
    #[serde(default)]
    products: BTreeMap<ProductName, ProductFile>,
    #[serde(default)]
    services: BTreeMap<ServiceName, ProductName>,
    people: BTreeMap<String, Vec<Role>>,
    #[serde(default)]
    groups: BTreeMap<GroupName, BTreeSet<String>>,
    #[serde(default)]
    approvals: Vec<Rule>,
    #[serde(default = "approval_hours")]
    approval_hours: u32,
    #[serde(default = "approval_days")]
    approval_days: u32,
    #[serde(default)]
    environments: BTreeMap<EnvironmentName, EnvironmentFile>,
    #[serde(default)]
    approve_by_key: bool,
    #[serde(default = "sign_in_minutes")]
    sign_in_minutes: u32,
    #[serde(default)]
    training: BTreeMap<String, String>,
    #[serde(default)]
    findings: Terms,
    #[serde(default)]
    retention: BTreeMap<Class, Years>,
    #[serde(default)]
    policies: PoliciesFile,
    #[serde(default)]
    on_call: Option<GroupName>,
    #[serde(default)]
    notify: Vec<Notify>,
}

/// What is said of an environment that stays.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EnvironmentFile {
    customers: bool,
}

fn approval_days() -> u32 {
    Organisation::APPROVAL_DAYS
}

fn sign_in_minutes() -> u32 {
    Organisation::SIGN_IN_MINUTES
}

fn approval_hours() -> u32 {
    Organisation::APPROVAL_HOURS
}

fn first_release() -> FourEyes {
    FourEyes::FirstRelease
}

fn usual() -> BTreeSet<Demand> {
    Demand::USUAL.into()
}

/// The content of a platform repository at one commit.
#[derive(Debug, Clone)]
pub struct Platform {
    /// What it asks.
    pub organisation: Organisation,
    /// Its templates, and those built in.
    pub catalogue: Catalogue,
    /// Its calendar, its policies, and why controls do not apply.
    pub texts: PlatformTexts,
    /// Files that look as if they were read here, and are not.
    pub unread: Vec<String>,
}

/// Reads the platform repository at `commit`, or says in lines what is wrong with it.
///
/// # Errors
///
/// What is wrong, a line each, for whoever pushed it; so is a template that is in force under its
/// name and version and would be another one.
pub async fn read(
    objects: &ObjectAccess,
    commit: &sluss_core::ids::CommitId,
    accounts: &Accounts,
    in_force: Option<&Organisation>,
) -> Result<Platform, Vec<String>> {
    let read = objects.read_file(commit, FILE, Source::LARGEST).await;
    let text = read.map_err(|error| vec![format!("{FILE} can't be read: {error}")])?;
    let Some(text) = text else {
        return Err(vec![
            format!("The platform repository has no {FILE}."),
            "Start from the one that Sluss made: git log -- organisation.yaml".to_owned(),
        ]);
    };
    let text = String::from_utf8(text).map_err(|_| vec![format!("{FILE} is not UTF-8.")])?;
    let file: File = serde_saphyr::from_str(&text).map_err(|error| {
        let said = error.to_string().replace("<input>", FILE);
        // What the parser would be told otherwise is nothing that can be told in the file.
        let said = said.replace(", set DuplicateKeyPolicy in Options if acceptable", "");
        format!("{FILE}: {said}").lines().map(str::to_owned).collect::<Vec<_>>()
    })?;
    let catalogue = templates(objects, commit).await?;
    never_changes(&catalogue, in_force)?;
    let (organisation, texts) =
        (resolve(file, &catalogue, accounts).await, texts::read(objects, commit).await);
    match (organisation, texts) {
        (Ok(organisation), Ok(texts)) => {
            let (calendar, policies) = (texts.calendar(), texts.policies());
            let not_applicable = texts.not_applicable();
            let organisation = Organisation { calendar, policies, not_applicable, ..organisation };
            let unread = unread(objects, commit).await;
            Ok(Platform { organisation, catalogue, texts, unread })
        }
        (organisation, texts) => {
            Err(organisation.err().into_iter().chain(texts.err()).flatten().collect())
        }
    }
}

/// Returns the built-in templates, and those of the platform repository at `commit`.
///
/// # Errors
///
/// What is wrong with them, a line each.
pub(crate) async fn templates(
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

/// Returns files whose names are near those that are read. It is only said, so what can't be
/// listed is none.
async fn unread(objects: &ObjectAccess, commit: &sluss_core::ids::CommitId) -> Vec<String> {
    const NEAR: [&str; 6] =
        ["calendar.", "organisation.", "organization.", "controls.", "policy/", "template/"];
    let read = ["calendar.yaml", FILE, "controls.yaml"];
    let files = objects.list_files(commit, 10_000).await.unwrap_or_default();
    let near = |path: &String| {
        (NEAR.iter().any(|near| path.starts_with(near)) || path.ends_with(".ics"))
            && !read.contains(&path.as_str())
    };
    files.into_iter().filter(near).take(10).collect()
}

/// Checks that no version of a template that was published, or is built in, would be another one.
fn never_changes(
    catalogue: &Catalogue,
    in_force: Option<&Organisation>,
) -> Result<(), Vec<String>> {
    let built_in = Catalogue::built_in();
    let known = |name: &TemplateRef| {
        let published = in_force.and_then(|known| known.templates.get(name));
        published.or_else(|| built_in.find(name).map(|template| &template.digest))
    };
    let ours = |name: &TemplateRef| built_in.find(name).map(|template| &template.digest);
    let changed = catalogue.templates().filter(|template| {
        let (name, digest) = (&template.name, &template.digest);
        // A newer Sluss may bring a built-in one that is mended.
        known(name).is_some_and(|known| known != digest) && ours(name) != Some(digest)
    });
    let wrong = changed.map(|template| {
        let TemplateRef { name, .. } = &template.name;
        let versions = catalogue.templates().filter(|other| other.name.name == *name);
        let next = versions.map(|other| other.name.version).max().unwrap_or(0) + 1;
        format!(
            "templates: `{}` is published already, and a published version never changes: give \
             this one the version {next} (`{name}@{next}`), and services take it up by its name",
            template.name
        )
    });
    let wrong: Vec<String> = wrong.collect();
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

/// Looks up everybody who is named; says of whom nobody knows.
async fn logins(
    file: &File,
    accounts: &Accounts,
    wrong: &mut Vec<String>,
) -> Result<BTreeMap<String, PersonRef>, Vec<String>> {
    let mut named: Vec<(&str, String)> = Vec::new();
    for login in file.people.keys() {
        named.push((login, "people".to_owned()));
    }
    for login in file.training.keys() {
        named.push((login, "training".to_owned()));
    }
    for (group, members) in &file.groups {
        for login in members {
            named.push((login, format!("groups: {group}")));
        }
    }
    let mut known = BTreeMap::new();
    for (login, place) in named {
        let found = accounts.find(login).await;
        match found.map_err(|error| vec![format!("The accounts can't be read: {error}")])? {
            Some(account) => {
                known.insert(login.to_owned(), account.person);
            }
            None => wrong.push(format!(
                "{FILE}: {place}: nobody has the login `{login}`; make the account first: \
                 sluss account add {login}"
            )),
        }
    }
    Ok(known)
}

/// The gates of each stage of each template.
fn template_gates(
    catalogue: &Catalogue,
) -> BTreeMap<TemplateRef, BTreeMap<EnvironmentName, BTreeSet<GateKind>>> {
    let all = catalogue.templates().map(|template| (template.name.clone(), template.gates()));
    all.filter(|(_, stages)| !stages.is_empty()).collect()
}

/// The environments of which it is said that no customers are there.
fn without_customers(
    said: BTreeMap<EnvironmentName, EnvironmentFile>,
) -> BTreeSet<EnvironmentName> {
    said.into_iter().filter(|(_, said)| !said.customers).map(|(name, _)| name).collect()
}

impl From<ProductFile> for Product {
    fn from(of: ProductFile) -> Self {
        let ProductFile { title, owner, failure_cost, require, findings } = of;
        Self { title, owner, failure_cost, require, findings }
    }
}

async fn resolve(
    file: File,
    catalogue: &Catalogue,
    accounts: &Accounts,
) -> Result<Organisation, Vec<String>> {
    let mut wrong = Vec::new();
    let known = logins(&file, accounts, &mut wrong).await?;
    let holders = |role: Role| -> BTreeSet<PersonRef> {
        let of = file.people.iter().filter(|(_, roles)| roles.contains(&role));
        of.filter_map(|(login, _)| known.get(login)).cloned().collect()
    };
    let (developers, approvers) = (holders(Role::Developer), holders(Role::Approver));
    let agreement = Agreement::of(&file, &known, &approvers, &mut wrong);
    let policy = file.policies.read(&mut wrong);
    let products: BTreeMap<ProductName, Product> =
        file.products.into_iter().map(|(name, of)| (name, of.into())).collect();
    for (service, product) in &file.services {
        if !products.contains_key(product) {
            wrong.push(format!(
                "{FILE}: services: `{service}` belongs to `{product}`, which is not listed"
            ));
        }
    }
    let retention = Periods::new(file.retention).unwrap_or_else(|short| {
        wrong.extend(short.iter().map(|one| format!("{FILE}: retention: {one}")));
        Periods::default()
    });
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
        groups: agreement.groups,
        approvals: agreement.approvals,
        approval_hours: file.approval_hours,
        approval_days: file.approval_days,
        by_key: file.approve_by_key,
        sign_in_minutes: file.sign_in_minutes,
        training: agreement.training,
        findings: file.findings,
        retention,
        not_applicable: BTreeMap::new(),
        calendar: None,
        policies: None,
        alarm: agreement.alarm,
        templates,
        template_gates: template_gates(catalogue),
        without_customers: without_customers(file.environments),
        policy,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_that_says_nothing_about_it_requires_the_usual() {
        let file: File = serde_saphyr::from_str("{name: Bank, people: {}}").unwrap();
        assert_eq!(file.require, usual());
        let file: File = serde_saphyr::from_str("{name: Bank, people: {}, require: []}").unwrap();
        assert!(file.require.is_empty());
    }

    #[test]
    fn terms_of_findings_are_days_by_severity() {
        let read = |text: &str| {
            serde_saphyr::from_str::<File>(&format!("{{name: Bank, people: {{}}, {text}}}"))
        };
        assert!(read("require: []").unwrap().findings.is_empty());
        assert!(
            !read("findings: {critical: 0d, high: 14d, low: never}").unwrap().findings.is_empty()
        );
        let wrong = read("findings: {high: 2w}").unwrap_err().to_string();
        assert!(wrong.contains("days from `0d` to `3650d`, or `never`"), "{wrong}");
        assert!(read("findings: {severe: 3d}").is_err());
    }

    #[test]
    fn what_is_kept_for_is_said_in_years_by_class() {
        let read = |text: &str| {
            serde_saphyr::from_str::<File>(&format!("{{name: Bank, people: {{}}, {text}}}"))
        };
        let file = read("retention: {logs: 3y, evidence: 9y}").unwrap();
        let short = Periods::new(file.retention).unwrap_err();
        assert_eq!(short.len(), 1);
        let said = short[0].to_string();
        assert!(said.starts_with("`evidence` is kept for at least 10y, so 9y is too short"));
        assert!(read("retention: {logs: 3}").is_err());
        assert!(read("retention: {letters: 3y}").is_err());
    }
}
