//! Which host is next for a request.
//!
//! A plan is not a list: a policy is asked for the next host when one is needed, and almost every request needs one. So
//! the first answer is all that costs, and it costs no allocation.

mod allow_list;
mod dc_aware;
mod draw;
mod host_filter;
mod latency;
mod preferred;
mod round_robin;
mod token_aware;

use std::fmt::Debug;
use std::sync::Arc;

use chorus_protocol::Consistency;
use chorus_protocol::token::Token;

pub use allow_list::{AllowList, AllowedHost};
pub use dc_aware::DcAwareRoundRobin;
pub use host_filter::HostFilter;
pub use latency::{HostLatency, SlowHosts};
pub use preferred::preferred_target;
pub use round_robin::RoundRobin;
pub use token_aware::TokenAware;

use crate::host::{Distance, Host, HostIndex, TableId};
use crate::rng::Rng;
use crate::routing::{RouteHost, View};

/// Chooses hosts. Shared by all reactors, hence `&self`.
///
/// The request path calls [`next`](Self::next) only: for each request, and for each row of a bulk job. An implementation
/// must not block there and had better not allocate; the ones here take some tens of nanoseconds. Everything that changes
/// with the cluster and not with the request belongs into [`assign`](Self::assign), whose result a [`View`] keeps.
pub trait LoadBalancingPolicy: Send + Sync + Debug {
    /// How near `host` is. Ignored hosts get no connections, unless another policy of the session wants them.
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

    /// Whether the token of a request to `table` can change what [`next`](Self::next) says. Where it cannot, jobs of many rows
    /// do without hashing each row's key, and ask once for many rows. Defaults to true.
    fn wants_token(&self, view: View<'_>, table: TableId) -> bool {
        let _ = (view, table);
        true
    }

    /// The next host for a request that already tried `tried`: usable, not among them, not ignored. `None` when there is
    /// none left. Asked until then with each answer added, the answers cover every usable host that is not ignored.
    ///
    /// `view` is the cluster as this policy sees it: its distances are those that [`assign`](Self::assign) gave.
    fn next(
        &self,
        query: &RoutingQuery,
        view: View<'_>,
        load: &dyn Load,
        tried: &[HostIndex],
        rng: &mut Rng,
    ) -> Option<Target>;
}

/// A policy shared with others is a policy: so combinations can be made of policies that are only known at run time.
impl<P: LoadBalancingPolicy + ?Sized> LoadBalancingPolicy for Arc<P> {
    fn distance(&self, host: &Host) -> Distance {
        (**self).distance(host)
    }

    fn assign(&self, hosts: &mut [RouteHost]) {
        (**self).assign(hosts);
    }

    fn contacted(&self, contact: &Host) {
        (**self).contacted(contact);
    }

    fn wants_token(&self, view: View<'_>, table: TableId) -> bool {
        (**self).wants_token(view, table)
    }

    fn next(
        &self,
        query: &RoutingQuery,
        view: View<'_>,
        load: &dyn Load,
        tried: &[HostIndex],
        rng: &mut Rng,
    ) -> Option<Target> {
        (**self).next(query, view, load, tried, rng)
    }
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
    /// A host it would rather go to. The engine tries that one first and only then asks the policy, which need not look.
    pub preferred: Option<HostIndex>,
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

    /// How long the host takes to answer at the moment, in microseconds: an average over its last answers, see
    /// [`HostLatency`]. `None` when too few came lately; the default knows of none.
    fn latency_us(&self, host: HostIndex) -> Option<u32> {
        let _ = host;
        None
    }

    /// Whether any host may be slow beside any other. False saves a policy from comparing the replicas of each request; the
    /// default has it compare.
    fn may_be_slow(&self, slow: SlowHosts) -> bool {
        let _ = slow;
        true
    }
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
    use crate::routing::{
        KeyspaceRouting, ReplicationFactor, ReplicationStrategy, Route, RouteBuilder, ViewId,
    };
    use chorus_protocol::token::AnyToken;

    /// Hosts unusable, in-flight counts and milliseconds by host number; everything else is usable, idle and not known.
    #[derive(Debug, Default)]
    pub(crate) struct FakeLoad {
        pub(crate) unusable: BTreeSet<u32>,
        pub(crate) in_flight: Vec<u32>,
        pub(crate) millis: Vec<u32>,
    }

    impl Load for FakeLoad {
        fn in_flight(&self, host: HostIndex) -> u32 {
            self.in_flight.get(host.as_usize()).copied().unwrap_or(0)
        }

        fn usable(&self, host: HostIndex) -> bool {
            !self.unusable.contains(&host.0)
        }

        fn latency_us(&self, host: HostIndex) -> Option<u32> {
            self.millis.get(host.as_usize()).map(|millis| millis * 1_000)
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

    /// Hosts in one datacenter, host `n` with the token `10 n`, and the table `ks.t` with `factor` replicas: token 5 belongs
    /// to hosts 1, 2 and so on.
    pub(crate) fn one_datacenter(hosts: u32, factor: u32) -> Route {
        one_datacenter_of(hosts, factor, &RoundRobin::starting_at(0))
    }

    /// The same as `policy` sees it.
    pub(crate) fn one_datacenter_of(hosts: u32, factor: u32, policy: &dyn LoadBalancingPolicy) -> Route {
        let members = (0..hosts).map(|number| member(number, "dc", "r", &[i64::from(number) * 10]));
        let (mut builder, _) = builder(members.collect());
        builder.keyspaces([&KeyspaceRouting {
            name: "ks".into(),
            replication: ReplicationStrategy::Simple(ReplicationFactor::new(factor)),
            consistency: None,
            tables: vec!["t".into()],
        }]);
        builder.finish(policy)
    }

    /// A request for a row of `ks.t`.
    pub(crate) fn routed(route: &Route, token: i64) -> RoutingQuery {
        let table = route.table_id("ks", "t");
        assert!(table.is_some());
        RoutingQuery { table, token: Some(Token(token)), ..RoutingQuery::default() }
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
        while let Some(target) = policy.next(query, route.view(ViewId::SESSION), load, &tried, rng) {
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
