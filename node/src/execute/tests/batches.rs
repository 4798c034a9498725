use chorus_protocol::request::BatchKind;

use super::*;

const TABLE: &str = "CREATE TABLE t (k int, c int, v int, PRIMARY KEY (k, c))";
const COUNTERS: &str = "CREATE TABLE n (k int PRIMARY KEY, n counter)";

#[test]
fn a_batch_of_text_writes_all_of_it_at_one_time() {
    let fixture = Fixture::with(&[TABLE]);
    fixture.run(
        "BEGIN BATCH USING TIMESTAMP 7 INSERT INTO t (k, c, v) VALUES (1, 1, 1); UPDATE t SET v = 2 WHERE k = 2 AND c = 2; \
         DELETE FROM t WHERE k = 3 APPLY BATCH",
    );
    let mut lines = fixture.lines("SELECT k, v, writetime(v) FROM t");
    lines.sort();
    assert_eq!(lines, ["1 1 7", "2 2 7"]);
    let Outcome::Void = fixture.run("BEGIN UNLOGGED BATCH APPLY BATCH") else { panic!("nothing to tell") };
}

#[test]
fn a_batch_with_a_bad_value_writes_nothing() {
    let fixture = Fixture::with(&[TABLE]);
    let insert =
        fixture.database.prepare("INSERT INTO t (k, c, v) VALUES (?, 1, ?)", Some("ks")).expect("valid");
    let (one, bad) = (int(1), [1, 2, 3]);
    let good = [BoundValue::Bytes(&one), BoundValue::Bytes(&one)];
    let wrong = [BoundValue::Bytes(&one), BoundValue::Bytes(&bad)];
    let few = [BoundValue::Bytes(&one)];
    let member = |values| BatchMember { plan: &insert.plan, values };
    let context = ExecContext::new(Some("ks"));
    let run = |members: &[BatchMember<'_>]| fixture.database.batch(BatchKind::Logged, members, &context);
    assert_eq!(run(&[member(&good), member(&wrong)]).expect_err("a bad value").kind, CqlErrorKind::Invalid);
    assert_eq!(run(&[member(&good), member(&few)]).expect_err("too few values").kind, CqlErrorKind::Invalid);
    assert!(fixture.lines("SELECT * FROM t").is_empty());
    assert_eq!(run(&[member(&good)]).expect("valid"), Outcome::Void);
    assert_eq!(fixture.lines("SELECT v FROM t"), ["1"]);
    let select = fixture.database.prepare("SELECT * FROM t", Some("ks")).expect("valid");
    run(&[BatchMember { plan: &select.plan, values: &[] }]).expect_err("no write");
}

#[test]
fn counters_and_other_writes_do_not_mix() {
    let fixture = Fixture::with(&[TABLE, COUNTERS]);
    fixture.run("BEGIN COUNTER BATCH UPDATE n SET n = n + 1 WHERE k = 1; UPDATE n SET n = n + 2 WHERE k = 1 APPLY BATCH");
    assert_eq!(fixture.lines("SELECT n FROM n"), ["3"]);
    for (cql, message) in [
        (
            "BEGIN BATCH UPDATE n SET n = n + 1 WHERE k = 1 APPLY BATCH",
            "Cannot include a counter statement in a logged batch",
        ),
        (
            "BEGIN COUNTER BATCH INSERT INTO t (k, c) VALUES (1, 1) APPLY BATCH",
            "Cannot include non-counter statement in a counter batch",
        ),
        (
            "BEGIN UNLOGGED BATCH INSERT INTO t (k, c) VALUES (1, 1); UPDATE n SET n = n + 1 WHERE k = 1 APPLY BATCH",
            "Counter and non-counter mutations cannot exist in the same batch",
        ),
    ] {
        assert_eq!(fixture.refused(cql), message);
    }
    assert!(fixture.lines("SELECT * FROM t").is_empty());
    assert_eq!(fixture.lines("SELECT n FROM n"), ["3"]);
}

#[test]
fn a_conditional_batch_is_all_or_nothing_in_one_partition() {
    let fixture = Fixture::with(&[TABLE]);
    let batch = "BEGIN BATCH INSERT INTO t (k, c, v) VALUES (1, 1, 1) IF NOT EXISTS; \
                 INSERT INTO t (k, c, v) VALUES (1, 2, 2) APPLY BATCH";
    assert_eq!(fixture.lines(batch), ["true"]);
    fixture.run("DELETE FROM t WHERE k = 1 AND c = 2");
    let outcome = fixture.run(batch);
    assert_eq!(shown(&outcome), [["false", "1", "1", "1"]]);
    assert_eq!(fixture.lines("SELECT c FROM t"), ["1"], "the unconditional member was not written either");
    assert!(
        fixture
            .refused("BEGIN BATCH UPDATE t SET v = 1 WHERE k = 1 AND c = 1 IF EXISTS; DELETE FROM t WHERE k = 2 APPLY BATCH")
            .contains("multiple partitions")
    );
}

#[test]
fn of_a_tie_in_a_batch_the_deletion_wins() {
    let fixture = Fixture::with(&[TABLE]);
    fixture.run("BEGIN BATCH DELETE FROM t WHERE k = 1 AND c = 1; INSERT INTO t (k, c, v) VALUES (1, 1, 1) APPLY BATCH");
    assert!(fixture.lines("SELECT * FROM t").is_empty());
    fixture.run(
        "BEGIN BATCH UPDATE t SET v = 3 WHERE k = 1 AND c = 1; UPDATE t SET v = 5 WHERE k = 1 AND c = 1; \
         UPDATE t SET v = 4 WHERE k = 1 AND c = 1 APPLY BATCH",
    );
    assert_eq!(fixture.lines("SELECT v FROM t"), ["5"], "of values the greater one");
}
