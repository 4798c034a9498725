//! What do requests notice of a refresh of a large topology?
//!
//! A thousand hosts with 256 tokens each in three datacenters. 64 callers write on the reactor's thread as fast as they can, for two
//! seconds with nothing beside them, then with a refresh of all hosts each second, which is more than events cause, then with one
//! right after the other; in turns. What passes for the servers is on the same thread and is in the figure; rows are decoded and digested on
//! another thread, for which the machine should have a second core.
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
const TURN: Duration = Duration::from_secs(2);
const TURNS: usize = 5;

/// What is beside the requests of a turn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Beside {
    Nothing,
    ARefreshEachSecond,
    Refreshes,
}

/// What was seen in one turn.
struct Seen {
    requests_a_second: f64,
    longest: Duration,
    refreshes: u32,
}

fn turn(large: &LargeCluster, beside: Beside) -> Seen {
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
        if beside == Beside::Nothing {
            std::future::pending::<()>().await;
        }
        loop {
            let next = tokio::time::Instant::now() + Duration::from_secs(1);
            large.session.refresh_topology().await.expect("it is told");
            refreshes.set(refreshes.get() + 1);
            if beside == Beside::ARefreshEachSecond {
                tokio::time::sleep_until(next).await;
            }
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
    turn(&large, Beside::Nothing);
    turn(&large, Beside::Refreshes);
    println!(
        "requests/s alone, longest | with a refresh each second, longest, refreshes, ratio | with one after the other"
    );
    let (mut each_second, mut back_to_back) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        let alone = turn(&large, Beside::Nothing);
        print!("{:8.0} {:7.1?}", alone.requests_a_second, alone.longest);
        for (beside, ratios) in
            [(Beside::ARefreshEachSecond, &mut each_second), (Beside::Refreshes, &mut back_to_back)]
        {
            let Seen { requests_a_second, longest, refreshes } = turn(&large, beside);
            let ratio = requests_a_second / alone.requests_a_second;
            print!(" | {requests_a_second:8.0} {longest:7.1?} {refreshes:3} {ratio:.2}");
            ratios.push(ratio);
        }
        println!();
    }
    let median = |mut ratios: Vec<f64>| {
        ratios.sort_by(f64::total_cmp);
        ratios[TURNS / 2]
    };
    println!("median ratios: {:.3} and {:.2}", median(each_second), median(back_to_back));
}
