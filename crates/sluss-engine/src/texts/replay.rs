//! What policies were given in the past, and what others would have made of it.

use sluss_core::event::Event;
use sluss_core::gate::{ClearedWhy, GateOutcome};
use sluss_core::ids::Digest;
use sluss_core::pipeline::GateKind;
use sluss_core::units::Millis;
use sluss_policy::{Bundle, DiffReport, Limits, NO_DATA, Recorded, diff};
use sluss_store::{Blobs as _, Log as _, Sealed};

use crate::engine::{Engine, read_event};
use crate::failure::Failure;

/// Events that are read at once.
const PAGE: usize = 2_000;

/// Decisions of the past, newest last.
#[derive(Debug, Clone, Default)]
pub struct Past {
    /// Those that can be decided again, by the position of their event.
    pub recorded: Vec<Recorded>,
    /// Those that can't, and why.
    pub not_checked: Vec<(String, String)>,
    /// How many went though the policies would have refused them, since they only warned.
    pub only_warned: usize,
}

/// Reads what policies decided since an instant: the last `most` decisions.
///
/// # Errors
///
/// When the log can't be read.
pub async fn past(engine: &Engine, since: Millis, most: usize) -> Result<Past, Failure> {
    let log = &engine.parts().log;
    let mut past = Past::default();
    let mut end = log.size().await?;
    while end > 0 && past.recorded.len() < most {
        let start = end.saturating_sub(PAGE as u64);
        let length = usize::try_from(end - start).unwrap_or(PAGE);
        let page = log.read(start, length).await?;
        end = start;
        for sealed in page.iter().rev().filter(|sealed| sealed.time >= since) {
            if past.recorded.len() == most {
                break;
            }
            of_entry(engine, sealed, &mut past).await?;
        }
        if page.first().is_none_or(|first| first.time < since) {
            break;
        }
    }
    past.recorded.reverse();
    past.not_checked.reverse();
    Ok(past)
}

async fn of_entry(engine: &Engine, sealed: &Sealed, past: &mut Past) -> Result<(), Failure> {
    if sealed.kind != "gate.decided" {
        return Ok(());
    }
    let Event::GateDecided { gate: GateKind::Policy, outcome, policy, .. } = read_event(sealed)?.1
    else {
        return Ok(());
    };
    let id = sealed.position.to_string();
    let warned = matches!(&outcome, GateOutcome::Cleared { why: ClearedWhy::WouldRefuse { .. } });
    past.only_warned += usize::from(warned);
    match policy.as_ref().map(|record| &record.input_sha256).or_else(|| outcome.input()) {
        Some(digest) => match engine.parts().blobs.get(digest).await {
            Ok(input) => past.recorded.push(Recorded { id, data: NO_DATA.to_vec(), input }),
            Err(error) => past.not_checked.push((id, error.to_string())),
        },
        None => match outcome {
            GateOutcome::Cleared { why: ClearedWhy::NoPolicy | ClearedWhy::Exception { .. } } => {}
            other => past.not_checked.push((id, other.sentence())),
        },
    }
    Ok(())
}

/// Decides the past by both policies. Blocks: call it where that may be.
pub fn difference(old: &Bundle, new: &Bundle, past: Past) -> DiffReport {
    let Past { recorded, not_checked, only_warned } = past;
    let mut report = diff(old, new, recorded, Limits::default());
    report.not_checked.extend(not_checked);
    report.only_warned = only_warned;
    report
}

/// How far back policies are compared, and over how many decisions at most.
const PAST_MS: i64 = 90 * 24 * 60 * 60 * 1000;
const DECISIONS_MOST: usize = 200;

/// Says what the policies of digest `new` would have made of the last ninety days, beside `old`.
///
/// # Errors
///
/// Why the past could not be decided again.
pub async fn compare(
    engine: &Engine,
    old: &Digest,
    new: &Digest,
) -> Result<DiffReport, Vec<String>> {
    let blobs = &engine.parts().blobs;
    let (old, new) = (super::bundle(blobs, old).await?, super::bundle(blobs, new).await?);
    let past = past(engine, engine.now().plus(-PAST_MS), DECISIONS_MOST).await;
    let past = past.map_err(|failure| vec![failure.what])?;
    let report = tokio::task::spawn_blocking(move || difference(&old, &new, past)).await;
    report.map_err(|error| vec![error.to_string()])
}
