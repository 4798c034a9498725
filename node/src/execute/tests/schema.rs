use chorus_protocol::SchemaChange;
use chorus_protocol::response::{SchemaChangeKind, SchemaTarget};

use super::*;
use crate::catalog::ColumnKind;

fn change(outcome: Outcome) -> (SchemaChangeKind, SchemaTarget) {
    match outcome {
        Outcome::SchemaChange(SchemaChange { kind, target, .. }) => (kind, target),
        other => panic!("a schema change was expected, not {other:?}"),
    }
}

#[test]
fn changes_are_reported_and_give_the_schema_a_new_version() {
    let fixture = Fixture::new();
    let table = || SchemaTarget::Table("t".to_owned());
    let typ = || SchemaTarget::Type("y".to_owned());
    use SchemaChangeKind::{Created, Dropped, Updated};
    for (cql, expected) in [
        (
            "CREATE KEYSPACE x WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': 3}",
            (Created, SchemaTarget::Keyspace),
        ),
        ("ALTER KEYSPACE x WITH durable_writes = false", (Updated, SchemaTarget::Keyspace)),
        ("DROP KEYSPACE x", (Dropped, SchemaTarget::Keyspace)),
        ("CREATE TYPE y (a int)", (Created, typ())),
        ("ALTER TYPE y ADD b int", (Updated, typ())),
        ("DROP TYPE y", (Dropped, typ())),
        ("CREATE TABLE t (k int PRIMARY KEY, v int)", (Created, table())),
        ("ALTER TABLE t ADD w int", (Updated, table())),
        ("CREATE INDEX ON t (v)", (Updated, table())),
        ("DROP INDEX t_v_idx", (Updated, table())),
        ("DROP TABLE t", (Dropped, table())),
    ] {
        let before = fixture.database.schema_version();
        assert_eq!(change(fixture.run(cql)), expected, "{cql}");
        assert_ne!(fixture.database.schema_version(), before, "{cql}");
    }
    let before = fixture.database.schema_version();
    assert_eq!(fixture.run("DROP TABLE IF EXISTS t"), Outcome::Void);
    assert_eq!(
        fixture.run("CREATE KEYSPACE IF NOT EXISTS ks WITH replication = {'class': 'SimpleStrategy'}"),
        Outcome::Void
    );
    assert_eq!(fixture.database.schema_version(), before, "nothing has changed");
}

#[test]
fn what_exists_and_what_does_not_are_told_apart() {
    let fixture = Fixture::with(&["CREATE TABLE t (k int PRIMARY KEY)"]);
    let kind = |cql: &str| fixture.attempt(cql).expect_err(cql).kind;
    let exists =
        |table: &str| CqlErrorKind::AlreadyExists { keyspace: "ks".to_owned(), table: table.to_owned() };
    assert_eq!(kind("CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy'}"), exists(""));
    assert_eq!(kind("CREATE TABLE t (k int PRIMARY KEY)"), exists("t"));
    assert_eq!(kind("DROP TABLE missing"), CqlErrorKind::Invalid);
    assert_eq!(kind("DROP KEYSPACE missing"), CqlErrorKind::Invalid);
    assert_eq!(kind("USE missing"), CqlErrorKind::Invalid);
    assert_eq!(fixture.run("USE ks"), Outcome::SetKeyspace("ks".to_owned()));
    let error = fixture.database.prepare("SELECT * FROM t", None).expect_err("no keyspace");
    assert!(error.message.starts_with("No keyspace has been specified"));
}

#[test]
fn keyspaces_have_strategies_that_exist() {
    let fixture = Fixture::new();
    for (replication, part) in [
        ("{'class': 'NoSuchStrategy'}", "Unable to find replication strategy class"),
        ("{'replication_factor': 1}", "Missing replication strategy class"),
        ("{'class': 'SimpleStrategy', 'replication_factor': 'x'}", "must be numeric"),
        ("{'class': 'SimpleStrategy', 'dc1': 1}", "Unrecognized strategy option {dc1}"),
        ("{'class': 'NetworkTopologyStrategy', 'nowhere': 1}", "Unrecognized strategy option {nowhere}"),
        ("{'class': 'NetworkTopologyStrategy'}", "at least one datacenter"),
        ("{'class': 'LocalStrategy'}", "internal use"),
    ] {
        let cql = format!("CREATE KEYSPACE x WITH replication = {replication}");
        let error = fixture.attempt(&cql).expect_err(&cql);
        assert_eq!(error.kind, CqlErrorKind::Config, "{cql}: {error}");
        assert!(error.message.contains(part), "{cql}: {error}");
    }
    fixture.run(
        "CREATE KEYSPACE x WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': 2}",
    );
    let catalog = fixture.database.catalog();
    let keyspace = catalog.keyspace("x").expect("created");
    assert_eq!(keyspace.replication.class, "org.apache.cassandra.locator.NetworkTopologyStrategy");
    assert_eq!(keyspace.replication.options.get("datacenter1").map(String::as_str), Some("2"));
}

