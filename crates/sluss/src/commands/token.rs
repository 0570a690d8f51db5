//! `sluss token`: what programs hold to ask Sluss.

use serde_json::{Value, json};
use sluss_engine::failure::{Blame, Failure};

use super::Output;
use super::connection::Where;
use super::print::{next, print, print_json, say};
use super::shape::{list, part, plain, table, word};
use super::terminal;
use super::times::{read_length, rfc3339};

/// Make and revoke tokens for programs
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make a token, and print it this once; asks for the password
    Create(Create),
    /// List your tokens, newest first
    List(List),
    /// Revoke a token
    Revoke(Revoke),
}

/// Make a token
#[derive(Debug, clap::Args)]
pub struct Create {
    /// What it is for
    name: String,
    /// Let it read only
    #[arg(long)]
    read_only: bool,
    /// After what time it ends: `12h`, `90d`; never unless given
    #[arg(long = "for", value_name = "LENGTH")]
    length: Option<String>,
    /// Your login; who is signed in unless given
    #[arg(long)]
    login: Option<String>,
    /// Read the password from standard input
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    of: Where,
}

/// List your tokens
#[derive(Debug, clap::Args)]
pub struct List {
    #[command(flatten)]
    of: Where,
}

/// Revoke a token
#[derive(Debug, clap::Args)]
pub struct Revoke {
    /// Its id, as `sluss token list` shows it
    id: String,
    #[command(flatten)]
    of: Where,
}

/// Runs the command.
pub(super) async fn run(command: Command, output: Output) -> Result<(), Failure> {
    match command {
        Command::Create(arguments) => create(arguments, output).await,
        Command::List(List { of }) => {
            let found = of.client()?.get("/api/v1/tokens").await?;
            match output {
                Output::Json => print_json(&found),
                Output::Text => {
                    let rows: Vec<_> = list(&found, "tokens").iter().map(row).collect();
                    print(&table(0, &rows));
                }
            }
            Ok(())
        }
        Command::Revoke(Revoke { id, of }) => {
            of.client()?.delete(&format!("/api/v1/tokens/{}", part(&id))).await?;
            say(&format!("The token {id} is revoked."));
            next("sluss token list");
            Ok(())
        }
    }
}

async fn create(arguments: Create, output: Output) -> Result<(), Failure> {
    let Create { name, read_only, length, login, password_stdin, of } = arguments;
    let scopes: &[&str] = if read_only { &["read"] } else { &["read", "write"] };
    let mut body = json!({ "name": name, "scopes": scopes });
    if let Some(length) = length {
        let seconds = u32::try_from(read_length(&length)? / 1000).map_err(|_| {
            let what = format!("{length} is too long.");
            Failure::new(Blame::Caller, what, "Without `--for`, the token does not end by itself")
        })?;
        body["for_seconds"] = json!(seconds);
    }
    let login = match login.or_else(|| of.login()) {
        Some(login) => login,
        None => terminal::line("login: ")?,
    };
    let password = match password_stdin {
        true => terminal::from_stdin()?,
        false => terminal::password(&format!("password of {login}: "))?,
    };
    let made = of.as_person(login, password)?.post("/api/v1/tokens", &body).await?;
    match output {
        Output::Json => print_json(&made),
        Output::Text => print(word(&made, "text")),
    }
    let id = word(&made["token"], "id");
    say(&format!("Made the token {id}; its text is shown this once."));
    next(&format!("to end it: sluss token revoke {id}"));
    Ok(())
}

fn row(token: &Value) -> Vec<String> {
    let scopes: Vec<&str> = list(token, "scopes").iter().filter_map(Value::as_str).collect();
    let ends = match (token["revoked_ms"].as_i64(), token["expires_ms"].as_i64()) {
        (Some(at), _) => format!("revoked {}", rfc3339(at)),
        (None, Some(at)) => format!("ends {}", rfc3339(at)),
        (None, None) => "does not end".to_owned(),
    };
    vec![
        word(token, "id").to_owned(),
        plain(word(token, "name")),
        scopes.join("+"),
        format!("made {}", rfc3339(token["created_ms"].as_i64().unwrap_or_default())),
        ends,
    ]
}
