//! `sluss inbox`: what waits for whoever asks, with all that a decision takes.

use serde_json::{Value, json};
use sluss_core::units::Millis;
use sluss_engine::failure::Failure;

use super::Output;
use super::act::changed;
use super::connection::Where;
use super::decide::Person;
use super::print::{next, print, print_json};
use super::proposed;
use super::shape::{counted, list, part, people, plain, reason, table, word};
use super::times::{length, now_ms};

/// Show what waits for you, with all that a decision takes
///
/// The difference to what is live, tests, risk, gates and evidence of each release; in what a
/// configuration asks less, and what its policies would have made of the past. Decide with
/// `sluss approve` and `sluss refuse`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    of: Where,
}

/// Vouch that a key is that of the person who registered it
///
/// A key counts once another person who may decide says so: ask them, and compare the fingerprint
/// that `sluss inbox` shows with the one on their account page.
#[derive(Debug, clap::Args)]
pub struct Vouch {
    /// The key: `key-2`
    key: String,
    #[command(flatten)]
    person: Person,
    #[command(flatten)]
    of: Where,
}

/// Runs `sluss vouch`.
pub(super) async fn vouch(arguments: Vouch, output: Output) -> Result<(), Failure> {
    let Vouch { key, person, of } = arguments;
    let path = format!("/api/v1/inbox/keys/{}/vouch", part(&key));
    let done = person.there(&of)?.post(&path, &json!({})).await?;
    changed(&done, output, &format!("You vouched for {key}: it counts."), "sluss inbox");
    Ok(())
}

/// Runs the command.
pub(super) async fn run(arguments: Arguments, output: Output) -> Result<(), Failure> {
    let inbox = arguments.of.client()?.get("/api/v1/inbox").await?;
    match output {
        Output::Json => print_json(&inbox),
        Output::Text => show(&inbox),
    }
    Ok(())
}

fn show(inbox: &Value) {
    let (waiting, also) = (list(inbox, "waiting"), list(inbox, "also"));
    let keys = list(inbox, "keys");
    if waiting.is_empty() && also.is_empty() && keys.is_empty() {
        print("Nothing waits for you.");
    }
    let now = now_ms();
    for one in waiting {
        print(&text_of(one, now));
    }
    for one in also {
        let (id, sentence) = (word(one, "id"), plain(word(one, "sentence")));
        let since = one["since_ms"].as_i64().map_or(0, |since| now - since);
        print(&format!("{id}: {sentence}, for {}", length(since)));
    }
    for one in keys {
        let (key, fingerprint) = (word(one, "key"), word(one, "fingerprint"));
        let (name, site) = (plain(word(&one["person"], "name")), plain(word(one, "site")));
        print(&format!("{key} of {name} waits for someone to vouch for it: {fingerprint}, {site}"));
    }
    if let (None, Some(first)) = (waiting.first(), keys.first()) {
        next(&format!("sluss vouch {}", word(first, "key")));
    }
    if let Some(first) = waiting.first() {
        next(&format!("sluss approve {}", word(&first["approval"], "subject")));
    }
}

/// Returns a request in words.
fn text_of(one: &Value, now: i64) -> String {
    let approval = &one["approval"];
    let since = approval["since_ms"].as_i64().map_or(0, |since| now - since);
    let subject = word(approval, "subject");
    let mut rows: Vec<(&str, String)> = Vec::new();
    let of = &one["release"];
    let title = match of.is_object() {
        true => {
            rows.extend(rows_of(of));
            let (release, service) = (word(of, "release"), word(of, "service"));
            format!("{subject}: {release} of {service} to {}", word(of, "environment"))
        }
        // The sentence goes on after it.
        false => {
            format!("{subject}: {}", plain(word(approval, "why")).trim_end_matches('.'))
        }
    };
    rows.extend(proposed::rows_of(&approval["changes"]));
    for weaker in list(approval, "weakens").iter().filter_map(Value::as_str) {
        rows.push(("asks less", weaker.to_owned()));
    }
    let past = &one["past"];
    if past.is_object() {
        let checked = past["checked"].as_u64().unwrap_or(0);
        let decisions = counted(checked, "decision", "decisions");
        let flips = counted(list(past, "flips").len() as u64, "other outcome", "other outcomes");
        rows.push(("policies", format!("{}: {decisions}, {flips}", word(past, "result"))));
    }
    rows.extend(rows_of_basis(approval));
    rows.push(("contributed", plain(&people(approval, "contributors"))));
    rows.push(("statement", word(approval, "statement").to_owned()));
    let rows: Vec<Vec<String>> =
        rows.into_iter().map(|(name, said)| vec![name.to_owned(), said]).collect();
    format!("{title}, for {}\n{}", length(since), table(2, &rows))
}

/// What stood behind it when it was asked, as its statement says.
fn rows_of_basis(approval: &Value) -> Vec<(&'static str, String)> {
    let basis = &approval["basis"];
    if !basis.is_object() {
        return Vec::new();
    }
    let said = |name: &str, none: &str| basis[name].as_str().unwrap_or(none).to_owned();
    let mut rows = vec![
        ("base commit", said("base_commit", "none: nothing is live there")),
        ("diff sha256", said("diff_sha256", "could not be read")),
        ("of evidence", said("evidence_sha256", "")),
    ];
    let until = approval["valid_until_ms"].as_i64();
    rows.extend(until.map(|until| ("valid until", Millis(until).utc_minute())));
    rows
}

