//! Calendars from `.ics` text (RFC 5545): each `VEVENT` is a window.
//!
//! - `id` from `UID`, `reason` from `SUMMARY`, `owner` from `X-SLUSS-OWNER`, else `ORGANIZER`.
//! - `kind` from `X-SLUSS-KIND:deny`, or from the category `DENY` or `ALLOW`.
//! - `scope` from the lists `X-SLUSS-PRODUCTS`, `-SERVICES`, `-ENVIRONMENTS`, `-REGIONS` and
//!   `-LABELS` (`key=value`), or from categories `product:…`, `service:…`, `environment:…`,
//!   `region:…`, `label:key=value`.
//! - `overrun` from `X-SLUSS-OVERRUN`, or from a category `overrun:…`; else `hold`.
//! - Times from `DTSTART`, `DTEND` or `DURATION`, `RRULE`, `EXDATE`, `RDATE`; the zone is that of
//!   `DTSTART`, or `X-WR-TIMEZONE` where days and times have none.
//!
//! Strict: what would change a window and is not understood is a mistake with its line. Zones are
//! IANA's; a `VTIMEZONE` is skipped, since its rules would be another database.

use std::collections::BTreeMap;

use crate::calendar::Calendar;
use crate::file::{CalendarFile, Kind, Overrun, WindowFile};
use crate::mistake::{Mistake, Mistakes};

mod event;
mod line;

use event::Event;
use line::{Line, unfold};

/// Fields to the lines they came from.
type Lines = BTreeMap<&'static str, u32>;

impl Calendar {
    /// Reads a calendar from `.ics` text.
    ///
    /// # Errors
    ///
    /// Every mistake, with its line.
    pub fn from_ics(text: &str) -> Result<Self, Mistakes> {
        let read = read(text)?;
        let file =
            CalendarFile { windows: read.iter().map(|(window, _)| window.clone()).collect() };
        Self::parse(&file).map_err(|Mistakes(mut mistakes)| {
            for mistake in &mut mistakes {
                let id = mistake.window.as_deref().unwrap_or("");
                let lines = read.iter().rev().find(|(window, _)| window.id == id);
                let line = |lines: &Lines| {
                    lines.get(mistake.field).or_else(|| lines.get("begin")).copied()
                };
                mistake.line = lines.and_then(|(_, lines)| line(lines));
            }
            Mistakes(mistakes)
        })
    }
}

fn mistake(line: u32, window: Option<&str>, what: String, why: &str, mend: &str) -> Mistake {
    let (why, mend) = (why.to_owned(), mend.to_owned());
    Mistake { window: window.map(str::to_owned), field: "ics", line: Some(line), what, why, mend }
}

fn read(text: &str) -> Result<Vec<(WindowFile, Lines)>, Mistakes> {
    let mut reader = Reader::default();
    for (number, text) in unfold(text) {
        match Line::parse(number, &text) {
            Some(line) => reader.line(&line),
            None if text.trim().is_empty() => {}
            None => reader.mistakes.push(mistake(
                number,
                None,
                format!("`{text}` is no property."),
                "A line is NAME:VALUE, or goes on the one before after a space.",
                "Export the calendar again, or mend the line.",
            )),
        }
    }
    reader.end()
}

/// Where in the text the reader is.
#[derive(Default)]
struct Reader {
    /// The components it is inside of, outermost first.
    inside: Vec<String>,
    seen_calendar: bool,
    zone: Option<String>,
    event: Option<Event>,
    windows: Vec<(WindowFile, Lines)>,
    mistakes: Vec<Mistake>,
}

impl Reader {
    fn line(&mut self, line: &Line<'_>) {
        let value = line.value.to_ascii_uppercase();
        match (line.name.as_str(), self.inside.len()) {
            ("BEGIN", depth) => self.begin(line.number, &value, depth),
            ("END", _) => self.finish(line.number, &value),
            ("X-WR-TIMEZONE", 1) => self.zone = Some(line.value.to_owned()),
            (_, 2) => {
                if let Some(event) = &mut self.event
                    && let Err(mistake) = event.property(line)
                {
                    self.mistakes.push(*mistake);
                }
            }
            // The calendar's own properties, alarms and zones.
            (_, _) => {}
        }
    }

    fn begin(&mut self, number: u32, name: &str, depth: usize) {
        let fits = match (depth, name) {
            (0, "VCALENDAR") => {
                self.seen_calendar = true;
                true
            }
            (1, "VEVENT") => {
                self.event = Some(Event::new(number));
                true
            }
            (1, "VTIMEZONE") => true,
            (depth, _) => depth >= 2,
        };
        if !fits {
            self.mistakes.push(mistake(
                number,
                None,
                format!("`{name}` is nothing that a freeze calendar has here."),
                "Windows are `VEVENT`s inside one `VCALENDAR`.",
                "Take it out, or make it an event.",
            ));
        }
        self.inside.push(name.to_owned());
    }

    fn finish(&mut self, number: u32, name: &str) {
        if self.inside.pop().as_deref() != Some(name) {
            self.mistakes.push(mistake(
                number,
                None,
                format!("`END:{name}` ends what was not begun."),
                "Components are nested.",
                "Export the calendar again.",
            ));
        }
        if self.inside.len() == 1
            && let Some(event) = self.event.take()
        {
            match event.window(self.zone.as_deref()) {
                Ok(window) => self.windows.push(window),
                Err(found) => self.mistakes.extend(found),
            }
        }
    }

    fn end(mut self) -> Result<Vec<(WindowFile, Lines)>, Mistakes> {
        if !self.seen_calendar || !self.inside.is_empty() {
            self.mistakes.push(mistake(
                1,
                None,
                "The text is no whole calendar.".to_owned(),
                "It is one `BEGIN:VCALENDAR` … `END:VCALENDAR`; half of one would drop windows.",
                "Export the calendar again.",
            ));
        }
        if self.mistakes.is_empty() { Ok(self.windows) } else { Err(Mistakes(self.mistakes)) }
    }
}

/// The window kind of a word.
fn kind(word: &str) -> Option<Kind> {
    match word.to_ascii_lowercase().as_str() {
        "allow" => Some(Kind::Allow),
        "deny" => Some(Kind::Deny),
        _ => None,
    }
}

/// The overrun of a word.
fn overrun(word: &str) -> Option<Overrun> {
    match word.to_ascii_lowercase().as_str() {
        "finish" => Some(Overrun::Finish),
        "hold" => Some(Overrun::Hold),
        "rollback" => Some(Overrun::Rollback),
        _ => None,
    }
}
