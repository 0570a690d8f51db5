//! What scanners found in a release, on its page: the oldest first, with what lets each stay.

use sluss_core::findings::FindingKey;
use sluss_core::ids::ReleaseId;
use sluss_core::units::Millis;
use sluss_engine::failure::Failure;

use super::html::{self, Html};
use super::link;
use crate::api::findings::{FindingView, findings_of};
use crate::app::App;

/// Findings that a page shows at most; the others are told by their number.
const SHOWN: usize = 40;

/// A finding as a row.
pub(super) struct Row {
    pub(super) state: Html,
    pub(super) severity: &'static str,
    /// What its report calls it, and where it is.
    pub(super) name: String,
    pub(super) place: String,
    /// The first digits of its key, and all of them.
    pub(super) key: Option<(String, String)>,
    pub(super) first: Html,
    pub(super) due: Option<Html>,
    pub(super) term: String,
    /// What lets it stay, or does not.
    pub(super) remark: Html,
}

/// What scanners found in a release.
pub(super) struct Findings {
    pub(super) rows: Vec<Row>,
    pub(super) more: usize,
}

impl Findings {
    /// Looks up what scanners found in `release`.
    pub(super) async fn of(app: &App, release: ReleaseId) -> Result<Self, Failure> {
        let now = app.engine.now();
        let found = findings_of(app, release).await?.findings;
        let more = found.len().saturating_sub(SHOWN);
        let rows = found.into_iter().take(SHOWN).map(|one| row(one, now)).collect();
        Ok(Self { rows, more })
    }
}

fn row(of: FindingView, now: Millis) -> Row {
    let state = match (of.overdue, &of.waived_by) {
        (true, _) => html::state("overdue"),
        (false, Some(_)) => html::state("waived"),
        (false, None) => html::state("in term"),
    };
    let waived = of.waived_by.as_ref().map(|id| {
        let until = of.waived_until_ms.map(|at| html::clock(Millis(at), now).0);
        format!("waived by {} until {}", link_to(id), until.unwrap_or_default())
    });
    let suppressed =
        of.suppressed.then_some("its report says that somebody accepted it: that opens nothing");
    let unnamed = of.key.is_none().then(|| "the log has no key of it".to_owned());
    let remarks: Vec<String> =
        waived.into_iter().chain(suppressed.map(str::to_owned)).chain(unnamed).collect();
    let name = match (of.rule, of.count) {
        (Some(rule), _) if !rule.is_empty() => rule,
        (_, 1) => "a finding".to_owned(),
        (_, many) => format!("{many} findings"),
    };
    let place = match (of.path, of.line) {
        (Some(path), Some(line)) => format!("{path}:{line}"),
        (Some(path), None) => path,
        (None, _) => String::new(),
    };
    let short = |key: String| (key.get(..FindingKey::SHORT).unwrap_or(&key).to_owned(), key);
    Row {
        state,
        severity: of.severity,
        name,
        place,
        key: of.key.map(short),
        first: html::ago(Millis(of.first_ms), now),
        due: of.due_ms.map(|at| html::clock(Millis(at), now)),
        term: of.term,
        remark: Html(remarks.join("; ")),
    }
}

fn link_to(exception: &str) -> String {
    html::link(&format!("{}#{exception}", link::EXCEPTIONS), exception).0
}
