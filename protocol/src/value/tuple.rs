//! CQL tuples as Rust tuples of one to sixteen fields.

use crate::error::{ValueError, ValueErrorReason};
use crate::types::CqlType;
use crate::value::element::take_cell;
use crate::value::from_cql::not_null;
use crate::value::{FromCql, ToCql, ValueWriter};

/// Takes the next field of a tuple or user type off `rest`; fields missing at the end are null.
///
/// # Errors
/// When the field reaches beyond the value.
#[inline]
pub fn take_field<'f>(rest: &mut &'f [u8]) -> Result<Option<&'f [u8]>, ValueError> {
    if rest.is_empty() { Ok(None) } else { take_cell(rest, "a field") }
}

fn fields<T>(typ: &CqlType) -> Result<&[CqlType], ValueError> {
    match typ {
        CqlType::Tuple(fields) => Ok(fields),
        _ => Err(ValueError::mismatch::<T>(typ)),
    }
}

macro_rules! tuple {
    ($count:literal: $($name:ident $index:tt),+) => {
        /// May have fewer fields than the CQL type; the missing ones are null.
        impl<$($name: ToCql),+> ToCql for ($($name,)+) {
            fn to_cql(&self, typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
                let fields = fields::<Self>(typ)?;
                if fields.len() < $count {
                    let reason = ValueErrorReason::TooManyFields { declared: fields.len(), found: $count };
                    return Err(reason.into());
                }
                out.nested(|out| {
                    $(out.element(&self.$index, &fields[$index])?;)+
                    Ok(())
                })
            }
        }

        impl<'f, $($name: FromCql<'f>),+> FromCql<'f> for ($($name,)+) {
            fn check(typ: &CqlType) -> Result<(), ValueError> {
                let fields = fields::<Self>(typ)?;
                if fields.len() != $count {
                    return Err(ValueError::mismatch::<Self>(typ));
                }
                $($name::check(&fields[$index])?;)+
                Ok(())
            }

            fn from_cql(typ: &'f CqlType, cell: Option<&'f [u8]>) -> Result<Self, ValueError> {
                let fields = fields::<Self>(typ)?;
                if fields.len() != $count {
                    return Err(ValueError::mismatch::<Self>(typ));
                }
                let mut rest = not_null::<Self>(cell)?;
                Ok(($($name::from_cql(&fields[$index], take_field(&mut rest)?)?,)+))
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
    use crate::value::to_cql::encode_value;

    const BYTES: [u8; 17] = [0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 1, 0x61, 255, 255, 255, 255];

    #[test]
    fn fields_are_cells_one_after_another() {
        let typ = CqlType::tuple([CqlType::Int, CqlType::Text, CqlType::Boolean]);
        let value = (1, "a", None::<bool>);
        assert_eq!(encode_value(&value, &typ).unwrap()[4..], BYTES);
        assert_eq!(FromCql::from_cql(&typ, Some(&BYTES)), Ok(value));
        assert!(<(i32, &str, Option<bool>)>::from_cql(&typ, Some(&BYTES[..10])).is_err());
    }

    #[test]
    fn the_place_of_a_tablet_is_a_nested_tuple() {
        let replica = CqlType::tuple([CqlType::Uuid, CqlType::Int]);
        let typ = CqlType::tuple([CqlType::Bigint, CqlType::Bigint, CqlType::list(replica)]);
        let bytes = crate::vectors::hex(
            "00000008ffffffffffffff9c 000000080000000000000064 00000024 00000001 0000001c 00000010
             00000000000000000000000000000001 00000004 00000003",
        );
        let value = (-100i64, 100i64, vec![(uuid::Uuid::from_u128(1), 3)]);
        assert_eq!(encode_value(&value, &typ).unwrap()[4..], bytes);
        assert_eq!(FromCql::from_cql(&typ, Some(&bytes)), Ok(value));
    }

    #[test]
    fn fields_missing_at_the_end_are_null() {
        let typ = CqlType::tuple([CqlType::Int, CqlType::Text]);
        assert_eq!(encode_value(&(1,), &typ).unwrap()[4..], BYTES[..8]);
        assert_eq!(FromCql::from_cql(&typ, Some(&BYTES[..8])), Ok((1, None::<&str>)));
        assert!(<(i32, &str)>::from_cql(&typ, Some(&BYTES[..8])).is_err());
    }

    #[test]
    fn more_fields_than_declared_are_refused() {
        let typ = CqlType::tuple([CqlType::Int]);
        let error = encode_value(&(1, 2), &typ).unwrap_err();
        assert_eq!(error.reason(), &ValueErrorReason::TooManyFields { declared: 1, found: 2 });
        assert!(<(i32, i32)>::check(&typ).is_err());
        assert!(<(i32, i32)>::from_cql(&typ, Some(&BYTES)).is_err());
    }
}
