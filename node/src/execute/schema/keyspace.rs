//! CREATE, ALTER and DROP KEYSPACE.

use chorus_protocol::response::{SchemaChangeKind, SchemaTarget};

use super::{Change, changed, check_keyspace_name, check_user_keyspace};
use crate::catalog::{Dialect, Keyspace, KeyspaceKind, Replication, StrongConsistency, TabletOptions};
use crate::cql::ast::{AlterKeyspace, CreateKeyspace, OptionValue, Options};
use crate::cql::{CqlError, CqlErrorKind};
use crate::execute::database::Database;

/// The options of a keyspace that a statement names.
#[derive(Default)]
struct Written {
    replication: Option<Replication>,
    durable_writes: Option<bool>,
    /// `Some(None)` when it says that there shall be no tablets.
    tablets: Option<Option<TabletOptions>>,
    /// `Some(None)` when it says eventually.
    consistency: Option<Option<StrongConsistency>>,
}

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
        let written = self.keyspace_options(&create.options, &create.name)?;
        let replication =
            written.replication.ok_or_else(|| CqlError::invalid("Missing mandatory option 'replication'"))?;
        let durable_writes = written.durable_writes.unwrap_or(true);
        let mut keyspace = Keyspace::new(&create.name, KeyspaceKind::User, replication, durable_writes);
        keyspace.tablets = written.tablets.flatten();
        keyspace.consistency = written.consistency.flatten();
        check_tablets(&keyspace)?;
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
        let written = self.keyspace_options(&alter.options, &alter.name)?;
        let mut keyspace = Keyspace::clone(old);
        keyspace.replication = written.replication.unwrap_or(keyspace.replication);
        keyspace.durable_writes = written.durable_writes.unwrap_or(keyspace.durable_writes);
        if let Some(tablets) = written.tablets {
            if tablets.is_some() != old.tablets.is_some() {
                return Err(CqlError::config("Cannot alter replication between vnodes and tablets"));
            }
            keyspace.tablets = tablets;
        }
        keyspace.consistency = written.consistency.unwrap_or(keyspace.consistency);
        check_tablets(&keyspace)?;
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

    fn keyspace_options(&self, options: &Options, name: &str) -> Result<Written, CqlError> {
        let mut written = Written::default();
        for (option, value) in options {
            match (option.as_str(), value) {
                ("replication", OptionValue::Map(entries)) => {
                    written.replication = Some(self.placed(Replication::parse(entries)?, name)?);
                }
                ("durable_writes", OptionValue::Text(text)) => {
                    written.durable_writes = match text.to_ascii_lowercase().as_str() {
                        "true" | "yes" | "1" => Some(true),
                        "false" | "no" | "0" => Some(false),
                        _ => {
                            return Err(CqlError::syntax(format!(
                                "Invalid boolean value {text} for 'durable_writes'"
                            )));
                        }
                    };
                }
                ("tablets", OptionValue::Map(entries)) if self.options.dialect == Dialect::Scylla => {
                    written.tablets = Some(TabletOptions::parse(entries)?);
                }
                ("consistency", OptionValue::Text(text)) if self.options.dialect == Dialect::Scylla => {
                    written.consistency = Some(StrongConsistency::parse(text)?);
                }
                ("replication" | "durable_writes", _) => {
                    return Err(CqlError::syntax(format!("Invalid value for property '{option}'")));
                }
                _ => return Err(CqlError::syntax(format!("Unknown property '{option}'"))),
            }
        }
        Ok(written)
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

/// Tablets are placed by datacenter, and leaders are those of tablets.
fn check_tablets(keyspace: &Keyspace) -> Result<(), CqlError> {
    if keyspace.consistency.is_some() && keyspace.tablets.is_none() {
        return Err(CqlError::config("Strong consistency is supported with tablets only"));
    }
    if keyspace.tablets.is_none() || keyspace.replication.class.ends_with("NetworkTopologyStrategy") {
        return Ok(());
    }
    Err(CqlError::config("Tablets are supported with NetworkTopologyStrategy only"))
}
