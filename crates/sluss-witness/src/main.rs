//! `sluss-witness`: a witness of transparency logs (C2SP `tlog-witness` v1.0.0) of its own.
//!
//! Run by whoever does not run the log, with its own key and its own folder. It keeps the last
//! checkpoint of each log and cosigns the next one if that is proved to extend it, so that a log
//! whose data were rolled back, or that shows two histories, is found out.
//!
//! Here: arguments, clock, randomness and what is printed. Not here: TLS and access control; put
//! the usual reverse proxy in front where the network is not trusted. A checkpoint is no secret,
//! and nothing that is sent here is believed without its log's signature.

mod folder;
mod keeper;
mod key;
mod said;
mod serve;

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use clap::{Parser, Subcommand};
use serde_json::json;
use sluss_ledger::{KeyName, LogVerifier, WitnessKey};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::folder::{Folder, FolderError};
use crate::keeper::Keeper;
use crate::said::say;

/// Cosign the checkpoints of transparency logs that keep their word
#[derive(Debug, Parser)]
#[command(name = "sluss-witness", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a witness: its folder and its key
    Init {
        /// The witness' own folder, which nobody who runs a log can write to
        #[arg(long)]
        dir: PathBuf,
        /// Its name: a URL prefix without scheme, such as `witness.bank.example/audit`
        #[arg(long)]
        name: KeyName,
    },
    /// Answer the logs
    Serve {
        /// The witness' own folder
        #[arg(long)]
        dir: PathBuf,
        /// Where to listen
        #[arg(long, default_value = "127.0.0.1:8480")]
        listen: SocketAddr,
        /// A log's vkey; during a rotation its new one too. Once for each key
        #[arg(long = "log", required = true)]
        logs: Vec<LogVerifier>,
    },
    /// Show the witness' public key, the last checkpoint of each log, and evidence of lies
    Status {
        /// The witness' own folder
        #[arg(long)]
        dir: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Why the program ends, and what to do about it.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// The folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The key in the folder is none.
    #[error("the file `key` in {} is not the private key of a witness", .0.display())]
    Key(PathBuf),
    /// Nobody can connect.
    #[error("nothing can listen on {address}")]
    Listen {
        /// Address that was asked for.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Anything else that the machine refused.
    #[error("the machine refused")]
    Machine(#[from] io::Error),
}

impl Failure {
    /// Returns the next thing to do.
    fn hint(&self) -> &'static str {
        match self {
            Self::Folder(FolderError::InUse(_)) => {
                "Stop the other one first; two witnesses need two folders and two keys"
            }
            Self::Folder(FolderError::Taken(_)) => {
                "See it with `sluss-witness status --dir DIR`, or choose another folder"
            }
            Self::Folder(FolderError::NoWitness(_)) => {
                "Make one with `sluss-witness init --dir DIR --name NAME`. If there was one, do \
                 not reuse its key: tell everyone who trusts it"
            }
            Self::Folder(FolderError::Damaged { .. } | FolderError::Misplaced { .. }) => {
                "Restore the file from a copy that is not older; without it this witness could \
                 cosign another history, so do not delete it: make a new witness with a new key"
            }
            Self::Folder(FolderError::Io { .. }) | Self::Machine(_) => {
                "Look at the disk, its free space and who may write there"
            }
            Self::Key(_) => "Restore it from a copy, or make a new witness and hand its vkey over",
            Self::Listen { .. } => "Choose another address: `--listen 127.0.0.1:8480`",
        }
    }
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Init { dir, name } => init(dir, &name),
        Command::Serve { dir, listen, logs } => serve(dir, listen, &logs),
        Command::Status { dir, json } => status(&dir, json),
    };
    match done {
        Ok(text) => print(&text).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS),
        Err(failure) => {
            let mut text = format!("Error: {failure}\n");
            let mut cause = std::error::Error::source(&failure);
            while let Some(error) = cause {
                writeln!(text, "  because {error}").ok();
                cause = error.source();
            }
            writeln!(text, "  {}", failure.hint()).ok();
            io::stderr().write_all(text.as_bytes()).ok();
            ExitCode::FAILURE
        }
    }
}

fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout();
    out.write_all(text.as_bytes())?;
    out.flush()
}

fn init(dir: PathBuf, name: &KeyName) -> Result<String, Failure> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| io::Error::other(error.to_string()))?;
    let verifier = WitnessKey::from_seed(name.clone(), seed).verifier();
    Folder::at(&dir).make(&key::to_text(name, &seed), &verifier.to_string())?;
    Ok(format!(
        "{verifier}\n\nSHA-256 of that line: {}\n\n\
         Give the line to those who run the log and those who verify it, and the SHA-256 by \
         another way: on paper, or read aloud.\n\
         Next: sluss-witness serve --dir {} --log VKEY-OF-THE-LOG\n",
        key::fingerprint(&verifier),
        dir.display(),
    ))
}

fn read_key(dir: PathBuf) -> Result<WitnessKey, Failure> {
    let text = Folder::at(&dir).read_key()?;
    key::parse(&text).ok_or(Failure::Key(dir))
}

fn serve(dir: PathBuf, listen: SocketAddr, logs: &[LogVerifier]) -> Result<String, Failure> {
    let folder = Folder::at(&dir);
    let held = folder.hold()?;
    let key = read_key(dir)?;
    say(&format!("this is {}", key.verifier()));
    let keeper = Keeper::new(key, logs, folder, seconds)?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let unavailable = |source| Failure::Listen { address: listen, source };
        let listener = TcpListener::bind(listen).await.map_err(unavailable)?;
        print(&format!("listening on {}\n", listener.local_addr()?))?;
        let (mut end, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        serve::serve(keeper, listener, async {
            tokio::select! { _ = end.recv() => {}, _ = interrupt.recv() => {} }
        })
        .await;
        Ok::<_, Failure>(())
    })?;
    drop(held);
    Ok(String::new())
}

fn status(dir: &std::path::Path, as_json: bool) -> Result<String, Failure> {
    let folder = Folder::at(dir);
    let verifier = read_key(dir.to_owned())?.verifier();
    let (logs, evidence) = (folder.all()?, folder.count_evidence()?);
    if as_json {
        let logs: Vec<_> = logs
            .iter()
            .map(|(last, at)| {
                let (origin, head) = (last.origin.as_str(), last.head);
                json!({ "origin": origin, "size": head.size, "root": head.root, "seconds": at })
            })
            .collect();
        let (vkey, sha256) = (verifier.to_string(), key::fingerprint(&verifier).replace(' ', ""));
        let said = json!({ "vkey": vkey, "sha256": sha256, "logs": logs, "evidence": evidence });
        return Ok(format!("{said}\n"));
    }
    let mut text = format!("{verifier}\nSHA-256: {}\n", key::fingerprint(&verifier));
    if logs.is_empty() {
        text += "\nNo checkpoint was cosigned yet.\n";
    }
    let now = seconds();
    for (last, at) in &logs {
        let (head, ago) = (last.head, now.saturating_sub(*at));
        writeln!(text, "\n{}\n  size {}\n  root {}", last.origin, head.size, head.root).ok();
        writeln!(text, "  cosigned {ago} s ago").ok();
    }
    if evidence > 0 {
        let folder = folder.evidence();
        writeln!(
            text,
            "\n{evidence} request(s) in which a log contradicts itself: {}\n\
             Compare the checkpoint in each with the last one above, and ask who runs the log.",
            folder.display()
        )
        .ok();
    }
    Ok(text)
}

/// Tells the time, in seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "this is the one place that asks the machine")]
fn seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
