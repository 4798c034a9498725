//! Rows as they come.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use chorus_protocol::FromRow;
use futures::Stream;

use crate::mapper::MapperError;
use crate::{PagingState, RowStream};

/// The rows of a selection, one by one; made by [`Select::stream`](super::Select::stream). The next page is fetched while one is
/// read. Ends after the error of a page; a row that cannot be read is an error of its own, and the rows after it follow. Dropping it
/// cancels the page on its way.
#[must_use = "a stream does nothing unless it is polled"]
pub struct SelectStream<R, T> {
    rows: RowStream<R>,
    item: fn(R) -> T,
}

impl<R, T> SelectStream<R, T> {
    pub(super) fn new(rows: RowStream<R>, item: fn(R) -> T) -> Self {
        Self { rows, item }
    }
}

impl<R: for<'f> FromRow<'f>, T> Stream for SelectStream<R, T> {
    type Item = Result<T, MapperError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = ready!(Pin::new(&mut self.rows).poll_next(cx));
        Poll::Ready(next.map(|row| Ok((self.item)(row?))))
    }
}

impl<R, T> fmt::Debug for SelectStream<R, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SelectStream").field("rows", &self.rows).finish_non_exhaustive()
    }
}

/// A page of a selection; see [`Select::page`](super::Select::page).
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// Its rows. A page may be empty although others follow.
    pub items: Vec<T>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<PagingState>,
}
