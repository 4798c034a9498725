//! Lists, sets, maps and vectors.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, Hash};

use crate::error::{ValueError, ValueErrorReason};
use crate::types::CqlType;
use crate::value::{Elements, FromCql, MapEntries, ToCql, ValueWriter, VectorElements};

/// Writes elements as a list, a set or a vector.
fn write_elements<T: ToCql, C: ?Sized>(
    elements: impl ExactSizeIterator<Item = T>,
    typ: &CqlType,
    out: ValueWriter<'_>,
) -> Result<(), ValueError> {
    match typ {
        CqlType::List(element) | CqlType::Set(element) => out.nested(|out| {
            out.count(elements.len())?;
            for value in elements {
                out.element(&value, element)?;
            }
            Ok(())
        }),
        CqlType::Vector(element, dimension) => {
            let (expected, found) = (usize::from(*dimension), elements.len());
            if expected != found {
                return Err(ValueErrorReason::WrongDimension { expected, found }.into());
            }
            out.nested(|out| {
                for value in elements {
                    out.vector_element(&value, element)?;
                }
                Ok(())
            })
        }
        _ => Err(ValueError::mismatch::<C>(typ)),
    }
}

macro_rules! elements_to_cql {
    ($([$($generics:tt)*] $collection:ty),* $(,)?) => {$(
        impl<$($generics)*> ToCql for $collection {
            fn to_cql(&self, typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
                write_elements::<_, Self>(self.iter(), typ, out)
            }
        }
    )*};
}

elements_to_cql!(
    [T: ToCql] [T],
    [T: ToCql] Vec<T>,
    [T: ToCql, const N: usize] [T; N],
    [T: ToCql] VecDeque<T>,
    [T: ToCql] BTreeSet<T>,
    [T: ToCql, S] HashSet<T, S>,
);

fn write_entries<'a, K: ToCql + 'a, V: ToCql + 'a, C>(
    entries: impl ExactSizeIterator<Item = (&'a K, &'a V)>,
    typ: &CqlType,
    out: ValueWriter<'_>,
) -> Result<(), ValueError> {
    let CqlType::Map(types) = typ else { return Err(ValueError::mismatch::<C>(typ)) };
    out.nested(|out| {
        out.count(entries.len())?;
        for (key, value) in entries {
            out.element(key, &types.0)?;
            out.element(value, &types.1)?;
        }
        Ok(())
    })
}

impl<K: ToCql, V: ToCql> ToCql for BTreeMap<K, V> {
    fn to_cql(&self, typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
        write_entries::<K, V, Self>(self.iter(), typ, out)
    }
}

impl<K: ToCql, V: ToCql, S> ToCql for HashMap<K, V, S> {
    fn to_cql(&self, typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
        write_entries::<K, V, Self>(self.iter(), typ, out)
    }
}

/// A list, a set or a vector. Null is a collection without elements, because CQL does not tell them apart; read into
/// an `Option` to see it. A null vector is an error.
impl<'f, T: FromCql<'f>> FromCql<'f> for Vec<T> {
    fn check(typ: &CqlType) -> Result<(), ValueError> {
        match typ {
            CqlType::List(element) | CqlType::Set(element) | CqlType::Vector(element, _) => T::check(element),
            _ => Err(ValueError::mismatch::<Self>(typ)),
        }
    }

    fn from_cql(typ: &'f CqlType, cell: Option<&'f [u8]>) -> Result<Self, ValueError> {
        match typ {
            CqlType::List(element) | CqlType::Set(element) => {
                let elements = Elements::new(cell)?;
                let mut values = Vec::with_capacity(elements.remaining());
                for cell in elements {
                    values.push(T::from_cql(element, cell?)?);
                }
                Ok(values)
            }
            CqlType::Vector(element, dimension) => {
                let cell = cell.ok_or_else(ValueError::unexpected_null::<Self>)?;
                let elements = VectorElements::new(element, *dimension, cell)?;
                let mut values = Vec::with_capacity(elements.remaining());
                for cell in elements {
                    values.push(T::from_cql(element, Some(cell?))?);
                }
                Ok(values)
            }
            _ => Err(ValueError::mismatch::<Self>(typ)),
        }
    }
}

