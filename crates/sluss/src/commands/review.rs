//! `sluss review`: what somebody says who looked at the code of a change that is not theirs.

use clap::ValueEnum;
use serde_json::{Value, json};
use sluss_engine::failure::Failure;

use super::Output;
use super::act::changed;
use super::connection::Where;
use super::decide::Person;
use super::print::{print, print_json, say};
use super::shape::{list, part, people, short, table, word};
use super::times::rfc3339;

/// Review the code of a change that is not yours
///
/// Without `--outcome` it shows the reviews that there are. A review counts for the commit that was
/// looked at: a newer one makes it stale. Agents and services cannot review.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The change: `chg-7`
    change: String,
    /// What you say; without it the reviews are shown
    #[arg(long, requires = "comment")]
    outcome: Option<Outcome>,
    /// Why
    #[arg(long, requires = "outcome")]
    comment: Option<String>,
    #[command(flatten)]
    person: Person,
    #[command(flatten)]
    of: Where,
}

// No documentation of its own, so that help stays one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Outcome {
    Approves,
    AsksForChanges,
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Self::Approves => "approves",
            Self::AsksForChanges => "asks_for_changes",
        }
    }
}

/// Runs the command.
pub(super) async fn run(arguments: Arguments, output: Output) -> Result<(), Failure> {
    let Arguments { change, outcome, comment, person, of } = arguments;
    let path = format!("/api/v1/changes/{}", part(&change));
    let (Some(outcome), Some(comment)) = (outcome, comment) else {
        let found = of.client()?.get(&path).await?;
        match output {
            Output::Json => print_json(&found["reviews"]),
            Output::Text => print(&text_of(&found)),
        }
        return Ok(());
    };
    let client = person.there(&of)?;
    let found = client.get(&path).await?;
    let commit = word(&found, "commit").to_owned();
    say(&format!("{change} of {} is at {}.", word(&found, "service"), short(&commit)));
    let body = json!({ "commit": commit, "outcome": outcome.word(), "comment": comment });
    let done = client.post(&format!("{path}/reviews"), &body).await?;
    changed(&done, output, "Your review is recorded.", &format!("sluss review {change}"));
    Ok(())
}

fn text_of(found: &Value) -> String {
    let mut rows = vec![
        vec!["change".to_owned(), format!("{}, {}", word(found, "change"), word(found, "title"))],
        vec!["commit".to_owned(), word(found, "commit").to_owned()],
        vec!["by".to_owned(), people(found, "contributors")],
        vec!["reviews".to_owned(), word(found, "reviewed").to_owned()],
    ];
    for one in list(found, "reviews") {
        let when = one["at_ms"].as_i64().map(rfc3339).unwrap_or_default();
        let stands = match word(one, "standing") {
            "counts" => String::new(),
            other => format!(" ({other})"),
        };
        let says = word(one, "outcome").replace('_', " ");
        let of = short(word(one, "commit"));
        let who = word(&one["by"], "name");
        let comment = word(one, "comment");
        rows.push(vec![String::new(), format!("{who} {says} of {of}{stands}, {when}: {comment}")]);
    }
    table(0, &rows)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::json;

    use super::*;

    #[test]
    fn reviews_are_told_with_what_they_are_worth_by_now() {
        let found = json!({
            "change": "chg-4", "title": "Faster", "commit": "b".repeat(40),
            "contributors": [{ "name": "Anna" }], "reviewed": "approved",
            "reviews": [
                { "at_ms": 0, "by": { "name": "Bo" }, "commit": "b".repeat(40),
                  "outcome": "approves", "comment": "Fine.", "standing": "counts" },
                { "at_ms": 0, "by": { "name": "Bo" }, "commit": "a".repeat(40),
                  "outcome": "asks_for_changes", "comment": "No test.",
                  "standing": "stale" },
            ],
        });
        expect![[r#"
            change   chg-4, Faster
            commit   bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
            by       Anna
            reviews  approved
                     Bo approves of bbbbbbbbbbbb, 1970-01-01T00:00:00Z: Fine.
                     Bo asks for changes of aaaaaaaaaaaa (stale), 1970-01-01T00:00:00Z: No test.
        "#]]
        .assert_eq(&text_of(&found));
    }
}
