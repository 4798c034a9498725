//! jiff.

use jiff::civil::{Date, Time};
use jiff::{Span, Timestamp, ZonedDateTime};

use super::{from_cql, out_of_range, to_cql};
use crate::error::ValueError;
use crate::types::CqlType;
use crate::value::civil::Civil;
use crate::value::{CqlDate, CqlDuration, CqlTime, CqlTimestamp, FromCql, ToCql, ValueWriter};

to_cql!([] Timestamp, CqlTimestamp, self => *self);
// The instant; the time zone is not stored.
to_cql!([] ZonedDateTime, CqlTimestamp, self => self.timestamp());
to_cql!([] Date, CqlDate, self => *self);
to_cql!([] Time, CqlTime, self => *self);
to_cql!([] Span, CqlDuration, self => self);
from_cql!(Timestamp, CqlTimestamp);
from_cql!(Date, CqlDate);
from_cql!(Time, CqlTime);
from_cql!(Span, CqlDuration);

impl From<Timestamp> for CqlTimestamp {
    /// Drops what is finer than a millisecond, towards the past.
    fn from(instant: Timestamp) -> Self {
        // Years of four digits: far inside 64 bits.
        Self(instant.as_nanosecond().div_euclid(1_000_000) as i64)
    }
}

impl TryFrom<CqlTimestamp> for Timestamp {
    type Error = ValueError;

    fn try_from(timestamp: CqlTimestamp) -> Result<Self, ValueError> {
        Timestamp::from_millisecond(timestamp.0).map_err(|_| out_of_range("jiff::Timestamp"))
    }
}

impl From<Date> for CqlDate {
    fn from(date: Date) -> Self {
        let (year, month, day) = (date.year().into(), date.month() as u8, date.day() as u8);
        let day = Civil { year, month, day }.to_day();
        // Years of four digits: far inside 32 bits.
        Self((day + i64::from(Self::EPOCH.0)) as u32)
    }
}

impl TryFrom<CqlDate> for Date {
    type Error = ValueError;

    fn try_from(date: CqlDate) -> Result<Self, ValueError> {
        let (year, month, day) = date.ymd();
        let year = i16::try_from(year).map_err(|_| out_of_range("jiff::civil::Date"))?;
        Date::new(year, month as i8, day as i8).map_err(|_| out_of_range("jiff::civil::Date"))
    }
}

impl From<Time> for CqlTime {
    fn from(time: Time) -> Self {
        let seconds =
            (i64::from(time.hour()) * 60 + i64::from(time.minute())) * 60 + i64::from(time.second());
        Self(seconds * 1_000_000_000 + i64::from(time.subsec_nanosecond()))
    }
}

impl TryFrom<CqlTime> for Time {
    type Error = ValueError;

    fn try_from(time: CqlTime) -> Result<Self, ValueError> {
        let time = time.in_range()?;
        let parts = (time.hour() as i8, time.minute() as i8, time.second() as i8, time.nanosecond() as i32);
        Time::new(parts.0, parts.1, parts.2, parts.3).map_err(|_| out_of_range("jiff::civil::Time"))
    }
}

impl TryFrom<&Span> for CqlDuration {
    type Error = ValueError;

    /// Years are twelve months and weeks seven days; everything below a day is nanoseconds.
    fn try_from(span: &Span) -> Result<Self, ValueError> {
        let small = |units: i64| i32::try_from(units).map_err(|_| out_of_range("duration"));
        let months = small(i64::from(span.get_years()) * 12 + i64::from(span.get_months()))?;
        let days = small(i64::from(span.get_weeks()) * 7 + i64::from(span.get_days()))?;
        let clock = [
            (i64::from(span.get_hours()), 3_600_000_000_000),
            (span.get_minutes(), 60_000_000_000),
            (span.get_seconds(), 1_000_000_000),
            (span.get_milliseconds(), 1_000_000),
            (span.get_microseconds(), 1_000),
            (span.get_nanoseconds(), 1),
        ];
        let nanoseconds: i128 = clock.iter().map(|(units, size)| i128::from(*units) * size).sum();
        let nanoseconds = i64::try_from(nanoseconds).map_err(|_| out_of_range("duration"))?;
        Ok(Self { months, days, nanoseconds })
    }
}

