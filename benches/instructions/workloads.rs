//! What is counted.

use std::future::Future;
use std::hint::black_box;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chorus::{PreparedStatement, Session};
use futures::future::join_all;
use tokio::sync::Semaphore;

use crate::in_memory::{InMemory, PAYLOAD};

/// Hands over what is to be counted.
type Measure<'a> = &'a mut dyn FnMut(&mut dyn FnMut());

/// Something done many times.
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    /// How often, unless told otherwise: enough that what happens once does not show.
    pub(crate) times: u64,
    pub(crate) run: fn(u64, Measure<'_>),
}

pub(crate) const WORKLOADS: &[Workload] = &[
    Workload { name: "request@1", times: 10_000, run: |times, measure| inserts(1, times, measure) },
    Workload { name: "request@64", times: 64 * 500, run: |times, measure| inserts(64, times, measure) },
    Workload { name: "request@1024", times: 1024 * 100, run: |times, measure| inserts(1024, times, measure) },
    Workload { name: "read@64", times: 64 * 300, run: |times, measure| reads(64, times, measure) },
    Workload { name: "concurrent_row", times: 100_000, run: concurrent_rows },
    Workload { name: "bulk_row", times: 200_000, run: bulk_rows },
];

/// Callers with one insert each at a time, from the caller's values to its answer.
fn inserts(callers: u64, times: u64, measure: Measure<'_>) {
    let scene = InMemory::connect();
    crowd(&scene, callers, times, measure, &scene.insert, |session, insert, ids| async move {
        for id in ids {
            session.execute(&insert, (id, PAYLOAD.as_slice())).await.expect("the peer answers");
        }
    });
}

/// The same with a row that is read and decoded.
fn reads(callers: u64, times: u64, measure: Measure<'_>) {
    let scene = InMemory::connect();
    crowd(&scene, callers, times, measure, &scene.read, |session, read, ids| async move {
        for id in ids {
            let result = session.execute(&read, (id,)).await.expect("the peer answers");
            black_box(result.single_row::<(i64, &[u8])>().expect("one row of that type"));
        }
    });
}

/// Has so many callers make their share of requests. Callers are started, and all buffers have grown, before anything is
/// counted.
fn crowd<F>(
    scene: &InMemory,
    callers: u64,
    times: u64,
    measure: Measure<'_>,
    statement: &PreparedStatement,
    requests: impl Fn(Session, PreparedStatement, Range<i64>) -> F + Clone + Send + 'static,
) where
    F: Future<Output = ()> + Send,
{
    let (start, end) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let each = Arc::new(AtomicI64::new(0));
    for caller in 0..callers as i64 {
        let (session, statement, requests) = (scene.session.clone(), statement.clone(), requests.clone());
        let (start, end, each) = (Arc::clone(&start), Arc::clone(&end), Arc::clone(&each));
        scene.runtime.spawn(async move {
            while let Ok(begun) = start.acquire().await {
                begun.forget();
                let first = caller << 32;
                let ids = first..first + each.load(Ordering::Relaxed);
                requests(session.clone(), statement.clone(), ids).await;
                end.add_permits(1);
            }
        });
    }
    let phase = |requests: u64| {
        each.store((requests / callers) as i64, Ordering::Relaxed);
        start.add_permits(callers as usize);
        let all = scene.runtime.block_on(end.acquire_many(callers as u32)).expect("it is never closed");
        all.forget();
    };
    // As many at once as there will ever be, so that the pools have them.
    scene.runtime.block_on(join_all(
        (0..callers as i64).map(|id| requests(scene.session.clone(), statement.clone(), id..id + 1)),
    ));
    phase(20 * callers);
    measure(&mut || phase(times));
}

/// Inserts through the interface for many statements, results kept in order.
fn concurrent_rows(times: u64, measure: Measure<'_>) {
    let scene = InMemory::connect();
    let rows = |count: u64| {
        let rows = (0..count as i64).map(|id| (id, PAYLOAD.as_slice()));
        let all = scene.session.execute_concurrent_with_args(&scene.insert, rows).concurrency(1024).run();
        let results = scene.runtime.block_on(all).expect("the peer answers");
        assert_eq!(results.len() as u64, count);
    };
    rows(5_000);
    measure(&mut || rows(times));
}

/// Inserts through the interface for loading.
fn bulk_rows(times: u64, measure: Measure<'_>) {
    let scene = InMemory::connect();
    let rows = |count: u64| {
        let rows = (0..count as i64).map(|id| (id, PAYLOAD.as_slice()));
        let report = scene.runtime.block_on(scene.session.bulk(&scene.insert).load(rows));
        assert_eq!(report.expect("the peer answers").written, count);
    };
    rows(5_000);
    measure(&mut || rows(times));
}
