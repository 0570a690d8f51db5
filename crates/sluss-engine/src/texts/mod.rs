//! The texts of the platform repository that decide over deployments: its calendar, its policies.
//!
//! [`Texts`] answers for the loop. What it needs is read from blobs and from Git before the loop
//! decides; the answer itself is a function of these, the state and the time.
//!
//! # Invariants
//!
//! - What could not be read answers shut, and is looked for again after [`AGAIN_MS`].
//! - What a policy was given and what came out is kept before the event is appended that names
//!   both by digest, whatever came out.

mod ahead;
mod evidence;
mod exempt;
mod input;
mod meaning;
mod read;
mod replay;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sluss_calendar::{Calendar, Decision as CalendarDecision, Operation, Overrun, Scope, decide};
use sluss_core::deployment::Phase;
use sluss_core::event::Event;
use sluss_core::exception::{Changed, ExceptionKind};
use sluss_core::freezes::FreezeDecided;
use sluss_core::ids::{CommitId, DeploymentId, Digest, ServiceName};
use sluss_core::pipeline::{EnvironmentKind, GateKind, Stage};
use sluss_core::policies::Mode;
use sluss_core::risk::Size;
use sluss_core::rules::{
    CalendarSays, Diff, EngineUsed, PolicyRecord, PolicySays, Rules, RunningSays,
};
use sluss_core::state::State;
use sluss_core::units::Millis;
use sluss_policy::{Bundle, ClosedBecause, Decision, Limits, NO_DATA, evaluate};
use sluss_store::{Blobs as _, FileBlobs};

use crate::engine::Parts;
use crate::failure::Failure;
use crate::forge::{DiffStat, RepositoryName};

pub use ahead::opens_more;
pub use evidence::{Found, NotRead, Reports, read_report};
pub use exempt::CONTROLS;
pub use input::{Changes, NotTold, Passage, gate_input};
pub use meaning::{ALLOW, EVIDENCE};
pub use read::{
    CALENDAR, POLICIES, PlatformTexts, calendar_of, is_prose, load, load_in, pack, unpack,
};
pub use replay::{Past, compare, difference, past};

pub(crate) use read::read;

/// Milliseconds after which something is looked for again that could not be had.
const AGAIN_MS: i64 = 5_000;
/// How often a policy is asked that had too little time: the machine may have been busy.
const TRIES: usize = 3;

/// A release beside what is live where it goes, as two commits of its service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Between {
    service: ServiceName,
    live: Option<CommitId>,
    new: CommitId,
}

impl Between {
    fn of(state: &State, id: DeploymentId) -> Option<Self> {
        let deployment = state.deployments.get(&id)?;
        let new = state.change_of(deployment.release)?.push.commit.clone();
        let place = state.place(&deployment.service, &deployment.environment);
        let live = place.and_then(|place| state.deployments.get(&place.live?));
        let live = live.and_then(|live| state.change_of(live.release));
        let live = live.map(|change| change.push.commit.clone());
        Some(Self { service: deployment.service.clone(), live, new })
    }
}

/// What an answer needs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Need {
    Calendar(Digest),
    Policies(Digest),
    Changes(Between),
    /// The report of a scanner.
    Report(Digest),
}

#[derive(Debug, Default)]
struct Known {
    calendars: BTreeMap<Digest, Calendar>,
    bundles: BTreeMap<Digest, Arc<Bundle>>,
    changes: BTreeMap<Between, Arc<Changes>>,
    reports: Reports,
    /// What could not be had, and when that was tried.
    failed: BTreeMap<Need, Millis>,
    /// What policies were given since the loop last asked, and what came out.
    records: BTreeMap<Digest, Vec<u8>>,
}

/// The texts that were read, and answers by them.
#[derive(Debug, Default)]
pub struct Texts {
    known: Mutex<Known>,
}

impl Texts {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what the state's deployments need at `now` and was not read yet. Forgets what
    /// policies were given before.
    pub(crate) fn needs(&self, state: &State, now: Millis) -> BTreeSet<Need> {
        let mut known = self.known();
        known.records.clear();
        let Some(organisation) = &state.organisation else { return BTreeSet::new() };
        let mut needs = BTreeSet::new();
        needs.extend(organisation.calendar.clone().map(Need::Calendar));
        let policies = organisation.policies.clone();
        let asks_policies = policies.is_some();
        needs.extend(policies.map(Need::Policies));
        let waiting = state.open.deployments.iter().filter(|id| {
            let of = state.deployments.get(id);
            of.is_some_and(|of| {
                matches!(of.phase, Phase::Requested | Phase::Cleared) && may_ask(&of.stage)
            })
        });
        for id in waiting {
            // Whoever is asked about it agrees to what differs.
            needs.extend(Between::of(state, *id).map(Need::Changes));
            if asks_policies {
                needs.extend(reports_of(state, *id).map(Need::Report));
            }
        }
        known.changes.retain(|between, _| needs.contains(&Need::Changes(between.clone())));
        known.reports.retain(|report, _| needs.contains(&Need::Report(report.clone())));
        known.failed.retain(|need, _| needs.contains(need));
        needs.retain(|need| {
            let again = known.failed.get(need).is_none_or(|at| now.since(*at) >= AGAIN_MS);
            again && !known.has(need)
        });
        needs
    }

