//! `rust_decimal`: 96 bits of digits, up to 28 of them behind the point.

use rust_decimal::Decimal;

use crate::error::{ValueError, ValueErrorReason};
use crate::types::CqlType;
use crate::value::decimal::check;
use crate::value::{CqlDecimal, CqlVarint, FromCql, ToCql, ValueWriter};

impl From<Decimal> for CqlDecimal {
    fn from(value: Decimal) -> Self {
        // At most 28.
        Self { unscaled: CqlVarint::from(value.mantissa()), scale: value.scale() as i32 }
    }
}

impl TryFrom<&CqlDecimal> for Decimal {
    type Error = ValueError;

    /// Fails when a digit would be lost: nothing is rounded, except that zeros at the end go if they have to.
    fn try_from(value: &CqlDecimal) -> Result<Self, ValueError> {
        let refused = || ValueErrorReason::OutOfRange { what: "rust_decimal::Decimal" };
        let mut unscaled = value.unscaled.to_i128().ok_or_else(refused)?;
        if unscaled == 0 {
            return Ok(Decimal::from_i128_with_scale(0, value.scale.clamp(0, 28) as u32));
        }
        let mut scale = value.scale;
        while scale > Decimal::MAX_SCALE as i32 && unscaled % 10 == 0 {
            (unscaled, scale) = (unscaled / 10, scale - 1);
        }
        while scale < 0 {
            (unscaled, scale) = (unscaled.checked_mul(10).ok_or_else(refused)?, scale + 1);
        }
        let scale = u32::try_from(scale).map_err(|_| refused())?;
        Decimal::try_from_i128_with_scale(unscaled, scale).map_err(|_| refused().into())
    }
}

impl ToCql for Decimal {
    fn to_cql(&self, typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
        check::<Self>(typ)?;
        CqlDecimal::from(*self).to_cql(typ, out)
    }
}

impl<'f> FromCql<'f> for Decimal {
    fn check(typ: &CqlType) -> Result<(), ValueError> {
        check::<Self>(typ)
    }

    fn from_cql(typ: &'f CqlType, cell: Option<&'f [u8]>) -> Result<Self, ValueError> {
        let cell = cell.filter(|bytes| !bytes.is_empty()).ok_or_else(ValueError::unexpected_null::<Self>)?;
        Decimal::try_from(&CqlDecimal::from_cql(typ, Some(cell))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::to_cql::encode_value;

    #[test]
    fn decimals_of_96_bits_keep_their_digits_and_scale() {
        for text in [
            "0",
            "0.00",
            "1.00",
            "-112233.441191",
            "79228162514264337593543950335",
            "-0.0000000000000000000000000001",
        ] {
            let value: Decimal = text.parse().unwrap();
            let bytes = encode_value(&value, &CqlType::Decimal).unwrap();
            let read = Decimal::from_cql(&CqlType::Decimal, Some(&bytes[4..])).unwrap();
            assert_eq!((read, read.to_string()), (value, text.to_owned()));
        }
    }

    #[test]
    fn what_would_lose_a_digit_is_refused() {
        let decimal = |unscaled: i128, scale| CqlDecimal { unscaled: CqlVarint::from(unscaled), scale };
        assert_eq!(Decimal::try_from(&decimal(5, -3)).unwrap().to_string(), "5000");
        assert_eq!(Decimal::try_from(&decimal(1_500, 30)).unwrap(), Decimal::from_i128_with_scale(15, 28));
        for beyond in [
            decimal(1, 29),
            decimal(1, -29),
            decimal(1, i32::MIN),
            decimal(1, i32::MAX),
            decimal(1 << 96, 0),
            decimal(i128::MAX, 0),
            CqlDecimal { unscaled: CqlVarint::from_signed_be_bytes(&[1; 17]), scale: 0 },
        ] {
            let error = Decimal::try_from(&beyond).unwrap_err();
            assert_eq!(
                error.reason(),
                &ValueErrorReason::OutOfRange { what: "rust_decimal::Decimal" },
                "{beyond}"
            );
        }
        assert_eq!(Decimal::try_from(&decimal(0, i32::MAX)), Ok(Decimal::ZERO));
    }
}
