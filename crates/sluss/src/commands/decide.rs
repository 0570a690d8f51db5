//! `sluss approve` and `sluss refuse`: what a second person says, with the password given again.

use serde_json::{Value, json};
use sluss_engine::failure::{Blame, Failure};

use super::Output;
use super::act::changed;
use super::connection::Where;
use super::print::{next, print_json, say};
use super::proposed;
use super::shape::{counted, list, part, people, plain, short, word};
use super::terminal::{self, Answer};
use crate::client::Client;

/// Approve what waits for a second person
///
/// Shows what is decided, then asks for the password again: the decision is bound to exactly what
/// was shown. Where a rule asks for a signature with your own key, it says the address at which
/// that is given in the browser.
#[derive(Debug, clap::Args)]
pub struct Approve {
    /// What is approved: a deployment (`dep-7`) or a configuration (`cfg-2`)
    subject: String,
    #[command(flatten)]
    person: Person,
    #[command(flatten)]
    of: Where,
}

/// Refuse what waits for a second person
///
/// Shows what is decided, then asks for the password again: the decision is bound to exactly what
/// was shown.
#[derive(Debug, clap::Args)]
pub struct Refuse {
    /// What is refused: a deployment (`dep-7`) or a configuration (`cfg-2`)
    subject: String,
    /// Why not, for those who wait
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    person: Person,
    #[command(flatten)]
    of: Where,
}

/// Take back that you agreed, before it begins
///
/// The gate shuts, and people are asked anew. Another approver who had a reason against it refuses
/// it instead: `sluss refuse`, also after it was approved. What has begun is taken back with
/// `sluss rollback`.
#[derive(Debug, clap::Args)]
pub struct Revoke {
    /// What you agreed to: a deployment (`dep-7`) or a configuration (`cfg-2`)
    subject: String,
    /// Why
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    person: Person,
    #[command(flatten)]
    of: Where,
}

/// Who decides.
#[derive(Debug, clap::Args)]
pub(super) struct Person {
    /// The login of who decides; who is signed in unless given
    #[arg(long)]
    login: Option<String>,
    /// Read the password from standard input
    #[arg(long)]
    password_stdin: bool,
    /// Don't ask whether it is meant
    #[arg(long)]
    yes: bool,
}

impl Person {
    /// Returns whether it is said who decides.
    pub(super) fn is_named(&self) -> bool {
        self.login.is_some() || self.password_stdin
    }

    /// Returns Sluss, asked by this person with their password, given now.
    pub(super) fn there(self, of: &Where) -> Result<Client, Failure> {
        let login = match self.login.or_else(|| of.login()) {
            Some(login) => login,
            None => terminal::line("login: ")?,
        };
        let password = match self.password_stdin {
            true => terminal::from_stdin()?,
            false => terminal::password(&format!("password of {login}: "))?,
        };
        of.as_person(login, password)
    }
}

/// What is said.
struct Decision {
    subject: String,
    word: &'static str,
    reason: Option<String>,
}

/// Runs `sluss approve`.
pub(super) async fn approve(arguments: Approve, output: Output) -> Result<(), Failure> {
    let Approve { subject, person, of } = arguments;
    decide(Decision { subject, word: "approve", reason: None }, person, &of, output).await
}

/// Runs `sluss refuse`.
pub(super) async fn refuse(arguments: Refuse, output: Output) -> Result<(), Failure> {
    let Refuse { subject, reason, person, of } = arguments;
    decide(Decision { subject, word: "refuse", reason: Some(reason) }, person, &of, output).await
}

/// Runs `sluss revoke`.
pub(super) async fn revoke(arguments: Revoke, output: Output) -> Result<(), Failure> {
    let Revoke { subject, reason, person, of } = arguments;
    let path = format!("/api/v1/approvals/{}/revoke", part(&subject));
    let done = person.there(&of)?.post(&path, &json!({ "reason": reason })).await?;
    let what = format!("You agree to {subject} no more; people are asked anew.");
    changed(&done, output, &what, &format!("sluss inbox, or sluss refuse {subject} --reason …"));
    Ok(())
}

