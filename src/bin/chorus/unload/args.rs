//! What can be said of an unload, and what of it follows from the name of the file.

use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chorus::Consistency;
use chorus::bulk::{Compression, Destination, RowFormat, TableName};
use clap::{Args, ValueEnum};

use crate::args::{ConnectionArgs, delimiter, duration};

const EXIT_CODES: &str = "\
Exit codes:
  0    all rows written; or whoever read standard output has gone away
  2    wrong usage, or there is a file of that name already
  3    a value cannot be written, or not so that it could be told from null
  4    cannot connect, authenticate, or read the table; or the cluster went away
  5    nothing more can be written: the disk is full, or the place is gone
  130  interrupted; 143 when terminated";

const EXAMPLES: &str = "\
Examples:
  A table into one file
    chorus unload weather.hourly --out hourly.csv.gz --host db

  Into a directory, several files at a time, with at most a million rows each
    chorus unload shop.orders --out backup/ --compress zstd --max-records 1000000 --host db

  Some of it, as JSON lines, to another program
    chorus unload shop.orders --columns id,total --where 'total > 100' --allow-filtering \\
        --format jsonl --out - --host db | jq .total

  And back
    chorus load hourly.csv.gz --to weather.hourly --null '\\N' --host db";

#[derive(Debug, Args)]
#[command(before_long_help = EXAMPLES, after_long_help = EXIT_CODES)]
pub(crate) struct UnloadArgs {
    /// The table, or materialized view, to unload.
    #[arg(value_name = "KEYSPACE.TABLE")]
    pub(crate) table: TableName,

    /// Where the rows go: a file, a directory, or `-` for standard output.
    ///
    /// A directory is what exists as one, or ends with a slash, or has none of the endings .csv, .tsv, .txt, .jsonl, .ndjson, .json, .gz
    /// and .zst. It gets files such as shop.orders-00001.csv. Nothing is overwritten.
    #[arg(long, short, value_name = "PATH")]
    pub(crate) out: PathBuf,

    /// What a line looks like [default: what the name of the file says, else csv].
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,

    /// The columns, separated by commas, spelled as in the schema [default: all].
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    pub(crate) columns: Vec<String>,

    /// Only rows that fulfil this, in CQL: `total > 100`. It must not restrict the partition key. May be given more than once.
    #[arg(long = "where", value_name = "RELATION")]
    pub(crate) filters: Vec<String>,

    /// Let servers read rows that they then leave out, which most filters need.
    #[arg(long)]
    pub(crate) allow_filtering: bool,

    /// The text of null, in CSV. A value with that very text ends the unload.
    #[arg(long, value_name = "TEXT", default_value = "\\N", allow_hyphen_values = true)]
    pub(crate) null: String,

    /// The character between fields, in CSV; `\t` for a tab [default: a tab for .tsv, else a comma].
    #[arg(long, value_name = "CHARACTER", value_parser = delimiter)]
    delimiter: Option<u8>,

    /// Write no line with the names of the columns. A load needs one.
    #[arg(long)]
    pub(crate) no_header: bool,

    /// How files are compressed [default: gzip for .gz, zstd for .zst, else none].
    #[arg(long, value_name = "METHOD")]
    compress: Option<Compress>,

    /// The most rows of a file in a directory.
    #[arg(long, value_name = "ROWS")]
    pub(crate) max_records: Option<NonZeroU64>,

    /// The most requests in flight.
    #[arg(long, value_name = "REQUESTS", default_value = "16", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(crate) concurrency: u32,

    /// The most rows of an answer. Fewer are asked for where servers do not answer in time.
    #[arg(long, value_name = "ROWS", default_value = "5000", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) page_size: u32,

    /// The consistency of each read.
    #[arg(long, value_name = "LEVEL", default_value = "LOCAL_ONE")]
    pub(crate) consistency: Consistency,

    /// How long to wait for a piece of the table that cannot be read, as in 30s or 5m.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration)]
    pub(crate) patience: Duration,

    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,

    /// Print the report as one JSON object.
    #[arg(long)]
    pub(crate) json: bool,

    /// Show no progress.
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// Comma-separated values.
    Csv,
    /// A JSON object a line.
    Jsonl,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Compress {
    None,
    Gzip,
    Zstd,
}

impl UnloadArgs {
    /// Whether the rows themselves go to standard output, where then nothing else may.
    pub(crate) fn to_stdout(&self) -> bool {
        self.out == Path::new("-")
    }

