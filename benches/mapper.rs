//! What does the mapper cost beside the session?
//!
//! The same rows to the same peer without a socket, one after the other and by 64 callers: with a prepared statement and a tuple, and as
//! models. Then many rows of a load, as tuples and as models. An iteration is one request of every caller, or ten thousand rows.

#[allow(dead_code, reason = "this is one subject of several")]
mod subjects;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

use subjects::{Subject, mapped, requests, timed};

/// Rows of one load.
const ROWS: u64 = 10_000;

fn one_row(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("one_row");
    for callers in [1, 64] {
        group.throughput(Throughput::Elements(callers));
        let subjects: [(&str, Subject); 4] = [
            ("insert/session", requests::inserts(callers)),
            ("insert/mapper", mapped::inserts(callers)),
            ("read/session", requests::reads(callers)),
            ("read/mapper", mapped::reads(callers)),
        ];
        for (name, mut subject) in subjects {
            group.bench_function(BenchmarkId::new(name, callers), |bencher| {
                bencher.iter_custom(|times| timed(&mut subject, times * callers));
            });
        }
    }
    group.finish();
}

fn many_rows(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("many_rows");
    group.throughput(Throughput::Elements(ROWS));
    group.sample_size(20);
    for (name, mut subject) in [("session", requests::bulk_rows()), ("mapper", mapped::bulk_rows())] {
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|times| (0..times).map(|_| timed(&mut subject, ROWS)).sum());
        });
    }
    group.finish();
}

criterion_group!(benches, one_row, many_rows);
criterion_main!(benches);
