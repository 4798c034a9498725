//! Integers of any size.

use std::fmt;

use num_bigint::BigInt;

use crate::error::{ValueError, ValueErrorReason};
use crate::types::{CqlType, NativeType};
use crate::value::from_cql::not_null;
use crate::value::{FromCql, ToCql, ValueWriter};

/// A `varint`: minimal big-endian two's complement. Zero is one zero byte.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CqlVarint(Vec<u8>);

impl CqlVarint {
    /// From big-endian two's complement of any length; superfluous leading bytes are dropped, none means zero.
    pub fn from_signed_be_bytes(bytes: &[u8]) -> Self {
        let minimal = minimal(bytes);
        Self(if minimal.is_empty() { vec![0] } else { minimal.to_vec() })
    }

    /// Minimal big-endian two's complement.
    pub fn as_signed_be_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The value, if it fits.
    pub fn to_i64(&self) -> Option<i64> {
        let mut bytes = [if self.0[0] & 0x80 == 0 { 0 } else { 0xff }; 8];
        let start = 8usize.checked_sub(self.0.len())?;
        bytes[start..].copy_from_slice(&self.0);
        Some(i64::from_be_bytes(bytes))
    }
}

/// Without the leading bytes that only repeat the sign.
fn minimal(bytes: &[u8]) -> &[u8] {
    let superfluous = bytes
        .windows(2)
        .take_while(|pair| {
            matches!(pair, [0, low] if low & 0x80 == 0) || matches!(pair, [0xff, low] if low & 0x80 != 0)
        })
        .count();
    &bytes[superfluous..]
}

impl From<i64> for CqlVarint {
    fn from(value: i64) -> Self {
        Self(minimal(&value.to_be_bytes()).to_vec())
    }
}

impl From<&BigInt> for CqlVarint {
    fn from(value: &BigInt) -> Self {
        Self(value.to_signed_bytes_be())
    }
}

impl From<BigInt> for CqlVarint {
    fn from(value: BigInt) -> Self {
        Self::from(&value)
    }
}

impl From<&CqlVarint> for BigInt {
    fn from(value: &CqlVarint) -> Self {
        BigInt::from_signed_bytes_be(&value.0)
    }
}

impl From<CqlVarint> for BigInt {
    fn from(value: CqlVarint) -> Self {
        Self::from(&value)
    }
}

impl fmt::Display for CqlVarint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_i64() {
            Some(value) => value.fmt(f),
            None => BigInt::from(self).fmt(f),
        }
    }
}

fn check<T>(typ: &CqlType) -> Result<(), ValueError> {
    match typ {
        CqlType::Native(NativeType::Varint) => Ok(()),
        _ => Err(ValueError::mismatch::<T>(typ)),
    }
}

impl ToCql for CqlVarint {
    fn to_cql(&self, typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
        check::<Self>(typ)?;
        out.bytes(&self.0)
    }
}

impl<'f> FromCql<'f> for CqlVarint {
    fn check(typ: &CqlType) -> Result<(), ValueError> {
        check::<Self>(typ)
    }

    fn from_cql(_: &'f CqlType, cell: Option<&'f [u8]>) -> Result<Self, ValueError> {
        not_null::<Self>(cell).map(Self::from_signed_be_bytes)
    }
}

impl ToCql for BigInt {
    fn to_cql(&self, typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
        check::<Self>(typ)?;
        out.bytes(&self.to_signed_bytes_be())
    }
}

impl<'f> FromCql<'f> for BigInt {
    fn check(typ: &CqlType) -> Result<(), ValueError> {
        check::<Self>(typ)
    }

    fn from_cql(_: &'f CqlType, cell: Option<&'f [u8]>) -> Result<Self, ValueError> {
        not_null::<Self>(cell).map(BigInt::from_signed_bytes_be)
    }
}

/// Integers of 128 bits; a `varint` outside their range is an error.
impl ToCql for i128 {
    fn to_cql(&self, typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
        check::<Self>(typ)?;
        out.bytes(minimal(&self.to_be_bytes()))
    }
}

