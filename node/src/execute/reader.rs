//! Rows as they are stored to cells as they are seen.

use std::borrow::Cow;

use chorus_protocol::CqlType;

use crate::catalog::{ColumnKind, TableSchema};
use crate::store::{Expiry, Record, Row, read_parts};
use crate::value::{CollectionWriter, write_cell};

/// One cell of a row.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Cell<'a> {
    pub(crate) value: Option<Cow<'a, [u8]>>,
    /// Microseconds; of a value that is stored as one cell only.
    pub(crate) timestamp: Option<i64>,
    pub(crate) expiry: Option<Expiry>,
}

impl Cell<'_> {
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        self.value.as_deref()
    }
}

/// Where the cells of a row are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowSource<'a> {
    /// The values of the partition key's columns.
    pub(crate) key: &'a [&'a [u8]],
    pub(crate) static_row: Option<&'a Row>,
    /// `None` for a partition that has static columns only.
    pub(crate) row: Option<&'a Row>,
}

/// Which columns to read.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    /// Indexes into the schema's columns.
    columns: Vec<usize>,
    /// By column id: which of `columns` it is.
    slots: Vec<Option<u16>>,
    reads_clustering: bool,
    reads_static: bool,
    reads_regular: bool,
}

impl Reader {
    pub(crate) fn new(schema: &TableSchema, columns: Vec<usize>) -> Self {
        let all = schema.columns();
        let length = all.iter().map(|column| usize::from(column.id) + 1).max().unwrap_or(0);
        let mut slots = vec![None; length];
        for (slot, column) in columns.iter().enumerate() {
            slots[usize::from(all[*column].id)] = u16::try_from(slot).ok();
        }
        let reads = |kind| columns.iter().any(|column| all[*column].kind == kind);
        Self {
            slots,
            reads_clustering: reads(ColumnKind::Clustering),
            reads_static: reads(ColumnKind::Static),
            reads_regular: reads(ColumnKind::Regular),
            columns,
        }
    }

    /// Which slot a column is read into.
    pub(crate) fn slot(&self, column: usize) -> Option<usize> {
        self.columns.iter().position(|read| *read == column)
    }

    pub(crate) fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// Reads a row into `cells`, one per column.
    pub(crate) fn read<'a>(
        &self,
        schema: &TableSchema,
        source: &RowSource<'a>,
        now: u32,
        cells: &mut Vec<Cell<'a>>,
    ) {
        cells.clear();
        cells.resize_with(self.columns.len(), Cell::default);
        let clustering: Vec<&'a [u8]> = match source.row {
            Some(row) if self.reads_clustering => read_parts(row.header().clustering).collect(),
            _ => Vec::new(),
        };
        for (cell, column) in cells.iter_mut().zip(&self.columns) {
            let column = &schema.columns()[*column];
            let part = match column.kind {
                ColumnKind::PartitionKey => source.key.get(column.position),
                ColumnKind::Clustering => clustering.get(column.position),
                ColumnKind::Static | ColumnKind::Regular => continue,
            };
            cell.value = part.map(|part| Cow::Borrowed(*part));
        }
        if self.reads_static
            && let Some(row) = source.static_row
        {
            self.read_records(schema, row, now, cells);
        }
        if self.reads_regular
            && let Some(row) = source.row
        {
            self.read_records(schema, row, now, cells);
        }
    }

    fn read_records<'a>(&self, schema: &TableSchema, row: &'a Row, now: u32, cells: &mut [Cell<'a>]) {
        let mut records = row.records().filter(|record| record.is_live(now)).peekable();
        while let Some(record) = records.next() {
            let Some(slot) = self.slots.get(usize::from(record.column)).copied().flatten() else {
                continue;
            };
            let slot = usize::from(slot);
            if record.path.is_none() {
                cells[slot] = Cell {
                    value: Some(Cow::Borrowed(record.value)),
                    timestamp: Some(record.timestamp),
                    expiry: record.expiry,
                };
                continue;
            }
            let mut elements = vec![record];
            while let Some(next) = records.next_if(|next| next.column == record.column) {
                elements.push(next);
            }
            cells[slot].value =
                Some(Cow::Owned(assemble(&schema.columns()[self.columns[slot]].typ.typ, &elements)));
        }
    }
}

/// A collection out of its elements.
fn assemble(typ: &CqlType, records: &[Record<'_>]) -> Vec<u8> {
    if let CqlType::Udt(udt) = typ {
        let mut out = Vec::new();
        for index in 0..udt.fields.len() as u16 {
            let field = records.iter().find(|record| record.path == Some(&index.to_be_bytes()));
            write_cell(&mut out, field.map(|record| record.value));
        }
        return out;
    }
    let mut writer = CollectionWriter::counted();
    for record in records {
        let path = record.path.unwrap_or_default();
        match typ {
            CqlType::Set(_) => writer.element(Some(path)),
            CqlType::Map(_) => writer.pair(path, Some(record.value)),
            _ => writer.element(Some(record.value)),
        }
    }
    writer.finish()
}

/// The values of a partition key's columns out of the key.
pub(crate) fn split_key(key: &[u8], columns: usize) -> Vec<&[u8]> {
    if columns == 1 {
        return vec![key];
    }
    let mut parts = Vec::with_capacity(columns);
    let mut rest = key;
    while let Some((length, tail)) = rest.split_first_chunk::<2>() {
        let Some((part, tail)) = tail.split_at_checked(usize::from(u16::from_be_bytes(*length))) else {
            break;
        };
        parts.push(part);
        rest = tail.get(1..).unwrap_or_default();
    }
    parts
}
