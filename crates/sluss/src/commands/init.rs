//! `sluss init`: proposes a `sluss.yaml` for what is in this folder, and connects the repository.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use sluss_engine::failure::{Blame, Failure};
use sluss_engine::pipeline::detect::{Listing, Proposal, detect};
use sluss_engine::pipeline::{BUILT_IN, Catalogue, Defaults, Resolved, ServiceFile, Source};

use super::check::{self, FILE};
use super::connection::known;
use super::print::{next, say};
use super::run::git;
use super::terminal::{self, Answer};
use crate::first::Connection;

/// The remote that pushes go to.
const REMOTE: &str = "sluss";
/// The branch that is delivered.
const MAIN: &str = "main";

/// Propose a `sluss.yaml` for this repository, and connect it
///
/// Looks at what is in the current folder, says what it guessed and why, and writes `sluss.yaml`.
/// Where Sluss is signed in to, it adds the Git remote `sluss`, so that `git push sluss main`
/// delivers; no login and no token is written into the repository.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The template to take, such as `python-service@1`; the likeliest unless given
    #[arg(long)]
    template: Option<String>,
    /// How a release takes over in production
    #[arg(long, value_enum, default_value_t = Rollout::AtOnce)]
    rollout: Rollout,
    /// Write over a `sluss.yaml` that is there
    #[arg(long)]
    force: bool,
    /// Leave `sluss.yaml` as it is, and only connect the repository
    #[arg(long, conflicts_with_all = ["template", "rollout", "force"])]
    connect: bool,
    /// Ask nothing
    #[arg(long)]
    yes: bool,
}

/// How a release takes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Rollout {
    /// All at once, as soon as it is ready: while few or no customers are there
    AtOnce,
    /// In growing shares of the traffic, judged by what customers get
    Progressive,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let file = PathBuf::from(FILE);
    at_the_root()?;
    if arguments.connect {
        let remote = connect(&check::head(&file)?)?;
        next(&next_command(remote));
        return Ok(());
    }
    if file.exists() && !arguments.force {
        let what = format!("There is a `{FILE}` already, and it stays as it is.");
        let hint = "Connect it as it is: `sluss init --connect`. Write over it: `--force`";
        return Err(Failure::new(Blame::Conflict, what, hint));
    }
    write(arguments, &file)
}

fn write(arguments: &Arguments, file: &Path) -> Result<(), Failure> {
    let listing = Listing::of_folder(Path::new("."))
        .map_err(|error| Failure::upstream("This folder can't be read", &error))?;
    let (text, why) = chosen(detect(&listing), arguments.template.as_deref())?;
    let text = with_rollout(text, arguments.rollout);
    let resolved = resolved(&text)?;
    say(&format!("{FILE}:\n"));
    for line in text.lines() {
        say(&format!("  {line}"));
    }
    say("\nBecause:");
    for reason in &why {
        say(&format!("  - {reason}"));
    }
    say("");
    let asks = terminal::somebody_is_there() && !arguments.yes;
    if asks && !terminal::yes(&format!("Write {FILE}?"), Answer::Yes)? {
        let what = "Nothing was written.";
        let hint = "Take another template: `sluss init --template NAME@1`";
        return Err(Failure::new(Blame::Caller, what, hint));
    }
    std::fs::write(file, &text)
        .map_err(|error| Failure::upstream(format!("`{FILE}` can't be written"), &error))?;
    say(&format!("Wrote {FILE}."));
    let remote = connect(&resolved.file)?;
    next(&next_command(remote));
    Ok(())
}

/// Git must find the file at the top of the repository.
fn at_the_root() -> Result<(), Failure> {
    let Some(above) = git(&["rev-parse", "--show-prefix"]) else { return Ok(()) };
    let top = git(&["rev-parse", "--show-toplevel"]).unwrap_or_default();
    let what =
        format!("This is the folder {above} of a repository, and `{FILE}` belongs at its top.");
    Err(Failure::new(Blame::Caller, what, format!("Go there first: `cd {top}`")))
}

