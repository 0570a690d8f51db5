//! One event of an `.ics` text on its way to a window.

use super::line::Line;
use super::{Lines, kind, mistake, overrun};
use crate::file::{Kind, Overrun, ScopeFile, WindowFile};
use crate::mistake::Mistake;
use crate::zone::Wall;

/// What has been read of an event.
pub(super) struct Event {
    begin: u32,
    id: Option<String>,
    kind: Option<Kind>,
    overrun: Option<Overrun>,
    scope: ScopeFile,
    reason: Option<String>,
    owner: Option<String>,
    organizer: Option<String>,
    start: Option<String>,
    is_day: bool,
    end: Option<String>,
    duration: Option<i64>,
    zone: Option<String>,
    rule: Option<String>,
    exdates: Vec<String>,
    rdates: Vec<String>,
    lines: Lines,
}

/// Properties that say nothing about when and what a window holds.
const IGNORED: &[&str] = &[
    "DTSTAMP",
    "CREATED",
    "LAST-MODIFIED",
    "SEQUENCE",
    "TRANSP",
    "CLASS",
    "DESCRIPTION",
    "LOCATION",
    "URL",
    "PRIORITY",
    "COMMENT",
    "CONTACT",
    "ATTENDEE",
    "GEO",
    "ATTACH",
    "COLOR",
    "RELATED-TO",
];

type Read = Result<(), Box<Mistake>>;

impl Event {
    pub(super) fn new(begin: u32) -> Self {
        Self {
            begin,
            id: None,
            kind: None,
            overrun: None,
            scope: ScopeFile::default(),
            reason: None,
            owner: None,
            organizer: None,
            start: None,
            is_day: false,
            end: None,
            duration: None,
            zone: None,
            rule: None,
            exdates: Vec::new(),
            rdates: Vec::new(),
            lines: Lines::from([("begin", begin)]),
        }
    }

    pub(super) fn property(&mut self, line: &Line<'_>) -> Read {
        match line.name.as_str() {
            "UID" => once(&mut self.id, line.text(), line)?,
            "SUMMARY" => once(&mut self.reason, line.text(), line)?,
            "X-SLUSS-OWNER" => once(&mut self.owner, line.text(), line)?,
            "ORGANIZER" => {
                let name = line.parameter("CN").unwrap_or(line.value);
                once(&mut self.organizer, name.replace("mailto:", ""), line)?;
            }
            "DTSTART" => {
                self.is_day = line.parameter("VALUE") == Some("DATE");
                self.zone = match line.parameter("TZID") {
                    Some(zone) => Some(zone.to_owned()),
                    None => line.value.ends_with('Z').then(|| "UTC".to_owned()),
                };
                once(&mut self.start, line.value.to_owned(), line)?;
                self.lines.insert("dtstart", line.number);
                self.lines.insert("tzid", line.number);
            }
            "DTEND" => {
                self.same_zone(line)?;
                once(&mut self.end, line.value.to_owned(), line)?;
                self.lines.insert("dtend", line.number);
            }
            "DURATION" => {
                let Some(secs) = duration(line.value) else {
                    let why = "A duration is like PT8H, P1D or P1DT12H.";
                    return self.refuse(line, why, "Write it so, or write `DTEND`.");
                };
                once(&mut self.duration, secs, line)?;
                self.lines.insert("dtend", line.number);
            }
            "RRULE" => {
                once(&mut self.rule, line.value.to_owned(), line)?;
                self.lines.insert("rrule", line.number);
            }
            "EXDATE" => {
                self.same_zone(line)?;
                self.exdates.extend(line.items());
                self.lines.insert("exdate", line.number);
            }
            "RDATE" if line.parameter("VALUE") == Some("PERIOD") => {
                let why = "Every time of a window has the same length here.";
                return self.refuse(line, why, "Write the periods as events of their own.");
            }
            "RDATE" => {
                self.same_zone(line)?;
                self.rdates.extend(line.items());
                self.lines.insert("rdate", line.number);
            }
            "STATUS" if !line.value.eq_ignore_ascii_case("CANCELLED") => {}
            "STATUS" => {
                let why = "A window that does not hold has no place in the calendar.";
                return self.refuse(line, why, "Take the event out.");
            }
            "CATEGORIES" => {
                for word in line.items() {
                    self.category(&word, line)?;
                }
            }
            own if own.starts_with("X-SLUSS-") => self.own(own, line)?,
            other if IGNORED.contains(&other) || other.starts_with("X-") => {}
            _ => {
                let why = "What is not understood might change when the window holds.";
                return self.refuse(line, why, "Take it out, or write it with other properties.");
            }
        }
        Ok(())
    }

