//! Writing values.

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

use crate::error::{ValueError, ValueErrorReason};
use crate::types::CqlType;
use crate::value::vint;

/// A Rust value that can be bound to a marker or nested in another value.
pub trait ToCql {
    /// Writes this value as one of type `typ`: calls exactly one method of `out`, once.
    ///
    /// # Errors
    /// When Rust and CQL type do not go together, or the value is outside what the CQL type can hold.
    fn to_cql(&self, typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError>;
}

/// Where one value goes: into the buffer of a frame, framed as its surroundings demand.
#[derive(Debug)]
#[must_use = "a value must be written"]
pub struct ValueWriter<'a> {
    out: &'a mut Vec<u8>,
    framing: Framing,
}

/// What surrounds a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    /// A bound value: four bytes of length, may be null or unset.
    Bound,
    /// Inside a collection, tuple or user type: the same without unset.
    Element,
    /// In a vector of fixed-size elements: nothing but the bytes.
    Bare(usize),
    /// In a vector of other elements: a variable-length length.
    Prefixed,
}

impl<'a> ValueWriter<'a> {
    /// Appends one bound value to `out`.
    #[inline]
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, framing: Framing::Bound }
    }

    /// Writes null.
    #[inline]
    pub fn null(self) -> Result<(), ValueError> {
        match self.framing {
            Framing::Bound | Framing::Element => {
                self.out.extend_from_slice(&(-1i32).to_be_bytes());
                Ok(())
            }
            Framing::Bare(_) | Framing::Prefixed => {
                Err(ValueErrorReason::NullElement { what: "a vector" }.into())
            }
        }
    }

    /// Writes unset. Only a bound value can be, not an element of one.
    #[inline]
    pub fn unset(self) -> Result<(), ValueError> {
        if self.framing == Framing::Bound {
            self.out.extend_from_slice(&(-2i32).to_be_bytes());
            Ok(())
        } else {
            Err(ValueErrorReason::NullElement { what: "another value" }.into())
        }
    }

    /// Writes `N` bytes, at most 16, with the length known when compiling.
    #[inline(always)]
    pub fn fixed<const N: usize>(self, bytes: [u8; N]) -> Result<(), ValueError> {
        const { assert!(N <= 16, "longer values go through bytes()") };
        match self.framing {
            Framing::Bound | Framing::Element => {
                // One copy of length and bytes together: one capacity check instead of two.
                let mut cell = [0u8; 20];
                cell[..4].copy_from_slice(&(N as i32).to_be_bytes());
                cell[4..4 + N].copy_from_slice(&bytes);
                self.out.extend_from_slice(&cell[..4 + N]);
                Ok(())
            }
            Framing::Bare(_) | Framing::Prefixed => self.vector_element(&bytes),
        }
    }

    /// Writes bytes.
    #[inline]
    pub fn bytes(self, bytes: &[u8]) -> Result<(), ValueError> {
        match self.framing {
            Framing::Bound | Framing::Element => {
                let length = i32::try_from(bytes.len()).map_err(|_| too_large(bytes.len()))?;
                self.out.reserve(4 + bytes.len());
                self.out.extend_from_slice(&length.to_be_bytes());
                self.out.extend_from_slice(bytes);
                Ok(())
            }
            Framing::Bare(_) | Framing::Prefixed => self.vector_element(bytes),
        }
    }

    fn vector_element(self, bytes: &[u8]) -> Result<(), ValueError> {
        if let Framing::Bare(expected) = self.framing {
            check_size(expected, bytes.len())?;
        } else {
            vint::put_unsigned(self.out, bytes.len() as u64);
        }
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    /// Writes whatever `write` appends, and its length in front. Nothing is written twice or kept elsewhere.
    #[inline]
    pub fn nested(
        self,
        write: impl FnOnce(&mut NestedWriter<'_>) -> Result<(), ValueError>,
    ) -> Result<(), ValueError> {
        let start = self.out.len();
        match self.framing {
            Framing::Bound | Framing::Element => {
                self.out.extend_from_slice(&[0; 4]);
                write(&mut NestedWriter { out: self.out })?;
                let length = self.out.len() - start - 4;
                let prefix = i32::try_from(length).map_err(|_| too_large(length))?;
                self.out[start..start + 4].copy_from_slice(&prefix.to_be_bytes());
            }
            Framing::Bare(expected) => {
                write(&mut NestedWriter { out: self.out })?;
                check_size(expected, self.out.len() - start)?;
            }
            Framing::Prefixed => {
                write(&mut NestedWriter { out: self.out })?;
                // The length of the length is only known now: append it, then turn it to the front.
                let end = self.out.len();
                vint::put_unsigned(self.out, (end - start) as u64);
                let prefix = self.out.len() - end;
                self.out[start..].rotate_right(prefix);
            }
        }
        Ok(())
    }
}

#[cold]
fn too_large(length: usize) -> ValueError {
    ValueErrorReason::TooLarge { length }.into()
}

#[inline]
fn check_size(expected: usize, found: usize) -> Result<(), ValueError> {
    if expected == found {
        Ok(())
    } else {
        Err(ValueErrorReason::WrongSize { what: "a vector element", expected, found }.into())
    }
}

/// The inside of a value that holds others.
#[derive(Debug)]
pub struct NestedWriter<'a> {
    out: &'a mut Vec<u8>,
}

