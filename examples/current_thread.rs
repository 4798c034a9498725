//! A program of one thread: the engine lives on it, beside the program's own tasks, and nothing crosses a thread.
//!
//! `cargo run --example current_thread`

#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

mod hosts;

use std::time::Duration;

use futures::future::try_join_all;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let hosts = hosts::Hosts::from_env()?;
    // `Placement::Auto` finds out what runtime it is in; `Placement::Local` would insist on this one.
    let session = hosts.session_in("one_thread").await?;
    session.query("CREATE TABLE IF NOT EXISTS one_thread.ticks (n int PRIMARY KEY, at bigint)", ()).await?;
    let insert = session.prepare("INSERT INTO one_thread.ticks (n, at) VALUES (?, ?)").await?;

    // What one task has under way at a time leaves in one packet.
    try_join_all((0..100).map(|n| session.execute(&insert, (n, i64::from(n) * 1_000)))).await?;
    let count = session.query("SELECT count(*) FROM one_thread.ticks", ()).await?;
    println!("{} ticks, written by one thread", count.single_row::<(i64,)>()?.0);

    // The engine ends with its runtime; ending it before lets what is under way finish.
    let report = session.shutdown(Duration::from_secs(5)).await;
    println!("{} connections closed", report.connections);
    Ok(())
}
