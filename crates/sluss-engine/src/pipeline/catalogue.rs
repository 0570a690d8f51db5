//! The templates that there are: those built in, and those of the platform repository.

use std::collections::BTreeMap;

use sluss_core::ids::TemplateRef;

use super::problem::Problems;
use super::resolve::{self, Defaults, Resolved};
use super::source::Source;
use super::template::Template;

/// Templates by name and version.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    templates: BTreeMap<TemplateRef, Template>,
}

/// The text of a template that comes with Sluss.
#[derive(Debug, Clone, Copy)]
pub struct BuiltIn {
    /// Its folder, which is also its name and version.
    pub folder: &'static str,
    /// Its `template.yaml`.
    pub text: &'static str,
    /// Its `README.md`.
    pub readme: &'static str,
}

macro_rules! built_in {
    ($($folder:literal),*) => {
        &[$(BuiltIn {
            folder: $folder,
            text: include_str!(concat!("../../../../templates/", $folder, "/template.yaml")),
            readme: include_str!(concat!("../../../../templates/", $folder, "/README.md")),
        }),*]
    };
}

/// The golden templates that come with Sluss.
pub const BUILT_IN: &[BuiltIn] =
    built_in!("command@1", "go-service@1", "node-service@1", "python-service@1", "rust-service@1");

impl Catalogue {
    /// Returns the templates that come with Sluss.
    pub fn built_in() -> Self {
        let mut catalogue = Self::default();
        for template in BUILT_IN {
            let name = format!("templates/{}/template.yaml", template.folder);
            let added = Source::new(name, template.text.as_bytes())
                .and_then(|source| catalogue.add(source));
            assert!(added.is_ok(), "BUG: a built-in template is wrong:\n{added:?}");
        }
        catalogue
    }

    /// Reads a template and adds it; one of the same name and version is replaced.
    pub fn add(&mut self, source: Source) -> Result<TemplateRef, Problems> {
        let template = Template::read(source)?;
        let name = template.name.clone();
        self.templates.insert(name.clone(), template);
        Ok(name)
    }

    /// Returns a template.
    pub fn find(&self, name: &TemplateRef) -> Option<&Template> {
        self.templates.get(name)
    }

    /// Returns all templates in the order of their names and versions.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        self.templates.values()
    }

    /// Makes the pipeline of the service that `source`, its `sluss.yaml`, describes.
    pub fn resolve(&self, source: &Source, defaults: &Defaults) -> Result<Resolved, Problems> {
        let known: Vec<&TemplateRef> = self.templates.keys().collect();
        resolve::resolve(source, defaults, |name| self.find(name), &known)
    }
}
