//! Timestamps, dates, times and durations, from text and to text. Without a zone they are UTC.

use chrono::{DateTime, Datelike, Days, NaiveDate};

pub(crate) const DAY_MILLIS: i64 = 86_400_000;
pub(crate) const DAY_NANOS: i64 = 86_400_000_000_000;
/// The epoch, in the `date` type's count of days.
const EPOCH_DAY: i64 = 1 << 31;

/// Milliseconds since the epoch from text such as `2011-02-03 04:05:06.789+0000`, or from digits.
pub(crate) fn parse_timestamp(text: &str) -> Option<i64> {
    if let Ok(millis) = text.parse() {
        return Some(millis);
    }
    let text = text.trim();
    // The first dash may be the sign of a year.
    let date_end = 1 + text.get(1..)?.find(['T', 't', ' ', '+', 'Z', 'z']).unwrap_or(text.len() - 1);
    let (date, mut rest) = text.split_at_checked(date_end)?;
    let days = parse_day(date)?;
    let mut nanos = 0;
    if let Some(clock) = rest.strip_prefix(['T', 't', ' ']) {
        let end = clock.find(['+', '-', 'Z', 'z', ' ']).unwrap_or(clock.len());
        let (clock, zone) = clock.split_at(end);
        // "2011-02-03 +0000" has a zone and no time.
        if !clock.is_empty() {
            nanos = parse_clock(clock, true)?;
        }
        rest = zone;
    }
    let offset = parse_zone(rest.trim())?;
    days.checked_mul(DAY_MILLIS)?.checked_add(nanos / 1_000_000)?.checked_sub(offset)
}

/// Days since the epoch of `yyyy-mm-dd`.
fn parse_day(text: &str) -> Option<i64> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let mut parts = digits.split('-');
    let year: i32 = parts.next()?.parse().ok()?;
    let month = parts.next()?.parse().ok()?;
    let day = parts.next()?.parse().ok()?;
    if parts.next().is_some() {
        return None;
    }
    let date = NaiveDate::from_ymd_opt(if negative { -year } else { year }, month, day)?;
    Some(i64::from(date.num_days_from_ce()) - 719_163)
}

/// Nanoseconds since midnight of `hh:mm[:ss[.fraction]]`.
fn parse_clock(text: &str, seconds_optional: bool) -> Option<i64> {
    let mut parts = text.split(':');
    let number = |text: &str, limit: i64| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<i64>().ok().filter(|number| digits && *number < limit)
    };
    let hours = number(parts.next()?, 24)?;
    let minutes = number(parts.next()?, 60)?;
    let (seconds, nanos) = match parts.next() {
        None if seconds_optional => (0, 0),
        None => return None,
        Some(seconds) => {
            let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
            let valid =
                (1..=9).contains(&fraction.len()) && fraction.bytes().all(|byte| byte.is_ascii_digit());
            let scale = 10i64.pow(9 - fraction.len().min(9) as u32);
            (number(whole, 60)?, fraction.parse::<i64>().ok().filter(|_| valid)? * scale)
        }
    };
    if parts.next().is_some() {
        return None;
    }
    Some(((hours * 60 + minutes) * 60 + seconds) * 1_000_000_000 + nanos)
}

/// Milliseconds east of UTC.
fn parse_zone(text: &str) -> Option<i64> {
    if matches!(text, "" | "Z" | "z" | "UTC" | "GMT") {
        return Some(0);
    }
    let (sign, digits) = match text.as_bytes().first()? {
        b'+' => (1, &text[1..]),
        b'-' => (-1, &text[1..]),
        _ => return None,
    };
    let digits: String = digits.split(':').collect();
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: i64 = digits.parse().ok()?;
    let minutes = match digits.len() {
        2 => number * 60,
        4 => number / 100 * 60 + number % 100,
        _ => return None,
    };
    Some(sign * minutes * 60_000)
}

/// The `date` value of text such as `2011-02-03`, or of digits.
pub(crate) fn parse_date(text: &str) -> Option<u32> {
    if let Ok(day) = text.parse() {
        return Some(day);
    }
    u32::try_from(parse_day(text)?.checked_add(EPOCH_DAY)?).ok()
}

/// The `time` value of text such as `08:12:54.123`, or of digits.
pub(crate) fn parse_time(text: &str) -> Option<i64> {
    if let Ok(nanos) = text.parse::<i64>() {
        return (0..DAY_NANOS).contains(&nanos).then_some(nanos);
    }
    parse_clock(text, false)
}

