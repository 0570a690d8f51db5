//! What the calendar said of a deployment's start, and which two people let it past that.

use sluss_calendar::Decision;
use sluss_core::event::Event;
use sluss_core::exception::Exception;
use sluss_core::freezes::FreezeDecided;
use sluss_core::ids::{DeploymentId, ExceptionId};
use sluss_core::pipeline::GateKind;
use sluss_ledger::attest::Statement;
use sluss_ledger::attest::predicate::{FreezeDecision, FreezeOverride};
use sluss_store::{Blobs as _, Log as _};

use super::{Said, about, artifacts, gone, hash, utc};
use crate::engine::{Engine, read_event};
use crate::failure::Failure;

/// What is signed of the event at `of`.
pub(super) async fn statement(engine: &Engine, of: u64, said: &Said) -> Result<Statement, Failure> {
    let Event::FreezeDecided(decided) = &said.event else {
        return Err(gone("answer of the calendar"));
    };
    let text = engine.parts().blobs.get(&decided.says).await;
    let text = text.map_err(|e| Failure::upstream("What the calendar said can't be read", &e))?;
    let says: Decision = serde_json::from_slice(&text)
        .map_err(|error| Failure::upstream("What the calendar said can't be read", &error))?;
    let exception = past(engine, of, decided.deployment).await?;
    let state = engine.state();
    let deployment =
        state.deployments.get(&decided.deployment).ok_or_else(|| gone("deployment"))?;
    let exception = exception.and_then(|id| state.exceptions.get(&id));
    let predicate = FreezeDecision {
        calendar_digest: hash(&decided.calendar),
        tzdb_version: decided.tzdb_version.clone(),
        scope: format!("{}@{}", deployment.service, deployment.environment),
        operation: "deploy".to_owned(),
        evaluated_at: utc(decided.at)?,
        allowed: decided.allowed,
        until: decided.until.map(utc).transpose()?,
        windows: decided.windows.clone(),
        sentence: says.sentence,
        overridden: exception.map(|one| overridden(decided, one)).transpose()?.flatten(),
    };
    about(artifacts(&state, deployment.release)?, &predicate)
}

/// Returns the exception by which the gate was open that was decided with the event at `of`.
async fn past(engine: &Engine, of: u64, id: DeploymentId) -> Result<Option<ExceptionId>, Failure> {
    let next = engine.parts().log.read(of + 1, 1).await?;
    let Some(next) = next.first() else { return Ok(None) };
    Ok(match read_event(next)?.1 {
        Event::GateDecided { deployment, gate: GateKind::Freeze, outcome, .. }
            if deployment == id =>
        {
            outcome.exceptions().first().copied()
        }
        _another => None,
    })
}

/// Returns who asked and who agreed, and until when.
fn overridden(decided: &FreezeDecided, one: &Exception) -> Result<Option<FreezeOverride>, Failure> {
    let held = decided.at < one.until;
    let person =
        |who: &sluss_core::ids::PersonRef| who.as_str().parse().map_err(|_| gone("person"));
    let Some(granted_by) = one.granted_by.first().filter(|_| held) else { return Ok(None) };
    Ok(Some(FreezeOverride {
        persons: [person(&one.asked_by)?, person(granted_by)?],
        reason_ref: hash(&one.reason),
        expires: utc(one.until)?,
    }))
}
