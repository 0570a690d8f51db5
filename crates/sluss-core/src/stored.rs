//! Events as they are stored: a type, and data as strict JSON.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::event::Event;

#[derive(Serialize, Deserialize)]
struct Tagged<'a> {
    #[serde(rename = "type")]
    kind: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// A stored event that this program can't read.
#[derive(Debug, thiserror::Error)]
#[error("an event of type `{kind}` can't be read: {source}")]
pub struct Unreadable {
    /// Its type.
    pub kind: String,
    /// Why.
    #[source]
    pub source: serde_json::Error,
}

impl Event {
    /// Returns the event's type and its data as strict JSON, as they are stored.
    pub fn to_parts(&self) -> (String, Box<RawValue>) {
        let text = serde_json::to_string(self).expect("BUG: an event has a JSON form");
        let parts: Tagged<'_> =
            serde_json::from_str(&text).expect("BUG: an event's JSON has a type and data");
        (parts.kind.into_owned(), parts.data.to_owned())
    }

    /// Makes the event again from its stored parts.
    pub fn from_parts(kind: &str, data: &RawValue) -> Result<Self, Unreadable> {
        let unreadable = |source| Unreadable { kind: kind.to_owned(), source };
        let text =
            serde_json::to_string(&Tagged { kind: kind.into(), data }).map_err(unreadable)?;
        serde_json::from_str(&text).map_err(unreadable)
    }
}
