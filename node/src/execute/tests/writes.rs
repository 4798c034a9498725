use super::*;

const TABLE: &str = "CREATE TABLE t (k int, c int, s text STATIC, v text, w int, PRIMARY KEY (k, c))";

#[test]
fn what_is_inserted_is_selected_in_clustering_order() {
    let fixture = Fixture::with(&[TABLE]);
    for (c, v) in [(2, "b"), (1, "a"), (3, "c")] {
        fixture.run(&format!("INSERT INTO t (k, c, v) VALUES (1, {c}, '{v}')"));
    }
    assert_eq!(fixture.lines("SELECT c, v FROM t WHERE k = 1"), ["1 \"a\"", "2 \"b\"", "3 \"c\""]);
    assert_eq!(fixture.lines("SELECT * FROM t WHERE k = 1 AND c = 2"), ["1 2 null \"b\" null"]);
    assert!(fixture.lines("SELECT * FROM t WHERE k = 2").is_empty());
}

#[test]
fn an_update_makes_a_row_that_an_insert_would_mark_and_a_null_unmakes() {
    let fixture = Fixture::with(&[TABLE]);
    fixture.run("UPDATE t SET v = 'x' WHERE k = 1 AND c = 1");
    fixture.run("INSERT INTO t (k, c) VALUES (1, 2)");
    assert_eq!(fixture.lines("SELECT c, v FROM t"), ["1 \"x\"", "2 null"]);
    fixture.run("UPDATE t SET v = null WHERE k = 1 AND c = 1");
    assert_eq!(fixture.lines("SELECT c, v FROM t"), ["2 null"]);
}

#[test]
fn the_later_timestamp_wins_whatever_the_order_of_arrival() {
    let fixture = Fixture::with(&[TABLE]);
    fixture.run("INSERT INTO t (k, c, v) VALUES (1, 1, 'new') USING TIMESTAMP 200");
    fixture.run("INSERT INTO t (k, c, v) VALUES (1, 1, 'old') USING TIMESTAMP 100");
    assert_eq!(fixture.lines("SELECT v, writetime(v) FROM t"), ["\"new\" 200"]);
    fixture.run("DELETE FROM t USING TIMESTAMP 150 WHERE k = 1 AND c = 1");
    assert_eq!(fixture.lines("SELECT v FROM t"), ["\"new\""]);
    fixture.run("DELETE FROM t USING TIMESTAMP 200 WHERE k = 1 AND c = 1");
    assert!(fixture.lines("SELECT v FROM t").is_empty());
    fixture.run("INSERT INTO t (k, c, v) VALUES (1, 1, 'late') USING TIMESTAMP 200");
    assert!(fixture.lines("SELECT v FROM t").is_empty(), "a deletion covers its own moment");
    fixture.run("INSERT INTO t (k, c, v) VALUES (1, 1, 'b') USING TIMESTAMP 201");
    fixture.run("INSERT INTO t (k, c, v) VALUES (1, 1, 'a') USING TIMESTAMP 201");
    assert_eq!(fixture.lines("SELECT v FROM t"), ["\"b\""], "of equal times the greater value");
}

#[test]
fn deletes_reach_rows_ranges_partitions_and_columns() {
    let fixture = Fixture::with(&[TABLE]);
    let fill = || {
        for c in 1..=6 {
            fixture.run(&format!("INSERT INTO t (k, c, v, w, s) VALUES (1, {c}, 'v', {c}, 's')"));
        }
    };
    let left = || fixture.lines("SELECT c FROM t WHERE k = 1").join("");
    fill();
    fixture.run("DELETE FROM t WHERE k = 1 AND c = 2");
    assert_eq!(left(), "13456");
    fixture.run("DELETE FROM t WHERE k = 1 AND c > 4");
    assert_eq!(left(), "134");
    fixture.run("DELETE FROM t WHERE k = 1 AND c IN (1, 3)");
    assert_eq!(left(), "4");
    fixture.run("DELETE v FROM t WHERE k = 1 AND c = 4");
    assert_eq!(fixture.lines("SELECT c, v, w, s FROM t"), ["4 null 4 \"s\""]);
    fixture.run("DELETE s FROM t WHERE k = 1");
    assert_eq!(fixture.lines("SELECT s FROM t"), ["null"]);
    fill();
    fixture.run("DELETE FROM t WHERE k = 1 AND c >= 2 AND c < 5");
    assert_eq!(left(), "156");
    fixture.run("DELETE FROM t WHERE k = 1");
    assert_eq!(left(), "");
    assert_eq!(
        fixture.refused("DELETE v FROM t WHERE k = 1 AND c > 1"),
        "Range deletions are not supported for specific columns"
    );
}

