//! Details of failed reads and writes.

use std::convert::Infallible;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::error::{DecodeError, EncodeError};
use crate::wire::{Reader, put_address, put_int, put_int_count, put_short};

/// What kind of write timed out or failed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WriteType {
    /// A plain write.
    Simple,
    /// A logged batch; its log was written.
    Batch,
    /// An unlogged batch.
    UnloggedBatch,
    /// A counter update.
    Counter,
    /// The log of a logged batch.
    BatchLog,
    /// A conditional write.
    Cas,
    /// A materialized view's update.
    View,
    /// Change data capture ran out of space.
    Cdc,
    /// One this crate does not know.
    Other(Box<str>),
}

impl WriteType {
    /// The name on the wire.
    pub fn name(&self) -> &str {
        match self {
            Self::Simple => "SIMPLE",
            Self::Batch => "BATCH",
            Self::UnloggedBatch => "UNLOGGED_BATCH",
            Self::Counter => "COUNTER",
            Self::BatchLog => "BATCH_LOG",
            Self::Cas => "CAS",
            Self::View => "VIEW",
            Self::Cdc => "CDC",
            Self::Other(name) => name,
        }
    }
}

impl FromStr for WriteType {
    type Err = Infallible;

    fn from_str(name: &str) -> Result<Self, Infallible> {
        Ok(match name {
            "SIMPLE" => Self::Simple,
            "BATCH" => Self::Batch,
            "UNLOGGED_BATCH" => Self::UnloggedBatch,
            "COUNTER" => Self::Counter,
            "BATCH_LOG" => Self::BatchLog,
            "CAS" => Self::Cas,
            "VIEW" => Self::View,
            "CDC" => Self::Cdc,
            other => Self::Other(other.into()),
        })
    }
}

impl fmt::Display for WriteType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Why one replica failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FailureReason(
    /// As on the wire; codes nobody knows are kept.
    pub u16,
);

impl FailureReason {
    /// What the code means, if it is known. Codes from 0xF000 up are ScyllaDB's and differ by release.
    pub const fn description(self) -> Option<&'static str> {
        Some(match self.0 {
            0 => "unknown",
            1 => "too many tombstones read",
            2 => "timeout",
            3 => "incompatible schema",
            4 => "read too large",
            5 => "node down",
            6 => "index not available",
            7 => "too many indexes read",
            8 => "not a member of the cluster metadata service",
            9 => "invalid routing",
            10 => "coordinator behind",
            11 => "retry on a different transaction system",
            503 => "index build in progress",
            _ => return None,
        })
    }
}

impl fmt::Display for FailureReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.description() {
            Some(description) => write!(f, "{description} ({:#06x})", self.0),
            None => write!(f, "{:#06x}", self.0),
        }
    }
}

/// How many replicas failed and, where the server says so, which and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaFailures {
    /// How many.
    pub count: i32,
    /// Each with its reason; `None` where the protocol only counts.
    pub reasons: Option<Vec<(IpAddr, FailureReason)>>,
}

impl ReplicaFailures {
    pub(crate) fn decode(reader: &mut Reader<'_>, with_reasons: bool) -> Result<Self, DecodeError> {
        if !with_reasons {
            return Ok(Self { count: reader.int("failures")?, reasons: None });
        }
        let count = reader.int("failure reasons")?;
        let announced = usize::try_from(count)
            .map_err(|_| DecodeError::InvalidLength { what: "failure reasons", length: i64::from(count) })?;
        let mut reasons = Vec::with_capacity(reader.capacity(announced, 7));
        for _ in 0..announced {
            let address = reader.address("failed replica")?;
            reasons.push((address, FailureReason(reader.short("failure reason")?)));
        }
        Ok(Self { count, reasons: Some(reasons) })
    }

    /// Writes what the connection can carry; reasons given to one that only counts are counted.
    pub(crate) fn encode(&self, out: &mut Vec<u8>, with_reasons: bool) -> Result<(), EncodeError> {
        if !with_reasons {
            put_int(out, self.count);
            return Ok(());
        }
        let reasons = self.reasons.as_deref().unwrap_or_default();
        put_int_count(out, reasons.len(), "failure reasons")?;
        for (address, reason) in reasons {
            put_address(out, *address);
            put_short(out, reason.0);
        }
        Ok(())
    }
}
