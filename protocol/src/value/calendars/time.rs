//! The crate `time`.

use time::{Date, OffsetDateTime, Time, UtcOffset};

use super::{from_cql, out_of_range, to_cql};
use crate::error::ValueError;
use crate::types::CqlType;
use crate::value::{CqlDate, CqlTime, CqlTimestamp, FromCql, ToCql, ValueWriter};

// The instant; the offset is not stored, and what is read is in UTC.
to_cql!([] OffsetDateTime, CqlTimestamp, self => *self);
to_cql!([] Date, CqlDate, self => *self);
to_cql!([] Time, CqlTime, self => *self);
from_cql!(OffsetDateTime, CqlTimestamp);
from_cql!(Date, CqlDate);
from_cql!(Time, CqlTime);

const MILLISECOND: i128 = 1_000_000;

impl From<OffsetDateTime> for CqlTimestamp {
    /// Drops what is finer than a millisecond, towards the past.
    fn from(instant: OffsetDateTime) -> Self {
        // Years of six digits at the most: far inside 64 bits.
        Self(instant.unix_timestamp_nanos().div_euclid(MILLISECOND) as i64)
    }
}

impl TryFrom<CqlTimestamp> for OffsetDateTime {
    type Error = ValueError;

    fn try_from(timestamp: CqlTimestamp) -> Result<Self, ValueError> {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(timestamp.0) * MILLISECOND)
            .map(|instant| instant.to_offset(UtcOffset::UTC))
            .map_err(|_| out_of_range("time::OffsetDateTime"))
    }
}

/// The Julian day of 1970-01-01.
const EPOCH_JULIAN: i64 = 2_440_588;

impl From<Date> for CqlDate {
    fn from(date: Date) -> Self {
        let days = i64::from(date.to_julian_day()) - EPOCH_JULIAN;
        Self((days + i64::from(Self::EPOCH.0)) as u32)
    }
}

impl TryFrom<CqlDate> for Date {
    type Error = ValueError;

    fn try_from(date: CqlDate) -> Result<Self, ValueError> {
        i32::try_from(date.days_since_epoch() + EPOCH_JULIAN)
            .ok()
            .and_then(|day| Date::from_julian_day(day).ok())
            .ok_or_else(|| out_of_range("time::Date"))
    }
}

impl From<Time> for CqlTime {
    fn from(time: Time) -> Self {
        let (hour, minute, second, nanosecond) = time.as_hms_nano();
        let seconds = (i64::from(hour) * 60 + i64::from(minute)) * 60 + i64::from(second);
        Self(seconds * 1_000_000_000 + i64::from(nanosecond))
    }
}

impl TryFrom<CqlTime> for Time {
    type Error = ValueError;

    fn try_from(time: CqlTime) -> Result<Self, ValueError> {
        let time = time.in_range()?;
        Time::from_hms_nano(time.hour(), time.minute(), time.second(), time.nanosecond())
            .map_err(|_| out_of_range("time::Time"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::to_cql::encode_value;

    #[test]
    fn values_of_the_crate_time_become_the_units_of_the_wire_and_come_back() {
        let instant = OffsetDateTime::from_unix_timestamp_nanos(-1).unwrap();
        assert_eq!(CqlTimestamp::from(instant), CqlTimestamp(-1), "to the past");
        let east = instant.to_offset(UtcOffset::from_hms(2, 0, 0).unwrap());
        assert_eq!(encode_value(&east, &CqlType::Timestamp).unwrap()[4..], (-1i64).to_be_bytes());
        for milliseconds in [0, 1_320_692_149_881, -11_676_095_999_999] {
            let instant = OffsetDateTime::try_from(CqlTimestamp(milliseconds)).unwrap();
            assert_eq!(CqlTimestamp::from(instant), CqlTimestamp(milliseconds));
        }
        for (wire, text) in [(0x80000000u32, "1970-01-01"), (0x800041dc, "2016-02-29")] {
            let date = Date::from_cql(&CqlType::Date, Some(&wire.to_be_bytes())).unwrap();
            assert_eq!(date.to_string(), text);
            assert_eq!(encode_value(&date, &CqlType::Date).unwrap()[4..], wire.to_be_bytes());
        }
        let time = Time::from_hms_nano(12, 0, 0, 5).unwrap();
        let bytes = encode_value(&time, &CqlType::Time).unwrap();
        assert_eq!(Time::from_cql(&CqlType::Time, Some(&bytes[4..])), Ok(time));
    }

    #[test]
    fn what_the_crate_time_cannot_hold_is_refused_by_name() {
        let refused = |error: ValueError, what: &str| assert!(error.to_string().contains(what), "{error}");
        refused(OffsetDateTime::try_from(CqlTimestamp(i64::MAX)).unwrap_err(), "time::OffsetDateTime");
        refused(Date::try_from(CqlDate::MAX).unwrap_err(), "time::Date");
        refused(Time::try_from(CqlTime(-1)).unwrap_err(), "time");
        refused(encode_value(&Time::MIDNIGHT, &CqlType::Date).unwrap_err(), "time::Time");
        refused(Date::from_cql(&CqlType::Date, None).unwrap_err(), "Date");
    }
}
