//! Sessions: what a browser holds after signing in.
//!
//! # Invariants
//!
//! - A session ends 12 hours after it was last used, and 7 days after it began.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sluss_core::units::Millis;

use super::{Account, AccountError, Accounts, digest, load};

/// How long a session lasts unused, in milliseconds.
const IDLE_MS: i64 = 12 * 3_600_000;
/// How long a session lasts at most, in milliseconds.
const LIFETIME_MS: i64 = 7 * 24 * 3_600_000;
/// How exactly the last use is kept, in milliseconds: not every request need write.
const SEEN_GRAIN_MS: i64 = 60_000;

/// A session that is valid now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Whose it is.
    pub account: Account,
    /// What forms must bring along, so that another site cannot send them.
    pub csrf: String,
    /// When it began.
    pub created: Millis,
    /// When the password was last asked for: at the beginning, or to step up.
    pub authenticated: Millis,
    /// When it ends if it is not used again.
    pub expires: Millis,
}

/// A session that has just begun.
#[derive(Clone)]
pub struct NewSession {
    /// What the browser keeps; only its digest is stored.
    pub token: String,
    /// The session.
    pub session: Session,
}

impl fmt::Debug for NewSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewSession").field("session", &self.session).finish_non_exhaustive()
    }
}

impl Accounts {
    /// Begins a session for the one to whom login and password belong.
    ///
    /// # Errors
    ///
    /// [`AccountError::WrongCredentials`] or [`AccountError::Locked`].
    pub async fn sign_in(&self, login: &str, password: String) -> Result<NewSession, AccountError> {
        let id = self.authenticate(login, password).await?;
        let now = self.clock.now();
        let token = URL_SAFE_NO_PAD.encode(self.random::<32>()?);
        let csrf = URL_SAFE_NO_PAD.encode(self.random::<32>()?);
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("DELETE FROM session WHERE seen_ms < ? OR created_ms < ?")
            .bind(now.plus(-IDLE_MS).0)
            .bind(now.plus(-LIFETIME_MS).0)
            .execute(&mut *transaction)
            .await?;
        let sql = "INSERT INTO session (hash, person, csrf, created_ms, seen_ms, authenticated_ms)
                   VALUES (?1, ?2, ?3, ?4, ?4, ?4)";
        sqlx::query(sql)
            .bind(digest(&token))
            .bind(&id)
            .bind(&csrf)
            .bind(now.0)
            .execute(&mut *transaction)
            .await?;
        let account = load(&mut transaction, &id).await?.ok_or(AccountError::Unknown)?;
        transaction.commit().await?;
        let expires = now.plus(IDLE_MS);
        let session = Session { account, csrf, created: now, authenticated: now, expires };
        Ok(NewSession { token, session })
    }

    /// Returns the session that `token` is of, if it is valid, and notes that it was used.
    ///
    /// # Errors
    ///
    /// [`AccountError::Database`].
    pub async fn session(&self, token: &str) -> Result<Option<Session>, AccountError> {
        let now = self.clock.now();
        let hash = digest(token);
        let mut connection = self.pool.acquire().await?;
        let sql = "SELECT person, csrf, created_ms, seen_ms, authenticated_ms \
                   FROM session WHERE hash = ?";
        let row: Option<(String, String, i64, i64, i64)> =
            sqlx::query_as(sql).bind(&hash).fetch_optional(&mut *connection).await?;
        let Some((id, csrf, created, seen, authenticated)) = row else { return Ok(None) };
        let end = Millis(created).plus(LIFETIME_MS);
        if now >= Millis(seen).plus(IDLE_MS) || now >= end {
            sqlx::query("DELETE FROM session WHERE hash = ?")
                .bind(&hash)
                .execute(&mut *connection)
                .await?;
            return Ok(None);
        }
        if now.since(Millis(seen)) >= SEEN_GRAIN_MS {
            let seen = sqlx::query("UPDATE session SET seen_ms = ? WHERE hash = ?")
                .bind(now.0)
                .bind(&hash)
                .execute(&mut *connection)
                .await;
            // On a full disk it ends sooner, and whoever is in takes back what must be.
            if let Err(error) = seen {
                tracing::warn!(%error, "that a session was used could not be noted");
            }
        }
        let Some(account) = load(&mut connection, &id).await? else { return Ok(None) };
        let expires = now.plus(IDLE_MS).min(end);
        let (created, authenticated) = (Millis(created), Millis(authenticated));
        Ok(Some(Session { account, csrf, created, authenticated, expires }))
    }

    /// Notes that the password was asked for again in a session, if it is right.
    ///
    /// # Errors
    ///
    /// [`AccountError::Unknown`] where there is no such session,
    /// [`AccountError::WrongCredentials`] or [`AccountError::Locked`].
    pub async fn step_up(&self, token: &str, password: String) -> Result<Session, AccountError> {
        let session = self.session(token).await?.ok_or(AccountError::Unknown)?;
        let login = session.account.login.clone().ok_or(AccountError::Unknown)?;
        self.authenticate(&login, password).await?;
        let now = self.clock.now();
        let done = sqlx::query("UPDATE session SET authenticated_ms = ? WHERE hash = ?")
            .bind(now.0)
            .bind(digest(token))
            .execute(&self.pool)
            .await?;
        if done.rows_affected() == 0 {
            return Err(AccountError::Unknown);
        }
        Ok(Session { authenticated: now, ..session })
    }

    /// Checks a password without beginning a session: for a command line that asks again.
    ///
    /// # Errors
    ///
    /// [`AccountError::WrongCredentials`] or [`AccountError::Locked`].
    pub async fn check_password(
        &self,
        login: &str,
        password: String,
    ) -> Result<Account, AccountError> {
        let id = self.authenticate(login, password).await?;
        let mut connection = self.pool.acquire().await?;
        load(&mut connection, &id).await?.ok_or(AccountError::Unknown)
    }

    /// Ends a session; one that has ended already stays so.
    ///
    /// # Errors
    ///
    /// [`AccountError::Database`].
    pub async fn sign_out(&self, token: &str) -> Result<(), AccountError> {
        sqlx::query("DELETE FROM session WHERE hash = ?")
            .bind(digest(token))
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}
