//! Decisions: what a command means in a state. Pure; no clock, no I/O, no randomness.
//!
//! # Invariants
//!
//! - A refusal that a signed-in caller meets carries the event that records it.
//! - Nobody acts as somebody who was erased.
//! - A command of a machine that no longer fits the state means nothing, and no error.

mod agent;
mod answer;
mod assure;
mod change;
mod classify;
mod command;
mod dossier;
mod erasure;
mod exception;
pub(crate) mod incident;
mod key;
mod machine;
mod person;
mod promotion;
mod retention;
mod review;
mod significance;
mod stop;

use crate::approval::Subject;
use crate::deployment::Phase;
use crate::event::{Event, RefusedWhy};
use crate::ids::DeploymentId;
use crate::invariant::Invariant;
use crate::pipeline::EnvironmentKind;
use crate::rollout::Rollout;
use crate::state::State;
use crate::units::Millis;

pub use assure::Assure;
pub use classify::{Reporting, Stated};
pub use command::{Actor, Command, Retain};
pub(crate) use key::in_person;

/// Returns what `command` of `actor` means in `state` at `now`.
pub fn decide(
    state: &State,
    command: Command,
    actor: &Actor,
    now: Millis,
) -> Result<Vec<Event>, Refusal> {
    use Command as C;
    if command.is_a_report() && *actor != Actor::System {
        return Err(not_reported());
    }
    if actor.who().is_some_and(|who| state.is_erased(who)) {
        return Err(erased());
    }
    match command {
        C::RotateKey { of, former, present } => state.rotate_key(of, former, present, actor),
        C::RetireKey { of, key } => state.retire_key(of, key, actor),
        C::Retain(wanted) => retention::decide(state, wanted, actor, now),
        C::Reporting(wanted) => classify::decide(state, wanted, actor, now),
        C::Assure(wanted) => assure::decide(state, wanted, actor, now),
        C::Heartbeat { clock } => Ok(state.heartbeat(clock, now)),
        C::AgeFindings => Ok(state.grown_late(now)),
        C::SealPopulation(sealed) => Ok(state.seal_population(sealed, now)),
        C::Exported { release, manifest, identities } => {
            dossier::exported(state, release, manifest, identities, actor)
        }
        C::SignedIn { .. } | C::Denied { .. } => Ok(machine::decide(state, command)),
        C::ClockReturned { .. } => person::decide(state, command, actor, now),
        report if report.is_a_report() => Ok(machine::decide(state, report)),
        of_a_person => person::decide(state, of_a_person, actor, now),
    }
}

fn not_reported() -> Refusal {
    let what = "Only Sluss itself reports what its parts did.";
    Refusal::new(Blame::Denied, what, "See what you may ask for: `sluss help`").recorded(
        None,
        "report",
        RefusedWhy::NotIntended,
    )
}

/// Nobody acts as somebody who was erased, whatever role their reference has.
fn erased() -> Refusal {
    let what = "This person was erased, so nobody acts as them.";
    Refusal::new(Blame::Denied, what, "Ask an administrator for an account: `sluss account add`")
        .recorded(None, "act", RefusedWhy::MissingRole)
}

/// Who can mend it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// What was asked makes no sense.
    Caller,
    /// Who asked may not.
    Denied,
    /// It does not fit what is true now.
    Conflict,
    /// There is no such thing.
    NotFound,
}

/// Why a command has no effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Refusal {
    /// Who can mend it.
    pub blame: Blame,
    /// What happened, and why.
    pub what: String,
    /// What to do next.
    pub hint: String,
    /// The compiled-in invariant that it would break, if it is one.
    pub core: Option<Invariant>,
    /// What is recorded of it.
    pub record: Option<Box<Event>>,
}

impl Refusal {
    pub(crate) fn new(blame: Blame, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { blame, what: what.into(), hint: hint.into(), core: None, record: None }
    }

    pub(crate) fn recorded(mut self, subject: Option<Subject>, act: &str, why: RefusedWhy) -> Self {
        let (act, core) = (act.to_owned(), why.invariant());
        self.core = core;
        self.record = Some(Box::new(Event::AccessRefused { subject, act, why, core }));
        self
    }
}

impl Refusal {
    /// Names the invariant, where it is another one than such refusals are for in general.
    fn by(mut self, invariant: Invariant) -> Self {
        self.core = Some(invariant);
        if let Some(Event::AccessRefused { core, .. }) = self.record.as_deref_mut() {
            *core = Some(invariant);
        }
        self
    }
}

fn not_now(what: impl Into<String>) -> Refusal {
    Refusal::new(Blame::Conflict, what, "See how it stands: `sluss status`")
}

fn missing(what: impl Into<String>, see: &str) -> Refusal {
    Refusal::new(Blame::NotFound, what, format!("See what there is: `{see}`"))
}

/// Checks that `actor` has the role of a developer. Before a policy is activated nobody has one.
fn developer(state: &State, actor: &Actor, act: &str) -> Result<(), Refusal> {
    let may = match actor {
        Actor::System => true,
        Actor::Person { who, .. } | Actor::Signer { who, .. } | Actor::Agent { who } => {
            state.organisation.as_ref().is_some_and(|o| o.developers.contains(who))
        }
    };
    match may {
        true => Ok(()),
        false => Err(Refusal::new(
            Blame::Denied,
            format!("To {act} takes the role of a developer, and you don't have it."),
            "Ask for it by a change of `organisation.yaml` in the platform repository",
        )
        .recorded(None, act, RefusedWhy::MissingRole)),
    }
}

fn rolling(state: &State, id: DeploymentId) -> Result<&Rollout, Refusal> {
    match state.deployments.get(&id).map(|deployment| &deployment.phase) {
        Some(Phase::RollingOut(rollout)) => Ok(rollout),
        Some(_) => Err(not_now(format!("{id} is not rolling out."))),
        None => Err(missing(format!("There is no deployment {id}."), "sluss status")),
    }
}

/// Returns whether a stage of this kind has customers.
pub fn has_customers(kind: EnvironmentKind) -> bool {
    match kind {
        EnvironmentKind::Lasting => true,
        EnvironmentKind::Ephemeral => false,
    }
}
