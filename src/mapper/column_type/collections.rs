//! Lists, sets, maps and vectors.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use chorus_protocol::value::OrderedMap;

use super::{ColumnType, TypeDefinition};
use crate::mapper::ValidationError;

/// How many elements a collection may have: servers of old counted them in 16 bits, and more do not belong into one cell.
pub(crate) const MAX_ELEMENTS: usize = u16::MAX as usize;

fn check_count(count: usize) -> Result<(), ValidationError> {
    if count <= MAX_ELEMENTS {
        return Ok(());
    }
    let reason = format!("has {count} elements, and a collection takes {MAX_ELEMENTS}");
    Err(ValidationError::new("", reason))
}

/// An element, a key or a value of a map.
fn check_part<T: ColumnType>(part: &T, place: impl Fn() -> String) -> Result<(), ValidationError> {
    if part.is_null() {
        return Err(ValidationError::new("", format!("{} is null, which no collection can hold", place())));
    }
    part.validate().map_err(|error| error.within(&place()))
}

fn check_elements<'a, T: ColumnType + 'a>(
    elements: impl Iterator<Item = &'a T>,
) -> Result<(), ValidationError> {
    let mut elements = elements.enumerate();
    elements.try_for_each(|(place, element)| check_part(element, || format!("element {place}")))
}

macro_rules! elements {
    ($([$($generics:tt)*] $collection:ty => $kind:ident;)*) => {$(
        impl<$($generics)*> ColumnType for $collection {
            fn definition() -> TypeDefinition {
                TypeDefinition::$kind(T::definition())
            }

            fn is_empty_collection(&self) -> bool {
                self.is_empty()
            }

            fn validate(&self) -> Result<(), ValidationError> {
                check_count(self.len())?;
                check_elements(self.iter())
            }
        }
    )*};
}

elements! {
    [T: ColumnType] Vec<T> => list;
    [T: ColumnType] VecDeque<T> => list;
    [T: ColumnType] BTreeSet<T> => set;
    [T: ColumnType, S] HashSet<T, S> => set;
}

macro_rules! entries {
    ($([$($generics:tt)*] $map:ty;)*) => {$(
        impl<$($generics)*> ColumnType for $map {
            fn definition() -> TypeDefinition {
                TypeDefinition::map(K::definition(), V::definition())
            }

            fn is_empty_collection(&self) -> bool {
                self.is_empty()
            }

            fn validate(&self) -> Result<(), ValidationError> {
                check_count(self.len())?;
                for (place, (key, value)) in self.iter().enumerate() {
                    check_part(key, || format!("key {place}"))?;
                    check_part(value, || format!("value {place}"))?;
                }
                Ok(())
            }
        }
    )*};
}

entries! {
    [K: ColumnType, V: ColumnType] BTreeMap<K, V>;
    [K: ColumnType, V: ColumnType, S] HashMap<K, V, S>;
    [K: ColumnType, V: ColumnType] OrderedMap<K, V>;
}

/// `vector<T, N>`
impl<T: ColumnType, const N: usize> ColumnType for [T; N] {
    fn definition() -> TypeDefinition {
        const { assert!(N > 0 && N <= u16::MAX as usize, "a vector has 1 to 65535 dimensions") };
        TypeDefinition::vector(T::definition(), N as u16)
    }

    fn validate(&self) -> Result<(), ValidationError> {
        check_elements(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(value: &impl ColumnType) -> String {
        value.validate().unwrap_err().to_string()
    }

    #[test]
    fn a_collection_has_so_many_elements_and_no_more() {
        assert_eq!(vec![1i8; MAX_ELEMENTS].validate(), Ok(()));
        assert!(reason(&vec![1i8; MAX_ELEMENTS + 1]).contains("has 65536 elements"));
        let map: BTreeMap<i32, i32> = (0..65536).map(|key| (key, key)).collect();
        assert!(reason(&map).contains("has 65536 elements"));
        // A blob is one value.
        assert_eq!(vec![1u8; MAX_ELEMENTS + 1].validate(), Ok(()));
    }

    #[test]
    fn nulls_are_found_however_deep() {
        assert!(reason(&vec![Some(1), None]).contains("element 1 is null"));
        assert!(reason(&BTreeMap::from([(1, None::<i32>)])).contains("value 0 is null"));
        assert!(reason(&[None::<f32>]).contains("element 0 is null"));
        let deep = vec![(1, vec![BTreeSet::from([Some("a".to_owned()), None])])];
        let error = deep.validate().unwrap_err();
        assert_eq!(error.column, "element 0.field 1.element 0");
        assert_eq!(error.reason, "element 0 is null, which no collection can hold");
        // Fields of tuples may be null.
        assert_eq!(vec![(1, None::<i32>)].validate(), Ok(()));
    }

    #[test]
    fn types_follow_from_the_collections() {
        assert_eq!(<Vec<u8>>::definition().to_string(), "blob");
        assert_eq!(<Vec<i8>>::definition().to_string(), "list<tinyint>");
        assert_eq!(<[f32; 3]>::definition().to_string(), "vector<float, 3>");
        type Nested = HashMap<String, BTreeSet<(i32, Option<Vec<u8>>)>>;
        assert_eq!(Nested::definition().to_string(), "map<text, frozen<set<frozen<tuple<int, blob>>>>>");
        assert_eq!(
            OrderedMap::<i32, VecDeque<bool>>::definition().to_string(),
            "map<int, frozen<list<boolean>>>"
        );
    }
}
