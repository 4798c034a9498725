//! Rows that tell the schema.

use std::collections::BTreeMap;

use chorus_protocol::literal::quote_text;
use chorus_protocol::{FromRow, RowsBody, ValueError};

use super::system_row;

/// A table that tells a part of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // the variants are the tables
pub enum SchemaTable {
    Keyspaces,
    Types,
    Tables,
    Columns,
    Indexes,
    Views,
    Functions,
    Aggregates,
    VirtualKeyspaces,
    VirtualTables,
    VirtualColumns,
}

impl SchemaTable {
    /// Every table. The order does not matter.
    pub const ALL: [SchemaTable; 11] = [
        Self::Keyspaces,
        Self::Types,
        Self::Tables,
        Self::Columns,
        Self::Indexes,
        Self::Views,
        Self::Functions,
        Self::Aggregates,
        Self::VirtualKeyspaces,
        Self::VirtualTables,
        Self::VirtualColumns,
    ];

    /// The table's name, keyspace included.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Keyspaces => "system_schema.keyspaces",
            Self::Types => "system_schema.types",
            Self::Tables => "system_schema.tables",
            Self::Columns => "system_schema.columns",
            Self::Indexes => "system_schema.indexes",
            Self::Views => "system_schema.views",
            Self::Functions => "system_schema.functions",
            Self::Aggregates => "system_schema.aggregates",
            Self::VirtualKeyspaces => "system_virtual_schema.keyspaces",
            Self::VirtualTables => "system_virtual_schema.tables",
            Self::VirtualColumns => "system_virtual_schema.columns",
        }
    }

    /// Whether a server may lack it: an "invalid" answer then means no rows.
    pub const fn is_optional(self) -> bool {
        !matches!(self, Self::Keyspaces | Self::Types | Self::Tables | Self::Columns)
    }

    /// The query for all rows, or for those of one keyspace (its name unquoted).
    pub fn select(self, keyspace: Option<&str>) -> String {
        let name = self.name();
        match keyspace {
            None => format!("SELECT * FROM {name}"),
            Some(keyspace) => format!("SELECT * FROM {name} WHERE keyspace_name = {}", quote_text(keyspace)),
        }
    }
}

system_row! {
    /// A row of `system_schema.keyspaces`.
    KeyspaceRow {
        /// The keyspace.
        keyspace_name: String,
        /// Whether writes go through the commit log.
        durable_writes: Option<bool>,
        /// Class and options of its replication strategy.
        replication: BTreeMap<String, String>,
    }
}

system_row! {
    /// A row of `system_schema.tables`.
    TableRow {
        /// The keyspace.
        keyspace_name: String,
        /// The table.
        table_name: String,
        /// `compound`, `dense`, `super`, `counter`; `None` where the table has no such column.
        flags: Option<Vec<String>>,
    }
    others: /// The table's options and everything else, by column name.
        options
}

system_row! {
    /// A row of `system_schema.columns`.
    ColumnRow {
        /// The keyspace.
        keyspace_name: String,
        /// The table or materialized view.
        table_name: String,
        /// The column.
        column_name: String,
        /// `none`, `asc` or `desc`.
        clustering_order: Option<String>,
        /// `partition_key`, `clustering`, `static` or `regular`.
        kind: String,
        /// Its place within its part of the key; -1 for others.
        position: Option<i32>,
        /// Its type as CQL.
        type_text = "type": String,
    }
}

system_row! {
    /// A row of `system_schema.types`.
    TypeRow {
        /// The keyspace.
        keyspace_name: String,
        /// The type.
        type_name: String,
        /// Names of its fields.
        field_names: Vec<String>,
        /// Types of its fields as CQL, in the same order.
        field_types: Vec<String>,
    }
}

system_row! {
    /// A row of `system_schema.indexes`.
    IndexRow {
        /// The keyspace.
        keyspace_name: String,
        /// The table.
        table_name: String,
        /// The index.
        index_name: String,
        /// `COMPOSITES`, `KEYS` or `CUSTOM`.
        kind: Option<String>,
        /// Its options, `target` and `class_name` among them.
        options: BTreeMap<String, String>,
    }
}

system_row! {
    /// A row of `system_schema.views`.
    ViewRow {
        /// The keyspace.
        keyspace_name: String,
        /// The view.
        view_name: String,
        /// The table it shows.
        base_table_name: String,
        /// Whether it has all columns of the table.
        include_all_columns: Option<bool>,
        /// Its condition as CQL.
        where_clause: Option<String>,
    }
    others: /// The view's options and everything else, by column name.
        options
}

system_row! {
    /// A row of `system_schema.functions`.
    FunctionRow {
        /// The keyspace.
        keyspace_name: String,
        /// The function.
        function_name: String,
        /// Types of its arguments as CQL.
        argument_types: Vec<String>,
        /// Names of its arguments, in the same order.
        argument_names: Vec<String>,
        /// Its body.
        body: Option<String>,
        /// The language of its body.
        language: Option<String>,
        /// The type of its result as CQL.
        return_type: String,
        /// Whether it is called when an argument is null.
        called_on_null_input: Option<bool>,
        /// Whether equal arguments give equal results.
        deterministic: Option<bool>,
        /// Whether it is monotonic in all its arguments.
        monotonic: Option<bool>,
        /// The arguments it is monotonic in.
        monotonic_on: Vec<String>,
    }
}

