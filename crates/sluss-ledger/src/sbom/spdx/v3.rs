//! SPDX 3.0 as JSON-LD: a graph of elements that refer to each other by their ids.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::super::{Component, Inventory, LockError, Purl, is_hex};
use super::{NOTHING_SAID, TWICE, algorithm, inventory};

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "@context")]
    context: String,
    #[serde(rename = "@graph")]
    graph: Vec<Element>,
}

/// An element, with the properties of those kinds that are looked at.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Element {
    #[serde(rename = "type")]
    kind: String,
    spdx_id: Option<String>,
    /// Of what was created.
    spec_version: Option<String>,
    /// Of a package.
    name: Option<String>,
    #[serde(rename = "software_packageVersion")]
    version: Option<String>,
    #[serde(rename = "software_packageUrl")]
    purl: Option<String>,
    #[serde(default)]
    verified_using: Vec<Integrity>,
    #[serde(default)]
    external_identifier: Vec<External>,
    /// Of a relationship.
    from: Option<String>,
    #[serde(default)]
    to: Ids,
    relationship_type: Option<String>,
    completeness: Option<String>,
    /// Of a document or a bill of materials.
    #[serde(default)]
    root_element: Ids,
    /// Of a licence.
    #[serde(rename = "simplelicensing_licenseExpression")]
    expression: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Integrity {
    #[serde(rename = "type")]
    kind: String,
    algorithm: Option<String>,
    hash_value: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct External {
    external_identifier_type: String,
    identifier: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Ids {
    One(String),
    Several(Vec<String>),
}

impl Default for Ids {
    fn default() -> Self {
        Self::Several(Vec::new())
    }
}

impl Ids {
    fn iter(&self) -> impl Iterator<Item = &str> {
        let ids = match self {
            Self::One(id) => std::slice::from_ref(id),
            Self::Several(ids) => ids,
        };
        ids.iter().map(String::as_str)
    }
}

/// Where the licences that SPDX lists stand.
const LISTED: &str = "https://spdx.org/licenses/";
/// What the names of relationships begin with whose right side is needed by their left one.
const NEEDS: [&str; 3] = ["dependsOn", "hasOptionalDependency", "hasProvidedDependency"];

/// Reads a document whose size was looked at.
pub(super) fn read(text: &str) -> Result<Inventory, LockError> {
    let document: Document = serde_json::from_str(text).map_err(LockError::Spdx)?;
    document.check()?;
    let elements = document.elements()?;
    let licences = document.licences(&elements)?;
    let subject = document.subject(&elements);
    let mut listed = Vec::new();
    for (id, package) in &elements {
        if !package.is_package() || Some(*id) == subject {
            continue;
        }
        let wrong = |what| LockError::Entry { entry: (*id).to_owned(), what };
        let licence = licences.get(id).cloned();
        let component = package.component(licence).map_err(wrong)?;
        listed.push((*id, package.purl().map_err(wrong)?, component));
    }
    if listed.is_empty() {
        return Err(LockError::Entry { entry: "@graph".to_owned(), what: "packages are missing" });
    }
    inventory(listed, &document.needs()?, subject)
}

/// Whether an id stands for nothing, or for that nothing is said.
fn says_nothing(id: &str) -> bool {
    const ENDS: [&str; 4] =
        ["NoneElement", "NoAssertionElement", "NoneLicense", "NoAssertionLicense"];
    ENDS.iter().any(|end| id.ends_with(end))
}

impl Document {
    fn check(&self) -> Result<(), LockError> {
        let created = |element: &&Element| element.kind == "CreationInfo";
        let mut versions = self.graph.iter().filter(created).map(|info| &info.spec_version);
        let said = versions.clone().next().is_some();
        let read = |version: &Option<String>| {
            version.as_ref().is_some_and(|version| version.starts_with("3.0."))
        };
        for (field, holds, what) in [
            (
                "@context",
                self.context.starts_with("https://spdx.org/rdf/3.0"),
                "2.3 and 3.0 of SPDX are read, and no other",
            ),
            ("specVersion", said && versions.all(read), "3.0 is read, and no other"),
        ] {
            if !holds {
                return Err(LockError::Entry { entry: field.to_owned(), what });
            }
        }
        Ok(())
    }

    /// Every element that has an id, by it.
    fn elements(&self) -> Result<BTreeMap<&str, &Element>, LockError> {
        let mut found = BTreeMap::new();
        for element in &self.graph {
            match element.spdx_id.as_deref() {
                Some(id) if found.insert(id, element).is_some() => {
                    return Err(LockError::Entry { entry: id.to_owned(), what: TWICE });
                }
                None if element.is_package() => {
                    let entry = element.name.clone().unwrap_or_default();
                    return Err(LockError::Entry { entry, what: "a package without spdxId" });
                }
                _ => {}
            }
        }
        Ok(found)
    }

    fn relationships(&self) -> impl Iterator<Item = (&Element, &str)> {
        self.graph.iter().filter_map(|one| Some((one, one.relationship_type.as_deref()?)))
    }

    /// The package that is the thing itself: the only one described, beside others.
    fn subject<'a>(&'a self, elements: &BTreeMap<&'a str, &'a Element>) -> Option<&'a str> {
        let documents = self.graph.iter().filter(|element| element.kind == "SpdxDocument");
        let mut left: Vec<&str> = documents.clone().flat_map(|of| of.root_element.iter()).collect();
        let ids: BTreeSet<&str> = documents.filter_map(|of| of.spdx_id.as_deref()).collect();
        let describe = self.relationships().filter(|(one, kind)| {
            *kind == "describes" && one.from.as_deref().is_some_and(|from| ids.contains(from))
        });
        left.extend(describe.flat_map(|(one, _)| one.to.iter()));
        let (mut seen, mut described) = (BTreeSet::new(), BTreeSet::new());
        while let Some(id) = left.pop() {
            let Some(element) = elements.get(id).filter(|_| seen.insert(id)) else { continue };
            left.extend(element.root_element.iter());
            if element.is_package() {
                described.insert(id);
            }
        }
        let packages = self.graph.iter().filter(|element| element.is_package()).count();
        let only = described.first().copied();
        only.filter(|_| described.len() == 1 && packages > 1)
    }

    /// The licences of packages: what was concluded, or else what is declared.
    fn licences<'a>(
        &'a self,
        elements: &BTreeMap<&'a str, &'a Element>,
    ) -> Result<BTreeMap<&'a str, String>, LockError> {
        let (mut concluded, mut declared) = (BTreeMap::new(), BTreeMap::new());
        for (one, kind) in self.relationships() {
            let of = match kind {
                "hasConcludedLicense" => &mut concluded,
                "hasDeclaredLicense" => &mut declared,
                _ => continue,
            };
            let Some(from) = one.from.as_deref() else { continue };
            for id in one.to.iter().filter(|id| !says_nothing(id)) {
                let listed = id.strip_prefix(LISTED);
                let element = elements.get(id).and_then(|one| one.expression.as_deref());
                let text = element.or(listed).ok_or_else(|| {
                    let what = "is no licence expression, and no licence that SPDX lists";
                    LockError::Entry { entry: id.to_owned(), what }
                })?;
                let said = !text.is_empty() && !NOTHING_SAID.contains(&text);
                if said && of.insert(from, text.to_owned()).is_some() {
                    let what = "has two licences of one kind: `AND` and `OR` join them";
                    return Err(LockError::Entry { entry: from.to_owned(), what });
                }
            }
        }
        declared.extend(concluded);
        Ok(declared)
    }

    /// Who needs what, by their ids.
    fn needs(&self) -> Result<Vec<(&str, &str)>, LockError> {
        let mut needs = Vec::new();
        for (one, kind) in self.relationships().filter(|(_, kind)| NEEDS.contains(kind)) {
            let wrong = |what| LockError::Entry { entry: kind.to_owned(), what };
            let from = one.from.as_deref().ok_or_else(|| wrong("a relationship without `from`"))?;
            if one.completeness.as_deref() == Some("incomplete") {
                return Err(wrong("the document says of itself that it is incomplete"));
            }
            needs.extend(one.to.iter().filter(|id| !says_nothing(id)).map(|to| (from, to)));
        }
        Ok(needs)
    }
}

