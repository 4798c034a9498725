//! Instants, days and times of day, in the units of the wire.

use std::fmt;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, NaiveDate, NaiveTime, SecondsFormat, Utc};

use crate::error::{ValueError, ValueErrorReason};
use crate::types::{CqlType, NativeType};
use crate::value::from_cql::fixed;
use crate::value::{FromCql, ToCql, ValueWriter};

/// A `timestamp`: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CqlTimestamp(pub i64);

/// A `date`: days, with 1970-01-01 at 2^31.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CqlDate(pub u32);

/// A `time` of day: nanoseconds since midnight, 0 to 86,399,999,999,999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CqlTime(pub i64);

impl CqlDate {
    /// 1970-01-01.
    pub const EPOCH: CqlDate = CqlDate(1 << 31);

    /// Days since 1970-01-01.
    pub const fn days_since_epoch(self) -> i64 {
        self.0 as i64 - Self::EPOCH.0 as i64
    }
}

impl CqlTime {
    /// One nanosecond before midnight.
    pub const MAX: CqlTime = CqlTime(86_399_999_999_999);

    fn in_range(self) -> Result<Self, ValueError> {
        if (0..=Self::MAX.0).contains(&self.0) {
            Ok(self)
        } else {
            Err(ValueErrorReason::OutOfRange { what: "time" }.into())
        }
    }
}

/// RFC 3339 with milliseconds where the calendar reaches, otherwise plain milliseconds.
impl fmt::Display for CqlTimestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match DateTime::from_timestamp_millis(self.0) {
            Some(instant) => f.write_str(&instant.to_rfc3339_opts(SecondsFormat::Millis, true)),
            None => self.0.fmt(f),
        }
    }
}

/// `YYYY-MM-DD` for the years 0 to 9999, otherwise the number on the wire, which CQL accepts as well.
impl fmt::Display for CqlDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use chrono::Datelike;
        match NaiveDate::try_from(*self) {
            Ok(date) if (0..=9999).contains(&date.year()) => date.fmt(f),
            _ => self.0.fmt(f),
        }
    }
}

/// `HH:MM:SS.nnnnnnnnn`.
impl fmt::Display for CqlTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanoseconds) = (self.0.div_euclid(1_000_000_000), self.0.rem_euclid(1_000_000_000));
        write!(f, "{:02}:{:02}:{:02}.{nanoseconds:09}", seconds / 3600, seconds / 60 % 60, seconds % 60)
    }
}

macro_rules! wire_value {
    ($rust:ident, $native:ident, $name:literal, $write:expr, $read:expr) => {
        impl ToCql for $rust {
            #[inline]
            fn to_cql(&self, typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
                match typ {
                    CqlType::Native(NativeType::$native) => {
                        let value: Result<$rust, ValueError> = $write(*self);
                        out.fixed(value?.0.to_be_bytes())
                    }
                    _ => Err(ValueError::mismatch::<Self>(typ)),
                }
            }
        }

        impl<'f> FromCql<'f> for $rust {
            #[inline]
            fn check(typ: &CqlType) -> Result<(), ValueError> {
                match typ {
                    CqlType::Native(NativeType::$native) => Ok(()),
                    _ => Err(ValueError::mismatch::<Self>(typ)),
                }
            }

            #[inline]
            fn from_cql(_: &'f CqlType, cell: Option<&'f [u8]>) -> Result<Self, ValueError> {
                fixed::<_, Self>($name, cell).map($read)
            }
        }
    };
}

wire_value!(CqlTimestamp, Timestamp, "timestamp", Ok, |bytes| Self(i64::from_be_bytes(bytes)));
wire_value!(CqlDate, Date, "date", Ok, |bytes| Self(u32::from_be_bytes(bytes)));
// What a server stored is shown as it is; what this client writes is checked.
wire_value!(CqlTime, Time, "time", CqlTime::in_range, |bytes| Self(i64::from_be_bytes(bytes)));

impl From<DateTime<Utc>> for CqlTimestamp {
    /// Drops what is finer than a millisecond, towards the past.
    fn from(instant: DateTime<Utc>) -> Self {
        Self(instant.timestamp_millis())
    }
}

impl TryFrom<CqlTimestamp> for DateTime<Utc> {
    type Error = ValueError;

    fn try_from(timestamp: CqlTimestamp) -> Result<Self, ValueError> {
        DateTime::from_timestamp_millis(timestamp.0)
            .ok_or_else(|| ValueErrorReason::OutOfRange { what: "chrono::DateTime" }.into())
    }
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
        milliseconds.map(Self).ok_or_else(|| ValueErrorReason::OutOfRange { what: "timestamp" }.into())
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
        time.ok_or_else(|| ValueErrorReason::OutOfRange { what: "SystemTime" }.into())
    }
}

/// Days from 0001-01-01, which chrono counts from, to 1970-01-01.
const EPOCH_FROM_COMMON_ERA: i64 = 719_163;

impl From<NaiveDate> for CqlDate {
    fn from(date: NaiveDate) -> Self {
        use chrono::Datelike;
        // chrono's years reach 262,143, which is some 96 million days: far inside 2^31.
        let days = i64::from(date.num_days_from_ce()) - EPOCH_FROM_COMMON_ERA;
        Self((days + i64::from(Self::EPOCH.0)) as u32)
    }
}

