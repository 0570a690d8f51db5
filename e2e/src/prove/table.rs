//! The one table of a proof, for a terminal.

use std::fmt::Write as _;

use super::bound::Detection;
use super::figures::{ALPHA, Figures, KindFigures, Spread};
use super::play::Played;

/// Returns the table.
pub fn table(figures: &Figures, played: &Played) -> String {
    let mut text = String::new();
    let books = &figures.books;
    let mut row = |name: &str, value: String| {
        writeln!(text, "{name:<26}{value}").expect("a text can be written to");
    };
    row("payments sent", format!("{} in {:.0} s", books.sent, figures.seconds));
    row("applied, declined", format!("{}, {}", books.applied, books.declined));
    row("lost, twice", format!("{}, {}", books.lost, books.duplicated));
    row("books", if books.balanced { "balanced" } else { "NOT BALANCED" }.to_owned());
    row(
        "availability",
        format!(
            "{:.4} % per payment ({} failed); {:.4} % per attempt ({} failed)",
            books.availability() * 100.0,
            books.failed_payments,
            books.raw_availability() * 100.0,
            books.failed_attempts
        ),
    );
    let released: usize = figures.kinds.iter().map(|kind| kind.released).sum();
    let kept_out: usize = figures.kinds.iter().map(|kind| kind.kept_out).sum();
    row("bad releases", format!("{kept_out} of {released} kept out or taken back"));
    for kind in &figures.kinds {
        row(&format!("  {}", kind.kind.word()), of_kind(kind));
    }
    row("time to detect", spread(&figures.detect));
    figures
        .detections
        .iter()
        .for_each(|found| row(&format!("  {}", found.kind.word()), beside(found)));
    row("then to share zero", spread(&figures.confirm));
    row("restored, faults >= 10 %", spread(&figures.restore_great));
    row(
        "good releases",
        format!(
            "{} released, {} live, {} taken back by a verdict (alpha {} %), {} because of blows",
            figures.good,
            figures.good_live,
            figures.good_back.len(),
            ALPHA * 100.0,
            figures.good_struck.len()
        ),
    );
    for back in figures.good_back.iter().chain(&figures.good_struck) {
        row("", back.clone());
    }
    row("deployments", format!("{}: {:.0} an hour", figures.deployments, figures.per_hour()));
    let blows: Vec<String> =
        figures.blows.iter().map(|(blow, count)| format!("{count} {}", blow.about())).collect();
    row("blows", blows.join(", "));
    let verified = if figures.verified { "verified" } else { "NOT VERIFIED" };
    row("log", format!("{} events, {verified}", figures.events));
    row("machine", machine(played));
    row("seed", played.options.seed.to_string());
    comparison(&mut text, figures);
    ending(&mut text, figures);
    text
}

/// Says what became of the releases of one kind.
fn of_kind(kind: &KindFigures) -> String {
    let causes: Vec<String> =
        kind.causes.iter().map(|(cause, count)| format!("{count} {cause}")).collect();
    format!(
        "{} of {} ({}); detect {}; failed requests {:?}, payments {:?}",
        kind.kept_out,
        kind.released,
        causes.join(", "),
        spread(&kind.detect),
        kind.failed_requests,
        kind.failed_payments
    )
}

/// Says how long finding a kind took, beside the least that any test needs.
fn beside(found: &Detection) -> String {
    let (median, bound, asked) = (found.median_s, found.bound_s, found.asked_s());
    format!("p50 {median:.1} s; no valid test needs less than {bound:.1} s, asked are {asked:.1} s")
}

/// Says what the machine was like: a busy one makes everything slower, and more fail.
fn machine(played: &Played) -> String {
    let processors = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let busy = played.busy * 100.0;
    format!("{processors} processors; something waited for one {busy:.0} % of the time")
}

fn comparison(text: &mut String, figures: &Figures) {
    let seconds =
        |value: Option<f64>| value.map_or("-".to_owned(), |seconds| format!("{seconds:.1} s"));
    writeln!(
        text,
        "\n{:<32}{:>8}{:>10}{:>10}{:>10}{:>10}{:>12}{:>8}",
        "the same under", "seen", "median", "worst", "requests", "payments", "available", "false"
    )
    .expect("a text can be written to");
    for one in &figures.comparison {
        writeln!(
            text,
            "{:<32}{:>8}{:>10}{:>10}{:>10.0}{:>10.0}{:>10.4} %{:>8}",
            one.name,
            format!("{}/{}", one.seen, one.bad),
            seconds(one.median_s),
            seconds(one.worst_s),
            one.failed_requests,
            one.failed_payments,
            one.availability * 100.0,
            format!("{}/{}", one.good.1, one.good.0)
        )
        .expect("a text can be written to");
    }
}

fn ending(text: &mut String, figures: &Figures) {
    let mut line = |line: String| writeln!(text, "{line}").expect("a text can be written to");
    line(String::new());
    for exception in &figures.exceptions {
        line(format!("excepted: {exception}"));
    }
    for problem in &figures.problems {
        line(format!("PROBLEM: {problem}"));
    }
    line(if figures.succeeded() { "proved" } else { "NOT proved" }.to_owned());
}

fn spread(spread: &Spread) -> String {
    let of = |quantile| spread.quantile(quantile);
    match (of(0.5), of(0.95), of(1.0)) {
        (Some(half), Some(most), Some(max)) => {
            format!("p50 {half:.1} s, p95 {most:.1} s, max {max:.1} s")
        }
        _none => "-".to_owned(),
    }
}
