//! Tables and types made and kept in step.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chorus::mapper::schema::{SchemaError, SyncReport, SyncWarning, caching};
use chorus::mapper::{Mapper, MapperError, Model as _};
use chorus::{Model, UserType};

use crate::shop;

#[derive(UserType)]
struct Street {
    name: String,
    numbers: Vec<i32>,
}

#[derive(UserType)]
#[chorus(type_name = "Address")]
struct Address {
    street: Street,
    zip: Option<i32>,
}

#[derive(Model)]
#[chorus(options(default_time_to_live = 60, comment = "it's", caching = caching::ALL))]
#[chorus(options(compaction(class = "LeveledCompactionStrategy")))]
struct Order {
    #[chorus(partition_key, rename = "Shop")]
    shop: String,
    #[chorus(partition_key)]
    day: i32,
    #[chorus(clustering_key(descending))]
    at: i64,
    #[chorus(clustering_key, rename = "order")]
    line: Vec<i32>,
    #[chorus(static)]
    open: Option<bool>,
    #[chorus(rename = "Customer", index)]
    customer: Option<String>,
    #[chorus(index(name = "by_tag"))]
    tags: BTreeSet<String>,
    #[chorus(frozen, index)]
    marks: Vec<i32>,
    #[chorus(index(keys))]
    prices: BTreeMap<String, f64>,
    home: Option<Address>,
    #[chorus(frozen = false)]
    street: Option<Street>,
    ways: Vec<(Address, i32)>,
}

const ORDER: [&str; 7] = [
    "CREATE TYPE IF NOT EXISTS shop.street (name text, numbers frozen<list<int>>)",
    "CREATE TYPE IF NOT EXISTS shop.\"Address\" (street frozen<street>, zip int)",
    "CREATE TABLE IF NOT EXISTS shop.\"order\" (\"Shop\" text, day int, at bigint, \"order\" frozen<list<int>>, \
     open boolean static, \"Customer\" text, tags set<text>, marks frozen<list<int>>, prices map<text, double>, \
     home frozen<\"Address\">, street street, ways list<frozen<tuple<frozen<\"Address\">, int>>>, \
     PRIMARY KEY ((\"Shop\", day), at, \"order\")) WITH CLUSTERING ORDER BY (at DESC, \"order\" ASC) \
     AND default_time_to_live = 60 AND comment = 'it''s' AND caching = {'keys': 'ALL', 'rows_per_partition': 'ALL'} \
     AND compaction = {'class': 'LeveledCompactionStrategy'}",
    "CREATE INDEX IF NOT EXISTS ON shop.\"order\" (\"Customer\")",
    "CREATE INDEX IF NOT EXISTS by_tag ON shop.\"order\" (tags)",
    "CREATE INDEX IF NOT EXISTS ON shop.\"order\" (full(marks))",
    "CREATE INDEX IF NOT EXISTS ON shop.\"order\" (keys(prices))",
];

pub(crate) async fn a_table_is_made_once(mapper: &Mapper) {
    let schema = mapper.schema();
    assert_eq!(schema.create_statements::<Order>().unwrap(), ORDER);
    let planned = schema.plan_table::<Order>().await.unwrap();
    assert!(
        !mapper.session().state().keyspace("shop").unwrap().tables.contains_key("order"),
        "nothing was sent"
    );
    let report = schema.sync_table::<Order>().await.unwrap();
    assert_eq!(report, planned);
    assert_eq!(report.statements, ORDER);
    assert!(report.created_table);
    assert_eq!(report.created_types, ["street", "Address"]);
    assert_eq!(report.created_indexes, ["Customer", "tags", "marks", "prices"]);

    let state = mapper.session().state();
    let table = &state.keyspace("shop").unwrap().tables["order"];
    assert!(table.column("at").unwrap().descending && !table.column("order").unwrap().descending);
    assert_eq!(table.options.default_time_to_live(), Some(Duration::from_secs(60)));
    assert_eq!((table.options.comment(), table.indexes.len()), ("it's", 4));
    for column in &Order::table().columns {
        assert_eq!(
            &*table.column(&column.name).unwrap().declared_type,
            column.typ.to_string(),
            "{}",
            column.name
        );
    }

    assert_eq!(
        schema.sync_table::<Order>().await.unwrap(),
        SyncReport::default(),
        "the second time nothing is done"
    );
}

#[tokio::test]
async fn a_table_is_made_with_its_types_options_and_indexes_and_only_once() {
    let (_cluster, mapper) = shop().await;
    a_table_is_made_once(&mapper).await;
    assert!(mapper.schema().drop_table::<Order>().await.unwrap());
    assert!(!mapper.schema().drop_table::<Order>().await.unwrap(), "it is gone");
    assert!(mapper.schema().drop_keyspace("shop").await.unwrap());
    assert!(!mapper.schema().drop_keyspace("shop").await.unwrap(), "it is gone");
}

/// Later versions of a model.
mod later {
    use chorus::{Model, UserType};

