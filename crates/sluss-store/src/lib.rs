//! The log, snapshots and blobs.
