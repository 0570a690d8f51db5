//! The witness as a program: over HTTP, over its folder, and over `kill -9`.

mod kill;
mod program;
mod witness;
