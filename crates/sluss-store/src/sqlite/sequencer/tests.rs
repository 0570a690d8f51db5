//! The sequencer when a commit reports an error.
