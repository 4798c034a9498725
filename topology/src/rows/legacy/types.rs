//! Types by the names of Java classes, as CQL.

use chorus_protocol::literal::literal;
use chorus_protocol::{CqlType, CqlValue, FromCql};

const REVERSED: &str = "ReversedType(";
const FROZEN: &str = "FrozenType(";

/// The class without its package, if it is the servers' own.
fn short(class: &str) -> &str {
    class.trim().strip_prefix("org.apache.cassandra.db.marshal.").unwrap_or(class.trim())
}

/// Whether values of a clustering column are sorted downwards.
pub(super) fn is_reversed(class: &str) -> bool {
    short(class).starts_with(REVERSED)
}

/// The classes that a `CompositeType` is made of; `None` for every other one.
pub(super) fn components(class: &str) -> Option<Vec<&str>> {
    let inner = short(class).strip_prefix("CompositeType(")?.strip_suffix(')')?;
    let (mut depth, mut start, mut parts) = (0usize, 0, Vec::new());
    for (at, character) in inner.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&inner[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inner[start..]);
    Some(parts)
}

/// The type in CQL as later versions write it. A class that is not known is written as a custom type, in quotes.
pub(super) fn cql(class: &str) -> String {
    let mut class = short(class);
    if let Some(inner) = class.strip_prefix(REVERSED).and_then(|inner| inner.strip_suffix(')')) {
        class = short(inner);
    }
    let Ok(typ) = CqlType::from_class_name(class) else { return CqlType::custom(class).to_string() };
    let mut text = String::new();
    write(&typ, class.starts_with(FROZEN), &mut text);
    text
}

/// Collections within something else were always frozen, user types and tuples everywhere.
fn write(typ: &CqlType, is_frozen: bool, out: &mut String) {
    let is_frozen = is_frozen || matches!(typ, CqlType::Tuple(_) | CqlType::Udt(_));
    let parts: Vec<&CqlType> = match typ {
        CqlType::List(element) | CqlType::Set(element) => vec![element],
        CqlType::Map(pair) => vec![&pair.0, &pair.1],
        CqlType::Tuple(fields) => fields.iter().collect(),
        CqlType::Udt(_) => Vec::new(),
        _ => return out.push_str(&typ.to_string()),
    };
    if is_frozen {
        out.push_str("frozen<");
    }
    match typ {
        CqlType::List(_) => out.push_str("list<"),
        CqlType::Set(_) => out.push_str("set<"),
        CqlType::Map(_) => out.push_str("map<"),
        CqlType::Tuple(_) => out.push_str("tuple<"),
        other => out.push_str(&other.to_string()),
    }
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        write(part, true, out);
    }
    out.push_str(match (typ, is_frozen) {
        (CqlType::Udt(_), _) => ">",
        (_, true) => ">>",
        (_, false) => ">",
    });
}

/// The first state of an aggregate as a CQL literal, as later versions tell it; as a blob where the value is none of its class.
pub(super) fn initial_condition(value: &[u8], class: &str) -> String {
    let typ = CqlType::from_class_name(class).unwrap_or(CqlType::Blob);
    match CqlValue::from_cql(&typ, Some(value)) {
        Ok(value) => literal(Some(&value)),
        Err(_) => literal(Some(&CqlValue::Blob(value.to_vec()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKAGE: &str = "org.apache.cassandra.db.marshal.";

    #[test]
    fn classes_are_written_as_later_versions_write_types() {
        for (class, expected) in [
            ("org.apache.cassandra.db.marshal.UTF8Type", "text"),
            ("org.apache.cassandra.db.marshal.DateType", "timestamp"),
            ("org.apache.cassandra.db.marshal.CounterColumnType", "counter"),
            ("ReversedType(TimeUUIDType)", "timeuuid"),
            ("ListType(Int32Type)", "list<int>"),
            ("FrozenType(ListType(Int32Type))", "frozen<list<int>>"),
            ("MapType(UTF8Type,FrozenType(SetType(Int32Type)))", "map<text, frozen<set<int>>>"),
            ("FrozenType(MapType(UTF8Type,SetType(Int32Type)))", "frozen<map<text, frozen<set<int>>>>"),
            ("TupleType(Int32Type,UTF8Type)", "frozen<tuple<int, text>>"),
            ("UserType(ks,57696e64,7370656564:FloatType)", "frozen<\"Wind\">"),
            ("ListType(UserType(ks,77696e64,7370656564:FloatType))", "list<frozen<wind>>"),
            ("ReversedType(FrozenType(SetType(AsciiType)))", "frozen<set<ascii>>"),
            ("org.example.Point(x, y)", "'org.example.Point(x, y)'"),
            ("EmptyType", "'EmptyType'"),
        ] {
            assert_eq!(cql(class), expected, "{class}");
            let long = class.replace("Type(", "Type(\u{1}").replace(',', ",\u{1}").replace(':', ":\u{1}");
            let is_ours = !class.contains("example") && !class.contains("UserType") && class != "EmptyType";
            if is_ours && !class.starts_with(PACKAGE) {
                assert_eq!(cql(&format!("{PACKAGE}{}", long.replace('\u{1}', PACKAGE))), expected, "{class}");
            }
        }
        let deep = format!("{}Int32Type{}", "ListType(".repeat(1000), ")".repeat(1000));
        assert!(cql(&deep).starts_with("'ListType("), "too deep to be read");
    }

    #[test]
    fn a_composite_is_taken_apart() {
        let composite =
            "org.apache.cassandra.db.marshal.CompositeType(ReversedType(DateType),MapType(A,B),C)";
        let parts = components(composite).unwrap();
        assert_eq!(parts, ["ReversedType(DateType)", "MapType(A,B)", "C"]);
        assert!(is_reversed(parts[0]) && !is_reversed(parts[1]));
        for none in ["UTF8Type", "CompositeType", "CompositeType(A", ""] {
            assert_eq!(components(none), None, "{none}");
        }
    }

    #[test]
    fn a_first_state_is_a_literal_of_its_class() {
        assert_eq!(initial_condition(&[0, 0, 0, 7], "Int32Type"), "7");
        assert_eq!(initial_condition(b"it's", "UTF8Type"), "'it''s'");
        assert_eq!(
            initial_condition(
                &[0, 0, 0, 4, 0, 0, 0, 1, 255, 255, 255, 255],
                "TupleType(Int32Type,Int32Type)"
            ),
            "(1, NULL)"
        );
        assert_eq!(initial_condition(&[1, 2], "Int32Type"), "0x0102");
    }
}
