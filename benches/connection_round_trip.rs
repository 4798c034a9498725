//! What does a connection cost?
//!
//! 64 requests go into a connection's queue together, over a pipe in memory to a peer that answers VOID, and back: stream ids,
//! deadlines, one write, one read, answers to their callers. The peer and the pipe are in the figure, as a server and a kernel are
//! in no figure of ours; `coordinator_hop` is the other half.

#[allow(dead_code, reason = "this is one subject of several")]
mod subjects;

use criterion::{Criterion, criterion_group, criterion_main};

use subjects::engine::{connection_round_trip, rounds};

fn bench(criterion: &mut Criterion) {
    rounds(criterion, "connection_round_trip", connection_round_trip());
}

criterion_group!(benches, bench);
criterion_main!(benches);
