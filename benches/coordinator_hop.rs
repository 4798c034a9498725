//! What does the way through the coordinator cost?
//!
//! 64 callers with one request each: into the inbox, admitted, routed, handed to a connection that answers at once, and back to the
//! callers. No bytes are moved; `connection_round_trip` is the other half.

#[allow(dead_code, reason = "this is one subject of several")]
mod subjects;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

use subjects::{
    engine::{IN_FLIGHT, coordinator_hop},
    timed,
};

fn bench(criterion: &mut Criterion) {
    let mut subject = coordinator_hop();
    let mut group = criterion.benchmark_group("coordinator_hop");
    group.throughput(Throughput::Elements(IN_FLIGHT));
    group.bench_function("round of 64", |bencher| {
        bencher.iter_custom(|times| timed(&mut subject, times * IN_FLIGHT));
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
