use std::time::Instant;

use super::*;

/// Not a measurement, which takes a release build and a quiet machine, but a tripwire: planning an insert again for every
/// row, or copying a partition to change it, would miss this by far.
#[test]
fn many_prepared_inserts_take_little_time_and_little_memory() {
    const ROWS: i32 = 50_000;
    let fixture = Fixture::with(&["CREATE TABLE t (k int PRIMARY KEY, a text, b double, c bigint)"]);
    let insert = fixture
        .database
        .prepare("INSERT INTO t (k, a, b, c) VALUES (?, ?, ?, ?)", Some("ks"))
        .expect("valid");
    let context = ExecContext::new(Some("ks"));
    let started = Instant::now();
    for k in 0..ROWS {
        let key = int(k);
        let values = [
            BoundValue::Bytes(&key),
            BoundValue::Bytes(b"some text"),
            BoundValue::Bytes(&[1; 8]),
            BoundValue::Bytes(&[2; 8]),
        ];
        fixture.database.execute(&insert.plan, &context, &values).expect("valid");
    }
    let elapsed = started.elapsed();
    assert_eq!(fixture.lines("SELECT count(*) FROM t"), [ROWS.to_string()]);
    assert!(
        fixture.database.memory_used() / ROWS as u64 <= 160,
        "{} bytes a row",
        fixture.database.memory_used() / ROWS as u64
    );
    assert!(elapsed.as_secs() < 20, "{elapsed:?}");
}

#[test]
fn a_wide_partition_takes_inserts_as_quickly_as_a_narrow_one() {
    const ROWS: i32 = 50_000;
    let fixture = Fixture::with(&["CREATE TABLE w (k int, c int, v int, PRIMARY KEY (k, c))"]);
    let insert =
        fixture.database.prepare("INSERT INTO w (k, c, v) VALUES (1, ?, 1)", Some("ks")).expect("valid");
    let context = ExecContext::new(Some("ks"));
    let started = Instant::now();
    for c in (0..ROWS).rev() {
        fixture.database.execute(&insert.plan, &context, &[BoundValue::Bytes(&int(c))]).expect("valid");
    }
    assert!(started.elapsed().as_secs() < 20);
    assert_eq!(
        fixture.lines("SELECT c FROM w WHERE k = 1 ORDER BY c DESC LIMIT 1"),
        [(ROWS - 1).to_string()]
    );
}
