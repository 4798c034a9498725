//! cdrs-tokio on a current-thread runtime.

use cdrs_tokio::cluster::session::{Session, SessionBuilder as _, TcpSessionBuilder};
use cdrs_tokio::cluster::{NodeTcpConfigBuilder, TcpConnectionManager};
use cdrs_tokio::compression::Compression;
use cdrs_tokio::frame::Envelope;
use cdrs_tokio::load_balancing::RoundRobinLoadBalancingStrategy;
use cdrs_tokio::query::PreparedQuery;
use cdrs_tokio::query_values;
use cdrs_tokio::transport::TransportTcp;
use cdrs_tokio::types::IntoRustByIndex as _;
use cdrs_tokio::types::blob::Blob;

use harness::{
    AllocationCounter, Arguments, Failure, INSERT, PAGE, PAYLOAD, Phases, READ, Report, Requests, Scenario,
};

/// Runs what the arguments of this process ask for.
///
/// # Errors
///
/// Whatever the driver says when it cannot connect, prepare or finish a request.
pub fn run(allocations: Option<AllocationCounter>) -> Result<(), Failure> {
    harness::main(|arguments| measure(arguments, allocations))
}

/// Callers when many statements are wanted: there is no interface for them.
const MANY: usize = 1024;

fn measure(arguments: &Arguments, allocations: Option<AllocationCounter>) -> Result<Report, Failure> {
    let callers = match arguments.scenario {
        Scenario::Insert | Scenario::Read | Scenario::Page => arguments.concurrency,
        Scenario::Concurrent | Scenario::Bulk => MANY,
        other => return Err(format!("cdrs-tokio has no scenario {other:?}").into()),
    };
    if arguments.tls_certificate.is_some() {
        return Err("not with TLS".into());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let work = async {
        let config = NodeTcpConfigBuilder::new()
            .with_contact_point(arguments.contact_point.as_str().into())
            .build()
            .await?;
        let compression = if arguments.lz4 { Compression::Lz4 } else { Compression::None };
        let session = TcpSessionBuilder::new(RoundRobinLoadBalancingStrategy::new(), config)
            .with_compression(compression)
            .build()
            .await?;
        let insert = session.prepare(INSERT).await?;
        let read = session.prepare(READ).await?;
        let page = session.prepare(PAGE).await?;
        let cdrs = Cdrs { session, insert, read, page };
        harness::run_callers(cdrs, arguments.scenario, callers, Phases::start(arguments, allocations)).await
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

    async fn ask_in_vain(&self, _: i64) -> Result<(), Failure> {
        Err("cdrs-tokio has no time-outs".into())
    }
}
