//! One window: parsed whole, with every mistake named.

use crate::expand::{Expansion, Recipe, STARTS_MOST};
use crate::file::{Kind, Overrun, ScopeFile, WindowFile};
use crate::mistake::Mistake;
use crate::rule::Rule;
use crate::zone::{Wall, Zone};

/// A window that holds every rule.
#[derive(Debug)]
pub(crate) struct Window {
    pub(crate) id: String,
    pub(crate) kind: Kind,
    pub(crate) scope: ScopeFile,
    pub(crate) overrun: Overrun,
    pub(crate) reason: String,
    pub(crate) spans: Expansion,
}

impl Window {
    /// Reads a window.
    ///
    /// # Errors
    ///
    /// Every mistake that can be found in one pass.
    pub(crate) fn parse(file: &WindowFile) -> Result<Self, Vec<Mistake>> {
        let mut found = Found { id: &file.id, mistakes: Vec::new() };
        found.texts(file);
        let zone = found.zone(file.tzid.as_deref());
        let Some(zone) = zone else { return Err(found.mistakes) };
        let first = found.time("dtstart", &file.dtstart, &zone);
        let end = file.dtend.as_deref().map(|end| found.time("dtend", end, &zone));
        let exdates = found.times("exdate", &file.exdate, &zone);
        let rdates = found.times("rdate", &file.rdate, &zone);
        let rule = file.rrule.as_deref().and_then(|text| found.rule(text, &zone));
        let nominal_secs = match (first, end) {
            (Some(first), Some(Some(end))) => found.length(first, end),
            (Some(_), None) => {
                found.endless(file);
                None
            }
            (None, _) | (Some(_), Some(None)) => None,
        };
        let Some(first) = first else { return Err(found.mistakes) };
        if let Some(rule) = &rule {
            found.begins_with(rule, first);
        }
        // What excludes nothing is only to be said of a window that stands otherwise.
        if found.mistakes.is_empty() {
            found.exdates_hit(rule.as_ref(), first, &rdates, &exdates);
        }
        if !found.mistakes.is_empty() {
            return Err(found.mistakes);
        }
        let kind = file.kind;
        let recipe = Recipe { kind, zone, first, nominal_secs, rule, exdates, rdates };
        Ok(Self {
            id: file.id.clone(),
            kind,
            scope: file.scope.clone(),
            overrun: file.overrun,
            reason: file.reason.trim().trim_end_matches('.').to_owned(),
            spans: Expansion::new(recipe),
        })
    }

    /// `` `year-end` (Year-end closing) ``.
    pub(crate) fn words(&self) -> String {
        format!("`{}` ({})", self.id, self.reason)
    }

    pub(crate) fn zone(&self) -> &Zone {
        &self.spans.recipe().zone
    }
}

/// The mistakes of one window so far.
struct Found<'a> {
    id: &'a str,
    mistakes: Vec<Mistake>,
}

