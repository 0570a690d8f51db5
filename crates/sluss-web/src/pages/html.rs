//! Small pieces of HTML that many pages have: states, times, people, numbers.
//!
//! # Invariants
//!
//! - Text that is not ours is escaped where it becomes [`Html`].
//! - A state is said by a word; icon and colour only repeat it.

use std::fmt::{self, Write as _};

use askama::filters::HtmlSafe;
use sluss_core::units::Millis;

/// Text that is HTML already.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Html(pub(super) String);

impl fmt::Display for Html {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HtmlSafe for Html {}

/// Returns `text` as HTML.
pub(super) fn text(text: &str) -> Html {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '&' => html.push_str("&amp;"),
            '"' => html.push_str("&#34;"),
            '\'' => html.push_str("&#39;"),
            c => html.push(c),
        }
    }
    Html(html)
}

/// How something is to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Going,
    Wait,
    Bad,
    Quiet,
}

impl Tone {
    /// Returns the tone of a state, by its word.
    pub(super) fn of(word: &str) -> Self {
        match word {
            "live" | "succeeded" | "cleared" | "accepted" | "delivered" | "granted" | "closed"
            | "favourable" | "passed" | "active" => Self::Good,
            "running" | "rolling out" | "judging" | "baking" | "in progress" | "merged"
            | "announced" | "ready" | "mitigated" => Self::Going,
            "waiting" | "requested" | "queued" | "held" | "pending" | "proposed" | "undecided"
            | "no data" | "standby" | "asked" | "would refuse" => Self::Wait,
            "failed" | "rolled back" | "taken back" | "refused" | "errored" | "timed out"
            | "barred" | "open" | "not accepted" | "unfavourable" | "frozen" | "overdue" => {
                Self::Bad
            }
            _ => Self::Quiet,
        }
    }

    /// Returns its class, which is its icon too.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Going => "going",
            Self::Wait => "wait",
            Self::Bad => "bad",
            Self::Quiet => "quiet",
        }
    }
}

/// Returns a state as a word with its icon.
pub(super) fn state(word: &str) -> Html {
    let word = word.replace('_', " ");
    toned(Tone::of(&word), &word)
}

/// Returns a word with the icon of a tone.
pub(super) fn toned(tone: Tone, word: &str) -> Html {
    let class = tone.class();
    Html(format!(
        "<span class=\"s {class}\"><svg class=\"i\" aria-hidden=\"true\"><use \
         href=\"#{class}\"/></svg>{}</span>",
        text(word)
    ))
}

/// Returns an instant as how long ago it was, or as its time of day where that says more.
pub(super) fn ago(at: Millis, now: Millis) -> Html {
    time(at, &relative(at, now))
}

/// Returns an instant as its time of day, with the date where that is another.
pub(super) fn clock(at: Millis, now: Millis) -> Html {
    let whole = absolute(at);
    let today = absolute(now)[..10] == whole[..10];
    time(at, if today { &whole[11..19] } else { &whole[..19] })
}

fn time(at: Millis, shown: &str) -> Html {
    let whole = absolute(at);
    let (day, rest) = (&whole[..10], &whole[11..]);
    Html(format!("<time datetime=\"{day}T{rest}Z\" title=\"{day} {rest} UTC\">{shown}</time>"))
}

fn relative(at: Millis, now: Millis) -> String {
    let seconds = now.since(at) / 1000;
    match seconds {
        ..=-1 => format!("in {}", rough(-seconds)),
        0..=4 => "just now".to_owned(),
        5..=604_799 => format!("{} ago", rough(seconds)),
        _ => absolute(at)[..10].to_owned(),
    }
}

fn rough(seconds: i64) -> String {
    match seconds {
        ..=99 => format!("{seconds} s"),
        100..=5_399 => format!("{} min", (seconds + 30) / 60),
        5_400..=129_599 => format!("{} h", (seconds + 1_800) / 3_600),
        _ => format!("{} days", (seconds + 43_200) / 86_400),
    }
}

