//! What can be said on the command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use chorus::Consistency;
use chorus::bulk::{EpochUnit, PrimaryKey, RejectLimit, TableName};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::count::CountArgs;
use crate::top::TopArgs;
use crate::unload::UnloadArgs;

const EXIT_CODES: &str = "\
Exit codes:
  0    all rows written
  1    some rows rejected; they are in the rejects file
  2    wrong usage
  3    stopped: too many rows rejected, or the rejects file cannot be written
  4    cannot connect, authenticate, or fit the table; or the cluster went away
  5    the source cannot be read, or something has changed since the checkpoint
  130  interrupted; 143 when terminated";

const LOAD_EXAMPLES: &str = "\
Examples:
  Try it with nothing installed: an embedded node is started and asked afterwards
    chorus load weather.csv --null NA --key origin,time_hour --to weather.hourly

  Into a cluster, creating keyspace and table from what the file holds
    chorus load flights.csv.zst --to air.flights --null NA \\
        --key origin,time_hour,carrier,flight --host 10.0.0.1 --host 10.0.0.2

  From a pipe into a table that exists, with other column names
    zcat events.gz | chorus load - --to app.events --map id=event_id,-internal --host db

  Several files as one load, which goes on by itself when it is started again
    chorus load data/*.csv.gz --to app.events --host db --resume auto

  Where a load was stopped or killed; the command is printed when it was stopped
    chorus load --resume chorus-runs/20261129-134501-7f2ac01d events.csv --to app.events --host db

  What was rejected, after mending it
    chorus load weather.csv.rejects.csv --to weather.hourly --null NA --host db";

const NODE_EXAMPLES: &str = "\
Examples:
  chorus node
  chorus node --listen 127.0.0.1:19042 --nodes 3";

/// Bulk loads and unloads for ScyllaDB and Apache Cassandra.
#[derive(Debug, Parser)]
#[command(name = "chorus", version, about, max_term_width = 100, after_help = EXIT_CODES)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Load a CSV file into a table.
    Load(Box<LoadArgs>),
    /// Unload a table into files: CSV that a load reads back, or JSON lines.
    Unload(Box<UnloadArgs>),
    /// Count the rows of a table: all of them, by range, by host, or those of the largest partitions.
    Count(Box<CountArgs>),
    /// Run the embedded in-memory CQL node alone, until Ctrl-C.
    Node(NodeArgs),
    /// Watch a running program by host and by actor: what its metrics endpoint tells, in the terminal.
    Top(TopArgs),
}

#[derive(Debug, Args)]
#[command(before_long_help = LOAD_EXAMPLES, after_long_help = EXIT_CODES)]
pub(crate) struct LoadArgs {
    /// The files, loaded one after the other: CSV with a header, plain or compressed with gzip or zstd; `-` for standard
    /// input.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// The table to load into.
    #[arg(long, value_name = "KEYSPACE.TABLE")]
    pub(crate) to: TableName,

    /// A text that means null, in every column. May be given more than once.
    ///
    /// A null cell leaves its column alone. Empty cells are null without being asked, except in text columns.
    #[arg(long, value_name = "TEXT")]
    pub(crate) null: Vec<String>,

    /// Fields that go into columns of another name, or nowhere: FIELD=COLUMN or -FIELD, separated by commas.
    #[arg(long, value_name = "RULES", allow_hyphen_values = true)]
    pub(crate) map: Vec<String>,

    /// Create the table with this primary key if it does not exist, with types found in the file.
    ///
    /// Written as in CQL: `a,b` partitions by a and orders by b; `(a,b),c` partitions by a and b.
    #[arg(long, value_name = "COLUMNS")]
    pub(crate) key: Option<PrimaryKey>,

    /// Write nulls instead of leaving columns alone. They erase what was there and leave tombstones.
    #[arg(long)]
    pub(crate) write_nulls: bool,

    /// The character between fields; `\t` for a tab.
    #[arg(long, value_name = "CHARACTER", default_value = ",", value_parser = delimiter)]
    pub(crate) delimiter: u8,

    /// What a whole number means in a timestamp column.
    #[arg(long, value_name = "UNIT", default_value = "ms")]
    pub(crate) epoch: Epoch,

    /// Where rejected rows go [default: <FILE>.rejects.csv in the current folder]. Several files have one each, with numbers.
    #[arg(long, value_name = "PATH")]
    pub(crate) rejects: Option<PathBuf>,

    /// Stop when more rows than this are rejected: a number, a percentage, or `unlimited`.
    #[arg(long, value_name = "LIMIT", default_value = "1000")]
    pub(crate) max_errors: RejectLimit,

    /// The most rows in flight. Fewer are used while the cluster is overloaded.
    #[arg(long, value_name = "ROWS", default_value = "1024", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) concurrency: u32,

    /// The consistency of each write.
    #[arg(long, value_name = "LEVEL", default_value = "LOCAL_QUORUM")]
    pub(crate) consistency: Consistency,

    /// How long to wait for a cluster that went away, as in 30s or 5m.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration)]
    pub(crate) patience: Duration,

    /// Go on with a load that was stopped or killed: the folder of its run, or `auto` for the latest run of these files into
    /// this table, or a new one if there is none.
    ///
    /// Rows that were acknowledged are not loaded again; those that nobody knows of are, with the timestamps they had.
    #[arg(long, value_name = "RUN|auto")]
    pub(crate) resume: Option<PathBuf>,

    /// Where each load has a folder for its checkpoint.
    #[arg(long, value_name = "FOLDER", default_value = "chorus-runs")]
    pub(crate) runs: PathBuf,

    /// How often the checkpoint is written, as in 5s; `never` keeps none, and the load cannot be resumed.
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = Every::parse)]
    pub(crate) checkpoint: Every,

    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,

    /// Serve metrics for Prometheus at this address while the load runs, under /metrics.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) metrics: Option<SocketAddr>,

    /// Print the report as one JSON object.
    #[arg(long)]
    pub(crate) json: bool,

    /// Show no progress.
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ConnectionArgs {
    /// A host to start from, with or without a port. May be given more than once.
    ///
    /// Without a host an embedded in-memory node is started for this run.
    #[arg(long, short = 'H', value_name = "HOST[:PORT]")]
    pub(crate) host: Vec<String>,

    /// The user. The password is read from --password-file, the environment variable CHORUS_PASSWORD, or asked for.
    #[arg(long, short, value_name = "NAME", requires = "host")]
    pub(crate) user: Option<String>,

    /// A file whose first line is the password.
    #[arg(long, value_name = "PATH", requires = "user")]
    pub(crate) password_file: Option<PathBuf>,

    /// Secure the connections with TLS. Servers must show a certificate that is for their name, or their address.
    #[arg(long, requires = "host")]
    pub(crate) tls: bool,

    /// A PEM file with the authorities to trust, instead of those of the operating system.
    #[arg(long, value_name = "FILE", requires = "tls")]
    pub(crate) tls_ca: Option<PathBuf>,

    /// A PEM file with the certificate to show to servers that ask for one.
    #[arg(long, value_name = "FILE", requires = "tls", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,

    /// A PEM file with its private key.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,

    /// The name that every server's certificate must be for, whatever its address.
    #[arg(long, value_name = "NAME", requires = "tls")]
    pub(crate) tls_server_name: Option<String>,

    /// Take a certificate of a trusted authority whatever name it is for. Others who have one can then pose as the cluster.
    #[arg(long, requires = "tls")]
    pub(crate) tls_no_hostname_check: bool,
}

#[derive(Debug, Args)]
#[command(before_long_help = NODE_EXAMPLES)]
pub(crate) struct NodeArgs {
    /// The address of the first node; further nodes listen at the following loopback addresses.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9042")]
    pub(crate) listen: SocketAddr,

    /// How many nodes.
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u8).range(1..=100))]
    pub(crate) nodes: u8,

    /// Divide each node into that many shards, and look like ScyllaDB. The shard-aware port is 10,000 above the other.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) shards: Option<u16>,

    /// Refuse writes as overloaded when the data takes that many bytes, as the node estimates it; with KiB, MiB or GiB.
    /// Without it the data may take all memory there is.
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub(crate) memory_limit: Option<u64>,

    /// Speak TLS, and show the certificate in this PEM file.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,

    /// A PEM file with its private key.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,

    /// Let in only clients that show a certificate of the authorities in this PEM file.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_client_ca: Option<PathBuf>,
}

/// How often something is done, if ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Every(pub(crate) Option<Duration>);

impl Every {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "never" => Ok(Self(None)),
            _ => match duration(text)? {
                Duration::ZERO => Err("must be longer than nothing; `never` keeps no checkpoint".to_owned()),
                every => Ok(Self(Some(every))),
            },
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Epoch {
    /// Seconds since 1970.
    S,
    /// Milliseconds since 1970.
    Ms,
    /// Microseconds since 1970.
    Us,
    /// Nanoseconds since 1970.
    Ns,
}

impl From<Epoch> for EpochUnit {
    fn from(epoch: Epoch) -> Self {
        match epoch {
            Epoch::S => Self::Seconds,
            Epoch::Ms => Self::Milliseconds,
            Epoch::Us => Self::Microseconds,
            Epoch::Ns => Self::Nanoseconds,
        }
    }
}

pub(crate) fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        _ if text == "\\t" => Ok(b'\t'),
        [b'"' | b'\n' | b'\r'] => Err("a quote or line end cannot separate fields".to_owned()),
        [byte] if byte.is_ascii() => Ok(*byte),
        _ => Err("must be a single ASCII character, or \\t".to_owned()),
    }
}

pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let error = || format!("{text:?} is not a duration such as 30s, 5m or 1h");
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| error())?;
    let seconds = match unit {
        "ms" => return Ok(Duration::from_millis(number)),
        "" | "s" => number,
        "m" => number.checked_mul(60).ok_or_else(error)?,
        "h" => number.checked_mul(3600).ok_or_else(error)?,
        _ => return Err(error()),
    };
    Ok(Duration::from_secs(seconds))
}

fn bytes(text: &str) -> Result<u64, String> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let shift = match unit {
        "" | "B" => Some(0),
        "KiB" => Some(10),
        "MiB" => Some(20),
        "GiB" => Some(30),
        _ => None,
    };
    let bytes =
        number.parse::<u64>().ok().zip(shift).and_then(|(number, shift)| number.checked_mul(1 << shift));
    bytes
        .filter(|bytes| *bytes > 0)
        .ok_or_else(|| format!("{text:?} is not a size such as 500000, 64MiB or 2GiB"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(args: &[&str]) -> Result<LoadArgs, clap::Error> {
        let all = ["chorus", "load", "f.csv", "--to", "a.b"].iter().chain(args);
        Cli::try_parse_from(all).map(|cli| match cli.command {
            Command::Load(load) => *load,
            _ => unreachable!("load was asked for"),
        })
    }

    #[test]
    fn the_definition_is_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn everything_of_a_load_can_be_said() {
        let args = load(&[
            "--host",
            "a",
            "--host",
            "b:19042",
            "--user",
            "me",
            "--null",
            "NA",
            "--null",
            "",
            "--map",
            "-x,a=b",
            "--key",
            "a,b",
            "--json",
            "--patience",
            "5m",
            "--max-errors",
            "1%",
            "--delimiter",
            "\\t",
            "--consistency",
            "ONE",
        ])
        .unwrap();
        assert_eq!(args.connection.host, ["a", "b:19042"]);
        assert_eq!(args.null, ["NA", ""]);
        assert_eq!(args.map, ["-x,a=b"]);
        assert_eq!((args.delimiter, args.patience), (b'\t', Duration::from_secs(300)));
        assert_eq!(args.max_errors, RejectLimit::Percent(1.0));
        assert!(args.json);
    }

    #[test]
    fn a_load_keeps_a_checkpoint_unless_told_otherwise() {
        let args = load(&[]).unwrap();
        assert_eq!((args.resume, args.runs.to_str()), (None, Some("chorus-runs")));
        assert_eq!(args.checkpoint, Every(Some(Duration::from_secs(5))));
        let args = load(&["--checkpoint", "never", "--resume", "auto", "g.csv"]).unwrap();
        assert_eq!(args.checkpoint, Every(None));
        assert_eq!(args.files, [PathBuf::from("f.csv"), PathBuf::from("g.csv")]);
    }

    #[test]
    fn sizes_have_units_or_none() {
        assert_eq!(
            ["1", "7B", "2KiB", "64MiB", "3GiB"].map(bytes),
            [Ok(1), Ok(7), Ok(2 << 10), Ok(64 << 20), Ok(3 << 30)]
        );
        for wrong in [
            "",
            "0",
            "-1",
            "MiB",
            "1.5GiB",
            "2 GiB",
            "1GB",
            "18446744073709551615KiB",
            "99999999999999999999",
        ] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for bad in [
            &["--user", "me"][..],
            &["--tls"],
            &["--host", "a", "--tls-ca", "ca.pem"],
            &["--host", "a", "--tls", "--tls-cert", "me.pem"],
            &["--host", "a", "--tls", "--tls-key", "me.pem"],
            &["--delimiter", "ab"],
            &["--delimiter", "\""],
            &["--concurrency", "0"],
            &["--patience", "soon"],
            &["--consistency", "MOST"],
            &["--key", "a,a"],
            &["--epoch", "min"],
            &["--checkpoint", "0s"],
            &["--checkpoint", "often"],
        ] {
            assert!(load(bad).is_err(), "{bad:?}");
        }
        assert!(Cli::try_parse_from(["chorus", "load", "f.csv", "--to", "ab"]).is_err());
    }
}
