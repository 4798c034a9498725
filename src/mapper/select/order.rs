//! The order of rows.

use std::fmt;
use std::marker::PhantomData;

use crate::mapper::Column;

/// An order by a clustering column; made by [`Column::asc`] and [`Column::desc`].
pub struct Order<M> {
    pub(super) column: &'static str,
    pub(super) descending: bool,
    of: PhantomData<fn() -> M>,
}

impl<M, T> Column<M, T> {
    /// Smallest first, for [`Select::order_by`](super::Select::order_by).
    pub const fn asc(self) -> Order<M> {
        Order { column: self.name(), descending: false, of: PhantomData }
    }

    /// Largest first, for [`Select::order_by`](super::Select::order_by).
    pub const fn desc(self) -> Order<M> {
        Order { column: self.name(), descending: true, of: PhantomData }
    }
}

impl<M> Clone for Order<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for Order<M> {}

impl<M> fmt::Debug for Order<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Order").field("column", &self.column).field("descending", &self.descending).finish()
    }
}
