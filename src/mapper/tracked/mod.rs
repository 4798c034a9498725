//! Rows with a memory: what of them has changed since they were read or written, and writing no more than that.
//!
//! `cells.rs` encodes columns as they are compared, `difference.rs` finds how a collection became another, `save.rs` writes.

mod cells;
mod difference;
mod save;

use std::ops::{Deref, DerefMut};

use chorus_protocol::FromCql;

pub(super) use cells::encoded;
use cells::{Cell, cells_of};
pub use save::Save;

use super::{Column, Delete, Mapper, MapperError, Model};
use crate::Error;

/// A model with a memory of what its row was like when it was last read or written.
///
/// It is used as the model itself ([`Deref`], [`DerefMut`]); [`Mapper::save`] writes what has changed. Made by reading
/// ([`Get::tracked`](super::Get::tracked), [`Select::tracked`](super::Select::tracked)): such a row has not changed. Or by
/// [`new`](Self::new): such a row is not there yet, and is inserted as a whole.
///
/// The memory is the encoded value of each column, so that models need neither `Clone` nor `PartialEq` for this. Sets and maps are the same
/// whatever the order of their elements.
///
/// **After a failure**, and when a saving is dropped, the memory is as it was before: what was to be written has still changed, and the next `save`
/// sends it again. That holds
/// for a write whose fate is unknown as well, such as one that timed out: counters, and what is appended to lists, may then count twice;
/// read such rows again.
#[derive(Debug, Clone)]
pub struct Tracked<M> {
    model: M,
    /// What is in the database, as far as is known; `None` for a row that is not there yet.
    stored: Option<Vec<Cell>>,
}

impl<M: Model> Tracked<M> {
    /// A row that is not in the database yet, as far as anybody here knows: saving it inserts it.
    pub fn new(model: M) -> Self {
        Self { model, stored: None }
    }

    /// A row that is in the database just like this.
    pub fn stored(model: M) -> Self {
        let stored = Some(cells_of(&model));
        Self { model, stored }
    }

    /// Whether it was read from the database, or written to it.
    pub fn is_persisted(&self) -> bool {
        self.stored.is_some()
    }

    /// The names of the columns that are not as they are in the database, in the order of the fields: all that are not null, for a row that
    /// is not there yet.
    pub fn changed(&self) -> Vec<&'static str> {
        self.columns_where(|before, now| before != now)
    }

    /// The names of the columns that are null now and were not.
    pub fn deleted(&self) -> Vec<&'static str> {
        self.columns_where(|before, now| *before != Cell::Null && *now == Cell::Null)
    }

    /// Whether there is anything to save.
    pub fn is_changed(&self) -> bool {
        self.stored.is_none() || !self.changed().is_empty()
    }

    /// What a column was when it was last read or written; `None` when it was null, or the row is not there yet.
    ///
    /// # Errors
    ///
    /// [`MapperError::Statement`] when there is no such column; [`ErrorKind::Rows`](crate::ErrorKind::Rows) when its value is no
    /// `T`, as may be with a column that was made by [name](Column::named).
    pub fn previous<T>(&self, column: Column<M, T>) -> Result<Option<T>, MapperError>
    where
        T: for<'f> FromCql<'f>,
    {
        let table = M::table();
        let index = table.columns.iter().position(|other| other.name == column.name());
        let Some(index) = index else {
            let reason = format!("there is no column {}", column.name());
            return Err(MapperError::Statement { table: table.name.to_string(), reason });
        };
        let cell = self.stored.as_ref().and_then(|stored| stored[index].bytes());
        let read = Option::<T>::from_cql(&table.columns[index].typ.typ, cell);
        read.map_err(|error| Error::rows(error.in_column(index, column.name())).into())
    }

    /// The model, without its memory.
    pub fn into_inner(self) -> M {
        self.model
    }

    /// Writes what has changed; see [`Mapper::save`].
    pub fn save<'v>(&'v mut self, mapper: &'v Mapper) -> Save<'v, M> {
        mapper.save(self)
    }

    /// Deletes the row. It counts as not persisted afterwards, so that saving it inserts it again.
    pub fn remove<'v>(&'v mut self, mapper: &'v Mapper) -> Delete<'v, M> {
        let mut delete = mapper.remove(&self.model);
        let stored = &mut self.stored;
        delete.then = Some(Box::new(move || *stored = None));
        delete
    }

    fn columns_where(&self, holds: impl Fn(&Cell, &Cell) -> bool) -> Vec<&'static str> {
        let columns = M::table().columns.iter();
        let changed = columns.zip(cells_of(&self.model)).enumerate().filter(|(index, (_, now))| {
            let before = self.stored.as_ref().map_or(&Cell::Null, |stored| &stored[*index]);
            holds(before, now)
        });
        changed.map(|(_, (column, _))| &*column.name).collect()
    }
}

impl<M> Deref for Tracked<M> {
    type Target = M;

    fn deref(&self) -> &M {
        &self.model
    }
}

impl<M> DerefMut for Tracked<M> {
    fn deref_mut(&mut self) -> &mut M {
        &mut self.model
    }
}

/// By the rows; what is remembered of them is of no account.
impl<M: PartialEq> PartialEq for Tracked<M> {
    fn eq(&self, other: &Self) -> bool {
        self.model == other.model
    }
}

impl<M: Eq> Eq for Tracked<M> {}