/// Exactly `N` elements.
impl<'f, T: FromCql<'f>, const N: usize> FromCql<'f> for [T; N] {
    fn check(typ: &CqlType) -> Result<(), ValueError> {
        match typ {
            CqlType::Vector(_, dimension) if usize::from(*dimension) != N => {
                Err(ValueErrorReason::WrongDimension { expected: N, found: usize::from(*dimension) }.into())
            }
            _ => Vec::<T>::check(typ).map_err(|_| ValueError::mismatch::<Self>(typ)),
        }
    }

    fn from_cql(typ: &'f CqlType, cell: Option<&'f [u8]>) -> Result<Self, ValueError> {
        let values = Vec::<T>::from_cql(typ, cell)?;
        let found = values.len();
        values.try_into().map_err(|_| ValueErrorReason::WrongDimension { expected: N, found }.into())
    }
}

/// The element type, when `typ` is a list or a set.
fn element_type<C>(typ: &CqlType) -> Result<&CqlType, ValueError> {
    match typ {
        CqlType::List(element) | CqlType::Set(element) => Ok(element),
        _ => Err(ValueError::mismatch::<C>(typ)),
    }
}

macro_rules! elements_from_cql {
    ($([$($generics:tt)*] $collection:ty),* $(,)?) => {$(
        /// A list or a set; null is one without elements.
        impl<'f, $($generics)*> FromCql<'f> for $collection {
            fn check(typ: &CqlType) -> Result<(), ValueError> {
                T::check(element_type::<Self>(typ)?)
            }

            fn from_cql(typ: &'f CqlType, cell: Option<&'f [u8]>) -> Result<Self, ValueError> {
                let element = element_type::<Self>(typ)?;
                Elements::new(cell)?.map(|cell| T::from_cql(element, cell?)).collect()
            }
        }
    )*};
}

