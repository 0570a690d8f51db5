//! What a window may say, but its author probably did not mean.

use crate::expand::{STARTS_MOST, Span};
use crate::mistake::Warning;
use crate::rule::{Frequency, Rule};
use crate::window::Window;
use crate::zone::{DAY_MS, LAST};

/// The warnings about one window that need no clock.
pub(crate) fn of_window(window: &Window) -> Vec<Warning> {
    let spans = window.spans.first(SAMPLE);
    [
        skips(window),
        never(window, &spans),
        always(window, &spans),
        long(window),
        many(window, &spans),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Starts that are looked at.
const SAMPLE: usize = 1000;
/// A window that is active without a hole for this long is always active.
const ALWAYS_MS: i64 = 2 * 366 * DAY_MS;

pub(crate) fn warning(window: &Window, what: String, why: &str, mend: String) -> Warning {
    Warning { window: window.id.clone(), what, why: why.to_owned(), mend }
}

/// The latest day of the month that a rule asks for, when some of its months lack every one.
pub(crate) fn rare_day(window: &Window) -> Option<i32> {
    let recipe = window.spans.recipe();
    let rule = recipe.rule.as_ref().filter(|rule| !rule.days_by_other)?;
    let first = recipe.first.civil();
    let (own_day, own_month) = (vec![i32::from(first.day())], vec![i32::from(first.month())]);
    // What a rule does not say it takes from its first start.
    let (days, months) = match rule.frequency {
        Frequency::Monthly if rule.month_days.is_empty() => (own_day, rule.months.clone()),
        Frequency::Yearly if rule.month_days.is_empty() && rule.months.is_empty() => {
            (own_day, own_month)
        }
        Frequency::Yearly if rule.month_days.is_empty() => (own_day, rule.months.clone()),
        Frequency::Yearly | Frequency::Monthly | Frequency::Daily | Frequency::Hourly => {
            (rule.month_days.clone(), rule.months.clone())
        }
        Frequency::Weekly => return None,
    };
    let has = |wanted: &[i32]| months.is_empty() || wanted.iter().any(|m| months.contains(m));
    let least = days.iter().map(|day| day.abs()).min()?;
    let lacking = (least > 28 && has(&[2])) || (least > 30 && has(&[4, 6, 9, 11]));
    days.into_iter().max_by_key(|day| day.abs()).filter(|_| lacking)
}

fn skips(window: &Window) -> Option<Warning> {
    let day = rare_day(window)?;
    Some(warning(
        window,
        format!("It repeats on day {day} of the month, which some months lack."),
        "RFC 5545 skips those months.",
        "Write `BYMONTHDAY=-1` for the last day of each month.".to_owned(),
    ))
}

fn never(window: &Window, spans: &[Span]) -> Option<Warning> {
    spans.is_empty().then(|| {
        warning(
            window,
            "It is never active.".to_owned(),
            "Its rule makes no start, or every start is excluded.",
            "Check `rrule` and `exdate`, or take the window out.".to_owned(),
        )
    })
}

fn always(window: &Window, spans: &[Span]) -> Option<Warning> {
    let rule = window.spans.recipe().rule.as_ref()?;
    let first = spans.first()?;
    let mut end = first.start_ms;
    for span in spans {
        if span.start_ms > end {
            return None;
        }
        end = end.max(span.end_ms);
    }
    let long = end.saturating_sub(first.start_ms) >= ALWAYS_MS;
    (long && !rule.is_finite()).then(|| {
        warning(
            window,
            "It is always active.".to_owned(),
            "Each time lasts until the next begins.",
            "Check `dtend`: it is the end of the first time, not of the last.".to_owned(),
        )
    })
}

fn long(window: &Window) -> Option<Warning> {
    let days = window.spans.recipe().nominal_secs? / 86_400;
    (days > 366).then(|| {
        warning(
            window,
            format!("Each time lasts {days} days."),
            "Few windows are meant to last more than a year.",
            "Check the years of `dtstart` and `dtend`.".to_owned(),
        )
    })
}

/// Whether the expansion will pass its limit, from the pace of the first starts.
fn many(window: &Window, spans: &[Span]) -> Option<Warning> {
    let recipe = window.spans.recipe();
    let (first, last) = (spans.first()?, spans.get(SAMPLE - 1)?);
    if recipe.rule.as_ref().is_none_or(Rule::is_finite) {
        return None;
    }
    let pace = (last.wall.0 - first.wall.0) / i64::try_from(SAMPLE).unwrap_or(1);
    let reach = i64::try_from(STARTS_MOST).unwrap_or(i64::MAX).saturating_mul(pace);
    let end = recipe.first.0.saturating_add(reach);
    (end < LAST.0).then(|| {
        let year = crate::zone::Wall(end).civil().year();
        warning(
            window,
            format!("It starts so often that it can be expanded only until about {year}."),
            "From then on the calendar denies whatever the window covers.",
            "Write a rule with fewer starts, or move `dtstart` later before that.".to_owned(),
        )
    })
}
