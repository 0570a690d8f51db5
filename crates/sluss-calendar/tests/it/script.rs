//! Calendars and questions in few words.

use sluss_calendar::{
    Calendar, CalendarFile, Decision, Kind, Operation, Overrun, Scope, ScopeFile, WindowFile,
    decide,
};

/// A window over everything, in UTC, that holds what runs.
pub fn window(id: &str, kind: Kind, start: &str, end: &str) -> WindowFile {
    WindowFile {
        id: id.to_owned(),
        kind,
        scope: ScopeFile::default(),
        dtstart: start.to_owned(),
        dtend: Some(end.to_owned()),
        tzid: Some("UTC".to_owned()),
        rrule: None,
        exdate: Vec::new(),
        rdate: Vec::new(),
        overrun: Overrun::Hold,
        reason: format!("Reason of {id}."),
        owner: "release-office".to_owned(),
    }
}

pub fn deny(id: &str, start: &str, end: &str) -> WindowFile {
    window(id, Kind::Deny, start, end)
}

pub fn allow(id: &str, start: &str, end: &str) -> WindowFile {
    window(id, Kind::Allow, start, end)
}

/// Changes of a window, one word each.
pub trait With: Sized {
    fn rule(self, rule: &str) -> Self;
    fn zone(self, zone: &str) -> Self;
    fn overrun(self, overrun: Overrun) -> Self;
    fn exdate(self, dates: &[&str]) -> Self;
    fn rdate(self, dates: &[&str]) -> Self;
    fn services(self, names: &[&str]) -> Self;
}

impl With for WindowFile {
    fn rule(mut self, rule: &str) -> Self {
        self.rrule = Some(rule.to_owned());
        self
    }
    fn zone(mut self, zone: &str) -> Self {
        self.tzid = Some(zone.to_owned());
        self
    }
    fn overrun(mut self, overrun: Overrun) -> Self {
        self.overrun = overrun;
        self
    }
    fn exdate(mut self, dates: &[&str]) -> Self {
        self.exdate = dates.iter().map(|date| (*date).to_owned()).collect();
        self
    }
    fn rdate(mut self, dates: &[&str]) -> Self {
        self.rdate = dates.iter().map(|date| (*date).to_owned()).collect();
        self
    }
    fn services(mut self, names: &[&str]) -> Self {
        self.scope.services = names.iter().map(|name| (*name).to_owned()).collect();
        self
    }
}

pub fn calendar(windows: &[WindowFile]) -> Calendar {
    match Calendar::parse(&CalendarFile { windows: windows.to_vec() }) {
        Ok(calendar) => calendar,
        Err(mistakes) => panic!("{mistakes}"),
    }
}

pub fn mistakes(windows: &[WindowFile]) -> String {
    match Calendar::parse(&CalendarFile { windows: windows.to_vec() }) {
        Ok(_) => "none".to_owned(),
        Err(mistakes) => mistakes.to_string(),
    }
}

pub fn scope() -> Scope {
    Scope::new("instant-payments", "payments", "production")
}

/// An instant in UTC, `2026-12-18T16:00:00`.
pub fn at(text: &str) -> i64 {
    let text = if text.ends_with('Z') { text.to_owned() } else { format!("{text}Z") };
    text.parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

pub fn text(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).unwrap().to_string()
}

pub const DEPLOY: Operation = Operation::Deploy { predicted_ms: None };

pub fn takes(minutes: i64) -> Operation {
    Operation::Deploy { predicted_ms: Some(minutes * 60_000) }
}

pub fn ask(calendar: &Calendar, operation: Operation, now: &str) -> Decision {
    decide(calendar, &scope(), operation, None, at(now))
}

/// Whether a deployment that started then may go on now, in one word.
pub fn goes_on(calendar: &Calendar, started: &str, now: &str) -> Decision {
    decide(calendar, &scope(), Operation::Continue, Some(at(started)), at(now))
}

pub fn until(decision: &Decision) -> Option<String> {
    decision.until_ms.map(text)
}
