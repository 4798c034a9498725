//! Being told: of every request from its beginning to its end, and of what happens to the cluster.
//!
//! `cargo run --example listeners`

#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chorus::{ClusterEvent, Error, QueryResult, RequestInfo, RequestListener, Session};
use chorus_node::EmbeddedCluster;

/// Counts, and complains. Called on the task that sends the request: whoever has more to do hands it to somebody else.
#[derive(Debug, Default)]
struct Observer {
    started: AtomicU64,
    rows: AtomicU64,
}

impl RequestListener for Observer {
    fn started(&self, _: &RequestInfo) {
        self.started.fetch_add(1, Ordering::Relaxed);
    }

    fn succeeded(&self, _: &RequestInfo, result: &QueryResult, _: Duration) {
        self.rows.fetch_add(result.row_count() as u64, Ordering::Relaxed);
    }

    fn failed(&self, request: &RequestInfo, error: &Error, took: Duration) {
        println!("number {} ({}) failed after {took:?}: {error}", request.number(), request.text());
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cluster = EmbeddedCluster::start(2)?;
    let observer = Arc::new(Observer::default());
    let session = Session::builder()
        .contact_points(cluster.addresses())
        .request_listener(observer.clone())
        .wait_for_all_hosts(true)
        .connect()
        .await?;
    session.query("SELECT key FROM system.local", ()).await?;
    let _ = session.query("SELECT nothing FROM nowhere", ()).await;
    let of_requests: Arc<dyn RequestListener> = observer.clone();
    session.remove_request_listener(&of_requests);
    session.query("SELECT key FROM system.local", ()).await?;
    println!(
        "{} requests, {} rows",
        observer.started.load(Ordering::Relaxed),
        observer.rows.load(Ordering::Relaxed)
    );

    // Any number of listeners; each has a stream of its own, and the session's state has what an event tells when it is told.
    let mut events = session.events();
    cluster.stop_node(1);
    while let Some(event) = events.next().await {
        match event {
            ClusterEvent::HostDown(host) => {
                println!("{} is down", host.address);
                cluster.start_node(1)?;
            }
            ClusterEvent::HostUp(host) => {
                println!("{} is up again", host.address);
                break;
            }
            other => println!("{other:?}"),
        }
    }
    Ok(())
}
