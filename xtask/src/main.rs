//! Runs everything.
fn main() {}
