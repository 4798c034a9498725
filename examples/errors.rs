//! What can be asked of an error, what a timeout leaves open, and what happens to a request that nobody waits for.
//!
//! `cargo run --example errors`

#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

use std::time::Duration;

use chorus::{DbError, ErrorKind, Session, Statement};
use chorus_node::{EmbeddedCluster, Fault, Requests};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cluster = EmbeddedCluster::start(2)?;
    let session =
        Session::builder().contact_points(cluster.addresses()).wait_for_all_hosts(true).connect().await?;

    // The server's answer, with its code and what belongs to it.
    let error = session.query("SELECT nothing FROM nowhere", ()).await.expect_err("there is no such table");
    println!("{error}");
    if let Some(body) = error.db() {
        println!(
            "  code {:#06x}, kind {}, text wrong: {}",
            body.code,
            error.kind(),
            error.is_invalid_statement()
        );
    }

    // Every host that was tried, and why it did not answer.
    cluster.faults().add(Requests::containing("busy"), Fault::Error(DbError::Overloaded, "too much".into()));
    let error = session.query(Statement::new("SELECT busy FROM system.local").idempotent(true), ()).await;
    for attempt in error.expect_err("both are busy").attempts() {
        println!("  {attempt}");
    }

    // Time is counted over all attempts. Whether a write may have happened all the same is told.
    cluster.faults().clear();
    cluster.faults().add(Requests::containing("system"), Fault::Delay(Duration::from_millis(200)));
    let slow = Statement::new("SELECT key FROM system.local").timeout(Duration::from_millis(20));
    let error = session.query(&slow, ()).await.expect_err("too late");
    assert_eq!(error.kind(), ErrorKind::Timeout);
    println!("{error}; may have happened: {}", error.may_have_been_applied());

    // Dropping a request cancels it: whoever does not wait any more costs nothing but the answer that comes late.
    let patient = session.query("SELECT key FROM system.local", ());
    match tokio::time::timeout(Duration::from_millis(20), patient).await {
        Ok(_) => println!("answered"),
        Err(_) => println!("gave up waiting"),
    }
    Ok(())
}
