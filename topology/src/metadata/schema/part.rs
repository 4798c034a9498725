//! The rows of one keyspace, put together to what they describe.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::metadata::function::{Aggregate, Function};
use crate::metadata::graph::EdgeLabel;
use crate::metadata::index::{Index, Trigger};
use crate::metadata::keyspace::Keyspace;
use crate::metadata::mask::ColumnMask;
use crate::metadata::options::TableOptions;
use crate::metadata::table::{Column, ColumnKind, CompactStorage, MaterializedView, Table};
use crate::metadata::user_types::UserTypes;
use crate::metadata::warning::Warning;
use crate::routing::ReplicationStrategy;
use crate::rows::{
    AggregateRow, ColumnMaskRow, ColumnRow, EdgeRow, FunctionRow, IndexRow, KeyspaceRow, SchemaRows,
    TableRow, TriggerRow, TypeRow, VertexRow, ViewRow,
};

/// The rows of one keyspace, or of a part of it.
#[derive(Default)]
pub(super) struct Part<'r> {
    is_virtual: bool,
    consistency: Option<&'r str>,
    pub(super) types: Vec<&'r TypeRow>,
    pub(super) tables: Vec<&'r TableRow>,
    /// By table or view, as the next four.
    columns: FxHashMap<&'r str, Vec<&'r ColumnRow>>,
    masks: FxHashMap<&'r str, Vec<&'r ColumnMaskRow>>,
    indexes: FxHashMap<&'r str, Vec<&'r IndexRow>>,
    triggers: FxHashMap<&'r str, Vec<&'r TriggerRow>>,
    edges: FxHashMap<&'r str, &'r EdgeRow>,
    vertices: FxHashMap<&'r str, &'r VertexRow>,
    pub(super) views: Vec<&'r ViewRow>,
    pub(super) functions: Vec<&'r FunctionRow>,
    pub(super) aggregates: Vec<&'r AggregateRow>,
}

/// Adds each row of `rows` to the part of its keyspace. Rows of other keyspaces are left out: those were dropped between
/// two queries.
pub(super) fn distribute<'r>(rows: &'r SchemaRows, parts: &mut BTreeMap<&str, Part<'r>>) {
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
        &rows.scylla_keyspaces => |part, row| part.consistency = row.consistency.as_deref();
        &rows.types => |part, row| part.types.push(row);
        rows.tables.iter().chain(&rows.virtual_tables) => |part, row| part.tables.push(row);
        rows.columns.iter().chain(&rows.virtual_columns) => |part, row|
            part.columns.entry(&row.table_name).or_default().push(row);
        &rows.column_masks => |part, row| part.masks.entry(&row.table_name).or_default().push(row);
        &rows.indexes => |part, row| part.indexes.entry(&row.table_name).or_default().push(row);
        &rows.triggers => |part, row| part.triggers.entry(&row.table_name).or_default().push(row);
        &rows.vertices => |part, row| part.vertices.insert(&row.table_name, row);
        &rows.edges => |part, row| part.edges.insert(&row.table_name, row);
        &rows.views => |part, row| part.views.push(row);
        &rows.functions => |part, row| part.functions.push(row);
        &rows.aggregates => |part, row| part.aggregates.push(row);
    }
}

impl<'r> Part<'r> {
    /// Without any rows yet.
    pub(super) fn new(is_virtual: bool) -> Self {
        Self { is_virtual, ..Self::default() }
    }

    /// The whole keyspace.
    pub(super) fn keyspace(mut self, row: &KeyspaceRow, warnings: &mut Vec<Warning>) -> Keyspace {
        let name: Arc<str> = Arc::from(row.keyspace_name.as_str());
        let mut problems = Vec::new();
        let replication = ReplicationStrategy::from_options(&row.replication).unwrap_or_else(|error| {
            problems.push(Warning::InvalidReplication { keyspace: name.clone(), error });
            ReplicationStrategy::verbatim(&row.replication)
        });
        let mut keyspace = Keyspace::new(name.clone(), replication);
        keyspace.problems = problems;
        keyspace.is_virtual = self.is_virtual;
        keyspace.durable_writes = row.durable_writes.unwrap_or(true);
        keyspace.graph_engine = row.graph_engine.clone();
        let mode = self.consistency.filter(|mode| !mode.eq_ignore_ascii_case("eventual"));
        keyspace.consistency = mode.map(str::to_owned);
        let types = UserTypes::new(name.clone(), std::mem::take(&mut self.types));

        for row in &self.tables {
            let table = self.table(&name, row, &types, &|_| None);
            keyspace.tables.insert(table.name.clone(), Arc::new(table));
        }
        for row in &self.views {
            let Some(base) = keyspace.tables.get_mut(&*row.base_table_name) else {
                let warning =
                    Warning::ViewWithoutTable { keyspace: name.clone(), view: row.view_name.clone() };
                warnings.push(warning);
                continue;
            };
            let view = self.view(&name, row, &types);
            Arc::make_mut(base).views.push(view.table.name.clone());
            keyspace.views.insert(view.table.name.clone(), Arc::new(view));
        }
        for row in &self.functions {
            let function = Function::read(&name, row, &types);
            keyspace.functions.insert(function.signature.clone(), Arc::new(function));
        }
        for row in &self.aggregates {
            let aggregate = Aggregate::read(&name, row, &types);
            keyspace.aggregates.insert(aggregate.signature.clone(), Arc::new(aggregate));
        }
        keyspace.user_types = types.finish();
        keyspace
    }

