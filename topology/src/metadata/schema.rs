//! The schema: keyspaces and all they hold, from schema rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::function::{Aggregate, Function, FunctionSignature};
use super::keyspace::Keyspace;
use super::table::{Column, ColumnKind, Index, IndexKind, MaterializedView, Table};
use super::user_types::UserTypes;
use super::warning::Warning;
use crate::routing::ReplicationStrategy;
use crate::rows::{
    AggregateRow, ColumnRow, FunctionRow, IndexRow, KeyspaceRow, SchemaRows, TableRow, TypeRow, ViewRow,
};

/// All keyspaces by name, unquoted.
pub type Schema = BTreeMap<Arc<str>, Arc<Keyspace>>;

/// What a set of schema rows covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaScope<'a> {
    /// The whole schema: what is not in the rows does not exist.
    All,
    /// One keyspace, and everything in it.
    Keyspace(&'a str),
}

/// The schema after reading `rows`. Keyspaces that are as they were keep their `Arc`.
pub(super) fn read(
    scope: SchemaScope<'_>,
    rows: &SchemaRows,
    previous: &Schema,
    warnings: &mut Vec<Warning>,
) -> Schema {
    let mut schema = match scope {
        SchemaScope::All => Schema::new(),
        SchemaScope::Keyspace(name) => {
            let mut others = previous.clone();
            others.remove(name);
            others
        }
    };
    let covered = |name: &str| match scope {
        SchemaScope::All => true,
        SchemaScope::Keyspace(only) => name == only,
    };
    for part in group(rows).into_values().filter(|part| covered(&part.row.keyspace_name)) {
        let keyspace = part.read(warnings);
        let same = previous.get(&keyspace.name).filter(|known| ***known == keyspace);
        let keyspace = same.cloned().unwrap_or_else(|| Arc::new(keyspace));
        schema.insert(keyspace.name.clone(), keyspace);
    }
    schema
}

/// The rows of one keyspace.
struct Part<'r> {
    row: &'r KeyspaceRow,
    is_virtual: bool,
    types: Vec<&'r TypeRow>,
    tables: Vec<&'r TableRow>,
    /// By table or view.
    columns: FxHashMap<&'r str, Vec<&'r ColumnRow>>,
    indexes: FxHashMap<&'r str, Vec<&'r IndexRow>>,
    views: Vec<&'r ViewRow>,
    functions: Vec<&'r FunctionRow>,
    aggregates: Vec<&'r AggregateRow>,
}

/// Sorts rows by keyspace. Rows of keyspaces without a row of their own (dropped between two queries) are left out.
fn group(rows: &SchemaRows) -> BTreeMap<&str, Part<'_>> {
    let real = rows.keyspaces.iter().map(|row| (row, false));
    let computed = rows.virtual_keyspaces.iter().map(|row| (row, true));
    let mut parts: BTreeMap<&str, Part<'_>> = BTreeMap::new();
    for (row, is_virtual) in computed.chain(real) {
        parts.insert(&row.keyspace_name, Part::new(row, is_virtual));
    }
    macro_rules! distribute {
        ($($rows:expr => |$part:ident, $row:ident| $keep:expr;)*) => {$(
            for $row in $rows {
                if let Some($part) = parts.get_mut(&*$row.keyspace_name) {
                    $keep;
                }
            }
        )*};
    }
    distribute! {
        &rows.types => |part, row| part.types.push(row);
        rows.tables.iter().chain(&rows.virtual_tables) => |part, row| part.tables.push(row);
        rows.columns.iter().chain(&rows.virtual_columns) => |part, row|
            part.columns.entry(&row.table_name).or_default().push(row);
        &rows.indexes => |part, row| part.indexes.entry(&row.table_name).or_default().push(row);
        &rows.views => |part, row| part.views.push(row);
        &rows.functions => |part, row| part.functions.push(row);
        &rows.aggregates => |part, row| part.aggregates.push(row);
    }
    parts
}

