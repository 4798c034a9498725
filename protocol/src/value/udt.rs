//! Walking through a user type's fields.

use crate::error::ValueError;
use crate::types::{CqlType, UdtType};
use crate::value::from_cql::not_null;
use crate::value::tuple::take_field;

/// The fields of a user type's value, in definition order: name, type and cell.
///
/// A value written before a field was added ends early; its missing fields are null.
#[derive(Debug, Clone)]
pub struct UdtCells<'f> {
    fields: std::slice::Iter<'f, (std::sync::Arc<str>, CqlType)>,
    rest: &'f [u8],
}

impl<'f> UdtCells<'f> {
    /// The fields of `cell`, which is of `typ`. `T` is what is being read, for the error.
    ///
    /// # Errors
    /// When `typ` is no user type or the cell is null.
    pub fn new<T>(typ: &'f CqlType, cell: Option<&'f [u8]>) -> Result<Self, ValueError> {
        let rest = not_null::<T>(cell)?;
        Ok(Self { fields: Self::definition::<T>(typ)?.fields.iter(), rest })
    }

    /// The definition, if `typ` is a user type.
    ///
    /// # Errors
    /// When it is none.
    pub fn definition<T>(typ: &CqlType) -> Result<&UdtType, ValueError> {
        match typ {
            CqlType::Udt(udt) => Ok(udt),
            _ => Err(ValueError::mismatch::<T>(typ)),
        }
    }
}

impl<'f> Iterator for UdtCells<'f> {
    type Item = Result<(&'f str, &'f CqlType, Option<&'f [u8]>), ValueError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (name, typ) = self.fields.next()?;
        match take_field(&mut self.rest) {
            Ok(cell) => Some(Ok((&**name, typ, cell))),
            Err(error) => {
                self.fields = [].iter();
                Some(Err(error))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_may_end_before_its_definition() {
        let typ = CqlType::udt("ks", "t", [("a", CqlType::Tinyint), ("b", CqlType::Tinyint)]);
        let cells: Result<Vec<_>, _> = UdtCells::new::<()>(&typ, Some(&[0, 0, 0, 1, 7])).unwrap().collect();
        assert_eq!(
            cells.unwrap(),
            [("a", &CqlType::Tinyint, Some(&[7u8][..])), ("b", &CqlType::Tinyint, None)]
        );
        assert!(UdtCells::new::<()>(&typ, Some(&[0, 0, 0, 9, 7])).unwrap().next().unwrap().is_err());
        assert!(UdtCells::new::<()>(&typ, None).is_err());
        assert!(UdtCells::new::<()>(&CqlType::Int, Some(&[1])).is_err());
    }
}
