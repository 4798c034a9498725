//! A row whose values are asked for one by one.

use crate::error::{ValueError, ValueErrorReason};
use crate::row::{FromRow, RowCells};
use crate::types::ColumnSpec;
use crate::value::FromCql;

/// A row that is left where it is: values are read by the name or the place of their column, each as the type that is asked
/// for, and may borrow from the result. Holds no memory of its own.
///
/// For rows whose columns are known only when the program runs, or of which few are looked at. A value is checked against
/// its column each time it is asked for, and columns are looked for from the first on; tuples and derived structs do both once
/// a page.
#[derive(Debug, Clone, Copy)]
pub struct RowView<'f> {
    columns: &'f [ColumnSpec],
    /// The cells of all columns.
    cells: &'f [u8],
}

impl<'f> RowView<'f> {
    /// The value of the column of this name; of several columns with it the first.
    ///
    /// # Errors
    /// [`ValueErrorReason::MissingColumn`] when there is none; when its value is no `T`.
    pub fn value<T: FromCql<'f>>(&self, name: &str) -> Result<T, ValueError> {
        match self.columns.iter().position(|column| &*column.name == name) {
            Some(index) => self.at(index),
            None => Err(ValueErrorReason::MissingColumn(name.into()).into()),
        }
    }

    /// The value of the column at `index`, counted from 0.
    ///
    /// # Errors
    /// [`ValueErrorReason::ColumnCount`] when there are fewer columns; when its value is no `T`.
    pub fn at<T: FromCql<'f>>(&self, index: usize) -> Result<T, ValueError> {
        let Some(column) = self.columns.get(index) else {
            let (expected, found) = (self.columns.len(), index.saturating_add(1));
            return Err(ValueErrorReason::ColumnCount { expected, found }.into());
        };
        let in_column = |error: ValueError| error.in_column(index, &column.name);
        T::check(&column.typ).map_err(in_column)?;
        T::from_cql(&column.typ, self.cell(index)?).map_err(in_column)
    }

    /// The bytes of the value at `index` as they came; `None` for null.
    ///
    /// # Errors
    /// [`ValueErrorReason::ColumnCount`] when there are fewer columns.
    pub fn cell(&self, index: usize) -> Result<Option<&'f [u8]>, ValueError> {
        let mut cells = RowCells::new(self.columns, self.cells);
        for _ in 0..index {
            cells.cell()?;
        }
        cells.cell()
    }

    /// The description of the columns, in their order.
    pub fn columns(&self) -> &'f [ColumnSpec] {
        self.columns
    }
}

impl<'f> FromRow<'f> for RowView<'f> {
    fn check(_: &[ColumnSpec]) -> Result<(), ValueError> {
        Ok(())
    }

    fn from_row(columns: &'f [ColumnSpec], row: &mut RowCells<'f>) -> Result<Self, ValueError> {
        let start = row.rest();
        for _ in columns {
            row.cell()?;
        }
        let cells = &start[..start.len() - row.rest().len()];
        Ok(Self { columns, cells })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::{RowsIter, encode_row};
    use crate::types::CqlType;
    use crate::value::CqlValue;

    fn columns() -> [ColumnSpec; 3] {
        [
            ColumnSpec::new("ks", "t", "id", CqlType::Int),
            ColumnSpec::new("ks", "t", "name", CqlType::Text),
            ColumnSpec::new("ks", "t", "note", CqlType::Text),
        ]
    }

    #[test]
    fn values_are_read_by_name_and_by_place_and_borrow_from_the_frame() {
        let (columns, mut content) = (columns(), Vec::new());
        encode_row(&(1, "one", None::<&str>), &columns, &mut content).unwrap();
        encode_row(&(2, "two", Some("")), &columns, &mut content).unwrap();
        let rows: Vec<RowView<'_>> =
            RowsIter::new(&columns, &content, 2).unwrap().collect::<Result<_, _>>().unwrap();
        assert_eq!(rows[0].value::<i32>("id").unwrap(), 1);
        let name: &str = rows[1].value("name").unwrap();
        assert_eq!(name, "two");
        assert!(content.as_ptr_range().contains(&name.as_ptr()));
        assert_eq!(rows[0].value::<Option<&str>>("note").unwrap(), None);
        assert_eq!(rows[1].at::<CqlValue>(2).unwrap(), CqlValue::from(""));
        assert_eq!((rows[0].cell(2).unwrap(), rows[1].cell(2).unwrap()), (None, Some(&b""[..])));
        assert_eq!(rows[0].columns().len(), 3);
    }

    #[test]
    fn what_is_not_there_or_of_another_type_is_an_error_that_names_it() {
        let (columns, mut content) = (columns(), Vec::new());
        encode_row(&(1, "one", None::<&str>), &columns, &mut content).unwrap();
        let row: RowView<'_> = RowsIter::new(&columns, &content, 1).unwrap().next().unwrap().unwrap();
        let error = row.value::<i32>("absent").unwrap_err();
        assert_eq!(error.reason(), &ValueErrorReason::MissingColumn("absent".into()));
        assert_eq!(row.value::<i64>("id").unwrap_err().column(), Some((0, "id")));
        assert_eq!(row.value::<&str>("note").unwrap_err().column(), Some((2, "note")));
        let error = row.at::<i32>(3).unwrap_err();
        assert_eq!(error.reason(), &ValueErrorReason::ColumnCount { expected: 3, found: 4 });
        assert!(row.at::<i32>(usize::MAX).is_err() && row.cell(3).is_err());
    }

    #[test]
    fn a_row_cut_short_is_an_error_and_no_view() {
        let (columns, mut content) = (columns(), Vec::new());
        encode_row(&(1, "one", "note"), &columns, &mut content).unwrap();
        for length in 0..content.len() {
            let rows = RowsIter::<RowView<'_>>::new(&columns, &content[..length], 1).unwrap();
            assert!(rows.filter(|row| row.is_ok()).count() == 0, "{length} bytes");
        }
    }
}
