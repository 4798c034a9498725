//! The tables that tell the schema, and the queries for parts of them.

use chorus_protocol::literal::quote_text;

use super::scope::SchemaScope;

/// What a server is, as far as its schema tables are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[non_exhaustive]
pub enum ServerFamily {
    /// Apache Cassandra, or something that passes for it.
    #[default]
    Cassandra,
    /// ScyllaDB.
    Scylla,
    /// DataStax Enterprise.
    Dse,
}

/// A table that tells a part of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // the variants are the tables
pub enum SchemaTable {
    Keyspaces,
    ScyllaKeyspaces,
    Types,
    Tables,
    Columns,
    ColumnMasks,
    Indexes,
    Triggers,
    Views,
    Functions,
    Aggregates,
    Vertices,
    Edges,
    VirtualKeyspaces,
    VirtualTables,
    VirtualColumns,
}

impl SchemaTable {
    /// Every table. The order does not matter.
    pub const ALL: [SchemaTable; 16] = [
        Self::Keyspaces,
        Self::ScyllaKeyspaces,
        Self::Types,
        Self::Tables,
        Self::Columns,
        Self::ColumnMasks,
        Self::Indexes,
        Self::Triggers,
        Self::Views,
        Self::Functions,
        Self::Aggregates,
        Self::Vertices,
        Self::Edges,
        Self::VirtualKeyspaces,
        Self::VirtualTables,
        Self::VirtualColumns,
    ];

    /// The table's name, keyspace included.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Keyspaces => "system_schema.keyspaces",
            Self::ScyllaKeyspaces => "system_schema.scylla_keyspaces",
            Self::Types => "system_schema.types",
            Self::Tables => "system_schema.tables",
            Self::Columns => "system_schema.columns",
            Self::ColumnMasks => "system_schema.column_masks",
            Self::Indexes => "system_schema.indexes",
            Self::Triggers => "system_schema.triggers",
            Self::Views => "system_schema.views",
            Self::Functions => "system_schema.functions",
            Self::Aggregates => "system_schema.aggregates",
            Self::Vertices => "system_schema.vertices",
            Self::Edges => "system_schema.edges",
            Self::VirtualKeyspaces => "system_virtual_schema.keyspaces",
            Self::VirtualTables => "system_virtual_schema.tables",
            Self::VirtualColumns => "system_virtual_schema.columns",
        }
    }

    /// Whether a server of `family` may have it: others need not be asked.
    pub const fn is_worth_asking(self, family: ServerFamily) -> bool {
        match self {
            Self::ScyllaKeyspaces => matches!(family, ServerFamily::Scylla),
            Self::Vertices | Self::Edges => matches!(family, ServerFamily::Dse),
            Self::ColumnMasks => matches!(family, ServerFamily::Cassandra),
            Self::Triggers => !matches!(family, ServerFamily::Scylla),
            _ => true,
        }
    }

    /// Whether a server may lack it: an "invalid" answer then means no rows.
    pub const fn is_optional(self) -> bool {
        !matches!(self, Self::Keyspaces | Self::Types | Self::Tables | Self::Columns)
    }

    /// The query for its rows of a part of the schema; `None` when it has none of that part.
    pub fn select(self, scope: &SchemaScope) -> Option<String> {
        let (keyspace, of_one) = match (scope, self) {
            (SchemaScope::All, _) => return Some(format!("SELECT * FROM {}", self.name())),
            (SchemaScope::Keyspace(keyspace), _) => (keyspace, None),
            (SchemaScope::UserTypes(keyspace), Self::Types) => (keyspace, None),
            (SchemaScope::Table { keyspace, table }, Self::Views) => (keyspace, Some(("view_name", table))),
            (
                SchemaScope::Table { keyspace, table },
                Self::Tables
                | Self::Columns
                | Self::ColumnMasks
                | Self::Indexes
                | Self::Triggers
                | Self::Vertices
                | Self::Edges,
            ) => (keyspace, Some(("table_name", table))),
            (SchemaScope::Functions { keyspace, name }, Self::Functions) => {
                (keyspace, Some(("function_name", name)))
            }
            (SchemaScope::Aggregates { keyspace, name }, Self::Aggregates) => {
                (keyspace, Some(("aggregate_name", name)))
            }
            _ => return None,
        };
        let mut query =
            format!("SELECT * FROM {} WHERE keyspace_name = {}", self.name(), quote_text(keyspace));
        if let Some((column, name)) = of_one {
            query.push_str(&format!(" AND {column} = {}", quote_text(name)));
        }
        Some(query)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(scope: &SchemaScope) -> Vec<&'static str> {
        let asked = SchemaTable::ALL.into_iter().filter(|table| table.select(scope).is_some());
        asked.map(|table| table.name().split_once('.').unwrap().1).collect()
    }

    #[test]
    fn names_are_quoted_in_the_query() {
        let select = |table: SchemaTable, scope: &SchemaScope| table.select(scope).unwrap();
        assert_eq!(select(SchemaTable::Types, &SchemaScope::All), "SELECT * FROM system_schema.types");
        assert_eq!(
            select(SchemaTable::Tables, &SchemaScope::keyspace("o'Brien")),
            "SELECT * FROM system_schema.tables WHERE keyspace_name = 'o''Brien'"
        );
        assert_eq!(
            select(SchemaTable::Views, &SchemaScope::table("ks", "it's")),
            "SELECT * FROM system_schema.views WHERE keyspace_name = 'ks' AND view_name = 'it''s'"
        );
    }

    #[test]
    fn a_part_is_read_from_the_tables_that_have_some_of_it() {
        let table =
            ["tables", "columns", "column_masks", "indexes", "triggers", "views", "vertices", "edges"];
        assert_eq!(asked(&SchemaScope::table("ks", "t")), table);
        assert_eq!(asked(&SchemaScope::user_types("ks")), ["types"]);
        assert_eq!(asked(&SchemaScope::functions("ks", "f")), ["functions"]);
        assert_eq!(asked(&SchemaScope::aggregates("ks", "f")), ["aggregates"]);
        assert_eq!(asked(&SchemaScope::keyspace("ks")).len(), SchemaTable::ALL.len());
    }

    #[test]
    fn a_server_is_not_asked_for_what_its_kind_never_has() {
        let worth = |family| {
            SchemaTable::ALL
                .into_iter()
                .filter(move |table| table.is_worth_asking(family))
                .collect::<Vec<_>>()
        };
        assert_eq!(worth(ServerFamily::Cassandra).len(), 13);
        assert!(worth(ServerFamily::Scylla).contains(&SchemaTable::ScyllaKeyspaces));
        assert!(!worth(ServerFamily::Scylla).contains(&SchemaTable::Triggers));
        assert!(worth(ServerFamily::Dse).contains(&SchemaTable::Edges));
        assert!(
            SchemaTable::ALL
                .iter()
                .all(|table| table.is_optional() || worth(ServerFamily::Scylla).contains(table))
        );
    }
}
