//! Local accounts: who people are, how they sign in, and what stands for them in the log.
//!
//! Kept in a database of its own, `accounts.db`, which is not part of the log: a person can be
//! erased from it, and the log then holds a reference that leads nowhere.
//!
//! # Invariants
//!
//! - No password, session or API token is stored: only argon2id or SHA-256 of them.
//! - Signing in takes as long for a login that does not exist as for one that does.
//!
//! Not here: who may do what (the platform repository says).

mod password;
mod secrets;
mod sessions;
mod tokens;

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use sluss_core::ids::PersonRef;
use sluss_core::units::Millis;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{SqliteConnection, SqlitePool};
use tokio::sync::Semaphore;

pub use sessions::{NewSession, Session};
pub use tokens::{ApiToken, NewToken};

use crate::clock::{Clock, Entropy};
use crate::folder;

/// Passwords that are hashed at once: each takes 19 MiB and a core for a while.
const HASHED_AT_ONCE: usize = 2;

const DDL: &str = "
CREATE TABLE IF NOT EXISTS person (
    id TEXT PRIMARY KEY, login TEXT UNIQUE, name TEXT NOT NULL, salt BLOB NOT NULL,
    reference TEXT NOT NULL UNIQUE, password TEXT, created_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS email (
    address TEXT PRIMARY KEY,
    person TEXT NOT NULL REFERENCES person (id) ON DELETE CASCADE
) STRICT;
CREATE INDEX IF NOT EXISTS email_person ON email (person);
CREATE TABLE IF NOT EXISTS session (
    hash BLOB PRIMARY KEY, person TEXT NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    csrf TEXT NOT NULL, created_ms INTEGER NOT NULL, seen_ms INTEGER NOT NULL,
    authenticated_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS token (
    id TEXT PRIMARY KEY, hash BLOB NOT NULL UNIQUE,
    person TEXT NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    name TEXT NOT NULL, scopes TEXT NOT NULL, created_ms INTEGER NOT NULL,
    expires_ms INTEGER, revoked_ms INTEGER
) STRICT;
CREATE TABLE IF NOT EXISTS failure (
    login TEXT PRIMARY KEY, count INTEGER NOT NULL, last_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS secret (
    service TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, updated_ms INTEGER NOT NULL,
    PRIMARY KEY (service, name)
) STRICT;
";

/// A person whom the directory knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Identifies the person here; never in the log.
    pub id: String,
    /// What they sign in with; `None` for an outsider, who is known only from commits.
    pub login: Option<String>,
    /// What they are called.
    pub name: String,
    /// Their addresses, in lower case, in order.
    pub emails: Vec<String>,
    /// What stands for them in the log.
    pub person: PersonRef,
}

/// What an account is made from.
#[derive(Clone)]
pub struct NewAccount {
    /// What they will sign in with: 1 to 40 of `a-z`, `0-9` and `-`.
    pub login: String,
    /// What they are called.
    pub name: String,
    /// Their addresses; commits made under one of them are theirs.
    pub emails: Vec<String>,
    /// What they will sign in with besides.
    pub password: String,
}

impl std::fmt::Debug for NewAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewAccount").field("login", &self.login).finish_non_exhaustive()
    }
}

