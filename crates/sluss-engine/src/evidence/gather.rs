//! Which events, attestations and contents belong to the dossier of a release.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sluss_core::event::{Event, Stream};
use sluss_core::ids::{AuthenticatorId, Digest, ExceptionId, PersonRef, ReleaseId};
use sluss_core::retention::Class;
use sluss_core::state::State;
use sluss_ledger::attest::Dsse;
use sluss_ledger::{ActorKind, Envelope};
use sluss_store::{Blobs as _, Log, Sealed};

use super::beside;
use super::decisions::{self, Decisions};
use super::gone;
use crate::engine::{Engine, read_event};
use crate::failure::Failure;

/// Events that are read from the log at once.
const PAGE: usize = 500;
/// Largest content that a dossier takes in, in bytes.
const BLOB_MOST: u64 = 8 << 20;
/// Fields of events that name contents which may leave: none of them is a private text or the log
/// of a step.
const MAY_LEAVE: [&str; 7] =
    ["statement", "input", "calendar", "policies", "sbom", "assertion", "says"];

/// What belongs to the dossier of a release.
#[derive(Default)]
pub(super) struct Gathered {
    /// Events, by their position.
    pub events: BTreeMap<u64, Sealed>,
    /// Leaves of attestations that the events name, and what was signed.
    pub attestations: BTreeMap<u64, (Vec<u8>, Dsse)>,
    /// Contents that events name by digest.
    pub blobs: BTreeMap<Digest, Vec<u8>>,
    /// What policies decided, and from what.
    pub decisions: Decisions,
    /// Contents that are gone by the log, with their class and the entry that says so.
    pub disposed: BTreeMap<Digest, (Class, u64)>,
    /// Who acted or contributed.
    pub persons: BTreeSet<PersonRef>,
}

/// What of the log is wanted.
struct Wanted {
    streams: BTreeSet<String>,
    /// Proposed configurations that decided about it.
    configurations: BTreeSet<u64>,
    /// Freezes and stops of the line that held it, by their names.
    held: BTreeSet<String>,
}

pub(super) async fn gather(engine: &Engine, id: ReleaseId) -> Result<Gathered, Failure> {
    let wanted = wanted(&engine.state(), id);
    let log = &engine.parts().log;
    let mut gathered = Gathered::default();
    for stream in &wanted.streams {
        take(&mut gathered, whole(log.as_ref(), stream).await?, |_| true);
    }
    if !wanted.held.is_empty() {
        let calendar = whole(log.as_ref(), &Stream::Calendar.to_string()).await?;
        let held = |sealed: &Sealed| beside::is_of(sealed, &wanted.held);
        let held = calendar.into_iter().filter(held).collect();
        take(&mut gathered, held, |_| true);
    }
    let config = whole(log.as_ref(), &Stream::Config.to_string()).await?;
    let decided = |event: &Event| {
        event.configuration().is_some_and(|number| wanted.configurations.contains(&number))
    };
    take(&mut gathered, config, decided);
    take(&mut gathered, log.read(0, 1).await?, |event| matches!(event, Event::LogOpened { .. }));
    exceptions(log.as_ref(), &mut gathered).await?;
    keys(log.as_ref(), &mut gathered).await?;
    stand_ins(log.as_ref(), &mut gathered).await?;
    for leaf in beside::sign_ins(&gathered) {
        let is_one = |event: &Event| matches!(event, Event::AccessLogin { .. });
        take(&mut gathered, log.read(leaf, 1).await?, is_one);
    }
    let events: Vec<Sealed> = gathered.events.values().cloned().collect();
    for sealed in &events {
        attestation(engine, sealed, &mut gathered).await?;
        contents(engine, sealed, &mut gathered).await?;
        decisions::take(&engine.parts().blobs, sealed, &mut gathered.decisions).await?;
    }
    identified(log.as_ref(), &mut gathered).await?;
    disposals(log.as_ref(), &mut gathered).await?;
    Ok(gathered)
}

/// Notes a content that is gone by the log; false where it is not.
fn is_gone(engine: &Engine, digest: &Digest, gathered: &mut Gathered) -> bool {
    let state = engine.state();
    let kept = state.contents.get(digest);
    let gone = kept.and_then(|kept| Some((kept.class, kept.gone.as_ref()?.leaf)));
    gathered.disposed.extend(gone.map(|gone| (digest.clone(), gone)));
    gone.is_some()
}

