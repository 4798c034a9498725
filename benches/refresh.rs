//! What do requests notice of a refresh of a large topology?
//!
//! A thousand hosts with 256 tokens each in three datacenters. 64 callers write on the reactor's thread as fast as they can, for a
//! second and a half with nothing beside them, then with refreshes of all hosts one after the other, in turns. What passes for
//! the servers is on the same thread and is in the figure; rows are digested on another thread, for which the machine should have a
//! second core.
//!
//! ```text
//! cargo bench --bench refresh
//! ```

#![allow(clippy::print_stdout, reason = "it prints what it measures")]

#[allow(dead_code, reason = "this is one subject of several")]
mod subjects;

use std::cell::Cell;
use std::time::{Duration, Instant};

use futures::future::join_all;

use subjects::in_memory::PAYLOAD;
use subjects::large::LargeCluster;

const CALLERS: i64 = 64;
const TURN: Duration = Duration::from_millis(1_500);
const TURNS: usize = 5;

/// What was seen in one turn.
struct Seen {
    requests_a_second: f64,
    longest: Duration,
    refreshes: u32,
}

fn turn(large: &LargeCluster, refresh: bool) -> Seen {
    let (done, longest, refreshes) = (Cell::new(0_u64), Cell::new(Duration::ZERO), Cell::new(0_u32));
    let began = Instant::now();
    let caller = async |caller: i64| {
        let mut id = caller;
        while began.elapsed() < TURN {
            let sent = Instant::now();
            let written = large.session.execute(&large.insert, (id, PAYLOAD.as_slice())).await;
            written.expect("it is written");
            longest.set(longest.get().max(sent.elapsed()));
            done.set(done.get() + 1);
            id += CALLERS;
        }
    };
    let refresher = async {
        if !refresh {
            std::future::pending::<()>().await;
        }
        loop {
            large.session.refresh_topology().await.expect("it is told");
            refreshes.set(refreshes.get() + 1);
        }
    };
    large.runtime.block_on(async {
        tokio::select! {
            _ = join_all((0..CALLERS).map(caller)) => {}
            () = refresher => {}
        }
    });
    Seen {
        requests_a_second: done.get() as f64 / began.elapsed().as_secs_f64(),
        longest: longest.get(),
        refreshes: refreshes.get(),
    }
}

fn main() {
    // Cargo asks for tests of benches, too.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let large = LargeCluster::connect();
    // Every connection learns its answer, and everything is as large as it will be.
    turn(&large, false);
    turn(&large, true);
    println!("requests/s alone, longest   requests/s beside refreshes, longest, refreshes   ratio");
    let mut ratios = Vec::new();
    for _ in 0..TURNS {
        let (alone, beside) = (turn(&large, false), turn(&large, true));
        let ratio = beside.requests_a_second / alone.requests_a_second;
        ratios.push(ratio);
        println!(
            "{:14.0} {:9.1?}   {:25.0} {:9.1?} {:9}   {ratio:16.2}",
            alone.requests_a_second,
            alone.longest,
            beside.requests_a_second,
            beside.longest,
            beside.refreshes
        );
    }
    ratios.sort_by(f64::total_cmp);
    println!("median ratio: {:.2}", ratios[TURNS / 2]);
}
