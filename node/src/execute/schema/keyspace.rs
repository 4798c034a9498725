//! CREATE, ALTER and DROP KEYSPACE.

use chorus_protocol::response::{SchemaChangeKind, SchemaTarget};

use super::{Change, changed, check_keyspace_name, check_user_keyspace};
use crate::catalog::{Keyspace, KeyspaceKind, Replication};
use crate::cql::ast::{AlterKeyspace, CreateKeyspace, OptionValue, Options};
use crate::cql::{CqlError, CqlErrorKind};
use crate::execute::database::Database;

impl Database {
    pub(super) fn create_keyspace(&self, create: &CreateKeyspace) -> Change {
        let catalog = self.catalog();
        check_keyspace_name(&create.name)?;
        if catalog.keyspace(&create.name).is_some() {
            if create.if_not_exists {
                return Ok(None);
            }
            return Err(CqlError {
                kind: CqlErrorKind::AlreadyExists { keyspace: create.name.clone(), table: String::new() },
                message: format!("Cannot add existing keyspace \"{}\"", create.name),
            });
        }
        let (replication, durable_writes) = self.keyspace_options(&create.options, &create.name)?;
        let replication =
            replication.ok_or_else(|| CqlError::invalid("Missing mandatory option 'replication'"))?;
        let durable_writes = durable_writes.unwrap_or(true);
        let keyspace = Keyspace::new(&create.name, KeyspaceKind::User, replication, durable_writes);
        self.set_catalog(catalog.with_keyspace(keyspace));
        changed(SchemaChangeKind::Created, &create.name, SchemaTarget::Keyspace)
    }

    pub(super) fn alter_keyspace(&self, alter: &AlterKeyspace) -> Change {
        let catalog = self.catalog();
        check_user_keyspace(&catalog, &alter.name)?;
        let Some(old) = catalog.keyspace(&alter.name) else {
            if alter.if_exists {
                return Ok(None);
            }
            return Err(CqlError::invalid(format!("Keyspace '{}' doesn't exist", alter.name)));
        };
        let (replication, durable_writes) = self.keyspace_options(&alter.options, &alter.name)?;
        let mut keyspace = Keyspace::clone(old);
        keyspace.replication = replication.unwrap_or(keyspace.replication);
        keyspace.durable_writes = durable_writes.unwrap_or(keyspace.durable_writes);
        self.set_catalog(catalog.with_keyspace(keyspace));
        changed(SchemaChangeKind::Updated, &alter.name, SchemaTarget::Keyspace)
    }

    pub(super) fn drop_keyspace(&self, name: &str, if_exists: bool) -> Change {
        let catalog = self.catalog();
        check_user_keyspace(&catalog, name)?;
        let Some(keyspace) = catalog.keyspace(name) else {
            if if_exists {
                return Ok(None);
            }
            return Err(CqlError::invalid(format!("Keyspace '{name}' doesn't exist")));
        };
        self.set_catalog(catalog.without_keyspace(name));
        keyspace.tables().for_each(|table| self.remove_table(table.id));
        changed(SchemaChangeKind::Dropped, name, SchemaTarget::Keyspace)
    }

    fn keyspace_options(
        &self,
        options: &Options,
        name: &str,
    ) -> Result<(Option<Replication>, Option<bool>), CqlError> {
        let mut replication = None;
        let mut durable_writes = None;
        for (option, value) in options {
            match (option.as_str(), value) {
                ("replication", OptionValue::Map(entries)) => {
                    replication = Some(self.placed(Replication::parse(entries)?, name)?);
                }
                ("durable_writes", OptionValue::Text(text)) => {
                    durable_writes = match text.to_ascii_lowercase().as_str() {
                        "true" | "yes" | "1" => Some(true),
                        "false" | "no" | "0" => Some(false),
                        _ => {
                            return Err(CqlError::syntax(format!(
                                "Invalid boolean value {text} for 'durable_writes'"
                            )));
                        }
                    };
                }
                ("replication" | "durable_writes", _) => {
                    return Err(CqlError::syntax(format!("Invalid value for property '{option}'")));
                }
                _ => return Err(CqlError::syntax(format!("Unknown property '{option}'"))),
            }
        }
        Ok((replication, durable_writes))
    }

    /// Spreads a replication factor for all over the datacenters there are, and refuses datacenters there are not.
    fn placed(&self, mut replication: Replication, keyspace: &str) -> Result<Replication, CqlError> {
        if !replication.class.ends_with("NetworkTopologyStrategy") {
            return Ok(replication);
        }
        if let Some(factor) = replication.options.remove("replication_factor") {
            for datacenter in &self.options.datacenters {
                replication.options.entry(datacenter.clone()).or_insert_with(|| factor.clone());
            }
        }
        match replication.options.keys().find(|key| !self.options.datacenters.contains(key)) {
            Some(unknown) => Err(CqlError::config(format!(
                "Unrecognized strategy option {{{unknown}}} passed to NetworkTopologyStrategy for keyspace {keyspace}"
            ))),
            None => Ok(replication),
        }
    }
}
