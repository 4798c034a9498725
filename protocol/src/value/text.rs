//! Text and blobs.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

use crate::error::{ValueError, ValueErrorReason};
use crate::types::{CqlType, NativeType};
use crate::value::{FromCql, ToCql, ValueWriter};

impl ToCql for str {
    #[inline]
    fn to_cql(&self, typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
        match typ {
            CqlType::Native(NativeType::Text) => out.bytes(self.as_bytes()),
            CqlType::Native(NativeType::Ascii) if self.is_ascii() => out.bytes(self.as_bytes()),
            CqlType::Native(NativeType::Ascii) => Err(ValueErrorReason::NotAscii.into()),
            _ => Err(ValueError::mismatch::<Self>(typ)),
        }
    }
}

impl ToCql for String {
    #[inline]
    fn to_cql(&self, typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
        self.as_str().to_cql(typ, out)
    }
}

impl<'f> FromCql<'f> for &'f str {
    #[inline]
    fn check(typ: &CqlType) -> Result<(), ValueError> {
        match typ {
            CqlType::Native(NativeType::Text | NativeType::Ascii) => Ok(()),
            _ => Err(ValueError::mismatch::<str>(typ)),
        }
    }

    #[inline]
    fn from_cql(_: &'f CqlType, cell: Option<&'f [u8]>) -> Result<Self, ValueError> {
        let bytes = cell.ok_or_else(ValueError::unexpected_null::<str>)?;
        std::str::from_utf8(bytes).map_err(|_| ValueErrorReason::InvalidUtf8.into())
    }
}

impl ToCql for [u8] {
    #[inline]
    fn to_cql(&self, typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
        match typ {
            CqlType::Native(NativeType::Blob) | CqlType::Custom(_) => out.bytes(self),
            _ => Err(ValueError::mismatch::<Self>(typ)),
        }
    }
}

macro_rules! bytes_to_cql {
    ($($rust:ty),*) => {$(
        impl ToCql for $rust {
            #[inline]
            fn to_cql(&self, typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
                self[..].to_cql(typ, out)
            }
        }
    )*};
}

bytes_to_cql!(Vec<u8>, Bytes);

impl<const N: usize> ToCql for [u8; N] {
    #[inline]
    fn to_cql(&self, typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
        self[..].to_cql(typ, out)
    }
}

impl<'f> FromCql<'f> for &'f [u8] {
    #[inline]
    fn check(typ: &CqlType) -> Result<(), ValueError> {
        match typ {
            CqlType::Native(NativeType::Blob) | CqlType::Custom(_) => Ok(()),
            _ => Err(ValueError::mismatch::<[u8]>(typ)),
        }
    }

    #[inline]
    fn from_cql(_: &'f CqlType, cell: Option<&'f [u8]>) -> Result<Self, ValueError> {
        cell.ok_or_else(ValueError::unexpected_null::<[u8]>)
    }
}

macro_rules! owned_from_cql {
    ($($owned:ty, $borrowed:ty, $own:expr);* $(;)?) => {$(
        impl<'f> FromCql<'f> for $owned {
            #[inline]
            fn check(typ: &CqlType) -> Result<(), ValueError> {
                <&$borrowed>::check(typ)
            }

            #[inline]
            fn from_cql(typ: &'f CqlType, cell: Option<&'f [u8]>) -> Result<Self, ValueError> {
                <&'f $borrowed>::from_cql(typ, cell).map($own)
            }
        }
    )*};
}

owned_from_cql! {
    String, str, str::to_owned;
    Box<str>, str, Box::from;
    Arc<str>, str, Arc::from;
    Cow<'f, str>, str, Cow::Borrowed;
    Vec<u8>, [u8], <[u8]>::to_vec;
    Bytes, [u8], Bytes::copy_from_slice;
    Cow<'f, [u8]>, [u8], Cow::Borrowed;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::to_cql::encode_value;

    #[test]
    fn text_and_bytes_borrow_from_the_frame() {
        let frame = b"abc".to_vec();
        let text = <&str>::from_cql(&CqlType::Text, Some(&frame)).unwrap();
        assert_eq!(text.as_ptr(), frame.as_ptr());
        let bytes = <&[u8]>::from_cql(&CqlType::Blob, Some(&frame)).unwrap();
        assert_eq!(bytes.as_ptr(), frame.as_ptr());
        assert_eq!(String::from_cql(&CqlType::Ascii, Some(b"")), Ok(String::new()));
        assert_eq!(Vec::<u8>::from_cql(&CqlType::custom("x"), Some(b"\xff")), Ok(vec![255]));
    }

    #[test]
    fn ascii_columns_refuse_other_characters() {
        assert_eq!(encode_value(&"abc", &CqlType::Ascii).unwrap(), b"\0\0\0\x03abc");
        let error = encode_value(&"\u{e9}", &CqlType::Ascii).unwrap_err();
        assert_eq!(error.reason(), &ValueErrorReason::NotAscii);
        assert!(encode_value(&"\u{e9}", &CqlType::Text).is_ok());
    }

    #[test]
    fn text_that_is_not_utf8_is_an_error_not_a_replacement() {
        let error = <&str>::from_cql(&CqlType::Text, Some(&[0xff])).unwrap_err();
        assert_eq!(error.reason(), &ValueErrorReason::InvalidUtf8);
    }

    #[test]
    fn bytes_and_text_are_not_mixed_up() {
        assert!(encode_value(&"abc", &CqlType::Blob).is_err());
        assert!(encode_value(&b"abc".to_vec(), &CqlType::Text).is_err());
        assert!(encode_value(&Bytes::from_static(b"abc"), &CqlType::Blob).is_ok());
        assert!(encode_value(b"abc", &CqlType::Blob).is_ok());
    }
}