impl Element {
    fn is_package(&self) -> bool {
        matches!(&*self.kind, "software_Package" | "ai_AIPackage" | "dataset_DatasetPackage")
    }

    /// The one package-url, wherever it stands.
    fn purl(&self) -> Result<Purl, &'static str> {
        let is_purl = |one: &&External| one.external_identifier_type == "packageUrl";
        let others = self.external_identifier.iter().filter(is_purl).map(|one| &one.identifier);
        let found: BTreeSet<&String> = self.purl.iter().chain(others).collect();
        let mut found = found.into_iter();
        match (found.next(), found.next()) {
            (None, _) => Err("a package without package-url (software_packageUrl)"),
            (Some(_), Some(_)) => Err("a package with several package-urls"),
            (Some(one), None) => Purl::parse(one).ok_or("its package-url is malformed"),
        }
    }

    fn component(&self, licence: Option<String>) -> Result<Component, &'static str> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let mut hashes = BTreeMap::new();
        for one in self.verified_using.iter().filter(|one| one.kind == "Hash") {
            let (Some(name), Some(value)) = (&one.algorithm, &one.hash_value) else {
                return Err("a hash without algorithm or value");
            };
            let (known, bytes) = hash(name).ok_or("an unknown algorithm")?;
            let value = value.to_ascii_lowercase();
            if !is_hex(&value, bytes) {
                return Err("a malformed hash");
            }
            if let Some(known) = known
                && hashes.insert(known, value).is_some()
            {
                return Err("two hashes of one algorithm");
            }
        }
        Ok(Component {
            name: given(&self.name).ok_or("a package without name")?,
            version: given(&self.version).ok_or("a package without version")?,
            hashes,
            licence,
            needs: BTreeSet::new(),
        })
    }
}

/// An algorithm of 3.0; 2.3 has the same ones in capitals, and `-` where this has `_` or nothing.
fn hash(name: &str) -> Option<(Option<&'static str>, usize)> {
    if name == "sha3_224" {
        return Some((None, 28));
    }
    let lower = name.bytes().all(|byte| !byte.is_ascii_uppercase() && byte != b'-');
    let spelt = name.to_ascii_uppercase().replace('_', "-").replace("BLAKE2B", "BLAKE2b-");
    algorithm(&spelt).filter(|_| lower)
}