    /// Reads what is needed; what can't be had is remembered as that.
    pub(crate) async fn fetch_all(&self, parts: &Parts, needs: BTreeSet<Need>, now: Millis) {
        for need in needs {
            if let Err(why) = self.fetch(parts, &need).await {
                tracing::error!(?need, why, "what decides over deployments can't be read");
                self.known().failed.insert(need, now);
            }
        }
    }

    async fn fetch(&self, parts: &Parts, need: &Need) -> Result<(), String> {
        let joined = |lines: Vec<String>| lines.join(" ");
        match need {
            Need::Calendar(digest) => {
                let text = parts.blobs.get(digest).await.map_err(|error| error.to_string())?;
                let calendar = calendar_of(&text).map_err(joined)?;
                self.known().calendars.insert(digest.clone(), calendar);
            }
            Need::Policies(digest) => {
                let bundle = bundle(&parts.blobs, digest).await.map_err(joined)?;
                self.known().bundles.insert(digest.clone(), Arc::new(bundle));
            }
            Need::Report(digest) => {
                let bytes = parts.blobs.get(digest).await.map_err(|error| error.to_string())?;
                let read = tokio::task::spawn_blocking(move || read_report(&bytes)).await;
                let read = read.map_err(|error| error.to_string())?;
                let found = read.map_err(|error| error.to_string())?;
                self.known().reports.insert(digest.clone(), Arc::new(found));
            }
            Need::Changes(between) => {
                let changes = changes(parts, between).await?;
                self.known().changes.insert(between.clone(), Arc::new(changes));
            }
        }
        Ok(())
    }

    /// Keeps what policies were given for the decisions among `events`, and what came out.
    ///
    /// # Errors
    ///
    /// When it can't be written: then nothing may be appended.
    pub(crate) async fn keep(&self, blobs: &FileBlobs, events: &[Event]) -> Result<(), Failure> {
        for event in events {
            let named = match event {
                Event::GateDecided { policy: Some(record), .. } => {
                    vec![&record.data_sha256, &record.input_sha256, &record.result_sha256]
                }
                Event::FreezeDecided(said) => vec![&said.says],
                _keeps_nothing => continue,
            };
            for digest in named {
                let content = self.known().records.get(digest).cloned();
                if let Some(content) = content {
                    let kept = blobs.put(content).await;
                    kept.map_err(|e| Failure::upstream("A decision's parts can't be kept", &e))?;
                }
            }
        }
        Ok(())
    }

    /// Returns the calendar of this digest as far as it could be read; one that could not denies.
    pub fn calendar_of(&self, digest: Option<&Digest>) -> Option<Calendar> {
        let digest = digest?;
        let found = self.known().calendars.get(digest).cloned();
        Some(found.unwrap_or_else(|| Calendar::missing("its text can't be read")))
    }

    /// Returns what the calendar that is in force says of a deployment's start.
    pub fn calendar_says(
        &self,
        state: &State,
        deployment: DeploymentId,
        now: Millis,
    ) -> Option<CalendarDecision> {
        let digest = state.organisation.as_ref()?.calendar.as_ref();
        let calendar = self.calendar_of(digest)?;
        let operation = Operation::Deploy { predicted_ms: state.predicted_ms(deployment) };
        Some(decide(&calendar, &scope(state, deployment)?, operation, None, now.0))
    }

    /// Says whether freezes and calendar let a deployment pass, exceptions from them included.
    fn passage(&self, state: &State, id: DeploymentId, now: Millis) -> Passage {
        let Some(deployment) = state.deployments.get(&id) else {
            return Passage { allowed: false, until: None };
        };
        let calendar = self.calendar_says(state, id, now);
        let until = calendar.as_ref().and_then(|says| says.until_ms).map(Millis);
        let frozen = state.freeze_over(&deployment.service, &deployment.environment, now);
        let of = ExceptionKind::Freeze { deployment: id };
        if state.gap || state.stop_over(deployment).is_some() {
            Passage { allowed: false, until: None }
        } else if state.exception(id, now, |what| *what == of).is_some() {
            Passage { allowed: true, until: None }
        } else if let Some((_, freeze)) = frozen {
            Passage { allowed: false, until: Some(freeze.until) }
        } else {
            Passage { allowed: calendar.is_none_or(|says| says.allowed), until }
        }
    }
}

