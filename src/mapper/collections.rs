//! Which Rust types are sets, lists and maps of what.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use chorus_protocol::ToCql;
use chorus_protocol::value::OrderedMap;

/// A type of columns that are sets.
#[diagnostic::on_unimplemented(message = "`{Self}` is no set: use a column of a `BTreeSet` or `HashSet`")]
pub trait SetType {
    /// What is in it.
    type Element: ToCql + Send + Sync + 'static;
}

/// A type of columns that are lists.
#[diagnostic::on_unimplemented(message = "`{Self}` is no list: use a column of a `Vec` or `VecDeque`")]
pub trait ListType {
    /// What is in it.
    type Element: ToCql + Send + Sync + 'static;
}

/// A type of columns that are maps.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no map: use a column of a `BTreeMap`, `HashMap` or `OrderedMap`"
)]
pub trait MapType {
    /// Its keys.
    type Key: ToCql + Send + Sync + 'static;
    /// Its values.
    type Value: ToCql + Send + Sync + 'static;
}

/// A type of columns that can be asked what they contain.
#[diagnostic::on_unimplemented(message = "`{Self}` is no collection")]
pub trait Contains {
    /// An element of a list or set, a value of a map.
    type Contained: ToCql + Send + Sync + 'static;
}

macro_rules! collections {
    ($($role:ident: [$($generics:tt)*] $collection:ty),* $(,)?) => {$(
        impl<$($generics)*> $role for $collection {
            type Element = T;
        }

        impl<$($generics)*> Contains for $collection {
            type Contained = T;
        }
    )*};
}

collections!(
    SetType: [T: ToCql + Send + Sync + 'static] BTreeSet<T>,
    SetType: [T: ToCql + Send + Sync + 'static, S] HashSet<T, S>,
    ListType: [T: ToCql + Send + Sync + 'static] Vec<T>,
    ListType: [T: ToCql + Send + Sync + 'static] VecDeque<T>,
);

macro_rules! maps {
    ($([$($generics:tt)*] $map:ty),* $(,)?) => {$(
        impl<K: ToCql + Send + Sync + 'static, V: ToCql + Send + Sync + 'static, $($generics)*> MapType for $map {
            type Key = K;
            type Value = V;
        }

        impl<K: ToCql + Send + Sync + 'static, V: ToCql + Send + Sync + 'static, $($generics)*> Contains for $map {
            type Contained = V;
        }
    )*};
}

maps!([] BTreeMap<K, V>, [S] HashMap<K, V, S>, [] OrderedMap<K, V>);
