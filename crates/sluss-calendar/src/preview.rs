//! What the calendar will do: the spans of the months to come, and what is odd about them.

use serde::{Deserialize, Serialize};

use crate::calendar::Calendar;
use crate::decide::WindowId;
use crate::expand::{NEVER, Span};
use crate::file::{Kind, Overrun};
use crate::lint::{rare_day, warning};
use crate::mistake::Warning;
use crate::rule::Frequency;
use crate::scene::Scene;
use crate::scope::Scope;
use crate::sentence::duration;
use crate::window::Window;
use crate::zone::{Wall, months_after, tzdb_version, utc_text};

/// A stretch of time, `[start_ms, end_ms)`, in milliseconds since 1970 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Interval {
    /// Its first instant.
    pub start_ms: i64,
    /// The first instant after it.
    pub end_ms: i64,
}

/// One time that a window is active.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PreviewSpan {
    /// Its first instant, also if that is before the preview begins.
    pub start_ms: i64,
    /// The first instant after it, also if that is after the preview ends; none for a window that
    /// stays until it is lifted.
    pub end_ms: Option<i64>,
    /// Both in local time and in UTC.
    pub text: String,
    /// The window.
    pub window: WindowId,
    /// Whether it opens or shuts.
    pub kind: Kind,
    /// What becomes of what is running.
    pub overrun: Overrun,
    /// Why the window exists.
    pub reason: String,
}

/// What the calendar will do to a scope in some months.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// The scope.
    pub scope: Scope,
    /// The months.
    pub range: Interval,
    /// The windows' spans that touch them, by start and then by window.
    pub spans: Vec<PreviewSpan>,
    /// When nothing may start: disjoint, in order, and within the range.
    pub shut: Vec<Interval>,
    /// What is odd; by window.
    pub warnings: Vec<Warning>,
    /// The version of the time zone database it was made with.
    pub tzdb_version: String,
    /// The digest of the calendar; none if there is none.
    pub calendar_sha256: Option<String>,
}

/// Months that a preview has at most.
pub const MONTHS_MOST: u32 = 120;

/// Shows what `calendar` will do to `scope` in the `months` (at most [`MONTHS_MOST`]) from
/// `from_ms` on.
#[must_use]
pub fn preview(calendar: &Calendar, scope: &Scope, from_ms: i64, months: u32) -> Preview {
    let end_ms = months_after(from_ms, months.min(MONTHS_MOST));
    let range = Interval { start_ms: from_ms, end_ms };
    let mut preview = Preview {
        scope: scope.clone(),
        range,
        spans: Vec::new(),
        shut: Vec::new(),
        warnings: Vec::new(),
        tzdb_version: tzdb_version().to_owned(),
        calendar_sha256: calendar.sha256().map(str::to_owned),
    };
    let Ok(windows) = calendar.windows() else {
        preview.shut = vec![range];
        return preview;
    };
    let scene = Scene::new(windows, scope);
    let (mut shuts, mut opens) = (Vec::new(), Vec::new());
    for (window, opening) in concerned(&scene) {
        let (spans, limit) = window.spans.between(range.start_ms, range.end_ms);
        let intervals = spans.iter().map(|s| Interval { start_ms: s.start_ms, end_ms: s.end_ms });
        match window.kind {
            Kind::Deny => shuts.extend(intervals),
            Kind::Allow if opening => opens.extend(intervals),
            Kind::Allow => {}
        }
        if limit < range.end_ms {
            shuts.push(Interval { start_ms: limit, end_ms: NEVER });
            preview.warnings.push(incomplete(window, limit));
        }
        preview.warnings.extend(nights(window, &spans));
        preview.warnings.extend(skipped(window, &spans, range));
        preview.warnings.extend(idle(window, &spans, range));
        preview.spans.extend(spans.iter().map(|span| shown(window, span)));
    }
    let lints = calendar.warnings().iter();
    let concerns = |id: &str| concerned(&scene).any(|(window, _)| window.id == id);
    preview.warnings.extend(lints.filter(|lint| concerns(&lint.window)).cloned());
    if !scene.allows.is_empty() {
        shuts.extend(complement(&union(opens), range));
    }
    preview.shut = clipped(&union(shuts), range);
    preview.spans.sort();
    preview.warnings.sort();
    preview.warnings.dedup();
    preview
}

