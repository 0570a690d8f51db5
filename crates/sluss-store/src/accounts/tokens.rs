//! API tokens: what programs hold, `sluss_…`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sluss_core::units::Millis;

use super::{Account, AccountError, Accounts, digest, load};

/// What an API token is made from.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// What it is for, in the owner's words.
    pub name: String,
    /// What it may be used for: words of `a-z`, `0-9`, `-`, `_`, `.` and `:`.
    pub scopes: Vec<String>,
    /// When it ends; `None` for never.
    pub expires: Option<Millis>,
}

/// An API token, without its text: that was shown once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// Identifies it, to revoke it by.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// What it may be used for.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created: Millis,
    /// When it ends.
    pub expires: Option<Millis>,
    /// When it was revoked.
    pub revoked: Option<Millis>,
}

type Row = (String, String, String, i64, Option<i64>, Option<i64>);

const COLUMNS: &str = "id, name, scopes, created_ms, expires_ms, revoked_ms";

impl Accounts {
    /// Makes a token of the account `login` and returns its text, which is never shown again.
    ///
    /// # Errors
    ///
    /// [`AccountError::Unknown`] or [`AccountError::Malformed`].
    pub async fn create_token(
        &self,
        login: &str,
        new: NewToken,
    ) -> Result<(String, ApiToken), AccountError> {
        let owner = self.find(login).await?.ok_or(AccountError::Unknown)?;
        for scope in &new.scopes {
            check_scope(scope)?;
        }
        let id = hex::encode(self.random::<8>()?);
        let text = format!("sluss_{}", URL_SAFE_NO_PAD.encode(self.random::<32>()?));
        let created = self.clock.now();
        let sql = "INSERT INTO token (id, hash, person, name, scopes, created_ms, expires_ms) \
                   VALUES (?, ?, ?, ?, ?, ?, ?)";
        sqlx::query(sql)
            .bind(&id)
            .bind(digest(&text))
            .bind(&owner.id)
            .bind(&new.name)
            .bind(new.scopes.join(" "))
            .bind(created.0)
            .bind(new.expires.map(|expires| expires.0))
            .execute(&self.pool)
            .await?;
        let NewToken { name, scopes, expires } = new;
        Ok((text, ApiToken { id, name, scopes, created, expires, revoked: None }))
    }

    /// Returns the token with this text and its owner, if it is valid now.
    ///
    /// # Errors
    ///
    /// [`AccountError::Database`].
    pub async fn token(&self, text: &str) -> Result<Option<(ApiToken, Account)>, AccountError> {
        let mut connection = self.pool.acquire().await?;
        let sql = "SELECT id, name, scopes, created_ms, expires_ms, revoked_ms, person \
                   FROM token WHERE hash = ?";
        type Owned = (String, String, String, i64, Option<i64>, Option<i64>, String);
        let row: Option<Owned> =
            sqlx::query_as(sql).bind(digest(text)).fetch_optional(&mut *connection).await?;
        let Some((id, name, scopes, created, expires, revoked, person)) = row else {
            return Ok(None);
        };
        let token = api_token((id, name, scopes, created, expires, revoked));
        let ended = token.expires.is_some_and(|expires| self.clock.now() >= expires);
        if ended || token.revoked.is_some() {
            return Ok(None);
        }
        Ok(load(&mut connection, &person).await?.map(|account| (token, account)))
    }

    /// Returns every token of the account `login`, the newest first.
    ///
    /// # Errors
    ///
    /// [`AccountError::Unknown`].
    pub async fn tokens(&self, login: &str) -> Result<Vec<ApiToken>, AccountError> {
        let owner = self.find(login).await?.ok_or(AccountError::Unknown)?;
        let sql = format!("SELECT {COLUMNS} FROM token WHERE person = ? ORDER BY created_ms DESC");
        let rows: Vec<Row> =
            sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(&owner.id).fetch_all(&self.pool).await?;
        Ok(rows.into_iter().map(api_token).collect())
    }

    /// Revokes a token of the account `login`; it is never valid again.
    ///
    /// # Errors
    ///
    /// [`AccountError::Unknown`] where the account has no such token.
    pub async fn revoke_token(&self, login: &str, id: &str) -> Result<(), AccountError> {
        let owner = self.find(login).await?.ok_or(AccountError::Unknown)?;
        let sql = "UPDATE token SET revoked_ms = coalesce(revoked_ms, ?) \
                   WHERE id = ? AND person = ?";
        let done = sqlx::query(sql)
            .bind(self.clock.now().0)
            .bind(id)
            .bind(&owner.id)
            .execute(&self.pool)
            .await?;
        if done.rows_affected() == 0 { Err(AccountError::Unknown) } else { Ok(()) }
    }
}

fn api_token((id, name, scopes, created, expires, revoked): Row) -> ApiToken {
    ApiToken {
        id,
        name,
        scopes: scopes.split_whitespace().map(str::to_owned).collect(),
        created: Millis(created),
        expires: expires.map(Millis),
        revoked: revoked.map(Millis),
    }
}

fn check_scope(scope: &str) -> Result<(), AccountError> {
    let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"-_.:".contains(&c);
    if !scope.is_empty() && scope.len() <= 60 && scope.bytes().all(plain) {
        return Ok(());
    }
    Err(AccountError::Malformed { found: scope.to_owned(), expected: "a scope of a token" })
}
