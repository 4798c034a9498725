//! Durations in months, days and nanoseconds.

use std::fmt;

use crate::error::{ValueError, ValueErrorReason};
use crate::types::{CqlType, NativeType};
use crate::value::from_cql::not_null;
use crate::value::{FromCql, ToCql, ValueWriter, vint};

/// A `duration`. The three parts are kept apart because months and days have no fixed length; servers want them to
/// have one sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct CqlDuration {
    /// Calendar months.
    pub months: i32,
    /// Calendar days.
    pub days: i32,
    /// Nanoseconds.
    pub nanoseconds: i64,
}

/// As a CQL literal, for example `1y2mo3d4h5m6s7ms8us9ns`; zero is `0ns`.
impl fmt::Display for CqlDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::default() {
            return f.write_str("0ns");
        }
        if self.months < 0 || self.days < 0 || self.nanoseconds < 0 {
            f.write_str("-")?;
        }
        let parts = |mut rest: u64, units: &[(u64, &str)], f: &mut fmt::Formatter<'_>| {
            for &(size, unit) in units {
                if rest >= size {
                    write!(f, "{}{unit}", rest / size)?;
                }
                rest %= size;
            }
            Ok(())
        };
        parts(u64::from(self.months.unsigned_abs()), &[(12, "y"), (1, "mo")], f)?;
        parts(u64::from(self.days.unsigned_abs()), &[(1, "d")], f)?;
        let clock = [
            (3_600_000_000_000, "h"),
            (60_000_000_000, "m"),
            (1_000_000_000, "s"),
            (1_000_000, "ms"),
            (1_000, "us"),
            (1, "ns"),
        ];
        parts(self.nanoseconds.unsigned_abs(), &clock, f)
    }
}

impl ToCql for CqlDuration {
    fn to_cql(&self, typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
        <Self as FromCql<'_>>::check(typ)?;
        out.nested(|out| {
            out.signed_vint(i64::from(self.months));
            out.signed_vint(i64::from(self.days));
            out.signed_vint(self.nanoseconds);
            Ok(())
        })
    }
}

impl<'f> FromCql<'f> for CqlDuration {
    fn check(typ: &CqlType) -> Result<(), ValueError> {
        match typ {
            CqlType::Native(NativeType::Duration) => Ok(()),
            _ => Err(ValueError::mismatch::<Self>(typ)),
        }
    }

    fn from_cql(_: &'f CqlType, cell: Option<&'f [u8]>) -> Result<Self, ValueError> {
        let mut rest = not_null::<Self>(cell)?;
        let mut part =
            || vint::take_signed(&mut rest).ok_or(ValueErrorReason::Truncated { what: "a duration" });
        let small =
            |part: i64| i32::try_from(part).map_err(|_| ValueErrorReason::OutOfRange { what: "a duration" });
        let duration = Self { months: small(part()?)?, days: small(part()?)?, nanoseconds: part()? };
        match rest.len() {
            0 => Ok(duration),
            count => Err(ValueErrorReason::TrailingBytes { what: "a duration", count }.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::to_cql::encode_value;

    fn duration(months: i32, days: i32, nanoseconds: i64) -> CqlDuration {
        CqlDuration { months, days, nanoseconds }
    }

    #[test]
    fn durations_are_three_zig_zag_integers() {
        let f8 = [0xff; 9];
        let mut low = vec![0xf0, 255, 255, 255, 255, 0xf0, 255, 255, 255, 255];
        low.extend(f8);
        let mut high = vec![0xf0, 255, 255, 255, 254, 0xf0, 255, 255, 255, 254];
        high.extend([255, 255, 255, 255, 255, 255, 255, 255, 254]);
        let vectors: [(CqlDuration, &[u8]); 7] = [
            (duration(0, 0, 0), &[0, 0, 0]),
            (duration(1, 2, 3), &[2, 4, 6]),
            (duration(-1, -1, -1), &[1, 1, 1]),
            (duration(12, 30, 3_600_000_000_000), &[0x18, 0x3c, 0xfc, 0x06, 0x8c, 0x61, 0x71, 0x40, 0]),
            (duration(1, -1, 128), &[2, 1, 0x81, 0]),
            (duration(i32::MIN, i32::MIN, i64::MIN), &low),
            (duration(i32::MAX, i32::MAX, i64::MAX), &high),
        ];
        for (value, bytes) in vectors {
            assert_eq!(encode_value(&value, &CqlType::Duration).unwrap()[4..], *bytes, "{value}");
            assert_eq!(CqlDuration::from_cql(&CqlType::Duration, Some(bytes)), Ok(value));
            for length in 0..bytes.len() {
                assert!(CqlDuration::from_cql(&CqlType::Duration, Some(&bytes[..length])).is_err());
            }
        }
        assert!(CqlDuration::from_cql(&CqlType::Duration, Some(&[0, 0, 0, 0])).is_err());
        assert!(CqlDuration::from_cql(&CqlType::Duration, Some(&[0xf8, 1, 0, 0, 0, 0, 0, 0])).is_err());
    }

    #[test]
    fn durations_print_as_literals() {
        assert_eq!(duration(0, 0, 0).to_string(), "0ns");
        assert_eq!(duration(1, 2, 3).to_string(), "1mo2d3ns");
        assert_eq!(duration(14, 3, 14_706_007_008_009).to_string(), "1y2mo3d4h5m6s7ms8us9ns");
        assert_eq!(duration(-1, 0, -2).to_string(), "-1mo2ns");
        assert_eq!(duration(0, 0, i64::MIN).to_string(), "-2562047h47m16s854ms775us808ns");
    }
}