impl Known {
    /// Remembers a content until it is kept, and returns its digest.
    fn keep(&mut self, content: Vec<u8>) -> Digest {
        let digest = Digest::of(&content);
        self.records.insert(digest.clone(), content);
        digest
    }

    /// Remembers what was decided from and what came out, until it is kept.
    fn remember(
        &mut self,
        policies: &Digest,
        input: Vec<u8>,
        (decision, took): (&Decision, Duration),
    ) -> PolicyRecord {
        let result = serde_json::to_vec(decision).expect("BUG: a decision has a JSON form");
        let [data, input, result] =
            [NO_DATA.to_vec(), input, result].map(|content| self.keep(content));
        PolicyRecord {
            bundle_sha256: policies.clone(),
            data_sha256: data,
            input_sha256: input,
            result_sha256: result,
            input_size: u64::try_from(decision.input_size).ok(),
            engine: Some(EngineUsed {
                name: decision.engine.name.clone(),
                version: decision.engine.version.clone(),
                features: decision.engine.features.clone(),
            }),
            duration_us: u64::try_from(took.as_micros()).ok(),
            mode: Mode::Block,
            commit: None,
            approved_leaf: None,
        }
    }

    fn has(&self, need: &Need) -> bool {
        match need {
            Need::Calendar(digest) => self.calendars.contains_key(digest),
            Need::Policies(digest) => self.bundles.contains_key(digest),
            Need::Changes(between) => self.changes.contains_key(between),
            Need::Report(report) => self.reports.contains_key(report),
        }
    }
}

/// Whether a person or a policy may be asked about what goes to `stage`.
fn may_ask(stage: &Stage) -> bool {
    let asks = [GateKind::FourEyes, GateKind::Policy];
    stage.kind == EnvironmentKind::Lasting || asks.iter().any(|gate| stage.gates.contains(gate))
}

/// Reads the policies that are kept under `digest`.
///
/// # Errors
///
/// Why they can't be read, a line each.
pub async fn bundle(blobs: &FileBlobs, digest: &Digest) -> Result<Bundle, Vec<String>> {
    let packed = blobs.get(digest).await.map_err(|error| vec![error.to_string()])?;
    let loaded = tokio::task::spawn_blocking(move || load(unpack(&packed)?)).await;
    loaded.map_err(|error| vec![error.to_string()])?
}

/// The reports of scanners that speak for a deployment's release, or against it.
fn reports_of(state: &State, id: DeploymentId) -> impl Iterator<Item = Digest> + '_ {
    let deployment = state.deployments.get(&id).into_iter();
    let scans = deployment.flat_map(|of| state.scans_of(of.release, of.stage_index));
    scans.filter(|scan| scan.last).map(|scan| scan.scanned.report.clone())
}

async fn changes(parts: &Parts, between: &Between) -> Result<Changes, String> {
    let Between { service, live, new } = between;
    let repository = RepositoryName::from(service.clone());
    let objects = parts.repositories.objects(&repository);
    let objects = objects.ok_or_else(|| format!("there is no repository of {service}"))?;
    let paths = objects.changed_paths(live.as_ref(), new).await.map_err(|e| e.to_string())?;
    let size = objects.diff_stat(live.as_ref(), new).await.map_err(|e| e.to_string())?;
    let raw = objects.raw_diff(live.as_ref(), new).await.map_err(|e| e.to_string())?;
    let DiffStat { files, added, removed, binary } = size;
    Ok(Changes { paths, files, added, removed, binary, sha256: Digest::of(&raw) })
}

/// Returns what the calendar is asked about.
pub fn scope(state: &State, deployment: DeploymentId) -> Option<Scope> {
    let deployment = state.deployments.get(&deployment)?;
    let product = state.product_of(&deployment.service)?;
    let (service, environment) = (deployment.service.as_str(), deployment.environment.as_str());
    Some(Scope::new(product.as_str(), service, environment))
}

/// Returns the paths and lines that differ; lines of binary files nobody knows. Both are read
/// from the same two commits; what does not fit together is not known.
fn changed_of(known: &Changes) -> Option<Changed> {
    let whole = known.paths.len() as u64 == known.files;
    let lines = known.added.checked_add(known.removed)?;
    let lines = (known.binary == 0).then_some(lines);
    whole.then(|| Changed { paths: known.paths.clone(), lines })
}

