//! How many rejected rows are too many.

use std::str::FromStr;

/// How many rows may be rejected before a load stops.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum RejectLimit {
    /// Any number.
    Unlimited,
    /// This many. With zero the first rejected row stops the load.
    Rows(u64),
    /// This share of the rows read, in percent; looked at once a thousand rows were read.
    Percent(f64),
}

impl RejectLimit {
    pub(super) fn is_exceeded(self, rejected: u64, read: u64) -> bool {
        match self {
            Self::Unlimited => false,
            Self::Rows(most) => rejected > most,
            Self::Percent(most) => read >= 1000 && rejected as f64 * 100.0 > most * read as f64,
        }
    }
}

/// Defaults to a thousand rows.
impl Default for RejectLimit {
    fn default() -> Self {
        Self::Rows(1000)
    }
}

/// A limit that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a number of rows, a percentage such as 1%, or `unlimited`")]
pub struct RejectLimitError(String);

impl FromStr for RejectLimit {
    type Err = RejectLimitError;

    fn from_str(text: &str) -> Result<Self, RejectLimitError> {
        let error = || RejectLimitError(text.to_owned());
        if text.eq_ignore_ascii_case("unlimited") {
            return Ok(Self::Unlimited);
        }
        match text.strip_suffix('%') {
            Some(number) => match number.trim().parse::<f64>() {
                Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(Self::Percent(percent)),
                _ => Err(error()),
            },
            None => text.parse().map(Self::Rows).map_err(|_| error()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_numbers_or_percentages() {
        assert_eq!("0".parse(), Ok(RejectLimit::Rows(0)));
        assert_eq!("1.5%".parse(), Ok(RejectLimit::Percent(1.5)));
        assert_eq!("Unlimited".parse(), Ok(RejectLimit::Unlimited));
        for bad in ["", "-1", "x", "101%", "%", "1.5"] {
            assert!(bad.parse::<RejectLimit>().is_err(), "{bad}");
        }
    }

    #[test]
    fn limits_are_exceeded_by_one_more() {
        assert!(RejectLimit::Rows(0).is_exceeded(1, 1));
        assert!(!RejectLimit::Rows(5).is_exceeded(5, 5));
        assert!(RejectLimit::Rows(5).is_exceeded(6, 6));
        assert!(!RejectLimit::Percent(1.0).is_exceeded(999, 999));
        assert!(!RejectLimit::Percent(1.0).is_exceeded(10, 1000));
        assert!(RejectLimit::Percent(1.0).is_exceeded(11, 1000));
        assert!(!RejectLimit::Unlimited.is_exceeded(u64::MAX, 1));
    }
}
