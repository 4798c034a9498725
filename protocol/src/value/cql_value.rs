//! A value of any type.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use uuid::Uuid;

use crate::value::{CqlDate, CqlDecimal, CqlDuration, CqlTime, CqlTimestamp, CqlTimeuuid, CqlVarint, UdtRef};

/// A value of any CQL type, for programs that learn their types while running.
///
/// Null is not a value: wherever null can stand there is an `Option`.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)] // the variants are the CQL types
pub enum CqlValue {
    /// Zero bytes where the type has no such value; servers keep it for older clients.
    Empty,
    Ascii(String),
    Bigint(i64),
    Blob(Vec<u8>),
    Boolean(bool),
    Counter(i64),
    Decimal(CqlDecimal),
    Double(f64),
    Float(f32),
    Int(i32),
    Text(String),
    Timestamp(CqlTimestamp),
    Uuid(Uuid),
    Varint(CqlVarint),
    Timeuuid(CqlTimeuuid),
    Inet(IpAddr),
    Date(CqlDate),
    Time(CqlTime),
    Smallint(i16),
    Tinyint(i8),
    Duration(CqlDuration),
    List(Vec<Option<CqlValue>>),
    Set(Vec<Option<CqlValue>>),
    /// In the order the server sent, which is that of the keys.
    Map(Vec<(CqlValue, Option<CqlValue>)>),
    /// Fields missing at the end are null.
    Tuple(Vec<Option<CqlValue>>),
    /// Fields in definition order. When read, fields the value was written without are left out at the end; when
    /// written, fields are found by name and those not given are null.
    Udt {
        /// Which type it is of.
        of: UdtRef,
        fields: Vec<(Arc<str>, Option<CqlValue>)>,
    },
    Vector(Vec<CqlValue>),
    /// Bytes of a type this crate does not know.
    Custom {
        class: Arc<String>,
        bytes: Vec<u8>,
    },
}

impl CqlValue {
    /// A value of a user type, by the names of its fields.
    pub fn udt<N: Into<Arc<str>>>(
        of: impl Into<UdtRef>,
        fields: impl IntoIterator<Item = (N, Option<CqlValue>)>,
    ) -> Self {
        let fields = fields.into_iter().map(|(name, value)| (name.into(), value)).collect();
        Self::Udt { of: of.into(), fields }
    }

    /// A list without nulls.
    pub fn list(elements: impl IntoIterator<Item = CqlValue>) -> Self {
        Self::List(elements.into_iter().map(Some).collect())
    }

    /// A set without nulls.
    pub fn set(elements: impl IntoIterator<Item = CqlValue>) -> Self {
        Self::Set(elements.into_iter().map(Some).collect())
    }

    /// A map without nulls.
    pub fn map(entries: impl IntoIterator<Item = (CqlValue, CqlValue)>) -> Self {
        Self::Map(entries.into_iter().map(|(key, value)| (key, Some(value))).collect())
    }

    /// The text of `ascii` and `text` values.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Ascii(text) | Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value of any of the integer types of at most 64 bits.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Tinyint(value) => Some(i64::from(*value)),
            Self::Smallint(value) => Some(i64::from(*value)),
            Self::Int(value) => Some(i64::from(*value)),
            Self::Bigint(value) | Self::Counter(value) => Some(*value),
            _ => None,
        }
    }

    /// The value of a key, when this is a map; `None` also where it is null.
    pub fn get(&self, key: &CqlValue) -> Option<&CqlValue> {
        match self {
            Self::Map(entries) => entries.iter().find(|(known, _)| known == key)?.1.as_ref(),
            _ => None,
        }
    }

    /// The field `name` of a user type's value.
    pub fn field(&self, name: &str) -> Option<&CqlValue> {
        match self {
            Self::Udt { fields, .. } => {
                fields.iter().find(|(field, _)| **field == *name).and_then(|(_, value)| value.as_ref())
            }
            _ => None,
        }
    }
}

/// As a CQL literal.
impl fmt::Display for CqlValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::literal::write_literal(self, f)
    }
}

macro_rules! from {
    ($($rust:ty => $variant:ident),* $(,)?) => {$(
        impl From<$rust> for CqlValue {
            fn from(value: $rust) -> Self {
                Self::$variant(value.into())
            }
        }
    )*};
}

from!(
    bool => Boolean,
    i8 => Tinyint,
    i16 => Smallint,
    i32 => Int,
    i64 => Bigint,
    f32 => Float,
    f64 => Double,
    &str => Text,
    String => Text,
    &[u8] => Blob,
    Vec<u8> => Blob,
    Uuid => Uuid,
    IpAddr => Inet,
    CqlTimeuuid => Timeuuid,
    CqlTimestamp => Timestamp,
    CqlDate => Date,
    CqlTime => Time,
    CqlDuration => Duration,
    CqlVarint => Varint,
    CqlDecimal => Decimal,
);
