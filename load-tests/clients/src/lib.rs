//! One scenario set, the same for every driver, so that what differs is the driver.
//!
//! * [`scenario`]: what is done and for how long.
//! * [`measure`]: what it cost.
//! * [`workers`]: many callers, one request each at a time.
//! * `with_*`: one file a driver.
//!
//! The binaries differ in their allocator only.

mod measure;
mod scenario;
mod with_cdrs;
mod with_chorus;
mod with_scylla;
mod workers;

use std::error::Error;

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
    measure::pin(&arguments.cores)?;
    let mut report = match arguments.driver {
        Driver::ScyllaDefault => with_scylla::as_it_comes(&arguments, allocations)?,
        Driver::ScyllaTuned => with_scylla::tuned(&arguments, allocations)?,
        Driver::ChorusLocal => with_chorus::local(&arguments, allocations)?,
        Driver::ChorusHosted => with_chorus::hosted(&arguments, allocations)?,
        Driver::ChorusDedicated => with_chorus::dedicated(&arguments, allocations)?,
        Driver::Cdrs => with_cdrs::run(&arguments, allocations)?,
    };
    report.peak_resident_kib = measure::peak_resident_kib();
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}
