//! A connection that only reads, off the threads that serve requests.

use books::{Books, Error};
use std::sync::{Arc, Mutex};

/// Reads the books for many requests, one at a time.
#[derive(Clone)]
pub(crate) struct Reader(Arc<Mutex<Books>>);

impl Reader {
    pub(crate) fn new(books: Books) -> Self {
        Self(Arc::new(Mutex::new(books)))
    }

    /// Runs `read` where it may block; `None` where it panicked or the books refused.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Books) -> Result<T, Error> + Send + 'static,
    ) -> Option<T> {
        let books = Arc::clone(&self.0);
        let reading = tokio::task::spawn_blocking(move || {
            let mut books = books.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            read(&mut books)
        });
        match reading.await {
            Ok(Ok(value)) => Some(value),
            Ok(Err(error)) => {
                eprintln!("payments: {error}");
                None
            }
            Err(_panicked) => None,
        }
    }
}