system_row! {
    /// A row of `system_schema.aggregates`.
    AggregateRow {
        /// The keyspace.
        keyspace_name: String,
        /// The aggregate.
        aggregate_name: String,
        /// Types of its arguments as CQL.
        argument_types: Vec<String>,
        /// The function called for each row.
        state_func: Option<String>,
        /// The type of its state as CQL.
        state_type: String,
        /// The function called at the end.
        final_func: Option<String>,
        /// Its first state as a CQL literal.
        initcond: Option<String>,
        /// The type of its result as CQL.
        return_type: String,
        /// Whether equal arguments give equal results.
        deterministic: Option<bool>,
    }
}

/// All schema rows of a cluster, or of one keyspace.
#[derive(Debug, Clone, Default, PartialEq)]
#[allow(missing_docs)] // the fields are the tables
pub struct SchemaRows {
    pub keyspaces: Vec<KeyspaceRow>,
    pub types: Vec<TypeRow>,
    pub tables: Vec<TableRow>,
    pub columns: Vec<ColumnRow>,
    pub indexes: Vec<IndexRow>,
    pub views: Vec<ViewRow>,
    pub functions: Vec<FunctionRow>,
    pub aggregates: Vec<AggregateRow>,
    pub virtual_keyspaces: Vec<KeyspaceRow>,
    pub virtual_tables: Vec<TableRow>,
    pub virtual_columns: Vec<ColumnRow>,
}

impl SchemaRows {
    /// Adds a page of rows of `table`.
    ///
    /// # Errors
    /// When a column has a type it never had; rows before the offending one are kept.
    pub fn extend(&mut self, table: SchemaTable, page: &RowsBody) -> Result<(), ValueError> {
        match table {
            SchemaTable::Keyspaces => append(&mut self.keyspaces, page),
            SchemaTable::Types => append(&mut self.types, page),
            SchemaTable::Tables => append(&mut self.tables, page),
            SchemaTable::Columns => append(&mut self.columns, page),
            SchemaTable::Indexes => append(&mut self.indexes, page),
            SchemaTable::Views => append(&mut self.views, page),
            SchemaTable::Functions => append(&mut self.functions, page),
            SchemaTable::Aggregates => append(&mut self.aggregates, page),
            SchemaTable::VirtualKeyspaces => append(&mut self.virtual_keyspaces, page),
            SchemaTable::VirtualTables => append(&mut self.virtual_tables, page),
            SchemaTable::VirtualColumns => append(&mut self.virtual_columns, page),
        }
    }
}

fn append<T: for<'f> FromRow<'f>>(rows: &mut Vec<T>, page: &RowsBody) -> Result<(), ValueError> {
    for row in page.rows::<T>()? {
        rows.push(row?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use chorus_protocol::{ColumnSpec, CqlType, CqlValue, RowsIter, encode_row};

    #[test]
    fn a_table_keeps_the_columns_it_does_not_know_as_options() {
        let column = |name: &str, typ| ColumnSpec::new("system_schema", "tables", name, typ);
        let columns = [
            column("keyspace_name", CqlType::Text),
            column("table_name", CqlType::Text),
            column("comment", CqlType::Text),
            column("flags", CqlType::set(CqlType::Text)),
            column("default_time_to_live", CqlType::Int),
            column("cdc", CqlType::Boolean),
        ];
        let mut content = Vec::new();
        encode_row(&("ks", "t", "", vec!["compound"], 7, None::<bool>), &columns, &mut content).unwrap();
        let row = RowsIter::<TableRow>::new(&columns, &content, 1).unwrap().next().unwrap().unwrap();
        assert_eq!((&*row.keyspace_name, &*row.table_name), ("ks", "t"));
        assert_eq!(row.flags, Some(vec!["compound".to_owned()]));
        let options: Vec<_> = row.options.into_iter().collect();
        let expected = [("comment", CqlValue::Text("".into())), ("default_time_to_live", CqlValue::Int(7))];
        assert_eq!(options, expected.map(|(name, value)| (name.to_owned(), value)));
    }

    #[test]
    fn a_column_named_like_a_keyword_has_a_field_of_another_name() {
        let columns = [ColumnSpec::new("system_schema", "columns", "type", CqlType::Text)];
        let mut content = Vec::new();
        encode_row(&("frozen<set<int>>",), &columns, &mut content).unwrap();
        let row = RowsIter::<ColumnRow>::new(&columns, &content, 1).unwrap().next().unwrap().unwrap();
        assert_eq!(row.type_text, "frozen<set<int>>");
    }

    #[test]
    fn a_keyspace_name_is_quoted_in_the_query() {
        assert_eq!(SchemaTable::Types.select(None), "SELECT * FROM system_schema.types");
        assert_eq!(
            SchemaTable::Tables.select(Some("o'Brien")),
            "SELECT * FROM system_schema.tables WHERE keyspace_name = 'o''Brien'"
        );
    }
}
