//! Instants.

use std::fmt;
use std::str::FromStr;

use super::wire_value;
use crate::error::{ValueError, ValueErrorReason};
use crate::types::{CqlType, NativeType};
use crate::value::civil::{Civil, Digits, YEARS};
use crate::value::from_cql::fixed;
use crate::value::{FromCql, ToCql, ValueWriter};

const DAY: i64 = 86_400_000;

/// A `timestamp`: milliseconds since 1970-01-01T00:00:00Z. Every number is one.
///
/// ```
/// use chorus_protocol::CqlTimestamp;
///
/// let instant: CqlTimestamp = "2011-11-07T18:55:49.881Z".parse()?;
/// assert_eq!(instant, CqlTimestamp(1_320_692_149_881));
/// assert_eq!("2011-11-07T19:55:49.881+01:00".parse(), Ok(instant));
/// # Ok::<(), chorus_protocol::ValueError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CqlTimestamp(pub i64);

/// RFC 3339 with milliseconds where calendars reach, otherwise plain milliseconds.
impl fmt::Display for CqlTimestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let civil = Civil::of_day(self.0.div_euclid(DAY));
        if !YEARS.contains(&civil.year) {
            return self.0.fmt(f);
        }
        let of_day = self.0.rem_euclid(DAY);
        let (seconds, milliseconds) = (of_day / 1000, of_day % 1000);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(f, "{civil}T{hour:02}:{minute:02}:{second:02}.{milliseconds:03}Z")
    }
}

/// RFC 3339, of which the time, its fraction and its zone may be missing, without which it is UTC; or plain milliseconds.
/// What is finer than a millisecond is dropped, towards the past.
impl FromStr for CqlTimestamp {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if let Ok(milliseconds) = text.parse() {
            return Ok(Self(milliseconds));
        }
        let invalid = ValueErrorReason::InvalidText { what: "timestamp" };
        let mut digits = Digits(text);
        let date = digits.date().ok_or(invalid.clone())?;
        let of_day =
            if digits.is_at_end() { 0 } else { time_and_zone(&mut digits).ok_or(invalid.clone())? };
        if !digits.is_at_end() {
            return Err(invalid.into());
        }
        let day = date.to_day().checked_mul(DAY);
        let instant = day.and_then(|day| day.checked_add(of_day));
        instant.map(Self).ok_or_else(|| ValueErrorReason::OutOfRange { what: "timestamp" }.into())
    }
}

/// `THH:MM[:SS[.fff]][Z|+HH:MM]`, as milliseconds of the day in UTC, which may be those of another day.
fn time_and_zone(digits: &mut Digits<'_>) -> Option<i64> {
    if !(digits.take('T') || digits.take('t') || digits.take(' ')) {
        return None;
    }
    let hour = digits.pair().filter(|hour| *hour < 24)?;
    let minute = digits.take(':').then(|| digits.pair())??;
    let (second, nanosecond) = if digits.take(':') { (digits.pair()?, digits.fraction()?) } else { (0, 0) };
    if minute > 59 || second > 59 {
        return None;
    }
    let offset = zone_minutes(digits)?;
    let minutes = i64::from(hour) * 60 + i64::from(minute) - offset;
    Some((minutes * 60 + i64::from(second)) * 1000 + nanosecond / 1_000_000)
}

/// `Z`, `+HH:MM`, `+HHMM` or nothing.
fn zone_minutes(digits: &mut Digits<'_>) -> Option<i64> {
    if digits.is_at_end() || digits.take('Z') || digits.take('z') {
        return Some(0);
    }
    let sign = if digits.take('+') {
        1
    } else if digits.take('-') {
        -1
    } else {
        return None;
    };
    let before = digits.0.len();
    let number = digits.number(2..=4)?;
    let (hours, minutes) = match before - digits.0.len() {
        2 if digits.take(':') => (number, i64::from(digits.pair()?)),
        2 => (number, 0),
        4 => (number / 100, number % 100),
        _ => return None,
    };
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

wire_value!(CqlTimestamp, Timestamp, "timestamp", Ok, |bytes| Self(i64::from_be_bytes(bytes)));

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
            (253_402_300_800_000, "+10000-01-01T00:00:00.000Z"),
            (-62_167_219_200_001, "-0001-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(CqlTimestamp(milliseconds).to_string(), text);
            assert_eq!(text.parse(), Ok(CqlTimestamp(milliseconds)));
        }
        let bytes = encode_value(&CqlTimestamp(1_320_692_149_881), &CqlType::Timestamp).unwrap();
        assert_eq!(bytes[4..], 0x000001337f62ee79u64.to_be_bytes());
        for beyond in [i64::MAX, i64::MIN] {
            assert_eq!(CqlTimestamp(beyond).to_string(), beyond.to_string());
            assert_eq!(beyond.to_string().parse(), Ok(CqlTimestamp(beyond)));
        }
    }

    #[test]
    fn instants_are_read_with_their_zone_and_without() {
        let at = Ok(CqlTimestamp(1_320_692_149_000));
        for text in [
            "2011-11-07T18:55:49Z",
            "2011-11-07 18:55:49",
            "2011-11-07T18:55:49.0009",
            "2011-11-07T19:55:49+01:00",
            "2011-11-07T14:25:49-0430",
            "2011-11-08T00:55:49+06",
        ] {
            assert_eq!(text.parse(), at, "{text}");
        }
        assert_eq!("2011-11-07".parse(), Ok(CqlTimestamp(1_320_624_000_000)));
        assert_eq!("2011-11-07T18:55".parse(), Ok(CqlTimestamp(1_320_692_100_000)));
        for text in ["", "2011-11-07T", "2011-11-07T24:00", "2011-11-07T18:60", "2011-11-07T18:55+1", "now"] {
            assert!(text.parse::<CqlTimestamp>().is_err(), "{text}");
        }
        assert!("2011-11-07T18:55:49+25:00".parse::<CqlTimestamp>().is_err());
        assert!("+292278995-01-01".parse::<CqlTimestamp>().is_err(), "beyond 64 bits");
    }
}