    /// Times of one event are in one zone; a `Z` is left for the window's own check.
    fn same_zone(&self, line: &Line<'_>) -> Read {
        match (line.parameter("TZID"), &self.zone) {
            (Some(there), Some(here)) if there != here => self.refuse(
                line,
                "All times of a window are in the zone of its `DTSTART`, which comes first.",
                "Write this time in that zone.",
            ),
            (Some(_), None) => {
                self.refuse(line, "`DTSTART` comes first and has the zone.", "Put it first.")
            }
            (Some(_) | None, _) => Ok(()),
        }
    }

    fn own(&mut self, name: &str, line: &Line<'_>) -> Read {
        let prefix = match name {
            "X-SLUSS-KIND" => "",
            "X-SLUSS-OVERRUN" => "overrun:",
            "X-SLUSS-PRODUCTS" => "product:",
            "X-SLUSS-SERVICES" => "service:",
            "X-SLUSS-ENVIRONMENTS" => "environment:",
            "X-SLUSS-REGIONS" => "region:",
            "X-SLUSS-LABELS" => "label:",
            _ => {
                let why = "A misspelt scope would make the window another one.";
                let mend = "Use -KIND, -OVERRUN, -OWNER, -PRODUCTS, -SERVICES, -ENVIRONMENTS, \
                            -REGIONS or -LABELS.";
                return self.refuse(line, why, mend);
            }
        };
        for item in line.items() {
            self.category(&format!("{prefix}{item}"), line)?;
        }
        Ok(())
    }

    fn category(&mut self, word: &str, line: &Line<'_>) -> Read {
        let (what, value) = word.split_once(':').unwrap_or(("kind", word));
        let value = value.trim().to_owned();
        match what.trim().to_ascii_lowercase().as_str() {
            "kind" if kind(&value).is_some() => return once(&mut self.kind, kind(&value), line),
            "overrun" if overrun(&value).is_some() => {
                return once(&mut self.overrun, overrun(&value), line);
            }
            "product" => self.scope.products.push(value),
            "service" => self.scope.services.push(value),
            "environment" => self.scope.environments.push(value),
            "region" => self.scope.regions.push(value),
            "label" if value.contains('=') => {
                if let Some((key, value)) = value.split_once('=') {
                    self.scope.labels.insert(key.trim().to_owned(), value.trim().to_owned());
                }
            }
            _ => {
                let why = "A misspelt kind or scope would make the window another one.";
                let mend = "Write `DENY`, `ALLOW`, `product:…`, `service:…`, `environment:…`, \
                            `region:…`, `label:key=value` or `overrun:finish`.";
                return self.refuse(line, why, mend);
            }
        }
        self.lines.insert("scope", line.number);
        Ok(())
    }

    fn refuse(&self, line: &Line<'_>, why: &str, mend: &str) -> Read {
        let what = format!("`{}:{}` cannot stand.", line.name, line.value);
        Err(Box::new(mistake(line.number, self.id.as_deref(), what, why, mend)))
    }

