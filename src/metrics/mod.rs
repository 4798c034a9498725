//! What a session counts.
//!
//! [`Session::metrics`](crate::Session::metrics) gathers one [`MetricsSnapshot`] from all actors, between two of their ticks.
//! A [`Publisher`] hands such snapshots to the `metrics` facade, where any recorder picks them up; the feature `prometheus`
//! adds an endpoint for programs without one, with a page that draws them. [`catalog`] lists every metric with its type, unit, labels and meaning, the
//! panels that show it and the alerts that watch it; [`SeriesLimits`] keeps the number of series bounded in large clusters.

#[cfg(feature = "hdr-log")]
mod hdr;
mod hosts;
#[cfg(feature = "prometheus")]
mod http;
mod otel;
#[cfg(feature = "prometheus")]
mod page;
mod process;
#[cfg(feature = "prometheus")]
mod program;
#[cfg(feature = "prometheus")]
mod prometheus;
#[cfg(feature = "prometheus")]
mod protobuf;
mod publish;
#[cfg(feature = "prometheus")]
mod report;
mod sample;
mod session;
#[cfg(feature = "prometheus")]
mod text;

use std::time::Instant;

pub use chorus_actors::catalog;
pub use chorus_actors::{
    ActorSnapshot, BucketHistogram, ByReason, ConnectionSnapshot, ControlSnapshot, FailureReason,
    HostSnapshot, LATENCY_BOUNDS_US, LatencySnapshot, MetricsSnapshot, Rates, ReactorSnapshot, RequestCounts,
    RequestKind, RequestOutcome, SMALL_BOUNDS, SmallHistogram, StageTimes, TrafficSnapshot,
};
use chorus_topology::ClusterState;

#[cfg(feature = "hdr-log")]
pub use hdr::HdrLog;
pub use hosts::SeriesLimits;
#[cfg(feature = "prometheus")]
pub use prometheus::PrometheusEndpoint;
#[cfg(feature = "bulk")]
pub(crate) use publish::describe;
pub use publish::{Names, Publisher};
#[cfg(feature = "prometheus")]
pub use report::{Member, ProcessReport, ProgramNumber, SessionReport};

use hosts::Hosts;
use process::Process;
use sample::{Sample, Samples};

/// Makes samples of one session's snapshots, one after the other.
#[derive(Debug, Default)]
struct Sampler {
    limits: SeriesLimits,
    hosts: Hosts,
}

impl Sampler {
    fn new(limits: SeriesLimits) -> Self {
        Self { limits, hosts: Hosts::default() }
    }

    /// The samples of a snapshot, in the order of the catalogue.
    fn take(&mut self, snapshot: &MetricsSnapshot, state: &ClusterState, now: Instant) -> Vec<Sample> {
        let common = self.limits.session.iter().map(|name| ("session", name.clone())).collect();
        let mut samples = Samples { common, ..Samples::default() };
        session::add(&mut samples, snapshot, state, &Process::now());
        self.hosts.add(&mut samples, snapshot, state, &self.limits, now);
        samples.in_order()
    }

    /// The same under the names of OpenTelemetry's conventions, as far as they have any.
    fn take_conventional(&self, snapshot: &MetricsSnapshot, state: &ClusterState) -> Vec<Sample> {
        let common = self.limits.session.iter().map(|name| ("session", name.clone())).collect();
        let mut samples = Samples { common, ..Samples::default() };
        otel::add(&mut samples, snapshot, state);
        samples.in_order()
    }
}