/// Asks a policy, and once more where it only had too little time.
fn ask(bundle: &Bundle, input: &[u8]) -> Decision {
    let mut decision = evaluate(bundle, NO_DATA, input, Limits::default());
    for _ in 1..TRIES {
        if !matches!(decision.closed_because, Some(ClosedBecause::TimedOut { .. })) {
            break;
        }
        decision = evaluate(bundle, NO_DATA, input, Limits::default());
    }
    decision
}

impl Rules for Texts {
    fn calendar(
        &self,
        calendar: &Digest,
        state: &State,
        deployment: DeploymentId,
        now: Millis,
    ) -> CalendarSays {
        let known = self.known().calendars.get(calendar).cloned();
        let (Some(known), Some(scope)) = (known, scope(state, deployment)) else {
            return CalendarSays::Unreadable;
        };
        let operation = Operation::Deploy { predicted_ms: state.predicted_ms(deployment) };
        let says = decide(&known, &scope, operation, None, now.0);
        match says.allowed {
            true => CalendarSays::Open,
            false => CalendarSays::Shut {
                until: says.until_ms.map(Millis),
                windows: says.windows.into_iter().map(|window| window.0).collect(),
            },
        }
    }

    fn calendar_said(
        &self,
        calendar: &Digest,
        state: &State,
        deployment: DeploymentId,
        now: Millis,
    ) -> Option<FreezeDecided> {
        let known = self.known().calendars.get(calendar).cloned()?;
        let operation = Operation::Deploy { predicted_ms: None };
        let says = decide(&known, &scope(state, deployment)?, operation, None, now.0);
        let kept = self.known().keep(serde_json::to_vec(&says).ok()?);
        Some(FreezeDecided {
            deployment,
            at: now,
            allowed: says.allowed,
            until: says.until_ms.map(Millis),
            windows: says.windows.into_iter().map(|window| window.0).collect(),
            calendar: calendar.clone(),
            tzdb_version: says.tzdb_version,
            says: kept,
        })
    }

    fn running(
        &self,
        calendar: &Digest,
        state: &State,
        deployment: DeploymentId,
        now: Millis,
    ) -> RunningSays {
        let known = self.known().calendars.get(calendar).cloned();
        let (Some(known), Some(scope)) = (known, scope(state, deployment)) else {
            return RunningSays::Keeps { until: None, windows: Vec::new() };
        };
        let started = state.deployments.get(&deployment).and_then(|of| of.started);
        let started = started.map(|at| at.0);
        let says = decide(&known, &scope, Operation::Continue, started, now.0);
        match (says.allowed, says.overrun) {
            (true, _) => RunningSays::GoesOn,
            (false, Some(Overrun::Rollback)) => RunningSays::TakenBack,
            (false, _) => RunningSays::Keeps {
                until: says.until_ms.map(Millis),
                windows: says.windows.into_iter().map(|window| window.0).collect(),
            },
        }
    }

    fn changed(&self, state: &State, deployment: DeploymentId) -> Option<Changed> {
        let between = Between::of(state, deployment).filter(|between| between.live.is_some())?;
        changed_of(self.known().changes.get(&between)?)
    }

    fn diff(&self, state: &State, deployment: DeploymentId) -> Option<Diff> {
        let between = Between::of(state, deployment)?;
        let known = self.known().changes.get(&between).cloned()?;
        let size = Size::of(&changed_of(&known)?);
        Some(Diff { sha256: known.sha256.clone(), size })
    }

    fn policy(
        &self,
        policies: &Digest,
        state: &State,
        deployment: DeploymentId,
        now: Millis,
    ) -> PolicySays {
        let not_asked = |why: &str| PolicySays::NotAsked { why: why.to_owned() };
        // Evidence comes first: the log's own times never stand after the decision.
        let now = now.max(state.time);
        let bundle = self.known().bundles.get(policies).cloned();
        let Some(bundle) = bundle else { return not_asked("unreadable") };
        let between = Between::of(state, deployment);
        let changes = between.and_then(|between| self.known().changes.get(&between).cloned());
        let Some(changes) = changes else { return not_asked("what it changes is not known") };
        let passage = self.passage(state, deployment, now);
        let reports = self.known().reports.clone();
        let told = (changes.as_ref(), &reports);
        let input = match gate_input(state, deployment, told, passage, now) {
            Ok(input) => input.to_bytes(),
            Err(why) => {
                tracing::warn!(%deployment, %why, "a policy can't be told of it");
                return not_asked("input");
            }
        };
        let began = tokio::time::Instant::now();
        let decision = ask(&bundle, &input);
        let took = began.elapsed();
        if let Some(because) = &decision.closed_because {
            tracing::debug!(%deployment, %because, "the policies keep it");
        }
        let answer = meaning::answer(state, deployment, &decision, now);
        let record = self.known().remember(policies, input, (&decision, took));
        PolicySays::Asked { record, answer }
    }
}