    /// The window, once the event is read.
    pub(super) fn window(self, zone: Option<&str>) -> Result<(WindowFile, Lines), Vec<Mistake>> {
        let mut found = Vec::new();
        let id = self.id.clone();
        let mut lacks = |what: &str, why: &str, mend: &str| {
            found.push(mistake(self.begin, id.as_deref(), what.to_owned(), why, mend));
        };
        if self.id.is_none() {
            lacks("The event has no `UID`.", "Decisions name windows by it.", "Give it one.");
        }
        if self.kind.is_none() {
            let why = "Whether it opens or shuts is not to be guessed.";
            lacks("The event has no kind.", why, "Add `CATEGORIES:DENY` or `CATEGORIES:ALLOW`.");
        }
        let owner = self.owner.or(self.organizer);
        if owner.is_none() {
            let why = "Somebody answers for a window.";
            lacks("The event has no owner.", why, "Add `X-SLUSS-OWNER:` with the team's name.");
        }
        if self.reason.is_none() {
            let why = "Whoever is held by the window reads it.";
            lacks("The event has no `SUMMARY`.", why, "Write the reason there.");
        }
        let wall = self.start.as_deref().and_then(|at| Wall::parse(at.trim_end_matches('Z')));
        let length = match (self.duration, self.is_day) {
            // RFC 5545 section 3.6.1: a day without an end lasts that day.
            (None, true) => Some(86_400),
            (duration, _) => duration,
        };
        let end = match (self.end, length, wall) {
            (Some(end), _, _) => Some(end),
            (None, Some(length), Some(wall)) => Some(Wall(wall.0.saturating_add(length)).text()),
            (None, _, _) => {
                let why = "To RFC 5545 it would then take no time at all.";
                lacks("The event has no end.", why, "Add `DTEND` or `DURATION`.");
                None
            }
        };
        let Some(start) = self.start else {
            lacks("The event has no `DTSTART`.", "It would be at no time.", "Add it.");
            return Err(found);
        };
        let (Some(id), Some(kind), Some(owner), Some(reason)) =
            (self.id, self.kind, owner, self.reason)
        else {
            return Err(found);
        };
        if !found.is_empty() {
            return Err(found);
        }
        let window = WindowFile {
            id,
            kind,
            scope: self.scope,
            dtstart: start,
            dtend: end,
            tzid: self.zone.or_else(|| zone.map(str::to_owned)),
            rrule: self.rule,
            exdate: self.exdates,
            rdate: self.rdates,
            overrun: self.overrun.unwrap_or_default(),
            reason,
            owner,
        };
        Ok((window, self.lines))
    }
}

fn once<T>(slot: &mut Option<T>, value: impl Into<Option<T>>, line: &Line<'_>) -> Read {
    if slot.is_some() {
        let what = format!("`{}` says a second time what was said before.", line.name);
        let why = "Two readers would take two different ones.";
        return Err(Box::new(mistake(line.number, None, what, why, "Leave one.")));
    }
    *slot = value.into();
    Ok(())
}

/// Seconds of a positive duration of RFC 5545 section 3.3.6, on the wall clock.
fn duration(text: &str) -> Option<i64> {
    let rest = text.strip_prefix('+').unwrap_or(text).strip_prefix('P')?;
    let (days, times) = rest.split_once('T').unwrap_or((rest, ""));
    let parts = |text: &str, units: &[(char, i64)]| {
        let mut total = 0_i64;
        let mut digits = String::new();
        for c in text.chars() {
            if c.is_ascii_digit() {
                digits.push(c);
            } else {
                let (_, unit) = units.iter().find(|(name, _)| *name == c)?;
                total = total.checked_add(digits.parse::<i64>().ok()?.checked_mul(*unit)?)?;
                digits.clear();
            }
        }
        digits.is_empty().then_some(total)
    };
    let days = parts(days, &[('W', 604_800), ('D', 86_400)])?;
    let times = parts(times, &[('H', 3_600), ('M', 60), ('S', 1)])?;
    days.checked_add(times).filter(|total| (1..=315_360_000).contains(total))
}
