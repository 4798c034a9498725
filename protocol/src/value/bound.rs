//! The three states of a bound value, and the empty one.

use crate::error::ValueError;
use crate::types::CqlType;
use crate::value::{FromCql, ToCql, ValueWriter};

/// A `[value]` as it stands in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BoundValue<'a> {
    /// Null: deletes.
    Null,
    /// Unset: leaves alone. Protocol v4 and later.
    Unset,
    /// Encoded bytes, possibly none.
    Bytes(&'a [u8]),
}

impl<'a> BoundValue<'a> {
    /// The bytes, `None` when null or unset.
    pub const fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Null | Self::Unset => None,
        }
    }
}

/// Leaves a column as it is, without writing a tombstone. Protocol v4 and later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Unset;

/// A value that may be left unset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum MaybeUnset<T> {
    /// Write this.
    Set(T),
    /// Leave the column as it is.
    #[default]
    Unset,
}

/// A value that may be the legacy "empty": zero bytes where the type has no such value.
///
/// Reading into the type itself treats empty as null; this keeps the two apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MaybeEmpty<T> {
    /// Zero bytes.
    Empty,
    /// A value.
    Value(T),
}

impl ToCql for Unset {
    #[inline]
    fn to_cql(&self, _: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
        out.unset()
    }
}

impl<T: ToCql> ToCql for MaybeUnset<T> {
    #[inline]
    fn to_cql(&self, typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
        match self {
            Self::Set(value) => value.to_cql(typ, out),
            Self::Unset => out.unset(),
        }
    }
}

impl<T> From<Option<T>> for MaybeUnset<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Unset, Self::Set)
    }
}

impl ToCql for BoundValue<'_> {
    #[inline]
    fn to_cql(&self, _: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
        match self {
            Self::Null => out.null(),
            Self::Unset => out.unset(),
            Self::Bytes(bytes) => out.bytes(bytes),
        }
    }
}

impl<T: ToCql> ToCql for MaybeEmpty<T> {
    fn to_cql(&self, typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
        match self {
            Self::Empty => out.bytes(&[]),
            Self::Value(value) => value.to_cql(typ, out),
        }
    }
}

impl<'f, T: FromCql<'f>> FromCql<'f> for MaybeEmpty<T> {
    fn check(typ: &CqlType) -> Result<(), ValueError> {
        T::check(typ)
    }

    fn from_cql(typ: &'f CqlType, cell: Option<&'f [u8]>) -> Result<Self, ValueError> {
        match cell {
            Some([]) if !typ.zero_length_is_value() => Ok(Self::Empty),
            cell => T::from_cql(typ, cell).map(Self::Value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::to_cql::encode_value;

    #[test]
    fn null_unset_and_empty_are_three_things() {
        assert_eq!(encode_value(&None::<i32>, &CqlType::Int).unwrap(), [255, 255, 255, 255]);
        assert_eq!(encode_value(&Unset, &CqlType::Int).unwrap(), [255, 255, 255, 254]);
        assert_eq!(encode_value(&MaybeUnset::<i32>::Unset, &CqlType::Int).unwrap(), [255, 255, 255, 254]);
        assert_eq!(encode_value(&MaybeEmpty::<i32>::Empty, &CqlType::Int).unwrap(), [0, 0, 0, 0]);
        assert_eq!(encode_value(&MaybeUnset::Set(7i8), &CqlType::Tinyint).unwrap(), [0, 0, 0, 1, 7]);
        assert_eq!(encode_value(&"", &CqlType::Text).unwrap(), [0, 0, 0, 0]);
    }

    #[test]
    fn empty_is_told_from_null_when_asked() {
        type Read = Option<MaybeEmpty<i32>>;
        assert_eq!(MaybeEmpty::<i32>::from_cql(&CqlType::Int, Some(&[])), Ok(MaybeEmpty::Empty));
        assert_eq!(MaybeEmpty::<i32>::from_cql(&CqlType::Int, Some(&[0, 0, 0, 5])), Ok(MaybeEmpty::Value(5)));
        assert_eq!(Read::from_cql(&CqlType::Int, None), Ok(None));
        assert_eq!(
            MaybeEmpty::<&str>::from_cql(&CqlType::Text, Some(&[])),
            Ok(MaybeEmpty::Value("")),
            "empty text is a text"
        );
    }
}
