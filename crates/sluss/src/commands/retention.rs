//! `sluss retention`: what is kept for how long, legal holds, and disposals by two people.

use serde_json::{Value, json};
use sluss_engine::failure::{Blame, Failure};

use super::Output;
use super::act::{changed, happened};
use super::connection::Where;
use super::decide::Person;
use super::print::{next, print, print_json};
use super::shape::{counted, list, part, plain, short, table, word};
use super::times::rfc3339;

/// The most contents of one disposal.
const MOST: usize = 100;

/// Say what is kept for how long, hold it, and dispose of it by two people
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Show periods, legal holds, disposals and erasures, or how one content stands
    Show(Show),
    /// List what is due
    Due(Due),
    /// Place a legal hold: at once nothing in its scope is disposed of
    Hold(Hold),
    /// Agree that a legal hold be lifted: two others must
    Lift(Lift),
    /// Propose to dispose of contents; another person agrees
    Dispose(Dispose),
    /// Agree to a disposal or an erasure that somebody else proposed
    Agree(Decide),
    /// Refuse a disposal or an erasure, or take it back
    Refuse(Decide),
}

/// Show what is kept for how long
#[derive(Debug, clap::Args)]
pub struct Show {
    /// The digest of a content: says how it stands, and why
    content: Option<String>,
    #[command(flatten)]
    of: Where,
}

/// List what is due
#[derive(Debug, clap::Args)]
pub struct Due {
    #[command(flatten)]
    of: Where,
}

/// Place a legal hold
#[derive(Debug, clap::Args)]
pub struct Hold {
    /// What: `all`, `product:NAME`, `service:NAME` or `release:rel-7`
    scope: String,
    /// Why
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    person: Person,
    #[command(flatten)]
    of: Where,
}

/// Agree that a legal hold be lifted
#[derive(Debug, clap::Args)]
pub struct Lift {
    /// The hold: `hld-1`
    hold: String,
    /// Why it may
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    person: Person,
    #[command(flatten)]
    of: Where,
}

/// Propose a disposal
#[derive(Debug, clap::Args)]
pub struct Dispose {
    /// The digests of what is to go; all that is due, a hundred at most, unless given
    contents: Vec<String>,
    /// Why before their period is over
    #[arg(long, value_name = "REASON", requires = "contents")]
    early: Option<String>,
    #[command(flatten)]
    person: Person,
    #[command(flatten)]
    of: Where,
}

/// Decide over a disposal or an erasure
#[derive(Debug, clap::Args)]
pub struct Decide {
    /// Which: `dsp-1` or `ers-1`
    which: String,
    #[command(flatten)]
    person: Person,
    #[command(flatten)]
    of: Where,
}

/// Propose to erase a person
///
/// Name, addresses, password, sessions, tokens, keys, and what they wrote go, for good. Their
/// reference stays in the log and leads nowhere, so that every proof holds. Another person agrees:
/// `sluss retention agree ers-1`. Git's history keeps what commits say.
#[derive(Debug, clap::Args)]
pub struct Erase {
    /// Their login, an address of their commits, or their reference in the log
    who: String,
    /// Why, without naming them
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    person: Person,
    #[command(flatten)]
    of: Where,
}

/// Runs `sluss retention`.
pub(super) async fn run(command: Command, output: Output) -> Result<(), Failure> {
    match command {
        Command::Show(Show { content: None, of }) => {
            let found = of.client()?.get("/api/v1/retention").await?;
            match output {
                Output::Json => print_json(&found),
                Output::Text => show(&found),
            }
            Ok(())
        }
        Command::Show(Show { content: Some(digest), of }) => {
            let path = format!("/api/v1/retention/contents/{}", part(&digest));
            let found = of.client()?.get(&path).await?;
            match output {
                Output::Json => print_json(&found),
                Output::Text => content(&found),
            }
            Ok(())
        }
        Command::Due(Due { of }) => {
            let found = of.client()?.get("/api/v1/retention/due").await?;
            match output {
                Output::Json => print_json(&found),
                Output::Text => due(&found),
            }
            Ok(())
        }
        Command::Hold(arguments) => hold(arguments, output).await,
        Command::Lift(arguments) => lift(arguments, output).await,
        Command::Dispose(arguments) => dispose(arguments, output).await,
        Command::Agree(arguments) => decide(arguments, "agree", output).await,
        Command::Refuse(arguments) => decide(arguments, "refuse", output).await,
    }
}

fn show(found: &Value) {
    let classes = list(found, "classes").iter().map(|of| {
        vec![
            word(of, "class").to_owned(),
            format!("{} years", of["years"]),
            format!("at least {}", of["at_least_years"]),
            format!("{} kept, {} due, {} gone", of["kept"], of["due"], of["gone"]),
        ]
    });
    print(&table(0, &classes.collect::<Vec<_>>()));
    let by = |of: &Value| word(&of["by"], "name").to_owned();
    let holds = list(found, "holds").iter().map(|of| {
        let state = match of["lifted_ms"].as_i64() {
            Some(at) => format!("lifted {}", rfc3339(at)),
            None => format!("holds; {} more must agree to lift it", of["still_asks"]),
        };
        let (hold, scope) = (word(of, "hold").to_owned(), word(of, "scope").to_owned());
        vec![hold, scope, state, by(of), plain(word(of, "reason"))]
    });
    print(&table(0, &holds.collect::<Vec<_>>()));
    let disposals = list(found, "disposals").iter().map(|of| {
        let count = list(of, "contents").len() as u64;
        let what = counted(count, "content", "contents");
        let early = if of["early"] == true { "early" } else { "due" };
        let (id, state) = (word(of, "disposal").to_owned(), word(of, "state").to_owned());
        vec![id, state, what, early.to_owned(), by(of), plain(word(of, "reason"))]
    });
    print(&table(0, &disposals.collect::<Vec<_>>()));
    let erasures = list(found, "erasures").iter().map(|of| {
        let (id, state) = (word(of, "erasure").to_owned(), word(of, "state").to_owned());
        let person = plain(word(&of["person"], "name"));
        vec![id, state, person, by(of), plain(word(of, "reason"))]
    });
    print(&table(0, &erasures.collect::<Vec<_>>()));
    next("sluss retention due");
}

