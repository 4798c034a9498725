//! What a large cluster costs: a plan, news of a tablet, a refresh of the topology, memory.
//!
//! ```text
//! cargo bench -p chorus-topology --bench large_cluster
//! ```

#![allow(clippy::print_stdout, reason = "it prints what it measures")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chorus_protocol::{ColumnSpec, CqlType, RowsIter, encode_row};
use chorus_topology::rows::{LocalRow, PeerRow};
use chorus_topology::{
    ClusterState, Discovery, Load, LoadBalancingPolicy, Rng, RouteBuilder, TableId, UpHosts, ViewId,
};
use uuid::Uuid;

#[path = "../tests/large/mod.rs"]
mod large;

use large::{Large, TOKENS, keyspaces, members, tablet};

/// The system's allocator, counting what is held.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on unchanged to the system's allocator; counting touches an atomic only.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are ours.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are ours.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn held() -> f64 {
    HELD.load(Ordering::Relaxed) as f64 / (1 << 20) as f64
}

/// The median of seven runs.
fn median(mut run: impl FnMut() -> Duration) -> Duration {
    let mut times: Vec<Duration> = (0..7).map(|_| run()).collect();
    times.sort_unstable();
    times[3]
}

fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let started = Instant::now();
    black_box(work());
    started.elapsed()
}

/// Nanoseconds to the first target of a plan, for tokens all over the ring.
fn plan(large: &Large, table: TableId) -> f64 {
    const PLANS: u32 = 1_000_000;
    let load: &dyn Load = &UpHosts(&large.route);
    let mut rng = Rng::seeded(3);
    let took = median(|| {
        timed(|| {
            for _ in 0..PLANS {
                let query = large.query(table, rng.next_u64() as i64);
                let view = large.route.view(ViewId::SESSION);
                black_box(large.policy.next(&query, view, load, &[], &mut rng));
            }
        })
    });
    took.as_nanos() as f64 / f64::from(PLANS)
}

fn plans() {
    println!("first target of a plan, ns       ring   tablets");
    for (hosts, tablets) in [(3, 64), (30, 1_000), (300, 10_000), (1_000, 100_000)] {
        let large = Large::new(hosts, tablets);
        println!(
            "{hosts:5} hosts, {tablets:7} tablets   {:7.0}   {:7.0}",
            plan(&large, large.ring),
            plan(&large, large.tablets)
        );
    }
}

fn news(large: &Large) {
    let hint = tablet(50_000, 100_000, 1_000);
    let one = median(|| timed(|| large.route.learning([(large.tablets, &hint)])));
    let many: Vec<_> = (0..1_000).map(|number| tablet(number * 97, 100_000, 1_000)).collect();
    let thousand = median(|| timed(|| large.route.learning(many.iter().map(|hint| (large.tablets, hint)))));
    println!("learning 1 tablet of 100,000: {one:?}; 1,000 of them: {thousand:?}");
}

/// The rows of `system.peers` as a server sends them.
fn peers(hosts: usize) -> (Vec<ColumnSpec>, Vec<u8>) {
    let column = |name: &str, typ| ColumnSpec::new("system", "peers", name, typ);
    let columns = vec![
        column("peer", CqlType::Inet),
        column("data_center", CqlType::Text),
        column("host_id", CqlType::Uuid),
        column("rack", CqlType::Text),
        column("rpc_address", CqlType::Inet),
        column("tokens", CqlType::set(CqlType::Text)),
    ];
    let mut content = Vec::new();
    for host in members(hosts, TOKENS, 1).iter().skip(1) {
        let tokens: Vec<String> = host.tokens.iter().map(ToString::to_string).collect();
        let (ip, dc, rack) = (host.address.ip(), &*host.datacenter, &*host.rack);
        let row = (ip, dc, host.id, rack, ip, tokens);
        encode_row(&row, &columns, &mut content).expect("the values fit");
    }
    (columns, content)
}

fn refresh(large: &Large) {
    let (columns, content) = peers(1_000);
    let rows = || -> Vec<PeerRow> {
        let rows = RowsIter::new(&columns, &content, 999).expect("the columns fit");
        rows.collect::<Result<_, _>>().expect("every row reads")
    };
    let decoding = median(|| timed(rows));
    let first = &members(1_000, TOKENS, 1)[0];
    let mut local = LocalRow::default();
    local.partitioner = Some("Murmur3Partitioner".into());
    local.data_center = Some("dc0".into());
    local.rack = Some("r0".into());
    local.host_id = Some(Uuid::from_u128(1));
    local.tokens =
        chorus_topology::rows::Tokens::Told(first.tokens.iter().map(ToString::to_string).collect());
    let peers = rows();
    let discovery = |peers| Discovery {
        local: &local,
        local_address: first.address,
        peers,
        default_port: 9042,
        translate: None,
        endpoint: None,
        with_tokens: true,
    };
    let known = {
        let mut builder = RouteBuilder::from_route(&large.route);
        builder.keyspaces(&keyspaces());
        let (state, warnings) = ClusterState::build(&discovery(&peers), None, None, &large.policy);
        assert!(warnings.is_empty(), "{warnings:?}");
        state.with_route(std::sync::Arc::new(builder.finish(&large.policy)))
    };
    let again =
        median(|| timed(|| ClusterState::build(&discovery(&peers), None, Some(&known), &large.policy)));
    let without = &peers[..998];
    let one_less =
        median(|| timed(|| ClusterState::build(&discovery(without), None, Some(&known), &large.policy)));
    println!(
        "a refresh of the topology: {decoding:?} to decode {:.1} MB of rows, then {again:?} when nothing has changed, \
         {one_less:?} when a host has left",
        content.len() as f64 / 1e6
    );
}

fn memory() {
    let before = held();
    let hosts = Large::new(1_000, 0);
    let with_hosts = held();
    let whole = Large::new(1_000, 100_000);
    let with_tablets = held() - with_hosts - (with_hosts - before);
    println!(
        "memory: {:.1} MB for 1,000 hosts of 256 tokens with 9 replicas of each position, {with_tablets:.1} MB for 100,000 \
         tablets of 9 replicas",
        with_hosts - before
    );
    drop((hosts, whole));
}

fn main() {
    plans();
    let large = Large::new(1_000, 100_000);
    news(&large);
    refresh(&large);
    memory();
}
