//! The one page of a proof: self-contained, with its plots, light or dark as the reader has it.

use std::fmt::Write as _;

use super::chaos::Blow;
use super::figures::{Figures, KindFigures, Spread};
use super::history::{End, Release};
use super::load::{Seen, Told};
use super::play::Played;
use super::plot::{Plot, escape};
use super::table;
use super::variants::Kind;

const STYLE: &str = "
:root { color-scheme: light dark; --ink: light-dark(#1d2430, #dfe5ee); --paper: light-dark(#fff,
 #12161d); --dim: light-dark(#68727f, #8f99a8); --grid: light-dark(#e6e9ee, #262d38);
 --good: light-dark(#2f7d4f, #56b881); --bad: light-dark(#c2382e, #ef7468);
 --back: light-dark(#c77d0a, #e6ab4a); --blue: light-dark(#2d62b3, #7aa8ee); }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
 max-width: 64rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0 } h2 { font-size: 1.1rem; margin: 2.2rem 0 .3rem }
p { margin: .3rem 0 .8rem; max-width: 46rem } .dim, .scale { color: var(--dim) }
.verdict { font-weight: 600 } .verdict.good { color: var(--good) }
.verdict.bad { color: var(--bad) }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .8rem;
 margin: 1.2rem 0 }
.tile { border: 1px solid var(--grid); border-radius: 6px; padding: .6rem .8rem }
.tile b { display: block; font-size: 1.35rem; font-variant-numeric: tabular-nums }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { text-align: right; padding: .25rem .5rem; border-bottom: 1px solid var(--grid) }
th:first-child, td:first-child { text-align: left } .wide { overflow-x: auto }
svg { width: 100%; height: auto; display: block } svg text { font-size: 11px; fill: var(--dim) }
.grid { stroke: var(--grid) } .line { fill: none; stroke-width: 1.4 }
.line.sent { stroke: var(--blue) } .line.failed { stroke: var(--bad) }
.line.slow { stroke: var(--back) } rect.good, circle.good { fill: var(--good) }
rect.bad, circle.bad { fill: var(--bad) } rect.back, circle.back { fill: var(--back) }
rect.open { fill: var(--grid) } circle.blow { fill: var(--blue) } rect.rule { fill: var(--blue) }
.key i { display: inline-block; width: .8em; height: .8em; border-radius: 2px;
 margin: 0 .3em 0 1em } .key i.good { background: var(--good) }
.key i.bad { background: var(--bad) }
.key i.back { background: var(--back) } .key i.sent { background: var(--blue) }
pre { overflow-x: auto; font-size: 12.5px; border: 1px solid var(--grid); padding: .8rem;
 border-radius: 6px }
";

/// Returns the page.
pub fn page(figures: &Figures, played: &Played) -> String {
    let mut page = String::from("<!doctype html><html lang=en><meta charset=utf-8>");
    page.push_str("<meta name=viewport content=\"width=device-width\"><title>Proof</title>");
    put(&mut page, &format!("<style>{STYLE}</style><main>"));
    head(&mut page, figures, played);
    let seconds = figures.seconds;
    section(
        &mut page,
        "Payments",
        "Each second, over all services: sent, and attempts that failed.",
    );
    put(&mut page, "<p class=key><i class=sent></i>payments sent<i class=bad></i>failed attempts");
    put(&mut page, "</p>");
    put(&mut page, &payments(&played.told, played.begun_ms, seconds));
    let about = "The 99th percentile of each second, the slowest service's, from when a payment \
                 was due to its final answer, on an axis to two seconds.";
    section(&mut page, "How long payments took", about);
    put(&mut page, &latency(&played.told, played.begun_ms, seconds));
    let about = "A bar is a release from its first share of the payments to its end. Point at one \
                 to see what it was.";
    section(&mut page, "Releases and blows", about);
    put(
        &mut page,
        "<p class=key><i class=good></i>good<i class=bad></i>bad<i class=back></i>good, ",
    );
    put(&mut page, "taken back in error<i class=sent></i>a blow</p>");
    put(&mut page, &releases(played, seconds));
    let about = "Each mark is a bad release: seconds from its first share to the decision.";
    section(&mut page, "Time to detect", about);
    put(&mut page, &detection(&figures.kinds));
    let about = "What the usual rules would have made of the same releases, at the same rates of \
                 payments and failures: seconds until half of the bad ones are taken back.";
    section(&mut page, "The same under usual rules", about);
    put(&mut page, &rules(figures));
    put(&mut page, &comparison(figures));
    section(&mut page, "Everything", "");
    put(&mut page, &format!("<pre>{}</pre>", escape(&table::table(figures, played))));
    page.push_str("</main></html>\n");
    page
}

fn head(page: &mut String, figures: &Figures, played: &Played) {
    let (class, word) = match (figures.succeeded(), figures.exceptions.is_empty()) {
        (true, true) => ("good", "Everything is as it must be."),
        (true, false) => ("good", "As it must be, but for what is excepted."),
        (false, _) => ("bad", "Not everything is as it must be."),
    };
    let options = &played.options;
    put(page, "<h1>A month of a bank</h1>");
    let seed = options.seed;
    let about = format!(
        "{} services, {} payments a second, a release every {} s, one in {} of them bad; seed \
         {seed}, ended {} UTC.",
        options.services,
        options.rate,
        options.every.as_secs(),
        options.bad_one_in,
        instant(played.ended_ms)
    );
    put(page, &format!("<p class=dim>{about}</p><p class=\"verdict {class}\">{word}</p>"));
    for problem in &figures.problems {
        put(page, &format!("<p class=\"verdict bad\">{}</p>", escape(problem)));
    }
    for exception in &figures.exceptions {
        put(page, &format!("<p class=dim>Excepted: {}</p>", escape(exception)));
    }
    let books = &figures.books;
    let released: usize = figures.kinds.iter().map(|kind| kind.released).sum();
    let kept_out: usize = figures.kinds.iter().map(|kind| kind.kept_out).sum();
    let blows: u64 = figures.blows.values().sum();
    let half = |spread: &Spread| {
        spread.quantile(0.5).map_or("-".to_owned(), |seconds| format!("{seconds:.1} s"))
    };
    let tiles = [
        ("payments sent", books.sent.to_string()),
        ("lost / twice", format!("{} / {}", books.lost, books.duplicated)),
        ("availability, per payment", format!("{:.4} %", books.availability() * 100.0)),
        ("availability, per attempt", format!("{:.4} %", books.raw_availability() * 100.0)),
        ("bad releases kept out", format!("{kept_out} of {released}")),
        ("median time to detect", half(&figures.detect)),
        ("good releases taken back", format!("{} of {}", figures.good_back.len(), figures.good)),
        ("deployments an hour", format!("{:.0}", figures.per_hour())),
        ("blows", blows.to_string()),
        ("events, verified", figures.events.to_string()),
    ];
    put(page, "<div class=tiles>");
    for (name, value) in tiles {
        put(page, &format!("<div class=tile><b>{value}</b><span class=dim>{name}</span></div>"));
    }
    put(page, "</div>");
}

/// Returns an instant as a date and a time of day (days to civil dates, by Howard Hinnant).
fn instant(ms: i64) -> String {
    let (day, minute) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000) / 60_000);
    let shifted = day + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let date = of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = match month < 10 {
        true => (era * 400 + year, month + 3),
        false => (era * 400 + year + 1, month - 9),
    };
    format!("{year}-{month:02}-{date:02} {:02}:{:02}", minute / 60, minute % 60)
}

