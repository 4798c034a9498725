//! Types of a keyspace, from the text system tables have.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use chorus_protocol::types::{CqlType, MAX_TYPE_DEPTH, UdtType};
use rustc_hash::FxHashMap;

use super::warning::Warning;
use crate::rows::TypeRow;

/// Reads types of one keyspace. User types are resolved when they are first met, so their rows may come in any order.
pub(super) struct UserTypes<'r> {
    keyspace: Arc<str>,
    rows: FxHashMap<&'r str, &'r TypeRow>,
    resolved: RefCell<BTreeMap<Arc<str>, Arc<UdtType>>>,
    /// Those being resolved right now, outermost first: what contains itself is not resolved.
    open: RefCell<Vec<String>>,
    warnings: RefCell<Vec<Warning>>,
}

impl<'r> UserTypes<'r> {
    pub(super) fn new(keyspace: Arc<str>, rows: impl IntoIterator<Item = &'r TypeRow>) -> UserTypes<'r> {
        UserTypes {
            keyspace,
            rows: rows.into_iter().map(|row| (&*row.type_name, row)).collect(),
            resolved: RefCell::default(),
            open: RefCell::default(),
            warnings: RefCell::default(),
        }
    }

    /// The type `text` means in `object`. One that cannot be read is custom, with a warning.
    pub(super) fn read(&self, text: &str, object: impl FnOnce() -> String) -> CqlType {
        CqlType::parse_cql(text, &|name| self.resolve(name)).unwrap_or_else(|error| {
            let warning =
                Warning::UnreadableType { keyspace: self.keyspace.clone(), object: object(), error };
            self.warnings.borrow_mut().push(warning);
            CqlType::custom(text)
        })
    }

    /// All user types of the keyspace, and the warnings so far.
    pub(super) fn finish(self, warnings: &mut Vec<Warning>) -> BTreeMap<Arc<str>, Arc<UdtType>> {
        for name in self.rows.keys() {
            self.resolve(name);
        }
        warnings.append(&mut self.warnings.into_inner());
        self.resolved.into_inner()
    }

    fn resolve(&self, name: &str) -> Option<Arc<UdtType>> {
        if let Some(known) = self.resolved.borrow().get(name) {
            return Some(known.clone());
        }
        let row = *self.rows.get(name)?;
        {
            let mut open = self.open.borrow_mut();
            if open.len() >= MAX_TYPE_DEPTH || open.iter().any(|outer| outer == name) {
                return None;
            }
            open.push(name.to_owned());
        }
        let fields = row.field_names.iter().zip(&row.field_types).map(|(field, text)| {
            let typ = self.read(text, || format!("{name}.{field}"));
            (Arc::from(field.as_str()), typ)
        });
        let udt = Arc::new(UdtType {
            keyspace: self.keyspace.clone(),
            name: Arc::from(name),
            fields: fields.collect(),
        });
        self.open.borrow_mut().pop();
        self.resolved.borrow_mut().insert(udt.name.clone(), udt.clone());
        Some(udt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, fields: &[(&str, &str)]) -> TypeRow {
        TypeRow {
            type_name: name.into(),
            field_names: fields.iter().map(|(name, _)| (*name).to_owned()).collect(),
            field_types: fields.iter().map(|(_, typ)| (*typ).to_owned()).collect(),
            ..TypeRow::default()
        }
    }

    #[test]
    fn types_may_be_used_before_their_row() {
        let rows = [
            row("order", &[("to", "frozen<address>"), ("notes", "list<text>")]),
            row("address", &[("street", "text")]),
        ];
        let types = UserTypes::new("ks".into(), &rows);
        let CqlType::Udt(order) = types.read("order", String::new) else { panic!("a user type") };
        let CqlType::Udt(address) = &order.fields[0].1 else { panic!("a user type") };
        assert_eq!(address.fields[..], [("street".into(), CqlType::Text)]);
        let mut warnings = Vec::new();
        assert_eq!(types.finish(&mut warnings).len(), 2);
        assert_eq!(warnings, []);
    }

    #[test]
    fn what_cannot_be_read_is_custom_and_warned_of() {
        let rows = [row("a", &[("x", "nowhere"), ("y", "int")])];
        let types = UserTypes::new("ks".into(), &rows);
        assert_eq!(types.read("list<", || "t.c".into()), CqlType::custom("list<"));
        let mut warnings = Vec::new();
        let resolved = types.finish(&mut warnings);
        assert_eq!(resolved["a"].fields[0].1, CqlType::custom("nowhere"));
        assert_eq!(resolved["a"].fields[1].1, CqlType::Int);
        let objects: Vec<String> = warnings
            .iter()
            .map(|warning| match warning {
                Warning::UnreadableType { object, .. } => object.clone(),
                other => panic!("{other}"),
            })
            .collect();
        assert_eq!(objects, ["t.c", "a.x"]);
    }

    #[test]
    fn types_that_contain_themselves_or_nest_without_end_stop_somewhere() {
        let mut rows = vec![row("a", &[("b", "b")]), row("b", &[("a", "a")])];
        for number in 0..1000 {
            rows.push(row(&format!("deep{number}"), &[("next", &format!("deep{}", number + 1))]));
        }
        let types = UserTypes::new("ks".into(), &rows);
        let mut warnings = Vec::new();
        assert_eq!(types.finish(&mut warnings).len(), rows.len());
        assert!(!warnings.is_empty());
    }
}