/// The `date` value of the day a timestamp is in.
pub(crate) fn date_of_millis(millis: i64) -> u32 {
    u32::try_from(millis.div_euclid(DAY_MILLIS).saturating_add(EPOCH_DAY)).unwrap_or(u32::MAX)
}

/// Midnight of a `date` value.
pub(crate) fn millis_of_date(date: u32) -> i64 {
    (i64::from(date) - EPOCH_DAY) * DAY_MILLIS
}

/// `2011-02-03T04:05:06.789Z`, with `separator` between the day and the time.
pub(crate) fn show_timestamp(millis: i64, separator: char) -> String {
    match DateTime::from_timestamp_millis(millis) {
        Some(time) => time.format(&format!("%Y-%m-%d{separator}%H:%M:%S%.3fZ")).to_string(),
        None => millis.to_string(),
    }
}

pub(crate) fn show_date(date: u32) -> String {
    let days = i64::from(date) - EPOCH_DAY;
    let epoch = NaiveDate::default();
    let shown = if days < 0 {
        epoch.checked_sub_days(Days::new(days.unsigned_abs()))
    } else {
        epoch.checked_add_days(Days::new(days.unsigned_abs()))
    };
    shown.map_or_else(|| date.to_string(), |day| day.format("%Y-%m-%d").to_string())
}

pub(crate) fn show_time(nanos: i64) -> String {
    let seconds = nanos / 1_000_000_000;
    format!("{:02}:{:02}:{:02}.{:09}", seconds / 3600, seconds / 60 % 60, seconds % 60, nanos % 1_000_000_000)
}

/// Months, days, nanoseconds.
pub(crate) type Duration = (i32, i32, i64);

/// Unit, and what one of it is: months, days, nanoseconds. In the order in which they may follow each other.
const UNITS: [(&str, i64, i64, i64); 12] = [
    ("y", 12, 0, 0),
    ("mo", 1, 0, 0),
    ("w", 0, 7, 0),
    ("d", 0, 1, 0),
    ("h", 0, 0, 3_600_000_000_000),
    ("m", 0, 0, 60_000_000_000),
    ("s", 0, 0, 1_000_000_000),
    ("ms", 0, 0, 1_000_000),
    ("us", 0, 0, 1_000),
    ("µs", 0, 0, 1_000),
    ("μs", 0, 0, 1_000),
    ("ns", 0, 0, 1),
];

/// A duration from text such as `1y2mo3d4h`, `P1Y2M3DT4H` or `P3W`, perhaps after a minus sign.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let mut total = [0i64; 3];
    let mut add = |digits: &str, unit: &(&str, i64, i64, i64)| {
        let count: i64 = digits.parse().ok()?;
        for (part, factor) in total.iter_mut().zip([unit.1, unit.2, unit.3]) {
            *part = part.checked_add(count.checked_mul(factor)?)?;
        }
        Some(())
    };
    if let Some(iso) = text.strip_prefix(['P', 'p']) {
        let (days, clock) = iso.split_once(['T', 't']).unwrap_or((iso, ""));
        for (part, units) in [(days, "ymwd"), (clock, "hms")] {
            let mut rest = part;
            while !rest.is_empty() {
                let end = rest.find(|c: char| !c.is_ascii_digit())?;
                let letter = rest[end..].chars().next()?.to_ascii_lowercase();
                if !units.contains(letter) {
                    return None;
                }
                let name = match (letter, units) {
                    ('m', "ymwd") => "mo".to_owned(),
                    _ => letter.to_string(),
                };
                add(&rest[..end], UNITS.iter().find(|unit| unit.0 == name)?)?;
                rest = &rest[end + 1..];
            }
        }
    } else {
        let mut rest = text;
        let mut allowed = 0;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit())?;
            let tail = &rest[digits..];
            let end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
            let name = tail[..end].to_lowercase();
            let index = UNITS.iter().position(|unit| unit.0 == name)?;
            if index < allowed {
                return None;
            }
            allowed = index + 1;
            add(&rest[..digits], &UNITS[index])?;
            rest = &tail[end..];
        }
    }
    let [months, days, nanos] = total;
    if text.is_empty() {
        return None;
    }
    Some((i32::try_from(months).ok()? * sign, i32::try_from(days).ok()? * sign, nanos * i64::from(sign)))
}

pub(crate) fn duration_bytes((months, days, nanos): Duration) -> Vec<u8> {
    let mut out = Vec::new();
    for part in [i64::from(months), i64::from(days), nanos] {
        super::collection::write_vint(&mut out, ((part << 1) ^ (part >> 63)) as u64);
    }
    out
}

