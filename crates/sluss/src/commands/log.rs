//! `sluss log`: reads the log, proves an entry's place, and verifies everything on the disk.

use std::path::PathBuf;

use serde_json::Value;
use sluss_engine::failure::{Blame, Failure};
use sluss_engine::retention::{self, Contents, GoneContent};
use sluss_store::verify::{Report, Scope, VerifyError, verify};

use super::connection::Where;
use super::print::{next, print, print_json};
use super::shape::{counted, list, part, plain, table, word};
use super::times::rfc3339;
use super::{Output, population};
use crate::cli::default_data;

/// How many changed entries the error itself names; all of them stand in the report.
const NAMED: usize = 3;

/// Read the log, and verify it
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List entries, oldest first; the last ones unless told otherwise
    List(List),
    /// Show an entry
    Show(One),
    /// Verify the log in a data folder: every entry, every chain, every file derived from it
    Verify(Verify),
    /// Prove that no deployment of a period is missing, refused ones included
    Population(population::Population),
    /// Show the keys of this installation, with their fingerprints
    Key(Where),
    /// Write the keys that dossiers are checked with as a folder, for whoever checks them
    Trust(Trust),
    /// Prove that an entry is in the log that the signed checkpoint commits to
    Proof(One),
}

/// List entries
#[derive(Debug, clap::Args)]
pub struct List {
    /// The position to begin at
    #[arg(long)]
    from: Option<u64>,
    /// How many
    #[arg(long, default_value_t = 20)]
    limit: u32,
    /// Only of this stream, such as `run/run-7`
    #[arg(long)]
    stream: Option<String>,
    /// Only of types that begin so, such as `deployment.`
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    #[command(flatten)]
    of: Where,
}

/// One entry.
#[derive(Debug, clap::Args)]
pub struct One {
    /// Its position, from 0
    position: u64,
    #[command(flatten)]
    of: Where,
}

/// Verify the log in a data folder
///
/// Reads only, whether Sluss is running or not. Exit code 1 when anything is not as it was written;
/// then it names each entry that was changed.
#[derive(Debug, clap::Args)]
pub struct Verify {
    /// The data folder
    #[arg(long, env = "SLUSS_DATA", default_value_os_t = default_data())]
    data: PathBuf,
    /// Check every artifact, log of a step and text too
    #[arg(long)]
    full: bool,
}

/// Write the keys that dossiers are checked with as a folder
///
/// `sluss-verify --trust FOLDER` reads it. Hand it over by another way than dossiers, and compare
/// the fingerprints in person.
#[derive(Debug, clap::Args)]
pub struct Trust {
    /// The folder; made if it is not there
    #[arg(long)]
    out: PathBuf,
    #[command(flatten)]
    of: Where,
}

/// Runs the command.
pub(super) async fn run(command: Command, output: Output) -> Result<(), Failure> {
    match command {
        Command::List(arguments) => entries(arguments, output).await,
        Command::Show(One { position, of }) => {
            let found = of.client()?.get(&format!("/api/v1/log/{position}")).await?;
            match output {
                Output::Json => print_json(&found),
                Output::Text => show(&found),
            }
            Ok(())
        }
        Command::Proof(One { position, of }) => {
            let proof = of.client()?.get_text(&format!("/api/v1/log/{position}/proof")).await?;
            match output {
                Output::Json => print_json(&serde_json::json!({ "tlog_proof": proof })),
                Output::Text => print(&proof),
            }
            Ok(())
        }
        Command::Key(of) => keys(&of.client()?.get("/api/v1/log/trust").await?, output),
        Command::Trust(arguments) => trust(arguments, output).await,
        Command::Verify(arguments) => verified(arguments, output).await,
        Command::Population(arguments) => population::run(arguments, output).await,
    }
}

fn keys(found: &Value, output: Output) -> Result<(), Failure> {
    match output {
        Output::Json => print_json(found),
        Output::Text => {
            let rows = [("log", "log_key"), ("attestations (SHA-256)", "attestation_key")];
            let rows = rows.map(|(name, field)| vec![name.to_owned(), plain(word(found, field))]);
            print(&table(0, &rows));
        }
    }
    Ok(())
}

async fn trust(Trust { out, of }: Trust, output: Output) -> Result<(), Failure> {
    let found = of.client()?.get("/api/v1/log/trust").await?;
    let wrong = |error: std::io::Error| {
        let what = format!("{} can't be written: {error}", out.display());
        Failure::new(Blame::Caller, what, "Name another folder: `sluss log trust --out FOLDER`")
    };
    std::fs::create_dir_all(&out).map_err(wrong)?;
    for (name, text) in found["files"].as_object().into_iter().flatten() {
        // Names come from a server: only plain ones become files.
        let plain = name.bytes().all(|c| c.is_ascii_alphanumeric() || b"._-".contains(&c));
        if let (true, Some(text)) = (plain && !name.starts_with('.'), text.as_str()) {
            std::fs::write(out.join(name), text).map_err(wrong)?;
        }
    }
    keys(&found, output)
}

async fn entries(arguments: List, output: Output) -> Result<(), Failure> {
    let List { from, limit, stream, kind, of } = arguments;
    let mut path = format!("/api/v1/log?limit={limit}");
    if let Some(from) = from {
        path.push_str(&format!("&from={from}"));
    }
    for (name, value) in [("stream", stream), ("type", kind)] {
        if let Some(value) = value {
            path.push_str(&format!("&{name}={}", part(&value)));
        }
    }
    let found = of.client()?.get(&path).await?;
    match output {
        Output::Json => print_json(&found),
        Output::Text => {
            let rows = list(&found, "events").iter().map(|event| {
                vec![
                    event["position"].to_string(),
                    rfc3339(event["time_ms"].as_i64().unwrap_or_default()),
                    word(event, "stream").to_owned(),
                    word(event, "type").to_owned(),
                    plain(actor(event)),
                ]
            });
            print(&table(0, &rows.collect::<Vec<_>>()));
            if let Some(on) = found["next"].as_u64() {
                next(&format!("sluss log list --from {on}"));
            }
        }
    }
    Ok(())
}

