//! The pages' server over real TCP, with a real engine and log on a folder of its own.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed, and says where")]

mod api;
mod bank;
mod checks;
mod client;
#[path = "../../examples/sample_pages/delivered.rs"]
mod delivered;
mod emergencies;
mod evidence;
mod incidents;
mod pages;
mod routes;
#[path = "../../examples/sample_pages/story.rs"]
mod story;
mod withstand;
