//! What an endpoint serves as JSON: a snapshot, and what one has to know to make sense of it without the session.

use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use chorus_actors::MetricsSnapshot;
use chorus_topology::{ClusterState, Distance};
use serde::{Deserialize, Serialize};

use super::process::Process;
use super::program;

pub use super::program::ProgramNumber;

/// A session and its metrics at one moment, as [`PrometheusEndpoint`](super::PrometheusEndpoint) serves it under
/// `/metrics.json`. Read it with serde; what an older version does not tell is empty or zero.
///
/// Two reports are of the same counters when their [`process`](Self::process) has the same `id` and `started_ms`; then
/// [`MetricsSnapshot::rates_since`] says what happened between them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct SessionReport {
    /// What the session is called, when the endpoint was told (`SeriesLimits::session`).
    pub session: Option<String>,
    /// The cluster's name.
    pub cluster: String,
    /// The version of the driver.
    pub version: String,
    /// The program.
    pub process: ProcessReport,
    /// The hosts of the cluster.
    pub members: Vec<Member>,
    /// Counters and gauges of the program itself, those of bulk loads among them: what it records through the `metrics` facade once
    /// a second, see [`PrometheusEndpoint::start_with`](super::PrometheusEndpoint::start_with).
    pub program: Vec<ProgramNumber>,
    /// The session's metrics; their fields stand beside the others.
    #[serde(flatten)]
    pub metrics: MetricsSnapshot,
}

/// The program whose metrics these are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ProcessReport {
    /// Its process id.
    pub id: u32,
    /// When its endpoint was started, milliseconds since 1970.
    pub started_ms: u64,
    /// Processor time it has used, microseconds; zero where the system does not tell.
    pub cpu_us: u64,
    /// Memory it occupies; zero where the system does not tell.
    pub resident_bytes: u64,
}

/// A host of the cluster as the session knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Member {
    /// Its number, by which [`HostSnapshot::host`](super::HostSnapshot::host) names it.
    pub host: u32,
    /// Its address.
    pub address: SocketAddr,
    /// Its datacenter; empty when the server did not tell.
    #[serde(default)]
    pub datacenter: String,
    /// Its rack; empty when the server did not tell.
    #[serde(default)]
    pub rack: String,
    /// The server's version text.
    #[serde(default)]
    pub version: Option<String>,
    /// How many shards it has; `None` where there are none.
    #[serde(default)]
    pub shards: Option<u16>,
    /// False when the driver knows it to be unreachable.
    #[serde(default)]
    pub up: bool,
    /// True when the load balancing policy never uses it.
    #[serde(default)]
    pub ignored: bool,
}

impl SessionReport {
    pub(super) fn new(
        session: Option<String>,
        metrics: MetricsSnapshot,
        state: &ClusterState,
        started_ms: u64,
    ) -> Self {
        let process = Process::now();
        let members = state.hosts.iter().map(|host| {
            let known = state.route.host(host.index);
            Member {
                host: host.index.0,
                address: host.address,
                datacenter: host.datacenter.to_string(),
                rack: host.rack.to_string(),
                version: host.release_version.as_deref().map(str::to_owned),
                shards: host.sharding.map(|sharding| sharding.nr_shards),
                up: known.is_some_and(|known| known.up),
                ignored: known.is_some_and(|known| known.distance == Distance::Ignored),
            }
        });
        Self {
            session,
            cluster: state.name.to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            process: ProcessReport {
                id: std::process::id(),
                started_ms,
                cpu_us: process.cpu.as_micros() as u64,
                resident_bytes: process.resident_bytes,
            },
            members: members.collect(),
            program: Vec::new(),
            metrics,
        }
    }

    /// As one JSON object on one line, with the program's own numbers as its recorder renders them.
    pub(super) fn to_json(&self, rendered: &str) -> String {
        let report = Self { program: program::numbers(rendered), ..self.clone() };
        serde_json::to_string(&report).expect("every key is a string, and writing to memory cannot fail")
    }
}

/// Now, in milliseconds since 1970.
pub(super) fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_served_is_read_again() {
        let mut snapshot = MetricsSnapshot::default();
        snapshot.in_flight = 7;
        let report =
            SessionReport::new(Some("orders".into()), snapshot, &ClusterState::default(), 1_700_000_000_000);
        let json = report.to_json("chorus_bulk_rows_total{stage=\"read\"} 12\n");
        let read: SessionReport = serde_json::from_str(&json).expect("it is read");
        assert_eq!((read.session.as_deref(), read.metrics.in_flight), (Some("orders"), 7));
        assert_eq!(read.process, report.process);
        assert_eq!(
            (&*read.program[0].name, read.program[0].label("stage"), read.program[0].value),
            ("chorus_bulk_rows_total", Some("read"), 12.0)
        );
        let empty: SessionReport = serde_json::from_str("{}").expect("nothing need be there");
        assert_eq!(empty.process, ProcessReport::default());
    }
}
