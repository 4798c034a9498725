//! Where a row is: replicas of a statement's values, statements for one host, and who answered.
//!
//! `cargo run --example routing`

#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

use chorus::{Session, Statement};
use chorus_node::EmbeddedCluster;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cluster = EmbeddedCluster::start(3)?;
    let session =
        Session::builder().contact_points(cluster.addresses()).wait_for_all_hosts(true).connect().await?;
    for statement in [
        "CREATE KEYSPACE shop WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 2}",
        "CREATE TABLE shop.orders (customer text, day date, total int, PRIMARY KEY ((customer, day)))",
    ] {
        session.query(statement, ()).await?;
    }

    // The driver knows the partition key of a prepared statement, hashes it, and asks a replica.
    let select = session.prepare("SELECT total FROM shop.orders WHERE customer = ? AND day = ?").await?;
    let values = ("ada", chorus::CqlDate::EPOCH);
    for host in select.replicas(&session.state(), values)? {
        println!("replica {} in {}", host.address, host.datacenter);
    }
    let result = session.execute(&select, values).await?;
    let state = session.state();
    let answered = state.hosts.iter().find(|host| host.index == result.host()).ok_or("it is known")?;
    println!(
        "asked {}: {} bytes, {} attempts failed before",
        answered.address,
        result.request_bytes().unwrap_or(0),
        result.attempts().len()
    );

    // A text says itself where its row is, if it matters.
    let key: [&[u8]; 2] = [b"ada", &chorus::CqlDate::EPOCH.0.to_be_bytes()];
    let text = Statement::new("SELECT total FROM shop.orders WHERE customer = 'ada' AND day = '1970-01-01'");
    session.query(text.routing_key("shop", "orders", &key), ()).await?;

    // One host and no other, for asking it about itself; or one first, and others when it is down.
    for host in state.hosts.iter() {
        let asked = Statement::new("SELECT rpc_address FROM system.local").on_host(host.index);
        let result = session.query(asked, ()).await?;
        let (address,): (std::net::IpAddr,) = result.single_row()?;
        println!("{} calls itself {address}", host.address);
    }
    session.execute(&select.clone().prefer_host(state.hosts[0].index), values).await?;
    Ok(())
}
