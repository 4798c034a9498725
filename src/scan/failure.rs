//! Why a scan ended early.

use std::fmt;
use std::time::Duration;

use super::range::ScanRange;
use crate::Error;

/// The failure of a piece that ended its scan.
#[derive(Debug)]
pub(crate) struct ScanFailure {
    /// The table, as it stands in CQL.
    pub(crate) table: String,
    pub(crate) range: ScanRange,
    /// How often the page was asked for.
    pub(crate) tries: u32,
    /// How long the piece had not got on.
    pub(crate) lasted: Duration,
    /// What happened the last time.
    pub(crate) error: Error,
}

impl fmt::Display for ScanFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, tokens {}: ", self.table, self.range)?;
        match self.tries {
            0 | 1 => f.write_str("cannot be read"),
            tries => {
                write!(f, "cannot be read, tried {tries} times in {:.1} s", self.lasted.as_secs_f64())
            }
        }
    }
}
