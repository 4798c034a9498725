//! Date ranges as text: `2016`, `2016-02-29T10:20Z`, `*`, `[2015 TO 2016-02]`, `[2016-01-01 TO *]`.

use std::fmt;
use std::str::FromStr;

use super::{DAY, DateBound, DatePrecision, DateRange};
use crate::error::{ValueError, ValueErrorReason};
use crate::value::CqlTimestamp;
use crate::value::civil::{Civil, Digits};

impl DatePrecision {
    /// `YEAR` to `MILLISECOND`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Year => "YEAR",
            Self::Month => "MONTH",
            Self::Day => "DAY",
            Self::Hour => "HOUR",
            Self::Minute => "MINUTE",
            Self::Second => "SECOND",
            Self::Millisecond => "MILLISECOND",
        }
    }
}

impl fmt::Display for DatePrecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// As much as the precision says.
impl fmt::Display for DateBound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = self.timestamp.0;
        let date = Civil::of_day(milliseconds.div_euclid(DAY)).to_string();
        // The year may have more than four digits, month and day have two.
        let (month, year) = (date.len() - 3, date.len() - 6);
        let seconds = milliseconds.rem_euclid(DAY) / 1000;
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        match self.precision {
            DatePrecision::Year => f.write_str(&date[..year]),
            DatePrecision::Month => f.write_str(&date[..month]),
            DatePrecision::Day => f.write_str(&date),
            DatePrecision::Hour => write!(f, "{date}T{hour:02}Z"),
            DatePrecision::Minute => write!(f, "{date}T{hour:02}:{minute:02}Z"),
            DatePrecision::Second => write!(f, "{date}T{hour:02}:{minute:02}:{second:02}Z"),
            DatePrecision::Millisecond => {
                let milliseconds = milliseconds.rem_euclid(1000);
                write!(f, "{date}T{hour:02}:{minute:02}:{second:02}.{milliseconds:03}Z")
            }
        }
    }
}

impl fmt::Display for DateRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Single(date) => date.fmt(f),
            Self::Closed(lower, upper) => write!(f, "[{lower} TO {upper}]"),
            Self::From(lower) => write!(f, "[{lower} TO *]"),
            Self::Until(upper) => write!(f, "[* TO {upper}]"),
            Self::Open => f.write_str("[* TO *]"),
            Self::SingleOpen => f.write_str("*"),
        }
    }
}

/// What `Display` prints. Lower bounds and single dates become the first millisecond they mean, upper ones the last.
impl FromStr for DateRange {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let range = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        if let Some((lower, upper)) = range.and_then(|range| range.split_once(" TO ")) {
            let lower = bound(lower)?.map(|(at, precision)| DateBound::lower(at, precision)).transpose()?;
            let upper = bound(upper)?.map(|(at, precision)| DateBound::upper(at, precision)).transpose()?;
            return Ok(Self::between(lower, upper));
        }
        match bound(text)? {
            Some((at, precision)) => DateBound::lower(at, precision).map(Self::Single),
            None => Ok(Self::SingleOpen),
        }
    }
}

/// An instant and how much of it was said; `None` for a star.
fn bound(text: &str) -> Result<Option<(CqlTimestamp, DatePrecision)>, ValueError> {
    if text == "*" {
        return Ok(None);
    }
    let invalid = || ValueErrorReason::InvalidText { what: "date range" };
    let mut digits = Digits(text);
    let (date, time, precision) = parts(&mut digits).filter(|_| digits.is_at_end()).ok_or_else(invalid)?;
    let day = date.to_day().checked_mul(DAY).and_then(|day| day.checked_add(time));
    let day = day.ok_or(ValueErrorReason::OutOfRange { what: "a date range" })?;
    Ok(Some((CqlTimestamp(day), precision)))
}

/// The date, the milliseconds after it, and the last part there is.
fn parts(digits: &mut Digits<'_>) -> Option<(Civil, i64, DatePrecision)> {
    let year = digits.year()?;
    if !digits.take('-') {
        return Some((Civil::new(year, 1, 1)?, 0, DatePrecision::Year));
    }
    let month = digits.pair()?;
    if !digits.take('-') {
        return Some((Civil::new(year, month, 1)?, 0, DatePrecision::Month));
    }
    let date = Civil::new(year, month, digits.pair()?)?;
    if !digits.take('T') {
        return Some((date, 0, DatePrecision::Day));
    }
    let within = |limit: u8| move |part: &u8| *part < limit;
    let mut time = i64::from(digits.pair().filter(within(24))?) * 3_600_000;
    let mut precision = DatePrecision::Hour;
    for (size, finer) in [(60_000, DatePrecision::Minute), (1_000, DatePrecision::Second)] {
        if !digits.take(':') {
            break;
        }
        time += i64::from(digits.pair().filter(within(60))?) * size;
        precision = finer;
    }
    if precision == DatePrecision::Second && digits.0.starts_with('.') {
        time += digits.fraction()? / 1_000_000;
        precision = DatePrecision::Millisecond;
    }
    digits.take('Z');
    Some((date, time, precision))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_from_the_text_they_print() {
        for text in [
            "2016",
            "2016-02",
            "2016-02-29",
            "2016-02-29T10Z",
            "2016-02-29T10:20Z",
            "2016-02-29T10:20:30Z",
            "2016-02-29T10:20:30.456Z",
            "-0044-03-15",
            "+12016-02",
            "*",
            "[* TO *]",
            "[2016-02 TO *]",
            "[* TO 2016-02-29T10Z]",
            "[2015 TO 2016-02-29T10:20:30.456Z]",
        ] {
            assert_eq!(text.parse::<DateRange>().unwrap().to_string(), text);
        }
        assert_eq!("2016-02-29T10".parse(), "2016-02-29T10Z".parse::<DateRange>());
    }

    #[test]
    fn an_upper_bound_is_the_end_of_what_it_names() {
        let DateRange::Closed(lower, upper) = "[2016-02 TO 2016-02]".parse().unwrap() else { panic!() };
        assert_eq!(lower.timestamp.to_string(), "2016-02-01T00:00:00.000Z");
        assert_eq!(upper.timestamp.to_string(), "2016-02-29T23:59:59.999Z");
        assert_eq!(
            [DatePrecision::Year, DatePrecision::Millisecond].map(DatePrecision::name),
            ["YEAR", "MILLISECOND"]
        );
    }

    #[test]
    fn text_that_is_no_range_is_refused() {
        for text in [
            "",
            "16",
            "2016-2",
            "2016-13",
            "2015-02-29",
            "2016-02-29T24",
            "[2016]",
            "[2016 TO]",
            "[2016 TO x]",
            "2016Z",
        ] {
            assert!(text.parse::<DateRange>().is_err(), "{text}");
        }
    }
}
