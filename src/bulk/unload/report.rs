//! What an unload did.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::destination::DestinationError;
use crate::bulk::report::{grouped, round};
use crate::bulk::text::{RowTextError, WrittenAsNull};

/// How an unload ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum UnloadEnding {
    /// Every row of the table is written, and files have their names.
    Complete,
    /// It was stopped from outside.
    Interrupted,
    /// Whoever read what was written has gone away.
    ReaderLeft,
    /// The table could not be read to its end.
    ScanFailed(crate::Error),
    /// A value cannot be written as text, or not so that it could be told from null.
    NotText(RowTextError),
    /// Nothing more could be written: the disk is full, or the place is gone.
    WriteFailed(DestinationError),
}

/// What an unload did. Only when it is [complete](UnloadEnding::Complete) are all rows written, and only then is there a file without
/// `.partial` behind its name.
#[derive(Debug)]
#[non_exhaustive]
pub struct UnloadReport {
    /// Keyspace and table, as CQL writes them.
    pub table: String,
    /// Where the rows went, as it was named.
    pub destination: String,
    /// How it ended.
    pub ending: UnloadEnding,
    /// Rows that were written.
    pub rows: u64,
    /// Bytes that were written, compressed if that was asked for.
    pub bytes: u64,
    /// The files, whole and under their names; none for a writer, and none unless it is complete.
    pub files: Vec<PathBuf>,
    /// From the statement to the last byte.
    pub elapsed: Duration,
    /// CPU time of this process meanwhile.
    pub client_cpu: Duration,
    /// How often a page was asked for again.
    pub retries: u64,
    /// How often a piece of the table was cut because it took too long.
    pub splits: u64,
    /// Values that were written as null although they were none, by column. Of an unload that ended early it may not be all.
    pub written_as_null: Vec<WrittenAsNull>,
    /// Whether a load reads the files: those of CSV with a header, of a table without counters.
    pub loadable: bool,
}

impl UnloadReport {
    /// Whether every row of the table is written.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        matches!(self.ending, UnloadEnding::Complete)
    }

    /// Rows written per second of elapsed time.
    #[must_use]
    pub fn rows_per_second(&self) -> f64 {
        let seconds = self.elapsed.as_secs_f64();
        if seconds > 0.0 { self.rows as f64 / seconds } else { 0.0 }
    }

    /// One JSON object: complete, rows, bytes, files (their paths), seconds, rows_per_second, client_cpu_seconds, retries, splits and
    /// written_as_null, which has column, empty and not_finite of each column concerned.
    #[must_use]
    pub fn to_json(&self) -> String {
        let written_as_null = self.written_as_null.iter().map(|one| Column {
            column: &one.column,
            empty: one.empty,
            not_finite: one.not_finite,
        });
        let summary = Summary {
            complete: self.is_complete(),
            rows: self.rows,
            bytes: self.bytes,
            files: self.files.iter().map(|file| file.to_string_lossy().into_owned()).collect(),
            seconds: round(self.elapsed.as_secs_f64(), 6),
            rows_per_second: round(self.rows_per_second(), 1),
            client_cpu_seconds: round(self.client_cpu.as_secs_f64(), 6),
            retries: self.retries,
            splits: self.splits,
            written_as_null: written_as_null.collect(),
        };
        serde_json::to_string(&summary).expect("numbers and texts under fixed names are always JSON")
    }
}

#[derive(Serialize)]
struct Summary<'a> {
    complete: bool,
    rows: u64,
    bytes: u64,
    files: Vec<String>,
    seconds: f64,
    rows_per_second: f64,
    client_cpu_seconds: f64,
    retries: u64,
    splits: u64,
    written_as_null: Vec<Column<'a>>,
}

#[derive(Serialize)]
struct Column<'a> {
    column: &'a str,
    empty: u64,
    not_finite: u64,
}

/// A table for people; the last line ends without a line end.
impl fmt::Display for UnloadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (cpu, seconds) = (self.client_cpu.as_secs_f64(), self.elapsed.as_secs_f64());
        let per_row = if self.rows > 0 { cpu * 1e6 / self.rows as f64 } else { 0.0 };
        let megabytes = self.bytes as f64 / 1e6;
        writeln!(f, "{} -> {}   {} in {seconds:.2} s", self.table, self.destination, self.ending)?;
        writeln!(
            f,
            "  written     {:>14} rows   {} rows/s",
            grouped(self.rows),
            grouped(self.rows_per_second() as u64)
        )?;
        let files = self.files.len();
        let shown = match files {
            0 => String::new(),
            1 => "   1 file".to_owned(),
            _ => format!("   {files} files"),
        };
        writeln!(f, "  size        {megabytes:>14.1} MB  {shown}")?;
        writeln!(
            f,
            "  asked again {:>14} pages  {} pieces cut",
            grouped(self.retries),
            grouped(self.splits)
        )?;
        for one in &self.written_as_null {
            let count = grouped(one.empty + one.not_finite);
            writeln!(f, "  as null     {count:>14} values of column {} that are {}", one.column, kinds(one))?;
        }
        write!(f, "  client CPU  {cpu:>14.2} s      {per_row:.2} us a row")
    }
}

fn kinds(one: &WrittenAsNull) -> &'static str {
    match (one.empty, one.not_finite) {
        (_, 0) => "empty",
        (0, _) => "not finite",
        _ => "empty or not finite",
    }
}

impl fmt::Display for UnloadEnding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Complete => "finished",
            Self::Interrupted => "interrupted",
            Self::ReaderLeft => "stopped: the reader has gone away",
            Self::ScanFailed(_) => "stopped: the table cannot be read further",
            Self::NotText(_) => "stopped: a value cannot be written",
            Self::WriteFailed(_) => "stopped: nothing more can be written",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> UnloadReport {
        UnloadReport {
            table: "ks.t".to_owned(),
            destination: "out".to_owned(),
            ending: UnloadEnding::Complete,
            rows: 1_234_560,
            bytes: 50_000_000,
            files: vec!["out/ks.t-00001.csv".into(), "out/ks.t-00002.csv".into()],
            elapsed: Duration::from_millis(2000),
            client_cpu: Duration::from_millis(1500),
            retries: 3,
            splits: 1,
            written_as_null: vec![WrittenAsNull { column: "age".to_owned(), empty: 2, not_finite: 0 }],
            loadable: true,
        }
    }

    #[test]
    fn json_has_exactly_the_promised_fields() {
        assert_eq!(
            report().to_json(),
            r#"{"complete":true,"rows":1234560,"bytes":50000000,"files":["out/ks.t-00001.csv","out/ks.t-00002.csv"],"seconds":2.0,"rows_per_second":617280.0,"client_cpu_seconds":1.5,"retries":3,"splits":1,"written_as_null":[{"column":"age","empty":2,"not_finite":0}]}"#
        );
    }

    #[test]
    fn the_table_shows_the_same_numbers() {
        let text = report().to_string();
        for part in [
            "ks.t -> out   finished in 2.00 s",
            "1,234,560 rows   617,280 rows/s",
            "50.0 MB     2 files",
            "2 values of column age that are empty",
            "1.22 us a row",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        let text = UnloadReport { rows: 0, elapsed: Duration::ZERO, ..report() }.to_string();
        assert!(text.contains("0 rows/s") && text.contains("0.00 us a row"), "{text}");
    }
}
