//! The values of a statement, on their way to its markers.

use std::sync::Arc;

use chorus_protocol::value::{BoundValue, ValueWriter};
use chorus_protocol::{
    ColumnSpec, CqlType, IntoRow, RowCells, RowWriter, ToCql, ValueError, ValueErrorReason, encode_row,
};

pub(super) type AnyValue = dyn ToCql + Send + Sync;
pub(super) type AnyRow = dyn IntoRow + Send + Sync;

/// What goes to one marker, or, for keys, to several.
#[derive(Clone)]
pub(super) enum Value<'v> {
    One(Arc<AnyValue>),
    Lent(&'v (dyn ToCql + Send + Sync + 'v)),
    /// Encoded already, without its length.
    Cell(Arc<[u8]>),
    Null,
    Unset,
    /// All values of a key, which has so many columns.
    Key(Arc<AnyRow>, usize),
    /// The first values of a key, and what the others are.
    KeyPrefix(Arc<AnyRow>, usize, Arc<[ColumnSpec]>),
}

impl Value<'_> {
    pub(super) fn one(value: impl ToCql + Send + Sync + 'static) -> Value<'static> {
        Value::One(Arc::new(value))
    }

    /// How many markers it is for.
    pub(super) fn markers(&self) -> usize {
        match self {
            Value::Key(_, columns) | Value::KeyPrefix(_, columns, _) => *columns,
            _ => 1,
        }
    }

    fn write(&self, columns: &[ColumnSpec], out: &mut RowWriter<'_>) -> Result<(), ValueError> {
        match self {
            Value::One(value) => out.value(&**value),
            Value::Lent(value) => out.value(*value),
            Value::Cell(cell) => out.cell(BoundValue::Bytes(cell)),
            Value::Null => out.cell(BoundValue::Null),
            Value::Unset => out.cell(BoundValue::Unset),
            Value::Key(key, _) => key.write_row(columns, out),
            Value::KeyPrefix(key, _, rest) => {
                let whole: Vec<ColumnSpec> = columns.iter().chain(rest.iter()).cloned().collect();
                let mut encoded = Vec::new();
                encode_row(&**key, &whole, &mut encoded)?;
                let mut cells = RowCells::new(columns, &encoded);
                columns.iter().try_for_each(|_| match cells.cell()? {
                    Some(cell) => out.cell(BoundValue::Bytes(cell)),
                    None => out.cell(BoundValue::Null),
                })
            }
        }
    }
}

/// Entries of a map, as they were given: of several with one key the last counts.
pub(super) struct Entries<K, V>(pub(super) Vec<(K, V)>);

impl<K: ToCql, V: ToCql> ToCql for Entries<K, V> {
    fn to_cql(&self, typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
        let CqlType::Map(types) = typ else {
            let rust = std::any::type_name::<Vec<(K, V)>>();
            return Err(ValueErrorReason::TypeMismatch { rust, cql: typ.clone() }.into());
        };
        out.nested(|out| {
            out.count(self.0.len())?;
            for (key, value) in &self.0 {
                out.element(key, &types.0)?;
                out.element(value, &types.1)?;
            }
            Ok(())
        })
    }
}

/// The values of all markers, in order.
#[derive(Clone, Default)]
pub(super) struct Values<'v>(Vec<(Value<'v>, Use)>);

/// What a value is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// To be written, possibly null.
    Written,
    /// To be compared with what is there, which nothing is when it is null.
    Compared,
}

impl<'v> Values<'v> {
    pub(super) fn push(&mut self, value: Value<'v>, purpose: Use) {
        self.0.push((value, purpose));
    }
}

impl IntoRow for Values<'_> {
    fn write_row(&self, columns: &[ColumnSpec], out: &mut RowWriter<'_>) -> Result<(), ValueError> {
        let markers = self.0.iter().map(|(value, _)| value.markers()).sum();
        if markers != columns.len() {
            return Err(ValueErrorReason::ColumnCount { expected: columns.len(), found: markers }.into());
        }
        let mut next = 0;
        for (value, purpose) in &self.0 {
            let (first, start) = (next, out.position());
            next += value.markers();
            let columns = &columns[first..next];
            value.write(columns, out)?;
            if *purpose == Use::Compared {
                refuse_null(columns, first, out.written_since(start))?;
            }
        }
        Ok(())
    }
}

/// Nothing equals null, so servers refuse it, or find nothing; and no answer would say which value it was.
fn refuse_null(columns: &[ColumnSpec], first: usize, written: &[u8]) -> Result<(), ValueError> {
    let mut cells = RowCells::new(columns, written);
    for (index, column) in columns.iter().enumerate() {
        if cells.cell()?.is_none() {
            let reason = ValueErrorReason::Custom("null cannot be compared with anything".into());
            return Err(ValueError::new(reason).in_column(first + index, &column.name));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> [ColumnSpec; 3] {
        ["a", "b", "c"].map(|name| ColumnSpec::new("ks", "t", name, CqlType::Tinyint))
    }

    fn encoded(values: Vec<(Value<'_>, Use)>, columns: &[ColumnSpec]) -> Result<Vec<u8>, ValueError> {
        let mut out = vec![7];
        encode_row(&Values(values), columns, &mut out)?;
        Ok(out[1..].to_vec())
    }

    #[test]
    fn values_of_every_form_are_written_one_after_another() {
        let values = vec![
            (Value::one(1_i8), Use::Written),
            (Value::Lent(&2_i8), Use::Compared),
            (Value::Null, Use::Written),
        ];
        assert_eq!(encoded(values, &columns()).unwrap(), [0, 0, 0, 1, 1, 0, 0, 0, 1, 2, 255, 255, 255, 255]);
        let values = vec![
            (Value::Cell([9][..].into()), Use::Written),
            (Value::Key(Arc::new((3_i8, 4_i8)), 2), Use::Compared),
        ];
        assert_eq!(encoded(values, &columns()).unwrap(), [0, 0, 0, 1, 9, 0, 0, 0, 1, 3, 0, 0, 0, 1, 4]);
    }

    #[test]
    fn the_beginning_of_a_key_can_stand_alone() {
        let rest: Arc<[ColumnSpec]> = columns()[1..].into();
        let key = Value::KeyPrefix(Arc::new((5_i8, 6_i8, 7_i8)), 1, rest);
        assert_eq!(encoded(vec![(key, Use::Compared)], &columns()[..1]).unwrap(), [0, 0, 0, 1, 5]);
    }

    #[test]
    fn null_is_written_but_not_compared() {
        let null = || Value::one(None::<i8>);
        assert!(encoded(vec![(null(), Use::Written)], &columns()[..1]).is_ok());
        let error = encoded(vec![(null(), Use::Compared)], &columns()[..1]).unwrap_err();
        assert_eq!(error.column(), Some((0, "a")));
        let key = Value::Key(Arc::new((1_i8, None::<i8>)), 2);
        let values = vec![(Value::one(1_i8), Use::Written), (key, Use::Compared)];
        let error = encoded(values, &columns()).unwrap_err();
        assert_eq!(error.column(), Some((2, "c")));
        assert!(error.to_string().contains("compared"), "{error}");
    }

    #[test]
    fn number_of_values_is_that_of_the_markers() {
        assert!(encoded(vec![(Value::Null, Use::Written)], &columns()).is_err());
        assert!(
            encoded(vec![(Value::Key(Arc::new((1_i8, 2_i8)), 2), Use::Written)], &columns()[..1]).is_err()
        );
    }
}
