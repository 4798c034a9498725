//! Whether a statement that was prepared again still means what it did.
//!
//! The id of a prepared statement is made of its text: a table that was dropped and made anew with other types gives the same
//! id, and a server takes four bytes for a text as gladly as for an int. So markers are compared, too.

use chorus_protocol::{ColumnSpec, CqlType};

/// A marker that values bound before do not fit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) marker: String,
    pub(super) was: CqlType,
    pub(super) is: Option<CqlType>,
}

/// The first marker whose values mean something else now.
pub(super) fn changed(was: &[ColumnSpec], is: &[ColumnSpec]) -> Option<Change> {
    was.iter().enumerate().find_map(|(index, was)| {
        let is = is.get(index).map(|is| &is.typ);
        match is {
            Some(is) if fits(&was.typ, is) => None,
            _ => Some(Change { marker: was.name.to_string(), was: was.typ.clone(), is: is.cloned() }),
        }
    })
}

/// Whether bytes of one type are the same value of another. A user-defined type may have got fields since, and may have other names
/// for those it had.
fn fits(was: &CqlType, is: &CqlType) -> bool {
    match (was, is) {
        (CqlType::List(was), CqlType::List(is)) | (CqlType::Set(was), CqlType::Set(is)) => fits(was, is),
        (CqlType::Map(was), CqlType::Map(is)) => fits(&was.0, &is.0) && fits(&was.1, &is.1),
        (CqlType::Vector(was, length), CqlType::Vector(is, same)) => length == same && fits(was, is),
        (CqlType::Tuple(was), CqlType::Tuple(is)) => {
            was.len() == is.len() && was.iter().zip(is.iter()).all(|(was, is)| fits(was, is))
        }
        (CqlType::Udt(was), CqlType::Udt(is)) => {
            was.fields.len() <= is.fields.len()
                && was.fields.iter().zip(&is.fields).all(|((_, was), (_, is))| fits(was, is))
        }
        (was, is) => was == is,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chorus_protocol::types::UdtType;

    use super::*;

    fn markers(types: &[CqlType]) -> Vec<ColumnSpec> {
        types
            .iter()
            .enumerate()
            .map(|(at, typ)| ColumnSpec::new("ks", "t", format!("m{at}"), typ.clone()))
            .collect()
    }

    fn udt(fields: &[(&str, CqlType)]) -> CqlType {
        let fields = fields.iter().map(|(name, typ)| (Arc::from(*name), typ.clone())).collect();
        CqlType::Udt(Arc::new(UdtType { keyspace: "ks".into(), name: "u".into(), fields }))
    }

    fn list(element: CqlType) -> CqlType {
        CqlType::List(Box::new(element))
    }

    #[test]
    fn the_first_marker_of_another_type_is_named() {
        let was = markers(&[CqlType::Int, CqlType::Text, CqlType::Int]);
        assert_eq!(changed(&was, &was), None);
        assert_eq!(changed(&[], &[]), None);
        let is = markers(&[CqlType::Int, CqlType::Blob, CqlType::Text]);
        let expected = Change { marker: "m1".into(), was: CqlType::Text, is: Some(CqlType::Blob) };
        assert_eq!(changed(&was, &is), Some(expected));
        let expected = Change { marker: "m2".into(), was: CqlType::Int, is: None };
        assert_eq!(changed(&was, &was[..2]), Some(expected));
    }

    #[test]
    fn types_are_compared_as_deep_as_they_go() {
        let maps = |value: CqlType| CqlType::Map(Box::new((CqlType::Text, value)));
        let vectors = |length| CqlType::Vector(Box::new(CqlType::Float), length);
        let tuples = |types: &[CqlType]| CqlType::Tuple(Arc::new(types.to_vec()));
        for (was, is) in [
            (list(CqlType::Int), list(CqlType::Text)),
            (list(CqlType::Int), CqlType::Set(Box::new(CqlType::Int))),
            (maps(list(CqlType::Int)), maps(list(CqlType::Blob))),
            (vectors(2), vectors(3)),
            (tuples(&[CqlType::Int]), tuples(&[CqlType::Int, CqlType::Int])),
            (list(udt(&[("a", CqlType::Int)])), list(udt(&[("a", CqlType::Text)]))),
            (udt(&[("a", CqlType::Int), ("b", CqlType::Int)]), udt(&[("a", CqlType::Int)])),
        ] {
            assert!(fits(&was, &was), "{was}");
            assert!(!fits(&was, &is), "{was} and {is}");
        }
    }

    #[test]
    fn values_of_a_user_type_that_got_fields_or_names_since_are_right() {
        let was = maps_of(udt(&[("a", CqlType::Int)]));
        assert!(fits(&was, &maps_of(udt(&[("z", CqlType::Int), ("b", CqlType::Text)]))));
    }

    fn maps_of(value: CqlType) -> CqlType {
        CqlType::Map(Box::new((CqlType::Text, list(value))))
    }
}
