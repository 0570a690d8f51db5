//! `sluss secret`: what steps and services get in secret.

use std::path::PathBuf;

use serde_json::json;
use sluss_core::ids::ServiceName;
use sluss_engine::failure::{Blame, Failure};

use super::connection::{Where, known};
use super::print::{next, say};
use super::shape::part;
use super::{account, terminal};
use crate::cli::default_data;
use crate::first;

/// Set what steps and services get in secret
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Set a secret; its value is read from standard input
    Set(Set),
}

/// Set a secret
///
/// The value is read from standard input, without a line's end after it; on a terminal it is asked
/// for and not shown. Without a connection it is written into the data folder on this machine.
#[derive(Debug, clap::Args)]
pub struct Set {
    /// The service
    service: ServiceName,
    /// The name of the environment variable: A-Z, 0-9 and _
    name: String,
    /// Write into this data folder instead of asking Sluss
    #[arg(long)]
    data: Option<PathBuf>,
    #[command(flatten)]
    of: Where,
}

/// Runs the command.
pub(super) async fn run(command: Command) -> Result<(), Failure> {
    let Command::Set(Set { service, name, data, of }) = command;
    let value = match terminal::somebody_is_there() {
        true => terminal::password(&format!("value of {name}: "))?,
        false => terminal::from_stdin()?,
    };
    if value.is_empty() {
        let what = format!("There is no value for {name}.");
        let hint = format!("Give it: `sluss secret set {service} {name} < FILE`");
        return Err(Failure::new(Blame::Caller, what, hint));
    }
    let local = default_data();
    match data {
        Some(data) => write(&data, &service, &name, &value).await?,
        None if of.url().is_err() && known()?.is_none() && local.join("accounts.db").is_file() => {
            write(&local, &service, &name, &value).await?;
        }
        None => {
            let path = format!("/api/v1/services/{service}/secrets/{}", part(&name));
            of.client()?.put(&path, &json!({ "value": value })).await?;
        }
    }
    say(&format!("The secret {name} of {service} is set."));
    next(&format!("name it in {service}'s `sluss.yaml`: `secrets: [{name}]`"));
    Ok(())
}

async fn write(
    data: &std::path::Path,
    service: &ServiceName,
    name: &str,
    value: &str,
) -> Result<(), Failure> {
    account::there(data)?;
    let accounts = first::accounts(data).await?;
    let written = accounts.set_secret(service, name, value).await;
    accounts.close().await;
    written.map_err(account::failure)
}