/// Returns a length of time: `3 ms`, `0.4 s`, `12.3 s`, `4 min 05 s`, `2 h 10 min`.
pub(super) fn duration(milliseconds: i64) -> String {
    let ms = milliseconds.max(0);
    let seconds = ms / 1000;
    match seconds {
        0 if ms < 100 => format!("{ms} ms"),
        0..=99 => format!("{seconds}.{} s", ms % 1000 / 100),
        100..=5_399 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        5_400..=172_799 => format!("{} h {:02} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} days {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// Returns an instant as `2026-11-22 03:04:05.678` in UTC.
pub(crate) fn absolute(at: Millis) -> String {
    let (days, ms) = (at.0.div_euclid(86_400_000), at.0.rem_euclid(86_400_000));
    let (year, month, day) = date(days);
    let seconds = ms / 1000;
    let (h, m, s) = (seconds / 3_600, seconds % 3_600 / 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {h:02}:{m:02}:{s:02}.{:03}", ms % 1000)
}

/// Returns the date of a day since 1970-01-01 (after Howard Hinnant's `civil_from_days`).
pub(super) fn date(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// Returns a number with thin spaces between its thousands.
pub(super) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push('\u{202f}');
        }
        grouped.push(digit);
    }
    grouped
}

/// Returns a number of things: `1 commit`, `3 commits`.
pub(super) fn count(number: u64, of: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {of}{plural}", self::number(number))
}

/// Returns how many of `whole` are `part`, in per cent.
pub(super) fn rate(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "–".to_owned();
    }
    let hundredths = u128::from(part) * 10_000 / u128::from(whole);
    format!("{}.{:02} %", hundredths / 100, hundredths % 100)
}

/// Returns bytes in a unit for people.
pub(super) fn bytes(bytes: u64) -> String {
    match bytes {
        0..=9_999 => format!("{} B", number(bytes)),
        10_000..=9_999_999 => format!("{} kB", number(bytes / 1_000)),
        _ => format!("{} MB", number(bytes / 1_000_000)),
    }
}

/// Returns a digest or commit, short, with the whole of it to be seen.
pub(super) fn short(whole: &str) -> Html {
    let begin = whole.get(..12).unwrap_or(whole);
    Html(format!("<code title=\"{}\">{}</code>", text(whole), text(begin)))
}

/// Returns a link.
pub(super) fn link(address: &str, shown: &str) -> Html {
    Html(format!("<a href=\"{}\">{}</a>", text(address), text(shown)))
}

/// Returns a sentence in which what stands between backticks is code, and ids are links.
pub(super) fn sentence(said: &str) -> Html {
    let mut html = String::new();
    for (index, part) in said.split('`').enumerate() {
        if index % 2 == 1 {
            write!(html, "<code>{}</code>", text(part)).expect("BUG: a text takes every text");
            continue;
        }
        for (index, word) in part.split(' ').enumerate() {
            if index > 0 {
                html.push(' ');
            }
            let bare = word.trim_end_matches(['.', ',', ':', ';']);
            match super::link::of_id(bare) {
                Some(address) => {
                    html.push_str(&link(&address, bare).0);
                    html.push_str(&word[bare.len()..]);
                }
                None => html.push_str(&text(word).0),
            }
        }
    }
    Html(html)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_numbers_read_well() {
        assert_eq!(absolute(Millis(0)), "1970-01-01 00:00:00.000");
        assert_eq!(absolute(Millis(1_795_316_645_678)), "2026-11-22 03:04:05.678");
        assert_eq!(absolute(Millis(951_827_696_000)), "2000-02-29 12:34:56.000");
        assert_eq!(duration(3), "3 ms");
        assert_eq!(duration(420), "0.4 s");
        assert_eq!(duration(245_000), "4 min 05 s");
        assert_eq!(duration(7_800_000), "2 h 10 min");
        assert_eq!(number(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(rate(5, 100), "5.00 %");
        assert_eq!(rate(0, 0), "–");
        assert_eq!(relative(Millis(0), Millis(61_000)), "61 s ago");
        assert_eq!(relative(Millis(61_000), Millis(0)), "in 61 s");
    }

    #[test]
    fn sentences_escape_and_link() {
        assert_eq!(
            sentence("dep-7 took <its> place at `a<b`.").0,
            "<a href=\"/deployments/dep-7\">dep-7</a> took &lt;its&gt; place at \
             <code>a&lt;b</code>."
        );
    }
}
