//! What the tables of Cassandra 2.2 become: rows as a server of version 2.2.19 told them.

use chorus_protocol::response::RowsMetadata;
use chorus_protocol::{ColumnSpec, CqlType, CqlValue, RowsBody, encode_row};

use super::*;
use crate::metadata::{Column, ColumnKind, CompactStorage, IndexKind};
use crate::rows::{LegacyRows, SchemaTable};

const PACKAGE: &str = "org.apache.cassandra.db.marshal.";

/// The names of classes with their package: what begins with a capital letter and ends in `Type`.
fn classes(text: &str) -> String {
    let mut long = String::new();
    for piece in text.split_inclusive(['(', ',', ':']) {
        let is_class = piece.trim_end_matches(['(', ')', ',', ':']).ends_with("Type");
        long.push_str(if is_class { PACKAGE } else { "" });
        long.push_str(piece);
    }
    long
}

fn text(text: &str) -> Option<CqlValue> {
    Some(CqlValue::Text(text.into()))
}

fn texts(texts: &[&str]) -> Option<CqlValue> {
    Some(CqlValue::list(texts.iter().map(|text| CqlValue::Text((*text).into()))))
}

type Rows = Vec<Vec<Option<CqlValue>>>;

fn page(table: &str, columns: &[(&str, CqlType)], rows: &[Vec<Option<CqlValue>>]) -> RowsBody {
    let spec = |(name, typ): &(&str, CqlType)| ColumnSpec::new("system", table, *name, typ.clone());
    let columns: Vec<ColumnSpec> = columns.iter().map(spec).collect();
    let mut content = Vec::new();
    for row in rows {
        encode_row(row, &columns, &mut content).unwrap();
    }
    let row_count = u32::try_from(rows.len()).unwrap();
    RowsBody { metadata: RowsMetadata::new(&*columns), row_count, content: content.into() }
}

