//! Python: `pip freeze`, or a requirements file in which everything is pinned (PEP 508).

use std::collections::{BTreeMap, BTreeSet};

use super::{Component, Inventory, LockError, Purl, check_size, line};

/// Reads pinned requirements: `name==version`, with digests where they are given, or
/// `name @ address`.
///
/// # Errors
///
/// [`LockError`] with the line that is not pinned or not understood.
pub fn requirements(text: &str) -> Result<Inventory, LockError> {
    check_size(text.len())?;
    let mut inventory = Inventory::default();
    for (number, text) in logical_lines(text) {
        let text = without_comment(&text);
        // Options say where packages come from, not which; those that bring more are refused.
        let brings = ["-r", "-c", "-e", "--requirement", "--constraint", "--editable"];
        match text.split([' ', '=']).next().unwrap_or_default() {
            "" if text.is_empty() => {}
            word if brings.contains(&word) => {
                let what = format!("`{word}` leads elsewhere; give the output of `pip freeze`");
                return Err(line(number, what));
            }
            word if word.starts_with('-') => {}
            _ => {
                let (purl, component) = requirement(text, number)?;
                if inventory.components.contains_key(&purl) {
                    return Err(line(number, "this package is there twice"));
                }
                inventory.add(purl, component);
            }
        }
    }
    Ok(inventory)
}

/// Lines with those that they are continued on (`\` at the end), and the number of the first.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut goes_on = false;
    for (text, number) in text.lines().zip(1..) {
        let (part, more) = match text.strip_suffix('\\') {
            Some(part) => (part, true),
            None => (text, false),
        };
        match found.last_mut() {
            Some((_, line)) if goes_on => line.push_str(part),
            Some(_) | None => found.push((number, part.to_owned())),
        }
        goes_on = more;
    }
    found
}

fn without_comment(line: &str) -> &str {
    let line = line.trim();
    let comment = if line.starts_with('#') { Some(0) } else { line.find(" #") };
    comment.map_or(line, |at| line[..at].trim())
}

fn requirement(text: &str, number: usize) -> Result<(Purl, Component), LockError> {
    let mut words = text.split(" --hash=");
    let pinned = words.next().unwrap_or_default();
    let mut hashes = BTreeMap::new();
    for hash in words {
        let digest = hash.trim().strip_prefix("sha256:").filter(|digest| {
            digest.len() == 64
                && digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        });
        let digest =
            digest.ok_or_else(|| line(number, "a digest is `sha256:` and 64 hex digits"))?;
        // Several files may be downloaded for one version; CycloneDX has one digest an algorithm.
        hashes.entry("SHA-256").or_insert_with(|| digest.to_owned());
    }
    let pinned = pinned.split(';').next().unwrap_or_default().trim();
    if let Some((name, address)) = pinned.split_once(" @ ") {
        let name = normalised(name, number)?;
        let (address, digest) = address.split_once("#sha256=").unwrap_or((address, ""));
        if !digest.is_empty() {
            hashes.insert("SHA-256", digest.to_owned());
        }
        let key = if address.starts_with("git+") { "vcs_url" } else { "download_url" };
        let purl = Purl(format!("pkg:pypi/{name}")).with(key, address);
        return Ok((purl, component(name, String::new(), hashes)));
    }
    let (name, version) = pinned
        .split_once("==")
        .map(|(name, version)| (name, version.trim_start_matches('=').trim()))
        .filter(|(_, version)| !version.is_empty() && !version.contains([',', '*', ' ', '<', '>']))
        .ok_or_else(|| {
            line(number, format!("{pinned:?} is not pinned; expected `name==version`"))
        })?;
    let name = normalised(name, number)?;
    Ok((Purl::new("pypi", None, &name, version), component(name, version.to_owned(), hashes)))
}

fn normalised(given: &str, number: usize) -> Result<String, LockError> {
    name(given).ok_or_else(|| line(number, format!("{given:?} is not the name of a package")))
}

pub(super) fn component(
    name: String,
    version: String,
    hashes: BTreeMap<&'static str, String>,
) -> Component {
    Component { name, version, hashes, licence: None, needs: BTreeSet::new() }
}

/// The name in the one spelling that the index has (PEP 503), without extras.
pub(super) fn name(name: &str) -> Option<String> {
    let name = name.split('[').next().unwrap_or_default().trim().to_lowercase();
    let parts: Vec<&str> = name.split(['-', '_', '.']).filter(|part| !part.is_empty()).collect();
    let ascii = parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    if parts.is_empty() || !ascii {
        return None;
    }
    Some(parts.join("-"))
}
