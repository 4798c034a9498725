//! A cluster of a thousand hosts and a table of a hundred thousand tablets: plans stay right and free of allocations, news
//! of a tablet copy next to nothing, and memory is what the documentation says.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::{Duration, Instant};

use chorus_protocol::token::Token;
use chorus_topology::{
    Load, LoadBalancingPolicy, Rng, RouteBuilder, RoutingQuality, TableId, UpHosts, ViewId,
};

mod large;

use large::{Large, members, tablet};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static BYTES: Cell<u64> = const { Cell::new(0) };
    static HELD: Cell<i64> = const { Cell::new(0) };
}

/// The system's allocator, counting what each thread asks for.
struct Counting;

// SAFETY: every call is passed on unchanged to the system's allocator; counting touches `Cell`s of the calling thread that
// need neither initialisation nor destruction.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        BYTES.with(|bytes| bytes.set(bytes.get() + layout.size() as u64));
        HELD.with(|bytes| bytes.set(bytes.get() + layout.size() as i64));
        // SAFETY: the caller's promises are ours.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.with(|bytes| bytes.set(bytes.get() - layout.size() as i64));
        // SAFETY: the caller's promises are ours.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const HOSTS: usize = 1_000;
const TABLETS: usize = 100_000;

#[test]
fn a_thousand_hosts_and_a_hundred_thousand_tablets() {
    let large = Large::new(HOSTS, TABLETS);
    plans_go_to_replicas_and_allocate_nothing(&large);
    news_copy_a_page_and_the_list_of_pages(&large);
    let map = large.route.tablets(large.tablets).expect("it has tablets");
    // 9 replicas of 8 bytes, two tokens, one end each.
    assert!((9_200_000..10_500_000).contains(&map.bytes()), "{} bytes", map.bytes());
}

/// Of the plans of a table the quickest thousand, each: others compute on the machine too.
fn plan(large: &Large, table: TableId) -> Duration {
    let load: &dyn Load = &UpHosts(&large.route);
    let mut rng = Rng::seeded(7);
    let run = |_| {
        let began = Instant::now();
        for _ in 0..1_000 {
            let query = large.query(table, rng.next_u64() as i64);
            let view = large.route.view(ViewId::SESSION);
            assert!(large.policy.next(&query, view, load, &[], &mut rng).is_some());
        }
        began.elapsed() / 1_000
    };
    (0..60).map(run).min().unwrap_or_default()
}

#[test]
fn a_plan_takes_no_longer_on_a_thousand_hosts_than_on_three_but_for_what_memory_costs() {
    let (small, large) = (Large::new(3, 64), Large::new(HOSTS, TABLETS));
    // What a release build promises; without optimisation everything takes some twenty times as long.
    let limit = Duration::from_micros(if cfg!(debug_assertions) { 20 } else { 1 });
    for (of_small, of_large) in [(small.ring, large.ring), (small.tablets, large.tablets)] {
        let (few, many) = (plan(&small, of_small), plan(&large, of_large));
        assert!(many < limit, "{many:?}");
        // 333 times the hosts, 1,562 times the tablets.
        assert!(many < few * 5, "{few:?} on three hosts, {many:?} on a thousand");
    }
}

#[test]
fn f73_two_hundred_hosts_take_less_than_two_megabytes_however_often_they_are_read() {
    let before = HELD.with(Cell::get);
    let large = Large::of(200, 16, 0);
    let held = HELD.with(Cell::get) - before;
    assert!(held < 2_000_000, "{held} bytes");
    let mut route = large.route.clone();
    for _ in 0..50 {
        let mut builder = RouteBuilder::from_route(&route);
        builder.members(members(200, 16, 1));
        route = builder.finish(&large.policy);
    }
    let after = HELD.with(Cell::get) - before;
    assert!(after < held + 200_000, "{held} bytes became {after}");
}

fn plans_go_to_replicas_and_allocate_nothing(large: &Large) {
    let load: &dyn Load = &UpHosts(&large.route);
    let mut rng = Rng::seeded(5);
    for (table, is_tablet) in [(large.ring, false), (large.tablets, true)] {
        let before = ALLOCATIONS.with(Cell::get);
        for _ in 0..10_000 {
            let token = rng.next_u64() as i64;
            let view = large.route.view(ViewId::SESSION);
            let query = large.query(table, token);
            let target = large.policy.next(&query, view, load, &[], &mut rng).expect("all hosts are up");
            let replicas = large.route.replicas(table, Token(token));
            assert!(replicas.iter().any(|replica| replica.host == target.host));
            assert_eq!((replicas.len(), replicas.are_of_a_tablet()), (9, is_tablet));
            let expected = if is_tablet { RoutingQuality::ReplicaShard } else { RoutingQuality::Replica };
            assert_eq!(target.quality, expected);
        }
        assert_eq!(ALLOCATIONS.with(Cell::get) - before, 0);
    }
}

fn news_copy_a_page_and_the_list_of_pages(large: &Large) {
    let hint = tablet(77_777, TABLETS, HOSTS);
    let before = BYTES.with(Cell::get);
    let (route, unknown) = large.route.learning([(large.tablets, &hint)]);
    let copied = BYTES.with(Cell::get) - before;
    assert!(unknown.is_empty() && route.tablet_count() == TABLETS);
    assert!(copied < 150_000, "{copied} bytes were copied to learn one tablet of {TABLETS}");
}
