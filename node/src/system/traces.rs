//! Requests that asked to be traced.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chorus_protocol::Consistency;
use uuid::Uuid;

use super::cell::{self, Cell};

type Row = Vec<Cell>;

/// How many traced requests are remembered.
const CAPACITY: usize = 1000;

/// One traced request.
#[derive(Debug, Clone)]
pub(crate) struct Trace {
    pub(crate) session_id: Uuid,
    pub(crate) client: IpAddr,
    pub(crate) coordinator: SocketAddr,
    /// What kind of request, and the beginning of its text.
    pub(crate) request: &'static str,
    pub(crate) query: String,
    pub(crate) consistency: Option<Consistency>,
    /// Milliseconds since the epoch.
    pub(crate) started_at: i64,
    /// Microseconds it took.
    pub(crate) duration: i32,
}

/// The last traced requests of a cluster.
#[derive(Debug, Default)]
pub(crate) struct Traces {
    recent: Mutex<VecDeque<Recorded>>,
    /// How long after a request its trace is complete, in microseconds.
    late_us: AtomicU64,
}

/// A trace, and when it came.
#[derive(Debug)]
struct Recorded {
    trace: Trace,
    at: Instant,
}

impl Traces {
    /// From now on a trace is complete only that long after its request.
    pub(crate) fn come_late(&self, late: Duration) {
        self.late_us.store(u64::try_from(late.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn is_complete(&self, recorded: &Recorded) -> bool {
        recorded.at.elapsed() >= Duration::from_micros(self.late_us.load(Ordering::Relaxed))
    }

    pub(crate) fn record(&self, trace: Trace) {
        let mut recent = self.recent.lock().expect("no code panics with the lock held");
        if recent.len() == CAPACITY {
            recent.pop_front();
        }
        recent.push_back(Recorded { trace, at: Instant::now() });
    }

    /// Rows of `system_traces.sessions`. The duration is what servers write last.
    pub(crate) fn session_rows(&self) -> Vec<Row> {
        let recent = self.recent.lock().expect("no code panics with the lock held");
        recent
            .iter()
            .map(|recorded| {
                let trace = &recorded.trace;
                let duration = self.is_complete(recorded).then(|| cell::int(trace.duration)).flatten();
                let consistency = trace.consistency.map(|level| level.to_string());
                let level = consistency.as_deref().map(|level| ("consistency_level", level));
                let parameters = level.into_iter().chain([("query", trace.query.as_str())]);
                vec![
                    cell::uuid(trace.session_id),
                    cell::inet(trace.client),
                    cell::text("QUERY"),
                    cell::inet(trace.coordinator.ip()),
                    cell::int(i32::from(trace.coordinator.port())),
                    duration,
                    cell::text_map(parameters),
                    cell::text(trace.request),
                    cell::bigint(trace.started_at),
                ]
            })
            .collect()
    }

    /// Rows of `system_traces.events`: the node does one thing for a request, so there is one event.
    pub(crate) fn event_rows(&self) -> Vec<Row> {
        let recent = self.recent.lock().expect("no code panics with the lock held");
        recent
            .iter()
            .filter(|recorded| self.is_complete(recorded))
            .map(|Recorded { trace, .. }| {
                vec![
                    cell::uuid(trace.session_id),
                    cell::uuid(trace.session_id),
                    cell::text("Executed in memory"),
                    cell::inet(trace.coordinator.ip()),
                    cell::int(trace.duration),
                    cell::int(i32::from(trace.coordinator.port())),
                    cell::text("embedded"),
                ]
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(number: i32) -> Trace {
        Trace {
            session_id: Uuid::from_u128(number as u128),
            client: [127, 0, 0, 1].into(),
            coordinator: ([127, 0, 0, 1], 9042).into(),
            request: "Execute CQL3 query",
            query: String::new(),
            consistency: None,
            started_at: 0,
            duration: number,
        }
    }

    #[test]
    fn only_the_latest_traces_are_kept() {
        let traces = Traces::default();
        for number in 0..CAPACITY as i32 + 5 {
            traces.record(trace(number));
        }
        let rows = traces.session_rows();
        assert_eq!(rows.len(), CAPACITY);
        assert_eq!(rows[0][5], cell::int(5));
        assert_eq!(traces.event_rows().len(), CAPACITY);
    }

    #[test]
    fn a_late_trace_has_neither_duration_nor_events_at_first() {
        let traces = Traces::default();
        traces.come_late(Duration::from_secs(3600));
        traces.record(trace(7));
        assert_eq!((traces.session_rows()[0][5].clone(), traces.event_rows().len()), (None, 0));
        traces.come_late(Duration::ZERO);
        assert_eq!((traces.session_rows()[0][5].clone(), traces.event_rows().len()), (cell::int(7), 1));
    }
}
