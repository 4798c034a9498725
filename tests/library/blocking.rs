//! A program without a runtime.

use std::time::Duration;

use chorus::blocking::Session;
use chorus::{ErrorKind, Placement};
use chorus_node::EmbeddedCluster;

use crate::stage::{KEYSPACE, NUMBERS};

fn session() -> (EmbeddedCluster, Session) {
    let cluster = EmbeddedCluster::start(1).expect("the node starts");
    let session = Session::connect(chorus::Session::builder().contact_points(cluster.addresses()))
        .expect("the node is reachable");
    session.query(KEYSPACE, ()).expect("created");
    session.query(NUMBERS, ()).expect("created");
    session.use_keyspace("ks").expect("exists");
    (cluster, session)
}

#[test]
fn everything_works_without_a_runtime() {
    let (cluster, session) = session();
    let insert = session.prepare("INSERT INTO numbers (id, value) VALUES (?, ?)").expect("prepared");
    session.execute(&insert, (0, 0)).expect("written");
    let mut batch = chorus::Batch::unlogged();
    batch.bind(&insert, (1, 1)).expect("fits");
    session.batch(&batch).expect("applied");
    let written = session.execute_concurrent_with_args(&insert, (2..100).map(|id| (id, id))).run();
    assert_eq!(written.expect("all written").len(), 98);
    let report = session.bulk_insert(&insert, (100..200).map(|id| (id, id))).expect("all written");
    assert_eq!(report.written, 100);

    let select = session.prepare("SELECT id, value FROM numbers").expect("prepared").page_size(30);
    let rows =
        session.execute_iter(&select, ()).expect("the first page").rows::<(i32, i32)>().expect("two ints");
    assert_eq!(rows.map(|row| row.expect("reads").0).sum::<i32>(), (0..200).sum::<i32>());
    assert_eq!(session.execute_iter(&select, ()).expect("the first page").count(), 7, "pages");

    let keys = (0..10).map(|id| (id,));
    let by_key = session.prepare("SELECT value FROM numbers WHERE id = ?").expect("prepared");
    let results = session.execute_concurrent_with_args(&by_key, keys).concurrency(3).iter().expect("valid");
    let values: Vec<i32> =
        results.map(|result| result.expect("read").1.single_row::<(i32,)>().expect("one row").0).collect();
    assert_eq!(values, (0..10).collect::<Vec<_>>());

    assert!(session.metrics().expect("open").requests_total() > 200);
    assert!(session.state().table("ks", "numbers").is_some());
    let report = session.shutdown(Duration::from_secs(5));
    assert!(report.is_clean(), "{report:?}");
    while cluster.connections(0) > 0 {
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(
        session.query("SELECT id FROM numbers", ()).expect_err("closed").kind(),
        ErrorKind::SessionClosed
    );
}

#[test]
fn threads_share_a_session() {
    let (_cluster, session) = session();
    let insert = session.prepare("INSERT INTO numbers (id, value) VALUES (?, ?)").expect("prepared");
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (session, insert) = (session.clone(), &insert);
            scope.spawn(move || {
                for n in 0..50 {
                    session.execute(insert, (thread * 50 + n, n)).expect("written");
                }
            });
        }
    });
    let count = session.query("SELECT count(*) FROM numbers", ()).expect("counted");
    assert_eq!(count.single_row::<(i64,)>().expect("one row"), (400,));
}

#[test]
fn placement_on_a_runtime_that_is_not_there_is_refused() {
    for placement in [Placement::Local, Placement::Hosted] {
        let builder = chorus::Session::builder().contact_point("127.0.0.1").placement(placement);
        assert_eq!(Session::connect(builder).expect_err("no runtime").kind(), ErrorKind::Config);
    }
}

#[test]
fn session_works_inside_a_runtime_as_well() {
    let (_cluster, session) = session();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        session.as_async().query("SELECT id FROM numbers", ()).await.expect("read");
    });
}
