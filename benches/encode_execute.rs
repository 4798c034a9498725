//! How long does it take to encode an EXECUTE of two values and to hash its partition key?
//!
//! Everything a caller does before its request is handed over: the template is copied, the values are encoded behind it, the
//! write timestamp is taken, the frame is finished. The request is dropped instead of sent and goes back to the pool.

#[allow(dead_code, reason = "this is one subject of several")]
mod subjects;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

use subjects::{encode::encode_execute, timed};

fn bench(criterion: &mut Criterion) {
    let mut subject = encode_execute();
    let mut group = criterion.benchmark_group("encode_execute");
    group.throughput(Throughput::Elements(1));
    group.bench_function("one", |bencher| bencher.iter_custom(|times| timed(&mut subject, times)));
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
