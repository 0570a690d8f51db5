//! Takes in a CycloneDX document in JSON (ECMA-424; versions 1.4 to 1.7): what no packager's lock
//! file knows of, such as vendored sources, as a supplier or a scanner lists it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{Component, Inventory, LockError, Purl, algorithm, check_size, is_hex};

/// Versions whose components, hashes, licences and dependencies have this shape.
const VERSIONS: [&str; 4] = ["1.4", "1.5", "1.6", "1.7"];
/// Algorithms of 1.7 that 1.6 has no name for, and the bytes of their digests.
const ONLY_LATER: [(&str, usize); 2] = [("Streebog-256", 32), ("Streebog-512", 64)];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    bom_format: String,
    spec_version: String,
    #[serde(default)]
    metadata: Metadata,
    components: Vec<Part>,
    #[serde(default)]
    services: Vec<Named>,
    #[serde(default)]
    dependencies: Vec<Dependency>,
    #[serde(default)]
    compositions: Vec<Composition>,
}

#[derive(Deserialize, Default)]
struct Metadata {
    component: Option<Named>,
}

/// What is referred to and is no component: the thing itself, a service it calls.
#[derive(Deserialize)]
struct Named {
    #[serde(rename = "bom-ref")]
    reference: Option<String>,
    /// Of the thing itself.
    #[serde(default)]
    components: Vec<Part>,
    /// Of a service.
    #[serde(default)]
    services: Vec<Self>,
}

#[derive(Deserialize)]
struct Part {
    #[serde(rename = "type")]
    kind: String,
    #[serde(rename = "bom-ref")]
    reference: Option<String>,
    group: Option<String>,
    name: String,
    version: Option<String>,
    purl: Option<String>,
    #[serde(default)]
    hashes: Vec<Digest>,
    #[serde(default)]
    licenses: Vec<Licence>,
    #[serde(default)]
    components: Vec<Self>,
}

#[derive(Deserialize)]
struct Digest {
    alg: String,
    content: String,
}

#[derive(Deserialize)]
struct Licence {
    license: Option<OneLicence>,
    expression: Option<String>,
}

#[derive(Deserialize)]
struct OneLicence {
    id: Option<String>,
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Dependency {
    #[serde(rename = "ref")]
    reference: String,
    #[serde(default)]
    depends_on: Vec<String>,
}

#[derive(Deserialize)]
struct Composition {
    aggregate: String,
}

/// Reads a CycloneDX document in JSON. Each of its components, nested ones too, is one by its
/// version and package-url, but for those of type `file`; what it is of (`metadata.component`) is
/// none itself. Taken over are names with their group, versions, hashes, licences (several hold
/// together), and what depends on what; other properties are not.
///
/// # Errors
///
/// [`LockError`] with the component or field that is not understood, or where the document says
/// of itself that it is incomplete.
pub fn cyclonedx_taken(text: &str) -> Result<Inventory, LockError> {
    check_size(text.len())?;
    let document: Document = serde_json::from_str(text).map_err(LockError::CycloneDx)?;
    document.check()?;
    let parts = document.parts();
    let references = document.references(&parts)?;
    let needs = document.needs(&references)?;
    let mut inventory = Inventory::default();
    for part in parts {
        let Some(purl) = part.purl()? else { continue };
        let needs = part.reference.as_deref().and_then(|id| needs.get(id)).cloned();
        let component = part.component(needs.unwrap_or_default())?;
        inventory.add_same(purl, component).map_err(|what| part.wrong(what))?;
    }
    Ok(inventory)
}

impl Document {
    fn check(&self) -> Result<(), LockError> {
        let whole = |one: &Composition| !one.aggregate.starts_with("incomplete");
        for (field, holds, what) in [
            ("bomFormat", self.bom_format == "CycloneDX", "is not CycloneDX"),
            (
                "specVersion",
                VERSIONS.contains(&&*self.spec_version),
                "1.4 to 1.7 are read, and no other",
            ),
            ("components", !self.components.is_empty(), "are missing"),
            (
                "compositions",
                self.compositions.iter().all(whole),
                "the document says of itself that it is incomplete",
            ),
        ] {
            if !holds {
                return Err(LockError::Entry { entry: field.to_owned(), what });
            }
        }
        Ok(())
    }

    /// Every component, nested ones after what they are in.
    fn parts(&self) -> Vec<&Part> {
        let own = self.metadata.component.iter().flat_map(|of| &of.components);
        let mut parts = Vec::new();
        let mut left: Vec<&Part> = own.chain(&self.components).collect();
        while let Some(part) = left.pop() {
            left.extend(&part.components);
            parts.push(part);
        }
        parts
    }

