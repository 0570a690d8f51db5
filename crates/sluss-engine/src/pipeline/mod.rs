//! Reads configuration: a service's `sluss.yaml` and a golden `template.yaml` become a
//! [`Pipeline`](sluss_core::pipeline::Pipeline).
//!
//! ```
//! use sluss_engine::pipeline::{Catalogue, Defaults, Source};
//!
//! let text = b"service: shop\ntemplate: python-service@1\nwith: { start: main.py }\n";
//! let resolved = Source::new("sluss.yaml", text)
//!     .and_then(|file| Catalogue::built_in().resolve(&file, &Defaults::default()));
//! match resolved {
//!     Ok(resolved) => assert_eq!(resolved.file.service.as_str(), "shop"),
//!     Err(problems) => panic!("{problems}"),
//! }
//! ```
//!
//! A file is read into a tree with the place of every value ([`yaml`]), and then taken apart by
//! hand ([`fields`]), because whoever mends a file wants all of its [`Problems`] at once, each with
//! file, line, column, what was expected and the nearest right spelling.
//!
//! # Invariants
//!
//! - Nothing here does I/O but [`detect::Listing::of_folder`].
//! - Reading never panics and takes time in proportion to the file, whatever it holds.
//! - No path in a pipeline leaves the folder that it is relative to.

mod budget;
mod catalogue;
mod contracts;
mod deliver;
pub mod detect;
mod fields;
mod graph;
mod inputs;
mod nearest;
mod objectives;
mod performance;
mod problem;
mod quantity;
mod resolve;
mod service;
mod source;
mod start;
mod steps;
mod template;
#[cfg(test)]
mod tests;
mod traffic;
mod yaml;

pub use catalogue::{BUILT_IN, BuiltIn, Catalogue};
pub use inputs::{Input, InputKind, Value};
pub use problem::{Problem, Problems};
pub use quantity::Day;
pub use resolve::{Defaults, Resolved};
pub use service::ServiceFile;
pub use source::Source;
pub use template::Template;
