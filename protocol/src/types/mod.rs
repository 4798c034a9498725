//! CQL types: what a column holds, from and to the three notations they come in (wire options, Java class names
//! and CQL text).

mod class_name;
mod column;
mod cql_text;
mod native;
mod wire_option;

use std::fmt;
use std::sync::Arc;

pub use column::ColumnSpec;
pub use cql_text::TypeTextError;
pub use native::NativeType;
pub use wire_option::{decode_type, encode_type};

/// How deep a type may nest in any of its notations. Deeper ones are refused: what decodes by recursion must not
/// be deeper than a small stack.
pub const MAX_TYPE_DEPTH: usize = 64;

/// The type of a column, a field or an element. Cheap to clone except for deeply nested collections, and two pointers wide:
/// descriptions of columns are what a message can blow up most.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CqlType {
    /// A type without parameters.
    Native(NativeType),
    /// `list<element>`
    List(Box<CqlType>),
    /// `set<element>`
    Set(Box<CqlType>),
    /// `map<key, value>`
    Map(Box<(CqlType, CqlType)>),
    /// `tuple<..>`
    Tuple(Arc<Vec<CqlType>>),
    /// A user-defined type.
    Udt(Arc<UdtType>),
    /// `vector<element, dimension>`; the dimension is at least 1.
    Vector(Box<CqlType>, u16),
    /// Anything else, by its Java class name; values are opaque bytes.
    Custom(Arc<String>),
}

/// A user-defined type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UdtType {
    /// The keyspace that owns it.
    pub keyspace: Arc<str>,
    /// Its name, unquoted.
    pub name: Arc<str>,
    /// Names and types of its fields, in definition order.
    pub fields: Vec<(Arc<str>, CqlType)>,
}

#[allow(non_upper_case_globals)] // they read as the variants they stand for
impl CqlType {
    /// `ascii`
    pub const Ascii: CqlType = CqlType::Native(NativeType::Ascii);
    /// `bigint`
    pub const Bigint: CqlType = CqlType::Native(NativeType::Bigint);
    /// `blob`
    pub const Blob: CqlType = CqlType::Native(NativeType::Blob);
    /// `boolean`
    pub const Boolean: CqlType = CqlType::Native(NativeType::Boolean);
    /// `counter`
    pub const Counter: CqlType = CqlType::Native(NativeType::Counter);
    /// `decimal`
    pub const Decimal: CqlType = CqlType::Native(NativeType::Decimal);
    /// `double`
    pub const Double: CqlType = CqlType::Native(NativeType::Double);
    /// `float`
    pub const Float: CqlType = CqlType::Native(NativeType::Float);
    /// `int`
    pub const Int: CqlType = CqlType::Native(NativeType::Int);
    /// `text`
    pub const Text: CqlType = CqlType::Native(NativeType::Text);
    /// `timestamp`
    pub const Timestamp: CqlType = CqlType::Native(NativeType::Timestamp);
    /// `uuid`
    pub const Uuid: CqlType = CqlType::Native(NativeType::Uuid);
    /// `varint`
    pub const Varint: CqlType = CqlType::Native(NativeType::Varint);
    /// `timeuuid`
    pub const Timeuuid: CqlType = CqlType::Native(NativeType::Timeuuid);
    /// `inet`
    pub const Inet: CqlType = CqlType::Native(NativeType::Inet);
    /// `date`
    pub const Date: CqlType = CqlType::Native(NativeType::Date);
    /// `time`
    pub const Time: CqlType = CqlType::Native(NativeType::Time);
    /// `smallint`
    pub const Smallint: CqlType = CqlType::Native(NativeType::Smallint);
    /// `tinyint`
    pub const Tinyint: CqlType = CqlType::Native(NativeType::Tinyint);
    /// `duration`
    pub const Duration: CqlType = CqlType::Native(NativeType::Duration);

    /// `list<element>`
    pub fn list(element: CqlType) -> Self {
        Self::List(Box::new(element))
    }

    /// `set<element>`
    pub fn set(element: CqlType) -> Self {
        Self::Set(Box::new(element))
    }

    /// `map<key, value>`
    pub fn map(key: CqlType, value: CqlType) -> Self {
        Self::Map(Box::new((key, value)))
    }

    /// `tuple<..>`
    pub fn tuple(fields: impl Into<Vec<CqlType>>) -> Self {
        Self::Tuple(Arc::new(fields.into()))
    }

    /// `vector<element, dimension>`
    pub fn vector(element: CqlType, dimension: u16) -> Self {
        Self::Vector(Box::new(element), dimension)
    }

