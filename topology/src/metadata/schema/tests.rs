//! What the rows of schema tables become.

use chorus_protocol::CqlType;

use super::*;
use crate::metadata::{Column, ColumnKind, CompactStorage, FunctionSignature, IndexKind};
use crate::rows::{
    AggregateRow, ColumnMaskRow, ColumnRow, EdgeRow, FunctionRow, IndexRow, ScyllaKeyspaceRow, TableRow,
    TriggerRow, TypeRow, VertexRow, ViewRow,
};

pub(super) fn keyspace_row(name: &str, factor: &str) -> KeyspaceRow {
    let options = [("class", "SimpleStrategy"), ("replication_factor", factor)];
    KeyspaceRow {
        keyspace_name: name.into(),
        durable_writes: Some(true),
        replication: options.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        ..KeyspaceRow::default()
    }
}

pub(super) fn table_row(table: &str, flags: &[&str]) -> TableRow {
    TableRow {
        keyspace_name: "ks".into(),
        table_name: table.into(),
        flags: Some(flags.iter().map(|flag| (*flag).to_owned()).collect()),
        ..TableRow::default()
    }
}

pub(super) fn column_row(table: &str, name: &str, kind: &str, position: i32, typ: &str) -> ColumnRow {
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

pub(super) fn view_row(name: &str, base: &str) -> ViewRow {
    ViewRow {
        keyspace_name: "ks".into(),
        view_name: name.into(),
        base_table_name: base.into(),
        include_all_columns: Some(true),
        where_clause: Some("day IS NOT NULL".into()),
        ..ViewRow::default()
    }
}

pub(super) fn function_row(name: &str, argument: &str) -> FunctionRow {
    FunctionRow {
        keyspace_name: "ks".into(),
        function_name: name.into(),
        argument_types: vec![argument.into()],
        argument_names: vec!["x".into()],
        return_type: "int".into(),
        ..FunctionRow::default()
    }
}

pub(super) fn weather() -> SchemaRows {
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
    (read(&SchemaScope::All, rows, &Schema::new(), &mut warnings), warnings)
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
    assert_eq!(table.compact_storage, None);
    assert_eq!(warnings, []);
}

#[test]
fn a_keyspace_read_again_alone_leaves_the_others_and_keeps_what_did_not_change() {
    let mut rows = weather();
    rows.keyspaces.push(keyspace_row("other", "3"));
    let (schema, _) = read_all(&rows);
    let mut warnings = Vec::new();
    let again = read(&SchemaScope::keyspace("ks"), &weather(), &schema, &mut warnings);
    assert!(Arc::ptr_eq(&again["ks"], &schema["ks"]) && Arc::ptr_eq(&again["other"], &schema["other"]));

    let dropped = read(&SchemaScope::keyspace("ks"), &SchemaRows::default(), &schema, &mut warnings);
    assert_eq!(dropped.keys().map(|name| &**name).collect::<Vec<_>>(), ["other"]);

    let mut wider = weather();
    wider.columns.push(column_row("t", "rain", "regular", -1, "int"));
    wider.keyspaces.push(keyspace_row("uncovered", "1"));
    let altered = read(&SchemaScope::keyspace("ks"), &wider, &schema, &mut warnings);
    assert!(altered["ks"].tables["t"].column("rain").is_some());
    assert_eq!(altered.len(), 2);
}

#[test]
fn a_view_belongs_to_its_table_and_its_keyspace() {
    let mut rows = weather();
    rows.views = vec![view_row("by_day", "t"), view_row("lost", "nowhere")];
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
        rows.functions.push(function_row("f", argument));
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
    let aggregate =
        &keyspace.aggregates[&FunctionSignature { name: "most".into(), argument_types: vec!["int".into()] }];
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
        matches!(&warnings[0], Warning::UnreadableType { object, .. } if object == "t.x"),
        matches!(&warnings[1], Warning::UnknownColumnKind { column, .. } if column == "y"),
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
    assert_eq!(tables["static"].compact_storage, Some(CompactStorage::Static));
    assert_eq!(tables["dense"].compact_storage, Some(CompactStorage::Dense));
    assert_eq!(tables["super"].compact_storage, Some(CompactStorage::Super));
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

/// Everything that may hang on tables and keyspaces.
fn decorated() -> SchemaRows {
    let mut rows = weather();
    rows.keyspaces[0].graph_engine = Some("Core".into());
    rows.scylla_keyspaces
        .push(ScyllaKeyspaceRow { keyspace_name: "ks".into(), consistency: Some("global".into()) });
    rows.column_masks.push(ColumnMaskRow {
        keyspace_name: "ks".into(),
        table_name: "t".into(),
        column_name: "humidity".into(),
        function_keyspace: "system".into(),
        function_name: "mask_default".into(),
        ..ColumnMaskRow::default()
    });
    let class = [("class".to_owned(), "a.Trigger".to_owned()), ("x".to_owned(), "y".to_owned())];
    rows.triggers.push(TriggerRow {
        keyspace_name: "ks".into(),
        table_name: "t".into(),
        trigger_name: "on_write".into(),
        options: class.into(),
    });
    rows.tables.push(table_row("e", &["compound"]));
    rows.columns.push(column_row("e", "k", "partition_key", 0, "int"));
    rows.vertices.push(VertexRow {
        keyspace_name: "ks".into(),
        table_name: "t".into(),
        label_name: Some("station".into()),
    });
    rows.edges.push(EdgeRow {
        keyspace_name: "ks".into(),
        table_name: "e".into(),
        label_name: Some("near".into()),
        from_table: Some("t".into()),
        from_partition_key_columns: vec!["a".into(), "b".into()],
        from_clustering_columns: vec!["c".into()],
        to_table: Some("elsewhere".into()),
        to_partition_key_columns: vec!["d".into()],
        ..EdgeRow::default()
    });
    rows
}

#[test]
fn masks_triggers_labels_and_modes_are_read() {
    let (schema, warnings) = read_all(&decorated());
    let keyspace = &schema["ks"];
    assert_eq!(keyspace.graph_engine.as_deref(), Some("Core"));
    assert_eq!(keyspace.consistency.as_deref(), Some("global"));
    let table = &keyspace.tables["t"];
    let mask = table.column("humidity").unwrap().mask.as_ref().unwrap();
    assert_eq!(mask.to_string(), "system.mask_default()");
    assert_eq!(table.column("wind").unwrap().mask, None);
    let trigger = &table.triggers["on_write"];
    assert_eq!((trigger.class_name.as_deref(), trigger.options.len()), (Some("a.Trigger"), 1));
    assert_eq!(table.vertex_label.as_deref(), Some("station"));
    let edge = keyspace.tables["e"].edge_label.as_ref().unwrap();
    assert_eq!((&*edge.label, edge.from.label.as_deref()), ("near", Some("station")));
    assert_eq!((&*edge.to.table, &edge.to.label), ("elsewhere", &None));
    assert_eq!(warnings, []);

    let mut rows = decorated();
    rows.scylla_keyspaces[0].consistency = Some("Eventual".into());
    assert_eq!(read_all(&rows).0["ks"].consistency, None);
}

#[test]
fn ids_are_told_apart_from_options_and_frozen_columns_from_those_of_several_cells() {
    let mut rows = weather();
    let id = uuid::Uuid::from_u128(7);
    rows.tables[0].options.insert("id".into(), chorus_protocol::CqlValue::Uuid(id));
    rows.tables[0].options.insert("comment".into(), "hello".into());
    rows.columns.push(column_row("t", "a_map", "regular", -1, "map<text, int>"));
    rows.columns.push(column_row("t", "b_frozen", "regular", -1, "frozen<map<text, int>>"));
    rows.columns.push(column_row("t", "c_wind", "regular", -1, "wind"));
    rows.columns.push(column_row("t", "d_pair", "regular", -1, "frozen<tuple<int, int>>"));
    let (schema, _) = read_all(&rows);
    let table = &schema["ks"].tables["t"];
    assert_eq!((table.id, table.options.comment(), table.options.iter().len()), (Some(id), "hello", 1));
    let several: Vec<_> = table.columns.iter().filter(|column| column.is_multi_cell()).collect();
    assert_eq!(several.iter().map(|column| &*column.name).collect::<Vec<_>>(), ["a_map", "c_wind"]);
    assert_eq!(&*table.column("wind").unwrap().declared_type, "frozen<wind>");
}

#[test]
fn what_could_not_be_read_marks_its_object_and_no_other() {
    let mut rows = weather();
    rows.columns.push(column_row("t", "x", "regular", -1, "list<"));
    rows.tables.push(table_row("u", &["compound"]));
    let error = chorus_protocol::ValueErrorReason::InvalidUtf8.into();
    rows.unreadable.push((crate::rows::SchemaTable::Indexes, error));
    let (schema, warnings) = read_all(&rows);
    let keyspace = &schema["ks"];
    assert!(matches!(&warnings[0], Warning::UnreadableRow { table: "system_schema.indexes", .. }));
    assert_eq!(keyspace.tables["t"].problems, &warnings[1..]);
    assert!(keyspace.tables["u"].problems.is_empty() && keyspace.problems.is_empty());
    assert_eq!(keyspace.all_problems().count(), 1);
}
