use super::*;

fn markers(prepared: &PreparedPlan) -> Vec<String> {
    prepared.bind.iter().map(|marker| format!("{} {}", marker.name, marker.typ)).collect()
}

const TABLE: &str = "CREATE TABLE t (a int, b text, c int, d timeuuid, v int, l list<text>, s set<int>, m map<text, int>, \
                     tu tuple<int, text>, u frozen<ut>, o ut, PRIMARY KEY ((a, b), c, d))";

fn fixture() -> Fixture {
    Fixture::with(&["CREATE TYPE ut (x int, y text)", TABLE, "CREATE TABLE n (k int PRIMARY KEY, n counter)"])
}

#[test]
fn markers_are_described_as_cassandra_describes_them() {
    let fixture = fixture();
    for (cql, expected) in [
        (
            "INSERT INTO t (a, b, c, d, v) VALUES (?, ?, ?, ?, ?) USING TTL ? AND TIMESTAMP ?",
            &["a int", "b text", "c int", "d timeuuid", "v int", "[ttl] int", "[timestamp] bigint"][..],
        ),
        (
            "SELECT * FROM t WHERE a = ? AND b IN ? AND c = ? AND d > ? PER PARTITION LIMIT ? LIMIT ?",
            &["a int", "in(b) list<text>", "c int", "d timeuuid", "[per_partition_limit] int", "[limit] int"],
        ),
        ("SELECT * FROM t WHERE a = 1 AND b IN (?, ?)", &["b text", "b text"]),
        ("SELECT * FROM t WHERE a = 1 AND b = 'x' AND (c, d) > (?, ?)", &["c int", "d timeuuid"]),
        ("SELECT * FROM t WHERE a = 1 AND b = 'x' AND (c, d) > ?", &["(c,d) tuple<int, timeuuid>"]),
        ("SELECT * FROM t WHERE a = 1 AND b = 'x' AND (c, d) IN ?", &["in(c,d) list<tuple<int, timeuuid>>"]),
        ("SELECT * FROM t WHERE token(a, b) > ?", &["partition key token bigint"]),
        (
            "SELECT * FROM t WHERE token(a, b) > token(?, ?)",
            &["arg0(system.token) int", "arg1(system.token) text"],
        ),
        (
            "SELECT * FROM t WHERE s CONTAINS ? AND m CONTAINS KEY ? AND m[?] = ? ALLOW FILTERING",
            &["value(s) int", "key(m) text", "key(m) text", "value(m) int"],
        ),
        (
            "UPDATE t USING TTL ? SET l = l + ?, s = s - ?, m[?] = ?, o.x = ?, u = ?, tu = (?, ?), v = :val \
             WHERE a = ? AND b = ? AND c = ? AND d = ? IF v = ? AND m[?] = ? AND v IN ?",
            &[
                "[ttl] int",
                "l list<text>",
                "s set<int>",
                "key(m) text",
                "value(m) int",
                "o.x int",
                "u ut",
                "tu[0] int",
                "tu[1] text",
                "val int",
                "a int",
                "b text",
                "c int",
                "d timeuuid",
                "v int",
                "key(m) text",
                "value(m) int",
                "in(v) list<int>",
            ],
        ),
        (
            "UPDATE t SET l[?] = ?, m = m - ? WHERE a = 1 AND b = '' AND c = 1 AND d = now()",
            &["idx(l) int", "value(l) text", "m set<text>"],
        ),
        (
            "DELETE l[?], m[?] FROM t USING TIMESTAMP ? WHERE a = ? AND b = ? AND c = ? AND d = ?",
            &["idx(l) int", "key(m) text", "[timestamp] bigint", "a int", "b text", "c int", "d timeuuid"],
        ),
        ("UPDATE n SET n = n + ? WHERE k = ?", &["n counter", "k int"]),
        (
            "INSERT INTO t (a, b, c, d) VALUES (?, ?, ?, minTimeuuid(?))",
            &["a int", "b text", "c int", "arg0(system.mintimeuuid) timestamp"],
        ),
        (
            "BEGIN BATCH USING TIMESTAMP ? UPDATE t SET v = ? WHERE a = ? AND b = ? AND c = ? AND d = ? APPLY BATCH",
            &["[timestamp] bigint", "v int", "a int", "b text", "c int", "d timeuuid"],
        ),
    ] {
        let prepared =
            fixture.database.prepare(cql, Some("ks")).unwrap_or_else(|error| panic!("{cql}: {error}"));
        assert_eq!(markers(&prepared), expected, "{cql}");
        assert!(prepared.bind.iter().all(|marker| &*marker.keyspace == "ks"));
    }
}

