//! Days.

use std::fmt;
use std::str::FromStr;

use super::wire_value;
use crate::error::{ValueError, ValueErrorReason};
use crate::types::{CqlType, NativeType};
use crate::value::civil::{Civil, Digits};
use crate::value::from_cql::fixed;
use crate::value::{FromCql, ToCql, ValueWriter};

/// A `date`: days, with 1970-01-01 at 2^31. Every number is one: from -5877641-06-23 to 5881580-07-11.
///
/// ```
/// use chorus_protocol::CqlDate;
///
/// let date: CqlDate = "2016-02-29".parse()?;
/// assert_eq!(date.days_since_epoch(), 16_860);
/// assert_eq!(CqlDate::from_ymd(2016, 2, 29), Ok(date));
/// assert!(CqlDate::from_ymd(2015, 2, 29).is_err());
/// assert_eq!(CqlDate::from_days_since_epoch(-1)?.to_string(), "1969-12-31");
/// # Ok::<(), chorus_protocol::ValueError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CqlDate(pub u32);

impl CqlDate {
    /// 1970-01-01.
    pub const EPOCH: CqlDate = CqlDate(1 << 31);
    /// The first day there is.
    pub const MIN: CqlDate = CqlDate(0);
    /// The last day there is.
    pub const MAX: CqlDate = CqlDate(u32::MAX);

    /// Days since 1970-01-01.
    pub const fn days_since_epoch(self) -> i64 {
        self.0 as i64 - Self::EPOCH.0 as i64
    }

    /// The day so many days after 1970-01-01.
    ///
    /// # Errors
    /// [`ValueErrorReason::OutOfRange`] beyond 32 bits with a sign.
    pub fn from_days_since_epoch(days: i64) -> Result<Self, ValueError> {
        let wire = days.checked_add(i64::from(Self::EPOCH.0)).and_then(|wire| u32::try_from(wire).ok());
        wire.map(Self).ok_or_else(|| ValueErrorReason::OutOfRange { what: "date" }.into())
    }

    /// A day by year, month (1 to 12) and day (1 to 31), in the proleptic Gregorian calendar, whose year 0 is 1 BC.
    ///
    /// # Errors
    /// [`ValueErrorReason::OutOfRange`] when there is no such day, or it is beyond what a `date` can be.
    pub fn from_ymd(year: i32, month: u8, day: u8) -> Result<Self, ValueError> {
        let civil = Civil::new(i64::from(year), month, day);
        let civil = civil.ok_or(ValueErrorReason::OutOfRange { what: "date" })?;
        Self::from_days_since_epoch(civil.to_day())
    }

    /// Year, month (1 to 12) and day (1 to 31).
    pub fn ymd(self) -> (i32, u8, u8) {
        let Civil { year, month, day } = Civil::of_day(self.days_since_epoch());
        // Within six million years of 1970.
        (year as i32, month, day)
    }
}

/// `YYYY-MM-DD` for the years 0 to 9999, otherwise the number on the wire, which CQL accepts as well.
impl fmt::Display for CqlDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let civil = Civil::of_day(self.days_since_epoch());
        if (0..=9999).contains(&civil.year) { civil.fmt(f) } else { self.0.fmt(f) }
    }
}

/// What `Display` prints, and years of more than four digits or before 0 with their sign: `+12026-01-31`, `-0044-03-15`.
impl FromStr for CqlDate {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if let Ok(wire) = text.parse() {
            return Ok(Self(wire));
        }
        let mut digits = Digits(text);
        match digits.date() {
            Some(date) if digits.is_at_end() => Self::from_days_since_epoch(date.to_day()),
            _ => Err(ValueErrorReason::InvalidText { what: "date" }.into()),
        }
    }
}

wire_value!(CqlDate, Date, "date", Ok, |bytes| Self(u32::from_be_bytes(bytes)));

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::to_cql::encode_value;

    #[test]
    fn dates_are_days_around_the_middle_of_u32() {
        for (text, wire, ymd) in [
            ("1970-01-01", 0x80000000, (1970, 1, 1)),
            ("1970-01-02", 0x80000001, (1970, 1, 2)),
            ("1969-12-31", 0x7fffffff, (1969, 12, 31)),
            ("2016-02-29", 0x800041dcu32, (2016, 2, 29)),
            ("0000-01-01", 0x7ff50558, (0, 1, 1)),
        ] {
            let date: CqlDate = text.parse().unwrap();
            assert_eq!(date, CqlDate(wire), "{text}");
            assert_eq!((date.ymd(), CqlDate::from_ymd(ymd.0, ymd.1, ymd.2)), (ymd, Ok(date)));
            assert_eq!(CqlDate::from_days_since_epoch(date.days_since_epoch()), Ok(date));
            assert_eq!(date.to_string(), text);
            assert_eq!(encode_value(&date, &CqlType::Date).unwrap()[4..], wire.to_be_bytes());
        }
    }

    #[test]
    fn dates_beyond_the_calendar_print_as_their_number_and_are_read_from_it() {
        for date in [CqlDate::MIN, CqlDate::MAX, CqlDate(0x7ff50557)] {
            assert_eq!(date.to_string(), date.0.to_string());
            assert_eq!(date.to_string().parse(), Ok(date));
            let (year, month, day) = date.ymd();
            assert_eq!(CqlDate::from_ymd(year, month, day), Ok(date));
        }
        assert_eq!(CqlDate::MAX.ymd(), (5_881_580, 7, 11));
        assert_eq!(CqlDate::MIN.ymd(), (-5_877_641, 6, 23));
        assert_eq!("+2016-02-29".parse(), Ok(CqlDate(0x800041dc)), "a sign is allowed");
        assert_eq!("-0044-03-15".parse(), CqlDate::from_ymd(-44, 3, 15));
        assert_eq!("+5881580-07-11".parse(), Ok(CqlDate::MAX));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        let range = |error: ValueError| *error.reason() == ValueErrorReason::OutOfRange { what: "date" };
        for days in [1 << 31, -(1 << 31) - 1, i64::MAX, i64::MIN] {
            assert!(range(CqlDate::from_days_since_epoch(days).unwrap_err()), "{days}");
        }
        assert!(range(CqlDate::from_ymd(i32::MAX, 1, 1).unwrap_err()));
        assert!(range(CqlDate::from_ymd(2023, 2, 29).unwrap_err()));
        for text in ["", "2023-02-29", "2023-1-1", "4294967296", "2023-01-01 ", "monday", "+"] {
            assert!(text.parse::<CqlDate>().is_err(), "{text}");
        }
    }
}
