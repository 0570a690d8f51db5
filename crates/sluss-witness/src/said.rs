//! What the witness says of itself: lines on standard error, which whoever starts it keeps.

use std::error::Error;
use std::io::{self, Write as _};

/// Says one line.
pub(crate) fn say(line: &str) {
    // Nobody is left to tell where this fails.
    writeln!(io::stderr(), "sluss-witness: {line}").ok();
}

/// Returns what an error says, with every cause.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
