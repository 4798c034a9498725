//! What does a row of a CSV file cost on its way into a table?
//!
//! 20,000 rows of five columns through the loader: records, fields, values, frames, answers, and the report at the end. The
//! text is in memory, and so is the server.

#[allow(dead_code, reason = "this is one subject of several")]
mod subjects;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

use subjects::{csv::csv_rows, timed};

/// Rows of one load.
const ROWS: u64 = 20_000;

fn load_csv(criterion: &mut Criterion) {
    let mut subject = csv_rows();
    let mut group = criterion.benchmark_group("load_csv");
    group.throughput(Throughput::Elements(ROWS));
    group.sample_size(20);
    group.bench_function("20,000 rows", |bencher| {
        bencher.iter_custom(|times| (0..times).map(|_| timed(&mut subject, ROWS)).sum());
    });
    group.finish();
}

criterion_group!(benches, load_csv);
criterion_main!(benches);
