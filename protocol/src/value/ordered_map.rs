//! A map in the order of its entries.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hash};

use crate::error::ValueError;
use crate::types::CqlType;
use crate::value::{FromCql, MapEntries, ToCql, ValueWriter};

/// A `map` that keeps the order of its entries, and whose keys need nothing but equality: floats, lists, [`CqlValue`]s.
///
/// Read from a server the order is the server's, which is that of the keys. Looking up walks through the entries. Two of them
/// are equal when their entries are in the same order; against a [`BTreeMap`] or [`HashMap`] the order does not count.
///
/// ```
/// use chorus_protocol::value::OrderedMap;
///
/// let mut scores = OrderedMap::from([(0.5, "low"), (0.9, "high")]);
/// assert_eq!(scores.insert(0.5, "lowest"), Some("low"));
/// assert_eq!(scores.get(&0.5), Some(&"lowest"));
/// assert_eq!(scores.iter().map(|(key, _)| *key).collect::<Vec<_>>(), [0.5, 0.9]);
/// ```
///
/// [`CqlValue`]: crate::CqlValue
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OrderedMap<K, V>(Vec<(K, V)>);

impl<K, V> OrderedMap<K, V> {
    /// A map without entries.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The entries in order.
    pub fn iter(&self) -> std::slice::Iter<'_, (K, V)> {
        self.0.iter()
    }

    /// The keys in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &K> {
        self.0.iter().map(|(key, _)| key)
    }

    /// The values in the order of their keys.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }

    /// The entries in order.
    pub fn as_slice(&self) -> &[(K, V)] {
        &self.0
    }

    /// The entries in order.
    pub fn into_vec(self) -> Vec<(K, V)> {
        self.0
    }
}

impl<K: PartialEq, V> OrderedMap<K, V> {
    /// The value of a key.
    pub fn get<Q: ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: PartialEq<Q>,
    {
        self.0.iter().find(|(known, _)| known == key).map(|(_, value)| value)
    }

    /// Puts a value in the place of the key's, which is returned, or at the end where the key is new.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.0.iter_mut().find(|(known, _)| *known == key) {
            Some((_, place)) => Some(std::mem::replace(place, value)),
            None => {
                self.0.push((key, value));
                None
            }
        }
    }

    /// Takes a key and its value out; the others stay in order.
    pub fn remove<Q: ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: PartialEq<Q>,
    {
        let index = self.0.iter().position(|(known, _)| known == key)?;
        Some(self.0.remove(index).1)
    }
}

impl<K, V> Default for OrderedMap<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

/// Of several entries with one key the last counts, in the place of the first.
impl<K: PartialEq, V> FromIterator<(K, V)> for OrderedMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = Self::new();
        for (key, value) in entries {
            map.insert(key, value);
        }
        map
    }
}

impl<K: PartialEq, V, const N: usize> From<[(K, V); N]> for OrderedMap<K, V> {
    fn from(entries: [(K, V); N]) -> Self {
        entries.into_iter().collect()
    }
}

impl<K, V> IntoIterator for OrderedMap<K, V> {
    type Item = (K, V);
    type IntoIter = std::vec::IntoIter<(K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a, K, V> IntoIterator for &'a OrderedMap<K, V> {
    type Item = &'a (K, V);
    type IntoIter = std::slice::Iter<'a, (K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<K: Ord, V: PartialEq> PartialEq<BTreeMap<K, V>> for OrderedMap<K, V> {
    fn eq(&self, other: &BTreeMap<K, V>) -> bool {
        self.len() == other.len() && self.iter().all(|(key, value)| other.get(key) == Some(value))
    }
}

impl<K: Eq + Hash, V: PartialEq, S: BuildHasher> PartialEq<HashMap<K, V, S>> for OrderedMap<K, V> {
    fn eq(&self, other: &HashMap<K, V, S>) -> bool {
        self.len() == other.len() && self.iter().all(|(key, value)| other.get(key) == Some(value))
    }
}

impl<K: ToCql, V: ToCql> ToCql for OrderedMap<K, V> {
    fn to_cql(&self, typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
        let CqlType::Map(types) = typ else { return Err(ValueError::mismatch::<Self>(typ)) };
        out.nested(|out| {
            out.count(self.len())?;
            for (key, value) in &self.0 {
                out.element(key, &types.0)?;
                out.element(value, &types.1)?;
            }
            Ok(())
        })
    }
}

/// Null is a map without entries. Entries are kept as they came.
impl<'f, K: FromCql<'f>, V: FromCql<'f>> FromCql<'f> for OrderedMap<K, V> {
    fn check(typ: &CqlType) -> Result<(), ValueError> {
        let CqlType::Map(types) = typ else { return Err(ValueError::mismatch::<Self>(typ)) };
        K::check(&types.0)?;
        V::check(&types.1)
    }