    /// A user-defined type.
    pub fn udt<N: Into<Arc<str>>>(
        keyspace: impl Into<Arc<str>>,
        name: impl Into<Arc<str>>,
        fields: impl IntoIterator<Item = (N, CqlType)>,
    ) -> Self {
        let fields = fields.into_iter().map(|(name, typ)| (name.into(), typ)).collect();
        Self::Udt(Arc::new(UdtType { keyspace: keyspace.into(), name: name.into(), fields }))
    }

    /// An opaque type, by its Java class name.
    pub fn custom(class_name: impl Into<String>) -> Self {
        Self::Custom(Arc::new(class_name.into()))
    }

    /// True where a value of zero bytes is a value of its own. Elsewhere it is the legacy "empty", read as null.
    #[inline]
    pub const fn zero_length_is_value(&self) -> bool {
        matches!(self, Self::Native(NativeType::Ascii | NativeType::Text | NativeType::Blob))
    }

    /// Bytes that every element of a vector of this type takes; `None` when each is prefixed with its length.
    ///
    /// The server counts fewer types as fixed than one would think: not smallint, tinyint, date, time or inet.
    pub fn fixed_vector_element_size(&self) -> Option<usize> {
        match self {
            Self::Native(native) => native.fixed_vector_element_size(),
            Self::Vector(element, dimension) => {
                element.fixed_vector_element_size()?.checked_mul(usize::from(*dimension))
            }
            _ => None,
        }
    }

    /// True when this type is, or anywhere contains, `counter`.
    pub fn is_counter(&self) -> bool {
        matches!(self, Self::Native(NativeType::Counter))
    }

    /// How many levels it nests; 1 for a type without parameters.
    pub fn depth(&self) -> usize {
        1 + match self {
            Self::Native(_) | Self::Custom(_) => 0,
            Self::List(element) | Self::Set(element) | Self::Vector(element, _) => element.depth(),
            Self::Map(pair) => pair.0.depth().max(pair.1.depth()),
            Self::Tuple(fields) => fields.iter().map(Self::depth).max().unwrap_or(0),
            Self::Udt(udt) => udt.fields.iter().map(|(_, typ)| typ.depth()).max().unwrap_or(0),
        }
    }
}

impl From<NativeType> for CqlType {
    fn from(native: NativeType) -> Self {
        Self::Native(native)
    }
}

/// CQL text, as in `map<text, list<int>>`. User types print their quoted name; `frozen` is not part of a type here.
impl fmt::Display for CqlType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Native(native) => native.fmt(f),
            Self::List(element) => write!(f, "list<{element}>"),
            Self::Set(element) => write!(f, "set<{element}>"),
            Self::Map(pair) => write!(f, "map<{}, {}>", pair.0, pair.1),
            Self::Tuple(fields) => {
                f.write_str("tuple<")?;
                for (index, field) in fields.iter().enumerate() {
                    if index > 0 {
                        f.write_str(", ")?;
                    }
                    field.fmt(f)?;
                }
                f.write_str(">")
            }
            Self::Udt(udt) => f.write_str(&crate::identifier::quote(&udt.name)),
            Self::Vector(element, dimension) => write!(f, "vector<{element}, {dimension}>"),
            Self::Custom(class) => f.write_str(&crate::literal::quote_text(class)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_print_as_cql() {
        let udt = CqlType::udt("ks", "Address", [("zip", CqlType::Int)]);
        let typ = CqlType::map(CqlType::Text, CqlType::list(CqlType::tuple([CqlType::Int, udt])));
        assert_eq!(typ.to_string(), "map<text, list<tuple<int, \"Address\">>>");
        assert_eq!(CqlType::vector(CqlType::Float, 3).to_string(), "vector<float, 3>");
        assert_eq!(CqlType::custom("a.B").to_string(), "'a.B'");
        assert_eq!(typ.depth(), 5);
    }

    #[test]
    fn the_servers_idea_of_fixed_size_elements_is_kept() {
        let fixed: Vec<_> = NativeType::ALL
            .into_iter()
            .filter_map(|native| Some((native, native.fixed_vector_element_size()?)))
            .collect();
        use NativeType::*;
        let expected = [
            (Bigint, 8),
            (Boolean, 1),
            (Counter, 8),
            (Double, 8),
            (Float, 4),
            (Int, 4),
            (Timestamp, 8),
            (Uuid, 16),
            (Timeuuid, 16),
        ];
        assert_eq!(fixed.len(), expected.len());
        assert!(expected.iter().all(|pair| fixed.contains(pair)));
        let nested = CqlType::vector(CqlType::vector(CqlType::Int, 3), 2);
        assert_eq!(nested.fixed_vector_element_size(), Some(24));
    }

    #[test]
    fn a_type_is_small() {
        assert!(size_of::<CqlType>() <= 16);
    }
}
