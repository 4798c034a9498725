//! The schema: keyspaces and all they hold, from schema rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::function::{Aggregate, Function};
use super::keyspace::Keyspace;
use super::table::{Column, ColumnKind, Index, MaterializedView, Table};
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
            table.indexes =
                indexes.map(|row| Index::read(row)).map(|index| (index.name.clone(), index)).collect();
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
            let function = Function::read(row, &types);
            keyspace.functions.insert(function.signature.clone(), Arc::new(function));
        }
        for row in &self.aggregates {
            let aggregate = Aggregate::read(row, &types);
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

#[cfg(test)]
mod tests {
    use super::super::function::FunctionSignature;
    use super::super::table::IndexKind;
    use super::*;
    use chorus_protocol::CqlType;

    fn keyspace_row(name: &str, factor: &str) -> KeyspaceRow {
        let options = [("class", "SimpleStrategy"), ("replication_factor", factor)];
        KeyspaceRow {
            keyspace_name: name.into(),
            durable_writes: Some(true),
            replication: options.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        }
    }

    fn table_row(table: &str, flags: &[&str]) -> TableRow {
        TableRow {
            keyspace_name: "ks".into(),
            table_name: table.into(),
            flags: Some(flags.iter().map(|flag| (*flag).to_owned()).collect()),
            ..TableRow::default()
        }
    }

    fn column_row(table: &str, name: &str, kind: &str, position: i32, typ: &str) -> ColumnRow {
        ColumnRow {
            keyspace_name: "ks".into(),
            table_name: table.into(),
            column_name: name.into(),
            kind: kind.into(),
            position: Some(position),
            type_text: typ.into(),
            clustering_order: Some(if kind == "clustering" { "asc" } else { "none" }.into()),
        }
    }

    fn weather() -> SchemaRows {
        let descending = ColumnRow {
            clustering_order: Some("desc".into()),
            ..column_row("t", "at", "clustering", 0, "timestamp")
        };
        SchemaRows {
            keyspaces: vec![keyspace_row("ks", "1")],
            types: vec![TypeRow {
                keyspace_name: "ks".into(),
                type_name: "wind".into(),
                field_names: vec!["speed".into()],
                field_types: vec!["float".into()],
            }],
            tables: vec![table_row("t", &["compound"])],
            // As a server sends them: by column name.
            columns: vec![
                descending,
                column_row("t", "day", "partition_key", 1, "date"),
                column_row("t", "humidity", "regular", -1, "int"),
                column_row("t", "altitude", "static", -1, "int"),
                column_row("t", "station", "partition_key", 0, "text"),
                column_row("t", "wind", "regular", -1, "frozen<wind>"),
            ],
            ..SchemaRows::default()
        }
    }

    fn read_all(rows: &SchemaRows) -> (Schema, Vec<Warning>) {
        let mut warnings = Vec::new();
        (read(SchemaScope::All, rows, &Schema::new(), &mut warnings), warnings)
    }

    fn names(columns: &[Column]) -> Vec<&str> {
        columns.iter().map(|column| &*column.name).collect()
    }

    #[test]
    fn columns_come_in_key_order_then_by_name() {
        let (schema, warnings) = read_all(&weather());
        let table = &schema["ks"].tables["t"];
        assert_eq!(names(&table.columns), ["station", "day", "at", "altitude", "humidity", "wind"]);
        assert_eq!(names(table.partition_key()), ["station", "day"]);
        assert_eq!(names(table.clustering_key()), ["at"]);
        assert_eq!(names(table.primary_key()), ["station", "day", "at"]);
        assert!(table.column("at").unwrap().descending && !table.column("day").unwrap().descending);
        assert_eq!(table.column("altitude").unwrap().kind, ColumnKind::Static);
        assert!(matches!(&table.column("wind").unwrap().typ, CqlType::Udt(udt) if &*udt.name == "wind"));
        assert!(!table.compact_storage);
        assert_eq!(warnings, []);
    }

    #[test]
    fn a_keyspace_read_again_alone_leaves_the_others_and_keeps_what_did_not_change() {
        let mut rows = weather();
        rows.keyspaces.push(keyspace_row("other", "3"));
        let (schema, _) = read_all(&rows);
        let mut warnings = Vec::new();
        let again = read(SchemaScope::Keyspace("ks"), &weather(), &schema, &mut warnings);
        assert!(Arc::ptr_eq(&again["ks"], &schema["ks"]) && Arc::ptr_eq(&again["other"], &schema["other"]));

        let dropped = read(SchemaScope::Keyspace("ks"), &SchemaRows::default(), &schema, &mut warnings);
        assert_eq!(dropped.keys().map(|name| &**name).collect::<Vec<_>>(), ["other"]);

        let mut wider = weather();
        wider.columns.push(column_row("t", "rain", "regular", -1, "int"));
        wider.keyspaces.push(keyspace_row("uncovered", "1"));
        let altered = read(SchemaScope::Keyspace("ks"), &wider, &schema, &mut warnings);
        assert!(altered["ks"].tables["t"].column("rain").is_some());
        assert_eq!(altered.len(), 2);
    }

    #[test]
    fn a_view_belongs_to_its_table_and_its_keyspace() {
        let mut rows = weather();
        let view = |name: &str, base: &str| ViewRow {
            keyspace_name: "ks".into(),
            view_name: name.into(),
            base_table_name: base.into(),
            include_all_columns: Some(true),
            where_clause: Some("day IS NOT NULL".into()),
            ..ViewRow::default()
        };
        rows.views = vec![view("by_day", "t"), view("lost", "nowhere")];
        rows.columns.push(column_row("by_day", "day", "partition_key", 0, "date"));
        let (schema, warnings) = read_all(&rows);
        let keyspace = &schema["ks"];
        assert_eq!(keyspace.tables["t"].views[..], ["by_day".into()]);
        assert_eq!(&*keyspace.views["by_day"].base_table, "t");
        assert_eq!(names(keyspace.table("by_day").unwrap().partition_key()), ["day"]);
        assert_eq!(warnings, [Warning::ViewWithoutTable { keyspace: "ks".into(), view: "lost".into() }]);
        assert_eq!(keyspace.routing().tables[..], ["t".into(), "by_day".into()]);
    }

    #[test]
    fn indexes_functions_and_aggregates_are_found_by_name_and_signature() {
        let mut rows = weather();
        let options = [("target", "humidity"), ("class_name", "a.B"), ("mode", "x")];
        rows.indexes.push(IndexRow {
            keyspace_name: "ks".into(),
            table_name: "t".into(),
            index_name: "by_humidity".into(),
            kind: Some("CUSTOM".into()),
            options: options.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        });
        for argument in ["int", "frozen<wind>"] {
            rows.functions.push(FunctionRow {
                keyspace_name: "ks".into(),
                function_name: "f".into(),
                argument_types: vec![argument.into()],
                argument_names: vec!["x".into()],
                return_type: "int".into(),
                ..FunctionRow::default()
            });
        }
        rows.aggregates.push(AggregateRow {
            keyspace_name: "ks".into(),
            aggregate_name: "most".into(),
            argument_types: vec!["int".into()],
            state_type: "int".into(),
            return_type: "int".into(),
            initcond: Some("0".into()),
            ..AggregateRow::default()
        });
        let (schema, warnings) = read_all(&rows);
        let keyspace = &schema["ks"];
        let index = &keyspace.tables["t"].indexes["by_humidity"];
        assert_eq!((&index.kind, index.target.as_deref()), (&IndexKind::Custom, Some("humidity")));
        assert_eq!(index.class_name.as_deref(), Some("a.B"));
        assert_eq!(index.options.len(), 1);
        let signatures: Vec<String> = keyspace.functions.keys().map(ToString::to_string).collect();
        assert_eq!(signatures, ["f(frozen<wind>)", "f(int)"]);
        let aggregate = &keyspace.aggregates
            [&FunctionSignature { name: "most".into(), argument_types: vec!["int".into()] }];
        assert_eq!(aggregate.initial_condition.as_deref(), Some("0"));
        assert_eq!(warnings, []);
    }

    #[test]
    fn what_cannot_be_read_is_warned_of_and_the_rest_is_kept() {
        let mut rows = weather();
        rows.keyspaces.push(keyspace_row("odd", "many"));
        rows.columns.push(column_row("t", "x", "regular", -1, "list<"));
        rows.columns.push(column_row("t", "y", "imaginary", -1, "int"));
        rows.tables.push(TableRow { keyspace_name: "vanished".into(), ..table_row("t", &[]) });
        let (schema, warnings) = read_all(&rows);
        assert_eq!(schema["ks"].tables["t"].column("x").unwrap().typ, CqlType::custom("list<"));
        assert_eq!(schema["ks"].tables["t"].column("y"), None);
        assert_eq!(schema["odd"].replication.class(), "SimpleStrategy");
        assert_eq!(schema.len(), 2);
        let kinds: Vec<bool> = vec![
            matches!(&warnings[0], Warning::UnknownColumnKind { column, .. } if column == "y"),
            matches!(&warnings[1], Warning::UnreadableType { object, .. } if object == "t.x"),
            matches!(&warnings[2], Warning::InvalidReplication { keyspace, .. } if &**keyspace == "odd"),
        ];
        assert_eq!((warnings.len(), kinds), (3, vec![true; 3]));
    }

    #[test]
    fn compact_tables_show_the_columns_their_users_know() {
        let mut rows = weather();
        rows.tables =
            vec![table_row("static", &[]), table_row("dense", &["dense"]), table_row("super", &["super"])];
        rows.columns = vec![
            column_row("static", "k", "partition_key", 0, "text"),
            column_row("static", "column1", "clustering", 0, "text"),
            column_row("static", "a", "static", -1, "int"),
            column_row("static", "value", "regular", -1, "blob"),
            column_row("dense", "k", "partition_key", 0, "text"),
            column_row("dense", "c", "clustering", 0, "text"),
            column_row("dense", "value", "regular", -1, "empty"),
        ];
        let (schema, _) = read_all(&rows);
        let tables = &schema["ks"].tables;
        assert!(tables.values().all(|table| table.compact_storage));
        assert_eq!(names(&tables["static"].columns), ["k", "a"]);
        assert_eq!(tables["static"].columns[1].kind, ColumnKind::Regular);
        assert_eq!(names(&tables["dense"].columns), ["k", "c"]);
    }

    #[test]
    fn virtual_keyspaces_are_marked() {
        let mut rows = weather();
        rows.virtual_keyspaces
            .push(KeyspaceRow { keyspace_name: "system_views".into(), ..KeyspaceRow::default() });
        let row = TableRow { keyspace_name: "system_views".into(), flags: None, ..table_row("clients", &[]) };
        rows.virtual_tables.push(row);
        let (schema, warnings) = read_all(&rows);
        assert!(schema["system_views"].is_virtual && schema["system_views"].tables["clients"].is_virtual);
        assert!(!schema["ks"].is_virtual && !schema["ks"].tables["t"].is_virtual);
        assert_eq!(warnings, []);
    }
}
