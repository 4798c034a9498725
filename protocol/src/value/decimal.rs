//! Decimal numbers of any precision.

use std::fmt;

use crate::error::{ValueError, ValueErrorReason};
use crate::types::{CqlType, NativeType};
use crate::value::from_cql::not_null;
use crate::value::{CqlVarint, FromCql, ToCql, ValueWriter};

/// A `decimal`: `unscaled` times ten to the power of minus `scale`. 1.0 and 1.00 are different values.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CqlDecimal {
    /// All digits, as an integer.
    pub unscaled: CqlVarint,
    /// How many of them stand behind the point; negative for trailing zeros.
    pub scale: i32,
}

/// The number exactly, never rounded; with an exponent where plain digits would be mostly zeros, so that the text is
/// never much longer than the value.
impl fmt::Display for CqlDecimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST_ZEROS: usize = 20;
        let digits = self.unscaled.to_string();
        let (sign, digits) = match digits.strip_prefix('-') {
            Some(digits) => ("-", digits),
            None => ("", digits.as_str()),
        };
        f.write_str(sign)?;
        let scale = self.scale.unsigned_abs() as usize;
        if self.scale == 0 {
            f.write_str(digits)
        } else if self.scale < 0 || scale > digits.len() + MOST_ZEROS {
            write!(f, "{digits}E{:+}", -i64::from(self.scale))
        } else if scale < digits.len() {
            let (whole, fraction) = digits.split_at(digits.len() - scale);
            write!(f, "{whole}.{fraction}")
        } else {
            write!(f, "0.{digits:0>scale$}")
        }
    }
}

pub(super) fn check<T>(typ: &CqlType) -> Result<(), ValueError> {
    match typ {
        CqlType::Native(NativeType::Decimal) => Ok(()),
        _ => Err(ValueError::mismatch::<T>(typ)),
    }
}

pub(super) fn split<T>(cell: Option<&[u8]>) -> Result<(i32, &[u8]), ValueError> {
    match not_null::<T>(cell)?.split_first_chunk::<4>() {
        Some((scale, unscaled)) if !unscaled.is_empty() => Ok((i32::from_be_bytes(*scale), unscaled)),
        _ => Err(ValueErrorReason::Truncated { what: "a decimal" }.into()),
    }
}

impl ToCql for CqlDecimal {
    fn to_cql(&self, typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
        check::<Self>(typ)?;
        out.nested(|out| {
            out.raw(&self.scale.to_be_bytes());
            out.raw(self.unscaled.as_signed_be_bytes());
            Ok(())
        })
    }
}

impl<'f> FromCql<'f> for CqlDecimal {
    fn check(typ: &CqlType) -> Result<(), ValueError> {
        check::<Self>(typ)
    }

    fn from_cql(_: &'f CqlType, cell: Option<&'f [u8]>) -> Result<Self, ValueError> {
        let (scale, unscaled) = split::<Self>(cell)?;
        Ok(Self { unscaled: CqlVarint::from_signed_be_bytes(unscaled), scale })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::to_cql::encode_value;
    use crate::vectors::hex;

    #[test]
    fn decimals_are_scale_and_digits() {
        for (unscaled, scale, bytes, printed) in [
            (0i128, 0, "0000000000", "0"),
            (1, 0, "0000000001", "1"),
            (-1, 0, "00000000ff", "-1"),
            (100, 2, "0000000264", "1.00"),
            (123_456, 3, "0000000301e240", "123.456"),
            (-1, 3, "00000003ff", "-0.001"),
            (1, -3, "fffffffd01", "1E+3"),
            (
                12_438_789_579_431_234_124_191_998,
                13,
                "0000000d0a4a04225e91048ab118fe",
                "1243878957943.1234124191998",
            ),
            (-112_233_441_191, 6, "00000006e5de5d9859", "-112233.441191"),
            (64_206, -100, "ffffff9c00face", "64206E+100"),
        ] {
            let bytes = hex(bytes);
            let value = CqlDecimal { unscaled: CqlVarint::from(unscaled), scale };
            assert_eq!(encode_value(&value, &CqlType::Decimal).unwrap()[4..], bytes, "{printed}");
            assert_eq!(CqlDecimal::from_cql(&CqlType::Decimal, Some(&bytes)), Ok(value.clone()));
            assert_eq!(value.to_string(), printed);
        }
    }

    #[test]
    fn an_enormous_scale_prints_as_an_exponent() {
        for scale in [i32::MAX, i32::MIN] {
            let decimal = CqlDecimal { unscaled: CqlVarint::from(-5), scale };
            assert_eq!(decimal.to_string(), format!("-5E{:+}", -i64::from(scale)));
        }
    }

    #[test]
    fn a_decimal_without_digits_is_an_error() {
        assert!(CqlDecimal::from_cql(&CqlType::Decimal, Some(&[0, 0, 0, 1])).is_err());
        assert!(CqlDecimal::from_cql(&CqlType::Decimal, Some(&[0])).is_err());
    }
}
