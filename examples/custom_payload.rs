//! Bytes beside a request, for a query handler on the server, and what it sends back.
//!
//! `cargo run --example custom_payload`

#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

use bytes::Bytes;
use chorus::{CustomPayload, Session, Statement};
use chorus_node::{EmbeddedCluster, Fault, Requests};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A server without a handler ignores payloads. This one answers whoever names a tenant with how much it has left.
    let cluster = EmbeddedCluster::start(1)?;
    let left = CustomPayload::from_iter([("quota-left", Bytes::from_static(b"12"))]);
    cluster.faults().add(Requests::all().with_payload("tenant", "acme"), Fault::Beside(Vec::new(), left));
    let session = Session::builder().contact_points(cluster.addresses()).connect().await?;

    let statement = Statement::new("SELECT key FROM system.local").custom_payload("tenant", "acme");
    let result = session.query(&statement, ()).await?;
    let quota = result.custom_payload().and_then(|payload| payload.get("quota-left"));
    println!("left: {:?}", quota.map(|bytes| String::from_utf8_lossy(bytes)));

    // Prepared statements send theirs with each execution, and with the PREPARE when it was set before.
    let prepared = session.prepare(&statement).await?;
    println!("the answer to PREPARE had a payload: {}", prepared.prepared_payload().is_some());
    let result = session.execute(&prepared.custom_payload("request", vec![1, 2, 3]), ()).await?;
    println!("so had that to EXECUTE: {}", result.custom_payload().is_some());

    let other = session.query("SELECT key FROM system.local", ()).await?;
    println!("and one without a tenant: {}", other.custom_payload().is_some());
    Ok(())
}