#[test]
fn markers_have_no_place_inside_of_collections() {
    let fixture = fixture();
    for (literal, kind) in [("l = [?]", "list"), ("s = {?}", "set"), ("m = {'a': ?}", "map")] {
        let cql = format!("UPDATE t SET {literal} WHERE a = 1 AND b = '' AND c = 1 AND d = now()");
        let error = fixture.database.prepare(&cql, Some("ks")).expect_err(&cql);
        assert!(error.message.starts_with(&format!("Invalid {kind} literal for ")), "{error}");
        assert!(
            error.message.ends_with("bind variables are not supported inside collection literals"),
            "{error}"
        );
    }
}

#[test]
fn the_partition_key_is_found_among_the_markers_in_key_order() {
    let fixture = fixture();
    for (cql, expected) in [
        ("INSERT INTO t (v, b, a, c, d) VALUES (?, ?, ?, ?, ?)", &[2u16, 1][..]),
        ("SELECT * FROM t WHERE b = ? AND a = ?", &[1, 0]),
        ("SELECT * FROM t WHERE b = 'x' AND a = ?", &[]),
        ("SELECT * FROM t WHERE token(a, b) > ?", &[]),
        ("DELETE FROM t WHERE a = ? AND b = ?", &[0, 1]),
        ("UPDATE n SET n = n + ? WHERE k = ?", &[1]),
        ("BEGIN BATCH UPDATE n SET n = n + ? WHERE k = ? APPLY BATCH", &[1]),
        ("BEGIN BATCH USING TIMESTAMP ? DELETE FROM n WHERE k = ? APPLY BATCH", &[]),
    ] {
        let prepared =
            fixture.database.prepare(cql, Some("ks")).unwrap_or_else(|error| panic!("{cql}: {error}"));
        assert_eq!(prepared.pk_indexes, expected, "{cql}");
    }
}

#[test]
fn results_are_described_and_writes_have_none() {
    let fixture = fixture();
    let prepared = fixture
        .database
        .prepare("SELECT v AS x, count(*), writetime(v), o.y FROM t", Some("ks"))
        .expect("valid");
    let columns: Vec<_> =
        prepared.result.iter().map(|column| format!("{} {}", column.name, column.typ)).collect();
    assert_eq!(columns, ["x int", "count bigint", "writetime(v) bigint", "o.y text"]);
    assert!(prepared.is_read && !prepared.is_lwt);
    let insert = "INSERT INTO n (k) VALUES (1) IF NOT EXISTS";
    fixture.database.prepare(insert, Some("ks")).expect_err("a counter table");
    let insert = "INSERT INTO t (a, b, c, d) VALUES (1, '', 1, now()) IF NOT EXISTS";
    let prepared = fixture.database.prepare(insert, Some("ks")).expect("valid");
    assert!(prepared.is_lwt && !prepared.is_read && prepared.result.is_empty());
}

