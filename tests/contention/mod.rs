//! F112, F113 and F115: what happens when several write the same at once, at the ends of time, and while the schema changes.
//!
//! The same programs run against the embedded node (`tests/library`) and a real Cassandra (`tests/real_cassandra.rs`): each takes a
//! session with a keyspace of its own in use.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use chorus::{
    Batch, ClusterEvent, Consistency, DbError, Error, ErrorKind, MaybeUnset, SerialConsistency, Session,
    Statement, Uuid,
};
use futures::StreamExt as _;
use futures::future::join_all;

pub(crate) type Outcome = Result<(), Box<dyn std::error::Error>>;

/// Whether a write may or may not have taken effect: contenders time out at times.
fn is_unknown(error: &Error) -> bool {
    error.kind() == ErrorKind::Timeout
        || matches!(
            error.db().map(|db| &db.error),
            Some(
                DbError::WriteTimeout { .. } | DbError::CasWriteUnknown { .. } | DbError::WriteFailure { .. }
            )
        )
}

/// Whether the server refused a statement for what it says.
fn is_refused(error: &Error) -> bool {
    matches!(error.db().map(|db| &db.error), Some(DbError::Invalid | DbError::SyntaxError))
}

/// F112: of those who insert one row if it is not there one does, and of those who count up one number each does its part.
pub(crate) async fn lightweight_transactions_on_one_key_happen_one_after_the_other(
    session: &Session,
) -> Outcome {
    session.query("CREATE TABLE claims (k int PRIMARY KEY, owner uuid)", ()).await?;
    session.query("CREATE TABLE steps (k int PRIMARY KEY, n int, log list<uuid>)", ()).await?;
    let claim = session.prepare("INSERT INTO claims (k, owner) VALUES (?, ?) IF NOT EXISTS").await?;
    let claims = (0..16).map(|_| async {
        let id = Uuid::new_v4();
        (id, session.execute(&claim, (1, id)).await.and_then(|result| result.was_applied()))
    });
    let claims = join_all(claims).await;
    let owner = Statement::new("SELECT owner FROM claims WHERE k = 1").consistency(Consistency::Serial);
    let (owner,) = session.query(owner, ()).await?.single_row::<(Uuid,)>()?;
    for (id, applied) in &claims {
        match applied {
            Ok(applied) => assert_eq!(*applied, *id == owner, "{id}"),
            Err(error) => assert!(is_unknown(error), "{error}"),
        }
    }

    session.query("INSERT INTO steps (k, n) VALUES (1, 0) IF NOT EXISTS", ()).await?;
    let step = session
        .prepare("UPDATE steps SET n = ?, log = log + ? WHERE k = 1 IF n = ?")
        .await?
        .serial_consistency(SerialConsistency::Serial);
    let look =
        session.prepare("SELECT n, log FROM steps WHERE k = 1").await?.consistency(Consistency::Serial);
    let walkers = (0..4).map(|_| async {
        let (mut applied, mut refused) = (Vec::new(), Vec::new());
        while applied.len() < 5 {
            let (n, _) = match session.execute(&look, ()).await {
                Ok(result) => result.single_row::<(i32, Option<Vec<Uuid>>)>()?,
                Err(error)
                    if is_unknown(&error)
                        || matches!(error.db().map(|db| &db.error), Some(DbError::ReadTimeout { .. })) =>
                {
                    continue;
                }
                Err(error) => return Err(error),
            };
            let id = Uuid::new_v4();
            match session.execute(&step, (n + 1, vec![id], n)).await {
                Ok(result) if result.was_applied()? => applied.push(id),
                Ok(_) => refused.push(id),
                Err(error) if is_unknown(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok((applied, refused))
    });
    let walkers: Vec<(Vec<Uuid>, Vec<Uuid>)> =
        join_all(walkers).await.into_iter().collect::<Result<_, _>>()?;
    let (n, log) = session.execute(&look, ()).await?.single_row::<(i32, Vec<Uuid>)>()?;
    let distinct: HashSet<Uuid> = log.iter().copied().collect();
    assert_eq!((distinct.len(), log.len()), (log.len(), usize::try_from(n)?), "each step was made once");
    for (applied, refused) in walkers {
        assert!(applied.iter().all(|id| distinct.contains(id)), "what was applied is there");
        assert!(!refused.iter().any(|id| distinct.contains(id)), "what was not applied is not");
    }
    Ok(())
}

/// F112: whoever adds to a counter at the same time, the sum is right.
pub(crate) async fn counters_add_up_whoever_counts(session: &Session) -> Outcome {
    session.query("CREATE TABLE counts (k int PRIMARY KEY, n counter)", ()).await?;
    let add = session.prepare("UPDATE counts SET n = n + ? WHERE k = 1").await?;
    let sums = (1..=8_i64).map(|caller| {
        let (session, add) = (session.clone(), add.clone());
        async move {
            for turn in 0..40_i64 {
                session.execute(&add, (if turn % 4 == 3 { -caller } else { caller },)).await?;
            }
            Ok::<i64, Error>(20 * caller)
        }
    });
    let expected: i64 = join_all(sums).await.into_iter().collect::<Result<Vec<_>, _>>()?.iter().sum();
    let mut together = Batch::counter();
    together.bind(&add, (5_i64,))?.bind(&add, (7_i64,))?;
    session.batch(&together).await?;
    let read = Statement::new("SELECT n FROM counts WHERE k = 1").consistency(Consistency::All);
    let (counted,) = session.query(read, ()).await?.single_row::<(chorus::CqlValue,)>()?;
    assert_eq!(counted.as_i64(), Some(expected + 12));
    Ok(())
}

/// F112: of writes with one timestamp a deletion wins, and else the greater value, in whatever order they come.
pub(crate) async fn ties_of_timestamps_have_one_outcome_in_any_order(session: &Session) -> Outcome {
    session.query("CREATE TABLE ties (k int PRIMARY KEY, a text, b int)", ()).await?;
    let insert = |k: i32, a: &str, b: i32| {
        format!("INSERT INTO ties (k, a, b) VALUES ({k}, '{a}', {b}) USING TIMESTAMP 7")
    };
    let delete = |k: i32| format!("DELETE FROM ties USING TIMESTAMP 7 WHERE k = {k}");
    let one = |k: i32| format!("DELETE a FROM ties USING TIMESTAMP 7 WHERE k = {k}");
    type Row = Option<(Option<&'static str>, i32)>;
    type Case<'c> = (&'c dyn Fn(i32) -> [String; 2], Row);
    let cases: [Case<'_>; 4] = [
        (&|k| [insert(k, "x", 1), insert(k, "y", 0)], Some((Some("y"), 1))),
        // As bytes a negative number is greater.
        (&|k| [insert(k, "", -1), insert(k, "a", 1)], Some((Some("a"), -1))),
        (&|k| [insert(k, "x", 1), delete(k)], None),
        (&|k| [insert(k, "x", 1), one(k)], Some((None, 1))),
    ];
    for (case, (statements, expected)) in cases.iter().enumerate() {
        for order in 0..4 {
            let k = i32::try_from(case * 10 + order)?;
            let mut statements = statements(k);
            if order % 2 == 1 {
                statements.reverse();
            }
            if order < 2 {
                let mut batch = Batch::logged();
                statements.into_iter().for_each(|text| {
                    batch.push(Statement::new(text));
                });
                session.batch(&batch).await?;
            } else {
                for text in statements {
                    session.query(text, ()).await?;
                }
            }
            let read = session.query("SELECT a, b FROM ties WHERE k = ?", (k,)).await?;
            let row = read.first_row::<(Option<String>, i32)>()?;
            let row = row.as_ref().map(|(a, b)| (a.as_deref(), *b));
            assert_eq!(row, *expected, "case {case}, order {order}");
        }
    }
    Ok(())
}

/// F113: every time there is can be written at, and what is none is refused.
pub(crate) async fn timestamps_reach_to_the_ends_of_time(session: &Session) -> Outcome {
    session.query("CREATE TABLE times (k int PRIMARY KEY, v text)", ()).await?;
    let insert = session.prepare("INSERT INTO times (k, v) VALUES (?, ?) USING TIMESTAMP ?").await?;
    let now = 1_800_000_000_000_000_i64;
    for (k, first, second, wins) in [
        (1, -5, 5, "second"),
        (2, 5, -5, "first"),
        (3, i64::MAX, now, "first"),
        (4, now, i64::MAX, "second"),
        (5, -i64::MAX, -5, "second"),
        (6, 0, -1, "first"),
    ] {
        session.execute(&insert, (k, "first", first)).await?;
        session.execute(&insert, (k, "second", second)).await?;
        let read = session.query("SELECT v, writetime(v) FROM times WHERE k = ?", (k,)).await?;
        let expected = (wins, if wins == "first" { first } else { second });
        assert_eq!(read.single_row::<(&str, i64)>()?, expected, "key {k}");
    }
    // What was written at the end of time outlives every deletion but one at the same time.
    session.query("DELETE FROM times WHERE k = 3", ()).await?;
    assert_eq!(session.query("SELECT v FROM times WHERE k = 3", ()).await?.row_count(), 1);
    session.query(format!("DELETE FROM times USING TIMESTAMP {} WHERE k = 3", i64::MAX), ()).await?;
    assert_eq!(session.query("SELECT v FROM times WHERE k = 3", ()).await?.row_count(), 0);
    let error = session.execute(&insert, (9, "none", i64::MIN)).await.expect_err("there is no such time");
    assert!(is_refused(&error), "{error}");
    // The protocol's own timestamp cannot be negative: that is told before anything is sent.
    let plain = session.prepare("INSERT INTO times (k, v) VALUES (?, ?)").await?;
    assert!(session.execute(&plain.clone().timestamp(-1), (10, "none")).await.is_err());
    session.execute(&plain.timestamp(i64::MAX), (10, "last")).await?;
    let read = session.query("SELECT writetime(v) FROM times WHERE k = 10", ()).await?;
    assert_eq!(read.single_row::<(i64,)>()?.0, i64::MAX);
    Ok(())
}

/// F113: values live as long as they are given, from one second to twenty years, and no other time is taken.
pub(crate) async fn times_to_live_have_edges(session: &Session) -> Outcome {
    const MOST: i32 = 630_720_000;
    session.query("CREATE TABLE lives (k int PRIMARY KEY, v text)", ()).await?;
    let insert = session.prepare("INSERT INTO lives (k, v) VALUES (?, 'x') USING TTL ?").await?;
    for wrong in [-1, i32::MIN, MOST + 1, i32::MAX] {
        let error = session.execute(&insert, (0, wrong)).await.expect_err("no such time");
        assert!(is_refused(&error), "{wrong}: {error}");
    }
    assert_eq!(session.query("SELECT k FROM lives", ()).await?.row_count(), 0, "nothing was stored");
    session.execute(&insert, (1, 0)).await?;
    session.execute(&insert, (2, MaybeUnset::<i32>::Unset)).await?;
    // Servers that write files as Cassandra 4 did cannot tell times beyond January 2038, and say so.
    let longest = match session.execute(&insert, (3, MOST)).await {
        Ok(_) => MOST,
        Err(error) if is_refused(&error) && error.to_string().contains("2038") => {
            session.execute(&insert, (3, MOST / 2)).await?;
            MOST / 2
        }
        Err(error) => return Err(error.into()),
    };
    let began = Instant::now();
    session.execute(&insert, (4, 1)).await?;
    let left = async |k: i32| -> Result<Option<Option<i32>>, Error> {
        let read = session.query("SELECT ttl(v) FROM lives WHERE k = ?", (k,)).await?;
        Ok(read.first_row::<(Option<i32>,)>()?.map(|(left,)| left))
    };
    assert_eq!((left(1).await?, left(2).await?), (Some(None), Some(None)), "for ever");
    let rest = left(3).await?.flatten().expect("it ends");
    assert!((longest - 30..=longest).contains(&rest), "{rest} of {longest}");
    while let Some(left) = left(4).await? {
        assert!(left.is_some_and(|left| (0..=1).contains(&left)), "{left:?}");
        assert!(began.elapsed() < Duration::from_secs(10), "it should be gone");
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    // A shorter life ends an older, longer one with it, when it was written later.
    session.execute(&insert, (5, 600)).await?;
    session.execute(&insert, (5, 1)).await?;
    let began = Instant::now();
    while left(5).await?.is_some() {
        assert!(began.elapsed() < Duration::from_secs(10), "it should be gone");
    }
    Ok(())
}

/// F115: reads and writes go on while columns and tables come and go, and every change is told.
pub(crate) async fn the_schema_changes_while_requests_run(session: &Session, keyspace: &str) -> Outcome {
    session.query("CREATE TABLE busy (k int PRIMARY KEY, v text)", ()).await?;
    let version = async || -> Result<Uuid, Error> {
        session
            .query("SELECT schema_version FROM system.local", ())
            .await?
            .single_row::<(Uuid,)>()
            .map(|row| row.0)
    };
    let before = version().await?;
    let insert = session.prepare("INSERT INTO busy (k, v) VALUES (?, ?)").await?.idempotent(true);
    let select = session.prepare("SELECT * FROM busy").await?.page_size(50).idempotent(true);
    let mut events = Box::pin(session.events());
    let over = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let requests = (0..4).map(|caller| {
        let (session, insert, select, over) = (session.clone(), insert.clone(), select.clone(), over.clone());
        async move {
            let (mut writes, mut scans) = (0, 0);
            while !over.load(std::sync::atomic::Ordering::Relaxed) || scans < 3 {
                session.execute(&insert, (writes % 500 + caller * 1_000, "v")).await?;
                writes += 1;
                if writes % 20 == 0 {
                    let mut rows = session.execute_iter(&select, ()).await?.rows::<chorus::Row>()?;
                    while let Some(row) = rows.next().await {
                        row?;
                    }
                    scans += 1;
                }
            }
            Ok::<_, Error>((writes, scans))
        }
    });
    let changes = async {
        for round in 0..5 {
            for text in [
                format!("ALTER TABLE busy ADD more{round} int"),
                format!("CREATE TABLE beside{round} (k int PRIMARY KEY)"),
                format!("DROP TABLE beside{round}"),
            ] {
                session.query(text, ()).await?;
            }
        }
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        Ok::<_, Error>(())
    };
    let (requests, changes) = futures::future::join(join_all(requests), changes).await;
    changes?;
    for outcome in requests {
        let (writes, scans) = outcome?;
        assert!(writes > 0 && scans >= 3);
    }
    assert_ne!(version().await?, before);
    let table = &session.state().keyspaces[keyspace].tables["busy"];
    assert_eq!(table.columns.len(), 7, "{:?}", table.columns);
    assert_eq!(
        session.state().keyspaces[keyspace].tables.keys().filter(|name| name.starts_with("beside")).count(),
        0
    );
    // Changes that were read together are told as one, and the last of them is told.
    let told = async {
        let last = "column more4";
        loop {
            match events.next().await {
                Some(ClusterEvent::Schema(difference)) if difference.to_string().contains("busy") => {
                    let state = session.state();
                    if state.keyspaces[keyspace].tables["busy"].column("more4").is_some() {
                        return last;
                    }
                }
                Some(_) => {}
                None => panic!("the session has ended"),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), told).await?;
    Ok(())
}

/// F115: a table that is dropped under a scan ends the scan with an error, and nothing else.
pub(crate) async fn a_table_dropped_under_a_scan_ends_the_scan(session: &Session) -> Outcome {
    session.query("CREATE TABLE doomed (k int PRIMARY KEY, v text)", ()).await?;
    let insert = session.prepare("INSERT INTO doomed (k, v) VALUES (?, 'v')").await?;
    session.execute_concurrent_with_args(&insert, (0..2_000).map(|k| (k,))).run().await?;
    let select = session.prepare("SELECT k, v FROM doomed").await?.page_size(10);
    let mut rows = session.execute_iter(&select, ()).await?.rows::<(i32, String)>()?;
    for _ in 0..15 {
        rows.next().await.expect("there are more")?;
    }
    session.query("DROP TABLE doomed", ()).await?;
    let mut read = 15;
    let error = loop {
        match rows.next().await {
            Some(Ok(_)) => read += 1,
            Some(Err(error)) => break error,
            None => panic!("the scan ended as if the table had {read} rows"),
        }
    };
    assert!(read < 2_000 && error.db().is_some(), "{read} rows, then {error:?}");
    assert!(session.execute(&insert, (1,)).await.is_err(), "the table is gone");
    session.query("SELECT key FROM system.local", ()).await?;
    session.query("CREATE TABLE doomed (k int PRIMARY KEY, v text)", ()).await?;
    session.execute(&insert, (1,)).await?;
    let read = session.query("SELECT v FROM doomed", ()).await?;
    assert_eq!(read.single_row::<(&str,)>()?.0, "v");
    Ok(())
}