/// Returns the proposal that was asked for, and what it was guessed from.
fn chosen(proposal: Proposal, asked: Option<&str>) -> Result<(String, Vec<String>), Failure> {
    let taken = |text: &str, name: &str| {
        text.lines().any(|line| {
            let template = line.strip_prefix("template: ").unwrap_or_default();
            template == name || template.split('@').next() == Some(name)
        })
    };
    let others: Vec<String> =
        proposal.alternatives.iter().map(|other| other.template.clone()).collect();
    let Some(name) = asked else {
        let mut why = proposal.why;
        if !others.is_empty() {
            why.push(format!("these would fit too (--template): {}", others.join(", ")));
        }
        return Ok((proposal.sluss_yaml, why));
    };
    if taken(&proposal.sluss_yaml, name) {
        return Ok((proposal.sluss_yaml, proposal.why));
    }
    let found = proposal.alternatives.into_iter().find(|other| taken(&other.sluss_yaml, name));
    found.map(|other| (other.sluss_yaml, other.why)).ok_or_else(|| {
        let known: Vec<&str> = BUILT_IN.iter().map(|template| template.folder).collect();
        let is = known.iter().any(|known| *known == name || known.split('@').next() == Some(name));
        let what = match is {
            true => format!("Nothing here fits the template `{name}`."),
            false => format!("No template that comes with Sluss is called `{name}`."),
        };
        let hint = match others.is_empty() {
            true => format!("Templates that come with Sluss: {}", known.join(", ")),
            false => format!("These fit besides the likeliest: {}", others.join(", ")),
        };
        Failure::new(Blame::Caller, what, hint)
    })
}

/// Adds how a release takes over, with when to change it.
fn with_rollout(mut text: String, rollout: Rollout) -> String {
    if !text.contains("\nwith:\n") || text.contains("\n  rollout:") {
        return text;
    }
    if !text.ends_with('\n') {
        text.push('\n');
    }
    match rollout {
        Rollout::AtOnce => text.push_str(
            "  # A release takes over at once. As soon as customers use the service, write\n  \
             # `progressive`: then it takes a small share first, and a bad one is taken back by\n  \
             # itself on what they get.\n  rollout: at-once\n",
        ),
        Rollout::Progressive => text.push_str("  rollout: progressive\n"),
    }
    text
}

fn resolved(text: &str) -> Result<Resolved, Failure> {
    Source::new(FILE, text.as_bytes())
        .and_then(|source| Catalogue::built_in().resolve(&source, &Defaults::default()))
        .map_err(|problems| {
            let what = format!("The proposal is wrong:\n{problems}");
            Failure::new(Blame::Bug, what, "Please report this with what is in the folder")
        })
}

/// How far the repository is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Remote {
    /// The folder is no repository.
    NoRepository,
    /// Nothing is known of a Sluss to push to.
    NotSignedIn,
    /// Pushes to `sluss` go where they should.
    Connected,
}

fn connect(head: &ServiceFile) -> Result<Remote, Failure> {
    if git(&["rev-parse", "--git-dir"]).is_none() {
        return Ok(Remote::NoRepository);
    }
    let Some(connection) = known()? else { return Ok(Remote::NotSignedIn) };
    let url = format!("{}/git/{}.git", connection.url, head.service);
    match git(&["remote", "get-url", REMOTE]) {
        Some(there) if there == url => {}
        Some(there) => {
            let what = format!("The remote `{REMOTE}` points to {there}, not to {url}.");
            let hint = format!("Set it, and try again: `git remote set-url {REMOTE} {url}`");
            return Err(Failure::new(Blame::Conflict, what, hint));
        }
        None => must(&["remote", "add", REMOTE, &url])?,
    }
    credentials(&connection)?;
    say(&format!("The remote `{REMOTE}` is {url}; `git` asks Sluss for login and token."));
    Ok(Remote::Connected)
}

/// Lets `git` ask this program for login and token, and no other helper, for this address.
fn credentials(connection: &Connection) -> Result<(), Failure> {
    let program = std::env::current_exe()
        .map_err(|error| Failure::upstream("This program can't find itself", &error))?;
    let quoted = program.display().to_string().replace('\'', "'\\''");
    let key = format!("credential.{}.helper", connection.url);
    must(&["config", "--local", "--replace-all", &key, ""])?;
    must(&["config", "--local", "--add", &key, &format!("!'{quoted}' git-credential")])
}

fn must(arguments: &[&str]) -> Result<(), Failure> {
    let output = std::process::Command::new("git")
        .args(arguments)
        .output()
        .map_err(|error| Failure::upstream("`git` can't be started", &error))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let what = format!("git {}: {said}", arguments.first().unwrap_or(&""));
    Err(Failure::new(Blame::Upstream, what, "Look at what Git says"))
}

fn next_command(remote: Remote) -> String {
    let branch = git(&["branch", "--show-current"]).unwrap_or_else(|| MAIN.to_owned());
    let pushed = if branch == MAIN { branch } else { format!("{branch}:{MAIN}") };
    let commit = format!("git add {FILE} && git commit -m 'Deliver with Sluss'");
    match remote {
        Remote::NoRepository => {
            "make this a Git repository, then connect it: `git init -b main && sluss init --connect`"
                .to_owned()
        }
        Remote::NotSignedIn => {
            "`sluss run` tries the steps here. To deliver: `sluss up`, then `sluss init --connect`"
                .to_owned()
        }
        Remote::Connected => format!("{commit} && git push {REMOTE} {pushed}"),
    }
}
