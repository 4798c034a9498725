use super::*;

/// All pages of a SELECT, and how many there were.
fn pages(fixture: &Fixture, cql: &str, size: i32, mut between: impl FnMut(usize)) -> (Vec<String>, usize) {
    let mut lines = Vec::new();
    let mut state: Option<Bytes> = None;
    for page in 1.. {
        let context = ExecContext {
            page_size: Some(size),
            paging_state: state.as_deref(),
            ..ExecContext::new(Some("ks"))
        };
        let outcome =
            fixture.database.query(cql, &context, &[]).unwrap_or_else(|error| panic!("{cql}: {error}"));
        let rows = rows_of(&outcome);
        assert!(rows.row_count <= size as u32);
        lines.extend(shown(&outcome).into_iter().map(|row| row.join(" ")));
        state = rows.paging_state.clone();
        if state.is_none() {
            return (lines, page);
        }
        assert_eq!(rows.row_count, size as u32, "only the last page may be short");
        between(page);
    }
    unreachable!("pages come to an end")
}

fn wide() -> Fixture {
    let fixture = Fixture::with(&["CREATE TABLE t (k int, c int, s int STATIC, v int, PRIMARY KEY (k, c))"]);
    for k in 0..10 {
        for c in 0..7 {
            fixture.run(&format!("INSERT INTO t (k, c, v) VALUES ({k}, {c}, {})", k * 10 + c));
        }
    }
    fixture.run("INSERT INTO t (k, s) VALUES (77, 1)");
    fixture
}

#[test]
fn pages_of_every_size_add_up_to_the_whole() {
    let fixture = wide();
    for cql in [
        "SELECT k, c, v FROM t",
        "SELECT k, c FROM t WHERE k = 3",
        "SELECT k, c FROM t WHERE k = 3 ORDER BY c DESC",
        "SELECT k, c FROM t WHERE k = 3 AND c IN (1, 3, 5) ORDER BY c DESC",
        "SELECT k, c FROM t WHERE k = 3 AND c > 1 AND c < 6",
        "SELECT k, c FROM t WHERE k IN (5, 1, 9) AND c IN (0, 2, 4, 6)",
        "SELECT k, c FROM t LIMIT 23",
        "SELECT k, c FROM t PER PARTITION LIMIT 3",
        "SELECT k, c FROM t PER PARTITION LIMIT 2 LIMIT 11",
        "SELECT DISTINCT k, s FROM t",
        "SELECT k, c FROM t WHERE v > 20 AND v < 60 ALLOW FILTERING",
        "SELECT k, c FROM t WHERE token(k) > 0",
        "SELECT count(*) FROM t",
    ] {
        let whole = fixture.lines(cql);
        for size in [1, 2, 3, 7, 10, 1000] {
            let (paged, count) = pages(&fixture, cql, size, |_| {});
            assert_eq!(paged, whole, "{cql} by {size}");
            if !cql.contains("count") {
                assert_eq!(
                    count,
                    whole.len().div_ceil(size as usize).max(1),
                    "{cql} by {size}: no empty last page"
                );
            }
        }
    }
}

#[test]
fn rows_written_and_deleted_between_pages_neither_shift_nor_repeat_the_rest() {
    let fixture = wide();
    let before = fixture.lines("SELECT k, c FROM t");
    let (paged, _) = pages(&fixture, "SELECT k, c FROM t", 4, |page| {
        let behind = &before[..page * 4];
        // What was read already goes, and its neighbours come.
        for line in behind {
            if let Some((k, c)) = line.split_once(' ').filter(|(_, c)| *c != "null") {
                fixture.run(&format!("DELETE FROM t WHERE k = {k} AND c = {c}"));
                let before_first = -1 - page as i32;
                fixture.run(&format!("INSERT INTO t (k, c) VALUES ({k}, {before_first})"));
            }
        }
    });
    assert_eq!(paged, before);
}

#[test]
fn a_state_of_garbage_or_of_another_table_is_a_protocol_error() {
    let fixture = wide();
    fixture.run("CREATE TABLE other (k int PRIMARY KEY)");
    let first = ExecContext { page_size: Some(2), ..ExecContext::new(Some("ks")) };
    let outcome = fixture.database.query("SELECT * FROM t", &first, &[]).expect("valid");
    let state = rows_of(&outcome).paging_state.clone().expect("there is more");
    let attempt = |cql: &str, state: &[u8]| {
        let context = ExecContext { paging_state: Some(state), ..first };
        fixture.database.query(cql, &context, &[])
    };
    attempt("SELECT * FROM t", &state).expect("valid");
    for garbage in [&b""[..], b"garbage", &[0; 64], &[255; 1000], &state[1..]] {
        assert_eq!(attempt("SELECT * FROM t", garbage).expect_err("garbage").kind, CqlErrorKind::Protocol);
    }
    assert_eq!(
        attempt("SELECT * FROM other", &state).expect_err("another table").kind,
        CqlErrorKind::Protocol
    );
}

#[test]
fn ordering_several_partitions_and_paging_exclude_each_other() {
    let fixture = wide();
    let cql = "SELECT k, c FROM t WHERE k IN (1, 2) ORDER BY c LIMIT 3";
    assert_eq!(fixture.lines(cql), ["1 0", "2 0", "1 1"].map(str::to_owned).map(|line| line));
    let context = ExecContext { page_size: Some(10), ..ExecContext::new(Some("ks")) };
    let error = fixture.database.query(cql, &context, &[]).expect_err("paged");
    assert!(error.message.starts_with("Cannot page queries with both ORDER BY and a IN restriction"));
}
