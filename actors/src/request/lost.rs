//! Rows of bulk jobs that a panic has destroyed.
//!
//! A request that is destroyed tells its caller. A row that left its chunk has none but the chunk, in a table that a destructor
//! cannot reach: its place is noted here for whoever catches the panic, on the same thread and before anything else happens.

use std::cell::RefCell;

use super::RowHome;

thread_local! {
    static LOST: RefCell<Vec<RowHome>> = const { RefCell::new(Vec::new()) };
}

/// Notes a row while a panic unwinds.
#[cold]
pub(super) fn note(row: RowHome) {
    LOST.with_borrow_mut(|lost| lost.push(row));
}

/// Takes what the panic that was just caught has destroyed.
pub(crate) fn take_lost_rows() -> Vec<RowHome> {
    LOST.take()
}
