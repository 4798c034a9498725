//! Decisions a program may take over: which hosts a request goes to, what happens when it fails, when a lost host is tried
//! again.
//!
//! Policies are pure: they are given what is known and return a decision. They run on the engine's threads, for every request
//! (load balancing) or every failure (retry), and must not block.

pub use chorus_topology::{
    DcAwareRoundRobin, DefaultRetry, Distance, ExponentialReconnection, FallthroughRetry,
    LoadBalancingPolicy, NeverRetry, ReconnectionPolicy, RetryDecision, RetryPolicy, RoundRobin,
    RoutingQuality, RoutingQuery, Target, TokenAware,
};
