//! The year ahead: month by month when nothing goes, and why; what waits for it now.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Query, State};
use sluss_core::units::Millis;

use super::frame::{Asked, Frame, OrFail, Page, render};
use super::freezes;
use super::html::{self, Html};
use super::link;
use super::stops::{self, ScopeOption, StopRow};
use crate::api::calendar::{CalendarView, SpanView, StretchView, Which, months_ahead};
use crate::app::App;

/// Times of a window that a month shows one by one.
const TIMES_SHOWN: usize = 3;
const DAY_MS: i64 = 86_400_000;
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A day, by its class: nothing, `part` or `whole`.
struct Day {
    number: i64,
    class: &'static str,
    word: &'static str,
}

/// A window within a month.
struct Row {
    name: Html,
    kind: Html,
    reason: String,
    times: Vec<String>,
    more: usize,
}

struct Month {
    title: String,
    days: Vec<Day>,
    rows: Vec<Row>,
}

struct Kept {
    deployment: Html,
    sentence: Html,
    until: Option<Html>,
}

#[derive(Template)]
#[template(path = "calendar.html")]
struct CalendarPage {
    frame: Frame,
    months: Vec<Month>,
    kept: Vec<Kept>,
    warnings: Vec<String>,
    readable: bool,
    digest: Option<Html>,
    services: Vec<String>,
    environments: Vec<String>,
    service: String,
    environment: String,
    scopes: Vec<ScopeOption>,
    stops: Vec<StopRow>,
}

pub(super) async fn page(
    State(app): State<App>,
    Query(asked_for): Query<Which>,
    asked: Asked,
) -> Page {
    let chosen = |of: Option<String>| of.filter(|text| !text.is_empty());
    let which = Which {
        months: None,
        service: chosen(asked_for.service),
        environment: chosen(asked_for.environment),
    };
    let frame = Frame::new(&app, &asked, "Calendar")
        .twin("calendar")
        .explain("/log?stream=config")
        .topics("calendar config access");
    let now = app.engine.now();
    let view = months_ahead(&app, &which).await.or_fail(&app, &asked)?;
    let (services, environments, scopes) = {
        let state = app.engine.state();
        (freezes::services(&state), freezes::environments(&state), stops::scopes(&state))
    };
    let stops = stops::rows(&app, &asked).await.or_fail(&app, &asked)?;
    let kept = view.waiting.iter().map(|kept| Kept {
        deployment: html::link(
            &link::of_id(&kept.deployment).unwrap_or_default(),
            &kept.deployment,
        ),
        sentence: html::sentence(&kept.sentence),
        until: kept.until_ms.map(|at| html::ago(Millis(at), now)),
    });
    Ok(render(&CalendarPage {
        kept: kept.collect(),
        months: months(&view),
        readable: view.readable,
        digest: view.calendar.as_deref().map(html::short),
        warnings: view.warnings,
        frame,
        services,
        environments,
        service: which.service.unwrap_or_default(),
        environment: which.environment.unwrap_or_default(),
        scopes,
        stops,
    }))
}

/// A month as the years and months since year 0, and its days since 1970.
fn month_of(ms: i64) -> (i64, i64) {
    let (year, month, _) = html::date(ms.div_euclid(DAY_MS));
    (year, month)
}

/// Returns the month's first day since 1970 on or after `day`, and the next month's.
fn months(view: &CalendarView) -> Vec<Month> {
    let first = view.from_ms.div_euclid(DAY_MS);
    let last = (view.until_ms - 1).div_euclid(DAY_MS);
    let mut days: BTreeMap<(i64, i64), Vec<i64>> = BTreeMap::new();
    for day in first..=last {
        days.entry(month_of(day * DAY_MS)).or_default().push(day);
    }
    days.into_iter().map(|((year, month), days)| month_view(view, year, month, &days)).collect()
}

fn month_view(view: &CalendarView, year: i64, month: i64, days: &[i64]) -> Month {
    let name = usize::try_from(month - 1).ok().and_then(|at| MONTHS.get(at)).unwrap_or(&"");
    let (begin, end) = match (days.first(), days.last()) {
        (Some(first), Some(last)) => (first * DAY_MS, (last + 1) * DAY_MS),
        (None, _) | (_, None) => (0, 0),
    };
    let mut windows: BTreeMap<&str, Vec<&SpanView>> = BTreeMap::new();
    for span in &view.spans {
        let begins = span.start_ms.max(view.from_ms);
        if (begin..end).contains(&begins) {
            windows.entry(&span.window).or_default().push(span);
        }
    }
    Month {
        title: format!("{name} {year}"),
        days: days.iter().map(|day| day_view(view, *day)).collect(),
        rows: windows.into_values().filter_map(|spans| row(&spans)).collect(),
    }
}

fn row(spans: &[&SpanView]) -> Option<Row> {
    let first = spans.first()?;
    let kind = match first.kind {
        "allow" => html::toned(html::Tone::Good, "opens"),
        "freeze" => html::toned(html::Tone::Bad, "set by hand"),
        _deny => html::toned(html::Tone::Wait, "shuts"),
    };
    let name = match first.kind {
        "freeze" => html::link(link::FREEZES, &first.window),
        _window => html::text(&first.window),
    };
    Some(Row {
        name,
        kind,
        reason: first.reason.clone().unwrap_or_else(|| "(the reason is gone)".to_owned()),
        times: spans.iter().take(TIMES_SHOWN).map(|span| span.text.clone()).collect(),
        more: spans.len().saturating_sub(TIMES_SHOWN),
    })
}

/// Says of a day in UTC whether nothing goes on it: at all, or for a part of it.
fn day_view(view: &CalendarView, day: i64) -> Day {
    let (begin, end) = (day * DAY_MS, (day + 1) * DAY_MS);
    let frozen = view.spans.iter().filter(|span| span.kind == "freeze");
    let frozen = frozen.map(|span| (span.start_ms, span.end_ms.unwrap_or(i64::MAX)));
    let shut = view.shut.iter().map(|StretchView { start_ms, end_ms }| (*start_ms, *end_ms));
    let mut class = ("", "open");
    for (from, until) in shut.chain(frozen) {
        if from <= begin.max(view.from_ms) && until >= end.min(view.until_ms) {
            return Day { number: number_of(day), class: "whole", word: "shut" };
        }
        if from < end && until > begin {
            class = ("part", "shut for a part of the day");
        }
    }
    Day { number: number_of(day), class: class.0, word: class.1 }
}

fn number_of(day: i64) -> i64 {
    html::date(day).2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(shut: &[(i64, i64)]) -> CalendarView {
        let stretch =
            |(start_ms, end_ms): &(i64, i64)| StretchView { start_ms: *start_ms, end_ms: *end_ms };
        CalendarView {
            calendar: None,
            readable: true,
            from_ms: 0,
            until_ms: 59 * DAY_MS,
            spans: Vec::new(),
            shut: shut.iter().map(stretch).collect(),
            warnings: Vec::new(),
            time_zones: String::new(),
            waiting: Vec::new(),
        }
    }

    #[test]
    fn a_year_falls_into_months_of_whole_days() {
        let months = months(&view(&[]));
        let shown: Vec<_> = months.iter().map(|m| (m.title.as_str(), m.days.len())).collect();
        assert_eq!(shown, [("January 1970", 31), ("February 1970", 28)]);
    }

    #[test]
    fn a_day_is_shut_whole_or_in_part() {
        let of = view(&[(DAY_MS / 2, 2 * DAY_MS)]);
        assert_eq!([0, 1, 2].map(|day| day_view(&of, day).class), ["part", "whole", ""]);
    }
}
