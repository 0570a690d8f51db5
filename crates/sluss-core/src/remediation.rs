//! Remediation: how old the findings of a release are, and until when each has to be mended.
//!
//! # Invariants
//!
//! - The age of a finding is that of its service: counted from the first scan that saw it, whatever
//!   branch, step or release that was of. It starts anew for nobody: not by another scan, nor when
//!   it was gone for a time.
//! - What its report says somebody accepted is as open as all else: only a waiver of two other
//!   people lets it stay.
//! - What has no key has no age: it is due at once where its severity has a term.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::config::Organisation;
use crate::deployment::Phase;
use crate::event::Event;
use crate::findings::{FindingCounts, FindingKey, Found, ScanOf, Severity, Sighting};
use crate::ids::{
    DeploymentId, Digest, ExceptionId, Malformed, ProductName, ReleaseId, ServiceName,
};
use crate::state::State;
use crate::steps::StepOwner;
use crate::units::Millis;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Days of a term at most: ten years.
const DAYS_MOST: u16 = 3_650;
/// Findings whose term is over that one event names at most.
const LATE_MOST: usize = 100;

/// How long a finding may stay open, written `30d` or `never`; the stricter is the less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Term {
    /// That many days of 24 hours; 0 is at once.
    Days(u16),
    /// It may stay.
    Never,
}

impl Term {
    /// Returns when the term of what was first seen then is over, if it ever is.
    pub fn after(self, first: Millis) -> Option<Millis> {
        match self {
            Self::Days(days) => Some(first.plus(i64::from(days) * DAY_MS)),
            Self::Never => None,
        }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Days(days) => write!(f, "{days}d"),
            Self::Never => f.write_str("never"),
        }
    }
}

impl From<Term> for String {
    fn from(term: Term) -> Self {
        term.to_string()
    }
}

impl TryFrom<String> for Term {
    type Error = Malformed;
    fn try_from(text: String) -> Result<Self, Malformed> {
        let days = || {
            let digits = text.strip_suffix('d').filter(|digits| digits.len() <= 4)?;
            let days = digits.parse().ok().filter(|days| *days <= DAYS_MOST)?;
            Some(Self::Days(days)).filter(|term| term.to_string() == text)
        };
        let never = (text == "never").then_some(Self::Never);
        never.or_else(days).ok_or_else(|| Malformed {
            found: text.chars().take(80).collect(),
            expected: "how long a finding may stay open: days from `0d` to `3650d`, or `never`",
        })
    }
}

/// How long findings of each severity may stay open, where something is said of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Terms(BTreeMap<Severity, Term>);

impl Terms {
    /// Returns terms that say this.
    pub fn new(terms: BTreeMap<Severity, Term>) -> Self {
        Self(terms)
    }

    /// Returns whether they say nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the term where nobody says another: critical at once, high within the month of PCI
    /// DSS (6.3.3), medium within the three months that it names as an example; low has none.
    pub fn usual(severity: Severity) -> Term {
        match severity {
            Severity::Critical => Term::Days(0),
            Severity::High => Term::Days(30),
            Severity::Medium => Term::Days(90),
            Severity::Low => Term::Never,
        }
    }
}

impl Organisation {
    /// Returns how long findings of this severity may stay open in services of `product`: a
    /// product's own term is stricter, or has no effect.
    pub fn term(&self, product: Option<&ProductName>, severity: Severity) -> Term {
        let all = self.findings.0.get(&severity).copied();
        let all = all.unwrap_or_else(|| Terms::usual(severity));
        let own = product.and_then(|product| self.products.get(product));
        let own = own.and_then(|product| product.findings.0.get(&severity).copied());
        own.map_or(all, |own| own.min(all))
    }

    /// Returns whether a finding may stay open for longer by `after` than by this.
    pub(crate) fn any_term_longer_in(&self, after: &Self) -> bool {
        let products = self.products.keys().map(Some).chain([None]);
        products.into_iter().any(|product| {
            let longer = |severity: &Severity| {
                after.term(product, *severity) > self.term(product, *severity)
            };
            Severity::ALL.iter().any(longer)
        })
    }
}

/// Findings of a release, as old as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aged {
    /// Which; nothing where the log does not name it.
    pub key: Option<FindingKey>,
    /// How many: one where it has a key.
    pub count: u32,
    /// How bad.
    pub severity: Severity,
    /// When it was first seen in its service.
    pub first: Millis,
    /// How long it may stay.
    pub term: Term,
    /// When that is over, if it ever is.
    pub due: Option<Millis>,
    /// Whether its report says that somebody accepted it.
    pub suppressed: bool,
    /// The waiver that lets it stay meanwhile.
    pub waived: Option<ExceptionId>,
    /// The report that has it.
    pub report: Digest,
}