#[test]
fn tables_are_described_in_the_order_of_select_star() {
    let fixture = Fixture::with(&[
        "CREATE TYPE a (x int)",
        "CREATE TABLE t (z int, b text, st int STATIC, y timestamp, k2 int, k1 uuid, u a, fl frozen<list<a>>, \
         PRIMARY KEY ((k1, k2), y, b)) WITH CLUSTERING ORDER BY (y DESC, b ASC) AND comment = 'it''s' AND gc_grace_seconds = 5",
    ]);
    let catalog = fixture.database.catalog();
    let table = catalog.table("ks", "t").expect("created");
    let columns: Vec<_> = table
        .columns()
        .iter()
        .map(|column| format!("{} {} {} {}", column.name(), column.kind.name(), column.position, column.typ))
        .collect();
    assert_eq!(
        columns,
        [
            "k1 partition_key 0 uuid",
            "k2 partition_key 1 int",
            "y clustering 0 timestamp",
            "b clustering 1 text",
            "st static 0 int",
            "fl regular 0 frozen<list<frozen<a>>>",
            "u regular 0 a",
            "z regular 0 int",
        ]
    );
    assert!(table.column("y").is_some_and(|column| column.descending));
    assert_eq!(table.options.text("comment"), Some("it's"));
    assert_eq!(table.options.gc_grace_seconds, 5);
    assert!(table.columns().iter().filter(|column| column.kind == ColumnKind::Clustering).count() == 2);
}

#[test]
fn impossible_tables_are_refused() {
    let fixture = Fixture::with(&["CREATE TYPE y (l list<int>)"]);
    for (cql, part) in [
        ("CREATE TABLE t (k int)", "No PRIMARY KEY"),
        ("CREATE TABLE t (k int PRIMARY KEY, k text)", "Duplicate column 'k'"),
        ("CREATE TABLE t (k int PRIMARY KEY, v int PRIMARY KEY)", "Multiple PRIMARY KEYs"),
        ("CREATE TABLE t (k int, PRIMARY KEY (k, c))", "Unknown column 'c'"),
        ("CREATE TABLE t (k list<int> PRIMARY KEY)", "Invalid non-frozen collection type"),
        ("CREATE TABLE t (k counter PRIMARY KEY)", "counter type is not supported"),
        (
            "CREATE TABLE t (k int PRIMARY KEY, v list<list<int>>)",
            "Non-frozen collections are not allowed inside collections",
        ),
        ("CREATE TABLE t (k int PRIMARY KEY, v list<counter>)", "Counters are not allowed"),
        ("CREATE TABLE t (k int PRIMARY KEY, v nosuch)", "Unknown type ks.nosuch"),
        ("CREATE TABLE t (k int PRIMARY KEY, v y)", "Non-frozen UDTs with nested non-frozen collections"),
        (
            "CREATE TABLE t (k int PRIMARY KEY, c counter, v int)",
            "Cannot mix counter and non counter columns",
        ),
        ("CREATE TABLE t (k int PRIMARY KEY, s int STATIC)", "Static columns are only useful"),
        (
            "CREATE TABLE t (k int, c int, PRIMARY KEY (k, c)) WITH CLUSTERING ORDER BY (k ASC)",
            "Only clustering key columns",
        ),
        ("CREATE TABLE t (k int PRIMARY KEY, v vector<float, 0>)", "positive dimensions"),
        ("CREATE TABLE t (k int PRIMARY KEY, v vector<float, 100000>)", "dimensions up to"),
        ("CREATE TABLE t (k int PRIMARY KEY, v set<duration>)", "Durations are not allowed"),
        ("CREATE TABLE t (k int PRIMARY KEY) WITH COMPACT STORAGE", "COMPACT STORAGE"),
        ("CREATE TABLE t (k int PRIMARY KEY, v 'org.example.T')", "custom type"),
    ] {
        let message = fixture.refused(cql);
        assert!(message.contains(part), "{cql}: {message}");
    }
    let error = fixture.attempt("CREATE TABLE \"a-b\" (k int PRIMARY KEY)").expect_err("a dash");
    assert_eq!(error.kind, CqlErrorKind::Config);
    fixture.run(&format!("CREATE TABLE {} (k int PRIMARY KEY)", "a".repeat(222)));
    fixture.attempt(&format!("CREATE TABLE {} (k int PRIMARY KEY)", "a".repeat(223))).expect_err("too long");
    assert_eq!(
        fixture.attempt("CREATE TABLE t (k int PRIMARY KEY) WITH nosuch = 1").expect_err("unknown").kind,
        CqlErrorKind::Syntax
    );
}

