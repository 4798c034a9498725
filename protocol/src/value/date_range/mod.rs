//! Date ranges of DataStax Enterprise.

mod text;

use crate::error::{ValueError, ValueErrorReason};
use crate::types::CqlType;
use crate::value::civil::{Civil, days_in_month};
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

/// One end of a range. [`lower`](Self::lower) and [`upper`](Self::upper) round to what servers expect at either end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DateBound {
    /// An instant inside the year, month, .. that is meant. Written as it is.
    pub timestamp: CqlTimestamp,
    /// Which of these it is.
    pub precision: DatePrecision,
}

const DAY: i64 = 86_400_000;

impl DateBound {
    /// Where a range begins, or a single date: the first millisecond of the year, month, .. of this instant.
    ///
    /// # Errors
    /// [`ValueErrorReason::OutOfRange`] when that is beyond 64 bits.
    pub fn lower(timestamp: CqlTimestamp, precision: DatePrecision) -> Result<Self, ValueError> {
        let first = edges(timestamp.0, precision).map(|(first, _)| first);
        Self::rounded(first, precision)
    }

    /// Where a range ends: the last millisecond of the year, month, .. of this instant.
    ///
    /// # Errors
    /// [`ValueErrorReason::OutOfRange`] when that is beyond 64 bits.
    pub fn upper(timestamp: CqlTimestamp, precision: DatePrecision) -> Result<Self, ValueError> {
        let last = edges(timestamp.0, precision).map(|(_, last)| last);
        Self::rounded(last, precision)
    }

    fn rounded(milliseconds: Option<i64>, precision: DatePrecision) -> Result<Self, ValueError> {
        let timestamp =
            CqlTimestamp(milliseconds.ok_or(ValueErrorReason::OutOfRange { what: "a date range" })?);
        Ok(Self { timestamp, precision })
    }
}

/// The first and the last millisecond of the year, month, .. that an instant lies in.
fn edges(milliseconds: i64, precision: DatePrecision) -> Option<(i64, i64)> {
    let days = |first: Civil, last: Civil| {
        let last = last.to_day().checked_add(1)?.checked_mul(DAY)?.checked_sub(1)?;
        Some((first.to_day().checked_mul(DAY)?, last))
    };
    let of_size = |size: i64| {
        let first = milliseconds.checked_sub(milliseconds.rem_euclid(size))?;
        Some((first, first.checked_add(size - 1)?))
    };
    let date @ Civil { year, month, .. } = Civil::of_day(milliseconds.div_euclid(DAY));
    match precision {
        DatePrecision::Year => days(Civil { year, month: 1, day: 1 }, Civil { year, month: 12, day: 31 }),
        DatePrecision::Month => {
            days(Civil { day: 1, ..date }, Civil { day: days_in_month(year, month), ..date })
        }
        DatePrecision::Day => days(date, date),
        DatePrecision::Hour => of_size(3_600_000),
        DatePrecision::Minute => of_size(60_000),
        DatePrecision::Second => of_size(1_000),
        DatePrecision::Millisecond => Some((milliseconds, milliseconds)),
    }
}

/// A `DateRangeType`: one date, or a range whose ends may be open.
///
/// ```
/// use chorus_protocol::value::{DateBound, DatePrecision, DateRange};
///
/// let range: DateRange = "[2016-02 TO *]".parse()?;
/// let february = DateBound::lower("2016-02-29".parse()?, DatePrecision::Month)?;
/// assert_eq!(range, DateRange::From(february));
/// assert_eq!(DateRange::between(Some(february), None), range);
/// assert_eq!(range.to_string(), "[2016-02 TO *]");
/// # Ok::<(), chorus_protocol::ValueError>(())
/// ```
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

impl DateRange {
    /// From one bound to another, `None` standing for no bound.
    pub fn between(lower: Option<DateBound>, upper: Option<DateBound>) -> Self {
        match (lower, upper) {
            (Some(lower), Some(upper)) => Self::Closed(lower, upper),
            (Some(lower), None) => Self::From(lower),
            (None, Some(upper)) => Self::Until(upper),
            (None, None) => Self::Open,
        }
    }
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
    fn bounds_are_rounded_to_their_precision_over_leap_years_and_ends_of_months() {
        let at = |text: &str| text.parse::<CqlTimestamp>().unwrap();
        let instant = at("2016-02-17T10:20:30.456Z");
        for (precision, first, last) in [
            (DatePrecision::Year, "2016-01-01T00:00:00.000Z", "2016-12-31T23:59:59.999Z"),
            (DatePrecision::Month, "2016-02-01T00:00:00.000Z", "2016-02-29T23:59:59.999Z"),
            (DatePrecision::Day, "2016-02-17T00:00:00.000Z", "2016-02-17T23:59:59.999Z"),
            (DatePrecision::Hour, "2016-02-17T10:00:00.000Z", "2016-02-17T10:59:59.999Z"),
            (DatePrecision::Minute, "2016-02-17T10:20:00.000Z", "2016-02-17T10:20:59.999Z"),
            (DatePrecision::Second, "2016-02-17T10:20:30.000Z", "2016-02-17T10:20:30.999Z"),
            (DatePrecision::Millisecond, "2016-02-17T10:20:30.456Z", "2016-02-17T10:20:30.456Z"),
        ] {
            assert_eq!(DateBound::lower(instant, precision).unwrap().timestamp, at(first), "{precision:?}");
            assert_eq!(DateBound::upper(instant, precision).unwrap().timestamp, at(last), "{precision:?}");
        }
        let month = |text, last: &str| {
            assert_eq!(DateBound::upper(at(text), DatePrecision::Month).unwrap().timestamp, at(last));
        };
        month("2015-02-01", "2015-02-28T23:59:59.999Z");
        month("1900-02-01", "1900-02-28T23:59:59.999Z");
        month("2000-02-01", "2000-02-29T23:59:59.999Z");
        month("1969-12-31", "1969-12-31T23:59:59.999Z");
        assert!(DateBound::upper(CqlTimestamp(i64::MAX), DatePrecision::Year).is_err());
        assert!(DateBound::lower(CqlTimestamp(i64::MIN), DatePrecision::Hour).is_err());
    }

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
