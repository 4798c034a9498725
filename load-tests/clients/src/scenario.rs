//! What a run does.

use std::time::Duration;

use clap::{Parser, ValueEnum};

/// The command line of one measured process.
#[derive(Debug, Clone, Parser)]
pub(crate) struct Arguments {
    #[arg(long)]
    pub(crate) driver: Driver,
    #[arg(long)]
    pub(crate) scenario: Scenario,
    /// Requests in flight
    #[arg(long, default_value_t = 1)]
    pub(crate) concurrency: usize,
    /// A host and its port
    #[arg(long)]
    pub(crate) contact_point: String,
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Time before the measured part
    #[arg(long, default_value_t = 0.5)]
    warm_up: f64,
    /// Run on these cores only
    #[arg(long, value_delimiter = ',')]
    pub(crate) cores: Vec<usize>,
}

impl Arguments {
    /// The measured part.
    pub(crate) fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }

    pub(crate) fn warm_up(&self) -> Duration {
        Duration::from_secs_f64(self.warm_up)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Driver {
    /// Chorus, its actors on the caller's current-thread runtime
    ChorusLocal,
    /// Chorus, its actors as a task of a multi-thread runtime of two workers
    ChorusHosted,
    /// Chorus, its actors on one thread of their own, the callers on a multi-thread runtime of two workers
    ChorusDedicated,
    /// The scylla crate, two worker threads, the system's allocator, its own defaults
    ScyllaDefault,
    /// The scylla crate at its best: current-thread runtime, no client timeout
    ScyllaTuned,
    /// cdrs-tokio on a current-thread runtime
    Cdrs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// Prepared inserts of a bigint and 100 bytes, one request a caller at a time
    Insert,
    /// Prepared selects of one row, decoded
    Read,
    /// Prepared selects of a page of 5,000 rows, decoded; an operation is a row
    Page,
    /// Inserts through the driver's interface for many statements, results kept in order
    Concurrent,
    /// Inserts through the driver's interface for loading
    Bulk,
}

pub(crate) const INSERT: &str = "INSERT INTO bench.kv (id, payload) VALUES (?, ?)";
pub(crate) const READ: &str = "SELECT id, payload FROM bench.kv WHERE id = ?";
pub(crate) const PAGE: &str = "SELECT id, payload FROM bench.kv";
pub(crate) const PAYLOAD: [u8; 100] = [0x70; 100];
