//! Which finding it is: a key that stays the same from scan to scan, so that its age can be known.
//!
//! The key is the SHA-256 of [`KEY_DOMAIN`] and of parts, each with its length before it (8 bytes,
//! big-endian). What the first of these rules that fits says are the parts:
//!
//! 1. *Package*: the result or its rule names one package (property `purl` or `purls`, Package
//!    URL): the rule, and the package without version, qualifiers and path in it. The scanner is
//!    none of the parts: an advisory is the same whoever reports it.
//! 2. *Fingerprints*: the result has `fingerprints` (SARIF 2.1.0, 3.27.17): scanner, rule and all
//!    of them, by their names.
//! 3. *Partial fingerprints*: the result has `partialFingerprints` (3.27.18): scanner, rule, path,
//!    and all of them, by their names.
//! 4. *Place*: scanner, rule, path (or where that is not said the logical location), and the
//!    message, in which each number is written `0`.
//!
//! # Invariants
//!
//! - Lines and columns are no part of it, nor is the version of a scanner or of a package: what
//!   moved, or was looked at by a newer scanner, is as old as before.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::hash::Hash;

/// What begins the bytes that a key is the digest of.
pub const KEY_DOMAIN: &str = "sluss.finding.v1";

/// Where steps find their work tree in a sandbox.
const SANDBOX: &str = "workspace";

/// What is known of a result, as the report writes it.
pub(super) struct Told<'a> {
    pub scanner: &'a str,
    pub rule: &'a str,
    /// Property bags of the result and of its rule.
    pub properties: [Option<&'a Value>; 2],
    pub fingerprints: &'a BTreeMap<String, String>,
    pub partial: &'a BTreeMap<String, String>,
    /// The path of the first location, or its logical name.
    pub place: &'a str,
    pub message: &'a str,
}

/// Returns the key of a result.
pub(super) fn key(told: &Told<'_>) -> Hash {
    let with = |first: &[&str], prints: &BTreeMap<String, String>| {
        let named = prints.iter().flat_map(|(name, print)| [name.as_str(), print.as_str()]);
        first.iter().copied().chain(named).map(str::to_owned).collect::<Vec<_>>()
    };
    let none = BTreeMap::new();
    let Told { scanner, rule, fingerprints, partial, .. } = *told;
    let place = path(told.place);
    let package = told.properties.into_iter().flatten().find_map(package);
    let parts = match package {
        Some(package) => with(&["package", rule, &package], &none),
        None if !fingerprints.is_empty() => with(&["fingerprints", scanner, rule], fingerprints),
        None if !partial.is_empty() => with(&["partial", scanner, rule, &place], partial),
        None => {
            let message = without_numbers(told.message);
            with(&["place", scanner, rule, &place, &message], &none)
        }
    };
    let mut text = KEY_DOMAIN.as_bytes().to_vec();
    for part in parts {
        text.extend((part.len() as u64).to_be_bytes());
        text.extend(part.as_bytes());
    }
    Hash::sha256(&text)
}

/// Returns the one package that a property bag names, without its version; nothing where it names
/// none, or several.
fn package(properties: &Value) -> Option<String> {
    let one = match (&properties["purl"], &properties["purls"]) {
        (Value::String(one), _) => one,
        (_, Value::Array(all)) => match all.as_slice() {
            [Value::String(one)] => one,
            _none_or_several => return None,
        },
        _none => return None,
    };
    let end = one.find(['?', '#']).unwrap_or(one.len());
    let plain = &one[..end];
    // The version follows the last `@` of the last part of the path.
    let version = plain.rsplit_once('@').filter(|(_, version)| !version.contains('/'));
    let name = version.map_or(plain, |(name, _version)| name);
    name.starts_with("pkg:").then(|| name.to_owned())
}

/// Returns a path as it stands in the repository: a step sees its work tree in another place than
/// another one.
fn path(given: &str) -> String {
    let given = given.strip_prefix("file://").unwrap_or(given);
    let Some(absolute) = given.strip_prefix('/') else {
        return given.strip_prefix("./").unwrap_or(given).to_owned();
    };
    let parts: Vec<&str> = absolute.split('/').collect();
    let from = match parts.first() {
        Some(&SANDBOX) => Some(1),
        // `work/run-7/tree`, without a sandbox.
        _elsewhere => parts
            .windows(3)
            .position(|three| {
                let of_step = three[1].starts_with("run-") || three[1].starts_with("dep-");
                three[0] == "work" && of_step && three[2] == "tree"
            })
            .map(|at| at + 3),
    };
    parts[from.unwrap_or(0)..].join("/")
}

/// Returns a text in which each number, as far as digits follow each other, is `0`.
fn without_numbers(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut in_number = false;
    for char in text.chars() {
        match (char.is_ascii_digit(), in_number) {
            (true, true) => {}
            (true, false) => plain.push('0'),
            (false, _) => plain.push(char),
        }
        in_number = char.is_ascii_digit();
    }
    plain
}