    #[derive(UserType)]
    #[chorus(type_name = "place")]
    pub(super) struct Place {
        pub(super) name: String,
        pub(super) height: i32,
    }

    #[derive(UserType)]
    #[chorus(type_name = "place")]
    pub(super) struct PlaceThen {
        pub(super) name: String,
    }

    #[derive(Model)]
    #[chorus(table = "visits", options(gc_grace_seconds = 100))]
    pub(super) struct VisitThen {
        #[chorus(partition_key)]
        pub(super) id: i32,
        #[chorus(clustering_key)]
        pub(super) at: i32,
        pub(super) place: Option<PlaceThen>,
        pub(super) old: Option<String>,
        pub(super) kind: Option<i32>,
        pub(super) all: Option<bool>,
    }

    #[derive(Model)]
    #[chorus(table = "visits", options(gc_grace_seconds = 200, comment = "later"))]
    pub(super) struct Visit {
        #[chorus(partition_key)]
        pub(super) id: i32,
        #[chorus(clustering_key(descending))]
        pub(super) at: i32,
        pub(super) place: Option<Place>,
        pub(super) kind: Option<String>,
        #[chorus(static)]
        pub(super) all: Option<bool>,
        #[chorus(index)]
        pub(super) note: Option<String>,
        #[chorus(static)]
        pub(super) sum: Option<i64>,
    }
}

pub(crate) async fn a_table_grows(mapper: &Mapper) {
    let schema = mapper.schema();
    assert!(schema.sync_table::<later::VisitThen>().await.unwrap().created_table);
    let report = schema.sync_table::<later::Visit>().await.unwrap();
    assert_eq!(
        report.statements,
        [
            "ALTER TYPE shop.place ADD height int",
            "ALTER TABLE shop.visits ADD note text",
            "ALTER TABLE shop.visits ADD sum bigint static",
            "ALTER TABLE shop.visits WITH gc_grace_seconds = 200 AND comment = 'later'",
            "CREATE INDEX IF NOT EXISTS ON shop.visits (note)",
        ]
    );
    assert_eq!(
        (report.created_table, report.added_columns),
        (false, vec!["note".to_owned(), "sum".to_owned()])
    );
    assert_eq!(report.added_fields, ["place.height"]);
    assert_eq!(report.altered_options, ["gc_grace_seconds", "comment"]);
    assert_eq!(
        (report.unknown_columns, report.created_indexes),
        (vec!["old".to_owned()], vec!["note".to_owned()])
    );
    let of = |column: &str| format!("visits.{column}");
    let kind = SyncWarning::Type { of: of("kind"), existing: "int".into(), model: "text".into() };
    let order = SyncWarning::Order { of: of("at"), existing_descending: false };
    let all = SyncWarning::Static { of: of("all"), existing: false };
    assert_eq!(report.warnings, [order, kind.clone(), all]);
    assert_eq!(kind.to_string(), "visits.kind is int, and the model says text: change the model");

    let again = schema.sync_table::<later::Visit>().await.unwrap();
    assert!(again.is_unchanged(), "{again:?}");
    assert_eq!((again.warnings.len(), again.unknown_columns.len()), (3, 1), "what differs is said each time");
}

#[tokio::test]
async fn a_table_gets_what_its_model_got_and_loses_nothing() {
    let (_cluster, mapper) = shop().await;
    // As a task may, on any thread.
    let growing = async move { a_table_grows(&mapper).await };
    tokio::spawn(growing).await.unwrap();
}

#[derive(UserType)]
#[chorus(type_name = "place")]
struct PlaceOfAnotherType {
    name: i32,
}

/// Nothing but a key, of which one column is of another type than there is.
#[derive(Model)]
#[chorus(table = "visits")]
struct KeyOnly {
    #[chorus(partition_key)]
    id: i64,
    #[chorus(clustering_key)]
    at: i32,
}

#[derive(Model)]
#[chorus(table = "Sizes")]
struct Named {
    #[chorus(partition_key, rename = "Straße")]
    straße: i32,
}

#[tokio::test]
async fn differences_of_types_are_warned_of_and_a_key_is_enough_for_a_table() {
    let (_cluster, mapper) = shop().await;
    let schema = mapper.schema();
    schema.sync_table::<later::VisitThen>().await.unwrap();
    let warning = |of: &str, existing: &str, model: &str| SyncWarning::Type {
        of: of.into(),
        existing: existing.into(),
        model: model.into(),
    };
    let report = schema.sync_table::<KeyOnly>().await.unwrap();
    assert_eq!(report.warnings, [warning("visits.id", "int", "bigint")]);
    assert!(report.is_unchanged() && report.unknown_columns.len() == 4, "{report:?}");
    let report = schema.sync_type::<PlaceOfAnotherType>().await.unwrap();
    assert_eq!(report.warnings, [warning("place.name", "text", "int")]);

    let report = schema.sync_table::<Named>().await.unwrap();
    assert_eq!(
        report.statements,
        ["CREATE TABLE IF NOT EXISTS shop.\"Sizes\" (\"Straße\" int, PRIMARY KEY ((\"Straße\")))"]
    );
    assert!(schema.sync_table::<Named>().await.unwrap().is_unchanged());
    assert_eq!(Named::STRASSE.name(), "Straße");
}

