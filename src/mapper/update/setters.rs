//! The assignments of an update, one method each.

use chorus_protocol::ToCql;

use super::{Assignment, Change, Update};
use crate::mapper::collections::{ListType, MapType, SetType};
use crate::mapper::value::{Entries, Value};
use crate::mapper::{Column, Counter, Model};

fn gathered<E: ToCql + Send + Sync + 'static>(
    elements: impl IntoIterator<Item = impl Into<E>>,
) -> Value<'static> {
    Value::one(elements.into_iter().map(Into::into).collect::<Vec<E>>())
}

/// Any column.
impl<M: Model> Update<'_, M> {
    /// `column = value`
    pub fn set<T>(self, column: Column<M, T>, value: impl Into<T>) -> Self
    where
        T: ToCql + Send + Sync + 'static,
    {
        let change = Change::Assign(Value::one(value.into()));
        self.assign(Assignment::repeatable(column.name(), change))
    }

    /// `column = null`: deletes what is there.
    pub fn clear<T>(self, column: Column<M, T>) -> Self {
        self.assign(Assignment::repeatable(column.name(), Change::Assign(Value::Null)))
    }

    /// [`set`](Self::set) of a value, [`clear`](Self::clear) of `None`.
    pub fn set_or_clear<T>(self, column: Column<M, T>, value: Option<impl Into<T>>) -> Self
    where
        T: ToCql + Send + Sync + 'static,
    {
        match value {
            Some(value) => self.set(column, value),
            None => self.clear(column),
        }
    }
}

/// Sets.
impl<M: Model> Update<'_, M> {
    /// `column = column + {elements}`
    pub fn add<T: SetType>(
        self,
        column: Column<M, T>,
        elements: impl IntoIterator<Item = impl Into<T::Element>>,
    ) -> Self {
        let change = Change::Add(gathered::<T::Element>(elements));
        self.assign(Assignment::repeatable(column.name(), change))
    }

    /// `column = column - {elements}`
    pub fn remove<T: SetType>(
        self,
        column: Column<M, T>,
        elements: impl IntoIterator<Item = impl Into<T::Element>>,
    ) -> Self {
        let change = Change::Subtract(gathered::<T::Element>(elements));
        self.assign(Assignment::repeatable(column.name(), change))
    }
}

/// Lists.
impl<M: Model> Update<'_, M> {
    /// `column = column + [elements]`. Done twice it adds them twice, so that the update is not
    /// [idempotent](Self::idempotent).
    pub fn append<T: ListType>(
        self,
        column: Column<M, T>,
        elements: impl IntoIterator<Item = impl Into<T::Element>>,
    ) -> Self {
        let change = Change::Add(gathered::<T::Element>(elements));
        self.assign(Assignment::once(column.name(), change))
    }

    /// `column = [elements] + column`; as [`append`](Self::append).
    pub fn prepend<T: ListType>(
        self,
        column: Column<M, T>,
        elements: impl IntoIterator<Item = impl Into<T::Element>>,
    ) -> Self {
        let change = Change::Prepend(gathered::<T::Element>(elements));
        self.assign(Assignment::once(column.name(), change))
    }

    /// `column = column - [elements]`: every element that equals one of these. The server reads the list first.
    pub fn remove_all<T: ListType>(
        self,
        column: Column<M, T>,
        elements: impl IntoIterator<Item = impl Into<T::Element>>,
    ) -> Self {
        let change = Change::Subtract(gathered::<T::Element>(elements));
        self.assign(Assignment::repeatable(column.name(), change))
    }

    /// `column[index] = element`, counted from 0; an error of the server's when the list is not that long. The server reads the list first,
    /// and the update is not [idempotent](Self::idempotent).
    pub fn replace<T: ListType>(
        self,
        column: Column<M, T>,
        index: i32,
        element: impl Into<T::Element>,
    ) -> Self {
        let change = Change::Put(Value::one(index), Value::one(element.into()));
        self.assign(Assignment::once(column.name(), change))
    }
}

/// Maps.
impl<M: Model> Update<'_, M> {
    /// `column[key] = value`
    pub fn put<T: MapType>(
        self,
        column: Column<M, T>,
        key: impl Into<T::Key>,
        value: impl Into<T::Value>,
    ) -> Self {
        let change = Change::Put(Value::one(key.into()), Value::one(value.into()));
        self.assign(Assignment::repeatable(column.name(), change))
    }

    /// `column = column + {entries}`: puts all of them, with one marker.
    pub fn put_all<T: MapType>(
        self,
        column: Column<M, T>,
        entries: impl IntoIterator<Item = (impl Into<T::Key>, impl Into<T::Value>)>,
    ) -> Self {
        let entries = entries.into_iter().map(|(key, value)| (key.into(), value.into()));
        let change = Change::Add(Value::one(Entries::<T::Key, T::Value>(entries.collect())));
        self.assign(Assignment::repeatable(column.name(), change))
    }

    /// `column = column - {keys}`: removes the entries of these keys.
    pub fn remove_keys<T: MapType>(
        self,
        column: Column<M, T>,
        keys: impl IntoIterator<Item = impl Into<T::Key>>,
    ) -> Self {
        let change = Change::Subtract(gathered::<T::Key>(keys));
        self.assign(Assignment::repeatable(column.name(), change))
    }
}

/// Counters.
impl<M: Model> Update<'_, M> {
    /// `column = column + amount`. Done twice it counts twice, so that the update is not [idempotent](Self::idempotent), and fails
    /// rather than being sent again when its fate is unknown.
    pub fn increment(self, column: Column<M, Counter>, amount: i64) -> Self {
        self.assign(Assignment::once(column.name(), Change::Add(Value::one(amount))))
    }

    /// `column = column - amount`; as [`increment`](Self::increment).
    pub fn decrement(self, column: Column<M, Counter>, amount: i64) -> Self {
        self.assign(Assignment::once(column.name(), Change::Subtract(Value::one(amount))))
    }
}
