//! What is asked about, and which windows that concerns.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::file::{Kind, ScopeFile};

/// What is to be deployed, and where. Names are those of the calendar file.
///
/// What is `None` is not known. A window that asks for it is then read against whoever asks: a
/// deny window counts, an allow window restricts but does not open.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// The product.
    pub product: Option<String>,
    /// The service.
    pub service: Option<String>,
    /// The environment.
    pub environment: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// All labels. One that is not among them is not there, rather than not known.
    pub labels: BTreeMap<String, String>,
}

impl Scope {
    /// A service of a product in an environment, with no region and no labels known of.
    #[must_use]
    pub fn new(product: &str, service: &str, environment: &str) -> Self {
        let known = |name: &str| Some(name.to_owned());
        Self {
            product: known(product),
            service: known(service),
            environment: known(environment),
            ..Self::default()
        }
    }

    /// `payments in production`, as sentences have it.
    pub(crate) fn words(&self) -> String {
        let what = self.service.as_deref().or(self.product.as_deref()).unwrap_or("anything");
        match &self.environment {
            Some(environment) => format!("{what} in {environment}"),
            None => what.to_owned(),
        }
    }
}

/// How a window's scope meets what is asked about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meeting {
    Yes,
    No,
    Unknown,
}

/// What a window is to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Not concerned.
    None,
    /// It shuts.
    Shuts,
    /// It is needed, and it opens.
    Opens,
    /// It is needed, but does not open: whether it covers the question is not known.
    Restricts,
}

impl ScopeFile {
    /// What a window of this scope and kind is to a question about `scope`.
    pub(crate) fn part(&self, kind: Kind, scope: &Scope) -> Part {
        match (self.meets(scope), kind) {
            (Meeting::No, Kind::Allow | Kind::Deny) => Part::None,
            (Meeting::Yes | Meeting::Unknown, Kind::Deny) => Part::Shuts,
            (Meeting::Yes, Kind::Allow) => Part::Opens,
            (Meeting::Unknown, Kind::Allow) => Part::Restricts,
        }
    }

    fn meets(&self, scope: &Scope) -> Meeting {
        let lists = [
            (&self.products, &scope.product),
            (&self.services, &scope.service),
            (&self.environments, &scope.environment),
            (&self.regions, &scope.region),
        ];
        let lists = lists.into_iter().map(|(list, value)| match value {
            _ if list.is_empty() => Meeting::Yes,
            None => Meeting::Unknown,
            Some(value) if list.contains(value) => Meeting::Yes,
            Some(_) => Meeting::No,
        });
        let labels = self.labels.iter().map(|(key, value)| match scope.labels.get(key) {
            Some(there) if there == value => Meeting::Yes,
            Some(_) | None => Meeting::No,
        });
        lists.chain(labels).fold(Meeting::Yes, |so_far, next| match (so_far, next) {
            (Meeting::No, _) | (_, Meeting::No) => Meeting::No,
            (Meeting::Unknown, _) | (_, Meeting::Unknown) => Meeting::Unknown,
            (Meeting::Yes, Meeting::Yes) => Meeting::Yes,
        })
    }
}
