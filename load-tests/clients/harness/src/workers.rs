//! Many callers, one request each at a time, as in a service under load.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::Failure;
use crate::measure::Report;
use crate::phases::{Clock, Phase, Phases};
use crate::scenario::{DEADLINE, Scenario};

/// A driver's prepared statements, each a way to make one request.
pub trait Requests: Send + Sync + 'static {
    fn insert(&self, id: i64) -> impl Future<Output = Result<(), Failure>> + Send;
    /// Reads and decodes one row.
    fn read(&self, id: i64) -> impl Future<Output = Result<(), Failure>> + Send;
    /// Reads and decodes a page; how many rows it had.
    fn page(&self) -> impl Future<Output = Result<u64, Failure>> + Send;
    /// Sends an insert that is never answered, to give up after [`DEADLINE`]; any other end is a failure.
    fn ask_in_vain(&self, id: i64) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// Runs callers on the current runtime until the clock says that it is over.
pub async fn run_callers<R: Requests>(
    requests: R,
    scenario: Scenario,
    callers: usize,
    (phases, clock): (Phases, Clock),
) -> Result<Report, Failure> {
    let requests = Arc::new(requests);
    let in_vain = (scenario == Scenario::Deadline)
        .then(|| tokio::spawn(wait_in_vain(Arc::clone(&requests), phases.clone())));
    let tasks: Vec<_> = (0..callers)
        .map(|caller| tokio::spawn(call(Arc::clone(&requests), scenario, caller, callers, phases.clone())))
        .collect();
    let mut operations = 0;
    let mut latencies = Vec::new();
    for task in tasks {
        let (made, seen) = task.await??;
        operations += made;
        latencies.extend(seen);
    }
    let mut report = clock.cost().await?.report(operations, latencies);
    if let Some(in_vain) = in_vain {
        report.worst_lateness_us = Some(in_vain.await??.as_secs_f64() * 1e6);
    }
    Ok(report)
}

/// Latencies that all callers together have room for. Fixed, so that remembering them allocates nothing.
const SAMPLES: usize = 1 << 21;
/// With as many callers, each times only one request in so many: two clock reads cost more than a tenth of the
/// cheapest request.
const SAMPLED: usize = 16;

/// One caller's requests; how many operations they were, and the latencies of some in nanoseconds.
async fn call<R: Requests>(
    requests: Arc<R>,
    scenario: Scenario,
    caller: usize,
    callers: usize,
    phases: Phases,
) -> Result<(u64, Vec<u32>), Failure> {
    let every = if callers >= SAMPLED { SAMPLED } else { 1 };
    let room = SAMPLES / callers;
    let mut latencies = Vec::with_capacity(room);
    let mut operations = 0;
    // Not all callers time the same turn.
    let mut turn = caller;
    let mut id = caller as i64;
    loop {
        let phase = phases.now();
        if phase == Phase::Over {
            return Ok((operations, latencies));
        }
        let started = turn.is_multiple_of(every).then(Instant::now);
        let made = match scenario {
            Scenario::Read => requests.read(id).await.map(|()| 1)?,
            Scenario::Page => requests.page().await?,
            _ => requests.insert(id).await.map(|()| 1)?,
        };
        if phase == Phase::Measured {
            operations += made;
            if let Some(started) = started
                && latencies.len() < room
            {
                latencies.push(u32::try_from(started.elapsed().as_nanos()).unwrap_or(u32::MAX));
            }
        }
        turn += 1;
        id += callers as i64;
    }
}

/// How late the latest failure of the measured part was.
async fn wait_in_vain<R: Requests>(requests: Arc<R>, phases: Phases) -> Result<Duration, Failure> {
    let mut worst = Duration::ZERO;
    let mut id = 0;
    loop {
        let phase = phases.now();
        if phase == Phase::Over {
            return Ok(worst);
        }
        let started = Instant::now();
        requests.ask_in_vain(id).await?;
        let elapsed = started.elapsed();
        if elapsed < DEADLINE {
            return Err(format!("gave up after {elapsed:?}, before the deadline").into());
        }
        // Once it is over this thread sorts latencies, and whoever shares it with the driver makes it late.
        if phase == Phase::Measured && phases.now() == Phase::Measured {
            worst = worst.max(elapsed - DEADLINE);
        }
        id += 1;
    }
}
