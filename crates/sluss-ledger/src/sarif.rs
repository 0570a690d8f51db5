//! SARIF 2.1.0 (OASIS): findings of scanners, read without trusting the file.
//!
//! # Invariants
//!
//! - A file that does not say what was found is an error, never a scan without findings: results
//!   must be there, and no invocation may have failed.
//! - A finding counts as suppressed only where every suppression of it was accepted.
//! - The worst level of a scanner that gives no score counts as critical: what is not said is not
//!   harmless.
//! - Text is bounded and without control characters; nothing is looked up, opened or rendered.

mod key;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::hash::Hash;
pub use key::KEY_DOMAIN;

/// Largest file that is read, in bytes.
pub const MAX_SARIF_BYTES: usize = 64 << 20;

/// Most findings of a file. More are an error: none is left out in silence.
pub const MAX_FINDINGS: usize = 100_000;

/// Longest text that is kept, in characters.
const MAX_TEXT: usize = 4_000;

/// What one run of a scanner found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// Name of the scanner.
    pub tool: String,
    /// Its version, where it says one.
    pub version: Option<String>,
    /// What it found, in the order of the file.
    pub findings: Vec<Finding>,
}

/// Something that a scanner found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Id of the rule, empty where the scanner gives none.
    pub rule: String,
    /// How bad it is.
    pub severity: Severity,
    /// Where it is, where that is said.
    pub location: Option<Location>,
    /// What it says.
    pub message: String,
    /// Whether somebody accepted it, as the file says.
    pub suppressed: bool,
    /// How bad its rule is said to be (the property `security-severity`), in tenths from 0 to 100.
    pub score: Option<u8>,
    /// Which one it is, the same from scan to scan; how it is made is said at [`KEY_DOMAIN`].
    pub key: Hash,
}

impl Finding {
    /// Returns how bad it is: by its score in the bands of CVSS (section 5 of its specification),
    /// or else by its level. Nothing where it is no problem at all.
    pub fn risk(&self) -> Option<Risk> {
        match (self.severity, self.score) {
            (Severity::None, _) => None,
            (_, Some(90..)) => Some(Risk::Critical),
            (_, Some(70..)) => Some(Risk::High),
            (_, Some(40..)) => Some(Risk::Medium),
            (_, Some(0..)) => Some(Risk::Low),
            (Severity::Error, None) => Some(Risk::Critical),
            (Severity::Warning, None) => Some(Risk::Medium),
            (Severity::Note, None) => Some(Risk::Low),
        }
    }
}

/// How bad a finding is for who runs what was scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Risk {
    /// Low.
    Low,
    /// Medium.
    Medium,
    /// High.
    High,
    /// Critical.
    Critical,
}

/// How bad a finding is, by SARIF's `level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Not a problem, such as a check that passed.
    None,
    /// A remark.
    Note,
    /// A problem.
    Warning,
    /// A serious problem.
    Error,
}

/// A place in a file, as the scanner wrote it. Never to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// Address of the file.
    pub uri: String,
    /// Line in it, from 1.
    pub line: Option<u64>,
}

