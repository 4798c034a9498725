//! Callers that leave: at every moment at which a future can be dropped.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use chorus::{Batch, Error, Session};
use futures::future::BoxFuture;
use futures::{FutureExt, TryStreamExt};
use tokio::runtime::Handle;

use crate::stage::{Stage, eventually};

/// Polls a future at most so often, and drops it where it waits then.
struct Impatient<'f, T> {
    future: BoxFuture<'f, T>,
    polls: usize,
}

impl<T> Future for Impatient<'_, T> {
    /// `None` when it was given up.
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        if self.polls == 0 {
            return Poll::Ready(None);
        }
        self.polls -= 1;
        match self.future.as_mut().poll(cx) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending if self.polls == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// Leaves a call at its first await point, at its second and so on, until it comes to its end. How many there were.
async fn leave_everywhere<T>(
    what: &str,
    mut call: impl FnMut(usize) -> BoxFuture<'static, Result<T, Error>>,
) -> usize {
    for polls in 0..1_000 {
        let impatient = Impatient { future: call(polls), polls };
        match tokio::time::timeout(Duration::from_secs(20), impatient).await {
            Ok(None) => {}
            Ok(Some(Ok(_))) => return polls,
            Ok(Some(Err(error))) => panic!("{what}, polled {polls} times: {error}"),
            Err(_) => panic!("{what} hangs when it is polled more than {polls} times"),
        }
    }
    panic!("{what} never ends");
}

