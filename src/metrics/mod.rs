//! What a session counts.
//!
//! [`Session::metrics`](crate::Session::metrics) gathers one [`MetricsSnapshot`] from all actors, between two of their ticks.
//! A [`Publisher`] hands such snapshots to the `metrics` facade, where any recorder picks them up; the feature `prometheus`
//! adds an endpoint for programs without one. [`catalog`] lists every metric with its type, unit, labels and meaning.

#[cfg(feature = "prometheus")]
mod prometheus;
mod publish;

pub use chorus_actors::catalog;
pub use chorus_actors::{
    ActorSnapshot, HostSnapshot, LatencySnapshot, MetricsSnapshot, RequestCounts, RequestKind,
    RequestOutcome, SMALL_BOUNDS, SmallHistogram, TrafficSnapshot,
};

#[cfg(feature = "prometheus")]
pub use prometheus::PrometheusEndpoint;
pub use publish::Publisher;
