//! User types: which one a value is of, and walking through its fields.

use std::fmt;
use std::sync::Arc;

use crate::error::ValueError;
use crate::types::{CqlType, UdtType};
use crate::value::from_cql::not_null;
use crate::value::tuple::take_field;

/// Which user type a value is of, by its keyspace and name. One pointer wide; definitions of one name are equal.
#[derive(Clone)]
pub struct UdtRef(Arc<UdtType>);

impl UdtRef {
    /// A type by its names.
    pub fn new(keyspace: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self(Arc::new(UdtType { keyspace: keyspace.into(), name: name.into(), fields: Vec::new() }))
    }

    /// The keyspace that owns it.
    pub fn keyspace(&self) -> &str {
        &self.0.keyspace
    }

    /// Its name, unquoted.
    pub fn name(&self) -> &str {
        &self.0.name
    }
}

impl From<&Arc<UdtType>> for UdtRef {
    fn from(definition: &Arc<UdtType>) -> Self {
        Self(Arc::clone(definition))
    }
}

impl PartialEq for UdtRef {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || (self.keyspace(), self.name()) == (other.keyspace(), other.name())
    }
}

impl Eq for UdtRef {}

impl fmt::Debug for UdtRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.keyspace(), self.name())
    }
}

/// The fields of a user type's value, in definition order: name, type and cell.
///
/// A value written before a field was added ends early; its missing fields are null.
#[derive(Debug, Clone)]
pub struct UdtCells<'f> {
    fields: std::slice::Iter<'f, (Arc<str>, CqlType)>,
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
    use crate::value::CqlValue;

    #[test]
    fn values_of_types_of_one_name_can_be_equal() {
        let CqlType::Udt(definition) = CqlType::udt("ks", "t", [("a", CqlType::Int)]) else { panic!() };
        let (read, made) = (UdtRef::from(&definition), UdtRef::new("ks", "t"));
        assert_eq!((&read, read.keyspace(), read.name()), (&made, "ks", "t"));
        assert_ne!(read, UdtRef::new("ks", "u"));
        assert_ne!(read, UdtRef::new("other", "t"));
        assert_eq!(format!("{read:?}"), "ks.t");
    }

    #[test]
    fn a_dynamic_value_is_small() {
        assert!(size_of::<CqlValue>() <= 40, "{}", size_of::<CqlValue>());
        assert_eq!(size_of::<Option<CqlValue>>(), size_of::<CqlValue>());
    }

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
