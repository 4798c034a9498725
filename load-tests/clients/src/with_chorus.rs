//! Chorus, in each place where its actors can run.

use std::sync::atomic::Ordering;
use std::time::Duration;

use chorus::{Placement, PreparedStatement, Session};

use crate::Failure;
use crate::measure::{AllocationCounter, Report, Started};
use crate::scenario::{Arguments, INSERT, PAGE, PAYLOAD, READ, Scenario};
use crate::workers::{self, Requests};

/// The actors on the caller's current-thread runtime.
pub(crate) fn local(
    arguments: &Arguments,
    allocations: Option<AllocationCounter>,
) -> Result<Report, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(Placement::Local, arguments, allocations))
}

/// The actors as a task of the caller's multi-thread runtime, which is where they are by default.
pub(crate) fn hosted(
    arguments: &Arguments,
    allocations: Option<AllocationCounter>,
) -> Result<Report, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let arguments = arguments.clone();
        // From a worker, as a service would: block_on runs on a thread of its own.
        tokio::spawn(async move { run(Placement::Hosted, &arguments, allocations).await }).await?
    })
}

/// The actors on a thread of their own.
pub(crate) fn dedicated(
    arguments: &Arguments,
    allocations: Option<AllocationCounter>,
) -> Result<Report, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let arguments = arguments.clone();
        tokio::spawn(async move { run(Placement::Dedicated { threads: 1 }, &arguments, allocations).await })
            .await?
    })
}

async fn run(
    placement: Placement,
    arguments: &Arguments,
    allocations: Option<AllocationCounter>,
) -> Result<Report, Failure> {
    let session = Session::builder()
        .contact_point(arguments.contact_point.as_str())
        .placement(placement)
        .connect()
        .await?;
    let insert = session.prepare(INSERT).await?;
    let read = session.prepare(READ).await?;
    let page = session.prepare(PAGE).await?;
    let chorus = Chorus { session, insert, read, page };
    if !matches!(arguments.scenario, Scenario::Concurrent | Scenario::Bulk) {
        return workers::run(chorus, arguments, allocations).await;
    }
    let warm_up = chorus.many(arguments.scenario, arguments.warm_up(), None).await?;
    let mut report = chorus.many(arguments.scenario, arguments.duration(), allocations).await?;
    report.all_operations += warm_up.operations;
    Ok(report)
}

struct Chorus {
    session: Session,
    insert: PreparedStatement,
    read: PreparedStatement,
    page: PreparedStatement,
}

/// Rows whose results are kept together.
const KEPT: i64 = 100_000;

impl Chorus {
    /// One phase of the interfaces for many statements.
    async fn many(
        &self,
        scenario: Scenario,
        duration: Duration,
        allocations: Option<AllocationCounter>,
    ) -> Result<Report, Failure> {
        let stop = workers::stop_after(duration);
        let started = Started::now(allocations);
        let mut operations = 0;
        if scenario == Scenario::Bulk {
            let rows =
                (0_i64..).take_while(|_| !stop.load(Ordering::Relaxed)).map(|id| (id, PAYLOAD.as_slice()));
            operations = self.session.bulk(&self.insert).load(rows).await?.written;
        } else {
            while !stop.load(Ordering::Relaxed) {
                let rows = (0..KEPT).map(|id| (id, PAYLOAD.as_slice()));
                let results = self
                    .session
                    .execute_concurrent_with_args(&self.insert, rows)
                    .concurrency(1024)
                    .run()
                    .await?;
                operations += results.len() as u64;
            }
        }
        Ok(started.finish(operations, Vec::new()))
    }
}

impl Requests for Chorus {
    async fn insert(&self, id: i64) -> Result<(), Failure> {
        self.session.execute(&self.insert, (id, PAYLOAD.as_slice())).await?;
        Ok(())
    }

    async fn read(&self, id: i64) -> Result<(), Failure> {
        let result = self.session.execute(&self.read, (id,)).await?;
        std::hint::black_box(result.single_row::<(i64, &[u8])>()?);
        Ok(())
    }

    async fn page(&self) -> Result<u64, Failure> {
        let result = self.session.execute(&self.page, ()).await?;
        let mut count = 0;
        for row in result.rows::<(i64, &[u8])>()? {
            std::hint::black_box(row?);
            count += 1;
        }
        Ok(count)
    }
}