fn rows_of(of: &Value) -> Vec<(&'static str, String)> {
    let live = of["live"].as_str().map_or("nothing: it is the first there", |live| live);
    let mut rows = vec![("beside live", format!("{live}: {}", difference(&of["difference"])))];
    let files = list(&of["difference"], "paths").iter().filter_map(Value::as_str);
    let files: Vec<String> = files.map(plain).collect();
    if !files.is_empty() {
        let more = match files.len().saturating_sub(FILES) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        rows.push(("files", format!("{}{more}", files[..files.len().min(FILES)].join(", "))));
    }
    let said = list(of, "configuration").iter().filter_map(Value::as_str);
    rows.extend(said.map(|said| ("", said.to_owned())));
    let tests = match (of["tests_passed"].as_u64(), of["tests_failed"].as_u64()) {
        (Some(passed), Some(failed)) => format!("{passed} passed, {failed} failed"),
        (_, _) => "none reported".to_owned(),
    };
    rows.push(("tests", tests));
    let points = counted(of["risk_points"].as_u64().unwrap_or(0), "point", "points");
    rows.push(("risk", format!("{}, {points}", word(of, "risk"))));
    for part in list(of, "risk_parts") {
        rows.push(("", format!("{}: {}", part["points"], plain(word(part, "sentence")))));
    }
    for gate in list(of, "gates") {
        let (name, outcome) = (word(gate, "gate").replace('_', "-"), word(gate, "outcome"));
        let sentence = reason(gate);
        rows.push(("gate", format!("{name} {outcome}: {sentence}")));
    }
    let signed = counted(of["signed"].as_u64().unwrap_or(0), "statement", "statements");
    let with = if of["provenance"].as_bool() == Some(true) { "with" } else { "without" };
    rows.push(("evidence", format!("{signed} signed, {with} provenance")));
    rows
}

fn difference(of: &Value) -> String {
    if !of.is_object() {
        return "what differs could not be read from the repository".to_owned();
    }
    let number = |key: &str| of[key].as_u64().unwrap_or(0);
    let binary = match number("binary") {
        0 => String::new(),
        some => format!(", {some} of the files binary: lines of these are not known"),
    };
    format!(
        "{}, {}, +{} -{} lines{binary}",
        counted(number("commits"), "commit", "commits"),
        counted(list(of, "paths").len() as u64, "file", "files"),
        number("added"),
        number("removed")
    )
}

/// How many changed files are named.
const FILES: usize = 8;

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_configuration_is_shown_with_what_it_changes() {
        let one = json!({
            "approval": {
                "subject": "cfg-2", "why": "It changes policy, people or templates.",
                "since_ms": 0, "statement": "ab12", "weakens": [],
                "contributors": [{ "login": "anna", "name": "Anna" }],
                "changes": {
                    "sentence": "1 commit since abc, which was in force: 1 file, +1 −0 lines.",
                    "titles": [{ "commit": "abcdef0123456789", "title": "Two people" }],
                    "files": [{ "path": "organisation.yaml", "added": 1, "removed": 0 }],
                },
            },
        });
        expect![[r#"
            cfg-2: It changes policy, people or templates, for 3 min
              changes      1 commit since abc, which was in force: 1 file, +1 −0 lines.
                           abcdef012345 Two people
                           organisation.yaml +1 -0
              contributed  anna
              statement    ab12
        "#]]
        .assert_eq(&text_of(&one, 180_000));
    }

    #[test]
    fn a_release_is_shown_with_all_that_a_decision_takes() {
        let one = json!({
            "approval": {
                "subject": "dep-7", "why": "The template asks for a second person.",
                "since_ms": 0, "statement": "ab12", "weakens": [],
                "contributors": [{ "login": "anna", "name": "Anna" }],
                "valid_until_ms": 1_795_255_200_000_i64,
                "basis": {
                    "base_commit": "4f4f", "diff_sha256": null, "evidence_sha256": "ab34",
                    "risk": "low", "risk_points": 1, "valid_from_ms": 0,
                },
            },
            "release": {
                "release": "rel-4", "service": "payments", "environment": "production",
                "live": "dep-3",
                "difference": {
                    "commits": 1, "added": 3, "removed": 0, "paths": ["src/main.rs\u{1b}[2J"],
                },
                "configuration": ["Its template differs."],
                "tests_passed": 9, "tests_failed": 0, "risk": "low", "risk_points": 1,
                "risk_parts": [{ "sentence": "3 lines in 1 file", "points": 0 }],
                "gates": [{ "gate": "four_eyes", "outcome": "waiting", "sentence": "It waits." }],
                "signed": 2, "provenance": true,
            },
            "past": null,
        });
        expect![[r#"
            dep-7: rel-4 of payments to production, for 3 min
              beside live  dep-3: 1 commit, 1 file, +3 -0 lines
              files        src/main.rs [2J
                           Its template differs.
              tests        9 passed, 0 failed
              risk         low, 1 point
                           0: 3 lines in 1 file
              gate         four-eyes waiting: It waits.
              evidence     2 statements signed, with provenance
              base commit  4f4f
              diff sha256  could not be read
              of evidence  ab34
              valid until  2026-11-21 10:00 UTC
              contributed  anna
              statement    ab12
        "#]]
        .assert_eq(&text_of(&one, 180_000));
    }
}
