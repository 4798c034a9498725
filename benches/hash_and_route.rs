//! How long does it take to get from a partition key to a host?
//!
//! Murmur3 over eight bytes, the lookup in a ring of 1,536 tokens, and the default policy's choice between three replicas of the
//! local datacenter.

#[allow(dead_code, reason = "this is one subject of several")]
mod subjects;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

use subjects::{route::hash_and_route, timed};

fn bench(criterion: &mut Criterion) {
    let mut subject = hash_and_route();
    let mut group = criterion.benchmark_group("hash_and_route");
    group.throughput(Throughput::Elements(1));
    group.bench_function("one", |bencher| bencher.iter_custom(|times| timed(&mut subject, times)));
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