elements_from_cql!(
    [T: FromCql<'f> + Ord] BTreeSet<T>,
    [T: FromCql<'f> + Eq + Hash, S: BuildHasher + Default] HashSet<T, S>,
    [T: FromCql<'f>] VecDeque<T>,
);

macro_rules! entries_from_cql {
    ($([$($generics:tt)*] $collection:ty),* $(,)?) => {$(
        /// Null is a map without entries.
        impl<'f, $($generics)*, V: FromCql<'f>> FromCql<'f> for $collection {
            fn check(typ: &CqlType) -> Result<(), ValueError> {
                let CqlType::Map(types) = typ else { return Err(ValueError::mismatch::<Self>(typ)) };
                K::check(&types.0)?;
                V::check(&types.1)
            }

            fn from_cql(typ: &'f CqlType, cell: Option<&'f [u8]>) -> Result<Self, ValueError> {
                let CqlType::Map(types) = typ else { return Err(ValueError::mismatch::<Self>(typ)) };
                MapEntries::new(cell)?
                    .map(|entry| {
                        let (key, value) = entry?;
                        Ok((K::from_cql(&types.0, key)?, V::from_cql(&types.1, value)?))
                    })
                    .collect()
            }
        }
    )*};
}

entries_from_cql!(
    [K: FromCql<'f> + Ord] BTreeMap<K, V>,
    [S: BuildHasher + Default, K: FromCql<'f> + Eq + Hash] HashMap<K, V, S>,
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::to_cql::encode_value;

    fn round_trip<T>(value: T, typ: &CqlType, bytes: &[u8])
    where
        T: ToCql + for<'f> FromCql<'f> + PartialEq + std::fmt::Debug,
    {
        T::check(typ).unwrap();
        assert_eq!(encode_value(&value, typ).unwrap()[4..], *bytes);
        for length in 1..bytes.len() {
            assert!(T::from_cql(typ, Some(&bytes[..length])).is_err(), "cut at {length}");
        }
        assert_eq!(T::from_cql(typ, Some(bytes)), Ok(value));
    }

    #[test]
    fn collections_have_four_byte_counts_and_lengths() {
        round_trip(
            vec![Some(1), None, Some(2)],
            &CqlType::list(CqlType::Int),
            &[0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 1, 255, 255, 255, 255, 0, 0, 0, 4, 0, 0, 0, 2],
        );
        let map = CqlType::map(CqlType::Text, CqlType::Int);
        let bytes = [0, 0, 0, 1, 0, 0, 0, 1, 0x61, 0, 0, 0, 4, 0, 0, 0, 1];
        round_trip(BTreeMap::from([("a".to_owned(), 1)]), &map, &bytes);
        round_trip(HashMap::<_, _>::from([("a".to_owned(), 1)]), &map, &bytes);
        let bytes = [0, 0, 0, 1, 0, 0, 0, 1, 9];
        let set = CqlType::set(CqlType::Tinyint);
        round_trip(BTreeSet::from([9i8]), &set, &bytes);
        round_trip(HashSet::<_>::from([9i8]), &set, &bytes);
        round_trip(VecDeque::from([9i8]), &set, &bytes);
        round_trip([9i8], &set, &bytes);
        round_trip(
            vec![vec![9i8]],
            &CqlType::list(set),
            &[0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 1, 9],
        );
    }

    #[test]
    fn vectors_have_neither_count_nor_length_for_fixed_elements() {
        let floats = [0x3f, 0x80, 0, 0, 0x40, 0, 0, 0, 0x40, 0x40, 0, 0];
        round_trip(vec![1f32, 2.0, 3.0], &CqlType::vector(CqlType::Float, 3), &floats);
        round_trip([1f32, 2.0, 3.0], &CqlType::vector(CqlType::Float, 3), &floats);
        let texts = ["abc".to_owned(), "de".to_owned()];
        round_trip(texts, &CqlType::vector(CqlType::Text, 2), b"\x03abc\x02de");
        round_trip(vec![1i16, -1], &CqlType::vector(CqlType::Smallint, 2), &[2, 0, 1, 2, 255, 255]);
        round_trip(
            vec![vec![1i32, 2], vec![3, 4]],
            &CqlType::vector(CqlType::vector(CqlType::Int, 2), 2),
            &[0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4],
        );
    }

    #[test]
    fn a_vector_of_another_dimension_is_refused_both_ways() {
        let typ = CqlType::vector(CqlType::Float, 3);
        let error = encode_value(&vec![1f32], &typ).unwrap_err();
        assert_eq!(error.reason(), &ValueErrorReason::WrongDimension { expected: 3, found: 1 });
        assert!(<[f32; 2]>::check(&typ).is_err());
        assert!(<[i32; 2]>::from_cql(&CqlType::list(CqlType::Int), Some(&[0; 4])).is_err());
    }

    #[test]
    fn a_null_collection_is_without_elements() {
        assert_eq!(Vec::<i32>::from_cql(&CqlType::list(CqlType::Int), None), Ok(vec![]));
        assert_eq!(Option::<Vec<i32>>::from_cql(&CqlType::list(CqlType::Int), None), Ok(None));
        let map = CqlType::map(CqlType::Int, CqlType::Int);
        assert_eq!(BTreeMap::<i32, i32>::from_cql(&map, None), Ok(BTreeMap::new()));
        assert!(Vec::<f32>::from_cql(&CqlType::vector(CqlType::Float, 1), None).is_err());
    }

    #[test]
    fn element_types_are_checked() {
        assert!(Vec::<i32>::check(&CqlType::list(CqlType::Bigint)).is_err());
        assert!(HashMap::<String, i32>::check(&CqlType::map(CqlType::Int, CqlType::Int)).is_err());
        assert!(encode_value(&vec![1i32], &CqlType::Int).is_err());
        assert!(encode_value(&BTreeMap::from([(1, 2)]), &CqlType::list(CqlType::Int)).is_err());
    }
}
