//! Numbers of any size.

use bigdecimal::BigDecimal;
use chorus_protocol::NativeType;
use num_bigint::{BigInt, Sign};

/// A varint without the leading bytes that only repeat its sign; zero is one zero byte.
pub(crate) fn minimal_varint(bytes: &[u8]) -> &[u8] {
    let mut bytes = bytes;
    while let [first, second, ..] = bytes {
        let redundant = (*first == 0 && second & 0x80 == 0) || (*first == 0xFF && second & 0x80 != 0);
        if !redundant {
            break;
        }
        bytes = &bytes[1..];
    }
    if bytes.is_empty() { &[0] } else { bytes }
}

/// A varint's bytes.
pub(crate) fn varint_bytes(number: &BigInt) -> Vec<u8> {
    number.to_signed_bytes_be()
}

/// A decimal's bytes.
pub(crate) fn decimal_bytes(number: &BigDecimal) -> Vec<u8> {
    let (unscaled, scale) = number.as_bigint_and_exponent();
    let scale = i32::try_from(scale).unwrap_or(if scale < 0 { i32::MIN } else { i32::MAX });
    let mut bytes = scale.to_be_bytes().to_vec();
    bytes.extend_from_slice(&unscaled.to_signed_bytes_be());
    bytes
}

/// A decimal from its bytes; `None` for none.
pub(crate) fn decimal(bytes: &[u8]) -> Option<BigDecimal> {
    let (scale, unscaled) = bytes.split_first_chunk::<4>()?;
    Some(BigDecimal::new(BigInt::from_signed_bytes_be(unscaled), i64::from(i32::from_be_bytes(*scale))))
}

/// Whether a decimal is negative, its digits without zeros at either end, and the power of ten above its first digit. Zero
/// has no digits.
pub(crate) fn decimal_parts(bytes: &[u8]) -> Option<(bool, String, i64)> {
    let (scale, unscaled) = bytes.split_first_chunk::<4>()?;
    let (sign, magnitude) = BigInt::from_signed_bytes_be(unscaled).into_parts();
    if sign == Sign::NoSign {
        return Some((false, String::new(), 0));
    }
    let mut digits = magnitude.to_string();
    let exponent = digits.len() as i64 - i64::from(i32::from_be_bytes(*scale));
    digits.truncate(digits.trim_end_matches('0').len());
    Some((sign == Sign::Minus, digits, exponent))
}

/// An integer of one of the fixed sizes, by the number of its bytes.
pub(crate) fn read_i64(bytes: &[u8]) -> Option<i64> {
    Some(match *bytes {
        [a] => i64::from(a as i8),
        [a, b] => i64::from(i16::from_be_bytes([a, b])),
        [a, b, c, d] => i64::from(i32::from_be_bytes([a, b, c, d])),
        _ => i64::from_be_bytes(bytes.try_into().ok()?),
    })
}

/// A value of any numeric type.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Number {
    Integer(i64),
    Float(f64),
    Varint(BigInt),
    Decimal(BigDecimal),
}

impl Number {
    /// Reads a value of a numeric type; `None` for one of no bytes or another type.
    pub(crate) fn read(native: NativeType, bytes: &[u8]) -> Option<Self> {
        Some(match native {
            NativeType::Tinyint
            | NativeType::Smallint
            | NativeType::Int
            | NativeType::Bigint
            | NativeType::Counter => Self::Integer(read_i64(bytes)?),
            NativeType::Float => Self::Float(f64::from(f32::from_be_bytes(bytes.try_into().ok()?))),
            NativeType::Double => Self::Float(f64::from_be_bytes(bytes.try_into().ok()?)),
            NativeType::Varint if !bytes.is_empty() => Self::Varint(BigInt::from_signed_bytes_be(bytes)),
            NativeType::Decimal => Self::Decimal(decimal(bytes)?),
            _ => return None,
        })
    }

    /// The value as another numeric type: narrowed the way Java narrows, so never an error. `None` for a type that is no
    /// number, or for what has no value in it (NaN as a decimal).
    pub(crate) fn write(&self, native: NativeType) -> Option<Vec<u8>> {
        Some(match native {
            NativeType::Tinyint => (self.as_i64() as i8).to_be_bytes().to_vec(),
            NativeType::Smallint => (self.as_i64() as i16).to_be_bytes().to_vec(),
            NativeType::Int => match self {
                Self::Float(number) => (*number as i32).to_be_bytes().to_vec(),
                _ => (self.as_i64() as i32).to_be_bytes().to_vec(),
            },
            NativeType::Bigint | NativeType::Counter => self.as_i64().to_be_bytes().to_vec(),
            NativeType::Float => (self.as_f64() as f32).to_be_bytes().to_vec(),
            NativeType::Double => self.as_f64().to_be_bytes().to_vec(),
            NativeType::Varint => varint_bytes(&self.as_bigint()?),
            NativeType::Decimal => decimal_bytes(&self.as_decimal()?),
            _ => return None,
        })
    }

