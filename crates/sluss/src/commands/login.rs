//! `sluss login`: signs in, so that commands find Sluss.

use serde_json::json;
use sluss_engine::failure::{Blame, Failure};

use super::connection::{checked_url, in_the_clear, known, remember};
use super::print::{next, say};
use super::{shape::word, terminal};
use crate::client::{Client, Credentials};
use crate::first::{Connection, connection_file};

/// Sign in, so that commands find Sluss
///
/// Makes a token with login and password, and keeps the token in a file that only you can read.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The address, such as `https://sluss.bank.example`
    url: String,
    /// Your login; asked for unless given
    #[arg(long)]
    login: Option<String>,
    /// Read the password from standard input
    #[arg(long)]
    password_stdin: bool,
}

/// Runs the command.
pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let url = checked_url(&arguments.url)?;
    if in_the_clear(&url) {
        say(&format!(
            "{url} is no TLS: whoever is in between can read your password. Better: https"
        ));
    }
    let login = match arguments.login {
        Some(login) => login,
        None => terminal::line("login: ")?,
    };
    let password = match arguments.password_stdin {
        true => terminal::from_stdin()?,
        false => terminal::password("password: ")?,
    };
    let client = Client::new(url.clone(), Credentials::Password { login: login.clone(), password });
    let made = client.post("/api/v1/tokens", &json!({ "name": "command line" })).await?;
    let token = word(&made, "text").to_owned();
    if token.is_empty() {
        let what = format!("What answers at {url} is no Sluss of this version.");
        return Err(Failure::new(Blame::Upstream, what, "Look at the address"));
    }
    let before = known().ok().flatten().filter(|before| before.url == url);
    let data = before.and_then(|before| before.data);
    remember(&Connection { url: url.clone(), token, login: login.clone(), data })?;
    say(&format!("Signed in to {url} as {login}, by {}", connection_file().display()));
    next("sluss status");
    Ok(())
}