fn content(found: &Value) {
    let mut rows = vec![
        vec!["class".to_owned(), word(found, "class").to_owned()],
        vec!["state".to_owned(), word(found, "state").to_owned()],
        vec![String::new(), plain(word(found, "words"))],
    ];
    if let Some(leaf) = found["leaf"].as_u64() {
        rows.push(vec!["entry".to_owned(), leaf.to_string()]);
    }
    let streams = list(found, "streams").iter().filter_map(Value::as_str);
    rows.push(vec!["named in".to_owned(), streams.collect::<Vec<_>>().join(", ")]);
    print(&table(0, &rows));
}

fn due(found: &Value) {
    let rows = list(found, "due").iter().map(|of| {
        let streams = list(of, "streams").iter().filter_map(Value::as_str);
        vec![
            word(of, "digest").to_owned(),
            word(of, "class").to_owned(),
            rfc3339(of["since_ms"].as_i64().unwrap_or_default()),
            streams.collect::<Vec<_>>().join(", "),
        ]
    });
    print(&table(0, &rows.collect::<Vec<_>>()));
    match found["count"].as_u64().unwrap_or_default() {
        0 => print("Nothing is due."),
        count => {
            print(&format!("{} due.", counted(count, "content is", "contents are")));
            next("sluss retention dispose");
        }
    }
}

async fn hold(arguments: Hold, output: Output) -> Result<(), Failure> {
    let Hold { scope, reason, person, of } = arguments;
    let body = json!({ "scope": scope, "reason": reason });
    let done = person.there(&of)?.post("/api/v1/retention/holds", &body).await?;
    let id = happened(&done, "hold.placed").and_then(|event| event["hold"].as_str());
    let id = id.unwrap_or("it").to_owned();
    let what = format!("{id} holds {scope}: nothing in it is disposed of.");
    changed(&done, output, &what, &format!("sluss retention lift {id} --reason …, by two others"));
    Ok(())
}

async fn lift(arguments: Lift, output: Output) -> Result<(), Failure> {
    let Lift { hold, reason, person, of } = arguments;
    let path = format!("/api/v1/retention/holds/{}/lift", part(&hold));
    let done = person.there(&of)?.post(&path, &json!({ "reason": reason })).await?;
    let what = match happened(&done, "hold.lifted") {
        Some(_) => format!("{hold} is lifted."),
        None => format!("You agreed to lift {hold}; it takes one more person."),
    };
    changed(&done, output, &what, "sluss retention show");
    Ok(())
}

async fn dispose(arguments: Dispose, output: Output) -> Result<(), Failure> {
    let Dispose { mut contents, early, person, of } = arguments;
    let client = person.there(&of)?;
    if contents.is_empty() {
        let found = client.get("/api/v1/retention/due").await?;
        let digests = list(&found, "due").iter().take(MOST);
        contents.extend(digests.map(|of| word(of, "digest").to_owned()));
    }
    if contents.is_empty() {
        let what = "Nothing is due, so nothing was proposed.";
        let hint = "Name contents, with a reason: `sluss retention dispose DIGEST --early …`";
        return Err(Failure::new(Blame::Conflict, what, hint));
    }
    let body = json!({ "contents": contents, "reason": early });
    let done = client.post("/api/v1/retention/disposals", &body).await?;
    let id = happened(&done, "disposal.proposed").and_then(|event| event["disposal"].as_str());
    let id = id.unwrap_or("it").to_owned();
    let what = match &contents[..] {
        [one] => format!("{id} proposes to dispose of {}.", short(one)),
        more => format!("{id} proposes to dispose of {} contents.", more.len()),
    };
    changed(&done, output, &what, &format!("sluss retention agree {id}, by another person"));
    Ok(())
}

async fn decide(arguments: Decide, said: &str, output: Output) -> Result<(), Failure> {
    let Decide { which, person, of } = arguments;
    let folder = if which.starts_with("ers-") { "erasures" } else { "disposals" };
    let path = format!("/api/v1/retention/{folder}/{}/{said}", part(&which));
    let done = person.there(&of)?.post(&path, &json!({})).await?;
    let disposed =
        list(&done, "events").iter().filter(|event| word(event, "type") == "blob.disposed");
    let what = match (happened(&done, "person.erased"), disposed.count()) {
        (Some(_), _) => format!("{which}: the person is erased. Files go within seconds."),
        (None, 0) => format!("{which} is refused."),
        (None, count) => {
            let count = counted(count as u64, "content is", "contents are");
            format!("{which}: {count} disposed of. Files go within an hour.")
        }
    };
    changed(&done, output, &what, "sluss log verify --full");
    Ok(())
}

/// Runs `sluss account erase`.
pub(super) async fn erase(arguments: Erase, output: Output) -> Result<(), Failure> {
    let Erase { who, reason, person, of } = arguments;
    let body = json!({ "person": who, "reason": reason });
    let done = person.there(&of)?.post("/api/v1/retention/erasures", &body).await?;
    let id = happened(&done, "erasure.proposed").and_then(|event| event["erasure"].as_str());
    let id = id.unwrap_or("it").to_owned();
    let what = format!("{id} proposes to erase {who}.");
    changed(&done, output, &what, &format!("sluss retention agree {id}, by another person"));
    Ok(())
}
