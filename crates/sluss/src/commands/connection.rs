//! Which Sluss a command asks, and as whom.

use std::path::PathBuf;

use sluss_engine::failure::{Blame, Failure};

use crate::client::{Client, Credentials};
use crate::first::{Connection, connection_file, write_private};

/// Which Sluss is asked; without these, the one that was signed in to.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Connection")]
pub struct Where {
    /// The address of Sluss, such as `https://sluss.bank.example`
    #[arg(long, env = "SLUSS_URL", hide_env_values = true)]
    url: Option<String>,
    /// The token to ask with; better given by the environment
    #[arg(long, env = "SLUSS_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

impl Where {
    /// Returns Sluss, asked with a token.
    pub(super) fn client(&self) -> Result<Client, Failure> {
        let (url, token) = (self.given_url()?, given(self.token.as_deref()));
        if let (Some(url), Some(token)) = (&url, token) {
            return Ok(Client::new(url.clone(), Credentials::Token(token.to_owned())));
        }
        let known = known()?.filter(|known| url.as_ref().is_none_or(|url| *url == known.url));
        match (known, url, token) {
            (Some(known), _, token) => {
                let token = token.map_or(known.token, str::to_owned);
                Ok(Client::new(known.url, Credentials::Token(token)))
            }
            (None, Some(url), _) => Err(Failure::new(
                Blame::Caller,
                format!("Nothing is known of {url}."),
                format!("Sign in: `sluss login {url}`"),
            )),
            (None, None, _) => Err(nowhere()),
        }
    }

    /// Returns Sluss as a person asks it, with the password.
    pub(super) fn as_person(&self, login: String, password: String) -> Result<Client, Failure> {
        let url = self.url()?;
        Ok(Client::new(url, Credentials::Password { login, password }))
    }

    /// Returns where Sluss is.
    pub(super) fn url(&self) -> Result<String, Failure> {
        match self.given_url()? {
            Some(url) => Ok(url),
            None => known()?.map(|known| known.url).ok_or_else(nowhere),
        }
    }

    /// Returns the login that is signed in where this command asks.
    pub(super) fn login(&self) -> Option<String> {
        let known = known().ok().flatten()?;
        let same = self.given_url().ok()?.is_none_or(|url| url == known.url);
        same.then_some(known.login)
    }

    /// Returns the data folder of the Sluss that this command asks, where that is known.
    pub(super) fn data(&self) -> Option<PathBuf> {
        let known = known().ok().flatten()?;
        let same = self.given_url().ok()?.is_none_or(|url| url == known.url);
        known.data.filter(|data| same && data.is_dir())
    }

    fn given_url(&self) -> Result<Option<String>, Failure> {
        given(self.url.as_deref()).map(checked_url).transpose()
    }
}

/// An empty variable says nothing.
fn given(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

fn nowhere() -> Failure {
    Failure::new(
        Blame::Caller,
        "No Sluss is known here.",
        "Start Sluss with `sluss up`, or sign in: `sluss login URL`",
    )
}

/// Returns the address without a slash at its end, if it is one.
pub(super) fn checked_url(url: &str) -> Result<String, Failure> {
    let url = url.trim_end_matches('/');
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let plain = |host: &str| {
        !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || "@?#".contains(c))
    };
    if host.is_some_and(plain) {
        return Ok(url.to_owned());
    }
    let hint = "Write it like `https://sluss.bank.example`, or `http://127.0.0.1:8440`";
    let what = format!("`{}` is no address of Sluss.", super::shape::plain(url));
    Err(Failure::new(Blame::Caller, what, hint))
}

/// Returns whether what is sent to `url` can be read on the way: without TLS, to another machine.
pub(super) fn in_the_clear(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else { return false };
    let authority = rest.split('/').next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let here = host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    host != "localhost" && !here
}

/// Returns the connection that is remembered.
pub(super) fn known() -> Result<Option<Connection>, Failure> {
    let file = connection_file();
    let wrong = |error: &dyn std::error::Error| {
        let what = format!("{} can't be read: {error}", file.display());
        Failure::new(Blame::Caller, what, "Sign in again: `sluss login URL`")
    };
    match std::fs::read_to_string(&file) {
        Ok(text) => serde_json::from_str(&text).map(Some).map_err(|error| wrong(&error)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(wrong(&error)),
    }
}

/// Remembers a connection.
pub(super) fn remember(connection: &Connection) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(connection).expect("BUG: plain data has a JSON form");
    write_private(&connection_file(), &text)
        .map_err(|error| Failure::upstream("The connection can't be remembered", &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_with_or_without_tls_and_nothing_else() {
        for good in ["https://sluss.bank.example/", "http://127.0.0.1:8440", "https://[::1]:8440"] {
            assert_eq!(checked_url(good).unwrap(), good.trim_end_matches('/'));
        }
        for wrong in ["sluss.bank.example", "ftp://x", "https://", "https://a@b", "https://a b"] {
            assert!(checked_url(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_password_goes_as_it_is_only_to_other_machines_without_tls() {
        for safe in ["https://a.example", "http://127.0.0.1:8440", "http://[::1]:1/x"] {
            assert!(!in_the_clear(safe), "{safe}");
        }
        assert!(!in_the_clear("http://localhost"));
        for open in ["http://a.example:8440", "http://10.0.0.1", "http://localhost.example"] {
            assert!(in_the_clear(open), "{open}");
        }
    }
}
