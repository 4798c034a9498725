//! Numbers and booleans.

use num_bigint::BigInt;

use super::CellReason;

/// Digits a varint or decimal may have. Reading big numbers takes time that grows with the square of their
/// length, and a file must not be able to ask for minutes.
const DIGIT_LIMIT: usize = 20_000;

/// A whole number that fits 64 bits.
#[inline]
pub(super) fn integer(cell: &[u8]) -> Result<i64, CellReason> {
    const RANGE: CellReason = CellReason::OutOfRange("bigint is -9223372036854775808 to 9223372036854775807");
    let (negative, digits) = sign(cell);
    if digits.is_empty() {
        return Err(CellReason::Expected("a whole number"));
    }
    if digits.len() > 18 {
        return long_integer(negative, digits, RANGE);
    }
    // Eighteen digits cannot overflow: no check in the loop.
    let mut value = 0i64;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return Err(CellReason::Expected("a whole number"));
        }
        value = value * 10 + i64::from(digit);
    }
    Ok(if negative { -value } else { value })
}

#[cold]
fn long_integer(negative: bool, digits: &[u8], range: CellReason) -> Result<i64, CellReason> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return Err(CellReason::Expected("a whole number"));
    }
    let mut value = 0i64;
    for &byte in digits {
        let digit = i64::from(byte - b'0');
        let next = value.checked_mul(10);
        let next = next.and_then(|v| if negative { v.checked_sub(digit) } else { v.checked_add(digit) });
        value = next.ok_or(range)?;
    }
    Ok(value)
}

/// A whole number that fits `T`.
#[inline]
pub(super) fn narrow<T: TryFrom<i64>>(cell: &[u8], range: &'static str) -> Result<T, CellReason> {
    let value = match integer(cell) {
        Err(CellReason::OutOfRange(_)) => return Err(CellReason::OutOfRange(range)),
        other => other?,
    };
    T::try_from(value).map_err(|_| CellReason::OutOfRange(range))
}

#[inline]
pub(super) fn float<T: std::str::FromStr>(cell: &[u8]) -> Result<T, CellReason> {
    const EXPECTED: CellReason = CellReason::Expected("a number");
    std::str::from_utf8(cell).map_err(|_| EXPECTED)?.parse().map_err(|_| EXPECTED)
}

pub(super) fn boolean(cell: &[u8]) -> Result<bool, CellReason> {
    const TRUE: [&[u8]; 6] = [b"true", b"t", b"yes", b"y", b"on", b"1"];
    const FALSE: [&[u8]; 6] = [b"false", b"f", b"no", b"n", b"off", b"0"];
    if TRUE.iter().any(|word| cell.eq_ignore_ascii_case(word)) {
        Ok(true)
    } else if FALSE.iter().any(|word| cell.eq_ignore_ascii_case(word)) {
        Ok(false)
    } else {
        Err(CellReason::Expected("true or false"))
    }
}

/// Minimal two's complement bytes of a whole number of any size.
pub(super) fn varint(cell: &[u8]) -> Result<Vec<u8>, CellReason> {
    let (negative, digits) = sign(cell);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(CellReason::Expected("a whole number"));
    }
    unscaled(negative, digits)
}

/// Scale and unscaled value: `12.50` keeps its two places, `1e3` has scale -3.
pub(super) fn decimal(cell: &[u8]) -> Result<Vec<u8>, CellReason> {
    const EXPECTED: CellReason = CellReason::Expected("a decimal number");
    const RANGE: CellReason = CellReason::OutOfRange("the places behind the point must fit 32 bits");
    let (negative, rest) = sign(cell);
    let (mantissa, exponent) = match rest.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(at) => (&rest[..at], integer(&rest[at + 1..]).map_err(|_| EXPECTED)?),
        None => (rest, 0),
    };
    let (whole, fraction) = match mantissa.iter().position(|&byte| byte == b'.') {
        Some(at) => (&mantissa[..at], &mantissa[at + 1..]),
        None => (mantissa, &[][..]),
    };
    let digits = [whole, fraction].concat();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(EXPECTED);
    }
    let scale = i64::try_from(fraction.len()).ok().and_then(|places| places.checked_sub(exponent));
    let scale = scale.and_then(|scale| i32::try_from(scale).ok());
    let mut bytes = scale.ok_or(RANGE)?.to_be_bytes().to_vec();
    bytes.extend(unscaled(negative, &digits)?);
    Ok(bytes)
}