    /// All that can be referred to, with its package-url if it is a component.
    fn references<'a>(
        &'a self,
        parts: &[&'a Part],
    ) -> Result<BTreeMap<&'a str, Option<Purl>>, LockError> {
        let mut found = BTreeMap::new();
        let mut add = |reference: &'a Option<String>, purl: Option<Purl>| match reference {
            Some(id) if found.insert(id.as_str(), purl).is_some() => {
                Err(LockError::Entry { entry: id.clone(), what: "the bom-ref stands twice" })
            }
            _ => Ok(()),
        };
        let mut others: Vec<&Named> =
            self.metadata.component.iter().chain(&self.services).collect();
        while let Some(other) = others.pop() {
            add(&other.reference, None)?;
            others.extend(&other.services);
        }
        for part in parts {
            add(&part.reference, part.purl()?)?;
        }
        Ok(found)
    }

    /// What each component depends on, by its bom-ref.
    fn needs(
        &self,
        references: &BTreeMap<&str, Option<Purl>>,
    ) -> Result<BTreeMap<&str, BTreeSet<Purl>>, LockError> {
        let known = |id: &str| {
            let what = "something depends on it, or it on something, and it stands nowhere";
            references.get(id).ok_or_else(|| LockError::Entry { entry: id.to_owned(), what })
        };
        let mut needs: BTreeMap<&str, BTreeSet<Purl>> = BTreeMap::new();
        for one in &self.dependencies {
            known(&one.reference)?;
            let needed = needs.entry(&one.reference).or_default();
            for id in &one.depends_on {
                needed.extend(known(id)?.clone());
            }
        }
        Ok(needs)
    }
}

impl Part {
    fn wrong(&self, what: &'static str) -> LockError {
        LockError::Entry { entry: self.reference.as_ref().unwrap_or(&self.name).clone(), what }
    }

    /// The package-url; a file has none.
    fn purl(&self) -> Result<Option<Purl>, LockError> {
        match self.purl.as_deref() {
            Some(purl) => {
                let malformed = || self.wrong("its package-url is malformed");
                Purl::parse(purl).map(Some).ok_or_else(malformed)
            }
            None if self.kind == "file" => Ok(None),
            None => Err(self.wrong("a component without package-url (purl)")),
        }
    }

    fn component(&self, needs: BTreeSet<Purl>) -> Result<Component, LockError> {
        let version = self.version.clone().filter(|version| !version.is_empty());
        if self.name.is_empty() {
            return Err(self.wrong("a component without name"));
        }
        let group = self.group.as_deref().filter(|group| !group.is_empty());
        Ok(Component {
            name: group.map_or(self.name.clone(), |group| format!("{group}/{}", self.name)),
            version: version.ok_or_else(|| self.wrong("a component without version"))?,
            hashes: self.hashes().map_err(|what| self.wrong(what))?,
            licence: self.licence().map_err(|what| self.wrong(what))?,
            needs,
        })
    }

    fn hashes(&self) -> Result<BTreeMap<&'static str, String>, &'static str> {
        let mut hashes = BTreeMap::new();
        for digest in &self.hashes {
            let later = ONLY_LATER.into_iter().find(|(name, _)| *name == digest.alg);
            let known = algorithm(&digest.alg);
            let (_, bytes) = known.or(later).ok_or("an unknown algorithm")?;
            let value = digest.content.to_ascii_lowercase();
            if !is_hex(&value, bytes) {
                return Err("a malformed hash");
            }
            if let Some((name, _)) = known
                && hashes.insert(name, value).is_some()
            {
                return Err("two hashes of one algorithm");
            }
        }
        Ok(hashes)
    }

    /// The licence; of several each has to be kept.
    fn licence(&self) -> Result<Option<String>, &'static str> {
        let text = |one: &Licence| match (&one.license, &one.expression) {
            (Some(OneLicence { id: Some(text), name: None }), None)
            | (Some(OneLicence { id: None, name: Some(text) }), None)
            | (None, Some(text))
                if !text.is_empty() =>
            {
                Ok(text.clone())
            }
            _ => Err("a licence is an `id`, a `name` or an `expression`"),
        };
        let said: Vec<String> = self.licenses.iter().map(text).collect::<Result<_, _>>()?;
        let apart = |text: &String| match text.contains(" OR ") {
            true => format!("({text})"),
            false => text.clone(),
        };
        Ok(match said.as_slice() {
            [] => None,
            [only] => Some(only.clone()),
            several => Some(several.iter().map(apart).collect::<Vec<_>>().join(" AND ")),
        })
    }
}
