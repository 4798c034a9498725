use chorus_protocol::request::BatchKind;
use proptest::prelude::*;

use super::super::ast::*;
use super::super::error::CqlErrorKind;
use super::*;

fn statement(text: &str) -> Statement {
    parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).statement
}

fn refusal(text: &str) -> CqlError {
    parse(text).map(|parsed| panic!("{text} was read as {parsed:?}")).unwrap_err()
}

#[test]
fn a_select_has_all_its_clauses() {
    let parsed = parse(
        "SELECT DISTINCT a, count(*) AS n, writetime(b), ks.f(c, 1), m['k'], u.f.g, token(a), CAST(a AS text) FROM ks.\"T\" \
         WHERE a = ? AND b IN (1, :two) AND (c, d) > (?, ?) AND token(a) <= 5 AND m CONTAINS KEY 'x' \
         ORDER BY c DESC, d PER PARTITION LIMIT 2 LIMIT ? ALLOW FILTERING;",
    )
    .expect("valid");
    assert_eq!(parsed.markers, [None, Some("two".to_owned()), None, None, None]);
    let Statement::Select(select) = parsed.statement else { panic!("a select") };
    assert_eq!(select.table, TableName { keyspace: Some("ks".into()), name: "T".into() });
    assert!(select.distinct && select.allow_filtering && !select.json);
    let selectors = select.selectors.expect("not a star");
    assert_eq!(selectors.len(), 8);
    assert_eq!(selectors[1], (Selector::CountRows, Some("n".into())));
    assert_eq!(select.filter.len(), 5);
    assert_eq!(select.order_by, [("c".into(), Order::Descending), ("d".into(), Order::Ascending)]);
    assert_eq!(select.limit, Some(Term::Bind(4)));
}

#[test]
fn words_that_modify_may_also_be_columns() {
    for (text, name) in [
        ("SELECT json FROM t", "json"),
        ("SELECT distinct, a FROM t", "distinct"),
        ("SELECT ttl FROM t", "ttl"),
    ] {
        let Statement::Select(select) = statement(text) else { panic!("a select") };
        assert!(!select.json && !select.distinct);
        assert_eq!(select.selectors.expect("columns")[0].0, Selector::Column(name.into()));
    }
}

#[test]
fn literals_of_every_kind_are_read() {
    let Statement::Insert(insert) = statement(
        "INSERT INTO t (a) VALUES (1, -2, 1.5e3, -1.0, NaN, -Infinity, 'it''s', $$it's$$, true, null, 0xff, \
         af5943a3-ea3c-11e1-ab63-c42c032279f0, 1h30m, P1Y2M, [1, 2], {1, 2}, {'a': 1}, {f: 1, \"G\": 2}, {}, (1, 'a'), \
         (int) 3, now(), blobAsInt(0x00000001))",
    ) else {
        panic!("an insert")
    };
    let InsertSource::Values { values, .. } = insert.source else { panic!("values") };
    let expected = [
        Term::Literal(Literal::Integer("1".into())),
        Term::Literal(Literal::Integer("-2".into())),
        Term::Literal(Literal::Float("1.5e3".into())),
        Term::Literal(Literal::Float("-1.0".into())),
        Term::Literal(Literal::Float("NaN".into())),
        Term::Literal(Literal::Float("-Infinity".into())),
        Term::Literal(Literal::String("it's".into())),
        Term::Literal(Literal::String("it's".into())),
        Term::Literal(Literal::Boolean(true)),
        Term::Literal(Literal::Null),
        Term::Literal(Literal::Blob("ff".into())),
        Term::Literal(Literal::Uuid("af5943a3-ea3c-11e1-ab63-c42c032279f0".into())),
        Term::Literal(Literal::Duration("1h30m".into())),
        Term::Literal(Literal::Duration("P1Y2M".into())),
    ];
    assert_eq!(values[..expected.len()], expected);
    assert!(matches!(&values[14], Term::List(items) if items.len() == 2));
    assert!(matches!(&values[15], Term::Set(items) if items.len() == 2));
    assert!(matches!(&values[16], Term::Map(items) if items.len() == 1));
    assert!(matches!(&values[17], Term::Udt(fields) if fields[1].0 == "G"));
    assert_eq!(values[18], Term::Set(Vec::new()));
    assert!(matches!(&values[19], Term::Tuple(items) if items.len() == 2));
    assert!(matches!(&values[20], Term::Hint(TypeName::Named { name, .. }, _) if name == "int"));
    assert!(
        matches!(&values[21], Term::Call { function, arguments } if function.name == "now" && arguments.is_empty())
    );
    assert!(matches!(&values[22], Term::Call { function, .. } if function.name == "blobasint"));
}

