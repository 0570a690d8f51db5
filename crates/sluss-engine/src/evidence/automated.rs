//! That a standard change stood for an approval, as an approval without a person of its own.
//!
//! Whoever agreed to the model is named as who decided, with how they were signed in then; the
//! summary is that of the gate that saw that the release fits.

use sluss_core::approval::Automated as Event;
use sluss_core::event;
use sluss_core::evidence::Evidence;
use sluss_core::exception::{Exception, ExceptionKind};
use sluss_core::ids::{DeploymentId, ExceptionId, PersonRef};
use sluss_core::pipeline::GateKind;
use sluss_core::units::Millis;
use sluss_ledger::Hash;
use sluss_ledger::attest::Statement;
use sluss_ledger::attest::predicate::{Approval, ApprovalDecision, Automated, StatementDigest};
use sluss_store::Log as _;

use super::{Said, about, artifacts, gone, hash, utc};
use crate::engine::{Engine, read_event};
use crate::failure::{Blame, Failure};

/// The role in which a model decides, and its slot where it names no function.
const ROLE: &str = "standard-change";

/// What is signed of the event at `of`.
pub(super) async fn statement(
    engine: &Engine,
    of: u64,
    id: DeploymentId,
    said: &Said,
) -> Result<Statement, Failure> {
    let event::Event::ApprovalAutomated(event) = &said.event else {
        return Err(gone("standard change that stands for an approval"));
    };
    let vsa = summary(engine, of, id).await?;
    let (by, at, signed) = agreed(engine, event, id).await?;
    let size = engine.parts().blobs.size_blocking(&event.statement);
    let size = size.map_err(|error| Failure::upstream("A statement can't be read", &error))?;
    let state = engine.state();
    let one = state.exceptions.get(&event.exception).ok_or_else(|| gone(event.exception))?;
    let (acr, amr): (_, &[&str]) = match signed {
        true => ("urn:sluss:webauthn", &["mfa", "user"]),
        false => ("urn:sluss:password", &["pwd"]),
    };
    let predicate = Approval {
        statement: StatementDigest { sha256: hash(&event.statement), size: size.unwrap_or(0) },
        decision: ApprovalDecision::Granted,
        role: ROLE.to_owned(),
        slot: function(one).unwrap_or_else(|| ROLE.to_owned()),
        person_ref: by.as_str().parse().map_err(|_| gone("person"))?,
        acr: acr.to_owned(),
        amr: amr.iter().map(|word| (*word).to_owned()).collect(),
        auth_time: utc(at)?,
        webauthn: None,
        automated: Some(Automated { model_digest: hash(&event.model_sha256), vsa }),
        valid_until: utc(event.valid_until.map_or(one.until, |until| until.min(one.until)))?,
    };
    let deployment = state.deployments.get(&id).ok_or_else(|| gone(id))?;
    about(artifacts(&state, deployment.release)?, &predicate)
}

/// The function that agrees to a model, where it names one.
fn function(one: &Exception) -> Option<String> {
    match &one.what {
        ExceptionKind::Standard { model } => model.function.as_ref().map(ToString::to_string),
        _of_another_kind => None,
    }
}

/// Who agreed to the model first and had no hand in the release, when, and whether they signed it.
async fn agreed(
    engine: &Engine,
    event: &Event,
    id: DeploymentId,
) -> Result<(PersonRef, Millis, bool), Failure> {
    let by = {
        let state = engine.state();
        let one = state.exceptions.get(&event.exception).ok_or_else(|| gone(event.exception))?;
        let contributors = state.contributors(id);
        let free = |who: &&PersonRef| **who != one.asked_by && !contributors.contains(*who);
        one.granted_by.iter().find(free).cloned().ok_or_else(|| gone("person who agreed"))?
    };
    let (at, signed) = granted(engine, event.exception, &by).await?;
    Ok((by, at, signed))
}

/// When `by` agreed to an exception, and whether they signed that with a key of their own.
async fn granted(
    engine: &Engine,
    exception: ExceptionId,
    by: &PersonRef,
) -> Result<(Millis, bool), Failure> {
    let stream = event::Stream::Exception(exception).to_string();
    let mut next = 0;
    loop {
        let page = engine.parts().log.stream(&stream, next, 100).await?;
        let Some(last) = page.last() else { return Err(gone("agreement")) };
        next = last.seq + 1;
        for sealed in &page {
            if let event::Event::ExceptionGranted { by: who, signed, .. } = read_event(sealed)?.1
                && who == *by
            {
                return Ok((sealed.time, signed.is_some()));
            }
        }
    }
}

/// The summary of the gate that was decided with the event at `of`, by its envelope.
async fn summary(engine: &Engine, of: u64, id: DeploymentId) -> Result<Hash, Failure> {
    let leaves: Vec<u64> = {
        let state = engine.state();
        let stream = event::Stream::Deployment(id).to_string();
        let gate = Evidence::Gate { deployment: id, gate: GateKind::FourEyes };
        let recorded = state.attested.get(&stream).into_iter().flatten();
        recorded.filter(|one| one.evidence == gate).map(|one| one.leaf).collect()
    };
    for leaf in leaves {
        // The event that names an attestation stands right after it.
        let named = engine.parts().log.read(leaf + 1, 1).await?;
        let named = named.first().ok_or_else(|| gone(format!("entry {leaf}")))?;
        if let event::Event::AttestationRecorded { of: decided, envelope, .. } =
            read_event(named)?.1
            && decided == of + 1
        {
            return Ok(hash(&envelope));
        }
    }
    let what = format!("What the gate for people of {id} decided is not signed yet.");
    Err(Failure::new(Blame::Upstream, what, "It is tried again"))
}
