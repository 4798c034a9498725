//! What does a connection cost?
//!
//! 64 requests go into a connection's queue together, over a pipe in memory to a peer that answers VOID, and back: stream ids,
//! deadlines, one write, one read, answers to their callers. The peer and the pipe are in the figure, as a server and a kernel are
//! in no figure of ours; `coordinator_hop` is the other half.

#[allow(dead_code, reason = "this is one subject of several")]
mod subjects;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

use subjects::{
    engine::{IN_FLIGHT, connection_round_trip},
    timed,
};

fn bench(criterion: &mut Criterion) {
    let mut subject = connection_round_trip();
    let mut group = criterion.benchmark_group("connection_round_trip");
    group.throughput(Throughput::Elements(IN_FLIGHT));
    group.bench_function("round of 64", |bencher| {
        bencher.iter_custom(|times| timed(&mut subject, times * IN_FLIGHT));
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
