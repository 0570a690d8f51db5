//! `package-lock.json`, versions 2 and 3.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::{Component, Inventory, LockError, Purl, Unique, check_size};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lock {
    lockfile_version: u32,
    packages: Unique<Package>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Package {
    name: Option<String>,
    version: Option<String>,
    integrity: Option<String>,
    resolved: Option<String>,
    /// Text, or in old packages an object or a list.
    license: Option<serde_json::Value>,
    #[serde(default)]
    link: bool,
    #[serde(default)]
    dependencies: Unique<String>,
    #[serde(default)]
    optional_dependencies: Unique<String>,
}

/// Where installed packages are, in every path.
const FOLDER: &str = "node_modules/";

/// Reads a `package-lock.json`. Development dependencies are components too.
///
/// # Errors
///
/// [`LockError`] with the entry that is not understood.
pub fn package_lock(bytes: &[u8]) -> Result<Inventory, LockError> {
    check_size(bytes.len())?;
    let lock: Lock = serde_json::from_slice(bytes)?;
    if !matches!(lock.lockfile_version, 2 | 3) {
        let entry = "lockfileVersion".to_owned();
        return Err(LockError::Entry {
            entry,
            what: "versions 2 and 3 are read; run npm 7 or later",
        });
    }
    let packages = lock.packages.0;
    let mut inventory = Inventory::default();
    // The entry without name is the project itself; links lead to entries of their own.
    for (path, package) in packages.iter().filter(|(path, found)| !path.is_empty() && !found.link) {
        let wrong = |what| LockError::Entry { entry: path.clone(), what };
        let name = name_of(path, package).ok_or_else(|| wrong("a package without name"))?;
        let purl = purl(name, package);
        let hashes = match &package.integrity {
            Some(text) => integrity(text).ok_or_else(|| wrong("`integrity` is malformed"))?,
            None => BTreeMap::new(),
        };
        let mut needs = BTreeSet::new();
        for dependency in package.dependencies.0.keys() {
            let found = resolve(path, dependency, &packages);
            needs.insert(found.ok_or_else(|| wrong("a dependency of it is not in the file"))?);
        }
        // What is optional may be missing on this platform.
        let optional = package.optional_dependencies.0.keys();
        needs.extend(optional.filter_map(|name| resolve(path, name, &packages)));
        let component = Component {
            name: name.to_owned(),
            version: package.version.clone().unwrap_or_default(),
            hashes,
            licence: package.license.as_ref().and_then(licence),
            needs,
        };
        inventory.add(purl, component);
    }
    Ok(inventory)
}

fn name_of<'a>(path: &'a str, package: &'a Package) -> Option<&'a str> {
    let folder = path.rfind(FOLDER).map(|at| &path[at + FOLDER.len()..]);
    // An alias is installed under another name than its own, which it then states.
    let name = package.name.as_deref().or(folder)?;
    (!name.is_empty()).then_some(name)
}

fn purl(name: &str, package: &Package) -> Purl {
    let version = package.version.as_deref().unwrap_or_default();
    let purl = match name.split_once('/') {
        Some((scope, name)) => Purl::new("npm", Some(scope), name, version),
        None => Purl::new("npm", None, name, version),
    };
    match package.resolved.as_deref() {
        Some(git) if git.starts_with("git+") => purl.with("vcs_url", git),
        Some(_) | None => purl,
    }
}

/// Node's way to find a package: in the folder of who needs it, then in each folder above.
fn resolve(from: &str, name: &str, packages: &BTreeMap<String, Package>) -> Option<Purl> {
    let mut base = from;
    loop {
        let slash = if base.is_empty() { "" } else { "/" };
        if let Some(found) = packages.get(&format!("{base}{slash}{FOLDER}{name}")) {
            if !found.link {
                return Some(purl(found.name.as_deref().unwrap_or(name), found));
            }
            let target = packages.get(found.resolved.as_deref()?)?;
            return Some(purl(target.name.as_deref().unwrap_or(name), target));
        }
        if base.is_empty() {
            return None;
        }
        base = base.rfind(FOLDER).map_or("", |at| base[..at].trim_end_matches('/'));
    }
}

/// Subresource Integrity: `algorithm-base64`, one or several.
fn integrity(text: &str) -> Option<BTreeMap<&'static str, String>> {
    let one = |part: &str| {
        let (algorithm, value) = part.split_once('-')?;
        let (name, length) = match algorithm {
            "sha1" => ("SHA-1", 20),
            "sha256" => ("SHA-256", 32),
            "sha384" => ("SHA-384", 48),
            "sha512" => ("SHA-512", 64),
            _ => return None,
        };
        let bytes = STANDARD.decode(value).ok().filter(|bytes| bytes.len() == length)?;
        Some((name, hex::encode(bytes)))
    };
    text.split_whitespace().map(one).collect()
}

fn licence(value: &serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Object(fields) => fields.get("type")?.as_str().map(str::to_owned),
        serde_json::Value::Array(items) => {
            let found: Vec<String> = items.iter().filter_map(licence).collect();
            (!found.is_empty()).then(|| found.join(" OR "))
        }
        _ => None,
    }
}
