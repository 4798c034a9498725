//! Timestamps, dates, times of day and durations.
//!
//! ISO 8601 in the forms CQL knows. A timestamp without a zone is UTC: a file must mean the same on every machine.

use chorus_protocol::CqlDate;
use chrono::{Datelike, NaiveDate};

use super::number::integer;
use super::{CellReason, EpochUnit};

const DAY_MILLISECONDS: i64 = 86_400_000;
const NANOSECONDS: i64 = 1_000_000_000;
const DAY_NANOSECONDS: i64 = 86_400 * NANOSECONDS;
/// Days from year 1 to 1970, as chrono counts.
const EPOCH_FROM_CE: i32 = 719_163;

const TIMESTAMP: CellReason =
    CellReason::Expected("a timestamp such as 2013-01-01T06:00:00Z, or milliseconds since 1970");
const DATE: CellReason = CellReason::Expected("a date such as 2013-01-31");
const TIME: CellReason = CellReason::Expected("a time of day such as 06:30:00.125");
const DURATION: CellReason = CellReason::Expected("a duration such as 1h30m, 2d or P1DT12H");
const RANGE: CellReason = CellReason::OutOfRange("the value does not fit 64 bits");

/// Milliseconds since 1970.
#[inline]
pub(super) fn timestamp(cell: &[u8], epoch: EpochUnit) -> Result<i64, CellReason> {
    if let Ok(number) = integer(cell) {
        return match epoch {
            EpochUnit::Milliseconds => Ok(number),
            EpochUnit::Seconds => number.checked_mul(1000).ok_or(RANGE),
            EpochUnit::Microseconds => Ok(number.div_euclid(1000)),
            EpochUnit::Nanoseconds => Ok(number.div_euclid(1_000_000)),
        };
    }
    let mut text = Cursor { rest: cell };
    let day = text.date().ok_or(TIMESTAMP)?;
    let mut milliseconds = i64::from(day) * DAY_MILLISECONDS;
    if text.rest.is_empty() {
        return Ok(milliseconds);
    }
    if !(text.take(b'T') || text.take(b't') || text.take(b' ')) {
        return Err(TIMESTAMP);
    }
    let nanoseconds = text.time_of_day().ok_or(TIMESTAMP)?;
    milliseconds += nanoseconds.div_euclid(1_000_000);
    let offset_minutes = text.zone().ok_or(TIMESTAMP)?;
    if !text.rest.is_empty() {
        return Err(TIMESTAMP);
    }
    Ok(milliseconds - offset_minutes * 60_000)
}

/// Days since 1970, moved up by 2^31 as the protocol wants it.
pub(super) fn date(cell: &[u8]) -> Result<u32, CellReason> {
    let mut text = Cursor { rest: cell };
    let day = text.date().ok_or(DATE)?;
    if !text.rest.is_empty() {
        return Err(DATE);
    }
    Ok((day as u32).wrapping_add(1 << 31))
}

/// Nanoseconds since midnight.
pub(super) fn time(cell: &[u8]) -> Result<i64, CellReason> {
    if let Ok(number) = integer(cell) {
        let range = CellReason::OutOfRange("a day has 86399999999999 nanoseconds after its first");
        return if (0..DAY_NANOSECONDS).contains(&number) { Ok(number) } else { Err(range) };
    }
    let mut text = Cursor { rest: cell };
    let nanoseconds = text.time_of_day().ok_or(TIME)?;
    if text.rest.is_empty() { Ok(nanoseconds) } else { Err(TIME) }
}

/// The three variable-length integers of a duration.
pub(super) fn duration(cell: &[u8]) -> Result<Vec<u8>, CellReason> {
    let (negative, body) = match cell {
        [b'-', body @ ..] => (true, body),
        body => (false, body),
    };
    let parts = match body {
        [b'P' | b'p', iso @ ..] => iso_duration(iso)?,
        _ => unit_duration(body)?,
    };
    let [months, days, nanoseconds] = parts.map(|part| if negative { -part } else { part });
    let fits = |part: i128| i32::try_from(part).is_ok();
    if !fits(months) || !fits(days) {
        return Err(CellReason::OutOfRange("months and days must fit 32 bits"));
    }
    let mut out = Vec::with_capacity(16);
    for part in [months, days, nanoseconds] {
        put_vint(&mut out, i64::try_from(part).map_err(|_| RANGE)?);
    }
    Ok(out)
}

