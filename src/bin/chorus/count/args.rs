//! What can be said to `chorus count`.

use std::time::Duration;

use chorus::Consistency;
use chorus::bulk::TableName;
use clap::{Args, ValueEnum};

use crate::args::{ConnectionArgs, duration};

const EXAMPLES: &str = "\
Examples:
  How many rows there are
    chorus count app.events --host 10.0.0.1

  How many of some kind, as JSON for a script
    chorus count app.events --host db --where \"kind = 'click'\" --allow-filtering --json

  Where they are
    chorus count app.events --host db --by hosts

  The ten largest partitions
    chorus count app.events --host db --by partitions --top 10";

const EXIT_CODES: &str = "\
Exit codes:
  0    every row was counted
  2    wrong usage
  4    cannot connect, authenticate, or find the table; or the cluster went away: what is printed is a part
  130  interrupted: what is printed is a part; 143 when terminated";

#[derive(Debug, Args)]
#[command(before_long_help = EXAMPLES, after_long_help = EXIT_CODES)]
pub(crate) struct CountArgs {
    /// The table, or materialized view.
    #[arg(value_name = "KEYSPACE.TABLE")]
    pub(crate) table: TableName,

    /// Count only rows that fulfil this, written as in CQL. May be given more than once. Not about the partition key.
    #[arg(long = "where", value_name = "RELATION")]
    pub(crate) filters: Vec<String>,

    /// Let servers read rows that they then leave out, which most relations need.
    #[arg(long)]
    pub(crate) allow_filtering: bool,

    /// What to print.
    #[arg(long, value_name = "WHAT", default_value = "total")]
    pub(crate) by: By,

    /// How many partitions `--by partitions` prints.
    #[arg(long, value_name = "N", default_value = "20", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) top: u32,

    /// The consistency of each read.
    #[arg(long, value_name = "LEVEL", default_value = "LOCAL_ONE")]
    pub(crate) consistency: Consistency,

    /// The most requests in flight, each for a range of tokens of its own.
    #[arg(long, value_name = "REQUESTS", default_value = "16", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) concurrency: u32,

    /// How many rows servers look at in one go.
    #[arg(long, value_name = "ROWS", default_value = "5000", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) page_size: u32,

    /// How long one request may take before its range is cut, as in 10s.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = longer_than_nothing)]
    pub(crate) timeout: Duration,

    /// How long a range may fail before the count ends, as in 30s or 5m.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration)]
    pub(crate) patience: Duration,

    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,

    /// Print the result as one JSON object.
    #[arg(long)]
    pub(crate) json: bool,

    /// Show no progress.
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// What is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum By {
    /// The number of rows.
    Total,
    /// Rows of each range of tokens.
    Ranges,
    /// Rows of each host that is the first replica.
    Hosts,
    /// The partitions with the most rows.
    Partitions,
}

fn longer_than_nothing(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("no request could be answered in no time".to_owned()),
        duration => Ok(duration),
    }
}