    /// One table. `known_label` tells the labels of vertices of tables that are not in these rows.
    pub(super) fn table(
        &self,
        keyspace: &Arc<str>,
        row: &TableRow,
        types: &UserTypes<'_>,
        known_label: &dyn Fn(&str) -> Option<Arc<str>>,
    ) -> Table {
        let name = &*row.table_name;
        let mut table = self.bare(keyspace, name, &row.options, types);
        if let Some(flags) = &row.flags {
            apply_flags(&mut table, flags);
        }
        let indexes = self.indexes.get(name).into_iter().flatten().map(|row| Index::read(row));
        table.indexes = indexes.map(|index| (index.name.clone(), index)).collect();
        let triggers = self.triggers.get(name).into_iter().flatten().map(|row| Trigger::read(row));
        table.triggers = triggers.map(|trigger| (trigger.name.clone(), trigger)).collect();
        let label = |table: &str| {
            let told = self.vertices.get(table).and_then(|row| row.label_name.as_deref());
            told.map(Arc::from).or_else(|| known_label(table))
        };
        table.vertex_label =
            self.vertices.get(name).map(|row| Arc::from(row.label_name.as_deref().unwrap_or_default()));
        table.edge_label = self.edges.get(name).map(|row| EdgeLabel::read(row, &label));
        table
    }

    /// One materialized view.
    pub(super) fn view(&self, keyspace: &Arc<str>, row: &ViewRow, types: &UserTypes<'_>) -> MaterializedView {
        MaterializedView {
            base_table: Arc::from(row.base_table_name.as_str()),
            where_clause: row.where_clause.clone(),
            include_all_columns: row.include_all_columns.unwrap_or(false),
            table: self.bare(keyspace, &row.view_name, &row.options, types),
        }
    }

    /// What tables and views have in common.
    fn bare(
        &self,
        keyspace: &Arc<str>,
        name: &str,
        options: &BTreeMap<String, chorus_protocol::CqlValue>,
        types: &UserTypes<'_>,
    ) -> Table {
        let mut problems = Vec::new();
        let mut columns = Vec::new();
        let masks = self.masks.get(name).map_or(&[][..], Vec::as_slice);
        for row in self.columns.get(name).into_iter().flatten() {
            let Some(kind) = ColumnKind::from_name(&row.kind) else {
                problems.push(Warning::UnknownColumnKind {
                    keyspace: keyspace.clone(),
                    table: name.to_owned(),
                    column: row.column_name.clone(),
                    kind: row.kind.clone(),
                });
                continue;
            };
            let object = || format!("{name}.{}", row.column_name);
            let (typ, declared_type) = types.read(&row.type_text, object, &mut problems);
            let mask = masks.iter().find(|mask| mask.column_name == row.column_name);
            columns.push(Column {
                name: Arc::from(row.column_name.as_str()),
                typ,
                declared_type,
                kind,
                position: row.position.and_then(|position| u32::try_from(position).ok()).unwrap_or(0),
                descending: row
                    .clustering_order
                    .as_deref()
                    .is_some_and(|order| order.eq_ignore_ascii_case("desc")),
                mask: mask.map(|row| ColumnMask::read(row)),
            });
        }
        columns.sort_by(|left, right| {
            let place = |column: &Column| (column.kind, column.position);
            place(left).cmp(&place(right)).then_with(|| left.name.cmp(&right.name))
        });
        let mut options = options.clone();
        options.remove("base_table_id");
        let id = match options.remove("id") {
            Some(chorus_protocol::CqlValue::Uuid(id)) => Some(id),
            _ => None,
        };
        Table {
            keyspace: keyspace.clone(),
            name: Arc::from(name),
            id,
            columns,
            indexes: BTreeMap::new(),
            triggers: BTreeMap::new(),
            views: Vec::new(),
            options: TableOptions::new(options),
            compact_storage: None,
            vertex_label: None,
            edge_label: None,
            is_virtual: self.is_virtual,
            problems,
        }
    }
}

/// > From flags: dense, super or not compound; compact-static tables show only static columns as regular; `empty`-typed
/// > columns of dense tables hidden.
fn apply_flags(table: &mut Table, flags: &[String]) {
    let has = |flag: &str| flags.iter().any(|told| told == flag);
    let (is_super, dense, compound) = (has("super"), has("dense"), has("compound"));
    table.compact_storage = match (is_super, dense, compound) {
        (true, ..) => Some(CompactStorage::Super),
        (_, true, _) => Some(CompactStorage::Dense),
        (.., false) => Some(CompactStorage::Static),
        _ => None,
    };
    if dense {
        let is_empty = |column: &Column| column.typ.to_string().contains("EmptyType");
        table.columns.retain(|column| column.kind != ColumnKind::Regular || !is_empty(column));
    } else if table.compact_storage == Some(CompactStorage::Static)
        && table.columns.iter().any(|column| column.kind == ColumnKind::Static)
    {
        table.columns.retain(|column| matches!(column.kind, ColumnKind::PartitionKey | ColumnKind::Static));
        for column in table.columns.iter_mut().filter(|column| column.kind == ColumnKind::Static) {
            column.kind = ColumnKind::Regular;
        }
    }
}
