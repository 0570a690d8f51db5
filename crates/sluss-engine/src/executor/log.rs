//! What a step prints, as lines that people can read: bounded, masked, without control sequences.
//!
//! A line in the file is `milliseconds since the start, tab, o | e | n, tab, text`: standard
//! output, standard error, or a note of ours.
//!
//! # Invariants
//!
//! - Memory is bounded by [`LINE`] per stream and [`TAIL`], whatever is printed.
//! - The file grows by whole lines only and to little more than [`TOTAL`].
//! - No secret is in it (see [`Mask`]).

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::mask::Mask;

/// The longest text of a line, in bytes.
pub(crate) const LINE: usize = 64 << 10;
/// How much of a log is kept, in bytes: the first and the last lines.
pub(crate) const TOTAL: u64 = 16 << 20;
/// How much of that are the last lines.
pub(crate) const TAIL: usize = 1 << 20;

/// Where a piece of output came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Output,
    Error,
}

/// A line that is not complete yet.
#[derive(Debug, Default)]
struct Partial {
    kept: Vec<u8>,
    /// Bytes that came after what is kept.
    cut: u64,
}

/// Writes the log of one attempt.
#[derive(Debug)]
pub(crate) struct LogWriter {
    file: File,
    mask: Mask,
    partial: [Partial; 2],
    written: u64,
    tail: VecDeque<String>,
    tail_bytes: usize,
    left_out: u64,
    shortened: bool,
}

/// What [`LogWriter::finish`] reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LogSize {
    pub(crate) bytes: u64,
    pub(crate) truncated: bool,
}

impl LogWriter {
    /// Begins the log at `path`.
    pub(crate) fn create(path: &Path, mask: Mask) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
        Ok(Self {
            file,
            mask,
            partial: [Partial::default(), Partial::default()],
            written: 0,
            tail: VecDeque::new(),
            tail_bytes: 0,
            left_out: 0,
            shortened: false,
        })
    }

    /// Takes what was printed; writes the lines that it completes.
    pub(crate) fn feed(&mut self, stream: Stream, bytes: &[u8], at_ms: u128) -> io::Result<()> {
        let mut ready = String::new();
        let mut rest = bytes;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            self.hold(stream, &rest[..end]);
            let line = self.complete(stream, at_ms);
            self.keep(line, &mut ready);
            rest = &rest[end + 1..];
        }
        self.hold(stream, rest);
        self.file.write_all(ready.as_bytes())
    }

    /// Writes a note of our own.
    pub(crate) fn note(&mut self, text: &str, at_ms: u128) -> io::Result<()> {
        let mut ready = String::new();
        let line = format!("{at_ms}\tn\t{}\n", self.mask.apply(text, text.len()));
        self.keep(line, &mut ready);
        self.file.write_all(ready.as_bytes())
    }

    /// Writes what is left.
    pub(crate) fn finish(mut self, at_ms: u128) -> io::Result<LogSize> {
        let mut ready = String::new();
        for stream in [Stream::Output, Stream::Error] {
            if !self.partial[stream as usize].kept.is_empty() {
                let line = self.complete(stream, at_ms);
                self.keep(line, &mut ready);
            }
        }
        if self.left_out > 0 {
            ready.push_str(&format!("{at_ms}\tn\t{} lines are left out here\n", self.left_out));
        }
        self.tail.iter().for_each(|line| ready.push_str(line));
        self.file.write_all(ready.as_bytes())?;
        let truncated = self.shortened || self.left_out > 0;
        Ok(LogSize { bytes: self.file.metadata()?.len(), truncated })
    }

    /// Keeps as much of an incomplete line as will be shown, and enough to see a secret's end.
    fn hold(&mut self, stream: Stream, bytes: &[u8]) {
        let room = LINE + 4 * self.mask.longest() + 4;
        let partial = &mut self.partial[stream as usize];
        let taken = bytes.len().min(room.saturating_sub(partial.kept.len()));
        partial.kept.extend_from_slice(&bytes[..taken]);
        partial.cut += (bytes.len() - taken) as u64;
    }

    fn complete(&mut self, stream: Stream, at_ms: u128) -> String {
        let partial = std::mem::take(&mut self.partial[stream as usize]);
        let plain = without_control(&String::from_utf8_lossy(&partial.kept));
        // Whatever may be the beginning of a secret whose end was cut off is not shown.
        let unsure = if partial.cut > 0 { self.mask.longest() } else { 0 };
        let end = plain.len().saturating_sub(unsure).min(LINE);
        let text = self.mask.apply(&plain, end);
        let mark = match stream {
            Stream::Output => 'o',
            Stream::Error => 'e',
        };
        if partial.cut == 0 && end == plain.len() {
            return format!("{at_ms}\t{mark}\t{text}\n");
        }
        self.shortened = true;
        let more = partial.cut + (plain.len() - end) as u64;
        format!("{at_ms}\t{mark}\t{text} … ({more} more bytes of this line are left out)\n")
    }

    /// Passes a line on to be written, or on to the last lines once there are too many.
    fn keep(&mut self, line: String, ready: &mut String) {
        let head = TOTAL - TAIL as u64;
        if self.tail.is_empty() && self.left_out == 0 && self.written + line.len() as u64 <= head {
            self.written += line.len() as u64;
            ready.push_str(&line);
            return;
        }
        if self.tail.is_empty() {
            ready.push_str("0\tn\tthis log is long: what comes last is shown when the step ends\n");
        }
        self.tail_bytes += line.len();
        self.tail.push_back(line);
        while self.tail_bytes > TAIL
            && let Some(dropped) = self.tail.pop_front()
        {
            self.tail_bytes -= dropped.len();
            self.left_out += 1;
        }
    }
}

