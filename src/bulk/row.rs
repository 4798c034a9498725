//! From a record to the values of an INSERT.

use chorus_protocol::{ColumnSpec, CqlType, ValueWriter};

use super::cell::{self, CellError, EpochUnit};
use super::csv::Record;
use super::rejects::{RejectStage, Rejection};

/// How cells of a source are to be read.
#[derive(Clone, Debug, Default)]
pub(crate) struct CellFormat {
    /// Texts that mean null.
    pub(crate) nulls: Vec<Vec<u8>>,
    /// Whether null is written as null, a tombstone, instead of being left out.
    pub(crate) write_nulls: bool,
    /// What a whole number means in a timestamp column.
    pub(crate) epoch: EpochUnit,
}

impl CellFormat {
    /// Whether a cell means null. An empty cell does wherever the type has no empty value.
    #[inline]
    pub(crate) fn is_null(&self, cell: &[u8], typ: &CqlType) -> bool {
        if cell.is_empty() && (!typ.zero_length_is_value() || *typ == CqlType::Blob) {
            return true;
        }
        self.nulls.iter().any(|null| null == cell)
    }
}

/// Which field goes into which bind marker.
#[derive(Debug)]
pub(crate) struct RowPlan {
    /// Fields a record must have.
    fields: usize,
    columns: Vec<PlannedColumn>,
    format: CellFormat,
}

/// One bind marker.
#[derive(Clone, Debug)]
pub(crate) struct PlannedColumn {
    /// The field of the record, from 0.
    pub(crate) field: usize,
    /// Name and type.
    pub(crate) spec: ColumnSpec,
    /// Whether it is part of the primary key and so must have a value.
    pub(crate) key: bool,
}

/// Why a record cannot become a row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BindError {
    #[error("the row has {found} fields and the header has {expected}")]
    FieldCount { expected: usize, found: usize },
    #[error("the value is missing, and a primary key needs one")]
    NullKey { column: usize },
    #[error("{error}")]
    Cell { column: usize, error: CellError },
}

impl RowPlan {
    /// `fields` is the number of fields of the header.
    pub(crate) fn new(fields: usize, columns: Vec<PlannedColumn>, format: CellFormat) -> Self {
        Self { fields, columns, format }
    }

    /// Appends one `[value]` for each bind marker.
    ///
    /// # Errors
    /// When a record cannot become a row; `out` may then hold part of it.
    #[inline]
    pub(crate) fn put_values(&self, record: &Record<'_>, out: &mut Vec<u8>) -> Result<(), BindError> {
        if record.len() != self.fields {
            return Err(BindError::FieldCount { expected: self.fields, found: record.len() });
        }
        for (index, column) in self.columns.iter().enumerate() {
            let cell = record.field(column.field).unwrap_or_default();
            let value = ValueWriter::new(out);
            if self.format.is_null(cell, &column.spec.typ) {
                if column.key {
                    return Err(BindError::NullKey { column: index });
                }
                // Neither can fail for a bound value.
                drop(if self.format.write_nulls { value.null() } else { value.unset() });
                continue;
            }
            cell::write_cell(&column.spec.typ, cell, self.format.epoch, value)
                .map_err(|error| BindError::Cell { column: index, error })?;
        }
        Ok(())
    }

    /// What the rejects file says about a record that cannot become a row.
    pub(crate) fn rejection(&self, record: &Record<'_>, error: &BindError) -> Rejection {
        let column = match error {
            BindError::FieldCount { .. } => None,
            BindError::NullKey { column } | BindError::Cell { column, .. } => {
                self.columns.get(*column).map(|column| column.spec.name.to_string())
            }
        };
        Rejection {
            place: record.place(),
            stage: RejectStage::Bind,
            column,
            reason: error.to_string(),
            source: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::csv::{Dialect, Place, RecordReader};
    use super::*;

    fn plan(format: CellFormat) -> RowPlan {
        let column = |field, name: &str, typ, key| PlannedColumn {
            field,
            spec: ColumnSpec { keyspace: "ks".into(), table: "t".into(), name: name.into(), typ },
            key,
        };
        let columns = vec![
            column(1, "id", CqlType::Int, true),
            column(0, "name", CqlType::Text, false),
            column(2, "at", CqlType::Timestamp, false),
        ];
        RowPlan::new(3, columns, format)
    }

    fn bind(format: CellFormat, raw: &[u8]) -> Result<Vec<u8>, BindError> {
        let mut out = Vec::new();
        let mut reader = RecordReader::new(Dialect::default());
        plan(format).put_values(&reader.split_again(raw, Place::default()), &mut out)?;
        Ok(out)
    }

    #[test]
    fn values_are_written_in_the_order_of_the_markers() {
        let out = bind(CellFormat::default(), b"ab,7,1970-01-01T00:00:01Z").unwrap();
        let expected = b"\0\0\0\x04\0\0\0\x07\0\0\0\x02ab\0\0\0\x08\0\0\0\0\0\0\x03\xe8";
        assert_eq!(out, expected);
    }

    #[test]
    fn null_is_left_out_unless_asked_and_empty_text_is_a_value() {
        let format = CellFormat { nulls: vec![b"NA".to_vec()], ..CellFormat::default() };
        let unset = b"\xff\xff\xff\xfe";
        let out = bind(format.clone(), b"NA,7,").unwrap();
        assert_eq!(out, [&b"\0\0\0\x04\0\0\0\x07"[..], unset, unset].concat());
        let out = bind(CellFormat { write_nulls: true, ..format.clone() }, b"NA,7,NA").unwrap();
        let null = b"\xff\xff\xff\xff";
        assert_eq!(out, [&b"\0\0\0\x04\0\0\0\x07"[..], null, null].concat());
        let out = bind(format, b",7,NA").unwrap();
        assert_eq!(out, [&b"\0\0\0\x04\0\0\0\x07\0\0\0\0"[..], unset].concat());
    }

    #[test]
    fn what_cannot_become_a_row_says_where_and_why() {
        let format = CellFormat { nulls: vec![b"NA".to_vec()], ..CellFormat::default() };
        assert_eq!(bind(format.clone(), b"a,1"), Err(BindError::FieldCount { expected: 3, found: 2 }));
        assert_eq!(bind(format.clone(), b"a,NA,"), Err(BindError::NullKey { column: 0 }));
        assert!(matches!(bind(format.clone(), b"a,1,x"), Err(BindError::Cell { column: 2, .. })));
        let mut reader = RecordReader::new(Dialect::default());
        let record = reader.split_again(b"a,NA,", Place { offset: 5, length: 5, line: 3 });
        let rejection = plan(format).rejection(&record, &BindError::NullKey { column: 0 });
        assert_eq!((rejection.column.as_deref(), rejection.place.line), (Some("id"), 3));
    }
}
