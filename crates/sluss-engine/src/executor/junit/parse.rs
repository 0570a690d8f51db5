//! Reads JUnit XML, from whoever wrote it.

use std::io::{BufRead, BufReader};

use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};

use super::{
    CaseOutcome, DEEPEST, MESSAGE, MOST_BYTES, MOST_CASES, TestCase, TestResults, shortened,
};

/// Why a report could not be read.
#[derive(Debug, thiserror::Error)]
pub enum JunitError {
    /// It is not XML, or stops in the middle.
    #[error("the report is not well-formed at byte {at}: {why}")]
    Malformed {
        /// Where.
        at: u64,
        /// Why.
        why: String,
    },
    /// It is XML, but not JUnit.
    #[error("the report has <{found}> where <testsuites> or <testsuite> is expected")]
    NotJunit {
        /// What it has.
        found: String,
    },
    /// It declares a document type, by which entities could be made to explode.
    #[error("the report has a document type declaration, which is not read")]
    Declaration,
    /// It is beyond what is read.
    #[error("the report is too large: {0}")]
    TooLarge(&'static str),
}

/// Reads a report.
pub fn parse(reader: impl BufRead) -> Result<TestResults, JunitError> {
    let mut xml = Reader::from_reader(BufReader::new(reader.take(MOST_BYTES + 1)));
    xml.config_mut().expand_empty_elements = true;
    let mut reading = Reading::default();
    let mut buffer = Vec::new();
    loop {
        let event = xml.read_event_into(&mut buffer);
        let at = xml.buffer_position();
        if at > MOST_BYTES {
            return Err(JunitError::TooLarge("more than 32 MiB"));
        }
        let malformed = |why: String| JunitError::Malformed { at, why };
        match event.map_err(|error| malformed(error.to_string()))? {
            Event::Start(element) => reading.open(&element, &malformed)?,
            Event::End(_) => reading.close()?,
            Event::Text(text) => {
                if reading.keeps_text() {
                    reading.text(&text.decode().map_err(|error| malformed(error.to_string()))?);
                }
            }
            Event::CData(text) => reading.text(&String::from_utf8_lossy(&text)),
            Event::GeneralRef(entity) => {
                let name = String::from_utf8_lossy(&entity).into_owned();
                let text = unescape(&format!("&{name};")).map(|text| text.into_owned());
                reading.text(&text.map_err(|error| malformed(error.to_string()))?);
            }
            Event::DocType(_) => return Err(JunitError::Declaration),
            Event::Eof if reading.open.is_empty() && reading.began => return Ok(reading.results),
            Event::Eof => return Err(malformed("it stops in the middle".into())),
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
        buffer.clear();
    }
}

/// An element that is open.
#[derive(Debug)]
enum Open {
    Suite { name: String },
    Case(TestCase),
    Failure { message: String, text: String },
    Error { message: String, text: String },
    Other,
}

#[derive(Debug, Default)]
struct Reading {
    began: bool,
    open: Vec<Open>,
    results: TestResults,
}

impl Reading {
    fn open(
        &mut self,
        element: &BytesStart<'_>,
        malformed: &impl Fn(String) -> JunitError,
    ) -> Result<(), JunitError> {
        let local = String::from_utf8_lossy(element.local_name().as_ref()).into_owned();
        if self.open.len() >= DEEPEST {
            return Err(JunitError::TooLarge("elements are nested more than 64 deep"));
        }
        if self.open.is_empty() && (self.began || !matches!(&*local, "testsuites" | "testsuite")) {
            let found = local.chars().take(80).collect();
            return Err(JunitError::NotJunit { found });
        }
        self.began = true;
        let attribute = |name: &str| -> Result<Option<String>, JunitError> {
            let found = element.try_get_attribute(name).map_err(|e| malformed(e.to_string()))?;
            let value = found.map(|found| found.unescape_value().map(|text| text.into_owned()));
            value.transpose().map_err(|error| malformed(error.to_string()))
        };
        let message = || attribute("message").map(|text| shortened(&text.unwrap_or_default()));
        let open = match (&*local, self.open.last()) {
            ("testsuites", None) => Open::Other,
            ("testsuite", _) => {
                let name = attribute("name")?.unwrap_or_default();
                Open::Suite { name: shortened(&name) }
            }
            ("testcase", _) => {
                let class = attribute("classname")?.filter(|class| !class.is_empty());
                Open::Case(TestCase {
                    suite: shortened(&class.unwrap_or_else(|| self.suite())),
                    name: shortened(&attribute("name")?.unwrap_or_default()),
                    outcome: CaseOutcome::Passed,
                    millis: millis(&attribute("time")?.unwrap_or_default()),
                })
            }
            ("failure", Some(Open::Case(_))) => {
                Open::Failure { message: message()?, text: String::new() }
            }
            ("error", Some(Open::Case(_))) => {
                Open::Error { message: message()?, text: String::new() }
            }
            ("skipped", Some(Open::Case(_))) => {
                self.outcome(CaseOutcome::Skipped);
                Open::Other
            }
            _ => Open::Other,
        };
        self.open.push(open);
        Ok(())
    }

    fn close(&mut self) -> Result<(), JunitError> {
        match self.open.pop() {
            Some(Open::Case(case)) => {
                if self.results.cases.len() >= MOST_CASES {
                    return Err(JunitError::TooLarge("more than 200000 cases"));
                }
                self.results.add(case);
            }
            Some(Open::Failure { message, text }) => {
                self.outcome(CaseOutcome::Failed { message: said(message, &text) });
            }
            Some(Open::Error { message, text }) => {
                self.outcome(CaseOutcome::Errored { message: said(message, &text) });
            }
            Some(Open::Suite { .. } | Open::Other) | None => {}
        }
        Ok(())
    }

    fn keeps_text(&self) -> bool {
        matches!(self.open.last(), Some(Open::Failure { .. } | Open::Error { .. }))
    }

    fn text(&mut self, more: &str) {
        if let Some(Open::Failure { text, .. } | Open::Error { text, .. }) = self.open.last_mut()
            && text.len() < MESSAGE
        {
            text.push_str(&more[..more.floor_char_boundary(MESSAGE)]);
        }
    }

    fn outcome(&mut self, outcome: CaseOutcome) {
        if let Some(Open::Case(case)) = self.open.last_mut() {
            case.outcome = outcome;
        }
    }

    fn suite(&self) -> String {
        let names = self.open.iter().rev().filter_map(|open| match open {
            Open::Suite { name } => Some(name.clone()),
            Open::Case(_) | Open::Failure { .. } | Open::Error { .. } | Open::Other => None,
        });
        names.into_iter().next().unwrap_or_default()
    }
}

fn said(message: String, text: &str) -> String {
    let text = shortened(text);
    if message.is_empty() || text.contains(&message) { text } else { message }
}

/// Reads seconds as they are written in reports, such as `1,234.5`.
fn millis(seconds: &str) -> u64 {
    let plain = seconds.trim().replace(',', "");
    let (whole, part) = plain.split_once('.').unwrap_or((&plain, ""));
    let part: String = part.chars().chain("000".chars()).take(3).collect();
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().unwrap_or(0) };
    whole.saturating_mul(1000).saturating_add(part.parse().unwrap_or(0))
}
