//! Python: `uv.lock` (version 1) and `poetry.lock` (lock version 2). All groups and extras count.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::python::{component, name};
use super::{Component, Inventory, LockError, Purl, check_size, toml};

/// What is downloaded, with its digest.
#[derive(Deserialize)]
struct File {
    hash: Option<String>,
}

#[derive(Deserialize)]
struct UvLock {
    version: u32,
    #[serde(default)]
    package: Vec<UvPackage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct UvPackage {
    name: String,
    version: Option<String>,
    source: BTreeMap<String, Value>,
    #[serde(default)]
    dependencies: Vec<UvNeed>,
    #[serde(default)]
    optional_dependencies: BTreeMap<String, Vec<UvNeed>>,
    #[serde(default)]
    dev_dependencies: BTreeMap<String, Vec<UvNeed>>,
    sdist: Option<File>,
    #[serde(default)]
    wheels: Vec<File>,
}

#[derive(Deserialize)]
struct UvNeed {
    name: String,
    version: Option<String>,
}

/// Reads a `uv.lock`. Its own project is no component.
///
/// # Errors
///
/// [`LockError`] with what is not understood.
pub fn uv_lock(text: &str) -> Result<Inventory, LockError> {
    check_size(text.len())?;
    let wrong = |what: String| LockError::Toml { of: "uv", what };
    let lock: UvLock =
        serde_json::from_value(toml::read(text)?).map_err(|error| wrong(error.to_string()))?;
    if lock.version != 1 {
        return Err(wrong(format!("version {}, where version 1 is read", lock.version)));
    }
    let mut inventory = Inventory::default();
    for package in lock.package.iter().filter(|package| !package.is_the_project()) {
        let groups =
            package.optional_dependencies.values().chain(package.dev_dependencies.values());
        let mut needs = BTreeSet::new();
        for need in package.dependencies.iter().chain(groups.flatten()) {
            needs.insert(package.need(need, &lock.package)?);
        }
        let files = package.wheels.iter().chain(&package.sdist);
        let hashes = digests(&package.name, files)?;
        let known =
            component(package.named()?, package.version.clone().unwrap_or_default(), hashes);
        add(&mut inventory, package.purl()?, Component { needs, ..known })?;
    }
    Ok(inventory)
}

impl UvPackage {
    fn is_the_project(&self) -> bool {
        let here = |kind: &str| self.source.get(kind).and_then(Value::as_str) == Some(".");
        ["virtual", "editable", "directory"].into_iter().any(here)
    }

    fn named(&self) -> Result<String, LockError> {
        name(&self.name).ok_or_else(|| entry(&self.name, "not the name of a package"))
    }

    fn purl(&self) -> Result<Purl, LockError> {
        let version = self.version.as_deref();
        let text = |kind: &str| self.source.get(kind).and_then(Value::as_str);
        let own = ["directory", "editable", "virtual", "path"].into_iter().find_map(text);
        let purl = match version {
            Some(version) => Purl::new("pypi", None, &self.named()?, version),
            None if own.is_some() => Purl(format!("pkg:pypi/{}", self.named()?)),
            None => return Err(entry(&self.name, "a package without version")),
        };
        match (text("registry"), text("git"), text("url")) {
            (_, Some(git), _) => Ok(purl.with("vcs_url", &format!("git+{git}"))),
            (_, _, Some(url)) => Ok(purl.with("download_url", url)),
            (Some("https://pypi.org/simple"), _, _) => Ok(purl),
            (Some(other), _, _) => Ok(purl.with("repository_url", other)),
            (None, None, None) if own.is_some() => Ok(purl),
            (None, None, None) => Err(entry(&self.name, "where it comes from is not understood")),
        }
    }

