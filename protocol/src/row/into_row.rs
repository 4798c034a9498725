//! What can be bound to a statement's markers.

use std::sync::Arc;

use crate::error::{ValueError, ValueErrorReason};
use crate::row::RowWriter;
use crate::types::ColumnSpec;
use crate::value::ToCql;

/// A row of bind values: tuples, arrays, slices and vectors by position, maps by name.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be bound to a statement",
    label = "no row of values",
    note = "tuples such as `(1, \"two\")` are rows, `(value,)` is a row of one value, `()` of none; a struct becomes one with `#[derive(IntoRow)]`"
)]
pub trait IntoRow {
    /// Writes exactly one value for each of `columns`, in order.
    ///
    /// # Errors
    /// When a value does not fit its column, or there are too many or too few.
    fn write_row(&self, columns: &[ColumnSpec], out: &mut RowWriter<'_>) -> Result<(), ValueError>;
}

/// Values that find their columns by name one at a time: what a struct needs to be a
/// part of another one's row (`#[chorus(flatten)]`). Derived with `IntoRow`; maps have it too.
pub trait IntoNamedRow {
    /// Writes the next value of `out`, whose column has this name, and returns true; writes nothing and returns false when
    /// there is no value of that name.
    ///
    /// # Errors
    /// When the value does not fit its column.
    fn write_column(&self, name: &str, out: &mut RowWriter<'_>) -> Result<bool, ValueError>;

    /// Whether every value that must have a column has one among `columns`.
    ///
    /// # Errors
    /// [`ValueErrorReason::MissingColumn`] for the first that has none.
    fn check_columns(columns: &[ColumnSpec]) -> Result<(), ValueError>;
}

impl IntoRow for () {
    #[inline]
    fn write_row(&self, _: &[ColumnSpec], _: &mut RowWriter<'_>) -> Result<(), ValueError> {
        Ok(())
    }
}

macro_rules! through_deref {
    ($($pointer:ty),*) => {$(
        impl<R: IntoRow + ?Sized> IntoRow for $pointer {
            #[inline]
            fn write_row(&self, columns: &[ColumnSpec], out: &mut RowWriter<'_>) -> Result<(), ValueError> {
                (**self).write_row(columns, out)
            }
        }
    )*};
}

through_deref!(&R, Box<R>, Arc<R>);

macro_rules! by_position {
    ($([$($generics:tt)*] $row:ty),* $(,)?) => {$(
        impl<$($generics)*> IntoRow for $row {
            #[inline]
            fn write_row(&self, columns: &[ColumnSpec], out: &mut RowWriter<'_>) -> Result<(), ValueError> {
                check_count(columns, self.len())?;
                self.iter().try_for_each(|value| out.value(value))
            }
        }
    )*};
}

by_position!([T: ToCql] [T], [T: ToCql] Vec<T>, [T: ToCql, const N: usize] [T; N]);

#[inline]
pub(crate) fn check_count(columns: &[ColumnSpec], found: usize) -> Result<(), ValueError> {
    if columns.len() == found {
        return Ok(());
    }
    Err(ValueErrorReason::ColumnCount { expected: columns.len(), found }.into())
}

macro_rules! tuple {
    ($count:literal: $($name:ident $index:tt),+) => {
        impl<$($name: ToCql),+> IntoRow for ($($name,)+) {
            #[inline]
            fn write_row(&self, columns: &[ColumnSpec], out: &mut RowWriter<'_>) -> Result<(), ValueError> {
                check_count(columns, $count)?;
                $(out.value(&self.$index)?;)+
                Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::encode_row;
    use crate::types::CqlType;
    use crate::value::Unset;

    fn columns() -> [ColumnSpec; 2] {
        [ColumnSpec::new("ks", "t", "id", CqlType::Int), ColumnSpec::new("ks", "t", "name", CqlType::Text)]
    }

    const BYTES: [u8; 14] = [0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 2, b'h', b'i'];

    #[test]
    fn a_row_is_its_values_one_after_another() {
        let mut out = vec![9];
        encode_row(&(1, "hi"), &columns(), &mut out).unwrap();
        assert_eq!(out[1..], BYTES);
        let dynamic: [&dyn ToCql; 2] = [&1, &"hi"];
        let (mut array, mut vector, mut slice) = (Vec::new(), Vec::new(), Vec::new());
        encode_row(&dynamic, &columns(), &mut array).unwrap();
        encode_row(&dynamic.to_vec(), &columns(), &mut vector).unwrap();
        encode_row(&dynamic[..], &columns(), &mut slice).unwrap();
        assert!(array == BYTES && vector == BYTES && slice == BYTES);
        encode_row(&(), &[], &mut out).unwrap();
    }

    #[test]
    fn too_many_or_too_few_values_are_errors_and_leave_nothing_behind() {
        let mut out = vec![9];
        for (error, found) in [
            (encode_row(&(1,), &columns(), &mut out), 1),
            (encode_row(&(1, "a", 2), &columns(), &mut out), 3),
            (encode_row(&(), &columns(), &mut out), 0),
            (encode_row(&[1; 3], &columns(), &mut out), 3),
        ] {
            let reason = ValueErrorReason::ColumnCount { expected: 2, found };
            assert_eq!(error.unwrap_err().reason(), &reason);
        }
        assert_eq!(out, [9]);
    }

    #[test]
    fn an_error_names_the_column() {
        let mut out = vec![9];
        let error = encode_row(&(Unset, 5i64), &columns(), &mut out).unwrap_err();
        assert_eq!(error.column(), Some((1, "name")));
        assert!(error.to_string().contains("i64") && error.to_string().contains("text"), "{error}");
        assert_eq!(out, [9]);
    }
}
