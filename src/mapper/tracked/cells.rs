//! Columns as they are compared: encoded, and in one form whatever the order in sets and maps.

use chorus_protocol::value::{Elements, MapEntries};
use chorus_protocol::{ColumnSpec, CqlType, RowCells, RowWriter, ToCql, ValueError};

use crate::mapper::{Model, TableDefinition};

/// A column of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::mapper) enum Cell {
    /// Also an unset value, and a collection without elements that is stored element by element: they are all the same in the
    /// database.
    Null,
    Bytes(Box<[u8]>),
    /// A value that cannot be encoded, and so is not what any other is; sending it says why.
    Invalid,
}

impl Cell {
    pub(in crate::mapper) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Cell::Bytes(bytes) => Some(bytes),
            Cell::Null | Cell::Invalid => None,
        }
    }
}

/// All columns of a model.
pub(in crate::mapper) fn cells_of<M: Model>(model: &M) -> Vec<Cell> {
    let table: &TableDefinition = M::table();
    let cell = |index: usize| {
        let typ = &table.columns[index].typ.typ;
        if model.is_null(index) {
            return Cell::Null;
        }
        match encoded(model.value(index), typ) {
            Ok(None) => Cell::Null,
            Ok(Some(bytes)) => Cell::Bytes(in_order(typ, &bytes).unwrap_or(bytes).into()),
            Err(_) => Cell::Invalid,
        }
    };
    (0..table.columns.len()).map(cell).collect()
}

/// A value without its length; `None` for null and unset.
///
/// # Errors
///
/// When it is no value of the type.
pub(in crate::mapper) fn encoded(
    value: &(dyn ToCql + Send + Sync),
    typ: &CqlType,
) -> Result<Option<Vec<u8>>, ValueError> {
    let column = [ColumnSpec::new("", "", "", typ.clone())];
    let mut bytes = Vec::new();
    RowWriter::new(&column, &mut bytes).value(value)?;
    Ok(RowCells::new(&column, &bytes).cell()?.map(<[u8]>::to_vec))
}

/// The same value with its sets and maps in the order of their bytes, as far down as collections go; `None` when there is nothing to put in
/// order, or the bytes are no such value.
fn in_order(typ: &CqlType, bytes: &[u8]) -> Option<Vec<u8>> {
    let element = |typ: &CqlType, cell: Option<&[u8]>| {
        cell.map(|cell| in_order(typ, cell).unwrap_or_else(|| cell.to_vec()))
    };
    match typ {
        CqlType::List(inner) | CqlType::Set(inner) => {
            let elements = Elements::new(Some(bytes)).ok()?;
            let mut elements: Vec<_> =
                elements.map(|cell| Some(element(inner, cell.ok()?))).collect::<Option<_>>()?;
            if matches!(typ, CqlType::Set(_)) {
                elements.sort();
            }
            let mut out = count(elements.len());
            elements.iter().for_each(|cell| put(cell.as_deref(), &mut out));
            Some(out)
        }
        CqlType::Map(types) => {
            let entries = MapEntries::new(Some(bytes)).ok()?;
            let mut entries: Vec<_> = entries
                .map(|entry| {
                    let (key, value) = entry.ok()?;
                    Some((element(&types.0, key), element(&types.1, value)))
                })
                .collect::<Option<_>>()?;
            entries.sort();
            let mut out = count(entries.len());
            for (key, value) in &entries {
                put(key.as_deref(), &mut out);
                put(value.as_deref(), &mut out);
            }
            Some(out)
        }
        _ => None,
    }
}

/// The beginning of a collection.
pub(super) fn count(elements: usize) -> Vec<u8> {
    i32::try_from(elements).unwrap_or(i32::MAX).to_be_bytes().to_vec()
}

/// An element with its length.
pub(super) fn put(cell: Option<&[u8]>, out: &mut Vec<u8>) {
    let length = cell.map_or(-1, |cell| i32::try_from(cell.len()).unwrap_or(i32::MAX));
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(cell.unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashSet};

    use chorus_protocol::value::OrderedMap;

    use super::*;

    fn form(value: &(dyn ToCql + Send + Sync), typ: &CqlType) -> Vec<u8> {
        let bytes = encoded(value, typ).expect("fits").expect("not null");
        in_order(typ, &bytes).unwrap_or(bytes)
    }

    #[test]
    fn order_in_sets_and_maps_does_not_matter_at_any_depth() {
        let (set, list) = (CqlType::set(CqlType::Int), CqlType::list(CqlType::Int));
        assert_eq!(form(&vec![3, 1, 2], &set), form(&vec![1, 2, 3], &set));
        assert_ne!(form(&vec![3, 1, 2], &list), form(&vec![1, 2, 3], &list));
        let nested = CqlType::list(CqlType::map(CqlType::Int, set));
        let one: Vec<OrderedMap<i32, Vec<i32>>> = vec![[(1, vec![5, 6]), (2, vec![])].into_iter().collect()];
        let other: Vec<OrderedMap<i32, Vec<i32>>> =
            vec![[(2, vec![]), (1, vec![6, 5])].into_iter().collect()];
        assert_eq!(form(&one, &nested), form(&other, &nested));
        let third = vec![BTreeMap::from([(1, vec![5, 7]), (2, vec![])])];
        assert_ne!(form(&one, &nested), form(&third, &nested));
        assert_eq!(form(&HashSet::<i32>::from([1, 2]), &CqlType::set(CqlType::Int)).len(), 4 + 16);
    }

    #[test]
    fn null_unset_and_what_does_not_fit_are_told_apart() {
        assert_eq!(encoded(&None::<i32>, &CqlType::Int), Ok(None));
        assert_eq!(encoded(&chorus_protocol::Unset, &CqlType::Int), Ok(None));
        assert_eq!(encoded(&"", &CqlType::Text), Ok(Some(vec![])));
        assert!(encoded(&"", &CqlType::Int).is_err());
    }
}
