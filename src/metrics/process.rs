//! What the whole program uses of the machine.

use std::time::Duration;

/// Processor time since the program began, and memory now. Zero where the system does not tell.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Process {
    pub(super) cpu: Duration,
    pub(super) resident_bytes: u64,
}

impl Process {
    pub(super) fn now() -> Self {
        Self { cpu: cpu(), resident_bytes: resident_bytes().unwrap_or(0) }
    }
}

#[cfg(unix)]
fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(not(unix))]
fn cpu() -> Duration {
    Duration::ZERO
}

/// `VmRSS:     1234 kB` of `/proc/self/status`, where there is one.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_runs_uses_something() {
        let mut sum = 0u64;
        while Process::now().cpu < Duration::from_millis(1) {
            sum = std::hint::black_box(sum.wrapping_mul(31) + 1);
        }
        assert!(Process::now().resident_bytes > 100_000);
    }
}
