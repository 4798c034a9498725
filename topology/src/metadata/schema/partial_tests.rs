//! Parts of a keyspace read again.

use std::sync::Arc;

use chorus_protocol::CqlType;

use super::tests::{column_row, function_row, table_row, view_row, weather};
use super::*;
use crate::metadata::FunctionSignature;
use crate::rows::{AggregateRow, ColumnRow, TypeRow};

fn schema() -> Schema {
    let mut rows = weather();
    rows.tables.push(table_row("u", &["compound"]));
    rows.columns.push(column_row("u", "k", "partition_key", 0, "int"));
    rows.views = vec![view_row("by_day", "t")];
    rows.columns.push(column_row("by_day", "day", "partition_key", 0, "date"));
    rows.functions =
        vec![function_row("f", "int"), function_row("f", "frozen<wind>"), function_row("g", "int")];
    rows.aggregates = vec![AggregateRow {
        keyspace_name: "ks".into(),
        aggregate_name: "most".into(),
        argument_types: vec!["int".into()],
        state_type: "frozen<wind>".into(),
        return_type: "int".into(),
        ..AggregateRow::default()
    }];
    read(&SchemaScope::All, &rows, &Schema::new(), &mut Vec::new())
}

/// After reading a part again, with what is different.
fn after(schema: &Schema, scope: &SchemaScope, rows: &SchemaRows) -> (Arc<Keyspace>, Vec<String>) {
    let mut warnings = Vec::new();
    let now = read(scope, rows, schema, &mut warnings);
    assert_eq!(warnings, []);
    let told = differences(schema, &now).iter().map(ToString::to_string).collect();
    (now["ks"].clone(), told)
}

fn columns_of(table: &str, columns: &[&str]) -> Vec<ColumnRow> {
    columns.iter().map(|name| column_row(table, name, "partition_key", 0, "int")).collect()
}

#[test]
fn a_table_read_again_keeps_its_views_and_everything_else_its_place() {
    let before = schema();
    let rows = SchemaRows {
        tables: vec![table_row("t", &["compound"])],
        columns: columns_of("t", &["k"]),
        ..SchemaRows::default()
    };
    let (keyspace, told) = after(&before, &SchemaScope::table("ks", "t"), &rows);
    assert_eq!(keyspace.tables["t"].columns.len(), 1);
    assert_eq!(keyspace.tables["t"].views[..], ["by_day".into()]);
    assert!(Arc::ptr_eq(&keyspace.tables["u"], &before["ks"].tables["u"]));
    assert!(Arc::ptr_eq(&keyspace.views["by_day"], &before["ks"].views["by_day"]));
    assert_eq!(told, ["table ks.t was changed"]);
}

#[test]
fn reading_the_same_again_changes_nothing() {
    let before = schema();
    let mut rows = weather();
    rows.keyspaces.clear();
    for scope in [SchemaScope::table("ks", "t"), SchemaScope::user_types("ks")] {
        let (keyspace, told) = after(&before, &scope, &rows);
        assert!(Arc::ptr_eq(&keyspace, &before["ks"]), "{scope:?}");
        assert!(told.is_empty());
    }
}

#[test]
fn a_table_without_a_row_is_gone_with_its_views() {
    let before = schema();
    let (keyspace, told) = after(&before, &SchemaScope::table("ks", "t"), &SchemaRows::default());
    assert_eq!(keyspace.tables.keys().map(|name| &**name).collect::<Vec<_>>(), ["u"]);
    assert!(keyspace.views.is_empty());
    assert_eq!(told, ["table ks.t was dropped", "view ks.by_day was dropped"]);
}

