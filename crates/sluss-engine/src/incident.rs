//! What Sluss itself knows of an incident's effects, to be confirmed or replaced by a person.
//!
//! # Invariants
//!
//! - What was not counted is not known; it is never taken for nothing.

use sluss_core::event::Event;
use sluss_core::ids::IncidentId;
use sluss_core::incident::criteria::{Criteria, Portion};
use sluss_core::rollout::Counts;
use sluss_core::target::RouteKey;
use sluss_core::units::Millis;
use sluss_store::Log as _;

use crate::engine::{Engine, read_event};
use crate::failure::Failure;

/// The stream in which requests are counted.
const COUNTS: &str = "observations";
/// Events that are read at once.
const PAGE: usize = 500;
/// A period is recorded at most so long after it ended, in milliseconds.
const RECORDED_WITHIN_MS: i64 = 20 * 60 * 1000;

/// Customers' requests in the periods that lie, at least in part, within an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traffic {
    /// The requests, and how many of them failed.
    pub counts: Counts,
    /// The first and the last second of these periods, since 1970-01-01 UTC.
    pub from: i64,
    /// The last one.
    pub until: i64,
}

/// What is proposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Proposed {
    /// What was counted.
    pub traffic: Option<Traffic>,
    /// How many requests an average day had before.
    pub daily_requests: Option<u64>,
    /// Failed requests as a share of these.
    pub transactions_share: Option<Portion>,
    /// From its occurrence until customers were no longer affected.
    pub downtime_seconds: Option<u64>,
    /// What the failed requests cost, in whole euros, rounded up: where the product says in euros
    /// what one does.
    pub cost_eur: Option<u64>,
}

impl Proposed {
    /// Returns it as figures of a classification.
    pub fn criteria(&self) -> Criteria {
        Criteria {
            transactions_share: self.transactions_share,
            downtime_seconds: self.downtime_seconds,
            cost_eur: self.cost_eur,
            ..Criteria::default()
        }
    }
}

/// Returns what is proposed for an incident; nothing of one that there is not.
///
/// # Errors
///
/// When the log can't be read.
pub async fn proposed(engine: &Engine, id: IncidentId) -> Result<Proposed, Failure> {
    let (key, from, to) = {
        let state = engine.state();
        let Some(incident) = state.incidents.get(&id) else { return Ok(Proposed::default()) };
        let (service, environment) = (incident.service.clone(), incident.environment.clone());
        let to = incident.mitigated.or(incident.closed).unwrap_or_else(|| engine.now());
        (RouteKey { service, environment }, state.occurred(id).unwrap_or(incident.opened), to)
    };
    let traffic = traffic(engine, &key, from, to).await?;
    let state = engine.state();
    let daily_requests = state.daily_requests(&key, from);
    let share = |(traffic, day): (Traffic, u64)| Portion::of(traffic.counts.errors, day);
    let price = state.failure_cost(&key.service).filter(|price| price.currency == "EUR");
    let cost = |traffic: Traffic| {
        price.map(|price| price.times(traffic.counts.errors).hundredths.div_ceil(100))
    };
    Ok(Proposed {
        traffic,
        daily_requests,
        transactions_share: traffic.zip(daily_requests).and_then(share),
        downtime_seconds: state.traced_downtime_seconds(id),
        cost_eur: traffic.and_then(cost),
    })
}

/// Returns what was counted of a place between two instants.
async fn traffic(
    engine: &Engine,
    key: &RouteKey,
    from: Millis,
    to: Millis,
) -> Result<Option<Traffic>, Failure> {
    let mut next = first_since(engine, from).await?;
    let mut found: Option<Traffic> = None;
    loop {
        let page = engine.parts().log.stream(COUNTS, next, PAGE).await?;
        next += page.len() as u64;
        for sealed in page.iter().filter(|sealed| sealed.kind == "traffic.counted") {
            let Event::TrafficCounted(counted) = read_event(sealed)?.1 else { continue };
            let within = counted.until >= from.second() && counted.after < to.second();
            if counted.key() != *key || !within {
                continue;
            }
            let known = found.unwrap_or(Traffic {
                counts: Counts::default(),
                from: counted.after + 1,
                until: counted.until,
            });
            let counts = known.counts.and(counted.counts());
            found = Some(Traffic { counts, until: counted.until, ..known });
        }
        let over = |last: &sluss_store::Sealed| last.time.since(to) > RECORDED_WITHIN_MS;
        if page.len() < PAGE || page.last().is_some_and(over) {
            return Ok(found);
        }
    }
}

/// Returns the number of the first event of the stream that was recorded at `from` or later, by
/// halving: events are recorded in the order of time.
async fn first_since(engine: &Engine, from: Millis) -> Result<u64, Failure> {
    let (mut low, mut high) = (0, engine.state().head(COUNTS));
    while low < high {
        let middle = low + (high - low) / 2;
        let found = engine.parts().log.stream(COUNTS, middle, 1).await?;
        if found.first().is_some_and(|sealed| sealed.time < from) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}