pub(crate) fn read_duration(bytes: &[u8]) -> Option<Duration> {
    let mut rest = bytes;
    let mut part = || {
        let raw = super::collection::vint_length(&mut rest)?;
        Some((raw >> 1) as i64 ^ -((raw & 1) as i64))
    };
    Some((i32::try_from(part()?).ok()?, i32::try_from(part()?).ok()?, part()?))
}

pub(crate) fn show_duration((months, days, nanos): Duration) -> String {
    let mut text = String::new();
    if months < 0 || days < 0 || nanos < 0 {
        text.push('-');
    }
    let mut months = months.unsigned_abs().into();
    let mut days = days.unsigned_abs().into();
    let mut nanos = nanos.unsigned_abs();
    let mut append = |rest: &mut u64, size: u64, unit: &str| {
        if *rest >= size {
            text.push_str(&format!("{}{unit}", *rest / size));
            *rest %= size;
        }
    };
    append(&mut months, 12, "y");
    append(&mut months, 1, "mo");
    append(&mut days, 1, "d");
    for (name, _, _, size) in UNITS.iter().filter(|unit| unit.3 > 0 && !matches!(unit.0, "µs" | "μs")) {
        append(&mut nanos, size.unsigned_abs(), name);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_read_in_every_form_cassandra_reads() {
        let expected = 1_296_705_906_789;
        for text in [
            "1296705906789",
            "2011-02-03T04:05:06.789Z",
            "2011-02-03 04:05:06.789+0000",
            "2011-02-03 05:05:06.789+01:00",
            "2011-02-03T02:05:06.789-02",
            "2011-02-03 04:05:06.789 UTC",
        ] {
            assert_eq!(parse_timestamp(text), Some(expected), "{text}");
        }
        assert_eq!(parse_timestamp("2011-02-03"), Some(1_296_691_200_000));
        assert_eq!(parse_timestamp("2011-02-03+0000"), Some(1_296_691_200_000));
        assert_eq!(parse_timestamp("1600-01-01T00:00:00.001"), Some(-11_676_095_999_999));
        for text in [
            "",
            "x",
            "2011-13-01",
            "2011-02-30",
            "2011-02-03 25:00",
            "2011-02-03 04:05:06.",
            "2011-02-03 04:05 XYZ",
            "é",
        ] {
            assert_eq!(parse_timestamp(text), None, "{text}");
        }
        assert_eq!(show_timestamp(expected, 'T'), "2011-02-03T04:05:06.789Z");
    }

    #[test]
    fn dates_and_times_come_back() {
        assert_eq!(parse_date("1970-01-01"), Some(0x8000_0000));
        assert_eq!(parse_date("2016-02-29"), Some(0x8000_41dc));
        assert_eq!(show_date(0x7fff_ffff), "1969-12-31");
        assert_eq!(date_of_millis(-1), 0x7fff_ffff);
        assert_eq!(millis_of_date(0x8000_0001), DAY_MILLIS);
        assert_eq!(parse_time("08:12:54.1234"), Some(29_574_123_400_000));
        assert_eq!(show_time(29_574_123_400_000), "08:12:54.123400000");
        assert_eq!(parse_time("24:00:00"), None);
        assert_eq!(show_date(u32::MAX), u32::MAX.to_string());
    }

    #[test]
    fn durations_are_read_in_both_notations() {
        assert_eq!(parse_duration("1y2mo3w4d5h6m7s8ms9us10ns"), Some((14, 25, 18_367_008_009_010)));
        assert_eq!(parse_duration("P1Y2M4DT5H6M7S"), Some((14, 4, 18_367_000_000_000)));
        assert_eq!(parse_duration("P2W"), Some((0, 14, 0)));
        assert_eq!(parse_duration("-1h"), Some((0, 0, -3_600_000_000_000)));
        for text in ["", "1", "1x", "1h1d", "1h1h", "P1H", "99999999999y"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
        let duration = (12, 30, 3_600_000_000_000);
        assert_eq!(duration_bytes(duration), [0x18, 0x3c, 0xfc, 0x06, 0x8c, 0x61, 0x71, 0x40, 0x00]);
        assert_eq!(read_duration(&duration_bytes(duration)), Some(duration));
        assert_eq!(show_duration(duration), "1y30d1h");
        assert_eq!(show_duration((-1, -2, -1_001)), "-1mo2d1us1ns");
    }
}