    pub(crate) fn is_directory(&self) -> bool {
        let slash = self.out.as_os_str().as_encoded_bytes().ends_with(b"/");
        let (ending, compressed) = self.endings();
        let named_as_file = compressed.is_some()
            || matches!(ending.as_str(), "csv" | "tsv" | "txt" | "jsonl" | "ndjson" | "json");
        match self.out.metadata() {
            Ok(metadata) => metadata.is_dir() || slash,
            Err(_) => slash || !named_as_file,
        }
    }

    pub(crate) fn destination(&self) -> Destination {
        if self.to_stdout() {
            Destination::writer("standard output", std::io::stdout())
        } else if self.is_directory() {
            Destination::directory(&self.out)
        } else {
            Destination::file(&self.out)
        }
    }

    pub(crate) fn format(&self) -> RowFormat {
        match self.format {
            Some(Format::Csv) => RowFormat::Csv,
            Some(Format::Jsonl) => RowFormat::JsonLines,
            None => match self.endings().0.as_str() {
                "jsonl" | "ndjson" | "json" => RowFormat::JsonLines,
                _ => RowFormat::Csv,
            },
        }
    }

    pub(crate) fn delimiter(&self) -> u8 {
        let by_name = || if self.endings().0 == "tsv" { b'\t' } else { b',' };
        self.delimiter.unwrap_or_else(by_name)
    }

    pub(crate) fn compression(&self) -> Compression {
        match self.compress {
            Some(Compress::None) => Compression::None,
            Some(Compress::Gzip) => Compression::Gzip,
            Some(Compress::Zstd) => Compression::Zstd,
            None => self.endings().1.unwrap_or(Compression::None),
        }
    }

    /// What the name of the file ends with, and how it says that it is compressed.
    fn endings(&self) -> (String, Option<Compression>) {
        let ending = |path: &Path| {
            path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase()).unwrap_or_default()
        };
        let compressed = match ending(&self.out).as_str() {
            "gz" => Compression::Gzip,
            "zst" => Compression::Zstd,
            other => return (other.to_owned(), None),
        };
        (ending(&self.out.with_extension("")), Some(compressed))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command};

    fn args(more: &[&str]) -> Result<UnloadArgs, clap::Error> {
        let all = ["chorus", "unload", "ks.t"].iter().chain(more);
        Cli::try_parse_from(all).map(|cli| match cli.command {
            Command::Unload(unload) => *unload,
            _ => unreachable!("unload was asked for"),
        })
    }

    #[test]
    fn the_name_of_the_file_says_what_is_in_it_unless_something_else_is_said() {
        let seen = |more: &[&str]| {
            let args = args(more).unwrap();
            (args.is_directory(), args.format(), args.delimiter(), args.compression())
        };
        let csv = RowFormat::Csv;
        assert_eq!(seen(&["--out", "a.csv"]), (false, csv, b',', Compression::None));
        assert_eq!(seen(&["--out", "x/a.CSV.GZ"]), (false, csv, b',', Compression::Gzip));
        assert_eq!(seen(&["--out", "a.tsv.zst"]), (false, csv, b'\t', Compression::Zstd));
        assert_eq!(seen(&["--out", "a.jsonl"]), (false, RowFormat::JsonLines, b',', Compression::None));
        assert_eq!(
            seen(&["--out", "a.gz", "--format", "jsonl"]),
            (false, RowFormat::JsonLines, b',', Compression::Gzip)
        );
        assert_eq!(seen(&["--out", "backup-2026.11.29"]), (true, csv, b',', Compression::None));
        assert_eq!(seen(&["--out", "a.csv/", "--compress", "zstd"]), (true, csv, b',', Compression::Zstd));
        assert_eq!(
            seen(&["--out", "a.tsv.gz", "--compress", "none", "--delimiter", "|"]),
            (false, csv, b'|', Compression::None)
        );
    }

    #[test]
    fn columns_and_filters_are_lists() {
        let args =
            args(&["--out", "-", "--columns", "a,B", "--where", "a > 1", "--where", "b = 'x,y'"]).unwrap();
        assert_eq!(
            (args.columns, args.filters),
            (vec!["a".to_owned(), "B".to_owned()], vec!["a > 1".to_owned(), "b = 'x,y'".to_owned()])
        );
        assert_eq!(args.null, "\\N");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for bad in [
            &[][..],
            &["--out", "-", "--max-records", "0"],
            &["--out", "-", "--page-size", "0"],
            &["--out", "-", "--format", "parquet"],
            &["--out", "-", "--delimiter", "\""],
        ] {
            assert!(args(bad).is_err(), "{bad:?}");
        }
    }
}
