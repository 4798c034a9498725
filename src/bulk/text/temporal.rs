//! Timestamps, dates and times of day, digit by digit, and durations.

use std::io::Write as _;

use chorus_protocol::{CqlDate, CqlDuration, CqlType, FromCql, ValueErrorReason};

use super::RowTextReason;
use super::number::integer;

const DAY_MILLISECONDS: i64 = 86_400_000;
const DAY_NANOSECONDS: i64 = 86_400_000_000_000;

/// Years in which timestamps are written as dates; beyond them as milliseconds.
const YEARS: std::ops::RangeInclusive<i32> = -262_143..=262_142;

/// `2013-01-01T06:00:00.000Z`, with `between` for the `T`.
pub(super) fn timestamp(milliseconds: i64, between: u8, out: &mut Vec<u8>) {
    let day = CqlDate::from_days_since_epoch(milliseconds.div_euclid(DAY_MILLISECONDS));
    let Some(date) = day.ok().map(CqlDate::ymd).filter(|(year, ..)| YEARS.contains(year)) else {
        return integer(milliseconds, out);
    };
    put_date(date, out);
    let of_day = milliseconds.rem_euclid(DAY_MILLISECONDS) as u32;
    let (hours, minutes, seconds) = clock(of_day / 1000);
    let milliseconds = of_day % 1000;
    let [h, i] = pair(hours);
    let [m, n] = pair(minutes);
    let [s, t] = pair(seconds);
    let [y, z] = pair(milliseconds % 100);
    out.extend_from_slice(&[
        between,
        h,
        i,
        b':',
        m,
        n,
        b':',
        s,
        t,
        b'.',
        digit(milliseconds / 100),
        y,
        z,
        b'Z',
    ]);
}

/// `2013-01-31`; with a sign where the year has more than four digits or is before 0.
pub(super) fn date(wire: u32, out: &mut Vec<u8>) {
    put_date(CqlDate(wire).ymd(), out);
}

/// `06:30:00.125000000`
pub(super) fn time(nanoseconds: i64, out: &mut Vec<u8>) -> Result<(), RowTextReason> {
    if !(0..DAY_NANOSECONDS).contains(&nanoseconds) {
        return Err(ValueErrorReason::OutOfRange { what: "time" }.into());
    }
    let (hours, minutes, seconds) = clock((nanoseconds / 1_000_000_000) as u32);
    let mut fraction = (nanoseconds % 1_000_000_000) as u32;
    let mut text = *b"00:00:00.000000000";
    for (at, two) in [(0, hours), (3, minutes), (6, seconds)] {
        [text[at], text[at + 1]] = pair(two);
    }
    for place in text[9..].iter_mut().rev() {
        *place = digit(fraction % 10);
        fraction /= 10;
    }
    out.extend_from_slice(&text);
    Ok(())
}

/// `1y2mo3d4h5m6s7ms8us9ns`
pub(super) fn duration(cell: &[u8], out: &mut Vec<u8>) -> Result<(), RowTextReason> {
    let value = CqlDuration::from_cql(&CqlType::Duration, Some(cell))?;
    let CqlDuration { months, days, nanoseconds } = value;
    let any = |is: fn(i64) -> bool| is(months.into()) || is(days.into()) || is(nanoseconds);
    if any(|part| part < 0) && any(|part| part > 0) {
        return Err(RowTextReason::MixedSigns);
    }
    write!(out, "{value}").expect("memory takes every text");
    Ok(())
}

fn put_date((year, month, day): (i32, u8, u8), out: &mut Vec<u8>) {
    let absolute = year.unsigned_abs();
    if year < 0 {
        out.push(b'-');
    } else if year > 9999 {
        out.push(b'+');
    }
    if absolute > 9999 {
        out.extend_from_slice(itoa::Buffer::new().format(absolute).as_bytes());
    } else {
        out.extend_from_slice(&pair(absolute / 100));
        out.extend_from_slice(&pair(absolute % 100));
    }
    let ([m, n], [d, e]) = (pair(month.into()), pair(day.into()));
    out.extend_from_slice(&[b'-', m, n, b'-', d, e]);
}

fn clock(seconds: u32) -> (u32, u32, u32) {
    (seconds / 3600, seconds / 60 % 60, seconds % 60)
}

fn pair(number: u32) -> [u8; 2] {
    [digit(number / 10), digit(number % 10)]
}

fn digit(number: u32) -> u8 {
    b'0' + number as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn timestamps_have_their_milliseconds_and_a_zone() {
        for (milliseconds, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_320_692_149_881, "2011-11-07T18:55:49.881Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (253_402_300_800_000, "+10000-01-01T00:00:00.000Z"),
            (-62_167_219_200_001, "-0001-12-31T23:59:59.999Z"),
            (i64::MAX, "9223372036854775807"),
            (i64::MIN, "-9223372036854775808"),
        ] {
            assert_eq!(text(|out| timestamp(milliseconds, b'T', out)), expected);
        }
        assert_eq!(text(|out| timestamp(1, b' ', out)), "1970-01-01 00:00:00.001Z");
    }

    #[test]
    fn dates_reach_to_both_ends() {
        for (wire, expected) in [
            (1 << 31, "1970-01-01"),
            (0x8000_41dc, "2016-02-29"),
            (0, "-5877641-06-23"),
            (u32::MAX, "+5881580-07-11"),
        ] {
            assert_eq!(text(|out| date(wire, out)), expected);
        }
    }

    #[test]
    fn times_of_day_have_nanoseconds_and_end_with_the_day() {
        assert_eq!(text(|out| time(3_723_000_000_004, out).unwrap()), "01:02:03.000000004");
        assert_eq!(text(|out| time(DAY_NANOSECONDS - 1, out).unwrap()), "23:59:59.999999999");
        for wrong in [-1, DAY_NANOSECONDS, i64::MIN] {
            assert!(matches!(time(wrong, &mut Vec::new()), Err(RowTextReason::Malformed(_))));
        }
    }

    #[test]
    fn durations_have_one_sign() {
        for (cell, expected) in [
            (&[0, 0, 0][..], "0ns"),
            (&[2, 4, 6], "1mo2d3ns"),
            (&[1, 1, 1], "-1mo1d1ns"),
            (&[0x18, 0x3c, 0xfc, 0x06, 0x8c, 0x61, 0x71, 0x40, 0], "1y30d1h"),
        ] {
            assert_eq!(text(|out| duration(cell, out).unwrap()), expected);
        }
        assert_eq!(duration(&[2, 1, 0], &mut Vec::new()), Err(RowTextReason::MixedSigns));
        assert!(matches!(duration(&[2, 1], &mut Vec::new()), Err(RowTextReason::Malformed(_))));
    }
}
