//! What a session counts.
//!
//! [`Session::metrics`](crate::Session::metrics) gathers one [`MetricsSnapshot`] from all actors, between two of their ticks.
//! [`catalog`] lists every metric with its type, unit and labels.

pub use chorus_actors::catalog;
pub use chorus_actors::{
    ActorSnapshot, HostSnapshot, LatencySnapshot, MetricsSnapshot, RequestCounts, RequestOutcome,
    SMALL_BOUNDS, SmallHistogram, TrafficSnapshot,
};
