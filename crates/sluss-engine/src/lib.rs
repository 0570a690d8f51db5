//! The running system: input loop, reconcilers, executors, targets.
