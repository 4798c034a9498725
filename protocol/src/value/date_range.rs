//! Date ranges of DataStax Enterprise.

use crate::error::{ValueError, ValueErrorReason};
use crate::types::CqlType;
use crate::value::from_cql::not_null;
use crate::value::{CqlTimestamp, FromCql, ToCql, ValueWriter};

/// How much of a bound's instant counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum DatePrecision {
    Year = 0,
    Month = 1,
    Day = 2,
    Hour = 3,
    Minute = 4,
    Second = 5,
    Millisecond = 6,
}

/// One end of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DateBound {
    /// An instant inside the year, month, .. that is meant.
    pub timestamp: CqlTimestamp,
    /// Which of these it is.
    pub precision: DatePrecision,
}

/// A `DateRangeType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DateRange {
    /// One date.
    Single(DateBound),
    /// From one to another.
    Closed(DateBound, DateBound),
    /// From one on.
    From(DateBound),
    /// Up to one.
    Until(DateBound),
    /// All of time, as a range.
    Open,
    /// All of time, as one date.
    SingleOpen,
}

impl ToCql for DateRange {
    fn to_cql(&self, typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
        <Self as FromCql<'_>>::check(typ)?;
        let (kind, bounds): (u8, [Option<&DateBound>; 2]) = match self {
            Self::Single(bound) => (0, [Some(bound), None]),
            Self::Closed(lower, upper) => (1, [Some(lower), Some(upper)]),
            Self::From(bound) => (2, [Some(bound), None]),
            Self::Until(bound) => (3, [Some(bound), None]),
            Self::Open => (4, [None, None]),
            Self::SingleOpen => (5, [None, None]),
        };
        out.nested(|out| {
            out.raw(&[kind]);
            for bound in bounds.into_iter().flatten() {
                out.raw(&bound.timestamp.0.to_be_bytes());
                out.raw(&[bound.precision as u8]);
            }
            Ok(())
        })
    }
}

impl<'f> FromCql<'f> for DateRange {
    fn check(typ: &CqlType) -> Result<(), ValueError> {
        match typ {
            CqlType::Custom(name) if name.rsplit('.').next() == Some("DateRangeType") => Ok(()),
            _ => Err(ValueError::mismatch::<Self>(typ)),
        }
    }

    fn from_cql(_: &'f CqlType, cell: Option<&'f [u8]>) -> Result<Self, ValueError> {
        let out_of_range = ValueErrorReason::OutOfRange { what: "a date range" };
        let truncated = ValueErrorReason::Truncated { what: "a date range" };
        let (kind, mut rest) = not_null::<Self>(cell)?.split_first().ok_or(truncated.clone())?;
        let mut bound = || take_bound(&mut rest);
        let range = match kind {
            0 => Self::Single(bound()?),
            1 => Self::Closed(bound()?, bound()?),
            2 => Self::From(bound()?),
            3 => Self::Until(bound()?),
            4 => Self::Open,
            5 => Self::SingleOpen,
            _ => return Err(out_of_range.into()),
        };
        match rest.len() {
            0 => Ok(range),
            count => Err(ValueErrorReason::TrailingBytes { what: "a date range", count }.into()),
        }
    }
}

fn take_bound(rest: &mut &[u8]) -> Result<DateBound, ValueError> {
    let Some((bytes, after)) = rest.split_first_chunk::<9>() else {
        return Err(ValueErrorReason::Truncated { what: "a date range" }.into());
    };
    *rest = after;
    let [milliseconds @ .., precision] = *bytes;
    let precision = match precision {
        0 => DatePrecision::Year,
        1 => DatePrecision::Month,
        2 => DatePrecision::Day,
        3 => DatePrecision::Hour,
        4 => DatePrecision::Minute,
        5 => DatePrecision::Second,
        6 => DatePrecision::Millisecond,
        _ => return Err(ValueErrorReason::OutOfRange { what: "a date range" }.into()),
    };
    Ok(DateBound { timestamp: CqlTimestamp(i64::from_be_bytes(milliseconds)), precision })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::to_cql::encode_value;
    use crate::vectors::hex;

    #[test]
    fn ranges_are_a_kind_and_their_bounds() {
        let typ = CqlType::custom("org.apache.cassandra.db.marshal.DateRangeType");
        let bound = |milliseconds, precision| DateBound { timestamp: CqlTimestamp(milliseconds), precision };
        let (first, last) = (0x125e961f9d1, 0x176bb3e6fff);
        let (day, year) = (bound(first, DatePrecision::Millisecond), bound(last, DatePrecision::Year));
        for (range, bytes) in [
            (DateRange::Closed(day, year), "01 00000125e961f9d1 06 00000176bb3e6fff 00"),
            (
                DateRange::Closed(bound(0xdc6d032dd1, DatePrecision::Millisecond), year),
                "01 000000dc6d032dd1 06 00000176bb3e6fff 00",
            ),
            (DateRange::Single(day), "00 00000125e961f9d1 06"),
            (DateRange::From(year), "02 00000176bb3e6fff 00"),
            (DateRange::Until(year), "03 00000176bb3e6fff 00"),
            (DateRange::Open, "04"),
            (DateRange::SingleOpen, "05"),
        ] {
            let bytes = hex(bytes);
            assert_eq!(encode_value(&range, &typ).unwrap()[4..], bytes);
            assert_eq!(DateRange::from_cql(&typ, Some(&bytes)), Ok(range));
            for length in 0..bytes.len() {
                assert!(DateRange::from_cql(&typ, Some(&bytes[..length])).is_err());
            }
        }
        assert!(DateRange::from_cql(&typ, Some(&[6])).is_err());
        assert!(DateRange::from_cql(&typ, Some(&hex("00 00000125e961f9d1 07"))).is_err());
        assert!(DateRange::from_cql(&typ, Some(&[4, 0])).is_err());
        assert!(DateRange::check(&CqlType::Timestamp).is_err());
    }
}
