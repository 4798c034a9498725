//! What rows of a result can become.

use crate::error::{ValueError, ValueErrorReason};
use crate::types::ColumnSpec;
use crate::value::element::take_cell;
use crate::value::{CqlValue, FromCql};

/// A Rust value made from one row. `'f` is the life of the frame.
#[diagnostic::on_unimplemented(
    message = "rows cannot be read as `{Self}`",
    label = "no type for rows",
    note = "tuples such as `(i64, &str)` are rows, `(i64,)` is a row of one column; a struct becomes one with `#[derive(FromRow)]`"
)]
pub trait FromRow<'f>: Sized {
    /// Whether rows of `columns` can be read. Asked once per result, before the first row.
    ///
    /// # Errors
    /// When there are more or fewer columns, or one has a type that does not fit.
    fn check(columns: &[ColumnSpec]) -> Result<(), ValueError>;

    /// Reads one row of columns that [`check`](Self::check) accepted. Cells that are left unread are skipped.
    ///
    /// # Errors
    /// When a cell is no value of its type, or null without a place for null.
    fn from_row(columns: &'f [ColumnSpec], row: &mut RowCells<'f>) -> Result<Self, ValueError>;
}

/// The cells of one row, in column order.
#[derive(Debug, Clone)]
pub struct RowCells<'f> {
    columns: &'f [ColumnSpec],
    next: usize,
    rest: &'f [u8],
}

impl<'f> RowCells<'f> {
    /// A row of `columns` at the start of `bytes`.
    #[inline]
    pub fn new(columns: &'f [ColumnSpec], bytes: &'f [u8]) -> Self {
        Self { columns, next: 0, rest: bytes }
    }

    /// The column whose cell comes next, `None` after the last.
    #[inline]
    pub fn column(&self) -> Option<&'f ColumnSpec> {
        self.columns.get(self.next)
    }

    /// The next cell; `None` is null.
    #[inline]
    pub fn cell(&mut self) -> Result<Option<&'f [u8]>, ValueError> {
        self.advance().map(|(_, cell)| cell)
    }

    /// The next value. Errors name the column.
    #[inline]
    pub fn value<T: FromCql<'f>>(&mut self) -> Result<T, ValueError> {
        let (column, cell) = self.advance()?;
        T::from_cql(&column.typ, cell).map_err(|error| error.in_column(self.next - 1, &column.name))
    }

    #[inline]
    fn advance(&mut self) -> Result<(&'f ColumnSpec, Option<&'f [u8]>), ValueError> {
        let Some(column) = self.columns.get(self.next) else {
            let reason = ValueErrorReason::ColumnCount { expected: self.columns.len(), found: self.next + 1 };
            return Err(reason.into());
        };
        let cell =
            take_cell(&mut self.rest, "a cell").map_err(|error| error.in_column(self.next, &column.name))?;
        self.next += 1;
        Ok((column, cell))
    }

    /// What was not read yet, of this row and those after it.
    pub(super) fn rest(&self) -> &'f [u8] {
        self.rest
    }

    /// Skips what was not read and returns what follows the row: the next one begins there.
    ///
    /// # Errors
    /// When the row reaches beyond the bytes there are.
    #[inline]
    pub fn finish(mut self) -> Result<&'f [u8], ValueError> {
        while self.next < self.columns.len() {
            self.advance()?;
        }
        Ok(self.rest)
    }
}

/// Any row, as dynamic values in column order; `None` is null.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Row {
    /// One for each column.
    pub values: Vec<Option<CqlValue>>,
}

impl Row {
    /// The value of the column at `index`, counted from 0; `None` when null or beyond the last.
    pub fn get(&self, index: usize) -> Option<&CqlValue> {
        self.values.get(index)?.as_ref()
    }

    /// How many columns there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// True without columns.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

impl IntoIterator for Row {
    type Item = Option<CqlValue>;
    type IntoIter = std::vec::IntoIter<Option<CqlValue>>;

    fn into_iter(self) -> Self::IntoIter {
        self.values.into_iter()
    }
}

impl<'f> FromRow<'f> for Row {
    fn check(_: &[ColumnSpec]) -> Result<(), ValueError> {
        Ok(())
    }

    fn from_row(columns: &'f [ColumnSpec], row: &mut RowCells<'f>) -> Result<Self, ValueError> {
        let mut values = Vec::with_capacity(columns.len());
        for _ in columns {
            let (column, cell) = row.advance()?;
            // Null and the empty value stay apart here.
            let value = cell.map(|_| CqlValue::from_cql(&column.typ, cell)).transpose();
            values.push(value.map_err(|error| error.in_column(row.next - 1, &column.name))?);
        }
        Ok(Self { values })
    }
}

/// A row of one column, as its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scalar<T>(pub T);

impl<'f, T: FromCql<'f>> FromRow<'f> for Scalar<T> {
    fn check(columns: &[ColumnSpec]) -> Result<(), ValueError> {
        <(T,) as FromRow<'f>>::check(columns)
    }

    #[inline]
    fn from_row(_: &'f [ColumnSpec], row: &mut RowCells<'f>) -> Result<Self, ValueError> {
        row.value().map(Self)
    }
}

macro_rules! tuple {
    ($count:literal: $($name:ident $index:tt),+) => {
        impl<'f, $($name: FromCql<'f>),+> FromRow<'f> for ($($name,)+) {
            fn check(columns: &[ColumnSpec]) -> Result<(), ValueError> {
                if columns.len() != $count {
                    return Err(ValueErrorReason::ColumnCount { expected: columns.len(), found: $count }.into());
                }
                $($name::check(&columns[$index].typ)
                    .map_err(|error| error.in_column($index, &columns[$index].name))?;)+
                Ok(())
            }

            #[inline]
            fn from_row(_: &'f [ColumnSpec], row: &mut RowCells<'f>) -> Result<Self, ValueError> {
                Ok(($(row.value::<$name>()?,)+))
            }
        }
    };
}

tuple!(1: A 0);
tuple!(2: A 0, B 1);
tuple!(3: A 0, B 1, C 2);
tuple!(4: A 0, B 1, C 2, D 3);
tuple!(5: A 0, B 1, C 2, D 3, E 4);
tuple!(6: A 0, B 1, C 2, D 3, E 4, F 5);
tuple!(7: A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple!(8: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
tuple!(9: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
tuple!(10: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
tuple!(11: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
tuple!(12: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);
tuple!(13: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11, M 12);
tuple!(14: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11, M 12, N 13);
tuple!(15: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11, M 12, N 13, O 14);
tuple!(16: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11, M 12, N 13, O 14, P 15);
