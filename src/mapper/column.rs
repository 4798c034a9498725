//! Typed handles on columns.

use std::fmt;
use std::marker::PhantomData;

/// A column of a model's table whose values are `T`s: a constant of the model, in capitals, for each field
/// (`User::NAME`). A field that is an `Option<T>` has a column of `T`s.
pub struct Column<M, T> {
    name: &'static str,
    of: PhantomData<fn() -> (M, T)>,
}

impl<M, T> Column<M, T> {
    /// The column of that name. Whether there is one shows when a statement is made with it.
    pub const fn named(name: &'static str) -> Self {
        Self { name, of: PhantomData }
    }

    /// Its name, as spelled in the schema.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// The same column of a model that has this one's struct as a flattened field.
    pub const fn of<Whole>(self) -> Column<Whole, T> {
        Column::named(self.name)
    }
}

impl<M, T> Clone for Column<M, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M, T> Copy for Column<M, T> {}

impl<M, T> fmt::Debug for Column<M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Column").field(&self.name).finish()
    }
}
