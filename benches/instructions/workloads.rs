//! What is counted, and what is too much.

use chorus::bulk::TextStyle;

use crate::subjects::Subject;
use crate::subjects::csv::csv_rows;
use crate::subjects::encode::encode_execute;
use crate::subjects::engine::{connection_round_trip, coordinator_hop, histogram_record};
use crate::subjects::page::decode_page;
use crate::subjects::requests::{bulk_rows, concurrent_rows, inserts, reads};
use crate::subjects::route::hash_and_route;
use crate::subjects::text::row_text;

/// A subject with a name and a number.
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    /// How often it is done: often enough that what happens once does not show.
    pub(crate) times: u64,
    pub(crate) subject: fn() -> Subject,
    /// More instructions each are too many, whatever there were before.
    pub(crate) most_instructions: Option<u32>,
    /// The same for allocations.
    pub(crate) most_allocations: Option<f64>,
}

impl Workload {
    const fn new(name: &'static str, times: u64, subject: fn() -> Subject) -> Self {
        Self { name, times, subject, most_instructions: None, most_allocations: None }
    }

    const fn instructions(self, most: u32) -> Self {
        Self { most_instructions: Some(most), ..self }
    }

    const fn allocations(self, most: f64) -> Self {
        Self { most_allocations: Some(most), ..self }
    }
}

/// No allocation each. One in ten thousand may be a buffer that grows once more.
const NONE: f64 = 0.0001;
/// What a result with rows keeps.
const ONE: f64 = 1.0001;
/// Allocations of a row among many: chunks and results come in blocks.
const FEW: f64 = 0.01;

pub(crate) const WORKLOADS: &[Workload] = &[
    Workload::new("encode_execute", 50_000, encode_execute).allocations(NONE),
    Workload::new("decode_page_row", 100_000, decode_page).allocations(FEW),
    Workload::new("hash_and_route", 100_000, hash_and_route).allocations(NONE),
    Workload::new("coordinator_hop", 64_000, coordinator_hop).allocations(FEW),
    Workload::new("connection_round_trip", 64_000, connection_round_trip).allocations(FEW),
    Workload::new("histogram_record", 500_000, histogram_record).allocations(NONE),
    Workload::new("request@1", 10_000, || inserts(1)).allocations(NONE),
    Workload::new("request@64", 64 * 500, || inserts(64)).instructions(2100).allocations(NONE),
    Workload::new("request@1024", 1024 * 100, || inserts(1024)).instructions(1950).allocations(NONE),
    Workload::new("read@64", 64 * 300, || reads(64)).allocations(ONE),
    Workload::new("concurrent_row", 100_000, concurrent_rows).allocations(FEW),
    Workload::new("bulk_row", 200_000, bulk_rows).instructions(800).allocations(FEW),
    Workload::new("csv_row", 100_000, csv_rows).allocations(FEW),
    Workload::new("row_text", 100_000, || row_text(TextStyle::csv())).allocations(NONE),
];
