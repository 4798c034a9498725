use super::*;

const SECOND: i64 = 1_000_000;
const NOW: i64 = 1_700_000_000 * SECOND;

#[test]
fn values_live_as_long_as_they_were_given_and_not_a_second_longer() {
    let fixture = Fixture::with(&["CREATE TABLE t (k int PRIMARY KEY, v int, w int)"]);
    fixture.at(NOW, "INSERT INTO t (k, v) VALUES (1, 1) USING TTL 10");
    fixture.at(NOW, "UPDATE t USING TTL 20 SET w = 2 WHERE k = 1");
    let seen = |after: i64| shown(&fixture.at(NOW + after * SECOND, "SELECT v, w, ttl(v), ttl(w) FROM t"));
    assert_eq!(seen(0), [["1", "2", "10", "20"]]);
    assert_eq!(seen(9), [["1", "2", "1", "11"]]);
    assert_eq!(seen(10), [["null", "2", "null", "10"]]);
    assert!(seen(20).is_empty());
}

#[test]
fn a_row_of_an_insert_expires_with_it_and_one_without_end_stays() {
    let fixture = Fixture::with(&["CREATE TABLE t (k int PRIMARY KEY, v int)"]);
    fixture.at(NOW, "INSERT INTO t (k) VALUES (1) USING TTL 5");
    fixture.at(NOW, "INSERT INTO t (k, v) VALUES (2, 2)");
    fixture.at(NOW, "UPDATE t USING TTL 5 SET v = 3 WHERE k = 2");
    assert_eq!(shown(&fixture.at(NOW + 4 * SECOND, "SELECT count(*) FROM t")), [["2"]]);
    assert_eq!(shown(&fixture.at(NOW + 5 * SECOND, "SELECT k, v FROM t")), [["2", "null"]]);
}

#[test]
fn a_table_may_have_a_time_to_live_and_a_statement_may_take_it_away() {
    let fixture = Fixture::with(&["CREATE TABLE t (k int PRIMARY KEY, v int) WITH default_time_to_live = 7"]);
    fixture.at(NOW, "INSERT INTO t (k, v) VALUES (1, 1)");
    fixture.at(NOW, "INSERT INTO t (k, v) VALUES (2, 2) USING TTL 0");
    assert_eq!(shown(&fixture.at(NOW, "SELECT ttl(v) FROM t WHERE k = 1")), [["7"]]);
    assert_eq!(shown(&fixture.at(NOW + 7 * SECOND, "SELECT k, ttl(v) FROM t")), [["2", "null"]]);
}

#[test]
fn times_at_the_edges_are_taken_or_refused_and_never_overflow() {
    let fixture = Fixture::with(&["CREATE TABLE t (k int PRIMARY KEY, v int)"]);
    fixture.run("INSERT INTO t (k, v) VALUES (1, 1) USING TIMESTAMP -5");
    fixture.run(&format!("UPDATE t USING TIMESTAMP {} SET v = 2 WHERE k = 1", i64::MAX));
    assert_eq!(fixture.lines("SELECT v, writetime(v) FROM t"), [format!("2 {}", i64::MAX)]);
    fixture.run("UPDATE t SET v = 3 WHERE k = 1");
    assert_eq!(fixture.lines("SELECT v FROM t"), ["2"], "nothing is later than the end of time");
    assert!(
        fixture
            .refused(&format!("UPDATE t USING TIMESTAMP {} SET v = 2 WHERE k = 1", i64::MIN))
            .contains("Out of bound")
    );
    fixture.at(NOW, "INSERT INTO t (k, v) VALUES (5, 1) USING TTL 630720000");
    assert_eq!(shown(&fixture.at(NOW, "SELECT ttl(v) FROM t WHERE k = 5")), [["630720000"]]);
    assert_eq!(
        fixture.refused("INSERT INTO t (k, v) VALUES (5, 1) USING TTL 630720001"),
        "ttl is too large. requested (630720001) maximum (630720000)"
    );
    fixture.at(i64::MAX, "INSERT INTO t (k, v) VALUES (6, 1) USING TTL 10");
    fixture.at(i64::MIN, "SELECT * FROM t");
}

#[test]
fn expired_values_lose_against_nothing_and_can_be_written_again() {
    let fixture = Fixture::with(&["CREATE TABLE t (k int PRIMARY KEY, v int, s set<int>)"]);
    fixture.at(NOW, "INSERT INTO t (k, v, s) VALUES (1, 1, {1}) USING TTL 5");
    fixture.at(NOW, "UPDATE t USING TTL 9 SET s = s + {2} WHERE k = 1");
    assert_eq!(shown(&fixture.at(NOW + 6 * SECOND, "SELECT v, s FROM t")), [["null", "[2]"]]);
    fixture.at(NOW + 7 * SECOND, "UPDATE t SET v = 4 WHERE k = 1");
    assert_eq!(shown(&fixture.at(NOW + 60 * SECOND, "SELECT v, s FROM t")), [["4", "null"]]);
}
