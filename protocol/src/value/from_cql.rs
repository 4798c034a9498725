//! Reading values.

use std::sync::Arc;

use crate::error::{ValueError, ValueErrorReason};
use crate::types::CqlType;

/// A Rust value that can be read from a cell, an element or a field. `'f` is the life of the frame.
pub trait FromCql<'f>: Sized {
    /// Whether values of `typ` can be read. Asked once per result, before the first row.
    ///
    /// # Errors
    /// [`ValueErrorReason::TypeMismatch`] for a type this cannot be read from.
    fn check(typ: &CqlType) -> Result<(), ValueError>;

    /// Reads a cell of a type that [`check`](Self::check) accepted; `None` is null.
    ///
    /// # Errors
    /// When the bytes are no value of that type, or null and there is no place for null.
    fn from_cql(typ: &'f CqlType, cell: Option<&'f [u8]>) -> Result<Self, ValueError>;
}

/// Null and the legacy empty value become `None`.
impl<'f, T: FromCql<'f>> FromCql<'f> for Option<T> {
    #[inline]
    fn check(typ: &CqlType) -> Result<(), ValueError> {
        T::check(typ)
    }

    #[inline]
    fn from_cql(typ: &'f CqlType, cell: Option<&'f [u8]>) -> Result<Self, ValueError> {
        match cell {
            None => Ok(None),
            Some([]) if !typ.zero_length_is_value() => Ok(None),
            cell => T::from_cql(typ, cell).map(Some),
        }
    }
}

macro_rules! into_pointer {
    ($($pointer:ident),*) => {$(
        impl<'f, T: FromCql<'f>> FromCql<'f> for $pointer<T> {
            fn check(typ: &CqlType) -> Result<(), ValueError> {
                T::check(typ)
            }

            fn from_cql(typ: &'f CqlType, cell: Option<&'f [u8]>) -> Result<Self, ValueError> {
                T::from_cql(typ, cell).map($pointer::new)
            }
        }
    )*};
}

into_pointer!(Box, Arc);

/// The bytes of a cell that must not be null, where zero bytes mean null.
#[inline]
pub(crate) fn not_null<T>(cell: Option<&[u8]>) -> Result<&[u8], ValueError> {
    match cell {
        Some(bytes) if !bytes.is_empty() => Ok(bytes),
        _ => Err(ValueError::unexpected_null::<T>()),
    }
}

/// The bytes of a cell of exactly `N` bytes.
#[inline]
pub(crate) fn fixed<const N: usize, T>(
    what: &'static str,
    cell: Option<&[u8]>,
) -> Result<[u8; N], ValueError> {
    let Some(bytes) = cell else { return Err(ValueError::unexpected_null::<T>()) };
    match bytes.try_into() {
        Ok(array) => Ok(array),
        Err(_) if bytes.is_empty() => Err(ValueError::unexpected_null::<T>()),
        Err(_) => Err(ValueErrorReason::WrongSize { what, expected: N, found: bytes.len() }.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_and_empty_are_none_or_an_error() {
        assert_eq!(Option::<i32>::from_cql(&CqlType::Int, None), Ok(None));
        assert_eq!(Option::<i32>::from_cql(&CqlType::Int, Some(&[])), Ok(None));
        assert_eq!(Option::<&str>::from_cql(&CqlType::Text, Some(&[])), Ok(Some("")));
        for cell in [None, Some(&[][..])] {
            let error = i32::from_cql(&CqlType::Int, cell).unwrap_err();
            assert_eq!(error.reason(), &ValueErrorReason::UnexpectedNull { rust: "i32" });
        }
    }

    #[test]
    fn another_size_is_an_error_that_says_both() {
        let error = i32::from_cql(&CqlType::Int, Some(&[1, 2])).unwrap_err();
        assert_eq!(error.reason(), &ValueErrorReason::WrongSize { what: "int", expected: 4, found: 2 });
    }
}
