//! User-defined types, and reading the types of a keyspace from the text system tables have.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use chorus_protocol::types::{CqlType, MAX_TYPE_DEPTH, UdtType};
use rustc_hash::{FxHashMap, FxHashSet};

use super::warning::Warning;
use crate::rows::TypeRow;

/// A user-defined type as the schema declares it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct UserType {
    /// The type itself: its keyspace, its name, its fields and what they hold.
    pub typ: Arc<UdtType>,
    /// The types of the fields as the server writes them, in order. They tell what is frozen, which `typ` does not.
    pub declared_types: Vec<Arc<str>>,
    /// What of it could not be read; empty for nearly all.
    pub problems: Vec<Warning>,
}

impl UserType {
    /// Its name, unquoted.
    pub fn name(&self) -> &Arc<str> {
        &self.typ.name
    }

    /// Its fields in order: the name, unquoted, and the type as the server writes it.
    pub fn fields(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<str>)> {
        self.typ.fields.iter().map(|(name, _)| name).zip(&self.declared_types)
    }
}

/// A user-defined type that was asked for and is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownType {
    /// There is no such keyspace.
    #[error("there is no keyspace {0:?}")]
    Keyspace(Box<str>),
    /// The keyspace has no such type.
    #[error("the keyspace {keyspace:?} has no type {name:?}")]
    Type {
        /// The keyspace.
        keyspace: Box<str>,
        /// The name, unquoted.
        name: Box<str>,
    },
}

/// Reads types of one keyspace. User types are resolved when they are first met, so their rows may come in any order.
pub(super) struct UserTypes<'r> {
    keyspace: Arc<str>,
    rows: FxHashMap<&'r str, &'r TypeRow>,
    resolved: RefCell<BTreeMap<Arc<str>, Arc<UserType>>>,
    /// Those being resolved right now, outermost first: what contains itself is not resolved.
    open: RefCell<Vec<String>>,
    /// Every text met so far, kept once: a schema has few types and many columns.
    texts: RefCell<FxHashSet<Arc<str>>>,
}

impl<'r> UserTypes<'r> {
    /// Those that `rows` declare.
    pub(super) fn new(keyspace: Arc<str>, rows: impl IntoIterator<Item = &'r TypeRow>) -> UserTypes<'r> {
        UserTypes {
            keyspace,
            rows: rows.into_iter().map(|row| (&*row.type_name, row)).collect(),
            resolved: RefCell::default(),
            open: RefCell::default(),
            texts: RefCell::default(),
        }
    }

    /// Those known from before.
    pub(super) fn known(keyspace: Arc<str>, types: &BTreeMap<Arc<str>, Arc<UserType>>) -> UserTypes<'r> {
        let types = types.clone();
        UserTypes { resolved: types.into(), ..UserTypes::new(keyspace, []) }
    }

    /// The type `text` means in `object`, and the text. One that cannot be read is custom, and a problem.
    pub(super) fn read(
        &self,
        text: &str,
        object: impl FnOnce() -> String,
        problems: &mut Vec<Warning>,
    ) -> (CqlType, Arc<str>) {
        let typ = CqlType::parse_cql(text, &|name| self.resolve(name)).unwrap_or_else(|error| {
            let keyspace = self.keyspace.clone();
            problems.push(Warning::UnreadableType { keyspace, object: object(), error });
            CqlType::custom(text)
        });
        (typ, self.text(text))
    }

    /// All user types of the keyspace.
    pub(super) fn finish(self) -> BTreeMap<Arc<str>, Arc<UserType>> {
        for name in self.rows.keys() {
            self.resolve(name);
        }
        self.resolved.into_inner()
    }

    fn text(&self, text: &str) -> Arc<str> {
        let mut texts = self.texts.borrow_mut();
        if let Some(known) = texts.get(text) {
            return known.clone();
        }
        let text: Arc<str> = text.into();
        texts.insert(text.clone());
        text
    }