fn keyspaces() -> RowsBody {
    let columns = [
        ("keyspace_name", CqlType::Text),
        ("durable_writes", CqlType::Boolean),
        ("strategy_class", CqlType::Text),
        ("strategy_options", CqlType::Text),
    ];
    let row = |name, durable, class, options| {
        let class = text(&format!("org.apache.cassandra.locator.{class}"));
        vec![text(name), Some(CqlValue::Boolean(durable)), class, text(options)]
    };
    let rows = vec![
        row("simple", true, "SimpleStrategy", r#"{"replication_factor":"3"}"#),
        row("old", false, "NetworkTopologyStrategy", r#"{"datacenter1":"1"}"#),
        row("system", true, "LocalStrategy", "{}"),
    ];
    page("schema_keyspaces", &columns, &rows)
}

fn tables() -> RowsBody {
    let columns = [
        ("keyspace_name", CqlType::Text),
        ("columnfamily_name", CqlType::Text),
        ("bloom_filter_fp_chance", CqlType::Double),
        ("caching", CqlType::Text),
        ("cf_id", CqlType::Uuid),
        ("comment", CqlType::Text),
        ("compaction_strategy_class", CqlType::Text),
        ("compaction_strategy_options", CqlType::Text),
        ("comparator", CqlType::Text),
        ("compression_parameters", CqlType::Text),
        ("default_time_to_live", CqlType::Int),
        ("default_validator", CqlType::Text),
        ("dropped_columns", CqlType::map(CqlType::Text, CqlType::Bigint)),
        ("gc_grace_seconds", CqlType::Int),
        ("is_dense", CqlType::Boolean),
        ("key_validator", CqlType::Text),
        ("local_read_repair_chance", CqlType::Double),
        ("max_compaction_threshold", CqlType::Int),
        ("max_index_interval", CqlType::Int),
        ("memtable_flush_period_in_ms", CqlType::Int),
        ("min_compaction_threshold", CqlType::Int),
        ("min_index_interval", CqlType::Int),
        ("read_repair_chance", CqlType::Double),
        ("speculative_retry", CqlType::Text),
        ("subcomparator", CqlType::Text),
        ("type", CqlType::Text),
    ];
    let row = |name: &str, comparator: &str, key: &str, is_dense: bool, kind: &str| {
        let is_rich = name == "readings";
        let strategy = if is_rich { "LeveledCompactionStrategy" } else { "SizeTieredCompactionStrategy" };
        let options = if is_rich { r#"{"sstable_size_in_mb":"160"}"# } else { "{}" };
        vec![
            text("old"),
            text(name),
            Some(CqlValue::Double(0.01)),
            text(r#"{"keys":"ALL", "rows_per_partition":"NONE"}"#),
            Some(CqlValue::Uuid(uuid::Uuid::from_u128(0x384a6c50_ebdc_11f1_899a_fdc329238674))),
            text(if is_rich { "it's" } else { "" }),
            text(&format!("org.apache.cassandra.db.compaction.{strategy}")),
            text(options),
            text(&classes(comparator)),
            text(
                r#"{"chunk_length_kb":"64","sstable_compression":"org.apache.cassandra.io.compress.SnappyCompressor"}"#,
            ),
            Some(CqlValue::Int(0)),
            text(&classes("BytesType")),
            None,
            Some(CqlValue::Int(60)),
            Some(CqlValue::Boolean(is_dense)),
            text(&classes(key)),
            Some(CqlValue::Double(0.1)),
            Some(CqlValue::Int(32)),
            Some(CqlValue::Int(2048)),
            Some(CqlValue::Int(0)),
            Some(CqlValue::Int(4)),
            Some(CqlValue::Int(128)),
            Some(CqlValue::Double(0.0)),
            text("99.0PERCENTILE"),
            None,
            text(kind),
        ]
    };
    let wind = "UserType(old,77696e64,7370656564:FloatType,6775737473:ListType(Int32Type))";
    let readings = format!(
        "CompositeType(ReversedType(TimeUUIDType),UTF8Type,ColumnToCollectionType(4f6464224e616d65:ListType({wind}),\
         74616773:MapType(UTF8Type,Int32Type)))"
    );
    let rows = vec![
        row("compact_dense", "CompositeType(Int32Type,Int32Type)", "UTF8Type", true, "Standard"),
        row("compact_key", "Int32Type", "UTF8Type", true, "Standard"),
        row("compact_sparse", "ReversedType(UTF8Type)", "UTF8Type", true, "Standard"),
        row("compact_static", "UTF8Type", "UTF8Type", false, "Standard"),
        row("counts", "CompositeType(UTF8Type)", "Int32Type", false, "Standard"),
        row("only", "CompositeType(Int32Type,UTF8Type)", "Int32Type", false, "Standard"),
        row("readings", &readings, "CompositeType(UTF8Type,TimestampType)", false, "Standard"),
        row("supers", "BytesType", "BytesType", true, "Super"),
        row("unnamed", "CompositeType(LongType,ReversedType(UTF8Type))", "BytesType", true, "Standard"),
    ];
    page("schema_columnfamilies", &columns, &rows)
}

fn columns() -> RowsBody {
    let columns = [
        ("keyspace_name", CqlType::Text),
        ("columnfamily_name", CqlType::Text),
        ("column_name", CqlType::Text),
        ("component_index", CqlType::Int),
        ("index_name", CqlType::Text),
        ("index_options", CqlType::Text),
        ("index_type", CqlType::Text),
        ("type", CqlType::Text),
        ("validator", CqlType::Text),
    ];
    let wind = "UserType(old,77696e64,7370656564:FloatType,6775737473:ListType(Int32Type))";
    let winds = format!("ListType({wind})");
    let plain: &[(&str, &str, i32, &str, &str)] = &[
        ("compact_dense", "c1", 0, "clustering_key", "Int32Type"),
        ("compact_dense", "c2", 1, "clustering_key", "Int32Type"),
        ("compact_dense", "k", -1, "partition_key", "UTF8Type"),
        ("compact_dense", "v", -1, "compact_value", "UTF8Type"),
        ("compact_key", "", -1, "compact_value", "BytesType"),
        ("compact_key", "c", -1, "clustering_key", "Int32Type"),
        ("compact_key", "k", -1, "partition_key", "UTF8Type"),
        ("compact_sparse", "c", -1, "clustering_key", "ReversedType(UTF8Type)"),
        ("compact_sparse", "k", -1, "partition_key", "UTF8Type"),
        ("compact_sparse", "v", -1, "compact_value", "UTF8Type"),
        ("compact_static", "a", -1, "regular", "Int32Type"),
        ("compact_static", "b", -1, "regular", "Int32Type"),
        ("compact_static", "k", -1, "partition_key", "UTF8Type"),
        ("counts", "k", -1, "partition_key", "Int32Type"),
        ("counts", "n", 0, "regular", "CounterColumnType"),
        ("only", "c", 0, "clustering_key", "Int32Type"),
        ("only", "k", -1, "partition_key", "Int32Type"),
        ("readings", "Odd\"Name", 1, "regular", &winds),
        ("readings", "altitude", 1, "static", "Int32Type"),
        ("readings", "at", 0, "clustering_key", "ReversedType(TimeUUIDType)"),
        ("readings", "day", 1, "partition_key", "TimestampType"),
        ("readings", "pair", 1, "regular", "TupleType(Int32Type,UTF8Type)"),
        ("readings", "station", 0, "partition_key", "UTF8Type"),
        ("readings", "wind", 1, "regular", wind),
        ("unnamed", "value", -1, "compact_value", "BytesType"),
    ];
    let row = |(table, name, component, kind, class): &(&str, &str, i32, &str, &str),
               index: [Option<&str>; 3]| {
        let [index_name, index_options, index_type] = index.map(|value| value.and_then(text));
        let component = (*component >= 0).then_some(CqlValue::Int(*component));
        let kind = text(kind);
        vec![
            text("old"),
            text(table),
            text(name),
            component,
            index_name,
            index_options,
            index_type,
            kind,
            text(&classes(class)),
        ]
    };
    let mut rows: Rows = plain.iter().map(|plain| row(plain, [None, Some("null"), None])).collect();
    for (name, class, index, options) in [
        ("note", "UTF8Type", "by_note", "{}"),
        ("seen", "FrozenType(SetType(InetAddressType))", "by_seen", "{}"),
        ("tags", "MapType(UTF8Type,Int32Type)", "by_tag", r#"{"index_keys":""}"#),
    ] {
        let column = ("readings", name, 1, "regular", class);
        rows.push(row(&column, [Some(index), Some(options), Some("COMPOSITES")]));
    }
    page("schema_columns", &columns, &rows)
}

fn types() -> RowsBody {
    let list = CqlType::list(CqlType::Text);
    let columns = [
        ("keyspace_name", CqlType::Text),
        ("type_name", CqlType::Text),
        ("field_names", list.clone()),
        ("field_types", list),
    ];
    let wind = classes("UserType(old,77696e64,7370656564:FloatType,6775737473:ListType(Int32Type))");
    let (utf8, float) = (classes("UTF8Type"), classes("FloatType"));
    let gusts = classes("FrozenType(ListType(Int32Type))");
    let rows = vec![
        vec![text("old"), text("Site"), texts(&["name", "wind"]), texts(&[&utf8, &wind])],
        vec![text("old"), text("wind"), texts(&["speed", "gusts"]), texts(&[&float, &gusts])],
    ];
    page("schema_usertypes", &columns, &rows)
}

/// As the source of version 2.2 writes them.
fn functions_and_aggregates() -> [RowsBody; 2] {
    let list = CqlType::list(CqlType::Text);
    let functions = [
        ("keyspace_name", CqlType::Text),
        ("function_name", CqlType::Text),
        ("signature", list.clone()),
        ("argument_names", list.clone()),
        ("argument_types", list.clone()),
        ("body", CqlType::Text),
        ("called_on_null_input", CqlType::Boolean),
        ("language", CqlType::Text),
        ("return_type", CqlType::Text),
    ];
    let int = classes("Int32Type");
    let plus = vec![
        text("old"),
        text("plus"),
        texts(&["int", "int"]),
        texts(&["a", "b"]),
        texts(&[&int, &int]),
        text("return a + b;"),
        Some(CqlValue::Boolean(false)),
        text("java"),
        text(&int),
    ];
    let aggregates = [
        ("keyspace_name", CqlType::Text),
        ("aggregate_name", CqlType::Text),
        ("signature", list.clone()),
        ("argument_types", list),
        ("final_func", CqlType::Text),
        ("initcond", CqlType::Blob),
        ("return_type", CqlType::Text),
        ("state_func", CqlType::Text),
        ("state_type", CqlType::Text),
    ];
    let seven = Some(CqlValue::Blob(vec![0, 0, 0, 7]));
    let total = vec![
        text("old"),
        text("total"),
        texts(&["int"]),
        texts(&[&int]),
        None,
        seven,
        text(&int),
        text("plus"),
        text(&int),
    ];
    [page("schema_functions", &functions, &[plus]), page("schema_aggregates", &aggregates, &[total])]
}

fn triggers() -> RowsBody {
    let columns = [
        ("keyspace_name", CqlType::Text),
        ("columnfamily_name", CqlType::Text),
        ("trigger_name", CqlType::Text),
        ("trigger_options", CqlType::map(CqlType::Text, CqlType::Text)),
    ];
    let options = CqlValue::map([(CqlValue::Text("class".into()), CqlValue::Text("a.Trigger".into()))]);
    let row = vec![text("old"), text("readings"), text("audit"), Some(options)];
    page("schema_triggers", &columns, &[row])
}

fn rows() -> SchemaRows {
    let mut rows = LegacyRows::default();
    let [functions, aggregates] = functions_and_aggregates();
    for (table, page) in [
        (SchemaTable::Keyspaces, keyspaces()),
        (SchemaTable::Tables, tables()),
        (SchemaTable::Columns, columns()),
        (SchemaTable::Types, types()),
        (SchemaTable::Functions, functions),
        (SchemaTable::Aggregates, aggregates),
        (SchemaTable::Triggers, triggers()),
    ] {
        rows.extend(table, &page);
    }
    rows.translate()
}

fn read_all() -> Schema {
    let mut warnings = Vec::new();
    let schema = read(&SchemaScope::All, &rows(), &Schema::new(), &mut warnings);
    assert_eq!(warnings, []);
    schema
}

fn columns_of(columns: &[Column]) -> Vec<String> {
    let describe = |column: &Column| {
        let descending = if column.descending { " desc" } else { "" };
        format!("{} {}{descending}", column.name, column.declared_type)
    };
    columns.iter().map(describe).collect()
}

#[test]
fn a_table_is_the_same_as_newer_servers_tell_it() {
    let schema = read_all();
    let keyspace = &schema["old"];
    assert!(!keyspace.durable_writes && schema["simple"].durable_writes);
    assert_eq!(schema["simple"].replication.class(), "SimpleStrategy");
    assert_eq!(schema["simple"].replication.options()["replication_factor"], "3");
    assert_eq!(keyspace.replication.options()["datacenter1"], "1");
    let table = &keyspace.tables["readings"];
    assert_eq!(columns_of(table.partition_key()), ["station text", "day timestamp"]);
    assert_eq!(columns_of(table.clustering_key()), ["at timeuuid desc"]);
    assert_eq!(
        columns_of(&table.columns[3..]),
        [
            "altitude int",
            "Odd\"Name list<frozen<wind>>",
            "note text",
            "pair frozen<tuple<int, text>>",
            "seen frozen<set<inet>>",
            "tags map<text, int>",
            "wind frozen<wind>",
        ]
    );
    assert_eq!(table.columns[3].kind, ColumnKind::Static);
    assert!(matches!(&table.column("wind").unwrap().typ, CqlType::Udt(udt) if udt.fields.len() == 2));
    assert_eq!(table.compact_storage, None);
    assert_eq!(table.id.unwrap().as_u128() >> 96, 0x384a_6c50);
    let site = &keyspace.user_types["Site"];
    let fields: Vec<String> = site.fields().map(|(name, typ)| format!("{name} {typ}")).collect();
    assert_eq!(fields, ["name text", "wind frozen<wind>"]);
}

#[test]
fn options_come_out_of_their_json() {
    let schema = read_all();
    let readings = &schema["old"].tables["readings"].options;
    assert_eq!(readings.comment(), "it's");
    assert_eq!(readings.gc_grace(), Some(std::time::Duration::from_secs(60)));
    assert_eq!(readings.caching()["rows_per_partition"], "NONE");
    assert_eq!(readings.compression()["chunk_length_kb"], "64");
    assert_eq!(readings.value("dclocal_read_repair_chance"), Some(&CqlValue::Double(0.1)));
    let leveled = readings.compaction();
    assert_eq!(leveled["class"], "org.apache.cassandra.db.compaction.LeveledCompactionStrategy");
    assert_eq!((leveled.len(), leveled["sstable_size_in_mb"]), (2, "160"));
    let tiered = schema["old"].tables["only"].options.compaction();
    assert_eq!((tiered["min_threshold"], tiered["max_threshold"]), ("4", "32"));
    let unknown = ["comparator", "key_validator", "cf_id", "default_validator", "dropped_columns"];
    assert!(unknown.iter().all(|name| readings.value(name).is_none()), "{readings:?}");
}

#[test]
fn compact_tables_are_told_by_their_comparators() {
    let schema = read_all();
    let tables = &schema["old"].tables;
    let kind = |name: &str| tables[name].compact_storage;
    for (name, storage, columns) in [
        ("compact_dense", Some(CompactStorage::Dense), &["k text", "c1 int", "c2 int", "v text"][..]),
        ("compact_key", Some(CompactStorage::Dense), &["k text", "c int"]),
        ("compact_sparse", Some(CompactStorage::Dense), &["k text", "c text desc", "v text"]),
        ("compact_static", Some(CompactStorage::Static), &["k text", "a int", "b int"]),
        ("counts", None, &["k int", "n counter"]),
        ("only", None, &["k int", "c int"]),
        ("supers", Some(CompactStorage::Super), &["key blob"]),
        (
            "unnamed",
            Some(CompactStorage::Dense),
            &["key blob", "column1 bigint", "column2 text desc", "value blob"],
        ),
    ] {
        assert_eq!(
            (kind(name), columns_of(&tables[name].columns)),
            (storage, columns.iter().map(|column| (*column).to_owned()).collect()),
            "{name}"
        );
    }
}

#[test]
fn indexes_functions_aggregates_and_triggers_are_found() {
    let schema = read_all();
    let keyspace = &schema["old"];
    let indexes = &keyspace.tables["readings"].indexes;
    let targets: Vec<_> = indexes
        .iter()
        .map(|(name, index)| (&**name, index.target.as_deref().unwrap(), index.options.len()))
        .collect();
    assert_eq!(targets, [("by_note", "note", 0), ("by_seen", "full(seen)", 0), ("by_tag", "keys(tags)", 0)]);
    assert!(indexes.values().all(|index| index.kind == IndexKind::Composites));
    let function = keyspace.functions.values().next().unwrap();
    assert_eq!(
        (function.signature.to_string(), &*function.body),
        ("plus(int,int)".to_owned(), "return a + b;")
    );
    assert_eq!(function.arguments, [("a".into(), CqlType::Int), ("b".into(), CqlType::Int)]);
    let aggregate = keyspace.aggregates.values().next().unwrap();
    assert_eq!(
        (aggregate.signature.to_string(), aggregate.initial_condition.as_deref()),
        ("total(int)".to_owned(), Some("7"))
    );
    assert_eq!(keyspace.tables["readings"].triggers["audit"].class_name.as_deref(), Some("a.Trigger"));
}

#[test]
fn a_row_that_cannot_be_read_is_warned_of_by_the_name_of_its_table() {
    let odd = page("schema_columns", &[("column_name", CqlType::Int)], &[]);
    let mut rows = LegacyRows::default();
    rows.extend(SchemaTable::Columns, &odd);
    rows.extend(SchemaTable::Views, &odd);
    let mut warnings = Vec::new();
    read(&SchemaScope::All, &rows.translate(), &Schema::new(), &mut warnings);
    assert!(
        matches!(&warnings[..], [Warning::UnreadableRow { table: "system.schema_columns", .. }]),
        "{warnings:?}"
    );
}
