//! `sluss dossier`: takes the evidence of a release out, for people who do not trust us.

use std::path::PathBuf;

use serde_json::json;
use sluss_engine::failure::{Blame, Failure};

use super::Output;
use super::connection::Where;
use super::print::{next, print, print_json};
use super::shape::{part, plain};

/// Take the evidence of a release out
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Write the evidence of a release as one file that `sluss-verify` checks
    Export(Export),
}

/// Write the evidence of a release as one file that `sluss-verify` checks
///
/// Events with proofs, attestations, what was approved, and a page to read. That it was taken out
/// is recorded.
#[derive(Debug, clap::Args)]
pub struct Export {
    /// The release, such as `rel-7`
    release: String,
    /// Where it is written; `release-RELEASE.sluss.zip` here unless given
    #[arg(long)]
    out: Option<PathBuf>,
    /// Say who the references of people stand for; takes the role of a developer
    #[arg(long)]
    identities: bool,
    #[command(flatten)]
    of: Where,
}

/// Runs the command.
pub(super) async fn run(command: Command, output: Output) -> Result<(), Failure> {
    let Command::Export(Export { release, out, identities, of }) = command;
    let more = if identities { "?identities=1" } else { "" };
    let path = format!("/api/v1/releases/{}/dossier{more}", part(&release));
    let (archive, remarks) = of.client()?.get_bytes(&path).await?;
    let out = out.unwrap_or_else(|| PathBuf::from(format!("release-{release}.sluss.zip")));
    tokio::fs::write(&out, &archive).await.map_err(|error| {
        Failure::new(
            Blame::Caller,
            format!("{} can't be written: {error}", out.display()),
            "Name another place: `sluss dossier export RELEASE --out FILE`",
        )
    })?;
    match output {
        Output::Json => {
            print_json(&json!({ "file": out, "bytes": archive.len(), "remarks": remarks }));
        }
        Output::Text => {
            print(&format!("{}: {} bytes", out.display(), archive.len()));
            if !remarks.is_empty() {
                print(&plain(&remarks));
            }
            next("sluss log trust --out trust");
            next(&format!("sluss-verify {} --trust trust", out.display()));
        }
    }
    Ok(())
}
