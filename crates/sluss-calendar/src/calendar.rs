//! A calendar: parsed windows, or the reason why there are none.

use std::collections::BTreeSet;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::file::{CalendarFile, Kind, Overrun, ScopeFile, WindowFile};
use crate::lint;
use crate::mistake::{Mistake, Mistakes, Warning};
use crate::window::Window;
use crate::zone::Wall;

/// The freeze calendar. Cheap to clone; shared between threads.
///
/// An empty one allows everything; a [missing](Calendar::missing) one denies everything but a
/// rollback.
#[derive(Clone, Debug)]
pub struct Calendar {
    body: Body,
}

#[derive(Clone, Debug)]
enum Body {
    Known(Arc<Known>),
    Missing { why: String },
}

#[derive(Debug)]
struct Known {
    /// By id.
    windows: Vec<Window>,
    file: CalendarFile,
    warnings: Vec<Warning>,
    sha256: String,
}

impl Calendar {
    /// Parses a calendar.
    ///
    /// # Errors
    ///
    /// Every mistake in it, each with its window and how to mend it.
    pub fn parse(file: &CalendarFile) -> Result<Self, Mistakes> {
        let mut mistakes = Vec::new();
        let mut ids = BTreeSet::new();
        let mut windows = Vec::new();
        for window in &file.windows {
            if !ids.insert(&window.id) {
                mistakes.push(Mistake::in_window(
                    &window.id,
                    "id",
                    "Two windows have this id.",
                    "A decision could not say which of them held.",
                    "Give one of them another id.",
                ));
            }
            match Window::parse(window) {
                Ok(window) => windows.push(window),
                Err(found) => mistakes.extend(found),
            }
        }
        if !mistakes.is_empty() {
            return Err(Mistakes(mistakes));
        }
        windows.sort_by(|left, right| left.id.cmp(&right.id));
        let mut warnings: Vec<Warning> = windows.iter().flat_map(lint::of_window).collect();
        warnings.sort();
        let file = in_order(file);
        let sha256 = digest(&file);
        let known = Known { windows, file, warnings, sha256 };
        Ok(Self { body: Body::Known(Arc::new(known)) })
    }

    /// The calendar of an organisation whose calendar cannot be had, and why: the file is not
    /// there, or did not parse. It denies.
    #[must_use]
    pub fn missing(why: impl Into<String>) -> Self {
        Self { body: Body::Missing { why: why.into() } }
    }

    /// This calendar with further windows, such as a line that was stopped. A missing one stays
    /// missing.
    ///
    /// # Errors
    ///
    /// As [`Calendar::parse`].
    pub fn with(&self, more: &[WindowFile]) -> Result<Self, Mistakes> {
        match &self.body {
            Body::Missing { .. } => Ok(self.clone()),
            Body::Known(known) => {
                let mut file = known.file.clone();
                file.windows.extend_from_slice(more);
                Self::parse(&file)
            }
        }
    }

    /// What its author probably did not mean; by window.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        match &self.body {
            Body::Known(known) => &known.warnings,
            Body::Missing { .. } => &[],
        }
    }

    /// SHA-256, in lower-case hex, of the calendar as JSON with windows and names in order. None
    /// for a missing calendar: a digest of nothing would look like one of something.
    #[must_use]
    pub fn sha256(&self) -> Option<&str> {
        match &self.body {
            Body::Known(known) => Some(&known.sha256),
            Body::Missing { .. } => None,
        }
    }

    /// The calendar as a file, windows and names in order. None for a missing calendar.
    #[must_use]
    pub fn file(&self) -> Option<&CalendarFile> {
        match &self.body {
            Body::Known(known) => Some(&known.file),
            Body::Missing { .. } => None,
        }
    }

    /// The windows by id, or why there are none.
    pub(crate) fn windows(&self) -> Result<&[Window], &str> {
        match &self.body {
            Body::Known(known) => Ok(&known.windows),
            Body::Missing { why } => Err(why),
        }
    }
}

impl WindowFile {
    /// *Stop the line*: a deny window without an end, from the second of `from_ms` on (milliseconds
    /// since 1970 UTC). It holds what runs.
    #[must_use]
    pub fn stop(id: &str, scope: ScopeFile, from_ms: i64, reason: &str, owner: &str) -> Self {
        Self {
            id: id.to_owned(),
            kind: Kind::Deny,
            scope,
            dtstart: Wall(from_ms.div_euclid(1000)).text(),
            dtend: None,
            tzid: Some("UTC".to_owned()),
            rrule: None,
            exdate: Vec::new(),
            rdate: Vec::new(),
            overrun: Overrun::Hold,
            reason: reason.to_owned(),
            owner: owner.to_owned(),
        }
    }
}

/// The same calendar with one order of everything that has none.
fn in_order(file: &CalendarFile) -> CalendarFile {
    let mut file = file.clone();
    file.windows.sort();
    for window in &mut file.windows {
        let scope = &mut window.scope;
        let names =
            [&mut scope.products, &mut scope.services, &mut scope.environments, &mut scope.regions];
        for list in names.into_iter().chain([&mut window.exdate, &mut window.rdate]) {
            list.sort();
            list.dedup();
        }
    }
    file
}

fn digest(file: &CalendarFile) -> String {
    // Strings, lists and maps with string keys cannot fail to become JSON.
    let json = serde_json::to_vec(file).unwrap_or_default();
    hex::encode(Sha256::digest(json))
}
