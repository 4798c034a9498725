//! What a phase cost this process.

use std::io;
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

/// How many allocations this process made so far, where the binary counts them.
pub type AllocationCounter = fn() -> u64;

/// Restricts this thread, and the threads it will start, to some cores; none means all.
pub(crate) fn pin(cores: &[usize]) -> io::Result<()> {
    if cores.is_empty() {
        return Ok(());
    }
    let mut set = CpuSet::new();
    cores.iter().for_each(|core| set.set(*core));
    Ok(sched_setaffinity(None, &set)?)
}

/// User and system time of all threads of this process.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The most memory this process ever had.
pub(crate) fn peak_resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()).and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// The start of a phase.
pub(crate) struct Started {
    at: Instant,
    cpu: Duration,
    allocations: Option<(AllocationCounter, u64)>,
}

impl Started {
    pub(crate) fn now(counter: Option<AllocationCounter>) -> Started {
        let allocations = counter.map(|count| (count, count()));
        Started { at: Instant::now(), cpu: cpu_time(), allocations }
    }

    /// The end of the phase. `latencies` are nanoseconds of some of the operations, evenly chosen.
    pub(crate) fn finish(self, operations: u64, mut latencies: Vec<u64>) -> Report {
        let seconds = self.at.elapsed().as_secs_f64();
        let cpu = cpu_time() - self.cpu;
        let each = |total: f64| if operations == 0 { 0.0 } else { total / operations as f64 };
        let allocations = self.allocations.map(|(count, before)| each((count() - before) as f64));
        latencies.sort_unstable();
        let quantile = |q: f64| {
            let rank = ((latencies.len() as f64 * q) as usize).min(latencies.len().saturating_sub(1));
            latencies.get(rank).map(|nanoseconds| *nanoseconds as f64 / 1000.0)
        };
        Report {
            operations,
            all_operations: operations,
            seconds,
            operations_per_second: operations as f64 / seconds,
            cpu_us_per_operation: each(cpu.as_secs_f64() * 1e6),
            p50_us: quantile(0.5),
            p99_us: quantile(0.99),
            p999_us: quantile(0.999),
            allocations_per_operation: allocations,
            peak_resident_kib: 0,
        }
    }
}

/// What one run prints.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    pub(crate) operations: u64,
    /// With those of the warm-up, for counts that cover the whole process.
    pub(crate) all_operations: u64,
    seconds: f64,
    operations_per_second: f64,
    cpu_us_per_operation: f64,
    p50_us: Option<f64>,
    p99_us: Option<f64>,
    p999_us: Option<f64>,
    allocations_per_operation: Option<f64>,
    pub(crate) peak_resident_kib: u64,
}