#[test]
fn every_form_of_assignment_is_told_apart() {
    let Statement::Update(update) = statement(
        "UPDATE t USING TTL 5 AND TIMESTAMP ? SET a = 1, b = b + [1], c = c - 1, d = [1] + d, e['k'] = 2, f.g = 3, \
         h += 1, i -= {2}, j = j -1 WHERE k = 1 IF a = 2 AND b IN ? AND c['x'] > 3 AND d.e != 4",
    ) else {
        panic!("an update")
    };
    assert!(update.using.ttl.is_some() && update.using.timestamp == Some(Term::Bind(0)));
    let kinds: Vec<u8> = update
        .assignments
        .iter()
        .map(|assignment| match assignment {
            Assignment::Set { .. } => 0,
            Assignment::Add { .. } => 1,
            Assignment::Subtract { .. } => 2,
            Assignment::Prepend { .. } => 3,
            Assignment::Element { .. } => 4,
            Assignment::Field { .. } => 5,
        })
        .collect();
    assert_eq!(kinds, [0, 1, 2, 3, 4, 5, 1, 2, 2]);
    assert!(matches!(update.condition, Condition::All(conditions) if conditions.len() == 4));
    assert!(refusal("UPDATE t SET a = b + 1 WHERE k = 1").message.contains("X = X + <value>"));
}

#[test]
fn deletes_and_batches_are_read() {
    let Statement::Delete(delete) =
        statement("DELETE a, m['k'], u.f FROM t USING TIMESTAMP 1 WHERE k = 1 IF EXISTS")
    else {
        panic!("a delete")
    };
    assert_eq!(delete.targets.len(), 3);
    assert_eq!(delete.condition, Condition::Exists);
    let Statement::Batch(batch) = statement(
        "BEGIN UNLOGGED BATCH USING TIMESTAMP 7 INSERT INTO t (k) VALUES (1); UPDATE t SET v = 1 WHERE k = 2 DELETE FROM t \
         WHERE k = 3; APPLY BATCH;",
    ) else {
        panic!("a batch")
    };
    assert_eq!((batch.kind, batch.statements.len()), (BatchKind::Unlogged, 3));
    assert!(
        refusal("BEGIN BATCH USING TIMESTAMP 1 INSERT INTO t (k) VALUES (1) USING TIMESTAMP 2 APPLY BATCH")
            .message
            .starts_with("Timestamp must be set either on BATCH")
    );
}

#[test]
fn tables_keyspaces_types_and_indexes_are_read() {
    let Statement::CreateTable(table) = statement(
        "CREATE TABLE IF NOT EXISTS ks.t (a int, b text, c timestamp, s set<frozen<list<int>>> STATIC, v vector<float, 3>, \
         u frozen<\"Addr\">, t tuple<int, text>, d 'org.example.T', PRIMARY KEY ((a, b), c)) \
         WITH CLUSTERING ORDER BY (c DESC) AND comment = 'x' AND compaction = {'class': 'LCS', 'n': 3} AND gc_grace_seconds = 10",
    ) else {
        panic!("a table")
    };
    assert_eq!(table.partition_key, ["a", "b"]);
    assert_eq!(table.clustering_order, [("c".into(), Order::Descending)]);
    assert!(table.columns[3].is_static && table.options.len() == 3);
    assert_eq!(
        table.columns[4].typ,
        TypeName::Vector(Box::new(TypeName::Named { keyspace: None, name: "float".into() }), 3)
    );
    assert!(
        matches!(statement("CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1} AND durable_writes = false"),
        Statement::CreateKeyspace(keyspace) if keyspace.options.len() == 2)
    );
    assert!(matches!(statement("ALTER TABLE t ADD (a int, b text)"), Statement::AlterTable(_)));
    assert!(matches!(statement("ALTER TABLE t RENAME a TO b AND c TO d"), Statement::AlterTable(_)));
    assert!(matches!(
        statement("CREATE TYPE IF NOT EXISTS t (a int, b frozen<list<text>>)"),
        Statement::CreateType(_)
    ));
    assert!(
        matches!(statement("CREATE INDEX ON t (values(m))"), Statement::CreateIndex(index) if index.name.is_none())
    );
    assert!(matches!(statement("DROP INDEX IF EXISTS ks.i"), Statement::DropIndex { if_exists: true, .. }));
    assert!(matches!(statement("DESC KEYSPACES"), Statement::Describe(Describe::Keyspaces)));
    assert!(matches!(statement("DESCRIBE TABLE ks.t"), Statement::Describe(Describe::Table(_))));
}

