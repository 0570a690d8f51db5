//! Remembers for a minute that a password was right: a push asks four times, and checking takes a
//! tenth of a second each time.
//!
//! Not here: decisions, for which a password is always checked anew.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use sluss_core::ids::Digest;
use sluss_core::units::Millis;
use sluss_store::Account;

/// How long it is remembered, in milliseconds.
const MEMORY_MS: i64 = 60_000;
/// How many are remembered.
const MOST: usize = 10_000;

/// Passwords that were right a moment ago, as digests under a key of this process.
pub struct PasswordMemory {
    key: String,
    until: Mutex<HashMap<Digest, (Account, Millis)>>,
}

impl fmt::Debug for PasswordMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordMemory").finish_non_exhaustive()
    }
}

impl PasswordMemory {
    /// Returns a memory with nothing in it; `key` is random.
    pub fn new(key: String) -> Self {
        Self { key, until: Mutex::default() }
    }

    pub(super) fn known(&self, login: &str, password: &str, now: Millis) -> Option<Account> {
        let until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        let (account, end) = until.get(&self.digest(login, password))?;
        (now < *end).then(|| account.clone())
    }

    pub(super) fn remember(&self, login: &str, password: &str, account: Account, now: Millis) {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.retain(|_, (_, end)| now < *end);
        if until.len() < MOST {
            until.insert(self.digest(login, password), (account, now.plus(MEMORY_MS)));
        }
    }

    fn digest(&self, login: &str, password: &str) -> Digest {
        Digest::of(format!("{}\0{login}\0{password}", self.key).as_bytes())
    }
}
