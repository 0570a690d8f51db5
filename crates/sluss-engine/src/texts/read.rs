//! Reads calendar and policies out of the platform repository, and out of the blobs they are kept
//! in; says everything that is wrong with them, with its place.

use std::collections::BTreeMap;

use sluss_calendar::{Calendar, CalendarFile, Mistake};
use sluss_core::controls::ControlName;
use sluss_core::ids::{CommitId, Digest};
use sluss_policy::{BUNDLE_BYTES_MOST, Bundle, Problem, TestOutcome, test_bundle};
use sluss_store::{BlobError, Blobs as _, FileBlobs};

use super::exempt::{CONTROLS, CONTROLS_BYTES_MOST, exempt_of};
use crate::forge::{GitError, ObjectAccess};

/// The calendar's file.
pub const CALENDAR: &str = "calendar.yaml";
/// The policies' folder.
pub const POLICIES: &str = "policies";
/// Bytes that a calendar may have.
const CALENDAR_BYTES_MOST: usize = 512 * 1024;
/// Files that the policies' folder may have.
const FILES_MOST: usize = 1_000;

/// Lines for whoever pushed.
type Lines = Vec<String>;

/// The texts of a platform repository beside `organisation.yaml`; each reads without a mistake.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PlatformTexts {
    calendar: Option<Vec<u8>>,
    policies: Option<Vec<u8>>,
    /// Why controls do not apply.
    exempt: BTreeMap<ControlName, Vec<u8>>,
}

impl PlatformTexts {
    /// Returns the digest of the calendar, if there is one.
    pub fn calendar(&self) -> Option<Digest> {
        self.calendar.as_deref().map(Digest::of)
    }

    /// Returns the digest of the policies, if there are any: of what [`pack`] makes of them.
    pub fn policies(&self) -> Option<Digest> {
        self.policies.as_deref().map(Digest::of)
    }

    /// Returns the controls that do not apply, and the digests of the texts that say why.
    pub fn not_applicable(&self) -> BTreeMap<ControlName, Digest> {
        self.exempt.iter().map(|(name, why)| (name.clone(), Digest::of(why))).collect()
    }

    /// Keeps the texts under their digests.
    ///
    /// # Errors
    ///
    /// When the blobs can't be written.
    pub async fn keep(&self, blobs: &FileBlobs) -> Result<(), BlobError> {
        for text in self.calendar.iter().chain(&self.policies).chain(self.exempt.values()) {
            blobs.put(text.clone()).await?;
        }
        Ok(())
    }
}

/// Reads the texts of the platform repository at `commit`.
pub(crate) async fn read(
    objects: &ObjectAccess,
    commit: &CommitId,
) -> Result<PlatformTexts, Lines> {
    let failed = |error: GitError| vec![error.to_string()];
    let mut wrong = Vec::new();
    let calendar =
        objects.read_file(commit, CALENDAR, CALENDAR_BYTES_MOST).await.map_err(failed)?;
    if let Some(Err(lines)) = calendar.as_deref().map(calendar_of) {
        wrong.extend(lines);
    }
    let controls =
        objects.read_file(commit, CONTROLS, CONTROLS_BYTES_MOST).await.map_err(failed)?;
    let exempt = controls.map_or(Ok(BTreeMap::new()), |text| exempt_of(&text));
    let exempt = exempt.unwrap_or_else(|lines| {
        wrong.extend(lines);
        BTreeMap::new()
    });
    let policies = files(objects, commit).await?;
    let policies = match policies.is_empty() {
        true => None,
        false => {
            let packed = pack(&policies);
            let checked = tokio::task::spawn_blocking(move || check(policies)).await;
            match checked {
                Ok(lines) => wrong.extend(lines),
                Err(error) => wrong.push(format!("{POLICIES}: could not be checked: {error}")),
            }
            Some(packed)
        }
    };
    if wrong.is_empty() { Ok(PlatformTexts { calendar, policies, exempt }) } else { Err(wrong) }
}

/// Reads the files of the policies' folder, by their paths in it. Prose beside them is left out.
async fn files(
    objects: &ObjectAccess,
    commit: &CommitId,
) -> Result<BTreeMap<String, String>, Lines> {
    let failed = |error: GitError| vec![error.to_string()];
    let mut files = BTreeMap::new();
    let mut wrong = Vec::new();
    for path in objects.list_files(commit, 100_000).await.map_err(failed)? {
        let Some(inside) = path.strip_prefix(POLICIES).and_then(|rest| rest.strip_prefix('/'))
        else {
            continue;
        };
        if is_prose(inside) {
            continue;
        }
        if files.len() == FILES_MOST {
            return Err(vec![format!("{POLICIES}: more than {FILES_MOST} files.")]);
        }
        let text = objects.read_file(commit, &path, BUNDLE_BYTES_MOST).await.map_err(failed)?;
        match text.map(String::from_utf8) {
            Some(Ok(text)) => {
                files.insert(inside.to_owned(), text);
            }
            Some(Err(_)) => wrong.push(format!("{path}: it is not UTF-8.")),
            None => wrong.push(format!("{path}: it is no regular file.")),
        }
    }
    if wrong.is_empty() { Ok(files) } else { Err(wrong) }
}

