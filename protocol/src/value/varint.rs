//! Integers of any size.

use std::fmt;

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
        self.widened().map(i64::from_be_bytes)
    }

    /// The value, if it fits.
    pub fn to_i128(&self) -> Option<i128> {
        self.widened().map(i128::from_be_bytes)
    }

    /// With its sign repeated in front, if it is no longer than that.
    fn widened<const N: usize>(&self) -> Option<[u8; N]> {
        let mut bytes = [if self.0[0] & 0x80 == 0 { 0 } else { 0xff }; N];
        let start = N.checked_sub(self.0.len())?;
        bytes[start..].copy_from_slice(&self.0);
        Some(bytes)
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

macro_rules! from_integer {
    ($($rust:ty),*) => {$(
        impl From<$rust> for CqlVarint {
            fn from(value: $rust) -> Self {
                Self(minimal(&value.to_be_bytes()).to_vec())
            }
        }
    )*};
}

from_integer!(i32, i64, i128);

impl fmt::Display for CqlVarint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_i64() {
            Some(value) => value.fmt(f),
            None => f.pad_integral(self.0[0] & 0x80 == 0, "", &digits(&self.0)),
        }
    }
}

/// The decimal digits of the absolute value of two's complement.
fn digits(bytes: &[u8]) -> String {
    const DIGITS: u32 = 9;
    const BASE: u64 = 10u64.pow(DIGITS);
    let sign = if bytes[0] & 0x80 == 0 { 0 } else { 0xff };
    // The absolute value in 32 bits each, the lowest first.
    let mut limbs: Vec<u32> = Vec::with_capacity(bytes.len() / 4 + 1);
    for limb in bytes.rchunks(4) {
        let mut wide = [sign; 4];
        wide[4 - limb.len()..].copy_from_slice(limb);
        limbs.push(u32::from_be_bytes(wide));
    }
    if sign != 0 {
        let mut carry = true;
        for limb in &mut limbs {
            (*limb, carry) = (!*limb).overflowing_add(u32::from(carry));
        }
        limbs.extend(carry.then_some(1));
    }
    let mut groups = Vec::new();
    while let Some(highest) = limbs.iter().rposition(|limb| *limb != 0) {
        limbs.truncate(highest + 1);
        let mut rest = 0;
        for limb in limbs.iter_mut().rev() {
            let part = rest << 32 | u64::from(*limb);
            (*limb, rest) = ((part / BASE) as u32, part % BASE);
        }
        groups.push(rest);
    }
    let mut digits = groups.pop().unwrap_or_default().to_string();
    for group in groups.iter().rev() {
        digits.push_str(&format!("{group:09}"));
    }
    digits
}

pub(super) fn check<T>(typ: &CqlType) -> Result<(), ValueError> {
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
            let small: i128 = text.parse().unwrap();
            assert_eq!(encode_value(&small, &CqlType::Varint).unwrap()[4..], *bytes, "{text}");
            assert_eq!(CqlVarint::from(small).as_signed_be_bytes(), bytes, "{text}");
            assert_eq!(CqlVarint::from_signed_be_bytes(bytes).to_string(), text);
            assert_eq!(i128::from_cql(&CqlType::Varint, Some(bytes)), Ok(small));
            assert_eq!(CqlVarint::from_signed_be_bytes(bytes).to_i64(), i64::try_from(small).ok());
            if let Ok(small) = i64::try_from(small) {
                assert_eq!(CqlVarint::from(small).as_signed_be_bytes(), bytes);
            }
        }
    }

    #[test]
    fn digits_beyond_128_bits_are_printed() {
        let power = |bits: usize| [&[1][..], &vec![0; bits / 8]].concat();
        let two_to_128 = "340282366920938463463374607431768211456";
        assert_eq!(CqlVarint::from_signed_be_bytes(&power(128)).to_string(), two_to_128);
        let negative = [&[0xff][..], &[0; 16]].concat();
        assert_eq!(CqlVarint::from_signed_be_bytes(&negative).to_string(), format!("-{two_to_128}"));
        assert_eq!(format!("{:>5}", CqlVarint::from(7)), "    7");
        let ten_to_27 = CqlVarint::from(10i128.pow(27));
        assert_eq!(ten_to_27.to_string(), format!("1{}", "0".repeat(27)), "zeros between groups are kept");
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
