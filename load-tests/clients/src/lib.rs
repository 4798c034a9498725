//! One scenario set, the same for every driver, so that what differs is the driver.
//!
//! * [`scenario`]: what is done and for how long.
//! * [`phases`]: warm-up and measured part, and the hand-shake with whoever looks on.
//! * [`measure`]: what it cost.
//! * [`workers`]: many callers, one request each at a time; [`many`]: rows for interfaces that take many at once.
//! * `with_*`: one file a driver; [`raw`]: none at all.
//!
//! The binaries differ in their allocator only.

mod many;
mod measure;
mod phases;
mod raw;
mod scenario;
#[cfg(feature = "tls")]
mod tls;
mod with_cdrs;
mod with_chorus;
mod with_scylla;
mod workers;

use std::error::Error;

use chorus::Placement;
use clap::Parser;

pub use crate::measure::AllocationCounter;
use crate::scenario::{Arguments, Driver};

/// Any error, as text for whoever started the run.
pub type Failure = Box<dyn Error + Send + Sync>;

/// Runs one scenario with one driver and prints what it cost as one line of JSON.
///
/// # Errors
///
/// Whatever the driver says when it cannot connect, prepare or finish a request.
pub fn run(allocations: Option<AllocationCounter>) -> Result<(), Failure> {
    let arguments = Arguments::parse();
    let dedicated = |threads| Placement::Dedicated { threads };
    let report = match arguments.driver {
        Driver::Raw => raw::run(&arguments, allocations)?,
        Driver::ScyllaDefault => with_scylla::as_it_comes(&arguments, allocations)?,
        Driver::ScyllaTuned => with_scylla::tuned(&arguments, allocations)?,
        Driver::ChorusLocal => with_chorus::local(&arguments, allocations)?,
        Driver::ChorusHosted => with_chorus::beside_workers(Placement::Hosted, &arguments, allocations)?,
        Driver::ChorusDedicated | Driver::ChorusDedicatedSpin => {
            with_chorus::beside_workers(dedicated(1), &arguments, allocations)?
        }
        Driver::ChorusDedicated2 => with_chorus::beside_workers(dedicated(2), &arguments, allocations)?,
        Driver::Cdrs => with_cdrs::run(&arguments, allocations)?,
    };
    println!("{}", serde_json::to_string(&report)?);
    if arguments.hand_shake {
        phases::wait()?;
    }
    Ok(())
}
