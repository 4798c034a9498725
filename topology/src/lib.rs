//! What the driver knows about its cluster, and how it chooses.
//!
//! Pure: no runtime, no sockets, no clock. Facts come in as rows and events, chance as an [`Rng`], and what comes out are
//! values: an immutable [`Route`] for the request path, and decisions of [`policies`].

#![forbid(unsafe_code)]

pub mod host;
pub mod metadata;
pub mod policies;
pub mod rng;
pub mod routing;
pub mod rows;

pub use host::{Distance, Host, HostIndex, KeyspaceId, Sharding, TableId};
pub use metadata::{ClusterState, Discovery, Keyspace, SchemaScope, Table, Warning};
pub use policies::load_balancing::{
    DcAwareRoundRobin, Load, LoadBalancingPolicy, RoundRobin, RoutingQuality, RoutingQuery, Target,
    TokenAware,
};
pub use policies::reconnection::{
    ExponentialReconnection, InvalidReconnection, ReconnectionPolicy, ReconnectionSchedule,
};
pub use policies::retry::{
    DefaultRetry, Failure, FailureCause, FallthroughRetry, NeverRetry, RetryBudget, RetryDecision,
    RetryPolicy,
};
pub use rng::Rng;
pub use routing::{
    Replica, Replicas, ReplicationFactor, ReplicationStrategy, Route, RouteBuilder, RouteHost, TabletHint,
    UpHosts,
};
