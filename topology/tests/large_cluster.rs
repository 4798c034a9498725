//! Routing in a cluster of 1,000 hosts with 256 tokens each, against the plain definition; and what it allocates: nothing.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::OnceLock;

use chorus_protocol::token::{AnyToken, Token};
use chorus_topology::routing::KeyspaceRouting;
use chorus_topology::{
    DcAwareRoundRobin, Host, HostIndex, LoadBalancingPolicy, ReplicationFactor, ReplicationStrategy, Rng,
    Route, RouteBuilder, RoutingQuality, RoutingQuery, TokenAware, UpHosts, ViewId,
};
use proptest::prelude::*;
use uuid::Uuid;

const HOSTS: usize = 1000;
const TOKENS: usize = 256;

struct Cluster {
    route: Route,
    policy: TokenAware,
    /// Every token with its owner, sorted.
    ring: Vec<(i64, usize)>,
}

fn datacenter(host: usize) -> String {
    format!("dc{}", host % 2)
}

/// Ten racks a datacenter, the last of them with very few hosts.
fn rack(host: usize) -> String {
    format!("r{}", if host < 6 { 9 } else { host / 2 % 9 })
}

fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| {
        let mut rng = Rng::seeded(42);
        let mut ring: Vec<(i64, usize)> = Vec::new();
        let members: Vec<Host> = (0..HOSTS)
            .map(|number| {
                let tokens: Vec<i64> = (0..TOKENS).map(|_| rng.next_u64() as i64).collect();
                ring.extend(tokens.iter().map(|token| (*token, number)));
                let address = ([10, 0, (number / 250) as u8, (number % 250) as u8], 9042).into();
                Host::new(Uuid::from_u128(number as u128), address)
                    .located(&datacenter(number), &rack(number))
                    .owning(tokens.into_iter().map(|token| AnyToken::Murmur3(Token(token))))
            })
            .collect();
        ring.sort_unstable();

        let three = ReplicationFactor::new(3);
        let network = [("dc0".to_owned(), three), ("dc1".to_owned(), three)];
        let mut builder = RouteBuilder::from_route(&Route::default());
        builder.members(members);
        builder.keyspaces([&KeyspaceRouting {
            name: "ks".into(),
            replication: ReplicationStrategy::NetworkTopology(network.into()),
            consistency: None,
            tables: vec!["t".into()],
        }]);
        let policy = TokenAware::new(DcAwareRoundRobin::preferring("dc0"));
        Cluster { route: builder.finish(&policy), policy, ring }
    })
}

/// The first three hosts of distinct racks clockwise from the token: racks never run out here.
fn naive(cluster: &Cluster, token: i64, wanted: &str) -> Vec<u32> {
    let start = cluster.ring.partition_point(|(ring_token, _)| *ring_token < token);
    let (before, from) = cluster.ring.split_at(start);
    let mut racks = BTreeSet::new();
    let local = from.iter().chain(before).filter(|(_, host)| datacenter(*host) == wanted);
    local.filter(|(_, host)| racks.insert(rack(*host))).map(|(_, host)| *host as u32).take(3).collect()
}

fn query(cluster: &Cluster, token: i64) -> RoutingQuery {
    let table = cluster.route.table_id("ks", "t");
    RoutingQuery { table, token: Some(Token(token)), ..RoutingQuery::default() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn replicas_and_the_first_targets_equal_the_definition(token: i64, on_ring in 0..HOSTS * TOKENS, seed: u64) {
        let cluster = cluster();
        for token in [token, cluster.ring[on_ring].0] {
            let query = query(cluster, token);
            let found: Vec<u32> =
                cluster.route.replicas(query.table.unwrap(), Token(token)).iter().map(|replica| replica.host.0).collect();
            let local = naive(cluster, token, "dc0");
            let expected = [local.clone(), naive(cluster, token, "dc1")].concat();
            prop_assert_eq!(found, expected);

            let (mut tried, mut rng) = (Vec::<HostIndex>::new(), Rng::seeded(seed));
            for step in 0..5 {
                let target =
                    cluster.policy.next(&query, cluster.route.view(ViewId::SESSION), &UpHosts(&cluster.route), &tried, &mut rng).unwrap();
                prop_assert!(!tried.contains(&target.host));
                if step < 3 {
                    prop_assert!(local.contains(&target.host.0));
                    prop_assert_eq!(target.quality, RoutingQuality::Replica);
                } else {
                    prop_assert!(!local.contains(&target.host.0));
                    prop_assert_eq!(target.quality, RoutingQuality::NonReplica);
                }
                tried.push(target.host);
            }
        }
    }
}

#[test]
fn a_lightweight_transaction_goes_to_the_primary_replica() {
    let cluster = cluster();
    let mut rng = Rng::seeded(1);
    for _ in 0..1000 {
        let token = rng.next_u64() as i64;
        let query = RoutingQuery { is_lwt: true, ..query(cluster, token) };
        let target = cluster
            .policy
            .next(&query, cluster.route.view(ViewId::SESSION), &UpHosts(&cluster.route), &[], &mut rng)
            .unwrap();
        assert_eq!(target.host.0, naive(cluster, token, "dc0")[0]);
    }
}

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, counting what each thread asks for.
struct Counting;

// SAFETY: every call is passed on unchanged to the system's allocator; counting touches a `Cell` of the calling thread
// that needs neither initialisation nor destruction.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are ours.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are ours.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_route_lookup_and_a_plan_allocate_nothing() {
    let cluster = cluster();
    let table = cluster.route.table_id("ks", "t");
    let load = UpHosts(&cluster.route);
    let mut rng = Rng::seeded(5);
    let mut tried = Vec::with_capacity(8);
    let before = ALLOCATIONS.with(Cell::get);
    for _ in 0..1000 {
        let token = Some(Token(rng.next_u64() as i64));
        let routed = RoutingQuery { table, token, ..RoutingQuery::default() };
        // The last two go past the replicas, to the child policy.
        for query in [routed, routed, routed, routed, RoutingQuery::default()] {
            let target =
                cluster.policy.next(&query, cluster.route.view(ViewId::SESSION), &load, &tried, &mut rng);
            tried.extend(target.map(|target| target.host));
        }
        assert_eq!(tried.len(), 5);
        tried.clear();
    }
    assert_eq!(ALLOCATIONS.with(Cell::get) - before, 0);
}
