//! What a session counts, for people and for Prometheus.
//!
//! `cargo run --example metrics`, and meanwhile `curl 127.0.0.1:9184/metrics` where the feature `prometheus` is on, as it is by
//! default. With an argument it stays for that many seconds.

#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

mod hosts;

use std::time::Duration;

use chorus::metrics::{RequestKind, RequestOutcome};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let hosts = hosts::Hosts::from_env()?;
    let session = hosts.builder().connect().await?;

    #[cfg(feature = "prometheus")]
    let endpoint = chorus::metrics::PrometheusEndpoint::start("127.0.0.1:9184".parse()?, &session)?;
    #[cfg(feature = "prometheus")]
    println!("metrics are served at http://{}/metrics", endpoint.address());

    session
        .query(
            "CREATE KEYSPACE IF NOT EXISTS counted \
             WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
            (),
        )
        .await?;
    session.query("CREATE TABLE IF NOT EXISTS counted.steps (n int PRIMARY KEY, note text)", ()).await?;
    let insert = session.prepare("INSERT INTO counted.steps (n, note) VALUES (?, ?)").await?;
    let rows = (0..10_000).map(|n| (n, "step"));
    session.execute_concurrent_with_args(&insert, rows).concurrency(256).run().await?;

    let metrics = session.metrics().await?;
    for (kind, outcomes) in RequestKind::ALL.into_iter().zip(metrics.requests) {
        for (outcome, requests) in
            RequestOutcome::ALL.into_iter().zip(outcomes).filter(|(_, count)| *count > 0)
        {
            println!("{requests} {} requests ended {}", kind.name(), outcome.name());
        }
    }
    let latency = &metrics.latency;
    println!(
        "latency: p50 {} us, p99 {} us, p99.9 {} us, max {} us",
        latency.percentile_us(50.0),
        latency.percentile_us(99.0),
        latency.percentile_us(99.9),
        latency.max_us()
    );
    let traffic = &metrics.traffic;
    println!(
        "{} frames in {} writes, {} bytes out, {} bytes in, over {} connections",
        traffic.attempts, traffic.writes, traffic.bytes_sent, traffic.bytes_received, metrics.connections
    );

    if let Some(seconds) = std::env::args().nth(1) {
        tokio::time::sleep(Duration::from_secs(seconds.parse()?)).await;
    }
    Ok(())
}