    fn need(&self, need: &UvNeed, all: &[Self]) -> Result<Purl, LockError> {
        let fits = |package: &&Self| {
            let same = need.version.as_ref().is_none_or(|of| package.version.as_ref() == Some(of));
            package.name == need.name && same
        };
        let mut fitting = all.iter().filter(fits);
        match (fitting.next(), fitting.next()) {
            (Some(package), None) => package.purl(),
            (None, _) => Err(entry(&self.name, "a dependency of it is not in the file")),
            (Some(_), Some(_)) => Err(entry(&self.name, "a dependency of it may be two packages")),
        }
    }
}

#[derive(Deserialize)]
struct PoetryLock {
    #[serde(default)]
    package: Vec<PoetryPackage>,
    metadata: PoetryMetadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct PoetryMetadata {
    lock_version: String,
}

#[derive(Deserialize)]
struct PoetryPackage {
    name: String,
    version: String,
    #[serde(default)]
    files: Vec<File>,
    #[serde(default)]
    dependencies: BTreeMap<String, Value>,
    source: Option<PoetrySource>,
}

#[derive(Deserialize)]
struct PoetrySource {
    #[serde(rename = "type")]
    kind: String,
    url: String,
}

/// Reads a `poetry.lock`.
///
/// # Errors
///
/// [`LockError`] with what is not understood.
pub fn poetry_lock(text: &str) -> Result<Inventory, LockError> {
    check_size(text.len())?;
    let wrong = |what: String| LockError::Toml { of: "Poetry", what };
    let lock: PoetryLock =
        serde_json::from_value(toml::read(text)?).map_err(|error| wrong(error.to_string()))?;
    let version = &lock.metadata.lock_version;
    if !version.starts_with("2.") {
        return Err(wrong(format!(
            "lock version {version}, where 2 is read; run Poetry 1.3 or later"
        )));
    }
    let mut inventory = Inventory::default();
    for package in &lock.package {
        let mut needs = BTreeSet::new();
        for (given, asked) in &package.dependencies {
            let wanted = name(given).ok_or_else(|| entry(given, "not the name of a package"))?;
            let same = |other: &&PoetryPackage| name(&other.name).as_deref() == Some(&wanted);
            let found = lock.package.iter().filter(same).map(PoetryPackage::purl);
            let found = found.collect::<Result<Vec<_>, _>>()?;
            // What depends on the platform, the version of Python or an extra may be left out.
            if found.is_empty() && !is_conditional(asked) {
                return Err(entry(&package.name, "a dependency of it is not in the file"));
            }
            needs.extend(found);
        }
        let hashes = digests(&package.name, package.files.iter())?;
        let known = component(package.named()?, package.version.clone(), hashes);
        add(&mut inventory, package.purl()?, Component { needs, ..known })?;
    }
    Ok(inventory)
}

fn is_conditional(asked: &Value) -> bool {
    match asked {
        Value::Object(table) => table.contains_key("markers") || table.contains_key("optional"),
        Value::Array(all) => all.iter().all(is_conditional),
        _ => false,
    }
}

impl PoetryPackage {
    fn named(&self) -> Result<String, LockError> {
        name(&self.name).ok_or_else(|| entry(&self.name, "not the name of a package"))
    }

    fn purl(&self) -> Result<Purl, LockError> {
        let purl = Purl::new("pypi", None, &self.named()?, &self.version);
        let Some(source) = &self.source else { return Ok(purl) };
        match source.kind.as_str() {
            "git" => Ok(purl.with("vcs_url", &format!("git+{}", source.url))),
            "url" => Ok(purl.with("download_url", &source.url)),
            "legacy" => Ok(purl.with("repository_url", &source.url)),
            "directory" | "file" => Ok(purl),
            _ => Err(entry(&self.name, "where it comes from is not understood")),
        }
    }
}

fn entry(key: &str, what: &'static str) -> LockError {
    LockError::Entry { entry: key.to_owned(), what }
}

fn add(inventory: &mut Inventory, purl: Purl, component: Component) -> Result<(), LockError> {
    if inventory.components.contains_key(&purl) {
        return Err(entry(purl.as_str(), "this package is there twice"));
    }
    inventory.add(purl, component);
    Ok(())
}

/// The digest of the first file: several may be downloaded for one version, and CycloneDX has one
/// digest an algorithm.
fn digests<'a>(
    of: &str,
    files: impl Iterator<Item = &'a File>,
) -> Result<BTreeMap<&'static str, String>, LockError> {
    let mut found = BTreeMap::new();
    for hash in files.filter_map(|file| file.hash.as_deref()) {
        let digest = hash.strip_prefix("sha256:").filter(|digest| {
            let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            digest.len() == 64 && digest.bytes().all(hex)
        });
        let digest = digest.ok_or_else(|| entry(of, "a digest is `sha256:` and 64 hex digits"))?;
        found.entry("SHA-256").or_insert_with(|| digest.to_owned());
    }
    Ok(found)
}
