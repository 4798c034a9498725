//! Latencies for later: a log of histograms that `HdrHistogram`'s tools read.

use std::io::{self, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chorus_actors::{LatencySnapshot, MetricsSnapshot};
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, IntervalLogWriterError, Tag};

/// What the lines of a log are about.
const TAGS: [&str; 3] = ["request", "service", "queue"];

/// Writes what was recorded between one snapshot and the next as lines of an interval log, version 1.3: one with the tag
/// `request` for whole requests, one with `service` for what servers took, one with `queue` for the wait in the queues of
/// connections. Values are microseconds, within one percent.
///
/// ```no_run
/// # async fn example(session: chorus::Session) -> Result<(), Box<dyn std::error::Error>> {
/// let file = std::fs::File::create("latencies.hlog")?;
/// let mut log = chorus::metrics::HdrLog::new(file, std::time::SystemTime::now())?;
/// loop {
///     tokio::time::sleep(std::time::Duration::from_secs(1)).await;
///     log.write(&session.metrics().await?, std::time::SystemTime::now())?;
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct HdrLog<W: Write> {
    out: W,
    /// Since when the next lines count.
    since: Duration,
    before: [LatencySnapshot; 3],
}

impl<W: Write> HdrLog<W> {
    /// A log whose first lines count from `now`, or from the start of the session if its first snapshot is older. Writes the
    /// head of the log.
    ///
    /// # Errors
    ///
    /// What writing says.
    pub fn new(mut out: W, now: SystemTime) -> io::Result<Self> {
        let since = since_epoch(now);
        writeln!(out, "#[Histogram log format version 1.3]")?;
        writeln!(out, "#[StartTime: {:.3} (seconds since epoch)]", since.as_secs_f64())?;
        writeln!(
            out,
            "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\""
        )?;
        Ok(Self { out, since, before: Default::default() })
    }

    /// Writes what is in this snapshot and was not in the one before, and flushes.
    ///
    /// # Errors
    ///
    /// What writing says.
    pub fn write(&mut self, snapshot: &MetricsSnapshot, now: SystemTime) -> io::Result<()> {
        let now = since_epoch(now);
        let length = now.saturating_sub(self.since);
        let (start, mut serializer) = (self.since, V2DeflateSerializer::new());
        let latencies = [&snapshot.latency, &snapshot.traffic.service, &snapshot.traffic.queue_wait];
        let mut lines = IntervalLogWriterBuilder::new().begin_log_with(&mut self.out, &mut serializer)?;
        for ((tag, now), before) in TAGS.into_iter().zip(latencies).zip(&mut self.before) {
            let new = now.since(before);
            lines.write_histogram(new.histogram(), start, length, Tag::new(tag)).map_err(
                |error| match error {
                    IntervalLogWriterError::IoError(error) => error,
                    IntervalLogWriterError::SerializeError(error) => io::Error::other(error.to_string()),
                },
            )?;
            before.clone_from(now);
        }
        self.since = now;
        self.out.flush()
    }

    /// What it writes to.
    pub fn into_inner(self) -> W {
        self.out
    }
}

fn since_epoch(time: SystemTime) -> Duration {
    time.duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    use super::*;

    #[test]
    fn a_log_is_read_back_interval_by_interval() {
        let began = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let mut log = HdrLog::new(Vec::new(), began).expect("written");
        let snapshot = MetricsSnapshot::default();
        for second in 1..=2 {
            log.write(&snapshot, began + Duration::from_secs(second)).expect("written");
        }
        let text = log.into_inner();
        let mut seen = Vec::new();
        for entry in IntervalLogIterator::new(&text) {
            match entry.expect("well formed") {
                LogEntry::Interval(interval) => seen.push((
                    interval.tag().expect("tagged").as_str().to_owned(),
                    interval.start_timestamp().as_secs(),
                    interval.duration().as_secs(),
                )),
                LogEntry::StartTime(start) => assert_eq!(start.as_secs(), 1_700_000_000),
                LogEntry::BaseTime(_) => panic!("times are since the epoch"),
            }
        }
        let expected = [1_700_000_000, 1_700_000_001]
            .into_iter()
            .flat_map(|start| TAGS.map(|tag| (tag.to_owned(), start, 1)));
        assert_eq!(seen, expected.collect::<Vec<_>>());
    }
}
