//! Rows that tell the schema.

use std::collections::BTreeMap;

use chorus_protocol::{FromRow, RowsBody, ValueError};

use super::source::SchemaLayout;
use super::system_row;
use super::tables::SchemaTable;

system_row! {
    /// A row of `system_schema.keyspaces`.
    KeyspaceRow {
        /// The keyspace.
        keyspace_name: String,
        /// Whether writes go through the commit log.
        durable_writes: Option<bool>,
        /// Class and options of its replication strategy.
        replication: BTreeMap<String, String>,
        /// The graph engine (DataStax Enterprise 6.8).
        graph_engine: Option<String>,
    }
}

system_row! {
    /// A row of `system_schema.scylla_keyspaces`.
    ScyllaKeyspaceRow {
        /// The keyspace.
        keyspace_name: String,
        /// How its replicas agree: null for eventually.
        consistency: Option<String>,
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
    /// A row of `system_schema.column_masks`.
    ColumnMaskRow {
        /// The keyspace.
        keyspace_name: String,
        /// The table.
        table_name: String,
        /// The column.
        column_name: String,
        /// The keyspace of the function that masks it.
        function_keyspace: String,
        /// The function.
        function_name: String,
        /// Types of the function's further arguments as CQL.
        function_argument_types: Vec<String>,
        /// Their values, without quotes; anything for those that are null.
        function_argument_values: Vec<String>,
        /// Which of them are null.
        function_argument_nulls: Vec<bool>,
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
    /// A row of `system_schema.triggers`.
    TriggerRow {
        /// The keyspace.
        keyspace_name: String,
        /// The table.
        table_name: String,
        /// The trigger.
        trigger_name: String,
        /// Its options, `class` among them.
        options: BTreeMap<String, String>,
    }
}

system_row! {
    /// A row of `system_schema.vertices`.
    VertexRow {
        /// The keyspace.
        keyspace_name: String,
        /// The table whose rows are the vertices.
        table_name: String,
        /// Their label.
        label_name: Option<String>,
    }
}

system_row! {
    /// A row of `system_schema.edges`.
    EdgeRow {
        /// The keyspace.
        keyspace_name: String,
        /// The table whose rows are the edges.
        table_name: String,
        /// Their label.
        label_name: Option<String>,
        /// The vertices they come from, and the columns that name one of those.
        from_table: Option<String>,
        /// Those that are its partition key.
        from_partition_key_columns: Vec<String>,
        /// Those that are its clustering columns.
        from_clustering_columns: Vec<String>,
        /// The vertices they lead to, and the columns that name one of those.
        to_table: Option<String>,
        /// Those that are its partition key.
        to_partition_key_columns: Vec<String>,
        /// Those that are its clustering columns.
        to_clustering_columns: Vec<String>,
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

/// The schema rows of a cluster, or of a part of its schema.
#[derive(Debug, Clone, Default, PartialEq)]
#[allow(missing_docs)] // the fields are the tables
pub struct SchemaRows {
    /// Where the rows stood.
    pub layout: SchemaLayout,
    pub keyspaces: Vec<KeyspaceRow>,
    pub scylla_keyspaces: Vec<ScyllaKeyspaceRow>,
    pub types: Vec<TypeRow>,
    pub tables: Vec<TableRow>,
    pub columns: Vec<ColumnRow>,
    pub column_masks: Vec<ColumnMaskRow>,
    pub indexes: Vec<IndexRow>,
    pub triggers: Vec<TriggerRow>,
    pub views: Vec<ViewRow>,
    pub functions: Vec<FunctionRow>,
    pub aggregates: Vec<AggregateRow>,
    pub vertices: Vec<VertexRow>,
    pub edges: Vec<EdgeRow>,
    pub virtual_keyspaces: Vec<KeyspaceRow>,
    pub virtual_tables: Vec<TableRow>,
    pub virtual_columns: Vec<ColumnRow>,
    /// Rows that do not make sense, or whole tables of a form unheard of, and why.
    pub unreadable: Vec<(SchemaTable, ValueError)>,
}

/// No more unreadable rows than this are kept: the first tell enough.
const MOST_UNREADABLE: usize = 64;

impl SchemaRows {
    /// Adds a page of rows of `table`. What cannot be read is noted in [`unreadable`](Self::unreadable): one odd row must
    /// not hide a cluster.
    pub fn extend(&mut self, table: SchemaTable, page: &RowsBody) {
        let unreadable = &mut self.unreadable;
        match table {
            SchemaTable::Keyspaces => append(&mut self.keyspaces, table, page, unreadable),
            SchemaTable::ScyllaKeyspaces => append(&mut self.scylla_keyspaces, table, page, unreadable),
            SchemaTable::Types => append(&mut self.types, table, page, unreadable),
            SchemaTable::Tables => append(&mut self.tables, table, page, unreadable),
            SchemaTable::Columns => append(&mut self.columns, table, page, unreadable),
            SchemaTable::ColumnMasks => append(&mut self.column_masks, table, page, unreadable),
            SchemaTable::Indexes => append(&mut self.indexes, table, page, unreadable),
            SchemaTable::Triggers => append(&mut self.triggers, table, page, unreadable),
            SchemaTable::Views => append(&mut self.views, table, page, unreadable),
            SchemaTable::Functions => append(&mut self.functions, table, page, unreadable),
            SchemaTable::Aggregates => append(&mut self.aggregates, table, page, unreadable),
            SchemaTable::Vertices => append(&mut self.vertices, table, page, unreadable),
            SchemaTable::Edges => append(&mut self.edges, table, page, unreadable),
            SchemaTable::VirtualKeyspaces => append(&mut self.virtual_keyspaces, table, page, unreadable),
            SchemaTable::VirtualTables => append(&mut self.virtual_tables, table, page, unreadable),
            SchemaTable::VirtualColumns => append(&mut self.virtual_columns, table, page, unreadable),
        }
    }
}

pub(super) fn append<T: for<'f> FromRow<'f>>(
    rows: &mut Vec<T>,
    table: SchemaTable,
    page: &RowsBody,
    unreadable: &mut Vec<(SchemaTable, ValueError)>,
) {
    let mut note = |error| {
        if unreadable.len() < MOST_UNREADABLE {
            unreadable.push((table, error));
        }
    };
    match page.rows::<T>() {
        Ok(found) => found.for_each(|row| match row {
            Ok(row) => rows.push(row),
            Err(error) => note(error),
        }),
        Err(error) => note(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chorus_protocol::response::RowsMetadata;
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
    fn a_row_or_a_table_that_cannot_be_read_is_noted_and_the_rest_is_kept() {
        let page = |columns: &[ColumnSpec], content: Vec<u8>, row_count| RowsBody {
            metadata: RowsMetadata::new(columns),
            row_count,
            content: content.into(),
        };
        let column = |name: &str, typ| ColumnSpec::new("system_schema", "types", name, typ);
        let columns = [column("keyspace_name", CqlType::Text), column("type_name", CqlType::Text)];
        let mut content = Vec::new();
        for name in [Some("a"), None, Some("b")] {
            encode_row(&("ks", name), &columns, &mut content).unwrap();
        }
        let mut rows = SchemaRows::default();
        rows.extend(SchemaTable::Types, &page(&columns, content, 3));
        let odd = [column("keyspace_name", CqlType::Int)];
        rows.extend(SchemaTable::Tables, &page(&odd, Vec::new(), 0));
        let names: Vec<&str> = rows.types.iter().map(|row| &*row.type_name).collect();
        assert_eq!(names, ["a", "b"]);
        let tables: Vec<SchemaTable> = rows.unreadable.iter().map(|(table, _)| *table).collect();
        assert_eq!(tables, [SchemaTable::Types, SchemaTable::Tables]);
        assert_eq!(rows.unreadable[0].1.column(), Some((1, "type_name")));
    }
}
