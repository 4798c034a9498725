//! Numbers with a fraction, and those without an end.

use chorus_protocol::{CqlVarint, ValueErrorReason};

use super::RowTextReason;

/// Numbers of more bytes have more than 20,000 digits, which loads refuse: reading and writing them takes time that grows with the square
/// of their length.
const LONGEST: usize = 8304;

/// The shortest digits that are read as the same number; `NaN` and `Infinity` as CQL has them. Whether it is finite.
pub(super) fn double(value: f64, out: &mut Vec<u8>) -> bool {
    if value.is_finite() {
        out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
        return true;
    }
    not_finite(value.is_nan(), value.is_sign_negative(), out)
}

/// The same of a float: 0.1, not 0.10000000149.
pub(super) fn float(value: f32, out: &mut Vec<u8>) -> bool {
    if value.is_finite() {
        out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
        return true;
    }
    not_finite(value.is_nan(), value.is_sign_negative(), out)
}

#[cold]
fn not_finite(nan: bool, negative: bool, out: &mut Vec<u8>) -> bool {
    out.extend_from_slice(match (nan, negative) {
        (true, _) => b"NaN",
        (false, true) => b"-Infinity",
        (false, false) => b"Infinity",
    });
    false
}

pub(super) fn integer(value: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// A whole number of any size: big-endian two's complement.
pub(super) fn varint(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), RowTextReason> {
    if bytes.len() > LONGEST {
        return Err(RowTextReason::NumberTooLong { bytes: bytes.len(), limit: LONGEST });
    }
    match small(bytes) {
        Some(value) => out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes()),
        None => out.extend_from_slice(CqlVarint::from_signed_be_bytes(bytes).to_string().as_bytes()),
    }
    Ok(())
}

/// The value if it has at most sixteen bytes.
fn small(bytes: &[u8]) -> Option<i128> {
    let sign = if bytes.first()? & 0x80 == 0 { 0 } else { 0xff };
    let mut wide = [sign; 16];
    let start = wide.len().checked_sub(bytes.len())?;
    wide[start..].copy_from_slice(bytes);
    Some(i128::from_be_bytes(wide))
}

/// A decimal, in the notation of Java's `BigDecimal`, which every server prints: all places are kept, and there is an exponent only where
/// the number is far from one.
pub(super) fn decimal(cell: &[u8], out: &mut Vec<u8>) -> Result<(), RowTextReason> {
    /// Zeros behind the point that are written before an exponent is.
    const MOST_ZEROS: i64 = 6;
    let Some((scale, unscaled)) = cell.split_first_chunk::<4>().filter(|(_, unscaled)| !unscaled.is_empty())
    else {
        return Err(ValueErrorReason::Truncated { what: "a decimal" }.into());
    };
    let scale = i64::from(i32::from_be_bytes(*scale));
    let start = out.len();
    varint(unscaled, out)?;
    if scale == 0 {
        return Ok(());
    }
    let first = start + usize::from(out[start] == b'-');
    let digits = out.len() - first;
    let exponent = digits as i64 - 1 - scale;
    if scale < 0 || exponent < -MOST_ZEROS {
        if digits > 1 {
            out.insert(first + 1, b'.');
        }
        if exponent != 0 {
            out.extend_from_slice(if exponent < 0 { b"E" } else { b"E+" });
            integer(exponent, out);
        }
        return Ok(());
    }
    // So many digits, or six more, at most: there are that many places.
    let places = scale as usize;
    if places < digits {
        out.insert(out.len() - places, b'.');
    } else {
        let zeros = places - digits;
        out.splice(first..first, *b"0.");
        out.splice(first + 2..first + 2, std::iter::repeat_n(b'0', zeros));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(unscaled: i128, scale: i32) -> String {
        let cell = [&scale.to_be_bytes()[..], CqlVarint::from(unscaled).as_signed_be_bytes()].concat();
        let mut out = b"x".to_vec();
        decimal(&cell, &mut out).unwrap();
        String::from_utf8(out).unwrap().split_off(1)
    }

    #[test]
    fn decimals_look_as_those_of_the_servers() {
        // What java.math.BigDecimal.toString says of the same numbers.
        for (unscaled, scale, text) in [
            (0, 0, "0"),
            (0, 2, "0.00"),
            (0, 8, "0E-8"),
            (0, -2, "0E+2"),
            (123, 0, "123"),
            (-123, 0, "-123"),
            (123, -1, "1.23E+3"),
            (123, -3, "1.23E+5"),
            (123, 1, "12.3"),
            (123, 5, "0.00123"),
            (123, 10, "1.23E-8"),
            (-123, 12, "-1.23E-10"),
            (1, 6, "0.000001"),
            (1, 7, "1E-7"),
            (10, 7, "0.0000010"),
            (12, 8, "1.2E-7"),
            (1, -1, "1E+1"),
            (5, i32::MAX, "5E-2147483647"),
            (5, i32::MIN, "5E+2147483648"),
            (i128::MAX, 10, "17014118346046923173168730371.5884105727"),
        ] {
            assert_eq!(written(unscaled, scale), text);
        }
    }

    #[test]
    fn numbers_longer_than_any_reader_takes_are_refused() {
        let mut out = Vec::new();
        varint(&[0x7f; LONGEST], &mut out).unwrap();
        assert!(out.len() <= 20_000, "{}", out.len());
        assert!(matches!(
            varint(&[0x7f; LONGEST + 1], &mut out),
            Err(RowTextReason::NumberTooLong { bytes, .. }) if bytes == LONGEST + 1
        ));
    }

    #[test]
    fn decimals_cut_short_are_errors() {
        for cell in [&[][..], &[0], &[0, 0, 0, 1]] {
            assert!(matches!(decimal(cell, &mut Vec::new()), Err(RowTextReason::Malformed(_))));
        }
    }

    #[test]
    fn floats_are_short_and_those_without_end_have_names() {
        let mut out = Vec::new();
        assert!(float(0.1, &mut out) && double(-1e300, &mut out) && double(270.0, &mut out));
        assert!(!double(f64::NAN, &mut out) && !float(f32::NEG_INFINITY, &mut out));
        assert_eq!(String::from_utf8(out).unwrap(), "0.1-1e+300270.0NaN-Infinity");
    }
}