fn concerned<'a>(scene: &'a Scene<'a>) -> impl Iterator<Item = (&'a Window, bool)> {
    let denies = scene.denies.iter().map(|window| (*window, false));
    denies.chain(scene.allows.iter().copied())
}

fn shown(window: &Window, span: &Span) -> PreviewSpan {
    let zone = window.zone();
    let text = if span.end_ms == NEVER {
        let start = zone.text(span.start_ms);
        format!("{start} until lifted {} ({})", zone.name(), utc_text(span.start_ms))
    } else {
        format!(
            "{} – {} {} ({} – {})",
            zone.text(span.start_ms),
            zone.text(span.end_ms),
            zone.name(),
            utc_text(span.start_ms),
            utc_text(span.end_ms)
        )
    };
    PreviewSpan {
        start_ms: span.start_ms,
        end_ms: (span.end_ms != NEVER).then_some(span.end_ms),
        text,
        window: WindowId(window.id.clone()),
        kind: window.kind,
        overrun: window.overrun,
        reason: window.reason.clone(),
    }
}

/// The nights on which the clocks change inside a span, or at its edge.
fn nights(window: &Window, spans: &[Span]) -> Vec<Warning> {
    let (zone, Some(nominal)) = (window.zone(), window.spans.recipe().nominal_secs) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for span in spans {
        let real = span.end_ms - span.start_ms;
        let end = Wall(span.wall.0 + nominal);
        if real == nominal * 1000 && zone.is_plain(span.wall) && zone.is_plain(end) {
            continue;
        }
        let edges = [("start", span.wall, span.start_ms), ("end", end, span.end_ms)];
        let odd = edges.iter().filter(|(_, wall, _)| !zone.is_plain(*wall));
        let odd: Vec<String> = odd
            .map(|(edge, wall, at)| {
                let times = if zone.wall(zone.early(*wall)) == *wall {
                    "happens twice"
                } else {
                    "never happens"
                };
                let wall = wall.civil().strftime("%H:%M").to_string();
                format!("Its {edge} at {wall} {times}; it is {}.", utc_text(*at))
            })
            .collect();
        let why = match window.kind {
            Kind::Deny => "The clocks change; a deny window takes the longest reading.",
            Kind::Allow => "The clocks change; an allow window takes the shortest reading.",
        };
        let mend = "Move the times out of the hour of the change if they are to be plain.";
        let date = span.wall.civil().strftime("%a %-d %b %Y");
        let lasts = duration(real);
        let what = format!("From {date} it lasts {lasts} and not {}.", duration(nominal * 1000));
        let what = if real == nominal * 1000 { format!("On {date}:") } else { what };
        found.push(warning(window, [vec![what], odd].concat().join(" "), why, mend.to_owned()));
    }
    found
}

