//! A large cluster: hosts over three datacenters, 256 tokens each, a table on the ring and one of tablets.

#![allow(dead_code)] // each of those who use it uses a part

use chorus_protocol::token::{AnyToken, Token};
use chorus_topology::routing::KeyspaceRouting;
use chorus_topology::{
    DcAwareRoundRobin, Host, ReplicationFactor, ReplicationStrategy, Rng, Route, RouteBuilder, RoutingQuery,
    TableId, TabletHint, TokenAware,
};
use uuid::Uuid;

pub(crate) const TOKENS: usize = 256;
pub(crate) const DATACENTERS: usize = 3;

pub(crate) struct Large {
    pub(crate) route: Route,
    pub(crate) policy: TokenAware,
    pub(crate) ring: TableId,
    pub(crate) tablets: TableId,
}

/// The members of a cluster; `seed` changes nothing but their tokens.
pub(crate) fn members(hosts: usize, tokens: usize, seed: u64) -> Vec<Host> {
    let mut rng = Rng::seeded(seed);
    let member = |number: usize| {
        let address = ([10, 0, (number / 250) as u8, (number % 250) as u8], 9042).into();
        let tokens: Vec<AnyToken> =
            (0..tokens).map(|_| AnyToken::Murmur3(Token(rng.next_u64() as i64))).collect();
        Host::new(Uuid::from_u128(number as u128 + 1), address)
            .located(&format!("dc{}", number % DATACENTERS), &format!("r{}", number / DATACENTERS % 8))
            .owning(tokens)
    };
    (0..hosts).map(member).collect()
}

/// The keyspaces `ring` and `tab`, both with three replicas in each datacenter and a table `t`.
pub(crate) fn keyspaces() -> [KeyspaceRouting; 2] {
    let factors = (0..DATACENTERS).map(|number| (format!("dc{number}"), ReplicationFactor::new(3)));
    let replication = ReplicationStrategy::NetworkTopology(factors.collect());
    ["ring", "tab"].map(|name| KeyspaceRouting {
        name: name.into(),
        replication: replication.clone(),
        consistency: None,
        tables: vec!["t".into()],
    })
}

/// The tablet number `number` of `count`, with three replicas in each datacenter.
pub(crate) fn tablet(number: usize, count: usize, hosts: usize) -> TabletHint {
    let size = u64::MAX / count as u64;
    let start = |number: usize| Token(((number as u64 * size) ^ (1 << 63)) as i64);
    let replica = |place: usize| {
        // Neighbours in the list of hosts are in different datacenters.
        let host = (number * 31 + place) % hosts;
        (Uuid::from_u128(host as u128 + 1), (number % 16) as u16)
    };
    TabletHint {
        first: start(number),
        last: start(number + 1),
        replicas: (0..(3 * DATACENTERS).min(hosts)).map(replica).collect(),
        version: None,
    }
}

impl Large {
    pub(crate) fn new(hosts: usize, tablets: usize) -> Large {
        Self::of(hosts, TOKENS, tablets)
    }

    pub(crate) fn of(hosts: usize, tokens: usize, tablets: usize) -> Large {
        let policy = TokenAware::new(DcAwareRoundRobin::preferring("dc0"));
        let mut builder = RouteBuilder::from_route(&Route::default());
        builder.members(members(hosts, tokens, 1));
        builder.keyspaces(&keyspaces());
        let route = builder.finish(&policy);
        let table = |keyspace| route.table_id(keyspace, "t").expect("it was just made");
        let (ring, tab) = (table("ring"), table("tab"));
        let hints: Vec<TabletHint> = (0..tablets).map(|number| tablet(number, tablets, hosts)).collect();
        let (route, unknown) = route.learning(hints.iter().map(|hint| (tab, hint)));
        assert!(unknown.is_empty() && route.tablet_count() == tablets);
        Large { route, policy, ring, tablets: tab }
    }

    pub(crate) fn query(&self, table: TableId, token: i64) -> RoutingQuery {
        RoutingQuery { table: Some(table), token: Some(Token(token)), ..RoutingQuery::default() }
    }
}