fn actor(event: &Value) -> &str {
    let actor = &event["actor"];
    let person = &actor["person"];
    person["login"].as_str().or_else(|| person["name"].as_str()).unwrap_or(word(actor, "kind"))
}

fn show(found: &Value) {
    let event = &found["event"];
    let rows = [
        ("position", event["position"].to_string()),
        ("type", word(event, "type").to_owned()),
        ("stream", format!("{} #{}", word(event, "stream"), event["seq"])),
        ("appended", rfc3339(event["time_ms"].as_i64().unwrap_or_default())),
        ("by", plain(actor(event))),
        ("hash", word(event, "hash").to_owned()),
    ];
    let rows = rows.map(|(name, value)| vec![name.to_owned(), value]);
    print(&table(0, &rows));
    print(&serde_json::to_string_pretty(&event["data"]).unwrap_or_default());
}

async fn verified(arguments: Verify, output: Output) -> Result<(), Failure> {
    let scope = if arguments.full { Scope::Full } else { Scope::Log };
    let report = verify(&arguments.data, scope).await.map_err(|error| match error {
        VerifyError::NoLog(_) => Failure::new(
            Blame::NotFound,
            format!("There is no log in {}.", arguments.data.display()),
            "Name the data folder: `sluss log verify --data FOLDER`",
        ),
        VerifyError::Database(_) | VerifyError::Io(_) => {
            Failure::upstream("The log can't be verified", &error)
        }
    })?;
    // What an altered log names can't be looked for.
    let contents = match arguments.full && report.ok {
        true => Some(retention::look(&arguments.data).await),
        false => None,
    };
    let (contents, not_looked) = match contents.transpose() {
        Ok(contents) => (contents, None),
        Err(failure) => (None, Some(failure)),
    };
    match output {
        Output::Json => print_json(&Verified { report: &report, contents: contents.as_ref() }),
        Output::Text => {
            tell(&report);
            contents.iter().for_each(tell_contents);
        }
    }
    if not_looked.is_some() {
        let what = "The entries verify, but this version can't read what they name.";
        let hint = "Use the version that wrote the log, or newer";
        return Err(Failure::new(Blame::Upstream, what, hint));
    }
    let missing = contents.as_ref().map_or(&[][..], |contents| &contents.missing);
    if let [first, ..] = missing {
        let count = counted(missing.len() as u64, "content", "contents");
        let what = format!("{count} that the log names is missing: {}.", first.digest);
        let hint = "Put the data folder's blobs back from a backup, then verify again";
        return Err(Failure::new(Blame::Upstream, what, hint));
    }
    if report.ok {
        return Ok(());
    }
    let entries = report.findings.iter().filter_map(|finding| finding.entry.as_ref());
    let mut named: Vec<String> = entries.map(ToString::to_string).collect();
    named.dedup();
    named.truncate(NAMED);
    let what = match named.is_empty() {
        true => "The log is not as it was written.".to_owned(),
        false => format!("The log is not as it was written: {}.", named.join("; ")),
    };
    let hint = "Stop Sluss, keep the data folder as it is, and compare it with a backup";
    Err(Failure::new(Blame::Upstream, what, hint))
}

/// What a verification found, as JSON.
#[derive(serde::Serialize)]
struct Verified<'a> {
    #[serde(flatten)]
    report: &'a Report,
    /// What the log names beyond itself; nothing where that was not looked for.
    contents: Option<&'a Contents>,
}

fn tell_contents(contents: &Contents) {
    for missing in &contents.missing {
        let streams = missing.streams.join(", ");
        print(&format!("MISSING: {} {}, named in {streams}", missing.class, missing.digest));
    }
    for gone in &contents.gone {
        let left = if gone.file_there { "; its file goes within an hour" } else { "" };
        let GoneContent { class, digest, why, leaf, .. } = gone;
        print(&format!("{why}: {class} {digest}, entry {leaf}{left}"));
    }
    let (there, gone) = (contents.there, contents.gone.len());
    print(&format!(
        "of what the log names, {there} are there, {gone} gone by the log, {} missing",
        contents.missing.len()
    ));
}

fn tell(report: &Report) {
    for finding in &report.findings {
        print(&plain(&finding.to_string()));
    }
    if report.more_findings > 0 {
        print(&format!("and {} more", report.more_findings));
    }
    for silence in &report.silences {
        print(&format!(
            "silence: nothing was recorded from {} to {}, before entry {}",
            rfc3339(silence.from_ms),
            rfc3339(silence.until_ms),
            silence.before
        ));
    }
    let covered = match report.checkpoint {
        Some(size) => format!("the signed checkpoint covers {size}"),
        None => "there is no checkpoint that could be accepted".to_owned(),
    };
    let blobs = report.blobs.map(|blobs| format!(", {blobs} artifacts and texts"));
    print(&format!(
        "{}: {} in {}, {}{}; {covered}; root {}",
        if report.ok { "verified" } else { "NOT VERIFIED" },
        counted(report.events, "entry", "entries"),
        counted(report.streams, "stream", "streams"),
        counted(report.files, "file", "files"),
        blobs.unwrap_or_default(),
        report.root
    ));
}