async fn decide(
    decision: Decision,
    person: Person,
    of: &Where,
    output: Output,
) -> Result<(), Failure> {
    let Decision { subject, word: said, reason } = decision;
    let login = match person.login.or_else(|| of.login()) {
        Some(login) => login,
        None => terminal::line("login: ")?,
    };
    // Whoever looks with a token sees what is decided before the password is asked for.
    let early = match person.password_stdin {
        true => Some(terminal::from_stdin()?),
        false => None,
    };
    let looks = match &early {
        Some(password) => of.as_person(login.clone(), password.clone())?,
        None => of.client()?,
    };
    let path = format!("/api/v1/approvals/{}", part(&subject));
    let asked = looks.get(&path).await?;
    show(&looks, &subject, &asked).await;
    if said == "approve" && asked["by_key"] == true {
        return Err(in_the_browser(&of.url()?, &subject));
    }
    if early.is_none() && !person.yes && !terminal::yes(&format!("{said} {subject}?"), Answer::No)?
    {
        let what = "Nothing was decided.";
        return Err(Failure::new(Blame::Caller, what, "Decide when you have seen enough"));
    }
    let password = match early {
        Some(password) => password,
        None => terminal::password(&format!("password of {login}: "))?,
    };
    let body = json!({
        "decision": said, "statement": word(&asked, "statement"), "reason": reason,
    });
    let person = of.as_person(login, password)?;
    let done = person.post(&path, &body).await?;
    if matches!(output, Output::Json) {
        print_json(&done);
    }
    match said {
        "approve" => {
            // It is approved already; what it still waits for is only told.
            let after = person.get(&path).await.unwrap_or_default();
            say(&format!("You approved {subject}.{}", still_waits(&after)));
        }
        _refused => say(&format!("You refused {subject}.")),
    }
    next("sluss status");
    Ok(())
}

/// Says who must agree besides, as long as what was approved is open.
fn still_waits(asked: &Value) -> String {
    let groups: Vec<String> =
        list(asked, "still_asked").iter().filter_map(Value::as_str).map(plain).collect();
    if groups.is_empty() {
        return String::new();
    }
    let more = counted(groups.len() as u64, "more person agrees", "more people agree");
    let of = groups.join(", ");
    let who = match list(asked, "may_decide").is_empty() {
        true => "Nobody is left who may: name more people in `organisation.yaml` of the platform \
                 repository, and push it"
            .to_owned(),
        false => format!("Who may: {}", plain(&people(asked, "may_decide"))),
    };
    format!(" It waits until {more} ({of}). {who}.")
}

/// Says where an approval is given that is signed with a key. Keys belong to a name, which a number
/// is not.
fn in_the_browser(url: &str, subject: &str) -> Failure {
    let page = if subject.starts_with("dep-") { "deployments" } else { "approvals" };
    let address = format!("{}/{page}/{subject}", url.replace("://127.0.0.1", "://localhost"));
    let what = "A rule asks for a signature with your own key, which is given in the browser.";
    Failure::new(Blame::Caller, what, format!("Open {address}"))
}

/// Says what is decided.
async fn show(client: &Client, subject: &str, asked: &Value) {
    let mut lines = vec![format!("{subject}: {}", plain(word(asked, "why")))];
    if subject.starts_with("dep-") {
        // What is decided is the statement; this only says it in words.
        let found = client.get(&format!("/api/v1/deployments/{}", part(subject))).await;
        let brief = found.map(|found| found["brief"].clone()).unwrap_or_default();
        let (release, service) = (word(&brief, "release"), word(&brief, "service"));
        let environment = word(&brief, "environment");
        lines.push(format!("  release       {release} of {service} to {environment}"));
        let (commit, title) = (short(word(&brief, "commit")), plain(word(&brief, "title")));
        lines.push(format!("  change        {} {commit} {title}", word(&brief, "change")));
    }
    lines.extend(proposed::lines_of(&asked["changes"]));
    lines.push(format!("  contributors  {}", plain(&people(asked, "contributors"))));
    lines.push(format!("  statement     {}", word(asked, "statement")));
    say(&lines.join("\n"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_approves_is_told_who_must_agree_besides() {
        let bo = json!({ "reference": "r", "login": "bo", "name": "Bo" });
        let asked = json!({ "still_asked": ["approvers"], "may_decide": [bo] });
        let said = still_waits(&asked);
        assert_eq!(said, " It waits until 1 more person agrees (approvers). Who may: bo.");
        let asked = json!({ "still_asked": ["risk", "security"], "may_decide": [] });
        let said = still_waits(&asked);
        assert!(said.contains("2 more people agree (risk, security). Nobody is left"), "{said}");
        assert_eq!(still_waits(&json!({ "still_asked": [], "may_decide": [] })), "");
    }

    #[test]
    fn where_a_key_signs_the_address_is_said_by_name() {
        let hint = in_the_browser("http://127.0.0.1:8440", "dep-7").hint;
        assert_eq!(hint, "Open http://localhost:8440/deployments/dep-7");
        let hint = in_the_browser("https://sluss.bank.example", "cfg-2").hint;
        assert_eq!(hint, "Open https://sluss.bank.example/approvals/cfg-2");
    }
}
