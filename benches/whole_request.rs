//! What does a whole request cost without a socket?
//!
//! From the caller's values to its answer and back to the caller: everything a service pays for but the system calls. 1, 64 and
//! 1,024 callers on the reactor's own thread, each with one insert at a time; an iteration is one insert of every caller. Then
//! the same inserts through the interfaces for many statements. The peer that repeats its answer, and the pipe it is reached
//! by, are in the figure; `cargo xtask instructions` leaves the peer out.

#[allow(dead_code, reason = "this is one subject of several")]
mod subjects;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

use subjects::requests::{bulk_rows, concurrent_rows, inserts, reads};
use subjects::{Subject, timed};

/// Rows of one iteration of the interfaces for many.
const ROWS: u64 = 10_000;

fn whole_request(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("whole_request");
    for callers in [1, 64, 1024] {
        group.throughput(Throughput::Elements(callers));
        let mut both = [("insert", inserts(callers)), ("read", reads(callers))];
        for (name, subject) in &mut both {
            group.bench_function(BenchmarkId::new(*name, callers), |bencher| {
                bencher.iter_custom(|times| timed(subject, times * callers));
            });
        }
    }
    group.finish();
}

fn many_requests(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("many_requests");
    group.throughput(Throughput::Elements(ROWS));
    group.sample_size(20);
    let interfaces: [(&str, Subject); 2] = [("concurrent", concurrent_rows()), ("bulk", bulk_rows())];
    for (name, mut subject) in interfaces {
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|times| (0..times).map(|_| timed(&mut subject, ROWS)).sum());
        });
    }
    group.finish();
}

criterion_group!(benches, whole_request, many_requests);
criterion_main!(benches);
