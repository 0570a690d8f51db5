//! `sluss junit --out FILE -- COMMAND…`: runs a test command, shows what it prints, and writes
//! what it reports as JUnit XML.
//!
//! # Invariants
//!
//! - It exits as the command does, whatever was recognised.
//! - A command that fails never gives a report in which nothing failed.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};

use super::recognise::Recogniser;
use super::write::to_xml;
use super::{CaseOutcome, TestCase, TestResults};

/// The longest line that is looked at, in bytes.
const LINE: usize = 64 << 10;

/// Runs `command` and writes its report to `out`; exits as the command does.
pub fn junit_main(out: &Path, command: &[OsString]) -> ExitCode {
    match run(out, command) {
        Ok(status) => ExitCode::from(code_of(status)),
        Err(error) => {
            // Where standard error is closed, the exit code still says it.
            let _closed = writeln!(io::stderr(), "sluss junit: {error}");
            ExitCode::from(127)
        }
    }
}

fn code_of(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

fn run(out: &Path, command: &[OsString]) -> io::Result<ExitStatus> {
    let (program, arguments) = command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| io::Error::other(format!("{}: {error}", program.display())))?;
    let recogniser = Mutex::new(Recogniser::default());
    let (output, error) = (child.stdout.take(), child.stderr.take());
    std::thread::scope(|scope| {
        scope.spawn(|| error.map(|pipe| tee(pipe, io::stderr(), &recogniser)));
        if let Some(pipe) = output {
            tee(pipe, io::stdout(), &recogniser);
        }
    });
    let status = child.wait()?;
    let recogniser = recogniser.into_inner().unwrap_or_else(PoisonError::into_inner);
    let name = program.to_string_lossy().into_owned();
    let results = completed(recogniser.finish(), &name, code_of(status));
    if let Some(folder) = out.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(out, to_xml(&results))?;
    Ok(status)
}

/// Adds what the exit code says beyond the cases that were recognised.
pub(crate) fn completed(mut results: TestResults, name: &str, code: u8) -> TestResults {
    let totals = results.totals();
    let silent = results.cases.is_empty();
    if silent || (code != 0 && totals.failed + totals.errored == 0) {
        let message = format!("it ended with exit code {code}");
        let outcome = match code {
            0 => CaseOutcome::Passed,
            _ if silent => CaseOutcome::Failed { message },
            _ => CaseOutcome::Errored { message },
        };
        results.add(TestCase { suite: "command".into(), name: name.into(), outcome, millis: 0 });
    }
    results
}

/// Passes on what comes from `pipe`, and shows its lines to the recogniser.
fn tee(mut pipe: impl Read, mut to: impl Write, recogniser: &Mutex<Recogniser>) {
    let mut line = Vec::new();
    let mut chunk = vec![0; 16 << 10];
    loop {
        let length = match pipe.read(&mut chunk) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        // The tests go on even if nobody reads what they print.
        let _unread = to.write_all(&chunk[..length]).and_then(|()| to.flush());
        for piece in chunk[..length].split_inclusive(|byte| *byte == b'\n') {
            let room = LINE.saturating_sub(line.len());
            line.extend_from_slice(&piece[..piece.len().min(room)]);
            if piece.ends_with(b"\n") {
                show(&line, recogniser);
                line.clear();
            }
        }
    }
    show(&line, recogniser);
}

fn show(line: &[u8], recogniser: &Mutex<Recogniser>) {
    let line = String::from_utf8_lossy(line);
    recogniser.lock().unwrap_or_else(PoisonError::into_inner).line(&line);
}
