//! The bodies of the targets, which are the root package's tests as well.

#[path = "../../tests/fuzzed/bodies.rs"]
mod bodies;

pub use bodies::*;
