//! Which host is next for a request.
//!
//! A plan is not a list: a policy is asked for the next host when one is needed, and almost every request needs one. So
//! the first answer is all that costs, and it costs no allocation.

mod dc_aware;
mod round_robin;
mod token_aware;

use std::fmt::Debug;

use chorus_protocol::Consistency;
use chorus_protocol::token::Token;

pub use dc_aware::DcAwareRoundRobin;
pub use round_robin::RoundRobin;
pub use token_aware::TokenAware;

use crate::host::{Distance, Host, HostIndex, TableId};
use crate::rng::Rng;
use crate::routing::{Route, RouteHost};

/// Chooses hosts. Shared by all reactors, hence `&self`; the request path calls [`next`](Self::next) only.
pub trait LoadBalancingPolicy: Send + Sync + Debug {
    /// How near `host` is. Ignored hosts get no connections.
    fn distance(&self, host: &Host) -> Distance;

    /// Sets the distance of every member, when it depends on the other members too. Called for each new route, off the
    /// request path. The default asks [`distance`](Self::distance) for each.
    fn assign(&self, hosts: &mut [RouteHost]) {
        for entry in hosts {
            entry.distance = self.distance(&entry.host);
        }
    }

    /// Tells the first host the driver reached, once, before the first route. A policy without an explicit preference may
    /// take its datacenter from it; later calls change nothing. The default ignores it.
    fn contacted(&self, contact: &Host) {
        let _ = contact;
    }

    /// The next host for a request that already tried `tried`: usable, not among them, not ignored. `None` when there is
    /// none left. Asked until then with each answer added, the answers cover every usable host that is not ignored.
    fn next(
        &self,
        query: &RoutingQuery,
        route: &Route,
        load: &dyn Load,
        tried: &[HostIndex],
        rng: &mut Rng,
    ) -> Option<Target>;
}

/// What a policy may know of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RoutingQuery {
    /// The table, when the statement tells.
    pub table: Option<TableId>,
    /// The token of its partition key, when all parts of the key are bound.
    pub token: Option<Token>,
    /// The consistency it is sent with.
    pub consistency: Consistency,
    /// Whether it is a lightweight transaction: contenders should meet at one replica.
    pub is_lwt: bool,
    /// Whether it only reads.
    pub is_read: bool,
}

/// Where to send a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// The host.
    pub host: HostIndex,
    /// The shard that owns the rows, when known. A wish: without a connection to it another one serves.
    pub shard: Option<u16>,
    /// How good a choice it is.
    pub quality: RoutingQuality,
}

/// How well a request was routed, from best to worst. What the routing metric counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RoutingQuality {
    /// A replica, and its shard is known.
    ReplicaShard,
    /// A replica, but through a connection to another shard. Set by the engine, which knows the connection.
    ReplicaOtherShard,
    /// A replica without shards.
    Replica,
    /// A host that must forward: the replicas are known, but none was usable.
    NonReplica,
    /// A host of another datacenter.
    RemoteDatacenter,
    /// Any host: the request does not tell its token, or the replicas are not known.
    Unrouted,
}

impl RoutingQuality {
    /// Every quality, from best to worst.
    pub const ALL: [RoutingQuality; 6] = [
        Self::ReplicaShard,
        Self::ReplicaOtherShard,
        Self::Replica,
        Self::NonReplica,
        Self::RemoteDatacenter,
        Self::Unrouted,
    ];

    /// The name used as a metric label.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReplicaShard => "replica_shard",
            Self::ReplicaOtherShard => "replica_other_shard",
            Self::Replica => "replica",
            Self::NonReplica => "non_replica",
            Self::RemoteDatacenter => "remote_dc",
            Self::Unrouted => "unrouted",
        }
    }
}

/// What the asker knows of its connections.
pub trait Load {
    /// How many requests are waiting for an answer of this host.
    fn in_flight(&self, host: HostIndex) -> u32;

    /// Whether the host has a connection that can take a request now.
    fn usable(&self, host: HostIndex) -> bool;
}

/// The first usable host of `hosts` not yet tried, walking once around from `start`.
fn rotate(hosts: &[HostIndex], start: usize, load: &dyn Load, tried: &[HostIndex]) -> Option<HostIndex> {
    let (before, from) = hosts.split_at(if hosts.is_empty() { 0 } else { start % hosts.len() });
    from.iter().chain(before).copied().find(|host| !tried.contains(host) && load.usable(*host))
}

#[cfg(test)]
pub(crate) mod testing {
    //! A cluster and its load for policy tests.

    use std::collections::BTreeSet;
    use std::sync::Arc;

    use uuid::Uuid;

    use super::*;
    use crate::routing::RouteBuilder;
    use chorus_protocol::token::AnyToken;

    /// Hosts unusable and in-flight counts by host number; everything else is usable and idle.
    #[derive(Debug, Default)]
    pub(crate) struct FakeLoad {
        pub(crate) unusable: BTreeSet<u32>,
        pub(crate) in_flight: Vec<u32>,
    }

    impl Load for FakeLoad {
        fn in_flight(&self, host: HostIndex) -> u32 {
            self.in_flight.get(host.as_usize()).copied().unwrap_or(0)
        }

        fn usable(&self, host: HostIndex) -> bool {
            !self.unusable.contains(&host.0)
        }
    }

    pub(crate) fn member(number: u32, datacenter: &str, rack: &str, tokens: &[i64]) -> Host {
        let [_, a, b, c] = number.to_be_bytes();
        let host = Host::new(Uuid::from_u128(u128::from(number) + 1), ([10, a, b, c], 9042).into());
        host.located(datacenter, rack).owning(tokens.iter().map(|token| AnyToken::Murmur3(Token(*token))))
    }

    pub(crate) fn builder(members: Vec<Host>) -> (RouteBuilder, Vec<Arc<Host>>) {
        let mut builder = RouteBuilder::from_route(&Route::default());
        let members = builder.members(members);
        (builder, members)
    }

    /// All targets of one plan.
    pub(crate) fn plan(
        policy: &dyn LoadBalancingPolicy,
        query: &RoutingQuery,
        route: &Route,
        load: &dyn Load,
        rng: &mut Rng,
    ) -> Vec<Target> {
        let (mut tried, mut targets) = (Vec::new(), Vec::new());
        while let Some(target) = policy.next(query, route, load, &tried, rng) {
            assert!(!tried.contains(&target.host), "{target:?} was already tried");
            tried.push(target.host);
            targets.push(target);
        }
        targets
    }

    pub(crate) fn numbers(targets: &[Target]) -> Vec<u32> {
        targets.iter().map(|target| target.host.0).collect()
    }
}