#[test]
fn a_static_column_is_one_for_the_partition_and_outlives_its_rows() {
    let fixture = Fixture::with(&[TABLE]);
    fixture.run("INSERT INTO t (k, s) VALUES (1, 'one')");
    assert_eq!(fixture.lines("SELECT k, c, s, v FROM t"), ["1 null \"one\" null"]);
    fixture.run("INSERT INTO t (k, c, v) VALUES (1, 1, 'a')");
    fixture.run("INSERT INTO t (k, c, v, s) VALUES (1, 2, 'b', 'two')");
    assert_eq!(fixture.lines("SELECT c, s FROM t"), ["1 \"two\"", "2 \"two\""]);
    fixture.run("UPDATE t SET s = 'three' WHERE k = 1");
    fixture.run("DELETE FROM t WHERE k = 1 AND c > 0");
    assert_eq!(fixture.lines("SELECT k, c, s FROM t"), ["1 null \"three\""]);
    assert!(fixture.lines("SELECT s FROM t WHERE k = 1 AND c = 1").is_empty());
    fixture.run("DELETE FROM t WHERE k = 1");
    assert!(fixture.lines("SELECT s FROM t").is_empty());
}

#[test]
fn lists_are_appended_prepended_set_and_searched() {
    let fixture = Fixture::with(&["CREATE TABLE l (k int PRIMARY KEY, l list<int>)"]);
    let list = || fixture.lines("SELECT l FROM l WHERE k = 1").join("");
    fixture.run("INSERT INTO l (k, l) VALUES (1, [1, 2, 3])");
    fixture.run("UPDATE l SET l = l + [4, 5] WHERE k = 1");
    fixture.run("UPDATE l SET l = [-1, 0] + l WHERE k = 1");
    assert_eq!(list(), "[-1, 0, 1, 2, 3, 4, 5]");
    fixture.run("UPDATE l SET l[0] = 9 WHERE k = 1");
    fixture.run("DELETE l[1] FROM l WHERE k = 1");
    assert_eq!(list(), "[9, 1, 2, 3, 4, 5]");
    fixture.run("UPDATE l SET l = l - [1, 3, 7] WHERE k = 1");
    assert_eq!(list(), "[9, 2, 4, 5]");
    assert_eq!(
        fixture.refused("UPDATE l SET l[4] = 1 WHERE k = 1"),
        "List index 4 out of bound, list has size 4"
    );
    assert_eq!(
        fixture.refused("UPDATE l SET l[-1] = 1 WHERE k = 1"),
        "List index -1 out of bound, list has size 4"
    );
    assert_eq!(
        fixture.refused("UPDATE l SET l[0] = 1 WHERE k = 2"),
        "Attempted to set an element on a list which is null"
    );
    fixture.run("UPDATE l SET l = [7] WHERE k = 1");
    assert_eq!(list(), "[7]");
    fixture.run("UPDATE l SET l = [] WHERE k = 1");
    assert_eq!(list(), "null");
}

