use chorus_protocol::CqlType;

use super::*;

/// Every type, a constant of it, and how JSON shows it.
const CONSTANTS: [(&str, &str, &str); 30] = [
    ("ascii", "'abc'", "\"abc\""),
    ("bigint", "-9223372036854775808", "-9223372036854775808"),
    ("blob", "0xcafe", "\"0xcafe\""),
    ("boolean", "true", "true"),
    ("date", "'2016-02-29'", "\"2016-02-29\""),
    ("decimal", "-112233.441191", "-112233.441191"),
    ("double", "1.5e300", "1.5e300"),
    ("duration", "1y2mo3d4h", "\"1y2mo3d4h\""),
    ("float", "-0.25", "-0.25"),
    ("inet", "'2a00:1328:e102:ccc0::122'", "\"2a00:1328:e102:ccc0::122\""),
    ("int", "2147483647", "2147483647"),
    ("smallint", "-32768", "-32768"),
    ("text", "'héllo'", "\"héllo\""),
    ("varchar", "'x'", "\"x\""),
    ("time", "'08:12:54.123456789'", "\"08:12:54.123456789\""),
    ("timestamp", "'2011-02-03T04:05:06.789Z'", "\"2011-02-03 04:05:06.789Z\""),
    ("timeuuid", "6877a530-ccfa-11e5-8080-808080808080", "\"6877a530-ccfa-11e5-8080-808080808080\""),
    ("tinyint", "-128", "-128"),
    ("uuid", "123e4567-e89b-42d3-a456-426614174000", "\"123e4567-e89b-42d3-a456-426614174000\""),
    ("varint", "123456789123456789123456789", "123456789123456789123456789"),
    ("list<int>", "[3, 1, 3]", "[3, 1, 3]"),
    ("set<text>", "{'b', 'a'}", r#"["a", "b"]"#),
    ("map<int, text>", "{2: 'b', 1: 'a'}", r#"{"1": "a", "2": "b"}"#),
    ("frozen<list<int>>", "[3, 1]", "[3, 1]"),
    ("frozen<set<int>>", "{3, 1, -2}", "[-2, 1, 3]"),
    ("frozen<map<text, frozen<set<int>>>>", "{'x': {2, 1}}", r#"{"x": [1, 2]}"#),
    ("tuple<int, text, boolean>", "(1, 'a', null)", r#"[1, "a", null]"#),
    ("vector<float, 3>", "[1, 2.5, -3]", "[1.0, 2.5, -3.0]"),
    ("vector<text, 2>", "['abc', 'de']", r#"["abc", "de"]"#),
    ("list<frozen<tuple<int, frozen<list<text>>>>>", "[(1, ['a']), (2, [])]", r#"[[1, ["a"]], [2, []]]"#),
];

#[test]
fn every_type_goes_in_as_text_and_as_bytes_and_comes_out_the_same() {
    for (typ, constant, json) in CONSTANTS {
        let fixture = Fixture::with(&[&format!("CREATE TABLE t (k int PRIMARY KEY, v {typ})")]);
        fixture.run(&format!("INSERT INTO t (k, v) VALUES (1, {constant})"));
        assert_eq!(fixture.lines("SELECT v FROM t WHERE k = 1"), [json], "{typ}");
        let bytes = rows_of(&fixture.run("SELECT v FROM t")).rows()[0][0].clone().expect("a value");
        let two = int(2);
        fixture
            .bound(
                "INSERT INTO t (k, v) VALUES (?, ?)",
                &[BoundValue::Bytes(&two), BoundValue::Bytes(&bytes)],
            )
            .unwrap_or_else(|error| panic!("{typ}: {error}"));
        assert_eq!(fixture.lines("SELECT v FROM t WHERE k = 2"), [json], "{typ}");
        let expected = CqlType::parse_cql(typ, &|_| None).expect("a type");
        assert_eq!(rows_of(&fixture.run("SELECT v FROM t")).columns[0].typ, expected);
    }
}

#[test]
fn every_type_that_has_an_order_can_be_a_key() {
    for (typ, constant, json) in CONSTANTS {
        let multi_cell = typ.starts_with("list") || typ.starts_with("set") || typ.starts_with("map");
        if multi_cell || typ == "duration" {
            let fixture = Fixture::new();
            fixture.attempt(&format!("CREATE TABLE t (k {typ} PRIMARY KEY)")).expect_err(typ);
            continue;
        }
        let fixture = Fixture::with(&[&format!("CREATE TABLE t (k {typ}, c {typ}, PRIMARY KEY (k, c))")]);
        fixture.run(&format!("INSERT INTO t (k, c) VALUES ({constant}, {constant})"));
        let select = format!("SELECT k, c FROM t WHERE k = {constant} AND c = {constant}");
        assert_eq!(fixture.lines(&select), [format!("{json} {json}")], "{typ}");
        let range = format!("SELECT c FROM t WHERE k = {constant} AND c >= {constant} AND c <= {constant}");
        assert_eq!(fixture.lines(&range).len(), 1, "{typ}");
    }
}

#[test]
fn constants_of_the_wrong_type_are_refused() {
    for (typ, constant) in [
        ("int", "'x'"),
        ("int", "2147483648"),
        ("tinyint", "128"),
        ("text", "1"),
        ("boolean", "1"),
        ("uuid", "'x'"),
        ("timeuuid", "123e4567-e89b-42d3-a456-426614174000"),
        ("inet", "'1.2.3'"),
        ("date", "'2016-02-30'"),
        ("time", "'25:00:00'"),
        ("timestamp", "'yesterday'"),
        ("blob", "'x'"),
        ("blob", "0xabc"),
        ("ascii", "'é'"),
        ("list<int>", "{1}"),
        ("set<int>", "[1]"),
        ("map<int, int>", "{1}"),
        ("list<int>", "[null]"),
        ("list<int>", "['a']"),
        ("tuple<int>", "(1, 2)"),
        ("vector<float, 2>", "[1]"),
        ("double", "'1'"),
        ("duration", "'1h'"),
    ] {
        let fixture = Fixture::with(&[&format!("CREATE TABLE t (k int PRIMARY KEY, v {typ})")]);
        fixture.refused(&format!("INSERT INTO t (k, v) VALUES (1, {constant})"));
        assert!(fixture.lines("SELECT * FROM t").is_empty());
    }
}

#[test]
fn user_types_nest_and_grow() {
    let fixture = Fixture::with(&[
        "CREATE TYPE inner (a int)",
        "CREATE TYPE outer (i frozen<inner>, l list<int>)",
        "CREATE TABLE t (k int PRIMARY KEY, o frozen<outer>, l list<frozen<outer>>)",
    ]);
    fixture.run("INSERT INTO t (k, o, l) VALUES (1, {i: {a: 1}, l: [2]}, [{i: {a: 3}}])");
    fixture.run("ALTER TYPE inner ADD b text");
    fixture.run("ALTER TYPE inner RENAME a TO z");
    assert_eq!(
        fixture.lines("SELECT o, l, o.i.z FROM t"),
        [r#"{"i": {"z": 1, "b": null}, "l": [2]} [{"i": {"z": 3, "b": null}, "l": null}] 1"#]
    );
    fixture.run("UPDATE t SET o = {i: {z: 5, b: 'x'}} WHERE k = 1");
    assert_eq!(fixture.lines("SELECT o FROM t"), [r#"{"i": {"z": 5, "b": "x"}, "l": null}"#]);
    assert!(fixture.refused("DROP TYPE inner").contains("still used"));
    assert!(fixture.refused("INSERT INTO t (k, o) VALUES (1, {nope: 1})").contains("Unknown field 'nope'"));
}
