//! Whole requests, from the caller's values to its answer, and many at once.

use std::future::Future;
use std::hint::black_box;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chorus::Session;
use futures::future::join_all;
use tokio::sync::Semaphore;

use super::Subject;
use super::in_memory::{InMemory, PAYLOAD};

/// Callers with one insert each at a time.
pub(crate) fn inserts(callers: u64) -> Subject {
    let scene = InMemory::connect();
    let insert = scene.insert.clone();
    crowd(scene, callers, insert, |session, insert, ids| async move {
        for id in ids {
            session.execute(&insert, (id, PAYLOAD.as_slice())).await.expect("the peer answers");
        }
    })
}

/// The same with a row that is read and decoded.
pub(crate) fn reads(callers: u64) -> Subject {
    let scene = InMemory::connect();
    let read = scene.read.clone();
    crowd(scene, callers, read, |session, read, ids| async move {
        for id in ids {
            let result = session.execute(&read, (id,)).await.expect("the peer answers");
            black_box(result.single_row::<(i64, &[u8])>().expect("one row of that type"));
        }
    })
}

/// Inserts through the interface for many statements, results kept in order.
pub(crate) fn concurrent_rows() -> Subject {
    let scene = InMemory::connect();
    Box::new(move |times| {
        let rows = (0..times as i64).map(|id| (id, PAYLOAD.as_slice()));
        let all = scene.session.execute_concurrent_with_args(&scene.insert, rows).concurrency(1024).run();
        let results = scene.run(all).expect("the peer answers");
        assert_eq!(results.len() as u64, times);
    })
}

/// Inserts through the interface for loading.
pub(crate) fn bulk_rows() -> Subject {
    let scene = InMemory::connect();
    Box::new(move |times| {
        let rows = (0..times as i64).map(|id| (id, PAYLOAD.as_slice()));
        let report = scene.run(scene.session.bulk(&scene.insert).load(rows));
        assert_eq!(report.expect("the peer answers").written, times);
    })
}

/// Callers that share the requests asked for, each a task of its own. They are started here, and wait between one call and
/// the next, so that what is measured are requests only.
pub(super) fn crowd<S, F>(
    scene: InMemory,
    callers: u64,
    statement: S,
    requests: impl Fn(Session, S, Range<i64>) -> F + Clone + Send + 'static,
) -> Subject
where
    S: Clone + Send + 'static,
    F: Future<Output = ()> + Send,
{
    // As many at once as there will ever be, so that the pools have them.
    scene.run(join_all(
        (0..callers as i64).map(|id| requests(scene.session.clone(), statement.clone(), id..id + 1)),
    ));
    let (start, end) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let total = Arc::new(AtomicI64::new(0));
    for caller in 0..callers as i64 {
        let (session, statement, requests) = (scene.session.clone(), statement.clone(), requests.clone());
        let (start, end, total) = (Arc::clone(&start), Arc::clone(&end), Arc::clone(&total));
        scene.spawn(async move {
            while let Ok(begun) = start.acquire().await {
                begun.forget();
                let share = (total.load(Ordering::Relaxed) + caller) / callers as i64;
                let first = caller << 32;
                requests(session.clone(), statement.clone(), first..first + share).await;
                end.add_permits(1);
            }
        });
    }
    Box::new(move |times| {
        total.store(times as i64, Ordering::Relaxed);
        start.add_permits(callers as usize);
        let all = scene.run(end.acquire_many(callers as u32)).expect("it is never closed");
        all.forget();
    })
}
