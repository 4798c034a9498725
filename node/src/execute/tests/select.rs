use super::*;

fn numbers() -> Fixture {
    let fixture = Fixture::with(&["CREATE TABLE t (k int, a int, b int, v int, PRIMARY KEY (k, a, b))"]);
    for k in 0..3 {
        for a in 0..3 {
            for b in 0..3 {
                fixture.run(&format!(
                    "INSERT INTO t (k, a, b, v) VALUES ({k}, {a}, {b}, {})",
                    k * 100 + a * 10 + b
                ));
            }
        }
    }
    fixture
}

#[test]
fn clustering_columns_select_ranges() {
    let fixture = numbers();
    let v = |filter: &str| fixture.lines(&format!("SELECT v FROM t WHERE k = 1 {filter}")).join(" ");
    assert_eq!(v("AND a = 1"), "110 111 112");
    assert_eq!(v("AND a = 1 AND b >= 1"), "111 112");
    assert_eq!(v("AND a > 0 AND a < 2"), "110 111 112");
    assert_eq!(v("AND a IN (2, 0, 2) AND b = 1"), "101 121");
    assert_eq!(v("AND a = 1 AND b IN (0, 2)"), "110 112");
    assert_eq!(v("AND (a, b) > (1, 1)"), "112 120 121 122");
    assert_eq!(v("AND (a, b) >= (1, 1) AND (a, b) < (2, 1)"), "111 112 120");
    assert_eq!(v("AND (a, b) = (1, 1)"), "111");
    assert_eq!(v("AND (a, b) IN ((2, 2), (0, 0), (5, 5))"), "100 122");
    assert_eq!(v("AND (a) > (1)"), "120 121 122");
    assert_eq!(v("AND a = 9"), "");
    assert_eq!(v("AND a > 2 AND a < 1"), "");
}

#[test]
fn order_by_reverses_and_limits_cut() {
    let fixture = numbers();
    let v = |rest: &str| fixture.lines(&format!("SELECT v FROM t WHERE k = 1 {rest}")).join(" ");
    assert_eq!(v("ORDER BY a DESC, b DESC LIMIT 4"), "122 121 120 112");
    assert_eq!(v("AND a = 1 ORDER BY b DESC"), "112 111 110");
    assert_eq!(v("AND a > 0 ORDER BY a DESC LIMIT 2"), "122 121");
    assert_eq!(v("LIMIT 1"), "100");
    assert_eq!(fixture.lines("SELECT v FROM t PER PARTITION LIMIT 1").len(), 3);
    assert_eq!(fixture.lines("SELECT v FROM t PER PARTITION LIMIT 2 LIMIT 5").len(), 5);
    assert_eq!(
        fixture.lines("SELECT v FROM t WHERE k IN (2, 0) AND a = 0 AND b < 2 ORDER BY a, b").join(" "),
        "0 200 1 201"
    );
    assert_eq!(
        fixture.lines("SELECT v FROM t WHERE k IN (2, 0) AND a = 0 ORDER BY a DESC").join(" "),
        "2 1 0 202 201 200",
        "partitions stay together where the columns of ORDER BY do not tell them apart"
    );
    for cql in [
        "SELECT v FROM t ORDER BY a",
        "SELECT v FROM t WHERE k = 1 ORDER BY b",
        "SELECT v FROM t WHERE k = 1 ORDER BY a ASC, b DESC",
        "SELECT v FROM t WHERE k = 1 ORDER BY v",
        "SELECT v FROM t WHERE k = 1 LIMIT 0",
        "SELECT v FROM t WHERE k = 1 LIMIT -5",
    ] {
        fixture.refused(cql);
    }
}

#[test]
fn descending_and_mixed_clustering_orders_keep_their_ranges() {
    let fixture = Fixture::with(&[
        "CREATE TABLE d (k int, a int, b int, PRIMARY KEY (k, a, b)) WITH CLUSTERING ORDER BY (a DESC, b ASC)",
    ]);
    for a in 0..3 {
        for b in 0..3 {
            fixture.run(&format!("INSERT INTO d (k, a, b) VALUES (1, {a}, {b})"));
        }
    }
    let pairs = |rest: &str| {
        fixture.lines(&format!("SELECT a, b FROM d WHERE k = 1 {rest}")).join(",").replace(' ', "")
    };
    assert_eq!(pairs("AND a > 0"), "20,21,22,10,11,12");
    assert_eq!(pairs("AND a <= 1 AND a >= 1"), "10,11,12");
    assert_eq!(pairs("AND a < 1"), "00,01,02");
    assert_eq!(pairs("AND (a, b) > (1, 1)"), "20,21,22,12");
    assert_eq!(pairs("AND (a, b) <= (0, 1)"), "00,01");
    assert_eq!(pairs("AND a = 2 ORDER BY a ASC, b DESC LIMIT 2"), "22,21");
    assert_eq!(pairs("ORDER BY a ASC, b DESC LIMIT 4"), "02,01,00,12");
}