/// Returns `text` without control characters and sequences, but with those that set colours.
fn without_control(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.strip_suffix('\r').unwrap_or(text);
    while let Some(at) = rest.find(|c: char| c.is_control() && c != '\t') {
        plain.push_str(&rest[..at]);
        let control = &rest[at..];
        let length = match control.as_bytes() {
            [0x1b, b'[', parameters @ ..] => {
                let in_sequence = |b: &&u8| (0x20..0x40).contains(*b);
                let count = parameters.iter().take_while(in_sequence).count();
                if parameters.get(count) == Some(&b'm') {
                    plain.push_str(&control[..count + 3]);
                }
                2 + count + usize::from(parameters.get(count).is_some_and(u8::is_ascii))
            }
            [0x1b, b']' | b'P' | b'_' | b'^', ..] => {
                control.find(['\x07', '\\']).map_or(control.len(), |end| end + 1)
            }
            [0x1b, next, ..] if next.is_ascii() => 2,
            _ => control.chars().next().map_or(1, char::len_utf8),
        };
        if control.starts_with('\r') {
            plain.push(' ');
        }
        rest = &control[length..];
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(secrets: &[&str], pieces: &[(Stream, &[u8])]) -> (String, LogSize) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut log = LogWriter::create(&path, Mask::new(secrets.iter().copied())).unwrap();
        for (stream, bytes) in pieces {
            log.feed(*stream, bytes, 7).unwrap();
        }
        let size = log.finish(9).unwrap();
        (std::fs::read_to_string(path).unwrap(), size)
    }

    #[test]
    fn streams_are_lines_with_their_time_and_the_rest_comes_last() {
        let (text, size) = written(
            &[],
            &[(Stream::Output, b"a\nb"), (Stream::Error, b"x\xff\n"), (Stream::Output, b"c\nd")],
        );
        assert_eq!(text, "7\to\ta\n7\te\tx\u{fffd}\n7\to\tbc\n9\to\td\n");
        assert_eq!(size, LogSize { bytes: text.len() as u64, truncated: false });
    }

    #[test]
    fn a_secret_is_masked_wherever_the_pieces_are_cut() {
        let line = b"token=s3cr3t-value; and more\n";
        for cut in 0..line.len() {
            let pieces = [(Stream::Output, &line[..cut]), (Stream::Output, &line[cut..])];
            assert_eq!(written(&["s3cr3t-value"], &pieces).0, "7\to\ttoken=***; and more\n");
        }
    }

    #[test]
    fn control_characters_cannot_take_a_secret_apart() {
        let (text, _) = written(&["s3cr3t"], &[(Stream::Output, b"s3\x07c\x1b[2Kr3t \x1b[1mb\n")]);
        assert_eq!(text, "7\to\t*** \u{1b}[1mb\n");
    }

    #[test]
    fn a_long_line_is_cut_and_never_inside_a_secret() {
        for before in LINE - 8..LINE + 2 {
            let mut line = vec![b'x'; before];
            line.extend_from_slice(b"s3cr3t");
            line.extend(vec![b'y'; 3 * LINE]);
            let (text, size) = written(&["s3cr3t"], &[(Stream::Output, &line)]);
            assert!(!text.contains("s3"), "{}", &text[before - 4..]);
            assert!(text.contains("more bytes of this line are left out"));
            assert!(size.truncated && text.len() < LINE + 100);
        }
    }

    #[test]
    fn a_long_log_keeps_its_first_and_last_lines() {
        let lines: String = (0..400_000).map(|n| format!("{n:060}\n")).collect();
        let (text, size) = written(&[], &[(Stream::Output, lines.as_bytes())]);
        assert!(size.truncated && size.bytes <= TOTAL + 200, "{size:?}");
        assert!(text.starts_with(&format!("7\to\t{:060}\n", 0)));
        assert!(text.ends_with(&format!("7\to\t{:060}\n", 399_999)));
        assert!(text.contains("lines are left out here"));
    }
}
