//! `sluss git-credential`: what `git` runs to learn login and token, so that neither stands in a
//! repository's configuration.

use std::io::BufRead as _;

use sluss_engine::failure::Failure;

use super::connection::known;
use super::print::print;

/// Answer `git` that asks for login and token
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// What `git` wants: only `get` is answered
    operation: String,
}

/// Answers `git`.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Some(connection) = known()? else { return Ok(()) };
    if arguments.operation != "get" {
        return Ok(());
    }
    let (mut protocol, mut host) = (String::new(), String::new());
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        match line.split_once('=') {
            Some(("protocol", value)) => value.clone_into(&mut protocol),
            Some(("host", value)) => value.clone_into(&mut host),
            Some(_) => {}
            None => break,
        }
    }
    if connection.url == format!("{protocol}://{host}") {
        print(&format!("username={}\npassword={}", connection.login, connection.token));
    }
    Ok(())
}
