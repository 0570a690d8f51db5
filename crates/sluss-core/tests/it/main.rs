//! The domain as its callers see it: stories, random histories, and what is stored.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

mod agreement;
mod demands;
mod formats;
mod histories;
mod incidents;
mod live;
mod permits;
mod rollouts;
mod script;
mod standards;
mod stops;
mod stories;
mod world;
