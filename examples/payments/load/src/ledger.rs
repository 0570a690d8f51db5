//! The client's own ledger file: a JSON line for each payment sent, and one for
//! each that came to its end.

use crate::plan::Planned;
use serde_json::json;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The file, or nothing where none was asked for.
pub(crate) struct Ledger(Option<Mutex<BufWriter<File>>>);

impl Ledger {
    /// Opens the file to append to it.
    pub(crate) fn open(file: Option<&Path>) -> io::Result<Self> {
        let open = |file| OpenOptions::new().create(true).append(true).open(file);
        Ok(Self(file.map(open).transpose()?.map(|file| Mutex::new(BufWriter::new(file)))))
    }

    /// Writes down that the payment is about to be sent.
    pub(crate) fn sent(&self, payment: &Planned) {
        self.line(|| {
            json!({
                "sent": payment.key, "at_ms": now_ms(), "from": payment.from, "to": payment.to,
                "amount_cents": payment.amount_cents,
            })
        });
    }

    /// Writes down how the payment ended; `None` is no final answer.
    pub(crate) fn done(&self, payment: &Planned, status: Option<u16>, took: Duration) {
        self.line(|| {
            let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            json!({ "done": payment.key, "at_ms": now_ms(), "status": status, "took_ms": took_ms })
        });
    }

    /// Hands everything to the operating system.
    pub(crate) fn flush(&self) -> io::Result<()> {
        match &self.0 {
            Some(file) => file.lock().unwrap_or_else(PoisonError::into_inner).flush(),
            None => Ok(()),
        }
    }

    fn line(&self, value: impl FnOnce() -> serde_json::Value) {
        if let Some(file) = &self.0 {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            if let Err(error) = writeln!(file, "{}", value()) {
                eprintln!("payments-load: the ledger could not be written: {error}");
            }
        }
    }
}

/// Returns the milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