#[test]
fn full_scans_come_in_token_order_and_tokens_select_ranges() {
    let fixture = Fixture::with(&["CREATE TABLE k (k int PRIMARY KEY, v int)"]);
    for k in 0..200 {
        fixture.run(&format!("INSERT INTO k (k, v) VALUES ({k}, {k})"));
    }
    let rows = fixture.rows("SELECT token(k), k FROM k");
    let tokens: Vec<i64> = rows.iter().map(|row| row[0].parse().expect("a number")).collect();
    assert!(tokens.is_sorted() && tokens.len() == 200);
    assert_eq!(fixture.lines("SELECT token(k) FROM k WHERE k = 1"), ["-4069959284402364209"]);
    let middle = tokens[100];
    let count = |filter: &str| fixture.lines(&format!("SELECT count(*) FROM k WHERE {filter}")).join("");
    assert_eq!(count(&format!("token(k) > {middle}")), "99");
    assert_eq!(count(&format!("token(k) >= {middle}")), "100");
    assert_eq!(count(&format!("token(k) <= {middle} AND token(k) > {}", tokens[90])), "10");
    assert_eq!(count(&format!("token(k) = {middle}")), "1");
    assert_eq!(count("token(k) > token(1) AND token(k) <= token(1)"), "0");
    assert_eq!(count(&format!("token(k) > {} AND token(k) <= {}", i64::MIN, i64::MAX)), "200");
    assert_eq!(
        count(&format!("token(k) <= {}", i64::MIN)),
        "200",
        "the minimum stands for the end of the ring"
    );
    assert_eq!(count(&format!("token(k) > {}", i64::MAX)), "0");
}

#[test]
fn partition_keys_of_several_columns_and_in() {
    let fixture = Fixture::with(&["CREATE TABLE p (a text, b int, v int, PRIMARY KEY ((a, b)))"]);
    for (a, b) in [("x", 1), ("x", 2), ("y", 1), ("", 3)] {
        fixture.run(&format!("INSERT INTO p (a, b, v) VALUES ('{a}', {b}, {b})"));
    }
    assert_eq!(fixture.lines("SELECT a, b FROM p WHERE a = 'x' AND b = 2"), ["\"x\" 2"]);
    assert_eq!(fixture.lines("SELECT v FROM p WHERE a IN ('x', 'y', 'x') AND b IN (1, 7)").len(), 2);
    assert_eq!(fixture.lines("SELECT b FROM p WHERE a = '' AND b = 3"), ["3"]);
    assert!(fixture.refused("SELECT * FROM p WHERE a = 'x'").contains("ALLOW FILTERING"));
    assert_eq!(fixture.lines("SELECT b FROM p WHERE a = 'x' ALLOW FILTERING").len(), 2);
    let token = fixture.lines("SELECT token(a, b) FROM p WHERE a = 'x' AND b = 2").join("");
    assert_eq!(fixture.lines(&format!("SELECT b FROM p WHERE token(a, b) = {token}")), ["2"]);
    assert!(fixture.refused("SELECT * FROM p WHERE token(b, a) > 1").contains("partition key order: a, b"));
}

#[test]
fn filtering_has_to_be_allowed_and_an_index_allows_equality() {
    let fixture = numbers();
    assert!(fixture.refused("SELECT * FROM t WHERE v = 111").contains("ALLOW FILTERING"));
    assert_eq!(fixture.lines("SELECT k FROM t WHERE v = 111 ALLOW FILTERING"), ["1"]);
    assert_eq!(
        fixture.lines("SELECT v FROM t WHERE v > 220 AND v <= 222 ALLOW FILTERING").join(" "),
        "221 222"
    );
    assert_eq!(fixture.lines("SELECT v FROM t WHERE v IN (0, 222) ALLOW FILTERING").len(), 2);
    assert_eq!(
        fixture.lines("SELECT v FROM t WHERE b = 2 AND k = 1 ALLOW FILTERING").join(" "),
        "102 112 122"
    );
    fixture.run("CREATE INDEX by_v ON t (v)");
    assert_eq!(fixture.lines("SELECT k FROM t WHERE v = 111"), ["1"]);
    fixture.refused("SELECT k FROM t WHERE v > 111");
    fixture.refused("SELECT k FROM t WHERE v = 111 AND b = 1");
    fixture.run("DROP INDEX by_v");
    fixture.refused("SELECT * FROM t WHERE v = 111");
    assert_eq!(
        fixture.refused("SELECT * FROM t WHERE k = 1 AND b = 1"),
        "PRIMARY KEY column \"b\" cannot be restricted as preceding column \"a\" is not restricted"
    );
    assert!(fixture.refused("SELECT * FROM t WHERE k = 1 AND a > 1 AND b = 1").contains("non-EQ relation"));
}