#[test]
fn what_the_node_lacks_is_refused_by_name() {
    for (text, what) in [
        ("CREATE MATERIALIZED VIEW v AS SELECT * FROM t", "materialized views"),
        ("CREATE OR REPLACE FUNCTION f () RETURNS int", "user-defined functions"),
        ("CREATE ROLE r", "role statements"),
        ("GRANT ALL ON KEYSPACE k TO r", "permissions"),
        ("SELECT * FROM t WHERE a LIKE 'x%'", "LIKE"),
        ("SELECT a + 1 FROM t", "arithmetic"),
        ("SELECT * FROM t ORDER BY v ANN OF [1.0] LIMIT 1", "ANN OF"),
        ("SELECT * FROM t WHERE a = 1 OR b = 2", "OR"),
    ] {
        let error = refusal(text);
        assert_eq!(error.kind, CqlErrorKind::Invalid, "{text}");
        assert!(
            error.message.contains("does not support") && error.message.contains(what),
            "{text}: {error}"
        );
    }
}

#[test]
fn syntax_errors_name_their_place() {
    assert_eq!(refusal("SELEC * FROM t").message, "line 1:0 no viable alternative at input 'SELEC'");
    assert_eq!(refusal("SELECT *\nFORM t").message, "line 2:0 mismatched input 'FORM' expecting K_FROM");
    assert_eq!(refusal("SELECT * FROM table").message, "line 1:14 no viable alternative at input 'table'");
    assert_eq!(refusal("USE a b").message, "line 1:6 mismatched input 'b' expecting EOF");
    assert_eq!(refusal("").kind, CqlErrorKind::Syntax);
}

#[test]
fn nesting_is_bounded_and_never_overflows_the_stack() {
    for (open, close) in [("(", ")"), ("[", "]"), ("{", "}"), ("f(", ")"), ("(int) ", ""), ("frozen<", ">")] {
        let text = format!("INSERT INTO t (a) VALUES ({}1{})", open.repeat(10_000), close.repeat(10_000));
        assert_eq!(refusal(&text).kind, CqlErrorKind::Syntax, "{open}");
    }
    let types = format!("CREATE TABLE t (a {}int{} PRIMARY KEY)", "list<".repeat(10_000), ">".repeat(10_000));
    assert!(refusal(&types).message.contains("levels of nesting"));
    let selectors = format!("SELECT {}a{} FROM t", "f(".repeat(10_000), ")".repeat(10_000));
    assert!(refusal(&selectors).message.contains("levels of nesting"));
    let fields = format!("SELECT a{} FROM t", ".b".repeat(10_000));
    assert_eq!(refusal(&fields).kind, CqlErrorKind::Syntax);
    let relations = format!("SELECT a FROM t WHERE {}a = 1{}", "(".repeat(10_000), ")".repeat(10_000));
    assert!(refusal(&relations).message.contains("levels of nesting"));
}

#[test]
fn ten_megabytes_of_text_are_read() {
    let text = format!("INSERT INTO t (a) VALUES ('{}')", "x''".repeat(10 << 20 >> 1));
    assert!(matches!(statement(&text), Statement::Insert(_)));
    let text = format!("SELECT a FROM t WHERE a IN ({}1)", "1, ".repeat(1 << 20));
    assert!(matches!(statement(&text), Statement::Select(_)));
}

#[test]
fn more_markers_than_the_protocol_counts_are_refused() {
    let text = format!("SELECT a FROM t WHERE a IN ({}?)", "?, ".repeat(65_535));
    assert!(refusal(&text).message.starts_with("Too many markers"));
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC*") {
        let _ = parse(&text);
    }

    #[test]
    fn no_sequence_of_cql_words_makes_the_parser_panic(words in proptest::collection::vec(prop_oneof![
        Just("SELECT"), Just("INSERT INTO"), Just("UPDATE"), Just("DELETE"), Just("BEGIN BATCH"), Just("CREATE TABLE"),
        Just("ALTER TYPE"), Just("DROP"), Just("FROM"), Just("WHERE"), Just("t"), Just("\"Q\""), Just("a"), Just("="),
        Just("("), Just(")"), Just("["), Just("]"), Just("{"), Just("}"), Just("<"), Just(">"), Just(","), Just(";"),
        Just("?"), Just(":n"), Just("'s"), Just("'s'"), Just("1"), Just("-"), Just("1.5"), Just("0x"), Just("1h"), Just("*"),
        Just("AND"), Just("IN"), Just("TOKEN"), Just("IF"), Just("EXISTS"), Just("NOT"), Just("USING"), Just("TTL"),
        Just("VALUES"), Just("SET"), Just("frozen"), Just("map"), Just("PRIMARY KEY"), Just("WITH"), Just("DESC"), Just("."),
        Just("/*"), Just("--"), Just("$$"), Just("\u{0}"), Just("é"), Just("count"), Just("cast"), Just("as"), Just("LIMIT"),
    ], 0..40)) {
        let _ = parse(&words.join(" "));
        let _ = parse(&words.concat());
    }

    #[test]
    fn no_type_text_makes_the_parser_panic(text in "[a-z<>,' \"0-9]{0,40}") {
        let _ = parse(&format!("CREATE TABLE t (a {text} PRIMARY KEY)"));
    }
}
