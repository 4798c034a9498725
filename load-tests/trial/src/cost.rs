//! What a run used.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// For one request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) cpu_us: f64,
    pub(crate) p50_us: f64,
}

impl Cost {
    /// Of each number on its own.
    pub(crate) fn median(runs: &[Cost]) -> Cost {
        let middle = |number: fn(&Cost) -> f64| {
            let mut numbers: Vec<f64> = runs.iter().map(number).collect();
            numbers.sort_by(f64::total_cmp);
            numbers[numbers.len() / 2]
        };
        Cost { cpu_us: middle(|cost| cost.cpu_us), p50_us: middle(|cost| cost.p50_us) }
    }
}

/// Requests under way, and what those of the measured part cost.
pub(crate) struct Meter {
    sent: Vec<Instant>,
    latencies: Vec<u32>,
    begins: Instant,
    ends: Instant,
    /// CPU time when the measured part began.
    before: Option<Duration>,
}

impl Meter {
    /// Starts the warm-up.
    pub(crate) fn start(in_flight: usize, warm_up: Duration, measured: Duration) -> Meter {
        let now = Instant::now();
        let begins = now + warm_up;
        let latencies = Vec::with_capacity(1 << 22);
        Meter { sent: vec![now; in_flight], latencies, begins, ends: begins + measured, before: None }
    }

    /// A request is answered, and sent again if this says so.
    pub(crate) fn answered(&mut self, stream: u16) -> bool {
        let now = Instant::now();
        let sent = std::mem::replace(&mut self.sent[usize::from(stream)], now);
        if self.before.is_some() {
            self.latencies.push(now.duration_since(sent).as_nanos() as u32);
        } else if now >= self.begins {
            self.before = Some(cpu_time());
        }
        now < self.ends
    }

    /// Called when the first request was not sent again.
    pub(crate) fn finish(mut self) -> Cost {
        let cpu = cpu_time() - self.before.unwrap_or_default();
        let count = self.latencies.len().max(1);
        self.latencies.sort_unstable();
        let p50 = self.latencies.get(count / 2).copied().unwrap_or_default();
        Cost { cpu_us: cpu.as_secs_f64() * 1e6 / count as f64, p50_us: f64::from(p50) / 1000.0 }
    }
}

/// User and system time of all threads of this process.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
