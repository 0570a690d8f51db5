//! What time alone asks for: heartbeats of a log in which nothing happens, the daily seals of
//! populations, and findings whose terms are over while customers have them.

use std::time::Duration;

use sluss_core::decide::Command;
use sluss_core::units::Millis;

use crate::engine::Engine;
use crate::failure::Failure;
use crate::population::seals;

const PERIOD: Duration = Duration::from_secs(5);

/// Reconciles until Sluss stops.
pub async fn run(engine: Engine) {
    loop {
        let now = engine.now();
        if let Err(failure) = once(&engine, now).await {
            tracing::warn!(%failure, "the log's upkeep could not be recorded; trying again");
        }
        tokio::time::sleep(PERIOD).await;
    }
}

/// Records what is due at `now`: seals of the days that are over, also of those in which nothing
/// ran, findings that came past their terms, and a heartbeat.
///
/// # Errors
///
/// When the log can't be read or appended to.
pub async fn once(engine: &Engine, now: Millis) -> Result<(), Failure> {
    let due = engine.state().populations_due(now);
    if !due.is_empty() {
        for sealed in seals(engine, due).await? {
            engine.report(Command::SealPopulation(sealed)).await?;
        }
    }
    engine.report(Command::AgeFindings).await?;
    let silent = now.since(engine.state().time) >= sluss_core::silence::HEARTBEAT_MS;
    if silent {
        engine.report(Command::Heartbeat).await?;
    }
    Ok(())
}