/// What must be as it was: requests in flight and queued, connections, actors, tasks.
async fn census(session: &Session) -> (u64, u64, u64, Vec<(&'static str, u64)>, usize) {
    let metrics = session.metrics().await.expect("metrics");
    let queued = metrics.actors.iter().map(|actor| actor.queue_depth).sum();
    let actors = metrics.actors.iter().map(|actor| (actor.actor, actor.alive)).collect();
    let tasks = Handle::current().metrics().num_alive_tasks();
    (metrics.in_flight, queued, metrics.connections, actors, tasks)
}

/// Waits until the nodes have noticed that those who laid everything out and prepared statements have left: of the session of the
/// stage there are the control connection and one to each node.
async fn settled(stage: &Stage) {
    let connections = || stage.cluster.connections(0) + stage.cluster.connections(1);
    eventually("only the session of the stage is connected", async || connections() == 3).await;
}

#[tokio::test]
async fn f81_a_call_may_be_dropped_at_every_await_point() {
    let stage = Stage::of(2).await;
    let session = &stage.session;
    let insert = stage.prepare("INSERT INTO ks.numbers (id, value) VALUES (?, ?)").await.idempotent(true);
    let select = stage.prepare("SELECT id, value FROM ks.numbers").await.page_size(5);
    session.bulk(&insert).load((0..40).map(|id| (id, id))).await.expect("written");
    settled(&stage).await;
    let before = census(session).await;
    assert_eq!((before.0, before.1), (0, 0));
    // Each of a clone of its own, so that nothing but the call keeps anything alive.
    let with = |call: fn(Session, usize) -> BoxFuture<'static, Result<(), Error>>| {
        let session = session.clone();
        move |polls| call(session.clone(), polls)
    };
    let mut points = Vec::new();
    let mut note = |what: &'static str, count: usize| points.push((what, count));

    let (one, statement) = (session.clone(), insert.clone());
    let call = move |_| {
        let (session, statement) = (one.clone(), statement.clone());
        async move { session.execute(&statement, (1, 1)).await }.boxed()
    };
    note("execute", leave_everywhere("execute", call).await);
    let text = |session: Session, _| {
        async move { session.query("SELECT key FROM system.local", ()).await.map(drop) }.boxed()
    };
    note("text", leave_everywhere("text", with(text)).await);
    let valued = |session: Session, polls| {
        // Another text each time, which has to be prepared.
        let cql = format!("SELECT value FROM ks.numbers WHERE id = ? AND value >= {polls} ALLOW FILTERING");
        async move { session.query(cql, (1,)).await.map(drop) }.boxed()
    };
    note("text with values", leave_everywhere("text with values", with(valued)).await);
    let prepare = |session: Session, polls| {
        let cql = format!("SELECT value FROM ks.numbers WHERE id = ? AND value = {polls} ALLOW FILTERING");
        async move { session.prepare(cql).await.map(drop) }.boxed()
    };
    note("prepare", leave_everywhere("prepare", with(prepare)).await);
    let (one, statement) = (session.clone(), insert.clone());
    let call = move |_| {
        let (session, mut batch) = (one.clone(), Batch::logged());
        batch.bind(&statement, (1, 1)).expect("two ints");
        batch.push("UPDATE ks.numbers SET value = 2 WHERE id = 2");
        async move { session.batch(&batch).await }.boxed()
    };
    note("batch", leave_everywhere("batch", call).await);
    let (one, statement) = (session.clone(), select.clone());
    let call = move |_| {
        let (session, statement) = (one.clone(), statement.clone());
        let pages = async move {
            let rows = session.execute_iter(&statement, ()).await?.rows::<(i32, Option<i32>)>()?;
            let rows: Vec<_> = rows.try_collect().await?;
            assert_eq!(rows.len(), 40);
            Ok(())
        };
        pages.boxed()
    };
    note("pages", leave_everywhere("pages", call).await);
    let (one, statement) = (session.clone(), insert.clone());
    let call = move |_| {
        one.execute_concurrent_with_args(&statement, (0..40).map(|id| (id, id))).concurrency(4).run().boxed()
    };
    note("many", leave_everywhere("many", call).await);
    let (one, statement) = (session.clone(), insert.clone());
    let call = move |_| one.bulk(&statement).concurrency(4).load((0..40).map(|id| (id, id))).boxed();
    note("bulk", leave_everywhere("bulk", call).await);
    let keyspace = |session: Session, _| async move { session.use_keyspace("ks").await }.boxed();
    note("keyspace", leave_everywhere("keyspace", with(keyspace)).await);
    let schema = |session: Session, _| async move { session.refresh_schema().await }.boxed();
    note("schema", leave_everywhere("schema", with(schema)).await);
    let topology = |session: Session, _| async move { session.refresh_topology().await }.boxed();
    note("topology", leave_everywhere("topology", with(topology)).await);
    let ddl = |session: Session, polls| {
        let cql = format!("CREATE TABLE ks.extra_{polls} (id int PRIMARY KEY)");
        async move { session.query(cql, ()).await.map(drop) }.boxed()
    };
    note("schema change", leave_everywhere("schema change", with(ddl)).await);

    assert!(points.iter().all(|(_, count)| *count >= 2), "each waits at least once: {points:?}");
    eventually("nothing is left of any of them", async || census(session).await == before).await;
    for id in 0..200 {
        session.execute(&insert, (id, id)).await.expect("the session is as good as new");
    }
    assert_eq!(census(session).await, before);
}

#[tokio::test]
async fn f81_opening_and_closing_a_session_may_be_dropped_at_every_await_point() {
    let stage = Stage::of(2).await;
    let connections = || stage.cluster.connections(0) + stage.cluster.connections(1);
    settled(&stage).await;
    let (before, tasks) = (connections(), Handle::current().metrics().num_alive_tasks());
    let nothing_is_left = async || {
        eventually("nothing is left of the sessions", async || connections() == before).await;
        eventually("no task is left", async || Handle::current().metrics().num_alive_tasks() == tasks).await;
    };
    for threads in [None, Some(2)] {
        let addresses = stage.cluster.addresses();
        let open = move |_| {
            let builder = Session::builder().contact_points(addresses.clone());
            let builder = if let Some(threads) = threads { builder.reactors(threads) } else { builder };
            builder.connect().boxed()
        };
        assert!(leave_everywhere("connect", open).await >= 2);
        nothing_is_left().await;
        let addresses = stage.cluster.addresses();
        let close = move |_| {
            let builder = Session::builder().contact_points(addresses.clone());
            let builder = if let Some(threads) = threads { builder.reactors(threads) } else { builder };
            async move {
                let session = builder.connect().await?;
                session.shutdown(Duration::from_secs(5)).await;
                Ok(())
            }
            .boxed()
        };
        assert!(leave_everywhere("shutdown", close).await >= 2);
        nothing_is_left().await;
    }
}
