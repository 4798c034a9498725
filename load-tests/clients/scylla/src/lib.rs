//! The scylla crate, as it comes and at its best.

#[cfg(feature = "tls")]
mod tls;

use std::path::Path;

use chrono::DateTime;
use futures::{StreamExt as _, TryStreamExt as _};
use scylla::client::Compression;
use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::errors::ExecutionError;
use scylla::statement::prepared::PreparedStatement;
use scylla::value::CqlTimestamp;

use harness::{
    AllocationCounter, Arguments, DEADLINE, Failure, INSERT, NEVER, PAGE, PAYLOAD, PEOPLE, Phases, READ,
    Report, Requests, Scenario, Started,
};

/// Runs what the arguments of this process ask for.
///
/// # Errors
///
/// Whatever the driver says when it cannot connect, prepare or finish a request.
pub fn run(allocations: Option<AllocationCounter>) -> Result<(), Failure> {
    harness::main(|arguments| match arguments.variant.as_str() {
        "default" => as_it_comes(arguments, allocations),
        "tuned" => tuned(arguments, allocations),
        other => Err(format!("no variant {other:?}").into()),
    })
}

/// Two worker threads, as a program on two cores has by default.
fn as_it_comes(arguments: &Arguments, allocations: Option<AllocationCounter>) -> Result<Report, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(measure(SessionBuilder::new(), arguments, allocations))
}

/// One thread and no timer a request; the binary brings the allocator.
fn tuned(arguments: &Arguments, allocations: Option<AllocationCounter>) -> Result<Report, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let profile = ExecutionProfile::builder().request_timeout(None).build();
    let builder = SessionBuilder::new().default_execution_profile_handle(profile.into_handle());
    runtime.block_on(measure(builder, arguments, allocations))
}

async fn measure(
    builder: SessionBuilder,
    arguments: &Arguments,
    allocations: Option<AllocationCounter>,
) -> Result<Report, Failure> {
    let builder =
        builder.known_node(&arguments.contact_point).compression(arguments.lz4.then_some(Compression::Lz4));
    let builder = encrypt(builder, arguments.tls_certificate.as_deref())?;
    if arguments.scenario == Scenario::Csv {
        return load(builder, arguments, allocations).await;
    }
    let session = builder.build().await?;
    let insert = session.prepare(INSERT).await?;
    let read = session.prepare(READ).await?;
    let page = session.prepare(PAGE).await?;
    let mut never = session.prepare(NEVER).await?;
    never.set_request_timeout(Some(DEADLINE));
    let scylla = Scylla { session, insert, read, page, never };
    let (phases, clock) = Phases::start(arguments, allocations);
    let callers = match arguments.scenario {
        Scenario::Idle => return Ok(clock.cost().await?.report(0, Vec::new())),
        Scenario::Concurrent | Scenario::Bulk => MANY,
        _ => arguments.concurrency,
    };
    harness::run_callers(scylla, arguments.scenario, callers, (phases, clock)).await
}

#[cfg(not(feature = "tls"))]
fn encrypt(builder: SessionBuilder, certificate: Option<&Path>) -> Result<SessionBuilder, Failure> {
    if certificate.is_some() { Err("built without TLS".into()) } else { Ok(builder) }
}

#[cfg(feature = "tls")]
fn encrypt(builder: SessionBuilder, certificate: Option<&Path>) -> Result<SessionBuilder, Failure> {
    use scylla::client::session::TlsContext;

    let config = certificate.map(crate::tls::trust_only).transpose()?;
    Ok(builder.tls_context(config.map(TlsContext::Rustls023)))
}

/// A file into a table the way a program would do it without a loader: records read and parsed one after the other,
/// many inserts under way. Connecting included.
async fn load(
    builder: SessionBuilder,
    arguments: &Arguments,
    allocations: Option<AllocationCounter>,
) -> Result<Report, Failure> {
    let path = arguments.csv.as_ref().ok_or("which file?")?;
    harness::ready(arguments)?;
    let started = Started::now(allocations);
    let session = builder.build().await?;
    let insert = session.prepare(PEOPLE).await?;
    let mut reader = csv::Reader::from_path(path)?;
    let (session, insert) = (&session, &insert);
    let written = futures::stream::iter(reader.records())
        .map(|record| async move {
            let record = record?;
            let cell = |column| record.get(column).ok_or("a short record");
            let created = DateTime::parse_from_rfc3339(cell(4)?)?.timestamp_millis();
            let score: f64 = cell(3)?.parse()?;
            let row = (cell(0)?.parse::<i64>()?, cell(1)?, cell(2)?, score, CqlTimestamp(created));
            session.execute_unpaged(insert, row).await?;
            Ok::<_, Failure>(())
        })
        .buffer_unordered(IN_ONE_TASK)
        .try_fold(0, async |written, ()| Ok(written + 1))
        .await?;
    Ok(started.finish().report(written, Vec::new()))
}

struct Scylla {
    session: Session,
    insert: PreparedStatement,
    read: PreparedStatement,
    page: PreparedStatement,
    never: PreparedStatement,
}

/// Callers when many statements are wanted, each a task. Its interface for that is a stream in one task; that cost 2.1 µs
/// a request at its best, which was `buffered(128)`, and tasks cost 1.7 to 1.9 µs at theirs, which was 256 of them.
const MANY: usize = 256;
/// Requests in flight of one task.
const IN_ONE_TASK: usize = 128;

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

    async fn ask_in_vain(&self, id: i64) -> Result<(), Failure> {
        match self.session.execute_unpaged(&self.never, (id, PAYLOAD.as_slice())).await {
            Err(ExecutionError::RequestTimeout(_)) => Ok(()),
            Err(error) => Err(error.into()),
            Ok(_) => Err("an answer that never came".into()),
        }
    }
}