/// Returns whether a file of the policies' folder only explains.
pub fn is_prose(path: &str) -> bool {
    std::path::Path::new(path).extension().is_some_and(|it| it == "md")
}

/// Says what is wrong with policies, and which of their own tests do not pass.
fn check(files: BTreeMap<String, String>) -> Lines {
    match load(files) {
        Err(problems) => problems,
        Ok(bundle) => {
            let report = test_bundle(&bundle);
            let failure = |case: &sluss_policy::TestCase| match &case.outcome {
                TestOutcome::Passed => None,
                TestOutcome::Failed { why } => {
                    Some(format!("{POLICIES}/{}:{}: {}: {why}", case.file, case.line, case.rule))
                }
                TestOutcome::Errored { at, why } => {
                    Some(format!("{POLICIES}/{at}: {}: {why}", case.rule))
                }
            };
            report.cases.iter().filter_map(failure).collect()
        }
    }
}

/// Loads policies from the texts of their files, or says everything that is wrong, a line each.
///
/// # Errors
///
/// Lines with file, line, column, what is wrong and how to mend it.
pub fn load(files: BTreeMap<String, String>) -> Result<Bundle, Lines> {
    load_in(POLICIES, files)
}

/// Loads policies that stand in `folder`, as [`load`] does.
///
/// # Errors
///
/// As of [`load`].
pub fn load_in(folder: &str, files: BTreeMap<String, String>) -> Result<Bundle, Lines> {
    let folder = folder.trim_end_matches('/');
    let line = |problem: &Problem| match problem.file.is_empty() {
        true => format!("{folder}: {problem}"),
        false => format!("{folder}/{problem}"),
    };
    Bundle::load(files).map_err(|refused| refused.problems.iter().map(line).collect())
}

/// Returns policies as the one text that they are kept as: JSON, file by file.
pub fn pack(files: &BTreeMap<String, String>) -> Vec<u8> {
    serde_json::to_vec(files).expect("BUG: texts by name always have a JSON form")
}

/// Returns the files of policies that are kept as `packed`.
///
/// # Errors
///
/// When these are no kept policies.
pub fn unpack(packed: &[u8]) -> Result<BTreeMap<String, String>, Lines> {
    serde_json::from_slice(packed).map_err(|error| vec![format!("{POLICIES}: {error}")])
}

/// Reads a calendar, or says everything that is wrong with it, a line each.
///
/// # Errors
///
/// Lines with the place, what is wrong and how to mend it.
pub fn calendar_of(bytes: &[u8]) -> Result<Calendar, Lines> {
    let text = std::str::from_utf8(bytes).map_err(|_| vec![format!("{CALENDAR}: not UTF-8.")])?;
    let file: CalendarFile = serde_saphyr::from_str(text).map_err(|error| {
        format!("{CALENDAR}: {error}").lines().map(str::to_owned).collect::<Lines>()
    })?;
    let line = |mistake: &Mistake| match place(text, mistake) {
        Some(line) => format!("{CALENDAR}:{line}: {mistake}"),
        None => format!("{CALENDAR}: {mistake}"),
    };
    Calendar::parse(&file).map_err(|mistakes| mistakes.0.iter().map(line).collect())
}

/// Returns the line of the field that a mistake is about, or else that of its window.
fn place(text: &str, mistake: &Mistake) -> Option<usize> {
    let window = mistake.window.as_deref()?;
    let value = |line: &str, key: &str| {
        let line = line.trim_start().trim_start_matches("- ").trim_start();
        let value = line.strip_prefix(key)?.trim_start().strip_prefix(':')?;
        let value = value.split(" #").next().unwrap_or(value);
        Some(value.trim().trim_matches(['"', '\'']).to_owned())
    };
    let ids: Vec<(usize, String)> = (1..)
        .zip(text.lines())
        .filter_map(|(number, line)| Some((number, value(line, "id")?)))
        .collect();
    let at = ids.iter().rposition(|(_, id)| id == window)?;
    let first = ids[at].0;
    let last = ids.get(at + 1).map_or(usize::MAX, |(next, _)| *next);
    let inside = (1..).zip(text.lines()).filter(|(number, _)| (first..last).contains(number));
    let mut of_field = inside.filter(|(_, line)| value(line, mistake.field).is_some());
    Some(of_field.next().map_or(first, |(number, _)| number))
}
