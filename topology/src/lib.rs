//! What the driver knows about its cluster, and how it chooses.
//!
//! Pure: no runtime, no sockets, no clock. Facts come in as rows and events, chance as an [`Rng`], and what comes out are
//! values: an immutable [`Route`] for the request path, and decisions of [`policies`].

#![forbid(unsafe_code)]

pub mod client_routes;
pub mod endpoint;
pub mod host;
pub mod metadata;
pub mod policies;
pub mod rng;
pub mod routing;
pub mod rows;
pub mod server_version;

pub use client_routes::{
    ClientRoute, ClientRouteProxy, ClientRoutes, NoUsableRoute, RouteScope, RouteTable, RouteUpdate,
};
pub use endpoint::{Endpoint, EndpointFactory, RouteEndpoint, SniEndpoint, SniProxy};
pub use host::{Distance, Host, HostIndex, KeyspaceId, Sharding, TableId};
pub use metadata::{
    ClusterState, Discovery, Keyspace, SchemaDifference, SchemaScope, Table, Warning, differences,
};
pub use policies::address_translation::{AddressTranslator, Ec2MultiRegion, FixedAddresses, NameService};
pub use policies::conviction::{
    ConnectionFailure, ConnectionFailureKind, ConvictionPolicy, ConvictionRecord, LastConnection,
    SimpleConviction,
};
pub use policies::load_balancing::{
    AllowList, AllowedHost, DcAwareRoundRobin, HostFilter, HostLatency, Load, LoadBalancingPolicy,
    RoundRobin, RoutingQuality, RoutingQuery, SlowHosts, Target, TokenAware, preferred_target,
};
pub use policies::reconnection::{
    ConstantReconnection, ExponentialReconnection, InvalidReconnection, ReconnectionPolicy,
    ReconnectionSchedule,
};
pub use policies::retry::{
    DefaultRetry, DowngradingConsistencyRetry, ExponentialBackoffRetry, Failure, FailureCause,
    FallthroughRetry, InvalidBackoff, LwtRetry, NeverRetry, RetryBudget, RetryDecision, RetryPolicy,
    is_for_policy,
};
pub use policies::speculative::{
    Conditions, ConstantSpeculation, InvalidPercentile, Latencies, PercentileSpeculation, SpeculativePolicy,
};
pub use rng::Rng;
pub use routing::{
    Replica, Replicas, ReplicationFactor, ReplicationStrategy, Route, RouteBuilder, RouteHost,
    TABLETS_V1_PAYLOAD_KEY, TABLETS_V2_PAYLOAD_KEY, TabletHint, UpHosts, View, ViewId, tablet_version_block,
};
pub use server_version::{InvalidServerVersion, ServerVersion};
