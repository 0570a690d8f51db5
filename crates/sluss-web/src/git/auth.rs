//! Who asks, and whether they may: Basic authentication in front of a trait.

use async_trait::async_trait;
use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sluss_engine::forge::{Pusher, RepositoryName};

/// What somebody wants of a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Clone and fetch.
    Read,
    /// Push.
    Write,
}

/// Somebody was turned away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The login they gave; nobody has vouched for it where the secret was wrong.
    pub login: String,
    /// The repository as they named it, at most 80 characters of it.
    pub repository: String,
    /// What they wanted.
    pub access: Access,
    /// Why not.
    pub reason: RefusalReason,
}

/// Why somebody was turned away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefusalReason {
    /// Neither password nor token are right, or there is no such login.
    WrongSecret,
    /// There is no such repository.
    Unknown,
    /// They may not, for this reason.
    NotAllowed(String),
}

/// Knows who people are and what they may.
#[async_trait]
pub trait GitAuth: Send + Sync + 'static {
    /// Returns who has this login and this password or token. Asked at every request, of which a
    /// push has up to four: a slow check wants a memory.
    async fn authenticate(&self, login: &str, secret: &str) -> Option<Pusher>;

    /// Says whether `who` may use `repository`; an error is the reason they are shown.
    async fn may(
        &self,
        who: &Pusher,
        repository: &RepositoryName,
        access: Access,
    ) -> Result<(), String>;

    /// Says whether `who` may make `repository` by pushing to it; an error is the reason they
    /// are shown.
    async fn may_create(&self, who: &Pusher, repository: &RepositoryName) -> Result<(), String>;

    /// Learns that somebody was turned away. Git's first request, which has no credentials, is
    /// not reported.
    async fn refused(&self, refusal: Refusal);
}

/// What the client says it is.
pub(super) struct Credentials {
    pub(super) login: String,
    pub(super) secret: String,
}

impl Credentials {
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, encoded) = value.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
        let (login, secret) = decoded.split_once(':')?;
        let usable = !login.is_empty() && login.len() <= 200 && !login.contains(char::is_control);
        usable.then(|| Self { login: login.to_owned(), secret: secret.to_owned() })
    }
}