/// `1y2mo3w4d5h6m7s8ms9us10ns`, in any order, each at most once or more; they add up.
fn unit_duration(body: &[u8]) -> Result<[i128; 3], CellReason> {
    let mut total = [0i128; 3];
    let mut text = Cursor { rest: body };
    if body.is_empty() {
        return Err(DURATION);
    }
    while !text.rest.is_empty() {
        let amount = text.number().ok_or(DURATION)?;
        let letters = text.rest.iter().take_while(|byte| !byte.is_ascii_digit()).count();
        let (unit, rest) = text.rest.split_at(letters);
        text.rest = rest;
        let unit = unit.to_ascii_lowercase();
        let (part, factor) = match &unit[..] {
            b"y" => (0, 12),
            b"mo" => (0, 1),
            b"w" => (1, 7),
            b"d" => (1, 1),
            b"h" => (2, 3600 * NANOSECONDS),
            b"m" => (2, 60 * NANOSECONDS),
            b"s" => (2, NANOSECONDS),
            b"ms" => (2, 1_000_000),
            b"us" | b"\xc2\xb5s" => (2, 1_000),
            b"ns" => (2, 1),
            _ => return Err(DURATION),
        };
        add(&mut total[part], amount, factor)?;
    }
    Ok(total)
}

/// What follows the `P`: `1Y2M3DT4H5M6S` or `4W`.
fn iso_duration(body: &[u8]) -> Result<[i128; 3], CellReason> {
    let mut total = [0i128; 3];
    let mut text = Cursor { rest: body };
    let mut in_time = false;
    let mut any = false;
    while !text.rest.is_empty() {
        if !in_time && (text.take(b'T') || text.take(b't')) {
            in_time = true;
            continue;
        }
        let amount = text.number().ok_or(DURATION)?;
        let fraction = if text.take(b'.') { text.fraction().ok_or(DURATION)? } else { 0 };
        let (&unit, rest) = text.rest.split_first().ok_or(DURATION)?;
        text.rest = rest;
        let (part, factor) = match (in_time, unit.to_ascii_uppercase()) {
            (false, b'Y') => (0, 12),
            (false, b'M') => (0, 1),
            (false, b'W') => (1, 7),
            (false, b'D') => (1, 1),
            (true, b'H') => (2, 3600 * NANOSECONDS),
            (true, b'M') => (2, 60 * NANOSECONDS),
            (true, b'S') => (2, NANOSECONDS),
            _ => return Err(DURATION),
        };
        if fraction != 0 && factor != NANOSECONDS {
            return Err(DURATION);
        }
        add(&mut total[part], amount, factor)?;
        add(&mut total[2], fraction, 1)?;
        any = true;
    }
    if any { Ok(total) } else { Err(DURATION) }
}

/// The parts are wider than a duration's: the lowest number of nanoseconds has no positive counterpart that would fit.
fn add(total: &mut i128, amount: i64, factor: i64) -> Result<(), CellReason> {
    let more = i128::from(amount) * i128::from(factor);
    let sum = total.checked_add(more);
    *total = sum.ok_or(RANGE)?;
    Ok(())
}

/// Zig-zag, then as many leading one-bits as bytes follow the first.
fn put_vint(out: &mut Vec<u8>, value: i64) {
    let zigzag = ((value << 1) ^ (value >> 63)) as u64;
    let bits = 64 - zigzag.leading_zeros().min(63);
    let extra = ((bits - 1) / 7).min(8) as usize;
    let bytes = zigzag.to_be_bytes();
    if extra == 8 {
        out.push(0xff);
        out.extend_from_slice(&bytes);
    } else {
        let start = out.len();
        out.extend_from_slice(&bytes[7 - extra..]);
        out[start] |= !(0xffu8 >> extra);
    }
}

/// What has not been read of a text.
struct Cursor<'a> {
    rest: &'a [u8],
}