/// Takes the events that say what is gone, and who proposed and agreed to that.
async fn disposals(log: &dyn Log, gathered: &mut Gathered) -> Result<(), Failure> {
    if gathered.disposed.is_empty() {
        return Ok(());
    }
    let all = whole(log, &Stream::Retention.to_string()).await?;
    let leaves: BTreeSet<u64> = gathered.disposed.values().map(|(_, leaf)| *leaf).collect();
    let mut disposals = BTreeSet::new();
    for sealed in all.iter().filter(|sealed| leaves.contains(&sealed.position)) {
        gathered.events.insert(sealed.position, sealed.clone());
        if let Event::BlobDisposed { disposal, .. } = read_event(sealed)?.1 {
            disposals.insert(disposal);
        }
    }
    take(gathered, all, |event| match event {
        Event::DisposalProposed { disposal, .. } | Event::DisposalAgreed { disposal, .. } => {
            disposals.contains(disposal)
        }
        _of_another_kind => false,
    });
    Ok(())
}

/// The release's own streams, and those of incidents and exceptions of its deployments. Exceptions
/// that gates name are found in their decisions.
fn wanted(state: &State, id: ReleaseId) -> Wanted {
    let mut streams: BTreeSet<String> =
        state.streams_of(id).iter().map(Stream::to_string).collect();
    let Some(release) = state.releases.get(&id) else {
        return Wanted { streams, configurations: BTreeSet::new(), held: BTreeSet::new() };
    };
    let of_it = |deployment| release.deployments.contains(&deployment);
    let incidents = state.incidents.iter().filter(|(_, one)| one.deployment().is_some_and(of_it));
    streams.extend(incidents.map(|(id, _)| Stream::Incident(*id).to_string()));
    let exceptions =
        state.exceptions.iter().filter(|(_, one)| one.what.deployment().is_some_and(of_it));
    // What an emergency was about belongs to it, whatever caused that.
    let about = exceptions.clone().filter_map(|(_, one)| one.what.incident());
    streams.extend(about.map(|id| Stream::Incident(id).to_string()));
    streams.extend(exceptions.map(|(id, _)| Stream::Exception(*id).to_string()));
    streams.extend(state.told_of(id).into_iter().map(|id| Stream::Change(id).to_string()));
    let configurations = state.configurations_of(id);
    let deployments = release.deployments.iter().filter_map(|id| state.deployments.get(id));
    let held = deployments.flat_map(|one| beside::held(state, one)).collect();
    Wanted { streams, configurations, held }
}