impl TryFrom<CqlDate> for NaiveDate {
    type Error = ValueError;

    fn try_from(date: CqlDate) -> Result<Self, ValueError> {
        i32::try_from(date.days_since_epoch() + EPOCH_FROM_COMMON_ERA)
            .ok()
            .and_then(NaiveDate::from_num_days_from_ce_opt)
            .ok_or_else(|| ValueErrorReason::OutOfRange { what: "chrono::NaiveDate" }.into())
    }
}

impl TryFrom<NaiveTime> for CqlTime {
    type Error = ValueError;

    /// Fails on a leap second in the last minute of a day, for which CQL has no value.
    fn try_from(time: NaiveTime) -> Result<Self, ValueError> {
        use chrono::Timelike;
        let seconds = i64::from(time.num_seconds_from_midnight());
        Self(seconds * 1_000_000_000 + i64::from(time.nanosecond())).in_range()
    }
}

impl TryFrom<CqlTime> for NaiveTime {
    type Error = ValueError;

    fn try_from(time: CqlTime) -> Result<Self, ValueError> {
        let time = time.in_range()?.0;
        NaiveTime::from_num_seconds_from_midnight_opt(
            (time / 1_000_000_000) as u32,
            (time % 1_000_000_000) as u32,
        )
        .ok_or_else(|| ValueErrorReason::OutOfRange { what: "chrono::NaiveTime" }.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::to_cql::encode_value;

    #[test]
    fn timestamps_are_exact_milliseconds() {
        for (milliseconds, text) in [
            (10_413_792_000_001, "2300-01-01T00:00:00.001Z"),
            (-11_676_095_999_999, "1600-01-01T00:00:00.001Z"),
            (1_320_692_149_881, "2011-11-07T18:55:49.881Z"),
        ] {
            assert_eq!(CqlTimestamp(milliseconds).to_string(), text);
            let instant = DateTime::<Utc>::try_from(CqlTimestamp(milliseconds)).unwrap();
            assert_eq!(CqlTimestamp::from(instant), CqlTimestamp(milliseconds));
            let time = SystemTime::try_from(CqlTimestamp(milliseconds)).unwrap();
            assert_eq!(CqlTimestamp::try_from(time), Ok(CqlTimestamp(milliseconds)));
        }
        let bytes = encode_value(&CqlTimestamp(1_320_692_149_881), &CqlType::Timestamp).unwrap();
        assert_eq!(bytes[4..], 0x000001337f62ee79u64.to_be_bytes());
        assert_eq!(CqlTimestamp(i64::MAX).to_string(), i64::MAX.to_string());
        assert!(DateTime::<Utc>::try_from(CqlTimestamp(i64::MIN)).is_err());
    }

    #[test]
    fn finer_parts_of_a_time_before_the_epoch_round_to_the_past() {
        let time = SystemTime::UNIX_EPOCH - Duration::from_nanos(1);
        assert_eq!(CqlTimestamp::try_from(time), Ok(CqlTimestamp(-1)));
    }

    #[test]
    fn dates_are_days_around_the_middle_of_u32() {
        for (text, wire) in [
            ("1970-01-01", 0x80000000),
            ("1970-01-02", 0x80000001),
            ("1969-12-31", 0x7fffffff),
            ("2016-02-29", 0x800041dcu32),
        ] {
            let date: NaiveDate = text.parse().unwrap();
            assert_eq!(CqlDate::from(date), CqlDate(wire));
            assert_eq!(NaiveDate::try_from(CqlDate(wire)), Ok(date));
            assert_eq!(CqlDate(wire).to_string(), text);
            assert_eq!(encode_value(&CqlDate(wire), &CqlType::Date).unwrap()[4..], wire.to_be_bytes());
        }
        assert_eq!(CqlDate(u32::MAX).to_string(), "4294967295");
        assert!(NaiveDate::try_from(CqlDate(0)).is_err());
        assert!(NaiveDate::try_from(CqlDate(u32::MAX)).is_err());
    }

    #[test]
    fn times_end_before_midnight() {
        assert_eq!(CqlTime(3_723_000_000_004).to_string(), "01:02:03.000000004");
        assert_eq!(CqlTime::MAX.to_string(), "23:59:59.999999999");
        for wrong in [-1, CqlTime::MAX.0 + 1, i64::MIN] {
            assert!(encode_value(&CqlTime(wrong), &CqlType::Time).is_err());
            assert!(NaiveTime::try_from(CqlTime(wrong)).is_err());
            assert_eq!(CqlTime::from_cql(&CqlType::Time, Some(&wrong.to_be_bytes())), Ok(CqlTime(wrong)));
            assert!(!CqlTime(wrong).to_string().is_empty());
        }
        let noon = NaiveTime::from_hms_nano_opt(12, 0, 0, 5).unwrap();
        assert_eq!(CqlTime::try_from(noon), Ok(CqlTime(43_200_000_000_005)));
        assert_eq!(NaiveTime::try_from(CqlTime(43_200_000_000_005)), Ok(noon));
    }
}
