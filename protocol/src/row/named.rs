//! Rows by column name.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hash};

use crate::error::{ValueError, ValueErrorReason};
use crate::row::{FromRow, IntoNamedRow, IntoRow, RowCells, RowWriter};
use crate::types::ColumnSpec;
use crate::value::{FromCql, ToCql};

/// Finds a value for each column by name. Names that are no column are ignored, a column without a value is an error.
fn write_named<'a, T: ToCql + 'a>(
    columns: &[ColumnSpec],
    out: &mut RowWriter<'_>,
    find: impl Fn(&str) -> Option<&'a T>,
) -> Result<(), ValueError> {
    for (index, column) in columns.iter().enumerate() {
        match find(&column.name) {
            Some(value) => out.value(value)?,
            None => {
                let reason = ValueErrorReason::UnknownColumn((&*column.name).into());
                return Err(ValueError::new(reason).in_column(index, &column.name));
            }
        }
    }
    Ok(())
}

impl<K: Borrow<str> + Eq + Hash, T: ToCql, S: BuildHasher> IntoRow for HashMap<K, T, S> {
    fn write_row(&self, columns: &[ColumnSpec], out: &mut RowWriter<'_>) -> Result<(), ValueError> {
        write_named(columns, out, |name| self.get(name))
    }
}

impl<K: Borrow<str> + Ord, T: ToCql> IntoRow for BTreeMap<K, T> {
    fn write_row(&self, columns: &[ColumnSpec], out: &mut RowWriter<'_>) -> Result<(), ValueError> {
        write_named(columns, out, |name| self.get(name))
    }
}

macro_rules! part_of_a_row {
    ($([$($generics:tt)*] $map:ty),* $(,)?) => {$(
        impl<$($generics)*> IntoNamedRow for $map {
            fn write_column(&self, name: &str, out: &mut RowWriter<'_>) -> Result<bool, ValueError> {
                let Some(value) = self.get(name) else { return Ok(false) };
                out.value(value)?;
                Ok(true)
            }

            /// Names that are no column are ignored.
            fn check_columns(_: &[ColumnSpec]) -> Result<(), ValueError> {
                Ok(())
            }
        }
    )*};
}

part_of_a_row!(
    [K: Borrow<str> + Eq + Hash, T: ToCql, S: BuildHasher] HashMap<K, T, S>,
    [K: Borrow<str> + Ord, T: ToCql] BTreeMap<K, T>,
);

macro_rules! named_from_row {
    ($([$($generics:tt)*] $row:ty),* $(,)?) => {$(
        /// Every column by its name; of columns with one name the last.
        impl<'f, T: FromCql<'f>, $($generics)*> FromRow<'f> for $row {
            fn check(columns: &[ColumnSpec]) -> Result<(), ValueError> {
                columns.iter().enumerate().try_for_each(|(index, column)| {
                    T::check(&column.typ).map_err(|error| error.in_column(index, &column.name))
                })
            }

            fn from_row(columns: &'f [ColumnSpec], row: &mut RowCells<'f>) -> Result<Self, ValueError> {
                columns.iter().map(|column| Ok((K::from(&*column.name), row.value()?))).collect()
            }
        }
    )*};
}

named_from_row!(
    [K: From<&'f str> + Eq + Hash, S: BuildHasher + Default] HashMap<K, T, S>,
    [K: From<&'f str> + Ord] BTreeMap<K, T>,
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::encode_row;
    use crate::types::CqlType;
    use crate::value::CqlValue;

    fn columns() -> [ColumnSpec; 2] {
        [ColumnSpec::new("ks", "t", "b", CqlType::Tinyint), ColumnSpec::new("ks", "t", "a", CqlType::Tinyint)]
    }

    #[test]
    fn the_order_of_names_does_not_matter() {
        let mut out = Vec::new();
        encode_row(&BTreeMap::from([("a", 1i8), ("b", 2), ("unused", 3)]), &columns(), &mut out).unwrap();
        assert_eq!(out, [0, 0, 0, 1, 2, 0, 0, 0, 1, 1]);
        let mut same = Vec::new();
        let row: HashMap<String, CqlValue> = [("a".into(), 1i8.into()), ("b".into(), 2i8.into())].into();
        encode_row(&row, &columns(), &mut same).unwrap();
        assert_eq!(same, out);
    }

    #[test]
    fn a_column_without_a_value_is_an_error() {
        let error = encode_row(&BTreeMap::from([("a", 1i8)]), &columns(), &mut Vec::new()).unwrap_err();
        assert_eq!(error.reason(), &ValueErrorReason::UnknownColumn("b".into()));
    }

    #[test]
    fn rows_are_read_by_name() {
        let columns = columns();
        let mut cells = RowCells::new(&columns, &[0, 0, 0, 1, 2, 0, 0, 0, 1, 1]);
        let row: BTreeMap<String, i8> = FromRow::from_row(&columns, &mut cells).unwrap();
        assert_eq!(row, BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), 2)]));
        assert!(<HashMap<String, i32> as FromRow<'_>>::check(&columns).is_err());
    }
}
