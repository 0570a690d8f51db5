//! HTTP API, pages, webhooks, Git over HTTP.
//!
//! Start reading at [`app`]: what handlers share, and how the routes are put together. Who may use
//! which route stands in one table ([`routes`]) and is enforced in one place ([`auth`]).
//!
//! # Invariants
//!
//! - A handler extracts, asks engine or store, and fills one typed view. What is allowed is
//!   decided in `sluss-core`.

pub mod api;
pub mod app;
pub mod auth;
pub mod forms;
pub mod git;
pub mod live;
pub mod openapi;
pub mod pages;
pub mod routes;
pub mod serve;
