//! The domain as its callers see it: stories, random histories, and what is stored.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

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
mod first;
mod formats;
mod guards;
mod histories;
mod incidents;
mod keys;
mod live;
mod paces;
mod permits;
mod profiles;
mod remediation;
mod retention;
mod rollouts;
mod script;
mod standards;
mod stops;
mod stories;
mod trust;
mod world;
