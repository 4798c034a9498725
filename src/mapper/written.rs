//! What a write has brought about.

use std::fmt;

use chorus_protocol::{ColumnSpec, FromCql, FromRow, RowView};

use crate::{Error, QueryResult};

/// A write that is done.
#[derive(Debug, Clone)]
pub struct Written(Option<QueryResult>);

impl Written {
    pub(super) const NOTHING: Written = Written(None);

    pub(super) fn sent(result: QueryResult) -> Self {
        Self(Some(result))
    }

    /// Whether anything was sent. There was nothing to send for an update without assignments, a batch without members, and a
    /// tracked row that had not changed.
    pub fn was_sent(&self) -> bool {
        self.0.is_some()
    }

    /// The server's answer, for its warnings, trace and host; `None` when nothing was sent.
    pub fn result(&self) -> Option<&QueryResult> {
        self.0.as_ref()
    }
}

/// The row that was there when a condition did not hold, as far as the server shows it: all of it for `IF NOT EXISTS`, the columns of the
/// condition otherwise.
#[derive(Clone)]
pub struct ExistingRow(QueryResult);

/// The column that says that nothing was written.
const APPLIED: &str = "[applied]";

impl ExistingRow {
    pub(super) fn new(result: QueryResult) -> Self {
        Self(result)
    }

    /// The columns that are shown.
    pub fn columns(&self) -> impl Iterator<Item = &ColumnSpec> {
        self.0.columns().iter().filter(|column| &*column.name != APPLIED)
    }

    /// Whether nothing is shown: no column, or null in all of them, which is what ScyllaDB shows of a row that is not there. After a condition
    /// on columns that are null, a row that is there may look the same.
    pub fn is_empty(&self) -> bool {
        let Ok(Some(row)) = self.0.first_row::<RowView<'_>>() else { return true };
        let null = |index: usize| matches!(row.cell(index), Ok(None) | Err(_));
        let columns = row.columns().iter().enumerate();
        columns.filter(|(_, column)| &*column.name != APPLIED).all(|(index, _)| null(index))
    }

    /// The value of a column, by name.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Rows`](crate::ErrorKind::Rows) when it is not shown, or is no `T`.
    pub fn value<'f, T: FromCql<'f>>(&'f self, column: &str) -> Result<T, Error> {
        let row = self.0.first_row::<RowView<'f>>()?.ok_or(crate::ResultProblem::NoRow)?;
        row.value(column).map_err(Error::rows)
    }

    /// The row as a model, or whatever else is read by name; `None` when [nothing](Self::is_empty) is shown.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Rows`](crate::ErrorKind::Rows) when columns are missing that it needs.
    pub fn read<T: for<'f> FromRow<'f>>(&self) -> Result<Option<T>, Error> {
        if self.is_empty() { Ok(None) } else { self.0.first_row() }
    }
}

/// Names and values of its [columns](Self::columns).
impl fmt::Debug for ExistingRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        if let Ok(Some(row)) = self.0.first_row::<chorus_protocol::Row>() {
            let cells = self.0.columns().iter().zip(&row.values);
            let cells = cells.filter(|(column, _)| &*column.name != APPLIED);
            map.entries(cells.map(|(column, value)| (&column.name, value)));
        }
        map.finish()
    }
}
