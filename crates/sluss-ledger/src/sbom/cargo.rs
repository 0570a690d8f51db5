//! `Cargo.lock`, versions 3 and 4: the part of TOML that Cargo writes, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use super::{Component, Inventory, LockError, Purl, check_size, line};

/// A `[[package]]` as it stands in the file.
#[derive(Debug, Default)]
struct Package {
    line: usize,
    name: String,
    version: String,
    source: Option<String>,
    checksum: Option<String>,
    dependencies: Vec<(usize, String)>,
}

/// Reads a `Cargo.lock`. Members of the workspace are components too, without digest.
///
/// # Errors
///
/// [`LockError`] with the line that is not understood.
pub fn cargo_lock(text: &str) -> Result<Inventory, LockError> {
    check_size(text.len())?;
    let packages = parse(text)?;
    let mut by_name: BTreeMap<&str, Vec<&Package>> = BTreeMap::new();
    for package in &packages {
        by_name.entry(&package.name).or_default().push(package);
    }
    let mut inventory = Inventory::default();
    for package in &packages {
        let need = |(number, dependency): &(usize, String)| {
            resolve(dependency, &by_name).ok_or_else(|| {
                line(*number, format!("{dependency:?} is not one of the packages of this file"))
            })
        };
        let needs: BTreeSet<Purl> =
            package.dependencies.iter().map(need).collect::<Result<_, _>>()?;
        let hashes = package.checksum.iter().map(|checksum| ("SHA-256", checksum.clone()));
        let component = Component {
            name: package.name.clone(),
            version: package.version.clone(),
            hashes: hashes.collect(),
            licence: None,
            needs,
        };
        if inventory.components.contains_key(&purl(package)) {
            return Err(line(package.line, "this package is there twice"));
        }
        inventory.add(purl(package), component);
    }
    Ok(inventory)
}

fn purl(package: &Package) -> Purl {
    let purl = Purl::new("cargo", None, &package.name, &package.version);
    let usual = |source: &&str| {
        ["registry+https://github.com/rust-lang/crates.io-index", "sparse+https://index.crates.io/"]
            .contains(source)
    };
    match package.source.as_deref() {
        None => purl,
        Some(source) if usual(&source) => purl,
        Some(source) if source.starts_with("git+") => purl.with("vcs_url", source),
        Some(source) => purl.with("repository_url", source),
    }
}

/// `name`, `name version` or `name version (source)`, as far as is needed to be unique.
fn resolve(dependency: &str, by_name: &BTreeMap<&str, Vec<&Package>>) -> Option<Purl> {
    let mut words = dependency.splitn(3, ' ');
    let candidates = by_name.get(words.next()?)?;
    let version = words.next();
    let source = words.next().map(|source| source.trim_matches(['(', ')']));
    let mut fitting = candidates.iter().filter(|package| {
        version.is_none_or(|version| package.version == version)
            && source.is_none_or(|source| package.source.as_deref() == Some(source))
    });
    match (fitting.next(), fitting.next()) {
        (Some(package), None) => Some(purl(package)),
        _ => None,
    }
}

/// Which table the reader is in.
enum Table {
    Top,
    Package,
    /// A table without packages, such as `[metadata]`.
    Other,
}

fn parse(text: &str) -> Result<Vec<Package>, LockError> {
    let mut packages: Vec<Package> = Vec::new();
    let mut table = Table::Top;
    let mut lines = text.lines().zip(1..);
    while let Some((text, number)) = lines.next() {
        match text.trim() {
            "" => {}
            comment if comment.starts_with('#') => {}
            "[[package]]" => {
                packages.push(Package { line: number, ..Package::default() });
                table = Table::Package;
            }
            "[metadata]" | "[[patch.unused]]" | "[root]" => table = Table::Other,
            "dependencies = [" => {
                let mut found = Vec::new();
                loop {
                    let (item, number) =
                        lines.next().ok_or_else(|| line(number, "this list does not end"))?;
                    match item.trim() {
                        "]" => break,
                        item => found.push((number, string(item.trim_end_matches(','), number)?)),
                    }
                }
                match (&table, packages.last_mut()) {
                    (Table::Package, Some(package)) => package.dependencies = found,
                    _ => return Err(line(number, "dependencies of no package")),
                }
            }
            entry => set(&table, packages.last_mut(), entry, number)?,
        }
    }
    match packages.iter().find(|package| package.name.is_empty() || package.version.is_empty()) {
        Some(package) => Err(line(package.line, "a package without name or version")),
        None => Ok(packages),
    }
}

fn set(
    table: &Table,
    package: Option<&mut Package>,
    entry: &str,
    number: usize,
) -> Result<(), LockError> {
    let (key, value) =
        entry.split_once(" = ").ok_or_else(|| line(number, "expected `key = value`"))?;
    match (table, package) {
        (Table::Package, Some(package)) => {
            let value = string(value, number)?;
            match key {
                "name" => package.name = value,
                "version" => package.version = value,
                "source" => package.source = Some(value),
                "checksum" if is_sha256(&value) => package.checksum = Some(value),
                "checksum" => return Err(line(number, "a checksum is 64 lower-case hex digits")),
                "replace" => {}
                _ => return Err(line(number, format!("unknown key {key:?} of a package"))),
            }
            Ok(())
        }
        (Table::Other, _) => Ok(()),
        _ if key == "version" && matches!(value, "3" | "4") => Ok(()),
        _ => Err(line(number, "expected `version = 3` or `version = 4`")),
    }
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A basic string without escapes, which Cargo never needs.
fn string(text: &str, number: usize) -> Result<String, LockError> {
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    inner
        .filter(|inner| !inner.contains(['"', '\\']))
        .map(str::to_owned)
        .ok_or_else(|| line(number, format!("{text:?} is not a plain string")))
}