    /// The low 64 bits of the whole part; a float is cut to the range.
    pub(crate) fn as_i64(&self) -> i64 {
        let low_bits = |number: &BigInt| {
            let bytes = number.to_signed_bytes_be();
            let fill = if number.sign() == Sign::Minus { 0xFF } else { 0 };
            let mut low = [fill; 8];
            let taken = bytes.len().min(8);
            low[8 - taken..].copy_from_slice(&bytes[bytes.len() - taken..]);
            i64::from_be_bytes(low)
        };
        match self {
            Self::Integer(number) => *number,
            Self::Float(number) => *number as i64,
            Self::Varint(number) => low_bits(number),
            Self::Decimal(number) => low_bits(&whole_part(number)),
        }
    }

    pub(crate) fn as_f64(&self) -> f64 {
        match self {
            Self::Integer(number) => *number as f64,
            Self::Float(number) => *number,
            Self::Varint(number) => number.to_string().parse().unwrap_or(f64::NAN),
            Self::Decimal(number) => number.to_string().parse().unwrap_or(f64::NAN),
        }
    }

    pub(crate) fn as_bigint(&self) -> Option<BigInt> {
        Some(match self {
            Self::Integer(number) => BigInt::from(*number),
            Self::Float(number) => whole_part(&BigDecimal::try_from(*number).ok()?),
            Self::Varint(number) => number.clone(),
            Self::Decimal(number) => whole_part(number),
        })
    }

    pub(crate) fn as_decimal(&self) -> Option<BigDecimal> {
        Some(match self {
            Self::Integer(number) => BigDecimal::from(*number),
            Self::Float(number) => format!("{number:?}").parse().ok()?,
            Self::Varint(number) => BigDecimal::from(number.clone()),
            Self::Decimal(number) => number.clone(),
        })
    }
}

/// Decimals whose exponent is beyond this are not spelled out: the digits would not fit into memory.
const MAX_EXPONENT: i64 = 100_000;

fn whole_part(number: &BigDecimal) -> BigInt {
    let (_, scale) = number.as_bigint_and_exponent();
    if scale < -MAX_EXPONENT {
        return BigInt::ZERO;
    }
    number.with_scale(0).into_bigint_and_exponent().0
}

/// A decimal in digits, with an exponent where they would be too many.
pub(crate) fn show_decimal(bytes: &[u8]) -> String {
    let Some(number) = decimal(bytes) else {
        return String::new();
    };
    let (unscaled, scale) = number.as_bigint_and_exponent();
    if (0..=MAX_EXPONENT).contains(&scale) {
        number.to_plain_string()
    } else {
        format!("{unscaled}E{}", -scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redundant_sign_bytes_do_not_count() {
        assert_eq!(minimal_varint(&[0, 0, 1]), [1]);
        assert_eq!(minimal_varint(&[0, 0x80]), [0, 0x80]);
        assert_eq!(minimal_varint(&[0xFF, 0xFF, 0x80]), [0x80]);
        assert_eq!(minimal_varint(&[]), [0]);
    }

    #[test]
    fn decimals_have_their_documented_bytes() {
        for (text, bytes) in [
            ("0", &[0, 0, 0, 0, 0][..]),
            ("1.00", &[0, 0, 0, 2, 0x64]),
            ("123.456", &[0, 0, 0, 3, 0x01, 0xe2, 0x40]),
            ("-0.001", &[0, 0, 0, 3, 0xff]),
            ("1E+3", &[0xff, 0xff, 0xff, 0xfd, 1]),
        ] {
            assert_eq!(decimal_bytes(&text.parse().expect("a number")), bytes, "{text}");
        }
        assert_eq!(decimal_parts(&[0, 0, 0, 2, 0x64]), Some((false, "1".to_owned(), 1)));
        assert_eq!(show_decimal(&[0, 0, 0, 2, 0x64]), "1.00");
        assert_eq!(show_decimal(&[0x80, 0, 0, 0, 1]), "1E2147483648");
    }

    #[test]
    fn numbers_are_narrowed_as_java_narrows_them() {
        assert_eq!(Number::Integer(300).write(NativeType::Tinyint), Some(vec![44]));
        assert_eq!(Number::Float(1e20).write(NativeType::Int), Some(i32::MAX.to_be_bytes().to_vec()));
        assert_eq!(Number::Decimal("2.9".parse().expect("a number")).as_i64(), 2);
        assert_eq!(Number::Varint("-18446744073709551615".parse().expect("a number")).as_i64(), 1);
        let vast = Number::read(NativeType::Decimal, &[0x80, 0, 0, 0, 1]).expect("a number");
        assert_eq!(vast.as_i64(), 0);
    }
}
