//! The scylla crate, as it comes and at its best.

use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::statement::prepared::PreparedStatement;

use crate::Failure;
use crate::measure::{AllocationCounter, Report};
use crate::scenario::{Arguments, INSERT, PAGE, PAYLOAD, READ};
use crate::workers::{self, Requests};

/// Two worker threads, as a program on two cores has by default.
pub(crate) fn as_it_comes(
    arguments: &Arguments,
    allocations: Option<AllocationCounter>,
) -> Result<Report, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let builder = SessionBuilder::new().known_node(&arguments.contact_point);
    runtime.block_on(run(builder, arguments, allocations))
}

/// One thread and no timer a request; the binary brings the allocator.
pub(crate) fn tuned(
    arguments: &Arguments,
    allocations: Option<AllocationCounter>,
) -> Result<Report, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let profile = ExecutionProfile::builder().request_timeout(None).build();
    let builder = SessionBuilder::new()
        .known_node(&arguments.contact_point)
        .default_execution_profile_handle(profile.into_handle());
    runtime.block_on(run(builder, arguments, allocations))
}

async fn run(
    builder: SessionBuilder,
    arguments: &Arguments,
    allocations: Option<AllocationCounter>,
) -> Result<Report, Failure> {
    let session = builder.build().await?;
    let insert = session.prepare(INSERT).await?;
    let read = session.prepare(READ).await?;
    let page = session.prepare(PAGE).await?;
    workers::run(Scylla { session, insert, read, page }, arguments, allocations).await
}

struct Scylla {
    session: Session,
    insert: PreparedStatement,
    read: PreparedStatement,
    page: PreparedStatement,
}

impl Requests for Scylla {
    async fn insert(&self, id: i64) -> Result<(), Failure> {
        self.session.execute_unpaged(&self.insert, (id, PAYLOAD.as_slice())).await?;
        Ok(())
    }

    async fn read(&self, id: i64) -> Result<(), Failure> {
        let rows = self.session.execute_unpaged(&self.read, (id,)).await?.into_rows_result()?;
        let (id, payload) = rows.single_row::<(i64, &[u8])>()?;
        std::hint::black_box((id, payload));
        Ok(())
    }

    async fn page(&self) -> Result<u64, Failure> {
        let rows = self.session.execute_unpaged(&self.page, ()).await?.into_rows_result()?;
        let mut count = 0;
        for row in rows.rows::<(i64, &[u8])>()? {
            std::hint::black_box(row?);
            count += 1;
        }
        Ok(count)
    }
}
