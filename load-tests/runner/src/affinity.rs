//! Which cores a child may run on. It inherits them from the thread that starts it, so it needs no say in this.

use std::io;
use std::process::{Child, Command};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Starts a program on these cores; none means all that we have ourselves.
pub(crate) fn spawn_on(cores: &[usize], command: &mut Command) -> io::Result<Child> {
    if cores.is_empty() {
        return command.spawn();
    }
    let ours = sched_getaffinity(None)?;
    let mut theirs = CpuSet::new();
    cores.iter().for_each(|core| theirs.set(*core));
    sched_setaffinity(None, &theirs)?;
    let child = command.spawn();
    sched_setaffinity(None, &ours)?;
    child
}
