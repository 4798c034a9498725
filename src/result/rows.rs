//! Rows, decoded when they are asked for.

use std::{ops::Deref, sync::Arc};

use bytes::Bytes;
use chorus_actors::Reply;
use chorus_protocol::response::{KnownRows, RowsBody};
use chorus_protocol::{ColumnSpec, CqlType, FromRow, RowCells, RowsIter};

use crate::error::Error;

/// The column of conditional statements that says whether they were applied.
const APPLIED: &str = "[applied]";

/// The rows of one page as they came off the wire, and how to read them.
#[derive(Debug, Clone)]
pub(crate) struct RowSet {
    pub(crate) columns: Arc<[ColumnSpec]>,
    pub(crate) paging_state: Option<Bytes>,
    count: usize,
    content: Cells,
}

/// The bytes of the rows.
#[derive(Debug)]
enum Cells {
    Shared(Bytes),
    /// Those of a small answer from some place on, in the memory it came in, which is used again afterwards.
    Lent(Reply, usize),
}

impl Deref for Cells {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Cells::Shared(bytes) => bytes,
            Cells::Lent(reply, at) => reply.body().get(*at..).unwrap_or_default(),
        }
    }
}

impl Clone for Cells {
    fn clone(&self) -> Self {
        Cells::Shared(match self {
            Cells::Shared(bytes) => bytes.clone(),
            lent @ Cells::Lent(..) => Bytes::copy_from_slice(lent),
        })
    }
}

impl RowSet {
    pub(crate) fn new(body: RowsBody, columns: Arc<[ColumnSpec]>) -> Self {
        Self {
            columns,
            paging_state: body.metadata.paging_state,
            count: body.row_count as usize,
            content: Cells::Shared(body.content),
        }
    }

    /// The rows that were found in an answer.
    pub(crate) fn found(found: KnownRows, reply: Reply, columns: Arc<[ColumnSpec]>) -> Self {
        let content = match reply.into_own_bytes() {
            Ok(body) => Cells::Shared(body.slice(found.content_at..)),
            Err(reply) => Cells::Lent(reply, found.content_at),
        };
        Self { columns, paging_state: None, count: found.count as usize, content }
    }

    /// The same rows, whose cells were replaced by those of other columns.
    #[cfg(feature = "encryption")]
    pub(crate) fn replaced(self, columns: Arc<[ColumnSpec]>, content: Bytes) -> Self {
        Self { columns, content: Cells::Shared(content), ..self }
    }

    /// The cells of all rows, one after the other.
    #[cfg(any(feature = "arrow", feature = "bulk", feature = "encryption"))]
    pub(crate) fn content(&self) -> &[u8] {
        &self.content
    }

    /// How many rows there are, by the server's count.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn rows<'f, T: FromRow<'f>>(&'f self) -> Result<Rows<'f, T>, Error> {
        RowsIter::new(&self.columns, &self.content, self.count).map(Rows).map_err(Error::rows)
    }

    /// Whether a conditional statement was applied; `None` when the rows do not say.
    pub(crate) fn applied(&self) -> Option<bool> {
        let column = self.columns.first().filter(|column| &*column.name == APPLIED)?;
        if column.typ != CqlType::Boolean || self.count == 0 {
            return None;
        }
        let mut row = RowCells::new(&self.columns, &self.content);
        row.value().ok()
    }
}

/// The rows of one page as `T`. An error of one row does not end the iteration.
#[derive(Debug)]
pub struct Rows<'f, T>(RowsIter<'f, T>);

impl<T> Rows<'_, T> {
    /// Rows still to come.
    pub fn remaining(&self) -> usize {
        self.0.remaining()
    }
}

impl<'f, T: FromRow<'f>> Iterator for Rows<'f, T> {
    type Item = Result<T, Error>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        Some(self.0.next()?.map_err(Error::rows))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

/// A place in a page that is read row by row into values that own what they hold.
#[derive(Debug)]
pub(crate) struct RowCursor {
    rows: RowSet,
    /// How much of the content was read.
    read: usize,
    remaining: usize,
}

impl RowCursor {
    /// At the first row.
    pub(crate) fn new(rows: RowSet) -> Self {
        let remaining = if rows.columns.is_empty() { 0 } else { rows.count };
        Self { rows, read: 0, remaining }
    }

    pub(crate) fn columns(&self) -> &Arc<[ColumnSpec]> {
        &self.rows.columns
    }

