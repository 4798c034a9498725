//! Literals of Rust values.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::{self, Display, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use uuid::Uuid;

use super::{quote_text, write_float, write_literal};
use crate::error::ValueError;
use crate::types::CqlType;
use crate::value::{
    CqlDate, CqlDecimal, CqlDuration, CqlTime, CqlTimestamp, CqlTimeuuid, CqlValue, CqlVarint, DateRange,
    Distance, LineString, OrderedMap, Point, Polygon, ToCql, ValueWriter,
};

/// A Rust value that can be written as a CQL literal. Implement it for types of your own, or wrap one in [`Verbatim`].
///
/// ```
/// use chorus_protocol::literal::{InList, ToLiteral, literal_of};
///
/// assert_eq!(literal_of(&vec![Some("it's"), None]), "['it''s', NULL]");
/// assert_eq!(literal_of(&InList(vec![1, 2])), "(1, 2)");
///
/// /// A type with a notation of its own.
/// struct Celsius(f32);
///
/// impl ToLiteral for Celsius {
///     fn write_literal(&self, out: &mut dyn std::fmt::Write) -> std::fmt::Result {
///         (self.0 + 273.15).write_literal(out)
///     }
/// }
/// assert_eq!(literal_of(&(Celsius(0.0), true)), "(273.15, true)");
/// ```
pub trait ToLiteral {
    /// Writes the literal.
    ///
    /// # Errors
    /// Those of `out` alone.
    fn write_literal(&self, out: &mut dyn Write) -> fmt::Result;
}

/// The literal of a value.
pub fn literal_of(value: &(impl ToLiteral + ?Sized)) -> String {
    let mut text = String::new();
    // Writing to a String does not fail.
    let _ = value.write_literal(&mut text);
    text
}

/// The values of `IN (..)` in the text of a statement. Where the statement is prepared, bind it (or any list) to `IN ?`
/// instead.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct InList<T>(pub Vec<T>);

impl<T: ToLiteral> ToLiteral for InList<T> {
    fn write_literal(&self, out: &mut dyn Write) -> fmt::Result {
        sequence(out, "(", self.0.iter(), ")")
    }
}

impl<T: ToCql> ToCql for InList<T> {
    fn to_cql(&self, typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
        self.0.to_cql(typ, out)
    }
}

/// A value whose `Display` is its CQL already: what is written is neither quoted nor escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Verbatim<T>(pub T);

impl<T: Display> ToLiteral for Verbatim<T> {
    fn write_literal(&self, out: &mut dyn Write) -> fmt::Result {
        write!(out, "{}", self.0)
    }
}

fn sequence<'a, T: ToLiteral + ?Sized + 'a>(
    out: &mut dyn Write,
    open: &str,
    values: impl Iterator<Item = &'a T>,
    close: &str,
) -> fmt::Result {
    out.write_str(open)?;
    for (index, value) in values.enumerate() {
        out.write_str(if index == 0 { "" } else { ", " })?;
        value.write_literal(out)?;
    }
    out.write_str(close)
}

fn entries<'a, K: ToLiteral + 'a, V: ToLiteral + 'a>(
    out: &mut dyn Write,
    entries: impl Iterator<Item = (&'a K, &'a V)>,
) -> fmt::Result {
    out.write_char('{')?;
    for (index, (key, value)) in entries.enumerate() {
        out.write_str(if index == 0 { "" } else { ", " })?;
        key.write_literal(out)?;
        out.write_str(": ")?;
        value.write_literal(out)?;
    }
    out.write_char('}')
}

macro_rules! literals {
    ($($rust:ty),* => |$value:ident, $out:ident| $write:expr) => {$(
        impl ToLiteral for $rust {
            fn write_literal(&self, $out: &mut dyn Write) -> fmt::Result {
                let $value = self;
                $write
            }
        }
    )*};
}

literals!(bool, i8, i16, i32, i64, i128, Uuid, CqlTimeuuid, CqlVarint, CqlDecimal, CqlDuration
    => |value, out| write!(out, "{value}"));
