//! As many rows as the servers take.
//!
//! `cargo run --release --example bulk_insert`

#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

mod hosts;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let hosts = hosts::Hosts::from_env()?;
    let session = hosts.session_in("bulk").await?;
    session.query("CREATE TABLE IF NOT EXISTS bulk.words (id bigint PRIMARY KEY, word text)", ()).await?;

    // Idempotent: rows that were under way when a connection broke are sent again.
    let insert = session.prepare("INSERT INTO bulk.words (id, word) VALUES (?, ?)").await?.idempotent(true);

    // From an iterator.
    let words = ["strophe", "antistrophe", "epode", "parodos", "stasimon", "exodos"];
    let rows = (0..200_000_i64).map(|id| (id, words[id as usize % words.len()]));
    let report = session.bulk(&insert).load(rows).await?;
    println!(
        "{} rows, {:.0} a second, {} sent again",
        report.written,
        report.rows_per_second(),
        report.retries
    );

    // Row by row, where rows come from somewhere else; some may fail.
    let mut sink = session.bulk(&insert).errors_allowed(10).sink()?;
    for id in 200_000..201_000_i64 {
        sink.send((id, words[id as usize % words.len()])).await?;
    }
    let report = sink.finish().await?;
    println!("{} rows more, {} failed", report.written, report.failed.len());
    Ok(())
}
