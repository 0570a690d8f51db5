//! Sluss takes a change from idea to production through gates, on evidence.
fn main() {}
