//! From a partition key to a host.

use std::collections::BTreeMap;
use std::hint::black_box;

use chorus::Consistency;
use chorus_protocol::token::{AnyToken, Token, murmur3_token};
use chorus_topology::routing::KeyspaceRouting;
use chorus_topology::{
    DcAwareRoundRobin, Host, LoadBalancingPolicy, ReplicationFactor, ReplicationStrategy, Rng, Route,
    RouteBuilder, RoutingQuery, TokenAware, UpHosts, ViewId,
};
use uuid::Uuid;

use super::Subject;

const HOSTS_A_DATACENTER: u32 = 3;
const TOKENS_A_HOST: usize = 256;

/// Hashes a key of eight bytes and asks the default policy for a host: two datacenters, six hosts with 256 tokens each, three
/// replicas in either datacenter.
pub(crate) fn hash_and_route() -> Subject {
    let policy = TokenAware::new(DcAwareRoundRobin::preferring("dc0"));
    let route = cluster(&policy);
    let table = route.table_id("bench", "kv");
    let mut rng = Rng::seeded(1);
    Box::new(move |times| {
        for id in 0..times {
            let query = RoutingQuery {
                table,
                token: Some(murmur3_token(&id.to_be_bytes())),
                consistency: Consistency::LocalQuorum,
                is_read: true,
                ..RoutingQuery::default()
            };
            black_box(policy.next(&query, route.view(ViewId::SESSION), &UpHosts(&route), &[], &mut rng));
        }
    })
}

fn cluster(policy: &dyn LoadBalancingPolicy) -> Route {
    let mut rng = Rng::seeded(2);
    let mut host = |number: u32| {
        let tokens: Vec<_> =
            (0..TOKENS_A_HOST).map(|_| AnyToken::Murmur3(Token(rng.next_u64() as i64))).collect();
        Host::new(Uuid::from_u128(u128::from(number) + 1), ([10, 0, 0, number as u8], 9042).into())
            .located(&format!("dc{}", number / HOSTS_A_DATACENTER), "rack1")
            .owning(tokens)
    };
    let members: Vec<_> = (0..2 * HOSTS_A_DATACENTER).map(&mut host).collect();
    let replicas = ["dc0", "dc1"].map(|datacenter| (datacenter.to_owned(), ReplicationFactor::new(3)));
    let keyspace = KeyspaceRouting {
        name: "bench".into(),
        replication: ReplicationStrategy::NetworkTopology(BTreeMap::from(replicas)),
        consistency: None,
        tables: vec!["kv".into()],
    };
    let mut builder = RouteBuilder::from_route(&Route::default());
    builder.members(members);
    builder.keyspaces([&keyspace]);
    builder.finish(policy)
}
