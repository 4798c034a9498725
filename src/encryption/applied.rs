//! What a session's policy does to values on their way out and to rows on their way in.

use std::sync::Arc;

use chorus_protocol::request::Values;
use chorus_protocol::value::Elements;
use chorus_protocol::{BoundValue, ColumnSpec, CqlType, NativeType, RowCells, ValueWriter};
use chorus_topology::ClusterState;
use zeroize::Zeroizing;

use super::{ColumnEncryptionPolicy, ColumnRef, EncryptionError};
use crate::error::{Cause, Error, UsageProblem};
use crate::result::RowSet;
use crate::statement::Described;

/// What a session encrypts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Encryption(pub(crate) Option<Arc<dyn ColumnEncryptionPolicy>>);

/// The markers of a statement some of which are encrypted.
#[derive(Debug)]
pub(crate) struct EncryptedMarkers {
    policy: Arc<dyn ColumnEncryptionPolicy>,
    /// With the types of the plain values.
    plain: Arc<[ColumnSpec]>,
    forms: Box<[Form]>,
}

/// What becomes of a marker's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Plain,
    Encrypted,
    /// Each element of a list, as `IN ?` has.
    Elements,
}

const BLOB: CqlType = CqlType::Native(NativeType::Blob);

impl Encryption {
    /// Whether anything is encrypted.
    pub(crate) const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// The markers of a statement, if there are encrypted ones among them.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) when an encrypted column is no blob, or part of the primary key and not
    /// encrypted deterministically.
    pub(crate) fn markers(
        &self,
        described: &Described,
        state: &ClusterState,
    ) -> Result<Option<EncryptedMarkers>, Error> {
        let Some(policy) = &self.0 else { return Ok(None) };
        let mut plain = described.bind.to_vec();
        let mut forms = vec![Form::Plain; plain.len()];
        for (index, (marker, form)) in plain.iter_mut().zip(&mut forms).enumerate() {
            let (name, of_list) =
                match marker.name.strip_prefix("in(").and_then(|name| name.strip_suffix(')')) {
                    Some(name) => (name, true),
                    None => (&*marker.name, false),
                };
            let column = ColumnRef::new(&marker.keyspace, &marker.table, name);
            let Some(typ) = policy.column_type(column) else { continue };
            let expected = if of_list { CqlType::list(BLOB) } else { BLOB };
            if marker.typ != expected {
                return Err(
                    UsageProblem::EncryptedType { column: name.into(), typ: marker.typ.clone() }.into()
                );
            }
            let in_key =
                described.key_markers.iter().any(|key| usize::from(*key) == index) || is_key(state, column);
            if in_key && !policy.is_deterministic(column) {
                return Err(UsageProblem::RandomlyEncryptedKey { column: name.into() }.into());
            }
            (marker.typ, *form) = match of_list {
                true => (CqlType::list(typ.clone()), Form::Elements),
                false => (typ.clone(), Form::Encrypted),
            };
        }
        let any = forms.iter().any(|form| *form != Form::Plain);
        let policy = Arc::clone(policy);
        Ok(any.then(|| EncryptedMarkers { policy, plain: plain.into(), forms: forms.into() }))
    }

    /// The columns of a result with the types of their plain values.
    pub(crate) fn plain_columns(&self, columns: Arc<[ColumnSpec]>) -> Arc<[ColumnSpec]> {
        let Some(policy) = &self.0 else { return columns };
        if !columns.iter().any(|column| plain_type(&**policy, column).is_some()) {
            return columns;
        }
        let plain = |column: &ColumnSpec| match plain_type(&**policy, column) {
            Some(typ) => ColumnSpec { typ: typ.clone(), ..column.clone() },
            None => column.clone(),
        };
        columns.iter().map(plain).collect()
    }

    /// Decrypts the cells of a page.
    ///
    /// # Errors
    /// [`ErrorKind::Rows`](crate::ErrorKind::Rows) when one cannot be.
    pub(crate) fn decrypt(&self, rows: RowSet) -> Result<RowSet, Error> {
        let Some(policy) = &self.0 else { return Ok(rows) };
        let encrypted = Arc::clone(&rows.columns);
        if !encrypted.iter().any(|column| plain_type(&**policy, column).is_some()) {
            return Ok(rows);
        }
        // A plain value is never longer than its encrypted one.
        let mut out = Vec::with_capacity(rows.content().len());
        let mut rest = rows.content();
        'rows: for _ in 0..rows.len() {
            let (row, start) = (rest, out.len());
            let mut cells = RowCells::new(&encrypted, row);
            for (position, column) in encrypted.iter().enumerate() {
                let Ok(cell) = cells.cell() else {
                    // The page ends too early, which whoever reads it is told there.
                    out.truncate(start);
                    break 'rows;
                };
                match (cell, plain_type(&**policy, column)) {
                    (Some(cell), Some(_)) => decrypt_cell(&**policy, column, cell, &mut out)
                        .map_err(|error| failed(true, position, &column.name, error))?,
                    // What came fits.
                    (cell, _) => drop(put(cell.map_or(BoundValue::Null, BoundValue::Bytes), &mut out)),
                }
            }
            rest = cells.finish().unwrap_or_default();
        }
        out.extend_from_slice(rest);
        let columns = self.plain_columns(encrypted);
        Ok(rows.replaced(columns, out.into()))
    }
}

