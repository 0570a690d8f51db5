//! The running system: input loop, reconcilers, executors, targets.
//!
//! Start reading at [`engine`]: one loop decides, appends and folds. What is wanted but not
//! happening is started by the reconcilers, which take no input but the state. [`open`] puts it
//! all together.

pub mod artifact;
pub mod aside;
pub mod engine;
pub mod evidence;
pub mod executor;
pub mod failure;
pub mod forge;
pub mod incident;
pub mod keys;
pub mod notify;
pub mod open;
pub mod organisation;
pub mod pipeline;
pub mod population;
pub mod pushes;
pub mod reconcile;
mod rests_on;
pub mod retention;
pub mod signing;
pub mod target;
pub mod texts;
mod time_source;
