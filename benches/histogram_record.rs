//! What does it cost to record a latency?
//!
//! The worst case: every value differs from the one before. Answers that arrive together share a value, which is recorded once
//! with their number.

#[allow(dead_code, reason = "this is one subject of several")]
mod subjects;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

use subjects::{engine::histogram_record, timed};

fn bench(criterion: &mut Criterion) {
    let mut subject = histogram_record();
    let mut group = criterion.benchmark_group("histogram_record");
    group.throughput(Throughput::Elements(1));
    group.bench_function("one", |bencher| bencher.iter_custom(|times| timed(&mut subject, times)));
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
