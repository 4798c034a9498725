//! Times of day.

use std::fmt;
use std::str::FromStr;

use super::wire_value;
use crate::error::{ValueError, ValueErrorReason};
use crate::types::{CqlType, NativeType};
use crate::value::civil::Digits;
use crate::value::from_cql::fixed;
use crate::value::{FromCql, ToCql, ValueWriter};

const SECOND: i64 = 1_000_000_000;

/// A `time` of day: nanoseconds since midnight, 0 to 86,399,999,999,999. What a server stored is read as it is; a value
/// outside this range is refused when it is bound.
///
/// ```
/// use chorus_protocol::CqlTime;
///
/// let time: CqlTime = "06:30:00.125".parse()?;
/// assert_eq!((time.hour(), time.minute(), time.second(), time.nanosecond()), (6, 30, 0, 125_000_000));
/// assert_eq!(CqlTime::from_hms_nano(6, 30, 0, 125_000_000), Ok(time));
/// assert!(CqlTime::try_from(-1).is_err());
/// # Ok::<(), chorus_protocol::ValueError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CqlTime(pub i64);

impl CqlTime {
    /// Midnight, where a day begins.
    pub const MIN: CqlTime = CqlTime(0);
    /// One nanosecond before midnight.
    pub const MAX: CqlTime = CqlTime(86_399_999_999_999);

    /// From hour (0 to 23), minute, second (0 to 59) and nanosecond (below 1,000,000,000).
    ///
    /// # Errors
    /// [`ValueErrorReason::OutOfRange`] when one of them is not.
    pub fn from_hms_nano(hour: u8, minute: u8, second: u8, nanosecond: u32) -> Result<Self, ValueError> {
        if hour > 23 || minute > 59 || second > 59 || i64::from(nanosecond) >= SECOND {
            return Err(ValueErrorReason::OutOfRange { what: "time" }.into());
        }
        let seconds = (i64::from(hour) * 60 + i64::from(minute)) * 60 + i64::from(second);
        Ok(Self(seconds * SECOND + i64::from(nanosecond)))
    }

    /// The hour, 0 to 23.
    pub const fn hour(self) -> u8 {
        (self.0 / (3600 * SECOND)) as u8
    }

    /// The minute of the hour.
    pub const fn minute(self) -> u8 {
        (self.0 / (60 * SECOND) % 60) as u8
    }

    /// The second of the minute.
    pub const fn second(self) -> u8 {
        (self.0 / SECOND % 60) as u8
    }

    /// The nanosecond of the second.
    pub const fn nanosecond(self) -> u32 {
        (self.0 % SECOND) as u32
    }

    pub(crate) fn in_range(self) -> Result<Self, ValueError> {
        if (Self::MIN..=Self::MAX).contains(&self) {
            Ok(self)
        } else {
            Err(ValueErrorReason::OutOfRange { what: "time" }.into())
        }
    }
}

impl TryFrom<i64> for CqlTime {
    type Error = ValueError;

    /// From nanoseconds since midnight; fails on those of another day.
    fn try_from(nanoseconds: i64) -> Result<Self, ValueError> {
        Self(nanoseconds).in_range()
    }
}

/// `HH:MM:SS.nnnnnnnnn`.
impl fmt::Display for CqlTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanoseconds) = (self.0.div_euclid(SECOND), self.0.rem_euclid(SECOND));
        write!(f, "{:02}:{:02}:{:02}.{nanoseconds:09}", seconds / 3600, seconds / 60 % 60, seconds % 60)
    }
}

/// `HH:MM:SS`, with up to nine digits behind a point.
impl FromStr for CqlTime {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let mut digits = Digits(text);
        let mut parts = || {
            let hour = digits.pair()?;
            let minute = digits.take(':').then(|| digits.pair())??;
            let second = digits.take(':').then(|| digits.pair())??;
            let nanosecond = digits.fraction()?;
            digits.is_at_end().then_some((hour, minute, second, nanosecond as u32))
        };
        let (hour, minute, second, nanosecond) =
            parts().ok_or(ValueErrorReason::InvalidText { what: "time" })?;
        Self::from_hms_nano(hour, minute, second, nanosecond)
    }
}

wire_value!(CqlTime, Time, "time", CqlTime::in_range, |bytes| Self(i64::from_be_bytes(bytes)));

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::to_cql::encode_value;

    #[test]
    fn times_end_before_midnight() {
        assert_eq!(CqlTime(3_723_000_000_004).to_string(), "01:02:03.000000004");
        assert_eq!(CqlTime::MAX.to_string(), "23:59:59.999999999");
        for wrong in [-1, CqlTime::MAX.0 + 1, i64::MIN, i64::MAX] {
            assert!(encode_value(&CqlTime(wrong), &CqlType::Time).is_err());
            assert!(CqlTime::try_from(wrong).is_err());
            assert_eq!(CqlTime::from_cql(&CqlType::Time, Some(&wrong.to_be_bytes())), Ok(CqlTime(wrong)));
            assert!(!CqlTime(wrong).to_string().is_empty());
        }
    }

    #[test]
    fn a_time_is_read_from_text_padded_to_nanoseconds_and_taken_apart() {
        for (text, nanoseconds) in [
            ("00:00:00", 0),
            ("01:02:03", 3_723_000_000_000),
            ("01:02:03.4", 3_723_400_000_000),
            ("01:02:03.000000004", 3_723_000_000_004),
            ("23:59:59.999999999", CqlTime::MAX.0),
        ] {
            let time: CqlTime = text.parse().unwrap();
            assert_eq!(time.0, nanoseconds, "{text}");
            assert_eq!(CqlTime::try_from(nanoseconds), Ok(time));
            let parts = (time.hour(), time.minute(), time.second(), time.nanosecond());
            assert_eq!(CqlTime::from_hms_nano(parts.0, parts.1, parts.2, parts.3), Ok(time));
            assert_eq!(time.to_string().parse(), Ok(time));
        }
        for text in ["", "1:02:03", "24:00:00", "00:60:00", "00:00:60", "00:00", "00:00:00.", "-01:00:00"] {
            assert!(text.parse::<CqlTime>().is_err(), "{text}");
        }
        assert!("00:00:00.1234567890".parse::<CqlTime>().is_err(), "more than nanoseconds");
    }
}