fn unscaled(negative: bool, digits: &[u8]) -> Result<Vec<u8>, CellReason> {
    if digits.len() > DIGIT_LIMIT {
        return Err(CellReason::OutOfRange("numbers of more than 20000 digits are refused"));
    }
    if digits.len() > 38 {
        let magnitude = BigInt::parse_bytes(digits, 10).ok_or(CellReason::Expected("a number"))?;
        return Ok(if negative { -magnitude } else { magnitude }.to_signed_bytes_be());
    }
    // 38 digits always fit 127 bits.
    let magnitude = digits.iter().fold(0i128, |value, byte| value * 10 + i128::from(byte - b'0'));
    let bytes = if negative { -magnitude } else { magnitude }.to_be_bytes();
    // Leading bytes that only repeat the sign are not sent.
    let redundant = bytes
        .windows(2)
        .take_while(|pair| (pair[0] == 0 && pair[1] < 0x80) || (pair[0] == 0xff && pair[1] >= 0x80))
        .count();
    Ok(bytes[redundant..].to_vec())
}

fn sign(cell: &[u8]) -> (bool, &[u8]) {
    match cell {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    }
}

/// A whole number as programs write one; a leading zero or plus says it is a code, not a number. The value is
/// `None` when it does not fit 64 bits.
pub(crate) fn whole_number_text(cell: &[u8]) -> Option<Option<i64>> {
    let (_, digits) = sign(cell);
    let plain = match digits {
        [b'0'] => cell.len() == 1,
        [b'0', ..] | [] => false,
        _ => digits.iter().all(u8::is_ascii_digit) && cell[0] != b'+',
    };
    plain.then(|| integer(cell).ok())
}

/// A number with a fraction or exponent as programs write one.
pub(crate) fn decimal_text(cell: &[u8]) -> bool {
    let (_, digits) = sign(cell);
    let starts_like_one = match digits {
        [b'0', b'.', ..] | [b'1'..=b'9', ..] => true,
        [b'.', digit, ..] => digit.is_ascii_digit(),
        [b'0', b'e' | b'E', ..] => true,
        _ => false,
    };
    starts_like_one && cell[0] != b'+' && float::<f64>(cell).is_ok_and(f64::is_finite)
}

#[cfg(test)]
mod tests {
    use chorus_protocol::CqlType;
    use proptest::prelude::*;

    use super::super::tests::bytes;
    use super::*;

    #[test]
    fn integers_at_their_edges() {
        assert_eq!(bytes(&CqlType::Bigint, "-9223372036854775808").unwrap(), "8000000000000000");
        assert_eq!(bytes(&CqlType::Bigint, "9223372036854775807").unwrap(), "7fffffffffffffff");
        assert_eq!(bytes(&CqlType::Bigint, "000000000000000000000007").unwrap(), "0000000000000007");
        assert!(matches!(bytes(&CqlType::Bigint, "9223372036854775808"), Err(CellReason::OutOfRange(_))));
        assert_eq!(bytes(&CqlType::Int, " -2147483648 ").unwrap(), "80000000");
        assert!(matches!(bytes(&CqlType::Int, "2147483648"), Err(CellReason::OutOfRange(_))));
        assert_eq!(bytes(&CqlType::Smallint, "+7").unwrap(), "0007");
        assert!(matches!(bytes(&CqlType::Tinyint, "128"), Err(CellReason::OutOfRange(_))));
        for bad in ["", "-", "1.0", "1e3", "0x10", "1 2", "12345678901234567890x", "١"] {
            assert_eq!(bytes(&CqlType::Int, bad), Err(CellReason::Expected("a whole number")), "{bad}");
        }
    }

