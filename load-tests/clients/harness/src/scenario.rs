//! What a run does, from its arguments.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

/// Runs one scenario with one driver and prints what it cost as JSON.
#[derive(Debug, Clone, Parser)]
pub struct Arguments {
    /// Which way to use the driver, if there are several
    #[arg(long, default_value = "")]
    pub variant: String,
    #[arg(long)]
    pub scenario: Scenario,
    /// Requests in flight
    #[arg(long, default_value_t = 1)]
    pub concurrency: usize,
    /// A host and its port
    #[arg(long)]
    pub contact_point: String,
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Time before the measured part
    #[arg(long, default_value_t = 0.5)]
    warm_up: f64,
    /// Say "ready" before the measured part, and wait for a line on standard input then and before the end
    #[arg(long)]
    pub hand_shake: bool,
    /// Compress frames with LZ4
    #[arg(long)]
    pub lz4: bool,
    /// Speak TLS and trust the certificate in this file
    #[arg(long, value_name = "FILE")]
    pub tls_certificate: Option<PathBuf>,
    /// What `csv` loads
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
}

impl Arguments {
    /// The measured part.
    pub fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }

    pub fn warm_up(&self) -> Duration {
        Duration::from_secs_f64(self.warm_up)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
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
    /// A file of five columns into a table, from opening it to the last acknowledged row; an operation is a row
    Csv,
    /// A session that nobody uses
    Idle,
    /// Callers that insert, beside one whose requests are never answered and time out after ten milliseconds
    Deadline,
}

pub const INSERT: &str = "INSERT INTO bench.kv (id, payload) VALUES (?, ?)";
pub const READ: &str = "SELECT id, payload FROM bench.kv WHERE id = ?";
pub const PAGE: &str = "SELECT id, payload FROM bench.kv";
/// The sink takes it and says nothing.
pub const NEVER: &str = "INSERT INTO bench.never (id, payload) VALUES (?, ?)";
pub const PEOPLE: &str = "INSERT INTO bench.people (id, name, email, score, created) VALUES (?, ?, ?, ?, ?)";
pub const PAYLOAD: [u8; 100] = [0x70; 100];
/// How long a request of the scenario `deadline` may take.
pub const DEADLINE: Duration = Duration::from_millis(10);
