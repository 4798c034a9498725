//! Values of the standard library's clock and, each behind the feature of its name, of the calendars of `chrono`, `time` and
//! `jiff`.
//!
//! Each goes through [`CqlTimestamp`], [`CqlDate`], [`CqlTime`] or [`CqlDuration`](crate::CqlDuration). A value that one of the
//! two sides cannot hold is refused with [`ValueErrorReason::OutOfRange`]; what is finer than the wire's unit is dropped,
//! towards the past.

#[cfg(feature = "chrono")]
mod chrono;
#[cfg(feature = "jiff")]
mod jiff;
#[cfg(feature = "time")]
mod time;

use std::time::{Duration, SystemTime};

use crate::error::{ValueError, ValueErrorReason};
use crate::types::CqlType;
use crate::value::{CqlTimestamp, FromCql, ToCql, ValueWriter};

/// `ToCql` of a calendar's type by way of the wire's.
macro_rules! to_cql {
    ([$($generics:tt)*] $rust:ty, $wire:ty, $self:ident => $value:expr) => {
        impl<$($generics)*> ToCql for $rust {
            fn to_cql(&$self, typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
                if <$wire as FromCql<'_>>::check(typ).is_err() {
                    return Err(ValueError::mismatch::<Self>(typ));
                }
                <$wire>::try_from($value)?.to_cql(typ, out)
            }
        }
    };
}

/// `FromCql` of a calendar's type by way of the wire's.
macro_rules! from_cql {
    ($rust:ty, $wire:ty) => {
        impl<'f> FromCql<'f> for $rust {
            fn check(typ: &CqlType) -> Result<(), ValueError> {
                <$wire as FromCql<'f>>::check(typ).map_err(|_| ValueError::mismatch::<Self>(typ))
            }

            fn from_cql(typ: &'f CqlType, cell: Option<&'f [u8]>) -> Result<Self, ValueError> {
                // Not a null of the wire's type, which the program never named.
                let cell = cell.filter(|bytes| !bytes.is_empty());
                let cell = cell.ok_or_else(ValueError::unexpected_null::<Self>)?;
                <$wire>::from_cql(typ, Some(cell))?.try_into()
            }
        }
    };
}

#[cfg(any(feature = "chrono", feature = "jiff", feature = "time"))]
use {from_cql, to_cql};

to_cql!([] SystemTime, CqlTimestamp, self => *self);
from_cql!(SystemTime, CqlTimestamp);

/// The value is beyond what `what` can hold.
fn out_of_range(what: &'static str) -> ValueError {
    ValueErrorReason::OutOfRange { what }.into()
}

impl TryFrom<SystemTime> for CqlTimestamp {
    type Error = ValueError;

    /// Drops what is finer than a millisecond, towards the past.
    fn try_from(time: SystemTime) -> Result<Self, ValueError> {
        let milliseconds = match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_millis()).ok(),
            Err(error) => {
                let before = error.duration().as_nanos().div_ceil(1_000_000);
                i64::try_from(before).ok().map(|before| -before)
            }
        };
        milliseconds.map(Self).ok_or_else(|| out_of_range("timestamp"))
    }
}

impl TryFrom<CqlTimestamp> for SystemTime {
    type Error = ValueError;

    fn try_from(timestamp: CqlTimestamp) -> Result<Self, ValueError> {
        let distance = Duration::from_millis(timestamp.0.unsigned_abs());
        let time = if timestamp.0 >= 0 {
            SystemTime::UNIX_EPOCH.checked_add(distance)
        } else {
            SystemTime::UNIX_EPOCH.checked_sub(distance)
        };
        time.ok_or_else(|| out_of_range("SystemTime"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::to_cql::encode_value;

    #[test]
    fn finer_parts_of_a_time_before_the_epoch_round_to_the_past() {
        let time = SystemTime::UNIX_EPOCH - Duration::from_nanos(1);
        assert_eq!(CqlTimestamp::try_from(time), Ok(CqlTimestamp(-1)));
    }

    #[test]
    fn the_systems_time_is_a_timestamp_and_a_mismatch_names_it() {
        for milliseconds in [10_413_792_000_001, -11_676_095_999_999, 0] {
            let time = SystemTime::try_from(CqlTimestamp(milliseconds)).unwrap();
            assert_eq!(CqlTimestamp::try_from(time), Ok(CqlTimestamp(milliseconds)));
        }
        assert_eq!(SystemTime::from_cql(&CqlType::Timestamp, Some(&[0; 8])), Ok(SystemTime::UNIX_EPOCH));
        let error = encode_value(&SystemTime::UNIX_EPOCH, &CqlType::Date).unwrap_err();
        assert!(error.to_string().contains("SystemTime"), "{error}");
        let error = SystemTime::from_cql(&CqlType::Timestamp, None).unwrap_err();
        assert!(error.to_string().contains("SystemTime"), "{error}");
    }
}
