//! A cluster of a thousand hosts and a table of a hundred thousand tablets: plans stay right and free of allocations, news
//! of a tablet copy next to nothing, and memory is what the documentation says.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use chorus_protocol::token::Token;
use chorus_topology::{Load, LoadBalancingPolicy, Rng, RoutingQuality, UpHosts, ViewId};

mod large;

use large::{Large, tablet};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static BYTES: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, counting what each thread asks for.
struct Counting;

// SAFETY: every call is passed on unchanged to the system's allocator; counting touches `Cell`s of the calling thread that
// need neither initialisation nor destruction.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        BYTES.with(|bytes| bytes.set(bytes.get() + layout.size() as u64));
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
