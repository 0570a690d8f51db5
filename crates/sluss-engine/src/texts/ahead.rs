//! Whether a proposed calendar leaves times open that the one in force shuts.

use std::collections::BTreeSet;

use sluss_calendar::{
    Calendar, Difference, Kind, Overrun, PreviewSpan, Scope, difference, preview,
};
use sluss_core::ids::{Digest, ProductName, ServiceName};
use sluss_core::state::State;
use sluss_core::units::Millis;
use sluss_store::Blobs as _;

use super::read::calendar_of;
use crate::engine::Engine;

/// How far it is looked ahead: twice as far as the page shows, so that what comes back every year
/// is seen twice.
const MONTHS: u32 = 24;

/// Compares two calendars that are kept under their digests: says whether the new one leaves a time
/// open that the old one shuts, to anything that is known or could come.
///
/// # Errors
///
/// Why one of them can't be read, a line each.
pub async fn opens_more(engine: &Engine, old: &Digest, new: &Digest) -> Result<bool, Vec<String>> {
    let blobs = &engine.parts().blobs;
    let read = async |digest: &Digest| {
        let bytes = blobs.get(digest).await.map_err(|error| vec![error.to_string()])?;
        calendar_of(&bytes)
    };
    let (old, new) = (read(old).await?, read(new).await?);
    let (scopes, now) = (scopes(&engine.state()), engine.now());
    let compared = tokio::task::spawn_blocking(move || is_weaker(&old, &new, &scopes, now)).await;
    compared.map_err(|error| vec![error.to_string()])
}

fn is_weaker(old: &Calendar, new: &Calendar, scopes: &[Scope], now: Millis) -> bool {
    scopes.iter().any(|scope| {
        let (old, new) = (preview(old, scope, now.0, MONTHS), preview(new, scope, now.0, MONTHS));
        let found = difference(&old, &new);
        found.is_weaker() || lets_finish(&found)
    })
}

/// Whether something that runs may finish where it had to stop.
fn lets_finish(found: &Difference) -> bool {
    let of = |spans: &[PreviewSpan], finish: bool| -> Vec<PreviewSpan> {
        let denies = spans.iter().filter(|span| span.kind == Kind::Deny);
        denies.filter(|span| (span.overrun == Overrun::Finish) == finish).cloned().collect()
    };
    let (stopped, finishes) = (of(&found.removed, false), of(&found.added, true));
    let meets = |one: &PreviewSpan, other: &PreviewSpan| {
        one.start_ms < other.end_ms.unwrap_or(i64::MAX)
            && other.start_ms < one.end_ms.unwrap_or(i64::MAX)
    };
    stopped.iter().any(|one| finishes.iter().any(|other| meets(one, other)))
}

/// Returns each service in each environment that there is, and what is not known yet: a new service
/// of a product, a new environment, and anything.
fn scopes(state: &State) -> Vec<Scope> {
    let environments = state.services.values().flat_map(|of| of.places.keys());
    let environments: BTreeSet<String> = environments.map(ToString::to_string).collect();
    let products = state.products();
    let mut all = vec![Scope::default()];
    for environment in &environments {
        all.push(Scope { environment: Some(environment.clone()), ..Scope::default() });
        let of_product = |product: &&ProductName| Scope {
            product: Some(product.to_string()),
            environment: Some(environment.clone()),
            ..Scope::default()
        };
        all.extend(products.iter().map(of_product));
        let of_service = |service: &ServiceName| {
            let product = state.product_of(service)?;
            Some(Scope::new(product.as_str(), service.as_str(), environment))
        };
        all.extend(state.services.keys().filter_map(of_service));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUARTER: &str = "\
- id: quarter
  kind: deny
  scope: { environments: [production] }
  dtstart: 2026-12-28T00:00:00
  dtend: 2027-01-03T00:00:00
  tzid: Europe/Berlin
  rrule: FREQ=YEARLY
  reason: Books are closed
  owner: finance
";

    fn calendar(windows: &str) -> Calendar {
        calendar_of(format!("windows:\n{windows}").as_bytes()).unwrap()
    }

    fn weaker(old: &str, new: &str) -> bool {
        let production = Scope::new("bank", "payments", "production");
        // 2026-11-22.
        is_weaker(&calendar(old), &calendar(new), &[production], Millis(1_795_305_600_000))
    }

    #[test]
    fn a_calendar_that_shuts_less_opens_more() {
        let shorter = QUARTER.replace("2027-01-03", "2027-01-02");
        let longer = QUARTER.replace("2027-01-03", "2027-01-04");
        let elsewhere = QUARTER.replace("production", "test");
        let renamed = QUARTER.replace("id: quarter", "id: closing");
        assert!(weaker(QUARTER, &shorter), "an hour that is open now");
        assert!(weaker(QUARTER, &elsewhere), "another place");
        assert!(!weaker(QUARTER, &longer));
        assert!(!weaker(QUARTER, &renamed), "other words, the same times");
        assert!(!weaker(QUARTER, QUARTER));
        assert!(weaker(QUARTER, &QUARTER.replace("owner", "overrun: finish\n  owner")));
        assert!(!weaker(QUARTER, &QUARTER.replace("owner", "overrun: rollback\n  owner")));
        // It ends after the first time.
        let once = QUARTER.replace("FREQ=YEARLY", "FREQ=YEARLY;COUNT=1");
        assert!(weaker(QUARTER, &once), "what would have come back in a year");
    }
}