/// Reads a SARIF file: one scan for each run in it.
///
/// # Errors
///
/// [`SarifError`], where the file is malformed or does not say what was found.
pub fn sarif(bytes: &[u8]) -> Result<Vec<Scan>, SarifError> {
    if bytes.len() > MAX_SARIF_BYTES {
        return Err(SarifError::TooLarge);
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let log: Log = serde_json::from_slice(bytes)?;
    if log.version != "2.1.0" {
        return Err(SarifError::Version(text(&log.version)));
    }
    if log.runs.is_empty() {
        return Err(SarifError::NoRuns);
    }
    let mut room = MAX_FINDINGS;
    log.runs.into_iter().map(|run| scan(run, &mut room)).collect()
}

fn scan(run: Run, room: &mut usize) -> Result<Scan, SarifError> {
    let tool = text(&run.tool.driver.name);
    if run.invocations.iter().any(|invocation| !invocation.execution_successful) {
        return Err(SarifError::Failed { tool });
    }
    let Some(results) = run.results else { return Err(SarifError::NoResults { tool }) };
    *room = room.checked_sub(results.len()).ok_or(SarifError::TooMany)?;
    let driver = &run.tool.driver;
    let by_id: BTreeMap<&str, &Rule> =
        driver.rules.iter().map(|rule| (rule.id.as_str(), rule)).collect();
    let findings = results.iter().map(|result| {
        let index = result.rule_index.or(result.rule.as_ref().and_then(|rule| rule.index));
        let at = index.and_then(|index| usize::try_from(index).ok());
        let id =
            result.rule_id.as_deref().or(result.rule.as_ref().and_then(|rule| rule.id.as_deref()));
        let rule = at.and_then(|at| driver.rules.get(at));
        let rule = rule.or_else(|| by_id.get(id?).copied());
        finding(&tool, result, id.or(rule.map(|rule| rule.id.as_str())), rule)
    });
    let findings = findings.collect::<Result<_, _>>()?;
    let version = driver.semantic_version.as_ref().or(driver.version.as_ref());
    Ok(Scan { tool, version: version.map(|version| text(version)), findings })
}

fn finding(
    tool: &str,
    result: &Found,
    id: Option<&str>,
    rule: Option<&Rule>,
) -> Result<Finding, SarifError> {
    let default = rule.and_then(|rule| rule.default_configuration.as_ref()?.level.as_deref());
    let severity = match (result.kind.as_deref(), result.level.as_deref().or(default)) {
        (None | Some("fail"), Some(level)) => level_of(level)?,
        (None | Some("fail"), None) => Severity::Warning,
        (Some(_), _) => Severity::None,
    };
    let named = || {
        let id = result.message.id.as_deref()?;
        rule?.message_strings.get(id)?.text.as_deref()
    };
    let described = || rule?.short_description.as_ref()?.text.as_deref();
    let message = &result.message;
    let says = message.text.as_deref().or(message.markdown.as_deref());
    let place = result.locations.iter().find_map(|location| {
        let physical = location.physical_location.as_ref()?;
        let uri = text(physical.artifact_location.as_ref()?.uri.as_deref()?);
        let line = physical.region.as_ref().and_then(|region| region.start_line);
        Some(Location { uri, line })
    });
    let suppressions = result.suppressions.as_deref().unwrap_or_default();
    let accepted = |found: &Suppression| matches!(found.status.as_deref(), None | Some("accepted"));
    let (id, says) =
        (id.unwrap_or_default(), says.or_else(named).or_else(described).unwrap_or_default());
    let logical = || result.locations.iter().flat_map(|of| &of.logical_locations);
    let logical = || logical().find_map(|of| of.fully_qualified_name.as_deref());
    let key = key::key(&key::Told {
        scanner: tool,
        rule: id,
        properties: [result.properties.as_ref(), rule.map(|rule| &rule.properties.all)],
        fingerprints: &result.fingerprints,
        partial: &result.partial_fingerprints,
        place: place.as_ref().map(|of| of.uri.as_str()).or_else(logical).unwrap_or_default(),
        message: says,
    });
    Ok(Finding {
        rule: text(id),
        severity,
        location: place,
        message: text(says),
        suppressed: !suppressions.is_empty() && suppressions.iter().all(accepted),
        score: rule.and_then(|rule| rule.properties.score.as_ref()).map(score).transpose()?,
        key,
    })
}

/// Reads a score from 0 to 10, such as `"9.8"`.
fn score(given: &Score) -> Result<u8, SarifError> {
    let written = match given {
        Score::Text(text) => text.clone(),
        Score::Number(number) => number.to_string(),
    };
    let wrong = || SarifError::Score(text(&written));
    let (whole, part) = written.split_once('.').unwrap_or((&written, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(part) || whole.len() > 2 {
        return Err(wrong());
    }
    let whole: u8 = whole.parse().map_err(|_| wrong())?;
    let tenth = part.as_bytes()[0] - b'0';
    let tenths = whole.checked_mul(10).and_then(|tenths| tenths.checked_add(tenth));
    tenths.filter(|tenths| *tenths <= 100).ok_or_else(wrong)
}

fn level_of(level: &str) -> Result<Severity, SarifError> {
    match level {
        "none" => Ok(Severity::None),
        "note" => Ok(Severity::Note),
        "warning" => Ok(Severity::Warning),
        "error" => Ok(Severity::Error),
        other => Err(SarifError::Level(text(other))),
    }
}

/// Text without control characters, and not longer than is kept.
fn text(text: &str) -> String {
    let plain = |char: char| if char.is_control() { ' ' } else { char };
    text.chars().take(MAX_TEXT).map(plain).collect()
}

/// Why a SARIF file was refused.
#[derive(Debug, thiserror::Error)]
pub enum SarifError {
    /// It is larger than is read.
    #[error("the report has more than {MAX_SARIF_BYTES} bytes; scan less at once")]
    TooLarge,
    /// It has more findings than are read.
    #[error("the report has more than {MAX_FINDINGS} findings; scan less at once")]
    TooMany,
    /// It is not SARIF.
    #[error("not a SARIF report: {0}")]
    Json(#[from] serde_json::Error),
    /// It is of another version.
    #[error("a SARIF report of version {0:?}, where 2.1.0 is read")]
    Version(String),
    /// It is of no run.
    #[error("the report is of no run: nothing was scanned")]
    NoRuns,
    /// A run does not say what was found.
    #[error("{tool} does not say what it found: `results` is missing")]
    NoResults {
        /// The scanner.
        tool: String,
    },
    /// A run failed.
    #[error("{tool} says that it failed; what it found is not all that there is")]
    Failed {
        /// The scanner.
        tool: String,
    },
    /// A score is none.
    #[error("{0:?} is no `security-severity`; a number from 0 to 10 is")]
    Score(String),
    /// A level is none of SARIF's.
    #[error("{0:?} is no level; none, note, warning and error are")]
    Level(String),
}

#[derive(Deserialize)]
struct Log {
    version: String,
    runs: Vec<Run>,
}

#[derive(Deserialize)]
struct Run {
    tool: Tool,
    #[serde(default)]
    invocations: Vec<Invocation>,
    results: Option<Vec<Found>>,
}

#[derive(Deserialize)]
struct Tool {
    driver: Driver,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: String,
    version: Option<String>,
    semantic_version: Option<String>,
    #[serde(default)]
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: String,
    default_configuration: Option<Configuration>,
    short_description: Option<Message>,
    #[serde(default)]
    message_strings: BTreeMap<String, Message>,
    #[serde(default)]
    properties: Properties,
}

#[derive(Default, Deserialize)]
struct Properties {
    #[serde(rename = "security-severity")]
    score: Option<Score>,
    /// All others: what nobody asked for has any form.
    #[serde(flatten)]
    all: Value,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Score {
    Text(String),
    Number(serde_json::Number),
}

#[derive(Deserialize)]
struct Configuration {
    level: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    rule_id: Option<String>,
    rule_index: Option<i64>,
    rule: Option<RuleReference>,
    kind: Option<String>,
    level: Option<String>,
    message: Message,
    #[serde(default)]
    locations: Vec<FoundLocation>,
    suppressions: Option<Vec<Suppression>>,
    #[serde(default)]
    fingerprints: BTreeMap<String, String>,
    #[serde(default)]
    partial_fingerprints: BTreeMap<String, String>,
    properties: Option<Value>,
}

#[derive(Deserialize)]
struct RuleReference {
    id: Option<String>,
    index: Option<i64>,
}

#[derive(Deserialize)]
struct Message {
    text: Option<String>,
    markdown: Option<String>,
    id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FoundLocation {
    physical_location: Option<PhysicalLocation>,
    #[serde(default)]
    logical_locations: Vec<LogicalLocation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogicalLocation {
    fully_qualified_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: Option<ArtifactLocation>,
    region: Option<Region>,
}

#[derive(Deserialize)]
struct ArtifactLocation {
    uri: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: Option<u64>,
}

#[derive(Deserialize)]
struct Suppression {
    status: Option<String>,
}