/// Why the directory refuses or fails.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// Login and password do not belong together. Which of them is wrong is not said.
    #[error("login or password is wrong")]
    WrongCredentials,
    /// Too many sign-ins failed.
    #[error("too many sign-ins failed: try again later")]
    Locked {
        /// When the next attempt is looked at.
        until: Millis,
    },
    /// The login belongs to someone else already.
    #[error("the login `{0}` is taken")]
    LoginTaken(String),
    /// The address belongs to someone else already.
    #[error("the address `{0}` belongs to another account")]
    EmailTaken(String),
    /// What was given cannot be a login, an address, a password, …
    #[error("`{found}` is not {expected}")]
    Malformed {
        /// What was given; empty for a password.
        found: String,
        /// What would have been right.
        expected: &'static str,
    },
    /// There is no such account, session or token.
    #[error("there is no such account")]
    Unknown,
    /// The database does not do what it should.
    #[error("the directory cannot be used")]
    Database(#[from] sqlx::Error),
    /// The disk or the source of randomness refused.
    #[error("the directory cannot be used")]
    Io(#[from] io::Error),
    /// A row or a stored hash is not what was written.
    #[error("the directory is damaged: {0}")]
    Corrupt(String),
}

/// The directory of people with local accounts.
#[derive(Debug, Clone)]
pub struct Accounts {
    pool: SqlitePool,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    hashing: Arc<Semaphore>,
}

impl Accounts {
    /// Opens the directory in the data folder at `data`; it is made if there is none.
    ///
    /// # Errors
    ///
    /// [`AccountError::Database`] or [`AccountError::Io`].
    pub async fn open(
        data: &Path,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, AccountError> {
        folder::make_folder(data)?;
        let path = data.join("accounts.db");
        folder::make_private(&path)?;
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .pragma("secure_delete", "ON")
            .busy_timeout(Duration::from_secs(10));
        let pool = SqlitePoolOptions::new().max_connections(4).connect_with(options).await?;
        sqlx::raw_sql(DDL).execute(&pool).await?;
        let hashing = Arc::new(Semaphore::new(HASHED_AT_ONCE));
        Ok(Self { pool, clock, entropy, hashing })
    }

    /// Makes an account. Someone who was an outsider under one of the addresses stays the same
    /// person, so that what they did before is still theirs.
    ///
    /// # Errors
    ///
    /// [`AccountError::Malformed`], [`AccountError::LoginTaken`] or
    /// [`AccountError::EmailTaken`].
    pub async fn create(&self, new: NewAccount) -> Result<Account, AccountError> {
        let login = check_login(&new.login)?;
        let emails =
            new.emails.iter().map(|email| check_email(email)).collect::<Result<Vec<_>, _>>()?;
        let hash = self.hash_password(new.password).await?;
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        if id_by(&mut transaction, By::Login(&login)).await?.is_some() {
            return Err(AccountError::LoginTaken(login));
        }
        let mut outsider = None;
        for email in &emails {
            let Some(id) = id_by(&mut transaction, By::Email(email)).await? else { continue };
            let known = load(&mut transaction, &id).await?;
            let other = outsider.as_ref().is_some_and(|first| *first != id);
            if known.is_none_or(|known| known.login.is_some()) || other {
                return Err(AccountError::EmailTaken(email.clone()));
            }
            outsider = Some(id);
        }
        let id = match outsider {
            Some(id) => id,
            None => self.insert_person(&mut transaction, &new.name).await?,
        };
        sqlx::query("UPDATE person SET login = ?, name = ?, password = ? WHERE id = ?")
            .bind(&login)
            .bind(&new.name)
            .bind(&hash)
            .bind(&id)
            .execute(&mut *transaction)
            .await?;
        for email in &emails {
            add_email(&mut transaction, email, &id).await?;
        }
        let account = load(&mut transaction, &id).await?.ok_or(AccountError::Unknown)?;
        transaction.commit().await?;
        Ok(account)
    }

    /// Returns the person behind an address of a commit, who is made known if need be: an
    /// outsider has no login and can do nothing here, but did write the commit.
    ///
    /// # Errors
    ///
    /// [`AccountError::Malformed`] where it is no address.
    pub async fn ensure_outsider(&self, email: &str) -> Result<Account, AccountError> {
        let email = check_email(email)?;
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let id = match id_by(&mut transaction, By::Email(&email)).await? {
            Some(id) => id,
            None => {
                let id = self.insert_person(&mut transaction, &email).await?;
                add_email(&mut transaction, &email, &id).await?;
                id
            }
        };
        let account = load(&mut transaction, &id).await?.ok_or(AccountError::Unknown)?;
        transaction.commit().await?;
        Ok(account)
    }

    /// Returns the account that signs in as `login`.
    ///
    /// # Errors
    ///
    /// [`AccountError::Database`].
    pub async fn find(&self, login: &str) -> Result<Option<Account>, AccountError> {
        self.find_by(By::Login(login)).await
    }

    /// Returns the person whom `reference` stands for in the log; `None` once erased.
    ///
    /// # Errors
    ///
    /// [`AccountError::Database`].
    pub async fn find_by_ref(
        &self,
        reference: &PersonRef,
    ) -> Result<Option<Account>, AccountError> {
        self.find_by(By::Reference(reference.as_str())).await
    }

    /// Returns the person who has this address, in whatever case it is written.
    ///
    /// # Errors
    ///
    /// [`AccountError::Database`].
    pub async fn find_by_email(&self, email: &str) -> Result<Option<Account>, AccountError> {
        self.find_by(By::Email(&email.trim().to_lowercase())).await
    }

    /// Returns everyone, ordered by login; outsiders come first.
    ///
    /// # Errors
    ///
    /// [`AccountError::Database`].
    pub async fn all(&self) -> Result<Vec<Account>, AccountError> {
        let mut connection = self.pool.acquire().await?;
        let ids: Vec<String> = sqlx::query_scalar("SELECT id FROM person ORDER BY login, name")
            .fetch_all(&mut *connection)
            .await?;
        let mut accounts = Vec::new();
        for id in ids {
            accounts.extend(load(&mut connection, &id).await?);
        }
        Ok(accounts)
    }

    /// Returns the salt and the id of each of `persons` who is not erased, by which whoever has
    /// both computes their reference. Only for a disclosure that somebody answers for.
    ///
    /// # Errors
    ///
    /// [`AccountError::Database`] and [`AccountError::Corrupt`].
    pub async fn disclose(
        &self,
        persons: &BTreeSet<PersonRef>,
    ) -> Result<Vec<(PersonRef, [u8; 32], String)>, AccountError> {
        let sql = "SELECT salt, id FROM person WHERE reference = ?";
        let mut found = Vec::new();
        for person in persons {
            let row: Option<(Vec<u8>, String)> =
                sqlx::query_as(sql).bind(person.as_str()).fetch_optional(&self.pool).await?;
            let Some((salt, id)) = row else { continue };
            let salt = <[u8; 32]>::try_from(salt);
            let salt = salt.map_err(|_| AccountError::Corrupt("a salt".to_owned()))?;
            found.push((person.clone(), salt, id));
        }
        Ok(found)
    }

    /// Erases a person: name, addresses, password and salt go, and their sessions and tokens
    /// end. What stands for them in the log stays, and leads nowhere. What the disk still holds of
    /// them goes with [`Accounts::scrub`].
    ///
    /// # Errors
    ///
    /// [`AccountError::Unknown`] where nobody has this reference.
    pub async fn erase(&self, person: &PersonRef) -> Result<(), AccountError> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let failures =
            "DELETE FROM failure WHERE login IN (SELECT login FROM person WHERE reference = ?)";
        sqlx::query(failures).bind(person.as_str()).execute(&mut *transaction).await?;
        let done = sqlx::query("DELETE FROM person WHERE reference = ?")
            .bind(person.as_str())
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        if done.rows_affected() == 0 { Err(AccountError::Unknown) } else { Ok(()) }
    }

    /// Writes the database anew without what was deleted from it, and empties its journal, so that
    /// no file holds any of that.
    ///
    /// # Errors
    ///
    /// [`AccountError::Database`] and [`AccountError::Io`], also where somebody was reading: then
    /// something may be left, and it is to be done again.
    pub async fn scrub(&self) -> Result<(), AccountError> {
        let mut connection = self.pool.acquire().await?;
        sqlx::query("VACUUM").execute(&mut *connection).await?;
        let (busy, _, _): (i64, i64, i64) =
            sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut *connection).await?;
        match busy {
            0 => Ok(()),
            _somebody => Err(io::Error::from(io::ErrorKind::ResourceBusy).into()),
        }
    }

    /// Closes the database.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    async fn find_by(&self, by: By<'_>) -> Result<Option<Account>, AccountError> {
        let mut connection = self.pool.acquire().await?;
        match id_by(&mut connection, by).await? {
            Some(id) => load(&mut connection, &id).await,
            None => Ok(None),
        }
    }

    async fn insert_person(
        &self,
        connection: &mut SqliteConnection,
        name: &str,
    ) -> Result<String, AccountError> {
        let id = hex::encode(self.random::<16>()?);
        let salt = self.random::<32>()?;
        let reference = PersonRef::derive(&salt, &id);
        let sql = "INSERT INTO person (id, name, salt, reference, created_ms) VALUES (?,?,?,?,?)";
        sqlx::query(sql)
            .bind(&id)
            .bind(name)
            .bind(&salt[..])
            .bind(reference.as_str())
            .bind(self.clock.now().0)
            .execute(connection)
            .await?;
        Ok(id)
    }

    fn random<const N: usize>(&self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes)?;
        Ok(bytes)
    }
}

