//! Threads that stay where they are.

use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Keeps the current thread to one of the cores it may use, the first one being number zero. Does nothing when it may use fewer.
///
/// # Errors
///
/// When the system does not say which it may use, or does not let it stay.
pub fn keep_to_core(number: usize) -> io::Result<()> {
    let allowed = sched_getaffinity(None)?;
    let Some(core) = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).nth(number) else {
        return Ok(());
    };
    let mut own = CpuSet::new();
    own.set(core);
    Ok(sched_setaffinity(None, &own)?)
}
