//! Secrets of services: what their steps and processes get in their environment.
//!
//! The values stand in the database as they are: whoever can read its file (0600, of the user
//! that Sluss runs as) can read them. They are in no leaf and no blob.

use sluss_core::ids::ServiceName;

use super::{AccountError, Accounts};

impl Accounts {
    /// Sets a secret of a service, in place of an earlier one of that name.
    ///
    /// # Errors
    ///
    /// [`AccountError::Malformed`] where `name` cannot name an environment variable.
    pub async fn set_secret(
        &self,
        service: &ServiceName,
        name: &str,
        value: &str,
    ) -> Result<(), AccountError> {
        let plain = |c: u8| c.is_ascii_uppercase() || c.is_ascii_digit() || c == b'_';
        let digit = name.starts_with(|c: char| c.is_ascii_digit());
        if !(1..=100).contains(&name.len()) || digit || !name.bytes().all(plain) {
            let found = name.chars().take(80).collect();
            let expected = "the name of a secret (1 to 100 of A-Z, 0-9 and _, no digit first)";
            return Err(AccountError::Malformed { found, expected });
        }
        let sql = "INSERT INTO secret (service, name, value, updated_ms) VALUES (?1, ?2, ?3, ?4) \
                   ON CONFLICT (service, name) DO UPDATE SET value = ?3, updated_ms = ?4";
        sqlx::query(sql)
            .bind(service.as_str())
            .bind(name)
            .bind(value)
            .bind(self.clock.now().0)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Returns the secrets of a service with their values, ordered by name.
    ///
    /// # Errors
    ///
    /// [`AccountError::Database`].
    pub async fn secrets(
        &self,
        service: &ServiceName,
    ) -> Result<Vec<(String, String)>, AccountError> {
        let sql = "SELECT name, value FROM secret WHERE service = ? ORDER BY name";
        Ok(sqlx::query_as(sql).bind(service.as_str()).fetch_all(&self.pool).await?)
    }

    /// Removes a secret of a service.
    ///
    /// # Errors
    ///
    /// [`AccountError::Unknown`] where it has none of that name.
    pub async fn remove_secret(
        &self,
        service: &ServiceName,
        name: &str,
    ) -> Result<(), AccountError> {
        let done = sqlx::query("DELETE FROM secret WHERE service = ? AND name = ?")
            .bind(service.as_str())
            .bind(name)
            .execute(&self.pool)
            .await?;
        if done.rows_affected() == 0 { Err(AccountError::Unknown) } else { Ok(()) }
    }
}