    fn from_cql(typ: &'f CqlType, cell: Option<&'f [u8]>) -> Result<Self, ValueError> {
        let CqlType::Map(types) = typ else { return Err(ValueError::mismatch::<Self>(typ)) };
        let entries = MapEntries::new(cell)?.map(|entry| {
            let (key, value) = entry?;
            Ok((K::from_cql(&types.0, key)?, V::from_cql(&types.1, value)?))
        });
        entries.collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::value::to_cql::encode_value;
    use crate::value::{CqlTimeuuid, CqlValue};

    #[test]
    fn entries_keep_their_order_and_keys_need_no_hash() {
        let typ = CqlType::map(CqlType::Double, CqlType::list(CqlType::Int));
        let map = OrderedMap::from([(2.5, vec![1]), (-0.5, vec![]), (f64::INFINITY, vec![2, 3])]);
        let bytes = encode_value(&map, &typ).unwrap();
        OrderedMap::<f64, Vec<i32>>::check(&typ).unwrap();
        let read = OrderedMap::<f64, Vec<i32>>::from_cql(&typ, Some(&bytes[4..])).unwrap();
        assert_eq!(read, map);
        assert_eq!(read.keys().copied().collect::<Vec<_>>(), [2.5, -0.5, f64::INFINITY]);
        assert_eq!((read.get(&-0.5), read.get(&1.0)), (Some(&vec![]), None));
        assert_eq!(OrderedMap::<f64, Vec<i32>>::from_cql(&typ, None), Ok(OrderedMap::new()));
        assert!(OrderedMap::<i32, i32>::check(&typ).is_err());
        assert!(encode_value(&map, &CqlType::Int).is_err());
    }

    #[test]
    fn equality_counts_order_among_ordered_maps_and_not_against_others() {
        let map = OrderedMap::from([("b", 2), ("a", 1)]);
        assert_ne!(map, OrderedMap::from([("a", 1), ("b", 2)]));
        assert_eq!(map, BTreeMap::from([("a", 1), ("b", 2)]));
        assert_eq!(map, HashMap::from([("a", 1), ("b", 2)]));
        assert_ne!(map, BTreeMap::from([("a", 1), ("b", 3)]));
        assert_ne!(map, HashMap::from([("a", 1)]));
    }

    #[test]
    fn a_new_value_takes_the_place_of_the_old_one() {
        let mut map: OrderedMap<String, i32> = [("a".to_owned(), 1), ("b".to_owned(), 2)].into();
        assert_eq!(map.insert("a".to_owned(), 3), Some(1));
        assert_eq!(map.insert("c".to_owned(), 4), None);
        assert_eq!(map.remove("b"), Some(2));
        assert_eq!((map.remove("b"), map.len(), map.is_empty()), (None, 2, false));
        assert_eq!(map.into_vec(), [("a".to_owned(), 3), ("c".to_owned(), 4)]);
    }

    #[test]
    fn a_dynamic_map_is_looked_up_by_key() {
        let key = CqlValue::list([CqlValue::Int(1)]);
        let map =
            CqlValue::map([(key.clone(), CqlValue::from("one")), (CqlValue::Int(2), CqlValue::from("two"))]);
        assert_eq!(map.get(&key), Some(&CqlValue::from("one")));
        assert_eq!(map.get(&CqlValue::Int(3)), None);
        assert_eq!(CqlValue::Int(1).get(&key), None);
    }

    #[test]
    fn a_set_is_sorted_as_its_elements_are_and_has_the_set_algebra() {
        let typ = CqlType::set(CqlType::Timeuuid);
        let ids = [CqlTimeuuid::min_at(0), CqlTimeuuid::max_at(0), CqlTimeuuid::min_at(1)];
        let bytes = encode_value(&[ids[2], ids[0], ids[1], ids[0]], &typ).unwrap();
        let set = BTreeSet::<CqlTimeuuid>::from_cql(&typ, Some(&bytes[4..])).unwrap();
        assert_eq!(set.iter().copied().collect::<Vec<_>>(), ids, "by time, then by signed bytes; once each");
        assert_eq!(&set - &BTreeSet::from([ids[1]]), BTreeSet::from([ids[0], ids[2]]));
        assert_eq!(set.iter().nth(1), Some(&ids[1]));
        // Elements that cannot be compared stay in the server's order.
        let typ = CqlType::set(CqlType::Double);
        let bytes = encode_value(&vec![-1.5, 0.0, f64::NAN], &typ).unwrap();
        let values = Vec::<f64>::from_cql(&typ, Some(&bytes[4..])).unwrap();
        assert!(values[..2] == [-1.5, 0.0] && values[2].is_nan());
    }
}
