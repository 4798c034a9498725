//! Reading, with every length checked against what is left.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use uuid::Uuid;

use crate::consistency::Consistency;
use crate::error::DecodeError;
use crate::value::BoundValue;

/// A cursor over a message body. What it returns borrows from the body.
///
/// Each method names the field it reads, for the error.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads `bytes` from the start.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next `length` bytes.
    #[inline]
    pub fn take(&mut self, length: usize, what: &'static str) -> Result<&'a [u8], DecodeError> {
        match self.rest.split_at_checked(length) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(DecodeError::Truncated { what, needed: length, left: self.rest.len() }),
        }
    }

    #[inline]
    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], DecodeError> {
        match self.rest.split_first_chunk::<N>() {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(*taken)
            }
            None => Err(DecodeError::Truncated { what, needed: N, left: self.rest.len() }),
        }
    }

    /// `[byte]`
    #[inline]
    pub fn byte(&mut self, what: &'static str) -> Result<u8, DecodeError> {
        Ok(self.array::<1>(what)?[0])
    }

    /// `[short]`
    #[inline]
    pub fn short(&mut self, what: &'static str) -> Result<u16, DecodeError> {
        self.array(what).map(u16::from_be_bytes)
    }

    /// `[int]`
    #[inline]
    pub fn int(&mut self, what: &'static str) -> Result<i32, DecodeError> {
        self.array(what).map(i32::from_be_bytes)
    }

    /// `[long]`
    #[inline]
    pub fn long(&mut self, what: &'static str) -> Result<i64, DecodeError> {
        self.array(what).map(i64::from_be_bytes)
    }

    /// An `[int]` that counts something and therefore is not negative.
    #[inline]
    pub fn count(&mut self, what: &'static str) -> Result<usize, DecodeError> {
        let count = self.int(what)?;
        usize::try_from(count).map_err(|_| DecodeError::InvalidLength { what, length: i64::from(count) })
    }

    /// `[uuid]`
    #[inline]
    pub fn uuid(&mut self, what: &'static str) -> Result<Uuid, DecodeError> {
        self.array(what).map(Uuid::from_bytes)
    }

    /// `[string]`
    pub fn string(&mut self, what: &'static str) -> Result<&'a str, DecodeError> {
        let length = usize::from(self.short(what)?);
        std::str::from_utf8(self.take(length, what)?).map_err(|_| DecodeError::InvalidUtf8 { what })
    }

    /// `[string]` that is for people only: what is not UTF-8 in it shows as U+FFFD.
    pub fn lossy_string(&mut self, what: &'static str) -> Result<Cow<'a, str>, DecodeError> {
        let length = usize::from(self.short(what)?);
        self.take(length, what).map(String::from_utf8_lossy)
    }

    /// `[long string]`
    pub fn long_string(&mut self, what: &'static str) -> Result<&'a str, DecodeError> {
        let length = self.count(what)?;
        std::str::from_utf8(self.take(length, what)?).map_err(|_| DecodeError::InvalidUtf8 { what })
    }

    /// `[bytes]`, `None` when null. Any negative length is null.
    #[inline]
    pub fn bytes(&mut self, what: &'static str) -> Result<Option<&'a [u8]>, DecodeError> {
        let length = self.int(what)?;
        match usize::try_from(length) {
            Ok(length) => self.take(length, what).map(Some),
            Err(_) => Ok(None),
        }
    }

    /// `[value]`: -1 is null, -2 is unset, anything below is an error.
    #[inline]
    pub fn value(&mut self, what: &'static str) -> Result<BoundValue<'a>, DecodeError> {
        match self.int(what)? {
            -1 => Ok(BoundValue::Null),
            -2 => Ok(BoundValue::Unset),
            length if length < 0 => Err(DecodeError::InvalidValueLength(length)),
            length => self.take(length as usize, what).map(BoundValue::Bytes),
        }
    }

    /// `[short bytes]`
    #[inline]
    pub fn short_bytes(&mut self, what: &'static str) -> Result<&'a [u8], DecodeError> {
        let length = usize::from(self.short(what)?);
        self.take(length, what)
    }

    /// `[string list]`
    pub fn string_list(&mut self, what: &'static str) -> Result<Vec<String>, DecodeError> {
        let count = usize::from(self.short(what)?);
        let mut strings = Vec::with_capacity(self.capacity(count, 2));
        for _ in 0..count {
            strings.push(self.string(what)?.to_owned());
        }
        Ok(strings)
    }

    /// `[string list]` of texts that are for people only; see [`lossy_string`](Self::lossy_string).
    pub fn lossy_string_list(&mut self, what: &'static str) -> Result<Vec<String>, DecodeError> {
        let count = usize::from(self.short(what)?);
        let mut strings = Vec::with_capacity(self.capacity(count, 2));
        for _ in 0..count {
            strings.push(self.lossy_string(what)?.into_owned());
        }
        Ok(strings)
    }

    /// `[string map]`, in the order it arrived.
    pub fn string_map(&mut self, what: &'static str) -> Result<Vec<(String, String)>, DecodeError> {
        let count = usize::from(self.short(what)?);
        let mut pairs = Vec::with_capacity(self.capacity(count, 4));
        for _ in 0..count {
            pairs.push((self.string(what)?.to_owned(), self.string(what)?.to_owned()));
        }
        Ok(pairs)
    }

    /// `[string multimap]`, in the order it arrived.
    pub fn string_multimap(&mut self, what: &'static str) -> Result<Vec<(String, Vec<String>)>, DecodeError> {
        let count = usize::from(self.short(what)?);
        let mut pairs = Vec::with_capacity(self.capacity(count, 4));
        for _ in 0..count {
            pairs.push((self.string(what)?.to_owned(), self.string_list(what)?));
        }
        Ok(pairs)
    }

    /// `[inetaddr]`
    pub fn address(&mut self, what: &'static str) -> Result<IpAddr, DecodeError> {
        match self.byte(what)? {
            4 => self.array::<4>(what).map(IpAddr::from),
            16 => self.array::<16>(what).map(IpAddr::from),
            length => Err(DecodeError::InvalidLength { what, length: i64::from(length) }),
        }
    }

    /// `[inet]`
    pub fn inet(&mut self, what: &'static str) -> Result<SocketAddr, DecodeError> {
        let address = self.address(what)?;
        let port = self.int(what)?;
        let port =
            u16::try_from(port).map_err(|_| DecodeError::InvalidLength { what, length: i64::from(port) })?;
        Ok(SocketAddr::new(address, port))
    }

    /// `[consistency]`
    #[inline]
    pub fn consistency(&mut self) -> Result<Consistency, DecodeError> {
        Consistency::try_from(self.short("consistency")?)
    }

    /// What has not been read yet.
    #[inline]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// True when everything has been read.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// How much room to reserve for `count` announced elements that take at least `smallest` bytes each:
    /// never more than what arrived can hold.
    #[inline]
    pub fn capacity(&self, count: usize, smallest: usize) -> usize {
        count.min(self.rest.len() / smallest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_notation_reads_what_it_says() {
        let mut reader = Reader::new(&[
            7, 0, 2, b'h', b'i', 0, 0, 0, 1, b'x', 255, 255, 255, 255, 255, 255, 255, 254, 4, 127, 0, 0, 1,
            0, 0, 0x23, 0x52, 0, 6,
        ]);
        assert_eq!(reader.byte("b"), Ok(7));
        assert_eq!(reader.string("s"), Ok("hi"));
        assert_eq!(reader.bytes("b"), Ok(Some(&b"x"[..])));
        assert_eq!(reader.clone().bytes("b"), Ok(None));
        assert_eq!(reader.value("v"), Ok(BoundValue::Null));
        assert_eq!(reader.clone().bytes("b"), Ok(None));
        assert_eq!(reader.value("v"), Ok(BoundValue::Unset));
        assert_eq!(reader.inet("i"), Ok("127.0.0.1:9042".parse().unwrap()));
        assert_eq!(reader.consistency(), Ok(Consistency::LocalQuorum));
        assert!(reader.is_empty());
    }

    #[test]
    fn announced_lengths_beyond_the_end_are_errors() {
        assert_eq!(
            Reader::new(&[0, 5, b'a']).string("name"),
            Err(DecodeError::Truncated { what: "name", needed: 5, left: 1 })
        );
        assert!(Reader::new(&[0x7f, 255, 255, 255]).bytes("b").is_err());
        assert!(Reader::new(&[255, 255]).string_list("l").is_err());
        assert!(Reader::new(&[255, 255, 255, 255]).long_string("l").is_err());
        assert_eq!(Reader::new(&(-3i32).to_be_bytes()).value("v"), Err(DecodeError::InvalidValueLength(-3)));
        assert!(Reader::new(&[5, 1, 2, 3, 4, 5]).address("a").is_err());
        assert!(Reader::new(&[4, 1, 2, 3, 4, 0, 1, 0, 0]).inet("a").is_err());
        assert_eq!(Reader::new(&[0, 1, 0xff]).string("s"), Err(DecodeError::InvalidUtf8 { what: "s" }));
    }
}
