//! A speculative policy of one's own: a second host for requests that take three times as long as most.
//!
//! `cargo run --example custom_speculation`

#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use chorus::policy::{Conditions, SpeculativePolicy};
use chorus::{Session, Statement};
use chorus_node::{EmbeddedCluster, Fault, Requests};

/// One more attempt after three times the median of the last seconds; 20 ms as long as there is none.
#[derive(Debug)]
struct ThreeMedians;

impl SpeculativePolicy for ThreeMedians {
    fn delay(&self, sent: u32, conditions: &Conditions<'_>) -> Option<Duration> {
        if sent > 1 || conditions.overloaded {
            return None;
        }
        let known = conditions.latencies.count() >= 100;
        Some(if known { 3 * conditions.latencies.percentile(50.0) } else { Duration::from_millis(20) })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cluster = EmbeddedCluster::start(3)?;
    // Every twentieth request meets a pause of a server.
    let some = Requests::containing("system.local").with_probability(0.05);
    cluster.faults().add(some, Fault::Delay(Duration::from_millis(200)));

    for speculates in [false, true] {
        let builder = Session::builder().contact_points(cluster.addresses()).wait_for_all_hosts(true);
        let policy: Option<Arc<dyn SpeculativePolicy>> = speculates.then(|| Arc::new(ThreeMedians) as _);
        let session = builder.speculation(policy).connect().await?;
        // Only idempotent statements are sent twice.
        let statement = Statement::new("SELECT key FROM system.local").idempotent(true);
        let began = Instant::now();
        for _ in 0..200 {
            session.query(&statement, ()).await?;
        }
        let metrics = session.metrics().await?;
        println!(
            "200 requests in {:?}, {} of them sent twice, {} answered sooner by the second host",
            began.elapsed(),
            metrics.speculative_sent,
            metrics.speculative_won
        );
    }
    Ok(())
}
