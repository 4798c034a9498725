//! cdrs-tokio on a current-thread runtime.

use cdrs_tokio::cluster::session::{Session, SessionBuilder, TcpSessionBuilder};
use cdrs_tokio::cluster::{NodeTcpConfigBuilder, TcpConnectionManager};
use cdrs_tokio::frame::Envelope;
use cdrs_tokio::load_balancing::RoundRobinLoadBalancingStrategy;
use cdrs_tokio::query::PreparedQuery;
use cdrs_tokio::query_values;
use cdrs_tokio::transport::TransportTcp;
use cdrs_tokio::types::IntoRustByIndex as _;
use cdrs_tokio::types::blob::Blob;

use crate::Failure;
use crate::measure::{AllocationCounter, Report};
use crate::scenario::{Arguments, INSERT, PAGE, PAYLOAD, READ};
use crate::workers::{self, Requests};

pub(crate) fn run(arguments: &Arguments, allocations: Option<AllocationCounter>) -> Result<Report, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let work = async {
        let config = NodeTcpConfigBuilder::new()
            .with_contact_point(arguments.contact_point.as_str().into())
            .build()
            .await?;
        let session = TcpSessionBuilder::new(RoundRobinLoadBalancingStrategy::new(), config).build().await?;
        let insert = session.prepare(INSERT).await?;
        let read = session.prepare(READ).await?;
        let page = session.prepare(PAGE).await?;
        workers::run(Cdrs { session, insert, read, page }, arguments, allocations).await
    };
    runtime.block_on(work)
}

struct Cdrs {
    session: Session<
        TransportTcp,
        TcpConnectionManager,
        RoundRobinLoadBalancingStrategy<TransportTcp, TcpConnectionManager>,
    >,
    insert: PreparedQuery,
    read: PreparedQuery,
    page: PreparedQuery,
}

/// Decodes every row; how many there were.
fn decode(envelope: Envelope) -> Result<u64, Failure> {
    let rows = envelope.response_body()?.into_rows().ok_or("an answer without rows")?;
    let mut count = 0;
    for row in rows {
        let id: Option<i64> = row.get_by_index(0)?;
        let payload: Option<Blob> = row.get_by_index(1)?;
        std::hint::black_box((id, payload));
        count += 1;
    }
    Ok(count)
}

impl Requests for Cdrs {
    async fn insert(&self, id: i64) -> Result<(), Failure> {
        self.session.exec_with_values(&self.insert, query_values!(id, Blob::from(PAYLOAD.to_vec()))).await?;
        Ok(())
    }

    async fn read(&self, id: i64) -> Result<(), Failure> {
        decode(self.session.exec_with_values(&self.read, query_values!(id)).await?)?;
        Ok(())
    }

    async fn page(&self) -> Result<u64, Failure> {
        decode(self.session.exec(&self.page).await?)
    }
}
