//! Chorus, in each place where its actors can run.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::Duration;

use chorus::bulk::{BulkLoader, Source};
use chorus::{Compression, ErrorKind, Placement, PreparedStatement, Session, SessionBuilder, TlsConfig};

use harness::{
    AllocationCounter, Arguments, Clock, DEADLINE, Failure, INSERT, NEVER, PAGE, PAYLOAD, Phases, READ,
    Report, Requests, Rows, Scenario, Started,
};

/// Runs what the arguments of this process ask for.
///
/// # Errors
///
/// Whatever Chorus says when it cannot connect, prepare or finish a request.
pub fn run(allocations: Option<AllocationCounter>) -> Result<(), Failure> {
    harness::main(|arguments| match arguments.variant.as_str() {
        "local" => local(arguments, allocations),
        "local-2" => one_a_core(arguments, allocations),
        "hosted" => beside_workers(Placement::Hosted, arguments, allocations),
        "dedicated" => beside_workers(Placement::Dedicated { threads: 1 }, arguments, allocations),
        "dedicated-spin" => beside_workers(Placement::Dedicated { threads: 1 }, arguments, allocations),
        "dedicated-2" => beside_workers(Placement::Dedicated { threads: 2 }, arguments, allocations),
        other => Err(format!("no placement {other:?}").into()),
    })
}

/// Longest spin where there is one.
const SPIN: Duration = Duration::from_micros(50);

/// The actors on the caller's current-thread runtime.
fn local(arguments: &Arguments, allocations: Option<AllocationCounter>) -> Result<Report, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure(Placement::Local, arguments, allocations))
}

/// Two threads that share nothing, each with a current-thread runtime, a session and a core of its own: how a loader uses two
/// cores.
fn one_a_core(arguments: &Arguments, allocations: Option<AllocationCounter>) -> Result<Report, Failure> {
    if arguments.scenario != Scenario::Bulk {
        return Err("only bulk jobs are divided by core".into());
    }
    // The clock starts when both have connected.
    let connected = Barrier::new(2);
    let phases = Mutex::new(None);
    let load = |leads: bool| -> Result<(u64, Option<Clock>), Failure> {
        harness::keep_to_core(usize::from(leads))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let session = connect(Placement::Local, arguments).await?;
            let insert = session.prepare(INSERT).await?;
            let mut clock = None;
            if connected.wait().is_leader() {
                let (own, own_clock) = Phases::start(arguments, allocations);
                *phases.lock().map_err(|_| "the other thread panicked")? = Some(own);
                clock = Some(own_clock);
            }
            connected.wait();
            let own = phases.lock().map_err(|_| "the other thread panicked")?.clone();
            let (rows, taken) = Rows::new(own.ok_or("no clock was started")?);
            session
                .bulk(&insert)
                .load(rows.map(|(id, payload)| (2 * id + i64::from(leads), payload)))
                .await?;
            Ok((taken.load(Ordering::Relaxed), clock))
        })
    };
    let (first, second) = thread::scope(|scope| {
        let second = scope.spawn(|| load(false));
        (load(true), second.join())
    });
    let ((first, clock), (second, other)) = (first?, second.map_err(|_| "a thread panicked")??);
    let clock = clock.or(other).ok_or("no clock was started")?;
    Ok(clock.wait_for_cost()?.report(first + second, Vec::new()))
}

/// The actors elsewhere than on a current-thread runtime; the callers are on a multi-thread one.
fn beside_workers(
    placement: Placement,
    arguments: &Arguments,
    allocations: Option<AllocationCounter>,
) -> Result<Report, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let arguments = arguments.clone();
        // From a worker, as a service would: block_on runs on a thread of its own.
        tokio::spawn(async move { measure(placement, &arguments, allocations).await }).await?
    })
}

async fn measure(
    placement: Placement,
    arguments: &Arguments,
    allocations: Option<AllocationCounter>,
) -> Result<Report, Failure> {
    if arguments.scenario == Scenario::Csv {
        return load(placement, arguments, allocations).await;
    }
    let session = connect(placement, arguments).await?;
    let insert = session.prepare(INSERT).await?;
    let read = session.prepare(READ).await?;
    let page = session.prepare(PAGE).await?;
    let never = session.prepare(NEVER).await?.timeout(DEADLINE);
    let chorus = Chorus { session, insert, read, page, never };
    let (phases, clock) = Phases::start(arguments, allocations);
    match arguments.scenario {
        Scenario::Concurrent => {
            let (mut rows, taken) = Rows::new(phases);
            while !rows.is_over() {
                chorus.concurrent(&mut rows).await?;
            }
            Ok(clock.cost().await?.report(taken.load(Ordering::Relaxed), Vec::new()))
        }
        Scenario::Bulk => {
            let (rows, taken) = Rows::new(phases);
            chorus.session.bulk(&chorus.insert).load(rows).await?;
            Ok(clock.cost().await?.report(taken.load(Ordering::Relaxed), Vec::new()))
        }
        Scenario::Idle => Ok(clock.cost().await?.report(0, Vec::new())),
        scenario => harness::run_callers(chorus, scenario, arguments.concurrency, (phases, clock)).await,
    }
}

async fn connect(placement: Placement, arguments: &Arguments) -> Result<Session, Failure> {
    let builder = Session::builder().contact_point(arguments.contact_point.as_str()).placement(placement);
    let mut builder = builder.compression(arguments.lz4.then_some(Compression::Lz4));
    if arguments.variant == "dedicated-spin" {
        builder = builder.spin(SPIN);
    }
    Ok(encrypt(builder, arguments.tls_certificate.as_deref())?.connect().await?)
}

fn encrypt(builder: SessionBuilder, certificate: Option<&Path>) -> Result<SessionBuilder, Failure> {
    let Some(certificate) = certificate else { return Ok(builder) };
    Ok(builder.tls(TlsConfig::builder().roots_file(certificate).build()?))
}

/// A file into a table, connecting included.
async fn load(
    placement: Placement,
    arguments: &Arguments,
    allocations: Option<AllocationCounter>,
) -> Result<Report, Failure> {
    let path = arguments.csv.as_ref().ok_or("which file?")?;
    harness::ready(arguments)?;
    let started = Started::now(allocations);
    let session = connect(placement, arguments).await?;
    let source = Source::path(path).open()?;
    let loaded = BulkLoader::new(&session, "bench.people".parse()?).load(source).await?;
    if loaded.written != loaded.read {
        return Err(format!("{} of {} rows were written", loaded.written, loaded.read).into());
    }
    Ok(started.finish().report(loaded.written, Vec::new()))
}

struct Chorus {
    session: Session,
    insert: PreparedStatement,
    read: PreparedStatement,
    page: PreparedStatement,
    never: PreparedStatement,
}

/// Rows whose results are kept together.
const KEPT: usize = 100_000;

impl Chorus {
    async fn concurrent(&self, rows: &mut Rows) -> Result<(), Failure> {
        let results = self
            .session
            .execute_concurrent_with_args(&self.insert, rows.take(KEPT))
            .concurrency(1024)
            .run()
            .await?;
        std::hint::black_box(results);
        Ok(())
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

    async fn ask_in_vain(&self, id: i64) -> Result<(), Failure> {
        match self.session.execute(&self.never, (id, PAYLOAD.as_slice())).await {
            Err(error) if error.kind() == ErrorKind::Timeout => Ok(()),
            Err(error) => Err(error.into()),
            Ok(_) => Err("an answer that never came".into()),
        }
    }
}