/// The months in the range that the rule leaves out for want of a day.
fn skipped(window: &Window, spans: &[Span], range: Interval) -> Option<Warning> {
    let day = rare_day(window)?;
    let recipe = window.spans.recipe();
    let rule = recipe.rule.as_ref()?;
    let index = |wall: Wall| {
        let civil = wall.civil();
        i32::from(civil.year()) * 12 + i32::from(civil.month()) - 1
    };
    let first = index(recipe.first);
    let from = index(window.zone().wall(range.start_ms)).max(first);
    let last = index(window.zone().wall(range.end_ms - 1));
    let step = match rule.frequency {
        Frequency::Yearly => 12 * i32::from(rule.interval),
        Frequency::Monthly => i32::from(rule.interval),
        Frequency::Weekly | Frequency::Daily | Frequency::Hourly => return None,
    };
    let asked = |month: i32| {
        (month - first).rem_euclid(step) == 0
            && (rule.months.is_empty() || rule.months.contains(&(month.rem_euclid(12) + 1)))
    };
    let lacking: Vec<String> = (from..=last)
        .filter(|month| asked(*month) && lacks(*month, day))
        .filter(|month| !spans.iter().any(|span| index(span.wall) == *month))
        .map(|month| format!("{}-{:02}", month.div_euclid(12), month.rem_euclid(12) + 1))
        .collect();
    (!lacking.is_empty()).then(|| {
        warning(
            window,
            format!("It is skipped in {}.", lacking.join(", ")),
            "These months lack the day that its rule repeats on.",
            "Write `BYMONTHDAY=-1` for the last day of each month.".to_owned(),
        )
    })
}

/// Whether a month, counted from year 0, has fewer days than that.
fn lacks(month: i32, day: i32) -> bool {
    let (year, month) = (month.div_euclid(12), month.rem_euclid(12) + 1);
    let date = |year: i32, month: i32| {
        jiff::civil::Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, 1).ok()
    };
    date(year, month).is_some_and(|date| i32::from(date.days_in_month()) < day.abs())
}

fn idle(window: &Window, spans: &[Span], range: Interval) -> Option<Warning> {
    let inside = union(spans.iter().map(|s| Interval { start_ms: s.start_ms, end_ms: s.end_ms }));
    let whole = |one: &Interval| one.start_ms <= range.start_ms && one.end_ms >= range.end_ms;
    let what = if inside.is_empty() {
        "It is never active in these months."
    } else if inside.iter().any(whole) {
        "It is active in all of these months without a hole."
    } else {
        return None;
    };
    let mend = "Check `dtstart`, `dtend` and `rrule`, or take the window out.".to_owned();
    Some(warning(window, what.to_owned(), "A window comes and goes, as a rule.", mend))
}

fn incomplete(window: &Window, limit: i64) -> Warning {
    warning(
        window,
        format!("It has too many starts to be expanded after {}.", utc_text(limit)),
        "From then on the calendar denies whatever the window covers.",
        "Give it a later `dtstart`, or a rule with fewer starts.".to_owned(),
    )
}

/// Disjoint intervals in order, none touching the next.
pub(crate) fn union(intervals: impl IntoIterator<Item = Interval>) -> Vec<Interval> {
    let mut intervals: Vec<Interval> =
        intervals.into_iter().filter(|one| one.start_ms < one.end_ms).collect();
    intervals.sort();
    let mut united: Vec<Interval> = Vec::new();
    for next in intervals {
        match united.last_mut() {
            Some(last) if next.start_ms <= last.end_ms => {
                last.end_ms = last.end_ms.max(next.end_ms);
            }
            Some(_) | None => united.push(next),
        }
    }
    united
}

/// What `range` has besides disjoint intervals in order.
pub(crate) fn complement(intervals: &[Interval], range: Interval) -> Vec<Interval> {
    let mut free = Vec::new();
    let mut at = range.start_ms;
    for one in intervals {
        free.push(Interval { start_ms: at, end_ms: one.start_ms.min(range.end_ms) });
        at = at.max(one.end_ms);
    }
    free.push(Interval { start_ms: at, end_ms: range.end_ms });
    free.retain(|one| one.start_ms < one.end_ms);
    free
}

fn clipped(intervals: &[Interval], range: Interval) -> Vec<Interval> {
    let clip = |one: &Interval| Interval {
        start_ms: one.start_ms.max(range.start_ms),
        end_ms: one.end_ms.min(range.end_ms),
    };
    intervals.iter().map(clip).filter(|one| one.start_ms < one.end_ms).collect()
}