impl Aged {
    /// Returns whether its term is over at `now`, waived or not.
    pub fn is_over(&self, now: Millis) -> bool {
        self.due.is_some_and(|due| due <= now)
    }
}

/// A finding whose term is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Overdue {
    /// Which; nothing where the log does not name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<FindingKey>,
    /// How many: one where it has a key.
    pub count: u32,
    /// How bad.
    pub severity: Severity,
    /// When it was first seen.
    pub since: Millis,
    /// How long it may stay open.
    pub term: Term,
    /// When that was over.
    pub due: Millis,
}

impl fmt::Display for Overdue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, count, severity, since, term, .. } = self;
        let since = since.utc_minute();
        match key {
            Some(key) => write!(f, "{severity} {}", key.short())?,
            None => write!(f, "{count} {severity} that the log does not name")?,
        }
        write!(f, " (since {since}, term {term})")
    }
}

/// The findings whose terms are over, the worst first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Late {
    /// As many of them as one event names.
    pub overdue: Vec<Overdue>,
    /// How many there are besides.
    #[serde(default, skip_serializing_if = "is_none")]
    pub more: u32,
}

fn is_none(count: &u32) -> bool {
    *count == 0
}

impl Late {
    /// Returns those of `all` whose terms are over at `now`, and that nobody waived.
    pub fn of(all: &[Aged], now: Millis) -> Self {
        let late = all.iter().filter(|one| one.waived.is_none() && one.is_over(now));
        let mut late: Vec<Overdue> = late
            .filter_map(|one| {
                let Aged { key, count, severity, first: since, term, due, .. } = *one;
                Some(Overdue { key, count, severity, since, term, due: due? })
            })
            .collect();
        late.sort_by_key(|one| (one.severity, one.due, Reverse(one.count), one.key));
        let rest = late.split_off(late.len().min(LATE_MOST));
        let more = rest.iter().fold(0, |all: u32, one| all.saturating_add(one.count));
        Self { overdue: late, more }
    }

    /// Returns whether there is none.
    pub fn is_empty(&self) -> bool {
        self.overdue.is_empty()
    }

    /// Returns how many there are.
    pub fn count(&self) -> u32 {
        self.overdue.iter().fold(self.more, |all, one| all.saturating_add(one.count))
    }

    /// Returns what is over, in words; of more than three only how many.
    pub fn words(&self) -> String {
        const SHOWN: usize = 3;
        let shown = self.overdue.iter().take(SHOWN);
        let told: Vec<String> = shown.clone().map(Overdue::to_string).collect();
        let counted = shown.fold(0, |all: u32, one| all.saturating_add(one.count));
        let many = match self.count() {
            1 => "1 finding is past its term".to_owned(),
            many => format!("{many} findings are past their terms"),
        };
        match self.count().saturating_sub(counted) {
            0 => format!("{many}: {}", told.join(", ")),
            rest => format!("{many}: {} and {rest} more", told.join(", ")),
        }
    }
}

/// Notes that a report was recorded: what it names was seen.
pub(crate) fn note(state: &mut State, now: Millis, event: &Event) {
    let Event::FindingsRecorded { owner, named: Some(named), .. } = event else { return };
    let service = match owner {
        StepOwner::Run(run) => {
            let change = state.runs.get(run).and_then(|run| state.changes.get(&run.change));
            change.map(|change| change.service.clone())
        }
        StepOwner::Deployment(id) => state.deployments.get(id).map(|of| of.service.clone()),
    };
    let Some(service) = service.and_then(|name| state.services.get_mut(&name)) else { return };
    for Found { key, .. } in named.all() {
        let seen = service.findings.entry(key).or_insert(Sighting { first: now, last: now });
        seen.last = now;
    }
}

impl State {
    /// Returns how long findings of this severity may stay open in `service`.
    pub fn term_of(&self, service: &ServiceName, severity: Severity) -> Term {
        let product = self.product_of(service);
        let organisation = self.organisation.as_ref();
        organisation.map_or_else(|| Terms::usual(severity), |known| known.term(product, severity))
    }

