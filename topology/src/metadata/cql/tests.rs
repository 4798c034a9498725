//! Objects of the schema and the CQL that makes them.

use std::collections::BTreeMap;
use std::sync::Arc;

use chorus_protocol::CqlValue;

use super::*;
use crate::metadata::{ClusterState, Keyspace, Table};
use crate::policies::load_balancing::RoundRobin;
use crate::rows::{
    AggregateRow, ColumnRow, EdgeRow, FunctionRow, IndexRow, KeyspaceRow, SchemaRows, SchemaScope,
    ScyllaKeyspaceRow, TableRow, TriggerRow, TypeRow, VertexRow, ViewRow,
};

fn texts(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn keyspace_row(replication: &[(&str, &str)]) -> KeyspaceRow {
    KeyspaceRow {
        keyspace_name: "ks".into(),
        durable_writes: Some(true),
        replication: map(replication),
        ..KeyspaceRow::default()
    }
}

fn table_row(name: &str, flags: &[&str]) -> TableRow {
    TableRow {
        keyspace_name: "ks".into(),
        table_name: name.into(),
        flags: Some(texts(flags)),
        ..TableRow::default()
    }
}

/// A column from `name kind position type`.
fn column_row(table: &str, text: &str) -> ColumnRow {
    let mut words = text.splitn(4, ' ');
    let mut word = || words.next().unwrap();
    let (name, kind, position) = (word(), word(), word());
    let descending = kind == "desc";
    ColumnRow {
        keyspace_name: "ks".into(),
        table_name: table.into(),
        column_name: name.into(),
        kind: if descending { "clustering" } else { kind }.into(),
        position: position.parse().ok(),
        type_text: word().into(),
        clustering_order: descending.then(|| "desc".into()),
    }
}

fn columns(table: &str, columns: &[&str]) -> Vec<ColumnRow> {
    columns.iter().map(|text| column_row(table, text)).collect()
}

fn simple() -> SchemaRows {
    let keyspace = keyspace_row(&[("class", "SimpleStrategy"), ("replication_factor", "1")]);
    SchemaRows { keyspaces: vec![keyspace], ..SchemaRows::default() }
}

fn state(rows: &SchemaRows) -> ClusterState {
    let policy = RoundRobin::starting_at(0);
    ClusterState::default().with_schema(&SchemaScope::All, rows, &policy).0
}

fn keyspace(rows: &SchemaRows) -> Arc<Keyspace> {
    state(rows).keyspaces["ks"].clone()
}

fn table(rows: &SchemaRows, name: &str) -> Table {
    Table::clone(&keyspace(rows).tables[name])
}

#[test]
fn keyspaces_have_their_datacenters_sorted_and_tell_modes_only_where_there_are_any() {
    let mut rows = simple();
    let simple = "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': '1'}  AND \
                  durable_writes = true";
    assert_eq!(keyspace(&rows).create_statement(), simple);
    let class = "org.apache.cassandra.locator.NetworkTopologyStrategy";
    rows.keyspaces = vec![keyspace_row(&[("dc2", "2"), ("class", class), ("dc1", "3/1")])];
    rows.keyspaces[0].durable_writes = Some(false);
    rows.keyspaces[0].graph_engine = Some("Core".into());
    let mode = Some("global".to_owned());
    rows.scylla_keyspaces = vec![ScyllaKeyspaceRow { keyspace_name: "ks".into(), consistency: mode }];
    let network = "CREATE KEYSPACE ks WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': '3/1', 'dc2': '2'}  \
                   AND consistency = 'global' AND durable_writes = false AND graph_engine = 'Core'";
    assert_eq!(keyspace(&rows).create_statement(), network);
}

#[test]
fn a_table_is_written_as_the_server_describes_it() {
    let mut rows = simple();
    rows.tables = vec![table_row("Mixed", &["compound"])];
    let text = CqlValue::from;
    rows.tables[0].options = [
        ("comment", text("it's")),
        ("additional_write_policy", text("99p")),
        ("bloom_filter_fp_chance", CqlValue::Double(0.01)),
        ("caching", CqlValue::map([(text("keys"), text("ALL")), (text("rows_per_partition"), text("NONE"))])),
        ("crc_check_chance", CqlValue::Double(1.0)),
        ("dclocal_read_repair_chance", CqlValue::Double(0.0)),
        ("default_time_to_live", CqlValue::Int(0)),
        ("read_repair", text("BLOCKING")),
        ("cdc", CqlValue::Boolean(false)),
        ("from_the_future", CqlValue::Int(1)),
        ("extensions", CqlValue::Map(vec![])),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    rows.columns = columns(
        "Mixed",
        &[
            "b partition_key 1 text",
            "select partition_key 0 int",
            "at desc 0 timeuuid",
            "n clustering 1 int",
            "note static -1 text",
            "v regular -1 frozen<map<text, int>>",
            "m regular -1 map<text, int>",
            "Caps regular -1 vector<float, 3>",
        ],
    );
    let expected = "CREATE TABLE ks.\"Mixed\" (
    \"select\" int,
    b text,
    at timeuuid,
    n int,
    note text static,
    \"Caps\" vector<float, 3>,
    v frozen<map<text, int>>,
    m map<text, int>,
    PRIMARY KEY ((\"select\", b), at, n)
) WITH CLUSTERING ORDER BY (at DESC, n ASC)
    AND additional_write_policy = '99p'
    AND bloom_filter_fp_chance = 0.01
    AND caching = {'keys': 'ALL', 'rows_per_partition': 'NONE'}
    AND cdc = false
    AND comment = 'it''s'
    AND crc_check_chance = 1.0
    AND default_time_to_live = 0
    AND read_repair = 'BLOCKING'";
    assert_eq!(table(&rows, "Mixed").create_statement(), expected);
    // Before 4.0 there was another way to say it.
    rows.tables[0].options.remove("read_repair");
    assert!(table(&rows, "Mixed").create_statement().contains("AND dclocal_read_repair_chance = 0.0"));
}

#[test]
fn a_key_of_one_column_is_marked_where_it_stands() {
    let mut rows = simple();
    rows.tables = vec![table_row("t", &["compound"])];
    rows.columns = columns("t", &["k partition_key 0 int", "v regular -1 text"]);
    assert_eq!(
        table(&rows, "t").create_statement(),
        "CREATE TABLE ks.t (\n    k int PRIMARY KEY,\n    v text\n)"
    );
}

#[test]
fn compact_tables_say_so_and_super_columns_are_only_shown() {
    let mut rows = simple();
    rows.tables = vec![table_row("dense", &["dense"]), table_row("super", &["super", "dense"])];
    rows.columns = columns("dense", &["k partition_key 0 int", "c clustering 0 int", "v regular -1 text"]);
    rows.columns.extend(columns("super", &["k partition_key 0 int", "c clustering 0 int"]));
    let keyspace = keyspace(&rows);
    let dense = "PRIMARY KEY (k, c)\n) WITH COMPACT STORAGE\n    AND CLUSTERING ORDER BY (c ASC)";
    assert!(keyspace.tables["dense"].create_statement().ends_with(dense));
    let shown = keyspace.describe_table("super").unwrap();
    assert!(shown.starts_with("/*\nks.super has super columns") && shown.ends_with("*/"), "{shown}");
    assert_eq!(keyspace.create_statements().len(), 2);
}

#[test]
fn indexes_and_triggers_follow_their_table() {
    let mut rows = simple();
    rows.tables = vec![table_row("t", &["compound"])];
    rows.columns = columns("t", &["k partition_key 0 int", "v regular -1 map<text, int>"]);
    let index = |name: &str, kind: &str, options: &[(&str, &str)]| IndexRow {
        keyspace_name: "ks".into(),
        table_name: "t".into(),
        index_name: name.into(),
        kind: Some(kind.into()),
        options: map(options),
    };
    rows.indexes = vec![
        index("by_key", "COMPOSITES", &[("target", "keys(v)")]),
        index("Near", "CUSTOM", &[("target", "v"), ("class_name", "sai"), ("mode", "it's"), ("a", "b")]),
    ];
    rows.triggers = vec![TriggerRow {
        keyspace_name: "ks".into(),
        table_name: "t".into(),
        trigger_name: "on_write".into(),
        options: map(&[("class", "org.example.Trigger")]),
    }];
    let expected = [
        "CREATE CUSTOM INDEX \"Near\" ON ks.t (v) USING 'sai' WITH OPTIONS = {'a': 'b', 'mode': 'it''s'}",
        "CREATE INDEX by_key ON ks.t (keys(v))",
        "CREATE TRIGGER on_write ON ks.t USING 'org.example.Trigger'",
    ];
    assert_eq!(keyspace(&rows).create_statements()[2..], expected);
    assert_eq!(keyspace(&rows).index("Near").map(|(table, _)| &*table.name), Some("t"));
}

#[test]
fn views_follow_their_table_but_not_those_that_are_indexes() {
    let mut rows = simple();
    rows.tables = vec![table_row("t", &["compound"])];
    rows.columns = columns("t", &["a partition_key 0 int", "b clustering 0 int", "v regular -1 int"]);
    let view = |name: &str, all| ViewRow {
        keyspace_name: "ks".into(),
        view_name: name.into(),
        base_table_name: "t".into(),
        include_all_columns: Some(all),
        where_clause: Some("v IS NOT NULL AND a IS NOT NULL".into()),
        options: [
            ("default_time_to_live".to_owned(), CqlValue::Int(0)),
            ("cdc".to_owned(), CqlValue::Boolean(true)),
        ]
        .into(),
    };
    rows.views = vec![view("by_v", false), view("everything", true), view("on_v_index", true)];
    for name in ["by_v", "everything", "on_v_index"] {
        let parts = ["v partition_key 0 int", "a partition_key 1 int", "b desc 0 int"];
        rows.columns.extend(columns(name, &parts));
    }
    // ScyllaDB keeps an index in a view with a column of its own.
    rows.columns.push(column_row("on_v_index", "idx_token clustering 0 bigint"));
    rows.indexes = vec![IndexRow {
        keyspace_name: "ks".into(),
        table_name: "t".into(),
        index_name: "on_v".into(),
        kind: Some("COMPOSITES".into()),
        options: map(&[("target", "v")]),
    }];
    let keyspace = keyspace(&rows);
    let statements = keyspace.create_statements();
    assert_eq!(statements.len(), 5, "{statements:#?}");
    let expected = "CREATE MATERIALIZED VIEW ks.by_v AS
    SELECT v, a, b
    FROM ks.t
    WHERE v IS NOT NULL AND a IS NOT NULL
    PRIMARY KEY ((v, a), b)
 WITH CLUSTERING ORDER BY (b DESC)
    AND cdc = true";
    assert_eq!(statements[3], expected);
    assert!(statements[4].contains("SELECT *\n    FROM ks.t"));
    assert_eq!(keyspace.describe_table("by_v").unwrap(), format!("{expected};"));
    assert!(keyspace.describe_table("t").unwrap().contains("VIEW ks.everything"));
    assert_eq!(keyspace.describe_table("nothing"), None);
}

#[test]
fn types_come_in_order_of_use_then_functions_then_aggregates() {
    let mut rows = simple();
    let typ = |name: &str, fields: &[(&str, &str)]| TypeRow {
        keyspace_name: "ks".into(),
        type_name: name.into(),
        field_names: fields.iter().map(|(name, _)| (*name).to_owned()).collect(),
        field_types: fields.iter().map(|(_, typ)| (*typ).to_owned()).collect(),
    };
    rows.types = vec![
        typ("a", &[("x", "frozen<list<frozen<z>>>"), ("Y", "vector<frozen<\"B c\">, 2>")]),
        typ("B c", &[("select", "int")]),
        typ("z", &[("n", "int")]),
    ];
    rows.functions = vec![FunctionRow {
        keyspace_name: "ks".into(),
        function_name: "Plus".into(),
        argument_types: texts(&["frozen<tuple<int, frozen<z>>>", "list<frozen<z>>"]),
        argument_names: texts(&["state", "In"]),
        body: Some(" return 1; ".into()),
        language: Some("java".into()),
        return_type: "frozen<tuple<int, frozen<z>>>".into(),
        called_on_null_input: Some(true),
        deterministic: Some(true),
        monotonic_on: texts(&["In"]),
        ..FunctionRow::default()
    }];
    rows.aggregates = vec![AggregateRow {
        keyspace_name: "ks".into(),
        aggregate_name: "total".into(),
        argument_types: texts(&["list<frozen<z>>"]),
        state_func: Some("Plus".into()),
        state_type: "frozen<tuple<int, frozen<z>>>".into(),
        final_func: Some("last".into()),
        initcond: Some("(0, null)".into()),
        return_type: "int".into(),
        ..AggregateRow::default()
    }];
    let statements = keyspace(&rows).create_statements();
    let expected = [
        "CREATE TYPE ks.\"B c\" (\n    \"select\" int\n)",
        "CREATE TYPE ks.z (\n    n int\n)",
        "CREATE TYPE ks.a (\n    x frozen<list<frozen<z>>>,\n    \"Y\" vector<frozen<\"B c\">, 2>\n)",
        "CREATE FUNCTION ks.\"Plus\"(state tuple<int, frozen<z>>, \"In\" list<frozen<z>>)
    CALLED ON NULL INPUT
    RETURNS tuple<int, frozen<z>>
    DETERMINISTIC
    MONOTONIC ON \"In\"
    LANGUAGE java
    AS $$ return 1; $$",
        "CREATE AGGREGATE ks.total(list<frozen<z>>)
    SFUNC \"Plus\"
    STYPE tuple<int, frozen<z>>
    FINALFUNC last
    INITCOND (0, null)",
    ];
    assert_eq!(statements[1..], expected);

    // Dollars in a body would end it.
    for body in ["a $$ it's", "a$"] {
        rows.functions[0].body = Some(body.into());
        let create = keyspace(&rows).functions.values().next().unwrap().create_statement();
        assert!(create.ends_with(&format!("AS '{}'", body.replace('\'', "''"))), "{create}");
    }
}

#[test]
fn what_is_computed_or_incomplete_is_a_comment_that_nothing_ends_early() {
    let mut rows = simple();
    rows.tables = vec![table_row("t", &["compound"])];
    rows.tables[0].options.insert("comment".into(), "*/ DROP KEYSPACE ks; /*".into());
    rows.columns = columns("t", &["k partition_key 0 int", "v regular -1 mystery<"]);
    rows.indexes = vec![IndexRow {
        keyspace_name: "ks".into(),
        table_name: "t".into(),
        index_name: "i".into(),
        options: map(&[("target", "v")]),
        ..IndexRow::default()
    }];
    rows.types = vec![TypeRow {
        keyspace_name: "ks".into(),
        type_name: "odd".into(),
        field_names: texts(&["f"]),
        field_types: texts(&["list<"]),
    }];
    let described = keyspace(&rows).describe();
    assert_eq!(keyspace(&rows).create_statements().len(), 1, "{described}");
    assert!(described.contains("ks.t could not be read as a whole") && described.contains("mystery<"));
    // Three comments, none of which ends before its end.
    assert_eq!((described.matches("/*").count(), described.matches("*/").count()), (4, 3), "{described}");
    let outside: Vec<&str> =
        described.split("/*\n").map(|part| part.rsplit("*/").next().unwrap().trim()).collect();
    assert!(outside[1..].iter().all(|rest| rest.is_empty()), "{outside:?}");

    let rows = SchemaRows {
        virtual_keyspaces: vec![KeyspaceRow { keyspace_name: "ks".into(), ..KeyspaceRow::default() }],
        virtual_tables: vec![TableRow { flags: None, ..table_row("clients", &[]) }],
        virtual_columns: columns("clients", &["k partition_key 0 int"]),
        ..SchemaRows::default()
    };
    let keyspace = keyspace(&rows);
    assert_eq!(keyspace.create_statement(), "// VIRTUAL KEYSPACE ks");
    assert!(keyspace.describe().contains("VIRTUAL TABLE ks.clients (\n    k int PRIMARY KEY\n)"));
    assert!(keyspace.create_statements().is_empty());
}

#[test]
fn extensions_are_printed_by_whoever_knows_them_and_access_control_by_us() {
    let mut rows = simple();
    rows.tables = vec![table_row("t", &["compound"])];
    rows.columns = columns("t", &["k partition_key 0 int"]);
    let entry = |key: &str, bytes: &[u8]| (CqlValue::from(key), CqlValue::Blob(bytes.to_vec()));
    let extensions = CqlValue::map([entry("DSE_RLACA", b"Owner"), entry("mine", &[7]), entry("other", &[8])]);
    rows.tables[0].options.insert("extensions".into(), extensions);
    let printer = SchemaPrinter::default()
        .extension("mine", |table, bytes| Some(format!("-- {} {}", table.name, bytes[0])));
    let described = printer.table(&keyspace(&rows), "t").unwrap();
    let expected =
        "CREATE TABLE ks.t (\n    k int PRIMARY KEY\n);\n\nRESTRICT ROWS ON ks.t USING \"Owner\";\n\n-- t 7";
    assert_eq!(described, expected);
}

#[test]
fn graph_labels_follow_the_options_and_vertices_come_before_edges() {
    let mut rows = simple();
    rows.tables = vec![table_row("edges", &["compound"]), table_row("people", &["compound"])];
    rows.columns = columns("edges", &["k partition_key 0 int"]);
    rows.columns.extend(columns("people", &["k partition_key 0 int"]));
    rows.vertices = vec![VertexRow {
        keyspace_name: "ks".into(),
        table_name: "people".into(),
        label_name: Some("person".into()),
    }];
    rows.edges = vec![EdgeRow {
        keyspace_name: "ks".into(),
        table_name: "edges".into(),
        label_name: Some("knows".into()),
        from_table: Some("people".into()),
        from_partition_key_columns: texts(&["a"]),
        from_clustering_columns: texts(&["b", "c"]),
        to_table: Some("people".into()),
        to_partition_key_columns: texts(&["d", "e"]),
        ..EdgeRow::default()
    }];
    let statements = keyspace(&rows).create_statements();
    assert!(statements[1].ends_with("\n) WITH VERTEX LABEL person"), "{}", statements[1]);
    let edge = " WITH EDGE LABEL knows FROM person(a, b, c) TO person((d, e))";
    assert!(statements[2].ends_with(edge), "{}", statements[2]);
}

#[test]
fn the_whole_schema_leaves_out_what_every_server_has() {
    let mut rows = simple();
    for name in ["system", "system_auth", "zoo", "dse_perf"] {
        rows.keyspaces.push(KeyspaceRow { keyspace_name: name.into(), ..rows.keyspaces[0].clone() });
    }
    rows.virtual_keyspaces = vec![KeyspaceRow { keyspace_name: "views".into(), ..KeyspaceRow::default() }];
    let described = state(&rows).describe_schema();
    let names: Vec<&str> = described.split("\n\n").map(|line| line.split(' ').nth(2).unwrap()).collect();
    assert_eq!(names, ["ks", "zoo"]);
}
