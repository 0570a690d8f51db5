//! What attestations hold, and what they refuse.
