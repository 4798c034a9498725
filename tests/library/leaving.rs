//! Nodes that leave in good order, and nodes that do nothing but refuse.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chorus::policy::ConstantReconnection;
use chorus::{DbError, ErrorKind, PreparedStatement, Session, SessionBuilder};
use chorus_node::{EmbeddedCluster, Fault, Requests};

use crate::schema::eventually;
use crate::stage::Stage;

/// Writers with one request under way each. Every other one writes with a statement that must not be executed twice.
const WRITERS: i32 = 64;

/// Writers that go on until they are told to stop, and what they have met.
struct Load {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    failures: tokio::sync::mpsc::UnboundedReceiver<String>,
    writers: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    fn start(session: &Session, insert: &PreparedStatement) -> Self {
        let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (failed, failures) = tokio::sync::mpsc::unbounded_channel();
        let writers = (0..WRITERS)
            .map(|number| {
                let (session, failed) = (session.clone(), failed.clone());
                let insert = insert.clone().idempotent(number % 2 == 0);
                let (stop, done) = (Arc::clone(&stop), Arc::clone(&done));
                tokio::spawn(async move {
                    while !stop.load(Ordering::Relaxed) {
                        match session.execute(&insert, (number, number)).await {
                            Ok(_) => _ = done.fetch_add(1, Ordering::Relaxed),
                            Err(error) => _ = failed.send(format!("{error:?}")),
                        }
                    }
                })
            })
            .collect();
        Self { stop, done, failures, writers }
    }

    /// Lets it go on until so many more requests have succeeded.
    async fn go_on_for(&self, requests: u64) {
        let until = self.done.load(Ordering::Relaxed) + requests;
        eventually("the load goes on", || self.done.load(Ordering::Relaxed) >= until).await;
    }

    /// Ends it; the failures, at most a few of them in words.
    async fn end(mut self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        for writer in self.writers {
            writer.await.expect("no writer panics");
        }
        let mut failures = Vec::new();
        while let Ok(failure) = self.failures.try_recv() {
            failures.push(failure);
        }
        failures
    }
}

async fn session_for(
    cluster: &EmbeddedCluster,
    configure: impl FnOnce(SessionBuilder) -> SessionBuilder,
) -> Session {
    let builder = Session::builder().contact_points(cluster.addresses()).wait_for_all_hosts(true);
    let builder =
        builder.keyspace("ks").reconnection(Arc::new(ConstantReconnection::new(Duration::from_millis(100))));
    configure(builder).connect().await.expect("the nodes are reachable")
}

fn hosts_up(session: &Session) -> usize {
    session.state().route.hosts().iter().filter(|host| host.up).count()
}

/// Restarts each node of three in good order under load.
async fn restart_one_after_the_other(configure: impl FnOnce(SessionBuilder) -> SessionBuilder) {
    let stage = Stage::of(3).await;
    let session = session_for(&stage.cluster, configure).await;
    let insert =
        session.prepare("INSERT INTO numbers (id, value) VALUES (?, ?)").await.expect("the table exists");
    let load = Load::start(&session, &insert);
    for node in 0..3 {
        load.go_on_for(1_000).await;
        let drained = Instant::now();
        stage.cluster.drain_node(node);
        eventually("the host is left alone", || hosts_up(&session) == 2).await;
        load.go_on_for(1_000).await;
        // What was under way at that time, a few requests of each connection's own, and probes: each reactor has one every
        // tenth of a second, however many requests there are in it.
        let probes = || 2 * (drained.elapsed().as_millis() as u64 / 100 + 1);
        let turned_away = stage.cluster.turned_away(node);
        assert!(turned_away > 0 && turned_away < 2 * WRITERS as u64 + 20 + probes(), "{turned_away}");
        load.go_on_for(5_000).await;
        let more = stage.cluster.turned_away(node) - turned_away;
        assert!(more < 60 + probes(), "{more} requests to a host that was known to serve nobody");
        stage.cluster.stop_node(node);
        load.go_on_for(1_000).await;
        stage.cluster.start_node(node).expect("its address is free");
        eventually("the host is back", || hosts_up(&session) == 3).await;
    }
    load.go_on_for(1_000).await;
    assert_eq!(load.end().await, Vec::<String>::new());
}

#[tokio::test]
async fn nodes_restarted_in_good_order_under_load_cost_no_request() {
    restart_one_after_the_other(|builder| builder).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_where_there_are_several_reactors() {
    restart_one_after_the_other(|builder| builder.reactors(2)).await;
}

#[tokio::test]
async fn a_host_that_leaves_counts_as_up_again_only_when_it_serves() {
    let stage = Stage::of(2).await;
    let session = session_for(&stage.cluster, |builder| builder).await;
    stage.cluster.drain_node(1);
    eventually("somebody is refused", || {
        let session = session.clone();
        tokio::spawn(async move { session.query("SELECT id FROM numbers", ()).await });
        stage.cluster.turned_away(1) > 0
    })
    .await;
    eventually("the host is left alone", || hosts_up(&session) == 1).await;
    // It lets us in again and again meanwhile, and is asked each time.
    let refused = stage.cluster.turned_away(1);
    let mut events = session.events();
    eventually("it is probed", || stage.cluster.turned_away(1) > refused + 3).await;
    let news: Vec<_> = std::iter::from_fn(|| events.try_next()).collect();
    assert_eq!(news, [], "nothing has changed");
    for _ in 0..20 {
        session.query("SELECT id FROM numbers", ()).await.expect("the other one serves");
    }
    stage.cluster.stop_node(1);
    stage.cluster.start_node(1).expect("its address is free");
    eventually("the host is back", || hosts_up(&session) == 2).await;
}

#[tokio::test]
async fn the_only_host_says_why_it_serves_nobody_and_is_found_again() {
    let stage = Stage::with_numbers().await;
    let session = session_for(&stage.cluster, |builder| builder).await;
    stage.cluster.drain_node(0);
    let error = session.query("SELECT id FROM numbers", ()).await.expect_err("it leaves");
    assert_eq!(error.kind(), ErrorKind::NoHostAvailable, "{error}");
    assert!(format!("{error:?}").contains("Server is shutting down"), "{error:?}");
    stage.cluster.stop_node(0);
    stage.cluster.start_node(0).expect("its address is free");
    eventually("the host is back", || hosts_up(&session) == 1).await;
    session.query("SELECT id FROM numbers", ()).await.expect("it serves");
}

#[tokio::test]
async fn a_host_that_does_nothing_but_refuse_gets_little_and_costs_no_request() {
    let stage = Stage::of(3).await;
    let session = session_for(&stage.cluster, |builder| builder).await;
    let insert =
        session.prepare("INSERT INTO numbers (id, value) VALUES (?, ?)").await.expect("the table exists");
    let insert = insert.idempotent(true);
    let busy = Fault::Error(DbError::Overloaded, "busy".to_owned());
    let rule = stage.cluster.faults().add(Requests::containing("INSERT").on_node(1), busy);
    for _ in 0..40 {
        let wave = (0..20).map(|id| session.execute(&insert, (id, id)));
        for outcome in futures::future::join_all(wave).await {
            outcome.expect("two of three serve");
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let refused = stage.cluster.faults().fired(rule).expect("it is there");
    // A third of eight hundred, if nobody learned from it.
    assert!(refused > 0 && refused < 160, "{refused} of 800 were sent to a host that refuses");
    assert_eq!(hosts_up(&session), 3, "it is busy, and not gone");
}
