//! CycloneDX: what an artifact is made of, as a statement about it.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Predicate;

/// A bill of materials, kept as the text that was written.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sbom(Box<RawValue>);

impl Sbom {
    /// Wraps the JSON text of a bill of materials.
    ///
    /// # Errors
    ///
    /// Where the text is not JSON.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        Ok(Self(serde_json::from_str(text)?))
    }

    /// Returns the JSON text.
    pub fn as_json(&self) -> &str {
        self.0.get()
    }
}

/// The two fields by which a bill of materials is known.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    bom_format: String,
    spec_version: String,
}

impl Predicate for Sbom {
    const TYPE: &'static str = "https://cyclonedx.org/bom";

    fn check(&self) -> Result<(), &'static str> {
        let head: Head = serde_json::from_str(self.0.get())
            .map_err(|_| "no bill of materials: `bomFormat` and `specVersion` are missing")?;
        match (head.bom_format.as_str(), head.spec_version.as_str()) {
            ("CycloneDX", "1.6" | "1.7") => Ok(()),
            ("CycloneDX", _) => Err("another version of CycloneDX than 1.6 and 1.7"),
            _ => Err("another bill of materials than CycloneDX"),
        }
    }
}