fn section(page: &mut String, title: &str, about: &str) {
    put(page, &format!("<h2>{title}</h2><p class=dim>{about}</p>"));
}

/// Returns, for each second, the sum over all services of how much a count grew.
fn grown(told: &[Told], begun_ms: i64, seconds: f64, of: impl Fn(&Seen) -> u64) -> Vec<f64> {
    // Not negative: a proof lasts some time.
    let mut sums = vec![0.0; seconds as usize + 1];
    for told in told {
        for pair in told.seconds.windows(2) {
            let place = usize::try_from((pair[1].at_ms - begun_ms) / 1000).ok();
            if let Some(sum) = place.and_then(|place| sums.get_mut(place)) {
                *sum += (of(&pair[1]) - of(&pair[0])) as f64;
            }
        }
    }
    sums
}

fn points(values: &[f64]) -> impl Iterator<Item = (f64, f64)> {
    values.iter().enumerate().map(|(second, value)| (second as f64, *value))
}

fn payments(told: &[Told], begun_ms: i64, seconds: f64) -> String {
    let sent = grown(told, begun_ms, seconds, |seen| seen.sent);
    let failed = grown(told, begun_ms, seconds, |seen| seen.failed_attempts);
    let most = sent.iter().chain(&failed).copied().fold(1.0, f64::max);
    let mut plot = Plot::begin("payments a second", 220.0, seconds, most, "");
    plot.line("sent", points(&sent));
    plot.line("failed", points(&failed));
    plot.minutes();
    plot.end()
}

fn latency(told: &[Told], begun_ms: i64, seconds: f64) -> String {
    let mut slowest = vec![0.0_f64; seconds as usize + 1];
    for seen in told.iter().flat_map(|told| &told.seconds) {
        let place = usize::try_from((seen.at_ms - begun_ms) / 1000).ok();
        if let Some(slowest) = place.and_then(|place| slowest.get_mut(place)) {
            *slowest = slowest.max(seen.p99_ms);
        }
    }
    let mut plot = Plot::begin("99th percentile", 180.0, seconds, 2_000.0, " ms");
    plot.line("slow", points(&slowest));
    plot.minutes();
    plot.end()
}

