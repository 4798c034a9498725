//! CPU time of this client, for the report.
//!
//! Two questions are asked of it. A load into a server elsewhere wants the time of the whole process. A load into
//! an embedded node wants only the threads that are the client, or the server's work would be counted as ours.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What the CPU seconds of a report are the sum of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CpuScope {
    /// Everything this process did during the load.
    #[default]
    Process,
    /// Only the thread that drives the load and the one that reads the source. Right when the engine's reactor is
    /// local to the driving thread and other threads of the process do something else.
    LoadThreads,
}

/// CPU time used by threads that read, recorded by them and read by another.
#[derive(Debug, Default)]
pub(crate) struct ThreadMeter {
    nanoseconds: AtomicU64,
}

impl ThreadMeter {
    /// Adds what the calling thread has used since `seen`, which is moved on; zero for a thread that begins.
    pub(crate) fn record(&self, seen: &mut Duration) {
        let now = thread_time();
        self.nanoseconds.fetch_add(duration_nanos(now.saturating_sub(*seen)), Ordering::Relaxed);
        *seen = now;
    }

    pub(crate) fn total(&self) -> Duration {
        Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed))
    }
}

fn duration_nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Counts from its creation.
#[derive(Debug)]
pub(crate) struct CpuMeter {
    scope: CpuScope,
    start: Duration,
    reader: std::sync::Arc<ThreadMeter>,
}

impl CpuMeter {
    /// Starts counting; call it on the thread that drives the load.
    pub(crate) fn start(scope: CpuScope, reader: std::sync::Arc<ThreadMeter>) -> Self {
        Self { scope, start: now(scope), reader }
    }

    /// CPU time since the start; call it on the thread that started it.
    pub(crate) fn elapsed(&self) -> Duration {
        let own = now(self.scope).saturating_sub(self.start);
        match self.scope {
            CpuScope::Process => own,
            CpuScope::LoadThreads => own + self.reader.total(),
        }
    }
}

fn now(scope: CpuScope) -> Duration {
    match scope {
        CpuScope::Process => process_time(),
        CpuScope::LoadThreads => thread_time(),
    }
}

#[cfg(unix)]
fn clock(id: rustix::time::ClockId) -> Duration {
    let time = rustix::time::clock_gettime(id);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u32::try_from(time.tv_nsec).unwrap_or(0);
    Duration::new(seconds, nanos)
}

#[cfg(unix)]
fn process_time() -> Duration {
    clock(rustix::time::ClockId::ProcessCPUTime)
}

#[cfg(unix)]
fn thread_time() -> Duration {
    clock(rustix::time::ClockId::ThreadCPUTime)
}

#[cfg(not(unix))]
fn process_time() -> Duration {
    Duration::ZERO
}

#[cfg(not(unix))]
fn thread_time() -> Duration {
    Duration::ZERO
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn both_scopes_see_the_work_of_this_thread() {
        let process = CpuMeter::start(CpuScope::Process, std::sync::Arc::default());
        let threads = CpuMeter::start(CpuScope::LoadThreads, std::sync::Arc::default());
        let mut sum = 0u64;
        while threads.elapsed() < Duration::from_millis(5) {
            for i in 0..10_000u64 {
                sum = std::hint::black_box(sum.wrapping_mul(31) ^ i);
            }
        }
        assert!(process.elapsed() >= Duration::from_millis(5));
    }
}
