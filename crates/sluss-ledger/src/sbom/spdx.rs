//! SPDX in JSON, 2.3 (ISO/IEC 5962 is its version 2.2.1) and 3.0: a document that lists what no
//! packager's lock file knows of, such as vendored sources.

mod v3;

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{Component, Inventory, LockError, Purl, check_size, is_hex};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    spdx_version: String,
    #[serde(rename = "SPDXID")]
    id: String,
    data_license: String,
    name: String,
    document_namespace: String,
    creation_info: CreationInfo,
    #[serde(default)]
    document_describes: Vec<String>,
    packages: Vec<Package>,
    #[serde(default)]
    relationships: Vec<Relationship>,
}

#[derive(Deserialize)]
struct CreationInfo {
    created: String,
    creators: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Package {
    #[serde(rename = "SPDXID")]
    id: String,
    name: String,
    version_info: Option<String>,
    download_location: String,
    license_concluded: Option<String>,
    license_declared: Option<String>,
    #[serde(default)]
    checksums: Vec<Checksum>,
    #[serde(default)]
    external_refs: Vec<ExternalRef>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Checksum {
    algorithm: String,
    checksum_value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExternalRef {
    reference_category: String,
    reference_type: String,
    reference_locator: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Relationship {
    spdx_element_id: String,
    relationship_type: String,
    related_spdx_element: String,
}

/// The document's own id, which the standard gives.
const DOCUMENT: &str = "SPDXRef-DOCUMENT";
/// What is said of an id that two have.
const TWICE: &str = "the id stands twice";
/// What stands where nothing is said, or where there is nothing.
const NOTHING_SAID: [&str; 2] = ["NOASSERTION", "NONE"];

/// Reads an SPDX document in JSON: 2.3, or 3.0 as JSON-LD. Each of its packages is a component, by
/// its version and its one package-url; where it describes exactly one package beside others, that
/// one is the thing itself and no component. Taken over are names, versions, checksums, licences,
/// and what depends on what; files, snippets and other relationships are not.
///
/// # Errors
///
/// [`LockError`] with the package or field that is not understood.
pub fn spdx(text: &str) -> Result<Inventory, LockError> {
    #[derive(Deserialize)]
    struct Kind {
        #[serde(rename = "@context")]
        context: Option<serde::de::IgnoredAny>,
    }

    check_size(text.len())?;
    let kind: Kind = serde_json::from_str(text).map_err(LockError::Spdx)?;
    if kind.context.is_some() {
        return v3::read(text);
    }
    let document: Document = serde_json::from_str(text).map_err(LockError::Spdx)?;
    document.check()?;
    let subject = document.subject()?;
    let others = document.packages.iter().filter(|package| Some(&*package.id) != subject);
    let listed = others.map(|package| {
        let wrong = |what| LockError::Entry { entry: package.id.clone(), what };
        let purl = package.purl().map_err(wrong)?;
        Ok((&*package.id, purl, package.component().map_err(wrong)?))
    });
    let listed = listed.collect::<Result<Vec<_>, LockError>>()?;
    inventory(listed, &document.needs(), subject)
}

/// Returns the inventory of these packages, by their ids; `needs` are pairs of who needs and what
/// is needed.
fn inventory(
    packages: Vec<(&str, Purl, Component)>,
    needs: &[(&str, &str)],
    subject: Option<&str>,
) -> Result<Inventory, LockError> {
    let mut purls = BTreeMap::new();
    for (id, purl, _) in &packages {
        if purls.insert(*id, purl.clone()).is_some() {
            return Err(LockError::Entry { entry: (*id).to_owned(), what: TWICE });
        }
    }
    let mut needed: BTreeMap<&str, BTreeSet<Purl>> = BTreeMap::new();
    for (from, to) in needs {
        for id in [from, to] {
            if Some(*id) != subject && !purls.contains_key(id) {
                let what = "something depends on it, or it on something, and it is no package";
                return Err(LockError::Entry { entry: (*id).to_owned(), what });
            }
        }
        needed.entry(from).or_default().extend(purls.get(to).cloned());
    }
    let mut inventory = Inventory::default();
    for (id, purl, mut component) in packages {
        component.needs = needed.remove(id).unwrap_or_default();
        let wrong = |what| LockError::Entry { entry: id.to_owned(), what };
        inventory.add_same(purl, component).map_err(wrong)?;
    }
    Ok(inventory)
}

impl Document {
    fn check(&self) -> Result<(), LockError> {
        let creation = &self.creation_info;
        for (field, holds, what) in [
            ("spdxVersion", self.spdx_version == "SPDX-2.3", "SPDX-2.3 is read, and no other"),
            ("SPDXID", self.id == DOCUMENT, "a document's is SPDXRef-DOCUMENT"),
            ("dataLicense", self.data_license == "CC0-1.0", "the standard wants CC0-1.0"),
            ("name", !self.name.is_empty(), "is empty"),
            ("documentNamespace", self.document_namespace.contains(':'), "is no URI"),
            ("created", !creation.created.is_empty(), "is empty"),
            ("creators", !creation.creators.is_empty(), "are missing"),
            ("packages", !self.packages.is_empty(), "are missing"),
        ] {
            if !holds {
                return Err(LockError::Entry { entry: field.to_owned(), what });
            }
        }
        Ok(())
    }

    /// Returns the package that is the thing itself: the only one described, beside others.
    fn subject(&self) -> Result<Option<&str>, LockError> {
        let related = self.relationships.iter().filter_map(|one| {
            let (from, to) = (&*one.spdx_element_id, &*one.related_spdx_element);
            match (from, &*one.relationship_type, to) {
                (DOCUMENT, "DESCRIBES", described) | (described, "DESCRIBED_BY", DOCUMENT) => {
                    Some(described)
                }
                _ => None,
            }
        });
        let named = self.document_describes.iter().map(String::as_str);
        let described: BTreeSet<&str> = related.chain(named).collect();
        let mut described = described.into_iter();
        let (Some(only), None) = (described.next(), described.next()) else { return Ok(None) };
        match self.packages.iter().filter(|package| package.id == only).count() {
            // It may describe a file.
            0 => Ok(None),
            1 => Ok((self.packages.len() > 1).then_some(only)),
            _ => Err(LockError::Entry { entry: only.to_owned(), what: TWICE }),
        }
    }

    /// Who needs what, by their ids.
    fn needs(&self) -> Vec<(&str, &str)> {
        let said =
            |(from, to): &(&str, &str)| !NOTHING_SAID.contains(from) && !NOTHING_SAID.contains(to);
        self.relationships.iter().filter_map(Relationship::needs).filter(said).collect()
    }
}

impl Relationship {
    /// Who needs what, if it says that.
    fn needs(&self) -> Option<(&str, &str)> {
        let (from, to) = (&*self.spdx_element_id, &*self.related_spdx_element);
        match &*self.relationship_type {
            "DEPENDS_ON" => Some((from, to)),
            other if other.ends_with("DEPENDENCY_OF") => Some((to, from)),
            _ => None,
        }
    }
}

impl Package {
    fn purl(&self) -> Result<Purl, &'static str> {
        let is_purl = |one: &&ExternalRef| {
            matches!(&*one.reference_category, "PACKAGE-MANAGER" | "PACKAGE_MANAGER")
                && one.reference_type == "purl"
        };
        let mut found = self.external_refs.iter().filter(is_purl);
        match (found.next(), found.next()) {
            (None, _) => Err("a package without package-url (externalRefs, purl)"),
            (Some(_), Some(_)) => Err("a package with several package-urls"),
            (Some(one), None) => {
                Purl::parse(&one.reference_locator).ok_or("its package-url is malformed")
            }
        }
    }

    fn component(&self) -> Result<Component, &'static str> {
        let version = self.version_info.clone().filter(|version| !version.is_empty());
        if self.name.is_empty() {
            return Err("a package without name");
        }
        if self.download_location.is_empty() {
            return Err("`downloadLocation` is empty");
        }
        let mut hashes = BTreeMap::new();
        for checksum in &self.checksums {
            let (name, bytes) = algorithm(&checksum.algorithm).ok_or("an unknown algorithm")?;
            let value = checksum.checksum_value.clone();
            if !is_hex(&value, bytes) {
                return Err("a malformed checksum");
            }
            // CycloneDX has no name for the others.
            if let Some(name) = name
                && hashes.insert(name, value).is_some()
            {
                return Err("two checksums of one algorithm");
            }
        }
        let said = |text: &&String| !text.is_empty() && !NOTHING_SAID.contains(&text.as_str());
        let concluded = self.license_concluded.as_ref().filter(said);
        Ok(Component {
            name: self.name.clone(),
            version: version.ok_or("a package without version")?,
            hashes,
            licence: concluded.or(self.license_declared.as_ref().filter(said)).cloned(),
            needs: BTreeSet::new(),
        })
    }
}

/// An algorithm of SPDX: its name in CycloneDX, if it has one there, and the bytes of its digests.
fn algorithm(name: &str) -> Option<(Option<&'static str>, usize)> {
    let named = match name {
        "SHA1" => "SHA-1",
        "SHA256" => "SHA-256",
        "SHA384" => "SHA-384",
        "SHA512" => "SHA-512",
        "SHA224" => return Some((None, 28)),
        "MD2" | "MD4" => return Some((None, 16)),
        "ADLER32" => return Some((None, 4)),
        same => same,
    };
    super::algorithm(named).map(|(named, bytes)| (Some(named), bytes))
}
