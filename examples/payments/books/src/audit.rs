//! Reading the books: single accounts, and the sums by which anyone can check them.

use crate::instruction::AccountId;
use rusqlite::{Connection, OptionalExtension};
use serde::Serialize;

/// An account as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Account {
    /// The account's name.
    pub id: String,
    /// What it has.
    pub balance_cents: i64,
    /// What of it is set aside.
    pub held_cents: i64,
    /// What can be spent.
    pub available_cents: i64,
}

/// Everything added up, at one instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The sum of all entries; zero, or money was made or lost.
    pub balance_cents: i64,
    /// Accounts, with the treasury.
    pub accounts: i64,
    /// Applied transfers of every kind, openings too.
    pub transfers: i64,
    /// Entries; two for each transfer.
    pub entries: i64,
    /// Holds that are neither captured nor released.
    pub holds_open: i64,
    /// Recorded answers, declined ones too.
    pub answers: i64,
    /// Transfers whose entries are not two that sum to zero.
    pub transfers_unpaired: i64,
    /// Accounts whose balance is not the sum of their entries.
    pub accounts_adrift: i64,
    /// Accounts whose held money is not the sum of their open holds.
    pub accounts_misheld: i64,
    /// Keys that more than one transfer was applied under.
    pub keys_applied_twice: i64,
}

/// A key that a transfer was applied under, and what stands in the books for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AppliedKey {
    /// The idempotency key.
    pub key: String,
    /// How many transfers; one, or it was applied twice.
    pub transfers: i64,
    /// How many entries; two.
    pub entries: i64,
    /// What was moved, over all its transfers.
    pub amount_cents: i64,
}

impl Summary {
    /// Returns whether nothing is wrong with the books.
    pub fn is_balanced(&self) -> bool {
        self.balance_cents == 0
            && self.entries == 2 * self.transfers
            && self.transfers_unpaired == 0
            && self.accounts_adrift == 0
            && self.accounts_misheld == 0
            && self.keys_applied_twice == 0
    }
}

pub(crate) fn account(books: &Connection, id: &AccountId) -> rusqlite::Result<Option<Account>> {
    books
        .prepare_cached("SELECT id, balance_cents, held_cents FROM accounts WHERE id = ?1")?
        .query_row([id.as_str()], |row| {
            let (balance_cents, held_cents) = (row.get(1)?, row.get(2)?);
            let available_cents = balance_cents - held_cents;
            Ok(Account { id: row.get(0)?, balance_cents, held_cents, available_cents })
        })
        .optional()
}

pub(crate) fn summary(books: &Connection) -> rusqlite::Result<Summary> {
    let number = |sql: &str| books.prepare_cached(sql)?.query_row([], |row| row.get::<_, i64>(0));
    Ok(Summary {
        balance_cents: number("SELECT COALESCE(SUM(amount_cents), 0) FROM entries")?,
        accounts: number("SELECT COUNT(*) FROM accounts")?,
        transfers: number("SELECT COUNT(*) FROM transfers")?,
        entries: number("SELECT COUNT(*) FROM entries")?,
        holds_open: number("SELECT COUNT(*) FROM holds WHERE state = 'open'")?,
        answers: number("SELECT COUNT(*) FROM answers")?,
        transfers_unpaired: number(
            "SELECT COUNT(*) FROM (SELECT 1 FROM entries GROUP BY transfer
             HAVING COUNT(*) <> 2 OR SUM(amount_cents) <> 0)",
        )?,
        accounts_adrift: number(
            "SELECT COUNT(*) FROM accounts LEFT JOIN
             (SELECT account, SUM(amount_cents) AS cents FROM entries GROUP BY account)
             ON account = id WHERE balance_cents <> COALESCE(cents, 0)",
        )?,
        accounts_misheld: number(
            "SELECT COUNT(*) FROM accounts LEFT JOIN
             (SELECT from_account, SUM(amount_cents) AS cents FROM holds
              WHERE state = 'open' GROUP BY from_account)
             ON from_account = id WHERE held_cents <> COALESCE(cents, 0)",
        )?,
        keys_applied_twice: number(
            "SELECT COUNT(*) FROM (SELECT 1 FROM transfers GROUP BY key HAVING COUNT(*) > 1)",
        )?,
    })
}

pub(crate) fn applied_keys(
    books: &Connection,
    after: &str,
    limit: u32,
) -> rusqlite::Result<Vec<AppliedKey>> {
    books
        .prepare_cached(
            "SELECT t.key, COUNT(DISTINCT t.number), COUNT(e.account),
                    COALESCE(SUM(e.amount_cents) FILTER (WHERE e.amount_cents > 0), 0)
             FROM transfers t LEFT JOIN entries e ON e.transfer = t.number
             WHERE t.key > ?1 GROUP BY t.key ORDER BY t.key LIMIT ?2",
        )?
        .query_map((after, limit), |row| {
            Ok(AppliedKey {
                key: row.get(0)?,
                transfers: row.get(1)?,
                entries: row.get(2)?,
                amount_cents: row.get(3)?,
            })
        })?
        .collect()
}
