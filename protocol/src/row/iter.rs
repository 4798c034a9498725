//! Rows of a result, decoded one at a time.

use std::iter::FusedIterator;
use std::marker::PhantomData;

use crate::error::ValueError;
use crate::row::{FromRow, RowCells};
use crate::types::ColumnSpec;

/// The rows of one page as `T`, decoded when asked for, borrowing from the frame.
///
/// An error in one row does not end the iteration: where a row ends does not depend on what its cells mean. Only
/// cells that reach beyond the frame do.
#[derive(Debug)]
pub struct RowsIter<'f, T> {
    columns: &'f [ColumnSpec],
    rest: &'f [u8],
    remaining: usize,
    row: PhantomData<fn() -> T>,
}

impl<'f, T: FromRow<'f>> RowsIter<'f, T> {
    /// Checks once that `T` fits `columns`, then reads `count` rows from `content`.
    ///
    /// # Errors
    /// When it does not fit.
    pub fn new(columns: &'f [ColumnSpec], content: &'f [u8], count: usize) -> Result<Self, ValueError> {
        T::check(columns)?;
        // Each cell takes four bytes at least, so an announced count beyond this cannot be true.
        let possible = content.len().checked_div(4 * columns.len()).unwrap_or(0);
        Ok(Self { columns, rest: content, remaining: count.min(possible), row: PhantomData })
    }
}

impl<'f, T: FromRow<'f>> Iterator for RowsIter<'f, T> {
    type Item = Result<T, ValueError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.remaining = self.remaining.checked_sub(1)?;
        let mut cells = RowCells::new(self.columns, self.rest);
        let row = T::from_row(self.columns, &mut cells);
        match cells.finish() {
            Ok(rest) => {
                self.rest = rest;
                Some(row)
            }
            Err(error) => {
                self.remaining = 0;
                Some(row.and(Err(error)))
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.remaining))
    }
}

impl<'f, T: FromRow<'f>> FusedIterator for RowsIter<'f, T> {}

impl<T> RowsIter<'_, T> {
    /// Rows still to come.
    pub fn remaining(&self) -> usize {
        self.remaining
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::{Row, Scalar, encode_row};
    use crate::types::CqlType;
    use crate::value::CqlValue;

    fn columns() -> [ColumnSpec; 2] {
        [ColumnSpec::new("ks", "t", "id", CqlType::Int), ColumnSpec::new("ks", "t", "name", CqlType::Text)]
    }

    fn content() -> Vec<u8> {
        let mut out = Vec::new();
        encode_row(&(1, "one"), &columns(), &mut out).unwrap();
        encode_row(&(None::<i32>, "two"), &columns(), &mut out).unwrap();
        encode_row(&(3, None::<&str>), &columns(), &mut out).unwrap();
        out
    }

    #[test]
    fn rows_borrow_from_the_frame_and_come_in_order() {
        let (columns, content) = (columns(), content());
        let rows = RowsIter::<(Option<i32>, Option<&str>)>::new(&columns, &content, 3).unwrap();
        let rows: Vec<_> = rows.map(Result::unwrap).collect();
        assert_eq!(rows, [(Some(1), Some("one")), (None, Some("two")), (Some(3), None)]);
        assert!(content.as_ptr_range().contains(&rows[0].1.unwrap().as_ptr()));
    }

    #[test]
    fn a_value_error_names_its_column_and_the_next_row_still_comes() {
        let (columns, content) = (columns(), content());
        let rows: Vec<_> = RowsIter::<(i32, &str)>::new(&columns, &content, 3).unwrap().collect();
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[0], Ok((1, "one")));
        assert_eq!(rows[1].as_ref().unwrap_err().column(), Some((0, "id")));
        assert_eq!(rows[2].as_ref().unwrap_err().column(), Some((1, "name")));
    }

    #[test]
    fn a_frame_that_ends_inside_a_row_ends_the_rows() {
        let (columns, content) = (columns(), content());
        for length in 0..content.len() {
            let rows = RowsIter::<Row>::new(&columns, &content[..length], 3).unwrap();
            assert!(rows.filter(|row| row.is_ok()).count() < 3);
        }
        assert_eq!(RowsIter::<Row>::new(&[], &content, usize::MAX).unwrap().count(), 0);
        assert_eq!(RowsIter::<Row>::new(&columns, &content, usize::MAX).unwrap().remaining(), 39 / 8);
    }

    #[test]
    fn columns_are_checked_before_the_first_row() {
        let columns = columns();
        assert!(RowsIter::<(i32,)>::new(&columns, &[], 0).is_err());
        let error = RowsIter::<(i32, i32)>::new(&columns, &[], 0).unwrap_err();
        assert_eq!(error.column(), Some((1, "name")));
        assert!(RowsIter::<Scalar<i32>>::new(&columns, &[], 0).is_err());
        assert!(RowsIter::<Scalar<i32>>::new(&columns[..1], &[], 0).is_ok());
    }

    #[test]
    fn any_row_can_be_read_dynamically() {
        let (columns, content) = (columns(), content());
        let rows: Vec<Row> = RowsIter::new(&columns, &content, 3).unwrap().collect::<Result<_, _>>().unwrap();
        assert_eq!(rows[1].values, [None, Some(CqlValue::from("two"))]);
    }
}
