//! Records what releases are made of, or why that cannot be listed.

use std::time::Duration;

use sluss_core::decide::Command;

use super::signal;
use crate::engine::Engine;
use crate::evidence::inventory;

const PERIOD: Duration = Duration::from_secs(5);

/// Reconciles until Sluss stops.
pub async fn run(engine: Engine) {
    let mut changed = engine.changed();
    loop {
        let wanted = engine.state().to_inventory();
        for release in wanted {
            let recorded = match inventory(&engine, release).await {
                Ok(materials) => engine.report(Command::Inventoried { release, materials }).await,
                Err(failure) => Err(failure),
            };
            if let Err(failure) = recorded {
                tracing::warn!(%failure, %release, "it could not be listed; trying again");
            }
        }
        if !signal(&mut changed, PERIOD).await {
            return;
        }
    }
}
