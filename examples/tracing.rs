//! Why was a request slow? Ask the server to trace it, and read what it wrote down.
//!
//! `cargo run --example tracing`

#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

mod hosts;

use std::sync::Arc;
use std::time::Duration;

use chorus::{Error, QueryResult, RequestInfo, RequestListener, Statement};

/// Says which requests took long. Bound values are not among what it is told.
#[derive(Debug)]
struct SlowRequests {
    limit: Duration,
}

impl RequestListener for SlowRequests {
    fn succeeded(&self, request: &RequestInfo, result: &QueryResult, took: Duration) {
        if took > self.limit {
            println!("slow: {} took {took:?}, {} rows", request.text(), result.row_count());
        }
    }

    fn failed(&self, request: &RequestInfo, error: &Error, took: Duration) {
        println!("failed: {} after {took:?}: {error}", request.text());
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let hosts = hosts::Hosts::from_env()?;
    let listener = Arc::new(SlowRequests { limit: Duration::from_millis(50) });
    let session = hosts.builder().request_listener(listener).connect().await?;

    // Tracing costs the server a good deal: ask for it where you look, not everywhere.
    let traced = Statement::new("SELECT cluster_name, release_version FROM system.local").tracing(true);
    let result = session.query(traced, ()).await?;
    // Servers write traces down after they have answered; this waits for it, for two seconds at most.
    let trace = result.trace(&session).await?;
    println!("{trace}");
    println!("coordinator {:?}, asked by {:?}", trace.coordinator, trace.client);
    for (name, value) in &trace.parameters {
        println!("  {name}: {value}");
    }

    let _ = session.query("SELECT nothing FROM system.local", ()).await;
    Ok(())
}
