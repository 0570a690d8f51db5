//! `sluss account`: accounts in a data folder, whether Sluss is running or not, and the end of one.

use std::path::{Path, PathBuf};

use serde_json::json;
use sluss_engine::failure::{Blame, Failure};
use sluss_store::{AccountError, NewAccount};

use super::act::changed;
use super::connection::{Where, known};
use super::decide::Person;
use super::print::{next, say};
use super::{Output, retention, terminal};
use crate::cli::default_data;
use crate::first;

/// Make accounts, and set their passwords
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make an account; a password is made and shown this once unless given
    Add(Add),
    /// Set the password of an account, and end its sessions
    Password(Password),
    /// Say who a contributor is whom no `organisation.yaml` names
    Identify(Identify),
    /// Propose to erase a person; another person agrees
    Erase(retention::Erase),
}

/// Make an account
#[derive(Debug, clap::Args)]
pub struct Add {
    /// What they sign in with: 1 to 40 of a-z, 0-9 and -
    login: String,
    /// What they are called; the login unless given
    #[arg(long)]
    name: Option<String>,
    /// An address that their commits carry; can be given several times
    #[arg(long)]
    email: Vec<String>,
    /// Read the password from standard input
    #[arg(long)]
    password_stdin: bool,
    /// The data folder
    #[arg(long, env = "SLUSS_DATA", default_value_os_t = default_data())]
    data: PathBuf,
}

/// Say who a contributor is whom no `organisation.yaml` names
///
/// Of whom nobody knows who they are, nobody can say that they do not decide over their own change:
/// the four-eyes gate of a release that they contributed to stays shut until this is said. An
/// approver says it, or a developer of themselves; whoever says so, and who it is said to be, count
/// as contributors too, and do not decide over it.
#[derive(Debug, clap::Args)]
pub struct Identify {
    /// The address that their commits carry, or their reference in the log
    who: String,
    /// The login of who that is; nobody who decides here unless given
    #[arg(long = "as", value_name = "LOGIN")]
    person: Option<String>,
    #[command(flatten)]
    by: Person,
    #[command(flatten)]
    of: Where,
}

/// Set the password of an account
#[derive(Debug, clap::Args)]
pub struct Password {
    /// Whose
    login: String,
    /// Read the password from standard input
    #[arg(long)]
    password_stdin: bool,
    /// The data folder
    #[arg(long, env = "SLUSS_DATA", default_value_os_t = default_data())]
    data: PathBuf,
}

/// Runs the command.
pub(super) async fn run(command: Command, output: Output) -> Result<(), Failure> {
    match command {
        Command::Add(arguments) => add(arguments).await,
        Command::Password(arguments) => password(arguments).await,
        Command::Identify(arguments) => identify(arguments, output).await,
        Command::Erase(arguments) => retention::erase(arguments, output).await,
    }
}

async fn add(arguments: Add) -> Result<(), Failure> {
    let Add { login, name, email, password_stdin, data } = arguments;
    let (password, made) = match password_stdin {
        true => (terminal::from_stdin()?, false),
        false => (first::password()?, true),
    };
    let accounts = first::accounts(&data).await?;
    let new = NewAccount {
        login: login.clone(),
        name: name.unwrap_or_else(|| login.clone()),
        emails: email,
        password: password.clone(),
    };
    let created = accounts.create(new).await;
    accounts.close().await;
    created.map_err(failure)?;
    say(&format!("Made the account {login}."));
    if made {
        say("The password is shown this once:");
        super::print(&password);
    }
    let url = known().ok().flatten().map(|known| known.url);
    let clone = first::clone_platform(url.as_deref().unwrap_or("http://127.0.0.1:8440"));
    next(&format!("give {login} roles in `organisation.yaml`, and push it: {clone}"));
    Ok(())
}

async fn identify(arguments: Identify, output: Output) -> Result<(), Failure> {
    let Identify { who, person, by, of } = arguments;
    let body = json!({ "who": who, "as": person });
    let done = by.there(&of)?.post("/api/v1/people/identify", &body).await?;
    let whom = person.unwrap_or_else(|| "nobody who decides here".to_owned());
    let what = format!("{who} is {whom}: neither they nor you decide over what that brings.");
    changed(&done, output, &what, "sluss status");
    Ok(())
}

async fn password(arguments: Password) -> Result<(), Failure> {
    let Password { login, password_stdin, data } = arguments;
    there(&data)?;
    let password = match password_stdin {
        true => terminal::from_stdin()?,
        false => {
            let first = terminal::password(&format!("new password of {login}: "))?;
            let second = terminal::password("again: ")?;
            if first != second {
                let what = "These are two different passwords, so nothing was changed.";
                return Err(Failure::new(Blame::Caller, what, "Try again"));
            }
            first
        }
    };
    let accounts = first::accounts(&data).await?;
    let set = accounts.set_password(&login, password).await;
    accounts.close().await;
    set.map_err(failure)?;
    say(&format!("The password of {login} is set, and their sessions have ended."));
    next("sluss login URL");
    Ok(())
}

/// Says so when a folder holds no installation.
pub(super) fn there(data: &Path) -> Result<(), Failure> {
    if data.join("accounts.db").is_file() {
        return Ok(());
    }
    let what = format!("There are no accounts in {}.", data.display());
    Err(Failure::new(Blame::NotFound, what, "Start Sluss once with `sluss up`, or name `--data`"))
}

/// Returns why the directory of people did not do it.
pub(super) fn failure(error: AccountError) -> Failure {
    let what = format!("{error}.");
    match error {
        AccountError::Malformed { .. } => {
            Failure::new(Blame::Caller, what, "Correct that and try again")
        }
        AccountError::LoginTaken(_) | AccountError::EmailTaken(_) => {
            Failure::new(Blame::Conflict, what, "Take another, or `sluss account password LOGIN`")
        }
        AccountError::Unknown => {
            Failure::new(Blame::NotFound, what, "Make it: `sluss account add LOGIN`")
        }
        AccountError::WrongCredentials | AccountError::Locked { .. } => {
            Failure::new(Blame::Denied, what, "Try again later")
        }
        AccountError::Database(_) | AccountError::Io(_) | AccountError::Corrupt(_) => {
            Failure::upstream("The accounts can't be used", &error)
        }
    }
}
