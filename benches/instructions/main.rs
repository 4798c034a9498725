//! How many instructions and allocations does one of each take?
//!
//! Instructions do not depend on what else a machine does, so CI compares them with those of the commit before:
//! `cargo xtask instructions` runs this program under callgrind, which counts inside [`measured`] only. Run by itself it
//! counts allocations.
//!
//! ```text
//! instructions --list             the names of the workloads
//! instructions [NAME [TIMES]]     carries one out, so many times after a warm-up, or all of them; prints a line of
//!                                 JSON for each
//! ```

#[path = "../subjects/mod.rs"]
#[allow(dead_code, reason = "each bench uses some of them")]
mod subjects;
mod workloads;

use std::alloc::System;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

use workloads::WORKLOADS;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Something is being counted.
static COUNTING: AtomicBool = AtomicBool::new(false);
/// Allocations that were made meanwhile and are not to be counted.
static LEFT_OUT: AtomicUsize = AtomicUsize::new(0);

/// What callgrind counts: it is told the name, and to count between its entry and its end.
#[inline(never)]
fn measured(work: &mut dyn FnMut()) {
    work();
}

/// What callgrind does not count although it happens inside of [`measured`].
#[inline(never)]
fn left_out(work: &mut dyn FnMut()) {
    let before = allocations();
    work();
    LEFT_OUT.fetch_add(allocations() - before, Relaxed);
}

/// Carries out `work` and returns how many allocations it made.
fn count(work: &mut dyn FnMut()) -> usize {
    LEFT_OUT.store(0, Relaxed);
    let before = allocations();
    COUNTING.store(true, Relaxed);
    measured(work);
    COUNTING.store(false, Relaxed);
    allocations() - before - LEFT_OUT.load(Relaxed)
}

fn run_server(work: &mut dyn FnMut()) {
    if COUNTING.load(Relaxed) { left_out(work) } else { work() }
}

fn allocations() -> usize {
    let stats = ALLOCATOR.stats();
    stats.allocations + stats.reallocations
}

#[allow(clippy::print_stdout)]
fn main() {
    subjects::server_side::RUN_SERVER.set(run_server).expect("it is set here only");
    // `cargo bench` adds an option of its own.
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let name = arguments.next();
    if name.as_deref() == Some("--list") {
        WORKLOADS.iter().for_each(|workload| println!("{}", workload.name));
        return;
    }
    let times = arguments.next().map(|times| times.parse().expect("how many times is a number"));
    let chosen: Vec<_> = WORKLOADS
        .iter()
        .filter(|workload| name.as_deref().is_none_or(|name| name == workload.name))
        .collect();
    assert!(!chosen.is_empty(), "no such workload; --list names them");
    for workload in chosen {
        let times = times.unwrap_or(workload.times);
        let mut subject = (workload.subject)();
        // Buffers grow, pools fill, branches that are taken once are taken.
        subject((times / 10).max(1));
        let allocated = count(&mut || subject(times));
        println!(
            r#"{{"name":"{}","times":{times},"allocations":{allocated},"most_instructions":{},"most_allocations":{}}}"#,
            workload.name,
            number(workload.most_instructions),
            number(workload.most_allocations),
        );
    }
}

/// As JSON has it.
fn number(number: Option<impl ToString>) -> String {
    number.map_or("null".to_owned(), |number| number.to_string())
}