#[test]
fn sets_and_maps_take_and_lose_elements() {
    let fixture = Fixture::with(&["CREATE TABLE m (k int PRIMARY KEY, s set<text>, m map<text, int>)"]);
    fixture.run("INSERT INTO m (k, s, m) VALUES (1, {'b', 'a', 'b'}, {'y': 2, 'x': 1})");
    fixture.run("UPDATE m SET s = s + {'c'}, m['z'] = 3, m = m + {'w': 0} WHERE k = 1");
    assert_eq!(fixture.lines("SELECT s, m FROM m"), [r#"["a", "b", "c"] {"w": 0, "x": 1, "y": 2, "z": 3}"#]);
    fixture.run("UPDATE m SET s = s - {'a', 'b'}, m = m - {'x', 'w'} WHERE k = 1");
    fixture.run("DELETE m['y'], s['c'] FROM m WHERE k = 1");
    assert_eq!(fixture.lines("SELECT s, m FROM m"), [r#"null {"z": 3}"#]);
    fixture.run("UPDATE m SET m['z'] = null WHERE k = 1");
    assert_eq!(fixture.lines("SELECT s, m FROM m"), ["null null"]);
}

#[test]
fn fields_of_a_user_type_are_written_one_by_one() {
    let fixture = Fixture::with(&[
        "CREATE TYPE address (street text, number int)",
        "CREATE TABLE u (k int PRIMARY KEY, a address, f frozen<address>)",
    ]);
    fixture.run("INSERT INTO u (k, a, f) VALUES (1, {street: 'x', number: 1}, {street: 'y'})");
    fixture.run("UPDATE u SET a.number = 2 WHERE k = 1");
    assert_eq!(
        fixture.lines("SELECT a, f, a.street FROM u"),
        [r#"{"street": "x", "number": 2} {"street": "y", "number": null} "x""#]
    );
    fixture.run("DELETE a.street FROM u WHERE k = 1");
    assert_eq!(fixture.lines("SELECT a FROM u"), [r#"{"street": null, "number": 2}"#]);
    assert!(fixture.refused("UPDATE u SET f.number = 2 WHERE k = 1").contains("frozen UDT column f"));
    assert!(
        fixture.refused("UPDATE u SET a.zip = 2 WHERE k = 1").contains("does not have a field named zip")
    );
}

#[test]
fn counters_count_and_do_nothing_else() {
    let fixture = Fixture::with(&["CREATE TABLE n (k int PRIMARY KEY, a counter, b counter)"]);
    fixture.run("UPDATE n SET a = a + 5, b = b - 2 WHERE k = 1");
    fixture.run("UPDATE n SET a += 1 WHERE k = 1");
    assert_eq!(fixture.lines("SELECT * FROM n"), ["1 6 -2"]);
    fixture.run("DELETE a FROM n WHERE k = 1");
    assert_eq!(fixture.lines("SELECT a, b FROM n"), ["null -2"]);
    assert!(
        fixture
            .refused("INSERT INTO n (k, a) VALUES (1, 1)")
            .starts_with("INSERT statements are not allowed")
    );
    assert!(
        fixture
            .refused("UPDATE n SET a = 1 WHERE k = 1")
            .starts_with("Cannot set the value of counter column a")
    );
    assert!(fixture.refused("UPDATE n USING TTL 3 SET a = a + 1 WHERE k = 1").contains("custom TTL"));
    assert!(
        fixture.refused("UPDATE n USING TIMESTAMP 3 SET a = a + 1 WHERE k = 1").contains("custom timestamp")
    );
    assert!(
        fixture.refused("UPDATE n SET a = a + 1 WHERE k = 1 IF a = 1").contains("Conditions on counters")
    );
}

#[test]
fn incomplete_and_wrong_writes_are_refused_in_cassandras_words() {
    let fixture = Fixture::with(&[TABLE]);
    for (cql, message) in [
        ("INSERT INTO t (c) VALUES (1)", "Some partition key parts are missing: k"),
        ("INSERT INTO t (k, v) VALUES (1, 'x')", "Some clustering keys are missing: c"),
        ("INSERT INTO t (k, c, x) VALUES (1, 1, 1)", "Undefined column name x in table ks.t"),
        ("INSERT INTO t (k, c) VALUES (1)", "Unmatched column names/values"),
        ("INSERT INTO t (k, c, c) VALUES (1, 1, 1)", "The column names contains duplicates"),
        ("INSERT INTO t (k, c) VALUES (null, 1)", "Invalid null value in condition for column k"),
        ("INSERT INTO t (k, c) VALUES ('a', 1)", "Invalid STRING constant (a) for \"k\" of type int"),
        ("UPDATE t SET v = 'x' WHERE k = 1", "Some clustering keys are missing: c"),
        ("UPDATE t SET v = 'x' WHERE c = 1", "Some partition key parts are missing: k"),
        ("UPDATE t SET c = 2 WHERE k = 1", "PRIMARY KEY part c found in SET part"),
        (
            "UPDATE t SET v = 'x' WHERE k = 1 AND c = 1 AND w = 1",
            "Non PRIMARY KEY columns found in where clause: w ",
        ),
        (
            "INSERT INTO t (k, c) VALUES (1, 1) USING TTL -1",
            "A TTL must be greater or equal to 0, but was -1",
        ),
        ("INSERT INTO missing (k) VALUES (1)", "table missing does not exist"),
        ("INSERT INTO nowhere.t (k) VALUES (1)", "keyspace nowhere does not exist"),
    ] {
        assert_eq!(fixture.refused(cql), message, "{cql}");
    }
    let twice = fixture.attempt("UPDATE t SET v = 'x', v = 'y' WHERE k = 1 AND c = 1").expect_err("twice");
    assert_eq!(
        (twice.kind, twice.message.as_str()),
        (CqlErrorKind::Syntax, "Multiple incompatible setting of column v")
    );
    assert!(fixture.lines("SELECT * FROM t").is_empty(), "nothing was stored");
}

#[test]
fn empty_null_and_unset_are_three_things() {
    let fixture = Fixture::with(&["CREATE TABLE e (k int PRIMARY KEY, v text, i int)"]);
    fixture.run("INSERT INTO e (k, v, i) VALUES (1, 'x', 5)");
    let one = int(1);
    let insert = "INSERT INTO e (k, v, i) VALUES (?, ?, ?)";
    fixture
        .bound(insert, &[BoundValue::Bytes(&one), BoundValue::Unset, BoundValue::Bytes(&[])])
        .expect("valid");
    let rows = rows_of(&fixture.run("SELECT v, i FROM e")).rows();
    assert_eq!(rows[0], [Some(Bytes::from_static(b"x")), Some(Bytes::new())]);
    fixture
        .bound(insert, &[BoundValue::Bytes(&one), BoundValue::Bytes(&[]), BoundValue::Null])
        .expect("valid");
    let rows = rows_of(&fixture.run("SELECT v, i FROM e")).rows();
    assert_eq!(rows[0], [Some(Bytes::new()), None]);
    fixture
        .bound(insert, &[BoundValue::Unset, BoundValue::Null, BoundValue::Null])
        .expect_err("an unset key");
    fixture.bound(insert, &[BoundValue::Null, BoundValue::Null, BoundValue::Null]).expect_err("a null key");
}

#[test]
fn truncate_empties_a_table() {
    let fixture = Fixture::with(&[TABLE]);
    fixture.run("INSERT INTO t (k, c, s) VALUES (1, 1, 'x')");
    fixture.run("TRUNCATE t");
    assert!(fixture.lines("SELECT * FROM t").is_empty());
    assert_eq!(fixture.database.memory_used(), 0);
}

#[test]
fn writes_are_refused_as_overloaded_when_memory_is_full_and_reads_go_on() {
    let database =
        Database::new(DatabaseOptions { memory_limit: Some(10_000), ..DatabaseOptions::default() });
    let fixture = Fixture { database };
    fixture.run("CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}");
    fixture.run("CREATE TABLE b (k int PRIMARY KEY, v text)");
    let error = (0..1000)
        .find_map(|k| fixture.attempt(&format!("INSERT INTO b (k, v) VALUES ({k}, 'some text')")).err())
        .expect("the limit is reached");
    assert_eq!(error.kind, CqlErrorKind::Overloaded);
    assert!(!fixture.lines("SELECT k FROM b").is_empty());
}
