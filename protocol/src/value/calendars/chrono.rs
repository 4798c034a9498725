//! chrono.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeZone, Utc};

use super::{from_cql, out_of_range, to_cql};
use crate::error::ValueError;
use crate::types::CqlType;
use crate::value::{CqlDate, CqlTime, CqlTimestamp, FromCql, ToCql, ValueWriter};

// The instant; the time zone is not stored.
to_cql!([Tz: TimeZone] DateTime<Tz>, CqlTimestamp, self => self.to_utc());
to_cql!([] NaiveDate, CqlDate, self => *self);
to_cql!([] NaiveTime, CqlTime, self => *self);
from_cql!(DateTime<Utc>, CqlTimestamp);
from_cql!(NaiveDate, CqlDate);
from_cql!(NaiveTime, CqlTime);

impl From<DateTime<Utc>> for CqlTimestamp {
    /// Drops what is finer than a millisecond, towards the past.
    fn from(instant: DateTime<Utc>) -> Self {
        Self(instant.timestamp_millis())
    }
}

impl TryFrom<CqlTimestamp> for DateTime<Utc> {
    type Error = ValueError;

    fn try_from(timestamp: CqlTimestamp) -> Result<Self, ValueError> {
        DateTime::from_timestamp_millis(timestamp.0).ok_or_else(|| out_of_range("chrono::DateTime"))
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
            .ok_or_else(|| out_of_range("chrono::NaiveDate"))
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
        .ok_or_else(|| out_of_range("chrono::NaiveTime"))
    }
}

#[cfg(test)]
mod tests {
    use chrono::{FixedOffset, SecondsFormat};

    use super::*;
    use crate::value::to_cql::encode_value;

    #[test]
    fn calendars_write_the_units_of_the_wire() {
        let instant: DateTime<FixedOffset> = "1970-01-01T01:00:00.002+01:00".parse().unwrap();
        assert_eq!(encode_value(&instant, &CqlType::Timestamp).unwrap()[4..], 2i64.to_be_bytes());
        let date: NaiveDate = "1970-01-02".parse().unwrap();
        assert_eq!(encode_value(&date, &CqlType::Date).unwrap()[4..], [0x80, 0, 0, 1]);
        assert_eq!(NaiveDate::from_cql(&CqlType::Date, Some(&[0x80, 0, 0, 1])), Ok(date));
        let time: NaiveTime = "00:00:01".parse().unwrap();
        assert_eq!(encode_value(&time, &CqlType::Time).unwrap()[4..], 1_000_000_000i64.to_be_bytes());
    }

    #[test]
    fn timestamps_print_as_chrono_prints_them_and_ranges_are_checked() {
        for milliseconds in (-8_300_000_000_000_000i64..8_200_000_000_000_000).step_by(77_777_777_777_777) {
            let instant = DateTime::<Utc>::try_from(CqlTimestamp(milliseconds)).unwrap();
            assert_eq!(CqlTimestamp::from(instant), CqlTimestamp(milliseconds));
            let theirs = instant.to_rfc3339_opts(SecondsFormat::Millis, true);
            assert_eq!(CqlTimestamp(milliseconds).to_string(), theirs);
        }
        for beyond in [i64::MIN, i64::MAX] {
            assert!(DateTime::<Utc>::try_from(CqlTimestamp(beyond)).is_err());
        }
        for date in [CqlDate::MIN, CqlDate::MAX] {
            assert!(NaiveDate::try_from(date).is_err());
        }
        for wire in [0x80000000, 0x7fffffff, 0x800041dc] {
            let date = NaiveDate::try_from(CqlDate(wire)).unwrap();
            assert_eq!((CqlDate::from(date), date.to_string()), (CqlDate(wire), CqlDate(wire).to_string()));
        }
    }

    #[test]
    fn a_time_of_another_day_is_refused() {
        let noon = NaiveTime::from_hms_nano_opt(12, 0, 0, 5).unwrap();
        assert_eq!(CqlTime::try_from(noon), Ok(CqlTime(43_200_000_000_005)));
        assert_eq!(NaiveTime::try_from(CqlTime(43_200_000_000_005)), Ok(noon));
        for wrong in [-1, CqlTime::MAX.0 + 1] {
            assert!(NaiveTime::try_from(CqlTime(wrong)).is_err());
        }
        let leap = NaiveTime::from_hms_nano_opt(23, 59, 59, 1_500_000_000).unwrap();
        assert!(encode_value(&leap, &CqlType::Time).is_err());
    }

    #[test]
    fn a_mismatch_names_the_type_the_program_used() {
        assert!(DateTime::<Utc>::check(&CqlType::Bigint).unwrap_err().to_string().contains("DateTime"));
        let error = encode_value(&NaiveDate::MIN, &CqlType::Timestamp).unwrap_err();
        assert!(error.to_string().contains("NaiveDate"), "{error}");
    }
}
