//! What a load did, in numbers that add up.

use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::rejects::{RejectFiles, Rejection};
use super::source::SourceError;

/// How a load ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum Ending {
    /// Every record of the source was either written or rejected.
    Complete,
    /// The run to resume had come to its end before; the numbers are those of then.
    NothingToResume,
    /// It was stopped from outside.
    Interrupted,
    /// More rows were rejected than allowed.
    TooManyRejects,
    /// The cluster could not be written to for longer than the loader's patience.
    ServerLost(crate::Error),
    /// The cluster refuses every row for a reason that is not the row's: no permission, or the table is gone.
    Refused(crate::Error),
    /// The source could not be read to its end.
    SourceFailed(SourceError),
    /// The rejects file could not be written; going on would have lost rows silently.
    RejectsFailed(std::io::Error),
}

/// How long rows took from being handed to the engine until the server's answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LatencySummary {
    /// Half of the rows took no longer.
    pub p50: Duration,
    /// 99 of 100 rows took no longer.
    pub p99: Duration,
    /// 999 of 1000 rows took no longer.
    pub p999: Duration,
    /// The slowest row.
    pub max: Duration,
}

/// What a load did.
///
/// `read = written + rejected + unanswered`, always: rows that were read but neither acknowledged nor refused
/// when the load ended early are `unanswered`, and may or may not be in the table. The numbers of a load that was resumed are
/// those of all its runs together, but for the latencies, which are of the last.
#[derive(Debug)]
#[non_exhaustive]
pub struct LoadReport {
    /// The source, as it was named.
    pub source: String,
    /// Keyspace and table, as CQL writes them.
    pub table: String,
    /// How it ended.
    pub ending: Ending,
    /// Records taken from the source, the header not counted.
    pub read: u64,
    /// Rows the server acknowledged.
    pub written: u64,
    /// Rows in the rejects file.
    pub rejected: u64,
    /// Rows sent again after an answer, or the lack of one, that did not blame the row.
    pub retried: u64,
    /// Rows read without an outcome. Zero when the load is complete.
    pub unanswered: u64,
    /// Decompressed bytes read.
    pub bytes: u64,
    /// From the first read to the last answer.
    pub elapsed: Duration,
    /// CPU time of this client.
    pub client_cpu: Duration,
    /// Time from engine to answer.
    pub latency: LatencySummary,
    /// Where rejected rows are, if there are any: a pair of files for each source that has some.
    pub reject_files: Vec<RejectFiles>,
    /// The first few rejected rows.
    pub first_rejections: Vec<Rejection>,
    /// Of the rows written, those that earlier runs of a resumed load wrote.
    pub written_before: u64,
    /// The folder of the run, when something is left to do and there is a checkpoint in it to go on from.
    pub resumable: Option<PathBuf>,
}

impl LoadReport {
    /// Rows written per second of elapsed time.
    #[must_use]
    pub fn rows_per_second(&self) -> f64 {
        let seconds = self.elapsed.as_secs_f64();
        if seconds > 0.0 { self.written as f64 / seconds } else { 0.0 }
    }

    /// One JSON object: read, written, rejected, retried, seconds, rows_per_second, client_cpu_seconds and
    /// latency_us with p50, p99 and p999.
    #[must_use]
    pub fn to_json(&self) -> String {
        let summary = Summary {
            read: self.read,
            written: self.written,
            rejected: self.rejected,
            retried: self.retried,
            seconds: round(self.elapsed.as_secs_f64(), 6),
            rows_per_second: round(self.rows_per_second(), 1),
            client_cpu_seconds: round(self.client_cpu.as_secs_f64(), 6),
            latency_us: LatencyMicros {
                p50: micros(self.latency.p50),
                p99: micros(self.latency.p99),
                p999: micros(self.latency.p999),
            },
        };
        serde_json::to_string(&summary).expect("numbers under fixed names are always JSON")
    }
}

#[derive(Serialize)]
struct Summary {
    read: u64,
    written: u64,
    rejected: u64,
    retried: u64,
    seconds: f64,
    rows_per_second: f64,
    client_cpu_seconds: f64,
    latency_us: LatencyMicros,
}

