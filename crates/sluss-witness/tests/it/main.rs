//! The witness as a program: over HTTP, over its folder, and over `kill -9`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod kill;
mod program;
mod witness;
