//! Secondary indexes and triggers: what hangs on a table.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::rows::{IndexRow, TriggerRow};

/// A secondary index.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Index {
    /// Its name, unquoted.
    pub name: Arc<str>,
    /// What kind it is.
    pub kind: IndexKind,
    /// What is indexed, as CQL, such as `values(tags)`.
    pub target: Option<String>,
    /// The class of a custom index, or the name of an index implementation such as `sai`.
    pub class_name: Option<String>,
    /// Its other options.
    pub options: BTreeMap<String, String>,
}

impl Index {
    pub(super) fn read(row: &IndexRow) -> Index {
        let mut options = row.options.clone();
        Index {
            name: Arc::from(row.index_name.as_str()),
            kind: IndexKind::from(row.kind.as_deref().unwrap_or_default()),
            target: options.remove("target"),
            class_name: options.remove("class_name"),
            options,
        }
    }
}

/// The kind of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum IndexKind {
    /// The built-in one.
    Composites,
    /// That of old compact tables.
    Keys,
    /// A class on the server.
    Custom,
    /// One this driver does not know.
    Other(String),
}

impl From<&str> for IndexKind {
    fn from(name: &str) -> Self {
        match name.to_ascii_uppercase().as_str() {
            "COMPOSITES" => Self::Composites,
            "KEYS" => Self::Keys,
            "CUSTOM" => Self::Custom,
            _ => Self::Other(name.to_owned()),
        }
    }
}

/// A trigger: a class on the server that sees the writes of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Trigger {
    /// Its name, unquoted.
    pub name: Arc<str>,
    /// The class.
    pub class_name: Option<String>,
    /// Its other options.
    pub options: BTreeMap<String, String>,
}

impl Trigger {
    pub(super) fn read(row: &TriggerRow) -> Trigger {
        let mut options = row.options.clone();
        Trigger { name: Arc::from(row.trigger_name.as_str()), class_name: options.remove("class"), options }
    }
}