#[derive(Model)]
#[chorus(table = "visits")]
struct OtherKey {
    #[chorus(partition_key)]
    at: i32,
    #[chorus(clustering_key)]
    id: i32,
}

#[derive(Model)]
#[chorus(table = "visits")]
struct MoreKey {
    #[chorus(partition_key)]
    id: i32,
    #[chorus(clustering_key)]
    at: i32,
    #[chorus(clustering_key)]
    of: i32,
}

#[derive(Model)]
#[chorus(table = "visits", options(speed = 9))]
struct UnknownOption {
    #[chorus(partition_key)]
    id: i32,
    #[chorus(clustering_key)]
    at: i32,
    fresh: i32,
}

#[derive(Model)]
#[chorus(table = "fresh", options(caching = "{'keys'"))]
struct Malformed {
    #[chorus(partition_key)]
    id: i32,
}

fn refusal<T: std::fmt::Debug>(outcome: Result<T, MapperError>) -> SchemaError {
    match outcome {
        Err(MapperError::Schema(error)) => error,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_before_anything_is_done() {
    let (_cluster, mapper) = shop().await;
    let schema = mapper.schema();
    schema.sync_table::<later::VisitThen>().await.unwrap();
    for (error, model) in [
        (refusal(schema.sync_table::<OtherKey>().await), "PRIMARY KEY ((at), id)"),
        (refusal(schema.sync_table::<MoreKey>().await), "PRIMARY KEY ((id), at, \"of\")"),
    ] {
        let existing = "PRIMARY KEY ((id), at)".to_owned();
        let table = "shop.visits".to_owned();
        assert_eq!(error, SchemaError::KeyDiffers { table, model: model.into(), existing });
    }
    let error = refusal(schema.sync_table::<UnknownOption>().await);
    assert!(
        error
            .to_string()
            .contains("shop.visits has no option speed; the server knows additional_write_policy"),
        "{error}"
    );
    let state = mapper.session().state();
    assert!(
        state.keyspace("shop").unwrap().tables["visits"].column("fresh").is_none(),
        "nothing was changed"
    );
    assert!(matches!(refusal(schema.sync_table::<Malformed>().await), SchemaError::MalformedOption { .. }));
    let nowhere = mapper.with_keyspace("nowhere");
    let error = refusal(nowhere.schema().sync_table::<OtherKey>().await);
    assert_eq!(error, SchemaError::NoSuchKeyspace { keyspace: "nowhere".into() });
    assert!(matches!(refusal(schema.create_keyspace("none").await), SchemaError::NoReplicas { .. }));
    let plain = Mapper::new(mapper.session());
    assert!(matches!(plain.schema().create_statements::<Order>(), Err(MapperError::NoKeyspace { .. })));
    assert!(matches!(plain.schema().sync_type::<Street>().await, Err(MapperError::NoKeyspace { .. })));
}

#[tokio::test]
async fn types_alone_are_kept_in_step_too() {
    let (_cluster, mapper) = shop().await;
    let schema = mapper.schema();
    let report = schema.sync_type::<Address>().await.unwrap();
    assert_eq!(report.statements, ORDER[..2]);
    assert!(schema.sync_type::<Address>().await.unwrap().is_unchanged());
    schema.sync_type::<later::PlaceThen>().await.unwrap();
    let report = schema.sync_type::<later::Place>().await.unwrap();
    assert_eq!(report.statements, ["ALTER TYPE shop.place ADD height int"]);
    // A type for use in another place.
    assert!(schema.sync_type::<Vec<Address>>().await.unwrap().is_unchanged());
}

#[tokio::test]
async fn a_keyspace_is_made_once_and_stays_as_it_is() {
    let (_cluster, mapper) = shop().await;
    let schema = mapper.schema();
    let wanted =
        schema.create_keyspace("Other").datacenter("dc'1", 2).replication_factor(1).durable_writes(false);
    assert_eq!(
        wanted.statement().unwrap(),
        "CREATE KEYSPACE IF NOT EXISTS \"Other\" WITH replication = {'class': 'NetworkTopologyStrategy', \
         'dc''1': '2', 'replication_factor': '1'} AND durable_writes = false"
    );
    let wanted = || schema.create_keyspace("Other").replication_factor(1).durable_writes(false);
    assert!(wanted().await.unwrap());
    assert!(!wanted().durable_writes(true).await.unwrap());
    assert!(!mapper.session().state().keyspace("Other").unwrap().durable_writes);
}

pub(crate) async fn an_unknown_option_is_refused(mapper: &Mapper) {
    let error = refusal(mapper.schema().sync_table::<UnknownOption>().await);
    assert!(matches!(error, SchemaError::UnknownOption { .. }), "{error}");
}