#[test]
fn a_dropped_column_takes_its_data_with_it_even_if_it_comes_back() {
    let fixture = Fixture::with(&["CREATE TABLE t (k int PRIMARY KEY, v int, w text)"]);
    fixture.run("INSERT INTO t (k, v, w) VALUES (1, 2, 'x')");
    fixture.run("ALTER TABLE t DROP v");
    assert_eq!(fixture.lines("SELECT * FROM t"), ["1 \"x\""]);
    fixture.run("ALTER TABLE t ADD v text");
    assert_eq!(fixture.lines("SELECT k, v, w FROM t"), ["1 null \"x\""]);
    fixture.run("UPDATE t SET v = 'new' WHERE k = 1");
    assert_eq!(fixture.lines("SELECT v FROM t"), ["\"new\""]);
    fixture.run("ALTER TABLE t RENAME k TO key");
    assert_eq!(fixture.lines("SELECT key, v FROM t WHERE key = 1"), ["1 \"new\""]);
    assert!(fixture.refused("ALTER TABLE t DROP key").contains("Cannot drop PRIMARY KEY column"));
    assert!(fixture.refused("ALTER TABLE t ADD w int").contains("already exists"));
    assert!(fixture.refused("ALTER TABLE t RENAME w TO x").contains("non PRIMARY KEY column"));
}

#[test]
fn what_is_indexed_is_named_and_kept() {
    let fixture =
        Fixture::with(&["CREATE TABLE t (k int PRIMARY KEY, v int, m map<text, int>, f frozen<list<int>>)"]);
    fixture.run("CREATE INDEX ON t (v)");
    fixture.run("CREATE INDEX byk ON t (keys(m))");
    fixture.run("CREATE INDEX ON t (full(f))");
    fixture.run("CREATE INDEX IF NOT EXISTS ON t (v)");
    let catalog = fixture.database.catalog();
    let indexes: Vec<_> = catalog
        .table("ks", "t")
        .map(|table| table.indexes.iter().map(|index| format!("{} {}", index.name, index.target)).collect())
        .unwrap_or_default();
    assert_eq!(indexes, ["t_v_idx v", "byk keys(m)", "t_f_idx full(f)"]);
    assert!(fixture.refused("CREATE INDEX other ON t (v)").contains("duplicate of existing index t_v_idx"));
    assert!(fixture.refused("ALTER TABLE t DROP v").contains("dependent secondary indexes"));
    assert!(fixture.refused("CREATE INDEX ON t (k)").contains("only partition key column"));
    assert!(
        fixture
            .refused("CREATE CUSTOM INDEX ON t (v) USING 'StorageAttachedIndex'")
            .contains("does not support")
    );
}

#[test]
fn schema_changes_and_queries_at_once_end_in_answers() {
    let fixture = Fixture::with(&["CREATE TABLE t (k int PRIMARY KEY, v int)"]);
    for k in 0..500 {
        fixture.run(&format!("INSERT INTO t (k, v) VALUES ({k}, {k})"));
    }
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..30 {
                fixture.run(&format!("ALTER TABLE t ADD c{round} int"));
                fixture.run(&format!("ALTER TABLE t DROP c{round}"));
            }
            fixture.run("DROP TABLE t");
        });
        for _ in 0..2 {
            scope.spawn(|| {
                let answered = |result: Result<Outcome, CqlError>| match result {
                    Ok(_) => true,
                    Err(error) => {
                        assert!(
                            matches!(error.kind, CqlErrorKind::Stale | CqlErrorKind::Invalid),
                            "{error:?}"
                        );
                        error.kind == CqlErrorKind::Stale
                    }
                };
                while answered(fixture.attempt("SELECT * FROM t"))
                    && answered(fixture.attempt("UPDATE t SET v = 1 WHERE k = 1"))
                {}
            });
        }
    });
    assert_eq!(fixture.refused("SELECT * FROM t"), "table t does not exist");
}