async fn whole(log: &dyn Log, stream: &str) -> Result<Vec<Sealed>, Failure> {
    let mut all: Vec<Sealed> = Vec::new();
    loop {
        let next = all.last().map_or(0, |last| last.seq + 1);
        let page = log.stream(stream, next, PAGE).await?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

fn take(gathered: &mut Gathered, found: Vec<Sealed>, is_wanted: impl Fn(&Event) -> bool) {
    for sealed in found {
        if read_event(&sealed).is_ok_and(|(_, event)| is_wanted(&event)) {
            gathered.events.insert(sealed.position, sealed);
        }
    }
}

/// Takes who asked for the exceptions that gates name here, who granted them, and what became of
/// them: waivers and standard changes are of a service, and let many releases through.
async fn exceptions(log: &dyn Log, gathered: &mut Gathered) -> Result<(), Failure> {
    let named = |sealed: &Sealed| match read_event(sealed).map(|(_, event)| event) {
        Ok(Event::GateDecided { outcome, .. }) => outcome.exceptions(),
        Ok(_) | Err(_) => Vec::new(),
    };
    let named: BTreeSet<ExceptionId> = gathered.events.values().flat_map(named).collect();
    for exception in named {
        take(gathered, whole(log, &Stream::Exception(exception).to_string()).await?, |_| true);
    }
    Ok(())
}

/// Takes the registrations of the keys that signed something, and their removals.
async fn keys(log: &dyn Log, gathered: &mut Gathered) -> Result<(), Failure> {
    let used = |sealed: &Sealed| match read_event(sealed).map(|(_, event)| event) {
        Ok(
            Event::ApprovalGranted { signed, .. }
            | Event::ApprovalRefused { signed, .. }
            | Event::ExceptionGranted { signed, .. },
        ) => signed.map(|signed| signed.authenticator),
        Ok(_) | Err(_) => None,
    };
    let used: BTreeSet<AuthenticatorId> = gathered.events.values().filter_map(used).collect();
    if used.is_empty() {
        return Ok(());
    }
    let access = whole(log, &Stream::Access.to_string()).await?;
    take(gathered, access, |event| match event {
        Event::AuthenticatorRegistered { authenticator, .. }
        | Event::AuthenticatorVouched { authenticator, .. }
        | Event::AuthenticatorRemoved { authenticator, .. } => used.contains(authenticator),
        _of_no_key => false,
    });
    Ok(())
}

/// Takes what says that those who agreed decided for somebody else.
async fn stand_ins(log: &dyn Log, gathered: &mut Gathered) -> Result<(), Failure> {
    let agreed = |sealed: &Sealed| match read_event(sealed).map(|(_, event)| event) {
        Ok(Event::ApprovalGranted { by, .. }) => Some(by),
        Ok(_) | Err(_) => None,
    };
    let agreed: BTreeSet<PersonRef> = gathered.events.values().filter_map(agreed).collect();
    if agreed.is_empty() {
        return Ok(());
    }
    let access = whole(log, &Stream::Access.to_string()).await?;
    take(gathered, access, |event| match event {
        Event::AccessDelegated { delegation } => agreed.contains(&delegation.to),
        _of_nobody => false,
    });
    Ok(())
}

/// Takes what says who those are of whom no configuration knew that, and who said so.
async fn identified(log: &dyn Log, gathered: &mut Gathered) -> Result<(), Failure> {
    for sealed in whole(log, &Stream::Access.to_string()).await? {
        let Event::AccessIdentified { unknown, person, by } = read_event(&sealed)?.1 else {
            continue;
        };
        if gathered.persons.contains(&unknown) {
            gathered.persons.extend(person.into_iter().chain([by]));
            gathered.events.insert(sealed.position, sealed);
        }
    }
    Ok(())
}

/// Takes the attestation that an event names.
async fn attestation(
    engine: &Engine,
    sealed: &Sealed,
    gathered: &mut Gathered,
) -> Result<(), Failure> {
    let (_, Event::AttestationRecorded { envelope, .. }) = read_event(sealed)? else {
        return Ok(());
    };
    if is_gone(engine, &envelope, gathered) {
        return Ok(());
    }
    let opened = Envelope::open(&sealed.bytes)
        .map_err(|error| Failure::upstream("An event can't be read", &error))?;
    for named in opened.atts {
        let leaf = engine.parts().log.read(named.leaf, 1).await?;
        let leaf = leaf.first().ok_or_else(|| gone(format!("entry {}", named.leaf)))?;
        let text = engine.parts().blobs.get(&envelope).await;
        let text = text.map_err(|error| Failure::upstream("An envelope is missing", &error))?;
        let signed = Dsse::parse(&text)
            .map_err(|error| Failure::upstream("An envelope can't be read", &error))?;
        gathered.attestations.insert(named.leaf, (leaf.bytes.to_vec(), signed));
    }
    Ok(())
}

/// Takes who acted, and the contents that may leave.
async fn contents(
    engine: &Engine,
    sealed: &Sealed,
    gathered: &mut Gathered,
) -> Result<(), Failure> {
    let actor = &sealed.actor;
    let acting = (actor.kind == ActorKind::Person).then_some(actor.reference);
    let acting = acting.into_iter().chain(actor.acts_for);
    gathered.persons.extend(acting.filter_map(|one| one.to_string().parse().ok()));
    let data: Value = serde_json::from_str(sealed.body.get()).unwrap_or_default();
    let mut named = Vec::new();
    read(&data, &mut named, &mut gathered.persons);
    // A decision that names all of its parts has them beside each other, not among the contents.
    let of_decision = data["policy"]["input_sha256"].as_str();
    named.retain(|digest: &Digest| Some(digest.as_str()) != of_decision);
    let blobs = &engine.parts().blobs;
    let wrong =
        |error: sluss_store::BlobError| Failure::upstream("A content can't be read", &error);
    for digest in named {
        if is_gone(engine, &digest, gathered) {
            continue;
        }
        let size = blobs.size(&digest).await.map_err(wrong)?;
        if size.is_some_and(|size| size <= BLOB_MOST) {
            let content = blobs.get(&digest).await.map_err(wrong)?;
            gathered.blobs.insert(digest, content);
        }
    }
    Ok(())
}

/// Finds digests of contents that may leave, and people, however deep they stand.
fn read(data: &Value, named: &mut Vec<Digest>, persons: &mut BTreeSet<PersonRef>) {
    match data {
        Value::Object(fields) => {
            for (name, value) in fields {
                let text = value.as_str();
                if MAY_LEAVE.contains(&name.as_str()) {
                    named.extend(text.and_then(|text| text.parse().ok()));
                }
                if name == "by" || name == "person" || name == "contributors" {
                    let items = value.as_array().into_iter().flatten().filter_map(Value::as_str);
                    persons.extend(items.chain(text).filter_map(|text| text.parse().ok()));
                }
                read(value, named, persons);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| read(item, named, persons)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
