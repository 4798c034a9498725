use super::*;

const TABLE: &str =
    "CREATE TABLE t (k int, c int, s text STATIC, v int, l list<int>, m map<text, int>, PRIMARY KEY (k, c))";

#[test]
fn an_insert_if_not_exists_is_applied_once() {
    let fixture = Fixture::with(&[TABLE]);
    let insert = "INSERT INTO t (k, c, v) VALUES (1, 1, 5) IF NOT EXISTS";
    let outcome = fixture.run(insert);
    assert_eq!(
        (names(&outcome), shown(&outcome)),
        (vec!["[applied]".to_owned()], vec![vec!["true".to_owned()]])
    );
    let outcome = fixture.run(insert);
    assert_eq!(names(&outcome), ["[applied]", "k", "c", "s", "l", "m", "v"]);
    assert_eq!(shown(&outcome), [["false", "1", "1", "null", "null", "null", "5"]]);
}

#[test]
fn updates_and_deletes_if_exists_do_not_make_rows() {
    let fixture = Fixture::with(&[TABLE]);
    assert_eq!(fixture.lines("UPDATE t SET v = 1 WHERE k = 1 AND c = 1 IF EXISTS"), ["false"]);
    assert!(fixture.lines("SELECT * FROM t").is_empty());
    fixture.run("INSERT INTO t (k, c) VALUES (1, 1)");
    assert_eq!(fixture.lines("UPDATE t SET v = 1 WHERE k = 1 AND c = 1 IF EXISTS"), ["true"]);
    assert_eq!(fixture.lines("DELETE FROM t WHERE k = 1 AND c = 1 IF EXISTS"), ["true"]);
    assert_eq!(fixture.lines("DELETE FROM t WHERE k = 1 AND c = 1 IF EXISTS"), ["false"]);
}

#[test]
fn conditions_compare_and_show_what_was_in_the_way() {
    let fixture = Fixture::with(&[TABLE]);
    fixture.run("INSERT INTO t (k, c, v, l, m, s) VALUES (1, 1, 5, [1, 2], {'a': 1}, 'x')");
    let applied = |condition: &str| {
        fixture
            .lines(&format!("UPDATE t SET l = l + [9] WHERE k = 1 AND c = 1 IF {condition}"))
            .join("")
            .starts_with("true")
    };
    for (condition, expected) in [
        ("v = 5", true),
        ("v != 5", false),
        ("v > 4 AND v <= 5", true),
        ("v < 5", false),
        ("v IN (1, 5)", true),
        ("v IN (1, 2)", false),
        ("v = null", false),
        ("v != null", true),
        ("s = 'x'", true),
        ("m['a'] = 1", true),
        ("m['b'] = null", true),
        ("m = {'a': 1}", true),
        ("l[0] = 1", true),
        ("l[50] = 1", false),
        ("m CONTAINS KEY 'a'", true),
    ] {
        assert_eq!(applied(condition), expected, "{condition}");
    }
    let outcome = fixture.run("UPDATE t SET v = 9 WHERE k = 1 AND c = 1 IF v = 1 AND s = 'y'");
    assert_eq!(names(&outcome), ["[applied]", "v", "s"]);
    assert_eq!(shown(&outcome), [["false", "5", "\"x\""]]);
    let outcome = fixture.run("UPDATE t SET v = 9 WHERE k = 2 AND c = 1 IF v = 1");
    assert_eq!(names(&outcome), ["[applied]"]);
    assert_eq!(fixture.lines("UPDATE t SET v = 9 WHERE k = 2 AND c = 1 IF v = null"), ["true"]);
    assert!(
        fixture
            .refused("UPDATE t SET v = 9 WHERE k = 2 AND c = 1 IF v < null")
            .contains("Invalid comparison with null")
    );
    assert!(
        fixture
            .refused("UPDATE t SET v = 9 WHERE k = 2 AND c = 1 IF k = 2")
            .contains("PRIMARY KEY column 'k'")
    );
}

#[test]
fn static_columns_have_conditions_of_their_own() {
    let fixture = Fixture::with(&[TABLE]);
    assert_eq!(fixture.lines("INSERT INTO t (k, s) VALUES (1, 'a') IF NOT EXISTS"), ["true"]);
    assert_eq!(fixture.lines("INSERT INTO t (k, s) VALUES (1, 'b') IF NOT EXISTS").len(), 1);
    assert_eq!(fixture.lines("UPDATE t SET s = 'b' WHERE k = 1 IF s = 'a'"), ["true"]);
    assert_eq!(fixture.lines("SELECT s FROM t"), ["\"b\""]);
    assert_eq!(fixture.lines("INSERT INTO t (k, c, v) VALUES (1, 1, 1) IF NOT EXISTS"), ["true"]);
}

#[test]
fn conditional_writes_have_no_timestamp_and_one_row() {
    let fixture = Fixture::with(&[TABLE]);
    for (cql, part) in [
        (
            "INSERT INTO t (k, c) VALUES (1, 1) IF NOT EXISTS USING TIMESTAMP 5",
            "custom timestamp for conditional updates",
        ),
        ("UPDATE t SET v = 1 WHERE k IN (1, 2) AND c = 1 IF EXISTS", "IN on the partition key"),
        ("UPDATE t SET v = 1 WHERE k = 1 AND c IN (1, 2) IF EXISTS", "IN on the clustering key"),
        ("DELETE FROM t WHERE k = 1 AND c > 2 IF EXISTS", "must restrict all PRIMARY KEY columns"),
    ] {
        let message = fixture.refused(cql);
        assert!(message.contains(part), "{cql}: {message}");
    }
}

#[test]
fn racing_conditional_writes_are_applied_one_after_the_other() {
    let fixture = Fixture::with(&[
        "CREATE TABLE r (k int PRIMARY KEY, v int)",
        "CREATE TABLE n (k int PRIMARY KEY, n counter)",
    ]);
    fixture.run("INSERT INTO r (k, v) VALUES (1, 0)");
    let wins: usize = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut wins = 0;
                    for _ in 0..100 {
                        let v: i32 = fixture.lines("SELECT v FROM r").join("").parse().expect("a number");
                        let cql = format!("UPDATE r SET v = {} WHERE k = 1 IF v = {v}", v + 1);
                        wins += usize::from(fixture.lines(&cql)[0].starts_with("true"));
                        fixture.run("UPDATE n SET n = n + 1 WHERE k = 1");
                    }
                    wins
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().expect("no panic")).sum()
    });
    assert_eq!(fixture.lines("SELECT v FROM r"), [wins.to_string()]);
    assert_eq!(fixture.lines("SELECT n FROM n"), ["400"]);
}
