//! The house's own chores: tidy checks, crash runs, benchmarks.

fn main() {}
