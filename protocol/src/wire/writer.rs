//! Writing, appended to a buffer.

use std::net::{IpAddr, SocketAddr};

use crate::error::EncodeError;

/// `[short]`
#[inline]
pub fn put_short(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_be_bytes());
}

/// `[int]`
#[inline]
pub fn put_int(out: &mut Vec<u8>, value: i32) {
    out.extend_from_slice(&value.to_be_bytes());
}

/// `[long]`
#[inline]
pub fn put_long(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(&value.to_be_bytes());
}

/// A `[short]` that counts `what`.
#[inline]
pub fn put_short_count(out: &mut Vec<u8>, count: usize, what: &'static str) -> Result<(), EncodeError> {
    let max = usize::from(u16::MAX);
    put_short(out, u16::try_from(count).map_err(|_| EncodeError::TooMany { what, count, max })?);
    Ok(())
}

/// An `[int]` that counts `what`.
#[inline]
pub fn put_int_count(out: &mut Vec<u8>, count: usize, what: &'static str) -> Result<(), EncodeError> {
    let max = i32::MAX as usize;
    put_int(out, i32::try_from(count).map_err(|_| EncodeError::TooMany { what, count, max })?);
    Ok(())
}

/// `[string]`
pub fn put_string(out: &mut Vec<u8>, text: &str, what: &'static str) -> Result<(), EncodeError> {
    put_short_bytes(out, text.as_bytes(), what)
}

/// `[long string]`
pub fn put_long_string(out: &mut Vec<u8>, text: &str, what: &'static str) -> Result<(), EncodeError> {
    put_bytes(out, Some(text.as_bytes()), what)
}

/// `[short bytes]`
pub fn put_short_bytes(out: &mut Vec<u8>, bytes: &[u8], what: &'static str) -> Result<(), EncodeError> {
    let max = usize::from(u16::MAX);
    let length =
        u16::try_from(bytes.len()).map_err(|_| EncodeError::TooLong { what, length: bytes.len(), max })?;
    put_short(out, length);
    out.extend_from_slice(bytes);
    Ok(())
}

/// `[bytes]`, null when `None`.
#[inline]
pub fn put_bytes(out: &mut Vec<u8>, bytes: Option<&[u8]>, what: &'static str) -> Result<(), EncodeError> {
    let Some(bytes) = bytes else {
        put_int(out, -1);
        return Ok(());
    };
    let max = i32::MAX as usize;
    let length =
        i32::try_from(bytes.len()).map_err(|_| EncodeError::TooLong { what, length: bytes.len(), max })?;
    put_int(out, length);
    out.extend_from_slice(bytes);
    Ok(())
}

/// `[string list]`
pub fn put_string_list<S: AsRef<str>>(
    out: &mut Vec<u8>,
    strings: &[S],
    what: &'static str,
) -> Result<(), EncodeError> {
    put_short_count(out, strings.len(), what)?;
    strings.iter().try_for_each(|text| put_string(out, text.as_ref(), what))
}

/// `[inetaddr]`
pub fn put_address(out: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => {
            out.push(4);
            out.extend_from_slice(&address.octets());
        }
        IpAddr::V6(address) => {
            out.push(16);
            out.extend_from_slice(&address.octets());
        }
    }
}

/// `[inet]`
pub fn put_inet(out: &mut Vec<u8>, address: SocketAddr) {
    put_address(out, address.ip());
    put_int(out, i32::from(address.port()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_beyond_the_prefix_are_errors_not_truncations() {
        let mut out = Vec::new();
        let long = "x".repeat(65536);
        assert_eq!(
            put_string(&mut out, &long, "name"),
            Err(EncodeError::TooLong { what: "name", length: 65536, max: 65535 })
        );
        assert!(put_short_count(&mut out, 65536, "values").is_err());
        assert!(put_string(&mut out, &long[1..], "name").is_ok());
    }

    #[test]
    fn addresses_carry_their_size() {
        let mut out = Vec::new();
        put_inet(&mut out, "1.2.3.4:9042".parse().unwrap());
        put_address(&mut out, "::1".parse().unwrap());
        assert_eq!(out[..9], [4, 1, 2, 3, 4, 0, 0, 0x23, 0x52]);
        assert_eq!(out[9..], [16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    }
}
