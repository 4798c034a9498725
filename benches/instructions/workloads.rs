//! What is counted.

use crate::subjects::Subject;
use crate::subjects::csv::csv_rows;
use crate::subjects::encode::encode_execute;
use crate::subjects::engine::{connection_round_trip, coordinator_hop, histogram_record};
use crate::subjects::page::decode_page;
use crate::subjects::requests::{bulk_rows, concurrent_rows, inserts, reads};
use crate::subjects::route::hash_and_route;

/// A subject with a name and a number.
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    /// How often it is done: often enough that what happens once does not show.
    pub(crate) times: u64,
    pub(crate) subject: fn() -> Subject,
}

pub(crate) const WORKLOADS: &[Workload] = &[
    Workload { name: "encode_execute", times: 50_000, subject: encode_execute },
    Workload { name: "decode_page_row", times: 100_000, subject: decode_page },
    Workload { name: "hash_and_route", times: 100_000, subject: hash_and_route },
    Workload { name: "coordinator_hop", times: 64_000, subject: coordinator_hop },
    Workload { name: "connection_round_trip", times: 64_000, subject: connection_round_trip },
    Workload { name: "histogram_record", times: 500_000, subject: histogram_record },
    Workload { name: "request@1", times: 10_000, subject: || inserts(1) },
    Workload { name: "request@64", times: 64 * 500, subject: || inserts(64) },
    Workload { name: "request@1024", times: 1024 * 100, subject: || inserts(1024) },
    Workload { name: "read@64", times: 64 * 300, subject: || reads(64) },
    Workload { name: "concurrent_row", times: 100_000, subject: concurrent_rows },
    Workload { name: "bulk_row", times: 200_000, subject: bulk_rows },
    Workload { name: "csv_row", times: 100_000, subject: csv_rows },
];
