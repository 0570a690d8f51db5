//! Passwords, and what happens when they are wrong.

use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use sluss_core::units::Millis;

use super::{AccountError, Accounts, By, check_login, id_by};

/// Failures that are forgiven at once.
const FREE_FAILURES: i64 = 5;
/// How long a login is locked after one failure more, in milliseconds; doubled by each further.
const FIRST_LOCK_MS: i64 = 15_000;
/// Longest lock, in milliseconds.
const LONGEST_LOCK_MS: i64 = 15 * 60_000;
/// How long failures are remembered, in milliseconds.
const MEMORY_MS: i64 = 24 * 3_600_000;

/// A hash as strong as a real one, for logins that do not exist: nothing has this digest.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5bm9ib2R5bm9ib2R5\
    $AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

impl Accounts {
    /// Sets a new password and ends every session of the account.
    ///
    /// # Errors
    ///
    /// [`AccountError::Unknown`] or [`AccountError::Malformed`].
    pub async fn set_password(&self, login: &str, password: String) -> Result<(), AccountError> {
        let hash = self.hash_password(password).await?;
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let id = id_by(&mut transaction, By::Login(login)).await?;
        let id = id.ok_or(AccountError::Unknown)?;
        sqlx::query("UPDATE person SET password = ? WHERE id = ?")
            .bind(&hash)
            .bind(&id)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("DELETE FROM session WHERE person = ?")
            .bind(&id)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Returns the id of the person to whom login and password belong; counts failures.
    pub(super) async fn authenticate(
        &self,
        login: &str,
        password: String,
    ) -> Result<String, AccountError> {
        let now = self.clock.now();
        let plausible = check_login(login).is_ok();
        if plausible && let Some(until) = self.locked_until(login, now).await? {
            return Err(AccountError::Locked { until });
        }
        let known: Option<(String, Option<String>)> =
            sqlx::query_as("SELECT id, password FROM person WHERE login = ?")
                .bind(login)
                .fetch_optional(&self.pool)
                .await?;
        let (id, stored) = known.unzip();
        let stored = stored.flatten();
        let matches = self.check(password, stored.as_deref().unwrap_or(NOBODY)).await?;
        match id {
            Some(id) if matches && stored.is_some() => {
                sqlx::query("DELETE FROM failure WHERE login = ?")
                    .bind(login)
                    .execute(&self.pool)
                    .await?;
                Ok(id)
            }
            Some(_) | None => {
                if plausible {
                    self.count_failure(login, now).await?;
                }
                Err(AccountError::WrongCredentials)
            }
        }
    }

    pub(super) async fn hash_password(&self, password: String) -> Result<String, AccountError> {
        if !(8..=1024).contains(&password.len()) {
            let expected = "a password of 8 to 1024 bytes";
            return Err(AccountError::Malformed { found: "…".to_owned(), expected });
        }
        let salt = self.random::<16>()?;
        self.on_a_thread(move || {
            let salt = SaltString::encode_b64(&salt).map_err(corrupt)?;
            let hash = Argon2::default().hash_password(password.as_bytes(), &salt);
            Ok(hash.map_err(corrupt)?.to_string())
        })
        .await
    }

    async fn check(&self, password: String, stored: &str) -> Result<bool, AccountError> {
        let stored = stored.to_owned();
        self.on_a_thread(move || {
            let hash = PasswordHash::new(&stored).map_err(corrupt)?;
            Ok(Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
        })
        .await
    }

    async fn on_a_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, AccountError> + Send + 'static,
    ) -> Result<T, AccountError> {
        let permit = self.hashing.clone().acquire_owned().await;
        let done = crate::blobs::blocking(work).await;
        drop(permit);
        done
    }

    async fn locked_until(&self, login: &str, now: Millis) -> Result<Option<Millis>, AccountError> {
        let row: Option<(i64, i64)> =
            sqlx::query_as("SELECT count, last_ms FROM failure WHERE login = ?")
                .bind(login)
                .fetch_optional(&self.pool)
                .await?;
        let until = row.and_then(|(count, last)| lock_end(count, Millis(last)));
        Ok(until.filter(|until| now < *until))
    }

    async fn count_failure(&self, login: &str, now: Millis) -> Result<(), AccountError> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("DELETE FROM failure WHERE last_ms < ?")
            .bind(now.plus(-MEMORY_MS).0)
            .execute(&mut *transaction)
            .await?;
        let sql = "INSERT INTO failure (login, count, last_ms) VALUES (?1, 1, ?2) \
                   ON CONFLICT (login) DO UPDATE SET count = count + 1, last_ms = ?2";
        sqlx::query(sql).bind(login).bind(now.0).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(())
    }
}

/// Until when a login is locked after so many failures, the last of them at `last`.
fn lock_end(count: i64, last: Millis) -> Option<Millis> {
    let beyond = u32::try_from(count - FREE_FAILURES).ok()?;
    let factor = 1_i64.checked_shl(beyond.min(20))?;
    Some(last.plus((FIRST_LOCK_MS * factor).min(LONGEST_LOCK_MS)))
}

fn corrupt(error: argon2::password_hash::Error) -> AccountError {
    AccountError::Corrupt(format!("a password hash: {error}"))
}
