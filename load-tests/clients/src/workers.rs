//! Many callers, one request each at a time, as in a service under load.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::Failure;
use crate::measure::{AllocationCounter, Report, Started};
use crate::scenario::{Arguments, Scenario};

/// A driver's prepared statements, each a way to make one request.
pub(crate) trait Requests: Send + Sync + 'static {
    fn insert(&self, id: i64) -> impl Future<Output = Result<(), Failure>> + Send;
    /// Reads and decodes one row.
    fn read(&self, id: i64) -> impl Future<Output = Result<(), Failure>> + Send;
    /// Reads and decodes a page; how many rows it had.
    fn page(&self) -> impl Future<Output = Result<u64, Failure>> + Send;
}

/// Callers when a driver has no interface for many statements of its own: what was best for each in trials.
const MANY: usize = 1024;

/// A warm-up and a measured phase of callers on the current runtime.
pub(crate) async fn run<R: Requests>(
    requests: R,
    arguments: &Arguments,
    allocations: Option<AllocationCounter>,
) -> Result<Report, Failure> {
    let requests = Arc::new(requests);
    let callers = match arguments.scenario {
        Scenario::Insert | Scenario::Read | Scenario::Page => arguments.concurrency,
        Scenario::Concurrent | Scenario::Bulk => MANY,
    };
    let warm_up = phase(&requests, arguments.scenario, callers, arguments.warm_up(), None).await?;
    let mut report = phase(&requests, arguments.scenario, callers, arguments.duration(), allocations).await?;
    report.all_operations += warm_up.operations;
    Ok(report)
}

async fn phase<R: Requests>(
    requests: &Arc<R>,
    scenario: Scenario,
    callers: usize,
    duration: Duration,
    allocations: Option<AllocationCounter>,
) -> Result<Report, Failure> {
    let stop = stop_after(duration);
    let started = Started::now(allocations);
    let tasks: Vec<_> = (0..callers)
        .map(|caller| tokio::spawn(call(Arc::clone(requests), scenario, caller, callers, Arc::clone(&stop))))
        .collect();
    let mut operations = 0;
    let mut latencies = Vec::new();
    for task in tasks {
        let (made, seen) = task.await??;
        operations += made;
        latencies.extend(seen);
    }
    Ok(started.finish(operations, latencies))
}

/// A flag that a thread sets when the time is over: callers need no clock to know when to stop.
pub(crate) fn stop_after(duration: Duration) -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    std::thread::spawn(move || {
        std::thread::sleep(duration);
        flag.store(true, Ordering::Relaxed);
    });
    stop
}

/// One caller's requests; how many operations they were, and the latencies of some in nanoseconds.
async fn call<R: Requests>(
    requests: Arc<R>,
    scenario: Scenario,
    caller: usize,
    callers: usize,
    stop: Arc<AtomicBool>,
) -> Result<(u64, Vec<u64>), Failure> {
    // Two clock reads cost more than a tenth of the cheapest request: with many callers, each times one request in
    // sixteen, and not all the same one.
    let every = if callers >= 16 { 16 } else { 1 };
    let mut latencies = Vec::new();
    let mut operations = 0;
    let mut turn = caller;
    let mut id = caller as i64;
    while !stop.load(Ordering::Relaxed) {
        let started = turn.is_multiple_of(every).then(Instant::now);
        match scenario {
            Scenario::Insert | Scenario::Concurrent | Scenario::Bulk => {
                requests.insert(id).await?;
                operations += 1;
            }
            Scenario::Read => {
                requests.read(id).await?;
                operations += 1;
            }
            Scenario::Page => operations += requests.page().await?,
        }
        if let Some(started) = started {
            latencies.push(started.elapsed().as_nanos() as u64);
        }
        turn += 1;
        id += callers as i64;
    }
    Ok((operations, latencies))
}