impl<'f> FromCql<'f> for i128 {
    fn check(typ: &CqlType) -> Result<(), ValueError> {
        check::<Self>(typ)
    }

    fn from_cql(_: &'f CqlType, cell: Option<&'f [u8]>) -> Result<Self, ValueError> {
        let bytes = minimal(not_null::<Self>(cell)?);
        let mut wide = [if bytes[0] & 0x80 == 0 { 0 } else { 0xff }; 16];
        let start = 16usize.checked_sub(bytes.len()).ok_or(ValueErrorReason::OutOfRange { what: "i128" })?;
        wide[start..].copy_from_slice(bytes);
        Ok(i128::from_be_bytes(wide))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::to_cql::encode_value;

    const VECTORS: [(&str, &[u8]); 19] = [
        ("0", &[0]),
        ("1", &[1]),
        ("-1", &[0xff]),
        ("127", &[0x7f]),
        ("128", &[0, 0x80]),
        ("-128", &[0x80]),
        ("-129", &[0xff, 0x7f]),
        ("255", &[0, 0xff]),
        ("256", &[1, 0]),
        ("32767", &[0x7f, 0xff]),
        ("32768", &[0, 0x80, 0]),
        ("-32768", &[0x80, 0]),
        ("-32769", &[0xff, 0x7f, 0xff]),
        ("9223372036854775807", &[0x7f, 255, 255, 255, 255, 255, 255, 255]),
        ("9223372036854775808", &[0, 0x80, 0, 0, 0, 0, 0, 0, 0]),
        ("-9223372036854775808", &[0x80, 0, 0, 0, 0, 0, 0, 0]),
        ("-9223372036854775809", &[0xff, 0x7f, 255, 255, 255, 255, 255, 255, 255]),
        ("123456789123456789123456789", &[0x66, 0x1e, 0xfd, 0xf2, 0xe3, 0xb1, 0x9f, 0x7c, 4, 0x5f, 0x15]),
        (
            "170141183460469231731687303715884105727",
            &[0x7f, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255],
        ),
    ];

    #[test]
    fn varints_are_minimal_twos_complement() {
        for (text, bytes) in VECTORS {
            let number: BigInt = text.parse().unwrap();
            let small: i128 = text.parse().unwrap();
            assert_eq!(encode_value(&number, &CqlType::Varint).unwrap()[4..], *bytes, "{text}");
            assert_eq!(encode_value(&small, &CqlType::Varint).unwrap()[4..], *bytes, "{text}");
            assert_eq!(CqlVarint::from(&number).as_signed_be_bytes(), bytes, "{text}");
            assert_eq!(CqlVarint::from_signed_be_bytes(bytes).to_string(), text);
            assert_eq!(BigInt::from_cql(&CqlType::Varint, Some(bytes)), Ok(number));
            assert_eq!(i128::from_cql(&CqlType::Varint, Some(bytes)), Ok(small));
            assert_eq!(CqlVarint::from_signed_be_bytes(bytes).to_i64(), i64::try_from(small).ok());
            if let Ok(small) = i64::try_from(small) {
                assert_eq!(CqlVarint::from(small).as_signed_be_bytes(), bytes);
            }
        }
    }

    #[test]
    fn superfluous_bytes_do_not_change_the_value() {
        assert_eq!(CqlVarint::from_signed_be_bytes(&[0, 0, 1]), CqlVarint::from(1));
        assert_eq!(CqlVarint::from_signed_be_bytes(&[255, 255, 128]), CqlVarint::from(-128));
        assert_eq!(CqlVarint::from_signed_be_bytes(&[]), CqlVarint::from(0));
        assert!(i128::from_cql(&CqlType::Varint, Some(&[1; 17])).is_err());
        assert_eq!(i128::from_cql(&CqlType::Varint, Some(&[0xff; 40])), Ok(-1));
    }
}
