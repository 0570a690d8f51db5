//! The domain as its callers see it: stories, random histories, and what is stored.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

mod agents;
mod agreement;
mod aside;
mod bounds;
mod budgets;
mod clocks;
mod contents;
mod demands;
mod dependencies;
mod emergencies;
mod evidence;
mod fail_open;
mod first;
mod formats;
mod guards;
mod histories;
mod incidents;
mod invariants;
mod keys;
mod live;
mod paces;
mod permits;
mod policies;
mod products;
mod profiles;
mod remediation;
mod retention;
mod reviews;
mod rollouts;
mod script;
mod standards;
mod statements;
mod stops;
mod stories;
mod trust;
mod waivers;
mod world;
