//! `sluss access`: who may decide and deploy at a time, reviews of that, and rehearsals.

use clap::ValueEnum;
use serde_json::{Value, json};
use sluss_engine::failure::Failure;

use super::Output;
use super::act::changed;
use super::connection::Where;
use super::decide::Person;
use super::print::{print, print_json};
use super::shape::{list, part, table, word};
use super::times::{now_ms, read_rfc3339, rfc3339};

/// Say who may decide and deploy, review that, and record rehearsals
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Say who might deploy and decide at a time
    At(At),
    /// Record that you looked at who may do what
    Review(Review),
    /// Record a restored backup or a rollback drill
    Rehearsal(Rehearsal),
    /// Accept tests of one release that failed or could not run
    AcceptTests(AcceptTests),
}

/// Say who might deploy and decide at a time
#[derive(Debug, clap::Args)]
pub struct At {
    /// When: `2026-01-31T12:00:00Z`, or `now`
    time: String,
    #[command(flatten)]
    of: Where,
}

/// Record a review of access
#[derive(Debug, clap::Args)]
pub struct Review {
    /// What you found, and what follows
    #[arg(long)]
    findings: String,
    #[command(flatten)]
    person: Person,
    #[command(flatten)]
    of: Where,
}

// No documentation of its own, so that help stays one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Restore,
    Rollback,
}

// No documentation of its own, so that help stays one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Came {
    Succeeded,
    Failed,
}

/// Record a rehearsal
#[derive(Debug, clap::Args)]
pub struct Rehearsal {
    /// What was rehearsed
    kind: Kind,
    /// What came of it
    #[arg(long)]
    result: Came,
    /// Of which service; of everything unless given
    #[arg(long)]
    service: Option<String>,
    /// What you found
    #[arg(long)]
    findings: String,
    #[command(flatten)]
    person: Person,
    #[command(flatten)]
    of: Where,
}

/// Accept red tests of a release
#[derive(Debug, clap::Args)]
pub struct AcceptTests {
    /// The release: `rel-7`
    release: String,
    /// Why what failed has nothing to do with it
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    person: Person,
    #[command(flatten)]
    of: Where,
}

/// Runs the command.
pub(super) async fn run(command: Command, output: Output) -> Result<(), Failure> {
    match command {
        Command::At(At { time, of }) => show(&time, &of, output).await,
        Command::Review(Review { findings, person, of }) => {
            let body = json!({ "findings": findings });
            let done = person.there(&of)?.post("/api/v1/access/reviews", &body).await?;
            changed(&done, output, "The review is recorded.", "sluss access at now");
            Ok(())
        }
        Command::Rehearsal(Rehearsal { kind, result, service, findings, person, of }) => {
            let kind = match kind {
                Kind::Restore => "restore",
                Kind::Rollback => "rollback",
            };
            let passed = result == Came::Succeeded;
            let body = json!({
                "kind": kind, "passed": passed, "service": service, "findings": findings,
            });
            let done = person.there(&of)?.post("/api/v1/rehearsals", &body).await?;
            changed(&done, output, "The rehearsal is recorded.", "sluss access at now");
            Ok(())
        }
        Command::AcceptTests(AcceptTests { release, reason, person, of }) => {
            let path = format!("/api/v1/releases/{}/tests/accept", part(&release));
            let done = person.there(&of)?.post(&path, &json!({ "reason": reason })).await?;
            let said = format!("You accepted the tests of {release}, and of no other.");
            changed(&done, output, &said, &format!("sluss promote {release}"));
            Ok(())
        }
    }
}

async fn show(time: &str, of: &Where, output: Output) -> Result<(), Failure> {
    let at = if time == "now" { now_ms() } else { read_rfc3339(time)? };
    let found = of.client()?.get(&format!("/api/v1/access?at_ms={at}")).await?;
    match output {
        Output::Json => print_json(&found),
        Output::Text => print(&text_of(&found)),
    }
    Ok(())
}

fn text_of(found: &Value) -> String {
    let moment = |key: &str| found[key].as_i64().map(rfc3339);
    let by = match (found["configuration"].as_str(), moment("since_ms")) {
        (Some(number), Some(since)) => format!("{number}, in force since {since}"),
        (_, _) => "no configuration".to_owned(),
    };
    let mut rows = vec![vec!["by".to_owned(), by]];
    for (role, people) in found["roles"].as_object().into_iter().flatten() {
        let names = people.as_array().into_iter().flatten().map(|who| word(who, "name"));
        rows.push(vec![role.clone(), names.collect::<Vec<_>>().join(", ")]);
    }
    for one in list(found, "delegations") {
        let (from, to) = (word(&one["from"], "name"), word(&one["to"], "name"));
        let until = one["until_ms"].as_i64().map(|at| format!(" until {}", rfc3339(at)));
        let said = format!("{to} decides for {from}{}", until.unwrap_or_default());
        rows.push(vec!["delegated".to_owned(), said]);
    }
    let overdue = if found["review_overdue"] == true { "overdue since" } else { "due" };
    let due = moment("review_due_ms").unwrap_or_else(|| "after a configuration".to_owned());
    rows.push(vec!["review".to_owned(), format!("{overdue} {due}")]);
    for one in list(found, "rehearsals").iter().take(5) {
        let when = one["at_ms"].as_i64().map(rfc3339).unwrap_or_default();
        let came = if one["passed"] == true { "succeeded" } else { "failed" };
        rows.push(vec!["rehearsed".to_owned(), format!("{}: {came}, {when}", word(one, "kind"))]);
    }
    table(0, &rows)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::json;

    use super::*;

    #[test]
    fn who_may_what_is_told_with_the_review_that_is_due() {
        let found = json!({
            "configuration": "cfg-2", "since_ms": 0,
            "roles": {
                "approver": [{ "name": "Bo" }],
                "developer": [{ "name": "Anna" }, { "name": "Bo" }],
            },
            "delegations": [{ "from": { "name": "Bo" }, "to": { "name": "Carl" } }],
            "review_due_ms": 86_400_000, "review_overdue": true,
            "rehearsals": [{ "at_ms": 0, "kind": "restored backup", "passed": false }],
        });
        expect![[r#"
            by         cfg-2, in force since 1970-01-01T00:00:00Z
            approver   Bo
            developer  Anna, Bo
            delegated  Carl decides for Bo
            review     overdue since 1970-01-02T00:00:00Z
            rehearsed  restored backup: failed, 1970-01-01T00:00:00Z
        "#]]
        .assert_eq(&text_of(&found));
    }
}