impl NestedWriter<'_> {
    /// Appends bytes as they are.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Appends a signed variable-length integer.
    pub(crate) fn signed_vint(&mut self, value: i64) {
        vint::put_signed(self.out, value);
    }

    /// Appends a collection's element count.
    #[inline]
    pub fn count(&mut self, count: usize) -> Result<(), ValueError> {
        let count = i32::try_from(count).map_err(|_| too_large(count))?;
        self.out.extend_from_slice(&count.to_be_bytes());
        Ok(())
    }

    /// Appends an element of a collection or a field.
    #[inline]
    pub fn element<T: ToCql + ?Sized>(&mut self, value: &T, typ: &CqlType) -> Result<(), ValueError> {
        self.write(value, typ, Framing::Element)
    }

    /// Appends null as an element or field.
    #[inline]
    pub fn null(&mut self) {
        self.out.extend_from_slice(&(-1i32).to_be_bytes());
    }

    /// Appends an element of a vector whose elements are `typ`.
    #[inline]
    pub fn vector_element<T: ToCql + ?Sized>(&mut self, value: &T, typ: &CqlType) -> Result<(), ValueError> {
        let framing = typ.fixed_vector_element_size().map_or(Framing::Prefixed, Framing::Bare);
        self.write(value, typ, framing)
    }

    #[inline]
    fn write<T: ToCql + ?Sized>(
        &mut self,
        value: &T,
        typ: &CqlType,
        framing: Framing,
    ) -> Result<(), ValueError> {
        let before = self.out.len();
        value.to_cql(typ, ValueWriter { out: self.out, framing })?;
        if self.out.len() == before {
            return Err(ValueErrorReason::NotWrittenOnce.into());
        }
        Ok(())
    }
}

macro_rules! through_deref {
    ($($pointer:ty),*) => {$(
        impl<T: ToCql + ?Sized> ToCql for $pointer {
            #[inline]
            fn to_cql(&self, typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
                (**self).to_cql(typ, out)
            }
        }
    )*};
}

through_deref!(&T, &mut T, Box<T>, Rc<T>, Arc<T>);

impl<T: ToCql + ToOwned + ?Sized> ToCql for Cow<'_, T> {
    #[inline]
    fn to_cql(&self, typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
        (**self).to_cql(typ, out)
    }
}

impl<T: ToCql> ToCql for Option<T> {
    #[inline]
    fn to_cql(&self, typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
        match self {
            Some(value) => value.to_cql(typ, out),
            None => out.null(),
        }
    }
}

#[cfg(test)]
pub(crate) fn encode_value(value: &dyn ToCql, typ: &CqlType) -> Result<Vec<u8>, ValueError> {
    let mut out = Vec::new();
    value.to_cql(typ, ValueWriter::new(&mut out))?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Silent;

    impl ToCql for Silent {
        fn to_cql(&self, _: &CqlType, _: ValueWriter<'_>) -> Result<(), ValueError> {
            Ok(())
        }
    }

    #[test]
    fn an_element_that_writes_nothing_is_caught() {
        let error = encode_value(&vec![Silent], &CqlType::list(CqlType::Int)).unwrap_err();
        assert_eq!(error.reason(), &ValueErrorReason::NotWrittenOnce);
    }

    #[test]
    fn pointers_write_what_they_point_to() {
        let values: [&dyn ToCql; 5] =
            [&5i32, &&5i32, &Box::new(5i32), &Arc::new(5i32), &Cow::<'_, i32>::Owned(5)];
        for value in values {
            assert_eq!(encode_value(value, &CqlType::Int).unwrap(), [0, 0, 0, 4, 0, 0, 0, 5]);
        }
    }

    #[test]
    fn unset_cannot_be_nested_and_null_not_in_vectors() {
        use crate::value::Unset;
        assert!(encode_value(&vec![Unset], &CqlType::list(CqlType::Int)).is_err());
        assert!(encode_value(&vec![None::<i32>], &CqlType::vector(CqlType::Int, 1)).is_err());
        assert!(encode_value(&vec![None::<i32>], &CqlType::list(CqlType::Int)).is_ok());
    }

    #[test]
    fn the_length_prefix_of_a_nested_vector_element_goes_in_front() {
        let typ = CqlType::vector(CqlType::list(CqlType::Tinyint), 2);
        let long: Vec<i8> = vec![3; 40];
        let bytes = encode_value(&vec![vec![1i8], long], &typ).unwrap();
        assert_eq!(bytes[..4 + 1 + 9], [0, 0, 0, 216, 9, 0, 0, 0, 1, 0, 0, 0, 1, 1]);
        assert_eq!(bytes[14..14 + 6], [0x80, 204, 0, 0, 0, 40]);
    }
}