impl<'r> Part<'r> {
    fn new(row: &'r KeyspaceRow, is_virtual: bool) -> Part<'r> {
        Part {
            row,
            is_virtual,
            types: Vec::new(),
            tables: Vec::new(),
            columns: FxHashMap::default(),
            indexes: FxHashMap::default(),
            views: Vec::new(),
            functions: Vec::new(),
            aggregates: Vec::new(),
        }
    }

    fn read(mut self, warnings: &mut Vec<Warning>) -> Keyspace {
        let name: Arc<str> = Arc::from(self.row.keyspace_name.as_str());
        let mut keyspace = Keyspace::new(name.clone(), self.replication(&name, warnings));
        keyspace.is_virtual = self.is_virtual;
        keyspace.durable_writes = self.row.durable_writes.unwrap_or(true);
        let types = UserTypes::new(name.clone(), std::mem::take(&mut self.types));

        for row in &self.tables {
            let mut table = self.table(&name, &row.table_name, &types, warnings);
            table.options = row.options.clone();
            if let Some(flags) = &row.flags {
                apply_flags(&mut table, flags);
            }
            let indexes = self.indexes.get(&*row.table_name).into_iter().flatten();
            table.indexes = indexes.map(|row| index(row)).map(|index| (index.name.clone(), index)).collect();
            keyspace.tables.insert(table.name.clone(), Arc::new(table));
        }
        for row in &self.views {
            let Some(base) = keyspace.tables.get_mut(&*row.base_table_name) else {
                let warning =
                    Warning::ViewWithoutTable { keyspace: name.clone(), view: row.view_name.clone() };
                warnings.push(warning);
                continue;
            };
            let mut table = self.table(&name, &row.view_name, &types, warnings);
            table.options = row.options.clone();
            Arc::make_mut(base).views.push(table.name.clone());
            let view = MaterializedView {
                base_table: base.name.clone(),
                where_clause: row.where_clause.clone(),
                include_all_columns: row.include_all_columns.unwrap_or(false),
                table,
            };
            keyspace.views.insert(view.table.name.clone(), Arc::new(view));
        }
        for row in &self.functions {
            let function = function(row, &types);
            keyspace.functions.insert(function.signature.clone(), Arc::new(function));
        }
        for row in &self.aggregates {
            let aggregate = aggregate(row, &types);
            keyspace.aggregates.insert(aggregate.signature.clone(), Arc::new(aggregate));
        }
        keyspace.user_types = types.finish(warnings);
        keyspace
    }

    fn replication(&self, name: &Arc<str>, warnings: &mut Vec<Warning>) -> ReplicationStrategy {
        let options = &self.row.replication;
        ReplicationStrategy::from_options(options).unwrap_or_else(|error| {
            warnings.push(Warning::InvalidReplication { keyspace: name.clone(), error });
            ReplicationStrategy::verbatim(options)
        })
    }

    fn table(
        &self,
        keyspace: &Arc<str>,
        name: &str,
        types: &UserTypes<'_>,
        warnings: &mut Vec<Warning>,
    ) -> Table {
        let mut columns = Vec::new();
        for row in self.columns.get(name).into_iter().flatten() {
            let Some(kind) = ColumnKind::from_name(&row.kind) else {
                warnings.push(Warning::UnknownColumnKind {
                    keyspace: keyspace.clone(),
                    table: name.to_owned(),
                    column: row.column_name.clone(),
                    kind: row.kind.clone(),
                });
                continue;
            };
            columns.push(Column {
                name: Arc::from(row.column_name.as_str()),
                typ: types.read(&row.type_text, || format!("{name}.{}", row.column_name)),
                kind,
                position: row.position.and_then(|position| u32::try_from(position).ok()).unwrap_or(0),
                descending: row
                    .clustering_order
                    .as_deref()
                    .is_some_and(|order| order.eq_ignore_ascii_case("desc")),
            });
        }
        columns.sort_by(|left, right| {
            // Static and regular columns are mixed, by name.
            let place = |column: &Column| (column.kind.min(ColumnKind::Static), column.position);
            place(left).cmp(&place(right)).then_with(|| left.name.cmp(&right.name))
        });
        Table {
            keyspace: keyspace.clone(),
            name: Arc::from(name),
            columns,
            indexes: BTreeMap::new(),
            views: Vec::new(),
            options: BTreeMap::new(),
            compact_storage: false,
            is_virtual: self.is_virtual,
        }
    }
}

/// > From flags: dense, super or not compound; compact-static tables show only static columns as regular; `empty`-typed
/// > columns of dense tables hidden.
fn apply_flags(table: &mut Table, flags: &[String]) {
    let has = |flag: &str| flags.iter().any(|told| told == flag);
    let (dense, compound) = (has("dense"), has("compound"));
    table.compact_storage = dense || has("super") || !compound;
    if dense {
        let is_empty = |column: &Column| column.typ.to_string().contains("EmptyType");
        table.columns.retain(|column| column.kind != ColumnKind::Regular || !is_empty(column));
    } else if !compound
        && !has("super")
        && table.columns.iter().any(|column| column.kind == ColumnKind::Static)
    {
        table.columns.retain(|column| matches!(column.kind, ColumnKind::PartitionKey | ColumnKind::Static));
        for column in table.columns.iter_mut().filter(|column| column.kind == ColumnKind::Static) {
            column.kind = ColumnKind::Regular;
        }
    }
}

fn index(row: &IndexRow) -> Index {
    let mut options = row.options.clone();
    Index {
        name: Arc::from(row.index_name.as_str()),
        kind: IndexKind::from(row.kind.as_deref().unwrap_or_default()),
        target: options.remove("target"),
        class_name: options.remove("class_name"),
        options,
    }
}

fn function(row: &FunctionRow, types: &UserTypes<'_>) -> Function {
    let signature = signature(&row.function_name, &row.argument_types);
    let read = |text: &String| types.read(text, || signature.to_string());
    let names = row.argument_names.iter().map(|name| Arc::from(name.as_str()));
    Function {
        arguments: names.zip(row.argument_types.iter().map(read)).collect(),
        return_type: read(&row.return_type),
        language: row.language.clone().unwrap_or_default(),
        body: row.body.clone().unwrap_or_default(),
        called_on_null_input: row.called_on_null_input.unwrap_or(false),
        deterministic: row.deterministic.unwrap_or(false),
        monotonic: row.monotonic.unwrap_or(false),
        monotonic_on: row.monotonic_on.clone(),
        signature,
    }
}

fn aggregate(row: &AggregateRow, types: &UserTypes<'_>) -> Aggregate {
    let signature = signature(&row.aggregate_name, &row.argument_types);
    let read = |text: &String| types.read(text, || signature.to_string());
    Aggregate {
        argument_types: row.argument_types.iter().map(read).collect(),
        state_function: row.state_func.clone(),
        state_type: read(&row.state_type),
        final_function: row.final_func.clone(),
        initial_condition: row.initcond.clone(),
        return_type: read(&row.return_type),
        deterministic: row.deterministic.unwrap_or(false),
        signature,
    }
}

fn signature(name: &str, argument_types: &[String]) -> FunctionSignature {
    FunctionSignature { name: Arc::from(name), argument_types: argument_types.to_vec() }
}
