//! `bigdecimal`.

use bigdecimal::BigDecimal;
use num_bigint::BigInt;

use crate::error::{ValueError, ValueErrorReason};
use crate::types::CqlType;
use crate::value::decimal::{check, split};
use crate::value::{CqlDecimal, FromCql, ToCql, ValueWriter};

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

    #[test]
    fn big_decimals_keep_every_digit_and_their_scale() {
        for text in
            ["0", "1", "-1", "1.00", "123.456", "-0.001", "1E+3", "1243878957943.1234124191998", "64206e100"]
        {
            let value: BigDecimal = text.parse().unwrap();
            let plain = CqlDecimal::try_from(&value).unwrap();
            assert_eq!(BigDecimal::from(&plain), value, "{text}");
            let bytes = encode_value(&value, &CqlType::Decimal).unwrap();
            assert_eq!(bytes, encode_value(&plain, &CqlType::Decimal).unwrap());
            assert_eq!(BigDecimal::from_cql(&CqlType::Decimal, Some(&bytes[4..])), Ok(value));
        }
        assert!(encode_value(&BigDecimal::new(BigInt::from(1), 1 << 40), &CqlType::Decimal).is_err());
    }
}
