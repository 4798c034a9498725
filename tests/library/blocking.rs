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

#[test]
fn blocking_methods_work_on_a_thread_of_any_runtime_from_connecting_to_shutdown() {
    let bare = tokio::runtime::Builder::new_current_thread().build().expect("one without timers and sockets");
    let full = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    for runtime in [bare, full.expect("a runtime")] {
        runtime.block_on(async {
            let (_cluster, session) = session();
            let insert = session.prepare("INSERT INTO numbers (id, value) VALUES (?, ?)").expect("prepared");
            session.execute(&insert, (1, 1)).expect("written");
            session.bulk_insert(&insert, (0..100).map(|id| (id, id))).expect("written");
            session.refresh_schema().expect("read");
            session.metrics().expect("open");
            assert!(session.shutdown(Duration::from_secs(5)).is_clean());
        });
    }
}

#[test]
fn pages_news_traces_and_rows_put_in_one_by_one_are_waited_for() {
    let (cluster, session) = session();
    let insert = session.prepare("INSERT INTO numbers (id, value) VALUES (?, ?)").expect("prepared");
    let mut sink = session.bulk(&insert).concurrency(4).sink().expect("valid");
    (0..10).for_each(|id| sink.send((id, id)).expect("written"));
    sink.flush().expect("written");
    assert_eq!((sink.under_way(), sink.report().written), (0, 10));
    assert_eq!(sink.finish().expect("written").written, 10);

    let select = session.prepare("SELECT id FROM numbers").expect("prepared").page_size(4).tracing(true);
    let first = session.execute_page(&select, (), None).expect("read");
    let second = session.execute_page(&select, (), first.paging_state()).expect("read");
    assert_eq!((first.row_count(), second.row_count()), (4, 4));
    let mut rows =
        session.run_iter(select.bind(()).expect("fits")).expect("read").rows::<(i32,)>().expect("ints");
    assert_eq!(rows.by_ref().count(), 10);
    assert_eq!((rows.tracing_ids().len(), rows.columns().len()), (3, 1));
    let id = first.tracing_id().expect("traced");
    assert!(session.trace_with(id, chorus::TraceOptions::new()).expect("it is there").is_complete());

    let mut events = session.events();
    assert!(events.try_next().is_none());
    session.query("CREATE TABLE ks.news (id int PRIMARY KEY)", ()).expect("created");
    let heard = events.next().expect("the session lives");
    assert!(matches!(heard, chorus::ClusterEvent::Schema(_)), "{heard:?}");
    assert!(session.await_schema_agreement().expect("asked"));
    assert_eq!((session.keyspace().as_deref(), session.profile_names().len()), (Some("ks"), 1));
    session.shutdown(Duration::from_secs(5));
    assert!(events.by_ref().last().is_none_or(|event| !matches!(event, chorus::ClusterEvent::Missed(_))));

    let builder = chorus::Session::builder().contact_points(cluster.addresses());
    let cluster = chorus::blocking::Cluster::new(builder).expect("valid");
    let session = cluster.connect_to("ks").expect("connects");
    assert_eq!(session.query("SELECT id FROM numbers", ()).expect("read").row_count(), 10);
    cluster.connect().expect("connects").query("SELECT id FROM ks.numbers", ()).expect("read");
}
