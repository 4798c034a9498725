//! Decisions a program may take over: which hosts a request goes to, what happens when it fails, whether a late one is sent
//! to a second host, when a host is given up and when it is tried again, and where hosts are really reached.
//!
//! Policies are pure: they are given what is known and return a decision. They run on the engine's threads, for every request
//! (load balancing) or every failure (retry), and must not block.
//!
//! | decision | trait | there are |
//! |---|---|---|
//! | which host is next | [`LoadBalancingPolicy`] | [`TokenAware`] (default), [`DcAwareRoundRobin`], [`RoundRobin`], [`AllowList`], [`HostFilter`] |
//! | again, elsewhere, or not | [`RetryPolicy`] | [`DefaultRetry`] (default), [`ExponentialBackoffRetry`], [`LwtRetry`], [`NeverRetry`], [`FallthroughRetry`], [`DowngradingConsistencyRetry`] |
//! | one more attempt | [`SpeculativePolicy`] | none (default), [`ConstantSpeculation`], [`PercentileSpeculation`] |
//! | when to connect again | [`ReconnectionPolicy`] | [`ExponentialReconnection`] (default), [`ConstantReconnection`] |
//! | is the host down | [`ConvictionPolicy`] | [`LastConnection`] (default), [`SimpleConviction`] |
//! | where is the host | [`AddressTranslator`] | none (default), [`FixedAddresses`], [`Ec2MultiRegion`] |

pub use chorus_actors::config::SystemNames;
pub use chorus_topology::{
    AddressTranslator, AllowList, AllowedHost, Conditions, ConnectionFailure, ConnectionFailureKind,
    ConstantReconnection, ConstantSpeculation, ConvictionPolicy, ConvictionRecord, DcAwareRoundRobin,
    DefaultRetry, Distance, DowngradingConsistencyRetry, Ec2MultiRegion, ExponentialBackoffRetry,
    ExponentialReconnection, Failure, FailureCause, FallthroughRetry, FixedAddresses, Host, HostFilter,
    HostIndex, InvalidBackoff, InvalidPercentile, InvalidReconnection, LastConnection, Latencies, Load,
    LoadBalancingPolicy, LwtRetry, NameService, NeverRetry, PercentileSpeculation, ReconnectionPolicy,
    ReconnectionSchedule, Replica, Replicas, RetryBudget, RetryDecision, RetryPolicy, Rng, RoundRobin, Route,
    RouteHost, RoutingQuality, RoutingQuery, SimpleConviction, SlowHosts, SpeculativePolicy, TableId, Target,
    TokenAware, View,
};
