//! The built-in Git server: bare repositories, their history, and what happens when one is pushed.
//!
//! A push is first an event, then a moved ref: Git's pre-receive hook asks [`Pushes`] over a Unix
//! socket, and only after its answer does Git move anything.
//!
//! # Invariants
//!
//! - No ref moves through a push that [`Pushes::pushed`] did not accept; a hook that reaches
//!   nobody refuses.
//! - Every accepted push is followed by one [`Pushes::received`], which says what moved and what
//!   did not, unless the control plane ends first: then [`compare`] finds out at the next start.
//! - Pushes to one repository are decided and carried out one after the other.
//! - The `main` branch is neither deleted nor rewritten.
//!
//! Who may push and how bytes travel over HTTP is decided in `sluss-web`; what a push means is
//! decided by whoever implements [`Pushes`].

mod brought;
mod compare;
mod git;
mod history;
mod hook;
mod hooks;
mod named;
mod push;
mod repositories;
mod rules;
mod serve;
mod shown;
#[cfg(test)]
mod tests;
mod ticket;
mod write;

pub use brought::Brought;
pub use compare::{Difference, Expected, Found, compare};
pub use git::{GitError, ObjectAccess};
pub use history::{CoAuthor, Commit, DiffStat, Trailer};
pub use hook::{HookReply, ask, hook_main};
pub use hooks::HookServer;
pub use push::{Push, PushAnswer, Pusher, Pushes, Received, RefName, RefUpdate, RepositoryName};
pub use repositories::Repositories;
pub use serve::{Conversation, Exchange, ServeLimits, Service, Wish};
pub use shown::FileDiffers;
pub use ticket::PushTicket;
pub use write::{Author, NewCommit, NewFile};

/// The branch that changes go to production from.
pub const MAIN: &str = "main";

/// The largest push that is taken, in bytes.
pub const LARGEST_PUSH_BYTES: u64 = 512 * 1024 * 1024;