fn releases(played: &Played, seconds: f64) -> String {
    let mut names = played.names.clone();
    let blows: Vec<Blow> = Blow::ALL.into_iter().filter(|blow| *blow != Blow::Cut).collect();
    names.extend(blows.iter().map(|blow| blow.word().to_owned()));
    let mut plot = Plot::rows("releases and blows", &names, seconds);
    let at = |ms: i64| (ms - played.begun_ms) as f64 / 1e3;
    for release in &played.history.releases {
        let Some(from) = release.first_share_ms else { continue };
        let until = release.restored_ms.or(release.back_ms).or(release.live_ms);
        let until = until.unwrap_or(played.ended_ms);
        let (row, says) = (release.pushed.service, says(release));
        plot.bar(row, class(release), at(from), at(until), &says);
    }
    for fallen in &played.fallen {
        if let Some(row) = blows.iter().position(|blow| *blow == fallen.blow) {
            plot.mark(played.names.len() + row, "blow", at(fallen.at_ms), fallen.blow.about());
        }
    }
    plot.minutes();
    plot.end()
}

fn class(release: &Release) -> &'static str {
    match (release.pushed.kind, &release.end) {
        (Kind::Good, Some(End::TakenBack(_))) => "back",
        (Kind::Good, _) => "good",
        (_bad, _) => "bad",
    }
}

fn says(release: &Release) -> String {
    let kind = release.pushed.kind.word();
    let total = release.total();
    let end = match &release.end {
        Some(End::Live) => "went live".to_owned(),
        Some(End::TakenBack(cause)) => format!("taken back: {cause}"),
        Some(End::Stopped(why)) => format!("stopped: {why}"),
        None => "on its way at the end".to_owned(),
    };
    let deployment = release.deployment.as_deref().unwrap_or("");
    let (errors, requests) = (total.candidate_errors, total.candidate);
    format!("{deployment}: {kind}; {end}; {errors} of its {requests} requests failed")
}

fn detection(kinds: &[KindFigures]) -> String {
    let names: Vec<String> = kinds.iter().map(|kind| kind.kind.word().to_owned()).collect();
    let most = kinds.iter().filter_map(|kind| kind.detect.quantile(1.0)).fold(10.0, f64::max);
    let mut plot = Plot::rows("time to detect", &names, most * 1.4);
    for (row, kind) in kinds.iter().enumerate() {
        for seconds in kind.detect.seconds() {
            plot.mark(row, "bad", seconds, &format!("{seconds:.1} s"));
        }
        let (kept_out, released) = (kind.kept_out, kind.released);
        match kind.detect.quantile(1.0) {
            Some(last) => {
                plot.note(row, last, &format!("{last:.1} s at most; {kept_out} of {released}"))
            }
            None if kept_out > 0 => plot.note(row, 0.0, "never came to customers"),
            None => plot.note(row, 0.0, &format!("{kept_out} of {released} taken back")),
        }
    }
    plot.end()
}

fn rules(figures: &Figures) -> String {
    let names: Vec<String> =
        figures.comparison.iter().enumerate().map(|(row, _)| format!("{}", row + 1)).collect();
    let longest = figures.comparison.iter().filter_map(|one| one.median_s).fold(1.0, f64::max);
    // From a second on, each tenth of the axis is the same factor.
    let place = |seconds: f64| seconds.max(1.0).ln() / longest.max(2.0).ln();
    let mut plot = Plot::rows("medians on a log axis", &names, 1.5);
    for (row, one) in figures.comparison.iter().enumerate() {
        let class = if row == 0 { "good" } else { "rule" };
        let Some(median) = one.median_s else { continue };
        plot.bar(row, class, 0.0, place(median), one.name);
        plot.note(row, place(median), &format!("{median:.1} s: {}", one.name));
    }
    plot.end()
}

fn comparison(figures: &Figures) -> String {
    let mut table = String::from(
        "<div class=wide><table><tr><th>rule<th>bad ones taken back<th>median<th>longest\
         <th>failed requests<th>failed payments<th>availability<th>false alarms</tr>",
    );
    let seconds =
        |value: Option<f64>| value.map_or("-".to_owned(), |seconds| format!("{seconds:.1} s"));
    for one in &figures.comparison {
        put(
            &mut table,
            &format!(
                "<tr><td>{}<td>{} of {}<td>{}<td>{}<td>{:.0}<td>{:.0}<td>{:.4} %<td>{} of {}</tr>",
                escape(one.name),
                one.seen,
                one.bad,
                seconds(one.median_s),
                seconds(one.worst_s),
                one.failed_requests,
                one.failed_payments,
                one.availability * 100.0,
                one.good.1,
                one.good.0
            ),
        );
    }
    table.push_str("</table></div>");
    table
}

fn put(page: &mut String, text: &str) {
    write!(page, "{text}").expect("a text can be written to");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_a_date_and_a_time_of_day() {
        assert_eq!(instant(0), "1970-01-01 00:00");
        assert_eq!(instant(1_709_208_059_000), "2024-02-29 12:00");
        assert_eq!(instant(1_735_689_599_000), "2024-12-31 23:59");
    }
}
