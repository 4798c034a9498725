//! Values that programs keep from showing: `secrecy`.
//!
//! The value itself is wiped when it is dropped. The frames it travels in are the driver's and are not, and neither are the
//! server's: this keeps secrets out of logs and debug output, and does not encrypt anything.

use secrecy::zeroize::Zeroize;
use secrecy::{ExposeSecret as _, SecretBox};

use crate::error::ValueError;
use crate::types::CqlType;
use crate::value::{FromCql, ToCql, ValueWriter};

impl<T: ToCql + Zeroize + ?Sized> ToCql for SecretBox<T> {
    fn to_cql(&self, typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
        self.expose_secret().to_cql(typ, out)
    }
}

impl<'f, T: FromCql<'f> + Zeroize> FromCql<'f> for SecretBox<T> {
    fn check(typ: &CqlType) -> Result<(), ValueError> {
        T::check(typ)
    }

    fn from_cql(typ: &'f CqlType, cell: Option<&'f [u8]>) -> Result<Self, ValueError> {
        T::from_cql(typ, cell).map(|value| Self::new(Box::new(value)))
    }
}

/// `SecretString`.
impl<'f> FromCql<'f> for SecretBox<str> {
    fn check(typ: &CqlType) -> Result<(), ValueError> {
        Box::<str>::check(typ)
    }

    fn from_cql(typ: &'f CqlType, cell: Option<&'f [u8]>) -> Result<Self, ValueError> {
        Box::<str>::from_cql(typ, cell).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;
    use crate::value::to_cql::encode_value;

    #[test]
    fn secrets_are_written_and_read_and_never_shown() {
        let secret = SecretString::from("hunter2");
        let bytes = encode_value(&secret, &CqlType::Text).unwrap();
        assert_eq!(bytes[4..], *b"hunter2");
        let read = SecretString::from_cql(&CqlType::Text, Some(&bytes[4..])).unwrap();
        assert_eq!(read.expose_secret(), "hunter2");
        assert!(!format!("{read:?}").contains("hunter2"));
        let key: SecretBox<Vec<u8>> = SecretBox::from_cql(&CqlType::Blob, Some(&[1, 2])).unwrap();
        assert_eq!(encode_value(&key, &CqlType::Blob).unwrap()[4..], [1, 2]);
        assert_eq!(SecretBox::<i64>::from_cql(&CqlType::Bigint, Some(&[0; 8])).unwrap().expose_secret(), &0);
        let error = encode_value(&secret, &CqlType::Int).unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
        assert!(SecretString::check(&CqlType::Int).is_err());
    }
}
