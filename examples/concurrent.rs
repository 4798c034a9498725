//! Thousands of requests with a bounded number in flight.
//!
//! `cargo run --release --example concurrent`

#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

mod hosts;

use std::time::Instant;

use futures::TryStreamExt;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let hosts = hosts::Hosts::from_env()?;
    let session = hosts.session_in("concurrent").await?;
    session
        .query("CREATE TABLE IF NOT EXISTS concurrent.squares (n bigint PRIMARY KEY, square bigint)", ())
        .await?;
    let insert = session.prepare("INSERT INTO concurrent.squares (n, square) VALUES (?, ?)").await?;
    let select = session.prepare("SELECT square FROM concurrent.squares WHERE n = ?").await?;

    // All or the first error. The iterator is consumed as requests leave, never far ahead.
    let started = Instant::now();
    let rows = (0..100_000_i64).map(|n| (n, n * n));
    let results = session.execute_concurrent_with_args(&insert, rows).concurrency(512).run().await?;
    println!("{} rows in {:?}", results.len(), started.elapsed());

    // Every outcome in its place.
    let outcomes =
        session.execute_concurrent_with_args(&select, (0..1_000_i64).map(|n| (n,))).run_all().await?;
    println!("{} of {} found", outcomes.iter().filter(|outcome| outcome.is_ok()).count(), outcomes.len());

    // Results as they come, at the pace of whoever takes them, and in the order of the input.
    let mut results =
        session.execute_concurrent_with_args(&select, (0..10_i64).map(|n| (n,))).concurrency(4).stream()?;
    while let Some((index, result)) = results.try_next().await? {
        let (square,): (i64,) = result.single_row()?;
        println!("{index}: {square}");
    }

    // Statements of different kinds.
    let deletes = (0..10).map(|n| format!("DELETE FROM concurrent.squares WHERE n = {n}"));
    session.execute_concurrent(deletes).ordered(false).run().await?;
    Ok(())
}