    /// The next row; its type was checked against the columns before.
    pub(crate) fn next<T: for<'f> FromRow<'f>>(&mut self) -> Option<Result<T, Error>> {
        self.remaining = self.remaining.checked_sub(1)?;
        let content = &self.rows.content[self.read..];
        let mut cells = RowCells::new(&self.rows.columns, content);
        let row = T::from_row(&self.rows.columns, &mut cells);
        match cells.finish() {
            Ok(rest) => {
                self.read += content.len() - rest.len();
                Some(row.map_err(Error::rows))
            }
            Err(error) => {
                // Where the next row begins is unknown.
                self.remaining = 0;
                Some(row.and(Err(error)).map_err(Error::rows))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use chorus_protocol::{Row, Scalar, encode_row};

    use super::*;
    use crate::ErrorKind;

    fn row_set(columns: Vec<ColumnSpec>, rows: &[(i32, Option<&str>)]) -> RowSet {
        let mut content = Vec::new();
        for row in rows {
            encode_row(row, &columns, &mut content).expect("the test's rows fit");
        }
        let content = Cells::Shared(content.into());
        RowSet { columns: columns.into(), paging_state: None, count: rows.len(), content }
    }

    fn columns() -> Vec<ColumnSpec> {
        vec![
            ColumnSpec::new("ks", "t", "id", CqlType::Int),
            ColumnSpec::new("ks", "t", "name", CqlType::Text),
        ]
    }

    #[test]
    fn cursor_reads_the_rows_the_iterator_reads() {
        let rows = row_set(columns(), &[(1, Some("one")), (2, None), (3, Some(""))]);
        let borrowed: Vec<(i32, Option<&str>)> =
            rows.rows().expect("fits").collect::<Result<_, _>>().expect("reads");
        assert_eq!(borrowed, [(1, Some("one")), (2, None), (3, Some(""))]);
        let mut cursor = RowCursor::new(rows.clone());
        for expected in borrowed {
            let (id, name) = cursor.next::<(i32, Option<String>)>().expect("a row").expect("reads");
            assert_eq!((id, name.as_deref()), expected);
        }
        assert!(cursor.next::<Row>().is_none());
    }

    #[test]
    fn row_with_an_unexpected_null_is_an_error_and_the_next_follows() {
        let mut cursor = RowCursor::new(row_set(columns(), &[(1, None), (2, Some("two"))]));
        let error = cursor.next::<(i32, String)>().expect("a row").expect_err("null is no String");
        assert_eq!((error.kind(), error.column()), (ErrorKind::Rows, Some((1, "name"))));
        assert_eq!(cursor.next::<(i32, String)>().expect("a row").expect("reads"), (2, "two".into()));
    }

    #[test]
    fn page_cut_short_ends_with_an_error() {
        let mut rows = row_set(columns(), &[(1, Some("one")), (2, Some("two"))]);
        rows.content = Cells::Shared(Bytes::copy_from_slice(&rows.content[..rows.content.len() - 1]));
        let mut cursor = RowCursor::new(rows);
        assert!(cursor.next::<Row>().expect("a row").is_ok());
        assert!(cursor.next::<Row>().expect("a row").is_err());
        assert!(cursor.next::<Row>().is_none());
    }

    #[test]
    fn applied_is_read_from_its_column_only() {
        let applied = |name: &str, typ: CqlType, cell: &[u8]| {
            let columns = vec![ColumnSpec::new("ks", "t", name, typ)];
            let mut content = (cell.len() as i32).to_be_bytes().to_vec();
            content.extend_from_slice(cell);
            let content = Cells::Shared(content.into());
            RowSet { columns: columns.into(), paging_state: None, count: 1, content }.applied()
        };
        assert_eq!(applied("[applied]", CqlType::Boolean, &[1]), Some(true));
        assert_eq!(applied("[applied]", CqlType::Boolean, &[0]), Some(false));
        assert_eq!(applied("applied", CqlType::Boolean, &[1]), None);
        assert_eq!(applied("[applied]", CqlType::Int, &[0, 0, 0, 1]), None);
    }

    #[test]
    fn server_that_counts_more_rows_than_it_sends_is_not_believed() {
        let mut rows = row_set(vec![ColumnSpec::new("ks", "t", "id", CqlType::Int)], &[]);
        rows.count = usize::MAX;
        assert_eq!(rows.rows::<Scalar<i32>>().expect("fits").count(), 0);
    }
}
