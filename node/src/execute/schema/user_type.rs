//! CREATE, ALTER and DROP TYPE.

use std::sync::Arc;

use chorus_protocol::CqlType;
use chorus_protocol::response::{SchemaChangeKind, SchemaTarget};

use super::resolve::resolve;
use super::{Change, changed, check_table_name};
use crate::catalog::{ColumnType, Keyspace, UserType, mentions, replace};
use crate::cql::CqlError;
use crate::cql::ast::{AlterType, CreateType, TableName, TypeChange};
use crate::execute::database::Database;

impl Database {
    pub(super) fn create_type(&self, create: &CreateType, keyspace: Option<&str>) -> Change {
        let catalog = self.catalog();
        let (keyspace, name) = self.located(&catalog, &create.name, keyspace)?;
        check_table_name(keyspace, name)?;
        let old = catalog.require_keyspace(keyspace)?;
        if old.user_type(name).is_some() {
            if create.if_not_exists {
                return Ok(None);
            }
            return Err(CqlError::invalid(format!("A user type with name '{name}' already exists")));
        }
        let user_type = define(create, old)?;
        let mut changed_keyspace = Keyspace::clone(old);
        changed_keyspace.types.insert(name.to_owned(), user_type.into());
        self.set_catalog(catalog.with_keyspace(changed_keyspace));
        changed(SchemaChangeKind::Created, keyspace, SchemaTarget::Type(name.to_owned()))
    }

    pub(super) fn alter_type(&self, alter: &AlterType, keyspace: Option<&str>) -> Change {
        let catalog = self.catalog();
        let (keyspace, name) = self.located(&catalog, &alter.name, keyspace)?;
        let old = catalog.require_keyspace(keyspace)?;
        let Some(user_type) = old.user_type(name) else {
            if alter.if_exists {
                return Ok(None);
            }
            return Err(CqlError::invalid(format!("Type '{keyspace}.{name}' doesn't exist")));
        };
        let mut altered = UserType::clone(user_type);
        let position = |fields: &[(Arc<str>, ColumnType)], name: &str| {
            fields.iter().position(|(field, _)| &**field == name)
        };
        match &alter.change {
            TypeChange::Add { field, typ, if_not_exists } => {
                if position(&altered.fields, field).is_some() {
                    if *if_not_exists {
                        return Ok(None);
                    }
                    return Err(CqlError::invalid(format!(
                        "Cannot add field {field} to type {keyspace}.{name}: a field with name {field} already exists"
                    )));
                }
                let typ = field_type(typ, old)?;
                if mentions(&typ.typ, keyspace, name) {
                    return Err(CqlError::invalid(format!(
                        "Cannot add new field {field} of type {typ} to user type {keyspace}.{name} as it would create a circular reference"
                    )));
                }
                altered.fields.push((field.as_str().into(), typ));
            }
            TypeChange::Rename { pairs, if_exists } => {
                for (from, to) in pairs {
                    let Some(index) = position(&altered.fields, from) else {
                        if *if_exists {
                            continue;
                        }
                        return Err(CqlError::invalid(format!(
                            "Unkown field {from} in user type {keyspace}.{name}"
                        )));
                    };
                    if position(&altered.fields, to).is_some() {
                        return Err(CqlError::invalid(format!(
                            "Duplicate field name {to} in type {keyspace}.{name}"
                        )));
                    }
                    altered.fields[index].0 = to.as_str().into();
                }
            }
        }
        self.replace_type(&catalog, old, altered);
        changed(SchemaChangeKind::Updated, keyspace, SchemaTarget::Type(name.to_owned()))
    }

    /// Puts the new definition in its own place and wherever tables and other types have it inside.
    fn replace_type(&self, catalog: &crate::catalog::Catalog, old: &Keyspace, altered: UserType) {
        let mut keyspace = old.clone();
        let CqlType::Udt(new) = altered.cql_type() else {
            return;
        };
        let change =
            |typ: &ColumnType| ColumnType { typ: replace(&typ.typ, &new), multi_cell: typ.multi_cell };
        keyspace.types.insert(altered.name.to_string(), altered.into());
        for user_type in keyspace.types.values_mut() {
            if user_type.name != new.name
                && user_type.fields.iter().any(|(_, typ)| mentions(&typ.typ, &new.keyspace, &new.name))
            {
                let mut changed = UserType::clone(user_type);
                changed.fields.iter_mut().for_each(|(_, typ)| *typ = change(typ));
                *user_type = changed.into();
            }
        }
        let mut affected = Vec::new();
        for table in keyspace.tables.values_mut() {
            if table.columns().iter().any(|column| mentions(&column.typ.typ, &new.keyspace, &new.name)) {
                let mut builder = table.builder();
                builder.map_types(change);
                affected.push(table.id);
                *table = builder.build().into();
            }
        }
        self.set_catalog(catalog.with_keyspace(keyspace));
        affected.into_iter().for_each(|id| self.table_changed(id));
    }

    pub(super) fn drop_type(&self, name: &TableName, if_exists: bool, keyspace: Option<&str>) -> Change {
        let catalog = self.catalog();
        let (keyspace, name) = self.located(&catalog, name, keyspace)?;
        let missing = || CqlError::invalid(format!("Type '{keyspace}.{name}' doesn't exist"));
        let Some(old) = catalog.keyspace(keyspace).filter(|old| old.user_type(name).is_some()) else {
            return if if_exists { Ok(None) } else { Err(missing()) };
        };
        let user = old
            .types()
            .find(|other| other.fields.iter().any(|(_, typ)| mentions(&typ.typ, keyspace, name)))
            .map(|other| format!("it is still used by user types {}", other.name));
        let table = old
            .tables()
            .find(|table| table.columns().iter().any(|column| mentions(&column.typ.typ, keyspace, name)))
            .map(|table| format!("it is still used by tables {}", table.name));
        if let Some(reason) = user.or(table) {
            return Err(CqlError::invalid(format!("Cannot drop user type '{keyspace}.{name}' as {reason}")));
        }
        let mut changed_keyspace = Keyspace::clone(old);
        changed_keyspace.types.remove(name);
        self.set_catalog(catalog.with_keyspace(changed_keyspace));
        changed(SchemaChangeKind::Dropped, keyspace, SchemaTarget::Type(name.to_owned()))
    }
}

/// A type's definition out of its statement.
pub(super) fn define(create: &CreateType, keyspace: &Keyspace) -> Result<UserType, CqlError> {
    let mut fields: Vec<(Arc<str>, ColumnType)> = Vec::new();
    for (name, typ) in &create.fields {
        if fields.iter().any(|(field, _)| **field == **name) {
            return Err(CqlError::invalid(format!(
                "Duplicate field name '{name}' in type '{}'",
                create.name.name
            )));
        }
        fields.push((name.as_str().into(), field_type(typ, keyspace)?));
    }
    Ok(UserType { keyspace: keyspace.name.clone(), name: create.name.name.as_str().into(), fields })
}

fn field_type(typ: &crate::cql::ast::TypeName, keyspace: &Keyspace) -> Result<ColumnType, CqlError> {
    let typ = resolve(typ, Some(keyspace))?;
    if typ.typ.is_counter() {
        return Err(CqlError::invalid("A user type cannot contain counters"));
    }
    if typ.multi_cell && matches!(typ.typ, CqlType::Udt(_)) {
        return Err(CqlError::invalid("A user type cannot contain non-frozen UDTs"));
    }
    Ok(typ)
}
