//! Decimal numbers of any precision.

use std::fmt;

use bigdecimal::BigDecimal;
use num_bigint::BigInt;

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

impl TryFrom<&BigDecimal> for CqlDecimal {
    type Error = ValueError;

    /// Fails when the exponent does not fit 32 bits.
    fn try_from(value: &BigDecimal) -> Result<Self, ValueError> {
        let (unscaled, scale) = value.as_bigint_and_exponent();
        let scale = i32::try_from(scale).map_err(|_| ValueErrorReason::OutOfRange { what: "decimal" })?;
        Ok(Self { unscaled: unscaled.into(), scale })
    }
}

impl From<&CqlDecimal> for BigDecimal {
    fn from(value: &CqlDecimal) -> Self {
        BigDecimal::new(BigInt::from(&value.unscaled), i64::from(value.scale))
    }
}

impl From<CqlDecimal> for BigDecimal {
    fn from(value: CqlDecimal) -> Self {
        Self::from(&value)
    }
}

fn check<T>(typ: &CqlType) -> Result<(), ValueError> {
    match typ {
        CqlType::Native(NativeType::Decimal) => Ok(()),
        _ => Err(ValueError::mismatch::<T>(typ)),
    }
}

fn split<T>(cell: Option<&[u8]>) -> Result<(i32, &[u8]), ValueError> {
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

impl ToCql for BigDecimal {
    fn to_cql(&self, typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
        check::<Self>(typ)?;
        CqlDecimal::try_from(self)?.to_cql(typ, out)
    }
}

impl<'f> FromCql<'f> for BigDecimal {
    fn check(typ: &CqlType) -> Result<(), ValueError> {
        check::<Self>(typ)
    }

    fn from_cql(_: &'f CqlType, cell: Option<&'f [u8]>) -> Result<Self, ValueError> {
        let (scale, unscaled) = split::<Self>(cell)?;
        Ok(BigDecimal::new(BigInt::from_signed_bytes_be(unscaled), i64::from(scale)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::to_cql::encode_value;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
    }

    #[test]
    fn decimals_are_scale_and_digits() {
        for (text, bytes, printed) in [
            ("0", "0000000000", "0"),
            ("1", "0000000001", "1"),
            ("-1", "00000000ff", "-1"),
            ("1.00", "0000000264", "1.00"),
            ("123.456", "0000000301e240", "123.456"),
            ("-0.001", "00000003ff", "-0.001"),
            ("1E+3", "fffffffd01", "1E+3"),
            ("1243878957943.1234124191998", "0000000d0a4a04225e91048ab118fe", "1243878957943.1234124191998"),
            ("-112233.441191", "00000006e5de5d9859", "-112233.441191"),
            ("64206e100", "ffffff9c00face", "64206E+100"),
        ] {
            let value: BigDecimal = text.parse().unwrap();
            let bytes = hex(bytes);
            assert_eq!(encode_value(&value, &CqlType::Decimal).unwrap()[4..], bytes, "{text}");
            assert_eq!(BigDecimal::from_cql(&CqlType::Decimal, Some(&bytes)), Ok(value.clone()));
            let plain = CqlDecimal::from_cql(&CqlType::Decimal, Some(&bytes)).unwrap();
            assert_eq!(plain.to_string(), printed);
            assert_eq!(BigDecimal::from(&plain), value);
            assert_eq!(encode_value(&plain, &CqlType::Decimal).unwrap()[4..], bytes);
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
        assert!(encode_value(&BigDecimal::new(BigInt::from(1), 1 << 40), &CqlType::Decimal).is_err());
    }
}
