//! A program whose futures are polled by another executor than tokio: smol, async-std, or here the one of `futures`.
//!
//! Where there is no tokio runtime the engine has threads of its own, with their sockets and timers; the program's futures only
//! wait to be woken. So any executor will do, and `Placement::Local` and `Placement::Hosted`, which need tokio, are refused.
//!
//! `cargo run --example other_executor`

#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

mod hosts;

use std::time::Duration;

use futures::StreamExt;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let hosts = hosts::Hosts::from_env()?;
    futures::executor::block_on(async {
        // One thread for the engine, unless `reactors` says more.
        let session = hosts.session_in("elsewhere").await?;
        session
            .query("CREATE TABLE IF NOT EXISTS elsewhere.squares (n int PRIMARY KEY, square int)", ())
            .await?;
        let insert = session.prepare("INSERT INTO elsewhere.squares (n, square) VALUES (?, ?)").await?;
        let rows = futures::stream::iter(0..1_000).map(|n| (n, n * n));
        let report = session.bulk(&insert).load_stream(rows).await?;
        println!("{} rows written", report.written);
        session.shutdown(Duration::from_secs(5)).await;
        Ok(())
    })
}
