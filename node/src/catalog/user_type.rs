//! User-defined types.

use std::sync::Arc;

use chorus_protocol::{CqlType, UdtType};

use super::column::ColumnType;

/// A type made by CREATE TYPE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserType {
    /// The keyspace it belongs to.
    pub keyspace: Arc<str>,
    /// Its unquoted name.
    pub name: Arc<str>,
    /// Its fields in order.
    pub fields: Vec<(Arc<str>, ColumnType)>,
}

impl UserType {
    /// The type as columns have it.
    pub fn cql_type(&self) -> CqlType {
        CqlType::Udt(Arc::new(UdtType {
            keyspace: self.keyspace.clone(),
            name: self.name.clone(),
            fields: self.fields.iter().map(|(name, field)| (name.clone(), field.typ.clone())).collect(),
        }))
    }
}

/// Whether `typ` is or contains the user type.
pub(crate) fn mentions(typ: &CqlType, keyspace: &str, name: &str) -> bool {
    match typ {
        CqlType::Native(_) | CqlType::Custom(_) => false,
        CqlType::List(element) | CqlType::Set(element) | CqlType::Vector(element, _) => {
            mentions(element, keyspace, name)
        }
        CqlType::Map(pair) => mentions(&pair.0, keyspace, name) || mentions(&pair.1, keyspace, name),
        CqlType::Tuple(fields) => fields.iter().any(|field| mentions(field, keyspace, name)),
        CqlType::Udt(udt) => {
            (&*udt.keyspace == keyspace && &*udt.name == name)
                || udt.fields.iter().any(|(_, field)| mentions(field, keyspace, name))
        }
    }
}

/// `typ` with the new definition of a user type wherever the old one was.
pub(crate) fn replace(typ: &CqlType, new: &Arc<UdtType>) -> CqlType {
    match typ {
        CqlType::Native(_) | CqlType::Custom(_) => typ.clone(),
        CqlType::List(element) => CqlType::list(replace(element, new)),
        CqlType::Set(element) => CqlType::set(replace(element, new)),
        CqlType::Vector(element, dimension) => CqlType::vector(replace(element, new), *dimension),
        CqlType::Map(pair) => CqlType::map(replace(&pair.0, new), replace(&pair.1, new)),
        CqlType::Tuple(fields) => {
            CqlType::tuple(fields.iter().map(|field| replace(field, new)).collect::<Vec<_>>())
        }
        CqlType::Udt(udt) if udt.keyspace == new.keyspace && udt.name == new.name => {
            CqlType::Udt(new.clone())
        }
        CqlType::Udt(udt) => CqlType::Udt(Arc::new(UdtType {
            keyspace: udt.keyspace.clone(),
            name: udt.name.clone(),
            fields: udt.fields.iter().map(|(name, field)| (name.clone(), replace(field, new))).collect(),
        })),
    }
}
