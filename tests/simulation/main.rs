//! A driver and three to nine nodes in one process, and everything that can go wrong between them.
//!
//! A *story* is drawn from a seed: the cluster, the settings of the session, what its callers do and when which fault strikes.
//! It is played with real sockets and real time, short timeouts and several stories at once, and judged by what must hold
//! whatever happens:
//!
//! * every call ends, within its timeout plus ten percent;
//! * no call gets the answer to another: each carries a marker that its answer must echo;
//! * the fate of each write is the one that was reported: what was acknowledged is there, what was not sent is not, and
//!   nothing is applied twice that must not be;
//! * when the faults are over, the session finds back to every host by itself, everything succeeds, and nothing is left
//!   behind: no request in flight, none queued, no task, no connection.
//!
//! ```text
//! cargo test --test simulation                         # the stories of seeds 1 to 200
//! CHORUS_SEED=17 cargo test --test simulation          # one of them again
//! CHORUS_STORIES=1000..5000 cargo test --test simulation
//! ```
//!
//! A seed fixes what is tried, not how threads interleave: a story that failed may need to be told several times
//! (`CHORUS_REPEAT=50`) to fail again. `CHORUS_LOG=debug` shows what the driver says meanwhile, with `--nocapture`.

mod client;
mod clock;
mod director;
mod errands;
mod flapping;
mod healing;
mod ledger;
mod mishaps;
mod play;
mod punctuality;
mod regressions;
mod report;
mod schedule;
mod shape;
mod story;
mod verify;
mod workload;

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use report::Verdict;
use story::Story;

/// The seeds that every change has to survive.
const STORIES: Range<u64> = 1..201;

/// Stories told at the same time: they mostly wait.
const AT_ONCE: usize = 8;

#[test]
fn two_hundred_stories_of_faults_end_well() {
    log();
    let seeds = seeds();
    let repeat = number("CHORUS_REPEAT").unwrap_or(1);
    let next = AtomicU64::new(seeds.start);
    let told: Vec<Verdict> = std::thread::scope(|scope| {
        let tellers: Vec<_> = (0..number("CHORUS_AT_ONCE").unwrap_or(AT_ONCE as u64))
            .map(|_| {
                scope.spawn(|| {
                    let mut told = Vec::new();
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        let seed = seeds.start + (number - seeds.start) / repeat;
                        if seed >= seeds.end {
                            return told;
                        }
                        told.push(play::tell(&Story::draw(seed)));
                    }
                })
            })
            .collect();
        tellers.into_iter().flat_map(|teller| teller.join().expect("a story ends with a verdict")).collect()
    });
    report::conclude(&told);
}

/// Shows the log of the driver, if that is asked for.
fn log() {
    #[cfg(feature = "cli")]
    if let Ok(filter) = std::env::var("CHORUS_LOG") {
        let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
    }
}

/// Those of the environment, or else all.
fn seeds() -> Range<u64> {
    if let Some(seed) = number("CHORUS_SEED") {
        return seed..seed + 1;
    }
    let Ok(range) = std::env::var("CHORUS_STORIES") else { return STORIES };
    let parsed = range.split_once("..").and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
    parsed.unwrap_or_else(|| panic!("CHORUS_STORIES is FROM..TO, not {range:?}"))
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is a number, not {text:?}")))
}