/// The type of a column's plain values, where it is encrypted.
fn plain_type<'p>(policy: &'p dyn ColumnEncryptionPolicy, column: &ColumnSpec) -> Option<&'p CqlType> {
    (column.typ == BLOB).then(|| policy.column_type(reference(column)))?
}

fn reference(column: &ColumnSpec) -> ColumnRef<'_> {
    ColumnRef::new(&column.keyspace, &column.table, &column.name)
}

/// Whether a column is known to be one of the primary key.
fn is_key(state: &ClusterState, column: ColumnRef<'_>) -> bool {
    state.table(column.keyspace, column.table).is_some_and(|table| {
        let key = table.partition_key().iter().chain(table.clustering_key());
        key.into_iter().any(|key| *key.name == *column.column)
    })
}

#[cold]
fn failed(reading: bool, position: usize, column: &str, error: EncryptionError) -> Error {
    Error::new(Cause::Encryption { reading, position, column: column.into(), error })
}

fn put(value: BoundValue<'_>, out: &mut Vec<u8>) -> Result<(), EncryptionError> {
    let writer = ValueWriter::new(out);
    let written = match value {
        BoundValue::Null => writer.null(),
        BoundValue::Unset => writer.unset(),
        BoundValue::Bytes(bytes) => writer.bytes(bytes),
    };
    written.map_err(EncryptionError::Value)
}

/// Appends a length and what `write` appends.
fn put_counted(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), EncryptionError>,
) -> Result<(), EncryptionError> {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out)?;
    let length = out.len() - start - 4;
    let length = i32::try_from(length).map_err(|_| EncryptionError::Malformed(length))?;
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

fn decrypt_cell(
    policy: &dyn ColumnEncryptionPolicy,
    column: &ColumnSpec,
    cell: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), EncryptionError> {
    put_counted(out, |out| policy.decrypt(reference(column), cell, out))
}

impl EncryptedMarkers {
    /// The markers with the types of their plain values.
    pub(crate) fn plain(&self) -> &Arc<[ColumnSpec]> {
        &self.plain
    }

    /// Encrypts the values of a row, which begin at `start`. On an error `out` ends there.
    ///
    /// # Errors
    /// [`ErrorKind::Values`](crate::ErrorKind::Values) when the policy fails.
    pub(crate) fn encrypt_row(&self, out: &mut Vec<u8>, start: usize) -> Result<(), Error> {
        let plain = Zeroizing::new(out.split_off(start));
        // As many markers as a statement can have.
        let values = Values::Positional { count: self.plain.len() as u16, bytes: &plain };
        for (position, (_, value)) in values.iter().enumerate() {
            let marker = &self.plain[position];
            let written = match (self.forms[position], value) {
                (Form::Encrypted, BoundValue::Bytes(value)) => self.encrypt(reference(marker), value, out),
                (Form::Elements, BoundValue::Bytes(value)) => self.encrypt_elements(marker, value, out),
                (_, value) => put(value, out),
            };
            if let Err(error) = written {
                out.truncate(start);
                return Err(failed(false, position, &marker.name, error));
            }
        }
        Ok(())
    }

    fn encrypt(&self, column: ColumnRef<'_>, value: &[u8], out: &mut Vec<u8>) -> Result<(), EncryptionError> {
        put_counted(out, |out| self.policy.encrypt(column, value, out))
    }

    /// The elements of the list of an `IN ?`.
    fn encrypt_elements(
        &self,
        marker: &ColumnSpec,
        list: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), EncryptionError> {
        let name = marker.name.strip_prefix("in(").and_then(|name| name.strip_suffix(')'));
        let column = ColumnRef { column: name.unwrap_or(&marker.name), ..reference(marker) };
        put_counted(out, |out| {
            let elements = Elements::new(Some(list)).map_err(EncryptionError::Value)?;
            out.extend_from_slice(&(elements.remaining() as u32).to_be_bytes());
            for element in elements {
                match element.map_err(EncryptionError::Value)? {
                    Some(element) => self.encrypt(column, element, out)?,
                    None => put(BoundValue::Null, out)?,
                }
            }
            Ok(())
        })
    }
}
