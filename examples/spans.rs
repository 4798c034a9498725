//! A span for each call, with the names of OpenTelemetry, and a line for each that is slow.
//!
//! What makes traces of spans is a matter of the program: here they are printed when they end. With `tracing-opentelemetry` in
//! place of the printing they are exported, and `otel.name`, `otel.kind` and `otel.status_code` become name, kind and status.
//!
//! `cargo run --example spans`

#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

mod hosts;

use std::time::Duration;

use chorus::{RequestSpans, SlowRequestLog};
use tracing::Instrument;
use tracing_subscriber::fmt::format::FmtSpan;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_span_events(FmtSpan::CLOSE).with_ansi(false).init();
    let hosts = hosts::Hosts::from_env()?;
    // Zero logs everything, for the sake of the example.
    let slow = SlowRequestLog::over(Duration::ZERO).one_in(3).lines_a_second(5);
    let session = hosts.builder().request_spans(RequestSpans::new()).slow_requests(slow).connect().await?;
    session
        .query(
            "CREATE KEYSPACE IF NOT EXISTS spans \
             WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
            (),
        )
        .await?;
    session.query("CREATE TABLE IF NOT EXISTS spans.orders (id bigint PRIMARY KEY, total int)", ()).await?;
    let insert = session.prepare("INSERT INTO spans.orders (id, total) VALUES (?, ?)").await?;

    // Spans of requests are children of the program's own.
    let checkout = async {
        session.execute(&insert, (1_i64, 250)).await?;
        // Literals are not shown: this is `SELECT total FROM spans.orders WHERE id = ?`.
        session.query("SELECT total FROM spans.orders WHERE id = 1", ()).await
    };
    checkout.instrument(tracing::info_span!("checkout", customer = 7)).await?;

    // One span for ten thousand rows.
    session.bulk(&insert).load((0..10_000_i64).map(|id| (id, 90))).await?;
    Ok(())
}