literals!(f32 => |value, out| write_float(out, f64::from(*value), value));
literals!(f64 => |value, out| write_float(out, *value, value));
literals!(str, String, Box<str>, Arc<str>, Cow<'_, str> => |value, out| out.write_str(&quote_text(value)));
literals!([u8], bytes::Bytes => |value, out| {
    out.write_str("0x")?;
    value.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
});
literals!(IpAddr, Ipv4Addr, Ipv6Addr, CqlTime, Point, LineString, Polygon, Distance, DateRange
    => |value, out| write!(out, "'{value}'"));
literals!(CqlTimestamp => |value, out| write!(out, "{}", value.0));
literals!(CqlDate => |value, out| write_literal(&CqlValue::Date(*value), out));
literals!(CqlValue => |value, out| write_literal(value, out));

macro_rules! elements {
    ($([$($generics:tt)*] $rust:ty, $open:literal, $close:literal);* $(;)?) => {$(
        impl<$($generics)*> ToLiteral for $rust {
            fn write_literal(&self, out: &mut dyn Write) -> fmt::Result {
                sequence(out, $open, self.iter(), $close)
            }
        }
    )*};
}

elements! {
    [T: ToLiteral] Vec<T>, "[", "]";
    [T: ToLiteral, const N: usize] [T; N], "[", "]";
    [T: ToLiteral] BTreeSet<T>, "{", "}";
    [T: ToLiteral, S] HashSet<T, S>, "{", "}";
}

impl<K: ToLiteral, V: ToLiteral> ToLiteral for BTreeMap<K, V> {
    fn write_literal(&self, out: &mut dyn Write) -> fmt::Result {
        entries(out, self.iter())
    }
}

impl<K: ToLiteral, V: ToLiteral, S> ToLiteral for HashMap<K, V, S> {
    fn write_literal(&self, out: &mut dyn Write) -> fmt::Result {
        entries(out, self.iter())
    }
}

impl<K: ToLiteral, V: ToLiteral> ToLiteral for OrderedMap<K, V> {
    fn write_literal(&self, out: &mut dyn Write) -> fmt::Result {
        entries(out, self.iter().map(|(key, value)| (key, value)))
    }
}

impl<T: ToLiteral + ?Sized> ToLiteral for &T {
    fn write_literal(&self, out: &mut dyn Write) -> fmt::Result {
        (**self).write_literal(out)
    }
}

impl<T: ToLiteral> ToLiteral for Option<T> {
    fn write_literal(&self, out: &mut dyn Write) -> fmt::Result {
        match self {
            Some(value) => value.write_literal(out),
            None => out.write_str("NULL"),
        }
    }
}

macro_rules! tuples {
    ($($($name:ident $index:tt),+;)*) => {$(
        impl<$($name: ToLiteral),+> ToLiteral for ($($name,)+) {
            fn write_literal(&self, out: &mut dyn Write) -> fmt::Result {
                let fields: &[&dyn ToLiteral] = &[$(&self.$index),+];
                sequence(out, "(", fields.iter().copied(), ")")
            }
        }
    )*};
}

tuples! {
    A 0;
    A 0, B 1;
    A 0, B 1, C 2;
    A 0, B 1, C 2, D 3;
    A 0, B 1, C 2, D 3, E 4;
    A 0, B 1, C 2, D 3, E 4, F 5;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rust_values_have_the_literals_of_what_they_become() {
        let same = |rust: &dyn ToLiteral, cql: CqlValue| assert_eq!(literal_of(rust), cql.to_string());
        same(&true, CqlValue::Boolean(true));
        same(&i64::MIN, CqlValue::Bigint(i64::MIN));
        same(&0.1f32, CqlValue::Float(0.1));
        same(&f64::NEG_INFINITY, CqlValue::Double(f64::NEG_INFINITY));
        same(&"it's", CqlValue::from("it's"));
        same(&&[0u8, 0xab][..], CqlValue::Blob(vec![0, 0xab]));
        same(&CqlDate::EPOCH, CqlValue::Date(CqlDate::EPOCH));
        same(&CqlDate::MAX, CqlValue::Date(CqlDate::MAX));
        same(&CqlTime::MAX, CqlValue::Time(CqlTime::MAX));
        same(&CqlTimestamp(-1), CqlValue::Timestamp(CqlTimestamp(-1)));
        same(&IpAddr::from([127, 0, 0, 1]), CqlValue::Inet([127, 0, 0, 1].into()));
        same(&[1, 2], CqlValue::list([CqlValue::Int(1), CqlValue::Int(2)]));
        same(&BTreeSet::from([1, 2]), CqlValue::set([CqlValue::Int(1), CqlValue::Int(2)]));
        same(&BTreeMap::from([("k", 1)]), CqlValue::map([(CqlValue::from("k"), CqlValue::Int(1))]));
        same(&(1, None::<i32>), CqlValue::Tuple(vec![Some(CqlValue::Int(1)), None]));
        same(&CqlValue::Empty, CqlValue::Empty);
        assert_eq!(literal_of(&OrderedMap::from([(2, "b"), (1, "a")])), "{2: 'b', 1: 'a'}");
    }

    #[test]
    fn a_list_for_in_stands_in_parentheses_and_is_bound_as_a_list() {
        assert_eq!(literal_of(&InList(vec!["a", "b'c"])), "('a', 'b''c')");
        assert_eq!(literal_of(&InList(vec![(1, "x"), (2, "y")])), "((1, 'x'), (2, 'y'))");
        assert_eq!(literal_of(&InList::<i32>(vec![])), "()");
        let typ = CqlType::list(CqlType::Int);
        let bytes = |value: &dyn ToCql| {
            let mut out = Vec::new();
            value.to_cql(&typ, ValueWriter::new(&mut out)).map(|()| out)
        };
        assert_eq!(bytes(&InList(vec![1, 2])), bytes(&vec![1, 2]));
    }

    #[test]
    fn geometry_is_quoted_well_known_text() {
        let point = Point { x: 1.0, y: 2.0 };
        assert_eq!(literal_of(&point), "'POINT (1 2)'");
        assert_eq!(literal_of(&LineString { points: vec![point, point] }), "'LINESTRING (1 2, 1 2)'");
        assert_eq!(literal_of(&Polygon::default()), "'POLYGON EMPTY'");
        assert_eq!(literal_of(&Distance { center: point, radius: 3.5 }), "'DISTANCE ((1 2) 3.5)'");
    }

    #[test]
    fn types_of_ones_own_say_themselves_what_they_are_and_others_fall_back_to_their_text() {
        struct Money(i64);

        impl ToLiteral for Money {
            fn write_literal(&self, out: &mut dyn Write) -> fmt::Result {
                write!(out, "{}.{:02}", self.0 / 100, self.0 % 100)
            }
        }
        assert_eq!(literal_of(&[Money(5), Money(1234)]), "[0.05, 12.34]");
        assert_eq!(literal_of(&(Verbatim("now()"), Verbatim(u8::MAX))), "(now(), 255)");
    }
}
