//! A reconnection policy of one's own: a few quick attempts, then patience.
//!
//! `cargo run --example custom_reconnection`

#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use chorus::Session;
use chorus::policy::{ReconnectionPolicy, ReconnectionSchedule, Rng};
use chorus_node::EmbeddedCluster;

/// Three attempts 100 ms apart for a server that restarts; then every half minute, give or take a fifth so that clients do
/// not come back together.
#[derive(Debug)]
struct QuickThenPatient;

impl ReconnectionPolicy for QuickThenPatient {
    fn schedule(&self) -> Box<dyn ReconnectionSchedule + Send> {
        Box::new(Attempts(0))
    }
}

struct Attempts(u32);

impl ReconnectionSchedule for Attempts {
    fn next_delay(&mut self, rng: &mut Rng) -> Option<Duration> {
        self.0 += 1;
        let millis = if self.0 <= 3 { 100 } else { rng.between(24_000, 36_000) };
        println!("  attempt {} in {millis} ms", self.0);
        Some(Duration::from_millis(millis))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cluster = EmbeddedCluster::start(2)?;
    let session = Session::builder()
        .contact_points(cluster.addresses())
        .wait_for_all_hosts(true)
        .reconnection(Arc::new(QuickThenPatient))
        .connect()
        .await?;
    let up = || session.state().route.hosts().iter().filter(|host| host.up).count();
    println!("{} hosts are up; one stops", up());
    cluster.stop_node(1);
    while up() > 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(150)).await;
    println!("it starts again");
    cluster.start_node(1)?;
    let began = Instant::now();
    while up() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    println!("it is up again {:?} later", began.elapsed());
    Ok(())
}