/// What a person is looked up by.
#[derive(Debug, Clone, Copy)]
enum By<'a> {
    Login(&'a str),
    Email(&'a str),
    Reference(&'a str),
}

async fn id_by(connection: &mut SqliteConnection, by: By<'_>) -> sqlx::Result<Option<String>> {
    let (sql, value) = match by {
        By::Login(login) => ("SELECT id FROM person WHERE login = ?", login),
        By::Email(email) => ("SELECT person FROM email WHERE address = ?", email),
        By::Reference(reference) => ("SELECT id FROM person WHERE reference = ?", reference),
    };
    sqlx::query_scalar(sql).bind(value).fetch_optional(connection).await
}

async fn add_email(connection: &mut SqliteConnection, email: &str, id: &str) -> sqlx::Result<()> {
    let sql = "INSERT INTO email (address, person) VALUES (?, ?) ON CONFLICT DO NOTHING";
    sqlx::query(sql).bind(email).bind(id).execute(connection).await?;
    Ok(())
}

async fn load(
    connection: &mut SqliteConnection,
    id: &str,
) -> Result<Option<Account>, AccountError> {
    let row: Option<(Option<String>, String, String)> =
        sqlx::query_as("SELECT login, name, reference FROM person WHERE id = ?")
            .bind(id)
            .fetch_optional(&mut *connection)
            .await?;
    let Some((login, name, reference)) = row else { return Ok(None) };
    let emails = sqlx::query_scalar("SELECT address FROM email WHERE person = ? ORDER BY address")
        .bind(id)
        .fetch_all(connection)
        .await?;
    let person = reference
        .parse()
        .map_err(|_| AccountError::Corrupt(format!("person.reference of {id}")))?;
    Ok(Some(Account { id: id.to_owned(), login, name, emails, person }))
}

fn check_login(login: &str) -> Result<String, AccountError> {
    let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    let fits = (1..=40).contains(&login.len()) && login.bytes().all(plain);
    if fits && !login.starts_with('-') && !login.ends_with('-') {
        return Ok(login.to_owned());
    }
    let found = login.chars().take(80).collect();
    let expected = "a login (1 to 40 of a-z, 0-9 and -, not starting or ending with -)";
    Err(AccountError::Malformed { found, expected })
}

fn check_email(email: &str) -> Result<String, AccountError> {
    let address = email.trim().to_lowercase();
    let parts = address.split_once('@');
    let whole = parts.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
    if whole && address.len() <= 254 && !address.contains(char::is_whitespace) {
        return Ok(address);
    }
    let found = email.chars().take(80).collect();
    Err(AccountError::Malformed { found, expected: "an e-mail address" })
}

/// What is stored of a token, so that reading the database gives nobody a token.
fn digest(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

#[cfg(test)]
mod tests;
