//! What a phase cost this process.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

/// How many allocations this process made so far, where the binary counts them.
pub type AllocationCounter = fn() -> u64;

/// User and system time of all threads of this process.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// A line of this process's status, in KiB.
fn status(line: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|text| text.strip_prefix(line));
    line.and_then(|line| line.split_whitespace().next()).and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// The start of a phase.
pub struct Started {
    at: Instant,
    cpu: Duration,
    allocations: Option<(AllocationCounter, u64)>,
}

impl Started {
    pub fn now(counter: Option<AllocationCounter>) -> Started {
        let allocations = counter.map(|count| (count, count()));
        Started { at: Instant::now(), cpu: cpu_time(), allocations }
    }

    pub fn finish(self) -> Cost {
        let allocations = self.allocations.map(|(count, before)| count() - before);
        Cost {
            elapsed: self.at.elapsed(),
            cpu: cpu_time() - self.cpu,
            allocations,
            resident_kib: status("VmRSS:"),
        }
    }
}

/// What was used between two moments.
#[derive(Debug)]
pub struct Cost {
    elapsed: Duration,
    cpu: Duration,
    allocations: Option<u64>,
    /// At the end.
    resident_kib: u64,
}

impl Cost {
    /// Divides by what was done. `latencies` are nanoseconds of some of the operations, evenly chosen.
    pub fn report(self, operations: u64, mut latencies: Vec<u32>) -> Report {
        let seconds = self.elapsed.as_secs_f64();
        let each = |total: f64| if operations == 0 { None } else { Some(total / operations as f64) };
        latencies.sort_unstable();
        let quantile = |q: f64| {
            let rank = ((latencies.len() as f64 * q) as usize).min(latencies.len().saturating_sub(1));
            latencies.get(rank).map(|nanoseconds| f64::from(*nanoseconds) / 1000.0)
        };
        Report {
            operations,
            seconds,
            operations_per_second: operations as f64 / seconds,
            cpu_us_per_operation: each(self.cpu.as_secs_f64() * 1e6),
            cpu_percent: self.cpu.as_secs_f64() / seconds * 100.0,
            p50_us: quantile(0.5),
            p99_us: quantile(0.99),
            p999_us: quantile(0.999),
            worst_lateness_us: None,
            allocations_per_operation: self.allocations.and_then(|count| each(count as f64)),
            resident_kib: self.resident_kib,
            peak_resident_kib: status("VmHWM:"),
        }
    }
}

/// What one run prints.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    operations: u64,
    seconds: f64,
    operations_per_second: f64,
    cpu_us_per_operation: Option<f64>,
    /// Of one core.
    cpu_percent: f64,
    p50_us: Option<f64>,
    p99_us: Option<f64>,
    p999_us: Option<f64>,
    /// How long after its deadline the latest failure came.
    pub worst_lateness_us: Option<f64>,
    allocations_per_operation: Option<f64>,
    /// At the end of the measured part.
    resident_kib: u64,
    /// The most this process ever had.
    peak_resident_kib: u64,
}