#[test]
fn a_view_comes_and_goes_under_the_name_of_a_table() {
    let before = schema();
    let (keyspace, told) = after(&before, &SchemaScope::table("ks", "by_day"), &SchemaRows::default());
    assert!(keyspace.views.is_empty() && keyspace.tables["t"].views.is_empty());
    assert_eq!(told, ["table ks.t was changed", "view ks.by_day was dropped"]);

    let now = Schema::from([("ks".into(), keyspace)]);
    let rows = SchemaRows {
        views: vec![view_row("by_wind", "u")],
        columns: columns_of("by_wind", &["k"]),
        ..SchemaRows::default()
    };
    let (keyspace, told) = after(&now, &SchemaScope::table("ks", "by_wind"), &rows);
    assert_eq!(&*keyspace.views["by_wind"].base_table, "u");
    assert_eq!(keyspace.tables["u"].views[..], ["by_wind".into()]);
    assert_eq!(told, ["table ks.u was changed", "view ks.by_wind was created"]);

    // Now a table has the name.
    let rows = SchemaRows {
        tables: vec![table_row("by_wind", &["compound"])],
        columns: columns_of("by_wind", &["k"]),
        ..SchemaRows::default()
    };
    let now = Schema::from([("ks".into(), keyspace)]);
    let (keyspace, told) = after(&now, &SchemaScope::table("ks", "by_wind"), &rows);
    assert!(keyspace.views.is_empty() && keyspace.tables["u"].views.is_empty());
    let expected = ["table ks.by_wind was created", "table ks.u was changed", "view ks.by_wind was dropped"];
    assert_eq!(told, expected);
}

#[test]
fn user_types_read_again_change_whatever_is_made_of_them() {
    let before = schema();
    let types = vec![TypeRow {
        keyspace_name: "ks".into(),
        type_name: "wind".into(),
        field_names: vec!["speed".into(), "gusts".into()],
        field_types: vec!["float".into(), "boolean".into()],
    }];
    let rows = SchemaRows { types, ..SchemaRows::default() };
    let (keyspace, told) = after(&before, &SchemaScope::user_types("ks"), &rows);
    let fields = |typ: &CqlType| match typ {
        CqlType::Udt(udt) => udt.fields.len(),
        other => panic!("{other} is no user type"),
    };
    assert_eq!(fields(&keyspace.tables["t"].column("wind").unwrap().typ), 2);
    let signature = FunctionSignature { name: "f".into(), argument_types: vec!["frozen<wind>".into()] };
    assert_eq!(fields(&keyspace.functions[&signature].arguments[0].1), 2);
    assert!(Arc::ptr_eq(&keyspace.tables["u"], &before["ks"].tables["u"]));
    let expected = [
        "type ks.wind was changed",
        "function ks.f(frozen<wind>) was changed",
        "aggregate ks.most(int) was changed",
        "table ks.t was changed",
    ];
    assert_eq!(told, expected);
}

#[test]
fn functions_and_aggregates_are_read_by_name_with_all_their_overloads() {
    let before = schema();
    let rows = SchemaRows { functions: vec![function_row("f", "text")], ..SchemaRows::default() };
    let (keyspace, told) = after(&before, &SchemaScope::functions("ks", "f"), &rows);
    let names: Vec<_> = keyspace.functions.keys().map(ToString::to_string).collect();
    assert_eq!(names, ["f(text)", "g(int)"]);
    let expected = [
        "function ks.f(frozen<wind>) was dropped",
        "function ks.f(int) was dropped",
        "function ks.f(text) was created",
    ];
    assert_eq!(told, expected);
    let (keyspace, told) = after(&before, &SchemaScope::aggregates("ks", "most"), &SchemaRows::default());
    assert!(keyspace.aggregates.is_empty());
    assert_eq!(told, ["aggregate ks.most(int) was dropped"]);
}

#[test]
fn a_part_of_a_keyspace_that_is_not_known_is_ignored() {
    let before = schema();
    let rows = SchemaRows { tables: vec![table_row("t", &[])], ..SchemaRows::default() };
    let now = read(&SchemaScope::table("vanished", "t"), &rows, &before, &mut Vec::new());
    assert_eq!(now, before);
}

#[test]
fn keyspaces_are_told_as_a_whole_and_their_own_changes_apart() {
    let before = schema();
    let told =
        |now: &Schema| -> Vec<String> { differences(&before, now).iter().map(ToString::to_string).collect() };
    assert_eq!(told(&Schema::new()), ["keyspace ks was dropped"]);
    let mut keyspace = Keyspace::clone(&before["ks"]);
    keyspace.durable_writes = false;
    let now = Schema::from([("ks".into(), Arc::new(keyspace.clone())), ("new".into(), Arc::new(keyspace))]);
    assert_eq!(told(&now), ["keyspace ks was changed", "keyspace new was created"]);
    assert!(told(&before).is_empty());
}