    #[test]
    fn floats_and_booleans() {
        assert_eq!(bytes(&CqlType::Double, "19432.125").unwrap(), "40d2fa0800000000");
        assert_eq!(bytes(&CqlType::Float, "19432.125").unwrap(), "4697d040");
        assert!(bytes(&CqlType::Double, "1,5").is_err());
        assert_eq!(bytes(&CqlType::Boolean, "TRUE").unwrap(), "01");
        assert_eq!(bytes(&CqlType::Boolean, "0").unwrap(), "00");
        assert!(bytes(&CqlType::Boolean, "2").is_err());
    }

    #[test]
    fn varints_are_minimal_twos_complement() {
        let cases = [
            ("0", "00"),
            ("-0", "00"),
            ("1", "01"),
            ("-1", "ff"),
            ("127", "7f"),
            ("128", "0080"),
            ("-128", "80"),
            ("-129", "ff7f"),
            ("255", "00ff"),
            ("32768", "008000"),
            ("-32769", "ff7fff"),
            ("9223372036854775808", "008000000000000000"),
            ("-9223372036854775809", "ff7fffffffffffffff"),
            ("123456789123456789123456789", "661efdf2e3b19f7c045f15"),
        ];
        for (text, hex) in cases {
            assert_eq!(bytes(&CqlType::Varint, text).unwrap(), hex, "{text}");
        }
        assert!(matches!(bytes(&CqlType::Varint, &"9".repeat(20_001)), Err(CellReason::OutOfRange(_))));
    }

    #[test]
    fn decimals_keep_their_scale() {
        let cases = [
            ("0", "0000000000"),
            ("-1", "00000000ff"),
            ("1.00", "0000000264"),
            ("123.456", "0000000301e240"),
            ("-0.001", "00000003ff"),
            ("1E+3", "fffffffd01"),
            (".5", "0000000105"),
            ("1243878957943.1234124191998", "0000000d0a4a04225e91048ab118fe"),
            ("-112233.441191", "00000006e5de5d9859"),
            ("64206e100", "ffffff9c00face"),
            ("1.5E+2147483649", "800000000f"),
        ];
        for (text, hex) in cases {
            assert_eq!(bytes(&CqlType::Decimal, text).unwrap(), hex, "{text}");
        }
        for bad in ["", ".", "1e", "e5", "1.2.3", "1,5", "NaN"] {
            assert!(bytes(&CqlType::Decimal, bad).is_err(), "{bad}");
        }
        for far in ["1.5e-2147483648", "1e2147483649"] {
            assert!(matches!(bytes(&CqlType::Decimal, far), Err(CellReason::OutOfRange(_))), "{far}");
        }
    }

    #[test]
    fn codes_are_not_taken_for_numbers() {
        assert_eq!(whole_number_text(b"42"), Some(Some(42)));
        assert_eq!(whole_number_text(b"-7"), Some(Some(-7)));
        assert_eq!(whole_number_text(b"0"), Some(Some(0)));
        assert_eq!(whole_number_text(b"99999999999999999999"), Some(None));
        for code in [&b"007"[..], b"+1", b"-", b"", b"-0", b"1x"] {
            assert_eq!(whole_number_text(code), None);
        }
        for number in [&b"1.5"[..], b"-0.25", b".5", b"1e10", b"3."] {
            assert!(decimal_text(number));
        }
        for code in [&b"9E"[..], b"00.5", b"inf", b"NaN", b"1e999", b"1.2.3", b"."] {
            assert!(!decimal_text(code), "{}", String::from_utf8_lossy(code));
        }
    }

    proptest! {
        #[test]
        fn every_bigint_is_read_back(value: i64) {
            prop_assert_eq!(integer(value.to_string().as_bytes()), Ok(value));
        }

        #[test]
        fn varints_agree_with_big_numbers(value: i128) {
            let expected = BigInt::from(value).to_signed_bytes_be();
            prop_assert_eq!(varint(value.to_string().as_bytes()), Ok(expected));
        }
    }
}
