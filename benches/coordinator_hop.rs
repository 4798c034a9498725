//! What does the way through the coordinator cost?
//!
//! 64 callers with one request each: into the inbox, admitted, routed, handed to a connection that answers at once, and back to the
//! callers. No bytes are moved; `connection_round_trip` is the other half.

#[allow(dead_code, reason = "this is one subject of several")]
mod subjects;

use criterion::{Criterion, criterion_group, criterion_main};

use subjects::engine::{coordinator_hop, rounds};

fn bench(criterion: &mut Criterion) {
    rounds(criterion, "coordinator_hop", coordinator_hop());
}

criterion_group!(benches, bench);
criterion_main!(benches);