    fn resolve(&self, name: &str) -> Option<Arc<UdtType>> {
        if let Some(known) = self.resolved.borrow().get(name) {
            return Some(known.typ.clone());
        }
        let row = *self.rows.get(name)?;
        {
            let mut open = self.open.borrow_mut();
            if open.len() >= MAX_TYPE_DEPTH || open.iter().any(|outer| outer == name) {
                return None;
            }
            open.push(name.to_owned());
        }
        let (mut fields, mut declared_types, mut problems) = (Vec::new(), Vec::new(), Vec::new());
        for (field, text) in row.field_names.iter().zip(&row.field_types) {
            let (typ, text) = self.read(text, || format!("{name}.{field}"), &mut problems);
            fields.push((Arc::from(field.as_str()), typ));
            declared_types.push(text);
        }
        self.open.borrow_mut().pop();
        let typ = Arc::new(UdtType { keyspace: self.keyspace.clone(), name: Arc::from(name), fields });
        let declared = Arc::new(UserType { typ: typ.clone(), declared_types, problems });
        self.resolved.borrow_mut().insert(typ.name.clone(), declared);
        Some(typ)
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

    /// What each of these problems, all of unreadable types, is about.
    fn objects(problems: &[Warning]) -> Vec<&str> {
        let mut objects = Vec::new();
        for problem in problems {
            let Warning::UnreadableType { object, .. } = problem else { panic!("{problem}") };
            objects.push(&**object);
        }
        objects
    }

    #[test]
    fn types_may_be_used_before_their_row() {
        let rows = [
            row("order", &[("to", "frozen<address>"), ("notes", "list<text>")]),
            row("address", &[("street", "text")]),
        ];
        let types = UserTypes::new("ks".into(), &rows);
        let mut problems = Vec::new();
        let (CqlType::Udt(order), text) = types.read("order", String::new, &mut problems) else {
            panic!("a user type")
        };
        let CqlType::Udt(address) = &order.fields[0].1 else { panic!("a user type") };
        assert_eq!(address.fields[..], [("street".into(), CqlType::Text)]);
        assert_eq!(&*text, "order");
        assert_eq!(problems, []);
        let resolved = types.finish();
        let fields: Vec<_> = resolved["order"].fields().map(|(name, typ)| (&**name, &**typ)).collect();
        assert_eq!(fields, [("to", "frozen<address>"), ("notes", "list<text>")]);
        assert_eq!(resolved.len(), 2);

        let again = UserTypes::known("ks".into(), &resolved);
        assert_eq!(again.read("frozen<order>", String::new, &mut problems).0, CqlType::Udt(order));
        assert_eq!(again.finish(), resolved);
    }

    #[test]
    fn what_cannot_be_read_is_custom_and_a_problem_of_its_object() {
        let rows = [row("a", &[("x", "nowhere"), ("y", "int")])];
        let types = UserTypes::new("ks".into(), &rows);
        let mut problems = Vec::new();
        let (typ, _) = types.read("list<", || "t.c".into(), &mut problems);
        assert_eq!((typ, objects(&problems)), (CqlType::custom("list<"), vec!["t.c"]));
        let resolved = types.finish();
        assert_eq!(resolved["a"].typ.fields[0].1, CqlType::custom("nowhere"));
        assert_eq!(resolved["a"].typ.fields[1].1, CqlType::Int);
        assert_eq!(objects(&resolved["a"].problems), ["a.x"]);
    }

    #[test]
    fn types_that_contain_themselves_or_nest_without_end_stop_somewhere() {
        let mut rows = vec![row("a", &[("b", "b")]), row("b", &[("a", "a")])];
        for number in 0..1000 {
            rows.push(row(&format!("deep{number}"), &[("next", &format!("deep{}", number + 1))]));
        }
        let types = UserTypes::new("ks".into(), &rows).finish();
        assert_eq!(types.len(), rows.len());
        assert!(types.values().any(|typ| !typ.problems.is_empty()));
    }
}