#[test]
fn collections_are_searched_with_contains() {
    let fixture = Fixture::with(&[
        "CREATE TABLE c (k int PRIMARY KEY, s set<int>, m map<text, int>, l frozen<list<int>>)",
        "CREATE INDEX ON c (s)",
        "CREATE INDEX ON c (keys(m))",
        "CREATE INDEX ON c (entries(m))",
    ]);
    fixture.run("INSERT INTO c (k, s, m, l) VALUES (1, {1, 2}, {'a': 1}, [1, 2])");
    fixture.run("INSERT INTO c (k, s, m, l) VALUES (2, {2, 3}, {'b': 1}, [3])");
    assert_eq!(fixture.lines("SELECT k FROM c WHERE s CONTAINS 3"), ["2"]);
    assert_eq!(fixture.lines("SELECT k FROM c WHERE m CONTAINS KEY 'a'"), ["1"]);
    assert_eq!(fixture.lines("SELECT k FROM c WHERE m['b'] = 1"), ["2"]);
    assert_eq!(fixture.lines("SELECT k FROM c WHERE m CONTAINS 1 ALLOW FILTERING").len(), 2);
    assert_eq!(fixture.lines("SELECT k FROM c WHERE l = [1, 2] ALLOW FILTERING"), ["1"]);
    assert_eq!(fixture.lines("SELECT m['a'] FROM c WHERE k = 1"), ["1"]);
    fixture.refused("SELECT k FROM c WHERE s = {1, 2} ALLOW FILTERING");
}

#[test]
fn aggregates_turn_all_rows_into_one() {
    let fixture = numbers();
    let outcome = fixture
        .run("SELECT count(*), count(v) AS n, min(v), max(v), sum(v), avg(v), cast(avg(v) AS text) FROM t");
    assert_eq!(shown(&outcome), [["27", "27", "0", "222", "2997", "111", "\"111\""]]);
    assert_eq!(
        names(&outcome),
        [
            "count",
            "n",
            "system.min(v)",
            "system.max(v)",
            "system.sum(v)",
            "system.avg(v)",
            "cast(system.avg(v) as text)"
        ]
    );
    assert_eq!(fixture.lines("SELECT count(*) FROM t WHERE k = 9"), ["0"]);
    assert_eq!(fixture.lines("SELECT max(v), sum(v), avg(v) FROM t WHERE k = 9"), ["null 0 0"]);
    assert_eq!(fixture.lines("SELECT k, max(v) FROM t WHERE k = 2"), ["2 222"]);
    assert_eq!(fixture.lines("SELECT count(1) FROM t WHERE k = 2 AND a = 1 LIMIT 1"), ["3"]);
    assert!(fixture.refused("SELECT count(*) FROM t GROUP BY k").contains("GROUP BY"));
    fixture.refused("SELECT max(min(v)) FROM t");
}

#[test]
fn averages_and_sums_keep_their_types() {
    let fixture =
        Fixture::with(&["CREATE TABLE n (k int PRIMARY KEY, i int, d double, e decimal, z varint)"]);
    fixture.run("INSERT INTO n (k, i, d, e, z) VALUES (1, 2147483647, 1.5, 1.10, 10)");
    fixture.run("INSERT INTO n (k, i, d, e, z) VALUES (2, 1, 2.0, 2.25, 5)");
    fixture.run("INSERT INTO n (k) VALUES (3)");
    assert_eq!(fixture.lines("SELECT sum(i), sum(d), sum(e), sum(z) FROM n"), ["-2147483648 3.5 3.35 15"]);
    assert_eq!(fixture.lines("SELECT avg(d), avg(e), avg(z), count(i) FROM n"), ["1.75 1.68 7 2"]);
}

