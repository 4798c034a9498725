//! How much of the schema is read, or is to be read again.

use std::sync::Arc;

use chorus_protocol::response::{SchemaChange, SchemaTarget};

/// A part of the schema that can be read on its own. Names are as the schema spells them, without quotes.
///
/// The order is that in which parts read together must be taken over: what others are made of comes first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SchemaScope {
    /// The whole schema: what is not read does not exist.
    All,
    /// One keyspace, and everything in it.
    Keyspace(Arc<str>),
    /// All user-defined types of a keyspace, which may be made of each other.
    UserTypes(Arc<str>),
    /// One table with its indexes and triggers, or one materialized view: servers do not tell which of the two changed.
    Table {
        /// The keyspace.
        keyspace: Arc<str>,
        /// The table or view.
        table: Arc<str>,
    },
    /// All functions of one name.
    Functions {
        /// The keyspace.
        keyspace: Arc<str>,
        /// Their name.
        name: Arc<str>,
    },
    /// All aggregates of one name.
    Aggregates {
        /// The keyspace.
        keyspace: Arc<str>,
        /// Their name.
        name: Arc<str>,
    },
}

impl SchemaScope {
    /// One keyspace, and everything in it.
    pub fn keyspace(keyspace: &str) -> Self {
        Self::Keyspace(keyspace.into())
    }

    /// All user-defined types of a keyspace.
    pub fn user_types(keyspace: &str) -> Self {
        Self::UserTypes(keyspace.into())
    }

    /// One table or materialized view.
    pub fn table(keyspace: &str, table: &str) -> Self {
        Self::Table { keyspace: keyspace.into(), table: table.into() }
    }

    /// All functions of one name.
    pub fn functions(keyspace: &str, name: &str) -> Self {
        Self::Functions { keyspace: keyspace.into(), name: name.into() }
    }

    /// All aggregates of one name.
    pub fn aggregates(keyspace: &str, name: &str) -> Self {
        Self::Aggregates { keyspace: keyspace.into(), name: name.into() }
    }

    /// What must be read again after `change`.
    pub fn of_change(change: &SchemaChange) -> Self {
        let keyspace = &change.keyspace;
        match &change.target {
            SchemaTarget::Keyspace => Self::keyspace(keyspace),
            SchemaTarget::Table(table) => Self::table(keyspace, table),
            SchemaTarget::Type(_) => Self::user_types(keyspace),
            SchemaTarget::Function(function) => Self::functions(keyspace, &function.name),
            SchemaTarget::Aggregate(aggregate) => Self::aggregates(keyspace, &aggregate.name),
        }
    }

    /// The keyspace it lies in; `None` for the whole schema.
    pub fn keyspace_name(&self) -> Option<&Arc<str>> {
        match self {
            Self::All => None,
            Self::Keyspace(keyspace)
            | Self::UserTypes(keyspace)
            | Self::Table { keyspace, .. }
            | Self::Functions { keyspace, .. }
            | Self::Aggregates { keyspace, .. } => Some(keyspace),
        }
    }

    /// Whether reading this reads all of `other`.
    pub fn covers(&self, other: &Self) -> bool {
        match self {
            Self::All => true,
            Self::Keyspace(keyspace) => other.keyspace_name() == Some(keyspace),
            part => part == other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chorus_protocol::response::{FunctionSignature, SchemaChangeKind};

    #[test]
    fn a_change_is_followed_by_reading_what_it_names() {
        let signature = FunctionSignature { name: "f".into(), argument_types: vec!["int".into()] };
        for (target, scope) in [
            (SchemaTarget::Keyspace, SchemaScope::keyspace("ks")),
            (SchemaTarget::Table("t".into()), SchemaScope::table("ks", "t")),
            (SchemaTarget::Type("u".into()), SchemaScope::user_types("ks")),
            (SchemaTarget::Function(signature.clone()), SchemaScope::functions("ks", "f")),
            (SchemaTarget::Aggregate(signature), SchemaScope::aggregates("ks", "f")),
        ] {
            let change = SchemaChange { kind: SchemaChangeKind::Updated, keyspace: "ks".into(), target };
            assert_eq!(SchemaScope::of_change(&change), scope);
            assert!(SchemaScope::keyspace("ks").covers(&scope) && SchemaScope::All.covers(&scope));
            assert!(!SchemaScope::keyspace("other").covers(&scope) && scope.covers(&scope));
        }
        assert!(!SchemaScope::table("ks", "t").covers(&SchemaScope::table("ks", "u")));
    }

    #[test]
    fn types_are_taken_over_before_what_is_made_of_them() {
        let mut scopes = [
            SchemaScope::aggregates("a", "x"),
            SchemaScope::functions("a", "x"),
            SchemaScope::table("a", "x"),
            SchemaScope::user_types("b"),
            SchemaScope::keyspace("c"),
        ];
        scopes.reverse();
        let expected = scopes.clone();
        scopes.reverse();
        scopes.sort();
        assert_eq!(scopes, expected);
    }
}