impl Cursor<'_> {
    fn take(&mut self, byte: u8) -> bool {
        match self.rest.split_first() {
            Some((&first, rest)) if first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Exactly `count` digits.
    #[inline]
    fn digits(&mut self, count: usize) -> Option<u32> {
        let (digits, rest) = self.rest.split_at_checked(count)?;
        let mut value = 0;
        for byte in digits {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return None;
            }
            value = value * 10 + u32::from(digit);
        }
        self.rest = rest;
        Some(value)
    }

    /// One or more digits.
    fn number(&mut self) -> Option<i64> {
        let count = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.rest.split_at(count);
        self.rest = rest;
        integer(digits).ok()
    }

    /// Digits after a point, as nanoseconds; what is finer is cut off.
    #[inline]
    fn fraction(&mut self) -> Option<i64> {
        let count = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 {
            return None;
        }
        let (digits, rest) = self.rest.split_at(count);
        self.rest = rest;
        let mut value = 0;
        for place in 0..9 {
            value = value * 10 + digits.get(place).map_or(0, |byte| i64::from(byte - b'0'));
        }
        Some(value)
    }

    /// Days since 1970. Years have four digits, or up to seven with a sign.
    #[inline]
    fn date(&mut self) -> Option<i32> {
        let negative = self.take(b'-');
        let signed = negative || self.take(b'+');
        let year_digits = self.rest.iter().position(|&byte| byte == b'-')?;
        if year_digits != 4 && !(signed && (5..=7).contains(&year_digits)) {
            return None;
        }
        let year = self.digits(year_digits)? as i32;
        self.take(b'-');
        let month = self.digits(2)?;
        if !self.take(b'-') {
            return None;
        }
        let day = self.digits(2)?;
        let year = if negative { -year } else { year };
        match NaiveDate::from_ymd_opt(year, month, day) {
            Some(date) => Some(date.num_days_from_ce() - EPOCH_FROM_CE),
            None => far_date(year, month, day),
        }
    }

    /// `HH:MM`, `HH:MM:SS` or `HH:MM:SS.f…`, as nanoseconds since midnight.
    #[inline]
    fn time_of_day(&mut self) -> Option<i64> {
        let hours = self.digits(2)?;
        if !self.take(b':') {
            return None;
        }
        let minutes = self.digits(2)?;
        let seconds = if self.take(b':') { self.digits(2)? } else { 0 };
        let nanoseconds = if self.take(b'.') { self.fraction()? } else { 0 };
        if hours > 23 || minutes > 59 || seconds > 59 {
            return None;
        }
        Some(i64::from(hours * 3600 + minutes * 60 + seconds) * NANOSECONDS + nanoseconds)
    }

    /// Minutes east of Greenwich; nothing means none.
    #[inline]
    fn zone(&mut self) -> Option<i64> {
        self.take(b' ');
        match self.rest {
            [] => return Some(0),
            [b'Z' | b'z'] | b"UTC" | b"GMT" => {
                self.rest = &[];
                return Some(0);
            }
            _ => {}
        }
        let west = self.take(b'-');
        if !west && !self.take(b'+') {
            return None;
        }
        let hours = i64::from(self.digits(2)?);
        let minutes = if self.rest.is_empty() {
            0
        } else {
            self.take(b':');
            i64::from(self.digits(2)?)
        };
        if hours > 18 || minutes > 59 {
            return None;
        }
        let offset = hours * 60 + minutes;
        Some(if west { -offset } else { offset })
    }
}

/// A date that no calendar but CQL's reaches, or none.
#[cold]
fn far_date(year: i32, month: u32, day: u32) -> Option<i32> {
    let date = CqlDate::from_ymd(year, u8::try_from(month).ok()?, u8::try_from(day).ok()?).ok()?;
    i32::try_from(date.days_since_epoch()).ok()
}

/// A date and a time of day, as programs write them. A bare number is not one.
pub(crate) fn is_timestamp_text(cell: &[u8]) -> bool {
    cell.len() > 10 && integer(cell).is_err() && timestamp(cell, EpochUnit::Milliseconds).is_ok()
}

/// A date alone.
pub(crate) fn is_date_text(cell: &[u8]) -> bool {
    date(cell).is_ok()
}

/// A time of day with seconds.
pub(crate) fn is_time_text(cell: &[u8]) -> bool {
    cell.len() >= 8 && cell.get(2) == Some(&b':') && cell.get(5) == Some(&b':') && time(cell).is_ok()
}

#[cfg(test)]
mod tests {
    use chorus_protocol::CqlType;

    use super::super::tests::bytes;
    use super::*;

    fn at(text: &str) -> Result<i64, CellReason> {
        timestamp(text.as_bytes(), EpochUnit::Milliseconds)
    }

    #[test]
    fn timestamps_in_every_form() {
        assert_eq!(at("2011-11-07T18:55:49.881Z"), Ok(1_320_692_149_881));
        assert_eq!(at("2011-11-07 18:55:49.881"), Ok(1_320_692_149_881));
        assert_eq!(at("2011-11-07T18:55:49.8819999+00:00"), Ok(1_320_692_149_881));
        assert_eq!(at("2011-11-07T20:55:49.881+0200"), Ok(1_320_692_149_881));
        assert_eq!(at("2011-11-07T13:25:49.881-05:30"), Ok(1_320_692_149_881));
        assert_eq!(at("2011-11-07 18:55:49.881 UTC"), Ok(1_320_692_149_881));
        assert_eq!(at("1970-01-02"), Ok(86_400_000));
        assert_eq!(at("1970-01-01T01:00"), Ok(3_600_000));
        assert_eq!(at("2300-01-01T00:00:00.001Z"), Ok(10_413_792_000_001));
        assert_eq!(at("1600-01-01T00:00:00.001Z"), Ok(-11_676_095_999_999));
        assert_eq!(at("1320692149881"), Ok(1_320_692_149_881));
        assert_eq!(at("-1"), Ok(-1));
        assert_eq!(timestamp(b"1320692149", EpochUnit::Seconds), Ok(1_320_692_149_000));
        assert_eq!(timestamp(b"-1", EpochUnit::Microseconds), Ok(-1));
        assert_eq!(timestamp(b"1320692149881000000", EpochUnit::Nanoseconds), Ok(1_320_692_149_881));
    }

