//! The proleptic Gregorian calendar over all of time, for printing and reading dates without a crate for it.
//!
//! Days are counted from 1970-01-01. The calendars people compute with are behind features; they are the oracle of this
//! one's tests.

/// The first and the last year that dates and timestamps print as such, in which the calendars of other crates end too.
pub(crate) const YEARS: std::ops::RangeInclusive<i64> = -262_143..=262_142;

/// Days of the 400 years after which the calendar repeats.
const ERA_DAYS: i64 = 146_097;
/// Days from 0000-03-01 to 1970-01-01.
const EPOCH_FROM_MARCH_OF_ZERO: i64 = 719_468;

/// Year, month (1 to 12) and day (1 to 31).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Civil {
    pub(crate) year: i64,
    pub(crate) month: u8,
    pub(crate) day: u8,
}

impl Civil {
    /// The date of a day.
    pub(crate) const fn of_day(day: i64) -> Self {
        // Years that begin in March have the leap day at their end, so that the length of months follows a rule.
        let day = day + EPOCH_FROM_MARCH_OF_ZERO;
        let (era, of_era) = (day.div_euclid(ERA_DAYS), day.rem_euclid(ERA_DAYS));
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let from_march = (5 * of_year + 2) / 153;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        Self {
            year: era * 400 + year + if month <= 2 { 1 } else { 0 },
            month: month as u8,
            day: (of_year - (153 * from_march + 2) / 5 + 1) as u8,
        }
    }

    /// The day of this date, which must be one.
    pub(crate) const fn to_day(self) -> i64 {
        let year = if self.month <= 2 { self.year - 1 } else { self.year };
        let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let from_march = (self.month as i64 + 9) % 12;
        let of_year = (153 * from_march + 2) / 5 + self.day as i64 - 1;
        era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + of_year - EPOCH_FROM_MARCH_OF_ZERO
    }

    /// `None` for a month or a day that is not.
    pub(crate) fn new(year: i64, month: u8, day: u8) -> Option<Self> {
        let exists = (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day);
        (exists && year.unsigned_abs() < 1 << 40).then_some(Self { year, month, day })
    }
}

/// As ISO 8601 has it: four digits, and a sign where there are more or where the year is before 0.
impl std::fmt::Display for Civil {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { year, month, day } = self;
        if (0..=9999).contains(year) {
            write!(f, "{year:04}-{month:02}-{day:02}")
        } else {
            write!(f, "{year:+05}-{month:02}-{day:02}")
        }
    }
}

/// How many days a month (1 to 12) has.
pub(crate) const fn days_in_month(year: i64, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Text that is read from its beginning.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Digits<'a>(pub(crate) &'a str);

impl Digits<'_> {
    /// Takes this character if it comes next.
    pub(crate) fn take(&mut self, expected: char) -> bool {
        let rest = self.0.strip_prefix(expected);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    /// Takes as many digits as there are, which must be in this range, as a number.
    pub(crate) fn number(&mut self, digits: std::ops::RangeInclusive<usize>) -> Option<i64> {
        let count = self.0.bytes().take_while(u8::is_ascii_digit).count();
        if !digits.contains(&count) {
            return None;
        }
        let (number, rest) = self.0.split_at(count);
        self.0 = rest;
        number.parse().ok()
    }

    /// Two digits, as a month, a day or an hour has.
    pub(crate) fn pair(&mut self) -> Option<u8> {
        self.number(2..=2).map(|number| number as u8)
    }

    /// Digits after a point, as a number with nine of them; zero without a point.
    pub(crate) fn fraction(&mut self) -> Option<i64> {
        if !self.take('.') {
            return Some(0);
        }
        let before = self.0.len();
        let number = self.number(1..=9)?;
        Some(number * 10i64.pow(9 - (before - self.0.len()) as u32))
    }

    /// The year of a date, which may have a sign in front.
    pub(crate) fn year(&mut self) -> Option<i64> {
        let negative = self.take('-');
        if !negative {
            self.take('+');
        }
        self.number(4..=9).map(|year| if negative { -year } else { year })
    }

    /// `YYYY-MM-DD`.
    pub(crate) fn date(&mut self) -> Option<Civil> {
        let year = self.year()?;
        let month = self.take('-').then(|| self.pair())??;
        let day = self.take('-').then(|| self.pair())??;
        Civil::new(year, month, day)
    }

    /// Whether all was read.
    pub(crate) fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_has_one_date_and_dates_follow_each_other() {
        let mut before = Civil::of_day(-800_000);
        for day in -799_999..800_000 {
            let date = Civil::of_day(day);
            assert_eq!(date.to_day(), day);
            let next = if before.day < days_in_month(before.year, before.month) {
                Civil { day: before.day + 1, ..before }
            } else if before.month < 12 {
                Civil { month: before.month + 1, day: 1, ..before }
            } else {
                Civil { year: before.year + 1, month: 1, day: 1 }
            };
            assert_eq!(date, next);
            before = date;
        }
        assert_eq!(Civil::of_day(0), Civil { year: 1970, month: 1, day: 1 });
        for day in [-(1 << 31), (1 << 31) - 1, i64::MIN / 86_400_000, i64::MAX / 86_400_000] {
            assert_eq!(Civil::of_day(day).to_day(), day);
        }
    }

    #[cfg(feature = "chrono")]
    #[test]
    fn dates_are_those_of_another_calendar_and_print_alike() {
        use chrono::{Datelike, Days, NaiveDate};
        let first = NaiveDate::MIN.succ_opt().unwrap();
        for step in (0..191_000_000u64).step_by(9973) {
            let theirs = first.checked_add_days(Days::new(step)).unwrap();
            let day = i64::from(theirs.num_days_from_ce()) - 719_163;
            let ours = Civil::of_day(day);
            assert_eq!(
                (ours.year, u32::from(ours.month), u32::from(ours.day)),
                (i64::from(theirs.year()), theirs.month(), theirs.day())
            );
            assert_eq!(ours.to_string(), theirs.to_string());
            assert!(YEARS.contains(&ours.year));
        }
        assert_eq!(i64::from(NaiveDate::MIN.year()), *YEARS.start());
        assert_eq!(i64::from(NaiveDate::MAX.year()), *YEARS.end());
    }

    #[test]
    fn days_that_are_not_are_refused() {
        for (year, month, day) in
            [(2023, 2, 29), (1900, 2, 29), (2000, 0, 1), (2000, 13, 1), (2000, 4, 31), (2000, 1, 0)]
        {
            assert_eq!(Civil::new(year, month, day), None);
        }
        assert!(Civil::new(2000, 2, 29).is_some());
        for text in ["2000-1-01", "2000-01", "99-01-01", "2000-01-0x", "+-2000-01-01", ""] {
            assert!(Digits(text).date().is_none(), "{text}");
        }
        assert_eq!(Digits("-0044-03-15").date(), Civil::new(-44, 3, 15));
    }
}