#[test]
fn bad_values_are_refused_and_nothing_is_stored() {
    let fixture = fixture();
    let insert =
        "INSERT INTO t (a, b, c, d, v, l) VALUES (?, ?, 1, 13814000-1dd2-11b2-8080-808080808080, ?, ?)";
    let one = int(1);
    let null_inside = [0, 0, 0, 1, 255, 255, 255, 255];
    let huge_count = [0x7f, 255, 255, 255];
    let good: [BoundValue<'_>; 4] = [
        BoundValue::Bytes(&one),
        BoundValue::Bytes(b"x"),
        BoundValue::Bytes(&one),
        BoundValue::Bytes(&[0, 0, 0, 0]),
    ];
    for (index, bytes) in [
        (0, &[1u8, 2][..]),
        (1, b"\xff\xfe"),
        (2, &[0; 5]),
        (3, &null_inside),
        (3, &huge_count),
        (3, &[]),
        (3, &[0, 0, 0, 1, 0, 0, 0, 1, 0xff]),
    ] {
        let mut values = good;
        values[index] = BoundValue::Bytes(bytes);
        let error = fixture.bound(insert, &values).expect_err("a bad value");
        assert_eq!(error.kind, CqlErrorKind::Invalid, "{index} {bytes:?}: {error}");
    }
    let long = vec![b'x'; 70_000];
    let mut values = good;
    values[1] = BoundValue::Bytes(&long);
    assert!(fixture.bound(insert, &values).is_err(), "a key too long");
    assert!(fixture.bound(insert, &good[..3]).is_err(), "too few values");
    assert!(fixture.lines("SELECT * FROM t").is_empty());
    fixture.bound(insert, &good).expect("all good");
    assert_eq!(fixture.lines("SELECT a, b, v, l FROM t"), ["1 \"x\" 1 null"]);
}

#[test]
fn values_of_limits_lists_and_times_are_bound() {
    let fixture = Fixture::with(&["CREATE TABLE k (k int, c int, PRIMARY KEY (k, c))"]);
    for c in 0..9 {
        fixture.run(&format!("INSERT INTO k (k, c) VALUES (1, {c})"));
    }
    let (one, three) = (int(1), int(3));
    let list = [&[0, 0, 0, 2, 0, 0, 0, 4][..], &int(5), &[0, 0, 0, 4], &int(2)].concat();
    let count =
        |cql: &str, values: &[BoundValue<'_>]| shown(&fixture.bound(cql, values).expect("valid")).len();
    assert_eq!(count("SELECT * FROM k LIMIT ?", &[BoundValue::Bytes(&three)]), 3);
    assert_eq!(count("SELECT * FROM k LIMIT ?", &[BoundValue::Unset]), 9);
    assert_eq!(
        count("SELECT * FROM k WHERE k = ? AND c IN ?", &[BoundValue::Bytes(&one), BoundValue::Bytes(&list)]),
        2
    );
    fixture.bound("SELECT * FROM k LIMIT ?", &[BoundValue::Bytes(&int(0))]).expect_err("no rows at all");
    fixture.bound("SELECT * FROM k WHERE k = ?", &[BoundValue::Null]).expect_err("null");
    fixture.bound("SELECT * FROM k WHERE k = ?", &[BoundValue::Unset]).expect_err("unset");
    let time = 5i64.to_be_bytes();
    fixture
        .bound(
            "INSERT INTO k (k, c) VALUES (2, ?) USING TIMESTAMP ?",
            &[BoundValue::Bytes(&one), BoundValue::Bytes(&time)],
        )
        .expect("valid");
}

#[test]
fn a_plan_is_stale_once_its_table_has_changed() {
    let fixture =
        Fixture::with(&["CREATE TYPE y (a int)", "CREATE TABLE t (k int PRIMARY KEY, u frozen<y>)"]);
    for change in [
        "ALTER TABLE t ADD v int",
        "ALTER TABLE t WITH comment = 'x'",
        "ALTER TYPE y ADD b int",
        "CREATE INDEX ON t (v)",
        "DROP TABLE t",
    ] {
        let prepared = fixture.database.prepare("SELECT * FROM t", Some("ks")).expect("valid");
        let context = ExecContext::new(Some("ks"));
        fixture.database.execute(&prepared.plan, &context, &[]).expect("current");
        fixture.run(change);
        let error = fixture.database.execute(&prepared.plan, &context, &[]).expect_err("stale");
        assert_eq!(error.kind, CqlErrorKind::Stale, "{change}");
    }
    fixture.database.prepare("SELECT * FROM t", Some("ks")).expect_err("gone");
}
