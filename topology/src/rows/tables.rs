//! The tables that tell the schema, and the queries for parts of them.

use chorus_protocol::literal::quote_text;

use super::scope::SchemaScope;
use super::source::SchemaLayout;

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

    /// The table's name, keyspace included; `None` where the layout has no such table.
    pub const fn name(self, layout: SchemaLayout) -> Option<&'static str> {
        Some(match (layout, self) {
            (SchemaLayout::Legacy, Self::Keyspaces) => "system.schema_keyspaces",
            (SchemaLayout::Legacy, Self::Types) => "system.schema_usertypes",
            (SchemaLayout::Legacy, Self::Tables) => "system.schema_columnfamilies",
            (SchemaLayout::Legacy, Self::Columns) => "system.schema_columns",
            (SchemaLayout::Legacy, Self::Triggers) => "system.schema_triggers",
            (SchemaLayout::Legacy, Self::Functions) => "system.schema_functions",
            (SchemaLayout::Legacy, Self::Aggregates) => "system.schema_aggregates",
            (SchemaLayout::Legacy, _) => return None,
            (SchemaLayout::Modern, Self::Keyspaces) => "system_schema.keyspaces",
            (SchemaLayout::Modern, Self::ScyllaKeyspaces) => "system_schema.scylla_keyspaces",
            (SchemaLayout::Modern, Self::Types) => "system_schema.types",
            (SchemaLayout::Modern, Self::Tables) => "system_schema.tables",
            (SchemaLayout::Modern, Self::Columns) => "system_schema.columns",
            (SchemaLayout::Modern, Self::ColumnMasks) => "system_schema.column_masks",
            (SchemaLayout::Modern, Self::Indexes) => "system_schema.indexes",
            (SchemaLayout::Modern, Self::Triggers) => "system_schema.triggers",
            (SchemaLayout::Modern, Self::Views) => "system_schema.views",
            (SchemaLayout::Modern, Self::Functions) => "system_schema.functions",
            (SchemaLayout::Modern, Self::Aggregates) => "system_schema.aggregates",
            (SchemaLayout::Modern, Self::Vertices) => "system_schema.vertices",
            (SchemaLayout::Modern, Self::Edges) => "system_schema.edges",
            (SchemaLayout::Modern, Self::VirtualKeyspaces) => "system_virtual_schema.keyspaces",
            (SchemaLayout::Modern, Self::VirtualTables) => "system_virtual_schema.tables",
            (SchemaLayout::Modern, Self::VirtualColumns) => "system_virtual_schema.columns",
        })
    }

    /// Whether a server may lack it: an "invalid" answer then means no rows. Version 2.1 has no functions.
    pub const fn is_optional(self) -> bool {
        !matches!(self, Self::Keyspaces | Self::Types | Self::Tables | Self::Columns)
    }

    /// The query for its rows of a part of the schema; `None` when it has none of that part, or there is no such table.
    pub fn select(self, scope: &SchemaScope, layout: SchemaLayout) -> Option<String> {
        let from = self.name(layout)?;
        let table_name = match layout {
            SchemaLayout::Legacy => "columnfamily_name",
            SchemaLayout::Modern => "table_name",
        };
        let (keyspace, of_one) = match (scope, self) {
            (SchemaScope::All, _) => return Some(format!("SELECT * FROM {from}")),
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
            ) => (keyspace, Some((table_name, table))),
            (SchemaScope::Functions { keyspace, name }, Self::Functions) => {
                (keyspace, Some(("function_name", name)))
            }
            (SchemaScope::Aggregates { keyspace, name }, Self::Aggregates) => {
                (keyspace, Some(("aggregate_name", name)))
            }
            _ => return None,
        };
        let mut query = format!("SELECT * FROM {from} WHERE keyspace_name = {}", quote_text(keyspace));
        if let Some((column, name)) = of_one {
            query.push_str(&format!(" AND {column} = {}", quote_text(name)));
        }
        Some(query)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(scope: &SchemaScope, layout: SchemaLayout) -> Vec<&'static str> {
        let asked = SchemaTable::ALL.into_iter().filter(|table| table.select(scope, layout).is_some());
        asked.map(|table| table.name(layout).unwrap().split_once('.').unwrap().1).collect()
    }

    #[test]
    fn names_are_quoted_in_the_query() {
        let select =
            |table: SchemaTable, scope: &SchemaScope| table.select(scope, SchemaLayout::Modern).unwrap();
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
        let modern = |scope| asked(&scope, SchemaLayout::Modern);
        assert_eq!(modern(SchemaScope::table("ks", "t")), table);
        assert_eq!(modern(SchemaScope::user_types("ks")), ["types"]);
        assert_eq!(modern(SchemaScope::functions("ks", "f")), ["functions"]);
        assert_eq!(modern(SchemaScope::aggregates("ks", "f")), ["aggregates"]);
        assert_eq!(modern(SchemaScope::keyspace("ks")).len(), SchemaTable::ALL.len());
    }

    #[test]
    fn old_tables_have_other_names_and_there_are_fewer() {
        let legacy = |scope| asked(&scope, SchemaLayout::Legacy);
        let table = ["schema_columnfamilies", "schema_columns", "schema_triggers"];
        assert_eq!(legacy(SchemaScope::table("ks", "t")), table);
        assert_eq!(legacy(SchemaScope::user_types("ks")), ["schema_usertypes"]);
        assert_eq!(legacy(SchemaScope::All).len(), 7);
        assert_eq!(
            SchemaTable::Columns.select(&SchemaScope::table("ks", "t"), SchemaLayout::Legacy).unwrap(),
            "SELECT * FROM system.schema_columns WHERE keyspace_name = 'ks' AND columnfamily_name = 't'"
        );
    }
}
