//! Writes CycloneDX 1.6 as JSON (ECMA-424); the same text is valid as 1.7.

use serde::Serialize;

use super::{Component, Inventory, Purl, uuid_of};
use crate::attest::UtcTime;
use crate::hash::Hash;

/// What the bill of materials is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Its name.
    pub name: String,
    /// Its version, such as the commit.
    pub version: String,
    /// SHA-256 of it, where it is built.
    pub sha256: Option<Hash>,
    /// When it was built; no clock is asked here.
    pub built: UtcTime,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Bom<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    bom_format: &'static str,
    spec_version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial_number: Option<String>,
    version: u32,
    metadata: Metadata<'a>,
    components: Vec<BomComponent<'a>>,
    dependencies: Vec<Dependency<'a>>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    timestamp: UtcTime,
    tools: Tools,
    component: BomComponent<'a>,
}

#[derive(Serialize)]
struct Tools {
    components: [Tool; 1],
}

#[derive(Serialize)]
struct Tool {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct BomComponent<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "bom-ref")]
    reference: &'a str,
    name: &'a str,
    version: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hashes: Vec<BomHash>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    licenses: Vec<Licence<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purl: Option<&'a str>,
}

#[derive(Serialize)]
struct BomHash {
    alg: &'static str,
    content: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Licence<'a> {
    Expression(&'a str),
    License { name: &'a str },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Dependency<'a> {
    #[serde(rename = "ref")]
    reference: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    depends_on: Vec<&'a str>,
}

/// How the bill of materials refers to its subject.
const SUBJECT: &str = "subject";

/// Returns the bill of materials of `subject`, as JSON without whitespace.
pub fn cyclonedx(subject: &Subject, inventory: &Inventory) -> String {
    let hash = |digest: Hash| BomHash { alg: "SHA-256", content: digest.to_string() };
    let of = BomComponent {
        kind: "application",
        reference: SUBJECT,
        name: &subject.name,
        version: &subject.version,
        hashes: subject.sha256.map(hash).into_iter().collect(),
        licenses: vec![],
        purl: None,
    };
    let tool = Tool { kind: "application", name: "sluss", version: env!("CARGO_PKG_VERSION") };
    let mut bom = Bom {
        schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
        bom_format: "CycloneDX",
        spec_version: "1.6",
        serial_number: None,
        version: 1,
        metadata: Metadata {
            timestamp: subject.built,
            tools: Tools { components: [tool] },
            component: of,
        },
        components: inventory.components().map(component).collect(),
        dependencies: dependencies(inventory),
    };
    let text = |bom: &Bom<'_>| serde_json::to_string(bom).expect("BUG: text has a JSON form");
    bom.serial_number = Some(format!("urn:uuid:{}", uuid_of(&Hash::sha256(text(&bom).as_bytes()))));
    text(&bom)
}

fn component<'a>((purl, component): (&'a Purl, &'a Component)) -> BomComponent<'a> {
    let hashes = component.hashes.iter();
    BomComponent {
        kind: "library",
        reference: purl.as_str(),
        name: &component.name,
        version: &component.version,
        hashes: hashes.map(|(alg, content)| BomHash { alg, content: content.clone() }).collect(),
        licenses: component.licence.as_deref().map(licence).into_iter().collect(),
        purl: Some(purl.as_str()),
    }
}

/// An SPDX expression by its form; whatever is not one is given as a name.
fn licence(text: &str) -> Licence<'_> {
    let plain = |word: &str| {
        let word = word.trim_matches(['(', ')']);
        let byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'+');
        !word.is_empty() && word.bytes().all(byte)
    };
    let words: Vec<&str> = text.split(' ').collect();
    let alternates = words.iter().enumerate().all(|(at, word)| match at % 2 {
        0 => plain(word) && !matches!(*word, "UNLICENSED" | "SEE"),
        _ => matches!(*word, "OR" | "AND" | "WITH"),
    });
    let balanced = text.matches('(').count() == text.matches(')').count();
    if alternates && words.len() % 2 == 1 && balanced {
        Licence::Expression(text)
    } else {
        Licence::License { name: text }
    }
}

/// What needs what; the subject needs all that nothing else needs.
fn dependencies(inventory: &Inventory) -> Vec<Dependency<'_>> {
    let needed: std::collections::BTreeSet<&Purl> =
        inventory.components().flat_map(|(_, component)| &component.needs).collect();
    let top = inventory.components().map(|(purl, _)| purl).filter(|purl| !needed.contains(purl));
    let subject = Dependency { reference: SUBJECT, depends_on: top.map(Purl::as_str).collect() };
    let others = inventory.components().map(|(purl, component)| Dependency {
        reference: purl.as_str(),
        depends_on: component.needs.iter().map(Purl::as_str).collect(),
    });
    std::iter::once(subject).chain(others).collect()
}
