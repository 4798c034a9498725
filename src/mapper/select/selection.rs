//! What rows become.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use chorus_protocol::{FromCql, FromRow, Scalar};

use crate::mapper::{Column, Model, ModelFields, TableDefinition, Tracked};

/// What is read of a row, and what it becomes: a [`Column`], an [`Optional`] one, or a tuple of up to twelve of either, for
/// [`Select::only`](super::Select::only).
pub trait Selection<M: Model> {
    /// As it is read.
    type Row: for<'f> FromRow<'f>;
    /// As it is handed out.
    type Item;

    /// The columns, in the order they are read in.
    #[doc(hidden)]
    fn columns<'t>(&self, table: &'t TableDefinition) -> Vec<Cow<'t, str>>;

    #[doc(hidden)]
    fn item(row: Self::Row) -> Self::Item;
}

/// The whole model.
#[derive(Debug, Clone, Copy)]
pub struct Whole;

impl<M: Model> Selection<M> for Whole {
    type Row = M;
    type Item = M;

    fn columns<'t>(&self, table: &'t TableDefinition) -> Vec<Cow<'t, str>> {
        all_columns(table)
    }

    fn item(row: M) -> M {
        row
    }
}

/// The whole model, with a memory of what it was like; see [`Select::tracked`](super::Select::tracked).
#[derive(Debug, Clone, Copy)]
pub struct Kept;

impl<M: Model> Selection<M> for Kept {
    type Row = M;
    type Item = Tracked<M>;

    fn columns<'t>(&self, table: &'t TableDefinition) -> Vec<Cow<'t, str>> {
        all_columns(table)
    }

    fn item(row: M) -> Tracked<M> {
        Tracked::stored(row)
    }
}

fn all_columns(table: &TableDefinition) -> Vec<Cow<'_, str>> {
    table.columns.iter().map(|column| Cow::Borrowed(&*column.name)).collect()
}

/// The columns of a struct; see [`Select::fields`](super::Select::fields).
pub struct Fields<P>(PhantomData<fn() -> P>);

impl<P> Fields<P> {
    pub(super) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<P> Clone for Fields<P> {
    fn clone(&self) -> Self {
        Self::new()
    }
}

impl<P> fmt::Debug for Fields<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fields")
    }
}

impl<M: Model, P: ModelFields + for<'f> FromRow<'f>> Selection<M> for Fields<P> {
    type Row = P;
    type Item = P;

    fn columns<'t>(&self, _: &'t TableDefinition) -> Vec<Cow<'t, str>> {
        P::columns().iter().map(|column| Cow::Borrowed(&*column.name)).collect()
    }

    fn item(row: P) -> P {
        row
    }
}

/// The partition key; see [`Select::partition_keys`](super::Select::partition_keys).
#[derive(Debug, Clone, Copy)]
pub struct PartitionKeys;

impl<M: Model> Selection<M> for PartitionKeys
where
    M::PartitionKey: for<'f> FromRow<'f>,
{
    type Row = M::PartitionKey;
    type Item = M::PartitionKey;

    fn columns<'t>(&self, table: &'t TableDefinition) -> Vec<Cow<'t, str>> {
        table.partition_key().map(|column| Cow::Borrowed(&*column.name)).collect()
    }

    fn item(row: M::PartitionKey) -> M::PartitionKey {
        row
    }
}

/// A column that may be null; made by [`Column::optional`].
pub struct Optional<M, T>(Column<M, T>);

impl<M, T> Column<M, T> {
    /// The column, to be read as an [`Option`]: null is `None` then, instead of an error.
    pub const fn optional(self) -> Optional<M, T> {
        Optional(self)
    }
}

impl<M, T> Clone for Optional<M, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M, T> Copy for Optional<M, T> {}

impl<M, T> fmt::Debug for Optional<M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Optional").field(&self.0.name()).finish()
    }
}

/// A column that is read.
pub trait ReadColumn<M> {
    /// What it is read as.
    type Value: for<'f> FromCql<'f>;

    #[doc(hidden)]
    fn column_name(&self) -> &'static str;
}

impl<M, T: for<'f> FromCql<'f>> ReadColumn<M> for Column<M, T> {
    type Value = T;

    fn column_name(&self) -> &'static str {
        self.name()
    }
}

impl<M, T: for<'f> FromCql<'f>> ReadColumn<M> for Optional<M, T> {
    type Value = Option<T>;

    fn column_name(&self) -> &'static str {
        self.0.name()
    }
}

macro_rules! one {
    ($($column:ident => $value:ty),*) => {$(
        impl<M: Model, T: for<'f> FromCql<'f>> Selection<M> for $column<M, T> {
            type Row = Scalar<$value>;
            type Item = $value;

            fn columns<'t>(&self, _: &'t TableDefinition) -> Vec<Cow<'t, str>> {
                vec![Cow::Borrowed(self.column_name())]
            }

            fn item(row: Scalar<$value>) -> $value {
                row.0
            }
        }
    )*};
}

one!(Column => T, Optional => Option<T>);

macro_rules! tuple {
    ($($name:ident $index:tt),+) => {
        impl<M: Model, $($name: ReadColumn<M>),+> Selection<M> for ($($name,)+) {
            type Row = ($($name::Value,)+);
            type Item = ($($name::Value,)+);

            fn columns<'t>(&self, _: &'t TableDefinition) -> Vec<Cow<'t, str>> {
                vec![$(Cow::Borrowed(self.$index.column_name())),+]
            }

            fn item(row: Self::Row) -> Self::Item {
                row
            }
        }
    };
}

tuple!(A 0);
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, E 4);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);
