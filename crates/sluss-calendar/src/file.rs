//! What a calendar looks like when it is written down, in whatever format serde reads.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A calendar file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalendarFile {
    /// The windows. None at all is a valid calendar that allows everything.
    pub windows: Vec<WindowFile>,
}

/// One window. Times are wall-clock times of `tzid`: `2026-12-18T16:00`, `2026-12-18T16:00:00`,
/// `2026-12-18` (its midnight) or `20261218T160000`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowFile {
    /// Its name, once in the calendar.
    pub id: String,
    /// Whether it opens or shuts.
    pub kind: Kind,
    /// What it is about; nothing said is everything.
    #[serde(default)]
    pub scope: ScopeFile,
    /// The first start.
    pub dtstart: String,
    /// The first end, not part of the window. Only a deny window without `rrule` may leave it out:
    /// it then holds until it is lifted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dtend: Option<String>,
    /// IANA name of the time zone, or `UTC`. Mandatory; optional here so that a mistake says so.
    #[serde(default)]
    pub tzid: Option<String>,
    /// RFC 5545 recurrence rule, without the leading `RRULE:`. `UNTIL` is in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rrule: Option<String>,
    /// Starts that do not happen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exdate: Vec<String>,
    /// Starts that happen besides the rule's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rdate: Vec<String>,
    /// What becomes of a deployment that is running when the window shuts it out.
    #[serde(default)]
    pub overrun: Overrun,
    /// Why the window exists, in words for whoever is held by it.
    pub reason: String,
    /// The team that answers for it.
    pub owner: String,
}

/// Whether a window opens or shuts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Whatever it covers may go only inside a window of this kind.
    Allow,
    /// Nothing that it covers may go inside it.
    Deny,
}

/// What becomes of a running deployment when its time is over.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Overrun {
    /// It may finish.
    Finish,
    /// It keeps its share of the traffic and goes no further.
    #[default]
    Hold,
    /// It is undone.
    Rollback,
}

/// What a window is about. An empty list is every value; several lists must all match.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScopeFile {
    /// Names of products.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub products: Vec<String>,
    /// Names of services.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
    /// Names of environments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environments: Vec<String>,
    /// Names of regions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<String>,
    /// Labels, all of which must be there with these values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}
