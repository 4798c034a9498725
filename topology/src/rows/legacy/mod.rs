//! The schema as servers before Cassandra 3.0 told it: in tables of `system`, with types by the names of Java classes and options as
//! JSON.
//!
//! Rows are gathered as they come and then [translated](LegacyRows::translate) into those of `system_schema`, so that everything
//! behind knows one form only. Versions 2.1 and 2.2 have these tables; those before speak no version of the protocol that is
//! spoken here.

mod columns;
mod json;
mod tables;
mod types;

use std::collections::BTreeMap;

use chorus_protocol::{Bytes, RowsBody};

use super::schema::{SchemaRows, append};
use super::tables::SchemaTable;
use super::{AggregateRow, FunctionRow, KeyspaceRow, SchemaLayout, TriggerRow, TypeRow, system_row};
use columns::LegacyColumnRow;
use tables::LegacyTableRow;
use types::{cql, initial_condition};

system_row! {
    /// A row of `system.schema_keyspaces`.
    LegacyKeyspaceRow {
        /// The keyspace.
        keyspace_name: String,
        /// Whether writes go through the commit log.
        durable_writes: Option<bool>,
        /// The class of its replication strategy.
        strategy_class: Option<String>,
        /// The options of the strategy as JSON.
        strategy_options: Option<String>,
    }
}

system_row! {
    /// A row of `system.schema_usertypes`.
    LegacyTypeRow {
        /// The keyspace.
        keyspace_name: String,
        /// The type.
        type_name: String,
        /// Names of its fields.
        field_names: Vec<String>,
        /// Classes of its fields, in the same order.
        field_types: Vec<String>,
    }
}

system_row! {
    /// A row of `system.schema_triggers`.
    LegacyTriggerRow {
        /// The keyspace.
        keyspace_name: String,
        /// The table.
        table_name = "columnfamily_name": String,
        /// The trigger.
        trigger_name: String,
        /// Its options, `class` among them.
        trigger_options: BTreeMap<String, String>,
    }
}

system_row! {
    /// A row of `system.schema_functions`.
    LegacyFunctionRow {
        /// The keyspace.
        keyspace_name: String,
        /// The function.
        function_name: String,
        /// Names of its arguments.
        argument_names: Vec<String>,
        /// Classes of its arguments, in the same order.
        argument_types: Vec<String>,
        /// Its body.
        body: Option<String>,
        /// The language of its body.
        language: Option<String>,
        /// The class of its result.
        return_type: String,
        /// Whether it is called when an argument is null.
        called_on_null_input: Option<bool>,
    }
}

system_row! {
    /// A row of `system.schema_aggregates`.
    LegacyAggregateRow {
        /// The keyspace.
        keyspace_name: String,
        /// The aggregate.
        aggregate_name: String,
        /// Classes of its arguments.
        argument_types: Vec<String>,
        /// The function called at the end.
        final_func: Option<String>,
        /// Its first state, as a value of the state's type.
        initcond: Option<Bytes>,
        /// The class of its result.
        return_type: String,
        /// The function called for each row.
        state_func: Option<String>,
        /// The class of its state; null where that is the class of its result.
        state_type: Option<String>,
    }
}

/// Rows of legacy tables, as they came.
#[derive(Debug, Default)]
pub struct LegacyRows {
    keyspaces: Vec<LegacyKeyspaceRow>,
    types: Vec<LegacyTypeRow>,
    tables: Vec<LegacyTableRow>,
    columns: Vec<LegacyColumnRow>,
    triggers: Vec<LegacyTriggerRow>,
    functions: Vec<LegacyFunctionRow>,
    aggregates: Vec<LegacyAggregateRow>,
    /// Nothing but rows that cannot be read.
    rest: SchemaRows,
}

impl LegacyRows {
    /// Adds a page of rows of `table`. What cannot be read is noted in [`SchemaRows::unreadable`].
    pub fn extend(&mut self, table: SchemaTable, page: &RowsBody) {
        let unreadable = &mut self.rest.unreadable;
        match table {
            SchemaTable::Keyspaces => append(&mut self.keyspaces, table, page, unreadable),
            SchemaTable::Types => append(&mut self.types, table, page, unreadable),
            SchemaTable::Tables => append(&mut self.tables, table, page, unreadable),
            SchemaTable::Columns => append(&mut self.columns, table, page, unreadable),
            SchemaTable::Triggers => append(&mut self.triggers, table, page, unreadable),
            SchemaTable::Functions => append(&mut self.functions, table, page, unreadable),
            SchemaTable::Aggregates => append(&mut self.aggregates, table, page, unreadable),
            // There are no such tables, so there is no page.
            _ => {}
        }
    }

    /// The same as `system_schema` would tell it.
    pub fn translate(self) -> SchemaRows {
        let mut rows = SchemaRows { layout: SchemaLayout::Legacy, ..self.rest };
        rows.keyspaces = self.keyspaces.into_iter().map(keyspace).collect();
        rows.types = self.types.into_iter().map(user_type).collect();
        rows.triggers = self.triggers.into_iter().map(trigger).collect();
        rows.functions = self.functions.into_iter().map(function).collect();
        rows.aggregates = self.aggregates.into_iter().map(aggregate).collect();
        let mut columns = columns::by_table(self.columns);
        for table in self.tables {
            let key = (table.keyspace_name.clone(), table.table_name.clone());
            let own = columns.remove(&key).unwrap_or_default();
            columns::translate(&table, own, &mut rows.columns, &mut rows.indexes);
            rows.tables.push(tables::translate(table));
        }
        rows
    }
}

fn keyspace(row: LegacyKeyspaceRow) -> KeyspaceRow {
    let mut replication = json::map(row.strategy_options.as_deref());
    replication.extend(row.strategy_class.map(|class| ("class".to_owned(), class)));
    KeyspaceRow {
        keyspace_name: row.keyspace_name,
        durable_writes: row.durable_writes,
        replication,
        ..KeyspaceRow::default()
    }
}

fn user_type(row: LegacyTypeRow) -> TypeRow {
    TypeRow {
        keyspace_name: row.keyspace_name,
        type_name: row.type_name,
        field_names: row.field_names,
        field_types: all_cql(&row.field_types),
    }
}

fn trigger(row: LegacyTriggerRow) -> TriggerRow {
    TriggerRow {
        keyspace_name: row.keyspace_name,
        table_name: row.table_name,
        trigger_name: row.trigger_name,
        options: row.trigger_options,
    }
}

fn function(row: LegacyFunctionRow) -> FunctionRow {
    FunctionRow {
        keyspace_name: row.keyspace_name,
        function_name: row.function_name,
        argument_types: all_cql(&row.argument_types),
        argument_names: row.argument_names,
        body: row.body,
        language: row.language,
        return_type: cql(&row.return_type),
        called_on_null_input: row.called_on_null_input,
        ..FunctionRow::default()
    }
}

fn aggregate(row: LegacyAggregateRow) -> AggregateRow {
    let state_class = row.state_type.as_ref().unwrap_or(&row.return_type);
    AggregateRow {
        keyspace_name: row.keyspace_name,
        aggregate_name: row.aggregate_name,
        argument_types: all_cql(&row.argument_types),
        state_func: row.state_func,
        initcond: row.initcond.map(|value| initial_condition(&value, state_class)),
        state_type: cql(state_class),
        final_func: row.final_func,
        return_type: cql(&row.return_type),
        deterministic: None,
    }
}

fn all_cql(classes: &[String]) -> Vec<String> {
    classes.iter().map(|class| cql(class)).collect()
}
