//! Printing: the one place that writes to standard output.

use std::io::{ErrorKind, Write as _};

use serde::Serialize;

/// Prints a line, or several. Whoever closed the other end of a pipe has read enough: then this
/// program ends.
#[expect(clippy::exit, reason = "nobody is left to print for")]
pub fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let written = out
        .write_all(text.as_bytes())
        .and_then(|()| if text.ends_with('\n') { Ok(()) } else { out.write_all(b"\n") })
        .and_then(|()| out.flush());
    if let Err(error) = written
        && error.kind() == ErrorKind::BrokenPipe
    {
        std::process::exit(0);
    }
}

/// Prints a value as JSON.
pub(super) fn print_json(value: &impl Serialize) {
    print(&serde_json::to_string_pretty(value).expect("BUG: plain data has a JSON form"));
}

/// Says something on standard error: status, warnings, hints.
pub(super) fn say(text: &str) {
    let mut err = std::io::stderr().lock();
    // Nobody is left to be told where even this fails.
    writeln!(err, "{text}").ok();
}

/// Says the one next command.
pub(super) fn next(command: &str) {
    say(&format!("  next: {command}"));
}