    #[test]
    fn impossible_timestamps_are_refused() {
        for bad in [
            "2013-13-40",
            "2013-02-30T00:00:00Z",
            "2013-01-01T24:00:00Z",
            "2013-01-01T00:60:00Z",
            "2013-01-01T00:00:00.Z",
            "2013-01-01T00:00:00+99:00",
            "2013-01-01T00:00:00 Europe",
            "2013-01-01T",
            "13-01-01",
            "yesterday",
            "",
        ] {
            assert_eq!(at(bad), Err(TIMESTAMP), "{bad}");
        }
    }

    #[test]
    fn dates_are_days_moved_up() {
        assert_eq!(bytes(&CqlType::Date, "1970-01-01").unwrap(), "80000000");
        assert_eq!(bytes(&CqlType::Date, "1969-12-31").unwrap(), "7fffffff");
        assert_eq!(bytes(&CqlType::Date, "2016-02-29").unwrap(), "800041dc");
        assert!(bytes(&CqlType::Date, "2015-02-29").is_err());
        assert!(bytes(&CqlType::Date, "2015-02-28T00:00").is_err());
        assert!(bytes(&CqlType::Date, "+12015-02-28").is_ok());
        assert_eq!(bytes(&CqlType::Date, "+5881580-07-11").unwrap(), "ffffffff");
        assert_eq!(bytes(&CqlType::Date, "-5877641-06-23").unwrap(), "00000000");
        for bad in ["+5881580-07-12", "+300000-02-30", "+300000-99-01", "5881580-07-11"] {
            assert!(bytes(&CqlType::Date, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn times_of_day() {
        assert_eq!(time(b"00:00:00.000000001"), Ok(1));
        assert_eq!(time(b"23:59:59.999999999"), Ok(86_399_999_999_999));
        assert_eq!(time(b"86399999999999"), Ok(86_399_999_999_999));
        assert!(time(b"86400000000000").is_err());
        assert!(time(b"24:00:00").is_err());
        assert!(time(b"1:2:3").is_err());
    }

    #[test]
    fn durations_in_both_notations() {
        assert_eq!(bytes(&CqlType::Duration, "1mo2d3ns").unwrap(), "020406");
        assert_eq!(bytes(&CqlType::Duration, "-1mo1d1ns").unwrap(), "010101");
        assert_eq!(bytes(&CqlType::Duration, "1y30d1h").unwrap(), "183cfc068c61714000");
        assert_eq!(bytes(&CqlType::Duration, "P1Y30DT1H").unwrap(), "183cfc068c61714000");
        assert_eq!(bytes(&CqlType::Duration, "PT0.000000003S").unwrap(), "000006");
        assert_eq!(bytes(&CqlType::Duration, "P2W").unwrap(), "001c00");
        assert_eq!(
            bytes(&CqlType::Duration, "-2562047h47m16s854ms775us808ns").unwrap(),
            "0000ffffffffffffffffff"
        );
        assert!(bytes(&CqlType::Duration, "2562047h47m16s854ms775us808ns").is_err());
        for bad in ["", "-", "1", "h", "1x", "P", "PT", "P1H", "1h-2m", "99999999999y"] {
            assert!(bytes(&CqlType::Duration, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn variable_length_integers_match_the_published_bytes() {
        let hex = |value| {
            let mut out = Vec::new();
            put_vint(&mut out, value);
            out.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        assert_eq!(hex(0), "00");
        assert_eq!(hex(-1), "01");
        assert_eq!(hex(128), "8100");
        assert_eq!(hex(-128), "80ff");
        assert_eq!(hex(128_000), "c3e800");
        assert_eq!(hex(i64::from(i32::MIN)), "f0ffffffff");
        assert_eq!(hex(i64::MIN), "ffffffffffffffffff");
        assert_eq!(hex(i64::MAX), "fffffffffffffffffe");
        assert_eq!(hex(1 << 55), "ff0100000000000000");
    }
}