impl Found<'_> {
    fn note(
        &mut self,
        field: &'static str,
        what: impl Into<String>,
        why: impl Into<String>,
        mend: impl Into<String>,
    ) {
        self.mistakes.push(Mistake::in_window(self.id, field, what, why, mend));
    }

    fn texts(&mut self, file: &WindowFile) {
        let odd = |c: char| c.is_whitespace() || c.is_control() || c == '`';
        if file.id.is_empty() || file.id.len() > 200 || file.id.contains(odd) {
            let what = "The id is empty, longer than 200 bytes, or has spaces.";
            self.note("id", what, "Decisions name windows by it.", "Write one like `year-end`.");
        }
        for (field, text) in [("reason", &file.reason), ("owner", &file.owner)] {
            if text.trim().is_empty() {
                let why = "Whoever is held by the window reads it.";
                self.note(field, "It is empty.", why, format!("Write the {field}."));
            }
        }
        let scope = &file.scope;
        for list in [&scope.products, &scope.services, &scope.environments, &scope.regions] {
            for name in list.iter().filter(|name| name.trim().is_empty() || name.contains('*')) {
                let why = "Names are compared as they are, so it would match nothing.";
                let mend = "Leave the list out to mean everything, or write the names.";
                self.note("scope", format!("`{name}` is no name."), why, mend);
            }
        }
    }

    fn zone(&mut self, tzid: Option<&str>) -> Option<Zone> {
        let Some(tzid) = tzid.filter(|tzid| !tzid.is_empty()) else {
            let why = "A wall-clock time without a zone means another instant on every machine.";
            let mend = "Write `tzid: Europe/Berlin`, for instance, or `tzid: UTC`.";
            self.note("tzid", "The time zone is missing.", why, mend);
            return None;
        };
        match Zone::named(tzid) {
            Ok(zone) => Some(zone),
            Err(nearest) => {
                let why =
                    format!("It is not in the time zone database {}.", crate::zone::tzdb_version());
                let mend = format!("Write `{nearest}`, if that was meant.");
                self.note("tzid", format!("`{tzid}` is no time zone."), why, mend);
                None
            }
        }
    }

    fn time(&mut self, field: &'static str, text: &str, zone: &Zone) -> Option<Wall> {
        let bare = match text.strip_suffix('Z') {
            Some(bare) if zone.name() == "UTC" => bare,
            Some(bare) => {
                let why = format!("Times of a window are wall-clock times in {}.", zone.name());
                let mend = match Wall::parse(bare).filter(|wall| wall.is_in_range()) {
                    Some(utc) => format!("Write `{}`.", zone.wall(utc.0 * 1000).text()),
                    None => "Leave the `Z` out.".to_owned(),
                };
                self.note(field, format!("`{text}` is in UTC."), why, mend);
                return None;
            }
            None => text,
        };
        match Wall::parse(bare) {
            Some(wall) if wall.is_in_range() => Some(wall),
            Some(_) => {
                let why = "The calendar reads the years from 1970 to 2199.";
                self.note(field, format!("`{text}` is out of range."), why, "Check the year.");
                None
            }
            None => {
                let why = "A time is a date, or a date and a time, without an offset.";
                let mend = "Write it like `2026-12-18T16:00`.";
                self.note(field, format!("`{text}` is no time."), why, mend);
                None
            }
        }
    }

    fn times(&mut self, field: &'static str, texts: &[String], zone: &Zone) -> Vec<Wall> {
        let mut times: Vec<Wall> =
            texts.iter().filter_map(|text| self.time(field, text, zone)).collect();
        times.sort_unstable();
        times.dedup();
        times
    }

    fn length(&mut self, first: Wall, end: Wall) -> Option<i64> {
        if end > first {
            return Some(end.0 - first.0);
        }
        let (what, why) = if end == first {
            ("The window ends when it starts.", "It would never be active.")
        } else {
            ("The window ends before it starts.", "Nobody can tell which of the two is wrong.")
        };
        let days = (first.0 - end.0).div_euclid(86_400) + 1;
        let next = Wall(end.0 + days * 86_400).text();
        let mend = format!("Write `dtend: {next}` if it ends at that time of a later day.");
        self.note("dtend", what, why, mend);
        None
    }

    fn endless(&mut self, file: &WindowFile) {
        let mend = "Write `dtend`, the end of the first time.";
        if file.kind == Kind::Allow {
            let why = "Only a deny window may stay until it is lifted.";
            self.note("dtend", "An allow window has no end.", why, mend);
        } else if file.rrule.is_some() || !file.rdate.is_empty() {
            let why = "A repetition without a length has no meaning.";
            self.note("dtend", "A window that repeats has no end.", why, mend);
        }
    }

    fn rule(&mut self, text: &str, zone: &Zone) -> Option<Rule> {
        let until = |wall: Wall| {
            let ms = if wall.is_in_range() { zone.late(wall) } else { 0 };
            Wall(ms.div_euclid(1000)).civil().strftime("%Y%m%dT%H%M%SZ").to_string()
        };
        match Rule::parse(text, until) {
            Ok(rule) => Some(rule),
            Err(bad) => {
                self.note("rrule", bad.what, bad.why, bad.mend);
                None
            }
        }
    }

    /// RFC 5545 leaves undefined what a rule means whose first start is not `DTSTART`.
    fn begins_with(&mut self, rule: &Rule, first: Wall) {
        if rule.until.is_some_and(|until| until < first.0.saturating_sub(2 * 86_400) * 1000) {
            let why = "The rule would be over before it begins.";
            self.note("rrule", "`UNTIL` is before `dtstart`.", why, "Write a later `UNTIL`.");
            return;
        }
        match rule.starts(first).map(|mut starts| starts.next()) {
            Err(words) => {
                let why = "The library that expands rules refuses it.";
                self.note("rrule", words, why, "Write the rule with other parts.");
            }
            Ok(Some(start)) if start.timestamp() != first.0 => {
                let start = Wall(start.timestamp()).text();
                let why = "RFC 5545 section 3.8.5.3 leaves open what happens then.";
                let mend = format!("Write `dtstart: {start}`, the rule's first, and a `dtend`.");
                self.note("dtstart", "It is not a start that the rule makes.", why, mend);
            }
            Ok(Some(_) | None) => {}
        }
    }

    /// A date that excludes nothing is a window that stays where its author thinks it does not.
    fn exdates_hit(&mut self, rule: Option<&Rule>, first: Wall, rdates: &[Wall], out: &[Wall]) {
        let Some(last) = out.last() else { return };
        let mut starts: Vec<Wall> = rdates.to_vec();
        match rule.map(|rule| rule.starts(first)) {
            Some(Ok(more)) => {
                let more = more.take(STARTS_MOST).map(|start| Wall(start.timestamp()));
                starts.extend(more.take_while(|start| start.0 <= last.0 + 86_400));
            }
            Some(Err(_)) => return,
            None => starts.push(first),
        }
        for date in out.iter().filter(|date| !starts.contains(date)) {
            let near = starts.iter().min_by_key(|start| (start.0 - date.0).abs());
            let mend = near.map_or_else(
                || "Leave it out.".to_owned(),
                |near| format!("The nearest start is `{}`.", near.text()),
            );
            let why = "An excluded date has to be the very start of a time.";
            self.note("exdate", format!("`{}` excludes nothing.", date.text()), why, mend);
        }
    }
}