#[test]
fn distinct_lists_partitions() {
    let fixture = Fixture::with(&["CREATE TABLE d (k int, c int, s text STATIC, PRIMARY KEY (k, c))"]);
    for (k, c) in [(1, 1), (1, 2), (2, 1)] {
        fixture.run(&format!("INSERT INTO d (k, c, s) VALUES ({k}, {c}, 's{k}')"));
    }
    fixture.run("INSERT INTO d (k, s) VALUES (3, 's3')");
    let mut lines = fixture.lines("SELECT DISTINCT k, s FROM d");
    lines.sort();
    assert_eq!(lines, ["1 \"s1\"", "2 \"s2\"", "3 \"s3\""]);
    assert_eq!(fixture.lines("SELECT DISTINCT k FROM d LIMIT 2").len(), 2);
    fixture.refused("SELECT DISTINCT c FROM d");
    fixture.refused("SELECT DISTINCT s FROM d");
}

#[test]
fn functions_casts_and_aliases() {
    let fixture =
        Fixture::with(&["CREATE TABLE f (k timeuuid PRIMARY KEY, i int, t text, b blob, ts timestamp)"]);
    fixture.run(
        "INSERT INTO f (k, i, t, b, ts) VALUES (6877a530-ccfa-11e5-8080-808080808080, 7, 'x', intAsBlob(258), '2016-02-06')",
    );
    let outcome = fixture.run(
        "SELECT toTimestamp(k), to_date(k) AS day, toUnixTimestamp(ts), to_timestamp(k), blobAsInt(b), textAsBlob(t), \
         CAST(i AS double), cast(i as text), toJson(t), minTimeuuid(ts) FROM f",
    );
    assert_eq!(
        shown(&outcome)[0],
        [
            "\"2016-02-06 17:52:37.123Z\"",
            "\"2016-02-06\"",
            "1454716800000",
            "\"2016-02-06 17:52:37.123Z\"",
            "258",
            "\"0x78\"",
            "7.0",
            "\"7\"",
            "\"\\\"x\\\"\"",
            "\"90a20000-cc64-11e5-8080-808080808080\"",
        ]
    );
    assert_eq!(names(&outcome)[..3], ["system.totimestamp(k)", "day", "system.tounixtimestamp(ts)"]);
    assert_eq!(fixture.lines("SELECT count(*) FROM f WHERE k = now()"), ["0"]);
    fixture.run("INSERT INTO f (k, ts) VALUES (now(), toTimestamp(now()))");
    assert_eq!(fixture.lines("SELECT count(*) FROM f"), ["2"]);
}

#[test]
fn json_is_selected_as_one_column() {
    let fixture = Fixture::with(&["CREATE TABLE j (k int PRIMARY KEY, \"Mixed\" text, l list<int>)"]);
    fixture.run("INSERT INTO j (k, \"Mixed\", l) VALUES (1, 'a\"b', [1])");
    let outcome = fixture.run("SELECT JSON * FROM j");
    assert_eq!(names(&outcome), ["[json]"]);
    let rows = rows_of(&outcome).rows();
    let text = rows[0][0].as_deref().expect("a cell");
    assert_eq!(std::str::from_utf8(text), Ok(r#"{"k": 1, "\"Mixed\"": "a\"b", "l": [1]}"#));
    assert!(fixture.refused("INSERT INTO j JSON '{\"k\": 2}'").contains("JSON"));
}

#[test]
fn wrong_selects_are_refused() {
    let fixture = numbers();
    for (cql, part) in [
        ("SELECT x FROM t", "Undefined column name x in table ks.t"),
        ("SELECT * FROM t WHERE x = 1", "Undefined column name x"),
        ("SELECT * FROM t WHERE k = 1 AND k = 2", "more than one relation"),
        (
            "SELECT * FROM t WHERE k = 1 AND a > 1 AND a > 2",
            "More than one restriction was found for the start bound on a",
        ),
        ("SELECT * FROM t WHERE k != 1", "!="),
        ("SELECT * FROM t WHERE k = null", "null"),
        ("SELECT writetime(k) FROM t", "PRIMARY KEY part k"),
        ("SELECT nosuch(v) FROM t", "Unknown function 'nosuch'"),
        ("SELECT now(v) FROM t", "Invalid number of arguments"),
        ("SELECT sum(b) FROM t WHERE (b, a) = (1, 1)", "PRIMARY KEY order"),
        ("SELECT 1 FROM t", "Cannot infer type for term 1"),
        ("SELECT cast(v AS blob) FROM t", "cannot be cast"),
        ("SELECT v.x FROM t", "not a UDT"),
    ] {
        let message = fixture.refused(cql);
        assert!(message.contains(part), "{cql}: {message}");
    }
}
