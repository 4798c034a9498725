//! Writes and reads steadily while you restart the nodes of a cluster one after another, and tells what that cost.
//!
//! ```text
//! cargo run --example rolling_restart -- 127.0.0.1 127.0.0.2 127.0.0.3
//! ```
//!
//! It says `steady` once everything works, goes on until its standard input ends (Ctrl-D), and then reads back every row
//! whose write was acknowledged. Statements are marked idempotent: only such a statement may be sent to another node when its
//! connection breaks. It needs three nodes, so that two are left whichever is away.

#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

use std::error::Error;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chorus::{ClusterEvent, Consistency, PreparedStatement, Session};

/// How many writers, each with at most one request under way.
const WRITERS: u64 = 16;
/// How long a writer rests between two rows. Some five hundred rows a second are a load, and leave nodes that share a small
/// machine with it the processors that they need to start.
const REST: Duration = Duration::from_millis(10);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let session = Session::builder()
        .contact_points(std::env::args().skip(1))
        .consistency(Consistency::LocalQuorum)
        .connect()
        .await?;
    let replication = "{'class': 'NetworkTopologyStrategy', 'replication_factor': 3}";
    for text in [
        "DROP KEYSPACE IF EXISTS rolling".to_owned(),
        format!("CREATE KEYSPACE rolling WITH replication = {replication}"),
        "CREATE TABLE rolling.rows (id bigint PRIMARY KEY, value bigint)".to_owned(),
    ] {
        session.query(text, ()).await?;
    }
    let insert =
        session.prepare("INSERT INTO rolling.rows (id, value) VALUES (?, ?)").await?.idempotent(true);
    let select = session.prepare("SELECT value FROM rolling.rows WHERE id = ?").await?.idempotent(true);

    let stop = Arc::new(AtomicBool::new(false));
    let tally = Arc::new(Tally::default());
    let writers: Vec<_> = (0..WRITERS)
        .map(|number| {
            let (session, insert, select) = (session.clone(), insert.clone(), select.clone());
            let (stop, tally) = (Arc::clone(&stop), Arc::clone(&tally));
            tokio::spawn(
                async move { write_and_read(&session, &insert, &select, number, &stop, &tally).await },
            )
        })
        .collect();
    let mut events = session.events();
    tokio::spawn(async move {
        while let Some(event) = events.next().await {
            match event {
                ClusterEvent::HostDown(host) => println!("{} is down", host.address),
                ClusterEvent::HostUp(host) => println!("{} is up", host.address),
                _ => {}
            }
        }
    });
    println!("steady");
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
    stop.store(true, Ordering::Relaxed);
    let (mut written, mut readers) = (0, Vec::new());
    for (number, writer) in (0..).zip(writers) {
        let count = writer.await?;
        written += count;
        let (session, select) = (session.clone(), select.clone());
        readers.push(tokio::spawn(async move { read_back(&session, &select, number, count).await }));
    }
    for reader in readers {
        reader.await??;
    }
    let (failed, slowest) = (tally.failed.load(Ordering::Relaxed), tally.slowest_ms.load(Ordering::Relaxed));
    println!("{written} rows written and read back, {failed} requests failed, the slowest took {slowest} ms");
    session.shutdown(Duration::from_secs(5)).await;
    if failed > 0 {
        return Err(format!("{failed} requests failed").into());
    }
    Ok(())
}

#[derive(Default)]
struct Tally {
    failed: AtomicU64,
    slowest_ms: AtomicU64,
}

fn id(writer: u64, row: u64) -> i64 {
    (row * WRITERS + writer) as i64
}

/// Reads every row of a writer whose write was acknowledged.
async fn read_back(
    session: &Session,
    select: &PreparedStatement,
    writer: u64,
    count: u64,
) -> Result<(), chorus::Error> {
    for row in 0..count {
        let id = id(writer, row);
        let read = session.execute(select, (id,)).await?.single_row::<(i64,)>()?;
        assert_eq!(read, (row as i64,), "row {id} was acknowledged");
    }
    Ok(())
}

/// Writes a row and reads it, again and again, with a [`REST`] in between. Returns how many were acknowledged; a failed one is written again.
async fn write_and_read(
    session: &Session,
    insert: &PreparedStatement,
    select: &PreparedStatement,
    writer: u64,
    stop: &AtomicBool,
    tally: &Tally,
) -> u64 {
    let mut row = 0;
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        let id = id(writer, row);
        let outcome = match session.execute(insert, (id, row as i64)).await {
            Ok(_) => session.execute(select, (id,)).await.map(drop),
            Err(error) => Err(error),
        };
        tally.slowest_ms.fetch_max(began.elapsed().as_millis() as u64, Ordering::Relaxed);
        match outcome {
            Ok(()) => row += 1,
            Err(error) => {
                println!("failed: {error:?}");
                tally.failed.fetch_add(1, Ordering::Relaxed);
            }
        }
        tokio::time::sleep(REST).await;
    }
    row
}