#[derive(Serialize)]
struct LatencyMicros {
    p50: u64,
    p99: u64,
    p999: u64,
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

pub(crate) fn round(value: f64, places: i32) -> f64 {
    let factor = 10f64.powi(places);
    (value * factor).round() / factor
}

/// A table for people; the last line ends without a line end.
impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cpu = self.client_cpu.as_secs_f64();
        let per_row = if self.written > 0 { cpu * 1e6 / self.written as f64 } else { 0.0 };
        let megabytes = self.bytes as f64 / 1e6;
        let seconds = self.elapsed.as_secs_f64();
        writeln!(f, "{} -> {}   {} in {seconds:.2} s", self.source, self.table, self.ending)?;
        writeln!(f, "  read        {:>14} rows   {megabytes:.1} MB", grouped(self.read))?;
        writeln!(
            f,
            "  written     {:>14} rows   {} rows/s",
            grouped(self.written),
            grouped(self.rows_per_second() as u64)
        )?;
        if self.written_before > 0 {
            writeln!(f, "  of which    {:>14} rows   by the runs before", grouped(self.written_before))?;
        }
        writeln!(f, "  rejected    {:>14} rows", grouped(self.rejected))?;
        writeln!(f, "  retried     {:>14} rows", grouped(self.retried))?;
        if self.unanswered > 0 {
            writeln!(
                f,
                "  unanswered  {:>14} rows   may or may not be in the table",
                grouped(self.unanswered)
            )?;
        }
        writeln!(f, "  client CPU  {cpu:>14.2} s      {per_row:.2} us a row")?;
        let LatencySummary { p50, p99, p999, max } = self.latency;
        write!(
            f,
            "  latency     p50 {}   p99 {}   p99.9 {}   max {}",
            Milliseconds(p50),
            Milliseconds(p99),
            Milliseconds(p999),
            Milliseconds(max)
        )
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Complete => "finished",
            Self::NothingToResume => "had finished",
            Self::Interrupted => "interrupted",
            Self::TooManyRejects => "stopped: too many rejected rows",
            Self::ServerLost(_) => "stopped: the cluster is gone",
            Self::Refused(_) => "stopped: the cluster refuses the rows",
            Self::SourceFailed(_) => "stopped: the source cannot be read further",
            Self::RejectsFailed(_) => "stopped: the rejects file cannot be written",
        })
    }
}

/// Microseconds since 1970, as write timestamps have them.
pub(crate) fn clock_micros() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

struct Milliseconds(Duration);

impl fmt::Display for Milliseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = self.0.as_secs_f64() * 1e3;
        let places = if milliseconds < 10.0 { 2 } else { 0 };
        write!(f, "{milliseconds:.places$} ms")
    }
}

/// Thousands apart, for eyes.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> LoadReport {
        LoadReport {
            source: "w.csv".to_owned(),
            table: "ks.t".to_owned(),
            ending: Ending::Complete,
            read: 1_234_567,
            written: 1_234_560,
            rejected: 7,
            retried: 3,
            unanswered: 0,
            bytes: 50_000_000,
            elapsed: Duration::from_millis(2000),
            client_cpu: Duration::from_millis(1500),
            latency: LatencySummary {
                p50: Duration::from_micros(900),
                p99: Duration::from_micros(4200),
                p999: Duration::from_micros(11_000),
                max: Duration::from_micros(112_345),
            },
            reject_files: Vec::new(),
            first_rejections: Vec::new(),
            written_before: 0,
            resumable: None,
        }
    }

    #[test]
    fn json_has_exactly_the_promised_fields() {
        assert_eq!(
            report().to_json(),
            r#"{"read":1234567,"written":1234560,"rejected":7,"retried":3,"seconds":2.0,"rows_per_second":617280.0,"client_cpu_seconds":1.5,"latency_us":{"p50":900,"p99":4200,"p999":11000}}"#
        );
    }

    #[test]
    fn the_table_shows_the_same_numbers() {
        let text = report().to_string();
        for part in [
            "w.csv -> ks.t",
            "1,234,567 rows",
            "617,280 rows/s",
            "1.22 us a row",
            "p99.9 11 ms",
            "max 112 ms",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(!text.contains("unanswered"));
    }

    #[test]
    fn nothing_done_in_no_time_is_not_infinite() {
        let report = LoadReport { elapsed: Duration::ZERO, written: 0, ..report() };
        assert_eq!(report.rows_per_second(), 0.0);
        assert!(report.to_json().contains("\"rows_per_second\":0.0"));
    }
}