    /// Returns what the reports say that count for `deployment`, each finding once, however many
    /// reports have it; those that are due first come first.
    pub fn findings_at(&self, deployment: DeploymentId, now: Millis) -> Vec<Aged> {
        let Some(of) = self.deployments.get(&deployment) else { return Vec::new() };
        let mut all = self.aged(of.release, of.stage_index);
        let waived: BTreeMap<FindingKey, ExceptionId> = self.waived(deployment, now);
        for one in &mut all {
            one.waived = one.key.and_then(|key| waived.get(&key).copied());
        }
        all
    }

    /// Returns what the reports of its run say of a release; what is waived is so by a waiver of
    /// its newest deployment.
    pub fn findings_of(&self, release: ReleaseId, now: Millis) -> Vec<Aged> {
        let Some(known) = self.releases.get(&release) else { return Vec::new() };
        match known.deployments.last() {
            Some(newest) => self.findings_at(*newest, now),
            None => self.aged(release, 0),
        }
    }

    /// Returns the findings that waivers let stay, seen from `deployment`.
    fn waived(&self, deployment: DeploymentId, now: Millis) -> BTreeMap<FindingKey, ExceptionId> {
        let Some(of) = self.deployments.get(&deployment) else { return BTreeMap::new() };
        let mut waived = BTreeMap::new();
        for (id, service, findings) in self.findings_waived(deployment, now) {
            if *service == of.service {
                findings.iter().for_each(|key| _ = waived.entry(*key).or_insert(id));
            }
        }
        waived
    }

    fn aged(&self, release: ReleaseId, stage: usize) -> Vec<Aged> {
        let Some(service) = self.releases.get(&release).map(|of| &of.service) else {
            return Vec::new();
        };
        let seen = self.services.get(service).map(|known| &known.findings);
        let (mut named, mut all) = (BTreeMap::new(), Vec::new());
        let mut read = BTreeSet::new();
        for ScanOf { scanned, .. } in self.scans_that_count(release, stage) {
            if !read.insert(&scanned.report) {
                continue;
            }
            let one = |severity, first: Millis, count| {
                let term = self.term_of(service, severity);
                let (due, report) = (term.after(first), scanned.report.clone());
                let (key, suppressed, waived) = (None, false, None);
                Aged { key, count, severity, first, term, due, suppressed, waived, report }
            };
            let Some(found) = &scanned.named else {
                // Recorded before findings had keys: as old as its report.
                let of = |severity| one(severity, scanned.at, scanned.findings.of(severity));
                all.extend(Severity::ALL.map(of).into_iter().filter(|one| one.count > 0));
                continue;
            };
            all.extend(found.unnamed.iter().map(|(severity, count)| {
                let one = one(*severity, scanned.at, *count);
                Aged { due: one.due.map(|_| scanned.at), ..one }
            }));
            for Found { key, severity, suppressed } in found.all() {
                let first = seen.and_then(|seen| seen.get(&key)).map_or(scanned.at, |of| of.first);
                let new = Aged { key: Some(key), suppressed, ..one(severity, first, 1) };
                let known: &mut Aged = named.entry(key).or_insert_with(|| new.clone());
                known.suppressed &= suppressed;
                if severity < known.severity {
                    *known = Aged { suppressed: known.suppressed, ..new };
                }
            }
        }
        all.extend(named.into_values());
        all.sort_by_key(|one| (one.due.unwrap_or(Millis(i64::MAX)), one.severity, one.key));
        all
    }

    /// Returns what is past its term of what customers have in a place now.
    pub fn late_at(&self, deployment: DeploymentId, now: Millis) -> Late {
        let now = now.max(self.time);
        Late::of(&self.findings_at(deployment, now), now)
    }

    /// Returns each deployment that customers have and of which more, or less, is past its term
    /// than was recorded.
    pub(crate) fn grown_late(&self, now: Millis) -> Vec<Event> {
        let places = self.services.values().flat_map(|service| service.places.values());
        let live = places.filter_map(|place| place.live);
        let customers = live.filter(|id| {
            let of = self.deployments.get(id);
            of.is_some_and(|of| {
                matches!(of.phase, Phase::Live { .. })
                    && self.has_customers(of.release, of.stage_index)
            })
        });
        let grown = customers.filter_map(|deployment| {
            let late = self.late_at(deployment, now);
            let known = &self.deployments.get(&deployment)?.late;
            (late != *known).then_some(Event::FindingsOverdue { deployment, late })
        });
        grown.collect()
    }
}

/// Counts findings by severity.
pub fn counts(all: &[Aged]) -> FindingCounts {
    let mut counts = FindingCounts::default();
    all.iter().for_each(|one| counts.add(one.severity, one.suppressed, one.count));
    counts
}
