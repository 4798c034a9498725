//! `num-bigint`.

use num_bigint::BigInt;

use crate::error::ValueError;
use crate::types::CqlType;
use crate::value::from_cql::not_null;
use crate::value::varint::check;
use crate::value::{CqlVarint, FromCql, ToCql, ValueWriter};

impl From<&BigInt> for CqlVarint {
    fn from(value: &BigInt) -> Self {
        Self::from_signed_be_bytes(&value.to_signed_bytes_be())
    }
}

impl From<BigInt> for CqlVarint {
    fn from(value: BigInt) -> Self {
        Self::from(&value)
    }
}

impl From<&CqlVarint> for BigInt {
    fn from(value: &CqlVarint) -> Self {
        BigInt::from_signed_bytes_be(value.as_signed_be_bytes())
    }
}

impl From<CqlVarint> for BigInt {
    fn from(value: CqlVarint) -> Self {
        Self::from(&value)
    }
}

impl ToCql for BigInt {
    fn to_cql(&self, typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
        check::<Self>(typ)?;
        out.bytes(&self.to_signed_bytes_be())
    }
}

impl<'f> FromCql<'f> for BigInt {
    fn check(typ: &CqlType) -> Result<(), ValueError> {
        check::<Self>(typ)
    }

    fn from_cql(_: &'f CqlType, cell: Option<&'f [u8]>) -> Result<Self, ValueError> {
        not_null::<Self>(cell).map(BigInt::from_signed_bytes_be)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::value::to_cql::encode_value;

    proptest! {
        #[test]
        fn big_integers_are_written_read_and_printed_like_ours(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let (ours, theirs) = (CqlVarint::from_signed_be_bytes(&bytes), BigInt::from_signed_bytes_be(&bytes));
            prop_assert_eq!(&CqlVarint::from(&theirs), &ours);
            prop_assert_eq!(&BigInt::from(&ours), &theirs);
            prop_assert_eq!(ours.to_string(), theirs.to_string());
            let cell = encode_value(&theirs, &CqlType::Varint).unwrap();
            prop_assert_eq!(&cell, &encode_value(&ours, &CqlType::Varint).unwrap());
            prop_assert_eq!(BigInt::from_cql(&CqlType::Varint, Some(&cell[4..])), Ok(theirs));
        }
    }
}
