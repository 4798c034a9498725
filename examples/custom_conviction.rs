//! A conviction policy of one's own: a host is down when it loses three connections within a minute.
//!
//! `cargo run --example custom_conviction`

#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chorus::policy::{
    ConnectionFailure, ConnectionFailureKind, ConvictionPolicy, ConvictionRecord, Host, HostIndex,
};
use chorus::{PoolSize, Session, Statement};
use chorus_node::{EmbeddedCluster, Fault, Requests};

#[derive(Debug)]
struct ThreeAMinute;

impl ConvictionPolicy for ThreeAMinute {
    fn record(&self, host: &Host) -> Box<dyn ConvictionRecord + Send> {
        Box::new(Losses { address: host.address.to_string(), at: Vec::new() })
    }
}

/// What is held against one host.
struct Losses {
    address: String,
    at: Vec<Instant>,
}

impl ConvictionRecord for Losses {
    fn add_failure(&mut self, failure: &ConnectionFailure) -> bool {
        if failure.kind != ConnectionFailureKind::Lost {
            return false;
        }
        self.at.retain(|lost| lost.elapsed() < Duration::from_secs(60));
        self.at.push(Instant::now());
        println!("  {} lost {} connections, {} still work", self.address, self.at.len(), failure.usable);
        self.at.len() >= 3
    }

    fn reset(&mut self) {
        self.at.clear();
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cluster = EmbeddedCluster::start(2)?;
    let session = Session::builder()
        .contact_points(cluster.addresses())
        .pool_size(PoolSize::PerHost(NonZeroU16::new(6).ok_or("not zero")?))
        .conviction(Arc::new(ThreeAMinute))
        .connect()
        .await?;
    while session.metrics().await?.connections < 12 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let shaky: HostIndex = session.state().host_at(cluster.address(1)).ok_or("a member")?.index;
    let is_up = || session.state().route.host(shaky).is_some_and(|host| host.up);
    cluster.faults().add(Requests::containing("cluster_name").on_node(1), Fault::Close);
    let statement = Statement::new("SELECT cluster_name FROM system.local").on_host(shaky);
    for _ in 0..3 {
        let error = session.query(&statement, ()).await.expect_err("the server closes the connection");
        println!("{error}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!("the host is {}", if is_up() { "up" } else { "down, although connections to it worked" });
    while !is_up() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    println!("and up again, with new ones");
    Ok(())
}
