//! A retry policy of one's own: patient with replicas that are being restarted.
//!
//! `cargo run --example custom_retry`

#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use chorus::policy::{DefaultRetry, Failure, FailureCause, RetryDecision, RetryPolicy, Rng};
use chorus::{Consistency, DbError, Session, Statement};
use chorus_node::{EmbeddedCluster, Fault, Requests};

/// Waits for replicas that are missing, a few times and a little longer each time; everything else as by default.
#[derive(Debug)]
struct Patient {
    times: u32,
}

impl RetryPolicy for Patient {
    fn decide(&self, failure: &Failure<'_>, rng: &mut Rng) -> RetryDecision {
        match failure.cause {
            // Nothing was done, so it does no harm to ask again.
            FailureCause::Database(DbError::Unavailable { required, alive, .. })
                if failure.retry_count < self.times =>
            {
                let millis = 50 * u64::from(failure.retry_count + 1) + rng.between(0, 20);
                println!("  {alive} of {required} replicas are alive: again in {millis} ms");
                let delay = Duration::from_millis(millis);
                RetryDecision::After { delay, same_host: false, consistency: None }
            }
            _ => DefaultRetry::new().decide(failure, rng),
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cluster = EmbeddedCluster::start(2)?;
    let session = Session::builder().contact_points(cluster.addresses()).connect().await?;
    let missing = DbError::Unavailable { consistency: Consistency::Quorum, required: 2, alive: 1 };
    cluster.faults().add(
        Requests::containing("system.local").times(3),
        Fault::Error(missing, "a replica is missing".into()),
    );

    let statement =
        Statement::new("SELECT key FROM system.local").retry_policy(Arc::new(Patient { times: 5 }));
    let began = Instant::now();
    session.query(&statement, ()).await?;
    println!("answered after {:?} and {} retries", began.elapsed(), session.metrics().await?.retries());
    Ok(())
}
