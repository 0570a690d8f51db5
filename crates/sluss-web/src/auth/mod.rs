//! Who asks: sessions of people, tokens of programs, and the guard in front of every route.
//!
//! # Invariants
//!
//! - [`guard`] is the only place that finds out who asks; handlers are told by [`Visitor`],
//!   [`SignedIn`] and [`Caller`].
//! - Whoever is refused is recorded: signed in as one event, not signed in counted per route and
//!   minute.
//!
//! Not here: who may do what (`sluss-core` decides).

mod caller;
mod git;
mod guard;
mod memory;
mod sign_in;
mod strangers;
mod visitor;

pub use caller::{Caller, Via};
pub use git::WebGitAuth;
pub(crate) use guard::failed;
pub use guard::guard;
pub use memory::PasswordMemory;
pub use sign_in::router;
pub use strangers::Strangers;
pub use visitor::{Person, SignedIn, Visitor};

/// The cookie that holds a session.
pub(crate) const COOKIE: &str = "sluss_session";
