//! One scenario set, the same for every driver, so that what differs is the driver.
//!
//! * [`Arguments`], [`Scenario`]: what is done and for how long.
//! * [`Phases`]: warm-up and measured part, and the hand-shake with whoever looks on.
//! * [`Started`], [`Report`]: what it cost.
//! * [`Requests`]: many callers, one request each at a time; [`Rows`]: for interfaces that take many at once.
//!
//! A client is a package with a driver. Its binaries differ in their allocator only.

mod allocations;
mod core;
mod many;
mod measure;
mod phases;
mod scenario;
mod workers;

use std::error::Error;

use clap::Parser;

pub use crate::allocations::{COUNTING, CountingAllocator, count_allocations};
pub use crate::core::keep_to_core;
pub use crate::many::Rows;
pub use crate::measure::{AllocationCounter, Cost, Report, Started};
pub use crate::phases::{Clock, Phase, Phases, ready};
pub use crate::scenario::{Arguments, DEADLINE, INSERT, NEVER, PAGE, PAYLOAD, PEOPLE, READ, Scenario};
pub use crate::workers::{Requests, run_callers};

/// Any error, as text for whoever started the run.
pub type Failure = Box<dyn Error + Send + Sync>;

/// Runs what the arguments of this process ask for and prints what it cost as one line of JSON.
///
/// # Errors
///
/// Whatever the driver says when it cannot connect, prepare or finish a request.
pub fn main(run: impl FnOnce(&Arguments) -> Result<Report, Failure>) -> Result<(), Failure> {
    let arguments = Arguments::parse();
    let report = run(&arguments)?;
    println!("{}", serde_json::to_string(&report)?);
    if arguments.hand_shake {
        phases::wait()?;
    }
    Ok(())
}
