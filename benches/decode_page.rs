//! How long does it take to decode a page of 5,000 rows?
//!
//! From the body of a RESULT to borrowed values of each row: a bigint and a blob of 100 bytes.

#[allow(dead_code, reason = "this is one subject of several")]
mod subjects;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

use subjects::{
    page::{ROWS, decode_page},
    timed,
};

fn bench(criterion: &mut Criterion) {
    let mut subject = decode_page();
    let mut group = criterion.benchmark_group("decode_page");
    group.throughput(Throughput::Elements(ROWS));
    group.bench_function("page", |bencher| {
        bencher.iter_custom(|times| timed(&mut subject, times * ROWS));
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
