//! The engine of Chorus: a company of actors that carries CQL requests to a cluster and the answers back.
//!
//! Control travels in mailboxes, data travels in batches, knowledge is an immutable snapshot. Each
//! [reactor](Placement) is one future that holds its actors; `coordinator`, `pool` and `connection` exist once or more on
//! each, `cluster`, `control`, `host` and `metrics` on the first. Callers use [`Engine`]; they never see an address or a
//! message.
#![deny(unsafe_code)]

pub mod auth;
#[cfg(feature = "bench")]
#[doc(hidden)]
pub mod bench;
mod bulk;
mod cluster;
pub mod config;
mod connection;
mod control;
mod coordinator;
mod engine;
mod host;
mod internal;
mod mail;
mod metrics;
mod pool;
mod reactor;
mod request;
mod shutdown;
mod statements;
#[cfg(feature = "tls")]
pub mod tls;

pub use auth::{AuthProvider, Credentials, KNOWN_AUTHENTICATORS, MAX_CHALLENGES};
pub use bulk::{BulkJob, BulkOptions, CompletedChunk, RowOutcome};
pub use cluster::{AgreementScope, ClusterEvent, ClusterEvents, UseKeyspaceError};
pub use config::{ConfigError, ContactPoint, EngineConfig};
pub use connection::handshake::{Banner, CompressionChoice, ConnectAttempt, ConnectError, Phase, TlsProblem};
pub use control::ControlError;
pub use coordinator::{DrainReport, RequestCounts, RequestOutcome};
pub use engine::{Agreement, Engine, PolicyViews};
pub use host::KeyspaceRefused;
pub use metrics::catalog;
pub use metrics::{
    ActorSnapshot, BucketHistogram, ByReason, ConnectionSnapshot, ControlSnapshot, FailureReason,
    HOSTS_IN_FULL, HostSnapshot, LATENCY_BOUNDS_US, LatencySnapshot, MetricsSnapshot, Rates, ReactorSnapshot,
    SMALL_BOUNDS, SmallHistogram, StageTimes, TrafficSnapshot,
};
pub use reactor::Placement;
pub use request::{
    Attempt, AttemptError, CloseReason, Effort, ExecutionPolicies, PendingReply, Preparation, Preparations,
    Reply, RequestBuilder, RequestError, RequestErrorKind, RequestKind, RequestOptions,
};
pub use shutdown::ShutdownReport;