impl TryFrom<CqlDuration> for Span {
    type Error = ValueError;

    /// Fails on parts of both signs, and on more than a span can hold.
    fn try_from(duration: CqlDuration) -> Result<Self, ValueError> {
        let CqlDuration { months, days, nanoseconds } = duration;
        let signs = [i64::from(months), i64::from(days), nanoseconds].map(i64::signum);
        if signs.contains(&1) && signs.contains(&-1) {
            return Err(out_of_range("jiff::Span"));
        }
        // A span has fewer nanoseconds than a duration; microseconds take the rest.
        let span = Span::new().try_months(months).and_then(|span| span.try_days(days));
        span.and_then(|span| span.try_microseconds(nanoseconds / 1000))
            .and_then(|span| span.try_nanoseconds(nanoseconds % 1000))
            .map_err(|_| out_of_range("jiff::Span"))
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;

    use super::*;
    use crate::value::to_cql::encode_value;

    #[test]
    fn values_of_jiff_become_the_units_of_the_wire_and_come_back() {
        let instant = Timestamp::from_nanosecond(-1).unwrap();
        assert_eq!(CqlTimestamp::from(instant), CqlTimestamp(-1), "to the past");
        for milliseconds in [0, 1_320_692_149_881, -11_676_095_999_999] {
            let instant = Timestamp::try_from(CqlTimestamp(milliseconds)).unwrap();
            assert_eq!(CqlTimestamp::from(instant), CqlTimestamp(milliseconds));
            let zoned = instant.to_zoned_datetime(jiff::tz::TimeZone::fixed(jiff::tz::offset(2)));
            let bytes = encode_value(&zoned, &CqlType::Timestamp).unwrap();
            assert_eq!(bytes[4..], milliseconds.to_be_bytes());
        }
        for (wire, text) in
            [(0x80000000u32, "1970-01-01"), (0x800041dc, "2016-02-29"), (0x7ff50558, "0000-01-01")]
        {
            let date = Date::from_cql(&CqlType::Date, Some(&wire.to_be_bytes())).unwrap();
            assert_eq!(date.to_string(), text);
            assert_eq!(encode_value(&date, &CqlType::Date).unwrap()[4..], wire.to_be_bytes());
        }
        let time = Time::new(12, 0, 0, 5).unwrap();
        let bytes = encode_value(&time, &CqlType::Time).unwrap();
        assert_eq!(Time::from_cql(&CqlType::Time, Some(&bytes[4..])), Ok(time));
    }

    #[test]
    fn a_span_is_months_days_and_nanoseconds() {
        let span = 1.year().months(2).weeks(1).days(3).hours(1).nanoseconds(5);
        let duration = CqlDuration { months: 14, days: 10, nanoseconds: 3_600_000_000_005 };
        assert_eq!(CqlDuration::try_from(&span), Ok(duration));
        for duration in [
            duration,
            CqlDuration::default(),
            CqlDuration { months: -1, days: -2, nanoseconds: -3_000_000_000_000_001 },
            CqlDuration { months: 0, days: 0, nanoseconds: i64::MAX },
        ] {
            let span = Span::try_from(duration).unwrap();
            assert_eq!(CqlDuration::try_from(&span), Ok(duration));
        }
        assert!(Span::try_from(CqlDuration { months: 1, days: -1, nanoseconds: 0 }).is_err());
        assert!(Span::try_from(CqlDuration { months: i32::MAX, days: 0, nanoseconds: 0 }).is_err());
        assert!(CqlDuration::try_from(&Span::new().hours(5_000_000)).is_err(), "more than 64 bits");
    }

    #[test]
    fn what_jiff_cannot_hold_is_refused_by_name() {
        let refused = |error: ValueError, what: &str| assert!(error.to_string().contains(what), "{error}");
        refused(Timestamp::try_from(CqlTimestamp(i64::MIN)).unwrap_err(), "jiff::Timestamp");
        refused(Date::try_from(CqlDate::MIN).unwrap_err(), "jiff::civil::Date");
        refused(Time::try_from(CqlTime(-1)).unwrap_err(), "time");
        refused(encode_value(&Time::midnight(), &CqlType::Duration).unwrap_err(), "Time");
    }
}
