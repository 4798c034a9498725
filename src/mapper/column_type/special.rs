//! Types that exist for columns only.

use std::fmt;
use std::ops::Deref;

use chorus_protocol::value::ValueWriter;
use chorus_protocol::{CqlType, FromCql, ToCql, ValueError};

use super::{ColumnType, TypeDefinition};

/// A column of type `counter`: changed by adding to it, never assigned. Null, which it is before anybody added to it, reads as 0.
///
/// A table with counters has nothing else beside its key, and its key has none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Counter(pub i64);

impl ColumnType for Counter {
    const COUNTER: bool = true;

    fn definition() -> TypeDefinition {
        TypeDefinition::plain(CqlType::Counter)
    }
}

impl ToCql for Counter {
    fn to_cql(&self, typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
        self.0.to_cql(typ, out)
    }
}

impl<'f> FromCql<'f> for Counter {
    fn check(typ: &CqlType) -> Result<(), ValueError> {
        match typ.is_counter() {
            true => Ok(()),
            false => Err(ValueError::mismatch::<Self>(typ)),
        }
    }

    fn from_cql(typ: &'f CqlType, cell: Option<&'f [u8]>) -> Result<Self, ValueError> {
        Option::<i64>::from_cql(typ, cell).map(|count| Self(count.unwrap_or_default()))
    }
}

impl From<i64> for Counter {
    fn from(count: i64) -> Self {
        Self(count)
    }
}

impl From<Counter> for i64 {
    fn from(counter: Counter) -> Self {
        counter.0
    }
}

impl fmt::Display for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Text of 7-bit characters: a column of type `ascii`.
///
/// ```
/// use chorus::mapper::Ascii;
///
/// let code = Ascii::try_from("EUR")?;
/// assert_eq!(&*code, "EUR");
/// assert!(Ascii::try_from("€").is_err());
/// # Ok::<(), chorus::mapper::NotAscii>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ascii(String);

/// The text has characters that `ascii` does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not ASCII: it has characters beyond 7 bits")]
pub struct NotAscii(pub String);

impl Ascii {
    /// The text itself.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl TryFrom<String> for Ascii {
    type Error = NotAscii;

    fn try_from(text: String) -> Result<Self, NotAscii> {
        if text.is_ascii() { Ok(Self(text)) } else { Err(NotAscii(text)) }
    }
}

impl TryFrom<&str> for Ascii {
    type Error = NotAscii;

    fn try_from(text: &str) -> Result<Self, NotAscii> {
        text.to_owned().try_into()
    }
}

impl Deref for Ascii {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Ascii {
    fn as_ref(&self) -> &str {
        self
    }
}

impl fmt::Display for Ascii {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ColumnType for Ascii {
    fn definition() -> TypeDefinition {
        TypeDefinition::plain(CqlType::Ascii)
    }

    fn is_empty_text(&self) -> bool {
        self.0.is_empty()
    }
}

impl ToCql for Ascii {
    fn to_cql(&self, typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
        self.0.to_cql(typ, out)
    }
}

impl<'f> FromCql<'f> for Ascii {
    fn check(typ: &CqlType) -> Result<(), ValueError> {
        String::check(typ)
    }

    fn from_cql(typ: &'f CqlType, cell: Option<&'f [u8]>) -> Result<Self, ValueError> {
        String::from_cql(typ, cell)?
            .try_into()
            .map_err(|error: NotAscii| ValueError::custom(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ascii_has_seven_bits() {
        assert_eq!(Ascii::try_from("a\u{7f}").unwrap().into_string(), "a\u{7f}");
        let error = Ascii::try_from("\u{e9}").unwrap_err();
        assert!(error.to_string().contains("beyond 7 bits"), "{error}");
        assert_eq!(Ascii::from_cql(&CqlType::Ascii, Some(b"abc")).unwrap().as_ref(), "abc");
        assert!(Ascii::from_cql(&CqlType::Text, Some("\u{e9}".as_bytes())).is_err());
        assert!(Ascii::check(&CqlType::Int).is_err());
        assert_eq!(Ascii::definition().to_string(), "ascii");
    }

    #[test]
    fn a_counter_nobody_added_to_is_zero() {
        assert_eq!(Counter::from_cql(&CqlType::Counter, None), Ok(Counter(0)));
        assert_eq!(Counter::from_cql(&CqlType::Counter, Some(&[0, 0, 0, 0, 0, 0, 0, 7])), Ok(Counter(7)));
        assert!(Counter::check(&CqlType::Bigint).is_err());
        assert!(Counter::definition().is_counter());
    }
}
