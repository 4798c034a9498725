//! What does it cost to make text of a row?
//!
//! Pages of a thousand rows of eight columns (bigint, uuid, timestamp, double, decimal, int, text, set of text), as CSV and as JSON
//! lines, from the bytes that came to lines in memory: what an unload does besides reading and writing.

#[allow(dead_code, reason = "this is one subject of several")]
mod subjects;

use chorus::bulk::TextStyle;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

use subjects::{text, timed};

fn row_text(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("row_text");
    group.throughput(Throughput::Elements(text::ROWS));
    for (name, style) in [("csv", TextStyle::csv()), ("json lines", TextStyle::json_lines())] {
        let mut subject = text::row_text(style);
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|times| timed(&mut subject, times * text::ROWS));
        });
    }
    group.finish();
}

criterion_group!(benches, row_text);
criterion_main!(benches);
